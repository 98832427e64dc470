//! Sequences of token ids and virtual tokens as the model's inputs.
//!
//! # Decisions
//!
//! - 2026-11: the vectors of a batch's soft prompts are put under its looked-up embeddings, and one `select` takes every row from
//!   where it belongs: one operation whatever the number of prompts, differentiable with respect to the vectors, and the same
//!   for batches of hard and soft prompts together. Refused: assigning slices, one operation a sequence.

use std::collections::BTreeMap;

use burn::tensor::{Tensor, TensorData};

use crate::model::{Inputs, KeyValues};
use crate::prompt::Prompt;

use super::Scorer;
use super::scorer::ids_tensor;

/// One sequence of a batch.
pub(super) struct Sequence {
    pub(super) prompt: usize,
    pub(super) example: usize,
    pub(super) pass: usize,
    pub(super) ids: Vec<u32>,
    pub(super) positions: Vec<usize>,
    /// The places of the prompt's virtual tokens, in their order.
    pub(super) soft_at: Vec<usize>,
    /// How many of the prompt's virtual tokens come before the first of them: some where this is the rest of a sequence.
    pub(super) soft_before: usize,
    /// Where what a decoder reads begins, of a model that is asked in one.
    pub(super) decoder_from: Option<usize>,
}

impl Sequence {
    /// A sequence of nothing but tokens, read at `positions`.
    pub(super) fn of_tokens(ids: &[u32], positions: &[usize]) -> Self {
        Self {
            prompt: 0,
            example: 0,
            pass: 0,
            ids: ids.into(),
            positions: positions.into(),
            soft_at: Vec::new(),
            soft_before: 0,
            decoder_from: None,
        }
    }
}

impl Scorer {
    /// A batch as model inputs; `prompt_of` gives a prompt, whose vectors and prefix are put in. All have the same prefix, or none.
    pub(super) fn inputs<'p>(&self, batch: &[Sequence], prompt_of: impl Fn(usize) -> Option<&'p Prompt>) -> Inputs {
        let past = self.past(batch, &prompt_of);
        let mut embeddings = self.embed_tokens(batch, past.as_ref().map_or(0, KeyValues::n_past));
        // The rows of each prompt's virtual tokens among the vectors of the batch.
        let mut places: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        let mut values: Vec<f32> = Vec::new();
        let d_model = self.loaded().model.shape().d_model;
        for sequence in batch.iter().filter(|sequence| !sequence.soft_at.is_empty()) {
            if let Some(prompt) = prompt_of(sequence.prompt)
                && let Some(soft) = &prompt.soft
            {
                places.entry(sequence.prompt).or_insert_with(|| {
                    let row = values.len() / d_model;
                    values.extend(soft.values());
                    self.soft_rows(&prompt.template).into_iter().map(|of_prompt| row + of_prompt).collect()
                });
            }
        }
        if !places.is_empty() {
            let n = values.len() / d_model;
            let table = Tensor::from_data(TensorData::new(values, [n, d_model]), &embeddings.device());
            embeddings = put_vectors(embeddings, table, batch, |prompt, index| places[&prompt][index]);
        }
        Inputs { past, ..model_inputs(embeddings, batch) }
    }

    /// The looked-up embeddings of a batch behind `n_past` positions; what stands in the places of virtual tokens means nothing.
    ///
    /// # Shapes
    /// - output: `[batch_size, seq_length, d_model]`
    pub(super) fn embed_tokens(&self, batch: &[Sequence], n_past: usize) -> Tensor<3> {
        let loaded = self.loaded();
        // Padding is masked out: any token serves where the tokenizer names none.
        let pad = loaded.tokenizer.pad_id().unwrap_or(0);
        let longest = batch.iter().map(|s| s.ids.len()).max().unwrap_or(0);
        let most = loaded.model.shape().max_positions.saturating_sub(n_past);
        let longest = longest.next_multiple_of(self.settings().length_step).min(most);
        // What the encoder and the decoder read may be longer together than what one of them can.
        let longest = longest.max(batch.iter().map(|s| s.ids.len()).max().unwrap_or(0));
        let ids: Vec<Vec<u32>> =
            batch.iter().map(|s| s.ids.iter().copied().chain(std::iter::repeat(pad)).take(longest).collect()).collect();
        loaded.model.embed(&ids)
    }
}

/// Puts vectors in the places of virtual tokens; `row_of` gives the row of `table` of a prompt's virtual token, by its number.
///
/// # Shapes
/// - embeddings, output: `[batch_size, seq_length, d_model]`
/// - table: `[n, d_model]`
pub(super) fn put_vectors(
    embeddings: Tensor<3>,
    table: Tensor<2>,
    batch: &[Sequence],
    row_of: impl Fn(usize, usize) -> usize,
) -> Tensor<3> {
    let [batch_size, seq_length, d_model] = embeddings.dims();
    let n_looked_up = batch_size * seq_length;
    let mut rows: Vec<u32> = (0..n_looked_up as u32).collect();
    for (row, sequence) in batch.iter().enumerate() {
        for (index, place) in sequence.soft_at.iter().enumerate() {
            rows[row * seq_length + place] =
                (n_looked_up + row_of(sequence.prompt, sequence.soft_before + index)) as u32;
        }
    }
    let all = Tensor::cat(vec![embeddings.reshape([n_looked_up, d_model]), table], 0);
    let device = all.device();
    all.select(0, ids_tensor(&rows, &device)).reshape([batch_size, seq_length, d_model])
}

/// Inputs of these embeddings, read where the batch says.
pub(super) fn model_inputs(embeddings: Tensor<3>, batch: &[Sequence]) -> Inputs {
    Inputs {
        embeddings,
        lengths: batch.iter().map(|s| s.ids.len()).collect(),
        predict_positions: batch.iter().map(|s| s.positions.clone()).collect(),
        token_types: None,
        past: None,
        parents: None,
    }
}
