//! Rows times a frozen matrix.

use pulp::{Arch, Simd, WithSimd, bytemuck};

use std::sync::Arc;

use burn::Tensor;

use super::operator::{Gradients, Rule, operate};
use super::panels::{FrozenMap, Panel, room, with_buffer};
use super::product_gradient::multiply_back;
use super::threads::by_rows;

/// `x W + b` of one map, or of several side by side, and where it is given `residual` on top.
///
/// # Shapes
///
/// - input: `[batch_size, seq_length, d_input]`
/// - residual, output: `[batch_size, seq_length, sum of the maps' d_output]`
///
/// # Panics
///
/// Panics if the widths do not fit.
pub fn map(input: Tensor<3>, maps: &[Arc<FrozenMap>], residual: Option<Tensor<3>>) -> Tensor<3> {
    let [batch_size, seq_length, d_input] = input.dims();
    assert!(maps.iter().all(|map| map.d_input() == d_input), "rows of {d_input} for maps of another width");
    let width: usize = maps.iter().map(|map| map.d_output()).sum();
    let shape = [batch_size, seq_length, width];
    let forward = |rows: &[f32], residual: Option<&[f32]>| {
        let mut output = vec![0f32; batch_size * seq_length * width];
        by_rows(&mut output, width, |first, chunk| {
            let n_rows = chunk.len() / width;
            multiply(&rows[first * d_input..][..n_rows * d_input], maps, chunk, width);
            if let Some(residual) = residual {
                add(chunk, &residual[first * width..][..n_rows * width]);
            }
        });
        output
    };
    let rule = || MapRule { maps: maps.to_vec(), d_input, width };
    match residual {
        None => operate([input], shape, |[rows]| forward(rows, None), |_| Box::new(rule())),
        Some(residual) => {
            operate([input, residual], shape, |[rows, residual]| forward(rows, Some(residual)), |_| Box::new(rule()))
        }
    }
}

#[derive(Debug)]
struct MapRule {
    maps: Vec<Arc<FrozenMap>>,
    d_input: usize,
    width: usize,
}

impl MapRule {
    fn input_gradient(&self, gradient: &[f32]) -> Vec<f32> {
        let mut output = vec![0f32; gradient.len() / self.width * self.d_input];
        by_rows(&mut output, self.d_input, |first, chunk| {
            let n_rows = chunk.len() / self.d_input;
            multiply_back(&gradient[first * self.width..][..n_rows * self.width], &self.maps, chunk);
        });
        output
    }
}

impl Rule<1> for MapRule {
    fn backward(&self, gradient: &[f32], wanted: [bool; 1]) -> Gradients<1> {
        [wanted[0].then(|| self.input_gradient(gradient))]
    }
}

impl Rule<2> for MapRule {
    fn backward(&self, gradient: &[f32], wanted: [bool; 2]) -> Gradients<2> {
        [wanted[0].then(|| self.input_gradient(gradient)), wanted[1].then(|| gradient.to_vec())]
    }
}

/// Adds `other` to `numbers`, one by one.
pub(super) fn add(numbers: &mut [f32], other: &[f32]) {
    Arch::new().dispatch(|| {
        for (number, other) in numbers.iter_mut().zip(other) {
            *number += other;
        }
    });
}

/// Some rows times all `maps`, side by side in rows of `width`, on this thread.
pub(super) fn multiply(rows: &[f32], maps: &[Arc<FrozenMap>], output: &mut [f32], width: usize) {
    with_buffer(|buffer| Arch::new().dispatch(Rows { rows, maps, output, width, buffer }));
}

pub(super) struct Rows<'a> {
    pub(super) rows: &'a [f32],
    pub(super) maps: &'a [Arc<FrozenMap>],
    pub(super) output: &'a mut [f32],
    pub(super) width: usize,
    pub(super) buffer: &'a mut Vec<f32>,
}

impl WithSimd for Rows<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        // Three vectors a row, beside the panel's and the broadcast number: as many rows as the registers hold.
        if S::REGISTER_COUNT >= 32 { self.run::<S, 8>(simd) } else { self.run::<S, 4>(simd) }
    }
}

impl Rows<'_> {
    #[inline(always)]
    fn run<S: Simd, const ROWS: usize>(self, simd: S) {
        let Some(d_input) = self.maps.first().map(|map| map.d_input()) else { return };
        let n_rows = self.output.len() / self.width.max(1);
        let packed = room(self.buffer, n_rows.next_multiple_of(ROWS) * d_input);
        interleave::<ROWS>(self.rows, d_input, packed);
        let mut left = 0;
        for map in self.maps {
            for panel in map.panels() {
                let place = Place { first: left + panel.first, width: self.width };
                match panel.vectors {
                    3 => columns::<S, ROWS, 3>(simd, packed, &panel, self.output, place),
                    2 => columns::<S, ROWS, 2>(simd, packed, &panel, self.output, place),
                    _ => columns::<S, ROWS, 1>(simd, packed, &panel, self.output, place),
                }
            }
            left += map.d_output();
        }
    }
}

/// Where a panel's columns go.
#[derive(Clone, Copy)]
struct Place {
    first: usize,
    width: usize,
}

/// Groups of `ROWS` rows, number by number beside one another: `[n_rows / ROWS, d_input, ROWS]`, zeros beyond the last row.
#[inline(always)]
pub(super) fn interleave<const ROWS: usize>(rows: &[f32], d_input: usize, packed: &mut [f32]) {
    if d_input == 0 {
        return;
    }
    for (group, rows) in packed.chunks_exact_mut(ROWS * d_input).zip(rows.chunks(ROWS * d_input)) {
        let (lines, _) = group.as_chunks_mut::<ROWS>();
        if rows.len() < ROWS * d_input {
            lines.fill([0.0; ROWS]);
        }
        for (place, row) in rows.chunks_exact(d_input).enumerate() {
            for (line, &number) in lines.iter_mut().zip(row) {
                line[place] = number;
            }
        }
    }
}

/// All rows times one panel.
#[inline(always)]
fn columns<S: Simd, const ROWS: usize, const VECTORS: usize>(
    simd: S,
    packed: &[f32],
    panel: &Panel<'_>,
    output: &mut [f32],
    Place { first, width }: Place,
) {
    let (bias, _) = S::as_simd_f32s(panel.bias);
    let start: [S::f32s; VECTORS] = std::array::from_fn(|vector| bias[vector]);
    let d_input = panel.numbers.len() / panel.bias.len();
    let groups = packed.chunks_exact((ROWS * d_input).max(1));
    for (group, lines) in groups.zip(output.chunks_mut(ROWS * width)) {
        let sums = tile::<S, ROWS, VECTORS>(simd, group, panel.numbers, start);
        for (line, sums) in lines.chunks_exact_mut(width).zip(&sums) {
            let sums: &[f32] = bytemuck::cast_slice(sums);
            line[first..first + panel.columns].copy_from_slice(&sums[..panel.columns]);
        }
    }
}

/// `ROWS` interleaved rows times `VECTORS` vectors of columns, added to `start` in the order of the rows' numbers.
#[inline(always)]
pub(super) fn tile<S: Simd, const ROWS: usize, const VECTORS: usize>(
    simd: S,
    rows: &[f32],
    columns: &[f32],
    start: [S::f32s; VECTORS],
) -> [[S::f32s; VECTORS]; ROWS] {
    let (rows, _) = rows.as_chunks::<ROWS>();
    let (columns, _) = S::as_simd_f32s(columns);
    let (columns, _) = columns.as_chunks::<VECTORS>();
    let mut sums = [start; ROWS];
    for (rows, columns) in rows.iter().zip(columns) {
        for (sums, &number) in sums.iter_mut().zip(rows) {
            let number = simd.splat_f32s(number);
            for (sum, &column) in sums.iter_mut().zip(columns) {
                *sum = simd.mul_add_f32s(number, column, *sum);
            }
        }
    }
    sums
}
