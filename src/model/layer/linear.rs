//! A frozen linear map.

use burn::Tensor;
use burn::tensor::assert_shape;
use burn::tensor::module::linear;

use crate::model::weights::Weights;

/// `output = input x weight + bias`, or without the bias.
#[derive(Debug, Clone)]
pub struct Linear {
    /// `[d_input, d_output]`, row-major.
    weight: Tensor<2>,
    bias: Option<Tensor<1>>,
    d_input: usize,
}

impl Linear {
    /// Takes `<name>.weight` and `<name>.bias`.
    pub fn load(weights: &mut Weights, name: &str, d_input: usize, d_output: usize) -> Self {
        Self::load_with(weights, name, d_input, d_output, true)
    }

    /// Takes `<name>.weight` and, where there is a bias, `<name>.bias`.
    pub fn load_with(weights: &mut Weights, name: &str, d_input: usize, d_output: usize, bias: bool) -> Self {
        Self {
            weight: weights.transposed(&format!("{name}.weight"), [d_output, d_input]),
            bias: bias.then(|| weights.tensor(&format!("{name}.bias"), [d_output])),
            d_input,
        }
    }

    /// Takes `<name>.weight`, which the file stores as it is used (`Conv1D` of GPT-2), and `<name>.bias`.
    pub fn load_upright(weights: &mut Weights, name: &str, d_input: usize, d_output: usize) -> Self {
        Self {
            weight: weights.tensor(&format!("{name}.weight"), [d_input, d_output]),
            bias: Some(weights.tensor(&format!("{name}.bias"), [d_output])),
            d_input,
        }
    }

    /// The maps to `N` equal parts of the output.
    pub fn split<const N: usize>(self) -> [Self; N] {
        std::array::from_fn(|number| Self {
            weight: part(&self.weight, number, N),
            bias: self.bias.as_ref().map(|bias| part(bias, number, N)),
            d_input: self.d_input,
        })
    }

    /// Applies the map.
    ///
    /// # Shapes
    ///
    /// - input: `[batch_size, seq_length, d_input]`
    /// - output: `[batch_size, seq_length, d_output]`
    pub fn forward(&self, input: Tensor<3>) -> Tensor<3> {
        assert_shape!(input, [_, _, self.d_input]);
        linear(input, self.weight.clone(), self.bias.clone())
    }
}

/// Part `number` of `n` along the last axis, with memory of its own, because a product with a view into a wider matrix is slower.
fn part<const D: usize>(tensor: &Tensor<D>, number: usize, n: usize) -> Tensor<D> {
    let width = tensor.dims()[D - 1];
    // The stand-in for a missing tensor has no parts, and is never used: the account is refused.
    let length = (width / n).max(1);
    let view = tensor.clone().narrow(D - 1, (number * length).min(width - length), length);
    Tensor::from_data(view.into_data(), &tensor.device())
}
