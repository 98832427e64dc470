//! A frozen layer normalisation.

use std::sync::Arc;

use burn::Tensor;
use burn::tensor::module::layer_norm;
use burn::tensor::{TensorData, assert_shape};

use crate::model::kernel::{Normaliser, is_cpu, normalise};
use crate::model::weights::Weights;

/// `(x - mean) / sqrt(variance + epsilon) * gamma + beta` over the last axis (Ba et al., arXiv:1607.06450).
#[derive(Debug, Clone)]
pub struct Norm {
    form: Form,
    d_model: usize,
}

#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "one a layer, beside the weights that it holds")]
enum Form {
    Frozen(Arc<Normaliser>),
    Plain { gamma: Tensor<1>, beta: Tensor<1>, epsilon: f64 },
}

impl Norm {
    /// Takes `<name>.weight` and `<name>.bias`.
    pub fn load(weights: &mut Weights, name: &str, d_model: usize, epsilon: f64) -> Self {
        let mut part =
            |which: &str| weights.numbers(&format!("{name}.{which}"), &[d_model]).unwrap_or_else(|| vec![0.0]);
        let (gamma, beta) = (part("weight"), part("bias"));
        let device = weights.device();
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
        }
    }
}
