//! Those who hear of a run.

use std::path::Path;

use crate::record::{Event, Spent, TrialKey};

/// Hears of everything that happens in a run, from whichever thread it happens in.
pub trait Listener: Sync {
    /// An event was recorded.
    fn event(&self, _trial: &TrialKey, _event: &Event) {}

    /// A trial was complete already and stays.
    fn kept(&self, _trial: &TrialKey) {}

    /// A trial has spent so much of its budget.
    fn progress(&self, _trial: &TrialKey, _spent: &Spent, _budget: u64) {}

    /// The record of a trial in `folder` is complete: what is derived from the record can be derived anew.
    ///
    /// # Errors
    /// What keeps the tables from being written ends the run.
    fn trial_ended(&self, _folder: &Path) -> crate::error::Result<()> {
        Ok(())
    }
}

/// Hears nothing.
pub struct Silent;

impl Listener for Silent {}
