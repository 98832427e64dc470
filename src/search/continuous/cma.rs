//! CMA-ES: evolution of a normal distribution whose covariance adapts (Hansen and Ostermeier 2001; tutorial: arXiv 1604.00772), in
//! the form that keeps a triangular factor of the covariance (Krause, Arbones and Igel 2016, "CMA-ES with optimal covariance update
//! and storage complexity").
//!
//! With `n` axes, `l` samples of which the best `m` have weights `w_i`, `s` the step and `A` the factor, `C = A A'`:
//!
//! ```text
//! x_i = mean + s A z_i                         y = sum w_i (x_i - mean) / s
//! p_s = (1 - c_s) p_s + sqrt(c_s (2 - c_s) m_eff) A^-1 y
//! p_c = (1 - c_c) p_c + h sqrt(c_c (2 - c_c) m_eff) y        h: 0 where |p_s| is far too long, else 1
//! C   = (1 - c_1 - c_m) C + c_1 p_c p_c' + c_m sum w_i y_i y_i'
//! s   = s exp(c_s / d_s (|p_s| / E|N(0, I)| - 1))
//! ```
//!
//! # Decisions
//!
//! - 2026-11: our own, for its random numbers come from our streams, so that a trial gives the same bytes everywhere; the factor needs
//!   no decomposition into eigenvectors, so a generation costs `m n^2`. Refused: a crate on a linear-algebra library.
//! - 2026-11: the weights of the worse half are 0, as in the paper of the factor.

use crate::seed::Stream;

/// The distribution.
#[derive(Debug, Clone)]
pub struct Cma {
    mean: Vec<f64>,
    step: f64,
    /// Lower triangle, row by row, `[n][n]`.
    factor: Vec<f64>,
    path: Vec<f64>,
    step_path: Vec<f64>,
    generation: i32,
    constants: Constants,
}

/// What depends on the number of axes and samples only.
#[derive(Debug, Clone)]
struct Constants {
    population: usize,
    weights: Vec<f64>,
    effective: f64,
    c_step: f64,
    d_step: f64,
    c_path: f64,
    c_one: f64,
    c_many: f64,
    /// The mean length of a standard normal vector.
    length: f64,
}

impl Constants {
    fn new(n_axes: usize, population: usize) -> Self {
        let n = n_axes as f64;
        let half = population / 2;
        let raw: Vec<f64> = (0..half).map(|i| (half as f64 + 0.5).ln() - (i as f64 + 1.0).ln()).collect();
        let sum: f64 = raw.iter().sum();
        let weights: Vec<f64> = raw.iter().map(|w| w / sum).collect();
        let effective = 1.0 / weights.iter().map(|w| w * w).sum::<f64>();
        let c_step = (effective + 2.0) / (n + effective + 5.0);
        let c_one = 2.0 / ((n + 1.3).powi(2) + effective);
        let c_many = (2.0 * (effective - 2.0 + 1.0 / effective) / ((n + 2.0).powi(2) + effective)).min(1.0 - c_one);
        Self {
            population,
            effective,
            c_step,
            d_step: 1.0 + 2.0 * (((effective - 1.0) / (n + 1.0)).sqrt() - 1.0).max(0.0) + c_step,
            c_path: (4.0 + effective / n) / (n + 4.0 + 2.0 * effective / n),
            c_one,
            c_many: c_many.max(0.0),
            length: n.sqrt() * (1.0 - 1.0 / (4.0 * n) + 1.0 / (21.0 * n * n)),
            weights,
        }
    }
}

/// The samples of a generation that are usual for so many axes: `4 + 3 ln n`.
pub fn usual_population(n_axes: usize) -> usize {
    4 + (3.0 * (n_axes as f64).ln()).floor() as usize
}

impl Cma {
    /// A distribution round `mean` with standard deviation `step` on every axis.
    ///
    /// # Panics
    /// If there is no axis, or fewer than 4 samples a generation.
    pub fn new(mean: Vec<f64>, step: f64, population: usize) -> Self {
        let n = mean.len();
        assert!(n > 0 && population >= 4, "{n} axes and {population} samples");
        let mut factor = vec![0.0; n * n];
        (0..n).for_each(|i| factor[i * n + i] = 1.0);
        let constants = Constants::new(n, population);
        Self { mean, step, factor, path: vec![0.0; n], step_path: vec![0.0; n], generation: 0, constants }
    }

    /// The middle of the distribution.
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// The step.
    pub fn step(&self) -> f64 {
        self.step
    }

    /// The samples of the next generation.
    pub fn ask(&self, stream: &mut Stream) -> Vec<Vec<f64>> {
        let n = self.mean.len();
        (0..self.constants.population)
            .map(|_| {
                let z: Vec<f64> = (0..n).map(|_| stream.normal()).collect();
                let turned = |row: usize| -> f64 {
                    self.factor[row * n..=row * n + row].iter().zip(&z).map(|(a, z)| a * z).sum()
                };
                (0..n).map(|row| self.mean[row] + self.step * turned(row)).collect()
            })
            .collect()
    }

    /// Moves and widens the distribution by how its samples did: the less the better, and one that is no number is the worst.
    ///
    /// # Panics
    /// If there are not as many losses as samples.
    pub fn tell(&mut self, samples: &[Vec<f64>], losses: &[f64]) {
        let Constants { population, ref weights, effective, c_step, d_step, c_path, c_one, c_many, length } =
            self.constants;
        assert!(samples.len() == population && losses.len() == population, "a loss for each sample");
        let n = self.mean.len();
        let mut order: Vec<usize> = (0..population).collect();
        let key = |&i: &usize| if losses[i].is_nan() { f64::INFINITY } else { losses[i] };
        order.sort_by(|a, b| key(a).total_cmp(&key(b)));
        let moves: Vec<Vec<f64>> = order[..weights.len()]
            .iter()
            .map(|&i| samples[i].iter().zip(&self.mean).map(|(x, mean)| (x - mean) / self.step).collect())
            .collect();
        let mut middle = vec![0.0; n];
        for (weight, y) in weights.iter().zip(&moves) {
            middle.iter_mut().zip(y).for_each(|(sum, y)| *sum += weight * y);
        }
        self.mean.iter_mut().zip(&middle).for_each(|(mean, y)| *mean += self.step * y);

        self.generation = self.generation.saturating_add(1);
        let white = solve(&self.factor, &middle);
        let share = (c_step * (2.0 - c_step) * effective).sqrt();
        self.step_path.iter_mut().zip(&white).for_each(|(p, w)| *p = (1.0 - c_step) * *p + share * w);
        let long = self.step_path.iter().map(|p| p * p).sum::<f64>().sqrt();
        let so_far = (1.0 - (1.0 - c_step).powi(2 * self.generation)).sqrt();
        let usual = long / so_far < (1.4 + 2.0 / (n as f64 + 1.0)) * length;
        let share = if usual { (c_path * (2.0 - c_path) * effective).sqrt() } else { 0.0 };
        self.path.iter_mut().zip(&middle).for_each(|(p, y)| *p = (1.0 - c_path) * *p + share * y);

        // What a path that stands still would take from the covariance is left in it.
        let left = if usual { 0.0 } else { c_one * c_path * (2.0 - c_path) };
        let kept = (1.0 - c_one - c_many + left).sqrt();
        self.factor.iter_mut().for_each(|a| *a *= kept);
        add(&mut self.factor, self.path.clone(), c_one);
        for (weight, y) in weights.iter().zip(moves) {
            add(&mut self.factor, y, c_many * weight);
        }
        self.step *= ((c_step / d_step) * (long / length - 1.0)).min(1.0).exp();
    }
}

/// `x` of `factor x = y`, for a lower triangle.
fn solve(factor: &[f64], y: &[f64]) -> Vec<f64> {
    let n = y.len();
    let mut x: Vec<f64> = Vec::with_capacity(n);
    for row in 0..n {
        let known: f64 = factor[row * n..row * n + row].iter().zip(&x).map(|(a, x)| a * x).sum();
        x.push((y[row] - known) / factor[row * n + row]);
    }
    x
}

/// The factor of `factor factor' + weight v v'` in the factor's place.
fn add(factor: &mut [f64], mut v: Vec<f64>, weight: f64) {
    let n = v.len();
    let mut b = 1.0;
    for column in 0..n {
        let (diagonal, alpha) = (factor[column * n + column], v[column]);
        let square = diagonal * diagonal + weight / b * alpha * alpha;
        let gamma = diagonal * diagonal * b + weight * alpha * alpha;
        let new = square.sqrt();
        factor[column * n + column] = new;
        for row in column + 1..n {
            let old = factor[row * n + column];
            v[row] -= alpha / diagonal * old;
            factor[row * n + column] = new / diagonal * old + new * weight * alpha / gamma * v[row];
        }
        b += weight * alpha * alpha / (diagonal * diagonal);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Generations until the loss of the mean is below `goal`.
    fn generations(loss: impl Fn(&[f64]) -> f64, n: usize, goal: f64, most: usize) -> Option<usize> {
        let mut stream = Stream::new(5, "test", b"cma");
        let mut cma = Cma::new(vec![1.0; n], 0.5, usual_population(n));
        for generation in 0..most {
            if loss(cma.mean()) < goal {
                return Some(generation);
            }
            let samples = cma.ask(&mut stream);
            let losses: Vec<f64> = samples.iter().map(|x| loss(x)).collect();
            cma.tell(&samples, &losses);
        }
        None
    }

    fn sphere(x: &[f64]) -> f64 {
        x.iter().map(|x| x * x).sum()
    }

    /// Axes whose widths differ a thousandfold, turned so that none is an axis of the space.
    fn turned_ellipsoid(x: &[f64]) -> f64 {
        let n = x.len();
        let sum: f64 = x.iter().sum::<f64>() * 2.0 / n as f64;
        let turned = x.iter().map(|x| x - sum);
        turned.enumerate().map(|(i, y)| 1e6f64.powf(i as f64 / (n - 1) as f64) * y * y).sum()
    }

    #[test]
    fn a_sphere_is_found_and_so_is_an_ellipsoid_of_any_direction() {
        let on_sphere = generations(sphere, 10, 1e-10, 400).unwrap();
        assert!(on_sphere < 250, "{on_sphere}");
        let on_ellipsoid = generations(turned_ellipsoid, 10, 1e-8, 2000).unwrap();
        assert!(on_ellipsoid < 1200, "{on_ellipsoid}");
    }

    #[test]
    fn losses_that_are_no_numbers_are_the_worst_and_break_nothing() {
        let holes = |x: &[f64]| if x[0] > 0.9 { f64::NAN } else { sphere(x) };
        assert!(generations(holes, 4, 1e-8, 600).is_some());
    }

    #[test]
    fn the_factor_is_that_of_the_sum() {
        let mut factor = vec![2.0, 0.0, 0.0, 1.0, 3.0, 0.0, -1.0, 0.5, 1.5];
        let v = vec![0.7, -1.2, 0.4];
        let product = |a: &[f64], i: usize, j: usize| (0..3).map(|k| a[i * 3 + k] * a[j * 3 + k]).sum::<f64>();
        let before = factor.clone();
        add(&mut factor, v.clone(), 0.3);
        for i in 0..3 {
            for j in 0..3 {
                let expected = product(&before, i, j) + 0.3 * v[i] * v[j];
                assert!((product(&factor, i, j) - expected).abs() < 1e-12, "{i} {j}");
            }
        }
        let x = solve(&factor, &v);
        assert!((factor[0] * x[0] - v[0]).abs() < 1e-12);
    }
}
