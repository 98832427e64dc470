//! What generation reads token by token: a text that goes on, or a decoder that looks at a text.

use burn::tensor::activation;

use crate::model::{Inputs, KeyValues, Memory};

use super::scorer::floats;
use super::{Scorer, ScoringError};

/// The state of a continuation before its first token.
pub(super) struct Written {
    /// What the decoder looks at; nothing where the text itself goes on.
    memory: Option<Memory>,
    /// What is read before the first new token.
    pub(super) begins: Vec<u32>,
    /// How many tokens there is room for.
    pub(super) room: usize,
    /// The token that always comes first.
    pub(super) first: Option<u32>,
    /// The tokens of which one always comes last.
    pub(super) last: Vec<u32>,
}

impl Scorer {
    /// Makes ready to go on with `ids`, or to write what a decoder makes of them.
    ///
    /// # Errors
    /// [`ScoringError::Fill`] for a model that fills masks only, or a text that leaves no room.
    pub(super) fn begin(&self, ids: &[u32]) -> Result<Written, ScoringError> {
        let loaded = self.loaded();
        let shape = loaded.model.shape();
        let limit = shape.max_positions;
        if let Some(model) = loaded.model.seq2seq() {
            if ids.is_empty() || ids.len() > limit {
                return Err(ScoringError::Fill(format!(
                    "the text is {} tokens long, {} has {limit} positions for it",
                    ids.len(),
                    loaded.name
                )));
            }
            let memory = model.encode(&self.inputs_of(&[ids.to_vec()], None));
            // Distances have no end, positions have.
            let room = if self.continues() { usize::MAX } else { limit };
            let (first, last) = (model.first_id(), model.last_ids().to_vec());
            return Ok(Written { memory: Some(memory), begins: vec![model.start_id()], room, first, last });
        }
        let room = limit.saturating_sub(ids.len());
        if ids.is_empty() || room == 0 {
            return Err(ScoringError::Fill(format!(
                "the text is {} tokens long, which leaves nothing to write on {limit} positions of {}",
                ids.len(),
                loaded.name
            )));
        }
        Ok(Written { memory: None, begins: ids.to_vec(), room, first: None, last: Vec::new() })
    }

    pub(super) fn inputs_of(&self, ids: &[Vec<u32>], past: Option<KeyValues>) -> Inputs {
        let length = ids.first().map_or(0, Vec::len);
        Inputs {
            embeddings: self.loaded().model.embed(ids),
            lengths: vec![length; ids.len()],
            predict_positions: vec![vec![length - 1]; ids.len()],
            token_types: None,
            past,
            parents: None,
        }
    }

    /// Reads further tokens of every row and gives the log-probabilities of the next: `[row][token]`.
    pub(super) fn read(
        &self,
        written: &Written,
        ids: &[Vec<u32>],
        past: Option<KeyValues>,
    ) -> Result<(Vec<Vec<f32>>, KeyValues), ScoringError> {
        let model = &self.loaded().model;
        let inputs = self.inputs_of(ids, past);
        let (states, past) = match (model.seq2seq(), &written.memory) {
            (Some(model), Some(memory)) => model.decode(memory, &vec![0; ids.len()], inputs),
            _ => model
                .extend(inputs)
                .ok_or_else(|| ScoringError::Fill(format!("{} does not continue text", self.loaded().name)))?,
        };
        let [n, _, d_model] = states.dims();
        let logprobs = activation::log_softmax(model.logits(states.reshape([n, d_model]), None), 1);
        let vocab_size = logprobs.dims()[1];
        let values = floats(logprobs);
        if values.iter().any(|x| x.is_nan()) {
            return Err(ScoringError::NotFinite { prompt: "the text to go on with".into() });
        }
        Ok((values.chunks(vocab_size).map(<[f32]>::to_vec).collect(), past))
    }
}

impl Written {
    /// The log-probabilities of token `number` of at most `most`, where one of some tokens always stands: it costs nothing there, and
    /// no other comes.
    pub(super) fn forced(&self, mut logprobs: Vec<Vec<f32>>, number: usize, most: usize) -> Vec<Vec<f32>> {
        let forced: &[u32] = if number + 1 == most && !self.last.is_empty() {
            &self.last
        } else if number == 0 {
            self.first.as_slice()
        } else {
            &[]
        };
        if !forced.is_empty() {
            for row in &mut logprobs {
                row.fill(f32::NEG_INFINITY);
                forced.iter().for_each(|&id| row[id as usize] = 0.0);
            }
        }
        logprobs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_always_stands_first_or_last_costs_nothing_and_leaves_no_other_chance() {
        let written = Written { memory: None, begins: vec![0], room: 9, first: Some(2), last: vec![1, 3] };
        let row = || vec![vec![-1f32, -2.0, -3.0, -4.0]];
        let none = f32::NEG_INFINITY;
        assert_eq!(written.forced(row(), 0, 3), [[none, none, 0.0, none]]);
        assert_eq!(written.forced(row(), 1, 3), row());
        assert_eq!(written.forced(row(), 2, 3), [[none, 0.0, none, 0.0]]);
        assert_eq!(written.forced(row(), 0, 1), [[none, 0.0, none, 0.0]], "the end goes before the beginning");
    }
}
