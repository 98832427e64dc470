//! From label log-probabilities to the figures that selection and tables use.

use crate::task::{Confusion, Metric};

/// How a prompt did on labelled examples.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The task's metric.
    pub metric: f64,
    /// Mean of the gold label's log-probability minus the best other's, in nats; where there is no other, of its log-probability.
    pub margin: f64,
    /// Mean log-probability of the gold label among the labels, in nats.
    pub log_likelihood: f64,
    /// The predicted label of each example.
    pub predicted: Vec<u16>,
    /// Each example's margin, in nats.
    pub margins: Vec<f32>,
    /// Gold against predicted; nothing counted where the metric is the mean of values, for which there may be thousands of labels.
    pub confusion: Confusion,
    /// Each example's value, where the metric is their mean; else empty.
    pub values: Vec<f64>,
}

impl Outcome {
    /// The outcome of `scores[example][label]` against `gold[example]`.
    ///
    /// # Panics
    /// If the lengths differ, there is no example, or the metric is of what the model writes.
    pub fn of(scores: &[Vec<f64>], gold: &[usize], n_labels: usize, metric: Metric) -> Self {
        let values = scores.iter().zip(gold).filter_map(|(scores, &gold)| metric.value(scores, gold)).collect();
        Self::with_values(scores, gold, n_labels, (metric, values))
    }

    /// [`Outcome::of`] with each example's value of the metric, empty where it is one of counts.
    ///
    /// # Panics
    /// If the lengths differ, or there is no example.
    pub fn with_values(
        scores: &[Vec<f64>],
        gold: &[usize],
        n_labels: usize,
        (metric, values): (Metric, Vec<f64>),
    ) -> Self {
        let n_values = if metric.is_of_values() { gold.len() } else { 0 };
        assert_eq!(values.len(), n_values, "a value for every example where {metric} is their mean");
        assert_eq!(scores.len(), gold.len(), "a gold label for every score");
        assert!(!scores.is_empty(), "an outcome needs at least one example");
        let predicted: Vec<u16> = scores.iter().map(|s| argmax(s) as u16).collect();
        let margins: Vec<f64> = scores.iter().zip(gold).map(|(s, &g)| margin(s, g)).collect();
        let n = gold.len() as f64;
        let pairs = gold.iter().copied().zip(predicted.iter().map(|&p| usize::from(p)));
        let confusion = match metric.is_of_values() {
            true => Confusion::new(0),
            false => Confusion::from_pairs(n_labels, pairs),
        };
        Self {
            metric: match metric.is_of_values() {
                true => values.iter().sum::<f64>() / n,
                false => metric.of(&confusion),
            },
            margin: margins.iter().sum::<f64>() / n,
            log_likelihood: scores.iter().zip(gold).map(|(s, &g)| s[g]).sum::<f64>() / n,
            predicted,
            margins: margins.into_iter().map(|m| m as f32).collect(),
            confusion,
            values,
        }
    }
}

/// The label with the highest score; of equal ones the first in the order of the labels.
pub fn argmax(scores: &[f64]) -> usize {
    let mut best = 0;
    for (label, &score) in scores.iter().enumerate() {
        if score > scores[best] {
            best = label;
        }
    }
    best
}

/// The gold label's log-probability minus the best other's; alone where there is no other.
fn margin(scores: &[f64], gold: usize) -> f64 {
    let other =
        scores.iter().enumerate().filter(|(l, _)| *l != gold).map(|(_, &s)| s).fold(f64::NEG_INFINITY, f64::max);
    if scores.len() < 2 { scores[gold] } else { scores[gold] - other }
}

/// The mutual information between texts and predicted labels, in nats (arXiv 2203.11364): the entropy of the mean label
/// distribution minus the mean entropy. It needs no labels.
///
/// # Panics
/// If there is no text.
pub fn mutual_information(scores: &[Vec<f64>]) -> f64 {
    assert!(!scores.is_empty(), "mutual information needs at least one text");
    let n = scores.len() as f64;
    let entropy = |p: &[f64]| -> f64 { p.iter().filter(|&&p| p > 0.0).map(|&p| -p * p.ln()).sum() };
    let mut mean = vec![0.0; scores[0].len()];
    let mut mean_entropy = 0.0;
    for logprobs in scores {
        let p: Vec<f64> = logprobs.iter().map(|x| x.exp()).collect();
        mean_entropy += entropy(&p) / n;
        for (sum, p) in mean.iter_mut().zip(&p) {
            *sum += p / n;
        }
    }
    entropy(&mean) - mean_entropy
}

/// Each text's part in the mutual information, in nats: KL(p_i || mean p), the Kullback-Leibler divergence of its label
/// distribution from the mean one. Their mean over the texts is [`mutual_information`].
///
/// # Panics
/// If there is no text.
pub fn information_parts(scores: &[Vec<f64>]) -> Vec<f64> {
    assert!(!scores.is_empty(), "mutual information needs at least one text");
    let n = scores.len() as f64;
    let mut mean = vec![0.0; scores[0].len()];
    for logprobs in scores {
        for (sum, logprob) in mean.iter_mut().zip(logprobs) {
            *sum += logprob.exp() / n;
        }
    }
    let divergence = |(logprob, mean): (&f64, &f64)| match logprob.exp() {
        0.0 => 0.0,
        p => p * (logprob - mean.ln()),
    };
    scores.iter().map(|logprobs| logprobs.iter().zip(&mean).map(divergence).sum()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_counts_what_is_right_and_by_how_much() {
        let scores = [vec![-0.1, -2.4], vec![-1.6, -0.2], vec![-0.5, -0.9]];
        let outcome = Outcome::of(&scores, &[0, 1, 1], 2, Metric::Accuracy);
        assert_eq!(outcome.predicted, [0, 1, 0]);
        assert!((outcome.metric - 2.0 / 3.0).abs() < 1e-12);
        assert!((outcome.margin - (2.3 + 1.4 - 0.4) / 3.0).abs() < 1e-12);
        assert!((outcome.log_likelihood - (-0.1 - 0.2 - 0.9) / 3.0).abs() < 1e-12);
    }

    #[test]
    fn a_metric_of_values_is_their_mean_and_a_lone_label_has_its_own_log_probability_as_margin() {
        let scores = [vec![-2.0], vec![-4.0]];
        let outcome = Outcome::of(&scores, &[0, 0], 1, Metric::TargetLogLikelihood);
        assert_eq!((outcome.metric, outcome.margin, outcome.log_likelihood), (-3.0, -3.0, -3.0));
        assert_eq!(outcome.values, [-2.0, -4.0]);
        let outcome = Outcome::with_values(&scores, &[0, 0], 1, (Metric::RougeL, vec![0.25, 0.75]));
        assert_eq!((outcome.metric, outcome.log_likelihood), (0.5, -3.0));
        assert_eq!(Outcome::of(&scores, &[0, 0], 1, Metric::Accuracy).values, Vec::<f64>::new());
    }

    #[test]
    fn equal_scores_predict_the_first_label() {
        assert_eq!(argmax(&[-0.7, -0.7]), 0);
    }

    #[test]
    fn mutual_information_is_ln_2_for_sure_balanced_answers_and_0_for_constant_ones() {
        let sure = [vec![0.0, -200.0], vec![-200.0, 0.0]];
        assert!((mutual_information(&sure) - 2f64.ln()).abs() < 1e-9);
        let constant = [vec![0.3f64.ln(), 0.7f64.ln()], vec![0.3f64.ln(), 0.7f64.ln()]];
        assert!(mutual_information(&constant).abs() < 1e-12);
    }

    #[test]
    fn the_parts_of_mutual_information_have_it_as_their_mean() {
        let logs = |p: [f64; 3]| p.map(f64::ln).to_vec();
        let scores = [logs([0.7, 0.2, 0.1]), logs([0.1, 0.1, 0.8]), logs([0.3, 0.4, 0.3]), vec![0.0, -800.0, -900.0]];
        let parts = information_parts(&scores);
        assert!((parts.iter().sum::<f64>() / 4.0 - mutual_information(&scores)).abs() < 1e-12, "{parts:?}");
        assert!(parts.iter().all(|part| *part >= 0.0), "a divergence is never negative: {parts:?}");
    }
}
