//! Why folders cannot be compared.

use crate::error::{ExitCode, Fault};
use crate::record::RecordError;

use super::super::ReportError;

/// An error of a comparison.
#[derive(Debug, thiserror::Error)]
pub enum CompareError {
    /// A record cannot be read.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// What was found cannot be written in the format asked for.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// There is nothing to compare with.
    #[error(
        "one folder has nothing to be compared with: give two or more, or two rows of it with --between ROW OTHER (rows: {known})"
    )]
    OneFolder {
        /// The labels of its rows.
        known: String,
    },
    /// Words that name no row.
    #[error("--between `{found}`: {why}")]
    Choice {
        /// What was given.
        found: String,
        /// What is wrong with it and what is allowed.
        why: String,
    },
    /// A row that a folder does not have.
    #[error("{folder} has no row `{found}` (rows: {known})")]
    UnknownRow {
        /// The folder.
        folder: String,
        /// What was asked for.
        found: String,
        /// The labels of its rows.
        known: String,
    },
    /// Rows that never stand beside each other.
    #[error(
        "`{first}` and `{other}` have no model, shots and calibration in common; name them on both sides to compare across: \
         `{first},shots=0` `{other},shots=16`"
    )]
    NeverTogether {
        /// The one row.
        first: String,
        /// The other.
        other: String,
    },
    /// Folders that go by different metrics.
    #[error("{other} goes by {found}, and {first} by {metric}: only figures of one metric can be compared")]
    OtherMetric {
        /// The first folder.
        first: String,
        /// Its metric.
        metric: String,
        /// The other folder.
        other: String,
        /// Its metric.
        found: String,
    },
    /// Folders whose test examples have other labels.
    #[error(
        "{other} has the labels {found}, and {first} {labels}: only predictions of the same labels can be compared"
    )]
    OtherLabels {
        /// The first folder.
        first: String,
        /// Its labels.
        labels: String,
        /// The other folder.
        other: String,
        /// Its labels.
        found: String,
    },
    /// The same test examples with other gold labels.
    #[error(
        "{n} of the {common} test examples that {first} and {other} have in common have another gold label in {other}: a \
         difference would be one of the data"
    )]
    OtherGold {
        /// The first folder.
        first: String,
        /// The other folder.
        other: String,
        /// How many.
        n: usize,
        /// Of how many.
        common: usize,
    },
    /// Folders without a test example in common.
    #[error(
        "{first} ({n_first} test examples) and {other} ({n_other}) have no test example in common: their test data differ, and \
         figures of other examples cannot be paired"
    )]
    NothingCommon {
        /// The first folder.
        first: String,
        /// Its test examples.
        n_first: usize,
        /// The other folder.
        other: String,
        /// Its test examples.
        n_other: usize,
    },
    /// Test data that differ, in a record that does not say what its examples are.
    #[error(
        "the test data of {first} and {other} differ, and {unnamed} is of a version that did not note what its examples say: run \
         that experiment again (`run --fresh`) to compare over the examples that both have"
    )]
    Unidentified {
        /// The first folder.
        first: String,
        /// The other folder.
        other: String,
        /// The one whose examples cannot be told.
        unnamed: String,
    },
}

impl Fault for CompareError {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Record(fault) => fault.exit_code(),
            Self::Report(fault) => fault.exit_code(),
            Self::OneFolder { .. } | Self::Choice { .. } | Self::UnknownRow { .. } | Self::NeverTogether { .. } => {
                ExitCode::Usage
            }
            Self::OtherMetric { .. }
            | Self::OtherLabels { .. }
            | Self::OtherGold { .. }
            | Self::NothingCommon { .. }
            | Self::Unidentified { .. } => ExitCode::Results,
        }
    }
}
