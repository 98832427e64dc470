//! What a search of label words may ask beside [`Oracle`](super::Oracle): on train, within the budget.

use crate::prompt::{Prompt, Template};
use crate::scoring::{Answers, Prior};
use crate::spec::Calibration;

use super::SearchError;

/// The scores of words, each as a label of its own.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct WordScores {
    /// Log-probabilities among the words: `[example][word]`.
    pub examples: Vec<Vec<f64>>,
    /// The same on the texts that calibration takes its prior over; empty where nothing is calibrated.
    pub texts: Vec<Vec<f64>>,
    /// How label scores are corrected.
    pub calibration: Calibration,
}

impl WordScores {
    /// A label's score is the logarithm of the sum of its words' probabilities, and the labels are normalised among each other,
    /// as the scorer does it; calibrated where it calibrates. `[example][label]`, for `labels[label]` of places of words.
    pub fn label_logprobs(&self, labels: &[Vec<usize>]) -> Vec<Vec<f64>> {
        if self.calibration == Calibration::None {
            return self.examples.iter().map(|words| among(words, labels)).collect();
        }
        let split: Vec<Vec<usize>> = match self.calibration {
            Calibration::PmiDc => labels.iter().flatten().map(|&word| vec![word]).collect(),
            _ => labels.to_vec(),
        };
        let of = |words: &Vec<f64>| among(words, &split);
        let prior = Prior::of(self.calibration, &self.texts.iter().map(of).collect::<Vec<_>>());
        let n_words: Vec<usize> = labels.iter().map(Vec::len).collect();
        self.examples.iter().map(|words| prior.calibrated(&n_words, &of(words))).collect()
    }
}

fn among(words: &[f64], labels: &[Vec<usize>]) -> Vec<f64> {
    let scores: Vec<f64> =
        labels.iter().map(|own| crate::scoring::log_sum_exp(own.iter().map(|&word| words[word]))).collect();
    let total = crate::scoring::log_sum_exp(scores.iter().copied());
    scores.into_iter().map(|score| score - total).collect()
}

/// What a search of label words may ask. Every answer is charged as the scorer counts it.
pub trait WordOracle {
    /// The label of a training example.
    fn gold(&self, example: usize) -> usize;

    /// What every token is worth at the first open place of the answer, by label, over some training examples.
    ///
    /// # Errors
    /// [`SearchError`] if it cannot be had.
    fn answers(&mut self, prompt: &Prompt, filled: &[Option<u32>], examples: &[usize]) -> Result<Answers, SearchError>;

    /// The states that a place of an answer of `n_tokens` open places is read from: `[example][d_model]`.
    ///
    /// # Errors
    /// [`SearchError`] if they cannot be had.
    fn answer_states(
        &mut self,
        prompt: &Prompt,
        n_tokens: usize,
        place: usize,
        examples: &[usize],
    ) -> Result<Vec<Vec<f32>>, SearchError>;

    /// How vectors in the space of those states score every token: `[n][vocab_size]`.
    fn token_products(&self, rows: &[Vec<f32>]) -> Vec<Vec<f32>>;

    /// The scores of a prompt each of whose label words is a label of its own.
    ///
    /// # Errors
    /// [`SearchError`] if they cannot be had.
    fn word_scores(&mut self, prompt: &Prompt, examples: &[usize]) -> Result<WordScores, SearchError>;

    /// The texts that [`WordOracle::word_scores`] scores beside the examples.
    fn n_calibration(&self) -> usize;

    /// What these tokens write, where a longer word may begin so: letters only, from a word's beginning on.
    fn begins_word(&self, ids: &[u32]) -> Option<String>;

    /// The texts that may be read without their labels.
    fn unlabelled(&self) -> Vec<String>;

    /// The word that these tokens write in a template's answer; `None` if they write none.
    fn word_of(&self, template: &Template, ids: &[u32]) -> Option<String>;
}
