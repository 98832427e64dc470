//! Asks a service for what no one has asked it yet.

use std::collections::HashMap;

use super::EndpointError;
use super::in_flight::ask_all;
use super::question::{Estimate, Question};
use super::service::{Reply, Service};
use crate::record::{Answer, AnswerStore};
use crate::spec::Endpoint;

/// The answers to questions, in their order: kept ones, and new ones, before which `note` is told what they may cost. `what`
/// says what is asked for.
///
/// # Errors
/// [`EndpointError`]: before anything is asked if it could be more than is allowed.
pub(super) fn ask<'q>(
    endpoint: &Endpoint,
    questions: &'q [Question],
    what: &str,
    store: &AnswerStore,
    note: &dyn Fn(&str),
) -> Result<Vec<Answer>, EndpointError> {
    let Endpoint { base_url, model, .. } = endpoint;
    let mut found = HashMap::new();
    let mut open = missing(endpoint, questions, store, &mut found)?;
    if !open.is_empty() {
        check(endpoint, &open)?;
        let service = Service::new(endpoint)?;
        let _lock = store.lock(&|| note(&format!("another process asks {base_url}; waiting for it")))?;
        // What it asked meanwhile.
        open = missing(endpoint, questions, store, &mut found)?;
        if !open.is_empty() {
            note(&format!(
                "asking {model} at {base_url} for {what}: {}",
                Estimate::of(open.iter().copied()).words(endpoint)
            ));
        }
        let mut told = Estimate::default();
        let mut keep = |question: &'q Question, reply: Reply| -> Result<(), EndpointError> {
            let [input_tokens, output_tokens] = reply.tokens;
            told.input += input_tokens.unwrap_or(0);
            told.output += output_tokens.unwrap_or(0);
            let answer = Answer {
                format: Answer::FORMAT,
                base_url: base_url.clone(),
                subject: question.subject.clone(),
                request: question.body.clone(),
                text: reply.text,
                first_tokens: reply.first_tokens,
                input_tokens,
                output_tokens,
            };
            store.save(&question.hash, &answer)?;
            found.insert(question.hash.as_str(), answer);
            Ok(())
        };
        ask_all(&service, &open, endpoint.parallel, note, &mut keep)?;
        if !open.is_empty() {
            let cost = told.cost(endpoint).map(|cost| format!(", {cost:.4}")).unwrap_or_default();
            note(&format!("{base_url} counted {} tokens sent and {} received{cost}", told.input, told.output));
        }
    }
    Ok(questions.iter().filter_map(|question| found.get(question.hash.as_str()).cloned()).collect())
}

/// Refuses what could be more than is allowed.
fn check(endpoint: &Endpoint, open: &[&Question]) -> Result<(), EndpointError> {
    within(endpoint, Estimate::of(open.iter().copied()))
}

/// Refuses an estimate that is more than is allowed.
pub(super) fn within(endpoint: &Endpoint, estimate: Estimate) -> Result<(), EndpointError> {
    match estimate.over(endpoint) {
        Some(what) => Err(EndpointError::Cap { what: format!("{what}; nothing was asked") }),
        None => Ok(()),
    }
}

/// The questions that have no answer yet, each once; those that have one are put into `found`.
pub(super) fn missing<'q>(
    endpoint: &Endpoint,
    questions: &'q [Question],
    store: &AnswerStore,
    found: &mut HashMap<&'q str, Answer>,
) -> Result<Vec<&'q Question>, EndpointError> {
    let mut open: Vec<&Question> = Vec::new();
    for question in questions {
        if found.contains_key(question.hash.as_str()) || open.iter().any(|other| other.hash == question.hash) {
            continue;
        }
        match store.load(&question.hash, &endpoint.base_url, &question.body)? {
            Some(answer) => {
                found.insert(&question.hash, answer);
            }
            None => open.push(question),
        }
    }
    Ok(open)
}
