//! A masked language model with learned positions: what BERT and its relatives have in common.
//!
//! # Decisions
//!
//! - 2026-11: keys and values before the input (`Inputs::past`) are joined before those of the input in every block, all positions
//!   of the input see them, and the input's own positions count on from there. That is what prefix tuning (arXiv 2101.00190) and
//!   P-tuning v2 (arXiv 2110.07602) do to BERT, and what transformers computes for BERT and RoBERTa with `past_key_values` and ids.
//!   Refused: counting the input's positions from 0, which would make a prefix that was trained elsewhere give other numbers.

use burn::Tensor;
use burn::tensor::{Device, Int, TensorData};

use super::{EncoderLayer, InputEmbeddings, Linear, MaskedHead, PredictRows, Seen, padding_bias};
use crate::model::{Inputs, KeyValues, LanguageModel, ModelShape};

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
    /// From the width of the embeddings to that of the blocks, where they differ.
    pub projection: Option<Linear>,
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

    fn key_value_heads(&self) -> (usize, usize) {
        self.parts.layers[0].attention.heads_and_width()
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
        let bias = self.bias(&inputs);
        let rows = PredictRows::new(&inputs.predict_positions, seq_length, &self.device);
        let past = inputs.past.clone();
        let mut hidden = self.embedded(inputs);
        let last = self.parts.layers.len() - 1;
        for (number, layer) in self.parts.layers.iter().enumerate() {
            hidden =
                layer.forward(hidden, seen(past.as_ref(), number, bias.as_ref()), (number == last).then_some(&rows));
        }
        self.parts.head.transform(hidden)
    }

    fn logits(&self, states: Tensor<2>, rows: Option<&[u32]>) -> Tensor<2> {
        self.parts.head.logits(states, rows)
    }

    fn hidden_states(&self, inputs: &Inputs) -> Vec<Tensor<3>> {
        inputs.check(&self.parts.shape);
        let bias = self.bias(inputs);
        let mut states = vec![self.embedded(inputs.clone())];
        for (number, layer) in self.parts.layers.iter().enumerate() {
            let before = states[number].clone();
            states.push(layer.forward(before, seen(inputs.past.as_ref(), number, bias.as_ref()), None));
        }
        states
    }
}

impl MaskedEncoder {
    /// The padding of `inputs`, hidden.
    fn bias(&self, inputs: &Inputs) -> Option<Tensor<4>> {
        let [_, seq_length, _] = inputs.embeddings.dims();
        padding_bias(&inputs.lengths, n_past(inputs), seq_length, &self.device)
    }

    /// What the first block gets.
    ///
    /// # Shapes
    ///
    /// - output: `[batch_size, seq_length, width of the blocks]`
    fn embedded(&self, inputs: Inputs) -> Tensor<3> {
        let first = n_past(&inputs);
        let embedded = self.parts.embeddings.forward(inputs.embeddings, first, inputs.token_types.as_deref());
        match &self.parts.projection {
            Some(projection) => projection.forward(embedded),
            None => embedded,
        }
    }
}

fn n_past(inputs: &Inputs) -> usize {
    inputs.past.as_ref().map_or(0, KeyValues::n_past)
}

/// What block `number` sees besides its input.
fn seen<'a>(past: Option<&'a KeyValues>, number: usize, bias: Option<&'a Tensor<4>>) -> Seen<'a> {
    Seen { past: past.map(|past| &past.layers[number]), bias }
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
