//! The operators against slow sums in f64, for every kind of processor that this one can stand for, and their gradients against
//! burn's.

use std::sync::Arc;

use burn::Tensor;
use burn::tensor::activation::softmax;
use burn::tensor::{Device, TensorData};
use pulp::{Scalar, Simd, WithSimd};

use super::attention::{AttentionShape, Columns, Parts, Sequence, Task, attend};
use super::distance_bias::DistanceBias;
use super::panels::FrozenMap;
use super::product::{Rows, map};
use super::product_gradient::Back;
use super::segments::{Segments, Window};

/// Numbers between -1 and 1 without a pattern that a fault could hide in.
fn numbers(n: usize, seed: usize) -> Vec<f32> {
    (0..n).map(|i| (((i * 7919 + seed * 104_729) % 1_999) as f32 / 999.0 - 1.0) * 0.9).collect()
}

fn close(found: &[f32], expected: &[f64], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (place, (a, b)) in found.iter().zip(expected).enumerate() {
        assert!((f64::from(*a) - b).abs() < 2e-5, "{what}, number {place}: {a} and {b}");
    }
}

/// Runs `check` with each instruction set that is there.
fn on_every_processor(check: impl Each) {
    Scalar.vectorize(Run(&check, "scalar"));
    #[cfg(target_arch = "x86_64")]
    {
        if let Some(simd) = pulp::x86::V3::try_new() {
            Simd::vectorize(simd, Run(&check, "AVX2"));
        }
        if let Some(simd) = pulp::x86::V4::try_new() {
            Simd::vectorize(simd, Run(&check, "AVX-512"));
        }
    }
}

trait Each {
    fn check<S: Simd>(&self, simd: S, name: &str);
}

struct Run<'a, E>(&'a E, &'a str);

impl<E: Each> WithSimd for Run<'_, E> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        self.0.check(simd, self.1);
    }
}

struct Products;

impl Each for Products {
    fn check<S: Simd>(&self, simd: S, name: &str) {
        for (n_rows, d_input, widths) in [(1, 1, [1, 1]), (5, 7, [3, 49]), (9, 33, [48, 16]), (17, 20, [130, 2])] {
            let width: usize = widths.iter().sum();
            let rows = numbers(n_rows * d_input, 1);
            let weights = widths.map(|d_output| numbers(d_input * d_output, d_output));
            let biases = widths.map(|d_output| numbers(d_output, 5));
            let maps: Vec<Arc<FrozenMap>> = (0..2)
                .map(|part| {
                    let shape = [widths[part], d_input];
                    let map = FrozenMap::of_outputs_for(S::F32_LANES, &weights[part], Some(&biases[part]), shape);
                    Arc::new(map)
                })
                .collect();
            let weight = |column: usize, k: usize| {
                let (part, column) = if column < widths[0] { (0, column) } else { (1, column - widths[0]) };
                f64::from(weights[part][column * d_input + k])
            };
            let bias: Vec<f64> = biases.concat().iter().map(|&b| f64::from(b)).collect();

            let mut output = vec![f32::NAN; n_rows * width];
            Rows { rows: &rows, maps: &maps, output: &mut output, width, buffer: &mut Vec::new() }.with_simd(simd);
            let expected: Vec<f64> = (0..n_rows * width)
                .map(|at| {
                    let (row, column) = (at / width, at % width);
                    let products = (0..d_input).map(|k| f64::from(rows[row * d_input + k]) * weight(column, k));
                    products.sum::<f64>() + bias[column]
                })
                .collect();
            close(&output, &expected, &format!("{name}: {n_rows} x {d_input} x {widths:?}"));

            let gradient = numbers(n_rows * width, 3);
            let mut back = vec![f32::NAN; n_rows * d_input];
            Back { gradient: &gradient, maps: &maps, output: &mut back, buffer: &mut Vec::new() }.with_simd(simd);
            let expected: Vec<f64> = (0..n_rows * d_input)
                .map(|at| {
                    let (row, k) = (at / d_input, at % d_input);
                    (0..width).map(|column| f64::from(gradient[row * width + column]) * weight(column, k)).sum()
                })
                .collect();
            close(&back, &expected, &format!("{name}, back: {n_rows} x {d_input} x {widths:?}"));
        }
    }
}

#[test]
fn products_are_right_on_every_processor() {
    on_every_processor(Products);
}

/// Heads of 5 numbers, two to a head of keys, four positions before, a sequence that goes on from another.
struct Attention(Window, bool);

const SHAPE: AttentionShape = AttentionShape { n_heads: 4, n_kv_heads: 2, d_head: 5, scale: 0.7 };
const N_PAST: usize = 4;

fn segments() -> Segments {
    Segments::new(&[3, 11, 2], Some(&[None, None, Some(0)]))
}

/// What is added to a score, larger the nearer the key.
fn added(head: usize, distance: isize) -> f32 {
    (head as f32 + 1.0) * 0.3 / (1.0 + distance.abs() as f32) + if distance > 0 { 0.1 } else { 0.0 }
}

fn bias() -> Arc<DistanceBias> {
    Arc::new(DistanceBias::new(SHAPE.n_heads, 64, added))
}

impl Attention {
    fn added(&self, head: usize, query: usize, key: usize) -> f32 {
        if self.1 { added(head, key as isize - query as isize) } else { 0.0 }
    }
}

impl Each for Attention {
    fn check<S: Simd>(&self, simd: S, name: &str) {
        let AttentionShape { n_heads, n_kv_heads, d_head, scale } = SHAPE;
        let columns = Columns { segments: Arc::new(segments()), asking: None, window: self.0, bias: self.1.then(bias) };
        let (width, kv_width) = (n_heads * d_head, 2 * n_kv_heads * d_head);
        let n_rows = columns.segments.n_rows();
        let (query, keys_values) = (numbers(n_rows * width, 1), numbers(n_rows * kv_width, 2));
        let (past_keys, past_values) =
            (numbers(n_kv_heads * N_PAST * d_head, 3), numbers(n_kv_heads * N_PAST * d_head, 4));
        let parts = Parts { query: &query, keys_values: &keys_values, past: Some((&past_keys, &past_values, N_PAST)) };
        for sequence in 0..columns.segments.len() {
            let own = columns.segments.rows(sequence);
            let mut output = vec![f32::NAN; own.len() * width];
            let task = Task { sequence, first_query: own.start, rows: 0..own.len(), output: &mut output };
            Sequence { task, parts, shape: SHAPE, columns: &columns, buffer: &mut Vec::new() }.with_simd(simd);

            let seen: Vec<usize> = columns.segments.seen(sequence).into_iter().flatten().collect();
            let n_seen = N_PAST + seen.len();
            // Key or value `part` (0 or 1) of a position.
            let line = |part: usize, kv_head: usize, position: usize, d: usize| {
                let past = [&past_keys, &past_values][part];
                f64::from(match position.checked_sub(N_PAST) {
                    None => past[(kv_head * N_PAST + position) * d_head + d],
                    Some(place) => keys_values[seen[place] * kv_width + (part * n_kv_heads + kv_head) * d_head + d],
                })
            };
            let mut expected = Vec::new();
            for (place, row) in own.clone().enumerate() {
                let range = self.0.range(n_seen - own.len() + place, n_seen);
                for head in 0..n_heads {
                    let kv_head = head / (n_heads / n_kv_heads);
                    let score = |position: usize| -> f64 {
                        let products = (0..d_head)
                            .map(|d| f64::from(query[row * width + head * d_head + d]) * line(0, kv_head, position, d));
                        let added = f64::from(self.added(head, n_seen - own.len() + place, position));
                        (f64::from(scale) * products.sum::<f64>() + added).exp()
                    };
                    let total: f64 = range.clone().map(score).sum();
                    expected.extend((0..d_head).map(|d| {
                        range
                            .clone()
                            .map(|position| score(position) / total * line(1, kv_head, position, d))
                            .sum::<f64>()
                    }));
                }
            }
            close(&output, &expected, &format!("{name}, {:?}, sequence {sequence}", self.0));
        }
    }
}

#[test]
fn attention_is_right_on_every_processor() {
    for window in [Window::Whole, Window::Left, Window::Near(3)] {
        on_every_processor(Attention(window, false));
        on_every_processor(Attention(window, true));
    }
}

fn tensor<const D: usize>(shape: [usize; D], seed: usize) -> Tensor<D> {
    let device = Device::flex().autodiff();
    Tensor::from_data(TensorData::new(numbers(shape.iter().product(), seed), shape), &device).require_grad()
}

fn floats<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_into_vec().unwrap()
}

/// Attention of burn's operators: a sequence's queries `[n_heads, n_asking, d_head]` over what it sees.
fn composed(query: Tensor<3>, keys: Tensor<3>, values: Tensor<3>, hidden: Tensor<3>) -> Tensor<3> {
    let [n_kv_heads, n_seen, d_head] = keys.dims();
    let [n_heads, n_asking, _] = query.dims();
    let group = n_heads / n_kv_heads;
    let repeat = |lines: Tensor<3>| {
        let lines: Tensor<4> = lines.unsqueeze_dim(1);
        lines.repeat_dim(1, group).reshape([n_heads, n_seen, d_head])
    };
    let scores = query.matmul(repeat(keys).swap_dims(1, 2)) * SHAPE.scale + hidden;
    softmax(scores, 2).matmul(repeat(values)).swap_dims(0, 1).reshape([1, n_asking, n_heads * d_head])
}

#[test]
fn the_gradients_of_attention_are_burns() {
    let AttentionShape { n_heads, n_kv_heads, d_head, .. } = SHAPE;
    let segments = Arc::new(segments());
    let n_rows = segments.n_rows();
    for window in [Window::Whole, Window::Left, Window::Near(3)] {
        let columns = Columns { segments: segments.clone(), asking: None, window, bias: Some(bias()) };
        let leaves = || {
            (
                tensor([1, n_rows, n_heads * d_head], 1),
                tensor([1, n_rows, 2 * n_kv_heads * d_head], 2),
                tensor([1, n_kv_heads, N_PAST, d_head], 3),
                tensor([1, n_kv_heads, N_PAST, d_head], 4),
            )
        };
        let weights = tensor([1, n_rows, n_heads * d_head], 9).detach();
        let (query, keys_values, past_keys, past_values) = leaves();
        let past = Some((past_keys.clone(), past_values.clone()));
        let output = attend(query.clone(), keys_values.clone(), past, SHAPE, &columns);
        let ours = (output * weights.clone()).sum().backward();
        let ours = [
            floats(query.grad(&ours).unwrap()),
            floats(keys_values.grad(&ours).unwrap()),
            floats(past_keys.grad(&ours).unwrap()),
            floats(past_values.grad(&ours).unwrap()),
        ];

        let (query, keys_values, past_keys, past_values) = leaves();
        let mut outputs = Vec::new();
        for sequence in 0..segments.len() {
            let own = segments.rows(sequence);
            let lines = |first: usize, past: &Tensor<4>| {
                let mut parts = vec![past.clone().squeeze_dim::<3>(0)];
                for range in segments.seen(sequence) {
                    let rows = keys_values.clone().narrow(1, range.start, range.len());
                    let heads: Tensor<3> = rows.reshape([range.len(), 2 * n_kv_heads, d_head]).swap_dims(0, 1);
                    parts.push(heads.narrow(0, first, n_kv_heads));
                }
                Tensor::cat(parts, 1)
            };
            let (keys, values) = (lines(0, &past_keys), lines(n_kv_heads, &past_values));
            let n_seen = keys.dims()[1];
            let mut hidden = vec![0f32; n_heads * own.len() * n_seen];
            for (number, line) in hidden.chunks_mut(n_seen).enumerate() {
                let (head, place) = (number / own.len(), number % own.len());
                let query = (n_seen - own.len() + place) as isize;
                line.iter_mut().enumerate().for_each(|(at, x)| *x = added(head, at as isize - query));
                let range = window.range(n_seen - own.len() + place, n_seen);
                line.iter_mut().enumerate().filter(|(at, _)| !range.contains(at)).for_each(|(_, x)| *x = -1e9);
            }
            let hidden = TensorData::new(hidden, [n_heads, own.len(), n_seen]);
            let asking = query.clone().narrow(1, own.start, own.len());
            let asking: Tensor<3> = asking.reshape([own.len(), n_heads, d_head]).swap_dims(0, 1);
            outputs.push(composed(asking, keys, values, Tensor::from_data(hidden, &query.device())));
        }
        let theirs = (Tensor::cat(outputs, 1) * weights).sum().backward();
        let theirs = [
            floats(query.grad(&theirs).unwrap()),
            floats(keys_values.grad(&theirs).unwrap()),
            floats(past_keys.grad(&theirs).unwrap()),
            floats(past_values.grad(&theirs).unwrap()),
        ];
        for (ours, theirs) in ours.iter().zip(&theirs) {
            let theirs: Vec<f64> = theirs.iter().map(|&x| f64::from(x)).collect();
            close(ours, &theirs, &format!("{window:?}"));
        }
    }
}

#[test]
fn no_gradient_is_computed_for_what_is_not_tracked() {
    let frozen = Arc::new(FrozenMap::of_outputs(&numbers(12, 1), None, [3, 4]));
    let leaf = tensor([1, 2, 4], 2);
    let plain = Tensor::from_inner(tensor([1, 2, 3], 3).inner());
    let output = map(leaf.clone(), std::slice::from_ref(&frozen), Some(plain.clone()));
    let gradients = output.sum().backward();
    assert!(leaf.grad(&gradients).is_some() && plain.grad(&gradients).is_none());
    assert!(!map(leaf.inner(), &[frozen], Some(plain.inner())).is_autodiff());
}
