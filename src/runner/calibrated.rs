//! Calibrated scores within a trial.
//!
//! # Decisions
//!
//! - 2026-11: a prompt's prior is charged once a trial, with the first score that needs it: it is the same for every set of
//!   examples, and a trial is begun anew or not at all, so what is charged does not depend on resume. A step's estimate cannot
//!   know which of its prompts are new, so every candidate for selection is expected to cost its prior too, and a comparison
//!   on train that would overdraw the budget is not begun.
//! - 2026-11: caches and stores hold scores as the model gave them, and the prior is subtracted from what they give: a calibration
//!   finds what another one, or none, has asked of the same prompt. A prior is the same for every part of a set, so that parts that
//!   are scored one after the other, as racing does, are corrected alike.

use std::collections::HashSet;

use crate::prompt::Prompt;
use crate::scoring::{Calibrator, Cost, ScoreCache, Scorer, ScoringError, SetHash};
use crate::spec::Calibration;
use crate::task::Example;

/// A trial's calibrator, and the prompts whose prior is paid for.
pub struct Calibrated {
    calibrator: Calibrator,
    paid: HashSet<[u8; 32]>,
}

/// A set of examples that prompts are scored on.
#[derive(Clone, Copy)]
pub struct Set<'a> {
    /// The data set's columns.
    pub columns: &'a [String],
    /// The examples.
    pub examples: &'a [&'a Example],
    /// Their identity.
    pub hash: SetHash,
}

/// A prompt's calibrated scores on a set.
#[derive(Debug, Clone, PartialEq)]
pub struct Corrected {
    /// Log-probabilities among the labels: `[example][label]`.
    pub scores: Vec<Vec<f64>>,
    /// What the examples cost.
    pub cost: Cost,
    /// What the prior costs; nothing where it was paid before.
    pub prior: Cost,
}

impl Calibrated {
    /// Nothing is paid for yet.
    pub fn new(calibrator: Calibrator) -> Self {
        Self { calibrator, paid: HashSet::new() }
    }

    /// What corrects the scores.
    pub fn calibrator(&self) -> &Calibrator {
        &self.calibrator
    }

    /// The evaluations that a candidate may cost for its prior, an evaluation a pass and text.
    pub fn n_texts(&self) -> usize {
        self.calibrator.texts().len()
    }

    /// What [`Calibrated::score`] would charge; `None` where nothing is calibrated, and every step's own estimate is exact.
    ///
    /// # Errors
    /// [`ScoringError`] if the model cannot take a prompt.
    pub fn cost(&self, scorer: &Scorer, prompts: &[Prompt], n_examples: usize) -> Result<Option<u64>, ScoringError> {
        if self.calibrator.way() == Calibration::None {
            return Ok(None);
        }
        let mut new = HashSet::new();
        let mut cost = 0;
        for prompt in prompts {
            let hash = prompt.content_hash();
            let prior = if !self.paid.contains(&hash) && new.insert(hash) { self.n_texts() } else { 0 };
            cost += scorer.evaluations_per_example(prompt)? * (n_examples + prior) as u64;
        }
        Ok(Some(cost))
    }

    /// Scores prompts on a set, calibrated, each with its cost; whoever asks charges it.
    ///
    /// # Errors
    /// As [`ScoreCache::score`].
    pub fn score(
        &mut self,
        cache: &mut ScoreCache,
        scorer: &Scorer,
        prompts: &[Prompt],
        set: Set<'_>,
    ) -> Result<Vec<Corrected>, ScoringError> {
        let Set { columns, examples, hash } = set;
        if self.calibrator.way() == Calibration::None {
            let known = cache.score(scorer, prompts, columns, examples, hash)?;
            let plain = known.into_iter().map(|known| (known.scores, known.cost));
            return Ok(plain.map(|(scores, cost)| Corrected { scores, cost, prior: Cost::default() }).collect());
        }
        let asked: Vec<Prompt> = prompts.iter().map(|prompt| self.calibrator.asked(prompt)).collect();
        let priors = cache.score(scorer, &asked, columns, &self.calibrator.texts(), self.calibrator.set())?;
        let known = cache.score(scorer, &asked, columns, examples, hash)?;
        let mut corrected = Vec::with_capacity(known.len());
        for ((known, on_texts), prompt) in known.iter().zip(&priors).zip(prompts) {
            let prior = self.calibrator.prior(&on_texts.scores);
            let new = self.paid.insert(prompt.content_hash());
            corrected.push(Corrected {
                scores: known.scores.iter().map(|s| prior.calibrate(&prompt.verbalizer, s)).collect(),
                cost: known.cost,
                prior: if new { on_texts.cost } else { Cost::default() },
            });
        }
        Ok(corrected)
    }
}
