//! What the model would write in the answer's place: the whole vocabulary, by the label of the example.
//!
//! A search of label words asks it which words are likely, which tell the labels apart, and what the states look like that a
//! word is read from. `{mask}` is expanded to the places of the word, of which the first ones may be filled in, so that words
//! of several tokens are read left to right as they are scored.

use burn::tensor::{Tensor, TensorData, activation};

use crate::prompt::{LabelWords, Prompt, Template, Verbalizer};
use crate::spec::MultiToken;
use crate::task::Example;

use super::batch::Sequence;
use super::encode::Encoded;
use super::scorer::floats;
use super::{Cost, Scorer, ScoringError, Settings};

/// What every token is worth as an answer, by the label of the examples.
#[derive(Debug, Clone, PartialEq)]
pub struct Answers {
    /// Mean of `log p(token | x)` over the examples of a label, in nats: `[label][token]`. A label without examples has zeros.
    pub logprobs: Vec<Vec<f32>>,
    /// Mean of `log (p / (1 - p))` over the same: `[label][token]`.
    pub log_odds: Vec<Vec<f32>>,
    /// What it cost: an evaluation an example.
    pub cost: Cost,
}

/// The states that a place of the answer is read from.
#[derive(Debug, Clone, PartialEq)]
pub struct AnswerStates {
    /// After the head's transform: `[example][d_model]`.
    pub states: Vec<Vec<f32>>,
    /// What it cost: an evaluation an example.
    pub cost: Cost,
}

/// The examples of one call as sequences, in batches of alike lengths.
struct Asked {
    sequences: Vec<Sequence>,
    cost: Cost,
}

impl Scorer {
    /// The tokens of a word in a template's answer.
    ///
    /// # Errors
    /// [`ScoringError::UnwritableWord`], [`ScoringError::WordLength`].
    pub fn word_tokens(&self, template: &Template, word: &str) -> Result<Vec<u32>, ScoringError> {
        let label = LabelWords { label: String::new(), words: vec![word.to_owned()] };
        let verbalizer = std::sync::Arc::new(Verbalizer { labels: vec![label] });
        let mut passes = self.passes(&Prompt::plain(template.clone(), verbalizer))?;
        Ok(passes.words.remove(0).ids)
    }

    /// The passes that one example takes under another rule for words of several tokens than the scorer's own.
    ///
    /// # Errors
    /// [`ScoringError`] if the words cannot be written, or the model has no such rule.
    pub fn passes_under(&self, prompt: &Prompt, multi_token: MultiToken) -> Result<u64, ScoringError> {
        let settings = Settings { multi_token, ..*self.settings() };
        Self::new(self.loaded().clone(), settings).evaluations_per_example(prompt)
    }

    /// The word that these tokens write in a template's answer: letters or Chinese characters that the tokenizer gives the same
    /// tokens for. `None` for all others.
    pub fn word_of(&self, template: &Template, ids: &[u32]) -> Option<String> {
        let word = self.begins_word(ids)?;
        (self.word_tokens(template, &word).ok()? == ids).then_some(word)
    }

    /// What these tokens write, where a longer word may begin so: letters only, the first token at a word's beginning.
    pub fn begins_word(&self, ids: &[u32]) -> Option<String> {
        let tokenizer = &self.loaded().tokenizer;
        let mut written = String::new();
        for (place, id) in ids.iter().enumerate() {
            let (text, continuing) = tokenizer.token_text(*id).filter(|_| !tokenizer.special_ids().contains(id))?;
            if (place == 0 && continuing) || text.is_empty() || !text.chars().all(char::is_alphabetic) {
                return None;
            }
            written.push_str(&text);
        }
        Some(written)
    }

    /// What every token is worth at the first open place of the answer, which has as many places as `filled`.
    ///
    /// # Errors
    /// As [`Scorer::score`].
    ///
    /// # Panics
    /// If no place is open, or an example has no label.
    pub fn answers(
        &self,
        prompt: &Prompt,
        columns: &[String],
        examples: &[&Example],
        filled: &[Option<u32>],
    ) -> Result<Answers, ScoringError> {
        let open = filled.iter().position(Option::is_none).expect("a place to read");
        let asked = self.asked_for(prompt, columns, examples, filled, open)?;
        let n_labels = prompt.verbalizer.labels.len();
        let vocab_size = self.loaded().model.shape().vocab_size;
        let mut logprobs = vec![vec![0f64; vocab_size]; n_labels];
        let mut log_odds = logprobs.clone();
        let mut counts = vec![0usize; n_labels];
        for batch in asked.sequences.chunks(self.settings().batch_size) {
            let states = self.states_of(batch, prompt);
            let values = floats(activation::log_softmax(self.loaded().model.logits(states, None), 1));
            for (sequence, row) in batch.iter().zip(values.chunks(vocab_size)) {
                let label = examples[sequence.example].label.expect("words are searched on labelled examples");
                counts[label] += 1;
                for (token, &value) in row.iter().enumerate() {
                    let value = f64::from(value);
                    logprobs[label][token] += value;
                    // `ln(1 - e^x)` loses its digits near 0, where a token is all but certain.
                    log_odds[label][token] += value - (-value.exp_m1()).max(f64::MIN_POSITIVE).ln();
                }
            }
        }
        if logprobs.iter().flatten().any(|x| x.is_nan()) {
            return Err(ScoringError::NotFinite { prompt: prompt.template.to_string() });
        }
        let mean = |sums: Vec<Vec<f64>>| -> Vec<Vec<f32>> {
            (sums.into_iter().zip(&counts))
                .map(|(sums, &n)| sums.into_iter().map(|sum| (sum / n.max(1) as f64) as f32).collect())
                .collect()
        };
        Ok(Answers { logprobs: mean(logprobs), log_odds: mean(log_odds), cost: asked.cost })
    }

    /// The states at one place of an answer of `n_tokens` open places. A model that continues text has but one state, before
    /// the first of them.
    ///
    /// # Errors
    /// As [`Scorer::score`].
    pub fn answer_states(
        &self,
        prompt: &Prompt,
        columns: &[String],
        examples: &[&Example],
        (n_tokens, place): (usize, usize),
    ) -> Result<AnswerStates, ScoringError> {
        let place = if self.continues() { 0 } else { place };
        let asked = self.asked_for(prompt, columns, examples, &vec![None; n_tokens], place)?;
        let d_model = self.loaded().model.shape().d_model;
        let mut states = vec![Vec::new(); examples.len()];
        for batch in asked.sequences.chunks(self.settings().batch_size) {
            let values = floats(self.states_of(batch, prompt));
            for (sequence, row) in batch.iter().zip(values.chunks(d_model)) {
                states[sequence.example] = row.to_vec();
            }
        }
        if states.iter().flatten().any(|x| !x.is_finite()) {
            return Err(ScoringError::NotFinite { prompt: prompt.template.to_string() });
        }
        Ok(AnswerStates { states, cost: asked.cost })
    }

    /// How vectors in the space of answer states score every token: the product with its output embedding, without its bias.
    ///
    /// # Shapes
    /// - rows: `[n][d_model]` -> `[n][vocab_size]`
    pub fn token_products(&self, rows: &[Vec<f32>]) -> Vec<Vec<f32>> {
        let model = &self.loaded().model;
        let shape = model.shape();
        let mut values = rows.concat();
        // What the head says of nothing is its bias.
        values.extend(std::iter::repeat_n(0.0, shape.d_model));
        let states = Tensor::from_data(TensorData::new(values, [rows.len() + 1, shape.d_model]), &model.device());
        let logits = floats(model.logits(states, None));
        let (products, bias) = logits.split_at(rows.len() * shape.vocab_size);
        products.chunks(shape.vocab_size).map(|row| row.iter().zip(bias).map(|(x, bias)| x - bias).collect()).collect()
    }

    fn asked_for(
        &self,
        prompt: &Prompt,
        columns: &[String],
        examples: &[&Example],
        filled: &[Option<u32>],
        open: usize,
    ) -> Result<Asked, ScoringError> {
        // A model that continues text has read what stands before the place, and nothing else.
        let masks = if self.continues() { &filled[..open] } else { filled };
        let encoder = self.encoder(&prompt.template, columns, masks.len())?;
        let mut sequences = Vec::with_capacity(examples.len());
        let mut cost = Cost::default();
        for (index, example) in examples.iter().enumerate() {
            let encoded = encoder.encode(example)?;
            let ids = encoded.filled(&prompt.triggers.0, masks);
            cost += Cost { evaluations: 1, forwards: 1, backwards: 0, tokens: ids.len() as u64 };
            let positions = [encoded.read_at + open];
            let sequence = Sequence::of_tokens(&ids, &positions);
            let Encoded { soft_at, decoder_from, .. } = encoded;
            sequences.push(Sequence { example: index, soft_at, decoder_from, ..sequence });
        }
        sequences.sort_by_key(|sequence| sequence.ids.len());
        Ok(Asked { sequences, cost })
    }

    /// # Shapes
    /// - output: `[batch_size, d_model]`
    fn states_of(&self, batch: &[Sequence], prompt: &Prompt) -> Tensor<2> {
        let states = self.states(self.inputs(batch, |_| Some(prompt)), batch);
        let [n, _, d_model] = states.dims();
        states.reshape([n, d_model])
    }
}
