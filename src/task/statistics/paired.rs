//! Two prompts on the same examples: McNemar's test for accuracy, sign flips for what decomposes over examples.

use super::distribution::t_two_sided;
use crate::seed::Stream;

/// Nonzero differences up to which [`sign_flip`] goes through every pattern of signs.
pub const EXACT_FLIPS: usize = 14;

/// Random patterns of signs that [`sign_flip`] draws beyond [`EXACT_FLIPS`].
pub const FLIP_DRAWS: usize = 10_000;

/// The exact McNemar mid-p value, two-sided, of `b` examples that only the first prompt has right and `c` that only the
/// second has.
///
/// With X binomial(b + c, 1/2) and x = min(b, c): p = 2 P(X <= x) - P(X = x). Without discordant examples it is 1.
/// Where the exact p spends far less than its 5 % on few discordant pairs, the mid-p spends close to all of it: at 32
/// examples its level is at most 4.8 %, whatever the share of discordant pairs, though given their number it can be 7 %. The
/// least number of discordant examples with p < 0.05 is 5, all one way.
///
/// Source: Fagerland, Lydersen and Laake, BMC Medical Research Methodology 13 (2013) 91.
pub fn mcnemar_mid_p(b: usize, c: usize) -> f64 {
    let m = b + c;
    if m == 0 || b == c {
        return 1.0;
    }
    let x = b.min(c);
    // Downwards from x each term is the last one times k / (m - k + 1): the ratios sum to P(X <= x) / P(X = x).
    let mut term = 1.0;
    let mut sum = 1.0;
    for k in (1..=x).rev() {
        term *= k as f64 / (m - k + 1) as f64;
        sum += term;
        if term < 1e-18 {
            break;
        }
    }
    (binomial_mass(x, m, 0.5) * (2.0 * sum - 1.0)).min(1.0)
}

/// A p-value of `b` against `c` discordant examples that may be read at any time, also at one that the results chose: the
/// inverse of the e-value ∫ θ^b (1 - θ)^c dθ / 2^-(b + c) = 2^m / ((m + 1) (m over b)), m = b + c, two-sided, at most 1.
///
/// Under the null each discordant example falls to either side with chance 1/2, so the e-value is a martingale from 1 and
/// ever reaches 1/p with chance p at most (Ville). The price beside [`mcnemar_mid_p`] is about a factor of √m in p.
///
/// Source: Robbins, Annals of Mathematical Statistics 41 (1970) 1397, with a uniform mixture.
pub fn anytime_sign(b: usize, c: usize) -> f64 {
    ((b + c + 1) as f64 * binomial_mass(b.min(c), b + c, 0.5)).min(1.0)
}

/// P(X = x) for X binomial(n, p).
pub(crate) fn binomial_mass(x: usize, n: usize, p: f64) -> f64 {
    if p <= 0.0 || p >= 1.0 {
        return f64::from(u8::from(x == if p <= 0.0 { 0 } else { n }));
    }
    // The product runs over the shorter side and takes the powers of p and 1 - p along, so that nothing overflows.
    let (x, p) = if 2 * x > n { (n - x, 1.0 - p) } else { (x, p) };
    let rest = n - x;
    let mut mass = 1.0;
    let mut left = rest;
    for k in 1..=x {
        mass *= (rest + k) as f64 / k as f64 * p;
        while mass > 1.0 && left > 0 {
            mass *= 1.0 - p;
            left -= 1;
        }
    }
    mass * (1.0 - p).powi(left as i32)
}

/// The sign-flip permutation test of paired differences, two-sided: the chance that the sum, with every difference's sign
/// drawn at random, lies as far from 0 as the observed one.
///
/// Exact over all 2^m patterns for m <= [`EXACT_FLIPS`] nonzero differences; else from [`FLIP_DRAWS`] draws with the
/// observed pattern counted among them, (1 + hits) / (1 + draws), which keeps the level. The draws are keyed by `seed` and
/// by the sizes of the differences, not by their order or signs: permuting examples or swapping the prompts changes
/// nothing. Sums within a relative 1e-12 count as equal. Without nonzero differences it is 1. Differences must be finite.
///
/// Source: Fisher, The Design of Experiments (1935), section 21; Phipson and Smyth, Statistical Applications in Genetics
/// and Molecular Biology 9 (2010) 39, for the +1.
pub fn sign_flip(differences: &[f64], seed: u64) -> f64 {
    let mut nonzero: Vec<f64> = differences.iter().copied().filter(|d| *d != 0.0).collect();
    nonzero.sort_by(|a, b| a.abs().total_cmp(&b.abs()).then(a.total_cmp(b)));
    let sizes: Vec<f64> = nonzero.iter().map(|d| d.abs()).collect();
    let total: f64 = sizes.iter().sum();
    // The larger of the two one-signed sums does not change its rounding when all signs flip.
    let observed = nonzero.iter().sum::<f64>().abs();
    let reached = observed - 1e-12 * total;
    if sizes.is_empty() || reached <= 0.0 {
        return 1.0;
    }
    if sizes.len() <= EXACT_FLIPS {
        return exact_share(&sizes, total, reached);
    }
    let content: Vec<u8> = sizes.iter().flat_map(|size| size.to_le_bytes()).collect();
    let mut stream = Stream::new(seed, "sign flip", &content);
    let sums: Vec<[f64; 256]> = sizes.chunks(8).map(sums_of_signs).collect();
    let mut hits = 0;
    for _ in 0..FLIP_DRAWS {
        let mut negative = 0.0;
        for block in sums.chunks(8) {
            let signs = stream.next_u64().to_le_bytes();
            negative += block.iter().zip(signs).map(|(sums, signs)| sums[usize::from(signs)]).sum::<f64>();
        }
        hits += usize::from((total - 2.0 * negative).abs() >= reached);
    }
    (1 + hits) as f64 / (1 + FLIP_DRAWS) as f64
}

/// For every byte of signs, the sum of those of at most eight sizes whose bit is set: a draw then takes an addition for
/// eight differences.
fn sums_of_signs(sizes: &[f64]) -> [f64; 256] {
    let mut sums = [0.0; 256];
    for bit in 0..8 {
        // Bits beyond the last size add nothing, and may be set.
        let size = sizes.get(bit).copied().unwrap_or(0.0);
        for signs in 1 << bit..2 << bit {
            sums[signs] = sums[signs - (1 << bit)] + size;
        }
    }
    sums
}

/// The share of all patterns of signs whose sum is at least `reached` in size.
fn exact_share(sizes: &[f64], total: f64, reached: f64) -> f64 {
    // A pattern and its opposite have sums of one size, so the last sign can stay as it is.
    let patterns = 1_usize << (sizes.len() - 1);
    let mut hits = 0_usize;
    for pattern in 0..patterns {
        let negative: f64 =
            sizes.iter().enumerate().map(|(bit, size)| if pattern >> bit & 1 == 1 { *size } else { 0.0 }).sum();
        hits += usize::from((total - 2.0 * negative).abs() >= reached);
    }
    hits as f64 / patterns as f64
}

/// Student's t-test of paired differences.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PairedT {
    /// The mean difference.
    pub difference: f64,
    /// Its standard error.
    pub standard_error: f64,
    /// difference / standard_error.
    pub t: f64,
    /// n - 1.
    pub df: f64,
    /// Two-sided p-value.
    pub p: f64,
}

/// The paired t-test of `differences` against a mean of 0; none with fewer than two differences or where all are equal,
/// because then there is no variance to estimate.
///
/// It is used only where permutations cannot resolve what is asked: beyond 10,000 rows, and in large Holm families, whose
/// first threshold lies below what 10,000 draws can show.
///
/// Source: Student, Biometrika 6 (1908) 1.
pub fn paired_t(differences: &[f64]) -> Option<PairedT> {
    let n = differences.len() as f64;
    if differences.len() < 2 {
        return None;
    }
    let difference = differences.iter().sum::<f64>() / n;
    let squares: f64 = differences.iter().map(|d| (d - difference).powi(2)).sum();
    let standard_error = (squares / (n - 1.0) / n).sqrt();
    // Rounding leaves a little variance in equal differences.
    let size = differences.iter().fold(0.0_f64, |size, d| size.max(d.abs()));
    if standard_error <= 1e-14 * size || standard_error == 0.0 {
        return None;
    }
    let t = difference / standard_error;
    Some(PairedT { difference, standard_error, t, df: n - 1.0, p: t_two_sided(t, n - 1.0) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_discordant_examples_are_not_significant_and_five_are() {
        assert!((mcnemar_mid_p(4, 0) - 0.0625).abs() < 1e-15);
        assert!((mcnemar_mid_p(0, 5) - 0.03125).abs() < 1e-15);
        assert_eq!(mcnemar_mid_p(0, 0), 1.0);
        assert_eq!(mcnemar_mid_p(7, 7), 1.0);
    }

    #[test]
    fn the_anytime_p_value_keeps_its_level_when_it_is_watched() {
        let mut stream = Stream::new(8, "anytime", &[]);
        let runs = 2_000;
        let reached = (0..runs)
            .filter(|_| {
                let (mut b, mut c) = (0, 0);
                (0..400).any(|_| {
                    *(if stream.next_u64() & 1 == 1 { &mut b } else { &mut c }) += 1;
                    anytime_sign(b, c) <= 0.05
                })
            })
            .count();
        assert!(reached as f64 / runs as f64 <= 0.05, "{reached}");
        assert!(anytime_sign(10, 0) < 0.011 && anytime_sign(0, 0) == 1.0);
    }

    #[test]
    fn the_mass_sums_to_one_also_where_powers_vanish() {
        for (n, p) in [(10, 0.3), (1821, 0.98), (20_000, 0.5), (5_000, 0.001)] {
            let sum: f64 = (0..=n).map(|x| binomial_mass(x, n, p)).sum();
            assert!((sum - 1.0).abs() < 1e-9, "{n} {p} {sum}");
        }
    }

    /// Not a simulation: the sum over every outcome, for every rate of discordance from nearly tied to independent.
    #[test]
    fn mcnemar_keeps_its_level_at_32_examples_also_when_nearly_tied() {
        let level = |n: usize, discordant: f64| -> f64 {
            (0..=n)
                .map(|m| {
                    let rejected: f64 =
                        (0..=m).filter(|&b| mcnemar_mid_p(b, m - b) <= 0.05).map(|b| binomial_mass(b, m, 0.5)).sum();
                    rejected * binomial_mass(m, n, discordant)
                })
                .sum()
        };
        assert_eq!(level(32, 0.0), 0.0);
        let worst = (1..=50).map(|q| level(32, 0.01 * q as f64)).fold(0.0, f64::max);
        assert!(worst < 0.05, "{worst}");
        assert!(level(32, 0.3) > 0.04);
    }

    #[test]
    fn sign_flips_keep_their_level_at_32_examples_also_when_nearly_tied() {
        for (share, runs) in [(1.0, 300), (0.3, 2_000), (0.1, 2_000)] {
            let mut stream = Stream::new(7, "sign flip level", &[]);
            let rejected = (0..runs)
                .filter(|&run| {
                    let differences: Vec<f64> =
                        (0..32).map(|_| if stream.uniform() < share { stream.normal() } else { 0.0 }).collect();
                    sign_flip(&differences, run) <= 0.05
                })
                .count() as f64
                / runs as f64;
            let error = (0.05 * 0.95 / runs as f64).sqrt();
            assert!(rejected < 0.05 + 3.0 * error, "{share}: {rejected}");
        }
        assert_eq!(sign_flip(&[0.0; 32], 1), 1.0);
    }

    #[test]
    fn order_and_direction_of_the_pairs_do_not_matter() {
        let mut stream = Stream::new(3, "sign flip order", &[]);
        for n in [9, 40] {
            let mut differences: Vec<f64> = (0..n).map(|_| stream.normal() + 0.3).collect();
            let p = sign_flip(&differences, 5);
            stream.shuffle(&mut differences);
            assert_eq!(sign_flip(&differences, 5), p);
            let opposite: Vec<f64> = differences.iter().map(|d| -d).collect();
            assert_eq!(sign_flip(&opposite, 5), p);
        }
    }

    #[test]
    fn draws_agree_with_all_patterns() {
        let differences: Vec<f64> = (0..14).map(|i| 0.1 * (i as f64 - 4.0) + 0.05).collect();
        let exact = sign_flip(&differences, 1);
        // A fifteenth difference that is far too small to matter moves the test to draws.
        let drawn = sign_flip(&[&differences[..], &[1e-13]].concat(), 1);
        assert!((exact - drawn).abs() < 0.02, "{exact} {drawn}");
    }

    #[test]
    fn equal_differences_have_no_t() {
        assert!(paired_t(&[0.1; 10]).is_none());
        assert!(paired_t(&[1.0]).is_none());
        assert!(paired_t(&[1.0, 2.0, 4.0]).is_some_and(|t| t.df == 2.0));
    }
}
