//! The position-wise feed-forward part of a block in one go: what is wide in between never leaves a thread's cache.

use std::sync::Arc;

use burn::Tensor;

use super::activation::{Curve, curve, multiply_each};
use super::operator::{Gradients, Rule, operate};
use super::panels::{FrozenMap, room, with_buffer};
use super::product::{add, map, multiply};
use super::threads::by_rows;

/// `outer(curve(inner(x)))`, or with a gate `outer(curve(gate(x)) * inner(x))`.
#[derive(Debug, Clone)]
pub struct FrozenFeedForward {
    /// The maps to the inner width: `[inner]` or `[gate, inner]`.
    pub inner: Vec<Arc<FrozenMap>>,
    /// The map back.
    pub outer: Arc<FrozenMap>,
    /// What follows the first of the inner maps.
    pub curve: Curve,
}

/// The feed-forward part of every row, and where it is given `residual` on top.
///
/// # Shapes
///
/// - input: `[batch_size, n, d_input]`
/// - residual, output: `[batch_size, n, d_output]`
pub fn feed_forward(input: Tensor<3>, parts: &FrozenFeedForward, residual: Option<Tensor<3>>) -> Tensor<3> {
    if input.is_autodiff() || residual.as_ref().is_some_and(Tensor::is_autodiff) {
        let inner = map(input, &parts.inner, None);
        let opened = if parts.inner.len() == 2 { gated(inner, parts.curve) } else { curve(inner, parts.curve) };
        return map(opened, std::slice::from_ref(&parts.outer), residual);
    }
    let [batch_size, n, d_input] = input.dims();
    let d_inner: usize = parts.inner.iter().map(|map| map.d_output()).sum();
    let width = parts.outer.d_output();
    let forward = |rows: &[f32], residual: Option<&[f32]>| {
        let mut output = vec![0f32; batch_size * n * width];
        by_rows(&mut output, width, |first, chunk| {
            let n_rows = chunk.len() / width;
            with_buffer(|buffer| {
                let inner = room(buffer, n_rows * d_inner);
                multiply(&rows[first * d_input..][..n_rows * d_input], &parts.inner, inner, d_inner);
                let opened = if parts.inner.len() == 2 {
                    open(inner, d_inner, parts.curve)
                } else {
                    parts.curve.apply(inner);
                    inner
                };
                multiply(opened, std::slice::from_ref(&parts.outer), chunk, width);
            });
            if let Some(residual) = residual {
                add(chunk, &residual[first * width..][..n_rows * width]);
            }
        });
        output
    };
    let shape = [batch_size, n, width];
    // Nothing here is tracked, so no rule is asked for.
    match residual {
        None => operate([input], shape, |[rows]| forward(rows, None), |_| Box::new(Untracked)),
        Some(residual) => {
            operate([input, residual], shape, |[rows, residual]| forward(rows, Some(residual)), |_| Box::new(Untracked))
        }
    }
}

/// Stands where no gradient can be asked for.
#[derive(Debug)]
struct Untracked;

impl<const N: usize> Rule<N> for Untracked {
    fn backward(&self, _: &[f32], _: [bool; N]) -> Gradients<N> {
        unreachable!("the tracked form is made of operators that are tracked themselves")
    }
}

/// `curve(gate) * inner` of rows `[gate, inner]` of `width`, moved together at the front.
fn open(rows: &mut [f32], width: usize, curve: Curve) -> &mut [f32] {
    let half = width / 2;
    let n_rows = rows.len() / width;
    for row in 0..n_rows {
        let (gate, inner) = rows[row * width..(row + 1) * width].split_at_mut(half);
        curve.apply(gate);
        multiply_each(gate, inner);
        rows.copy_within(row * width..row * width + half, row * half);
    }
    &mut rows[..n_rows * half]
}

/// [`open`] as an operator.
fn gated(input: Tensor<3>, curve: Curve) -> Tensor<3> {
    let [batch_size, n, width] = input.dims();
    let half = width / 2;
    let forward = |[rows]: [&[f32]; 1]| {
        let mut output = vec![0f32; rows.len() / 2];
        by_rows(&mut output, half, |first, chunk| {
            for (line, row) in chunk.chunks_exact_mut(half).zip(rows[first * width..].chunks_exact(width)) {
                line.copy_from_slice(&row[..half]);
                curve.apply(line);
                multiply_each(line, &row[half..]);
            }
        });
        output
    };
    operate([input], [batch_size, n, half], forward, |[rows]| Box::new(GatedRule { curve, rows: rows.to_vec(), half }))
}

#[derive(Debug)]
struct GatedRule {
    curve: Curve,
    rows: Vec<f32>,
    half: usize,
}

impl Rule<1> for GatedRule {
    fn backward(&self, gradient: &[f32], wanted: [bool; 1]) -> Gradients<1> {
        let (half, width) = (self.half, 2 * self.half);
        [wanted[0].then(|| {
            let mut output = vec![0f32; self.rows.len()];
            by_rows(&mut output, width, |first, chunk| {
                let rows =
                    self.rows[first * width..].chunks_exact(width).zip(gradient[first * half..].chunks_exact(half));
                for (line, (row, gradient)) in chunk.chunks_exact_mut(width).zip(rows) {
                    let (to_gate, to_inner) = line.split_at_mut(half);
                    to_gate.copy_from_slice(&row[..half]);
                    self.curve.slope(to_gate);
                    multiply_each(to_gate, &row[half..]);
                    multiply_each(to_gate, gradient);
                    to_inner.copy_from_slice(&row[..half]);
                    self.curve.apply(to_inner);
                    multiply_each(to_inner, gradient);
                }
            });
            output
        })]
    }
}
