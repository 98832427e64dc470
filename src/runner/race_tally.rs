//! What racing saved in a trial.

use crate::record::Event;
use crate::task::racing::Racing;

use super::pool::Run;

/// Counts the candidates that racing dropped, and the evaluations that it saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RaceTally {
    racing: Racing,
    dropped: u64,
    saved: u64,
}

impl RaceTally {
    /// Nothing yet.
    pub fn new(racing: Racing) -> Self {
        Self { racing, dropped: 0, saved: 0 }
    }

    /// Counts a candidate that was scored on the first of `n` examples, or on all of them.
    pub fn count(&mut self, run: &Run, n: usize) {
        let seen = run.scores.len();
        if seen > 0 && seen < n {
            self.dropped += 1;
            self.saved += run.cost.evaluations / seen as u64 * (n - seen) as u64;
        }
    }

    /// What is recorded; `None` where nobody was dropped.
    pub fn event(&self) -> Option<Event> {
        let Self { racing, dropped, saved } = *self;
        (dropped > 0).then(|| Event::Raced { racing: racing.name().into(), dropped, saved })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scoring::Cost;

    #[test]
    fn what_is_saved_is_what_the_examples_to_come_would_have_cost() {
        let run = |n: usize, passes: u64| Run {
            scores: vec![vec![0.0, -1.0]; n],
            values: Vec::new(),
            cost: Cost { evaluations: passes * n as u64, ..Cost::default() },
            // Paid whether the candidate is dropped or not.
            prior: Cost { evaluations: 1000, ..Cost::default() },
        };
        let mut tally = RaceTally::new(Racing::Exact);
        tally.count(&run(32, 1), 32);
        assert_eq!(tally.event(), None);
        tally.count(&run(8, 3), 32);
        tally.count(&run(24, 1), 32);
        assert_eq!(tally.event(), Some(Event::Raced { racing: "exact".into(), dropped: 2, saved: 80 }));
    }
}
