//! A masked language model with learned positions: what BERT and its relatives have in common.
//!
//! # Decisions
//!
//! - 2026-11: keys and values before the input (`Inputs::past`) are joined before those of the input in every block, all positions
//!   of the input see them, and the input's own positions count on from there. That is what prefix tuning (arXiv 2101.00190) and
//!   P-tuning v2 (arXiv 2110.07602) do to BERT, and what transformers computes for BERT and RoBERTa with `past_key_values` and ids.
//!   Refused: counting the input's positions from 0, which would make a prefix that was trained elsewhere give other numbers.

use std::sync::Arc;

use burn::Tensor;
use burn::tensor::Device;

use super::padding::row_numbers;
use super::{
    EncoderLayer, InputEmbeddings, Linear, MaskedHead, PredictRows, Seen, pack, padding_bias, recomputed, unpack,
};
use crate::model::kernel::{Columns, Segments, Window, is_cpu};
use crate::model::tuning::Weight;
use crate::model::{Inputs, KeyValues, LanguageModel, ModelShape};

/// Embeddings, blocks and head, built by a family.
#[derive(Debug, Clone)]
pub struct MaskedEncoder {
    parts: MaskedEncoderParts,
    device: Device,
    /// Whether the inside of blocks is computed again on the way back.
    recomputes: bool,
}

/// The parts of a [`MaskedEncoder`].
#[derive(Debug, Clone)]
pub struct MaskedEncoderParts {
    /// What the model is, in numbers.
    pub shape: ModelShape,
    /// Word embeddings `[vocab_size, d_model]`.
    pub words: Weight<2>,
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
        let device = parts.words.get().device();
        Self { parts, device, recomputes: false }
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

    fn is_unpadded(&self) -> bool {
        is_cpu(&self.device)
    }

    fn embed(&self, ids: &[Vec<u32>]) -> Tensor<3> {
        embed_rows(&self.parts.words.get(), ids, self.parts.pad_id)
    }

    fn embedding_table(&self) -> Tensor<2> {
        self.parts.words.get()
    }

    fn predict(&self, inputs: Inputs) -> Tensor<3> {
        self.parts.head.transform(self.last_states(inputs))
    }

    fn encode(&self, inputs: Inputs) -> Option<Tensor<3>> {
        Some(self.last_states(inputs))
    }

    fn bound(&self, values: &[Tensor<1>]) -> Option<Arc<dyn LanguageModel>> {
        let mut parts = self.parts.clone();
        parts.words.bind(values);
        parts.embeddings.bind(values);
        parts.projection.iter_mut().for_each(|projection| projection.bind(values));
        parts.layers.iter_mut().for_each(|layer| layer.bind(values));
        parts.head.bind(values);
        Some(Arc::new(Self { parts, device: self.device.clone(), recomputes: false }))
    }

    fn recomputing(&self) -> Option<Arc<dyn LanguageModel>> {
        is_cpu(&self.device).then(|| Arc::new(Self { recomputes: true, ..self.clone() }) as Arc<dyn LanguageModel>)
    }

    fn keys_and_values(&self, inputs: Inputs) -> Option<KeyValues> {
        let [_, seq_length, _] = inputs.embeddings.dims();
        assert!(
            inputs.past.is_none() && inputs.lengths.iter().all(|&length| length == seq_length),
            "no padding, no past"
        );
        let layers = self.parts.layers.iter().zip(self.hidden_states(&inputs));
        Some(KeyValues { layers: layers.map(|(layer, hidden)| layer.attention.keys_and_values(hidden)).collect() })
    }

    fn logits(&self, states: Tensor<2>, rows: Option<&[u32]>) -> Tensor<2> {
        self.parts.head.logits(states, rows)
    }

    fn hidden_states(&self, inputs: &Inputs) -> Vec<Tensor<3>> {
        inputs.check(&self.parts.shape);
        let [_, seq_length, _] = inputs.embeddings.dims();
        let way = self.way(inputs, None);
        let mut states = vec![self.embedded(inputs.clone(), way.segments.is_some())];
        for (number, layer) in self.parts.layers.iter().enumerate() {
            let before = states[number].clone();
            states.push(layer.forward(before, way.seen(inputs.past.as_ref(), number, false), None));
        }
        match way.segments {
            Some(_) => states.into_iter().map(|states| unpack(states, &inputs.lengths, seq_length)).collect(),
            None => states,
        }
    }
}

/// How a batch goes through the blocks.
struct Way {
    /// Hides the padding, where there is any.
    bias: Option<Tensor<4>>,
    /// Where sequences stand one after the other: for all rows, and for those that are read.
    segments: Option<(Columns, Columns)>,
    /// The rows that are read.
    rows: Option<PredictRows>,
}

impl Way {
    /// What block `number` sees besides its input; only the rows that are read ask where it is the `last`.
    fn seen<'a>(&'a self, past: Option<&'a KeyValues>, number: usize, last: bool) -> Seen<'a> {
        let columns = self.segments.as_ref().map(|(all, read)| if last { read } else { all });
        Seen { past: past.map(|past| &past.layers[number]), bias: self.bias.as_ref(), columns }
    }
}

impl MaskedEncoder {
    /// The last block's states at the predict positions.
    ///
    /// # Shapes
    ///
    /// - output: `[batch_size, n_predict, width of the blocks]`
    fn last_states(&self, inputs: Inputs) -> Tensor<3> {
        inputs.check(&self.parts.shape);
        let way = self.way(&inputs, Some(&inputs.predict_positions));
        let (past, batch_size) = (inputs.past.clone(), inputs.lengths.len());
        let mut hidden = self.embedded(inputs, way.segments.is_some());
        let last = self.parts.layers.len() - 1;
        for (number, layer) in self.parts.layers.iter().enumerate() {
            let rows = (number == last).then_some(&way.rows).and_then(Option::as_ref);
            let seen = way.seen(past.as_ref(), number, rows.is_some());
            if self.recomputes {
                let (layer, rows) = (layer.clone(), rows.cloned());
                let (bias, columns) = (seen.bias.cloned(), seen.columns.cloned());
                hidden = recomputed(hidden, seen.past, move |hidden, past| {
                    let seen = Seen { past, bias: bias.as_ref(), columns: columns.as_ref() };
                    layer.forward(hidden, seen, rows.as_ref())
                });
                continue;
            }
            hidden = layer.forward(hidden, seen, rows);
        }
        let [all, n, d_block] = hidden.dims();
        hidden.reshape([batch_size, all * n / batch_size, d_block])
    }

    /// On the CPU sequences stand one after the other, elsewhere they are padded to one length.
    fn way(&self, inputs: &Inputs, read: Option<&[Vec<usize>]>) -> Way {
        let [_, seq_length, _] = inputs.embeddings.dims();
        if is_cpu(&self.device) {
            let segments = Arc::new(Segments::new(&inputs.lengths, None));
            let columns = |asking| Columns { segments: segments.clone(), asking, window: Window::Whole, bias: None };
            return Way {
                bias: None,
                segments: Some((columns(None), columns(read.map(|read| Arc::new(read.to_vec()))))),
                rows: read.map(|read| PredictRows::of_segments(read, &segments, &self.device)),
            };
        }
        Way {
            bias: padding_bias(&inputs.lengths, n_past(inputs), seq_length, &self.device),
            segments: None,
            rows: read.map(|read| PredictRows::new(read, seq_length, &self.device)),
        }
    }

    /// What the first block gets.
    ///
    /// # Shapes
    ///
    /// - output: `[batch_size, seq_length, width of the blocks]`, or `[1, n_rows, width]` where sequences are `packed`
    fn embedded(&self, inputs: Inputs, packed: bool) -> Tensor<3> {
        let first = n_past(&inputs);
        let embedded = self.parts.embeddings.forward(inputs.embeddings, first, inputs.token_types.as_deref());
        let embedded = if packed { pack(embedded, &inputs.lengths) } else { embedded };
        match &self.parts.projection {
            Some(projection) => projection.forward(embedded),
            None => embedded,
        }
    }
}

fn n_past(inputs: &Inputs) -> usize {
    inputs.past.as_ref().map_or(0, KeyValues::n_past)
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
    let rows: Vec<usize> = ids
        .iter()
        .flat_map(|row| {
            let padding = std::iter::repeat_n(&pad_id, seq_length - row.len());
            row.iter().chain(padding).map(|&id| {
                assert!((id as usize) < vocab_size, "token {id} in a vocabulary of {vocab_size}");
                id as usize
            })
        })
        .collect();
    table.clone().select(0, row_numbers(&rows, &table.device())).reshape([ids.len(), seq_length, d_model])
}
