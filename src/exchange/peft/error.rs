//! What can be wrong with an adapter.

use std::path::PathBuf;

use thiserror::Error;

use crate::error::{ExitCode, Fault};
use crate::scoring::ScoringError;

/// An adapter that cannot be written or read.
#[derive(Debug, Error)]
pub enum PeftError {
    /// A file cannot be read or written.
    #[error("cannot {what} {}: {source}", path.display())]
    Io {
        /// `read` or `write`.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file is not what its name says.
    #[error("{}: {message}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What was found and what is expected.
        message: String,
    },
    /// The adapter does not belong to the model.
    #[error("the adapter has {found}, and {model} has {expected}")]
    OtherModel {
        /// What the adapter says.
        found: String,
        /// The model.
        model: String,
        /// What the model has.
        expected: String,
    },
    /// PEFT has no adapter that computes the same.
    #[error("the prompt `{prompt}` cannot be a PEFT adapter: {reason}")]
    Inexpressible {
        /// The prompt's template.
        prompt: String,
        /// Why.
        reason: String,
    },
    /// The prompt and the model do not go together.
    #[error(transparent)]
    Scoring(#[from] ScoringError),
}

impl PeftError {
    pub(super) fn file(path: &std::path::Path, message: impl Into<String>) -> Self {
        Self::File { path: path.into(), message: message.into() }
    }
}

impl Fault for PeftError {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Scoring(error) => error.exit_code(),
            _ => ExitCode::Model,
        }
    }
}
