//! Where a search stands, so that one that was killed goes on from there to the same bits.
//!
//! # Decisions
//!
//! - 2026-11: a search that was killed is driven again from its first proposal, since the record and what dev said of each candidate
//!   are made anew; but what its snapshots hold it does not compute again. So there is a part for every proposal, written once, and
//!   the state behind the last of them. Refused: the state alone, with which the record's beginning would have to be trusted and its
//!   candidates' vectors be kept in it.

use serde_json::Value;

/// A part of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// Whole numbers, losses, names.
    pub words: Value,
    /// Vectors, moments: many numbers.
    pub numbers: Vec<Vec<f32>>,
}

/// What the last proposal took long to find, and the state behind it.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// The proposal.
    pub proposal: Snapshot,
    /// The state.
    pub state: Snapshot,
}
