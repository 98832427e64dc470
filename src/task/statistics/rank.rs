//! Which ranks a candidate may have: rank intervals.
//!
//! # Decisions
//!
//! - A candidate's interval goes from 1 + the candidates significantly better to K - the candidates significantly worse, by
//!   Holm at 5 % over its own pair tests. K counts every candidate of the table: one that stands beyond the first 1,000 is
//!   not resolved from any other, and an interval that left it out would claim otherwise.
//! - A candidate that racing dropped has no interval, but a complete one may still be shown to be better on the examples
//!   that both saw. When it was dropped depends on how it did, so that pair is tested by an e-value, which may be read at
//!   any time ([`anytime_sign`](super::anytime_sign)); values that are not right or wrong leave it unresolved.
//! - Candidates with identical predictions have identical tests, so they are tested once and take one place in every Holm
//!   family; but on other examples they may differ, so each of them still counts in K. Clones, identical in predictions,
//!   metric and margin too, are one prompt listed twice: they count once and share their rank, and so a duplicate changes
//!   no one's interval. With these, `low <= rank <= high` always.
//! - A pair that is not resolved counts in `tied`, a significant pair whose metrics are equal as well.

use std::collections::{HashMap, HashSet};

use super::discordance::{CorrectBits, MidPTable};
use super::multiplicity::holm_threshold;
use super::order::{OrderKey, order};
use super::paired::{FLIP_DRAWS, paired_t, sign_flip};

/// Level of the Holm families behind an interval.
const ALPHA: f64 = 0.05;

/// Behaviours, best first, that get an interval.
pub const RANKED_BEHAVIOURS: usize = 1_000;

/// What the pair tests look at, one entry an example.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcomes {
    /// Whether the candidate is right: accuracy, tested by McNemar's mid-p.
    Correct(CorrectBits),
    /// The metric's parts, whose mean is the metric (for F1 and Matthews: jackknife pseudo-values), tested by sign flips;
    /// by the t-test where the table is too large for 10,000 draws to pass Holm's first threshold.
    Values(Vec<f64>),
}

impl Outcomes {
    /// Of one entry an example: whether it is right.
    pub fn correct(correct: impl IntoIterator<Item = bool>) -> Self {
        Self::Correct(CorrectBits::new(correct))
    }
}

/// The tests of the candidates of one model, shots, calibration and seed, all on the same examples.
///
/// Quick for 1,000 candidates: discordant counts come from bits, and mid-p values are computed once.
pub struct PairTests {
    mid_p: MidPTable,
    differences: Vec<f64>,
    seed: u64,
}

impl PairTests {
    /// With `seed` for the draws of sign-flip tests.
    pub fn new(seed: u64) -> Self {
        Self { mid_p: MidPTable::default(), differences: Vec::new(), seed }
    }

    /// The p-value of a complete candidate `above` one that was `dropped_at` some example, or not, in a family of `n_tests`.
    pub fn p_value(&mut self, above: &Outcomes, below: &Outcomes, dropped_at: Option<usize>, n_tests: usize) -> f64 {
        match (above, below) {
            (Outcomes::Correct(above), Outcomes::Correct(below)) => self.mid_p.pair(above, below, dropped_at),
            (Outcomes::Values(above), Outcomes::Values(below)) if dropped_at.is_none() => {
                self.differences.clear();
                self.differences.extend(above.iter().zip(below).map(|(above, below)| above - below));
                value_test(&self.differences, n_tests, self.seed)
            }
            _ => 1.0,
        }
    }
}

/// The ranks that the examples do not rule out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RankInterval {
    /// 1 + the candidates significantly better.
    pub low: usize,
    /// K - the candidates significantly worse.
    pub high: usize,
    /// The candidates not resolved from this one.
    pub tied: usize,
}

/// Where a candidate stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// The place in the order, from 1; clones share it.
    pub rank: usize,
    /// None for dropped candidates and beyond the first [`RANKED_BEHAVIOURS`].
    pub interval: Option<RankInterval>,
}

/// The p-value of a pair's differences in a family of `n_tests`: [`sign_flip`](super::sign_flip), or the t-test where the
/// draws could not pass Holm's first threshold.
pub fn value_test(differences: &[f64], n_tests: usize, seed: u64) -> f64 {
    // Ten times finer than the first threshold, or the number of hits would decide the rank.
    let draws_resolve = ALPHA / n_tests.max(1) as f64 >= 10.0 / (1 + FLIP_DRAWS) as f64;
    if draws_resolve {
        return sign_flip(differences, seed);
    }
    match paired_t(differences) {
        Some(test) => test.p,
        // All equal: two of the 2^n patterns reach their sum.
        None if differences.first().is_some_and(|d| *d != 0.0) => 0.5_f64.powi(differences.len() as i32 - 1),
        None => 1.0,
    }
}

/// The standings of rows with the given keys. `behaviours[i]` is the first row with the same predictions as row i;
/// `p_value(a, b, m)` tests two such rows, of which a stands above b, in families of m tests, and is asked once a pair. Row
/// a is complete; where b was dropped, the p-value is to hold at any time and be 1 where a is not the better one.
///
/// For few rows, as methods are; [`standings_in_order`] is for many.
pub fn standings(
    keys: &[OrderKey<'_>],
    behaviours: &[usize],
    mut p_value: impl FnMut(usize, usize, usize) -> f64,
) -> Vec<Standing> {
    let order = order(keys);
    let mut clones = HashMap::new();
    let rows: Vec<OrderedRow> = (order.iter().enumerate())
        .map(|(place, &row)| {
            let key = &keys[row];
            // Where no margin is known, only the text tells a prompt listed twice from two that happen to agree.
            let text = if key.margin.is_none() { Some(key.text) } else { None };
            let clone = (behaviours[row], key.metric.to_bits(), key.margin.map(f64::to_bits), text);
            OrderedRow {
                dropped: key.dropped_at.is_some(),
                metric: key.metric,
                behaviour: behaviours[row],
                prompt: *clones.entry(clone).or_insert(place),
            }
        })
        .collect();
    let in_order = standings_in_order(&rows, |a, b, n_tests| p_value(order[a], order[b], n_tests));
    let mut standings = in_order.clone();
    for (&row, standing) in order.iter().zip(in_order) {
        standings[row] = standing;
    }
    standings
}

/// A row of which nothing else is needed any more, since it stands in its place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OrderedRow {
    /// Whether racing dropped it.
    pub dropped: bool,
    /// The metric.
    pub metric: f64,
    /// Equal for rows with the same predictions.
    pub behaviour: usize,
    /// Equal for clones: rows with the same predictions, metric and margin.
    pub prompt: usize,
}

/// The first of each of the first [`RANKED_BEHAVIOURS`] behaviours, ascending: the rows that [`standings_in_order`] tests.
pub fn tested_rows(rows: &[OrderedRow]) -> Vec<usize> {
    let mut seen = HashSet::new();
    (0..rows.len()).filter(|&row| seen.insert(rows[row].behaviour)).take(RANKED_BEHAVIOURS).collect()
}

/// [`standings`] of rows that stand in their order, best first; `p_value` is asked of [`tested_rows`].
pub fn standings_in_order(rows: &[OrderedRow], mut p_value: impl FnMut(usize, usize, usize) -> f64) -> Vec<Standing> {
    let tested = tested_rows(rows);
    let slot_of: HashMap<usize, usize> =
        tested.iter().enumerate().map(|(slot, &row)| (rows[row].behaviour, slot)).collect();
    let mut weight = vec![0; tested.len()];
    let mut rank_of = HashMap::new();
    let ranks: Vec<usize> = (rows.iter())
        .map(|row| {
            let n_prompts = rank_of.len();
            *rank_of.entry(row.prompt).or_insert_with(|| {
                if let Some(&slot) = slot_of.get(&row.behaviour) {
                    weight[slot] += 1;
                }
                n_prompts + 1
            })
        })
        .collect();
    let n_prompts = rank_of.len();

    let n_tests = tested.len().saturating_sub(1);
    let mut small: Vec<Vec<(usize, f64)>> = vec![Vec::new(); tested.len()];
    for a in 0..tested.len() {
        for b in a + 1..tested.len() {
            // Without a direction there is nothing to resolve, and of two dropped ones neither has an interval.
            let [above, below] = [&rows[tested[a]], &rows[tested[b]]];
            let level = !below.dropped && above.metric == below.metric;
            if level || above.dropped {
                continue;
            }
            let p = p_value(tested[a], tested[b], n_tests);
            if p <= ALPHA {
                small[a].push((b, p));
                small[b].push((a, p));
            }
        }
    }
    let mut p_values = Vec::new();
    let intervals: Vec<RankInterval> = (0..tested.len())
        .map(|slot| {
            p_values.clear();
            p_values.extend(small[slot].iter().map(|(_, p)| *p));
            let threshold = holm_threshold(&mut p_values, n_tests, ALPHA).unwrap_or(-1.0);
            let (mut better, mut worse) = (0, 0);
            for &(other, _) in small[slot].iter().filter(|(_, p)| *p <= threshold) {
                // Tested rows stand in order, so an earlier one is the better one.
                *(if other < slot { &mut better } else { &mut worse }) += weight[other];
            }
            RankInterval { low: 1 + better, high: n_prompts - worse, tied: n_prompts - 1 - better - worse }
        })
        .collect();

    (rows.iter().zip(ranks))
        .map(|(row, rank)| Standing {
            rank,
            interval: match row.dropped {
                false => slot_of.get(&row.behaviour).map(|&slot| intervals[slot]),
                true => None,
            },
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Stream;

    struct RankedCandidate<'a> {
        key: OrderKey<'a>,
        predictions: &'a [u32],
        outcomes: Outcomes,
    }

    /// The standing of each candidate, in the given order.
    fn rank_intervals(candidates: &[RankedCandidate<'_>]) -> Vec<Standing> {
        let keys: Vec<OrderKey<'_>> = candidates.iter().map(|candidate| candidate.key).collect();
        let mut first_with: HashMap<(Option<usize>, &[u32]), usize> = HashMap::new();
        let behaviours: Vec<usize> = (0..candidates.len())
            .map(|i| *first_with.entry((keys[i].dropped_at, candidates[i].predictions)).or_insert(i))
            .collect();
        let mut tests = PairTests::new(1);
        standings(&keys, &behaviours, |a, b, n_tests| {
            tests.p_value(&candidates[a].outcomes, &candidates[b].outcomes, keys[b].dropped_at, n_tests)
        })
    }

    fn bits(correct: &[bool]) -> Outcomes {
        Outcomes::correct(correct.iter().copied())
    }

    struct Made {
        correct: Vec<Vec<bool>>,
        predictions: Vec<Vec<u32>>,
        margins: Vec<f64>,
        texts: Vec<String>,
    }

    impl Made {
        fn new(correct: Vec<Vec<bool>>) -> Self {
            let predictions = correct.iter().map(|row| row.iter().map(|&c| u32::from(c)).collect()).collect();
            let texts = (0..correct.len()).map(|i| format!("prompt {i}")).collect();
            let margins = (0..correct.len()).map(|i| (i * 37 % 101) as f64).collect();
            Self { correct, predictions, margins, texts }
        }

        /// Candidates that share the difficulty of examples, right with the given chances.
        fn drawn(chances: &[f64], n: usize, stream: &mut Stream) -> Self {
            let difficulty: Vec<f64> = (0..n).map(|_| stream.uniform()).collect();
            Self::new(
                chances
                    .iter()
                    .map(|chance| {
                        difficulty
                            .iter()
                            .map(|d| if stream.uniform() < 0.7 { d < chance } else { stream.uniform() < *chance })
                            .collect()
                    })
                    .collect(),
            )
        }

        fn table(&self) -> Vec<RankedCandidate<'_>> {
            (0..self.correct.len())
                .map(|i| RankedCandidate {
                    key: OrderKey {
                        dropped_at: None,
                        metric: self.correct[i].iter().filter(|&&c| c).count() as f64 / self.correct[i].len() as f64,
                        margin: Some(self.margins[i]),
                        n_tokens: Some(5),
                        text: &self.texts[i],
                    },
                    predictions: &self.predictions[i],
                    outcomes: bits(&self.correct[i]),
                })
                .collect()
        }
    }

    fn intervals(made: &Made) -> Vec<RankInterval> {
        rank_intervals(&made.table()).iter().map(|s| s.interval.expect("complete")).collect()
    }

    #[test]
    fn intervals_cover_the_true_rank_and_narrow_with_examples() {
        let chances: Vec<f64> = (0..20).map(|i| 0.55 + 0.02 * (i / 2) as f64).collect();
        let mut stream = Stream::new(11, "rank coverage", &[]);
        let mut widths = Vec::new();
        for (n, runs) in [(32, 200), (320, 200), (1821, 60)] {
            let (mut covered, mut width) = (0, 0);
            for _ in 0..runs {
                let made = Made::drawn(&chances, n, &mut stream);
                for (interval, chance) in intervals(&made).iter().zip(&chances) {
                    let low = 1 + chances.iter().filter(|c| *c > chance).count();
                    let high = 20 - chances.iter().filter(|c| *c < chance).count();
                    covered += usize::from(interval.low <= high && low <= interval.high);
                    width += interval.high - interval.low + 1;
                }
            }
            let share = covered as f64 / (20 * runs) as f64;
            assert!(share >= 0.95, "{n}: {share}");
            widths.push(width as f64 / (20 * runs) as f64);
        }
        assert!(widths[0] > widths[1] && widths[1] > widths[2] && widths[2] < 12.0, "{widths:?}");
    }

    #[test]
    fn equal_candidates_are_resolved_in_at_most_five_percent() {
        let mut stream = Stream::new(12, "rank null", &[]);
        for (k, n, chance, runs) in [(10, 32, 0.7, 400), (10, 32, 0.98, 400), (40, 320, 0.8, 60), (2, 32, 0.6, 2_000)] {
            let wrong = (0..runs)
                .map(|_| {
                    let made = Made::drawn(&vec![chance; k], n, &mut stream);
                    intervals(&made).iter().filter(|i| i.low > 1 || i.high < made.correct.len()).count()
                })
                .sum::<usize>() as f64
                / (k * runs) as f64;
            let error = (0.05 * 0.95 / runs as f64).sqrt();
            assert!(wrong <= 0.05 + 2.0 * error, "{k} {n} {chance}: {wrong}");
        }
    }

    #[test]
    fn all_tied_and_nearly_tied_tables_resolve_nothing() {
        let mut rows = vec![vec![true; 32]; 72];
        assert!(intervals(&Made::new(rows.clone())).iter().all(|i| (i.low, i.high, i.tied) == (1, 72, 71)));
        for (i, row) in rows.iter_mut().enumerate() {
            for j in 0..i % 5 {
                row[(i + 7 * j) % 32] = false;
            }
        }
        assert!(intervals(&Made::new(rows)).iter().all(|i| (i.low, i.high, i.tied) == (1, 72, 71)));
    }

    #[test]
    fn a_clear_winner_is_alone_at_the_top() {
        let mut rows = vec![vec![true; 320]];
        let mut stream = Stream::new(5, "winner", &[]);
        rows.extend((0..9).map(|_| (0..320).map(|_| stream.uniform() < 0.5).collect()));
        let intervals = intervals(&Made::new(rows));
        assert_eq!(intervals[0], RankInterval { low: 1, high: 1, tied: 0 });
        assert!(intervals[1..].iter().all(|i| i.low == 2));
    }

    #[test]
    fn permuting_candidates_or_examples_permutes_the_standings() {
        let mut stream = Stream::new(21, "rank permutation", &[]);
        let chances: Vec<f64> = (0..12).map(|i| 0.5 + 0.04 * i as f64).collect();
        for _ in 0..50 {
            let made = Made::drawn(&chances, 64, &mut stream);
            let standing = rank_intervals(&made.table());
            let candidates = stream.sample(12, 12);
            let examples = stream.sample(64, 64);
            let permuted = Made {
                correct: candidates.iter().map(|&c| examples.iter().map(|&e| made.correct[c][e]).collect()).collect(),
                // Labels under other names.
                predictions: candidates
                    .iter()
                    .map(|&c| examples.iter().map(|&e| 1 - made.predictions[c][e]).collect())
                    .collect(),
                margins: candidates.iter().map(|&c| made.margins[c]).collect(),
                texts: candidates.iter().map(|&c| made.texts[c].clone()).collect(),
            };
            for (place, found) in rank_intervals(&permuted.table()).iter().enumerate() {
                assert_eq!(*found, standing[candidates[place]]);
                let interval = found.interval.expect("complete");
                assert!(interval.low <= found.rank && found.rank <= interval.high);
            }
        }
    }

    #[test]
    fn a_duplicate_changes_no_ones_standing() {
        let mut stream = Stream::new(22, "rank duplicate", &[]);
        let chances: Vec<f64> = (0..12).map(|i| 0.3 + 0.06 * i as f64).collect();
        for round in 0..50 {
            let mut made = Made::drawn(&chances, 64, &mut stream);
            let standing = rank_intervals(&made.table());
            let twin = round % 12;
            made.correct.push(made.correct[twin].clone());
            made.predictions.push(made.predictions[twin].clone());
            made.margins.push(made.margins[twin]);
            made.texts.push("the twin".to_owned());
            let with_twin = rank_intervals(&made.table());
            assert_eq!(with_twin[..12], standing[..]);
            assert_eq!(with_twin[12], standing[twin]);
        }
    }

    #[test]
    fn dropped_candidates_stand_below_without_interval_and_are_resolved_where_the_start_shows_it() {
        let mut stream = Stream::new(23, "rank dropped", &[]);
        let made = Made::drawn(&[0.95, 0.2, 0.4, 0.4], 320, &mut stream);
        let mut table = made.table();
        for (candidate, at) in [(2, 64), (3, 128)] {
            let dropped = &mut table[candidate];
            dropped.key.dropped_at = Some(at);
            dropped.predictions = &made.predictions[candidate][..at];
            dropped.outcomes = bits(&made.correct[candidate][..at]);
        }
        let standing = rank_intervals(&table);
        assert_eq!(standing.iter().map(|s| s.rank).collect::<Vec<_>>(), [1, 2, 4, 3]);
        assert_eq!(standing[0].interval, Some(RankInterval { low: 1, high: 1, tied: 0 }));
        assert_eq!(standing[1].interval, Some(RankInterval { low: 2, high: 4, tied: 2 }));
        assert_eq!((standing[2].interval, standing[3].interval), (None, None));
    }

    #[test]
    fn values_are_ranked_as_bits_are() {
        let mut stream = Stream::new(24, "rank values", &[]);
        for k in [8, 60] {
            let chances: Vec<f64> = (0..k).map(|i| 0.1 + 0.8 * i as f64 / k as f64).collect();
            let made = Made::drawn(&chances, 200, &mut stream);
            let mut table = made.table();
            for (candidate, correct) in table.iter_mut().zip(&made.correct) {
                candidate.outcomes = Outcomes::Values(correct.iter().map(|&c| f64::from(u8::from(c))).collect());
            }
            let apart: usize = rank_intervals(&table)
                .iter()
                .zip(intervals(&made))
                .map(|(s, i)| s.interval.map_or(9, |v| v.low.abs_diff(i.low).max(v.high.abs_diff(i.high))))
                .max()
                .expect("candidates");
            assert!(apart <= 2, "{k}: {apart}");
        }
    }

    #[test]
    fn only_the_first_thousand_behaviours_get_an_interval() {
        let mut stream = Stream::new(25, "rank thousand", &[]);
        let made = Made::drawn(&vec![0.6; 1_050], 256, &mut stream);
        let standing = rank_intervals(&made.table());
        assert_eq!(standing.iter().filter(|s| s.interval.is_some()).count(), RANKED_BEHAVIOURS);
        assert!(standing.iter().all(|s| s.interval.is_some() == (s.rank <= RANKED_BEHAVIOURS)));
        assert!(standing.iter().any(|s| s.interval.is_some_and(|i| i.high == 1_050)));
    }
}
