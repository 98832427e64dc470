//! Which positions are seen and which are read.

use burn::Tensor;
use burn::tensor::{Device, Int, TensorData};

use crate::model::kernel::{Columns, Segments};

/// Added to the attention score of a padded position. Finite, because infinities make NaN of a difference; large enough that
/// the exponential is exactly 0 in f32, so padding changes nothing.
pub(super) const UNSEEN: f32 = -1e9;

/// What a block sees besides its input.
#[derive(Debug, Clone, Copy, Default)]
pub struct Seen<'a> {
    /// Keys and values before the input, each `[1 or batch_size, n_heads, n_past, d_head]`.
    pub past: Option<&'a (Tensor<4>, Tensor<4>)>,
    /// Added to the attention scores `[batch_size, 1, 1, n_past + seq_length]`.
    pub bias: Option<&'a Tensor<4>>,
    /// Where the sequences are, if they stand one after the other without padding.
    pub columns: Option<&'a Columns>,
}

/// What hides the padding from attention, and nothing of `n_past` positions before the input; nothing at all where no row is
/// padded.
///
/// # Shapes
///
/// - output: `[batch_size, 1, 1, n_past + seq_length]`
pub fn padding_bias(lengths: &[usize], n_past: usize, seq_length: usize, device: &Device) -> Option<Tensor<4>> {
    if lengths.iter().all(|&length| length == seq_length) {
        return None;
    }
    let bias: Vec<f32> = lengths
        .iter()
        .flat_map(|&length| {
            (0..n_past + seq_length).map(move |position| if position < n_past + length { 0.0 } else { UNSEEN })
        })
        .collect();
    Some(Tensor::from_data(TensorData::new(bias, [lengths.len(), 1, 1, n_past + seq_length]), device))
}

/// The predict positions of a batch.
#[derive(Debug, Clone)]
pub struct PredictRows {
    /// Rows of the hidden states flattened to `[n_rows, d_model]`.
    rows: Tensor<1, Int>,
    n_predict: usize,
}

impl PredictRows {
    /// From positions `[batch_size][n_predict]` in padded rows of `seq_length`.
    pub fn new(positions: &[Vec<usize>], seq_length: usize, device: &Device) -> Self {
        Self::of(positions, device, |row, position| row * seq_length + position)
    }

    /// From positions in sequences that stand one after the other.
    pub fn of_segments(positions: &[Vec<usize>], segments: &Segments, device: &Device) -> Self {
        Self::of(positions, device, |row, position| segments.rows(row).start + position)
    }

    fn of(positions: &[Vec<usize>], device: &Device, place: impl Fn(usize, usize) -> usize) -> Self {
        let n_predict = positions.first().map_or(0, Vec::len);
        let rows = positions.iter().enumerate();
        let rows: Vec<usize> = rows
            .flat_map(|(row, positions)| positions.iter().map(move |&position| (row, position)))
            .map(|(row, position)| place(row, position))
            .collect();
        Self { rows: row_numbers(&rows, device), n_predict }
    }

    /// The states at the predict positions.
    ///
    /// # Shapes
    ///
    /// - hidden: `[batch_size, seq_length, d_model]`, or one batch of all rows
    /// - output: `[batch_size, n_predict, d_model]`, or `[1, all that are predicted, d_model]`
    pub fn select(&self, hidden: Tensor<3>) -> Tensor<3> {
        let [batch_size, seq_length, d_model] = hidden.dims();
        let n_predict = if batch_size == 1 { self.rows.dims()[0] } else { self.n_predict };
        let flat: Tensor<2> = hidden.reshape([batch_size * seq_length, d_model]);
        flat.select(0, self.rows.clone()).reshape([batch_size, n_predict, d_model])
    }
}

/// Sequences of a padded batch, one after the other without the padding.
///
/// # Shapes
///
/// - states: `[batch_size, seq_length, d_model]`
/// - output: `[1, n_rows, d_model]`
pub fn pack(states: Tensor<3>, lengths: &[usize]) -> Tensor<3> {
    let [batch_size, seq_length, d_model] = states.dims();
    let flat: Tensor<2> = states.reshape([batch_size * seq_length, d_model]);
    let flat = if lengths.iter().all(|&length| length == seq_length) {
        flat
    } else {
        let rows = lengths.iter().enumerate();
        let rows: Vec<usize> = rows.flat_map(|(row, &length)| row * seq_length..row * seq_length + length).collect();
        let device = flat.device();
        flat.select(0, row_numbers(&rows, &device))
    };
    flat.unsqueeze()
}

/// [`pack`] undone; what stands beyond a row's length means nothing.
///
/// # Shapes
///
/// - states: `[1, n_rows, d_model]`
/// - output: `[batch_size, seq_length, d_model]`
pub fn unpack(states: Tensor<3>, lengths: &[usize], seq_length: usize) -> Tensor<3> {
    let [_, n_rows, d_model] = states.dims();
    let mut first = 0;
    let rows: Vec<usize> = lengths
        .iter()
        .flat_map(|&length| {
            let start = first;
            first += length;
            (0..seq_length).map(move |place| start + place.min(length - 1))
        })
        .collect();
    let flat: Tensor<2> = states.reshape([n_rows, d_model]);
    let device = flat.device();
    flat.select(0, row_numbers(&rows, &device)).reshape([lengths.len(), seq_length, d_model])
}

/// Numbers of rows as an index tensor.
pub(super) fn row_numbers(rows: &[usize], device: &Device) -> Tensor<1, Int> {
    let n = rows.len();
    let rows: Vec<i32> = rows.iter().map(|&row| row as i32).collect();
    Tensor::from_data(TensorData::new(rows, [n]), device)
}
