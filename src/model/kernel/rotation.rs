//! Positions as rotations of heads (Su et al., arXiv:2104.09864).

use std::sync::Arc;

use burn::Tensor;
use pulp::Arch;

use super::operator::{Gradients, Rule, operate};
use super::threads::by_rows;

/// How each row's heads turn.
#[derive(Debug, Clone)]
pub struct Turn {
    /// Cosine and sine of every pair, by row of the table: `[n, n_pairs]` each.
    pub cosine: Arc<Vec<f32>>,
    /// See `cosine`.
    pub sine: Arc<Vec<f32>>,
    /// The row of the table for each row of the states.
    pub places: Arc<Vec<usize>>,
    /// Pairs in a head that turn; what is left of a head stays.
    pub n_pairs: usize,
    /// Whether a pair is two neighbours, instead of one number of each half.
    pub neighbours: bool,
    /// Numbers in a head.
    pub d_head: usize,
}

/// Turns the first `n_heads` heads of every row.
///
/// # Shapes
///
/// - input, output: `[batch_size, n, width]` with `batch_size * n` as many as the turn's places, and `width` at least
///   `n_heads * d_head`
pub fn rotate(input: Tensor<3>, turn: &Turn, n_heads: usize) -> Tensor<3> {
    let shape = input.dims();
    let rule = TurnRule { turn: turn.clone(), n_heads, width: shape[2] };
    assert_eq!(shape[0] * shape[1], turn.places.len(), "a turn for every row");
    operate([input], shape, |[rows]| rule.run(rows, 1.0), |_| Box::new(rule.clone()))
}

#[derive(Debug, Clone)]
struct TurnRule {
    turn: Turn,
    n_heads: usize,
    width: usize,
}

impl Rule<1> for TurnRule {
    fn backward(&self, gradient: &[f32], wanted: [bool; 1]) -> Gradients<1> {
        [wanted[0].then(|| self.run(gradient, -1.0))]
    }
}

impl TurnRule {
    /// Turns forward with `direction` 1, back with -1.
    fn run(&self, rows: &[f32], direction: f32) -> Vec<f32> {
        let Turn { cosine, sine, places, n_pairs, neighbours, d_head } = &self.turn;
        let (width, turned) = (self.width, self.n_heads * d_head);
        let mut output = vec![0f32; rows.len()];
        by_rows(&mut output, width, |first, chunk| {
            chunk.copy_from_slice(&rows[first * width..][..chunk.len()]);
            for (line, place) in chunk.chunks_exact_mut(width).zip(&places[first..]) {
                let table = place * n_pairs..(place + 1) * n_pairs;
                let (cosine, sine) = (&cosine[table.clone()], &sine[table]);
                for head in line[..turned].chunks_exact_mut(*d_head) {
                    if *neighbours {
                        let (pairs, _) = head.as_chunks_mut::<2>();
                        for ((pair, cos), sin) in pairs.iter_mut().zip(cosine).zip(sine) {
                            let [x, y] = *pair;
                            let sin = sin * direction;
                            *pair = [x * cos - y * sin, y * cos + x * sin];
                        }
                    } else {
                        let (left, right) = head[..2 * n_pairs].split_at_mut(*n_pairs);
                        turn_halves(left, right, cosine, sine, direction);
                    }
                }
            }
        });
        output
    }
}

fn turn_halves(left: &mut [f32], right: &mut [f32], cosine: &[f32], sine: &[f32], direction: f32) {
    Arch::new().dispatch(|| {
        for (((x, y), cos), sin) in left.iter_mut().zip(right).zip(cosine).zip(sine) {
            let sin = sin * direction;
            (*x, *y) = (*x * cos - *y * sin, *y * cos + *x * sin);
        }
    });
}
