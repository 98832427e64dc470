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

/// What rounding may do to a bound.
const SLACK: f64 = 1e-9;

/// The least and the greatest [`expected_accuracy`] that all examples can have, when the margins of some are known and
/// `to_come[label]` more of each label follow, whatever theirs are.
///
/// With a(y) the mean of the m(y) known margins of a label, q the sum of the known squares around these means over all labels
/// and r(y) to come of n(y), a mean μ(y) needs σ² (n - labels) >= q + m(y) n(y) / r(y) (μ(y) - a(y))²: the margins to come at
/// one value. So (μ(y) / σ)² is at most (n - labels) (a(y)² / q + r(y) / (m(y) n(y))), the first part on the side of a(y)
/// only. Each label is bounded alone, which all of them together may not reach.
///
/// Of two labels of equal size the mean x of μ(y) / σ is bounded too, by Cauchy and Schwarz: x² is at most (n - 2) (a² / q + the sum
/// of r(y) / (4 m(y) n(y))) with a the mean of the a(y); and the mean of Φ(μ(y) / σ) is at most Φ(x) where x is not negative.
pub fn expected_accuracy_bounds(
    n_labels: usize,
    known: impl Iterator<Item = (f64, usize)>,
    to_come: &[usize],
) -> (f64, f64) {
    let mut sums = vec![(0.0, 0.0); n_labels];
    let mut squares = 0.0;
    for (margin, label) in known {
        let (count, sum) = &mut sums[label];
        *count += 1.0;
        *sum += margin;
        squares += margin * margin;
    }
    let labels: Vec<(f64, f64, f64)> = (sums.into_iter().zip(to_come))
        .map(|((count, sum), &to_come)| (count, sum, to_come as f64))
        .filter(|(count, _, to_come)| count + to_come > 0.0)
        .collect();
    let n: f64 = labels.iter().map(|(count, _, to_come)| count + to_come).sum();
    let free = n - labels.len() as f64;
    if free <= 0.0 {
        return (0.0, 1.0);
    }
    let seen = labels.iter().filter(|(count, ..)| *count > 0.0);
    let within = (squares - seen.map(|(count, sum, _)| sum * sum / count).sum::<f64>()).max(0.0);
    let (mut least, mut greatest) = (0.0, 0.0);
    let together = match labels[..] {
        [(a, sum_a, more_a), (b, sum_b, more_b)] if a > 0.0 && b > 0.0 && a + more_a == b + more_b => {
            let mean = (sum_a / a + sum_b / b) / 2.0;
            let own = if mean == 0.0 { 0.0 } else { mean * mean / within };
            let more = (more_a / a + more_b / b) / (4.0 * (a + more_a));
            let reach = |on_its_side: bool| (free * (more + if on_its_side { own } else { 0.0 })).sqrt();
            (normal_cdf(-reach(mean < 0.0)), normal_cdf(reach(mean > 0.0)))
        }
        _ => (0.0, 1.0),
    };
    for (count, sum, to_come) in labels {
        let weight = (count + to_come) / n;
        if count == 0.0 {
            greatest += weight;
            continue;
        }
        let mean = sum / count;
        let own = if mean == 0.0 { 0.0 } else { mean * mean / within };
        let more = to_come / (count * (count + to_come));
        let reach = |on_its_side: bool| (free * (more + if on_its_side { own } else { 0.0 })).sqrt();
        greatest += weight * normal_cdf(reach(mean > 0.0));
        least += weight * normal_cdf(-reach(mean < 0.0));
    }
    ((together.0.max(least) - SLACK).max(0.0), (together.1.min(greatest) + SLACK).min(1.0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_margins_to_come_leave_the_bounds(
            known in prop::collection::vec((-3.0..3.0_f64, 0..3_usize), 1..20),
            more in prop::collection::vec((-1.0..1.0_f64, 0..3_usize), 0..12),
            scale in prop::sample::select(vec![0.0, 0.1, 1.0, 10.0, 1e4]),
        ) {
            let mut to_come = vec![0; 3];
            more.iter().for_each(|(_, label)| to_come[*label] += 1);
            let (least, greatest) = expected_accuracy_bounds(3, known.iter().copied(), &to_come);
            let all = known.iter().copied().chain(more.into_iter().map(|(margin, label)| (margin * scale, label)));
            let found = expected_accuracy(3, all);
            prop_assert!((least..=greatest).contains(&found), "{least} {found} {greatest}");
        }
    }

    proptest! {
        #[test]
        fn nor_do_those_of_two_labels_of_equal_size(
            margins in (1..10_usize).prop_flat_map(|n| prop::collection::vec(prop::collection::vec(-3.0..3.0_f64, n), 2)),
            split in (1..10_usize, 1..10_usize),
            scale in prop::sample::select(vec![0.1, 1.0, 10.0, 1e4]),
            shift in -2.0..2.0_f64,
        ) {
            let n = margins[0].len();
            let kept = [split.0.min(n), split.1.min(n)];
            let known = (0..2).flat_map(|label| margins[label][..kept[label]].iter().map(move |&margin| (margin, label)));
            let more = (0..2).flat_map(|label| margins[label][kept[label]..].iter().map(move |&m| (scale * (m + shift), label)));
            let (least, greatest) = expected_accuracy_bounds(2, known.clone(), &[n - kept[0], n - kept[1]]);
            let found = expected_accuracy(2, known.chain(more));
            prop_assert!((least..=greatest).contains(&found), "{least} {found} {greatest}");
        }
    }

    #[test]
    fn two_labels_together_are_bounded_closer_than_each_alone() {
        // 14 of 16 known in each of two labels: means of 0.3 around squares of about 1.
        let known = (0..28).map(|i| (0.3 + if i % 4 < 2 { 1.0 } else { -1.0 }, i % 2));
        let (least, greatest) = expected_accuracy_bounds(2, known.clone(), &[2, 2]);
        assert!(greatest < 0.72 && least > 0.3, "{least} {greatest}");
        let reached = known.chain((0..4).map(|i| (1.5, i % 2)));
        assert!(expected_accuracy(2, reached) > 0.64);
    }

    #[test]
    fn the_greatest_is_reached_where_one_label_decides() {
        // The margins to come at the value that is best for them: q / (κ a) beyond the mean, κ = 4 x 6 / 2.
        let known = [1.0, 2.0, 0.0, 1.0];
        let (within, mean, kappa) = (2.0, 1.0, 12.0);
        let best = (6.0 * (mean + within / (kappa * mean)) - 4.0) / 2.0;
        let all = known.into_iter().chain([best, best]).map(|margin| (margin, 0));
        let (_, greatest) = expected_accuracy_bounds(1, known.into_iter().map(|margin| (margin, 0)), &[2]);
        let reached = expected_accuracy(1, all);
        assert!(reached <= greatest && greatest - reached < 1e-8, "{reached} {greatest}");
    }

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
