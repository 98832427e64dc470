//! What predictions say about prompts: parts of a metric example by example, intervals, comparisons of rows.

use std::collections::BTreeMap;

use crate::record::SetScores;
use crate::task::statistics::{
    Comparison as Clustered, ConfusionCells, Interval, bca, clustered_comparison, clustered_interval, pseudo_values,
    value_test, wilson,
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
    pub(super) a: &'a SetScores,
    pub(super) b: &'a SetScores,
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
        let (a, b) = (of(first)?, of(second)?);
        let n = gold.len();
        let whole = same && a.predicted.len() == n && b.predicted.len() == n && n > 0;
        whole.then_some(Paired { gold, n_labels: first.n_labels.max(second.n_labels), a, b })
    };
    a.by_seed.iter().filter_map(pair).collect()
}

/// Whether two rows predict the same in every seed of either.
pub(super) fn is_alike(a: &Entry<'_>, b: &Entry<'_>, on_dev: bool) -> bool {
    let pairs = paired(a, b, on_dev);
    let n_seeds = pairs.len();
    let alike = |pair: &Paired<'_>| behaves_alike(pair.a, pair.b);
    n_seeds > 0 && n_seeds == a.by_seed.len() && n_seeds == b.by_seed.len() && pairs.iter().all(alike)
}

/// Whether two prompts predict the same, and have the same values where the metric is a mean of such.
fn behaves_alike(a: &SetScores, b: &SetScores) -> bool {
    a.predicted == b.predicted && a.values == b.values
}

/// Each example's part in the metric: its value where the metric is a mean of such, right or wrong for accuracy, else its jackknife
/// pseudo-value. None where the metric is of values and the record has none.
pub(super) fn parts(metric: Metric, gold: &[u16], scores: &SetScores, n_labels: usize) -> Vec<f64> {
    if metric.is_of_values() {
        return scores.values.clone();
    }
    let predicted = &scores.predicted;
    if metric == Metric::Accuracy {
        return gold.iter().zip(predicted).map(|(gold, label)| f64::from(u8::from(gold == label))).collect();
    }
    pseudo_values(&cells(gold, predicted, n_labels), |counts| of_counts(metric, counts))
}

/// A metric of what a prompt did, which is to be one of counts or the one that its values are of; `None` without any.
pub(super) fn metric(metric: Metric, gold: &[u16], scores: &SetScores, n_labels: usize) -> Option<f64> {
    if metric.is_of_values() {
        return mean(&scores.values);
    }
    let predicted = &scores.predicted;
    let labels = gold.iter().zip(predicted).map(|(gold, label)| (usize::from(*gold), usize::from(*label)));
    Some(metric.of(&Confusion::from_pairs(n_labels, labels))).filter(|value| !value.is_nan())
}

/// The interval of a metric on one set of examples: Wilson's for shares of examples, Student's t for the means of other values,
/// else BCa.
pub(super) fn set_interval(metric: Metric, gold: &[u16], scores: &SetScores, n_labels: usize) -> Option<Interval> {
    if metric.is_of_values() {
        return value_interval(metric, std::slice::from_ref(&scores.values));
    }
    let predicted = &scores.predicted;
    if metric == Metric::Accuracy {
        let correct = gold.iter().zip(predicted).filter(|(gold, label)| gold == label).count();
        return (!predicted.is_empty()).then(|| wilson(correct, predicted.len(), LEVEL));
    }
    bca(&cells(gold, predicted, n_labels), |counts| of_counts(metric, counts), LEVEL, BCA_SEED)
}

/// The interval of a mean of values by seed and example, within what the metric can be. Where all values are equal and not right or
/// wrong they say nothing about the spread.
fn value_interval(metric: Metric, values: &[Vec<f64>]) -> Option<Interval> {
    let first = values.first()?.first()?;
    if !metric.is_share() && values.iter().flatten().all(|value| value == first) {
        return None;
    }
    let (low, high) = metric.range();
    let interval = clustered_interval(values)?;
    Some(Interval { low: interval.low.max(low), high: interval.high.min(high) })
}

/// The interval of a row's dev metric: Wilson's at the mean share over the seeds, and for means of other values the ends averaged over
/// the seeds, each on its own dev set. `None` for metrics that are no mean over examples.
pub(super) fn dev_interval(entry: &Entry<'_>, metric: Metric) -> Option<Interval> {
    let of_seed = |trial: &Trial| {
        let interval = set_interval(metric, &trial.dev_gold, trial.chosen()?.dev()?, trial.n_labels)?;
        Some(interval)
    };
    if metric.is_of_values() && !metric.is_share() {
        let low = entry.mean(|trial| of_seed(trial).map(|interval| interval.low))?;
        return Some(Interval { low, high: entry.mean(|trial| of_seed(trial).map(|interval| interval.high))? });
    }
    let n_dev = entry.complete().next().map(|trial| trial.dev_gold.len()).filter(|n| *n > 0)?;
    let mean = entry.mean(|trial| trial.chosen()?.dev().map(|dev| dev.metric))?;
    share_interval(metric, mean, n_dev)
}

/// Wilson's interval of a mean share of `n` examples; `None` for metrics that are not a share of examples.
fn share_interval(metric: Metric, share: f64, n: usize) -> Option<Interval> {
    if !metric.is_share() || !(0.0..=1.0).contains(&share) {
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
        return set_interval(metric, &first.test_gold, first.test()?, first.n_labels);
    }
    let scores: Vec<Vec<f64>> = trials
        .iter()
        .filter_map(|trial| Some(parts(metric, &trial.test_gold, trial.test()?, trial.n_labels)))
        .collect();
    if metric.is_of_values() { value_interval(metric, &scores) } else { clustered_interval(&scores) }
}

/// Whether a row's test predictions are the same in every seed, so that they hold no variation between seeds.
pub(super) fn is_one_seed(entry: &Entry<'_>) -> bool {
    let mut tests = tested(entry).filter_map(|trial| trial.test());
    match tests.next() {
        Some(first) => tests.all(|other| behaves_alike(first, other)),
        None => entry.is_one_trial(),
    }
}

/// Compares row `a` with row `b` on test (contract, Statistics 2); `None` if no seed has both.
pub(super) fn compare(a: &Entry<'_>, b: &Entry<'_>, metric: Metric) -> Option<Comparison> {
    compare_pairs(&paired(a, b, false), metric).map(|(comparison, _)| comparison)
}

/// Compares what each pair, one a seed, has on its first side with what it has on its second; with the clustered mean of the parts
/// behind the p-value, which for metrics that are no mean over examples need not be the raw difference.
pub(super) fn compare_pairs(pairs: &[Paired<'_>], metric: Metric) -> Option<(Comparison, Clustered)> {
    let differences: Vec<f64> = pairs
        .iter()
        .filter_map(|pair| {
            let of = |scores| self::metric(metric, pair.gold, scores, pair.n_labels);
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
    let clustered = clustered_comparison(&cells)?;
    Some((Comparison { difference: mean(&differences)?, p: clustered.p }, clustered))
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
    use super::super::asked::Asked;
    use super::super::sample::{Sample, asked, candidate_rows, leaderboard};
    use super::*;
    use crate::record::TrialRecord;

    /// A trial of three candidates, the last of which is the best, on sixteen examples.
    fn valued(item: usize, method: &str, seed: u64, best: f64) -> TrialRecord {
        let gold = "0".repeat(16);
        let values = |mean: f64| -> Vec<f64> { (0..16).map(|i| mean + 0.01 * f64::from(i % 4)).collect() };
        Sample::new(item, method, &[seed], &gold, &gold)
            .valued("worst {mask}", &values(best - 0.2), 0.5)
            .valued("dropped {mask}", &values(0.9)[..4], 0.5)
            .valued(&format!("{method} {{mask}}"), &values(best), 0.5)
            .chose(2)
            .tested_values(&values(best))
            .finished(&[])
    }

    fn of_rouge() -> Asked {
        Asked { metric: "rouge_l".into(), select_by: "rouge_l".into(), ..asked() }
    }

    #[test]
    fn a_metric_of_values_has_its_intervals_ranks_and_comparisons_from_them() {
        let trials = [valued(0, "manual", 1, 0.4), valued(1, "gcg", 1, 0.6)];
        let board = leaderboard(&trials, of_rouge());
        let rows = &board.sections[0].rows;
        let seen: Vec<_> =
            rows.iter().map(|row| (row.method.as_str(), row.rank_low, row.rank_high, row.tied)).collect();
        assert_eq!(seen, [("gcg", Some(1), Some(1), Some(0)), ("manual", Some(2), Some(2), Some(0))]);
        let near = |found: Option<f64>, expected: f64| {
            assert!((found.unwrap() - expected).abs() < 1e-6, "{found:?} {expected}");
        };
        // Student's t at 15 degrees of freedom, and the standard error of 0.00, 0.01, 0.02, 0.03 four times over.
        let half = 2.131_449_546 * (4.0 * 5e-4 / 15.0 / 16.0_f64).sqrt();
        near(rows[0].test_mean, 0.615);
        near(rows[0].test_low, 0.615 - half);
        near(rows[0].test_high, 0.615 + half);
        near(rows[0].dev_low, 0.615 - half);
        near(rows[0].select_score, 0.615);
        near(rows[0].vs_manual, 0.2);
        assert!(rows[0].vs_manual_p.unwrap() < 1e-4, "all differences are equal: {:?}", rows[0].vs_manual_p);
        assert_eq!(board.sections[0].top_two, None);
    }

    #[test]
    fn candidates_are_ranked_by_sign_flips_of_their_values_and_dropped_ones_stand_below() {
        let rows = candidate_rows(&[valued(0, "manual", 1, 0.4)], &of_rouge()).unwrap();
        let seen: Vec<_> =
            rows.iter().map(|row| (row.prompt.as_str(), row.rank_low, row.rank_high, row.dropped_at)).collect();
        // The dropped one is resolved from none.
        let best = ("manual {mask}", Some(1), Some(2), None);
        assert_eq!(seen, [best, ("worst {mask}", Some(2), Some(3), None), ("dropped {mask}", None, None, Some(4))]);
        assert!(rows[0].dev_low.unwrap() < 0.415 && rows[0].dev_high.unwrap() > 0.415, "{:?}", rows[0]);
        assert_eq!(rows[0].flags, Vec::<String>::new());
    }

    #[test]
    fn seeds_with_the_same_predictions_and_other_values_are_not_one_seed() {
        let trials = [valued(0, "manual", 1, 0.4), valued(0, "manual", 2, 0.5)];
        let rows = leaderboard(&trials, of_rouge()).sections.remove(0).rows;
        assert_eq!((rows[0].flags.len(), rows[0].n_seeds), (0, 2));
        let same = [valued(0, "manual", 1, 0.4), valued(0, "manual", 2, 0.4)];
        assert_eq!(leaderboard(&same, of_rouge()).sections[0].rows[0].flags, ["one_seed"]);
    }

    #[test]
    fn values_that_are_right_or_wrong_are_proportions() {
        let asked = Asked { metric: "exact_match".into(), select_by: "exact_match".into(), ..asked() };
        let trial = |item, method: &str, n_right: usize| {
            let values: Vec<f64> = (0..16).map(|i| f64::from(u8::from(i < n_right))).collect();
            let gold = "0".repeat(16);
            let sample = Sample::new(item, method, &[1], &gold, &gold).valued(method, &values, 0.5).chose(0);
            sample.tested_values(&values).finished(&[])
        };
        let board = leaderboard(&[trial(0, "manual", 4), trial(1, "gcg", 12)], asked);
        let row = &board.sections[0].rows[0];
        let wilson = wilson(12, 16, LEVEL);
        assert_eq!((row.test_low, row.test_high, row.dev_low), (Some(wilson.low), Some(wilson.high), Some(wilson.low)));
        // Eight discordant examples, all one way: McNemar's mid-p is 2^-8.
        assert_eq!(row.vs_manual_p, Some(0.5_f64.powi(8)));
        assert_eq!(board.sections[0].top_two.map(|two| (two.only_first, two.only_second)), Some((8, 0)));
    }

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
