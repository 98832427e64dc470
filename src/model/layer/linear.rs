//! A frozen linear map.

use burn::Tensor;
use burn::tensor::assert_shape;
use burn::tensor::module::linear;

use crate::model::weights::Weights;

/// `output = input x weight + bias`.
#[derive(Debug, Clone)]
pub struct Linear {
    /// `[d_input, d_output]`, row-major.
    weight: Tensor<2>,
    bias: Tensor<1>,
    d_input: usize,
}

impl Linear {
    /// Takes `<name>.weight` and `<name>.bias`.
    pub fn load(weights: &mut Weights, name: &str, d_input: usize, d_output: usize) -> Self {
        Self {
            weight: weights.transposed(&format!("{name}.weight"), [d_output, d_input]),
            bias: weights.tensor(&format!("{name}.bias"), [d_output]),
            d_input,
        }
    }

    /// Applies the map.
    ///
    /// # Shapes
    ///
    /// - input: `[batch_size, seq_length, d_input]`
    /// - output: `[batch_size, seq_length, d_output]`
    pub fn forward(&self, input: Tensor<3>) -> Tensor<3> {
        assert_shape!(input, [_, _, self.d_input]);
        linear(input, self.weight.clone(), Some(self.bias.clone()))
    }
}
