//! The optimisers, one as the other.

use crate::spec::OptimiserKind;

use super::{Adafactor, AdamW, Sgd};

/// An optimiser with its state.
#[derive(Debug, Clone, PartialEq)]
pub enum Optimiser {
    /// See [`AdamW`].
    AdamW(AdamW),
    /// See [`Adafactor`].
    Adafactor(Adafactor),
    /// See [`Sgd`].
    Sgd(Sgd),
}

impl Optimiser {
    /// An optimiser of matrices of these shapes, which lie one after the other.
    pub fn new(kind: OptimiserKind, shapes: &[[usize; 2]], weight_decay: f64) -> Self {
        let n = shapes.iter().map(|[rows, columns]| rows * columns).sum();
        match kind {
            OptimiserKind::AdamW => Self::AdamW(AdamW::new(n, weight_decay)),
            OptimiserKind::Adafactor => Self::Adafactor(Adafactor::new(shapes, weight_decay)),
            OptimiserKind::Sgd { momentum } => Self::Sgd(Sgd::new(n, momentum, weight_decay)),
        }
    }

    /// Moves `values` against `gradient`.
    ///
    /// # Panics
    /// If there are not as many of either as the optimiser was made for.
    pub fn step(&mut self, values: &mut [f32], gradient: &[f32], learning_rate: f64) {
        match self {
            Self::AdamW(of) => of.step(values, gradient, learning_rate),
            Self::Adafactor(of) => of.step(values, gradient, learning_rate),
            Self::Sgd(of) => of.step(values, gradient, learning_rate),
        }
    }

    /// The steps that it counts and its numbers, for a checkpoint.
    pub fn state(&self) -> (u32, Vec<f32>) {
        match self {
            Self::AdamW(of) => of.state(),
            Self::Adafactor(of) => of.state(),
            Self::Sgd(of) => (0, of.state().to_vec()),
        }
    }

    /// Takes up what [`Optimiser::state`] gave; false, and nothing changed, where there are not as many numbers.
    #[must_use]
    pub fn restore(&mut self, step: u32, state: &[f32]) -> bool {
        match self {
            Self::AdamW(of) => of.restore(step, state),
            Self::Adafactor(of) => of.restore(step, state),
            Self::Sgd(of) => of.restore(state),
        }
    }
}

/// The length of a gradient; where it is above `most`, the gradient is made that long
/// (`torch.nn.utils.clip_grad_norm_`).
pub fn clip(gradient: &mut [f32], most: Option<f64>) -> f64 {
    let norm = gradient.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>().sqrt();
    if let Some(most) = most {
        let share = (most / (norm + 1e-6)).min(1.0) as f32;
        if share < 1.0 {
            gradient.iter_mut().for_each(|x| *x *= share);
        }
    }
    norm
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPES: [[usize; 2]; 2] = [[2, 3], [1, 3]];
    const KINDS: [OptimiserKind; 3] =
        [OptimiserKind::AdamW, OptimiserKind::Adafactor, OptimiserKind::Sgd { momentum: 0.9 }];

    #[test]
    fn one_that_was_restored_goes_on_to_the_same_bits() {
        let gradient = |step: usize| -> Vec<f32> { (0..9).map(|x| ((x * 5 + step) % 7) as f32 - 3.0).collect() };
        for kind in KINDS {
            let (mut first, mut values) = (Optimiser::new(kind, &SHAPES, 0.01), vec![0.5; 9]);
            (0..4).for_each(|step| first.step(&mut values, &gradient(step), 0.1));
            let (step, state) = first.state();
            let mut second = Optimiser::new(kind, &SHAPES, 0.01);
            assert!(!second.restore(step, &state[1..]));
            assert!(second.restore(step, &state));
            let mut again = values.clone();
            for step in 4..8 {
                first.step(&mut values, &gradient(step), 0.1);
                second.step(&mut again, &gradient(step), 0.1);
            }
            assert_eq!(values, again, "{kind:?}");
        }
    }

    #[test]
    fn a_gradient_that_is_too_long_is_shortened_and_another_is_not() {
        let mut gradient = [3.0, 4.0];
        assert_eq!((clip(&mut gradient, Some(10.0)), gradient), (5.0, [3.0, 4.0]));
        assert_eq!((clip(&mut gradient, None), gradient), (5.0, [3.0, 4.0]));
        assert_eq!(clip(&mut gradient, Some(1.0)), 5.0);
        assert!((gradient[0] - 0.6).abs() < 1e-6 && (gradient[1] - 0.8).abs() < 1e-6, "{gradient:?}");
    }
}
