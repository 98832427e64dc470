//! What a model that fills masks would write next into the gaps of a skeleton.

use std::collections::btree_map::{BTreeMap, Entry};

use burn::tensor::activation;

use crate::model::ModelKind;
use crate::prompt::LabelWords;
use crate::scoring::batch::Sequence;
use crate::scoring::gap::Gap;
use crate::scoring::scorer::floats;
use crate::scoring::{Cost, Encoder, Scorer, ScoringError};
use crate::task::Example;

/// The answers to some gaps.
#[derive(Debug, Clone)]
pub struct MaskedSpans {
    /// Log-probabilities over the whole vocabulary at the first open place of each gap, in nats, each the sum over the examples:
    /// `[gap][token]`.
    pub logprobs: Vec<Vec<f64>>,
    /// An evaluation for each gap and example.
    pub cost: Cost,
}

impl Scorer {
    /// The sums over `examples` of the log-probability of every token at the first open place of each gap, the others masked and
    /// the first word of the example's label in the answer's place.
    ///
    /// # Errors
    /// [`ScoringError::Fill`] for a model that does not fill masks; else as [`Scorer::score`].
    pub fn masked_spans(
        &self,
        gaps: &[Gap],
        columns: &[String],
        examples: &[&Example],
    ) -> Result<MaskedSpans, ScoringError> {
        let loaded = self.loaded();
        if self.kind() != ModelKind::Masked {
            return Err(ScoringError::Fill(format!("{} does not fill masks", loaded.name)));
        }
        let mut sequences = Vec::new();
        let mut cost = Cost::default();
        for (index, gap) in gaps.iter().enumerate() {
            let words = self.passes(&gap.prompt)?.words;
            let mut encoders: BTreeMap<usize, Encoder<'_>> = BTreeMap::new();
            for (number, example) in examples.iter().enumerate() {
                let Some(word) = words.iter().find(|word| Some(word.label) == example.label) else {
                    let labels: Vec<&str> =
                        gap.prompt.verbalizer.labels.iter().map(|LabelWords { label, .. }| label.as_str()).collect();
                    return Err(ScoringError::Fill(format!(
                        "row {} has no label of {}",
                        example.row + 1,
                        labels.join(", ")
                    )));
                };
                let n_mask = word.ids.len();
                if let Entry::Vacant(vacant) = encoders.entry(n_mask) {
                    vacant.insert(self.encoder(&gap.prompt.template, columns, n_mask)?);
                }
                let encoded = encoders[&n_mask].encode(example)?;
                let word: Vec<Option<u32>> = word.ids.iter().copied().map(Some).collect();
                let mut ids = encoded.filled(&[], &word);
                let mut open = None;
                for (&place, filled) in encoded.trigger_at.iter().zip(&gap.filled) {
                    match filled {
                        Some(id) => ids[place] = *id,
                        None => open = open.or(Some(place)),
                    }
                }
                let Some(open) = open else { continue };
                cost += Cost { evaluations: 1, forwards: 1, backwards: 0, tokens: ids.len() as u64 };
                sequences.push(Sequence { prompt: index, example: number, ..Sequence::of_tokens(&ids, &[open]) });
            }
        }
        sequences.sort_by_key(|sequence| sequence.ids.len());
        let vocab_size = loaded.model.shape().vocab_size;
        let mut logprobs = vec![vec![0.0; vocab_size]; gaps.len()];
        for batch in sequences.chunks(self.settings().batch_size) {
            let states = self.states(self.inputs(batch, |_| None), batch);
            let [n, _, d_model] = states.dims();
            let logits = loaded.model.logits(states.reshape([n, d_model]), None);
            let values = floats(activation::log_softmax(logits, 1));
            for (sequence, values) in batch.iter().zip(values.chunks(vocab_size)) {
                let sums = logprobs[sequence.prompt].iter_mut().zip(values);
                sums.for_each(|(sum, &value)| *sum += f64::from(value));
            }
        }
        if let Some(bad) = logprobs.iter().position(|sums: &Vec<f64>| sums.iter().any(|x| x.is_nan())) {
            return Err(ScoringError::NotFinite { prompt: gaps[bad].prompt.template.to_string() });
        }
        Ok(MaskedSpans { logprobs, cost })
    }
}
