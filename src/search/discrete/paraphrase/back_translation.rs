//! Paraphrases by way of another language: there with one model, back with another (LPAQA, arXiv 1911.12543).
//!
//! # Decisions
//!
//! - 2026-11: each piece of text between the slots goes its own way, without the spaces and punctuation at its ends: slots and
//!   `{mask}` stand where they stood whatever a model writes. Refused: placeholders in one whole sentence, which few models bring
//!   back, and which a model that was trained little never does.
//! - 2026-11: `beams` translations there and as many back of each; a way's score is the sum of both log-probabilities, and of equal
//!   texts the likeliest way counts. A template has one piece changed.
//! - 2026-11: translating reads no example, so it is no evaluation (contract, definition 4) and is not charged. What the searched
//!   model thinks of the new template is: it passes if the mean log-likelihood of its own tokens over the unlabelled texts is at most
//!   `likelihood` nats a token below that of its parent.

use std::cmp::Ordering;
use std::sync::Arc;

use crate::prompt::Piece;
use crate::scoring::{Scorer, ScoringError};

use super::edit::Edit;
use super::parent::Parent;

/// A model that translates.
pub trait Translate: Send + Sync {
    /// The `n` likeliest translations, best first, each with its log-probability in nats.
    ///
    /// # Errors
    /// [`ScoringError`] if the model cannot take the text.
    fn translate(&self, text: &str, n: usize) -> Result<Vec<(String, f64)>, ScoringError>;
}

/// How a model is told what to translate.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Speech {
    /// What stands before every text, as `translate English to German: `.
    pub prefix: String,
    /// The language of what is read, and the one that is to be written, as tokens (mBART).
    pub languages: Option<(u32, u32)>,
}

/// A sequence-to-sequence model that translates.
pub struct Translator {
    scorer: Scorer,
    speech: Speech,
}

impl Translator {
    /// The model of `scorer`.
    pub fn new(scorer: Scorer, speech: Speech) -> Self {
        Self { scorer, speech }
    }
}

impl Translate for Translator {
    fn translate(&self, text: &str, n: usize) -> Result<Vec<(String, f64)>, ScoringError> {
        let tokenizer = &self.scorer.loaded().tokenizer;
        let text = format!("{}{text}", self.speech.prefix);
        let mut ids = match self.scorer.text_to_continue(&text) {
            Ok(ids) => ids,
            // What is too long for the model, as another may write it, has no translation.
            Err(ScoringError::Fill(_)) => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        if ids.is_empty() || ids.len() > self.scorer.loaded().model.shape().max_positions {
            return Ok(Vec::new());
        }
        if let Some((source, _)) = self.speech.languages {
            let known = [tokenizer.eos_id(), tokenizer.cls_id(), tokenizer.sep_id()];
            let (front, back) = (tokenizer.around().0.len(), tokenizer.around().1.len());
            let end = ids.len().saturating_sub(back);
            let places = (0..front).chain(end..ids.len());
            // What is beside a text and is no mark of its beginning or end is the language that the tokenizer was saved with.
            places.for_each(|at| {
                if !known.contains(&Some(ids[at])) {
                    ids[at] = source;
                }
            });
        }
        let ends: Vec<u32> = tokenizer.eos_id().into_iter().collect();
        let most = 2 * ids.len() + 10;
        let found = self.scorer.generate_best(&ids, most, n, &ends, self.speech.languages.map(|(_, target)| target))?;
        let plain = |ids: &[u32]| -> String {
            let own: Vec<u32> = ids.iter().copied().filter(|id| !tokenizer.special_ids().contains(id)).collect();
            tokenizer.decode(&own).trim().to_owned()
        };
        Ok(found
            .iter()
            .map(|written| (plain(&written.ids), written.logprob))
            .filter(|(text, _)| !text.is_empty())
            .collect())
    }
}

/// The way there and back.
#[derive(Clone)]
pub struct RoundTrip {
    /// There.
    pub forward: Arc<dyn Translate>,
    /// Back.
    pub backward: Arc<dyn Translate>,
    /// Translations each way.
    pub beams: usize,
}

impl RoundTrip {
    /// What comes back of a text, each once and without the text itself, likeliest first.
    ///
    /// # Errors
    /// As [`Translate::translate`].
    pub fn of(&self, text: &str) -> Result<Vec<(String, f64)>, ScoringError> {
        let mut found: Vec<(String, f64)> = Vec::new();
        for (there, first) in self.forward.translate(text, self.beams)? {
            for (back, second) in self.backward.translate(&there, self.beams)? {
                found.push((back, first + second));
            }
        }
        let by_score =
            |a: &(String, f64), b: &(String, f64)| -> Ordering { b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)) };
        found.sort_by(by_score);
        let mut seen = vec![text.to_lowercase()];
        found.retain(|(back, _)| {
            let lower = back.to_lowercase();
            let new = !seen.contains(&lower);
            seen.push(lower);
            new
        });
        Ok(found)
    }

    /// The changes that come back for a template's pieces of text, likeliest first.
    ///
    /// # Errors
    /// As [`Translate::translate`].
    pub(in crate::search::discrete) fn edits(&self, parent: &Parent) -> Result<Vec<(Edit, f64)>, ScoringError> {
        let mut edits = Vec::new();
        for (piece, own) in parent.template.pieces().iter().enumerate() {
            let Piece::Text(text) = own else { continue };
            let Some(start) = text.find(char::is_alphanumeric) else { continue };
            let end = text
                .rfind(char::is_alphanumeric)
                .map_or(text.len(), |at| at + text[at..].chars().next().map_or(0, char::len_utf8));
            for (back, score) in self.of(&text[start..end])? {
                // The ends of a piece keep what they had.
                let back = back.trim_matches(|c: char| !c.is_alphanumeric());
                if !back.is_empty() && back != &text[start..end] {
                    edits.push((Edit { piece, start, end, text: back.to_owned() }, score));
                }
            }
        }
        edits.sort_by(|a, b| b.1.total_cmp(&a.1));
        Ok(edits)
    }
}

#[cfg(test)]
mod tests {
    use super::super::thesaurus::Thesaurus;
    use super::*;
    use crate::prompt::Template;

    /// Writes a text in capitals with a number, or takes that away again and says some words otherwise.
    struct Fake(bool);

    impl Translate for Fake {
        fn translate(&self, text: &str, n: usize) -> Result<Vec<(String, f64)>, ScoringError> {
            let out = |i: usize| match self.0 {
                true => format!("{}{i}", text.to_uppercase()),
                false => match text.split_at(text.len() - 1) {
                    (own, "0") => [own.to_lowercase(), own.to_lowercase().replace("was", "is")][i.min(1)].clone(),
                    (own, _) => ["that was".to_owned(), own.to_lowercase().replace("it", "that")][i.min(1)].clone(),
                },
            };
            Ok((0..n).map(|i| (out(i), -(i as f64) - 0.5)).collect())
        }
    }

    fn trip(beams: usize) -> RoundTrip {
        RoundTrip { forward: Arc::new(Fake(true)), backward: Arc::new(Fake(false)), beams }
    }

    #[test]
    fn every_way_there_goes_every_way_back_and_each_text_stays_once() {
        assert_eq!(trip(1).of("it was").unwrap(), [], "the text itself is no paraphrase");
        let found = trip(2).of("it was").unwrap();
        assert_eq!(found, [("it is".to_owned(), -2.0), ("that was".to_owned(), -2.0)]);
        assert_eq!(trip(3).of("It Was").unwrap().len(), 2);
    }

    #[test]
    fn slots_and_the_ends_of_pieces_stay_as_they_are() {
        let thesaurus = Thesaurus::new(None).unwrap();
        let parent = Parent::new(0, Template::parse("{text} , it was {mask}!  {text_b}.").unwrap(), &thesaurus);
        let edits = trip(2).edits(&parent).unwrap();
        let found: Vec<String> =
            edits.iter().filter_map(|(edit, _)| edit.apply(&parent.template)).map(|t| t.to_string()).collect();
        assert_eq!(found, ["{text} , it is {mask}!  {text_b}.", "{text} , that was {mask}!  {text_b}."]);
    }
}
