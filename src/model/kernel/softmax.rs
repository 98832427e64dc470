//! The softmax of a row, over the part of it that is seen.

use std::ops::Range;

use super::activation::exp;

/// Replaces scores by their shares: `exp(x - max) / sum` within `seen`, 0 outside.
///
/// To be called where vector code is compiled already.
#[inline(always)]
pub(super) fn softmax_row(row: &mut [f32], seen: Range<usize>) {
    row[..seen.start].fill(0.0);
    row[seen.end..].fill(0.0);
    let row = &mut row[seen];
    let max = strands(row, f32::NEG_INFINITY, |a, b| if b > a { b } else { a });
    for x in row.iter_mut() {
        *x = exp(*x - max);
    }
    let scale = 1.0 / strands(row, 0.0, |a, b| a + b);
    for x in row.iter_mut() {
        *x *= scale;
    }
}

/// Folds in 16 strands side by side.
#[inline(always)]
fn strands(row: &[f32], start: f32, fold: impl Fn(f32, f32) -> f32) -> f32 {
    let (chunks, rest) = row.as_chunks::<16>();
    let mut folded = [start; 16];
    for chunk in chunks {
        for (strand, &x) in folded.iter_mut().zip(chunk) {
            *strand = fold(*strand, x);
        }
    }
    let all = folded.into_iter().fold(start, &fold);
    rest.iter().fold(all, |all, &x| fold(all, x))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_sum_to_one_within_what_is_seen_and_are_zero_outside() {
        let mut row: Vec<f32> = (0..40).map(|n| (n as f32 * 0.7).sin() * 5.0).collect();
        let exact: Vec<f64> = row[3..37].iter().map(|&x| f64::from(x).exp()).collect();
        let total: f64 = exact.iter().sum();
        softmax_row(&mut row, 3..37);
        assert!(row[..3].iter().chain(&row[37..]).all(|&x| x == 0.0));
        for (ours, exact) in row[3..37].iter().zip(exact) {
            assert!((f64::from(*ours) - exact / total).abs() < 1e-6);
        }
    }

    #[test]
    fn a_nan_stays_one() {
        let mut row = [1.0, f32::NAN, 2.0];
        softmax_row(&mut row, 0..3);
        assert!(row.iter().any(|x| x.is_nan()));
    }
}
