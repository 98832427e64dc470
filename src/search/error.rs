//! What can go wrong in a search.

use crate::error::{ExitCode, Fault};
use crate::scoring::ScoringError;

/// An error of the `search` room.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    /// A prompt could not be scored.
    #[error(transparent)]
    Scoring(#[from] ScoringError),
    /// No token may stand in a trigger.
    #[error(
        "no token of the vocabulary may stand in a trigger (special tokens, label words and what the item filters are left out)"
    )]
    EmptyVocabulary,
    /// The search asks for what this oracle does not have.
    #[error("nothing here says {what}")]
    Unanswered {
        /// What was asked.
        what: &'static str,
    },
    /// The method needs labelled training examples.
    #[error("`{method}` needs labelled training examples, and this trial has none")]
    NoTraining {
        /// The method.
        method: &'static str,
    },
    /// There are fewer training examples than demonstrations.
    #[error("{k} demonstrations cannot be taken from {n_train} training examples")]
    TooFewDemonstrations {
        /// The demonstrations.
        k: usize,
        /// The training examples.
        n_train: usize,
    },
}

impl Fault for SearchError {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Scoring(e) => e.exit_code(),
            Self::EmptyVocabulary | Self::Unanswered { .. } => ExitCode::Model,
            Self::NoTraining { .. } | Self::TooFewDemonstrations { .. } => ExitCode::Spec,
        }
    }
}
