//! All three metrics of a row of facts, whichever of them the experiment goes by.
//!
//! # Decisions
//!
//! - 2026-11: they are made from the ranks of the right objects on test, which a trial records of its chosen prompt: of precision at 1, at 10
//!   and the mean reciprocal rank (LAMA, arXiv 1909.01066) each says what the others do not, and none has to be asked for.

use super::digest::short;
use super::entry::Entry;
use super::leaderboard::Section;
use super::print::escape_markdown;

/// The metrics of the chosen prompts on test; means over the seeds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FactFigures {
    /// The share of facts whose object is ranked first.
    pub p_at_1: f64,
    /// The share whose object is among the first ten.
    pub p_at_10: f64,
    /// The mean of one over the rank.
    pub mrr: f64,
}

impl FactFigures {
    /// Of a row; `None` where it is not of facts, or has no test.
    pub(super) fn of(entry: &Entry<'_>) -> Option<Self> {
        let mean = |value: &dyn Fn(u32) -> f64| {
            entry.mean(|trial| {
                let ranks = trial.ranks().filter(|ranks| !ranks.is_empty())?;
                Some(ranks.iter().map(|&rank| value(rank)).sum::<f64>() / ranks.len() as f64)
            })
        };
        let within = |most: u32| mean(&move |rank| f64::from(u8::from(rank <= most)));
        Some(Self { p_at_1: within(1)?, p_at_10: within(10)?, mrr: mean(&|rank| 1.0 / f64::from(rank.max(1)))? })
    }
}

impl Section {
    /// The three metrics of every row, as a sentence; `None` where no row is of facts.
    pub(super) fn fact_words(&self) -> Option<String> {
        let said: Vec<String> = (self.rows.iter())
            .filter_map(|row| {
                let FactFigures { p_at_1, p_at_10, mrr } = row.facts?;
                let method = escape_markdown(&row.method);
                Some(format!("{method} {}, {}, {}", short(p_at_1), short(p_at_10), short(mrr)))
            })
            .collect();
        (!said.is_empty()).then(|| {
            format!(
                "Precision at 1, precision at 10 and mean reciprocal rank on test, mean over seeds: {}.",
                said.join("; ")
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::asked::Asked;
    use super::super::sample::{Sample, asked, leaderboard};
    use super::*;

    #[test]
    fn the_three_metrics_are_told_of_every_row_with_ranks() {
        let trial = |item, method: &str, ranks: &[u32; 4]| {
            let values: Vec<f64> = ranks.iter().map(|&rank| 1.0 / f64::from(rank)).collect();
            let sample = Sample::new(item, method, &[1], "0101", "0101").valued(method, &values, 0.5).chose(0);
            sample.tested_values(&values).ranked(ranks).finished(&[])
        };
        let asked = Asked { metric: "mrr".into(), select_by: "mrr".into(), ..asked() };
        let board = leaderboard(&[trial(0, "manual", &[1, 2, 20, 4]), trial(1, "gcg", &[1, 1, 1, 11])], asked);
        let section = &board.sections[0];
        let gcg = section.rows.iter().find(|row| row.method == "gcg").unwrap();
        let expected = FactFigures { p_at_1: 0.75, p_at_10: 0.75, mrr: (3.0 + 1.0 / 11.0) / 4.0 };
        assert_eq!(gcg.facts, Some(expected));
        assert!((gcg.test_mean.unwrap() - expected.mrr).abs() < 1e-12);
        assert_eq!(
            section.fact_words().unwrap(),
            "Precision at 1, precision at 10 and mean reciprocal rank on test, mean over seeds: gcg 0.75, 0.75, 0.773; \
             manual 0.25, 0.75, 0.45."
        );
    }
}
