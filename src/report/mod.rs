//! From the record on disk to what people read: ranked tables, comparisons, closing lines.
//!
//! Everything here is derived: [`write_tables`] rebuilds it from the record, byte for byte, whatever order the trials come
//! in. The tables are written as trials end, so they hold for a record of which only a part is there.
//!
//! ```text
//! events -> Trial -> Entry (one item in one group, over its seeds) -> Row -> Section -> Leaderboard -> CSV, Markdown, ...
//!                 \-> Listed (each candidate in short) -> its rank -> events again -> CandidateRow -> candidates.csv
//! ```
//!
//! The room is larger than ten files, since each table and each notation is a noun of its own.

mod asked;
mod average;
mod candidate_table;
mod candidates;
mod cell;
mod closing;
mod columns;
mod control;
mod curves;
mod diagnostics;
mod digest;
mod entry;
mod error;
mod fact_figures;
mod flag;
mod group;
mod json;
mod leaderboard;
mod listed;
mod markdown;
mod outcome;
mod place;
mod print;
mod row;
#[cfg(test)]
mod sample;
pub mod select;
mod stability;
mod tables;
mod top_two;
mod transfer;
mod trial;

pub use asked::Asked;
pub use average::{Average, AverageRow};
pub use candidates::CandidateRow;
pub use closing::{closing_lines, quoted};
pub use error::ReportError;
pub use group::Group;
pub use leaderboard::{Leaderboard, RankedOn, Section};
pub use row::Row;
pub use stability::{Agreement, Stability};
pub use tables::{
    CANDIDATES_CSV, CURVES_CSV, Format, LEADERBOARD_CSV, LEADERBOARD_MD, TRANSFER_CSV, render, write_tables,
};
pub use top_two::TopTwo;
pub use transfer::TransferRow;
