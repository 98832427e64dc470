//! What can go wrong between a prompt and its numbers.

use crate::error::{ExitCode, Fault};
use crate::model::ModelError;

/// An error of the `scoring` room.
#[derive(Debug, thiserror::Error)]
pub enum ScoringError {
    /// The tokenizer has no pieces for a label word.
    #[error("label `{label}`: the tokenizer of {model} cannot write the word `{word}` ({reason})")]
    UnwritableWord {
        /// The label.
        label: String,
        /// The word.
        word: String,
        /// The model's name.
        model: String,
        /// Why not.
        reason: String,
    },
    /// `{mask:N}` fixes the number of masks, and a word has another number of tokens.
    #[error(
        "label `{label}`: the word `{word}` is {found} token(s) long for {model}, but the template has {{mask:{fixed}}}; \
         use {{mask}}, or words of {fixed} token(s)"
    )]
    WordLength {
        /// The label.
        label: String,
        /// The word.
        word: String,
        /// Its tokens.
        found: usize,
        /// The masks.
        fixed: usize,
        /// The model's name.
        model: String,
    },
    /// Two label words have the same tokens, so that no score tells them apart.
    #[error("labels `{first}` and `{second}`: the words `{word}` and `{other}` are the same tokens for {model}")]
    SameTokens {
        /// A label.
        first: String,
        /// Another label.
        second: String,
        /// The first's word.
        word: String,
        /// The second's word.
        other: String,
        /// The model's name.
        model: String,
    },
    /// Not one of a prompt's demonstrations fits, even without any input.
    #[error(
        "none of the {n} demonstration(s) fits into the {positions} positions of {model}, even without any input: take shorter ones"
    )]
    DemonstrationsTooLong {
        /// The demonstrations.
        n: usize,
        /// The model's positions.
        positions: usize,
        /// The model's name.
        model: String,
    },
    /// A template asks for the nearest of demonstrations that are not there.
    #[error(
        "template `{template}`: {{nearest}} chooses from demonstrations that are not there; the prompt.json of a run holds them"
    )]
    NoPool {
        /// The template.
        template: String,
    },
    /// The template alone does not fit.
    #[error(
        "the template `{template}` is {found} tokens long without any input; {model} has {positions} positions, \
         and at least one is needed for the input"
    )]
    TemplateTooLong {
        /// The template.
        template: String,
        /// Its tokens, special tokens included.
        found: usize,
        /// The model's positions.
        positions: usize,
        /// The model's name.
        model: String,
    },
    /// An input does not fit and must not be shortened.
    #[error(
        "input {row}: the prompt is {found} tokens long, {model} has {positions} positions; \
         set `truncate: true` to shorten the input"
    )]
    InputTooLong {
        /// The input, as `row N`.
        row: String,
        /// Its tokens.
        found: usize,
        /// The model's positions.
        positions: usize,
        /// The model's name.
        model: String,
    },
    /// The template has no mask, or something that this model cannot do.
    #[error("template `{template}`: {reason}")]
    Template {
        /// The template.
        template: String,
        /// What is the matter and what is allowed.
        reason: String,
    },
    /// The template shows a column that the data does not have.
    #[error("template `{template}`: the data has no column `{column}` (columns: {known})")]
    Column {
        /// The template.
        template: String,
        /// The column.
        column: String,
        /// The columns that there are.
        known: String,
    },
    /// A prompt's vectors are not those that its template and the model want.
    #[error(
        "template `{template}`: {} vectors of {} numbers, and {} of {} are needed by its {{soft}} slots and the width of {model}",
        found.0, found.1, expected.0, expected.1
    )]
    Vectors {
        /// The template.
        template: String,
        /// Virtual tokens and width as found.
        found: (usize, usize),
        /// Virtual tokens and width as needed.
        expected: (usize, usize),
        /// The model's name.
        model: String,
    },
    /// A prompt's prefix is not what its template and the model want.
    #[error("template `{template}`: {reason}")]
    Prefix {
        /// The template.
        template: String,
        /// What is the matter and what is needed.
        reason: String,
    },
    /// A prefix leaves no position for the template and an input.
    #[error(
        "template `{template}`: its prefix takes {n_prefix} of the {positions} positions of {model}, and its own {found} tokens and \
         an input do not fit into the rest"
    )]
    PrefixTooLong {
        /// The template.
        template: String,
        /// Positions of the prefix.
        n_prefix: usize,
        /// The template's tokens, special tokens included.
        found: usize,
        /// The model's positions.
        positions: usize,
        /// The model's name.
        model: String,
    },
    /// A model that only fills masks is to write references.
    #[error(
        "{model} fills masks, and references of any length are for models that continue text or write of one (causal models, BART, T5)"
    )]
    NoWriter {
        /// The model's name.
        model: String,
    },
    /// A reference is nothing that the model could write.
    #[error("row {row}: the reference `{column}` of {model}: {reason}")]
    Reference {
        /// The example's row in its file, from 0.
        row: usize,
        /// The column.
        column: String,
        /// The model's name.
        model: String,
        /// What is the matter.
        reason: String,
    },
    /// The tokenizer has no mask token.
    #[error(
        "the tokenizer of {model} has no mask token, and a masked language model needs one (mask_token in tokenizer_config.json)"
    )]
    NoMask {
        /// The model's name.
        model: String,
    },
    /// The tokenizer has too few sentinels.
    #[error("the tokenizer of {model} has {found} sentinels, and {wanted} gaps need as many (<extra_id_0> and so on)")]
    NoSentinel {
        /// The model's name.
        model: String,
        /// The sentinels that there are.
        found: usize,
        /// The gaps.
        wanted: usize,
    },
    /// A score came out as NaN or infinite.
    #[error("the model gave a score that is not a number for the prompt `{prompt}`")]
    NotFinite {
        /// The prompt.
        prompt: String,
    },
    /// Batch calibration has nothing to take its prior over.
    #[error(
        "calibration `batch` needs unlabelled texts, and there are none (allowed without any: none, contextual, pmi_dc)"
    )]
    CalibrationTexts,
    /// A text to fill is at fault.
    #[error("{0}")]
    Fill(String),
    /// The model is at fault.
    #[error(transparent)]
    Model(#[from] ModelError),
}

impl Fault for ScoringError {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Template { .. } | Self::NoPool { .. } => ExitCode::Spec,
            Self::Fill(_) => ExitCode::Usage,
            Self::InputTooLong { .. } | Self::Reference { .. } | Self::Column { .. } | Self::CalibrationTexts => {
                ExitCode::Data
            }
            _ => ExitCode::Model,
        }
    }
}
