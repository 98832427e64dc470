//! A beam of texts in the gaps of a skeleton, token by token.

use std::collections::BTreeMap;

use burn::tensor::{Tensor, activation};

use super::SpanSource;
use crate::model::{Inputs, KeyValues, Memory};
use crate::scoring::generate::rows as rows_of;
use crate::scoring::scorer::floats;
use crate::scoring::{Cost, Scorer, ScoringError};

/// How a row goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpanStep {
    /// With what stands before the first gap.
    Begin,
    /// With a token in its gap.
    Token(u32),
    /// With what follows its gap, up to the next.
    End,
}

/// A row of the beam.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpanRow {
    /// The row of the last reading that it goes on from.
    pub parent: usize,
    /// How.
    pub step: SpanStep,
    /// The gap that it is in after that.
    pub gap: usize,
}

/// What may come next in a row: sums over the examples of log-probabilities, in nats.
#[derive(Debug, Clone, PartialEq)]
pub struct SpanNext {
    /// Of every token of the vocabulary.
    pub tokens: Vec<f64>,
    /// That the gap ends: of the first token of what follows it.
    pub end: f64,
    /// Of the tokens that the step read behind its first, which always stand there; 0 for a step of one token.
    pub behind: f64,
}

/// One example: its encoder's keys and values, and those of the rows in the decoder.
struct Decoding {
    source: SpanSource,
    memory: Memory,
    /// Keys and values of rows of one length.
    kept: Vec<KeyValues>,
    /// For each row of the last reading where its keys and values are.
    places: Vec<(usize, usize)>,
}

/// Texts that are written into the gaps of a skeleton.
pub struct SpanWriting<'s> {
    scorer: &'s Scorer,
    decodings: Vec<Decoding>,
    n_read: u64,
    forwards: u64,
}

impl Scorer {
    /// Makes ready to write: runs the encoder over every source.
    ///
    /// # Errors
    /// [`ScoringError::Fill`] for a model that does not read one text and write another.
    pub fn write_spans(&self, sources: Vec<SpanSource>) -> Result<SpanWriting<'_>, ScoringError> {
        let Some(model) = self.loaded().model.seq2seq() else {
            return Err(ScoringError::Fill(format!("{} does not read one text and write another", self.loaded().name)));
        };
        let decoding = |source: SpanSource| {
            let memory = model.encode(&self.inputs_of(std::slice::from_ref(&source.encoder), None));
            Decoding { source, memory, kept: Vec::new(), places: Vec::new() }
        };
        let decodings = sources.into_iter().map(decoding).collect();
        Ok(SpanWriting { scorer: self, decodings, n_read: 0, forwards: 0 })
    }
}

impl SpanWriting<'_> {
    /// Reads the next step of every row, and what may come after it. The rows of the last reading that none goes on from are
    /// forgotten.
    ///
    /// # Shapes
    /// - output: one for each row; its tokens are `[vocab_size]`
    ///
    /// # Errors
    /// [`ScoringError::NotFinite`].
    pub fn read(&mut self, rows: &[SpanRow]) -> Result<Vec<SpanNext>, ScoringError> {
        let vocab_size = self.scorer.loaded().model.shape().vocab_size;
        let mut next = vec![SpanNext { tokens: vec![0.0; vocab_size], end: 0.0, behind: 0.0 }; rows.len()];
        for decoding in &mut self.decodings {
            let (tokens, forwards) = decoding.read(self.scorer, rows, &mut next)?;
            self.n_read += tokens;
            self.forwards += forwards;
        }
        Ok(next)
    }

    /// What the encoder and all readings so far cost together.
    pub fn cost(&self) -> Cost {
        let n_examples = self.decodings.len() as u64;
        let n_encoded = self.decodings.iter().map(|decoding| decoding.source.encoder.len() as u64).sum();
        Cost {
            evaluations: evaluations(n_examples, n_encoded, self.n_read),
            forwards: n_examples + self.forwards,
            backwards: 0,
            tokens: n_encoded + self.n_read,
        }
    }

    /// The most evaluations that a beam of `width` texts of up to `max_length` tokens costs over these sources.
    pub fn most(sources: &[SpanSource], width: usize, max_length: usize) -> u64 {
        let n_encoded = sources.iter().map(|source| source.encoder.len() as u64).sum();
        let n_read: usize = sources
            .iter()
            .map(|source| {
                // Behind the last gap nothing is read.
                let between = &source.after[..source.after.len() - 1];
                let longest = between.iter().map(Vec::len).max().unwrap_or(1);
                source.begins.len() + width * longest * (max_length + between.len())
            })
            .sum();
        evaluations(sources.len() as u64, n_encoded, n_read as u64)
    }
}

/// One for each example, and as many as the tokens read make texts of their mean length.
fn evaluations(n_examples: u64, n_encoded: u64, n_read: u64) -> u64 {
    n_examples + (n_read * n_examples).div_ceil(n_encoded.max(1))
}

impl Decoding {
    /// The tokens and rows that were read.
    fn read(&mut self, scorer: &Scorer, rows: &[SpanRow], next: &mut [SpanNext]) -> Result<(u64, u64), ScoringError> {
        let model = &scorer.loaded().model;
        let Some(writer) = model.seq2seq() else { return Ok((0, 0)) };
        // Rows with equally many tokens behind and before them go together.
        let mut batches: BTreeMap<(Option<usize>, usize), Vec<usize>> = BTreeMap::new();
        let mut steps: Vec<Vec<u32>> = Vec::with_capacity(rows.len());
        for (number, row) in rows.iter().enumerate() {
            let ids = match row.step {
                SpanStep::Begin => self.source.begins.clone(),
                SpanStep::Token(id) => vec![id],
                SpanStep::End => self.source.after[row.gap - 1].clone(),
            };
            let begins = row.step == SpanStep::Begin;
            let group = self.places.get(row.parent).filter(|_| !begins).map(|place| place.0);
            batches.entry((group, ids.len())).or_default().push(number);
            steps.push(ids);
        }
        let mut kept: Vec<KeyValues> = Vec::new();
        let mut places = vec![(0, 0); rows.len()];
        let mut n_tokens = 0;
        for ((group, n), batch) in batches {
            let past = group.map(|group| {
                let parents: Vec<u32> = batch.iter().map(|&row| self.places[rows[row].parent].1 as u32).collect();
                rows_of(self.kept[group].clone(), &parents)
            });
            let ids: Vec<Vec<u32>> = batch.iter().map(|&row| steps[row].clone()).collect();
            // What the decoder begins with is given; of what follows a gap every token counts.
            let from = if group.is_none() { n - 1 } else { 0 };
            let inputs =
                Inputs { predict_positions: vec![(from..n).collect(); batch.len()], ..scorer.inputs_of(&ids, past) };
            let (states, key_values) = writer.decode(&self.memory, &vec![0; batch.len()], inputs);
            let [n_rows, n_predict, d_model] = states.dims();
            let logits = model.logits(states.reshape([n_rows * n_predict, d_model]), None);
            let values = floats(activation::log_softmax(logits, 1));
            let vocab_size = values.len() / (n_rows * n_predict);
            if values.iter().any(|x| x.is_nan()) {
                return Err(ScoringError::NotFinite { prompt: scorer.loaded().tokenizer.decode(&self.source.encoder) });
            }
            for (place, &row) in batch.iter().enumerate() {
                let at = |position: usize| {
                    let start = (place * n_predict + position) * vocab_size;
                    &values[start..start + vocab_size]
                };
                for position in 0..n_predict - 1 {
                    next[row].behind += f64::from(at(position)[steps[row][position + 1] as usize]);
                }
                let last = at(n_predict - 1);
                next[row].tokens.iter_mut().zip(last).for_each(|(sum, &value)| *sum += f64::from(value));
                let follows = self.source.after.get(rows[row].gap).and_then(|after| after.first());
                next[row].end += follows.map_or(f64::NEG_INFINITY, |&id| f64::from(last[id as usize]));
                places[row] = (kept.len(), place);
            }
            n_tokens += (n * batch.len()) as u64;
            kept.push(key_values);
        }
        (self.kept, self.places) = joined(kept, places);
        Ok((n_tokens, rows.len() as u64))
    }
}

/// Keys and values of the same length put together, and the places of the rows there.
fn joined(kept: Vec<KeyValues>, places: Vec<(usize, usize)>) -> (Vec<KeyValues>, Vec<(usize, usize)>) {
    let mut by_length: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (group, key_values) in kept.iter().enumerate() {
        by_length.entry(key_values.n_past()).or_default().push(group);
    }
    if by_length.len() == kept.len() {
        return (kept, places);
    }
    let mut all = Vec::new();
    // Where each group went: (its new group, its first row there).
    let mut went = vec![(0, 0); kept.len()];
    for groups in by_length.values() {
        let mut first = 0;
        for &group in groups {
            went[group] = (all.len(), first);
            first += kept[group].layers.first().map_or(0, |(keys, _)| keys.dims()[0]);
        }
        let n_layers = kept[groups[0]].layers.len();
        let layer = |layer: usize| {
            let of = |part: fn(&(Tensor<4>, Tensor<4>)) -> Tensor<4>| {
                Tensor::cat(groups.iter().map(|&group| part(&kept[group].layers[layer])).collect(), 0)
            };
            (of(|(keys, _)| keys.clone()), of(|(_, values)| values.clone()))
        };
        all.push(KeyValues { layers: (0..n_layers).map(layer).collect() });
    }
    let places = places.into_iter().map(|(group, row)| (went[group].0, went[group].1 + row)).collect();
    (all, places)
}
