//! Whether the label-free score orders prompts as test does: a diagnostic of trials at 0 shots (contract, definition 7).
//!
//! # Decisions
//!
//! - 2026-11: it is taken after the choice and its test are recorded, so that test cannot reach them, and outside the budget. It
//!   may cost [`SHARE`] times the budget: all test examples where that is enough, else the front of a fixed order that goes
//!   round the classes, at least [`FEWEST`] of them. Refused: all of test in any case, which would make a run at 0 shots many times
//!   dearer than its budget says.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::prompt::Prompt;
use crate::record::Event;
use crate::scoring::{Outcome, ScoreCache, Scorer};
use crate::task::{Dataset, Example, Metric, statistics};

use super::calibrated::{Calibrated, Corrected, Set};
use super::oracle::set_hash;
use super::trial::Stopped;

/// How many times the budget it may cost.
pub const SHARE: u64 = 4;

/// Test examples that it takes in any case, where there are so many.
const FEWEST: u64 = 64;

/// Prompts scored in one call.
const ROUND: usize = 8;

/// The test examples that `n_prompts` prompts of so many passes are compared on within a budget, of `n_test`.
pub fn n_compared(n_prompts: u64, passes: u64, budget: u64, n_test: u64) -> u64 {
    (SHARE.saturating_mul(budget) / (n_prompts * passes).max(1)).max(FEWEST).min(n_test)
}

/// What the comparison needs.
pub struct RankCorrelation<'a> {
    /// The model.
    pub scorer: &'a Scorer,
    /// The data set that the test examples are of.
    pub dataset: &'a Dataset,
    /// What is measured on test.
    pub metric: Metric,
    /// The labelled test examples.
    pub test: &'a [&'a Example],
    /// The trial's evaluations.
    pub budget: u64,
}

impl RankCorrelation<'_> {
    /// Scores candidates, each with its number and label-free score, on test; `None` with fewer than two, or without test.
    ///
    /// # Errors
    /// [`Stopped`] if one cannot be scored, or the user wants to stop.
    pub fn event(
        &self,
        candidates: &[(u64, &Prompt, f64)],
        (calibrated, cache): (&mut Calibrated, &mut ScoreCache),
        stop: &AtomicBool,
    ) -> Result<Option<Event>, Stopped> {
        if candidates.len() < 2 || self.test.is_empty() {
            return Ok(None);
        }
        let failed = |e: crate::scoring::ScoringError| Stopped::Failed(e.to_string());
        let mut passes = 1;
        for (_, prompt, _) in candidates {
            passes = passes.max(self.scorer.evaluations_per_example(prompt).map_err(failed)?);
        }
        let n_test = n_compared(candidates.len() as u64, passes, self.budget, self.test.len() as u64) as usize;
        let examples = round_the_classes(self.test, n_test);
        let gold: Vec<usize> = examples.iter().filter_map(|e| e.label).collect();
        let set = Set { columns: &self.dataset.columns, examples: &examples, hash: set_hash("test", &examples) };
        let mut test_metrics = Vec::with_capacity(candidates.len());
        for round in candidates.chunks(ROUND) {
            if stop.load(Ordering::Relaxed) {
                return Err(Stopped::Interrupted);
            }
            let prompts: Vec<Prompt> = round.iter().map(|(_, prompt, _)| (*prompt).clone()).collect();
            let scored = calibrated.score(cache, self.scorer, &prompts, set).map_err(failed)?;
            let metric =
                |found: &Corrected| Outcome::of(&found.scores, &gold, self.dataset.labels.len(), self.metric).metric;
            test_metrics.extend(scored.iter().map(metric));
        }
        let label_free: Vec<f64> = candidates.iter().map(|(_, _, score)| *score).collect();
        Ok(Some(Event::Correlated {
            candidates: candidates.iter().map(|(number, _, _)| *number).collect(),
            n_test,
            spearman: statistics::spearman(&label_free, &test_metrics),
            kendall: statistics::kendall_tau_b(&label_free, &test_metrics),
            test_metrics,
        }))
    }
}

/// `n` examples, as many of each class as there are, in an order that depends on their content only.
pub(super) fn round_the_classes<'a>(examples: &[&'a Example], n: usize) -> Vec<&'a Example> {
    if n >= examples.len() {
        return examples.to_vec();
    }
    let mut classes: BTreeMap<Option<usize>, Vec<&'a Example>> = BTreeMap::new();
    for example in examples {
        classes.entry(example.label).or_default().push(example);
    }
    for class in classes.values_mut() {
        class.sort_by_cached_key(|example| (example.hash(), example.row));
    }
    let longest = classes.values().map(Vec::len).max().unwrap_or(0);
    (0..longest).flat_map(|place| classes.values().filter_map(move |class| class.get(place).copied())).take(n).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example(row: usize, label: usize) -> Example {
        Example { row, fields: vec![format!("text {row}")], label: Some(label) }
    }

    #[test]
    fn a_part_of_test_holds_every_class_equally_and_does_not_depend_on_the_order_of_rows() {
        let examples: Vec<Example> = (0..30).map(|row| example(row, usize::from(row >= 20))).collect();
        let forward: Vec<&Example> = examples.iter().collect();
        let backward: Vec<&Example> = examples.iter().rev().collect();
        let part = round_the_classes(&forward, 10);
        assert_eq!(part, round_the_classes(&backward, 10));
        assert_eq!(part.iter().filter(|e| e.label == Some(1)).count(), 5);
        assert_eq!(round_the_classes(&forward, 26).iter().filter(|e| e.label == Some(1)).count(), 10);
        assert_eq!(round_the_classes(&forward, 30), forward);
    }

    #[test]
    fn it_costs_four_budgets_at_most_and_takes_sixty_four_examples_at_least() {
        assert_eq!(n_compared(16, 1, 600, 320), 150);
        assert_eq!(n_compared(4, 1, 600, 320), 320);
        assert_eq!(n_compared(1_000, 2, 600, 320), 64);
        assert_eq!(n_compared(1_000, 2, 600, 40), 40);
    }
}
