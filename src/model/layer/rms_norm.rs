//! A normalisation, frozen or tuned, by the root mean square.

use std::sync::Arc;

use burn::Tensor;
use burn::tensor::{Device, TensorData};

use crate::model::kernel::{Normaliser, is_cpu, normalise};
use crate::model::tuning::{Weight, alike};
use crate::model::weights::Weights;

/// `x / sqrt(mean(x^2) + epsilon) * gamma` over the last axis (Zhang and Sennrich, arXiv:1910.07467).
#[derive(Debug, Clone)]
pub struct RmsNorm {
    form: Form,
    width: usize,
}

#[derive(Debug, Clone)]
enum Form {
    Frozen(Arc<Normaliser>),
    Plain {
        gamma: Tensor<1>,
        epsilon: f64,
    },
    /// The unit norm is frozen; gamma, less 1 where it is centred, may be tracked.
    Tuned {
        unit: Box<RmsNorm>,
        gamma: Weight<1>,
        epsilon: f64,
        centred: bool,
    },
}

impl RmsNorm {
    /// Takes `<name>.weight`. Where it is `centred`, the file holds gamma - 1 (Gemma).
    pub fn load(weights: &mut Weights, name: &str, width: usize, epsilon: f64, centred: bool) -> Self {
        let name = format!("{name}.weight");
        let mut gamma = weights.numbers(&name, &[width]).unwrap_or_else(|| vec![0.0]);
        if weights.tuner().is_some_and(|tuner| tuner.tunes(&name)) {
            let n = gamma.len();
            let gamma = weights.held(&name, Tensor::from_data(TensorData::new(gamma, [n]), weights.device()));
            let unit = Box::new(Self::frozen(vec![1.0; width], epsilon, weights.device()));
            return Self { form: Form::Tuned { unit, gamma, epsilon, centred }, width };
        }
        if centred {
            gamma.iter_mut().for_each(|gamma| *gamma += 1.0);
        }
        Self { width, ..Self::frozen(gamma, epsilon, weights.device()) }
    }

    fn frozen(gamma: Vec<f32>, epsilon: f64, device: &Device) -> Self {
        let width = gamma.len();
        let form = if is_cpu(device) {
            Form::Frozen(Arc::new(Normaliser { gamma, beta: None, epsilon: epsilon as f32, centred: false }))
        } else {
            let n = gamma.len();
            Form::Plain { gamma: Tensor::from_data(TensorData::new(gamma, [n]), device), epsilon }
        };
        Self { form, width }
    }

    /// Takes what is tuned of it from `values`, and is frozen again where they are not tracked.
    pub fn bind(&mut self, values: &[Tensor<1>]) {
        let Form::Tuned { gamma, epsilon, centred, .. } = &mut self.form else { return };
        gamma.bind(values);
        if !gamma.get().is_autodiff() {
            let shift = if *centred { 1.0 } else { 0.0 };
            let numbers = gamma.numbers().into_iter().map(|number| number + shift).collect();
            *self = Self::frozen(numbers, *epsilon, &gamma.get().device());
        }
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
            Form::Tuned { unit, gamma, centred, .. } => stretched(unit.forward(input), gamma, *centred, 1),
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
            Form::Tuned { unit, gamma, centred, .. } => {
                stretched(unit.forward_heads(input, n_heads), gamma, *centred, n_heads)
            }
        }
    }
}

/// The first `n_heads` parts of every row times gamma, and the rest as it is.
fn stretched(rows: Tensor<3>, gamma: &Weight<1>, centred: bool, n_heads: usize) -> Tensor<3> {
    let [_, _, width] = rows.dims();
    let gamma = if centred { gamma.get() + 1.0 } else { gamma.get() };
    let [d_head] = gamma.dims();
    let mut factors = vec![gamma; n_heads];
    if width > n_heads * d_head {
        let (_, ones) =
            alike(factors[0].clone(), Tensor::<1>::ones([width - n_heads * d_head], &rows.device().inner()));
        factors.push(ones);
    }
    let (rows, factors) = alike(rows, Tensor::cat(factors, 0));
    rows * factors.unsqueeze()
}

fn plain<const D: usize>(input: Tensor<D>, gamma: &Tensor<1>, epsilon: f64) -> Tensor<D> {
    let scale = (input.clone().square().mean_dim(D - 1) + epsilon).sqrt().recip();
    input * scale * gamma.clone().unsqueeze()
}

#[cfg(test)]
mod tests {
    use super::*;

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
