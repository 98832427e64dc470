//! What can be wrong with a template or a verbalizer.

use crate::error::{ExitCode, Fault};

/// A fault in a prompt as somebody wrote it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PromptError {
    /// The text of a template cannot be read.
    #[error("template `{template}`, character {at}: {what}")]
    Syntax {
        /// The template, shortened around the fault where it is long.
        template: String,
        /// The place, in characters counted from 1.
        at: usize,
        /// What was found there and what is allowed.
        what: String,
    },
    /// A template that no model could answer: empty, too long, or without exactly one mask.
    #[error("template `{template}`: {what}")]
    Template {
        /// The template, shortened where it is long.
        template: String,
        /// What is wrong with it.
        what: String,
    },
    /// A slot names a column that the data set does not have.
    #[error(
        "template `{template}`: no column `{column}` in the data (columns: {known}; other slots: {{mask}}, {{mask:N}}, {{trigger:N}}, {{soft:N}}, {{demos}})"
    )]
    Column {
        /// The template, shortened where it is long.
        template: String,
        /// The name in the slot.
        column: String,
        /// The names that the data set has.
        known: String,
    },
    /// The label words cannot be read, or contradict each other.
    #[error("verbalizer: {0}")]
    Verbalizer(String),
    /// The labels of the verbalizer are not those of the data set.
    #[error("verbalizer: {what} (labels of the data: {known})")]
    Labels {
        /// Which labels are missing or unknown.
        what: String,
        /// The labels of the data set.
        known: String,
    },
}

impl Fault for PromptError {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Column { .. } | Self::Labels { .. } => ExitCode::Data,
            Self::Syntax { .. } | Self::Template { .. } | Self::Verbalizer(_) => ExitCode::Spec,
        }
    }
}

/// `text` for a message: whole, or the part around character `at` (from 1) with dots where something was left out.
pub(crate) fn excerpt(text: &str, at: usize) -> String {
    const WIDTH: usize = 60;
    let length = text.chars().count();
    let shown = |part: String| part.replace('\n', "\\n").replace('\t', "\\t").replace('\r', "\\r");
    if length <= WIDTH {
        return shown(text.to_owned());
    }
    let start = at.saturating_sub(WIDTH / 2).min(length - WIDTH);
    let part: String = text.chars().skip(start).take(WIDTH).collect();
    let before = if start > 0 { "..." } else { "" };
    let after = if start + WIDTH < length { "..." } else { "" };
    format!("{before}{}{after}", shown(part))
}
