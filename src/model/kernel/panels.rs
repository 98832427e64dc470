//! A frozen linear map, stored as the product reads it.

use std::cell::RefCell;
use std::sync::Arc;

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

/// Vectors side by side in a register tile.
pub(super) const TILE_VECTORS: usize = 3;

/// `x W + b` with a matrix that never changes.
///
/// The matrix lies in panels: as many columns as [`TILE_VECTORS`] vectors hold, row after row; the last panel has as many
/// vectors as its columns need, filled up with zeros.
#[derive(Debug, Clone)]
pub struct FrozenMap {
    d_input: usize,
    d_output: usize,
    lanes: usize,
    panels: Arc<Vec<f32>>,
    /// Filled up with zeros to whole vectors; zeros where the map has no bias.
    bias: Vec<f32>,
}

impl FrozenMap {
    /// From a matrix as checkpoints hold it.
    ///
    /// # Shapes
    ///
    /// - weight: `[d_output, d_input]`, row-major
    /// - bias: `[d_output]`
    pub fn of_outputs(weight: &[f32], bias: Option<&[f32]>, [d_output, d_input]: [usize; 2]) -> Self {
        Self::of_outputs_for(lanes(), weight, bias, [d_output, d_input])
    }

    /// [`of_outputs`](Self::of_outputs) for vectors of so many numbers.
    pub(super) fn of_outputs_for(
        lanes: usize,
        weight: &[f32],
        bias: Option<&[f32]>,
        [d_output, d_input]: [usize; 2],
    ) -> Self {
        Self::build(lanes, bias, [d_input, d_output], |first, columns, panel| {
            for (column, row) in weight.chunks_exact(d_input).skip(first).take(columns).enumerate() {
                let lines = panel.iter_mut().skip(column).step_by(columns.next_multiple_of(lanes));
                lines.zip(row).for_each(|(place, &number)| *place = number);
            }
        })
    }

    /// From a matrix the other way round.
    ///
    /// # Shapes
    ///
    /// - weight: `[d_input, d_output]`, row-major
    /// - bias: `[d_output]`
    pub fn upright(weight: &[f32], bias: Option<&[f32]>, [d_input, d_output]: [usize; 2]) -> Self {
        let lanes = lanes();
        Self::build(lanes, bias, [d_input, d_output], |first, columns, panel| {
            let lines = panel.chunks_exact_mut(columns.next_multiple_of(lanes));
            for (line, row) in lines.zip(weight.chunks_exact(d_output)) {
                line[..columns].copy_from_slice(&row[first..first + columns]);
            }
        })
    }

    /// `fill` gets a panel's first column, its number of columns and its numbers.
    fn build(
        lanes: usize,
        bias: Option<&[f32]>,
        [d_input, d_output]: [usize; 2],
        fill: impl Fn(usize, usize, &mut [f32]) + Sync,
    ) -> Self {
        let mut padded = vec![0f32; d_output.next_multiple_of(lanes)];
        if let Some(bias) = bias {
            padded[..d_output].copy_from_slice(bias);
        }
        let mut panels = vec![0f32; padded.len() * d_input];
        let width = TILE_VECTORS * lanes;
        panels.par_chunks_mut((width * d_input).max(1)).enumerate().for_each(|(number, panel)| {
            let first = number * width;
            fill(first, width.min(d_output - first), panel);
        });
        Self { d_input, d_output, lanes, panels: Arc::new(panels), bias: padded }
    }

    /// The same matrix, which both share, with another bias.
    ///
    /// # Shapes
    ///
    /// - bias: `[d_output]`
    pub fn with_bias(&self, bias: &[f32]) -> Self {
        let mut padded = vec![0f32; self.bias.len()];
        padded[..self.d_output].copy_from_slice(bias);
        Self { panels: Arc::clone(&self.panels), bias: padded, ..*self }
    }

    /// Numbers in a row of the input.
    pub fn d_input(&self) -> usize {
        self.d_input
    }

    /// Numbers in a row of the output.
    pub fn d_output(&self) -> usize {
        self.d_output
    }

    /// The panels in their order: first column, columns, vectors, numbers and bias.
    pub(super) fn panels(&self) -> impl Iterator<Item = Panel<'_>> {
        let width = TILE_VECTORS * self.lanes;
        self.panels.chunks((width * self.d_input).max(1)).zip(self.bias.chunks(width)).enumerate().map(
            move |(number, (numbers, bias))| Panel {
                first: number * width,
                columns: width.min(self.d_output - number * width),
                vectors: bias.len() / self.lanes,
                numbers,
                bias,
            },
        )
    }

    /// The matrix and the bias as a checkpoint holds them.
    ///
    /// # Shapes
    ///
    /// - matrix: `[d_input, d_output]`, row-major
    /// - bias: `[d_output]`
    pub fn unpack(&self) -> (Vec<f32>, Vec<f32>) {
        let mut matrix = vec![0f32; self.d_input * self.d_output];
        for panel in self.panels() {
            for (line, row) in panel.numbers.chunks_exact(panel.bias.len()).zip(matrix.chunks_exact_mut(self.d_output))
            {
                row[panel.first..panel.first + panel.columns].copy_from_slice(&line[..panel.columns]);
            }
        }
        (matrix, self.bias[..self.d_output].to_vec())
    }
}

/// Some columns of a matrix.
pub(super) struct Panel<'a> {
    pub(super) first: usize,
    pub(super) columns: usize,
    pub(super) vectors: usize,
    /// `[d_input, vectors * lanes]`
    pub(super) numbers: &'a [f32],
    /// `[vectors * lanes]`
    pub(super) bias: &'a [f32],
}

/// Numbers in a vector of this processor.
pub(super) fn lanes() -> usize {
    struct Lanes;
    impl WithSimd for Lanes {
        type Output = usize;
        #[inline(always)]
        fn with_simd<S: Simd>(self, _: S) -> usize {
            S::F32_LANES
        }
    }
    Arch::new().dispatch(Lanes)
}

/// Calls `work` with a buffer of this thread, whose numbers mean nothing yet.
pub(super) fn with_buffer<R>(work: impl FnOnce(&mut Vec<f32>) -> R) -> R {
    thread_local! {
        static BUFFERS: RefCell<Vec<Vec<f32>>> = const { RefCell::new(Vec::new()) };
    }
    // Taken out while it is in use, so that work within work gets another.
    let mut buffer = BUFFERS.with_borrow_mut(Vec::pop).unwrap_or_default();
    let result = work(&mut buffer);
    BUFFERS.with_borrow_mut(|buffers| buffers.push(buffer));
    result
}

/// The first `n` numbers of a buffer, which grows where it must.
pub(super) fn room(buffer: &mut Vec<f32>, n: usize) -> &mut [f32] {
    if buffer.len() < n {
        buffer.resize(n, 0.0);
    }
    &mut buffer[..n]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_of_reading_a_matrix_give_the_same_map_and_it_can_be_read_back() {
        for (d_input, d_output) in [(5, 3), (7, 48), (4, 49), (3, 130), (1, 1)] {
            let upright: Vec<f32> = (0..d_input * d_output).map(|n| n as f32).collect();
            let turned = crate::model::weights::transpose(&upright, d_input, d_output);
            let bias: Vec<f32> = (0..d_output).map(|n| -(n as f32)).collect();
            let a = FrozenMap::upright(&upright, Some(&bias), [d_input, d_output]);
            let b = FrozenMap::of_outputs(&turned, Some(&bias), [d_output, d_input]);
            assert_eq!((a.unpack(), b.unpack()), ((upright.clone(), bias.clone()), (upright, bias)));
        }
    }
}
