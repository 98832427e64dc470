//! The BCa bootstrap, for metrics of the whole confusion table: F1 and Matthews.

use super::distribution::{normal_cdf, normal_quantile};
use super::interval::Interval;
use super::jackknife::{ConfusionCells, leave_one_out};
use super::resampling::Resampler;

/// Resamples of [`bca`].
pub const BCA_RESAMPLES: usize = 4_000;

/// The bias-corrected and accelerated bootstrap interval of a metric of the confusion table, at `level`; none where every
/// resample gives the same value, because then the sample says nothing about the spread (as where all are right).
///
/// Only for metrics that do not decompose over examples. For accuracy use [`wilson`](super::wilson): at 32 examples the
/// bootstrap of a proportion is too narrow. The draws are keyed by `seed` and the counts; the order of the examples and
/// the order of the labels do not matter.
///
/// Source: Efron, Journal of the American Statistical Association 82 (1987) 171.
pub fn bca(cells: &ConfusionCells, metric: impl Fn(&[usize]) -> f64, level: f64, seed: u64) -> Option<Interval> {
    let n = cells.n_examples();
    if n == 0 {
        return None;
    }
    let (order, counts) = cells.canonical();
    let content: Vec<u8> = counts.iter().flat_map(|count| (*count as u64).to_le_bytes()).collect();
    let mut numbers = Resampler::new(seed, "bca", &content);
    let examples: Vec<usize> =
        order.iter().zip(&counts).flat_map(|(&cell, &count)| std::iter::repeat_n(cell, count)).collect();
    let mut drawn = vec![0; cells.counts().len()];
    let resampled: Vec<f64> = (0..BCA_RESAMPLES)
        .map(|_| {
            drawn.fill(0);
            for _ in 0..n {
                drawn[examples[numbers.below(n)]] += 1;
            }
            metric(&drawn)
        })
        .collect();
    let jackknife: Vec<f64> = leave_one_out(cells, &metric)
        .into_iter()
        .zip(cells.counts())
        .flat_map(|(value, &count)| std::iter::repeat_n(value, count))
        .collect();
    bca_interval(metric(cells.counts()), resampled, &jackknife, level)
}

/// The BCa interval from an `estimate`, its values on the resamples, and its values with each example left out; none where
/// the resamples are all equal.
///
/// z0 = Φ⁻¹(share of resamples below the estimate, ties counted half); with j the jackknife values around their mean,
/// a = Σ (j̄ - j)³ / 6 (Σ (j̄ - j)²)^1.5; the ends are the Φ(z0 + (z0 + z) / (1 - a (z0 + z))) quantiles of the resamples
/// for z = ∓ the normal quantile, interpolated linearly.
pub fn bca_interval(estimate: f64, mut resampled: Vec<f64>, jackknife: &[f64], level: f64) -> Option<Interval> {
    resampled.sort_unstable_by(f64::total_cmp);
    if resampled.first()? == resampled.last()? {
        return None;
    }
    let below = resampled.partition_point(|value| *value < estimate);
    let up_to = resampled.partition_point(|value| *value <= estimate);
    let bias = normal_quantile((below + up_to) as f64 / (2 * resampled.len()) as f64);
    let acceleration = acceleration(jackknife);
    let end = |z: f64| -> f64 {
        let shifted = bias + z;
        // Beyond the pole of the correction, and where every resample lies on one side of the estimate, only an extreme
        // of the resamples is left.
        let stretch = 1.0 - acceleration * shifted;
        let share = if shifted.is_infinite() {
            f64::from(u8::from(shifted > 0.0))
        } else if stretch <= 0.0 {
            f64::from(u8::from(acceleration > 0.0))
        } else {
            normal_cdf(bias + shifted / stretch)
        };
        quantile(&resampled, share)
    };
    let z = normal_quantile(0.5 * (1.0 + level));
    Some(Interval { low: end(-z), high: end(z) })
}

fn acceleration(jackknife: &[f64]) -> f64 {
    let mean = jackknife.iter().sum::<f64>() / jackknife.len().max(1) as f64;
    let (mut squares, mut cubes) = (0.0, 0.0);
    for value in jackknife {
        let deviation = mean - value;
        squares += deviation * deviation;
        cubes += deviation * deviation * deviation;
    }
    if squares > 0.0 { cubes / (6.0 * squares.powf(1.5)) } else { 0.0 }
}

/// The quantile of sorted values, linear between order statistics.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let place = share.clamp(0.0, 1.0) * (sorted.len() - 1) as f64;
    let (below, part) = (place.floor() as usize, place.fract());
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + part * (sorted[above] - sorted[below])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Stream;
    use crate::task::statistics::jackknife::tests::macro_f1;

    #[test]
    fn it_covers_macro_f1_about_as_often_as_it_claims() {
        // Two balanced labels, right with chance 0.8: the true macro F1 is 0.8.
        let mut stream = Stream::new(31, "bca coverage", &[]);
        for (n, runs, least) in [(64, 400, 0.90), (320, 200, 0.90)] {
            let covered = (0..runs)
                .filter(|&run| {
                    let gold: Vec<usize> = (0..n).map(|i| i % 2).collect();
                    let predicted: Vec<usize> =
                        gold.iter().map(|&g| if stream.uniform() < 0.8 { g } else { 1 - g }).collect();
                    let cells = ConfusionCells::new(&gold, &predicted, 2);
                    bca(&cells, |c| macro_f1(c, 2), 0.95, run).is_some_and(|interval| interval.contains(0.8))
                })
                .count() as f64
                / runs as f64;
            assert!((least..0.99).contains(&covered), "{n}: {covered}");
        }
    }

    #[test]
    fn the_order_of_examples_and_labels_does_not_matter() {
        let mut stream = Stream::new(32, "bca order", &[]);
        for _ in 0..5 {
            let gold: Vec<usize> = (0..90).map(|_| stream.below(3)).collect();
            let predicted: Vec<usize> =
                gold.iter().map(|&g| if stream.below(3) > 0 { g } else { stream.below(3) }).collect();
            let interval = bca(&ConfusionCells::new(&gold, &predicted, 3), |c| macro_f1(c, 3), 0.95, 1);
            let labels = stream.sample(3, 3);
            let order = stream.sample(90, 90);
            let renamed = |row: &[usize]| -> Vec<usize> { order.iter().map(|&e| labels[row[e]]).collect() };
            let cells = ConfusionCells::new(&renamed(&gold), &renamed(&predicted), 3);
            let again = bca(&cells, |c| macro_f1(c, 3), 0.95, 1);
            let (a, b) = (interval.expect("spread"), again.expect("spread"));
            assert!((a.low - b.low).abs() < 1e-12 && (a.high - b.high).abs() < 1e-12, "{a:?} {b:?}");
        }
    }

    #[test]
    fn a_perfect_table_has_no_interval() {
        let gold: Vec<usize> = (0..32).map(|i| i % 2).collect();
        assert_eq!(bca(&ConfusionCells::new(&gold, &gold, 2), |c| macro_f1(c, 2), 0.95, 1), None);
    }
}
