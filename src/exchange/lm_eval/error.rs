//! What can be wrong with a task of the harness.

use std::path::PathBuf;

use thiserror::Error;

use crate::error::{ExitCode, Fault};
use crate::prompt::PromptError;
use crate::record::RecordError;
use crate::scoring::ScoringError;

/// A task that cannot be written.
#[derive(Debug, Error)]
pub enum LmEvalError {
    /// The harness has no way to ask the same.
    #[error("the prompt `{prompt}` cannot be a task of lm-evaluation-harness: {reason}")]
    Inexpressible {
        /// The prompt's template.
        prompt: String,
        /// Why, and what can be done.
        reason: String,
    },
    /// The harness would read other tokens than the prompt has.
    #[error("the prompt `{prompt}` cannot be a task of lm-evaluation-harness: of {row} {reason}")]
    Row {
        /// The prompt's template.
        prompt: String,
        /// The row and its split.
        row: String,
        /// What differs.
        reason: String,
    },
    /// A name that the harness cannot be asked for.
    #[error("`{0}` is no name for a task (letters, digits, `_`, `-` and `.` make one)")]
    Name(String),
    /// The folder holds something already.
    #[error("{} is there already; name another folder with --output, or remove it", .0.display())]
    Exists(PathBuf),
    /// The folder cannot be made.
    #[error("cannot make {}: {source}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file cannot be written.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The prompt and the model do not go together.
    #[error(transparent)]
    Scoring(#[from] ScoringError),
    /// The first words alone are no verbalizer.
    #[error(transparent)]
    Prompt(#[from] PromptError),
}

impl Fault for LmEvalError {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Scoring(error) => error.exit_code(),
            Self::Prompt(error) => error.exit_code(),
            Self::Inexpressible { .. } | Self::Row { .. } => ExitCode::Model,
            Self::Name(_) | Self::Exists(_) => ExitCode::Usage,
            Self::Record(_) | Self::Folder { .. } => ExitCode::Results,
        }
    }
}
