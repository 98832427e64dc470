//! What trigger tokens are searched by: the loss on train, and how fluent the prompt is.
//!
//! ```text
//! objective = cross-entropy among the labels + fluency * mean (pseudo-)negative log-likelihood of the prompt's own tokens
//! ```
//!
//! # Decisions
//!
//! - 2026-11: candidates are compared by both terms, computed. In what the gradient prefers, the second term stands with its part
//!   at the place itself: the log-probability of each token there, exact for all the vocabulary from one forward. What a token
//!   does to its neighbours' likelihood is left to the comparison. Refused: the second term's gradient with respect to the
//!   embeddings, which for a masked model is a backward for each own token, and says nothing of the token's own target.
//! - 2026-11: the likelihood is taken in the first texts of train, the same for all candidates of a search.

use crate::prompt::Prompt;
use crate::search::{Oracle, SearchError};

/// The weights of the terms.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Objective {
    /// The weight of the mean negative log-likelihood of the prompt's own tokens; 0 leaves it out, and its cost.
    pub fluency: f64,
    /// Train texts in which that is taken.
    pub n_texts: usize,
}

/// The order of values by total, the lowest first, of equals the earlier; those that were given up last.
pub fn order(values: &[Option<Value>]) -> Vec<usize> {
    let total = |at: usize| values[at].map_or(f64::INFINITY, |value| value.total);
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| total(a).total_cmp(&total(b)).then(a.cmp(&b)));
    order
}

/// What a candidate scored.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Value {
    /// The mean cross-entropy of the gold labels on the batch, in nats.
    pub loss: f64,
    /// The mean negative log-likelihood of the prompt's own tokens, in nats, where it counts.
    pub likelihood: Option<f64>,
    /// What is made small.
    pub total: f64,
}

/// First-order estimates at some places of one trigger.
pub struct Estimates {
    /// The gain of each token, but for what is the same for all: `[n_places][vocab_size]`.
    gains: Vec<Vec<f32>>,
    /// The part of each token in the mean log-likelihood, where it counts: `[n_places][vocab_size]`.
    parts: Option<Vec<Vec<f32>>>,
    fluency: f64,
}

impl Objective {
    /// Whether fluency counts.
    pub fn is_fluent(&self) -> bool {
        self.fluency > 0.0
    }

    /// What one prompt's likelihood costs: 0 where fluency does not count.
    ///
    /// # Errors
    /// [`SearchError`].
    pub fn likelihood_cost(&self, oracle: &dyn Oracle, prompt: &Prompt) -> Result<u64, SearchError> {
        if self.is_fluent() { oracle.likelihood_cost(prompt, self.n_texts) } else { Ok(0) }
    }

    /// What the estimates at so many places cost beside the gradient, at most.
    pub fn estimate_cost(&self, n_places: usize) -> u64 {
        if self.is_fluent() { (n_places * self.n_texts) as u64 } else { 0 }
    }

    /// The values of prompts on a batch.
    ///
    /// # Errors
    /// [`SearchError`].
    pub fn values(
        &self,
        oracle: &mut dyn Oracle,
        prompts: &[Prompt],
        examples: &[usize],
    ) -> Result<Vec<Value>, SearchError> {
        let losses = oracle.train_losses(prompts, examples)?;
        if !self.is_fluent() {
            return Ok(losses.into_iter().map(|loss| Value { loss, likelihood: None, total: loss }).collect());
        }
        let likelihoods = oracle.likelihoods(prompts, self.n_texts)?;
        let value =
            |(loss, likelihood)| Value { loss, likelihood: Some(likelihood), total: loss + self.fluency * likelihood };
        Ok(losses.into_iter().zip(likelihoods).map(value).collect())
    }

    /// The values of prompts on a batch, where they can be below `bound`: `None` for a prompt that is given up before it is
    /// scored to the end. Only where the loss alone counts; with fluency all are scored.
    ///
    /// # Errors
    /// [`SearchError`].
    pub fn values_below(
        &self,
        oracle: &mut dyn Oracle,
        prompts: &[Prompt],
        examples: &[usize],
        bound: f64,
    ) -> Result<Vec<Option<Value>>, SearchError> {
        if self.is_fluent() || bound == f64::INFINITY {
            return Ok(self.values(oracle, prompts, examples)?.into_iter().map(Some).collect());
        }
        let losses = oracle.train_losses_below(prompts, examples, bound)?;
        let value = |loss: Option<f64>| loss.map(|loss| Value { loss, likelihood: None, total: loss });
        Ok(losses.into_iter().map(value).collect())
    }

    /// The estimates at some places of a trigger, from the loss's gradient there: `rows[i]` is that at `places[i]`.
    ///
    /// # Errors
    /// [`SearchError`].
    pub fn estimates(
        &self,
        oracle: &mut dyn Oracle,
        prompt: &Prompt,
        places: &[usize],
        rows: &[Vec<f32>],
    ) -> Result<Estimates, SearchError> {
        let gains = oracle.gains(rows);
        let parts = match self.is_fluent() {
            true => Some(oracle.trigger_likelihoods(prompt, places, self.n_texts)?),
            false => None,
        };
        Ok(Estimates { gains, parts, fluency: self.fluency })
    }
}

impl Estimates {
    /// By how much the loss would fall if `new` stood in a place, by its number among the places, instead of `old`.
    pub fn gain(&self, row: usize, old: u32, new: u32) -> f64 {
        f64::from(self.gains[row][new as usize]) - f64::from(self.gains[row][old as usize])
    }

    /// By how much the objective would fall.
    pub fn preference(&self, row: usize, old: u32, new: u32) -> f64 {
        let part = |parts: &Vec<Vec<f32>>| f64::from(parts[row][new as usize]) - f64::from(parts[row][old as usize]);
        self.gain(row, old, new) + self.parts.as_ref().map_or(0.0, |parts| self.fluency * part(parts))
    }
}
