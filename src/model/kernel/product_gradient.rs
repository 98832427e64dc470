//! The gradient of a product with respect to its rows: rows times the matrix turned round, read from the same panels.

use std::sync::Arc;

use pulp::{Arch, Simd, WithSimd};

use super::panels::{FrozenMap, room, with_buffer};

/// Rows of the matrix, and of the gradient, that a register tile holds sums for.
const TILE: usize = 4;

/// `sum over maps of G W^T` for some rows, on this thread: each number is a sum over the columns of all panels, in the order of
/// the panels.
///
/// # Shapes
///
/// - gradient: `[n_rows, sum of d_output]`
/// - output: `[n_rows, d_input]`
pub(super) fn multiply_back(gradient: &[f32], maps: &[Arc<FrozenMap>], output: &mut [f32]) {
    with_buffer(|buffer| Arch::new().dispatch(Back { gradient, maps, output, buffer }));
}

pub(super) struct Back<'a> {
    pub(super) gradient: &'a [f32],
    pub(super) maps: &'a [Arc<FrozenMap>],
    pub(super) output: &'a mut [f32],
    pub(super) buffer: &'a mut Vec<f32>,
}

impl WithSimd for Back<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Some(d_input) = self.maps.first().map(|map| map.d_input()) else { return };
        let n_rows = self.output.len() / d_input.max(1);
        let width: usize = self.maps.iter().map(|map| map.d_output()).sum();
        // Whole vectors only, rows and columns filled up with zeros.
        let padded: usize = self.maps.iter().map(|map| map.d_output().next_multiple_of(S::F32_LANES)).sum();
        let n_padded = n_rows.next_multiple_of(TILE);
        let rows = room(self.buffer, n_padded * padded);
        rows.fill(0.0);
        for (line, row) in rows.chunks_exact_mut(padded).zip(self.gradient.chunks_exact(width)) {
            let (mut from, mut to) = (0, 0);
            for map in self.maps {
                line[to..to + map.d_output()].copy_from_slice(&row[from..from + map.d_output()]);
                from += map.d_output();
                to += map.d_output().next_multiple_of(S::F32_LANES);
            }
        }
        let mut k = 0;
        while k < d_input {
            let inputs = TILE.min(d_input - k);
            for (group, lines) in rows.chunks_exact(TILE * padded).zip(self.output.chunks_mut(TILE * d_input)) {
                let sums = self::tile(simd, group, padded, self.maps, k, inputs);
                for (line, sums) in lines.chunks_exact_mut(d_input).zip(&sums) {
                    for (place, &sum) in line[k..k + inputs].iter_mut().zip(sums) {
                        *place = simd.reduce_sum_f32s(sum);
                    }
                }
            }
            k += TILE;
        }
    }
}

/// `TILE` rows of the gradient times `inputs` rows of the matrices from `k` on, as vectors that are still to be summed up.
#[inline(always)]
fn tile<S: Simd>(
    simd: S,
    rows: &[f32],
    padded: usize,
    maps: &[Arc<FrozenMap>],
    k: usize,
    inputs: usize,
) -> [[S::f32s; TILE]; TILE] {
    let mut sums = [[simd.splat_f32s(0.0); TILE]; TILE];
    let rows: [&[S::f32s]; TILE] =
        std::array::from_fn(|row| S::as_simd_f32s(&rows[row * padded..(row + 1) * padded]).0);
    let mut at = 0;
    for map in maps {
        for panel in map.panels() {
            let (numbers, _) = S::as_simd_f32s(panel.numbers);
            let n = panel.vectors;
            // Rows beyond the last are the last again; their sums are not used.
            let lines: [&[S::f32s]; TILE] = std::array::from_fn(|input| {
                let row = k + input.min(inputs - 1);
                &numbers[row * n..(row + 1) * n]
            });
            let rows: [&[S::f32s]; TILE] = std::array::from_fn(|row| &rows[row][at..at + n]);
            for vector in 0..n {
                for input in 0..TILE {
                    let line = lines[input][vector];
                    for row in 0..TILE {
                        sums[row][input] = simd.mul_add_f32s(rows[row][vector], line, sums[row][input]);
                    }
                }
            }
            at += n;
        }
    }
    sums
}
