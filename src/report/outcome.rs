//! What predictions say about prompts: parts of a metric example by example, intervals, comparisons of rows.

use crate::task::statistics::{Interval, mcnemar_mid_p, sign_flip, wilson};
use crate::task::{Confusion, Metric};

use super::entry::{Entry, mean};
use super::trial::Trial;

/// The level of every interval.
pub(super) const LEVEL: f64 = 0.95;

/// Keys the draws of sign-flip tests between rows.
const FLIP_SEED: u64 = 0;

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
pub(super) fn same_dev(a: &Trial<'_>, b: &Trial<'_>) -> bool {
    a.dev_set == b.dev_set && a.dev_gold == b.dev_gold
}

/// The predictions of the chosen prompts on test (on dev), for every seed in which both rows have them on the same examples.
pub(super) fn paired<'a>(a: &Entry<'a>, b: &Entry<'a>, on_dev: bool) -> Vec<Paired<'a>> {
    let pair = |(seed, first): (&u64, &&'a Trial<'a>)| {
        let second = *b.by_seed.get(seed)?;
        let (same, gold, of): (_, _, fn(&'a Trial<'a>) -> Option<&'a [u16]>) = if on_dev {
            let of = |trial: &'a Trial<'a>| trial.chosen().and_then(|c| c.dev).map(|dev| &dev.predicted[..]);
            (same_dev(first, second), &first.dev_gold, of)
        } else {
            let same = first.test_set == second.test_set && first.test_gold == second.test_gold;
            (same, &first.test_gold, |trial| trial.test.map(|test| &test.predicted[..]))
        };
        let (a, b) = (of(first)?, of(second)?);
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

/// Each example's part in the metric: right or wrong for accuracy, else the jackknife's pseudo-value
/// n theta - (n - 1) theta(without it), whose mean stands for the metric.
pub(super) fn parts(metric: Metric, gold: &[u16], predicted: &[u16], n_labels: usize) -> Vec<f64> {
    let pairs = || gold.iter().zip(predicted).map(|(gold, predicted)| (usize::from(*gold), usize::from(*predicted)));
    if metric == Metric::Accuracy {
        return pairs().map(|(gold, predicted)| f64::from(u8::from(gold == predicted))).collect();
    }
    let whole = Confusion::from_pairs(n_labels, pairs());
    let n = whole.total() as f64;
    let theta = metric.of(&whole);
    // Examples of one cell of the confusion table have one pseudo-value.
    let mut of_cell = vec![None; n_labels * n_labels];
    pairs()
        .map(|(gold, predicted)| {
            *of_cell[gold * n_labels + predicted].get_or_insert_with(|| {
                let cells = (0..n_labels).flat_map(|g| (0..n_labels).map(move |p| (g, p)));
                let without = cells.flat_map(|(g, p)| {
                    let count = whole.count(g, p) - u64::from((g, p) == (gold, predicted));
                    std::iter::repeat_n((g, p), count as usize)
                });
                n * theta - (n - 1.0) * metric.of(&Confusion::from_pairs(n_labels, without))
            })
        })
        .collect()
}

/// Wilson's interval of a mean share of `n` examples; `None` for metrics that are not a share of examples.
pub(super) fn share_interval(metric: Metric, share: f64, n: usize) -> Option<Interval> {
    (metric == Metric::Accuracy).then(|| wilson((share * n as f64).round() as usize, n, LEVEL))
}

/// The interval of a row's test metric.
pub(super) fn test_interval(entry: &Entry<'_>, metric: Metric) -> Option<Interval> {
    let trial = entry.complete().find(|trial| trial.test.is_some())?;
    if entry.is_one_trial() {
        return share_interval(metric, trial.test?.metric, trial.test_gold.len());
    }
    None
}

/// Compares row `a` with row `b` on test; `None` if no seed has both.
pub(super) fn compare(a: &Entry<'_>, b: &Entry<'_>, metric: Metric) -> Option<Comparison> {
    let pairs = paired(a, b, false);
    let first = pairs.first()?;
    let of = |predicted: &[u16], pair: &Paired<'_>| {
        let labels = pair.gold.iter().zip(predicted).map(|(gold, label)| (usize::from(*gold), usize::from(*label)));
        metric.of(&Confusion::from_pairs(pair.n_labels, labels))
    };
    let differences: Vec<f64> = pairs.iter().map(|pair| of(pair.a, pair) - of(pair.b, pair)).collect();
    let difference = mean(&differences)?;
    if !(a.is_one_trial() && b.is_one_trial()) {
        return None;
    }
    let p = if metric == Metric::Accuracy {
        let right = |predicted: &[u16], at: usize| predicted[at] == first.gold[at];
        let only_a = (0..first.gold.len()).filter(|at| right(first.a, *at) && !right(first.b, *at)).count();
        let only_b = (0..first.gold.len()).filter(|at| right(first.b, *at) && !right(first.a, *at)).count();
        mcnemar_mid_p(only_a, only_b)
    } else {
        let a = parts(metric, first.gold, first.a, first.n_labels);
        let b = parts(metric, first.gold, first.b, first.n_labels);
        sign_flip(&a.iter().zip(&b).map(|(a, b)| a - b).collect::<Vec<_>>(), FLIP_SEED)
    };
    Some(Comparison { difference, p })
}
