//! How natural a prompt is to the model (contract, definition 13).

use burn::tensor::activation;

use crate::model::ModelKind;
use crate::prompt::Prompt;
use crate::task::Example;

use super::batch::Sequence;
use super::scorer::floats;
use super::{Scorer, ScoringError};

impl Scorer {
    /// The pseudo-perplexity of the prompt's own tokens on some texts: exp of the mean of `-log p(token | all others)`, each
    /// token masked in turn (arXiv 1910.14659), the answer's mask left in; for a model that continues text the perplexity, each
    /// token given those before it. The input's tokens are read, not counted.
    ///
    /// `None` where the prompt has no token of its own, or there is no text.
    ///
    /// # Errors
    /// As [`Scorer::score`].
    pub fn perplexity(
        &self,
        prompt: &Prompt,
        columns: &[String],
        examples: &[&Example],
    ) -> Result<Option<f64>, ScoringError> {
        let causal = self.kind() == ModelKind::Causal;
        // What continues text is read up to the answer.
        let n_mask = if causal { 0 } else { self.fewest_masks(prompt)? };
        let encoder = self.encoder(&prompt.template, columns, n_mask)?;
        let mask_id = self.loaded().tokenizer.mask_id().unwrap_or_default();
        let mut sequences = Vec::new();
        let mut tokens = Vec::new();
        for (index, example) in examples.iter().enumerate() {
            let encoded = encoder.encode(example)?;
            let ids = encoded.filled(&prompt.triggers.0, &vec![None; n_mask]);
            if causal {
                // Every own token but one that nothing stands before.
                let own: Vec<usize> = encoder.own_places(example, &encoded).into_iter().filter(|&p| p > 0).collect();
                for place in own {
                    tokens.push(ids[place]);
                    sequences.push(Sequence {
                        prompt: 0,
                        example: index,
                        pass: 0,
                        ids: ids[..place].to_vec(),
                        positions: vec![place - 1],
                        soft_at: encoded.soft_at.iter().copied().filter(|&at| at < place).collect(),
                        soft_before: 0,
                    });
                }
                continue;
            }
            for place in encoder.own_places(example, &encoded) {
                let mut masked = ids.clone();
                tokens.push(std::mem::replace(&mut masked[place], mask_id));
                sequences.push(Sequence {
                    prompt: 0,
                    example: index,
                    pass: 0,
                    ids: masked,
                    positions: vec![place],
                    soft_at: encoded.soft_at.clone(),
                    soft_before: 0,
                });
            }
        }
        if sequences.is_empty() {
            return Ok(None);
        }
        let mut sum = 0.0;
        let batch_size = self.settings().batch_size;
        for (batch, tokens) in sequences.chunks(batch_size).zip(tokens.chunks(batch_size)) {
            let inputs = self.inputs(batch, |_| prompt.soft.as_deref());
            let model = &self.loaded().model;
            let states = model.predict(inputs);
            let [n, _, d_model] = states.dims();
            let logprobs = activation::log_softmax(model.logits(states.reshape([n, d_model]), None), 1);
            let vocab_size = logprobs.dims()[1];
            let values = floats(logprobs);
            sum -= tokens
                .iter()
                .enumerate()
                .map(|(row, &t)| f64::from(values[row * vocab_size + t as usize]))
                .sum::<f64>();
        }
        let perplexity = (sum / sequences.len() as f64).exp();
        if !perplexity.is_finite() {
            return Err(ScoringError::NotFinite { prompt: prompt.template.to_string() });
        }
        Ok(Some(perplexity))
    }
}
