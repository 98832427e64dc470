//! The gated feed-forward part of a block.

use burn::Tensor;

use super::{Activation, Linear};

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
    /// Applies it to every position alone.
    ///
    /// # Shapes
    ///
    /// - input: `[batch_size, seq_length, d_model]`
    /// - output: `[batch_size, seq_length, d_model]`
    pub fn forward(&self, input: Tensor<3>) -> Tensor<3> {
        let gate = self.activation.forward(self.gate.forward(input.clone()));
        self.down.forward(gate * self.up.forward(input))
    }
}
