//! The leaderboard: rows ranked within one model, shots and calibration, on test (contract, definitions 2 and 3).
//!
//! # Decisions
//!
//! - 2026-11: rank intervals and comparisons come from test predictions only. Rows ranked on dev or by a label-free score have
//!   none: those figures describe the sample that chose the prompts (contract, Statistics 6).
//! - 2026-11: a comparison is made over the seeds that both rows have, so `vs_manual` is the difference of the means over those
//!   seeds; while a run is incomplete it need not be the difference of two printed `test_mean`.
//! - 2026-11: the reference of `vs_manual` (`vs_random`) is the first item of that method; further ones are compared with it.

use crate::record::TrialRecord;
use crate::task::Metric;
use crate::task::statistics::{holm, standings};

use super::ReportError;
use super::asked::Asked;
use super::entry::Entry;
use super::group::Group;
use super::outcome::{self, Comparison};
use super::place::Place;
use super::row::Row;
use super::stability::Stability;
use super::top_two::TopTwo;
use super::trial::Trial;

/// The chance of a false difference that a family of tests allows for.
pub(super) const ALPHA: f64 = 0.05;

/// The ranked rows of an experiment.
#[derive(Debug, Clone, PartialEq)]
pub struct Leaderboard {
    /// What was asked.
    pub asked: Asked,
    /// One section for each model, shots and calibration.
    pub sections: Vec<Section>,
}

/// The rows that are ranked together.
#[derive(Debug, Clone, PartialEq)]
pub struct Section {
    /// What they have in common.
    pub group: Group,
    /// What they are ranked on.
    pub ranked_on: RankedOn,
    /// The rows, best first; rows without any complete trial last.
    pub rows: Vec<Row>,
    /// How alike the seeds rank.
    pub stability: Stability,
    /// What it takes to tell the best from the second.
    pub top_two: Option<TopTwo>,
}

/// What the rows of a section are ranked on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RankedOn {
    /// The test split.
    Test,
    /// The dev sets, because there is no labelled test split.
    Dev,
    /// The label-free score: there is neither test nor dev.
    LabelFree,
}

impl Leaderboard {
    /// Derives the leaderboard from the trials of a record, in whatever order they come.
    ///
    /// # Errors
    /// [`ReportError::Record`] if a trial's events contradict each other.
    pub fn of(records: &[TrialRecord], asked: Asked) -> Result<Self, ReportError> {
        let trials = records.iter().map(Trial::read).collect::<Result<Vec<_>, _>>()?;
        Ok(Self::of_trials(&trials, asked))
    }

    pub(super) fn of_trials(trials: &[Trial<'_>], asked: Asked) -> Self {
        let metric = asked.metric.parse().unwrap_or(Metric::Accuracy);
        let entries = Entry::of(trials);
        let sections = entries
            .chunk_by(|a, b| a.group == b.group)
            .map(|entries| Section::of(entries, trials, &asked, metric))
            .collect();
        Self { sections, asked }
    }

    /// All rows in the order in which they are written.
    pub fn rows(&self) -> impl Iterator<Item = &Row> {
        self.sections.iter().flat_map(|section| &section.rows)
    }
}

impl Section {
    fn of(entries: &[Entry<'_>], trials: &[Trial<'_>], asked: &Asked, metric: Metric) -> Self {
        let group = entries[0].group.clone();
        let over = || entries.iter().flat_map(|entry| &entry.over);
        let ranked_on = if over().any(|trial| !trial.test_gold.is_empty()) {
            RankedOn::Test
        } else if over().any(|trial| !trial.dev_gold.is_empty()) {
            RankedOn::Dev
        } else {
            RankedOn::LabelFree
        };
        let dev_only = ranked_on != RankedOn::Test;

        // Rows that have a score to be ranked on, best first; the others after them in the order of the experiment.
        let (mut ranked, mut unranked): (Vec<(Place, &Entry<'_>)>, Vec<_>) =
            entries.iter().map(|entry| (entry.place(dev_only), entry)).partition(|(place, _)| place.score.is_some());
        ranked.sort_by(|(a, first), (b, second)| a.key().compare(&b.key()).then(first.item.cmp(&second.item)));
        unranked.sort_by_key(|(_, entry)| entry.item);
        let (places, ranked): (Vec<Place>, Vec<&Entry<'_>>) = ranked.into_iter().unzip();
        let row = |entry: &&Entry<'_>| Row::of(entry, asked, metric, dev_only);
        let mut rows: Vec<Row> = ranked.iter().map(row).collect();
        let pairs: Vec<Vec<Option<Comparison>>> = match dev_only {
            true => vec![vec![None; ranked.len()]; ranked.len()],
            false => ranked.iter().map(|a| ranked.iter().map(|b| outcome::compare(a, b, metric)).collect()).collect(),
        };
        let keys: Vec<_> = places.iter().map(Place::key).collect();
        let behaviours: Vec<usize> = (0..ranked.len())
            .map(|row| (0..row).find(|ahead| outcome::is_alike(ranked[*ahead], ranked[row], dev_only)).unwrap_or(row))
            .collect();
        let standings = standings(&keys, &behaviours, |a, b, _| {
            // A difference over the common seeds that contradicts the order over all of them resolves nothing.
            pairs[a][b].filter(|pair| pair.difference > 0.0).map_or(1.0, |pair| pair.p)
        });
        for (row, standing) in rows.iter_mut().zip(standings) {
            row.rank = Some(standing.rank);
            if let Some(interval) = standing.interval.filter(|_| !dev_only) {
                row.rank_low = Some(interval.low);
                row.rank_high = Some(interval.high);
                row.tied = Some(interval.tied);
            }
        }
        versus(&mut rows, &ranked, &pairs, "manual", |row| (&mut row.vs_manual, &mut row.vs_manual_p));
        versus(&mut rows, &ranked, &pairs, "random", |row| (&mut row.vs_random, &mut row.vs_random_p));
        rows.extend(unranked.iter().map(|(_, entry)| row(entry)));
        let top_two = match ranked[..] {
            [first, second, ..] => TopTwo::of(first, second, metric, dev_only),
            _ => None,
        };
        let stability = Stability::of(entries, trials, &group, dev_only);
        Self { group, ranked_on, rows, stability, top_two }
    }
}

/// Fills the difference of every row from the first item of a method, and its p-value adjusted over the family.
fn versus(
    rows: &mut [Row],
    ranked: &[&Entry<'_>],
    pairs: &[Vec<Option<Comparison>>],
    method: &str,
    cells: impl Fn(&mut Row) -> (&mut Option<f64>, &mut Option<f64>),
) {
    let reference =
        (0..ranked.len()).filter(|index| ranked[*index].method == method).min_by_key(|index| ranked[*index].item);
    let Some(reference) = reference else { return };
    let family: Vec<(usize, Comparison)> = (0..rows.len())
        .filter(|index| *index != reference)
        .filter_map(|index| pairs[index][reference].map(|pair| (index, pair)))
        .collect();
    let p: Vec<f64> = family.iter().map(|(_, pair)| pair.p).collect();
    for ((index, pair), p) in family.iter().zip(holm(&p)) {
        let (difference, adjusted) = cells(&mut rows[*index]);
        *difference = Some(pair.difference);
        *adjusted = Some(p);
    }
}
