//! What of an example and of the demonstrations fits into the model, and what is left out of them.

use crate::task::Example;

use super::encode::{DEMOS, Encoded, Encoder};
use super::input::{Input, last_true};
use super::{AnswerWay, ScoringError};

impl Encoder<'_> {
    /// The ids of `example`, shortened to the model's positions where that was asked for.
    ///
    /// # Errors
    /// [`ScoringError::InputTooLong`] where the prompt does not fit and must not be shortened.
    pub fn encode(&self, example: &Example) -> Result<Encoded, ScoringError> {
        let mut texts = self.texts(example);
        let encoded = self.assemble(&texts);
        if *self.way == AnswerWay::Continuation && encoded.mask_at == 0 {
            return Err(ScoringError::Template {
                template: self.template.to_string(),
                reason: format!(
                    "row {}: nothing stands before the answer, so {} has nothing to continue",
                    example.row + 1,
                    self.model
                ),
            });
        }
        if encoded.n_read() <= self.max_positions {
            return Ok(encoded);
        }
        if !self.truncate {
            return Err(ScoringError::InputTooLong {
                row: format!("row {}", example.row + 1),
                found: encoded.n_read(),
                positions: self.max_positions,
                model: self.model.into(),
            });
        }
        // Demonstrations go whole and before any of the input, the one in front first: the last stands next to the input.
        let demonstrations = self.columns.len()..texts.len();
        let mut left = texts[demonstrations.clone()].iter().filter(|text| !text.is_empty()).count();
        let had_some = left > 0;
        for place in demonstrations {
            if std::mem::take(&mut texts[place]).is_empty() {
                continue;
            }
            left -= 1;
            let mut encoded = self.assemble(&texts);
            if encoded.n_read() <= self.max_positions {
                encoded.shortened = vec![(DEMOS.into(), left)];
                return Ok(encoded);
            }
        }
        let mut encoded = self.shorten(&texts);
        if had_some {
            encoded.shortened.push((DEMOS.into(), 0));
        }
        Ok(encoded)
    }

    /// The texts of the columns, then of the demonstrations: an example is never shown as a demonstration of itself.
    fn texts<'t>(&'t self, example: &'t Example) -> Vec<&'t str> {
        let columns = self.columns.iter().map(|(_, field)| example.fields[*field].as_str());
        let shown = self.shown.iter().map(|(demonstration, text)| {
            if demonstration.is_of(&self.known_columns, &example.fields) { "" } else { text.as_str() }
        });
        columns.chain(shown).collect()
    }

    /// What of the columns' and demonstrations' texts stands in [`Encoder::encode`]'s ids for `example`, in the order in which
    /// [`Encoder::render`] wants them.
    pub fn kept_texts(&self, example: &Example, encoded: &Encoded) -> Vec<String> {
        let kept = |name: &str| encoded.shortened.iter().find(|(n, _)| n == name).map(|(_, kept)| *kept);
        let texts = self.texts(example);
        let (columns, shown) = texts.split_at(self.columns.len());
        let present = shown.iter().filter(|text| !text.is_empty()).count();
        let mut dropped = kept(DEMOS).map_or(0, |kept| present - kept);
        let columns = columns.iter().zip(&self.columns).map(|(text, (name, _))| match kept(name) {
            Some(kept) => text.chars().take(kept).collect(),
            None => (*text).to_owned(),
        });
        let shown = shown.iter().map(|text| {
            if !text.is_empty() && dropped > 0 {
                dropped -= 1;
                return String::new();
            }
            (*text).to_owned()
        });
        columns.chain(shown).collect()
    }

    /// Cuts the texts at their right ends, each at a character, of several the one with most tokens first, to the longest
    /// that fits.
    fn shorten(&self, texts: &[&str]) -> Encoded {
        let inputs: Vec<Input> = texts.iter().map(|text| Input::new(text)).collect();
        let cut = |kept: &[usize]| -> Vec<&str> { inputs.iter().zip(kept).map(|(i, &k)| i.beginning(k)).collect() };
        let fits = |kept: &[usize]| self.assemble(&cut(kept)).n_read() <= self.max_positions;
        let mut kept = vec![0; texts.len()];
        if inputs.len() > 1 {
            // Cutting the one with most tokens first ends where none has more than some number of them.
            let capped = |most: usize| -> Vec<usize> {
                let few = |text: &str| self.tokenizer.encode_text(text).len() <= most;
                inputs.iter().map(|input| input.longest(0, |k| few(input.beginning(k)))).collect()
            };
            let most = last_true(0, self.max_positions, |most| fits(&capped(most)));
            if most > 0 {
                kept = capped(most);
            }
        }
        // The tokens that are left over.
        for (column, input) in inputs.iter().enumerate().rev() {
            let mut tried = kept.clone();
            kept[column] = input.longest(kept[column], |k| {
                tried[column] = k;
                fits(&tried)
            });
        }
        let mut encoded = self.assemble(&cut(&kept));
        encoded.shortened = inputs
            .iter()
            .zip(&self.columns)
            .zip(kept)
            .filter(|((input, _), k)| *k < input.n_characters())
            .map(|((_, (name, _)), k)| (name.clone(), k))
            .collect();
        encoded
    }
}
