//! Vectors that stand for labels.

use crate::prompt::{LabelVectors, Prompt, Verbalizer};

use super::{Scorer, ScoringError};

impl Scorer {
    /// Checks that a prompt's labels have as many vectors as there are labels, of the model's width.
    pub(super) fn check_label_vectors(&self, prompt: &Prompt) -> Result<(), ScoringError> {
        let Some(labels) = &prompt.label_vectors else { return Ok(()) };
        let (n, d_model) = (prompt.verbalizer.labels.len(), self.loaded().model.shape().d_model);
        if (labels.n_labels(), labels.d_model()) == (n, d_model) {
            return Ok(());
        }
        Err(ScoringError::Prefix {
            template: prompt.template.to_string(),
            reason: format!(
                "its labels have {} vectors of {} numbers, and {n} of {d_model} are needed by the verbalizer and {}",
                labels.n_labels(),
                labels.d_model(),
                self.loaded().name
            ),
        })
    }

    /// Vectors for the labels to start from: of each the mean of the output embeddings of its words' tokens, which is what the
    /// words' scores are made with, but for their biases.
    pub fn label_vectors(&self, verbalizer: &Verbalizer) -> LabelVectors {
        let d_model = self.loaded().model.shape().d_model;
        let unit = |axis: usize| -> Vec<f32> { (0..d_model).map(|other| f32::from(u8::from(other == axis))).collect() };
        let products = self.token_products(&(0..d_model).map(unit).collect::<Vec<_>>());
        let mut values = Vec::with_capacity(verbalizer.labels.len() * d_model);
        for label in &verbalizer.labels {
            // As a word stands behind other text where the tokenizer tells that.
            let tokenizer = &self.loaded().tokenizer;
            let encode = |word: &String| tokenizer.encode_word(word, true).unwrap_or_default();
            let ids: Vec<u32> = label.words.iter().flat_map(encode).collect();
            values.extend(products.iter().map(|of_axis| {
                let sum: f64 = ids.iter().map(|&id| f64::from(of_axis[id as usize])).sum();
                (sum / ids.len().max(1) as f64) as f32
            }));
        }
        LabelVectors::new(values, d_model)
    }
}
