//! A batch passed through the model, and what its passes read stored.

use burn::tensor::{Tensor, activation};

use crate::prompt::Prompt;

use super::Scorer;
use super::answer_way::AnswerWay;
use super::batch::Sequence;
use super::beginnings::{branches, encoders};
use super::ready::Ready;
use super::scorer::{floats, ids_tensor};
use super::twins::{Reader, Twins};

/// Logits over the whole vocabulary that are held at a time: 16 MiB.
const LOGITS: usize = 1 << 22;
/// Rows of logits that are held at a time in any case.
const FEWEST_ROWS: usize = 16;

/// What each pass reads, in nats: `[prompt][example][pass][read]`.
pub(super) type Reads = Vec<Vec<Vec<Vec<f64>>>>;

impl Scorer {
    /// Whether what sequences have in common is computed once: their beginnings, or what an encoder reads.
    pub(super) fn shares(&self) -> bool {
        self.loaded().model.shares_beginnings() || matches!(self.way(), AnswerWay::Sentinels { .. })
    }

    /// The states of a batch where it is read `[batch_size, n_predict, d_model]`, what sequences begin with alike computed once.
    pub(super) fn predict_batch<'p>(
        &self,
        batch: &[Sequence],
        prompt_of: impl Fn(usize) -> Option<&'p Prompt>,
    ) -> Tensor<3> {
        if !self.shares() {
            return self.states(self.inputs(batch, prompt_of), batch);
        }
        let decoded = batch.iter().all(|sequence| sequence.decoder_from.is_some());
        let tree = if decoded { encoders(batch) } else { branches(batch) };
        let (mut rows, mut parents, mut leaves) = (Vec::new(), Vec::new(), vec![0u32; batch.len()]);
        for (row, branch) in tree.into_iter().enumerate() {
            if let Some(leaf) = branch.leaf {
                leaves[leaf] = row as u32;
            }
            rows.push(branch.sequence);
            parents.push(branch.parent);
        }
        let mut inputs = self.inputs(&rows, prompt_of);
        let shared = parents.iter().any(Option::is_some);
        inputs.parents = shared.then_some(parents);
        let states = self.states(inputs, &rows);
        let device = states.device();
        states.select(0, ids_tensor(&leaves, &device))
    }

    /// Runs one batch and stores what its passes read, and those of its twins.
    pub(super) fn read_batch(&self, batch: &[Sequence], ready: &[Ready<'_>], twins: &Twins, reads: &mut Reads) {
        let states = self.predict_batch(batch, |prompt| Some(ready[prompt].prompt));
        let [batch_size, n_predict, d_model] = states.dims();
        let states = states.reshape([batch_size * n_predict, d_model]);
        let of = |(index, sequence)| twins.readers(sequence).map(move |reader| (index, reader));
        let readers: Vec<(usize, Reader)> = batch.iter().enumerate().flat_map(of).collect();
        let (by_vectors, by_words): (Vec<_>, Vec<_>) =
            readers.into_iter().partition(|(_, reader)| ready[reader.prompt].prompt.label_vectors.is_some());
        if !by_vectors.is_empty() {
            read_vectors(&by_vectors, ready, &floats(states.clone()), (n_predict, d_model), reads);
        }
        // A product with one row sums in another order than one with several, and a score has the same bits in any batch.
        let states = if batch_size * n_predict == 1 { states.repeat_dim(0, 2) } else { states };
        // What is normalised is rounded otherwise, so that each is read as it is where it is alone.
        let (normalised, plain): (Vec<_>, Vec<_>) =
            by_words.into_iter().partition(|(_, reader)| ready[reader.prompt].reading.passes.whole_vocabulary);
        for (readers, whole) in [(normalised, true), (plain, false)] {
            self.read_words(&states, &readers, (ready, whole), n_predict, reads);
        }
    }

    /// The log-probabilities of `tokens` over the whole vocabulary, row by row; the logits of some rows at a time, since those of all
    /// would take more memory than anything else where hundreds of words are read.
    ///
    /// # Shapes
    /// - states: `[n, d_model]`, two rows at least -> `[n * tokens.len()]`
    fn log_probabilities(&self, states: &Tensor<2>, tokens: &[u32]) -> Vec<f32> {
        let [n, _] = states.dims();
        let most = (LOGITS / self.loaded().model.shape().vocab_size.max(1)).max(FEWEST_ROWS);
        let mut values = Vec::with_capacity(n * tokens.len());
        let mut from = 0;
        while from < n {
            let rest = n - from;
            // No row is left alone: a product with one row sums in another order.
            let rows = if rest <= most { rest } else { most.min(rest - 2) };
            let logits = self.loaded().model.logits(states.clone().narrow(0, from, rows), None);
            let device = logits.device();
            values.extend(floats(activation::log_softmax(logits, 1).select(1, ids_tensor(tokens, &device))));
            from += rows;
        }
        values
    }

    /// Stores the label words' rows of some readers, normalised over the `whole` vocabulary or not.
    fn read_words(
        &self,
        states: &Tensor<2>,
        readers: &[(usize, Reader)],
        (ready, whole): (&[Ready<'_>], bool),
        n_predict: usize,
        reads: &mut Reads,
    ) {
        let of_reader = |reader: &Reader| &ready[reader.prompt].reading.passes.passes[reader.pass].reads;
        let mut rows: Vec<u32> =
            readers.iter().flat_map(|(_, reader)| of_reader(reader).iter().map(|read| read.token)).collect();
        rows.sort_unstable();
        rows.dedup();
        if rows.is_empty() {
            return;
        }
        let values = if whole {
            self.log_probabilities(states, &rows)
        } else {
            floats(self.loaded().model.logits(states.clone(), Some(&rows)))
        };
        for (index, reader) in readers {
            let places = &ready[reader.prompt].reading.places[reader.pass];
            let stored = &mut reads[reader.prompt][reader.example][reader.pass];
            for (slot, read) in stored.iter_mut().zip(of_reader(reader)) {
                let place = places.binary_search(&read.mask).unwrap_or(0);
                let row = rows.binary_search(&read.token).unwrap_or(0);
                *slot = f64::from(values[(index * n_predict + place) * rows.len() + row]);
            }
        }
    }
}

/// Stores the products of the labels' vectors with the states of their sequences, each read at its first place.
fn read_vectors(
    readers: &[(usize, Reader)],
    ready: &[Ready<'_>],
    states: &[f32],
    (n_predict, d_model): (usize, usize),
    reads: &mut Reads,
) {
    for (index, reader) in readers {
        let Some(labels) = &ready[reader.prompt].prompt.label_vectors else { continue };
        let state = &states[index * n_predict * d_model..][..d_model];
        let stored = &mut reads[reader.prompt][reader.example][reader.pass];
        for (slot, row) in stored.iter_mut().zip(labels.rows()) {
            *slot = row.iter().zip(state).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum();
        }
    }
}
