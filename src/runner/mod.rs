//! Drives trials: plan -> run -> events. It alone owns the loop, the budget and the clock.
//!
//! # Decisions
//!
//! - 2026-11: all that can be refused is refused while planning, before a results folder is touched: prompts against every
//!   model, words against every tokenizer, shots against the data.
//! - 2026-11: of a small model (under 30 million weights) a trial runs on each core with one thread, of a larger one a trial
//!   at a time with all threads. The size decides, never a stopwatch, and no number depends on it.

mod calibrated;
mod cell;
mod diagnosis;
mod ensemble;
mod error;
mod ledger;
mod listener;
mod matrix;
mod oracle;
mod plan;
mod plan_notes;
mod rank_correlation;
mod read_back;
mod run;
mod trial;

pub use cell::TaskPrompt;
pub use ensemble::PlannedEnsemble;
pub use error::RunnerError;
pub use ledger::Ledger;
pub use listener::{Beginning, Listener, Silent};
pub use matrix::WrittenMatrix;
pub use plan::{Plan, PlannedTrial};
pub use run::{RunOptions, Summary, recorded_batch_size, run};
pub use trial::TrialData;
