//! A frozen layer normalisation.

use burn::Tensor;
use burn::tensor::assert_shape;
use burn::tensor::module::layer_norm;

use crate::model::weights::Weights;

/// `(x - mean) / sqrt(variance + epsilon) * gamma + beta` over the last axis (Ba et al., arXiv:1607.06450).
#[derive(Debug, Clone)]
pub struct Norm {
    gamma: Tensor<1>,
    beta: Tensor<1>,
    epsilon: f64,
    d_model: usize,
}

impl Norm {
    /// Takes `<name>.weight` and `<name>.bias`.
    pub fn load(weights: &mut Weights, name: &str, d_model: usize, epsilon: f64) -> Self {
        Self {
            gamma: weights.tensor(&format!("{name}.weight"), [d_model]),
            beta: weights.tensor(&format!("{name}.bias"), [d_model]),
            epsilon,
            d_model,
        }
    }

    /// Normalises the last axis.
    ///
    /// # Shapes
    ///
    /// - input: `[batch_size, seq_length, d_model]`
    /// - output: `[batch_size, seq_length, d_model]`
    pub fn forward(&self, input: Tensor<3>) -> Tensor<3> {
        assert_shape!(input, [_, _, self.d_model]);
        layer_norm(input, self.gamma.clone(), Some(self.beta.clone()), self.epsilon)
    }
}
