//! How many examples it takes to tell two prompts apart.

use super::distribution::normal_quantile;

/// The chance of finding the difference that [`examples_to_resolve`] plans for.
pub const POWER: f64 = 0.8;

/// Dev examples at which McNemar's test at 5 %, two-sided, tells two prompts apart with a power of 80 %, if they go on to
/// differ as they did: `b` of `n` examples right by the first alone, `c` by the second alone. None where b = c: then no
/// number is enough.
///
/// With ψ = (b + c) / n, the share of discordant examples, and δ = |b - c| / n:
/// n* = (z(0.975) √ψ + z(0.8) √(ψ - δ²))² / δ², rounded up, and never fewer than hold 5 discordant examples, without which
/// the mid-p test cannot reject.
///
/// Source: Miettinen, Biometrics 24 (1968) 339, in the form of Connor, Biometrics 43 (1987) 207, equation 1.
pub fn examples_to_resolve(b: usize, c: usize, n: usize) -> Option<usize> {
    if b == c || n == 0 {
        return None;
    }
    let discordant = (b + c) as f64 / n as f64;
    let difference = b.abs_diff(c) as f64 / n as f64;
    let by_test = normal_quantile(0.975) * discordant.sqrt();
    let by_power = normal_quantile(POWER) * (discordant - difference * difference).max(0.0).sqrt();
    let needed = ((by_test + by_power) / difference).powi(2);
    Some((needed.max(5.0 / discordant) - 1e-9).ceil() as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::statistics::paired::{binomial_mass, mcnemar_mid_p};

    /// The power of the mid-p test, summed over every outcome.
    fn power(n: usize, first: f64, second: f64) -> f64 {
        let share = first / (first + second);
        (0..=n)
            .map(|m| {
                let found: f64 =
                    (0..=m).filter(|&b| mcnemar_mid_p(b, m - b) <= 0.05).map(|b| binomial_mass(b, m, share)).sum();
                found * binomial_mass(m, n, first + second)
            })
            .sum()
    }

    #[test]
    fn the_number_of_examples_gives_the_power_that_it_promises() {
        for (b, c, n) in [(6, 2, 32), (3, 1, 32), (8, 1, 32), (40, 30, 320), (10, 9, 32)] {
            let needed = examples_to_resolve(b, c, n).expect("b and c differ");
            if needed < 1_000 {
                let reached = power(needed, b as f64 / n as f64, c as f64 / n as f64);
                assert!((0.77..0.86).contains(&reached), "{b} {c} {n}: {needed} examples give {reached}");
            }
        }
    }

    #[test]
    fn equal_counts_are_told_apart_by_no_number() {
        assert_eq!(examples_to_resolve(3, 3, 32), None);
        assert_eq!(examples_to_resolve(0, 0, 32), None);
        assert_eq!(examples_to_resolve(1, 0, 0), None);
        assert_eq!(examples_to_resolve(32, 0, 32), Some(5));
        assert_eq!(examples_to_resolve(6, 2, 32), examples_to_resolve(2, 6, 32));
    }
}
