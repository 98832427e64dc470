//! The few distribution functions that the procedures need, in the form in which they need them.

use statrs::distribution::{ChiSquared, Continuous, ContinuousCDF, Normal, StudentsT};
use statrs::function::beta::beta_reg;

/// Φ(x), the standard normal distribution function.
pub fn normal_cdf(x: f64) -> f64 {
    Normal::standard().cdf(x)
}

/// The standard normal quantile; infinite at 0 and 1.
pub(crate) fn normal_quantile(p: f64) -> f64 {
    if p <= 0.0 {
        return f64::NEG_INFINITY;
    }
    if p >= 1.0 {
        return f64::INFINITY;
    }
    let normal = Normal::standard();
    let mut x = normal.inverse_cdf(p);
    // One step of Newton's method: statrs' rational approximation is good to about 1e-10 only.
    let density = normal.pdf(x);
    if density > 1e-300 {
        x -= (normal.cdf(x) - p) / density;
    }
    x
}

/// P(|T| >= |t|) for Student's t with `df` degrees of freedom, which need not be whole.
pub(crate) fn t_two_sided(t: f64, df: f64) -> f64 {
    if t == 0.0 {
        return 1.0;
    }
    if t.is_infinite() {
        return 0.0;
    }
    beta_reg(0.5 * df, 0.5, df / (df + t * t))
}

/// The value that |T| stays below with probability `level`.
pub(crate) fn t_critical(level: f64, df: f64) -> f64 {
    let tail = 0.5 * (1.0 - level);
    let Ok(distribution) = StudentsT::new(0.0, 1.0, df) else {
        return f64::INFINITY;
    };
    let mut x = distribution.inverse_cdf(1.0 - tail);
    for _ in 0..2 {
        let density = distribution.pdf(x);
        if density > 1e-300 {
            x -= (tail - 0.5 * t_two_sided(x, df)) / density;
        }
    }
    x
}

/// The quantile of chi-square with `df` degrees of freedom, for `p` well inside (0, 1).
pub(crate) fn chi_square_quantile(p: f64, df: f64) -> f64 {
    let Ok(distribution) = ChiSquared::new(df) else {
        return f64::NAN;
    };
    let mut x = distribution.inverse_cdf(p);
    // statrs bisects to about 1e-9.
    for _ in 0..2 {
        x -= (distribution.cdf(x) - p) / distribution.pdf(x);
    }
    x
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_undo_distribution_functions() {
        for p in [1e-9, 1e-4, 0.025, 0.3, 0.5, 0.9, 0.975, 0.9999] {
            assert!((normal_cdf(normal_quantile(p)) - p).abs() < 1e-14, "{p}");
        }
        for df in [1.0, 2.0, 2.7, 31.0, 1820.5] {
            for level in [0.5, 0.9, 0.95, 0.999] {
                let p = t_two_sided(t_critical(level, df), df);
                assert!((p - (1.0 - level)).abs() < 1e-13, "{df} {level} {p}");
            }
        }
    }

    #[test]
    fn the_tails_have_their_limits() {
        assert_eq!(normal_quantile(0.0), f64::NEG_INFINITY);
        assert_eq!(t_two_sided(0.0, 3.0), 1.0);
        assert_eq!(t_two_sided(f64::INFINITY, 3.0), 0.0);
    }
}
