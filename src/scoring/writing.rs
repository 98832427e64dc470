//! What a model writes of examples under a prompt, the likeliest token each time.
//!
//! # Decisions
//!
//! - 2026-11: a text ends with the tokenizer's end of text, with the first of some strings (white space in front of the text aside: a
//!   model may begin on a new line), or at the most tokens that are asked for. What ends it is not part of it, nor is the white space
//!   around it.
//! - 2026-11: writing costs an evaluation an example, whatever is written: what was read is kept, so that a prompt and its text are
//!   passed through the model once, as a prompt with its reference is. `forwards` counts every token's pass, `tokens` all of them.
//! - 2026-11: an input is shortened until the most tokens that may be written fit behind it.
//! - 2026-11: texts of equally many tokens are continued together; of an encoder-decoder any are.

use crate::model::{Inputs, KeyValues, Memory};
use crate::prompt::Prompt;
use crate::task::{Example, Writing};

use super::batch::Sequence;
use super::generate::rows;
use super::scorer::floats;
use super::{AnswerWay, Cost, Scorer, ScoringError};

/// What was written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WrittenTexts {
    /// The text of each example.
    pub texts: Vec<String>,
    /// What they cost.
    pub cost: Cost,
}

/// What is kept of a batch between tokens.
struct Kept {
    past: KeyValues,
    /// What the decoder looks at, and which of its sequences each row looks at.
    memory: Option<(Memory, Vec<usize>)>,
}

impl Scorer {
    /// What the model writes of each example under a prompt.
    ///
    /// # Errors
    /// As [`Scorer::score`]; [`ScoringError::NoWriter`].
    pub fn write(
        &self,
        prompt: &Prompt,
        columns: &[String],
        examples: &[&Example],
        writing: &Writing,
    ) -> Result<WrittenTexts, ScoringError> {
        if let Some(tuned) = prompt.tuned.as_ref().filter(|_| !self.is_own(prompt)) {
            return self.of_weights(tuned)?.write(prompt, columns, examples, writing);
        }
        self.check_vectors(prompt)?;
        let way = self.reference_way()?;
        let decodes = matches!(way, AnswerWay::Written { .. });
        let n_mask = if decodes { 0 } else { writing.max_new_tokens };
        let encoder = self.reference_encoder(prompt, &way, columns, (n_mask, self.settings().truncate));
        let encoder = encoder.map_err(|error| match error {
            ScoringError::TemplateTooLong { template, positions, .. } if !decodes => ScoringError::Template {
                template,
                reason: format!(
                    "with max_new_tokens {} it leaves no room for an input on the {positions} positions of {}",
                    writing.max_new_tokens,
                    self.loaded().name
                ),
            },
            other => other,
        })?;
        let mut sequences = Vec::with_capacity(examples.len());
        for (number, example) in examples.iter().enumerate() {
            let encoded = encoder.encode(example)?;
            let end = encoded.decoder_from.unwrap_or(encoded.mask_at);
            let ids = encoded.filled(&prompt.triggers.0, &[]);
            let sequence = Sequence::of_tokens(&ids[..end], &[end - 1]);
            sequences.push(Sequence { example: number, soft_at: encoded.soft_at, ..sequence });
        }
        sequences.sort_by_key(|sequence| sequence.ids.len());
        let mut written = WrittenTexts { texts: vec![String::new(); examples.len()], cost: Cost::default() };
        for alike in sequences.chunk_by(|a, b| decodes || a.ids.len() == b.ids.len()) {
            for batch in alike.chunks(self.settings().batch_size) {
                self.write_batch(batch, prompt, (&way, writing), &mut written)?;
            }
        }
        Ok(written)
    }

    fn write_batch(
        &self,
        batch: &[Sequence],
        prompt: &Prompt,
        (way, writing): (&AnswerWay, &Writing),
        written: &mut WrittenTexts,
    ) -> Result<(), ScoringError> {
        let tokenizer = &self.loaded().tokenizer;
        let begins = way.before_word(0);
        let most = writing.max_new_tokens.min(self.loaded().model.shape().max_positions - begins.len());
        let (mut logits, mut kept) = self.begin_batch(batch, prompt, begins)?;
        let mut open: Vec<(usize, Vec<u32>)> = batch.iter().map(|sequence| (sequence.example, Vec::new())).collect();
        for sequence in batch {
            let tokens = sequence.ids.len() as u64;
            written.cost += Cost { evaluations: 1, forwards: 1, backwards: 0, tokens };
        }
        for number in 1..=most {
            let mut goes_on = Vec::with_capacity(open.len());
            for (row, ((example, ids), logits)) in open.iter_mut().zip(&logits).enumerate() {
                let best =
                    likeliest(logits).ok_or_else(|| ScoringError::NotFinite { prompt: prompt.template.to_string() })?;
                let ended = tokenizer.eos_id() == Some(best);
                if !ended {
                    ids.push(best);
                }
                let text = tokenizer.decode(ids);
                let stopped = writing.ended(&text);
                written.texts[*example] = stopped.unwrap_or(text.trim()).to_owned();
                if !ended && stopped.is_none() {
                    goes_on.push(row as u32);
                }
            }
            if goes_on.is_empty() || number == most {
                break;
            }
            open = goes_on.iter().map(|&row| std::mem::take(&mut open[row as usize])).collect();
            let last: Vec<Vec<u32>> = open.iter().map(|(_, ids)| ids.last().copied().into_iter().collect()).collect();
            let n = last.len() as u64;
            written.cost += Cost { evaluations: 0, forwards: n, backwards: 0, tokens: n };
            (logits, kept) = self.continue_batch(&last, kept, &goes_on)?;
        }
        Ok(())
    }

    /// Reads a batch's texts, and what the decoder begins with: the scores of the first token `[row][token]`, and what is kept.
    fn begin_batch(
        &self,
        batch: &[Sequence],
        prompt: &Prompt,
        begins: Vec<u32>,
    ) -> Result<(Vec<Vec<f32>>, Kept), ScoringError> {
        let model = &self.loaded().model;
        let inputs = self.inputs(batch, |_| Some(prompt));
        let Some(seq2seq) = model.seq2seq() else {
            // What is kept has no padding.
            let embeddings = inputs.embeddings.narrow(1, 0, batch[0].ids.len());
            let no_writer = || ScoringError::NoWriter { model: self.loaded().name.clone() };
            let (states, past) = model.extend(Inputs { embeddings, ..inputs }).ok_or_else(no_writer)?;
            return Ok((self.next_scores(states), Kept { past, memory: None }));
        };
        let memory = seq2seq.encode(&inputs);
        // A prefix has the encoder's layers first.
        let past = inputs.past.map(|past| {
            let n_before = past.layers.len() - memory.layers.len();
            KeyValues { layers: past.layers[n_before..].to_vec() }
        });
        let sources: Vec<usize> = (0..batch.len()).collect();
        let (states, past) = seq2seq.decode(&memory, &sources, self.inputs_of(&vec![begins; batch.len()], past));
        Ok((self.next_scores(states), Kept { past, memory: Some((memory, sources)) }))
    }

    /// Reads one more token of each of the rows that go on.
    fn continue_batch(
        &self,
        last: &[Vec<u32>],
        kept: Kept,
        goes_on: &[u32],
    ) -> Result<(Vec<Vec<f32>>, Kept), ScoringError> {
        let model = &self.loaded().model;
        let inputs = self.inputs_of(last, Some(rows(kept.past, goes_on)));
        match (model.seq2seq(), kept.memory) {
            (Some(model), Some((memory, sources))) => {
                let sources: Vec<usize> = goes_on.iter().map(|&row| sources[row as usize]).collect();
                let (states, past) = model.decode(&memory, &sources, inputs);
                Ok((self.next_scores(states), Kept { past, memory: Some((memory, sources)) }))
            }
            _ => {
                let no_writer = || ScoringError::NoWriter { model: self.loaded().name.clone() };
                let (states, past) = model.extend(inputs).ok_or_else(no_writer)?;
                Ok((self.next_scores(states), Kept { past, memory: None }))
            }
        }
    }

    /// The scores of the next token of each row, not normalised.
    ///
    /// # Shapes
    /// - states: `[batch_size, 1, d_model]`
    fn next_scores(&self, states: burn::tensor::Tensor<3>) -> Vec<Vec<f32>> {
        let model = &self.loaded().model;
        let [n, _, d_model] = states.dims();
        let states = states.reshape([n, d_model]);
        // A product with one row sums in another order than one with several.
        let states = if n == 1 { states.repeat_dim(0, 2) } else { states };
        let values = floats(model.logits(states, None));
        values.chunks(model.shape().vocab_size).take(n).map(<[f32]>::to_vec).collect()
    }
}

/// The token with the highest score, of equal ones the first; none where a score is not a number.
fn likeliest(scores: &[f32]) -> Option<u32> {
    let mut best = 0;
    for (id, score) in scores.iter().enumerate() {
        if score.is_nan() {
            return None;
        }
        if *score > scores[best] {
            best = id;
        }
    }
    Some(best as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_equal_tokens_is_taken_and_nothing_that_is_no_number() {
        assert_eq!(likeliest(&[0.5, 2.0, 2.0]), Some(1));
        assert_eq!(likeliest(&[0.5, f32::NAN]), None);
    }
}
