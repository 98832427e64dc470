//! A frozen normalisation by the root mean square.

use std::sync::Arc;

use burn::Tensor;
use burn::tensor::TensorData;

use crate::model::kernel::{Normaliser, is_cpu, normalise};
use crate::model::weights::Weights;

/// `x / sqrt(mean(x^2) + epsilon) * gamma` over the last axis (Zhang and Sennrich, arXiv:1910.07467).
#[derive(Debug, Clone)]
pub struct RmsNorm {
    form: Form,
    width: usize,
}

#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "one a layer, beside the weights that it holds")]
enum Form {
    Frozen(Arc<Normaliser>),
    Plain { gamma: Tensor<1>, epsilon: f64 },
}

impl RmsNorm {
    /// Takes `<name>.weight`. Where it is `centred`, the file holds gamma - 1 (Gemma).
    pub fn load(weights: &mut Weights, name: &str, width: usize, epsilon: f64, centred: bool) -> Self {
        let mut gamma = weights.numbers(&format!("{name}.weight"), &[width]).unwrap_or_else(|| vec![0.0]);
        if centred {
            gamma.iter_mut().for_each(|gamma| *gamma += 1.0);
        }
        let device = weights.device();
        let form = if is_cpu(device) {
            Form::Frozen(Arc::new(Normaliser { gamma, beta: None, epsilon: epsilon as f32, centred: false }))
        } else {
            let n = gamma.len();
            Form::Plain { gamma: Tensor::from_data(TensorData::new(gamma, [n]), device), epsilon }
        };
        Self { form, width }
    }

    /// Normalises the last axis.
    ///
    /// # Shapes
    ///
    /// - input: `[batch_size, seq_length, width]`
    /// - output: that of the input
    pub fn forward(&self, input: Tensor<3>) -> Tensor<3> {
        assert_eq!(input.dims()[2], self.width, "states of another width than the norm's");
        match &self.form {
            Form::Frozen(frozen) => normalise(input, frozen, self.width),
            Form::Plain { gamma, epsilon } => plain(input, gamma, *epsilon),
        }
    }

    /// Normalises the first `n_heads` heads of every row, each alone, and leaves the rest of the row.
    ///
    /// # Shapes
    ///
    /// - input: `[batch_size, seq_length, at least n_heads * width]`
    /// - output: that of the input
    pub fn forward_heads(&self, input: Tensor<3>, n_heads: usize) -> Tensor<3> {
        match &self.form {
            Form::Frozen(frozen) => normalise(input, frozen, n_heads * self.width),
            Form::Plain { gamma, epsilon } => {
                let [batch_size, seq_length, all] = input.dims();
                assert_eq!(all, n_heads * self.width, "heads that are apart");
                let heads: Tensor<4> = input.reshape([batch_size, seq_length, n_heads, self.width]);
                plain(heads, gamma, *epsilon).reshape([batch_size, seq_length, all])
            }
        }
    }
}

fn plain<const D: usize>(input: Tensor<D>, gamma: &Tensor<1>, epsilon: f64) -> Tensor<D> {
    let scale = (input.clone().square().mean_dim(D - 1) + epsilon).sqrt().recip();
    input * scale * gamma.clone().unsqueeze()
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    #[test]
    fn the_root_mean_square_becomes_one_in_both_forms() {
        let device = Device::flex();
        let normaliser = Normaliser { gamma: vec![1.0; 4], beta: None, epsilon: 1e-12, centred: false };
        for form in
            [Form::Frozen(Arc::new(normaliser)), Form::Plain { gamma: Tensor::ones([4], &device), epsilon: 1e-12 }]
        {
            let norm = RmsNorm { form, width: 4 };
            let numbers = vec![1f32, 2.0, 3.0, 4.0, 0.0, 0.0, -5.0, 0.0];
            for output in [
                norm.forward(Tensor::from_data(TensorData::new(numbers.clone(), [1, 2, 4]), &device)),
                norm.forward_heads(Tensor::from_data(TensorData::new(numbers, [1, 1, 8]), &device), 2),
            ] {
                let squares = output.reshape([2, 4]).square().mean_dim(1).into_data().try_into_vec::<f32>().unwrap();
                assert!(squares.iter().all(|square| (square - 1.0).abs() < 1e-5), "{squares:?}");
            }
        }
    }
}
