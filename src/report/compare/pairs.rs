//! Two rows compared: seeds paired, examples paired, one test.

use std::collections::HashMap;

use crate::task::Metric;

use super::super::entry::{Entry, mean};
use super::super::outcome::{self, Paired};
use super::super::trial::Trial;
use super::error::CompareError;
use super::shared::Shared;
use super::side::Side;

/// The difference of two rows over what both have.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Difference {
    /// The metric of the first, over the paired seeds and the shared examples.
    pub(super) first: f64,
    pub(super) other: f64,
    /// `other` minus `first`, with its 95 % interval.
    pub(super) difference: f64,
    pub(super) low: f64,
    pub(super) high: f64,
    /// Two-sided, not adjusted.
    pub(super) p: f64,
    pub(super) n_seeds: usize,
    /// Whether seeds are paired in their order, since no number is in both.
    pub(super) in_order: bool,
    pub(super) one_seed: bool,
    pub(super) n_examples: usize,
    /// Test examples of each.
    pub(super) n_of: [usize; 2],
}

/// What pairs of folders share, by the test sets: all trials of an experiment have the same one.
#[derive(Default)]
pub(super) struct Known(HashMap<[String; 4], Shared>);

impl Known {
    fn shared(&mut self, first: (&Side, &Trial), other: (&Side, &Trial)) -> Result<Shared, CompareError> {
        let key = [&first.0.letter, &first.1.test_set, &other.0.letter, &other.1.test_set].map(Clone::clone);
        if let Some(shared) = self.0.get(&key) {
            return Ok(shared.clone());
        }
        let shared = Shared::of(first, other)?;
        self.0.insert(key, shared.clone());
        Ok(shared)
    }
}

/// Compares two rows; `None` if they have no pair of seeds with test predictions.
///
/// # Errors
/// As [`Shared::of`].
pub(super) fn difference(
    first: (&Side, &Entry<'_>),
    other: (&Side, &Entry<'_>),
    metric: Metric,
    known: &mut Known,
) -> Result<Option<Difference>, CompareError> {
    let (seeds, in_order) = seed_pairs(first.1, other.1);
    let mut pairs = Vec::new();
    for (a, b) in &seeds {
        let shared = known.shared((first.0, a), (other.0, b))?;
        let (Some(of_a), Some(of_b)) = (a.test(), b.test()) else { continue };
        let cut = (shared.of_first(of_a), shared.of_other(of_b));
        pairs.push((shared, cut, a.n_labels.max(b.n_labels)));
    }
    let Some((shared, ..)) = pairs.first() else { return Ok(None) };
    let n_examples = shared.gold.len();
    // The difference is the other's minus the first's.
    let paired: Vec<Paired<'_>> = pairs
        .iter()
        .map(|(shared, (a, b), n_labels)| Paired { gold: &shared.gold, n_labels: *n_labels, a: b, b: a })
        .collect();
    let Some((comparison, clustered)) = outcome::compare_pairs(&paired, metric) else { return Ok(None) };
    let figure = |of: fn(&(crate::record::SetScores, crate::record::SetScores)) -> &crate::record::SetScores| {
        let of_seed = |(shared, cut, n): &(Shared, _, usize)| outcome::metric(metric, &shared.gold, of(cut), *n);
        mean(&pairs.iter().filter_map(of_seed).collect::<Vec<_>>())
    };
    let (Some(of_first), Some(of_other)) = (figure(|cut| &cut.0), figure(|cut| &cut.1)) else { return Ok(None) };
    // Of F1 and Matthews the clustered mean is that of pseudo-values, not the raw difference.
    let shift = comparison.difference - clustered.difference;
    Ok(Some(Difference {
        first: of_first,
        other: of_other,
        difference: comparison.difference,
        low: clustered.low + shift,
        high: clustered.high + shift,
        p: comparison.p,
        n_seeds: paired.len(),
        in_order,
        one_seed: clustered.one_seed,
        n_examples,
        n_of: [seeds[0].0.test_gold.len(), seeds[0].1.test_gold.len()],
    }))
}

/// The trials of two rows by seed: equal numbers, or in their order where none is in both.
fn seed_pairs<'a>(first: &Entry<'a>, other: &Entry<'a>) -> (Vec<(&'a Trial, &'a Trial)>, bool) {
    let tested = |entry: &Entry<'a>| -> Vec<(u64, &'a Trial)> {
        let all = entry.by_seed.iter().map(|(seed, trial)| (*seed, *trial));
        all.filter(|(_, trial)| trial.test().is_some()).collect()
    };
    let (a, b) = (tested(first), tested(other));
    let common: Vec<_> = a
        .iter()
        .filter_map(|(seed, trial)| b.iter().find(|(number, _)| number == seed).map(|(_, beside)| (*trial, *beside)))
        .collect();
    match common.is_empty() {
        true => (a.iter().zip(&b).map(|((_, a), (_, b))| (*a, *b)).collect(), true),
        false => (common, false),
    }
}
