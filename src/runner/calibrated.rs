//! Calibrated scores within a trial.
//!
//! # Decisions
//!
//! - 2026-11: a prompt's prior is charged once a trial, with the first score that needs it: it is the same for every set of
//!   examples, and a trial is begun anew or not at all, so what is charged does not depend on resume. A step's estimate cannot
//!   know which of its prompts are new, so every candidate for selection is expected to cost its prior too, and a comparison
//!   on train that would overdraw the budget is not begun.

use std::collections::HashSet;

use crate::prompt::Prompt;
use crate::scoring::{Calibrator, Known, ScoreCache, Scorer, ScoringError, SetHash};
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

    /// Scores prompts on a set, calibrated, each with its cost.
    ///
    /// # Errors
    /// As [`ScoreCache::score`].
    pub fn score(
        &mut self,
        cache: &mut ScoreCache,
        scorer: &Scorer,
        prompts: &[Prompt],
        set: Set<'_>,
    ) -> Result<Vec<Known>, ScoringError> {
        let Set { columns, examples, hash } = set;
        if self.calibrator.way() == Calibration::None {
            return cache.score(scorer, prompts, columns, examples, hash);
        }
        let asked: Vec<Prompt> = prompts.iter().map(|prompt| self.calibrator.asked(prompt)).collect();
        let priors = cache.score(scorer, &asked, columns, &self.calibrator.texts(), self.calibrator.set())?;
        let mut known = cache.score(scorer, &asked, columns, examples, hash)?;
        for ((known, on_texts), prompt) in known.iter_mut().zip(&priors).zip(prompts) {
            let prior = self.calibrator.prior(&on_texts.scores);
            known.scores = known.scores.iter().map(|s| prior.calibrate(&prompt.verbalizer, s)).collect();
            if self.paid.insert(prompt.content_hash()) {
                known.cost += on_texts.cost;
            }
        }
        Ok(known)
    }
}
