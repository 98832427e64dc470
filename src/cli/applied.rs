//! Prompts applied to many examples, in portions, with a bar.

use std::time::Instant;

use crate::error::Result;
use crate::prompt::Prompt;
use crate::scoring::{Ask, Cost};
use crate::task::Example;

use super::log::Log;
use super::progress::bar;
use super::prompt_option::{Asked, Ready};

/// Sequences, before label words of several tokens ask for more, in one call of the scorer: enough to group by length, few
/// enough to bound the memory and move the bar.
const PORTION: usize = 2048;

/// The scores of one prompt.
#[derive(Default)]
pub struct Applied {
    /// Log-probabilities among the labels, in nats: `[example][label]`.
    pub scores: Vec<Vec<f64>>,
    /// Examples that were shortened.
    pub truncated: usize,
    /// What it cost.
    pub cost: Cost,
    /// Wall-clock seconds, of all prompts that were applied together.
    pub seconds: f64,
}

/// Scores every example with one prompt, or with the members of an ensemble whose answers are put together. The cost is that of all;
/// an example that any of them shortened counts once for each.
///
/// # Errors
/// [`crate::scoring::ScoringError`].
pub fn apply_together(ready: &Ready, columns: &[String], examples: &[Example], log: Log) -> Result<Applied> {
    let mut all = apply_all(&ready.prompts, columns, examples, log)?;
    let Some(ensemble) = &ready.ensemble else { return Ok(all.remove(0)) };
    let mut whole = Applied { seconds: all[0].seconds, ..Applied::default() };
    let mut scores = Vec::with_capacity(all.len());
    for member in all {
        whole.truncated += member.truncated;
        whole.cost += member.cost;
        scores.push(member.scores);
    }
    whole.scores = ensemble.combine(&scores);
    Ok(whole)
}

/// Scores every example with every prompt, in batches that the prompts share: they may be of different tasks, and are scored with
/// one model, that of the first.
///
/// # Errors
/// [`crate::scoring::ScoringError`].
pub fn apply_all(asked: &[Asked], columns: &[String], examples: &[Example], log: Log) -> Result<Vec<Applied>> {
    let begun = Instant::now();
    let prompts: Vec<Prompt> = (asked.iter())
        .map(|asked| match &asked.prior {
            Some(prior) => prior.asked(&asked.prompt),
            None => asked.prompt.clone(),
        })
        .collect();
    let asks: Vec<Ask<'_>> = asked.iter().zip(&prompts).map(|(asked, prompt)| asked.scorer.ask(prompt)).collect();
    let mut evaluations = 0;
    for asked in asked {
        evaluations += asked.scorer.evaluations_per_example(&asked.prompt)? * examples.len() as u64;
    }
    let bar = log.wants_bars().then(|| bar("evaluations", evaluations));
    let mut all: Vec<Applied> = asked.iter().map(|_| Applied::default()).collect();
    for portion in examples.chunks((PORTION / asked.len().max(1)).max(1)) {
        let portion: Vec<&Example> = portion.iter().collect();
        let round = asked[0].scorer.score_mixed(&asks, columns, &portion)?;
        let of_prompts = round.scores.into_iter().zip(round.truncated).zip(round.costs);
        for ((applied, asked), ((mut scores, truncated), cost)) in all.iter_mut().zip(asked).zip(of_prompts) {
            if let Some(prior) = &asked.prior {
                scores = scores.iter().map(|scores| prior.calibrate(&asked.prompt.verbalizer, scores)).collect();
            }
            applied.scores.append(&mut scores);
            applied.truncated += truncated;
            applied.cost += cost;
            if let Some(bar) = &bar {
                bar.inc(cost.evaluations);
            }
        }
    }
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    let seconds = begun.elapsed().as_secs_f64();
    all.iter_mut().for_each(|applied| applied.seconds = seconds);
    Ok(all)
}
