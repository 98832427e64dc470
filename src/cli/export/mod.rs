//! `promptmine export`

mod lm_eval;
mod peft;
mod portable;

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use crate::error::Result;

use super::CliError;
use super::input_option::HeaderName;
use super::log::Log;
use super::model_option::DeviceOption;
use super::prompt_option::{MultiTokenName, PromptOptions};

const EXAMPLES: &str = "\
Examples:
  promptmine export results/my/trials/<trial>/prompt.json --to text
  promptmine export results/my --to json --output prompts
  promptmine export results/my/trials/<trial>/prompt.json --to lm-eval --output task
  promptmine export prompt.json --to lm-eval --data reviews.csv --columns text=review,label=gold --output task
  promptmine export results/my/trials/<trial>/prompt.safetensors --to peft --output adapter
  promptmine export prompt.safetensors --to peft --model ./bert-base --output adapter

text: the prompt with its slots marked, an empty line, and the words of each label; json: the same in parts that other programs can \
read, with a format name and version. Without --output they are printed. A results folder in place of a prompt gives the chosen prompt \
of every trial, a file each.

lm-eval: a task for EleutherAI's lm-evaluation-harness and a model that continues text: a YAML file, the rows as JSON lines (the \
labelled test and dev splits of the run's data set, or --data), and README.md, which says how it is started. Every row is checked to \
become the same tokens there; what the harness cannot ask alike is refused.

peft: adapter_config.json and adapter_model.safetensors, which PEFT loads with PeftModel.from_pretrained, README.md with what to feed \
to it, and promptmine.json, from which `promptmine import` makes the prompt again. What the prompt says before its last virtual token \
becomes virtual tokens too, so that the logits are the same.

Nothing that is there already is overwritten.";

/// Where prompts go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Hugging Face PEFT: prompt tuning, prefix tuning, low-rank steps.
    Peft,
    /// A task of EleutherAI's lm-evaluation-harness.
    LmEval,
    /// Plain text.
    Text,
    /// JSON for other programs.
    Json,
}

/// Which words of a label a task has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum WordsName {
    /// All: a label is as likely as its words together.
    All,
    /// The first of each label, which is another prompt where a label has several.
    First,
}

/// The arguments of `export`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// A prompt that a run saved (trials/<trial>/prompt.json or prompt.safetensors); for text and json a results folder too
    #[arg(value_name = "PROMPT")]
    prompt: PathBuf,
    /// The format
    #[arg(long, value_name = "FORMAT", value_enum)]
    to: Format,
    /// The folder to write; needed but for text and json, which are printed without it
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// The model, as the other program is to find it too; for peft and lm-eval [default: the one that the prompt was found with]
    #[arg(long, value_name = "MODEL")]
    model: Option<String>,
    /// The rows of the task: a file, a data set's folder or builtin:NAME; for lm-eval [default: the data set of the run]
    #[arg(long, value_name = "DATA")]
    data: Option<String>,
    /// What the columns of the file are called: text=review,label=gold, or text,label in the order of a file without header; with --data
    #[arg(long, value_name = "COLUMNS", requires = "data")]
    columns: Option<String>,
    /// Whether the first row of a TSV or CSV file names the columns; with --data
    #[arg(long, value_name = "WHETHER", value_enum, requires = "data")]
    header: Option<HeaderName>,
    /// Which words of a label are exported; for lm-eval [default: all]
    #[arg(long, value_name = "WHICH", value_enum)]
    words: Option<WordsName>,
    /// What the task is called; for lm-eval [default: promptmine_ and the experiment's name]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    #[command(flatten)]
    device: DeviceOption,
}

/// Does it.
///
/// # Errors
/// What is wrong with the options, the prompt, the model, the data or the folder.
pub fn run(arguments: &Arguments, log: Log) -> Result<()> {
    arguments.check()?;
    match (arguments.to, &arguments.output) {
        (Format::Text | Format::Json, output) => portable::run(arguments, output.as_deref(), log),
        (Format::Peft, Some(output)) => peft::run(arguments, output, log),
        (Format::LmEval, Some(output)) => lm_eval::run(arguments, output, log),
        (to, None) => Err(CliError::Usage(format!("--to {} needs --output DIR, the folder to write", name(to))).into()),
    }
}

fn name(format: Format) -> String {
    format.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

impl Arguments {
    /// Refuses options of another format.
    fn check(&self) -> Result<(), CliError> {
        let of_task =
            [("--data", self.data.is_some()), ("--words", self.words.is_some()), ("--name", self.name.is_some())];
        let to = name(self.to);
        if let Some((option, _)) = of_task.iter().find(|(_, given)| *given).filter(|_| self.to != Format::LmEval) {
            return Err(CliError::Usage(format!("{option} is for --to lm-eval, not {to}")));
        }
        if self.model.is_some() && matches!(self.to, Format::Text | Format::Json) {
            return Err(CliError::Usage(format!("--model is for --to peft and lm-eval; {to} opens no model")));
        }
        if self.prompt.is_dir() && matches!(self.to, Format::Peft | Format::LmEval) {
            let prompt = self.prompt.display();
            return Err(CliError::Usage(format!(
                "{prompt} is a folder, and --to {to} takes one prompt: a file trials/<trial>/prompt.json or prompt.safetensors"
            )));
        }
        Ok(())
    }

    /// The prompt alone, with the model.
    fn options(&self) -> PromptOptions {
        PromptOptions {
            model: self.model.clone(),
            template: None,
            verbalizer: None,
            prompt: vec![self.prompt.clone()],
            ensemble: None,
            multi_token: MultiTokenName::default(),
            refuse_long: false,
            device: self.device,
        }
    }
}

/// The results folder that a trial's prompt lies in; `None` for a prompt that lies elsewhere.
fn results_of(prompt: &Path) -> Option<PathBuf> {
    let full = prompt.canonicalize().ok()?;
    let trials = full.parent()?.parent()?;
    (trials.file_name()? == "trials").then_some(())?;
    trials.parent().map(Path::to_owned)
}
