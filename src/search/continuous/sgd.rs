//! Gradient descent with momentum, in the form of `torch.optim.SGD`.
//!
//! ```text
//! m = momentum m + g + decay x        x = x - lr m
//! ```
//!
//! The first step has no momentum yet. Weight decay is part of the gradient here, not decoupled.

/// The state of the optimiser.
#[derive(Debug, Clone, PartialEq)]
pub struct Sgd {
    momentum: f64,
    weight_decay: f64,
    moving: Vec<f32>,
}

impl Sgd {
    /// An optimiser of `n` numbers.
    pub fn new(n: usize, momentum: f64, weight_decay: f64) -> Self {
        Self { momentum, weight_decay, moving: vec![0.0; n] }
    }

    /// Moves `values` against `gradient`.
    ///
    /// # Panics
    /// If there are not as many of either as the optimiser was made for.
    pub fn step(&mut self, values: &mut [f32], gradient: &[f32], learning_rate: f64) {
        assert!(
            values.len() == self.moving.len() && gradient.len() == self.moving.len(),
            "one gradient for each number"
        );
        let (momentum, decay, rate) = (self.momentum as f32, self.weight_decay as f32, learning_rate as f32);
        for ((value, moving), &g) in values.iter_mut().zip(&mut self.moving).zip(gradient) {
            *moving = *moving * momentum + (g + decay * *value);
            *value -= rate * *moving;
        }
    }

    /// Its numbers, for a checkpoint.
    pub(super) fn state(&self) -> &[f32] {
        &self.moving
    }

    /// Takes up numbers of [`Sgd::state`]; false where there are not as many.
    pub(super) fn restore(&mut self, state: &[f32]) -> bool {
        let fits = state.len() == self.moving.len();
        if fits {
            self.moving.copy_from_slice(state);
        }
        fits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn momentum_carries_on() {
        let mut sgd = Sgd::new(1, 0.5, 0.0);
        let mut values = [1.0];
        sgd.step(&mut values, &[2.0], 0.1);
        assert!((values[0] - 0.8).abs() < 1e-6);
        sgd.step(&mut values, &[0.0], 0.1);
        assert!((values[0] - 0.7).abs() < 1e-6);
    }
}
