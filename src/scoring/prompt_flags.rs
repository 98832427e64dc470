//! What can be said against a prompt before it is scored (contract, definition 13).

use std::collections::HashSet;

use crate::prompt::{Piece, Prompt};
use crate::task::Example;

use super::tuned::unmasked;
use super::{Scorer, ScoringError};

/// Tokens in a row that count as copied from a dev text.
const COPIED: usize = 5;

impl Scorer {
    /// Whether the trigger tokens of a prompt, decoded slot by slot, encode to other tokens.
    pub fn retokenises(&self, prompt: &Prompt) -> bool {
        let tokenizer = &self.loaded().tokenizer;
        let slots = prompt.triggers.by_slot(&prompt.template);
        slots.into_iter().any(|slot| tokenizer.encode_text(&tokenizer.decode(slot)) != slot)
    }

    /// `retokenises` and `label_leak`, where they hold, and the number of the template's own tokens.
    ///
    /// # Errors
    /// [`ScoringError`] if the model cannot take the prompt.
    pub fn prompt_flags(
        &self,
        prompt: &Prompt,
        columns: &[String],
        dev: &[&Example],
    ) -> Result<(Vec<String>, usize), ScoringError> {
        let mut flags = Vec::new();
        let tokenizer = &self.loaded().tokenizer;
        let read = if prompt.classifies() { Some(unmasked(&prompt.template)?) } else { None };
        let (template, n_mask) = match &read {
            Some(template) => (template, 0),
            None => (&prompt.template, usize::from(!self.continues())),
        };
        let encoder = self.encoder(template, columns, n_mask)?;
        // The prompt's own tokens, cut where an input or the mask stands.
        let mut own: Vec<Vec<u32>> = Vec::new();
        let mut run: Vec<u32> = Vec::new();
        let mut triggers = prompt.triggers.0.as_slice();
        for piece in prompt.template.pieces() {
            match piece {
                Piece::Text(text) => run.extend(tokenizer.encode_text(text)),
                Piece::Trigger(n) => {
                    let (slot, rest) = triggers.split_at((*n).min(triggers.len()));
                    triggers = rest;
                    run.extend(slot);
                }
                _ => own.push(std::mem::take(&mut run)),
            }
        }
        own.push(run);
        if self.retokenises(prompt) {
            flags.push("retokenises".to_string());
        }
        let words: Vec<Vec<u32>> = if prompt.classifies() {
            Vec::new()
        } else {
            prompt.verbalizer.labels.iter().flat_map(|l| &l.words).map(|word| tokenizer.encode_text(word)).collect()
        };
        let says_a_word =
            own.iter().any(|ids| words.iter().any(|w| !w.is_empty() && ids.windows(w.len()).any(|x| x == w)));
        let texts: Vec<Vec<u32>> = dev
            .iter()
            .flat_map(|example| encoder.named_texts(example))
            .map(|(_, text)| tokenizer.encode_text(text))
            .collect();
        if says_a_word || copies(&own, &texts) {
            flags.push("label_leak".to_string());
        }
        Ok((flags, encoder.n_template_tokens()))
    }
}

fn copies(own: &[Vec<u32>], texts: &[Vec<u32>]) -> bool {
    let runs: HashSet<&[u32]> = own.iter().flat_map(|ids| ids.windows(COPIED)).collect();
    !runs.is_empty() && texts.iter().any(|ids| ids.windows(COPIED).any(|run| runs.contains(run)))
}
