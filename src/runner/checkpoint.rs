//! When a search's progress is kept.
//!
//! # Decisions
//!
//! - 2026-11: after a proposal, if so much time has gone since the last time; what came between is kept with it. No number depends on
//!   when that is. A run that is asked to stop keeps all.

use std::time::{Duration, Instant};

use crate::error::Error;
use crate::record::Checkpoints;
use crate::search::{Search, Snapshot};

/// Time between two times where nobody says otherwise: a search that is over before is begun anew as quickly.
pub const USUAL: Duration = Duration::from_secs(5);

/// What is kept of one cell's search.
pub(super) struct Keeper<'a> {
    checkpoints: Option<&'a Checkpoints>,
    every: Duration,
    cell: usize,
    last: Instant,
    /// Proposals that are on the disk.
    kept: usize,
    waiting: Vec<Snapshot>,
    state: Option<Snapshot>,
}

impl<'a> Keeper<'a> {
    /// Hands `search` what an earlier attempt kept of it.
    pub(super) fn resume(
        checkpoints: Option<&'a Checkpoints>,
        every: Duration,
        cell: usize,
        search: &mut dyn Search,
    ) -> Self {
        let mut kept = 0;
        if let Some((parts, state)) = checkpoints.and_then(|checkpoints| checkpoints.load(cell)) {
            let n = parts.len();
            if search.resume(parts, state) {
                kept = n;
            }
        }
        Self { checkpoints, every, cell, last: Instant::now(), kept, waiting: Vec::new(), state: None }
    }

    /// Takes in a proposal, and keeps it where it is time.
    pub(super) fn proposed(&mut self, search: &dyn Search) -> Result<(), Error> {
        let Some(progress) = self.checkpoints.and_then(|_| search.progress()) else { return Ok(()) };
        self.waiting.push(progress.proposal);
        self.state = Some(progress.state);
        if self.last.elapsed() >= self.every { self.keep() } else { Ok(()) }
    }

    /// Keeps what waits.
    pub(super) fn keep(&mut self) -> Result<(), Error> {
        let (Some(checkpoints), Some(state)) = (self.checkpoints, self.state.take()) else { return Ok(()) };
        checkpoints.save(self.cell, self.kept, &self.waiting, &state)?;
        self.kept += self.waiting.len();
        self.waiting.clear();
        self.last = Instant::now();
        Ok(())
    }
}
