//! `promptmine export`

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use crate::error::Result;
use crate::exchange::peft;
use crate::record::SavedPrompt;

use super::CliError;
use super::log::Log;
use super::model_option::DeviceOption;
use super::output::print;
use super::prompt_option::{MultiTokenName, PromptOptions};

const EXAMPLES: &str = "\
Examples:
  promptmine export results/my/trials/<trial>/prompt.safetensors --to peft --output adapter
  promptmine export prompt.safetensors --to peft --model ./bert-base --output adapter

The folder has adapter_config.json and adapter_model.safetensors, which PEFT loads with PeftModel.from_pretrained, README.md with \
what to feed to it, and promptmine.json, from which `promptmine import` makes the prompt again. What the prompt says before its \
last virtual token becomes virtual tokens too, so that the logits are the same.";

/// Where prompts go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Hugging Face PEFT: prompt tuning and prefix tuning.
    Peft,
}

/// The arguments of `export`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// A prompt that a run saved (trials/<trial>/prompt.safetensors)
    #[arg(value_name = "PROMPT")]
    prompt: PathBuf,
    /// The format
    #[arg(long, value_name = "FORMAT", value_enum)]
    to: Format,
    /// The folder to write
    #[arg(long, value_name = "DIR")]
    output: PathBuf,
    /// The model, as PEFT is to find it too [default: the one that the prompt was found with]
    #[arg(long, value_name = "MODEL")]
    model: Option<String>,
    #[command(flatten)]
    device: DeviceOption,
}

/// Does it.
///
/// # Errors
/// What is wrong with the prompt, the model or the folder.
pub fn run(arguments: &Arguments, log: Log) -> Result<()> {
    let Format::Peft = arguments.to;
    if arguments.output.join("adapter_config.json").exists() {
        return Err(CliError::Usage(format!(
            "{} holds an adapter already; name another folder with --output, or remove it",
            arguments.output.display()
        ))
        .into());
    }
    let options = PromptOptions {
        model: arguments.model.clone(),
        template: None,
        verbalizer: None,
        prompt: vec![arguments.prompt.clone()],
        ensemble: None,
        multi_token: MultiTokenName::default(),
        refuse_long: false,
        device: arguments.device,
    };
    let (saved, _) = SavedPrompt::open(&arguments.prompt).map_err(CliError::PromptFile)?;
    let (opened, asked) = options.ready_one(log)?;
    let adapter = peft::export(&asked.scorer, &asked.prompt, &saved, &opened.loaded.source)?;
    adapter.save(&arguments.output, &peft::readme(&adapter, &saved))?;
    print(&format!("{}\n", written(&arguments.output, &adapter)))
}

fn written(folder: &Path, adapter: &peft::Adapter) -> String {
    let config = &adapter.config;
    let of = match config.peft_type {
        peft::PeftKind::PrefixTuning => format!("a prefix of {} positions", config.num_virtual_tokens),
        _ => format!("{} virtual tokens", config.num_virtual_tokens),
    };
    format!("{}: {} with {of}", folder.display(), config.peft_type.name())
}
