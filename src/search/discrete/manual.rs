//! Prompts that a person wrote.

use crate::prompt::Candidate;
use crate::search::{Oracle, Proposal, Scored, Search, SearchError};

/// Prompts scored in one round: their scores are in memory together.
const ROUND: usize = 64;

/// Proposes a list of prompts as it stands.
pub struct Manual {
    candidates: Vec<Candidate>,
    next: usize,
}

impl Manual {
    /// A search that proposes `candidates` in their order.
    pub fn new(candidates: Vec<Candidate>) -> Self {
        Self { candidates, next: 0 }
    }
}

impl Search for Manual {
    fn propose(&mut self, oracle: &mut dyn Oracle) -> Result<Proposal, SearchError> {
        let mut cost = 0;
        let mut round = Vec::new();
        for candidate in self.candidates[self.next..].iter().take(ROUND) {
            cost += oracle.passes(&candidate.prompt)? * oracle.n_selection() as u64;
            if !oracle.affords(cost) {
                break;
            }
            round.push(candidate.clone());
        }
        self.next += round.len();
        Ok(match (round.is_empty(), self.next == self.candidates.len()) {
            (false, _) => Proposal::Candidates { candidates: round, trace: None },
            (true, true) => Proposal::Done,
            (true, false) => Proposal::OutOfBudget,
        })
    }

    fn observe(&mut self, _scored: &[Scored]) {}

    fn state(&self) -> serde_json::Value {
        serde_json::json!({ "next": self.next })
    }
}
