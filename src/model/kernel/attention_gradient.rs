//! The gradient of attention, computed again from queries, keys and values: no share is kept.

use std::ops::Range;

use pulp::Arch;
use rayon::prelude::*;

use super::attention::{AttentionShape, Columns, Lines, Parts};
use super::operator::{Gradients, Rule};
use super::softmax::softmax_row;

/// What attention keeps for the way back.
#[derive(Debug)]
pub(super) struct AttentionRule {
    shape: AttentionShape,
    columns: Columns,
    n_past: usize,
    query: Vec<f32>,
    keys_values: Vec<f32>,
    past: Option<(Vec<f32>, Vec<f32>)>,
}

/// The gradients of one family of sequences.
struct Share {
    /// By sequence: its rows that ask, `[n_asking, n_heads * d_head]`.
    query: Vec<(usize, Vec<f32>)>,
    /// By sequence: its rows, `[length, 2 * n_kv_heads * d_head]`.
    keys_values: Vec<(usize, Vec<f32>)>,
    /// By sequence: keys and values of its past, each `[n_kv_heads, n_past, d_head]`.
    past: Vec<(usize, Vec<f32>, Vec<f32>)>,
}

impl AttentionRule {
    pub(super) fn new(parts: Parts<'_>, shape: AttentionShape, columns: &Columns) -> Self {
        Self {
            shape,
            columns: columns.clone(),
            n_past: parts.past.map_or(0, |(_, _, n_past)| n_past),
            query: parts.query.to_vec(),
            keys_values: parts.keys_values.to_vec(),
            past: parts.past.map(|(keys, values, _)| (keys.to_vec(), values.to_vec())),
        }
    }

    /// Gradients with respect to queries, keys with values, past keys, past values.
    fn all(&self, gradient: &[f32]) -> [Vec<f32>; 4] {
        let segments = &self.columns.segments;
        let first_asking: Vec<usize> = (0..segments.len())
            .scan(0, |first, sequence| Some(std::mem::replace(first, *first + self.columns.n_asking(sequence))))
            .collect();
        let families = segments.families();
        let share = |family: &Vec<usize>| self.family(family, gradient, &first_asking);
        let shares: Vec<Share> = families.par_iter().map(share).collect();

        let (width, kv_width) = (self.shape.n_heads * self.shape.d_head, 2 * self.shape.n_kv_heads * self.shape.d_head);
        let mut query = vec![0f32; self.query.len()];
        let mut keys_values = vec![0f32; self.keys_values.len()];
        let (mut past_keys, mut past_values) = match &self.past {
            Some((keys, values)) => (vec![0f32; keys.len()], vec![0f32; values.len()]),
            None => (Vec::new(), Vec::new()),
        };
        let one = self.shape.n_kv_heads * self.n_past * self.shape.d_head;
        for share in shares {
            for (sequence, numbers) in share.query {
                query[first_asking[sequence] * width..][..numbers.len()].copy_from_slice(&numbers);
            }
            for (sequence, numbers) in share.keys_values {
                keys_values[segments.rows(sequence).start * kv_width..][..numbers.len()].copy_from_slice(&numbers);
            }
            for (sequence, keys, values) in share.past {
                let at = if past_keys.len() == one { 0 } else { sequence * one };
                past_keys[at..at + one].iter_mut().zip(keys).for_each(|(sum, x)| *sum += x);
                past_values[at..at + one].iter_mut().zip(values).for_each(|(sum, x)| *sum += x);
            }
        }
        [query, keys_values, past_keys, past_values]
    }

    fn family(&self, family: &[usize], gradient: &[f32], first_asking: &[usize]) -> Share {
        let AttentionShape { n_heads, n_kv_heads, d_head, scale } = self.shape;
        let (width, kv_width) = (n_heads * d_head, 2 * n_kv_heads * d_head);
        let segments = &self.columns.segments;
        let past = self.past.as_ref().map(|(keys, values)| (keys.as_slice(), values.as_slice(), self.n_past));
        let parts = Parts { query: &self.query, keys_values: &self.keys_values, past };
        // Gradients of all rows of the family by their number among all rows.
        let mut own: Vec<(usize, Vec<f32>)> =
            family.iter().map(|&sequence| (sequence, vec![0f32; segments.rows(sequence).len() * kv_width])).collect();
        let mut share = Share { query: Vec::new(), keys_values: Vec::new(), past: Vec::new() };
        for &sequence in family {
            let lines = Lines::new(&parts, segments, sequence, self.shape);
            let n_seen = lines.n_seen();
            let before = n_seen - segments.rows(sequence).len();
            let n_asking = self.columns.n_asking(sequence);
            let asking = first_asking[sequence] * width..(first_asking[sequence] + n_asking) * width;
            let (queries, gradients) = (&self.query[asking.clone()], &gradient[asking]);
            let mut to_query = vec![0f32; queries.len()];
            // Of all lines seen: keys, then values.
            let mut to_seen = vec![0f32; 2 * n_seen * n_kv_heads * d_head];
            let (to_keys, to_values) = to_seen.split_at_mut(n_seen * n_kv_heads * d_head);
            let seen: Vec<Range<usize>> = (0..n_asking)
                .map(|row| self.columns.window.range(before + self.columns.place(sequence, row), n_seen))
                .collect();
            for kv_head in 0..n_kv_heads {
                let keys: Vec<&[f32]> = lines.keys(kv_head).collect();
                let values: Vec<&[f32]> = lines.values(kv_head).collect();
                let place = kv_head * n_seen * d_head..(kv_head + 1) * n_seen * d_head;
                let (to_keys, to_values) = (&mut to_keys[place.clone()], &mut to_values[place]);
                let group = n_heads / n_kv_heads;
                let mut numbers = vec![0f32; 2 * n_seen];
                for head in kv_head * group..(kv_head + 1) * group {
                    for (row, seen) in seen.iter().enumerate() {
                        let at = row * width + head * d_head;
                        let line = Line {
                            query: &queries[at..at + d_head],
                            gradient: &gradients[at..at + d_head],
                            keys: &keys,
                            values: &values,
                            seen: seen.clone(),
                            scale,
                            bias: self
                                .columns
                                .bias
                                .as_ref()
                                .map(|bias| bias.line(head, before + self.columns.place(sequence, row), n_seen)),
                        };
                        let to_query = &mut to_query[at..at + d_head];
                        Arch::new().dispatch(|| line.back(&mut numbers, to_query, to_keys, to_values));
                    }
                }
            }
            self.hand_out(&lines, to_keys, to_values, &mut own);
            if self.past.is_some() {
                let past = |numbers: &[f32]| -> Vec<f32> {
                    numbers
                        .chunks_exact(n_seen * d_head)
                        .flat_map(|head| &head[..self.n_past * d_head])
                        .copied()
                        .collect()
                };
                share.past.push((sequence, past(to_keys), past(to_values)));
            }
            share.query.push((sequence, to_query));
        }
        share.keys_values = own;
        share
    }

    /// Adds the gradients of lines seen to those of the sequences that they are of.
    fn hand_out(&self, lines: &Lines<'_>, to_keys: &[f32], to_values: &[f32], own: &mut [(usize, Vec<f32>)]) {
        let AttentionShape { n_kv_heads, d_head, .. } = self.shape;
        let (n_seen, kv_width) = (lines.n_seen(), 2 * n_kv_heads * d_head);
        for (line, row) in lines.rows().enumerate() {
            let found = own.iter_mut().find(|(sequence, _)| self.columns.segments.rows(*sequence).contains(&row));
            let Some((sequence, numbers)) = found else { continue };
            let place = row - self.columns.segments.rows(*sequence).start;
            let numbers = &mut numbers[place * kv_width..(place + 1) * kv_width];
            let (keys, values) = numbers.split_at_mut(n_kv_heads * d_head);
            for (heads, from) in [(keys, to_keys), (values, to_values)] {
                for (head, sums) in heads.chunks_exact_mut(d_head).enumerate() {
                    let at = (head * n_seen + self.n_past + line) * d_head;
                    sums.iter_mut().zip(&from[at..at + d_head]).for_each(|(sum, x)| *sum += x);
                }
            }
        }
    }
}

/// One query of one head.
struct Line<'a> {
    query: &'a [f32],
    gradient: &'a [f32],
    keys: &'a [&'a [f32]],
    values: &'a [&'a [f32]],
    seen: Range<usize>,
    scale: f32,
    bias: Option<&'a [f32]>,
}

impl Line<'_> {
    /// With shares `p = softmax(scale q K^T + bias)` and `g` the gradient: `dV = p g`, `dp = g V^T`, `ds = scale p (dp - sum(p dp))`,
    /// `dq = ds K`, `dK = ds q`.
    #[inline(always)]
    fn back(&self, numbers: &mut [f32], to_query: &mut [f32], to_keys: &mut [f32], to_values: &mut [f32]) {
        let d_head = self.query.len();
        let (shares, slopes) = numbers.split_at_mut(self.keys.len());
        let seen = self.seen.clone();
        for position in seen.clone() {
            let added = self.bias.map_or(0.0, |bias| bias[position]);
            shares[position] = self.scale * dot(self.query, self.keys[position]) + added;
        }
        softmax_row(shares, seen.clone());
        let mut mean = 0.0;
        for position in seen.clone() {
            slopes[position] = dot(self.gradient, self.values[position]);
            mean += shares[position] * slopes[position];
        }
        for position in seen {
            let share = shares[position];
            let slope = self.scale * share * (slopes[position] - mean);
            let place = position * d_head..(position + 1) * d_head;
            add_times(&mut to_values[place.clone()], share, self.gradient);
            add_times(&mut to_keys[place], slope, self.query);
            add_times(to_query, slope, self.keys[position]);
        }
    }
}

#[inline(always)]
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<16>(), b.as_chunks::<16>());
    let mut strands = [0f32; 16];
    for (a, b) in a.iter().zip(b) {
        for ((strand, a), b) in strands.iter_mut().zip(a).zip(b) {
            *strand += a * b;
        }
    }
    strands.iter().sum::<f32>() + a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum::<f32>()
}

#[inline(always)]
fn add_times(sums: &mut [f32], factor: f32, numbers: &[f32]) {
    for (sum, x) in sums.iter_mut().zip(numbers) {
        *sum += factor * x;
    }
}

impl Rule<2> for AttentionRule {
    fn backward(&self, gradient: &[f32], wanted: [bool; 2]) -> Gradients<2> {
        let [query, keys_values, _, _] = self.all(gradient);
        [wanted[0].then_some(query), wanted[1].then_some(keys_values)]
    }
}

impl Rule<4> for AttentionRule {
    fn backward(&self, gradient: &[f32], wanted: [bool; 4]) -> Gradients<4> {
        let mut wanted = wanted.into_iter();
        self.all(gradient).map(|numbers| wanted.next().unwrap_or(false).then_some(numbers))
    }
}
