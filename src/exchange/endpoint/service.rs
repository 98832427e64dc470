//! Requests to a service: the key's way, repeated attempts, the pace.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use ureq::Agent;
use ureq::tls::TlsConfig;

use super::EndpointError;
use super::allowance::Allowance;
use super::question::Question;
use crate::exchange::hub::Token;
use crate::exchange::tls::{certificates, trusting};
use crate::spec::Endpoint;

/// Bytes of an answer at most.
const MAX_ANSWER: u64 = 4 << 20;
/// The longest that a service may bid us wait.
const PATIENCE: Duration = Duration::from_secs(120);
/// The wait after the first failed attempt, twice as long after each further one.
const WAIT: Duration = Duration::from_millis(500);
/// Characters of what a service says of an error.
const SAID: usize = 300;

/// A service and the key to it.
pub(super) struct Service<'e> {
    endpoint: &'e Endpoint,
    url: String,
    key: Option<Token>,
    agent: Agent,
    allowance: Mutex<Allowance<'e>>,
    last: Mutex<Option<Instant>>,
    dialect: Mutex<Dialect>,
    given_up: AtomicBool,
}

/// What the service does not know of what we ask, as far as it told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Dialect {
    /// The limit of an answer is called `max_completion_tokens`.
    completion: bool,
    /// There are no log-probabilities.
    no_logprobs: bool,
    /// The temperature is its own.
    own_temperature: bool,
}

/// An answer.
pub(super) struct Reply {
    /// Its text, without the key.
    pub text: String,
    /// The likeliest first tokens with their log-probabilities in nats, where they were asked for and told.
    pub first_tokens: Vec<(String, f64)>,
    /// Tokens read and written, where it told.
    pub tokens: [Option<u64>; 2],
}

/// A failed attempt.
struct Failed {
    fault: EndpointError,
    again: bool,
    after: Option<Duration>,
    /// Whether the service may have counted it.
    counted: bool,
}

impl<'e> Service<'e> {
    /// The service, its key read from the environment.
    ///
    /// # Errors
    /// [`EndpointError::Key`] and [`EndpointError::Certificates`].
    pub fn new(endpoint: &'e Endpoint) -> Result<Self, EndpointError> {
        let key = match &endpoint.key {
            None => None,
            Some(name) => {
                let fault = |what| EndpointError::Key { name: name.clone(), what };
                let text = std::env::var(name).map_err(|_| fault("is not set"))?;
                let key = Token::new(&text).map_err(|_| fault("holds a character that no key has"))?;
                Some(key.ok_or_else(|| fault("is empty"))?)
            }
        };
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let tls = match certificates(set) {
            Some(path) => {
                trusting(&path).map_err(|source| EndpointError::Certificates { path: path.clone(), source })?
            }
            None => TlsConfig::default(),
        };
        let config = Agent::config_builder()
            .tls_config(tls)
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(concat!("promptmine/", env!("CARGO_PKG_VERSION")))
            .timeout_global(Some(Duration::from_secs(endpoint.timeout)));
        // What is not encrypted a proxy could read: with a key it goes straight to its host, which is this machine.
        let config = match key.is_some() && endpoint.base_url.starts_with("http://") {
            true => config.proxy(None).build(),
            false => config.build(),
        };
        let url = format!("{}/chat/completions", endpoint.base_url);
        Ok(Self {
            endpoint,
            url,
            key,
            agent: config.new_agent(),
            allowance: Mutex::new(Allowance::new(endpoint)),
            last: Mutex::default(),
            dialect: Mutex::default(),
            given_up: AtomicBool::new(false),
        })
    }

    /// Tries nothing again from now on: an answer is missing already.
    pub fn give_up(&self) {
        self.given_up.store(true, Ordering::Relaxed);
    }

    /// Whether that was said.
    pub fn is_given_up(&self) -> bool {
        self.given_up.load(Ordering::Relaxed)
    }

    /// The answer to a question; `note` hears of attempts that fail.
    ///
    /// # Errors
    /// That of the last attempt.
    pub fn answer(&self, question: &Question, note: &dyn Fn(&str)) -> Result<Reply, EndpointError> {
        let mut attempt = 1;
        loop {
            locked(&self.allowance).take(question)?;
            self.keep_pace();
            let failed = match self.attempt(question) {
                Ok(reply) => {
                    locked(&self.allowance).settle(question, reply.tokens);
                    return Ok(reply);
                }
                Err(failed) => failed,
            };
            if !failed.counted {
                locked(&self.allowance).settle(question, [Some(0); 2]);
            }
            let wait = failed.after.unwrap_or(WAIT * 2u32.saturating_pow(attempt - 1));
            let last = !failed.again || u64::from(attempt) >= self.endpoint.attempts || wait > PATIENCE;
            if last || self.is_given_up() {
                return Err(failed.fault);
            }
            note(&format!("{}; trying again in {} s", failed.fault, wait.as_secs_f64()));
            thread::sleep(wait);
            attempt += 1;
        }
    }

    /// Waits until another request is within the pace.
    fn keep_pace(&self) {
        let pause = Duration::from_secs_f64(60.0 / self.endpoint.requests_per_minute as f64);
        // Held while it waits: the next one waits behind it.
        let mut last = locked(&self.last);
        if let Some(left) = last.and_then(|last| pause.checked_sub(last.elapsed())) {
            thread::sleep(left);
        }
        *last = Some(Instant::now());
    }

    fn attempt(&self, question: &Question) -> Result<Reply, Failed> {
        let mut request = self.agent.post(&self.url).header("content-type", "application/json");
        if let Some(key) = &self.key {
            request = request.header("authorization", key.header());
        }
        let dialect = *locked(&self.dialect);
        let mut response = request.send(dialect.body(question)).map_err(|error| self.cut(&error))?;
        let status = response.status().as_u16();
        let after = response.headers().get("retry-after").and_then(|after| after.to_str().ok()?.trim().parse().ok());
        let bytes = response.body_mut().with_config().limit(MAX_ANSWER).read_to_vec();
        let bytes = bytes.map_err(|error| self.cut(&error))?;
        let json: Value = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        if status != 200 {
            let said = self.said(&json);
            // Another request may have learnt it meanwhile.
            let learned = status == 400 && {
                let mut known = locked(&self.dialect);
                known.learn(&said) || *known != dialect
            };
            let mut what = match status {
                300..=399 => ": it leads elsewhere, where the key would go along; name that address".to_owned(),
                _ => said,
            };
            if let Some(seconds) = after {
                what += &format!(" (it bids to wait {seconds} s)");
            }
            let fault = EndpointError::Status { url: self.url.clone(), status, what };
            let again = learned || matches!(status, 408 | 409 | 429 | 500..=599);
            let after = if learned { Some(0) } else { after };
            return Err(Failed { fault, again, after: after.map(Duration::from_secs), counted: status >= 500 });
        }
        let refused = |what: &str, again| {
            let fault = EndpointError::Answer { url: self.url.clone(), what: what.into() };
            Failed { fault, again, after: None, counted: true }
        };
        let choice = &json["choices"][0];
        let Some(text) = choice["message"]["content"].as_str() else {
            return Err(refused("gives no chat completion (`choices[0].message.content`)", false));
        };
        if text.trim().is_empty() {
            return Err(match choice["finish_reason"].as_str() {
                Some("length") => refused(
                    "gives an empty answer: all tokens that it may write (`max_tokens`) went into what it does not show",
                    false,
                ),
                _ => refused("gives an empty answer", true),
            });
        }
        let top = choice["logprobs"]["content"][0]["top_logprobs"].as_array();
        let token = |token: &Value| Some((token["token"].as_str()?.to_owned(), token["logprob"].as_f64()?));
        let first_tokens = top.into_iter().flatten().filter_map(token).filter(|(_, logprob)| logprob.is_finite());
        Ok(Reply {
            text: self.without_key(text),
            first_tokens: first_tokens.map(|(token, logprob)| (self.without_key(&token), logprob)).collect(),
            tokens: ["prompt_tokens", "completion_tokens"].map(|name| json["usage"][name].as_u64()),
        })
    }

    /// A connection that was not made, or broke.
    fn cut(&self, error: &ureq::Error) -> Failed {
        let what = match timed_out(error) {
            true => format!("no answer within {} s, `timeout`", self.endpoint.timeout),
            false => self.without_key(&error.to_string()),
        };
        let fault = EndpointError::Unreachable { url: self.url.clone(), what };
        let refused = matches!(error, ureq::Error::Io(error) if error.kind() == ErrorKind::ConnectionRefused);
        let counted = !refused && !matches!(error, ureq::Error::HostNotFound | ureq::Error::ConnectionFailed);
        Failed { fault, again: true, after: None, counted }
    }

    /// What a service says of an error, without the key, which some repeat.
    fn said(&self, json: &Value) -> String {
        let Some(message) = json["error"]["message"].as_str().or(json["error"].as_str()) else { return String::new() };
        let message = self.without_key(message);
        let message: String = message.chars().map(|c| if c.is_control() { ' ' } else { c }).take(SAID).collect();
        format!(": {message}")
    }

    fn without_key(&self, text: &str) -> String {
        self.key.as_ref().map_or_else(|| text.to_owned(), |key| key.hidden_in(text))
    }
}

/// What a thread that broke leaves is as good as before: every change is whole.
fn locked<T>(value: &Mutex<T>) -> MutexGuard<'_, T> {
    value.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether an attempt took too long, in its head or in its body.
fn timed_out(error: &ureq::Error) -> bool {
    match error {
        ureq::Error::Timeout(_) => true,
        ureq::Error::Io(error) => {
            let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<ureq::Error>());
            error.kind() == ErrorKind::TimedOut || matches!(inner, Some(ureq::Error::Timeout(_)))
        }
        _ => false,
    }
}

impl Dialect {
    /// The body of a request as the service knows it.
    fn body(self, question: &Question) -> String {
        let mut body = question.body.clone();
        if let Some(fields) = body.as_object_mut() {
            if self.completion
                && let Some(most) = fields.remove("max_tokens")
            {
                fields.insert("max_completion_tokens".into(), most);
            }
            if self.no_logprobs {
                fields.remove("logprobs");
                fields.remove("top_logprobs");
            }
            if self.own_temperature {
                fields.remove("temperature");
            }
        }
        body.to_string()
    }

    /// Learns from a refusal; whether there is something new, by which the same may go well.
    fn learn(&mut self, said: &str) -> bool {
        let known = [
            ("max_completion_tokens", &mut self.completion),
            ("logprobs", &mut self.no_logprobs),
            ("temperature", &mut self.own_temperature),
        ];
        let found = known.into_iter().find(|(name, known)| said.contains(name) && !**known);
        found.map(|(_, known)| *known = true).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::super::question::Wanted;
    use super::*;

    #[test]
    fn what_a_service_does_not_know_is_said_otherwise() {
        let endpoint = Endpoint::new("http://x", "m");
        let wanted = Wanted { max_tokens: 7, temperature: 0.0, first_tokens: 5 };
        let question = Question::new(&endpoint, "s".into(), &[("user", "a".into())], wanted);
        let mut dialect = Dialect::default();
        assert_eq!(dialect.body(&question), question.body.to_string());
        let said = ": Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.";
        assert!(dialect.learn(said) && !dialect.learn(said));
        assert!(dialect.learn(": logprobs are not supported") && dialect.learn(": temperature must be 1"));
        assert!(!dialect.learn(": no such model"));
        let body: Value = serde_json::from_str(&dialect.body(&question)).unwrap();
        assert_eq!(body["max_completion_tokens"], 7);
        assert!(["max_tokens", "logprobs", "top_logprobs", "temperature"].iter().all(|name| body.get(name).is_none()));
    }
}
