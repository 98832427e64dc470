//! Several tests at once.

/// Holm's adjusted p-values, in the order of `p`: rejecting where the adjusted value is at most α keeps the chance of any
/// false rejection in the family at α, whatever the dependence.
///
/// With p sorted, adjusted(j) = max over i <= j of min(1, (m - i) p(i)), i from 0: never falling along the sorted
/// p-values. The values must be p-values, in [0, 1].
///
/// Source: Holm, Scandinavian Journal of Statistics 6 (1979) 65.
pub fn holm(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|&a, &b| p[a].total_cmp(&p[b]));
    let mut adjusted = vec![1.0; p.len()];
    let mut largest: f64 = 0.0;
    for (place, &test) in order.iter().enumerate() {
        largest = largest.max(((p.len() - place) as f64 * p[test]).min(1.0));
        adjusted[test] = largest;
    }
    adjusted
}

/// Largest p-value that Holm's procedure rejects at `alpha` in a family of `m` tests, of which `candidates` holds at least
/// every p-value up to `alpha`; none where nothing is rejected. Sorts `candidates`.
///
/// The same rejections as [`holm`], for callers with many families and few small p-values in each.
pub(crate) fn holm_threshold(candidates: &mut [f64], m: usize, alpha: f64) -> Option<f64> {
    candidates.sort_unstable_by(f64::total_cmp);
    let mut threshold = None;
    for (place, &p) in candidates.iter().enumerate() {
        if (m - place) as f64 * p > alpha {
            break;
        }
        threshold = Some(p);
    }
    threshold
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Stream;

    #[test]
    fn adjusted_values_never_fall_and_never_lie_below_the_raw_ones() {
        let p = [0.01, 0.04, 0.03, 0.005, 0.9];
        let adjusted = holm(&p);
        assert_eq!(adjusted[3], 0.025);
        assert_eq!(adjusted[0], 0.04);
        assert_eq!(adjusted[2], 0.09);
        assert_eq!(adjusted[1], 0.09);
        assert_eq!(adjusted[4], 0.9);
        assert!(holm(&[]).is_empty());
    }

    #[test]
    fn the_threshold_rejects_what_the_adjusted_values_reject() {
        let mut stream = Stream::new(2, "holm", &[]);
        for _ in 0..500 {
            let p: Vec<f64> = (0..20).map(|_| (stream.uniform().powi(4) * 200.0).round() / 200.0).collect();
            let mut small: Vec<f64> = p.iter().copied().filter(|&p| p <= 0.05).collect();
            let threshold = holm_threshold(&mut small, p.len(), 0.05);
            for (raw, adjusted) in p.iter().zip(holm(&p)) {
                assert_eq!(adjusted <= 0.05, threshold.is_some_and(|t| *raw <= t), "{p:?}");
            }
        }
    }

    #[test]
    fn any_false_rejection_is_as_rare_as_promised() {
        let mut stream = Stream::new(4, "holm level", &[]);
        let runs = 4_000;
        let wrong = (0..runs)
            .filter(|_| {
                let p: Vec<f64> = (0..10).map(|_| stream.uniform()).collect();
                holm(&p).iter().any(|&p| p <= 0.05)
            })
            .count() as f64;
        assert!((wrong / runs as f64 - 0.049).abs() < 0.011, "{wrong}");
    }
}
