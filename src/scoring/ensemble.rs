//! Several prompts' label distributions as one.

use crate::spec::EnsembleKind;

use super::outcome::argmax;
use super::passes::log_sum_exp;

/// Rounds of expectation maximisation for learned weights.
const ROUNDS: usize = 200;

/// How members are put together.
#[derive(Debug, Clone, PartialEq)]
pub struct Ensemble {
    /// How.
    pub kind: EnsembleKind,
    /// The members' weights, which add up to 1; equal ones for a vote.
    pub weights: Vec<f64>,
}

impl Ensemble {
    /// An ensemble of members with these scores on labelled training examples: `[member][example][label]`, in nats.
    ///
    /// Learned weights are those under which the mixture makes the training labels likeliest, found by expectation
    /// maximisation from equal ones: the likelihood of a mixture is concave in its weights.
    pub fn new(kind: EnsembleKind, train: &[Vec<Vec<f64>>], gold: &[usize]) -> Self {
        let n = train.len().max(1);
        let even = vec![1.0 / n as f64; train.len()];
        let weights = match kind {
            EnsembleKind::Uniform | EnsembleKind::Vote => even,
            EnsembleKind::Accuracy => {
                let right = |scores: &Vec<Vec<f64>>| {
                    scores.iter().zip(gold).filter(|(scores, gold)| argmax(scores) == **gold).count() as f64
                };
                let right: Vec<f64> = train.iter().map(right).collect();
                let total: f64 = right.iter().sum();
                if total > 0.0 { right.iter().map(|right| right / total).collect() } else { even }
            }
            EnsembleKind::Learned => learned(train, gold, even),
        };
        Self { kind, weights }
    }

    /// The ensemble's log-probabilities from those of its members: `[member][example][label]` -> `[example][label]`.
    pub fn combine(&self, members: &[Vec<Vec<f64>>]) -> Vec<Vec<f64>> {
        let n_examples = members.first().map_or(0, Vec::len);
        (0..n_examples)
            .map(|example| {
                let n_labels = members[0][example].len();
                let mean = |label: usize| {
                    log_sum_exp(
                        (members.iter().zip(&self.weights))
                            .filter(|(_, weight)| **weight > 0.0)
                            .map(|(scores, weight)| scores[example][label] + weight.ln()),
                    )
                };
                let mixed: Vec<f64> = (0..n_labels).map(mean).collect();
                if self.kind != EnsembleKind::Vote {
                    return mixed;
                }
                // A vote each, and the mean distribution as one more that only decides between equals.
                let mut votes: Vec<f64> = mixed.iter().map(|logprob| 0.999 * logprob.exp()).collect();
                members.iter().for_each(|scores| votes[argmax(&scores[example])] += 1.0);
                let total: f64 = votes.iter().sum();
                votes.into_iter().map(|votes| (votes / total).max(f64::MIN_POSITIVE).ln()).collect()
            })
            .collect()
    }
}

fn learned(train: &[Vec<Vec<f64>>], gold: &[usize], mut weights: Vec<f64>) -> Vec<f64> {
    if gold.is_empty() {
        return weights;
    }
    for _ in 0..ROUNDS {
        let mut next = vec![0.0; weights.len()];
        for (example, &gold) in gold.iter().enumerate() {
            let parts: Vec<f64> =
                train.iter().zip(&weights).map(|(scores, weight)| weight * scores[example][gold].exp()).collect();
            let total: f64 = parts.iter().sum();
            if total > 0.0 {
                next.iter_mut().zip(parts).for_each(|(sum, part)| *sum += part / total);
            }
        }
        let total: f64 = next.iter().sum();
        if total <= 0.0 {
            return weights;
        }
        weights = next.into_iter().map(|weight| weight / total).collect();
    }
    weights
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logs(rows: &[[f64; 2]]) -> Vec<Vec<f64>> {
        rows.iter().map(|row| row.iter().map(|p: &f64| p.ln()).collect()).collect()
    }

    #[test]
    fn uniform_is_the_mean_distribution_and_accuracy_weighs_it() {
        let train = [logs(&[[0.9, 0.1], [0.2, 0.8]]), logs(&[[0.4, 0.6], [0.4, 0.6]])];
        let even = Ensemble::new(EnsembleKind::Uniform, &train, &[0, 1]);
        let mixed = even.combine(&train);
        assert!((mixed[0][0].exp() - 0.65).abs() < 1e-12 && (mixed[1][1].exp() - 0.7).abs() < 1e-12);
        // Two right and one right: 2/3 and 1/3.
        let weighed = Ensemble::new(EnsembleKind::Accuracy, &train, &[0, 1]);
        assert!((weighed.weights[0] - 2.0 / 3.0).abs() < 1e-12);
        assert!((weighed.combine(&train)[0][0].exp() - (0.9 * 2.0 + 0.4) / 3.0).abs() < 1e-12);
    }

    #[test]
    fn learned_weights_are_those_of_the_likeliest_mixture() {
        // Member 1 is right where member 0 is not on a third of the examples: the optimum lies inside.
        let train = [logs(&[[0.9, 0.1], [0.9, 0.1], [0.1, 0.9]]), logs(&[[0.3, 0.7], [0.3, 0.7], [0.8, 0.2]])];
        let gold = [0, 0, 0];
        let learned = Ensemble::new(EnsembleKind::Learned, &train, &gold);
        let likelihood = |w: f64| 2.0 * (0.9 * w + 0.3 * (1.0 - w)).ln() + (0.1 * w + 0.8 * (1.0 - w)).ln();
        let best = (0..=1000).map(|i| f64::from(i) / 1000.0).max_by(|a, b| likelihood(*a).total_cmp(&likelihood(*b)));
        assert!((learned.weights[0] - best.unwrap()).abs() < 2e-3, "{learned:?} {best:?}");
        assert!((learned.weights.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn a_vote_is_won_by_the_majority_and_between_equals_by_the_mean() {
        let members = [logs(&[[0.51, 0.49]]), logs(&[[0.51, 0.49]]), logs(&[[0.01, 0.99]])];
        let vote = Ensemble::new(EnsembleKind::Vote, &members, &[0]);
        assert_eq!(argmax(&vote.combine(&members)[0]), 0);
        assert_eq!(argmax(&Ensemble::new(EnsembleKind::Uniform, &members, &[0]).combine(&members)[0]), 1);
        let two = &members[1..];
        let split = Ensemble::new(EnsembleKind::Vote, two, &[0]).combine(two);
        assert_eq!(argmax(&split[0]), 1);
        assert!((split[0].iter().map(|x| x.exp()).sum::<f64>() - 1.0).abs() < 1e-9);
    }
}
