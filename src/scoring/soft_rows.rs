//! The virtual tokens of a template, and whether a prompt has vectors for them.

use crate::prompt::{Prompt, SoftSlot, Template};

use super::encode::soft_length;
use super::{Scorer, ScoringError};

impl Scorer {
    /// The virtual tokens of each soft slot of a template.
    pub fn soft_lengths(&self, template: &Template) -> Vec<usize> {
        let mut lengths = Vec::new();
        for slot in template.soft_slots() {
            lengths.push(soft_length(slot, &self.loaded().tokenizer, &lengths));
        }
        lengths
    }

    /// The vector of each virtual token of a template, slot after slot: slots that share their virtual tokens share them.
    pub fn soft_rows(&self, template: &Template) -> Vec<usize> {
        let mut first: Vec<usize> = Vec::new();
        let (mut rows, mut n) = (Vec::new(), 0);
        for (slot, length) in template.soft_slots().zip(self.soft_lengths(template)) {
            let own = match slot {
                SoftSlot::Same(other) => other.checked_sub(1).and_then(|other| first.get(other)).copied(),
                _ => None,
            };
            let begins = own.unwrap_or(n);
            n += if own.is_none() { length } else { 0 };
            first.push(begins);
            rows.extend(begins..begins + length);
        }
        rows
    }

    /// The vectors that a template has: its virtual tokens, those that slots share counted once.
    pub fn n_vectors(&self, template: &Template) -> usize {
        self.soft_rows(template).into_iter().max().map_or(0, |last| last + 1)
    }

    pub(super) fn check_vectors(&self, prompt: &Prompt) -> Result<(), ScoringError> {
        let slots = self.n_vectors(&prompt.template);
        let d_model = self.loaded().model.shape().d_model;
        self.check_prefix(prompt)?;
        self.check_label_vectors(prompt)?;
        match &prompt.soft {
            None if slots == 0 => Ok(()),
            Some(soft) if soft.n_soft() == slots && soft.d_model() == d_model => Ok(()),
            None => Err(ScoringError::Template {
                template: prompt.template.to_string(),
                reason:
                    "a {soft} slot has no vectors here: soft_prompt trains them, and its prompt.safetensors holds them"
                        .into(),
            }),
            Some(soft) => Err(ScoringError::Vectors {
                template: prompt.template.to_string(),
                found: (soft.n_soft(), soft.d_model()),
                expected: (slots, d_model),
                model: self.loaded().name.clone(),
            }),
        }
    }
}
