//! An interval, and Wilson's for a proportion.

use super::distribution::normal_quantile;

/// A closed interval of a statistic, in the statistic's own unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

impl Interval {
    /// Whether `value` lies in the interval, ends included.
    pub fn contains(&self, value: f64) -> bool {
        self.low <= value && value <= self.high
    }

    /// `high - low`.
    pub fn width(&self) -> f64 {
        self.high - self.low
    }
}

/// Wilson's score interval for a proportion of `successes` among `n`, at `level` (0.95 for 95 %).
///
/// With p = successes / n and z the normal quantile of (1 + level) / 2, the ends are
/// (p + z²/2n ± z √(p (1 - p) / n + z²/4n²)) / (1 + z²/n).
/// It holds its level near 0 and 1 and at 32 examples, where p ± z √(p (1 - p) / n) does not.
/// Without any example the interval is [0, 1].
///
/// Source: Wilson, Journal of the American Statistical Association 22 (1927) 209; Brown, Cai and DasGupta, Statistical
/// Science 16 (2001) 101.
///
/// ```
/// use promptmine::task::statistics::wilson;
/// let interval = wilson(32, 32, 0.95);
/// assert!((interval.low - 0.892_8).abs() < 1e-4 && interval.high == 1.0);
/// ```
pub fn wilson(successes: usize, n: usize, level: f64) -> Interval {
    let successes = successes.min(n);
    let z = normal_quantile(0.5 * (1.0 + level));
    if n == 0 || !z.is_finite() {
        return Interval { low: 0.0, high: 1.0 };
    }
    let mut interval = wilson_at(successes as f64 / n as f64, n as f64, z);
    // Exactly 0 and 1, whatever the rounding says.
    if successes == 0 {
        interval.low = 0.0;
    }
    if successes == n {
        interval.high = 1.0;
    }
    interval
}

/// Wilson's interval around the share `p` of `n` examples, which need not be whole, with the quantile `z`.
pub(crate) fn wilson_at(p: f64, n: f64, z: f64) -> Interval {
    let square = z * z / n;
    let centre = (p + 0.5 * square) / (1.0 + square);
    let half = (p * (1.0 - p) * square + 0.25 * square * square).sqrt() / (1.0 + square);
    Interval { low: (centre - half).max(0.0), high: (centre + half).min(1.0) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::statistics::paired::binomial_mass;

    #[test]
    fn no_example_says_nothing_and_all_right_ends_at_one() {
        assert_eq!(wilson(0, 0, 0.95), Interval { low: 0.0, high: 1.0 });
        assert_eq!(wilson(5, 5, 0.95).high, 1.0);
        assert_eq!(wilson(0, 5, 0.95).low, 0.0);
    }

    #[test]
    fn swapping_right_and_wrong_mirrors_the_interval() {
        for n in [1, 7, 32, 320] {
            for x in 0..=n {
                let (a, b) = (wilson(x, n, 0.95), wilson(n - x, n, 0.95));
                assert!((a.low - (1.0 - b.high)).abs() < 1e-12 && (a.high - (1.0 - b.low)).abs() < 1e-12);
                assert!(a.contains(x as f64 / n as f64));
            }
        }
    }

    /// Not a simulation: the sum over every outcome. The interval is made to cover 95 % on average over p, and swings
    /// around it with n and p (Brown, Cai and DasGupta, figure 5).
    #[test]
    fn it_covers_what_it_claims() {
        let coverage = |p: f64, n: usize| -> f64 {
            (0..=n).filter(|&x| wilson(x, n, 0.95).contains(p)).map(|x| binomial_mass(x, n, p)).sum()
        };
        let mut mean = 0.0;
        for p in [0.5, 0.7, 0.9, 0.98] {
            for n in [32, 320, 1821] {
                let covered = coverage(p, n);
                mean += covered / 12.0;
                assert!((0.935..0.985).contains(&covered), "p {p}, n {n}: {covered}");
            }
        }
        assert!((0.945..0.96).contains(&mean), "{mean}");
        let average = (0..200).map(|i| coverage(0.5 + 0.0025 * i as f64, 32)).sum::<f64>() / 200.0;
        assert!((0.945..0.965).contains(&average), "{average}");
    }
}
