//! What the model would write in a gap of a template.

use std::collections::HashSet;

use burn::tensor::activation;

use crate::model::ModelKind;
use crate::prompt::Prompt;
use crate::task::Example;

use super::batch::Sequence;
use super::past::prefix_groups;
use super::scorer::floats;
use super::{AnswerWay, Cost, Scorer, ScoringError};

/// A template with a hole in its own text, for the model to fill.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Gap {
    /// The prompt whose trigger slots are the hole; its own trigger tokens do not matter.
    pub prompt: Prompt,
    /// The hole's tokens; `None` where the model is asked. As many as the template has trigger tokens.
    pub filled: Vec<Option<u32>>,
}

/// The answers to some gaps.
#[derive(Debug, Clone)]
pub struct GapAnswers {
    /// Log-probabilities over the whole vocabulary, in nats, each the mean over the texts: `[gap][open place][token]`.
    pub logprobs: Vec<Vec<Vec<f32>>>,
    /// What it cost: an evaluation for each gap and text.
    pub cost: Cost,
}

impl Scorer {
    /// The mean log-probability of every token at the open places of each gap, over some texts. The answer's mask stays in,
    /// and several open places are read off the same pass, each with the others masked. A model that continues text answers from
    /// what stands before the place alone, and of open places in a row the first only: the others' rows are 0. So does a model with
    /// sentinels, which is asked for the first of all open places.
    ///
    /// # Errors
    /// As [`Scorer::score`].
    ///
    /// # Panics
    /// If there is no text.
    pub fn gaps(&self, gaps: &[Gap], columns: &[String], examples: &[&Example]) -> Result<GapAnswers, ScoringError> {
        assert!(!examples.is_empty(), "a mean needs at least one text");
        let mut sequences = Vec::new();
        let mut cost = Cost::default();
        // What continues text cannot say what follows an open place, or nothing at all: those answers are even for every token.
        let mut unasked = HashSet::new();
        for (index, gap) in gaps.iter().enumerate() {
            let causal = self.kind() == ModelKind::Causal;
            let decoded = matches!(self.way(), AnswerWay::Sentinels { .. });
            let n_mask = if self.continues() { 0 } else { self.fewest_masks(&gap.prompt)? };
            let encoder = self.encoder(&gap.prompt.template, columns, n_mask)?;
            for (number, example) in examples.iter().enumerate() {
                let mut encoded = encoder.encode(example)?;
                let mut positions = Vec::new();
                let mut open = Vec::new();
                for (number, (&place, filled)) in encoded.trigger_at.iter().zip(&gap.filled).enumerate() {
                    match filled {
                        Some(id) => encoded.ids[place] = *id,
                        None => {
                            let after_open = number > 0 && gap.filled[number - 1].is_none();
                            if (causal && (place == 0 || after_open)) || (decoded && !open.is_empty()) {
                                unasked.insert((index, positions.len()));
                            }
                            // What continues text answers from the place before.
                            positions.push(if causal { place.saturating_sub(1) } else { place });
                            open.push(place);
                        }
                    }
                }
                cost.evaluations += 1;
                cost.forwards += 1;
                cost.tokens += encoded.ids.len() as u64;
                let sequence = match self.open_gaps(&encoded, &open)? {
                    Some(gapped) => Sequence { positions: vec![gapped.positions[0]; open.len()], ..gapped },
                    None => Sequence { soft_at: encoded.soft_at, ..Sequence::of_tokens(&encoded.ids, &positions) },
                };
                sequences.push(Sequence { prompt: index, example: number, ..sequence });
            }
        }
        let group = prefix_groups(gaps.iter().map(|gap| &gap.prompt));
        let kind = |s: &Sequence| (s.positions.len(), group[s.prompt]);
        sequences.sort_by_key(|s| (kind(s), s.ids.len()));
        let vocab_size = self.loaded().model.shape().vocab_size;
        let mut sums: Vec<Vec<Vec<f64>>> = gaps
            .iter()
            .map(|gap| vec![vec![0.0; vocab_size]; gap.filled.iter().filter(|filled| filled.is_none()).count()])
            .collect();
        for batch in sequences.chunk_by(|a, b| kind(a) == kind(b)) {
            for batch in batch.chunks(self.settings().batch_size) {
                let model = &self.loaded().model;
                let states = self.states(self.inputs(batch, |prompt| Some(&gaps[prompt].prompt)), batch);
                let [n, n_predict, d_model] = states.dims();
                let logits = model.logits(states.reshape([n * n_predict, d_model]), None);
                let values = floats(activation::log_softmax(logits, 1));
                for (row, values) in values.chunks(vocab_size).enumerate() {
                    let sequence = &batch[row / n_predict];
                    let sum = &mut sums[sequence.prompt][row % n_predict];
                    sum.iter_mut().zip(values).for_each(|(sum, &value)| *sum += f64::from(value));
                }
            }
        }
        for (gap, place) in unasked {
            sums[gap][place].fill(0.0);
        }
        if let Some(bad) = sums.iter().position(|places| places.iter().flatten().any(|x| x.is_nan())) {
            return Err(ScoringError::NotFinite { prompt: gaps[bad].prompt.template.to_string() });
        }
        let n = examples.len() as f64;
        let mean = |places: Vec<Vec<f64>>| -> Vec<Vec<f32>> {
            places.into_iter().map(|place| place.into_iter().map(|sum| (sum / n) as f32).collect()).collect()
        };
        Ok(GapAnswers { logprobs: sums.into_iter().map(mean).collect(), cost })
    }
}
