//! The scores by which rules order candidates on the first examples of a draw.
//!
//! Besides the field's rules there are two of our own for few examples, where accuracy has few values and many candidates
//! tie at the top. Both still aim at accuracy, and use margins for what right and wrong leave out:
//!
//! - `smooth_accuracy` is the mean of Φ(margin / h) with h = half the candidate's root mean square margin: an example that
//!   is barely right counts a little more than half, one that is barely wrong a little less. It is the accuracy on the
//!   examples moved about a little (a kernel estimate of the share of positive margins), and does not change when a
//!   candidate's margins are all multiplied.
//! - `shrinkage` predicts each candidate's true accuracy from its accuracy, its smooth accuracy and its mean margin in units
//!   of the root mean square, by the best linear predictor: with T the covariance of the three over candidates and N the
//!   part of it that is noise, estimated from how candidates differ from example to example, the weights are
//!   T⁻¹ (T - N) e₁. Where accuracy is mostly noise, what varies less from example to example gets the weight (Kelley's
//!   regression to the mean with several scores; Robinson, Statistical Science 6 (1991) 15).

use super::matrix::Matrix;
use super::options::Rule;
use crate::task::statistics::normal_cdf;

/// h of `smooth_accuracy` in units of the root mean square margin.
const BANDWIDTH: f64 = 0.5;

/// Candidates below which `shrinkage` cannot estimate covariances, and is `smooth_accuracy`.
const FEWEST_FOR_COVARIANCE: usize = 8;

/// The scores of `candidates` by `rule` on the dev examples `order`; more is better.
pub fn scores(rule: Rule, matrix: &Matrix, candidates: &[usize], order: &[u32]) -> Vec<f64> {
    let each = |score: &dyn Fn(usize) -> f64| candidates.iter().map(|&candidate| score(candidate)).collect();
    match rule {
        Rule::Argmax | Rule::Accuracy => each(&|c| mean(order, |e| f64::from(u8::from(matrix.correct(c, e))))),
        Rule::Margin => each(&|c| mean_margin(matrix, c, order)),
        Rule::MeanLogLikelihood => {
            each(&|c| mean(order, |e| f64::from(matrix.logprobs(c, e)[matrix.dev.gold[e] as usize])))
        }
        Rule::MutualInformation => each(&|c| mutual_information(matrix, c, order)),
        Rule::Agreement => agreement(matrix, candidates, order),
        Rule::SmoothAccuracy => each(&|c| mean_of(&smooth_values(matrix, c, order, scale(matrix, c, order)))),
        Rule::Shrinkage => shrinkage(matrix, candidates, order),
    }
}

fn mean(order: &[u32], value: impl Fn(usize) -> f64) -> f64 {
    order.iter().map(|&example| value(example as usize)).sum::<f64>() / order.len().max(1) as f64
}

fn mean_of(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
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

/// The root mean square margin of a candidate.
fn scale(matrix: &Matrix, candidate: usize, order: &[u32]) -> f64 {
    mean(order, |example| matrix.margin(candidate, example).powi(2)).sqrt()
}

/// Φ(margin / h) of each example.
fn smooth_values(matrix: &Matrix, candidate: usize, order: &[u32], scale: f64) -> Vec<f64> {
    order
        .iter()
        .map(|&example| {
            let margin = matrix.margin(candidate, example as usize);
            if scale > 0.0 { normal_cdf(margin / (BANDWIDTH * scale)) } else { 0.5 }
        })
        .collect()
}

const FEATURES: usize = 3;

fn shrinkage(matrix: &Matrix, candidates: &[usize], order: &[u32]) -> Vec<f64> {
    let (k, n) = (candidates.len(), order.len());
    let values: Vec<[Vec<f64>; FEATURES]> = candidates
        .iter()
        .map(|&candidate| {
            let scale = scale(matrix, candidate, order);
            let margin = |&example: &u32| matrix.margin(candidate, example as usize) / scale.max(f64::MIN_POSITIVE);
            [
                order.iter().map(|&e| f64::from(u8::from(matrix.correct(candidate, e as usize)))).collect(),
                smooth_values(matrix, candidate, order, scale),
                order.iter().map(margin).collect(),
            ]
        })
        .collect();
    let means: Vec<[f64; FEATURES]> = values.iter().map(|v| std::array::from_fn(|f| mean_of(&v[f]))).collect();
    let smooth = || means.iter().map(|mean| mean[1]).collect();
    if k < FEWEST_FOR_COVARIANCE || n < 2 {
        return smooth();
    }
    let centre: [f64; FEATURES] = std::array::from_fn(|f| means.iter().map(|mean| mean[f]).sum::<f64>() / k as f64);
    let mut total = [[0.0; FEATURES]; FEATURES];
    let mut noise = [[0.0; FEATURES]; FEATURES];
    for mean in &means {
        for a in 0..FEATURES {
            for b in 0..FEATURES {
                total[a][b] += (mean[a] - centre[a]) * (mean[b] - centre[b]) / (k - 1) as f64;
            }
        }
    }
    // Candidates share the examples: what an example adds to all of them is no noise in their differences.
    for example in 0..n {
        let shared: [f64; FEATURES] =
            std::array::from_fn(|f| values.iter().map(|v| v[f][example]).sum::<f64>() / k as f64 - centre[f]);
        for (value, mean) in values.iter().zip(&means) {
            let rest: [f64; FEATURES] = std::array::from_fn(|f| value[f][example] - mean[f] - shared[f]);
            for a in 0..FEATURES {
                for b in 0..FEATURES {
                    noise[a][b] += rest[a] * rest[b] / ((k - 1) * (n - 1) * n) as f64;
                }
            }
        }
    }
    let signal: [f64; FEATURES] = std::array::from_fn(|f| total[0][f] - noise[0][f]);
    let Some(weights) = solve(total, signal) else {
        return smooth();
    };
    // Weights that would call candidates with more right worse come from noise alone.
    if signal[0] <= 0.0 || weights.iter().zip(&total[0]).map(|(w, t)| w * t).sum::<f64>() <= 0.0 {
        return smooth();
    }
    means
        .iter()
        .map(|mean| (0..FEATURES).map(|f| weights[f] * (mean[f] - centre[f])).sum::<f64>() + centre[0])
        .collect()
}

/// x with (A + a little of its diagonal) x = b, by elimination; none where A has a zero on its diagonal.
fn solve(mut a: [[f64; FEATURES]; FEATURES], mut b: [f64; FEATURES]) -> Option<[f64; FEATURES]> {
    for (place, row) in a.iter_mut().enumerate() {
        row[place] *= 1.0 + 1e-3;
    }
    for pivot in 0..FEATURES {
        if a[pivot][pivot] <= 0.0 {
            return None;
        }
        for row in pivot + 1..FEATURES {
            let factor = a[row][pivot] / a[pivot][pivot];
            for column in pivot..FEATURES {
                a[row][column] -= factor * a[pivot][column];
            }
            b[row] -= factor * b[pivot];
        }
    }
    let mut x = [0.0; FEATURES];
    for row in (0..FEATURES).rev() {
        let known: f64 = (row + 1..FEATURES).map(|column| a[row][column] * x[column]).sum();
        x[row] = (b[row] - known) / a[row][row];
    }
    Some(x)
}
