//! What can be wrong with a prompt that is to be text.

use thiserror::Error;

use crate::error::{ExitCode, Fault};
use crate::prompt::PromptError;

/// A prompt that text cannot carry.
#[derive(Debug, Error)]
pub enum PortableError {
    /// Text says less than the prompt.
    #[error("the prompt `{prompt}` cannot be written as text: {reason}")]
    Inexpressible {
        /// The prompt.
        prompt: String,
        /// Why, and what can be done.
        reason: String,
    },
    /// The file's template cannot be read.
    #[error(transparent)]
    Prompt(#[from] PromptError),
}

impl Fault for PortableError {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Inexpressible { .. } => ExitCode::Model,
            // A file is at fault.
            Self::Prompt(_) => ExitCode::Data,
        }
    }
}
