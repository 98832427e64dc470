//! The four steps from a prompt to a prediction, made visible.

use serde::Serialize;

use crate::prompt::{Prompt, Verbalizer};
use crate::spec::Calibration;
use crate::task::Example;

use super::batch::Sequence;
use super::encode::DEMOS;
use super::fill::Filled;
use super::{NearestTokens, Prior, Scorer, ScoringError, passes::Passes};

/// Neighbours of a virtual token that are shown.
const NEAREST: usize = 3;

/// A label word and its score.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WordScore {
    /// Its label.
    pub label: String,
    /// The word.
    pub word: String,
    /// Its tokens.
    pub tokens: Vec<String>,
    /// Its log-probability over the whole vocabulary, in nats (by the rule for words of several tokens).
    pub logprob: f64,
}

/// How labels were corrected.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Calibrated {
    /// The calibration's name.
    pub name: String,
    /// The prior log-probability of each label, or of each label word under `pmi_dc`.
    pub prior: Vec<(String, f64)>,
    /// The labels' log-probabilities before it.
    pub labels_before: Vec<(String, f64)>,
}

/// What happens to one example.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explanation {
    /// The prompt as text, with the mask token.
    pub rendered: String,
    /// Its tokens, special tokens included; of several passes those of the first.
    pub tokens: Vec<String>,
    /// Their ids.
    pub ids: Vec<u32>,
    /// What was cut off, in words, where something was.
    pub truncated: Option<String>,
    /// The model's likeliest tokens at each mask of the first pass.
    pub masks: Vec<Vec<Filled>>,
    /// Every label word.
    pub words: Vec<WordScore>,
    /// The labels' log-probabilities among the labels.
    pub labels: Vec<(String, f64)>,
    /// How the labels were corrected; absent where they were not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calibration: Option<Calibrated>,
    /// Forward passes.
    pub passes: usize,
    /// The entries of the vocabulary that are nearest to each virtual token; empty without virtual tokens.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub nearest: Vec<NearestTokens>,
}

impl Explanation {
    /// Corrects the labels by a prior; `scores` are those of [`Prior::asked`] on the example.
    pub fn calibrate(&mut self, prior: &Prior, verbalizer: &Verbalizer, scores: &[f64]) {
        let names: Vec<String> = match prior.way {
            Calibration::PmiDc => verbalizer.labels.iter().flat_map(|label| label.words.clone()).collect(),
            _ => verbalizer.label_names(),
        };
        let labels = verbalizer.label_names().into_iter().zip(prior.calibrate(verbalizer, scores)).collect();
        self.calibration = Some(Calibrated {
            name: prior.way.name().into(),
            prior: names.into_iter().zip(prior.logprobs.iter().copied()).collect(),
            labels_before: std::mem::replace(&mut self.labels, labels),
        });
    }
}

impl Scorer {
    /// Follows one example through a prompt.
    ///
    /// # Errors
    /// As [`Scorer::score`].
    pub fn explain(
        &self,
        prompt: &Prompt,
        columns: &[String],
        example: &Example,
        top_k: usize,
    ) -> Result<Explanation, ScoringError> {
        let prompt = &self.for_example(prompt, columns, example)?;
        let passes = self.passes(prompt)?;
        let tokenizer = &self.loaded().tokenizer;
        let first = if self.continues() { 0 } else { passes.passes.first().map_or(1, |p| p.filled.len()) };
        let encoder = self.encoder(&prompt.template, columns, first)?;
        let encoded = encoder.encode(example)?;
        let ids = encoded.filled(&prompt.triggers.0, &vec![None; first]);
        let positions: Vec<usize> = (encoded.read_at..encoded.read_at + first.max(1)).collect();
        let triggers: Vec<String> =
            prompt.triggers.0.iter().filter_map(|&id| tokenizer.token_text(id).map(|(text, _)| text)).collect();
        let texts = encoder.kept_texts(example, &encoded);
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let truncated = encoded
            .shortened
            .iter()
            .map(|(name, kept)| match name.as_str() {
                DEMOS => format!("{{demos}} lost those in front and kept {kept}"),
                _ => format!("{{{name}}} was shortened to its first {kept} characters"),
            })
            .reduce(|a, b| format!("{a}; {b}"));
        let mut tokens: Vec<String> = ids.iter().map(|&id| tokenizer.token(id).unwrap_or_default()).collect();
        for (row, &place) in self.soft_rows(&prompt.template).into_iter().zip(&encoded.soft_at) {
            tokens[place] = format!("{{soft {}}}", row + 1);
        }
        let (soft_at, decoder_from) = (encoded.soft_at.clone(), encoded.decoder_from);
        let sequence = Sequence { soft_at, decoder_from, ..Sequence::of_tokens(&ids, &positions) };
        let answers = self.whole_vocabulary_of(sequence, Some(prompt))?;
        let labels = self.score(std::slice::from_ref(prompt), columns, &[example])?.scores[0][0].clone();
        Ok(Explanation {
            rendered: encoder.render(&texts, &triggers),
            tokens,
            masks: self.likeliest(&answers, top_k),
            ids,
            truncated,
            words: self.word_scores(prompt, columns, example, &passes)?,
            labels: prompt.verbalizer.labels.iter().map(|l| l.label.clone()).zip(labels).collect(),
            calibration: None,
            passes: passes.passes.len(),
            nearest: prompt.soft.as_ref().map(|soft| self.nearest_tokens(soft, NEAREST)).unwrap_or_default(),
        })
    }

    /// Every word's log-probability over the whole vocabulary, pass by pass, without batching.
    fn word_scores(
        &self,
        prompt: &Prompt,
        columns: &[String],
        example: &Example,
        passes: &Passes,
    ) -> Result<Vec<WordScore>, ScoringError> {
        // Vectors are no words.
        if prompt.label_vectors.is_some() {
            return Ok(Vec::new());
        }
        let tokenizer = &self.loaded().tokenizer;
        let mut reads = Vec::new();
        for pass in &passes.passes {
            let encoder = self.encoder(&prompt.template, columns, pass.filled.len())?;
            let encoded = encoder.encode(example)?;
            let ids = encoded.filled(&prompt.triggers.0, &pass.filled);
            let n_read = pass.filled.len() + usize::from(self.continues());
            let positions: Vec<usize> = (encoded.read_at..encoded.read_at + n_read).collect();
            let (soft_at, decoder_from) = (encoded.soft_at, encoded.decoder_from);
            let sequence = Sequence { soft_at, decoder_from, ..Sequence::of_tokens(&ids, &positions) };
            let logprobs = self.whole_vocabulary_of(sequence, Some(prompt))?;
            reads.push(pass.reads.iter().map(|read| f64::from(logprobs[read.mask][read.token as usize])).collect());
        }
        let scores = passes.word_scores(&reads);
        Ok(passes
            .words
            .iter()
            .zip(scores)
            .map(|(word, logprob)| WordScore {
                label: prompt.verbalizer.labels[word.label].label.clone(),
                word: word.text.clone(),
                tokens: word.ids.iter().map(|&id| tokenizer.token(id).unwrap_or_default()).collect(),
                logprob,
            })
            .collect())
    }
}
