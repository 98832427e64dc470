//! Trials that start from the winner of another one.
//!
//! # Decisions
//!
//! - 2026-11: an item with `init: { from: LABEL }` starts from the prompt that the trial of that item chose for the same model,
//!   shots, calibration and seed, and under the same control. It begins when that trial is over; one that failed, or was left out,
//!   makes it fail too, with that as its reason, and it is tried again with the next run.
//! - 2026-11: what the other item spent is not charged again, so the row is dearer than it says: flag `pooled_budget`, as ensembles
//!   have it.

use std::sync::Arc;

use crate::prompt::{Prompt, Template, TriggerTokens, Verbalizer};
use crate::record::{Found, ResultsFolder, SavedPrompt};
use crate::spec::Method;

use super::plan::{Plan, PlannedTrial};
use super::trial::Stopped;

impl Plan {
    /// The item whose winners an item starts from, by its place in `search`.
    pub(super) fn starts_from(&self, item: usize) -> Option<usize> {
        let label = self.experiment.search[item].cells.iter().find_map(Method::starts_from)?;
        (0..self.experiment.search.len()).find(|&other| self.label(other) == label)
    }

    /// Whether a trial starts from the winner of `trial`, one of the item that it names.
    pub(super) fn is_source(&self, trial: &PlannedTrial, item: usize, planned: &PlannedTrial) -> bool {
        trial.item == item
            && (trial.model, trial.control, trial.calibration) == (planned.model, planned.control, planned.calibration)
            && trial.key.shots == planned.key.shots
            && planned.key.seeds.iter().all(|seed| trial.key.seeds.contains(seed))
    }

    /// The trial whose winner a trial starts from; `None` where there is none.
    pub(super) fn winner_trial(&self, planned: &PlannedTrial) -> Option<&PlannedTrial> {
        let item = self.starts_from(planned.item)?;
        self.trials.iter().find(|trial| self.is_source(trial, item, planned))
    }

    /// The winner that a trial starts from; `None` for one that starts from none.
    ///
    /// # Errors
    /// [`Stopped`] where its trial has none.
    pub(super) fn winner(&self, planned: &PlannedTrial, folder: &ResultsFolder) -> Result<Option<Prompt>, Stopped> {
        let Some(item) = self.starts_from(planned.item) else { return Ok(None) };
        let fault = |why: String| {
            Stopped::Failed(format!("it starts from the winner of `{}` of the same seed, {why}", self.label(item)))
        };
        let Some(other) = self.winner_trial(planned) else {
            return Err(fault("which has no trial here".into()));
        };
        match folder.find(&other.key).map_err(|e| Stopped::Fatal(e.into()))? {
            Found::Complete => {}
            Found::Failed => return Err(fault("whose trial failed".into())),
            Found::New | Found::Unfinished | Found::Damaged(_) => {
                return Err(fault("whose trial is not complete: run it first, or without --only".into()));
            }
        }
        let path = folder.trial_path(&other.key).join("prompt.json");
        let saved = SavedPrompt::load(&path).map_err(|e| Stopped::Fatal(e.into()))?;
        let words = Verbalizer::restored(saved.verbalizer.iter().map(|l| (l.label.clone(), l.words.clone())));
        let prompt = Prompt::with_triggers(
            Template::parse(&saved.template).map_err(|e| Stopped::Fatal(e.into()))?,
            TriggerTokens(saved.trigger_ids.clone()),
            Arc::new(words.map_err(|e| Stopped::Fatal(e.into()))?),
        );
        Ok(Some(Prompt { pool: saved.pool.map(Arc::new), ..prompt }))
    }
}
