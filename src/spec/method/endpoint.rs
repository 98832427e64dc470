//! A service that speaks OpenAI's chat completions: `endpoint:` of `paraphrase`, which is asked for rewordings, and
//! `endpoint:NAME@URL` of `score`, which is asked for labels.

use std::ops::RangeInclusive;

use super::super::error::SpecError;
use super::super::node::shortened;
use super::super::reader::{At, Reader};

/// A service, how it is asked, and what it may cost.
#[derive(Debug, Clone, PartialEq)]
pub struct Endpoint {
    /// Its address, without a slash at its end: `https://api.openai.com/v1`.
    pub base_url: String,
    /// The model that it is to ask.
    pub model: String,
    /// The variable of the environment that holds the key; none for a service that takes none.
    pub key: Option<String>,
    /// Rewordings asked for of each template; default 8.
    pub n_paraphrases: usize,
    /// Tokens of an answer at most; default 1024.
    pub max_tokens: u64,
    /// How freely it answers; default 1.
    pub temperature: f64,
    /// Requests a minute at most; default 60.
    pub requests_per_minute: u64,
    /// Requests that may be on their way at a time; default 4.
    pub parallel: usize,
    /// Seconds that an answer may take; default 60.
    pub timeout: u64,
    /// Attempts at one request; default 4.
    pub attempts: u64,
    /// Requests at most in all, attempts not counted; default 100. At 0 only kept answers are read.
    pub max_requests: u64,
    /// What tokens cost, and what all may.
    pub price: Option<Price>,
}

/// What a service takes, in any currency.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Price {
    /// For a million tokens that it reads.
    pub input: f64,
    /// For a million tokens that it writes.
    pub output: f64,
    /// What all requests together may cost.
    pub most: f64,
}

impl Endpoint {
    /// What a service is called on a command line begins with this.
    pub const PREFIX: &str = "endpoint:";

    /// A service with the defaults.
    pub fn new(base_url: &str, model: &str) -> Self {
        Self {
            base_url: base_url.trim().trim_end_matches('/').to_owned(),
            model: model.trim().to_owned(),
            key: None,
            n_paraphrases: 8,
            max_tokens: 1024,
            temperature: 1.0,
            requests_per_minute: 60,
            parallel: 4,
            timeout: 60,
            attempts: 4,
            max_requests: 100,
            price: None,
        }
    }

    /// Reads `endpoint:NAME@URL`. A model's own name may hold an `@`.
    ///
    /// # Errors
    /// What is wrong, and what is expected.
    pub fn named(text: &str) -> Result<Self, String> {
        let name = text.trim().strip_prefix(Self::PREFIX).unwrap_or(text);
        let at = ["@https://", "@http://"].iter().filter_map(|scheme| name.rfind(scheme)).max();
        match at.map(|at| (&name[..at], &name[at + 1..])) {
            Some((model, url)) if !model.trim().is_empty() => Ok(Self::new(url, model)),
            _ => Err(format!(
                "`{}` is no service: endpoint:MODEL@URL is expected, as in endpoint:gpt-4.1-nano@https://api.openai.com/v1",
                shortened(text)
            )),
        }
    }

    /// What is wrong with the address: none at all, one that holds more than a host and a path, or one that a key must not
    /// be sent to.
    pub fn address_fault(&self) -> Option<String> {
        let what = address_fault(&self.base_url, self.key.is_some())?;
        Some(format!("`{}` {what}", shortened(&self.base_url)))
    }

    /// Whether a text can be the name of the variable that holds a key. The key itself hardly ever can.
    pub fn is_variable(name: &str) -> bool {
        let plain = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
        name.chars().all(plain) && name.starts_with(|c: char| !c.is_ascii_digit())
    }
}

/// What to say of a text that is no name of a variable. The text may be the key itself, so it is not repeated.
pub const NO_VARIABLE: &str =
    "the name of a variable of the environment is expected, as in OPENAI_API_KEY; the key itself belongs in no file";

/// Its keys.
const KEYS: [&str; 13] = [
    "base_url",
    "model",
    "key",
    "n_paraphrases",
    "max_tokens",
    "temperature",
    "requests_per_minute",
    "parallel",
    "timeout",
    "attempts",
    "max_requests",
    "price",
    "max_cost",
];

/// The service; `None` where it is at fault.
pub(super) fn endpoint(reader: &mut Reader, at: At) -> Result<Option<Endpoint>, SpecError> {
    let before = reader.n_faults();
    let fields = reader.fields(at, &KEYS)?;
    let mut text = |key: &str, what: &str| -> Result<String, SpecError> {
        match fields.get(key) {
            Some(at) => {
                let text = reader.text(&at)?.trim().to_owned();
                if text.is_empty() {
                    reader.value(&at, format!("it is empty; {what} is expected"));
                }
                Ok(text)
            }
            None => {
                reader.value(fields.at(), format!("`{key}` is missing: {what}"));
                Ok(String::new())
            }
        }
    };
    let base_url = text("base_url", "the address of a service, as in https://api.openai.com/v1")?;
    let model = text("model", "the name of a model that the service has")?;
    let mut endpoint = Endpoint::new(&base_url, &model);
    if let Some(at) = fields.get("key") {
        let name = reader.text(&at)?.trim().to_owned();
        if !Endpoint::is_variable(&name) {
            reader.value(&at, NO_VARIABLE);
        }
        endpoint.key = Some(name);
    }
    if let (Some(at), false, Some(what)) = (fields.get("base_url"), base_url.is_empty(), endpoint.address_fault()) {
        reader.value(&at, what);
    }
    let mut whole = |key: &str, default: u64, range: RangeInclusive<u64>| match fields.get(key) {
        Some(at) => reader.whole(&at, range),
        None => Ok(default),
    };
    endpoint.n_paraphrases = whole("n_paraphrases", endpoint.n_paraphrases as u64, 1..=100)? as usize;
    endpoint.max_tokens = whole("max_tokens", endpoint.max_tokens, 1..=100_000)?;
    endpoint.requests_per_minute = whole("requests_per_minute", endpoint.requests_per_minute, 1..=100_000)?;
    endpoint.parallel = whole("parallel", endpoint.parallel as u64, 1..=256)? as usize;
    endpoint.timeout = whole("timeout", endpoint.timeout, 1..=3_600)?;
    endpoint.attempts = whole("attempts", endpoint.attempts, 1..=100)?;
    endpoint.max_requests = whole("max_requests", endpoint.max_requests, 0..=1_000_000)?;
    if let Some(at) = fields.get("temperature") {
        endpoint.temperature = reader.number(&at, 0.0..=2.0)?;
    }
    endpoint.price = match (fields.get("price"), fields.get("max_cost")) {
        (None, None) => None,
        (Some(price), Some(most)) => {
            let prices = reader.fields(price, &["input", "output"])?;
            let mut number = |key: &str| match prices.get(key) {
                Some(at) => reader.number(&at, 0.0..=1e9),
                None => {
                    reader.value(prices.at(), format!("`{key}` is missing: what a million tokens cost"));
                    Ok(0.0)
                }
            };
            Some(Price { input: number("input")?, output: number("output")?, most: reader.number(&most, 0.0..=1e9)? })
        }
        (Some(at), None) => {
            reader.value(&at, "`max_cost` is missing: what all requests together may cost");
            None
        }
        (None, Some(at)) => {
            reader.value(&at, "`price` is missing: { input:, output: }, what a million tokens cost");
            None
        }
    };
    Ok((reader.n_faults() == before).then_some(endpoint))
}

/// What is wrong with the address of a service.
fn address_fault(url: &str, has_key: bool) -> Option<&'static str> {
    let (scheme, rest) = url.split_once("://").unwrap_or_default();
    let authority = rest.split('/').next().unwrap_or_default();
    if !matches!(scheme, "http" | "https") || authority.is_empty() {
        return Some("is no address (https://...)");
    }
    if authority.contains('@') || url.contains(['?', '#', ' ', '\\']) {
        return Some("holds more than a host and a path; a key belongs into the variable that `key` names");
    }
    let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
    let local = matches!(host, "localhost" | "127.0.0.1" | "[::1]");
    (has_key && scheme == "http" && !local).then_some("is not encrypted, and a key would go there")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_goes_only_where_it_is_encrypted_or_stays_here() {
        for url in ["https://api.openai.com/v1", "http://localhost:8000/v1", "http://127.0.0.1:1", "http://[::1]:1/v1"]
        {
            assert_eq!(address_fault(url, true), None, "{url}");
        }
        for url in ["http://api.openai.com/v1", "ftp://x", "x", "https://", "https://k@x/v1", "https://x/v1?key=k"] {
            assert!(address_fault(url, true).is_some(), "{url}");
        }
        assert_eq!(address_fault("http://10.0.0.1/v1", false), None);
    }

    #[test]
    fn a_service_is_named_by_its_model_and_its_address() {
        let named = |text: &str| Endpoint::named(text).map(|found| (found.model, found.base_url));
        let expected = Ok(("a/b@c".to_owned(), "https://x.y/v1".to_owned()));
        assert_eq!(named("endpoint:a/b@c@https://x.y/v1/"), expected);
        for text in ["endpoint:", "endpoint:m", "endpoint:@https://x", "endpoint:m@x.y/v1"] {
            assert!(named(text).unwrap_err().contains("endpoint:MODEL@URL"), "{text}");
        }
        assert!(Endpoint::is_variable("OPENAI_API_KEY") && Endpoint::is_variable("_1"));
        assert!(["", "1A", "sk-secret", "KEY "].iter().all(|text| !Endpoint::is_variable(text)));
    }
}
