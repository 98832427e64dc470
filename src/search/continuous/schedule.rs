//! The learning rate: a linear warm-up, then a linear decay.

/// The share of the learning rate at each step.
///
/// Over the `w` steps of the warm-up it is `(s + 1) / (w + 1)`, so that no step is wasted on 0, and from there `(n - s) / (n - w)`,
/// which would be 0 at step `n`, one behind the last. (transformers' `get_linear_schedule_with_warmup` begins at 0 itself:
/// of the ten steps that a small budget allows, that would be one.)
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Schedule {
    steps: usize,
    warm_up: usize,
}

impl Schedule {
    /// A schedule of `steps` steps, a share `warm_up` of which warms up.
    pub fn new(steps: usize, warm_up: f64) -> Self {
        let warm_up = ((steps as f64 * warm_up).floor() as usize).min(steps.saturating_sub(1));
        Self { steps, warm_up }
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
        self.steps.saturating_sub(step) as f64 / (self.steps - self.warm_up).max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_rises_and_falls_and_never_wastes_a_step() {
        let shares = |steps, warm_up| -> Vec<f64> {
            let schedule = Schedule::new(steps, warm_up);
            (0..steps).map(|step| schedule.share(step)).collect()
        };
        assert_eq!(shares(5, 0.2), [0.5, 1.0, 0.75, 0.5, 0.25]);
        assert_eq!(shares(2, 0.0), [1.0, 0.5]);
        assert_eq!(shares(1, 1.0), [1.0]);
        assert!(shares(40, 1.0).iter().all(|share| *share > 0.0 && *share <= 1.0));
        assert_eq!(Schedule::new(3, 0.1).share(3), 0.0);
    }
}
