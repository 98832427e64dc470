//! What a trial may spend and has spent.

use crate::record::Spent;
use crate::scoring::Cost;

/// The budget of a trial in evaluations, and what has gone.
#[derive(Debug, Clone, Copy)]
pub struct Ledger {
    budget: u64,
    spent: Spent,
}

impl Ledger {
    /// A full budget.
    pub fn new(budget: u64) -> Self {
        Self { budget, spent: Spent::default() }
    }

    /// Whether so many more evaluations are within the budget.
    pub fn affords(&self, evaluations: u64) -> bool {
        self.spent.evaluations.saturating_add(evaluations) <= self.budget
    }

    /// Books a cost.
    pub fn charge(&mut self, cost: Cost) {
        self.spent += Spent {
            evaluations: cost.evaluations,
            forwards: cost.forwards,
            backwards: cost.backwards,
            tokens: cost.tokens,
        };
    }

    /// What has gone.
    pub fn spent(&self) -> Spent {
        self.spent
    }

    /// Evaluations left.
    pub fn left(&self) -> u64 {
        self.budget.saturating_sub(self.spent.evaluations)
    }

    /// Sets how many evaluations may be spent in all.
    pub fn limit(&mut self, budget: u64) {
        self.budget = budget;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_affords_exactly_itself() {
        let mut ledger = Ledger::new(10);
        assert!(ledger.affords(10) && !ledger.affords(11));
        ledger.charge(Cost { evaluations: 7, ..Cost::default() });
        assert!(ledger.affords(3) && !ledger.affords(4));
        assert_eq!((ledger.left(), ledger.spent().evaluations), (3, 7));
    }
}
