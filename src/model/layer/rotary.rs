//! Positions as rotations of queries and keys (Su et al., arXiv:2104.09864).
//!
//! # Decisions
//!
//! - 2026-11: the quarter turn is a product with a constant matrix of -1, 0 and 1, which is exact and the same for both ways of
//!   pairing dimensions and for heads of which only a part turns. Refused: cutting and joining halves, three more copies.

use std::sync::Arc;

use burn::Tensor;
use burn::tensor::{Device, TensorData, assert_shape};

use crate::model::kernel::Turn;

/// Which two dimensions turn together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pairing {
    /// The first of one half with the first of the other (Llama).
    Halves,
    /// Neighbours (GLM).
    Neighbours,
}

/// The rotation of one kind of layer.
#[derive(Debug, Clone)]
pub struct Rotary {
    /// Radians a position, one number a pair.
    frequencies: Vec<f32>,
    pairing: Pairing,
    /// `[d_head, d_head]`: turns every pair by a right angle, and makes zero of what does not turn.
    quarter: Tensor<2>,
    d_head: usize,
}

impl Rotary {
    /// For heads of `d_head` dimensions, of which the first `2 * frequencies.len()` turn.
    pub fn new(frequencies: Vec<f32>, pairing: Pairing, d_head: usize, device: &Device) -> Self {
        let mut quarter = vec![0f32; d_head * d_head];
        for pair in 0..frequencies.len() {
            let (first, second) = pairing.places(pair, frequencies.len());
            quarter[second * d_head + first] = -1.0;
            quarter[first * d_head + second] = 1.0;
        }
        let quarter = Tensor::from_data(TensorData::new(quarter, [d_head, d_head]), device);
        Self { frequencies, pairing, quarter, d_head }
    }

    /// The rotations at `positions`: one row for each row of the batch, or one for all.
    pub fn at(&self, positions: &[Vec<usize>]) -> Rotation {
        let n_rows = positions.len();
        let n_positions = positions.first().map_or(0, Vec::len);
        let places = positions.iter().flatten();
        let mut cosine = vec![1f32; n_rows * n_positions * self.d_head];
        let mut sine = vec![0f32; cosine.len()];
        for (place, &position) in places.enumerate() {
            for (pair, frequency) in self.frequencies.iter().enumerate() {
                let (sin, cos) = angle(position, *frequency);
                let (first, second) = self.pairing.places(pair, self.frequencies.len());
                for dimension in [first, second] {
                    cosine[place * self.d_head + dimension] = cos;
                    sine[place * self.d_head + dimension] = sin;
                }
            }
        }
        let tensor = |numbers| {
            let data = TensorData::new(numbers, [n_rows, n_positions, 1, self.d_head]);
            Tensor::from_data(data, &self.quarter.device())
        };
        Rotation { cosine: tensor(cosine), sine: tensor(sine), quarter: self.quarter.clone() }
    }
}

impl Rotary {
    /// The rotations at `positions` for the CPU's operator, one for each row of the states.
    pub fn turn(&self, positions: Vec<usize>) -> Turn {
        let n = positions.iter().max().map_or(0, |last| last + 1);
        let mut cosine = Vec::with_capacity(n * self.frequencies.len());
        let mut sine = Vec::with_capacity(n * self.frequencies.len());
        for position in 0..n {
            for frequency in &self.frequencies {
                let (sin, cos) = angle(position, *frequency);
                cosine.push(cos);
                sine.push(sin);
            }
        }
        Turn {
            cosine: Arc::new(cosine),
            sine: Arc::new(sine),
            places: Arc::new(positions),
            n_pairs: self.frequencies.len(),
            neighbours: self.pairing == Pairing::Neighbours,
            d_head: self.d_head,
        }
    }
}

/// Sine and cosine of a position's angle. The product is rounded as in the reference; its sine is not a matter of rounding.
fn angle(position: usize, frequency: f32) -> (f32, f32) {
    let (sin, cos) = f64::from(position as f32 * frequency).sin_cos();
    (sin as f32, cos as f32)
}

impl Pairing {
    fn places(self, pair: usize, n_pairs: usize) -> (usize, usize) {
        match self {
            Self::Halves => (pair, pair + n_pairs),
            Self::Neighbours => (2 * pair, 2 * pair + 1),
        }
    }
}

/// Rotations at some positions.
#[derive(Debug, Clone)]
pub struct Rotation {
    /// `[1 or batch_size, n_positions, 1, d_head]`
    cosine: Tensor<4>,
    sine: Tensor<4>,
    quarter: Tensor<2>,
}

impl Rotation {
    /// Turns heads.
    ///
    /// # Shapes
    ///
    /// - heads: `[batch_size, n_positions, n_heads, d_head]`
    /// - output: the same
    pub fn apply(&self, heads: Tensor<4>) -> Tensor<4> {
        let [batch_size, n_positions, n_heads, d_head] = heads.dims();
        assert_shape!(self.cosine, [_, n_positions, _, d_head]);
        let flat: Tensor<2> = heads.clone().reshape([batch_size * n_positions * n_heads, d_head]);
        let turned = flat.matmul(self.quarter.clone()).reshape([batch_size, n_positions, n_heads, d_head]);
        heads * self.cosine.clone() + turned * self.sine.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::kernel::rotate;

    fn apply(pairing: Pairing, frequencies: &[f32], position: usize, head: &[f32]) -> Vec<f32> {
        let device = Device::flex();
        let rotary = Rotary::new(frequencies.to_vec(), pairing, head.len(), &device);
        let heads = Tensor::from_data(TensorData::new(head.to_vec(), [1, 1, 1, head.len()]), &device);
        rotary.at(&[vec![position]]).apply(heads).into_data().try_into_vec::<f32>().unwrap()
    }

    fn close(found: &[f32], expected: &[f32]) {
        assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{found:?} and {expected:?}");
    }

    #[test]
    fn pairs_turn_and_the_rest_stays() {
        let angles = [0.3f32, 0.1];
        let turned =
            |x: f32, y: f32, angle: f32| [x * angle.cos() - y * angle.sin(), y * angle.cos() + x * angle.sin()];
        let ([a, c], [b, d]) = (turned(1.0, 3.0, 0.6), turned(2.0, 4.0, 0.2));
        close(&apply(Pairing::Halves, &angles, 2, &[1.0, 2.0, 3.0, 4.0, 5.0]), &[a, b, c, d, 5.0]);
        let ([a, b], [c, d]) = (turned(1.0, 2.0, 0.6), turned(3.0, 4.0, 0.2));
        close(&apply(Pairing::Neighbours, &angles, 2, &[1.0, 2.0, 3.0, 4.0, 5.0]), &[a, b, c, d, 5.0]);
    }

    #[test]
    fn the_cpu_turns_heads_by_the_same_numbers() {
        let device = Device::flex();
        for pairing in [Pairing::Halves, Pairing::Neighbours] {
            let rotary = Rotary::new(vec![1.0, 0.3], pairing, 6, &device);
            let numbers: Vec<f32> = (0..36).map(|n| (n as f32 * 0.7).sin()).collect();
            let heads: Tensor<4> = Tensor::from_data(TensorData::new(numbers.clone(), [1, 2, 3, 6]), &device);
            let theirs = rotary.at(&[vec![5, 2]]).apply(heads).into_data().try_into_vec::<f32>().unwrap();
            let rows = Tensor::from_data(TensorData::new(numbers.clone(), [1, 2, 18]), &device);
            let ours = rotate(rows, &rotary.turn(vec![5, 2]), 2).into_data().try_into_vec::<f32>().unwrap();
            for row in 0..2 {
                close(&ours[row * 18..row * 18 + 12], &theirs[row * 18..row * 18 + 12]);
                assert_eq!(ours[row * 18 + 12..(row + 1) * 18], numbers[row * 18 + 12..(row + 1) * 18]);
            }
        }
    }

    #[test]
    fn the_first_position_changes_nothing() {
        close(&apply(Pairing::Halves, &[1.0, 0.5], 0, &[1.0, 2.0, 3.0, 4.0]), &[1.0, 2.0, 3.0, 4.0]);
    }
}
