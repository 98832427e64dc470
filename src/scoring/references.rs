//! How likely the examples' own references are, of prompts whose answers stand in a column of the data.
//!
//! With `r_1 ... r_n` the tokens of a reference and `x` the prompt on its example, the score is
//!
//! ```text
//! log p(r | x) = sum_i log p(r_i | x, r_1 ... r_(i-1))        multi_token: joint
//!                1/n sum_i ...                                multi_token: mean
//! ```
//!
//! over the whole vocabulary: nothing is normalised among labels, because there is but one.
//!
//! # Decisions
//!
//! - 2026-11: a causal model continues the prompt; an encoder-decoder reads it in its encoder, and its decoder begins with the start
//!   token and what it always writes first, as `generate` has it. The token that ends a text is not part of a reference: a prompt is not
//!   asked whether the model would stop there, and both kinds are alike. The reference implementations' `labels` hold it.
//! - 2026-11: of a reference the white space around it does not count. A causal model gets it as a label word is written: the template's
//!   own space before `{mask}` belongs to it. Behind a line break it stands without one.
//! - 2026-11: a reference that the tokenizer cannot write, or that leaves no position for the input, is an error that names its row:
//!   shortened, it would be another answer.
//! - 2026-11: sequences are read at a multiple of [`STEP`] places, the last one over again, so that references of almost the same length
//!   share a batch.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use burn::tensor::{Int, Tensor, TensorData, activation};

use crate::model::Inputs;
use crate::prompt::{Piece, Prompt};
use crate::spec::MultiToken;
use crate::task::Example;

use super::batch::Sequence;
use super::beginnings::key;
use super::encode::{Encoded, Encoder};
use super::past::prefix_groups;
use super::scorer::{Ask, Round, floats};
use super::{AnswerWay, Cost, Scorer, ScoringError};

/// Places at which a sequence is read are a multiple of it.
const STEP: usize = 4;

/// What is read off a sequence at its positions: the token that stands behind each, with its weight in the score.
pub(super) type Targets = Vec<(u32, f32)>;

/// A prompt on examples, each followed by its reference.
pub(super) struct Told {
    pub(super) sequences: Vec<Sequence>,
    pub(super) targets: Vec<Targets>,
    /// The places of the triggers, example after example.
    pub(super) trigger_at: Vec<Vec<usize>>,
    pub(super) truncated: usize,
}

impl Told {
    /// The sequences in their order, all read at as many places.
    pub(super) fn padded(mut self) -> (Vec<Sequence>, Vec<Targets>) {
        let most = self.targets.iter().map(Vec::len).max().unwrap_or(0);
        for (sequence, targets) in self.sequences.iter_mut().zip(&mut self.targets) {
            pad(sequence, targets, most);
        }
        (self.sequences, self.targets)
    }
}

/// Reads a sequence at so many places; those beyond its own are its last one again, and count nothing.
fn pad(sequence: &mut Sequence, targets: &mut Targets, most: usize) {
    if let (Some(&place), Some(&(token, _))) = (sequence.positions.last(), targets.last()) {
        sequence.positions.resize(most, place);
        targets.resize(most, (token, 0.0));
    }
}

impl Scorer {
    /// How the model is asked for references.
    ///
    /// # Errors
    /// [`ScoringError::NoWriter`].
    pub(super) fn reference_way(&self) -> Result<AnswerWay, ScoringError> {
        let no_writer = || ScoringError::NoWriter { model: self.loaded().name.clone() };
        AnswerWay::of_references(self.loaded()).ok_or_else(no_writer)
    }

    /// Checks that the model can take a prompt whose answers are references.
    ///
    /// # Errors
    /// [`ScoringError`] naming what it cannot take.
    pub(super) fn check_references(&self, prompt: &Prompt, columns: &[String]) -> Result<(), ScoringError> {
        let way = self.reference_way()?;
        let fault = |reason: String| ScoringError::Template { template: prompt.template.to_string(), reason };
        let rule = self.settings().multi_token;
        if matches!(rule, MultiToken::Independent | MultiToken::PseudoLikelihood) {
            return Err(fault(format!(
                "references are read from left to right, and multi_token `{}` is for models that fill masks (allowed: joint, mean)",
                rule.name()
            )));
        }
        if prompt.template.pieces().iter().any(|piece| matches!(piece, Piece::Mask(Some(_)))) {
            return Err(fault("references have any length: write {mask}, without a number".into()));
        }
        let column = prompt.verbalizer.reference_column().unwrap_or_default();
        if prompt.template.columns().contains(&column) {
            return Err(fault(format!("it shows {{{column}}}, the reference itself")));
        }
        if prompt.template.nearest().is_some() {
            return Err(fault("the nearest demonstrations are found by label words, and references have none".into()));
        }
        self.reference_encoder(prompt, &way, columns, (1, self.settings().truncate)).map(|_: Encoder<'_>| ())
    }

    pub(super) fn reference_encoder<'a>(
        &'a self,
        prompt: &'a Prompt,
        way: &'a AnswerWay,
        columns: &[String],
        (n_mask, truncate): (usize, bool),
    ) -> Result<Encoder<'a>, ScoringError> {
        let loaded = self.loaded();
        let positions = loaded.model.shape().max_positions;
        Encoder::new((&loaded.tokenizer, way), &loaded.name, &prompt.template, columns, n_mask, positions, truncate)
    }

    /// The tokens of an example's reference in a prompt's answer.
    ///
    /// # Errors
    /// Why the tokenizer cannot write it.
    pub fn reference_tokens(&self, prompt: &Prompt, text: &str) -> Result<Vec<u32>, String> {
        let tokenizer = &self.loaded().tokenizer;
        if self.loaded().model.seq2seq().is_some() {
            let ids = tokenizer.encode_text(text);
            if let Some(unknown) = tokenizer.unk_id().filter(|unknown| ids.contains(unknown)) {
                return Err(format!(
                    "the tokenizer writes {} for a part of it",
                    tokenizer.token(unknown).unwrap_or_default()
                ));
            }
            return Ok(ids);
        }
        let pieces = prompt.template.pieces();
        let before = pieces.iter().position(|piece| matches!(piece, Piece::Mask(_))).and_then(|at| at.checked_sub(1));
        let (context, after_space) = match before.map(|at| &pieces[at]) {
            Some(Piece::Text(text)) => (text.trim_end_matches(' '), text.ends_with(' ')),
            Some(Piece::Trigger(_) | Piece::Soft(_)) => ("", true),
            Some(Piece::Demo(shown)) => ("", shown.end.ends_with(' ')),
            _ => ("", false),
        };
        let written = tokenizer.encode_continuation(context, text, after_space);
        written.map_err(|error| match error {
            crate::model::ModelError::UnwritableWord { why, .. } => format!("the tokenizer cannot write it ({why})"),
            other => other.to_string(),
        })
    }

    /// A prompt on examples, each followed by its reference.
    pub(super) fn told(&self, ask: &Ask<'_>, columns: &[String], examples: &[&Example]) -> Result<Told, ScoringError> {
        let way = self.reference_way()?;
        let Ask { prompt, multi_token, truncate } = *ask;
        let column = prompt.verbalizer.reference_column().unwrap_or_default();
        let at = columns.iter().position(|known| known == column).ok_or_else(|| ScoringError::Column {
            template: prompt.verbalizer.to_string(),
            column: column.to_owned(),
            known: columns.join(", "),
        })?;
        let mut told = Told { sequences: Vec::new(), targets: Vec::new(), trigger_at: Vec::new(), truncated: 0 };
        let mut encoders: HashMap<usize, Encoder<'_>> = HashMap::new();
        for (number, example) in examples.iter().enumerate() {
            let fault = |reason: String| {
                let (column, model) = (column.to_owned(), self.loaded().name.clone());
                ScoringError::Reference { row: example.row, column, model, reason }
            };
            let text = example.fields[at].trim();
            if text.is_empty() {
                return Err(fault("it is empty".into()));
            }
            let ids = self.reference_tokens(prompt, text).map_err(fault)?;
            let n = ids.len();
            let Some((_, known)) = ids.split_last() else { return Err(fault("it has no token".into())) };
            let encoder = match encoders.entry(known.len()) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(place) => {
                    let made = self.reference_encoder(prompt, &way, columns, (known.len(), truncate));
                    place.insert(made.map_err(|error| match error {
                        ScoringError::TemplateTooLong { positions, .. } => fault(format!(
                            "its {n} tokens and the template leave no room for the input on {positions} positions"
                        )),
                        other => other,
                    })?)
                }
            };
            let encoded = encoder.encode(example)?;
            let limit = self.loaded().model.shape().max_positions;
            if let Some(from) = encoded.decoder_from.filter(|from| encoded.ids.len() - from > limit) {
                let n_read = encoded.ids.len() - from;
                return Err(fault(format!("its decoder would read {n_read} tokens on {limit} positions")));
            }
            told.truncated += usize::from(!encoded.shortened.is_empty());
            let filled: Vec<Option<u32>> = known.iter().copied().map(Some).collect();
            let positions: Vec<usize> = (encoded.read_at..encoded.read_at + n).collect();
            let sequence = Sequence::of_tokens(&encoded.filled(&prompt.triggers.0, &filled), &positions);
            let Encoded { soft_at, decoder_from, trigger_at, .. } = encoded;
            told.sequences.push(Sequence { example: number, soft_at, decoder_from, ..sequence });
            told.trigger_at.push(trigger_at);
            let weight = if multi_token == MultiToken::Mean { 1.0 / n as f32 } else { 1.0 };
            told.targets.push(ids.into_iter().map(|id| (id, weight)).collect());
        }
        Ok(told)
    }

    /// [`Scorer::score_mixed`] where some of the prompts have references for answers.
    pub(super) fn score_references(
        &self,
        asks: &[Ask<'_>],
        columns: &[String],
        examples: &[&Example],
    ) -> Result<Round, ScoringError> {
        let has_references = |ask: &&Ask<'_>| ask.prompt.verbalizer.reference_column().is_some();
        let others: Vec<Ask<'_>> = asks.iter().filter(|ask| !has_references(ask)).copied().collect();
        let (mut scores, mut truncated, mut costs) = (Vec::new(), Vec::new(), Vec::new());
        let mut of_others = match others.is_empty() {
            true => Vec::new(),
            false => {
                let Round { scores, truncated, costs } = self.score_mixed(&others, columns, examples)?;
                scores.into_iter().zip(truncated).zip(costs).collect()
            }
        }
        .into_iter();
        let mut rows: Vec<(Sequence, Targets)> = Vec::new();
        for (number, ask) in asks.iter().enumerate() {
            if !has_references(&ask) {
                let ((of_prompt, shortened), cost) = of_others.next().unwrap_or_default();
                scores.push(of_prompt);
                truncated.push(shortened);
                costs.push(cost);
                continue;
            }
            self.check_vectors(ask.prompt)?;
            let told = self.told(ask, columns, examples)?;
            let tokens = told.sequences.iter().map(|sequence| sequence.ids.len() as u64).sum();
            let n = examples.len() as u64;
            scores.push(vec![vec![0.0]; examples.len()]);
            truncated.push(told.truncated);
            costs.push(Cost { evaluations: n, forwards: n, backwards: 0, tokens });
            rows.extend(told.sequences.into_iter().zip(told.targets).map(|(sequence, mut targets)| {
                let mut sequence = Sequence { prompt: number, ..sequence };
                let most = targets.len().next_multiple_of(STEP);
                pad(&mut sequence, &mut targets, most);
                (sequence, targets)
            }));
        }
        let group = prefix_groups(asks.iter().map(|ask| ask.prompt));
        let kind = |s: &Sequence| (s.positions.len(), group[s.prompt]);
        rows.sort_by_cached_key(|(sequence, _)| (kind(sequence), key(sequence)));
        let (sequences, targets): (Vec<Sequence>, Vec<Targets>) = rows.into_iter().unzip();
        let mut targets = targets.into_iter();
        for alike in sequences.chunk_by(|a, b| kind(a) == kind(b)) {
            for batch in self.batches(alike) {
                let targets: Vec<Targets> = targets.by_ref().take(batch.len()).collect();
                let states = self.predict_batch(batch, |prompt| Some(asks[prompt].prompt));
                let values = floats(self.target_logprobs(states, &targets));
                let n_places = batch[0].positions.len();
                for ((sequence, targets), values) in batch.iter().zip(&targets).zip(values.chunks(n_places)) {
                    let parts = targets.iter().zip(values);
                    let score: f64 = parts.map(|((_, weight), &value)| f64::from(*weight) * f64::from(value)).sum();
                    scores[sequence.prompt][sequence.example] = vec![score];
                }
            }
        }
        for (ask, scores) in asks.iter().zip(&scores) {
            if !scores.iter().flatten().all(|score| score.is_finite()) {
                return Err(ScoringError::NotFinite { prompt: ask.prompt.template.to_string() });
            }
        }
        Ok(Round { scores, truncated, costs })
    }

    /// The log-probabilities of the targets.
    ///
    /// # Shapes
    /// - states: `[batch_size, n_places, d_model]`
    /// - output: `[batch_size, n_places]`
    fn target_logprobs(&self, states: Tensor<3>, targets: &[Targets]) -> Tensor<2> {
        let [batch_size, n_places, d_model] = states.dims();
        let logits = self.loaded().model.logits(states.reshape([batch_size * n_places, d_model]), None);
        let tokens: Vec<i64> = targets.iter().flatten().map(|(token, _)| i64::from(*token)).collect();
        let tokens = Tensor::<2, Int>::from_data(TensorData::new(tokens, [batch_size * n_places, 1]), &logits.device());
        activation::log_softmax(logits, 1).gather(1, tokens).reshape([batch_size, n_places])
    }

    /// The log-probability of each sequence's reference, tracked: `[batch_size, 1]`.
    pub(super) fn reference_logprobs(&self, inputs: Inputs, batch: &[Sequence], targets: &[Targets]) -> Tensor<2> {
        let values = self.target_logprobs(self.states(inputs, batch), targets);
        let [batch_size, n_places] = values.dims();
        let weights: Vec<f32> = targets.iter().flatten().map(|(_, weight)| *weight).collect();
        let weights = Tensor::<2>::from_data(TensorData::new(weights, [batch_size, n_places]), &values.device());
        let tracked = values.is_autodiff() && !weights.is_autodiff();
        let weights = if tracked { weights.autodiff() } else { weights };
        (values * weights).sum_dim(1)
    }
}
