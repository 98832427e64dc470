//! Signs of a prompt that has not learned the task, read from its predictions.

use std::collections::HashMap;

/// The flag `majority_class`: at least 95 % of the predictions are one label, and fewer than 60 % of the examples have it.
///
/// `predicted` and `gold` are label indices of the same examples; without examples there is nothing to flag.
pub fn majority_class(predicted: &[usize], gold: &[usize]) -> bool {
    let mut counts = HashMap::new();
    for label in predicted {
        *counts.entry(*label).or_insert(0_usize) += 1;
    }
    // In whole numbers, so that exactly 95 % and exactly 60 % fall on the stated side.
    counts.iter().any(|(label, count)| {
        let share = gold.iter().filter(|g| *g == label).count();
        100 * count >= 95 * predicted.len() && 100 * share < 60 * gold.len()
    })
}

/// How much better the chosen prompts look on dev than on test: the mean over seeds of dev metric minus test metric. None
/// without seeds, or where the lengths differ.
pub fn optimism_gap(dev: &[f64], test: &[f64]) -> Option<f64> {
    if dev.is_empty() || dev.len() != test.len() {
        return None;
    }
    Some(dev.iter().zip(test).map(|(dev, test)| dev - test).sum::<f64>() / dev.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ninety_five_percent_of_one_label_is_flagged_unless_it_is_common() {
        let gold = |n: usize| -> Vec<usize> { (0..100).map(|i| usize::from(i >= n)).collect() };
        let mut predicted = vec![0; 100];
        assert!(majority_class(&predicted, &gold(59)));
        assert!(!majority_class(&predicted, &gold(60)));
        predicted[..5].fill(1);
        assert!(majority_class(&predicted, &gold(50)));
        predicted[5] = 1;
        assert!(!majority_class(&predicted, &gold(50)));
        assert!(!majority_class(&[], &[]));
    }

    #[test]
    fn the_gap_is_dev_minus_test() {
        let gap = optimism_gap(&[1.0, 0.9], &[0.8, 0.8]).expect("two seeds");
        assert!((gap - 0.15).abs() < 1e-12);
        assert_eq!(optimism_gap(&[], &[]), None);
    }
}
