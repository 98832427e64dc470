//! What predictions say about prompts: parts of a metric example by example, intervals, comparisons of rows.

use std::collections::BTreeMap;

use crate::task::statistics::{
    ConfusionCells, Interval, bca, clustered_comparison, clustered_interval, pseudo_values, value_test, wilson,
};
use crate::task::{Confusion, Metric};

use super::entry::{Entry, mean};
use super::trial::Trial;

/// Differences of label-free scores below this are ties (contract, definition 7).
const LABEL_FREE_TIE: f64 = 1e-6;

/// Keys the draws of sign-flip tests between rows.
const FLIP_SEED: u64 = 0;

/// The level of every interval.
pub(super) const LEVEL: f64 = 0.95;

/// Keys the resamples of bootstrap intervals.
const BCA_SEED: u64 = 0;

/// A row compared with another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Comparison {
    /// This row's metric minus the other's, mean over the seeds that both have.
    pub(super) difference: f64,
    /// Two-sided p-value, not adjusted.
    pub(super) p: f64,
}

/// Two rows' predictions in a seed.
pub(super) struct Paired<'a> {
    pub(super) gold: &'a [u16],
    pub(super) n_labels: usize,
    pub(super) a: &'a [u16],
    pub(super) b: &'a [u16],
}

/// Whether two trials have the same dev examples in the same order.
pub(super) fn same_dev(a: &Trial, b: &Trial) -> bool {
    a.dev_set == b.dev_set && a.dev_gold == b.dev_gold
}

/// The predictions of the chosen prompts on test (on dev), for every seed in which both rows have them on the same examples.
pub(super) fn paired<'a>(a: &Entry<'a>, b: &Entry<'a>, on_dev: bool) -> Vec<Paired<'a>> {
    let of = |trial: &'a Trial| match on_dev {
        true => trial.chosen().and_then(|chosen| chosen.dev()),
        false => trial.test(),
    };
    let pair = |(seed, first): (&u64, &&'a Trial)| {
        let second = *b.by_seed.get(seed)?;
        let (same, gold) = match on_dev {
            true => (same_dev(first, second), &first.dev_gold),
            false => (same_test(first, second), &first.test_gold),
        };
        let (a, b) = (&of(first)?.predicted[..], &of(second)?.predicted[..]);
        let whole = same && a.len() == gold.len() && b.len() == gold.len() && !gold.is_empty();
        whole.then_some(Paired { gold, n_labels: first.n_labels.max(second.n_labels), a, b })
    };
    a.by_seed.iter().filter_map(pair).collect()
}

/// Whether two rows predict the same in every seed of either.
pub(super) fn is_alike(a: &Entry<'_>, b: &Entry<'_>, on_dev: bool) -> bool {
    let pairs = paired(a, b, on_dev);
    let n_seeds = pairs.len();
    n_seeds > 0 && n_seeds == a.by_seed.len() && n_seeds == b.by_seed.len() && pairs.iter().all(|pair| pair.a == pair.b)
}

/// Each example's part in the metric: right or wrong for accuracy, else its jackknife pseudo-value.
pub(super) fn parts(metric: Metric, gold: &[u16], predicted: &[u16], n_labels: usize) -> Vec<f64> {
    if metric == Metric::Accuracy {
        return gold.iter().zip(predicted).map(|(gold, label)| f64::from(u8::from(gold == label))).collect();
    }
    pseudo_values(&cells(gold, predicted, n_labels), |counts| of_counts(metric, counts))
}

/// A metric of predictions; `None` without any.
pub(super) fn metric(metric: Metric, gold: &[u16], predicted: &[u16], n_labels: usize) -> Option<f64> {
    let labels = gold.iter().zip(predicted).map(|(gold, label)| (usize::from(*gold), usize::from(*label)));
    Some(metric.of(&Confusion::from_pairs(n_labels, labels))).filter(|value| !value.is_nan())
}

/// The interval of a metric on one set of examples: Wilson's for accuracy, else BCa.
pub(super) fn set_interval(metric: Metric, gold: &[u16], predicted: &[u16], n_labels: usize) -> Option<Interval> {
    if metric == Metric::Accuracy {
        let correct = gold.iter().zip(predicted).filter(|(gold, label)| gold == label).count();
        return (!predicted.is_empty()).then(|| wilson(correct, predicted.len(), LEVEL));
    }
    bca(&cells(gold, predicted, n_labels), |counts| of_counts(metric, counts), LEVEL, BCA_SEED)
}

/// Wilson's interval of a mean share of `n` examples; `None` for metrics that are not a share of examples.
pub(super) fn share_interval(metric: Metric, share: f64, n: usize) -> Option<Interval> {
    if metric != Metric::Accuracy || !(0.0..=1.0).contains(&share) {
        return None;
    }
    // A mean over seeds need not be a whole count; between two counts the ends are straight to within 1e-3.
    let count = share * n as f64;
    let (below, above) = (wilson(count.floor() as usize, n, LEVEL), wilson(count.ceil() as usize, n, LEVEL));
    let between = |low: f64, high: f64| low + (high - low) * count.fract();
    Some(Interval { low: between(below.low, above.low), high: between(below.high, above.high) })
}

/// The interval of a row's test metric, over seeds and examples (contract, Statistics 2).
pub(super) fn test_interval(entry: &Entry<'_>, metric: Metric) -> Option<Interval> {
    let trials: Vec<&Trial> = tested(entry).collect();
    let first = trials.first()?;
    let alike = |trial: &&Trial| same_test(first, trial);
    if !trials.iter().all(alike) {
        return None;
    }
    if metric != Metric::Accuracy && is_one_seed(entry) {
        return set_interval(metric, &first.test_gold, &first.test()?.predicted, first.n_labels);
    }
    let scores: Vec<Vec<f64>> = trials
        .iter()
        .filter_map(|trial| Some(parts(metric, &trial.test_gold, &trial.test()?.predicted, trial.n_labels)))
        .collect();
    clustered_interval(&scores)
}

/// Whether a row's test predictions are the same in every seed, so that they hold no variation between seeds.
pub(super) fn is_one_seed(entry: &Entry<'_>) -> bool {
    let mut predicted = tested(entry).filter_map(|trial| trial.test().map(|test| &test.predicted));
    match predicted.next() {
        Some(first) => predicted.all(|other| other == first),
        None => entry.is_one_trial(),
    }
}

/// Compares row `a` with row `b` on test (contract, Statistics 2); `None` if no seed has both.
pub(super) fn compare(a: &Entry<'_>, b: &Entry<'_>, metric: Metric) -> Option<Comparison> {
    let pairs = paired(a, b, false);
    let differences: Vec<f64> = pairs
        .iter()
        .filter_map(|pair| {
            let of = |predicted| self::metric(metric, pair.gold, predicted, pair.n_labels);
            Some(of(pair.a)? - of(pair.b)?)
        })
        .collect();
    let cells: Vec<Vec<f64>> = pairs
        .iter()
        .map(|pair| {
            let of_a = parts(metric, pair.gold, pair.a, pair.n_labels);
            let of_b = parts(metric, pair.gold, pair.b, pair.n_labels);
            of_a.iter().zip(&of_b).map(|(a, b)| a - b).collect()
        })
        .collect();
    Some(Comparison { difference: mean(&differences)?, p: clustered_comparison(&cells)?.p })
}

/// The p-value of a difference in label-free score in a family of `n_tests`, from the differences of the parts, one a text:
/// the sign-flip test over texts; 1 for a difference below 1e-6 (contract, definition 7).
pub(super) fn label_free_test(differences: &[f64], n_tests: usize, seed: u64) -> f64 {
    match mean(differences) {
        Some(mean) if mean.abs() >= LABEL_FREE_TIE => value_test(differences, n_tests, seed),
        _ => 1.0,
    }
}

/// The p-value of row `a` above row `b` by their label-free scores, in a family of `n_tests`: a text's differences are
/// averaged over the seeds that both have, so that a text that several seeds drew counts as one.
pub(super) fn compare_label_free(a: &Entry<'_>, b: &Entry<'_>, n_tests: usize) -> f64 {
    let mut by_text: BTreeMap<u32, f64> = BTreeMap::new();
    let mut n_differences = 0;
    for (seed, first) in &a.by_seed {
        let Some(second) = b.by_seed.get(seed) else { continue };
        let (Some(of_a), Some(of_b)) = (parts_by_text(first), parts_by_text(second)) else { return 1.0 };
        if of_a.len() != of_b.len() {
            return 1.0;
        }
        for ((text, of_a), (same, of_b)) in of_a.iter().zip(&of_b) {
            if text != same {
                return 1.0;
            }
            *by_text.entry(*text).or_default() += of_a - of_b;
            n_differences += 1;
        }
    }
    // Scaled so that their mean is the mean difference over seeds and texts.
    let scale = by_text.len() as f64 / f64::from(n_differences.max(1));
    let differences: Vec<f64> = by_text.values().map(|sum| sum * scale).collect();
    // A difference over the common seeds that contradicts the order over all of them resolves nothing.
    match mean(&differences) {
        Some(mean) if mean > 0.0 => label_free_test(&differences, n_tests, FLIP_SEED),
        _ => 1.0,
    }
}

/// Whether two rows have the same label-free parts in every seed of either.
pub(super) fn is_alike_label_free(a: &Entry<'_>, b: &Entry<'_>) -> bool {
    a.by_seed.keys().eq(b.by_seed.keys())
        && a.by_seed.iter().all(|(seed, first)| {
            let of_a = parts_by_text(first);
            of_a.is_some() && b.by_seed.get(seed).is_some_and(|second| of_a == parts_by_text(second))
        })
}

fn parts_by_text(trial: &Trial) -> Option<Vec<(u32, f64)>> {
    trial.chosen()?.by_text(&trial.texts)
}

/// The trials of a row's seeds that were tested: one that stands for several seeds once for each.
fn tested<'a>(entry: &Entry<'a>) -> impl Iterator<Item = &'a Trial> {
    entry.by_seed.values().copied().filter(|trial| trial.test().is_some())
}

fn same_test(a: &Trial, b: &Trial) -> bool {
    a.test_set == b.test_set && a.test_gold == b.test_gold
}

fn cells(gold: &[u16], predicted: &[u16], n_labels: usize) -> ConfusionCells {
    let wide = |labels: &[u16]| labels.iter().map(|label| usize::from(*label)).collect::<Vec<_>>();
    ConfusionCells::new(&wide(gold), &wide(predicted), n_labels)
}

/// The metric of counts, row-major by gold label.
fn of_counts(metric: Metric, counts: &[usize]) -> f64 {
    let n_labels = counts.len().isqrt();
    let pairs = counts
        .iter()
        .enumerate()
        .flat_map(|(cell, count)| std::iter::repeat_n((cell / n_labels, cell % n_labels), *count));
    metric.of(&Confusion::from_pairs(n_labels, pairs))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_between_two_counts_lies_between_their_intervals() {
        let at = |share: f64| share_interval(Metric::Accuracy, share, 32).unwrap();
        assert_eq!(at(0.75), wilson(24, 32, LEVEL));
        assert!(at(0.75).low < at(0.76).low && at(0.76).low < at(25.0 / 32.0).low);
        assert_eq!(share_interval(Metric::Matthews, 0.5, 32), None);
    }

    #[test]
    fn counts_of_a_table_with_a_column_for_no_label_give_the_same_metric() {
        // Gold 0,0,1,1,1 predicted 0,1,1,1,0 of 2 labels.
        let of = |metric| of_counts(metric, cells(&[0, 0, 1, 1, 1], &[0, 1, 1, 1, 0], 2).counts());
        assert_eq!(of(Metric::Accuracy), 0.6);
        assert!((of(Metric::MacroF1) - (0.5 + 2.0 / 3.0) / 2.0).abs() < 1e-12);
    }
}
