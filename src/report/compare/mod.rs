//! Results folders side by side: the same row in each, paired by seed and test example.
//!
//! ```text
//! folders -> Side (a folder and its trials) -> pairs of Entry -> Shared (the examples that both have) -> Compared -> SideBySide
//!                                                                                     \-> text, Markdown, CSV, JSON
//! ```
//!
//! # Decisions
//!
//! - 2026-11: rows are the same if label, model, shots and calibration are. What the label stands for may be another thing in every
//!   folder (another budget, another template): that is what is compared, and what differs in the experiments is printed above.
//! - 2026-11: the comparison is that of `vs_manual` (contract, Statistics 2), the differences being the other folder's minus the first's,
//!   and Holm's family is all rows that one command compares.
//! - 2026-11: seeds are paired by number. Where no number is in both, as when a run is repeated with other seeds, they are paired in their
//!   order: draws of different seeds are independent, so any pairing is valid and only the gain of a common draw is lost. Refused:
//!   pairing the rest in order where some are common, which would mix two kinds of pairs in one variance.
//! - 2026-11: examples are paired by place where both records name the same test set, by row where the test file is the same to
//!   the byte, else by what their texts say. Rows of other files are never paired by number. Examples with equal texts are paired
//!   in their order.
//! - 2026-11: figures are taken over what both have, so that the two printed figures differ by the printed difference.
//! - 2026-11: train and dev may differ, and are told: they are part of what is compared. On test nothing may differ but which
//!   examples are there: another gold label of a common example is an error, as other labels and another metric are.

mod between;
mod columns;
mod error;
mod pairs;
mod print;
mod shared;
mod side;
mod side_by_side;
mod unlike;

pub use error::CompareError;
pub use side_by_side::{Compared, Folder, LeftOut, RowName, SideBySide};
pub use unlike::Unlike;
