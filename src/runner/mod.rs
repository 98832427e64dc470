//! Drives trials: plan -> run -> events. It alone owns the loop, the budget and the clock.
//!
//! # Decisions
//!
//! - 2026-11: all that can be refused is refused while planning, before a results folder is touched: prompts against every
//!   model, words against every tokenizer, shots against the data.
//! - 2026-11: which trials run beside each other is decided by the size of their models; see `schedule`.
//! - 2026-11: a trial that runs out of the device's memory begins anew with batches of half the size, and so do those after it;
//!   the event `halved` and the flag `batch_halved` say so. On the CPU the system ends the program instead, so there the size
//!   that is chosen at the start has to do, or one that `--batch-size` gives.

mod attempt;
mod batch_size;
#[cfg(test)]
mod brute_force;
mod calibrated;
mod cell;
mod checkpoint;
mod control;
mod corpora;
mod diagnosis;
mod division;
mod draws;
mod ensemble;
mod error;
mod facts;
mod fingerprint;
mod hardness;
mod judge;
mod ledger;
mod listener;
mod matrix;
mod merge;
mod opened;
mod opening;
mod oracle;
mod out_of_memory;
mod pace;
mod plan;
mod plan_notes;
mod pool;
mod provenance;
mod race_tally;
mod rank_correlation;
mod read_back;
mod replay;
mod rewordings;
mod run;
mod rungs;
mod schedule;
mod selection;
mod shortlist;
mod sweep;
mod task_prompt;
mod template_lists;
mod transfer;
mod trial;
mod winner;
mod wording_notes;

pub use batch_size::{BatchSize, settings_for};
pub use calibrated::Calibrated;
pub use cell::TaskPrompt;
pub use ensemble::PlannedEnsemble;
pub use error::RunnerError;
pub use hardness::Hardness;
pub use ledger::Ledger;
pub use listener::{Beginning, Listener, Silent};
pub use matrix::WrittenMatrix;
pub use merge::{Merge, Owed, Trials};
pub use opening::{ShardRun, agreed_batch_size};
pub use oracle::TrialOracle;
pub use plan::{Plan, PlannedTrial};
pub use replay::{ChangedInput, Counterpart, RecordedRun};
pub use run::{RunOptions, Summary, recorded_batch_size, run};
pub use transfer::{TransferTask, Transferred};
pub use trial::TrialData;
