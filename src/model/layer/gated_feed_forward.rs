//! The gated feed-forward part of a block.

use burn::Tensor;

use super::{Activation, Linear};
use crate::model::kernel::{FrozenFeedForward, feed_forward};
use crate::model::tuning::alike;

/// `down(activation(gate(x)) * up(x))` (Shazeer, arXiv:2002.05202).
#[derive(Debug, Clone)]
pub struct GatedFeedForward {
    /// To the inner width; the activation follows.
    pub gate: Linear,
    /// To the inner width.
    pub up: Linear,
    /// Back.
    pub down: Linear,
    /// What the gate opens by.
    pub activation: Activation,
}

impl GatedFeedForward {
    /// Takes what is tuned of it from `values`.
    pub fn bind(&mut self, values: &[Tensor<1>]) {
        [&mut self.gate, &mut self.up, &mut self.down].into_iter().for_each(|map| map.bind(values));
    }

    /// Applies it to every position alone, on top of `residual`.
    ///
    /// # Shapes
    ///
    /// - input, residual: `[batch_size, seq_length, d_model]`
    /// - output: `[batch_size, seq_length, d_model]`
    pub fn forward(&self, input: Tensor<3>, residual: Option<Tensor<3>>) -> Tensor<3> {
        if let (Some(gate), Some(up), Some(down)) = (self.gate.frozen(), self.up.frozen(), self.down.frozen()) {
            let parts = FrozenFeedForward {
                inner: vec![gate.clone(), up.clone()],
                outer: down.clone(),
                curve: self.activation.curve(),
            };
            return feed_forward(input, &parts, residual);
        }
        let gate = self.activation.forward(self.gate.forward(input.clone()));
        let (gate, up) = alike(gate, self.up.forward(input));
        let inner = gate * up;
        match residual {
            Some(residual) => self.down.add_to(residual, inner),
            None => self.down.forward(inner),
        }
    }
}
