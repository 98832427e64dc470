//! Normalisation of rows, by mean and variance or by the root mean square.

use std::sync::Arc;

use burn::Tensor;
use pulp::Arch;

use super::operator::{Gradients, Rule, operate};
use super::threads::by_rows;

/// A frozen normalisation of the last axis.
#[derive(Debug, Clone)]
pub struct Normaliser {
    /// What the normalised numbers are multiplied by.
    pub gamma: Vec<f32>,
    /// What is added then.
    pub beta: Option<Vec<f32>>,
    /// Added to the variance, or to the mean square.
    pub epsilon: f32,
    /// Whether the mean is taken off first.
    pub centred: bool,
}

/// `(x - mean) / sqrt(variance + epsilon) * gamma + beta`, without mean and beta where the normaliser has none, of the first
/// `columns` of every row. They are one or several times as many as gamma: heads side by side are normalised each alone. The
/// rest of the row stays.
///
/// # Shapes
///
/// - input, output: `[batch_size, n, width]`
pub fn normalise(input: Tensor<3>, by: &Arc<Normaliser>, columns: usize) -> Tensor<3> {
    let shape = input.dims();
    let [_, _, width] = shape;
    let d = by.gamma.len();
    assert!(d > 0 && columns <= width && columns.is_multiple_of(d), "{columns} of {width} columns for a norm of {d}");
    let forward = |[rows]: [&[f32]; 1]| {
        each_row(rows, width, |row, line| {
            for (row, line) in row[..columns].chunks_exact(d).zip(line.chunks_exact_mut(d)) {
                by.row(row, line);
            }
            line[columns..].copy_from_slice(&row[columns..]);
        })
    };
    operate([input], shape, forward, |[rows]| {
        Box::new(NormaliseRule { by: Arc::clone(by), rows: rows.to_vec(), width, columns })
    })
}

/// Makes a row of each row, on all threads.
fn each_row(rows: &[f32], width: usize, make: impl Fn(&[f32], &mut [f32]) + Sync) -> Vec<f32> {
    let mut output = vec![0f32; rows.len()];
    by_rows(&mut output, width, |first, chunk| {
        let rows = &rows[first * width..][..chunk.len()];
        Arch::new().dispatch(|| {
            for (row, line) in rows.chunks_exact(width).zip(chunk.chunks_exact_mut(width)) {
                make(row, line);
            }
        });
    });
    output
}

impl Normaliser {
    /// What is taken off a row, and what the rest is multiplied by.
    #[inline(always)]
    fn moments(&self, row: &[f32]) -> (f32, f32) {
        let n = row.len() as f32;
        let mean = if self.centred { sum(row, |x| x) / n } else { 0.0 };
        let square = sum(row, |x| (x - mean) * (x - mean)) / n;
        (mean, 1.0 / (square + self.epsilon).sqrt())
    }

    #[inline(always)]
    fn row(&self, row: &[f32], line: &mut [f32]) {
        let (mean, scale) = self.moments(row);
        match &self.beta {
            Some(beta) => {
                for (((place, x), gamma), beta) in line.iter_mut().zip(row).zip(&self.gamma).zip(beta) {
                    *place = (x - mean) * scale * gamma + beta;
                }
            }
            None => {
                for ((place, x), gamma) in line.iter_mut().zip(row).zip(&self.gamma) {
                    *place = (x - mean) * scale * gamma;
                }
            }
        }
    }

    /// With `y` the normalised row and `h` the gradient times gamma:
    /// `scale * (h - mean(h) - y * mean(h * y))`, without the mean where none was taken off.
    #[inline(always)]
    fn row_back(&self, row: &[f32], gradient: &[f32], line: &mut [f32]) {
        let n = row.len() as f32;
        let (mean, scale) = self.moments(row);
        for ((place, g), gamma) in line.iter_mut().zip(gradient).zip(&self.gamma) {
            *place = g * gamma;
        }
        let level = if self.centred { sum(line, |h| h) / n } else { 0.0 };
        let tilt = sum_of_products(line, row, mean) * scale / n;
        for (place, x) in line.iter_mut().zip(row) {
            *place = scale * (*place - level - (x - mean) * scale * tilt);
        }
    }
}

/// Sums in as many strands as a wide vector has numbers, so that the compiler may compute them side by side.
const STRANDS: usize = 32;

#[inline(always)]
fn sum(numbers: &[f32], of: impl Fn(f32) -> f32) -> f32 {
    let (chunks, rest) = numbers.as_chunks::<STRANDS>();
    let mut strands = [0f32; STRANDS];
    for chunk in chunks {
        for (strand, &number) in strands.iter_mut().zip(chunk) {
            *strand += of(number);
        }
    }
    strands.iter().sum::<f32>() + rest.iter().map(|&number| of(number)).sum::<f32>()
}

/// `sum of a (b - mean)`
#[inline(always)]
fn sum_of_products(a: &[f32], b: &[f32], mean: f32) -> f32 {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<STRANDS>(), b.as_chunks::<STRANDS>());
    let mut strands = [0f32; STRANDS];
    for (a, b) in a.iter().zip(b) {
        for ((strand, a), b) in strands.iter_mut().zip(a).zip(b) {
            *strand += a * (b - mean);
        }
    }
    strands.iter().sum::<f32>() + a_rest.iter().zip(b_rest).map(|(a, b)| a * (b - mean)).sum::<f32>()
}

#[derive(Debug)]
struct NormaliseRule {
    by: Arc<Normaliser>,
    rows: Vec<f32>,
    width: usize,
    columns: usize,
}

impl Rule<1> for NormaliseRule {
    fn backward(&self, gradient: &[f32], wanted: [bool; 1]) -> Gradients<1> {
        let (d, width, columns) = (self.by.gamma.len(), self.width, self.columns);
        [wanted[0].then(|| {
            let mut output = vec![0f32; gradient.len()];
            by_rows(&mut output, width, |first, chunk| {
                let rows =
                    self.rows[first * width..].chunks_exact(width).zip(gradient[first * width..].chunks_exact(width));
                Arch::new().dispatch(|| {
                    for ((row, gradient), line) in rows.zip(chunk.chunks_exact_mut(width)) {
                        let heads = row[..columns].chunks_exact(d).zip(gradient.chunks_exact(d));
                        for ((row, gradient), line) in heads.zip(line.chunks_exact_mut(d)) {
                            self.by.row_back(row, gradient, line);
                        }
                        line[columns..].copy_from_slice(&gradient[columns..]);
                    }
                });
            });
            output
        })]
    }
}
