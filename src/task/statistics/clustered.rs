//! Two methods on the same test examples over several seeds: examples and seeds both vary, and both count.
//!
//! # Decisions
//!
//! - V_cells is the mean square of the interaction (what seed and example leave over) over the number of cells. With it
//!   V_seeds + V_examples - V_cells is unbiased for crossed random effects. The plain sum of squares of Cameron, Gelbach
//!   and Miller holds both main effects too: with 3 seeds it takes a third of V_examples away.
//! - Satterthwaite's degrees of freedom are taken at the upper quartile of V_seeds, not at its estimate: with 3 seeds the
//!   estimate is often far too small by chance, and then both the error is small and the degrees of freedom are many.
//!   Measured levels of the 5 % test over a grid of seed, example and cell effects, 100 examples: with both estimates plain
//!   up to 8 % at 3 seeds and 6.8 % at 5; as it is here up to 5.2 % at 3 seeds, 5.2 % at 5 and 5.7 % at 2. The price is
//!   power where seeds do not matter: there the level is about 2 % at 3 seeds.
//! - One seed is one split: differences of right and wrong are then tested by McNemar's mid-p, and their interval is
//!   Bonett and Price's, because t calls 4 discordant examples of 32 significant. Rows that are the same in every seed are
//!   one seed.
//! - The interval of one method's accuracy is Wilson's at the effective number of examples p (1 - p) / se², with t in the
//!   place of z: p ± t se would end above 1 and cover too little near it.

use super::distribution::{chi_square_quantile, normal_quantile, t_critical, t_two_sided};
use super::interval::{Interval, wilson, wilson_at};
use super::paired::mcnemar_mid_p;

/// Level of the intervals.
const LEVEL: f64 = 0.95;

/// The mean of a table of seeds by examples with its error.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClusteredMean {
    /// The mean over all cells.
    pub mean: f64,
    /// Variance of the mean as seeds vary: the variance between the seeds' means over their number. 0 with one seed.
    pub v_seeds: f64,
    /// Variance of the mean as examples vary, likewise.
    pub v_examples: f64,
    /// What is in both: the interaction's mean square over the number of cells. 0 with one seed.
    pub v_cells: f64,
    /// √(v_seeds + v_examples - v_cells), the square at least the larger of the first two.
    pub standard_error: f64,
    /// Satterthwaite's degrees of freedom, between the number of seeds - 1 and the number of examples - 1.
    pub df: f64,
    /// Whether only the examples vary: one seed, or the same row in every seed.
    pub one_seed: bool,
}

/// The mean of `cells[seed][example]`; none without seeds, with fewer than 2 examples, with rows of unequal length, or with
/// a value that is no number.
///
/// Sources: Cameron, Gelbach and Miller, Journal of Business and Economic Statistics 29 (2011) 238, for two-way clustering;
/// Satterthwaite, Biometrics Bulletin 2 (1946) 110; ours where the module says so.
pub fn clustered_mean(cells: &[Vec<f64>]) -> Option<ClusteredMean> {
    let n_examples = cells.first()?.len();
    let usable = |row: &Vec<f64>| row.len() == n_examples && row.iter().all(|value| value.is_finite());
    if n_examples < 2 || !cells.iter().all(usable) {
        return None;
    }
    let one_seed = cells.iter().all(|row| *row == cells[0]);
    let cells = if one_seed { &cells[..1] } else { cells };
    let (seeds, examples) = (cells.len() as f64, n_examples as f64);

    let seed_means: Vec<f64> = cells.iter().map(|row| row.iter().sum::<f64>() / examples).collect();
    let example_means: Vec<f64> =
        (0..n_examples).map(|example| cells.iter().map(|row| row[example]).sum::<f64>() / seeds).collect();
    let mean = seed_means.iter().sum::<f64>() / seeds;
    let v_examples = squares(&example_means, mean) / (examples - 1.0) / examples;
    if one_seed {
        return Some(ClusteredMean {
            mean,
            v_seeds: 0.0,
            v_examples,
            v_cells: 0.0,
            standard_error: v_examples.sqrt(),
            df: examples - 1.0,
            one_seed,
        });
    }
    let v_seeds = squares(&seed_means, mean) / (seeds - 1.0) / seeds;
    let mut interaction = 0.0;
    for (row, seed_mean) in cells.iter().zip(&seed_means) {
        for (value, example_mean) in row.iter().zip(&example_means) {
            interaction += (value - seed_mean - example_mean + mean).powi(2);
        }
    }
    let v_cells = interaction / ((seeds - 1.0) * (examples - 1.0)) / (seeds * examples);
    let total = |v_seeds: f64| (v_seeds + v_examples - v_cells).max(v_seeds).max(v_examples);

    let upper = v_seeds * (seeds - 1.0) / chi_square_quantile(0.25, seeds - 1.0);
    let fourth = upper.powi(2) / (seeds - 1.0) + v_examples.powi(2) / (examples - 1.0);
    let df = if fourth > 0.0 { total(upper).powi(2) / fourth } else { examples - 1.0 };
    Some(ClusteredMean {
        mean,
        v_seeds,
        v_examples,
        v_cells,
        standard_error: total(v_seeds).sqrt(),
        df: df.clamp((seeds - 1.0).min(examples - 1.0), (seeds - 1.0).max(examples - 1.0)),
        one_seed,
    })
}

/// Σ (x - mean)², 0 where rounding alone makes the values differ.
fn squares(values: &[f64], mean: f64) -> f64 {
    let size = values.iter().fold(0.0_f64, |size, value| size.max(value.abs()));
    let sum: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    if sum <= values.len() as f64 * (1e-15 * size).powi(2) * 16.0 { 0.0 } else { sum }
}

/// How one method differs from another on test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Comparison {
    /// The mean difference, raw.
    pub difference: f64,
    /// The lower end of its 95 % interval.
    pub low: f64,
    /// The upper end of its 95 % interval.
    pub high: f64,
    /// Two-sided p-value against no difference.
    pub p: f64,
    /// Its standard error.
    pub standard_error: f64,
    /// Degrees of freedom of t.
    pub df: f64,
    /// Whether only examples vary; then the table flags `one_seed`.
    pub one_seed: bool,
}

/// Compares two methods by `differences[seed][example]` on the shared test examples, seeds paired by number; none where
/// [`clustered_mean`] is none.
///
/// difference / se is referred to t; see [`clustered_mean`] and the module's decisions. For F1 and Matthews the differences
/// are those of [`pseudo_values`](super::pseudo_values).
pub fn clustered_comparison(differences: &[Vec<f64>]) -> Option<Comparison> {
    let clustered = clustered_mean(differences)?;
    let mut comparison = Comparison {
        difference: clustered.mean,
        low: clustered.mean,
        high: clustered.mean,
        p: 1.0,
        standard_error: clustered.standard_error,
        df: clustered.df,
        one_seed: clustered.one_seed,
    };
    let row = &differences[0];
    let n = row.len();
    if clustered.one_seed && row.iter().all(|d| matches!(*d, -1.0 | 0.0 | 1.0)) {
        let count = |sign: f64| row.iter().filter(|d| **d == sign).count();
        let (first, second) = (count(1.0), count(-1.0));
        let interval = bonett_price(first, second, n);
        comparison.p = mcnemar_mid_p(first, second);
        (comparison.low, comparison.high) = (interval.low, interval.high);
    } else if clustered.standard_error > 0.0 {
        let half = t_critical(LEVEL, clustered.df) * clustered.standard_error;
        comparison.p = t_two_sided(clustered.mean / clustered.standard_error, clustered.df);
        (comparison.low, comparison.high) = (clustered.mean - half, clustered.mean + half);
    } else if clustered.mean != 0.0 {
        // All differences equal: two of the 2^n patterns of signs reach their sum.
        comparison.p = 0.5_f64.powi(n as i32 - 1);
    }
    Some(comparison)
}

/// The 95 % interval of a difference of paired proportions: Wald's with one discordant example added on either side.
///
/// Source: Bonett and Price, Journal of Educational and Behavioral Statistics 37 (2012) 479.
fn bonett_price(first: usize, second: usize, n: usize) -> Interval {
    let n = n as f64 + 2.0;
    let (first, second) = ((first as f64 + 1.0) / n, (second as f64 + 1.0) / n);
    let half = normal_quantile(0.5 * (1.0 + LEVEL)) * ((first + second - (first - second).powi(2)) / n).sqrt();
    Interval { low: (first - second - half).max(-1.0), high: (first - second + half).min(1.0) }
}

/// The 95 % interval of one method's test metric from `scores[seed][example]` (right and wrong as 1 and 0, or the metric's
/// parts, or pseudo-values); none where [`clustered_mean`] is none.
///
/// By the same error and degrees of freedom as [`clustered_comparison`]: mean ± t se, and for 0 and 1 the score form, which
/// for one seed is [`wilson`] itself.
pub fn clustered_interval(scores: &[Vec<f64>]) -> Option<Interval> {
    let clustered = clustered_mean(scores)?;
    let n = scores[0].len();
    let binary = scores.iter().flatten().all(|score| matches!(*score, 0.0 | 1.0));
    if binary {
        let p = clustered.mean;
        if clustered.one_seed || clustered.standard_error == 0.0 || p <= 0.0 || p >= 1.0 {
            return Some(wilson((p * n as f64).round() as usize, n, LEVEL));
        }
        let effective = p * (1.0 - p) / clustered.standard_error.powi(2);
        // Seeds add no examples: errors on one seed's examples are errors on all.
        return Some(wilson_at(p, effective.min(n as f64), t_critical(LEVEL, clustered.df)));
    }
    let half = t_critical(LEVEL, clustered.df) * clustered.standard_error;
    Some(Interval { low: clustered.mean - half, high: clustered.mean + half })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::statistics::resampling::Resampler;

    fn uniform(numbers: &mut Resampler) -> f64 {
        (numbers.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn normal(numbers: &mut Resampler) -> f64 {
        (-2.0 * (1.0 - uniform(numbers)).ln()).sqrt() * (std::f64::consts::TAU * uniform(numbers)).cos()
    }

    /// Differences with effects of the given sizes of seed, example and cell.
    fn effects(seeds: usize, n: usize, sizes: [f64; 3], numbers: &mut Resampler) -> Vec<Vec<f64>> {
        let example: Vec<f64> = (0..n).map(|_| sizes[1] * normal(numbers)).collect();
        (0..seeds)
            .map(|_| {
                let seed = sizes[0] * normal(numbers);
                example.iter().map(|e| seed + e + sizes[2] * normal(numbers)).collect()
            })
            .collect()
    }

    fn level(runs: usize, mut draw: impl FnMut() -> Vec<Vec<f64>>) -> f64 {
        let rejected =
            (0..runs).filter(|_| clustered_comparison(&draw()).is_some_and(|comparison| comparison.p <= 0.05)).count();
        rejected as f64 / runs as f64
    }

    #[test]
    fn it_keeps_its_level_with_3_and_5_seeds() {
        let runs = 3_000;
        let slack = 2.6 * (0.05 * 0.95 / runs as f64).sqrt();
        let mut numbers = Resampler::new(41, "clustered level", &[]);
        for seeds in [3, 5] {
            for n in [32, 100] {
                let scale = (seeds as f64 / n as f64).sqrt();
                for sizes in [
                    [0.0, 1.0, 1.0],
                    [0.5 * scale, 1.0, 0.3],
                    [scale, 1.0, 0.3],
                    [2.0 * scale, 1.0, 0.3],
                    [2.0 * scale, 1.0, 1.0],
                    [1.0, 0.0, 1.0],
                ] {
                    let found = level(runs, || effects(seeds, n, sizes, &mut numbers));
                    assert!(found < 0.05 + slack, "{seeds} seeds, {n} examples, {sizes:?}: {found}");
                }
            }
        }
    }

    #[test]
    fn it_keeps_its_level_on_right_and_wrong_nearly_tied_or_not() {
        let runs = 3_000;
        let slack = 2.6 * (0.05 * 0.95 / runs as f64).sqrt();
        let mut numbers = Resampler::new(42, "clustered ternary", &[]);
        for seeds in [1, 3, 5] {
            for n in [32, 200] {
                for (discordant, spread) in [(0.02, 0.0), (0.05, 0.3), (0.15, 0.2), (0.3, 0.8)] {
                    let sign = |numbers: &mut Resampler| -> f64 {
                        if uniform(numbers) < discordant { [-1.0, 1.0][numbers.below(2)] } else { 0.0 }
                    };
                    let found = level(runs, || {
                        let shared: Vec<f64> = (0..n).map(|_| sign(&mut numbers)).collect();
                        (0..seeds)
                            .map(|_| {
                                let own =
                                    |s: &f64| if uniform(&mut numbers) < spread { sign(&mut numbers) } else { *s };
                                shared.iter().map(own).collect()
                            })
                            .collect()
                    });
                    assert!(found < 0.05 + slack, "{seeds} seeds, {n} examples, {discordant} {spread}: {found}");
                }
            }
        }
    }

    #[test]
    fn intervals_cover_accuracy_over_seeds() {
        let runs = 1_500;
        let mut numbers = Resampler::new(43, "clustered coverage", &[]);
        for seeds in [1, 3, 5] {
            for n in [32, 320] {
                for p in [0.5, 0.7, 0.9, 0.98] {
                    for shared in [1.0, 0.6] {
                        let covered = (0..runs)
                            .filter(|_| {
                                let base: Vec<f64> = (0..n).map(|_| uniform(&mut numbers)).collect();
                                let scores: Vec<Vec<f64>> = (0..seeds)
                                    .map(|_| {
                                        base.iter()
                                            .map(|u| {
                                                if uniform(&mut numbers) < shared { *u } else { uniform(&mut numbers) }
                                            })
                                            .map(|u| f64::from(u8::from(u < p)))
                                            .collect()
                                    })
                                    .collect();
                                clustered_interval(&scores).is_some_and(|interval| interval.contains(p))
                            })
                            .count() as f64
                            / runs as f64;
                        assert!(covered > 0.92, "{seeds} seeds, {n} examples, {p}, {shared}: {covered}");
                    }
                }
            }
        }
    }

    #[test]
    fn one_seed_is_mcnemar_and_equal_rows_are_one_seed() {
        let mut row = vec![0.0; 32];
        row[..4].fill(1.0);
        let comparison = clustered_comparison(&[row.clone()]).expect("numbers");
        assert!(comparison.one_seed && comparison.p == 0.0625 && comparison.low < 0.0);
        assert_eq!(clustered_comparison(&[row.clone(), row.clone(), row.clone()]), Some(comparison));
        row[4] = 1.0;
        let comparison = clustered_comparison(&[row]).expect("numbers");
        assert!(comparison.p == 0.03125 && comparison.low > 0.0);
    }

    #[test]
    fn no_difference_anywhere_is_no_evidence() {
        let comparison = clustered_comparison(&vec![vec![0.0; 32]; 3]).expect("numbers");
        assert_eq!((comparison.difference, comparison.p), (0.0, 1.0));
        assert!(comparison.low < 0.0 && comparison.high > 0.0);
        let same = clustered_comparison(&vec![vec![0.1; 32]; 3]).expect("numbers");
        assert!(same.p < 1e-9 && same.difference == same.low);
    }

    #[test]
    fn permuting_seeds_or_examples_changes_nothing_and_swapping_methods_the_sign() {
        let mut numbers = Resampler::new(44, "clustered order", &[]);
        let cells = effects(4, 50, [0.3, 1.0, 0.5], &mut numbers);
        let comparison = clustered_comparison(&cells).expect("numbers");
        let mut permuted: Vec<Vec<f64>> =
            cells.iter().rev().map(|row| row.iter().rev().map(|value| -value).collect()).collect();
        permuted.swap(0, 2);
        let swapped = clustered_comparison(&permuted).expect("numbers");
        assert!((swapped.p - comparison.p).abs() < 1e-12 && (swapped.low + comparison.high).abs() < 1e-12);
    }

    #[test]
    fn what_is_no_table_has_no_comparison() {
        assert_eq!(clustered_comparison(&[]), None);
        assert_eq!(clustered_comparison(&[vec![1.0]]), None);
        assert_eq!(clustered_comparison(&[vec![1.0, 0.0], vec![1.0]]), None);
        assert_eq!(clustered_comparison(&[vec![1.0, f64::NAN]]), None);
    }
}
