//! The figures of each row seed by seed.

use std::collections::BTreeMap;

use super::super::entry::Entry;
use super::super::group::Group;
use super::super::row::Row;
use super::super::trial::Trial;

/// What a row's chosen prompt does in one seed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct SeedFigures {
    pub(super) seed: u64,
    pub(super) dev: Option<f64>,
    pub(super) test: Option<f64>,
}

/// The figures of all rows.
#[derive(Debug, Default)]
pub(super) struct Seeds(BTreeMap<(Group, usize), Vec<SeedFigures>>);

impl Seeds {
    /// Of the trials.
    pub(super) fn of(trials: &[Trial]) -> Self {
        let entries = Entry::of(trials);
        let of_entry = |entry: &Entry<'_>| {
            let figures = entry.by_seed.iter().map(|(seed, trial)| SeedFigures {
                seed: *seed,
                dev: trial.chosen().and_then(|chosen| chosen.dev().map(|dev| dev.metric).or(chosen.label_free)),
                test: trial.test().map(|test| test.metric),
            });
            ((entry.group.clone(), entry.item), figures.collect())
        };
        Self(entries.iter().map(of_entry).collect())
    }

    /// Of a row, in the order of the seeds.
    pub(super) fn of_row(&self, row: &Row) -> &[SeedFigures] {
        self.0.get(&(row.group.clone(), row.item)).map_or(&[], Vec::as_slice)
    }
}
