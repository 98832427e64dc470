//! What can go wrong while a record is turned into tables.

use crate::error::{ExitCode, Fault};
use crate::record::RecordError;

/// An error of the `report` room.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The record cannot be read, or a table cannot be written.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// A column was asked for that the leaderboard does not have.
    #[error("unknown column `{name}` (known: {})", known.join(", "))]
    UnknownColumn {
        /// What was asked for.
        name: String,
        /// The columns that there are.
        known: Vec<&'static str>,
    },
    /// A format was asked for that the leaderboard is not printed in.
    #[error("unknown format `{name}` (known: {})", known.join(", "))]
    UnknownFormat {
        /// What was asked for.
        name: String,
        /// The formats that there are.
        known: Vec<&'static str>,
    },
    /// Folders that are to be averaged go by different metrics.
    #[error("{folder} goes by {found}, and the first folder by {first}: only figures of one metric can be averaged")]
    OtherMetric {
        /// The folder.
        folder: String,
        /// Its metric.
        found: String,
        /// That of the first.
        first: String,
    },
    /// A value could not be written in the format asked for; no record that this program wrote leads here.
    #[error("cannot print the table: {source}")]
    Print {
        /// What the writer of that format said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl ReportError {
    /// A [`ReportError::Print`] for use with `map_err`.
    pub fn print(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Print { source: source.into() }
    }
}

impl Fault for ReportError {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Record(fault) => fault.exit_code(),
            Self::UnknownColumn { .. } | Self::UnknownFormat { .. } | Self::OtherMetric { .. } => ExitCode::Usage,
            Self::Print { .. } => ExitCode::Results,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_column_is_answered_with_the_columns_there_are() {
        let error = ReportError::UnknownColumn { name: "test".into(), known: vec!["rank", "test_mean"] };
        assert_eq!(error.to_string(), "unknown column `test` (known: rank, test_mean)");
        assert_eq!(error.exit_code(), ExitCode::Usage);
    }
}
