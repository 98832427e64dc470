//! Asks a service for what no one has asked it yet.

use std::collections::BTreeMap;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use ureq::Agent;

use super::EndpointError;
use super::answers::Kept;
use super::question::{Estimate, Question};
use super::rewordings::rewordings;
use crate::exchange::hub::Token;
use crate::prompt::Template;
use crate::search::discrete::Rephrase;
use crate::spec::Endpoint;

/// Bytes of an answer at most.
const MAX_ANSWER: u64 = 4 << 20;
/// The longest that a service may bid us wait.
const PATIENCE: Duration = Duration::from_secs(120);
/// Characters of what a service says of an error.
const SAID: usize = 300;

/// A service's rewordings, by the template that it was asked about.
#[derive(Debug, Clone, PartialEq)]
pub struct Answering {
    name: String,
    rewordings: BTreeMap<String, Vec<Template>>,
}

impl Rephrase for Answering {
    fn rewordings(&self, template: &Template) -> Vec<Template> {
        self.rewordings.get(&template.to_string()).cloned().unwrap_or_default()
    }

    fn name(&self) -> &str {
        &self.name
    }
}

/// What asking for rewordings of templates takes at most, in words, if none was kept.
pub fn most(endpoint: &Endpoint, templates: &[Template]) -> String {
    let questions = questions(endpoint, templates);
    Estimate::of(endpoint, &questions.iter().collect::<Vec<_>>()).words(endpoint)
}

/// A question for each template, equal ones once.
fn questions(endpoint: &Endpoint, templates: &[Template]) -> Vec<Question> {
    let mut questions: Vec<Question> = Vec::new();
    for template in templates {
        let question = Question::new(endpoint, template);
        if !questions.contains(&question) {
            questions.push(question);
        }
    }
    questions
}

/// The rewordings of templates: kept answers, and new ones where `note`, which is told what they may cost, is followed by
/// requests. `results` is the folder of results folders.
///
/// # Errors
/// [`EndpointError`]: before anything is asked if it could be more than the experiment allows.
pub fn ask(
    endpoint: &Endpoint,
    templates: &[Template],
    results: &Path,
    note: &dyn Fn(&str),
) -> Result<Answering, EndpointError> {
    let questions = questions(endpoint, templates);
    let mut found = BTreeMap::new();
    let mut open = Vec::new();
    for question in &questions {
        match Kept::load(results, question)? {
            Some(kept) => {
                found.insert(kept.template.clone(), kept.text);
            }
            None => open.push(question),
        }
    }
    if !open.is_empty() {
        let estimate = Estimate::of(endpoint, &open);
        if let Some(what) = estimate.over(endpoint) {
            return Err(EndpointError::Cap { what });
        }
        let service = Service::new(endpoint)?;
        note(&estimate.words(endpoint));
        let mut told = [0, 0];
        let mut last: Option<Instant> = None;
        for question in open {
            let pause = Duration::from_secs_f64(60.0 / endpoint.requests_per_minute as f64);
            if let Some(left) = last.and_then(|last| pause.checked_sub(last.elapsed())) {
                thread::sleep(left);
            }
            last = Some(Instant::now());
            let (text, tokens) = service.answer(question, note)?;
            for (sum, tokens) in told.iter_mut().zip(tokens) {
                *sum += tokens.unwrap_or(0);
            }
            Kept::new(&endpoint.base_url, question, text.clone(), tokens).save(results, question)?;
            found.insert(question.template.to_string(), text);
        }
        let cost = endpoint.price.map(|p| (told[0] as f64 * p.input + told[1] as f64 * p.output) / 1e6);
        let cost = cost.map(|cost| format!(", {cost:.4}")).unwrap_or_default();
        note(&format!("{} counted {} tokens sent and {} received{cost}", endpoint.base_url, told[0], told[1]));
    }
    let mut answering = Answering { name: endpoint.model.clone(), rewordings: BTreeMap::new() };
    for question in &questions {
        let own = question.template.to_string();
        let text = found.get(&own).map(String::as_str).unwrap_or_default();
        let new = rewordings(text, &question.template, endpoint.n_paraphrases);
        if new.is_empty() {
            note(&format!("{} has no rewording of `{own}` that keeps its slots", endpoint.model));
        }
        answering.rewordings.insert(own, new);
    }
    Ok(answering)
}

/// A service and the key to it.
struct Service<'e> {
    endpoint: &'e Endpoint,
    url: String,
    key: Option<Token>,
    agent: Agent,
}

/// A failed attempt.
struct Failed {
    fault: EndpointError,
    again: bool,
    after: Option<Duration>,
}

impl<'e> Service<'e> {
    fn new(endpoint: &'e Endpoint) -> Result<Self, EndpointError> {
        let key = match &endpoint.key {
            None => None,
            Some(name) => {
                let fault = |what| EndpointError::Key { name: name.clone(), what };
                let text = std::env::var(name).map_err(|_| fault("is not set"))?;
                let key = Token::new(&text).map_err(|_| fault("holds a character that no key has"))?;
                Some(key.ok_or_else(|| fault("is empty"))?)
            }
        };
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(concat!("promptmine/", env!("CARGO_PKG_VERSION")))
            .timeout_global(Some(Duration::from_secs(endpoint.timeout)))
            .build();
        let url = format!("{}/chat/completions", endpoint.base_url);
        Ok(Self { endpoint, url, key, agent: config.new_agent() })
    }

    /// The answer to a question, and the tokens that it took.
    fn answer(&self, question: &Question, note: &dyn Fn(&str)) -> Result<(String, [Option<u64>; 2]), EndpointError> {
        let mut attempt = 1;
        loop {
            let failed = match self.attempt(question) {
                Ok(answer) => return Ok(answer),
                Err(failed) => failed,
            };
            let wait = failed.after.unwrap_or(Duration::from_millis(500) * 2u32.saturating_pow(attempt - 1));
            if !failed.again || u64::from(attempt) >= self.endpoint.attempts || wait > PATIENCE {
                return Err(failed.fault);
            }
            note(&format!("{}; trying again in {} s", failed.fault, wait.as_secs_f64()));
            thread::sleep(wait);
            attempt += 1;
        }
    }

    fn attempt(&self, question: &Question) -> Result<(String, [Option<u64>; 2]), Failed> {
        let mut request = self.agent.post(&self.url).header("content-type", "application/json");
        if let Some(key) = &self.key {
            request = request.header("authorization", key.header());
        }
        let unreachable = |what: String| Failed {
            fault: EndpointError::Unreachable { url: self.url.clone(), what },
            again: true,
            after: None,
        };
        let mut response = request.send(question.body.to_string()).map_err(|error| unreachable(error.to_string()))?;
        let status = response.status().as_u16();
        let after = response.headers().get("retry-after").and_then(|after| after.to_str().ok()?.trim().parse().ok());
        let bytes = response.body_mut().with_config().limit(MAX_ANSWER).read_to_vec();
        let bytes = bytes.map_err(|error| unreachable(error.to_string()))?;
        let json: Value = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        if status != 200 {
            let what = match status {
                300..=399 => ": it leads elsewhere, where the key would go along; name that address".to_owned(),
                _ => self.said(&json),
            };
            let fault = EndpointError::Status { url: self.url.clone(), status, what };
            let again = matches!(status, 408 | 409 | 429 | 500..=599);
            return Err(Failed { fault, again, after: after.map(Duration::from_secs) });
        }
        let answer = |what: &str| EndpointError::Answer { url: self.url.clone(), what: what.into() };
        let Some(text) = json["choices"][0]["message"]["content"].as_str() else {
            let fault = answer("gives no chat completion (`choices[0].message.content`)");
            return Err(Failed { fault, again: false, after: None });
        };
        let tokens = ["prompt_tokens", "completion_tokens"].map(|name| json["usage"][name].as_u64());
        Ok((text.to_owned(), tokens))
    }

    /// What a service says of an error, without the key, which some repeat.
    fn said(&self, json: &Value) -> String {
        let Some(message) = json["error"]["message"].as_str().or(json["error"].as_str()) else { return String::new() };
        let message = self.key.as_ref().map_or_else(|| message.to_owned(), |key| key.hidden_in(message));
        let message: String = message.chars().map(|c| if c.is_control() { ' ' } else { c }).take(SAID).collect();
        format!(": {message}")
    }
}
