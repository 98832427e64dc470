//! Which positions are seen and which are read.

use burn::Tensor;
use burn::tensor::{Device, Int, TensorData, assert_shape};

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
    /// Rows of the hidden states flattened to `[batch_size * seq_length, d_model]`.
    rows: Tensor<1, Int>,
    batch_size: usize,
    n_predict: usize,
}

impl PredictRows {
    /// From positions `[batch_size][n_predict]` in rows of `seq_length`.
    pub fn new(positions: &[Vec<usize>], seq_length: usize, device: &Device) -> Self {
        let n_predict = positions.first().map_or(0, Vec::len);
        let rows: Vec<i32> = positions
            .iter()
            .enumerate()
            .flat_map(|(row, positions)| positions.iter().map(move |position| (row * seq_length + position) as i32))
            .collect();
        let n_rows = rows.len();
        Self {
            rows: Tensor::from_data(TensorData::new(rows, [n_rows]), device),
            batch_size: positions.len(),
            n_predict,
        }
    }

    /// The states at the predict positions.
    ///
    /// # Shapes
    ///
    /// - hidden: `[batch_size, seq_length, d_model]`
    /// - output: `[batch_size, n_predict, d_model]`
    pub fn select(&self, hidden: Tensor<3>) -> Tensor<3> {
        let [batch_size, seq_length, d_model] = hidden.dims();
        assert_shape!(hidden, [self.batch_size, _, _]);
        hidden.reshape([batch_size * seq_length, d_model]).select(0, self.rows.clone()).reshape([
            batch_size,
            self.n_predict,
            d_model,
        ])
    }
}
