//! A masked language model with learned positions: what BERT and its relatives have in common.

use burn::Tensor;
use burn::tensor::{Device, Int, TensorData};

use super::{EncoderLayer, InputEmbeddings, MaskedHead, PredictRows, padding_bias};
use crate::model::{Inputs, LanguageModel, ModelShape};

/// Embeddings, blocks and head, built by a family.
#[derive(Debug, Clone)]
pub struct MaskedEncoder {
    parts: MaskedEncoderParts,
    device: Device,
}

/// The parts of a [`MaskedEncoder`].
#[derive(Debug, Clone)]
pub struct MaskedEncoderParts {
    /// What the model is, in numbers.
    pub shape: ModelShape,
    /// Word embeddings `[vocab_size, d_model]`.
    pub words: Tensor<2>,
    /// What is added to them.
    pub embeddings: InputEmbeddings,
    /// The blocks, first to last, at least one.
    pub layers: Vec<EncoderLayer>,
    /// The head.
    pub head: MaskedHead,
    /// The id that rows are padded with; its embedding is never seen.
    pub pad_id: u32,
}

impl MaskedEncoder {
    /// From its parts.
    pub fn new(parts: MaskedEncoderParts) -> Self {
        let device = parts.words.device();
        Self { parts, device }
    }
}

impl LanguageModel for MaskedEncoder {
    fn shape(&self) -> &ModelShape {
        &self.parts.shape
    }

    fn device(&self) -> Device {
        self.device.clone()
    }

    fn embed(&self, ids: &[Vec<u32>]) -> Tensor<3> {
        embed_rows(&self.parts.words, ids, self.parts.pad_id)
    }

    fn embedding_table(&self) -> Tensor<2> {
        self.parts.words.clone()
    }

    fn predict(&self, inputs: Inputs) -> Tensor<3> {
        inputs.check(&self.parts.shape);
        let [_, seq_length, _] = inputs.embeddings.dims();
        let bias = padding_bias(&inputs.lengths, seq_length, &self.device);
        let rows = PredictRows::new(&inputs.predict_positions, seq_length, &self.device);
        let mut hidden = self.parts.embeddings.forward(inputs.embeddings, inputs.token_types.as_deref());
        let last = self.parts.layers.len() - 1;
        for (number, layer) in self.parts.layers.iter().enumerate() {
            hidden = layer.forward(hidden, bias.clone(), (number == last).then_some(&rows));
        }
        self.parts.head.transform(hidden)
    }

    fn logits(&self, states: Tensor<2>, rows: Option<&[u32]>) -> Tensor<2> {
        self.parts.head.logits(states, rows)
    }

    fn hidden_states(&self, inputs: &Inputs) -> Vec<Tensor<3>> {
        inputs.check(&self.parts.shape);
        let [_, seq_length, _] = inputs.embeddings.dims();
        let bias = padding_bias(&inputs.lengths, seq_length, &self.device);
        let embedded = self.parts.embeddings.forward(inputs.embeddings.clone(), inputs.token_types.as_deref());
        let mut states = vec![embedded];
        for layer in &self.parts.layers {
            let next = layer.forward(states[states.len() - 1].clone(), bias.clone(), None);
            states.push(next);
        }
        states
    }
}

/// Looks up rows of a table, padded to the longest.
///
/// # Shapes
///
/// - table: `[vocab_size, d_model]`
/// - output: `[batch_size, seq_length, d_model]`
///
/// # Panics
///
/// Panics if there is no row, or an id outside the table.
pub fn embed_rows(table: &Tensor<2>, ids: &[Vec<u32>], pad_id: u32) -> Tensor<3> {
    let [vocab_size, d_model] = table.dims();
    let seq_length = ids.iter().map(Vec::len).max().unwrap_or(0);
    assert!(seq_length > 0, "nothing to embed");
    let flat: Vec<i32> = ids
        .iter()
        .flat_map(|row| {
            let padding = std::iter::repeat_n(&pad_id, seq_length - row.len());
            row.iter().chain(padding).map(|&id| {
                assert!((id as usize) < vocab_size, "token {id} in a vocabulary of {vocab_size}");
                id as i32
            })
        })
        .collect();
    let flat: Tensor<1, Int> = Tensor::from_data(TensorData::new(flat, [ids.len() * seq_length]), &table.device());
    table.clone().select(0, flat).reshape([ids.len(), seq_length, d_model])
}
