//! What is on disk and its version: the only room that writes under `results/`.
//!
//! # Decisions
//!
//! - 2026-11: a trial is the unit of resuming. Its events are appended as they happen and show how far it came, but a trial
//!   without its last event is begun anew: every random stream is keyed by seed and content, so the second attempt gives
//!   the same bytes, and nothing has to be restored in the middle of a search. Refused: replaying half a trial from its
//!   events, which would make a resumed run depend on every detail of the log. A training that takes long has its progress kept
//!   beside the record ([`Checkpoints`]): the record begins anew, and what was computed is not computed again.
//! - 2026-11: a trial's folder carries a fingerprint of all that decides its result. An edited experiment finds the trials
//!   that stay by it; the others remain on disk untouched and are not shown.
//! - 2026-11: damage that concerns one trial heals itself: a finished trial carries the hashes of its files, and one that is not as
//!   it was left is begun anew, which gives the same bytes. `provenance.json` is written anew too, since every trial's
//!   fingerprint covers what it says. Refused: stopping with a request to remove the file, which nobody could answer better.

mod answers;
mod atomic;
mod checkpoint;
mod diagnosis;
mod error;
mod event;
mod event_file;
mod folder;
mod folder_lock;
mod gather;
mod matrix;
mod prediction_table;
mod predictions;
mod provenance;
mod read_back;
mod saved_ensemble;
mod saved_prompt;
mod score_file;
mod seal;
mod shard_note;
mod soft_file;
mod transfer;
mod trial_key;
mod trial_record;
mod tuned_file;

pub use answers::{Answer, AnswerLock, AnswerStore, copy_answers};
pub use atomic::{AtomicFile, write_atomically};
pub use checkpoint::Checkpoints;
pub use diagnosis::{Diagnosis, RuleScore, RuleScores, SurfaceScore};
pub use error::RecordError;
pub use event::{CandidateRecord, Event, FORMAT, SetScores, SoftRecord, Spent};
pub use event_file::{EventFile, EventPlace, EventReader};
pub use folder::{Found, ResultsFolder, load_trials, trial_folders, trial_state};
pub use gather::{Gathered, gather};
pub use matrix::{MatrixBlock, MatrixWriter};
pub use prediction_table::{PredictionColumn, PredictionTable};
pub use predictions::{Predictions, References};
pub use provenance::{ModelProvenance, Provenance};
pub use read_back::{Interpolated, Neighbour, Neighbours, ReadBack};
pub use saved_ensemble::{SavedEnsemble, SavedMember};
pub use saved_prompt::{SavedLabel, SavedPrior, SavedPrompt};
pub use score_file::{SCORES, ScoreFile, StoreFigures};
pub use shard_note::ShardNote;
pub use transfer::{TRANSFER, TransferCell, TransferRecord};
pub use trial_key::TrialKey;
pub use trial_record::{EVENTS, TrialRecord, TrialWriter};
pub use tuned_file::{SavedTuning, TUNED, adapter, save_tuned, tuned_bytes};
