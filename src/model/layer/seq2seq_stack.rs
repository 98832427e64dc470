//! One side of a model that reads one text and writes another: the blocks of its encoder, or those of its decoder.

use std::sync::Arc;

use burn::Tensor;
use burn::tensor::Device;

use super::padding::row_numbers;
use super::{
    CrossSight, LayerKeyValues, PredictRows, RelativeBias, Seq2SeqLayer, Sight, StateNorm, causal_bias, padding_bias,
};
use crate::model::KeyValues;
use crate::model::kernel::{Columns, Segments, Window};

/// The sequences of one side of a batch.
#[derive(Debug, Clone)]
pub struct SideRows {
    /// Positions of each sequence.
    pub lengths: Vec<usize>,
    /// Where they are, if they stand one after the other.
    pub segments: Option<Arc<Segments>>,
}

impl SideRows {
    /// Sequences of these lengths, `packed` one after the other or padded to the longest.
    pub fn new(lengths: Vec<usize>, packed: bool) -> Self {
        let segments = packed.then(|| Arc::new(Segments::new(&lengths, None)));
        Self { lengths, segments }
    }

    /// The longest sequence.
    pub fn longest(&self) -> usize {
        self.lengths.iter().copied().max().unwrap_or(0)
    }

    /// The rows that are read, of states of these sequences.
    pub fn read(&self, positions: &[Vec<usize>], device: &Device) -> PredictRows {
        match &self.segments {
            Some(segments) => PredictRows::of_segments(positions, segments, device),
            None => PredictRows::new(positions, self.longest(), device),
        }
    }
}

/// Embeddings, blocks and last norm of one side.
#[derive(Debug, Clone)]
pub struct Seq2SeqStack {
    /// Learned positions `[max_positions, d_model]`, added to the words; where there are none, the scores know distances.
    pub positions: Option<Tensor<2>>,
    /// The norm of the sum.
    pub embedding_norm: Option<StateNorm>,
    /// What is added to the scores of every block by distance.
    pub relative: Option<RelativeBias>,
    /// Whether a position sees itself and those to its left only.
    pub causal: bool,
    /// The blocks, first to last, at least one.
    pub layers: Vec<Seq2SeqLayer>,
    /// The norm after the last.
    pub norm: Option<StateNorm>,
}

/// What the decoder sees of the encoder: the keys and values of each block, for all its rows, and for those that are read.
pub struct Across<'a> {
    /// By block.
    pub keys_values: &'a [Tensor<3>],
    /// What all rows see.
    pub all: CrossSight,
    /// What the rows that are read see.
    pub read: CrossSight,
}

impl Seq2SeqStack {
    /// What the first block gets; positions count on from `n_past`.
    ///
    /// # Shapes
    ///
    /// - words: `[batch_size, seq_length, d_model]`, or `[1, n_rows, d_model]` of sequences one after the other
    /// - output: the same
    pub fn embedded(&self, words: Tensor<3>, rows: &SideRows, n_past: usize) -> Tensor<3> {
        let sum = match (&self.positions, &rows.segments) {
            (None, _) => words,
            (Some(positions), Some(segments)) => {
                let places: Vec<usize> = segments.positions().into_iter().map(|place| n_past + place).collect();
                words + positions.clone().select(0, row_numbers(&places, &positions.device())).unsqueeze()
            }
            (Some(positions), None) => words + positions.clone().narrow(0, n_past, rows.longest()).unsqueeze(),
        };
        match &self.embedding_norm {
            Some(norm) => norm.forward(sum),
            None => sum,
        }
    }

    /// What a pass tells the blocks; all positions ask where `asking` names none.
    pub fn sight(&self, rows: &SideRows, n_past: usize, asking: Option<&[Vec<usize>]>, device: &Device) -> Sight {
        let longest = rows.longest();
        if let Some(segments) = &rows.segments {
            let columns = Columns {
                segments: segments.clone(),
                asking: asking.map(|asking| Arc::new(asking.to_vec())),
                window: if self.causal { Window::Left } else { Window::Whole },
                bias: self.relative.as_ref().map(|relative| relative.up_to(n_past + longest)),
            };
            return Sight::Packed { columns, query_turn: None, key_turn: None };
        }
        let everywhere = [(0..longest).collect()];
        let asking = asking.unwrap_or(&everywhere);
        let hidden = if self.causal {
            causal_bias(asking, n_past, longest, None, device)
        } else {
            padding_bias(&rows.lengths, n_past, longest, device)
        };
        let near = self.relative.as_ref().map(|relative| relative.padded(asking, n_past, longest, device));
        let bias = match (hidden, near) {
            (Some(hidden), Some(near)) => Some(hidden + near),
            (hidden, near) => hidden.or(near),
        };
        Sight::Padded { bias, query_rotation: None, key_rotation: None }
    }

    /// Runs all blocks and the last norm; in the last block only the positions in `read` ask, where there are any named. Gives the
    /// keys and values of every block where they are to be `kept`.
    ///
    /// # Shapes
    ///
    /// - words: as of [`embedded`](Self::embedded)
    /// - output: the same, or with the positions that are read
    pub fn forward(
        &self,
        words: Tensor<3>,
        rows: &SideRows,
        read: Option<&[Vec<usize>]>,
        across: Option<&Across<'_>>,
        past: Option<&KeyValues>,
        kept: bool,
    ) -> (Tensor<3>, Option<KeyValues>) {
        let device = words.device().inner();
        let n_past = past.map_or(0, KeyValues::n_past);
        let sight = self.sight(rows, n_past, None, &device);
        let last_sight = read.map(|read| (rows.read(read, &device), self.sight(rows, n_past, Some(read), &device)));
        let mut hidden = self.embedded(words, rows, n_past);
        let mut all_kept: Vec<LayerKeyValues> = Vec::new();
        for (number, layer) in self.layers.iter().enumerate() {
            let last = last_sight.as_ref().filter(|_| number + 1 == self.layers.len());
            let memory = across
                .map(|across| (&across.keys_values[number], if last.is_some() { &across.read } else { &across.all }));
            let past = past.map(|past| &past.layers[number]);
            let (read, sight) = last.map_or((None, &sight), |(read, sight)| (Some(read), sight));
            let (next, key_values) = layer.forward(hidden, read, sight, memory, past, kept);
            hidden = next;
            all_kept.extend(key_values);
        }
        let states = match &self.norm {
            Some(norm) => norm.forward(hidden),
            None => hidden,
        };
        (states, kept.then_some(KeyValues { layers: all_kept }))
    }

    /// The states after the embeddings and after each block, at all positions; the last norm is not in them.
    pub fn states(&self, words: Tensor<3>, rows: &SideRows, across: Option<&Across<'_>>) -> Vec<Tensor<3>> {
        let sight = self.sight(rows, 0, None, &words.device().inner());
        let mut states = vec![self.embedded(words, rows, 0)];
        for (number, layer) in self.layers.iter().enumerate() {
            let memory = across.map(|across| (&across.keys_values[number], &across.all));
            states.push(layer.forward(states[number].clone(), None, &sight, memory, None, false).0);
        }
        states
    }
}
