//! The position-wise feed-forward part of a block.

use burn::Tensor;

use super::{Activation, Linear};
use crate::model::kernel::{FrozenFeedForward, feed_forward};
use crate::model::weights::Weights;

/// `outer(activation(inner(x)))`.
#[derive(Debug, Clone)]
pub struct FeedForward {
    inner: Linear,
    outer: Linear,
    activation: Activation,
}

impl FeedForward {
    /// Takes the maps `[inner, outer]`.
    pub fn load(
        weights: &mut Weights,
        names: [&str; 2],
        d_model: usize,
        d_inner: usize,
        activation: Activation,
    ) -> Self {
        Self {
            inner: Linear::load(weights, names[0], d_model, d_inner),
            outer: Linear::load(weights, names[1], d_inner, d_model),
            activation,
        }
    }

    /// From maps that are loaded already.
    pub fn new(inner: Linear, outer: Linear, activation: Activation) -> Self {
        Self { inner, outer, activation }
    }

    /// Takes what is tuned of it from `values`.
    pub fn bind(&mut self, values: &[Tensor<1>]) {
        self.inner.bind(values);
        self.outer.bind(values);
    }

    /// Applies it to every position alone, on top of `residual`.
    ///
    /// # Shapes
    ///
    /// - input, residual: `[batch_size, seq_length, d_model]`
    /// - output: `[batch_size, seq_length, d_model]`
    pub fn forward(&self, input: Tensor<3>, residual: Option<Tensor<3>>) -> Tensor<3> {
        if let (Some(inner), Some(outer)) = (self.inner.frozen(), self.outer.frozen()) {
            let parts =
                FrozenFeedForward { inner: vec![inner.clone()], outer: outer.clone(), curve: self.activation.curve() };
            return feed_forward(input, &parts, residual);
        }
        let inner = self.activation.forward(self.inner.forward(input));
        match residual {
            Some(residual) => self.outer.add_to(residual, inner),
            None => self.outer.forward(inner),
        }
    }
}
