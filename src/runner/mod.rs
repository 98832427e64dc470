//! Drives trials: plan -> run -> events. It alone owns the loop, the budget and the clock.
//!
//! # Decisions
//!
//! - 2026-11: all that can be refused is refused while planning, before a results folder is touched: prompts against every
//!   model, words against every tokenizer, shots against the data.
//! - 2026-11: of a small model (under 30 million weights) a trial runs on each core with one thread, of a larger one a trial
//!   at a time with all threads. The size decides, never a stopwatch, and no number depends on it.
//! - 2026-11: a trial that runs out of the device's memory begins anew with batches of half the size, and so do those after it;
//!   the event `halved` and the flag `batch_halved` say so. On the CPU the system ends the program instead, so there the size
//!   that is chosen at the start has to do, or one that `--batch-size` gives.

mod batch_size;
mod cell;
mod error;
mod ledger;
mod listener;
mod matrix;
mod oracle;
mod out_of_memory;
mod plan;
mod plan_notes;
mod rank_correlation;
mod read_back;
mod run;
mod trial;

pub use batch_size::{BatchSize, settings_for};
pub use cell::TaskPrompt;
pub use error::RunnerError;
pub use ledger::Ledger;
pub use listener::{Beginning, Listener, Silent};
pub use matrix::WrittenMatrix;
pub use plan::{Plan, PlannedTrial};
pub use run::{RunOptions, Summary, recorded_batch_size, run};
pub use trial::TrialData;
