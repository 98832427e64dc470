//! AdamW: Adam (arXiv 1412.6980) with decoupled weight decay (arXiv 1711.05101).
//!
//! With `g` the gradient, `t` the step from 1 and `lr` the learning rate of the step:
//!
//! ```text
//! x = x (1 - lr decay)
//! m = m + (1 - b1) (g - m)          v = b2 v + (1 - b2) g g
//! x = x - lr / (1 - b1^t) * m / (sqrt(v) / sqrt(1 - b2^t) + eps)
//! ```
//!
//! # Decisions
//!
//! - 2026-11: on the host, in f32, in the order of operations of `torch.optim.AdamW`: a prompt has thousands of numbers, not
//!   millions, and a step on the host is the same on every device. Refused: burn's optimisers, which want a module with tracked
//!   parameters.

/// The decay of the mean of gradients.
const BETA_1: f64 = 0.9;
/// The decay of the mean of their squares.
const BETA_2: f64 = 0.999;
/// Keeps the quotient finite.
const EPSILON: f64 = 1e-8;

/// The state of the optimiser.
#[derive(Debug, Clone, PartialEq)]
pub struct AdamW {
    weight_decay: f64,
    step: i32,
    mean: Vec<f32>,
    square: Vec<f32>,
}

impl AdamW {
    /// An optimiser of `n` numbers.
    pub fn new(n: usize, weight_decay: f64) -> Self {
        Self { weight_decay, step: 0, mean: vec![0.0; n], square: vec![0.0; n] }
    }

    /// Moves `values` against `gradient`.
    ///
    /// # Panics
    /// If there are not as many of either as the optimiser was made for.
    pub fn step(&mut self, values: &mut [f32], gradient: &[f32], learning_rate: f64) {
        assert!(values.len() == self.mean.len() && gradient.len() == self.mean.len(), "one gradient for each number");
        self.step = self.step.saturating_add(1);
        let decay = (1.0 - learning_rate * self.weight_decay) as f32;
        let size = (learning_rate / (1.0 - BETA_1.powi(self.step))) as f32;
        let root = (1.0 - BETA_2.powi(self.step)).sqrt() as f32;
        let (toward, keep, add) = ((1.0 - BETA_1) as f32, BETA_2 as f32, (1.0 - BETA_2) as f32);
        let moments = self.mean.iter_mut().zip(&mut self.square);
        for ((value, &g), (mean, square)) in values.iter_mut().zip(gradient).zip(moments) {
            *value *= decay;
            *mean += toward * (g - *mean);
            *square = *square * keep + add * g * g;
            *value -= size * (*mean / (square.sqrt() / root + EPSILON as f32));
        }
    }
}

impl AdamW {
    /// The steps and the means, one after the other, for a checkpoint.
    pub(super) fn state(&self) -> (u32, Vec<f32>) {
        (self.step.unsigned_abs(), self.mean.iter().chain(&self.square).copied().collect())
    }

    /// Takes up what [`AdamW::state`] gave; false where there are not as many numbers.
    pub(super) fn restore(&mut self, step: u32, state: &[f32]) -> bool {
        let n = self.mean.len();
        let fits = state.len() == 2 * n;
        if fits {
            self.step = i32::try_from(step).unwrap_or(i32::MAX);
            self.mean.copy_from_slice(&state[..n]);
            self.square.copy_from_slice(&state[n..]);
        }
        fits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_step_goes_by_the_learning_rate_against_the_sign() {
        let mut values = [1.0, -2.0, 3.0];
        AdamW::new(3, 0.0).step(&mut values, &[0.5, -1e-3, 0.0], 0.1);
        for (found, expected) in values.iter().zip([0.9, -1.9, 3.0]) {
            assert!((found - expected).abs() < 1e-5, "{values:?}");
        }
    }

    #[test]
    fn weight_decay_shrinks_whatever_the_gradient() {
        let mut values = [2.0];
        AdamW::new(1, 0.5).step(&mut values, &[0.0], 0.1);
        assert!((values[0] - 1.9).abs() < 1e-6, "{values:?}");
    }
}
