//! `endpoint:` of `paraphrase`: a service that speaks OpenAI's chat completions and is asked for rewordings.

use super::super::error::SpecError;
use super::super::node::shortened;
use super::super::reader::{At, Reader};

/// A service that is asked for rewordings, and what it may cost.
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
    /// Seconds that an answer may take; default 60.
    pub timeout: u64,
    /// Attempts at one request; default 4.
    pub attempts: u64,
    /// Requests at most in all; default 100.
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

/// Its keys.
const KEYS: [&str; 12] = [
    "base_url",
    "model",
    "key",
    "n_paraphrases",
    "max_tokens",
    "temperature",
    "requests_per_minute",
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
    let base_url = base_url.trim_end_matches('/').to_owned();
    let model = text("model", "the name of a model that the service has")?;
    let key = match fields.get("key") {
        None => None,
        Some(at) => {
            let name = reader.text(&at)?.trim().to_owned();
            // What is written here in place of a name may be the secret itself, so it is not repeated.
            let plain = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
            if name.is_empty() || !name.chars().all(plain) || name.starts_with(|c: char| c.is_ascii_digit()) {
                reader.value(
                    &at,
                    "the name of a variable of the environment is expected, as in OPENAI_API_KEY; the key itself belongs in no file",
                );
            }
            Some(name)
        }
    };
    if let (Some(at), Some(what)) = (fields.get("base_url"), address_fault(&base_url, key.is_some())) {
        reader.value(&at, format!("`{}` {what}", shortened(&base_url)));
    }
    let mut whole = |key: &str, default: u64, most: u64| match fields.get(key) {
        Some(at) => reader.whole(&at, 1..=most),
        None => Ok(default),
    };
    let n_paraphrases = whole("n_paraphrases", 8, 100)? as usize;
    let max_tokens = whole("max_tokens", 1024, 100_000)?;
    let requests_per_minute = whole("requests_per_minute", 60, 100_000)?;
    let timeout = whole("timeout", 60, 3_600)?;
    let attempts = whole("attempts", 4, 100)?;
    let max_requests = whole("max_requests", 100, 1_000_000)?;
    let temperature = match fields.get("temperature") {
        Some(at) => reader.number(&at, 0.0..=2.0)?,
        None => 1.0,
    };
    let price = match (fields.get("price"), fields.get("max_cost")) {
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
    let endpoint = Endpoint {
        base_url,
        model,
        key,
        n_paraphrases,
        max_tokens,
        temperature,
        requests_per_minute,
        timeout,
        attempts,
        max_requests,
        price,
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
}
