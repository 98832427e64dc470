//! Attention over sequences that stand one after the other.
//!
//! Of each sequence and head the keys are put side by side as columns, so that scores and gathered values are small products
//! of the same register tile as everything else. No padding is computed, no mask is made, and no score leaves the cache.

use std::ops::Range;
use std::sync::Arc;

use burn::Tensor;
use pulp::{Arch, Simd, WithSimd, bytemuck};
use rayon::prelude::*;

use super::attention_gradient::AttentionRule;
use super::distance_bias::DistanceBias;
use super::operator::operate;
use super::panels::{TILE_VECTORS, room, with_buffer};
use super::product::{interleave, tile};
use super::segments::{Segments, Window};
use super::softmax::softmax_row;

/// Queries that a thread takes at a time.
const TASK_QUERIES: usize = 64;

/// The numbers of an attention.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AttentionShape {
    /// Query heads.
    pub n_heads: usize,
    /// Heads of keys and values; the query heads are a multiple of them.
    pub n_kv_heads: usize,
    /// Numbers in a head.
    pub d_head: usize,
    /// What scores are multiplied by.
    pub scale: f32,
}

/// Where the rows of an attention stand and what they see.
#[derive(Debug, Clone)]
pub struct Columns {
    /// The sequences of the keys.
    pub segments: Arc<Segments>,
    /// The positions within each sequence that ask; all where absent.
    pub asking: Option<Arc<Vec<Vec<usize>>>>,
    /// What a position sees.
    pub window: Window,
    /// What is added to the scores; nothing where absent.
    pub bias: Option<Arc<DistanceBias>>,
}

impl Columns {
    /// How many rows of a sequence ask.
    pub(super) fn n_asking(&self, sequence: usize) -> usize {
        self.asking.as_ref().map_or_else(|| self.segments.rows(sequence).len(), |asking| asking[sequence].len())
    }

    /// The position within its sequence of an asking row.
    pub(super) fn place(&self, sequence: usize, row: usize) -> usize {
        self.asking.as_ref().map_or(row, |asking| asking[sequence][row])
    }
}

/// The parts of an attention on slices.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parts<'a> {
    /// `[n_asking rows, n_heads * d_head]`
    pub(super) query: &'a [f32],
    /// `[rows, 2 * n_kv_heads * d_head]`: the keys of all heads, then the values.
    pub(super) keys_values: &'a [f32],
    /// Keys and values before every sequence, each `[1 or n_sequences, n_kv_heads, n_past, d_head]`.
    pub(super) past: Option<(&'a [f32], &'a [f32], usize)>,
}

/// What the asking rows gather from what they see.
///
/// # Shapes
///
/// - query: `[1, rows that ask, n_heads * d_head]`
/// - keys_values: `[1, rows, 2 * n_kv_heads * d_head]`, keys first
/// - past: keys and values before every sequence, each `[1 or n_sequences, n_kv_heads, n_past, d_head]`
/// - output: `[1, rows that ask, n_heads * d_head]`
pub fn attend(
    query: Tensor<3>,
    keys_values: Tensor<3>,
    past: Option<(Tensor<4>, Tensor<4>)>,
    shape: AttentionShape,
    columns: &Columns,
) -> Tensor<3> {
    let dims = query.dims();
    assert_eq!(keys_values.dims(), [1, columns.segments.n_rows(), 2 * shape.n_kv_heads * shape.d_head]);
    match past {
        None => operate(
            [query, keys_values],
            dims,
            |[query, keys_values]| run(Parts { query, keys_values, past: None }, shape, columns),
            |[query, keys_values]| {
                Box::new(AttentionRule::new(Parts { query, keys_values, past: None }, shape, columns))
            },
        ),
        Some((keys, values)) => {
            let [batch_size, n_heads, n_past, d_head] = keys.dims();
            let flat = |past: Tensor<4>| past.reshape([batch_size, n_heads * n_past, d_head]);
            operate(
                [query, keys_values, flat(keys), flat(values)],
                dims,
                |[query, keys_values, keys, values]| {
                    run(Parts { query, keys_values, past: Some((keys, values, n_past)) }, shape, columns)
                },
                |[query, keys_values, keys, values]| {
                    Box::new(AttentionRule::new(
                        Parts { query, keys_values, past: Some((keys, values, n_past)) },
                        shape,
                        columns,
                    ))
                },
            )
        }
    }
}

fn run(parts: Parts<'_>, shape: AttentionShape, columns: &Columns) -> Vec<f32> {
    let width = shape.n_heads * shape.d_head;
    let mut output = vec![0f32; parts.query.len()];
    let mut tasks = Vec::new();
    let (mut rest, mut first) = (output.as_mut_slice(), 0);
    for sequence in 0..columns.segments.len() {
        let n_asking = columns.n_asking(sequence);
        for start in (0..n_asking).step_by(TASK_QUERIES) {
            let rows = start..n_asking.min(start + TASK_QUERIES);
            let (lines, after) = rest.split_at_mut(rows.len() * width);
            rest = after;
            tasks.push(Task { sequence, first_query: first + rows.start, rows, output: lines });
        }
        first += n_asking;
    }
    let run = |task: Task<'_>| {
        with_buffer(|buffer| Arch::new().dispatch(Sequence { task, parts, shape, columns, buffer }));
    };
    if rayon::current_num_threads() == 1 {
        tasks.into_iter().for_each(run);
    } else {
        tasks.into_par_iter().for_each(run);
    }
    output
}

/// Some asking rows of a sequence.
pub(super) struct Task<'a> {
    pub(super) sequence: usize,
    /// The number of the first among all rows that ask.
    pub(super) first_query: usize,
    /// Their numbers among the sequence's.
    pub(super) rows: Range<usize>,
    pub(super) output: &'a mut [f32],
}

pub(super) struct Sequence<'a> {
    pub(super) task: Task<'a>,
    pub(super) parts: Parts<'a>,
    pub(super) shape: AttentionShape,
    pub(super) columns: &'a Columns,
    pub(super) buffer: &'a mut Vec<f32>,
}

impl WithSimd for Sequence<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        if S::REGISTER_COUNT >= 32 { self.run::<S, 8>(simd) } else { self.run::<S, 4>(simd) }
    }
}

impl Sequence<'_> {
    #[inline(always)]
    fn run<S: Simd, const ROWS: usize>(self, simd: S) {
        let Self { task, parts, shape, columns, buffer } = self;
        let AttentionShape { n_heads, n_kv_heads, d_head, scale } = shape;
        let lanes = S::F32_LANES;
        let lines = Lines::new(&parts, &columns.segments, task.sequence, shape);
        let n_seen = lines.n_seen();
        let before = lines.n_seen() - columns.segments.rows(task.sequence).len();
        let (seen_padded, head_padded) = (n_seen.next_multiple_of(lanes), d_head.next_multiple_of(lanes));
        let n_queries = task.rows.len();
        let padded_queries = n_queries.next_multiple_of(ROWS);
        let sizes = [
            seen_padded * d_head,
            n_seen * head_padded,
            padded_queries * d_head,
            ROWS * seen_padded,
            ROWS * n_seen,
            n_queries * d_head,
        ];
        let mut rest = room(buffer, sizes.iter().sum());
        let mut part = |size: usize| {
            let (part, after) = std::mem::take(&mut rest).split_at_mut(size);
            rest = after;
            part
        };
        let [keys, values, queries, scores, shares, plain] = sizes.map(&mut part);
        let seen: Vec<Range<usize>> = task
            .rows
            .clone()
            .map(|row| columns.window.range(before + columns.place(task.sequence, row), n_seen))
            .collect();
        for kv_head in 0..n_kv_heads {
            panels_of_columns(lines.keys(kv_head), keys, n_seen, d_head, lanes);
            panels_of_rows(lines.values(kv_head), values, n_seen, d_head, lanes);
            let group = n_heads / n_kv_heads;
            for head in kv_head * group..(kv_head + 1) * group {
                let width = n_heads * d_head;
                for (line, row) in
                    plain.chunks_exact_mut(d_head).zip(parts.query[task.first_query * width..].chunks(width))
                {
                    for (place, x) in line.iter_mut().zip(&row[head * d_head..]) {
                        *place = x * scale;
                    }
                }
                interleave::<ROWS>(plain, d_head, queries);
                for (number, group) in queries.chunks_exact(ROWS * d_head).enumerate() {
                    let first = number * ROWS;
                    let rows = ROWS.min(n_queries - first);
                    let seen = &seen[first..first + rows];
                    let (start, end) = seen
                        .iter()
                        .fold((n_seen, 0), |(start, end), range| (start.min(range.start), end.max(range.end)));
                    product::<S, ROWS>(simd, group, keys, d_head, seen_padded, scores, seen_padded);
                    shares.fill(0.0);
                    let (interleaved, _) = shares.as_chunks_mut::<ROWS>();
                    for (row, (line, seen)) in scores.chunks_exact_mut(seen_padded).zip(seen).enumerate() {
                        if let Some(bias) = &columns.bias {
                            let position = before + columns.place(task.sequence, task.rows.start + first + row);
                            line.iter_mut().zip(bias.line(head, position, n_seen)).for_each(|(x, added)| *x += added);
                        }
                        softmax_row(&mut line[..n_seen], seen.clone());
                        for (place, &share) in interleaved.iter_mut().zip(&line[..n_seen]) {
                            place[row] = share;
                        }
                    }
                    let mut panel = 0;
                    while panel < head_padded {
                        let vectors = ((head_padded - panel) / lanes).min(TILE_VECTORS);
                        let numbers = &values[panel * n_seen..(panel + vectors * lanes) * n_seen];
                        let shares = &shares[start * ROWS..end * ROWS];
                        let numbers = &numbers[start * vectors * lanes..end * vectors * lanes];
                        let columns = vectors.min(TILE_VECTORS) * lanes;
                        let columns = columns.min(d_head - panel);
                        let mut store = |row: usize, sums: &[f32]| {
                            if row < rows {
                                let at = (first + row) * width + head * d_head + panel;
                                task.output[at..at + columns].copy_from_slice(&sums[..columns]);
                            }
                        };
                        match vectors {
                            3 => sums::<S, ROWS, 3>(simd, shares, numbers, &mut store),
                            2 => sums::<S, ROWS, 2>(simd, shares, numbers, &mut store),
                            _ => sums::<S, ROWS, 1>(simd, shares, numbers, &mut store),
                        }
                        panel += vectors * lanes;
                    }
                }
            }
        }
    }
}

/// Interleaved rows times panels of `width` columns, `[ROWS, stride]`.
#[inline(always)]
fn product<S: Simd, const ROWS: usize>(
    simd: S,
    rows: &[f32],
    panels: &[f32],
    depth: usize,
    width: usize,
    output: &mut [f32],
    stride: usize,
) {
    let lanes = S::F32_LANES;
    let mut first = 0;
    while first < width {
        let vectors = ((width - first) / lanes).min(TILE_VECTORS);
        let numbers = &panels[first * depth..(first + vectors * lanes) * depth];
        let mut store = |row: usize, sums: &[f32]| {
            output[row * stride + first..row * stride + first + sums.len()].copy_from_slice(sums);
        };
        match vectors {
            3 => sums::<S, ROWS, 3>(simd, rows, numbers, &mut store),
            2 => sums::<S, ROWS, 2>(simd, rows, numbers, &mut store),
            _ => sums::<S, ROWS, 1>(simd, rows, numbers, &mut store),
        }
        first += vectors * lanes;
    }
}

#[inline(always)]
fn sums<S: Simd, const ROWS: usize, const VECTORS: usize>(
    simd: S,
    rows: &[f32],
    columns: &[f32],
    store: &mut impl FnMut(usize, &[f32]),
) {
    let sums = tile::<S, ROWS, VECTORS>(simd, rows, columns, [simd.splat_f32s(0.0); VECTORS]);
    for (row, sums) in sums.iter().enumerate() {
        store(row, bytemuck::cast_slice(sums));
    }
}

/// Rows of `depth` as the columns of panels: `[width / panel, depth, panel]`, zeros beyond the last.
#[inline(always)]
fn panels_of_columns<'a>(
    rows: impl Iterator<Item = &'a [f32]>,
    panels: &mut [f32],
    n: usize,
    depth: usize,
    lanes: usize,
) {
    let (padded, widest) = (n.next_multiple_of(lanes), TILE_VECTORS * lanes);
    if n < padded {
        let last = (n / widest) * widest;
        panels[last * depth..].fill(0.0);
    }
    for (column, row) in rows.enumerate() {
        let first = column / widest * widest;
        let width = widest.min(padded - first);
        let panel = &mut panels[first * depth..(first + width) * depth];
        for (line, &x) in panel.chunks_exact_mut(width).zip(row) {
            line[column - first] = x;
        }
    }
}

/// Rows of `width` as the rows of panels: `[width / panel, n, panel]`, zeros beyond the last column.
#[inline(always)]
fn panels_of_rows<'a>(rows: impl Iterator<Item = &'a [f32]>, panels: &mut [f32], n: usize, width: usize, lanes: usize) {
    let (padded, widest) = (width.next_multiple_of(lanes), TILE_VECTORS * lanes);
    for (number, row) in rows.enumerate() {
        let mut first = 0;
        while first < padded {
            let panel = widest.min(padded - first);
            let line = &mut panels[first * n + number * panel..][..panel];
            let columns = panel.min(width - first);
            line[..columns].copy_from_slice(&row[first..first + columns]);
            line[columns..].fill(0.0);
            first += panel;
        }
    }
}

/// Keys and values that a sequence sees, line by line.
pub(super) struct Lines<'a> {
    parts: &'a Parts<'a>,
    ranges: Vec<Range<usize>>,
    past: usize,
    n_past: usize,
    shape: AttentionShape,
}

impl<'a> Lines<'a> {
    pub(super) fn new(parts: &'a Parts<'a>, segments: &Segments, sequence: usize, shape: AttentionShape) -> Self {
        let (past, n_past) = match parts.past {
            None => (0, 0),
            Some((keys, _, n_past)) => {
                // One past serves every sequence, or each has its own.
                let one = shape.n_kv_heads * n_past * shape.d_head;
                (if keys.len() == one { 0 } else { sequence }, n_past)
            }
        };
        Self { parts, ranges: segments.seen(sequence), past, n_past, shape }
    }

    pub(super) fn n_seen(&self) -> usize {
        self.n_past + self.ranges.iter().map(Range::len).sum::<usize>()
    }

    /// The rows seen that are of the batch.
    pub(super) fn rows(&self) -> impl Iterator<Item = usize> + '_ {
        self.ranges.iter().cloned().flatten()
    }

    /// Where the past of a head begins in its tensor, and how many positions it has.
    pub(super) fn past(&self, kv_head: usize) -> (usize, usize) {
        ((self.past * self.shape.n_kv_heads + kv_head) * self.n_past * self.shape.d_head, self.n_past)
    }

    #[inline(always)]
    pub(super) fn keys(&self, kv_head: usize) -> impl Iterator<Item = &'a [f32]> + '_ {
        self.lines(kv_head, 0, self.parts.past.map(|(keys, _, _)| keys))
    }

    #[inline(always)]
    pub(super) fn values(&self, kv_head: usize) -> impl Iterator<Item = &'a [f32]> + '_ {
        self.lines(kv_head, self.shape.n_kv_heads, self.parts.past.map(|(_, values, _)| values))
    }

    #[inline(always)]
    fn lines(
        &self,
        kv_head: usize,
        heads_before: usize,
        past: Option<&'a [f32]>,
    ) -> impl Iterator<Item = &'a [f32]> + '_ {
        let (d_head, width) = (self.shape.d_head, 2 * self.shape.n_kv_heads * self.shape.d_head);
        let (first, n_past) = self.past(kv_head);
        let past = past.map(|past| past[first..first + n_past * d_head].chunks_exact(d_head));
        let column = (heads_before + kv_head) * d_head;
        let keys_values = self.parts.keys_values;
        past.into_iter().flatten().chain(self.rows().map(move |row| &keys_values[row * width + column..][..d_head]))
    }
}
