//! When the tables are made anew during a run.
//!
//! # Decisions
//!
//! - 2026-11: the tables are made anew when a trial ends, but never by two threads at once, and they take at most a
//!   [`SHARE`] of the run's time: where making them has become long, because there are many candidates, some trials end without
//!   it. The end of the run makes them in any case. Refused: making them after every trial whatever it costs, which lets trials
//!   wait for each other and makes a run quadratic in its trials.

use std::sync::{Mutex, TryLockError};
use std::time::{Duration, Instant};

use crate::error::Result;

/// The share of the run's time that making tables may take.
const SHARE: f64 = 0.03;

/// Who makes the tables, and how long it took so far.
pub struct Tables {
    begun: Instant,
    taken: Mutex<Duration>,
}

impl Default for Tables {
    fn default() -> Self {
        Self { begun: Instant::now(), taken: Mutex::new(Duration::ZERO) }
    }
}

impl Tables {
    /// Makes the tables by `make`, unless another thread does, or they have taken their share already.
    ///
    /// # Errors
    /// What `make` fails with.
    pub fn trial_ended(&self, make: impl FnOnce() -> Result<()>) -> Result<()> {
        let mut taken = match self.taken.try_lock() {
            Ok(taken) => taken,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return Ok(()),
        };
        if !within_share(*taken, self.begun.elapsed()) {
            return Ok(());
        }
        let begun = Instant::now();
        let made = make();
        *taken += begun.elapsed();
        made
    }
}

/// The first tables come in any case.
fn within_share(taken: Duration, elapsed: Duration) -> bool {
    taken.is_zero() || taken.as_secs_f64() <= SHARE * elapsed.as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_take_no_more_than_their_share_and_come_once_in_any_case() {
        let seconds = Duration::from_secs_f64;
        assert!(within_share(seconds(0.0), seconds(0.0)));
        assert!(within_share(seconds(0.2), seconds(10.0)));
        assert!(!within_share(seconds(0.2), seconds(1.0)));
    }

    #[test]
    fn a_thread_that_finds_another_making_them_goes_on() {
        let tables = Tables::default();
        let mut inner = 0;
        tables
            .trial_ended(|| {
                tables.trial_ended(|| {
                    inner += 1;
                    Ok(())
                })
            })
            .unwrap();
        assert_eq!(inner, 0);
    }
}
