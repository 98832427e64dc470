//! The gradient of how unlikely the examples' references are.

use crate::prompt::Prompt;
use crate::task::Example;

use super::batch::Sequence;
use super::gradient::{PromptGradient, Sums, add};
use super::references::{Targets, Told};
use super::scorer::floats;
use super::{Scorer, ScoringError};

impl Scorer {
    /// [`Scorer::gradient`] of a prompt whose answers are references: the loss is the mean of `-log p(reference | prompt)`.
    ///
    /// # Errors
    /// As [`Scorer::score`].
    pub(super) fn reference_gradient(
        &self,
        prompt: &Prompt,
        columns: &[String],
        examples: &[&Example],
    ) -> Result<PromptGradient, ScoringError> {
        self.check_vectors(prompt)?;
        let d_model = self.loaded().model.shape().d_model;
        let mut sums = Sums::of(prompt, d_model);
        let told = self.told(&self.ask(prompt), columns, examples)?;
        let Told { sequences, targets, trigger_at, .. } = told;
        let mut rows: Vec<((Sequence, Targets), Vec<usize>)> =
            sequences.into_iter().zip(targets).zip(trigger_at).collect();
        rows.sort_by_key(|((sequence, targets), _)| (targets.len(), sequence.ids.len()));
        let n_vectors = prompt.soft.as_ref().map_or(0, |soft| soft.values().len());
        let soft_rows = self.soft_rows(&prompt.template);
        while !rows.is_empty() {
            let rest = rows.split_off(rows.len().min(self.settings().batch_size));
            let (rows_of_batch, trigger_at): (Vec<_>, Vec<Vec<usize>>) =
                std::mem::replace(&mut rows, rest).into_iter().unzip();
            let (sequences, targets) = rows_of_batch.into_iter().unzip();
            let batch = Told { sequences, targets, trigger_at: Vec::new(), truncated: 0 };
            let (batch, targets) = batch.padded();
            for sequence in &batch {
                sums.cost.evaluations += 3;
                sums.cost.forwards += 1;
                sums.cost.backwards += 1;
                sums.cost.tokens += sequence.ids.len() as u64;
            }
            let vectors = self.vectors_leaf(prompt);
            let prefix = self.prefix_leaf(prompt);
            let has_triggers = !prompt.triggers.0.is_empty();
            let tracked = self.tracked(&batch, (vectors.as_ref(), &soft_rows), prefix.as_ref(), has_triggers);
            let losses = self.reference_logprobs(tracked.inputs, &batch, &targets).neg();
            let gradients = losses.clone().sum_dim(0).backward();
            sums.loss += floats(losses.inner()).into_iter().map(f64::from).sum::<f64>();
            if let Some(gradient) = vectors.and_then(|leaf| leaf.grad(&gradients)) {
                add(&mut sums.soft[..n_vectors], &floats(gradient.inner()));
            }
            if let Some(gradient) = prefix.and_then(|(leaf, _)| leaf.grad(&gradients)) {
                add(&mut sums.soft[n_vectors..], &floats(gradient.inner()));
            }
            let Some(gradient) = tracked.embeddings.and_then(|leaf| leaf.grad(&gradients)) else { continue };
            let [_, seq_length, _] = gradient.dims();
            let values = floats(gradient.inner());
            for (row, places) in trigger_at.iter().enumerate() {
                for (sum, place) in sums.triggers.iter_mut().zip(places) {
                    let start = (row * seq_length + place) * d_model;
                    add(sum, &values[start..start + d_model]);
                }
            }
        }
        sums.mean(prompt, examples.len())
    }
}
