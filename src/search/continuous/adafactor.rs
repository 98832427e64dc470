//! Adafactor (Shazeer and Stern 2018, arXiv 1804.04235), as prompt tuning was published with it (arXiv 2104.08691): at the learning
//! rate that it is given, without momentum and without scaling by the size of the parameters.
//!
//! With `g` the gradient of a matrix, `t` the step from 1 and `lr` the learning rate of the step:
//!
//! ```text
//! b = 1 - t^-0.8                    u = g g + 1e-30
//! r = b r + (1 - b) mean of u's rows        c = b c + (1 - b) mean of u's columns
//! d = g / sqrt(r c / mean r)                d = d / max(1, rms d)
//! x = x (1 - lr decay) - lr d
//! ```
//!
//! A matrix of one row, as a bias is, keeps every square itself: `r / mean r` is 1.

/// The exponent by which the means of squares grow longer.
const DECAY_RATE: f64 = -0.8;
/// Keeps squares above 0.
const EPSILON: f32 = 1e-30;

/// The state of the optimiser.
#[derive(Debug, Clone, PartialEq)]
pub struct Adafactor {
    weight_decay: f64,
    step: u32,
    matrices: Vec<Factors>,
}

/// The means of the squares of a matrix.
#[derive(Debug, Clone, PartialEq)]
struct Factors {
    rows: Vec<f32>,
    columns: Vec<f32>,
}

impl Adafactor {
    /// An optimiser of matrices of these shapes, which lie one after the other.
    pub fn new(shapes: &[[usize; 2]], weight_decay: f64) -> Self {
        let factors = |&[rows, columns]: &[usize; 2]| Factors { rows: vec![0.0; rows], columns: vec![0.0; columns] };
        Self { weight_decay, step: 0, matrices: shapes.iter().map(factors).collect() }
    }

    /// Moves `values` against `gradient`.
    ///
    /// # Panics
    /// If there are not as many of either as the optimiser was made for.
    pub fn step(&mut self, values: &mut [f32], gradient: &[f32], learning_rate: f64) {
        let n: usize = self.matrices.iter().map(|matrix| matrix.rows.len() * matrix.columns.len()).sum();
        assert!(values.len() == n && gradient.len() == n, "one gradient for each number");
        self.step = self.step.saturating_add(1);
        let kept = (1.0 - f64::from(self.step).powf(DECAY_RATE)) as f32;
        let decay = (1.0 - learning_rate * self.weight_decay) as f32;
        let mut first = 0;
        for matrix in &mut self.matrices {
            let end = first + matrix.rows.len() * matrix.columns.len();
            let update = matrix.update(&gradient[first..end], kept);
            for (value, change) in values[first..end].iter_mut().zip(update) {
                *value = *value * decay - learning_rate as f32 * change;
            }
            first = end;
        }
    }

    /// Its numbers, for a checkpoint.
    pub(super) fn state(&self) -> (u32, Vec<f32>) {
        (self.step, self.matrices.iter().flat_map(|m| m.rows.iter().chain(&m.columns)).copied().collect())
    }

    /// Takes up numbers of [`Adafactor::state`]; false where there are not as many.
    pub(super) fn restore(&mut self, step: u32, state: &[f32]) -> bool {
        let n: usize = self.matrices.iter().map(|m| m.rows.len() + m.columns.len()).sum();
        if n != state.len() {
            return false;
        }
        self.step = step;
        let mut state = state.iter().copied();
        for number in self.matrices.iter_mut().flat_map(|m| m.rows.iter_mut().chain(&mut m.columns)) {
            *number = state.next().unwrap_or_default();
        }
        true
    }
}

impl Factors {
    /// Takes in a gradient and gives what it is to be moved by, before the learning rate.
    fn update(&mut self, gradient: &[f32], kept: f32) -> Vec<f32> {
        let n_columns = self.columns.len();
        let mut of_columns = vec![0f64; n_columns];
        for (row, line) in self.rows.iter_mut().zip(gradient.chunks_exact(n_columns)) {
            let mut sum = 0f64;
            for (total, &g) in of_columns.iter_mut().zip(line) {
                let square = f64::from(g * g + EPSILON);
                sum += square;
                *total += square;
            }
            *row = *row * kept + (1.0 - kept) * (sum / n_columns as f64) as f32;
        }
        let n_rows = self.rows.len();
        for (column, total) in self.columns.iter_mut().zip(of_columns) {
            *column = *column * kept + (1.0 - kept) * (total / n_rows as f64) as f32;
        }
        let mean = (self.rows.iter().map(|&row| f64::from(row)).sum::<f64>() / n_rows as f64) as f32;
        let mut update = Vec::with_capacity(gradient.len());
        for (row, line) in self.rows.iter().zip(gradient.chunks_exact(n_columns)) {
            let of_row = 1.0 / (row / mean).sqrt();
            update.extend(self.columns.iter().zip(line).map(|(column, g)| of_row * (1.0 / column.sqrt()) * g));
        }
        let squares: f64 = update.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
        let size = ((squares / update.len() as f64).sqrt() as f32).max(1.0);
        update.iter_mut().for_each(|x| *x /= size);
        update
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_step_goes_by_the_learning_rate_against_the_sign() {
        let mut values = [1.0, -2.0];
        Adafactor::new(&[[1, 2]], 0.0).step(&mut values, &[0.5, -1e-3], 0.1);
        assert!((values[0] - 0.9).abs() < 1e-6 && (values[1] + 1.9).abs() < 1e-6, "{values:?}");
    }

    #[test]
    fn its_state_comes_back_and_only_where_it_fits() {
        let shapes = [[2, 3], [1, 3]];
        let gradient: Vec<f32> = (0..9).map(|x| x as f32 - 3.5).collect();
        let mut first = Adafactor::new(&shapes, 0.1);
        let mut values = vec![1.0; 9];
        first.step(&mut values, &gradient, 0.1);
        let (step, state) = first.state();
        let mut second = Adafactor::new(&shapes, 0.1);
        assert!(second.restore(step, &state) && second == first);
        assert!(!second.restore(step, &state[1..]));
    }
}
