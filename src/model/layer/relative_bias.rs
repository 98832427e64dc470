//! Positions as numbers added to attention scores by distance (T5, Raffel et al., arXiv:1910.10683).

use std::sync::Arc;

use burn::Tensor;
use burn::tensor::{Device, TensorData};

use crate::model::kernel::DistanceBias;
use crate::model::weights::Weights;

/// A learned number for each bucket of distances and each head. Near distances have a bucket each, farther ones share buckets that
/// widen with the logarithm, and all from `max_distance` on share the last.
#[derive(Debug, Clone)]
pub struct RelativeBias {
    /// `[n_buckets, n_heads]`
    numbers: Arc<Vec<f32>>,
    n_heads: usize,
    buckets: Buckets,
}

/// How distances are put into buckets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Buckets {
    /// How many there are.
    pub n_buckets: usize,
    /// The distance from which on all share the last.
    pub max_distance: usize,
    /// Whether keys to the right have half of the buckets; else they all are in the first, and never seen.
    pub both_sides: bool,
}

impl Buckets {
    /// The bucket of a key that stands `distance` after the query.
    pub fn of(self, distance: isize) -> usize {
        let mut n_buckets = self.n_buckets;
        let (first, far) = if self.both_sides {
            n_buckets /= 2;
            (if distance > 0 { n_buckets } else { 0 }, distance.unsigned_abs())
        } else {
            (0, distance.min(0).unsigned_abs())
        };
        let n_exact = n_buckets / 2;
        if far < n_exact {
            return first + far;
        }
        // In f32 as the reference computes it: a distance at the edge of a bucket is a matter of rounding.
        let nearest = n_exact.max(1) as f32;
        let width = (self.max_distance as f64 / n_exact.max(1) as f64).ln() as f32;
        let step = (far as f32 / nearest).ln() / width * (n_buckets - n_exact) as f32;
        first + (n_exact + step as usize).min(n_buckets - 1)
    }
}

impl RelativeBias {
    /// Takes `<name>.weight`.
    pub fn load(weights: &mut Weights, name: &str, buckets: Buckets, n_heads: usize) -> Self {
        // What is missing is never used: the account is refused.
        let numbers = weights.numbers(&format!("{name}.weight"), &[buckets.n_buckets, n_heads]);
        Self { numbers: Arc::new(numbers.unwrap_or_default()), n_heads, buckets }
    }

    /// What is added for a head and `key - query`.
    fn number(&self, head: usize, distance: isize) -> f32 {
        self.numbers[self.buckets.of(distance) * self.n_heads + head]
    }

    /// For the CPU's attention over positions below `reach`.
    pub fn up_to(&self, reach: usize) -> Arc<DistanceBias> {
        Arc::new(DistanceBias::new(self.n_heads, reach, |head, distance| self.number(head, distance)))
    }

    /// For padded rows: `asking` are positions of the input, one row for each row of the batch or one for all.
    ///
    /// # Shapes
    ///
    /// - output: `[asking.len(), n_heads, n_asking, n_past + seq_length]`
    pub fn padded(&self, asking: &[Vec<usize>], n_past: usize, seq_length: usize, device: &Device) -> Tensor<4> {
        let (n_asking, n_seen) = (asking.first().map_or(0, Vec::len), n_past + seq_length);
        let mut numbers = Vec::with_capacity(asking.len() * self.n_heads * n_asking * n_seen);
        for row in asking {
            for head in 0..self.n_heads {
                for position in row {
                    let query = (n_past + position) as isize;
                    numbers.extend((0..n_seen).map(|key| self.number(head, key as isize - query)));
                }
            }
        }
        Tensor::from_data(TensorData::new(numbers, [asking.len(), self.n_heads, n_asking, n_seen]), device)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_distances_have_a_bucket_each_and_far_ones_share() {
        let both = Buckets { n_buckets: 32, max_distance: 128, both_sides: true };
        // Those of the reference.
        let distances = [0, -1, -7, -8, -11, -12, -16, -23, -32, -64, -127, -128, -1000, 1, 7, 8, 16, 90, 91, 200];
        let buckets = [0, 1, 7, 8, 8, 9, 10, 11, 12, 14, 15, 15, 15, 17, 23, 24, 26, 30, 31, 31];
        assert_eq!(distances.map(|distance| both.of(distance)), buckets);
        let left = Buckets { both_sides: false, ..both };
        assert_eq!([5, 0, -1, -15, -16, -19, -128].map(|distance| left.of(distance)), [0, 0, 1, 15, 16, 17, 31]);
    }
}
