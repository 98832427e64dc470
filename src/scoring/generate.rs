//! Going on with a text, token by token.
//!
//! # Decisions
//!
//! - 2026-11: keys and values of what was read are kept and the next step reads one token. Beams share the prompt's, and after
//!   each step every beam takes over those of the one that it goes on from.
//! - 2026-11: beams are compared by the sum of their tokens' log-probabilities divided by their number, and the search goes on
//!   until as many as there are beams have ended and none that is open is better than the worst of them: the reference's
//!   `length_penalty: 1, early_stopping: false`.
//! - 2026-11: tokens that the settings of a sequence-to-sequence model force at the beginning or the end count as in the reference:
//!   they are written and cost nothing. What else its settings say (beams, lengths, repeated n-grams) is the caller's business.

use burn::Tensor;

use crate::model::{KeyValues, ModelKind};
use crate::seed::Stream;

use super::scorer::ids_tensor;
use super::written::Written;
use super::{Scorer, ScoringError};

/// How a continuation is chosen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Decoding {
    /// The likeliest token each time.
    Greedy,
    /// The likeliest whole of so many kept at a time.
    Beams(usize),
    /// Drawn from the distribution sharpened (below 1) or flattened (above 1) by a temperature.
    Sample {
        /// Above 0.
        temperature: f64,
        /// The random stream's seed.
        seed: u64,
    },
}

/// A continuation.
#[derive(Debug, Clone, PartialEq)]
pub struct Generated {
    /// The new tokens, the one that ends the text left out.
    pub ids: Vec<u32>,
    /// Their text.
    pub text: String,
    /// The sum of the new tokens' log-probabilities in nats, that of the end included where it was reached.
    pub logprob: f64,
    /// Whether the model ended the text itself.
    pub ended: bool,
}

/// One beam.
#[derive(Debug, Clone)]
struct Beam {
    ids: Vec<u32>,
    logprob: f64,
}

impl Beam {
    /// The mean log-probability of a token.
    fn score(&self, ended: bool) -> f64 {
        self.logprob / (self.ids.len() + usize::from(ended)).max(1) as f64
    }
}

impl Scorer {
    /// Goes on with `ids`, or writes what the decoder makes of them, until the model ends the text with one of `ends`,
    /// `max_new_tokens` are written, or the model has no more positions.
    ///
    /// # Errors
    /// [`ScoringError::Fill`] for a model that does not continue text or a text that leaves no room;
    /// [`ScoringError::NotFinite`].
    pub fn generate(
        &self,
        ids: &[u32],
        max_new_tokens: usize,
        decoding: Decoding,
        ends: &[u32],
    ) -> Result<Generated, ScoringError> {
        let loaded = self.loaded();
        let shape = loaded.model.shape();
        if shape.kind == ModelKind::Masked {
            return Err(ScoringError::Fill(format!(
                "{} ({}) fills masks and does not continue text; `fill` asks it",
                loaded.name, shape.family
            )));
        }
        let written = self.begin(ids)?;
        let most = max_new_tokens.min(written.room);
        let (finished, open) = self.beams(&written, most, decoding, ends)?;
        let best_open = open.into_iter().max_by(|a, b| a.score(false).total_cmp(&b.score(false)));
        let (beam, ended) = match (finished.into_iter().next(), best_open) {
            // An open beam is as long as it may be: it is a whole too.
            (Some(f), Some(o)) if o.score(false) > f.score(true) => (o, false),
            (Some(f), _) => (f, true),
            (None, Some(o)) => (o, false),
            (None, None) => (Beam { ids: Vec::new(), logprob: 0.0 }, false),
        };
        Ok(self.generated(&written, beam, ended))
    }

    /// The `n` best texts that a beam of that width finds, by the mean log-probability of their tokens, best first; what a decoder
    /// writes begins with the token `language`, where there is one.
    ///
    /// # Errors
    /// As [`Scorer::generate`].
    pub fn generate_best(
        &self,
        ids: &[u32],
        max_new_tokens: usize,
        n: usize,
        ends: &[u32],
        language: Option<u32>,
    ) -> Result<Vec<Generated>, ScoringError> {
        let mut written = self.begin(ids)?;
        if let Some(language) = language {
            // It comes behind the token that ends a text, or in the place of the one that begins it.
            match written.begins.last() {
                Some(id) if ends.contains(id) => written.first = Some(language),
                _ => (written.begins, written.first) = (vec![language], None),
            }
        }
        let most = max_new_tokens.min(written.room);
        let (finished, open) = self.beams(&written, most, Decoding::Beams(n), ends)?;
        let mut all: Vec<(Beam, bool)> = finished.into_iter().map(|beam| (beam, true)).collect();
        all.extend(open.into_iter().map(|beam| (beam, false)));
        all.sort_by(|(a, ended), (b, other)| b.score(*other).total_cmp(&a.score(*ended)));
        all.truncate(n);
        Ok(all.into_iter().map(|(beam, ended)| self.generated(&written, beam, ended)).collect())
    }

    fn generated(&self, written: &Written, beam: Beam, ended: bool) -> Generated {
        // What always comes first is no part of the text.
        let text = beam.ids.strip_prefix(written.first.as_slice()).unwrap_or(&beam.ids);
        Generated { text: self.loaded().tokenizer.decode(text), ids: beam.ids, logprob: beam.logprob, ended }
    }

    /// Texts that have ended, best first, and those that are as long as they may be.
    fn beams(
        &self,
        written: &Written,
        most: usize,
        decoding: Decoding,
        ends: &[u32],
    ) -> Result<(Vec<Beam>, Vec<Beam>), ScoringError> {
        let shape = self.loaded().model.shape();
        let n_beams = if let Decoding::Beams(n) = decoding { n.clamp(1, shape.vocab_size) } else { 1 };
        let mut stream = match decoding {
            Decoding::Sample { seed, .. } => Some(Stream::new(seed, "generate", b"")),
            _ => None,
        };
        let (mut logprobs, mut past) = self.read(written, std::slice::from_ref(&written.begins), None)?;
        let mut open = vec![Beam { ids: Vec::new(), logprob: 0.0 }];
        let mut finished: Vec<Beam> = Vec::new();
        for number in 0..most {
            logprobs = written.forced(logprobs, number, most);
            let steps = match (decoding, &mut stream) {
                (Decoding::Sample { temperature, .. }, Some(stream)) => {
                    vec![(0, draw(&logprobs[0], temperature, stream))]
                }
                _ => best(&open, &logprobs, 2 * n_beams),
            };
            let mut next: Vec<(usize, Beam)> = Vec::new();
            for (rank, (from, id)) in steps.into_iter().enumerate() {
                let mut beam = open[from].clone();
                beam.logprob += f64::from(logprobs[from][id as usize]);
                if ends.contains(&id) {
                    // An end that is not among the best is no rival of those that go on.
                    if rank < n_beams {
                        finished.push(beam);
                        finished.sort_by(|a, b| b.score(true).total_cmp(&a.score(true)));
                        finished.truncate(n_beams);
                    }
                } else if next.len() < n_beams {
                    beam.ids.push(id);
                    next.push((from, beam));
                }
            }
            let worst = finished.get(n_beams - 1).map(|beam| beam.score(true));
            let done = worst.is_some_and(|worst| next.iter().all(|(_, beam)| beam.score(false) <= worst))
                || (n_beams == 1 && worst.is_some());
            if done || next.is_empty() {
                open.clear();
                break;
            }
            let parents: Vec<u32> = next.iter().map(|&(from, _)| from as u32).collect();
            open = next.into_iter().map(|(_, beam)| beam).collect();
            let last: Vec<Vec<u32>> = open.iter().map(|beam| beam.ids.last().copied().into_iter().collect()).collect();
            if open[0].ids.len() < most {
                (logprobs, past) = self.read(written, &last, Some(rows(past, &parents)))?;
            }
        }
        Ok((finished, open))
    }

    /// The ids of a text to go on with, or for an encoder to read, where gaps may stand as for [`Scorer::fill`].
    ///
    /// # Errors
    /// [`ScoringError::Fill`].
    pub fn text_to_continue(&self, text: &str) -> Result<Vec<u32>, ScoringError> {
        match self.kind() {
            ModelKind::Seq2Seq => self.gapped_ids(text),
            _ => self.prefix_ids(text),
        }
    }
}

/// The keys and values of these rows, a row as often as it is named.
pub(super) fn rows(past: KeyValues, parents: &[u32]) -> KeyValues {
    let same = parents.iter().enumerate().all(|(row, &parent)| row == parent as usize);
    let n_rows = past.layers.first().map_or(0, |(keys, _)| keys.dims()[0]);
    if same && n_rows == parents.len() {
        return past;
    }
    let pick = |tensor: Tensor<4>| {
        let device = tensor.device();
        tensor.select(0, ids_tensor(parents, &device))
    };
    KeyValues { layers: past.layers.into_iter().map(|(keys, values)| (pick(keys), pick(values))).collect() }
}

/// The `n` best ways to go on, (beam, token), best first; of equal ones the earlier beam, then the smaller id.
fn best(open: &[Beam], logprobs: &[Vec<f32>], n: usize) -> Vec<(usize, u32)> {
    let mut all: Vec<(f64, usize, u32)> = Vec::new();
    for (number, (beam, row)) in open.iter().zip(logprobs).enumerate() {
        let mut order: Vec<u32> = (0..row.len() as u32).collect();
        let by_score = |a: &u32, b: &u32| row[*b as usize].total_cmp(&row[*a as usize]).then(a.cmp(b));
        if order.len() > n {
            order.select_nth_unstable_by(n, by_score);
            order.truncate(n);
        }
        all.extend(order.into_iter().map(|id| (beam.logprob + f64::from(row[id as usize]), number, id)));
    }
    // What a token that always stands somewhere leaves no chance is no way to go on.
    all.retain(|(score, ..)| *score > f64::NEG_INFINITY);
    all.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)).then(a.2.cmp(&b.2)));
    all.truncate(n);
    all.into_iter().map(|(_, number, id)| (number, id)).collect()
}

/// A token drawn from the distribution at a temperature.
fn draw(row: &[f32], temperature: f64, stream: &mut Stream) -> u32 {
    let most = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let weights: Vec<f64> = row.iter().map(|&x| (f64::from(x - most) / temperature).exp()).collect();
    let mut left = stream.uniform() * weights.iter().sum::<f64>();
    for (id, weight) in weights.iter().enumerate() {
        left -= weight;
        if left < 0.0 {
            return id as u32;
        }
    }
    weights.iter().rposition(|&weight| weight > 0.0).unwrap_or(0) as u32
}
