//! What can be wrong with a matrix of scores, or with what is asked of it.

use std::path::PathBuf;

use crate::error::{ExitCode, Fault};

/// Why choosing could not be replayed.
#[derive(Debug, thiserror::Error)]
pub enum SelectError {
    /// The file could not be opened or read.
    #[error("matrix {path}: cannot be read")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// The file is no CSV.
    #[error("matrix {path}: not a CSV file")]
    Csv {
        /// The file.
        path: PathBuf,
        /// What the CSV reader says.
        #[source]
        source: csv::Error,
    },
    /// The file is no Parquet.
    #[error("matrix {path}: not a Parquet file with readable columns")]
    Parquet {
        /// The file.
        path: PathBuf,
        /// What the Parquet reader says.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The ending names neither format.
    #[error("matrix {0}: unknown format (known by their ending: .csv, .parquet)")]
    Format(PathBuf),
    /// A column that every matrix has, or that a rule needs, is absent.
    #[error("matrix: no column `{column}`, which {needed_by} (columns: {found})")]
    Column {
        /// The absent column.
        column: String,
        /// Who needs it, as the end of a sentence.
        needed_by: String,
        /// The columns that there are.
        found: String,
    },
    /// A cell holds what its column cannot.
    #[error(transparent)]
    Value(#[from] Box<BadCell>),
    /// Two rows for one cell.
    #[error("matrix row {row}: candidate `{candidate}` has a second row for {split} example `{example}`")]
    Duplicate {
        /// The second row, from 1.
        row: usize,
        /// The candidate.
        candidate: String,
        /// dev or test.
        split: &'static str,
        /// The example.
        example: String,
    },
    /// Cells without a row.
    #[error(
        "matrix: candidate `{candidate}` has no row for {split} example `{example}` ({missing} such cells in all; every \
         candidate needs every example)"
    )]
    Missing {
        /// The first candidate with a gap.
        candidate: String,
        /// dev or test.
        split: &'static str,
        /// Its first absent example.
        example: String,
        /// The number of absent cells.
        missing: usize,
    },
    /// No dev rows.
    #[error("matrix: no row with split `dev`, so there is nothing to choose on")]
    NoDev,
    /// All dev examples have one label.
    #[error("matrix: all {n} dev examples have the label `{label}`; choosing needs at least two")]
    OneLabel {
        /// The label.
        label: String,
        /// The number of dev examples.
        n: usize,
    },
    /// A class has too few dev examples.
    #[error("--shots {shots}: the dev split has {n} examples of label `{label}`")]
    Shots {
        /// What was asked for.
        shots: usize,
        /// The label.
        label: String,
        /// Its examples.
        n: usize,
    },
    /// Nothing is left to measure regret on.
    #[error(
        "matrix without a test split: regret is measured on the dev examples outside the draw, and this draw takes all {n} \
         (give --shots below the smallest class)"
    )]
    NothingHeldOut {
        /// The number of dev examples.
        n: usize,
    },
    /// An option's value is not known.
    #[error("unknown {what} `{found}` (known: {known})")]
    Unknown {
        /// What the option is.
        what: &'static str,
        /// What was given.
        found: String,
        /// What there is.
        known: String,
    },
    /// An option's number makes no sense.
    #[error("{option} {found}: expected {expected}")]
    Option {
        /// The option.
        option: &'static str,
        /// What was given.
        found: String,
        /// What could stand there.
        expected: &'static str,
    },
}

/// A cell that holds what its column cannot.
#[derive(Debug, thiserror::Error)]
#[error("matrix row {row} (candidate `{candidate}`, example `{example}`): {column} is `{found}`, expected {expected}")]
pub struct BadCell {
    /// The data row, from 1; the header is not counted.
    pub row: usize,
    /// The row's candidate.
    pub candidate: String,
    /// The row's example.
    pub example: String,
    /// The column.
    pub column: String,
    /// The cell.
    pub found: String,
    /// What could stand there.
    pub expected: String,
}

impl Fault for SelectError {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Unknown { .. } | Self::Option { .. } => ExitCode::Usage,
            Self::Shots { .. } => ExitCode::Spec,
            _ => ExitCode::Data,
        }
    }
}
