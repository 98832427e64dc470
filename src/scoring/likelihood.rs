//! How likely a prompt's own tokens are to the model: template text and triggers, each given the rest.
//!
//! With `own` the places of a prompt's own tokens in its encoding of a text, and `t_p` the token at place `p`:
//!
//! ```text
//! masked: -log P(t_p | all others, p masked)     (pseudo-log-likelihood, arXiv 1910.14659); in an encoder-decoder with
//!         sentinels p is a gap of its own beside the answer's
//! causal: -log P(t_p | t_0 ... t_(p-1)), p > 0
//! ```
//!
//! and the mean over `own` and the texts. The answer's mask is left in; a model that continues text is read up to the answer.
//! The input's tokens are read, not counted.
//!
//! # Decisions
//!
//! - 2026-11: a masked model needs a sequence for each own token, a causal one a sequence for each text, and that is what is
//!   counted: an evaluation is a sequence passed forward.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use burn::tensor::{Int, Tensor, TensorData, activation};

use crate::model::ModelKind;
use crate::prompt::{Prompt, Template};
use crate::task::Example;

use super::batch::Sequence;
use super::encode::Encoded;
use super::past::prefix_groups;
use super::scorer::floats;
use super::{Cost, Scorer, ScoringError};

/// How likely the own tokens of prompts are.
#[derive(Debug, Clone, PartialEq)]
pub struct Likelihoods {
    /// The mean negative log-likelihood of each prompt's own tokens, in nats; `None` where it has none, or there is no text.
    pub means: Vec<Option<f64>>,
    /// What each prompt cost.
    pub costs: Vec<Cost>,
}

/// What stands in the places of some trigger tokens, in the model's own view.
#[derive(Debug, Clone, PartialEq)]
pub struct TriggerLikelihoods {
    /// The log-probability of every token in a place, given the prompt as it is everywhere else: mean over the texts, divided
    /// by the number of own tokens, so that a difference of two entries is the part of the place itself in the difference of the
    /// mean log-likelihoods. `[n_places][vocab_size]`
    pub parts: Vec<Vec<f32>>,
    /// What it cost.
    pub cost: Cost,
}

/// A template on the texts, with the places of its own tokens.
type Own = Arc<Vec<(Encoded, Vec<usize>)>>;

/// The templates of a call.
type Encodings<'p> = HashMap<&'p Template, Own>;

impl Scorer {
    /// The mean negative log-likelihood of the own tokens of each prompt on some texts.
    ///
    /// # Errors
    /// As [`Scorer::score`].
    pub fn likelihoods(
        &self,
        prompts: &[Prompt],
        columns: &[String],
        examples: &[&Example],
    ) -> Result<Likelihoods, ScoringError> {
        let causal = self.kind() == ModelKind::Causal;
        let mask_id = self.loaded().tokenizer.mask_id().unwrap_or_default();
        let mut encodings = Encodings::new();
        // Each sequence with the tokens that are read at its positions.
        let mut sequences: Vec<(Sequence, Vec<u32>)> = Vec::new();
        let mut costs = vec![Cost::default(); prompts.len()];
        for (number, prompt) in prompts.iter().enumerate() {
            for (example, (encoded, own)) in self.own(prompt, columns, examples, &mut encodings)?.iter().enumerate() {
                let ids = encoded.filled(&prompt.triggers.0, &[]);
                let soft_at = |end: usize| encoded.soft_at.iter().copied().filter(|&at| at < end).collect::<Vec<_>>();
                let sequence = |ids: Vec<u32>, positions: Vec<usize>| {
                    let soft_at = soft_at(ids.len());
                    let known = Sequence { prompt: number, example, soft_at, ..Sequence::of_tokens(&[], &positions) };
                    Sequence { ids, ..known }
                };
                if causal {
                    if let Some(&last) = own.last() {
                        let positions = own.iter().map(|place| place - 1).collect();
                        let read = own.iter().map(|&place| ids[place]).collect();
                        sequences.push((sequence(ids[..last].to_vec(), positions), read));
                    }
                    continue;
                }
                for &place in own {
                    let mut masked = ids.clone();
                    let read = std::mem::replace(&mut masked[place], mask_id);
                    let filled = Encoded { ids: ids.clone(), ..encoded.clone() };
                    let asked = match self.open_gaps(&filled, &[place])? {
                        Some(gapped) => Sequence { prompt: number, example, ..gapped },
                        None => sequence(masked, vec![place]),
                    };
                    sequences.push((asked, vec![read]));
                }
            }
        }
        for (sequence, _) in &sequences {
            let cost = &mut costs[sequence.prompt];
            cost.evaluations += 1;
            cost.forwards += 1;
            cost.tokens += sequence.ids.len() as u64;
        }
        let group = prefix_groups(prompts.iter());
        let kind = |s: &Sequence| (s.positions.len(), group[s.prompt]);
        sequences.sort_by_key(|(sequence, _)| (kind(sequence), sequence.ids.len()));
        let (sequences, reads): (Vec<Sequence>, Vec<Vec<u32>>) = sequences.into_iter().unzip();
        let mut reads = reads.iter();
        let mut sums = vec![(0.0, 0_usize); prompts.len()];
        for alike in sequences.chunk_by(|a, b| kind(a) == kind(b)) {
            for batch in alike.chunks(self.settings().batch_size) {
                let read: Vec<u32> = reads.by_ref().take(batch.len()).flatten().copied().collect();
                let values = self.likelihoods_of(batch, &read, |prompt| Some(&prompts[prompt]));
                for (sequence, values) in batch.iter().zip(values.chunks(batch[0].positions.len())) {
                    let (sum, n) = &mut sums[sequence.prompt];
                    *sum -= values.iter().map(|&value| f64::from(value)).sum::<f64>();
                    *n += values.len();
                }
            }
        }
        let mut means = Vec::with_capacity(prompts.len());
        for (prompt, (sum, n)) in prompts.iter().zip(sums) {
            let mean = (n > 0).then(|| sum / n as f64);
            if mean.is_some_and(|mean| !mean.is_finite()) {
                return Err(ScoringError::NotFinite { prompt: prompt.template.to_string() });
            }
            means.push(mean);
        }
        Ok(Likelihoods { means, costs })
    }

    /// What [`Scorer::likelihoods`] of one prompt costs: the evaluations.
    ///
    /// # Errors
    /// As [`Scorer::score`].
    pub fn likelihood_evaluations(
        &self,
        prompt: &Prompt,
        columns: &[String],
        examples: &[&Example],
    ) -> Result<u64, ScoringError> {
        let causal = self.kind() == ModelKind::Causal;
        let all = self.own(prompt, columns, examples, &mut Encodings::new())?;
        Ok(all.iter().map(|(_, own)| if causal { u64::from(!own.is_empty()) } else { own.len() as u64 }).sum())
    }

    /// How likely every token of the vocabulary is in the places of some trigger tokens, by their numbers. A place that nothing
    /// stands before says nothing to a model that continues text: its entries are 0.
    ///
    /// Costs an evaluation for each place and text; for a model that continues text one for each text.
    ///
    /// # Errors
    /// As [`Scorer::score`].
    pub fn trigger_likelihoods(
        &self,
        prompt: &Prompt,
        places: &[usize],
        columns: &[String],
        examples: &[&Example],
    ) -> Result<TriggerLikelihoods, ScoringError> {
        let causal = self.kind() == ModelKind::Causal;
        let mask_id = self.loaded().tokenizer.mask_id().unwrap_or_default();
        let vocab_size = self.loaded().model.shape().vocab_size;
        let mut cost = Cost::default();
        let mut sums = vec![vec![0_f64; vocab_size]; places.len()];
        let all = self.own(prompt, columns, examples, &mut Encodings::new())?;
        for (example, (encoded, own)) in all.iter().enumerate() {
            let ids = encoded.filled(&prompt.triggers.0, &[]);
            let at = |place: &usize| encoded.trigger_at[*place];
            let sequence = |ids: Vec<u32>, positions: Vec<usize>| {
                let soft_at = encoded.soft_at.iter().copied().filter(|&at| at < ids.len()).collect();
                let known = Sequence { example, soft_at, ..Sequence::of_tokens(&[], &positions) };
                Sequence { ids, ..known }
            };
            // The places that can be read, each with its row of `sums`.
            let read: Vec<(usize, usize)> =
                places.iter().map(at).enumerate().filter(|(_, place)| !causal || *place > 0).collect();
            let sequences: Vec<Sequence> = match read.iter().map(|(_, place)| *place).max() {
                None => Vec::new(),
                Some(last) if causal => {
                    vec![sequence(ids[..last].to_vec(), read.iter().map(|(_, place)| place - 1).collect())]
                }
                Some(_) => read
                    .iter()
                    .map(|&(_, place)| {
                        let filled = Encoded { ids: ids.clone(), ..encoded.clone() };
                        if let Some(gapped) = self.open_gaps(&filled, &[place])? {
                            return Ok(Sequence { example, ..gapped });
                        }
                        let mut masked = ids.clone();
                        masked[place] = mask_id;
                        Ok(sequence(masked, vec![place]))
                    })
                    .collect::<Result<_, ScoringError>>()?,
            };
            let share = 1.0 / (own.len().max(1) * examples.len()) as f64;
            let mut rows = read.iter().map(|(row, _)| *row);
            for batch in sequences.chunks(self.settings().batch_size) {
                for sequence in batch {
                    cost.evaluations += 1;
                    cost.forwards += 1;
                    cost.tokens += sequence.ids.len() as u64;
                }
                let values = floats(self.own_logprobs(batch, |_| Some(prompt)));
                for (row, values) in rows.by_ref().zip(values.chunks(vocab_size)) {
                    for (sum, &value) in sums[row].iter_mut().zip(values) {
                        *sum += f64::from(value) * share;
                    }
                }
            }
        }
        let parts = sums.into_iter().map(|sums| sums.into_iter().map(|sum| sum as f32).collect()).collect();
        Ok(TriggerLikelihoods { parts, cost })
    }

    /// The encodings of a prompt's template with the places of the own tokens that can be read.
    fn own<'p>(
        &self,
        prompt: &'p Prompt,
        columns: &[String],
        examples: &[&Example],
        encodings: &mut Encodings<'p>,
    ) -> Result<Own, ScoringError> {
        let place = match encodings.entry(&prompt.template) {
            Entry::Occupied(known) => return Ok(Arc::clone(known.get())),
            Entry::Vacant(place) => place,
        };
        let causal = self.kind() == ModelKind::Causal;
        // What continues text is read up to the answer.
        let n_mask = if self.continues() { 0 } else { self.fewest_masks(prompt)? };
        let encoder = self.encoder(&prompt.template, columns, n_mask)?;
        let mut all = Vec::with_capacity(examples.len());
        for example in examples {
            let encoded = encoder.encode(example)?;
            // To a causal model nothing says what comes first.
            let own = encoder.own_places(example, &encoded).into_iter().filter(|&p| !causal || p > 0).collect();
            all.push((encoded, own));
        }
        Ok(Arc::clone(place.insert(Arc::new(all))))
    }

    /// The log-probability of what stands at each position of a batch, row by row.
    fn likelihoods_of<'p>(
        &self,
        batch: &[Sequence],
        read: &[u32],
        prompt_of: impl Fn(usize) -> Option<&'p Prompt>,
    ) -> Vec<f32> {
        let logprobs = self.own_logprobs(batch, prompt_of);
        let read: Vec<i64> = read.iter().map(|&id| i64::from(id)).collect();
        let n = read.len();
        let read = Tensor::<2, Int>::from_data(TensorData::new(read, [n, 1]), &logprobs.device());
        floats(logprobs.gather(1, read))
    }

    /// Log-probabilities over the whole vocabulary at the positions of a batch.
    ///
    /// # Shapes
    /// - output: `[batch_size * n_positions, vocab_size]`
    fn own_logprobs<'p>(&self, batch: &[Sequence], prompt_of: impl Fn(usize) -> Option<&'p Prompt>) -> Tensor<2> {
        let model = &self.loaded().model;
        let states = self.states(self.inputs(batch, prompt_of), batch);
        let [n, n_positions, d_model] = states.dims();
        activation::log_softmax(model.logits(states.reshape([n * n_positions, d_model]), None), 1)
    }
}
