//! A record beside its replay: whether every number is the same, and which is the first that is not.
//!
//! # Decisions
//!
//! - 2026-11: events are compared as JSON, value by value in the order of the file, so that a field that a later version adds is compared
//!   without a word here. Left out is what may differ from run to run (`seconds`), what hashes other things that are compared
//!   (`files`), and the trial's fingerprint.
//! - 2026-11: candidates are compared as long as both searches propose the same prompts. From the first candidate on whose prompt is
//!   another (`parted`) they are different searches, and a difference of scores there would say nothing. What was chosen and its
//!   test scores are compared whatever came before.
//! - 2026-11: with a tolerance two numbers are the same if they differ by at most that share of the larger of 1 and the recorded one;
//!   hashes of trained numbers are not compared then.

mod events;
mod numbers;
mod print;
mod replayed;
mod trial;
mod walk;

pub use numbers::{FieldFigures, FirstDifference};
pub use replayed::Replayed;
pub use trial::ReplayedTrial;
