//! What can go wrong between an experiment and its trials.

use crate::error::{ExitCode, Fault};

/// An error of the `runner` room.
#[derive(Debug, thiserror::Error)]
pub enum RunnerError {
    /// Neither the experiment nor the data set's card says what the prompt is.
    #[error("task.{key}: missing, and the data set `{dataset}` has no card that gives one")]
    NoDefault {
        /// `template` or `verbalizer`.
        key: &'static str,
        /// The data set.
        dataset: String,
    },
    /// A prompt of an item cannot be used.
    #[error("{place}: {source}")]
    Prompt {
        /// The key path of the item.
        place: String,
        /// Why not.
        #[source]
        source: Box<crate::scoring::ScoringError>,
    },
    /// The verbalizer does not fit the data's labels.
    #[error("task.{0}")]
    Verbalizer(#[source] crate::prompt::PromptError),
    /// The text that a search begins with has another number of tokens.
    #[error(
        "{place}.init: `{text}` has {found} token(s) for {model}, and the trigger {n_trigger} (allowed: 1 to {n_trigger})"
    )]
    Initial {
        /// The key path of the item.
        place: String,
        /// The text.
        text: String,
        /// Its tokens.
        found: usize,
        /// The item's trigger tokens.
        n_trigger: usize,
        /// The model.
        model: String,
    },
    /// No token is left for a trigger.
    #[error("{place}: no token of {model} may stand in a trigger{}", left_out(filter))]
    NoToken {
        /// The key path of the item.
        place: String,
        /// What the item leaves out.
        filter: String,
        /// The model.
        model: String,
    },
    /// Swaps are to be drawn from more tokens than there are.
    #[error(
        "{place}.top_k: {top_k} is more than the {n_tokens} tokens of {model} that may stand in a trigger (allowed: 1 to {n_tokens}, or auto)"
    )]
    TopK {
        /// The key path of the item.
        place: String,
        /// What was asked.
        top_k: usize,
        /// What there is.
        n_tokens: usize,
        /// The model.
        model: String,
    },
    /// The second model reads other tokens than the one that prompts are searched for.
    #[error(
        "{place}.probe: {probe} has another tokenizer than {model}; probe sampling needs two models of one tokenizer"
    )]
    ProbeTokenizer {
        /// The key path of the item.
        place: String,
        /// The second model.
        probe: String,
        /// The model.
        model: String,
    },
    /// A second model cannot do what an item asks of it.
    #[error("{place}: {model}: {what}")]
    Generator {
        /// The key path of the item.
        place: String,
        /// The model.
        model: String,
        /// What is the matter and what is allowed.
        what: String,
    },
    /// The text that virtual tokens start from has no token for the model.
    #[error("{place}.init_text: `{text}` has no token for {model}")]
    InitText {
        /// The key path of the item.
        place: String,
        /// The text.
        text: String,
        /// The model.
        model: String,
    },
    /// There are fewer training examples than demonstrations.
    #[error("{place}.k: {k} demonstrations cannot be taken from the {n_train} training examples of `shots: {shots}`")]
    Demonstrations {
        /// The key path of the item.
        place: String,
        /// The demonstrations.
        k: usize,
        /// The training examples.
        n_train: usize,
        /// The shots.
        shots: String,
    },
    /// A list of synonyms cannot be read.
    #[error("{place}.synonyms: {}: {what}", path.display())]
    Synonyms {
        /// The key path of the item.
        place: String,
        /// The file.
        path: std::path::PathBuf,
        /// What is the matter, with the line.
        what: String,
    },
    /// A list of templates cannot be used.
    #[error("{place}.templates_from: {}: {what}", path.display())]
    Templates {
        /// The key path of the item.
        place: String,
        /// The file.
        path: std::path::PathBuf,
        /// What is the matter, with the line.
        what: String,
    },
    /// An item mines what the task does not have, or what its model cannot take.
    #[error("{place}: {what}")]
    Mining {
        /// The key path of the item.
        place: String,
        /// What is the matter and what is allowed.
        what: String,
    },
    /// The list of objects cannot be used.
    #[error("task.objects: {}: {what}", path.display())]
    Objects {
        /// The file.
        path: std::path::PathBuf,
        /// What is the matter, with the line.
        what: String,
    },
    /// The models leave too few objects to rank.
    #[error(
        "task.leave_out: of {of} objects {left} can be answered by every model ({models}), and at least two are needed"
    )]
    NoObjects {
        /// Objects that are left.
        left: usize,
        /// Objects that there are.
        of: usize,
        /// The models.
        models: String,
    },
    /// A task that prompts are transferred to cannot be used.
    #[error("{place}: {what}")]
    Transfer {
        /// The key path of the task.
        place: String,
        /// Why not.
        what: String,
    },
    /// A split that the experiment needs is not there.
    #[error("the data set `{dataset}` has no {split} split, and {what} needs one")]
    NoSplit {
        /// The data set.
        dataset: String,
        /// The split.
        split: &'static str,
        /// Who needs it.
        what: String,
    },
    /// Nothing can be scored within the budget.
    #[error(
        "budget.evaluations: {budget} does not cover one candidate of any method; at least {least} is needed (dev examples x passes)"
    )]
    Budget {
        /// The budget.
        budget: u64,
        /// What the cheapest candidate costs.
        least: u64,
    },
    /// A replay names no trial of the record.
    #[error("--only {found}: the record has no such trial, method or row that came to its end (it has {known})")]
    NoTrial {
        /// What was given.
        found: String,
        /// What there is.
        known: String,
    },
    /// What a record hangs on is no longer what it was.
    #[error(
        "{folder} cannot be replayed, since what it hangs on is not what it was:\n{}\nput it back, or compare all the same with --anyway",
        changed.iter().map(|input| format!("  {input}")).collect::<Vec<_>>().join("\n")
    )]
    ChangedInputs {
        /// The results folder.
        folder: String,
        /// What differs.
        changed: Vec<super::replay::ChangedInput>,
    },
    /// `--only` names no item of the experiment.
    #[error("--only {found}: the experiment has no such method (it has {known})")]
    Only {
        /// What was given.
        found: String,
        /// What there is.
        known: String,
    },
}

impl Fault for RunnerError {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Prompt { source, .. } => source.exit_code(),
            Self::NoSplit { .. } | Self::Synonyms { .. } | Self::Templates { .. } | Self::Objects { .. } => {
                ExitCode::Data
            }
            Self::NoObjects { .. }
            | Self::Initial { .. }
            | Self::InitText { .. }
            | Self::NoToken { .. }
            | Self::TopK { .. }
            | Self::ProbeTokenizer { .. }
            | Self::Generator { .. } => ExitCode::Model,
            Self::Only { .. } | Self::NoTrial { .. } => ExitCode::Usage,
            Self::ChangedInputs { .. } => ExitCode::Results,
            Self::Verbalizer(source) => source.exit_code(),
            Self::Mining { .. } => ExitCode::Spec,
            Self::NoDefault { .. } | Self::Budget { .. } | Self::Demonstrations { .. } | Self::Transfer { .. } => {
                ExitCode::Spec
            }
        }
    }
}

/// What a filter leaves out, after what is left out always.
fn left_out(filter: &str) -> String {
    let always = "special tokens and label words are left out";
    if filter.is_empty() { format!(" ({always})") } else { format!(" ({always}, and by the item: {filter})") }
}
