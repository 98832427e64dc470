//! What can go wrong between the command line and the rooms below it.

use std::path::PathBuf;

use crate::error::{ExitCode, Fault};
use crate::record::RecordError;

/// An error of the `cli` room.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// Options that do not go together, or a value that no option has.
    #[error("{0}")]
    Usage(String),
    /// Whoever read the output has gone: nobody is left to tell, and nothing went wrong.
    #[error("standard output was closed")]
    ClosedPipe,
    /// The output cannot be written.
    #[error("cannot write {what}: {source}")]
    Write {
        /// The file, or `standard output`.
        what: String,
        /// Why not.
        source: std::io::Error,
    },
    /// A saved prompt's trigger ids mean other tokens here.
    #[error(
        "{} was found with the tokenizer of {saved_model} (blake3 {saved}), and {model} has another (blake3 {found}): \
         its token ids mean something else there; give the model that it was found with, or write the prompt with \
         --template and --verbalizer",
        path.display()
    )]
    OtherTokenizer {
        /// The saved prompt.
        path: PathBuf,
        /// The model that it was found with.
        saved_model: String,
        /// The hash of that model's tokenizer.
        saved: String,
        /// The model that was given.
        model: String,
        /// The hash of its tokenizer.
        found: String,
    },
    /// A soft prompt's vectors were trained for other weights.
    #[error(
        "{} was trained for the weights of {saved_model} (blake3 {saved}), and {model} has others (blake3 {found}): its vectors \
         mean nothing there; give the model that it was trained for",
        path.display()
    )]
    OtherWeights {
        /// The saved prompt.
        path: PathBuf,
        /// The model that it was trained for.
        saved_model: String,
        /// The hash of that model's weights.
        saved: String,
        /// The model that was given.
        model: String,
        /// The hash of its weights.
        found: String,
    },
    /// A saved prompt cannot be read.
    #[error(transparent)]
    PromptFile(RecordError),
    /// A saved prompt contradicts itself.
    #[error("{}: {what}", path.display())]
    BadPrompt {
        /// The saved prompt.
        path: PathBuf,
        /// What was found and what is allowed.
        what: String,
    },
    /// A text that names no model.
    #[error("{0}")]
    ModelName(String),
}

impl Fault for CliError {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Usage(_) => ExitCode::Usage,
            Self::ClosedPipe => ExitCode::Done,
            Self::Write { .. } => ExitCode::Results,
            // An input file is at fault, not the record of a run.
            Self::PromptFile(_) | Self::BadPrompt { .. } => ExitCode::Data,
            Self::OtherTokenizer { .. } | Self::OtherWeights { .. } | Self::ModelName(_) => ExitCode::Model,
        }
    }
}
