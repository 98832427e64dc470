//! Those who hear of a run.

use std::path::Path;

use crate::record::{Event, Spent, TrialKey};
use crate::spec::Shard;

/// What a results folder holds of a run's trials when it begins.
#[derive(Debug, Default)]
pub struct Beginning<'a> {
    /// Complete: they stay.
    pub kept: Vec<&'a TrialKey>,
    /// Not there yet.
    pub new: Vec<&'a TrialKey>,
    /// Interrupted: they begin anew.
    pub unfinished: Vec<&'a TrialKey>,
    /// Failed before: they are tried again.
    pub failed: Vec<&'a TrialKey>,
    /// Damaged, and how: they begin anew.
    pub damaged: Vec<(&'a TrialKey, String)>,
    /// Damaged, and how, but not to be run now: moved aside, so that the tables can be made without them.
    pub set_aside: Vec<(&'a TrialKey, String)>,
    /// Folders of trials that the experiment no longer has.
    pub others: Vec<String>,
    /// What was wrong with `provenance.json`, which is written anew.
    pub damaged_provenance: Option<String>,
    /// Files that prompts are mined from and that are not what they were.
    pub changed_corpora: Vec<String>,
}

/// Hears of everything that happens in a run, from whichever thread it happens in.
pub trait Listener: Sync {
    /// Another process runs this shard, and its end is waited for.
    fn waits(&self, _shard: Shard) {}

    /// A run begins, with what its folder holds of it.
    fn begins(&self, _beginning: &Beginning<'_>) {}

    /// An event was recorded.
    fn event(&self, _trial: &TrialKey, _event: &Event) {}

    /// A trial was complete already and stays.
    fn kept(&self, _trial: &TrialKey) {}

    /// A trial has spent so much of its budget.
    fn progress(&self, _trial: &TrialKey, _spent: &Spent, _budget: u64) {}

    /// Of the values that chosen prompts have elsewhere, so many are known, and so many there are to be.
    fn transferred(&self, _n: usize, _of: usize) {}

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
