//! The learning rate: a linear warm-up, then a decay.

use std::f64::consts::PI;

use crate::spec::Decay;

/// The share of the learning rate at each step.
///
/// Over the `w` steps of the warm-up it is `(s + 1) / (w + 1)`, so that no step is wasted on 0. From there, with
/// `p = (s - w) / (n - w)` the share of the way, it is `1 - p`, `(1 + cos(pi p)) / 2` or 1; the first two would be 0 at step `n`, one
/// behind the last. (transformers' schedules begin at 0 itself: of the ten steps that a small budget allows, that would be one.)
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Schedule {
    steps: usize,
    warm_up: usize,
    decay: Decay,
}

impl Schedule {
    /// A schedule of `steps` steps, a share `warm_up` of which warms up, that falls in a straight line.
    pub fn new(steps: usize, warm_up: f64) -> Self {
        let warm_up = ((steps as f64 * warm_up).floor() as usize).min(steps.saturating_sub(1));
        Self { steps, warm_up, decay: Decay::Linear }
    }

    /// The schedule with another decay.
    #[must_use]
    pub fn with_decay(self, decay: Decay) -> Self {
        Self { decay, ..self }
    }

    /// Steps.
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// The share at `step`, from 0.
    pub fn share(&self, step: usize) -> f64 {
        if step < self.warm_up {
            return (step + 1) as f64 / (self.warm_up + 1) as f64;
        }
        let left = self.steps.saturating_sub(step) as f64 / (self.steps - self.warm_up).max(1) as f64;
        match self.decay {
            Decay::Linear => left,
            Decay::Cosine => (1.0 + (PI * (1.0 - left)).cos()) / 2.0,
            Decay::Constant => 1.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares(steps: usize, warm_up: f64, decay: Decay) -> Vec<f64> {
        let schedule = Schedule::new(steps, warm_up).with_decay(decay);
        (0..steps).map(|step| schedule.share(step)).collect()
    }

    #[test]
    fn it_rises_and_falls_and_never_wastes_a_step() {
        assert_eq!(shares(5, 0.2, Decay::Linear), [0.5, 1.0, 0.75, 0.5, 0.25]);
        assert_eq!(shares(2, 0.0, Decay::Linear), [1.0, 0.5]);
        assert_eq!(shares(1, 1.0, Decay::Linear), [1.0]);
        for decay in [Decay::Linear, Decay::Cosine, Decay::Constant] {
            assert!(shares(40, 1.0, decay).iter().all(|share| *share > 0.0 && *share <= 1.0));
        }
        assert_eq!(Schedule::new(3, 0.1).share(3), 0.0);
    }

    #[test]
    fn it_falls_along_a_cosine_or_not_at_all() {
        let cosine = shares(4, 0.0, Decay::Cosine);
        assert!((cosine[2] - 0.5).abs() < 1e-12 && cosine[1] > 0.75 && cosine[3] < 0.25, "{cosine:?}");
        assert_eq!(shares(4, 0.25, Decay::Constant), [0.5, 1.0, 1.0, 1.0]);
    }
}
