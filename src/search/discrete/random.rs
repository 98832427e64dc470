//! The control: trigger tokens drawn at random, as many prompts as the budget allows.

use std::collections::HashSet;

use crate::prompt::{Candidate, Prompt, TriggerTokens};
use crate::search::{Oracle, Proposal, Scored, Search, SearchError};
use crate::seed::Stream;

/// Prompts scored in one round.
const ROUND: usize = 8;

/// Draws triggers uniformly from the same vocabulary as the methods that it is the control of.
///
/// A method that does not beat it at an equal number of evaluations has found nothing.
pub struct Random {
    prompt: Prompt,
    stream: Stream,
    seen: HashSet<Vec<u32>>,
}

impl Random {
    /// A search over the triggers of `prompt`, whose own trigger tokens do not matter.
    pub fn new(prompt: Prompt, stream: Stream) -> Self {
        Self { prompt, stream, seen: HashSet::new() }
    }

    fn draw(&mut self, vocabulary: &[u32]) -> Option<Candidate> {
        let n_trigger = self.prompt.template.n_trigger();
        // A small vocabulary may hold fewer distinct triggers than the budget allows.
        for _ in 0..1_000 {
            let tokens: Vec<u32> = (0..n_trigger).map(|_| *self.stream.choose(vocabulary)).collect();
            if self.seen.insert(tokens.clone()) {
                let prompt = Prompt { triggers: TriggerTokens(tokens), ..self.prompt.clone() };
                return Some(Candidate { prompt, parent: None, origin: "random".into() });
            }
        }
        None
    }
}

impl Search for Random {
    fn propose(&mut self, oracle: &mut dyn Oracle) -> Result<Proposal, SearchError> {
        let vocabulary = oracle.vocabulary().to_vec();
        if vocabulary.is_empty() {
            return Err(SearchError::EmptyVocabulary);
        }
        let cost = oracle.passes(&self.prompt)? * oracle.n_selection() as u64;
        let mut candidates = Vec::new();
        while candidates.len() < ROUND && oracle.affords(cost * (candidates.len() as u64 + 1)) {
            match self.draw(&vocabulary) {
                Some(candidate) => candidates.push(candidate),
                None if candidates.is_empty() => return Ok(Proposal::Done),
                None => break,
            }
        }
        if candidates.is_empty() {
            return Ok(Proposal::OutOfBudget);
        }
        Ok(Proposal::Candidates { candidates, trace: None })
    }

    fn observe(&mut self, _scored: &[Scored]) {}

    fn state(&self) -> serde_json::Value {
        serde_json::json!({ "drawn": self.seen.len() })
    }
}
