//! The head of a masked language model: a transform, then a score for each vocabulary entry.

use burn::Tensor;
use burn::tensor::{Int, TensorData, assert_shape};

use super::{Activation, Linear, Norm};
use crate::model::tuning::{Weight, alike};

/// Transform (dense, activation, norm) and decoder.
#[derive(Debug, Clone)]
pub struct MaskedHead {
    /// The transform's map.
    pub dense: Linear,
    /// What follows it.
    pub activation: Activation,
    /// The transform's norm.
    pub norm: Norm,
    /// `[vocab_size, d_model]`: often the word embeddings themselves.
    pub decoder: Weight<2>,
    /// `[vocab_size]`
    pub bias: Weight<1>,
}

impl MaskedHead {
    /// Takes what is tuned of it from `values`.
    pub fn bind(&mut self, values: &[Tensor<1>]) {
        self.dense.bind(values);
        self.norm.bind(values);
        self.decoder.bind(values);
        self.bias.bind(values);
    }

    /// The transform.
    ///
    /// # Shapes
    ///
    /// - states: `[batch_size, n_predict, d_model]`
    /// - output: `[batch_size, n_predict, d_model]`
    pub fn transform(&self, states: Tensor<3>) -> Tensor<3> {
        self.norm.forward(self.activation.forward(self.dense.forward(states)))
    }

    /// Scores of vocabulary entries: of `rows` in their order, or of all.
    ///
    /// # Shapes
    ///
    /// - states: `[n, d_model]`
    /// - output: `[n, rows.len()]` or `[n, vocab_size]`
    pub fn logits(&self, states: Tensor<2>, rows: Option<&[u32]>) -> Tensor<2> {
        let [_, d_model] = self.decoder.dims();
        assert_shape!(states, [_, d_model]);
        let (mut decoder, mut bias) = (self.decoder.get(), self.bias.get());
        if let Some(rows) = rows {
            let rows: Vec<i32> = rows.iter().map(|&row| row as i32).collect();
            let n_rows = rows.len();
            let rows: Tensor<1, Int> = Tensor::from_data(TensorData::new(rows, [n_rows]), &decoder.device());
            (decoder, bias) = (decoder.select(0, rows.clone()), bias.select(0, rows));
        }
        let (states, decoder) = alike(states, decoder);
        let (scores, bias) = alike(states.matmul(decoder.transpose()), bias);
        scores + bias.unsqueeze()
    }
}
