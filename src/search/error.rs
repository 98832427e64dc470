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
    /// A built-in list of words is damaged.
    #[error("a built-in list of words is damaged: {0}")]
    Words(#[from] super::discrete::SynonymsError),
    /// A pool has too few words to give every label its own.
    #[error(
        "`{template}`: {found} word(s) of {n_tokens} token(s) were found for label `{label}`, and per_label asks for {per_label} \
         (take fewer per_label, a larger pool, or other n_tokens)"
    )]
    TooFewWords {
        /// The template.
        template: String,
        /// The label.
        label: String,
        /// Words that no label before has.
        found: usize,
        /// Words a label.
        per_label: usize,
        /// The numbers of tokens, as a list.
        n_tokens: String,
    },
    /// Nothing of what a model wrote is a template.
    #[error(
        "none of the {n_written} texts that were written makes a template: each says a label word, or is nothing that the model can write"
    )]
    NothingWritten {
        /// The texts.
        n_written: usize,
    },
    /// A corpus cannot be read to its end.
    #[error(transparent)]
    Corpus(#[from] crate::task::TaskError),
    /// No sentence gives a template.
    #[error(
        "nothing was mined: of {n_sentences} sentences {n_matched} hold what was looked for; of {n_found} contexts that were found there \
         {n_supported} have enough support, and none of these makes a template (take a larger corpus, a smaller min_support, more \
         max_words or a wider window)"
    )]
    NothingMined {
        /// Sentences read.
        n_sentences: u64,
        /// Sentences with names of a fact, or with a label word.
        n_matched: u64,
        /// Contexts.
        n_found: usize,
        /// Those with enough support.
        n_supported: usize,
    },
    /// A comparison would overdraw the budget, and was not begun.
    #[error("the budget does not cover the next comparison")]
    OutOfBudget,
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
            Self::Corpus(e) => e.exit_code(),
            Self::NothingMined { .. } => ExitCode::Data,
            Self::EmptyVocabulary
            | Self::Unanswered { .. }
            | Self::TooFewWords { .. }
            | Self::NothingWritten { .. } => ExitCode::Model,
            Self::NoTraining { .. } | Self::TooFewDemonstrations { .. } | Self::OutOfBudget | Self::Words(_) => {
                ExitCode::Spec
            }
        }
    }
}
