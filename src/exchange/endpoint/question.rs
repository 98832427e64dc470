//! What a service is asked, and what that can cost at most.

use serde_json::{Value, json};

use crate::spec::Endpoint;

/// Bytes of a request beside its text: names of fields, the frame of a chat.
const FRAME: u64 = 64;

/// A request.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Question {
    /// What it asks about, as the record shows it.
    pub subject: String,
    /// The body of the request.
    pub body: Value,
    /// What tells it from any other, in hexadecimal digits.
    pub hash: String,
    /// Tokens that its answer may have.
    pub max_tokens: u64,
}

/// What kind of answer is wanted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Wanted {
    /// Tokens at most.
    pub max_tokens: u64,
    /// How freely.
    pub temperature: f64,
    /// How many of the likeliest first tokens with their log-probabilities; 0 for none.
    pub first_tokens: u64,
}

impl Question {
    /// The request that sends `messages` (roles with their texts) about `subject`.
    pub fn new(endpoint: &Endpoint, subject: String, messages: &[(&str, String)], wanted: Wanted) -> Self {
        let messages: Vec<Value> =
            messages.iter().map(|(role, text)| json!({ "role": role, "content": text })).collect();
        let mut body = json!({
            "model": endpoint.model,
            "messages": messages,
            "temperature": wanted.temperature,
            "max_tokens": wanted.max_tokens,
            "n": 1,
        });
        if wanted.first_tokens > 0 {
            body["logprobs"] = json!(true);
            body["top_logprobs"] = json!(wanted.first_tokens);
        }
        let asked = format!("{}\n{body}", endpoint.base_url);
        let hash = blake3::hash(asked.as_bytes()).to_hex().to_string();
        Self { subject, body, hash, max_tokens: wanted.max_tokens }
    }

    /// Tokens that it has at most: one for each byte.
    pub fn most_input(&self) -> u64 {
        self.body.to_string().len() as u64 + FRAME
    }
}

/// What requests take at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Estimate {
    /// Their number.
    pub requests: u64,
    /// Tokens that the service reads.
    pub input: u64,
    /// Tokens that it writes.
    pub output: u64,
}

impl Estimate {
    /// What these requests take at most.
    pub(super) fn of<'q>(questions: impl IntoIterator<Item = &'q Question>) -> Self {
        let mut all = Self::default();
        for question in questions {
            all.requests += 1;
            all.input += question.most_input();
            all.output += question.max_tokens;
        }
        all
    }

    /// What it costs, where the price is known.
    pub fn cost(&self, endpoint: &Endpoint) -> Option<f64> {
        endpoint.price.map(|price| (self.input as f64 * price.input + self.output as f64 * price.output) / 1e6)
    }

    /// Why it is too much; none where it is not.
    pub fn over(&self, endpoint: &Endpoint) -> Option<String> {
        let Endpoint { base_url, max_requests, .. } = endpoint;
        if self.requests > *max_requests {
            return Some(format!(
                "{} to {base_url} would be needed, and `max_requests` allows {max_requests}",
                counted(self.requests)
            ));
        }
        let (cost, most) = (self.cost(endpoint)?, endpoint.price?.most);
        (cost > most).then(|| {
            format!("{} to {base_url} could cost up to {cost:.4}, and `max_cost` allows {most}", counted(self.requests))
        })
    }

    /// It in words: `3 requests, at most 900 tokens sent and 3072 received, at most 0.0012`.
    pub fn words(&self, endpoint: &Endpoint) -> String {
        let cost = self.cost(endpoint).map_or_else(|| "no price is told".into(), |cost| format!("at most {cost:.4}"));
        let requests = counted(self.requests);
        format!("{requests}, at most {} tokens sent and {} received, {cost}", self.input, self.output)
    }
}

impl std::ops::Add for Estimate {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            requests: self.requests + other.requests,
            input: self.input + other.input,
            output: self.output + other.output,
        }
    }
}

fn counted(requests: u64) -> String {
    format!("{requests} request{}", if requests == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use crate::spec::Price;

    use super::*;

    fn question(endpoint: &Endpoint, text: &str) -> Question {
        let wanted = Wanted { max_tokens: 10, temperature: 0.0, first_tokens: 0 };
        Question::new(endpoint, "s".into(), &[("user", text.into())], wanted)
    }

    #[test]
    fn the_most_that_requests_cost_counts_every_byte_and_every_token_that_may_come() {
        let mut endpoint = Endpoint::new("http://x", "m");
        let questions = [question(&endpoint, "a"), question(&endpoint, "字")];
        let estimate = Estimate::of(&questions);
        let bytes: usize = questions.iter().map(|question| question.body.to_string().len()).sum();
        assert_eq!(estimate, Estimate { requests: 2, input: bytes as u64 + 2 * FRAME, output: 20 });
        assert_eq!((estimate.cost(&endpoint), estimate.over(&endpoint)), (None, None));
        endpoint.price = Some(Price { input: 1.0, output: 2.0, most: 1.0 });
        assert_eq!(estimate.cost(&endpoint), Some((estimate.input + 40) as f64 / 1e6));
        assert_eq!(estimate.over(&endpoint), None);
        endpoint.price = Some(Price { input: 1.0, output: 2.0, most: 0.0 });
        assert!(estimate.over(&endpoint).unwrap().contains("`max_cost` allows 0"));
        endpoint.max_requests = 1;
        assert!(estimate.over(&endpoint).unwrap().contains("2 requests to http://x would be needed"));
    }

    #[test]
    fn another_service_model_or_text_is_another_question() {
        let one = Endpoint::new("http://x", "m");
        let hash = |endpoint: &Endpoint, text: &str| question(endpoint, text).hash;
        assert_eq!(hash(&one, "a"), hash(&Endpoint { timeout: 1, key: Some("K".into()), ..one.clone() }, "a"));
        let others = [hash(&Endpoint::new("http://y", "m"), "a"), hash(&Endpoint::new("http://x", "n"), "a")];
        assert!(others.iter().all(|other| *other != hash(&one, "a")) && hash(&one, "a") != hash(&one, "b"));
    }
}
