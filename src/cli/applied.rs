//! A prompt applied to many examples, in portions, with a bar.

use std::time::Instant;

use crate::error::Result;
use crate::scoring::Cost;
use crate::task::Example;

use super::log::Log;
use super::progress::bar;
use super::prompt_option::Asked;

/// Examples in one call of the scorer: enough to group by length, few enough to bound the memory and move the bar.
const PORTION: usize = 2048;

/// The scores of one prompt.
pub struct Applied {
    /// Log-probabilities among the labels, in nats: `[example][label]`.
    pub scores: Vec<Vec<f64>>,
    /// Examples that were shortened.
    pub truncated: usize,
    /// What it cost.
    pub cost: Cost,
    /// Wall-clock seconds.
    pub seconds: f64,
}

/// Scores every example with one prompt.
///
/// # Errors
/// [`crate::scoring::ScoringError`].
pub fn apply(asked: &Asked, columns: &[String], examples: &[Example], log: Log) -> Result<Applied> {
    let begun = Instant::now();
    let passes = asked.scorer.evaluations_per_example(&asked.prompt)?;
    let bar = log.wants_bars().then(|| bar("evaluations", passes * examples.len() as u64));
    let mut applied = Applied { scores: Vec::new(), truncated: 0, cost: Cost::default(), seconds: 0.0 };
    for portion in examples.chunks(PORTION) {
        let portion: Vec<&Example> = portion.iter().collect();
        let mut round = asked.scorer.score(std::slice::from_ref(&asked.prompt), columns, &portion)?;
        applied.scores.append(&mut round.scores[0]);
        applied.truncated += round.truncated[0];
        let cost = round.costs[0];
        applied.cost.evaluations += cost.evaluations;
        applied.cost.forwards += cost.forwards;
        applied.cost.backwards += cost.backwards;
        applied.cost.tokens += cost.tokens;
        if let Some(bar) = &bar {
            bar.inc(cost.evaluations);
        }
    }
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    applied.seconds = begun.elapsed().as_secs_f64();
    Ok(applied)
}
