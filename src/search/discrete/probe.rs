//! Probe sampling: a smaller model reads all candidates, the large one few (arXiv 2403.01251).
//!
//! # Decisions
//!
//! - 2026-11: the small model's evaluations count in proportion to its weights: `n` of them cost
//!   `n * weights of the small / weights of the large`, rounded up, so that a budget buys the same work with and without it.
//!   Forwards and tokens are counted as they are.
//! - 2026-11: the small model ranks by its loss alone; fluency, where it counts, is the large model's.

use crate::prompt::Prompt;
use crate::search::{Oracle, SearchError};
use crate::seed::Stream;
use crate::task::statistics::spearman;

use super::objective::{Objective, Value};

/// Fewest candidates that both models score: an agreement needs two.
const FEWEST: usize = 2;

/// The parameters of probe sampling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProbeConfig {
    /// One in so many candidates is scored by both models.
    pub sampling_factor: usize,
    /// At no agreement one in so many goes on to the large model.
    pub reduction: usize,
}

/// What a step's candidates scored.
pub struct Probed {
    /// Between 0 and 1: the rank correlation of the two models' losses, moved and scaled.
    pub agreement: f64,
    /// The candidates that the large model scored, by their places, ascending.
    pub scored: Vec<(usize, Value)>,
}

impl ProbeConfig {
    fn n_probe(self, width: usize) -> usize {
        (width / self.sampling_factor).max(FEWEST).min(width)
    }

    fn n_filtered(self, width: usize, agreement: f64) -> usize {
        (((1.0 - agreement) * width as f64 / self.reduction as f64) as usize).max(1)
    }

    /// The most candidates of `width` that the large model scores.
    pub fn most_scored(self, width: usize) -> usize {
        (self.n_probe(width) + self.n_filtered(width, 0.0)).min(width)
    }
}

/// Scores candidates by probe sampling.
///
/// # Errors
/// [`SearchError`].
pub fn probe(
    config: ProbeConfig,
    objective: Objective,
    oracle: &mut dyn Oracle,
    prompts: &[Prompt],
    examples: &[usize],
    stream: &mut Stream,
) -> Result<Probed, SearchError> {
    let width = prompts.len();
    let drafts = oracle.probe_losses(prompts, examples)?;
    let mut both = stream.sample(width, config.n_probe(width));
    both.sort_unstable();
    let of = |places: &[usize]| -> Vec<Prompt> { places.iter().map(|&at| prompts[at].clone()).collect() };
    let values = objective.values(oracle, &of(&both), examples)?;
    let (draft, large): (Vec<f64>, Vec<f64>) = both.iter().zip(&values).map(|(&at, v)| (drafts[at], v.loss)).unzip();
    // Where all are equal nothing says that they agree.
    let agreement = spearman(&draft, &large).map_or(0.0, |rho| (1.0 + rho) / 2.0);
    let mut order: Vec<usize> = (0..width).filter(|at| !both.contains(at)).collect();
    order.sort_by(|&a, &b| drafts[a].total_cmp(&drafts[b]).then(a.cmp(&b)));
    order.truncate(config.n_filtered(width, agreement));
    let filtered = objective.values(oracle, &of(&order), examples)?;
    let mut scored: Vec<(usize, Value)> = both.into_iter().zip(values).chain(order.into_iter().zip(filtered)).collect();
    scored.sort_by_key(|(at, _)| *at);
    Ok(Probed { agreement, scored })
}
