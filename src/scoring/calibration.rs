//! Label scores corrected for what the model would answer anyway.
//!
//! Every way takes the labels' scores on texts that say nothing of the label, makes a prior of them, and subtracts it:
//!
//! `calibrated(l | x) = log softmax_l (log p(l | x) - log prior(l))`
//!
//! | way | texts | prior |
//! | --- | --- | --- |
//! | contextual (arXiv 2102.09690) | `N/A`, the empty text, `[MASK]`, each in every input's slot | mean of the label distributions |
//! | pmi_dc (arXiv 2104.08315) | the prompt with its inputs left out | each label word's own probability there |
//! | batch (arXiv 2309.17249) | unlabelled texts of train | mean of the label distributions |
//!
//! # Decisions
//!
//! - 2026-11: a prior is subtracted and the rest normalised, so that calibrated scores are log-probabilities among the labels
//!   like any others. The order of the labels is that of the papers' `p(l | x) / prior(l)`; contextual calibration's second
//!   softmax over the ratios would keep it too, but squeeze every margin into 0 to 1.
//! - 2026-11: `pmi_dc` corrects word by word, since what competes are the surface forms; labels of one word each come out as by a
//!   contextual calibration on the empty text alone. The domain premise is the template itself, its inputs left out: it is the
//!   part of the prompt that every example shares.
//! - 2026-11: `batch` takes a fixed set of unlabelled texts of train, the same at every score, dev and test included: a score
//!   never depends on which other examples are scored. Refused: the mean over the test batch, as in the paper, which would.
//! - 2026-11: `[MASK]` in an input is plain text, as all special tokens in data are (contract, definition 9).

use std::sync::Arc;

use crate::prompt::{Prompt, Verbalizer};
use crate::spec::Calibration;
use crate::task::Example;

use super::passes::log_sum_exp;
use super::{Round, Scorer, ScoringError, SetHash};

/// What stands in the inputs' slots under contextual calibration.
const CONTENT_FREE: [&str; 3] = ["N/A", "", "[MASK]"];

/// The texts that `batch` takes where nothing is said. The paper finds about ten enough.
pub const BATCH_TEXTS: usize = 16;

/// A way of calibrating with the texts that it needs.
#[derive(Debug, Clone, PartialEq)]
pub struct Calibrator {
    way: Calibration,
    texts: Vec<Example>,
}

/// What a prompt answers whatever the input: one number a label, or one a label word under `pmi_dc`.
#[derive(Debug, Clone, PartialEq)]
pub struct Prior {
    /// The way it was made by.
    pub way: Calibration,
    /// Log-probabilities, in nats.
    pub logprobs: Vec<f64>,
}

impl Calibrator {
    /// A calibrator for data of `n_columns` columns. Of the unlabelled texts, which only `batch` needs, it takes the first `n`
    /// in an order that their content alone decides.
    ///
    /// # Errors
    /// [`ScoringError::CalibrationTexts`] if `batch` has none.
    pub fn new(way: Calibration, n_columns: usize, unlabelled: &[&Example], n: usize) -> Result<Self, ScoringError> {
        let with = |text: &&str| Example { row: 0, fields: vec![(*text).to_owned(); n_columns], label: None };
        let texts = match way {
            Calibration::None => Vec::new(),
            Calibration::Contextual => CONTENT_FREE.iter().map(with).collect(),
            Calibration::PmiDc => vec![with(&"")],
            Calibration::Batch => {
                let mut texts: Vec<Example> =
                    unlabelled.iter().map(|text| Example { label: None, ..(*text).clone() }).collect();
                texts.sort_by_cached_key(|text| (text.hash(), text.row));
                texts.truncate(n);
                texts
            }
        };
        match way == Calibration::Batch && texts.is_empty() {
            true => Err(ScoringError::CalibrationTexts),
            false => Ok(Self { way, texts }),
        }
    }

    /// Leaves scores as they are.
    pub fn none() -> Self {
        Self { way: Calibration::None, texts: Vec::new() }
    }

    /// The way.
    pub fn way(&self) -> Calibration {
        self.way
    }

    /// The texts that a prompt's prior is taken on; each costs as an example does.
    pub fn texts(&self) -> Vec<&Example> {
        self.texts.iter().collect()
    }

    /// Identifies the texts.
    pub fn set(&self) -> SetHash {
        let mut hasher = blake3::Hasher::new_derive_key("promptmine 2026 calibration texts");
        hasher.update(self.way.name().as_bytes());
        self.texts.iter().for_each(|text| {
            hasher.update(&text.hash());
        });
        SetHash(*hasher.finalize().as_bytes())
    }

    /// Whether a prompt can be calibrated.
    ///
    /// # Errors
    /// [`ScoringError::Template`] for one without an input, which says the same on every text.
    pub fn check(&self, prompt: &Prompt) -> Result<(), ScoringError> {
        if self.way == Calibration::None || !prompt.template.columns().is_empty() {
            return Ok(());
        }
        Err(ScoringError::Template {
            template: prompt.template.to_string(),
            reason: format!(
                "has no slot for an input, so calibration `{}` would take all of its score away (allowed: none)",
                self.way.name()
            ),
        })
    }

    /// The prompt whose scores are to be calibrated: under `pmi_dc` every label word is a label of its own.
    pub fn asked(&self, prompt: &Prompt) -> Prompt {
        asked(self.way, prompt)
    }

    /// The prior of a prompt from the scores of [`Calibrator::asked`] on [`Calibrator::texts`].
    pub fn prior(&self, scores: &[Vec<f64>]) -> Prior {
        Prior::of(self.way, scores)
    }

    /// Calibrated scores of prompts on examples. The cost includes that of the priors.
    ///
    /// # Errors
    /// As [`Scorer::score`].
    pub fn score(
        &self,
        scorer: &Scorer,
        prompts: &[Prompt],
        columns: &[String],
        examples: &[&Example],
    ) -> Result<Round, ScoringError> {
        if self.way == Calibration::None {
            return scorer.score(prompts, columns, examples);
        }
        let asked: Vec<Prompt> = prompts.iter().map(|prompt| self.asked(prompt)).collect();
        let priors = scorer.score(&asked, columns, &self.texts())?;
        let mut round = scorer.score(&asked, columns, examples)?;
        for (index, prompt) in prompts.iter().enumerate() {
            let prior = self.prior(&priors.scores[index]);
            round.scores[index] = round.scores[index].iter().map(|s| prior.calibrate(&prompt.verbalizer, s)).collect();
            round.costs[index] += priors.costs[index];
        }
        Ok(round)
    }

    /// A prompt's prior, asked of the model; `None` where nothing is calibrated.
    ///
    /// # Errors
    /// As [`Scorer::score`].
    pub fn prior_of(
        &self,
        scorer: &Scorer,
        prompt: &Prompt,
        columns: &[String],
    ) -> Result<Option<Prior>, ScoringError> {
        if self.way == Calibration::None {
            return Ok(None);
        }
        let scores = scorer.score(&[self.asked(prompt)], columns, &self.texts())?.scores.remove(0);
        Ok(Some(self.prior(&scores)))
    }
}

impl Prior {
    /// The prior of label scores on texts that say nothing of the label: `[text][label]`, or `[text][word]` under `pmi_dc`.
    pub fn of(way: Calibration, scores: &[Vec<f64>]) -> Self {
        let n = scores.len() as f64;
        let n_numbers = scores.first().map_or(0, Vec::len);
        let mean = |index: usize| log_sum_exp(scores.iter().map(|scores| scores[index])) - n.ln();
        Self { way, logprobs: (0..n_numbers).map(mean).collect() }
    }

    /// The prompt whose scores this prior is subtracted from.
    pub fn asked(&self, prompt: &Prompt) -> Prompt {
        asked(self.way, prompt)
    }

    /// Whether it has a number for each label, or each word, of a verbalizer.
    pub fn fits(&self, verbalizer: &Verbalizer) -> bool {
        let n = match self.way {
            Calibration::PmiDc => verbalizer.labels.iter().map(|label| label.words.len()).sum(),
            _ => verbalizer.labels.len(),
        };
        self.logprobs.len() == n
    }

    /// Log-probabilities among the labels from the scores of [`Prior::asked`] on one example.
    pub fn calibrate(&self, verbalizer: &Verbalizer, scores: &[f64]) -> Vec<f64> {
        let n_words: Vec<usize> = verbalizer.labels.iter().map(|label| label.words.len()).collect();
        self.calibrated(&n_words, scores)
    }

    /// [`Prior::calibrate`] for labels of so many words.
    pub fn calibrated(&self, n_words: &[usize], scores: &[f64]) -> Vec<f64> {
        let rest: Vec<f64> = scores.iter().zip(&self.logprobs).map(|(score, prior)| score - prior).collect();
        let labels: Vec<f64> = match self.way {
            Calibration::PmiDc => {
                let mut words = rest.as_slice();
                (n_words.iter())
                    .map(|&n| {
                        let (own, others) = words.split_at(n.min(words.len()));
                        words = others;
                        log_sum_exp(own.iter().copied())
                    })
                    .collect()
            }
            _ => rest,
        };
        let total = log_sum_exp(labels.iter().copied());
        labels.into_iter().map(|score| score - total).collect()
    }
}

fn asked(way: Calibration, prompt: &Prompt) -> Prompt {
    if way != Calibration::PmiDc
        || prompt.label_vectors.is_some()
        || prompt.verbalizer.labels.iter().all(|label| label.words.len() == 1)
    {
        return prompt.clone();
    }
    let labels = prompt
        .verbalizer
        .labels
        .iter()
        .flat_map(|label| &label.words)
        .map(|word| crate::prompt::LabelWords { label: word.clone(), words: vec![word.clone()] });
    Prompt { verbalizer: Arc::new(Verbalizer { labels: labels.collect() }), ..prompt.clone() }
}
