//! A layer normalisation, frozen or tuned.

use std::sync::Arc;

use burn::Tensor;
use burn::tensor::module::layer_norm;
use burn::tensor::{Device, TensorData, assert_shape};

use crate::model::kernel::{Normaliser, is_cpu, normalise};
use crate::model::tuning::{Weight, alike};
use crate::model::weights::Weights;

/// `(x - mean) / sqrt(variance + epsilon) * gamma + beta` over the last axis (Ba et al., arXiv:1607.06450).
#[derive(Debug, Clone)]
pub struct Norm {
    form: Form,
    d_model: usize,
}

#[derive(Debug, Clone)]
enum Form {
    Frozen(Arc<Normaliser>),
    Plain {
        gamma: Tensor<1>,
        beta: Tensor<1>,
        epsilon: f64,
    },
    /// The unit norm is frozen; what follows it may be tracked.
    Tuned {
        unit: Box<Norm>,
        gamma: Weight<1>,
        beta: Weight<1>,
        epsilon: f64,
    },
}

impl Norm {
    /// Takes `<name>.weight` and `<name>.bias`.
    pub fn load(weights: &mut Weights, name: &str, d_model: usize, epsilon: f64) -> Self {
        let mut part =
            |which: &str| weights.numbers(&format!("{name}.{which}"), &[d_model]).unwrap_or_else(|| vec![0.0]);
        let (gamma, beta) = (part("weight"), part("bias"));
        let device = weights.device();
        let tensor =
            |numbers: &[f32]| Tensor::from_data(TensorData::new(numbers.to_vec(), [numbers.len()]), weights.device());
        let held = |which: &str, numbers: &[f32]| weights.held(&format!("{name}.{which}"), tensor(numbers));
        if weights.tuner().is_some() {
            let (gamma, beta) = (held("weight", &gamma), held("bias", &beta));
            if gamma.is_tuned() || beta.is_tuned() {
                let unit = Self::frozen(vec![1.0; d_model], vec![0.0; d_model], epsilon, device);
                return Self { form: Form::Tuned { unit: Box::new(unit), gamma, beta, epsilon }, d_model };
            }
        }
        Self::frozen(gamma, beta, epsilon, device)
    }

    fn frozen(gamma: Vec<f32>, beta: Vec<f32>, epsilon: f64, device: &Device) -> Self {
        let d_model = gamma.len();
        let form = if is_cpu(device) {
            Form::Frozen(Arc::new(Normaliser { gamma, beta: Some(beta), epsilon: epsilon as f32, centred: true }))
        } else {
            let [gamma, beta] = [gamma, beta].map(|numbers| {
                let n = numbers.len();
                Tensor::from_data(TensorData::new(numbers, [n]), device)
            });
            Form::Plain { gamma, beta, epsilon }
        };
        Self { form, d_model }
    }

    /// Takes what is tuned of it from `values`, and is frozen again where they are not tracked.
    pub fn bind(&mut self, values: &[Tensor<1>]) {
        let Form::Tuned { gamma, beta, epsilon, .. } = &mut self.form else { return };
        gamma.bind(values);
        beta.bind(values);
        if !gamma.get().is_autodiff() && !beta.get().is_autodiff() {
            *self = Self::frozen(gamma.numbers(), beta.numbers(), *epsilon, &gamma.get().device());
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
        match &self.form {
            Form::Frozen(frozen) => normalise(input, frozen, self.d_model),
            Form::Plain { gamma, beta, epsilon } => layer_norm(input, gamma.clone(), Some(beta.clone()), *epsilon),
            Form::Tuned { unit, gamma, beta, .. } => {
                let (normed, gamma) = alike(unit.forward(input), gamma.get());
                let (scaled, beta) = alike(normed * gamma.unsqueeze(), beta.get());
                scaled + beta.unsqueeze()
            }
        }
    }
}
