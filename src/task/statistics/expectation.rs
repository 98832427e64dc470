//! The accuracy that the margins of few examples lead one to expect.

use super::normal_cdf;

/// The accuracy that normal margins would have: with μ(y) the mean margin of the examples with label y and σ² the variance
/// around these means over all labels, the mean over examples of Φ(μ(y) / σ). With one example a label σ is the root mean
/// square margin. 0 without any example.
///
/// `examples` gives each example's margin, in any unit, and the index of its gold label, below `n_labels`. Among few
/// examples it orders prompts where accuracy ties; unlike the mean margin it does not change when all margins of a prompt
/// are multiplied, and it sees a prompt that favours one label.
///
/// Source: the plug-in estimate of a linear discriminant's error, McLachlan, Discriminant Analysis and Statistical Pattern
/// Recognition (1992), section 10.5, with the prompt's own threshold.
pub fn expected_accuracy(n_labels: usize, examples: impl Iterator<Item = (f64, usize)>) -> f64 {
    let mut sums = vec![(0.0, 0.0); n_labels];
    let mut squares = 0.0;
    for (margin, label) in examples {
        let (count, sum) = &mut sums[label];
        *count += 1.0;
        *sum += margin;
        squares += margin * margin;
    }
    sums.retain(|(count, _)| *count > 0.0);
    let n: f64 = sums.iter().map(|(count, _)| count).sum();
    let free = n - sums.len() as f64;
    let between: f64 = sums.iter().map(|(count, sum)| sum * sum / count).sum();
    let variance: f64 = if free > 0.0 { (squares - between).max(0.0) / free } else { squares / n };
    // Margins that are all equal leave no doubt on which side they lie; the floor keeps 0 / 0 at one half.
    let deviation = variance.sqrt().max(f64::MIN_POSITIVE);
    sums.iter().map(|(count, sum)| count / n * normal_cdf(sum / count / deviation)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_mean_over_labels_of_the_share_on_the_right_side() {
        // Means 2 and 0 around a variance of 4 / 2.
        let found = expected_accuracy(2, [(1.0, 0), (1.0, 1), (3.0, 0), (-1.0, 1)].into_iter());
        assert!((found - (normal_cdf(2.0 / 2.0f64.sqrt()) + 0.5) / 2.0).abs() < 1e-12);
    }

    #[test]
    fn no_example_expects_nothing_and_equal_margins_are_sure() {
        assert_eq!(expected_accuracy(2, [].into_iter()), 0.0);
        assert_eq!(expected_accuracy(2, [(0.5, 0), (0.5, 0), (0.5, 1), (0.5, 1)].into_iter()), 1.0);
    }
}
