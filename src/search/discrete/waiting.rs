//! Candidates that are all known before the first is scored, handed out as far as the budget goes.

use std::collections::VecDeque;

use serde_json::Value;

use crate::prompt::Candidate;
use crate::search::{Oracle, Proposal, SearchError};

/// Candidates that nobody has scored yet, the next one first.
#[derive(Debug)]
pub(super) struct Waiting {
    candidates: VecDeque<Candidate>,
    /// How many are handed out at a time, at most.
    round: usize,
}

impl Waiting {
    /// These, at most `round` at a time.
    pub fn new(candidates: impl IntoIterator<Item = Candidate>, round: usize) -> Self {
        Self { candidates: candidates.into_iter().collect(), round }
    }

    /// As many of them as the budget covers.
    ///
    /// # Errors
    /// Those of [`Oracle::passes`].
    pub fn next(&mut self, oracle: &mut dyn Oracle, trace: Option<Value>) -> Result<Proposal, SearchError> {
        let mut candidates = Vec::new();
        let mut cost = 0;
        while let Some(candidate) = self.candidates.front().filter(|_| candidates.len() < self.round) {
            cost += oracle.passes(&candidate.prompt)? * oracle.n_selection() as u64;
            if !oracle.affords(cost) {
                break;
            }
            candidates.extend(self.candidates.pop_front());
        }
        Ok(match (candidates.is_empty(), self.candidates.is_empty()) {
            (false, _) => Proposal::Candidates { candidates, trace },
            (true, true) => Proposal::Done,
            (true, false) => Proposal::OutOfBudget,
        })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.candidates.len()
    }
}
