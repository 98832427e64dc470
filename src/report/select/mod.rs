//! `select`: replays choosing a prompt on a complete matrix of scores.
//!
//! A matrix knows what every candidate does on every dev and test example, so the price of choosing on few examples can be
//! measured: each draw takes k dev examples a class, a rule and a racing choose on them, and the pick's test accuracy is
//! held against the best candidate's.
//!
//! # Decisions
//!
//! - A draw is without replacement, the same number of examples of each class; without `--shots` it is the whole dev split
//!   and only the order varies. It depends on the examples' names, not on their order in the file or the labels' names.
//! - The metric is accuracy, which every matrix has: `correct` is required.
//! - Without a test split the pick is judged on the dev examples outside its draw.
//! - One candidate is no mistake: it is picked, with regret 0. One label in dev is: nothing tells candidates apart that a
//!   constant answer would not.
//! - Ties at the top go to the larger margin where the matrix has margins, then to the candidate whose name comes first in
//!   the alphabet; `argmax` alone goes by the order of the file. A matrix has no token counts.
//! - `same_pick` compares with the same rule scoring everything; a pick with an equal score on the whole draw is the same.
//! - Rank intervals are those of accuracy (see [`crate::task::statistics::standings`]) for candidates scored to the
//!   end; where a racing scores nobody to the end, coverage and width are unknown.
//! - `successive_halving` and `continuously_reject` get half of what scoring everything costs.

mod draw;
mod error;
mod matrix;
mod options;
mod outcome;
mod parquet;
mod racing;
mod reader;
mod replay;
mod rule;

pub use crate::task::racing::ALPHA;
pub use draw::{Classes, Draw};
pub use error::{BadCell, SelectError};
pub use matrix::{Examples, Matrix, MatrixBuilder, Needs, Row};
pub use options::{Racing, Rule, SelectOptions};
pub use outcome::SelectReport;
pub use racing::{Race, race};
pub use reader::read_matrix;
pub use replay::{Replayed, replay};
pub use rule::scores;

/// Reads the matrix and replays choosing on it.
///
/// # Errors
/// For options that make no sense, a file that is no complete matrix, and draws that the matrix cannot give.
pub fn run(options: &SelectOptions) -> Result<SelectReport, SelectError> {
    options.check()?;
    let (matrix, rules) = read_matrix(&options.matrix, &options.rules)?;
    let racings = match options.racing.as_slice() {
        [] => &[Racing::Exact],
        racings => racings,
    };
    let replayed = replay(&matrix, &rules, racings, options)?;
    Ok(SelectReport::new(replayed, matrix, options))
}
