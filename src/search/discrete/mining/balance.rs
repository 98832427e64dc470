//! How evenly a context goes with the labels.

use std::collections::BTreeMap;

/// The entropy of the rates at which the words of each label have a context, as a share of the most that there could be: 1 where all
/// have it equally often, 0 where one alone has it.
///
/// With c the occurrences of the context with label l, and t all occurrences of the words of l: r = c / t, p = r / sum r,
/// balance = - sum p ln p / ln `n_labels`.
pub(super) fn balance(counts: &BTreeMap<u32, u64>, totals: &BTreeMap<u32, u64>, n_labels: usize) -> f64 {
    let rates: Vec<f64> =
        counts.iter().map(|(label, &n)| n as f64 / totals.get(label).copied().unwrap_or(n).max(1) as f64).collect();
    let sum: f64 = rates.iter().sum();
    let entropy: f64 = rates.iter().map(|rate| rate / sum).map(|share| -share * share.ln()).sum();
    entropy / (n_labels.max(2) as f64).ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_compared_and_not_counts() {
        let totals = BTreeMap::from([(0, 100), (1, 10)]);
        assert!((balance(&BTreeMap::from([(0, 50), (1, 5)]), &totals, 2) - 1.0).abs() < 1e-12);
        assert!(balance(&BTreeMap::from([(0, 5), (1, 5)]), &totals, 2) < 0.5);
        assert_eq!(balance(&BTreeMap::from([(0, 5)]), &totals, 2), 0.0);
        let two_of_four = balance(&BTreeMap::from([(0, 10), (1, 1)]), &totals, 4);
        assert!((two_of_four - 0.5).abs() < 1e-12, "{two_of_four}");
    }
}
