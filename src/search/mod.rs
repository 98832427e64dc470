//! Where candidates come from. A search never touches a file and never prints.
//!
//! # Decisions
//!
//! - 2026-11: dev never steers a step. A search moves on train; dev only chooses among what was proposed, so that every look
//!   at dev is one that `dev_looks` counts. The one exception is a training's early stop, whose looks are counted too.

pub mod continuous;
pub mod discrete;
mod error;
mod method;
mod snapshot;
mod word_oracle;

pub use error::SearchError;
pub use method::{Oracle, Proposal, Scored, Search};
pub use snapshot::{Progress, Snapshot};
pub use word_oracle::{WordOracle, WordScores};
