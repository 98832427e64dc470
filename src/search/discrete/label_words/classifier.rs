//! A linear classifier of states, for ranking words by it (AutoPrompt's label search, arXiv 2010.15980).

/// Strength of the penalty on the weights, which makes the optimum one and finite.
const PENALTY: f64 = 1e-2;
/// Steps of gradient descent.
const STEPS: usize = 400;

/// `p(label | state) = softmax(weights . state + bias)`.
pub(super) struct Classifier {
    /// `[label][d_model]`
    pub(super) weights: Vec<Vec<f32>>,
    /// `[label]`
    pub(super) bias: Vec<f64>,
}

impl Classifier {
    /// Trains one by gradient descent on the mean cross-entropy with a penalty of `1e-2 / 2 |weights|^2`: convex, so that the
    /// start, which is zero, does not matter.
    pub(super) fn train(states: &[Vec<f32>], gold: &[usize], n_labels: usize) -> Self {
        let d_model = states.first().map_or(0, Vec::len);
        let square = |state: &Vec<f32>| state.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>() + 1.0;
        // The loss is at most half as curved as the longest state is long, squared.
        let step = 1.0 / (0.5 * states.iter().map(square).fold(1.0, f64::max) + PENALTY);
        let mut weights = vec![vec![0f64; d_model]; n_labels];
        let mut bias = vec![0f64; n_labels];
        let n = states.len().max(1) as f64;
        for _ in 0..STEPS {
            let mut gradient: Vec<Vec<f64>> =
                weights.iter().map(|row| row.iter().map(|w| PENALTY * w).collect()).collect();
            let mut of_bias = vec![0f64; n_labels];
            for (state, &gold) in states.iter().zip(gold) {
                for (label, p) in probabilities(&weights, &bias, state).into_iter().enumerate() {
                    let error = (p - f64::from(u8::from(label == gold))) / n;
                    of_bias[label] += error;
                    gradient[label].iter_mut().zip(state).for_each(|(sum, &x)| *sum += error * f64::from(x));
                }
            }
            for (row, gradient) in weights.iter_mut().zip(&gradient) {
                row.iter_mut().zip(gradient).for_each(|(w, g)| *w -= step * g);
            }
            bias.iter_mut().zip(&of_bias).for_each(|(b, g)| *b -= step * g);
        }
        Self { weights: weights.into_iter().map(|row| row.into_iter().map(|w| w as f32).collect()).collect(), bias }
    }

    /// `log p(label | token)` from the products of the weights with a token's output embedding: `[label][token]`.
    pub(super) fn of_tokens(&self, products: &[Vec<f32>]) -> Vec<Vec<f64>> {
        let n_tokens = products.first().map_or(0, Vec::len);
        let mut scores = vec![vec![0f64; n_tokens]; products.len()];
        for token in 0..n_tokens {
            let logits: Vec<f64> =
                products.iter().zip(&self.bias).map(|(row, bias)| f64::from(row[token]) + bias).collect();
            let total = crate::scoring::log_sum_exp(logits.iter().copied());
            scores.iter_mut().zip(logits).for_each(|(row, logit)| row[token] = logit - total);
        }
        scores
    }
}

fn probabilities(weights: &[Vec<f64>], bias: &[f64], state: &[f32]) -> Vec<f64> {
    let logits: Vec<f64> = (weights.iter().zip(bias))
        .map(|(row, bias)| row.iter().zip(state).map(|(w, &x)| w * f64::from(x)).sum::<f64>() + bias)
        .collect();
    let total = crate::scoring::log_sum_exp(logits.iter().copied());
    logits.into_iter().map(|logit| (logit - total).exp()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_classifier_separates_what_can_be_separated_and_ranks_tokens_by_their_direction() {
        let states = [vec![2.0, 0.1], vec![1.5, -0.2], vec![-1.0, 0.3], vec![-2.0, 0.0]];
        let classifier = Classifier::train(&states, &[0, 0, 1, 1], 2);
        let products = |embedding: [f32; 2]| -> Vec<f32> {
            classifier.weights.iter().map(|row| row[0] * embedding[0] + row[1] * embedding[1]).collect()
        };
        let tokens = [[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0]].map(products);
        let by_label: Vec<Vec<f32>> = (0..2).map(|label| tokens.iter().map(|token| token[label]).collect()).collect();
        let scores = classifier.of_tokens(&by_label);
        assert!(scores[0][0] > scores[0][2] && scores[0][2] > scores[0][1], "{scores:?}");
        assert!(scores[1][1] > scores[1][2] && scores[1][2] > scores[1][0], "{scores:?}");
        // Every token's labels are a distribution.
        assert!((0..3).all(|token| (scores[0][token].exp() + scores[1][token].exp() - 1.0).abs() < 1e-9));
    }
}
