//! What a service is asked, and what that can cost at most.

use serde_json::{Value, json};

use crate::prompt::Template;
use crate::search::discrete::has_han;
use crate::spec::Endpoint;

/// Bytes of a request beside its text: names of fields, the frame of a chat.
const FRAME: u64 = 64;

/// A request for rewordings of one template.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Question {
    /// The template.
    pub template: Template,
    /// The body of the request.
    pub body: Value,
    /// What tells it from any other, in hexadecimal digits.
    pub hash: String,
}

impl Question {
    /// The request for rewordings of `template`.
    pub fn new(endpoint: &Endpoint, template: &Template) -> Self {
        let n = endpoint.n_paraphrases;
        let text = match has_han(template) {
            true => format!(
                "下面一行是给语言模型用的提示模板。花括号里的部分是占位符。请写出{n}个意思相同、说法不同的模板，每行一个，不要编号和说明。\
                 每个占位符必须原样保留，各出现一次，次序不变。\n\n{template}"
            ),
            false => format!(
                "The line below is a prompt template for a language model. What stands in braces is a placeholder. Write {n} \
                 templates that mean the same in other words, one on each line, without numbers or comments. Keep every \
                 placeholder exactly as it is, each once and in the same order.\n\n{template}"
            ),
        };
        let body = json!({
            "model": endpoint.model,
            "messages": [{ "role": "user", "content": text }],
            "temperature": endpoint.temperature,
            "max_tokens": endpoint.max_tokens,
            "n": 1,
        });
        let asked = format!("{}\n{body}", endpoint.base_url);
        Self { template: template.clone(), body, hash: blake3::hash(asked.as_bytes()).to_hex().to_string() }
    }

    /// Tokens that it has at most: one for each byte.
    pub fn most_input(&self) -> u64 {
        self.body.to_string().len() as u64 + FRAME
    }
}

/// What requests take at most.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Estimate {
    /// Their number.
    pub requests: u64,
    /// Tokens that the service reads.
    pub input: u64,
    /// Tokens that it writes.
    pub output: u64,
    /// What they cost, where the price is known.
    pub cost: Option<f64>,
}

impl Estimate {
    /// What these requests take at most.
    pub fn of(endpoint: &Endpoint, questions: &[&Question]) -> Self {
        let requests = questions.len() as u64;
        let input = questions.iter().map(|question| question.most_input()).sum();
        let output = requests * endpoint.max_tokens;
        let cost = endpoint.price.map(|price| (input as f64 * price.input + output as f64 * price.output) / 1e6);
        Self { requests, input, output, cost }
    }

    /// Why they are too many; none where they are not.
    pub fn over(&self, endpoint: &Endpoint) -> Option<String> {
        if self.requests > endpoint.max_requests {
            return Some(format!(
                "{} requests to {} would be needed, and `max_requests` allows {}",
                self.requests, endpoint.base_url, endpoint.max_requests
            ));
        }
        let (cost, most) = (self.cost?, endpoint.price?.most);
        (cost > most).then(|| {
            format!(
                "{} requests to {} could cost up to {cost:.4}, and `max_cost` allows {most}",
                self.requests, endpoint.base_url
            )
        })
    }

    /// What is asked, in words.
    pub fn words(&self, endpoint: &Endpoint) -> String {
        let cost = self.cost.map_or_else(|| "no price is told".into(), |cost| format!("at most {cost:.4}"));
        format!(
            "asking {} at {} for rewordings: {} requests, at most {} tokens sent and {} received, {cost}",
            endpoint.model, endpoint.base_url, self.requests, self.input, self.output
        )
    }
}
