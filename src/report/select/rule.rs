//! The scores by which rules order candidates on the first examples of a draw.
//!
//! Besides the field's rules there are two of our own for few examples, where accuracy has few values and many candidates
//! tie at the top:
//!
//! - `expected_accuracy` reads the accuracy off normal margins, see [`statistics::expected_accuracy`].
//! - `combined` is the mean of the ranks by `expected_accuracy` and by `mean_log_likelihood`.
//!
//! # Decisions
//!
//! 2026-11: runs choose by `expected_accuracy` where the metric is accuracy. Mean test regret at 16 shots, 1,000 draws, standard
//! errors at most .0016, on matrices of builtin:reviews-en with eight label words: 88 of LM-BFF's SST-2 templates on SST-2
//! (400 dev, 1,000 test examples) and 141 of its MR and CR templates on film-reviews (120, 320).
//!
//! | rule | SST-2 | film-reviews |
//! | --- | --- | --- |
//! | `argmax` | .0373 | .0477 |
//! | `accuracy` | .0351 | .0497 |
//! | `margin` | .1004 | .0838 |
//! | `mean_log_likelihood` | .0322 | .0463 |
//! | `mutual_information` | .0821 | .0828 |
//! | `agreement` | .1408 | .0829 |
//! | `expected_accuracy` | .0260 | .0438 |
//! | `combined` | .0292 | .0460 |
//!
//! So the best rule has 70 % and 92 % of arg-max's regret at the same cost; half of it, which was hoped for, is out of reach
//! of what 32 dev examples say. `exact` racing gives the same picks for 87 and 88 % of the evaluations, and successive
//! halving by `mean_log_likelihood` keeps .0331 and .0450 for 26 and 24 %, below arg-max at full cost.
//!
//! Earlier, over 600 draws, `accuracy` first: 44 and 52 label word pairs of LM-BFF on SST-2 .030, .036; three matrices from
//! a latent normal model .034, .028, .016. `expected_accuracy` .027, .028, .034, .027, .015; `mean_log_likelihood` .028,
//! .027, .028, .027, .017; `combined` .026, .027, .030, .025, .015. Not kept: the mean of Φ(margin / h) with h half, one or
//! two root mean squares (between accuracy and `expected_accuracy`), the likelihood at each candidate's best temperature
//! (as the plain one or worse), and the best linear prediction of true accuracy from accuracy, margins and likelihoods
//! with noise and signal covariance estimated from the draw (worse than accuracy on most: 32 examples do not give the
//! weights). `margin` is the worst wherever candidates differ in scale.

use super::matrix::Matrix;
use super::options::Rule;
use crate::task::statistics;

/// The scores of `candidates` by `rule` on the dev examples `order`; more is better.
pub fn scores(rule: Rule, matrix: &Matrix, candidates: &[usize], order: &[u32]) -> Vec<f64> {
    let each = |score: &dyn Fn(usize) -> f64| candidates.iter().map(|&candidate| score(candidate)).collect();
    match rule {
        Rule::Argmax | Rule::Accuracy => each(&|c| mean(order, |e| f64::from(u8::from(matrix.correct(c, e))))),
        Rule::Margin => each(&|c| mean_margin(matrix, c, order)),
        Rule::MeanLogLikelihood => each(&|c| mean_log_likelihood(matrix, c, order)),
        Rule::MutualInformation => each(&|c| mutual_information(matrix, c, order)),
        Rule::Agreement => agreement(matrix, candidates, order),
        Rule::ExpectedAccuracy => each(&|c| expected_accuracy(matrix, c, order)),
        Rule::Combined => {
            let by_likelihood: Vec<f64> = each(&|c| mean_log_likelihood(matrix, c, order));
            let by_margin: Vec<f64> = each(&|c| expected_accuracy(matrix, c, order));
            let ranks = below(&by_likelihood).into_iter().zip(below(&by_margin));
            ranks.map(|(a, b)| (a + b) / (2 * candidates.len()) as f64).collect()
        }
    }
}

fn mean(order: &[u32], value: impl Fn(usize) -> f64) -> f64 {
    order.iter().map(|&example| value(example as usize)).sum::<f64>() / order.len().max(1) as f64
}

/// The mean margin of `candidate` over `order`; 0 where margins are not known.
pub fn mean_margin(matrix: &Matrix, candidate: usize, order: &[u32]) -> f64 {
    mean(order, |example| matrix.margin(candidate, example))
}

/// H(mean p) - mean H(p) in nats: high where a candidate is sure of each example and uses every label.
///
/// Source: Sorensen et al., arXiv 2203.11364.
fn mutual_information(matrix: &Matrix, candidate: usize, order: &[u32]) -> f64 {
    let entropy = |p: f64| if p > 0.0 { -p * p.ln() } else { 0.0 };
    let mut mean = Vec::new();
    let mut conditional = 0.0;
    for &example in order {
        let logprobs = matrix.logprobs(candidate, example as usize);
        mean.resize(logprobs.len(), 0.0);
        let total: f64 = logprobs.iter().map(|&logprob| f64::from(logprob).exp()).sum();
        for (sum, &logprob) in mean.iter_mut().zip(logprobs) {
            let p = f64::from(logprob).exp() / total;
            *sum += p / order.len() as f64;
            conditional += entropy(p) / order.len() as f64;
        }
    }
    mean.into_iter().map(entropy).sum::<f64>() - conditional
}

/// The mean share of the other candidates that predict the same: what most prompts say, without a label.
fn agreement(matrix: &Matrix, candidates: &[usize], order: &[u32]) -> Vec<f64> {
    let others = candidates.len().saturating_sub(1).max(1) as f64;
    let mut scores = vec![0.0; candidates.len()];
    let mut votes = vec![0_usize; matrix.labels.len()];
    for &example in order {
        votes.fill(0);
        for &candidate in candidates {
            votes[matrix.predicted(candidate, example as usize)] += 1;
        }
        for (score, &candidate) in scores.iter_mut().zip(candidates) {
            *score += (votes[matrix.predicted(candidate, example as usize)] - 1) as f64;
        }
    }
    scores.iter().map(|score| score / others / order.len().max(1) as f64).collect()
}

/// The mean log-probability of the gold label among the labels, in nats.
fn mean_log_likelihood(matrix: &Matrix, candidate: usize, order: &[u32]) -> f64 {
    mean(order, |e| f64::from(matrix.logprobs(candidate, e)[matrix.dev.gold[e] as usize]))
}

fn expected_accuracy(matrix: &Matrix, candidate: usize, order: &[u32]) -> f64 {
    let margins = order.iter().map(|&e| {
        let example = e as usize;
        (matrix.margin(candidate, example), matrix.dev.gold[example] as usize)
    });
    statistics::expected_accuracy(matrix.labels.len(), margins)
}

/// For each score the number of lower ones, equal ones counted half.
fn below(scores: &[f64]) -> Vec<f64> {
    let mut sorted = scores.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    scores
        .iter()
        .map(|score| {
            let lower = sorted.partition_point(|other| other < score);
            let up_to = sorted.partition_point(|other| other <= score);
            (lower + up_to) as f64 / 2.0
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::select::matrix::{MatrixBuilder, Needs, Row};
    use crate::task::statistics::normal_cdf;

    /// Candidates by margins on examples whose labels alternate.
    fn matrix(margins: &[&[f32]]) -> Matrix {
        let needs = Needs { margin: true, predicted: true, logprobs: true };
        let mut builder = MatrixBuilder::new(needs, vec!["a".to_owned(), "b".to_owned()]);
        for (candidate, row) in margins.iter().enumerate() {
            for (example, &margin) in row.iter().enumerate() {
                let gold = example % 2;
                let predicted = if margin > 0.0 { gold } else { 1 - gold };
                let mut logprobs = [0.0; 2];
                logprobs[gold] = -(1.0 + (-margin).exp()).ln();
                logprobs[1 - gold] = -(1.0 + margin.exp()).ln();
                builder
                    .push(&Row {
                        candidate: &candidate.to_string(),
                        example: &example.to_string(),
                        split: "dev",
                        label: ["a", "b"][gold],
                        correct: margin > 0.0,
                        predicted: Some(["a", "b"][predicted]),
                        margin: Some(margin),
                        logprobs: &logprobs,
                    })
                    .expect("good");
            }
        }
        builder.finish().expect("complete")
    }

    fn by(rule: Rule, matrix: &Matrix) -> Vec<f64> {
        let order: Vec<u32> = (0..matrix.dev.len() as u32).collect();
        let candidates: Vec<usize> = (0..matrix.candidates.len()).collect();
        scores(rule, matrix, &candidates, &order)
    }

    #[test]
    fn scores_are_what_their_formulas_say() {
        let matrix = matrix(&[&[1.0, 1.0, 3.0, -1.0], &[2.0, 2.0, 2.0, 2.0]]);
        assert_eq!(by(Rule::Accuracy, &matrix), [0.75, 1.0]);
        assert_eq!(by(Rule::Margin, &matrix), [1.0, 2.0]);
        assert_eq!(by(Rule::Agreement, &matrix), [0.75, 0.75]);
        // Means 2 and 0 around a variance of 4 / 2.
        let expected = (normal_cdf(2.0 / 2.0_f64.sqrt()) + 0.5) / 2.0;
        let found = by(Rule::ExpectedAccuracy, &matrix);
        assert!((found[0] - expected).abs() < 1e-12 && found[1] == 1.0, "{found:?}");
        let likelihood = |m: f64| -(1.0 + (-m).exp()).ln();
        let expected = (2.0 * likelihood(1.0) + likelihood(3.0) + likelihood(-1.0)) / 4.0;
        assert!((by(Rule::MeanLogLikelihood, &matrix)[0] - expected).abs() < 1e-6);
        assert_eq!(by(Rule::Combined, &matrix), [0.25, 0.75]);
    }

    #[test]
    fn a_constant_answer_has_no_information_and_expects_one_half() {
        let matrix = matrix(&[&[2.0, -2.0, 2.0, -2.0], &[2.0, 2.0, 2.0, 2.0]]);
        let information = by(Rule::MutualInformation, &matrix);
        assert!(information[0].abs() < 1e-6 && information[1] > 0.2, "{information:?}");
        assert!((by(Rule::ExpectedAccuracy, &matrix)[0] - 0.5).abs() < 1e-12);
    }

    #[test]
    fn multiplying_margins_does_not_change_the_expected_accuracy() {
        let rows: [&[f32]; 2] = [&[0.5, -1.0, 2.0, 0.25], &[2.0, -4.0, 8.0, 1.0]];
        let scores = by(Rule::ExpectedAccuracy, &matrix(&rows));
        assert!((scores[0] - scores[1]).abs() < 1e-6, "{scores:?}");
        assert_eq!(by(Rule::ExpectedAccuracy, &matrix(&[&[0.0; 4]])), [0.5]);
    }
}
