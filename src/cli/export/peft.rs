//! `--to peft`

use std::path::Path;

use crate::error::Result;
use crate::exchange::peft;
use crate::record::SavedPrompt;

use super::super::CliError;
use super::super::log::Log;
use super::super::output::print;
use super::Arguments;

/// Writes an adapter.
///
/// # Errors
/// What is wrong with the prompt, the model or the folder.
pub(super) fn run(arguments: &Arguments, output: &Path, log: Log) -> Result<()> {
    if output.join("adapter_config.json").exists() {
        return Err(CliError::Usage(format!(
            "{} holds an adapter already; name another folder with --output, or remove it",
            output.display()
        ))
        .into());
    }
    let (saved, _) = SavedPrompt::open(&arguments.prompt).map_err(CliError::PromptFile)?;
    let (opened, asked) = arguments.options().ready_one(log)?;
    let (scorer, prompt, model) = (&asked.scorer, &asked.prompt, &opened.loaded.source);
    let adapter = match prompt.tuned {
        Some(_) => peft::Adapter::Lora(peft::export_lora(scorer, prompt, &saved, model)?),
        None => peft::Adapter::Vectors(peft::export(scorer, prompt, &saved, model)?),
    };
    adapter.save(output, &peft::readme(&adapter, &saved))?;
    print(&format!("{}\n", written(output, &adapter)))
}

fn written(folder: &Path, adapter: &peft::Adapter) -> String {
    let of = match adapter {
        peft::Adapter::Lora(of) => format!("rank {} beside {}", of.config.r, of.config.target_modules.join(", ")),
        peft::Adapter::Vectors(of) if of.config.peft_type == peft::PeftKind::PrefixTuning => {
            format!("a prefix of {} positions", of.config.num_virtual_tokens)
        }
        peft::Adapter::Vectors(of) => format!("{} virtual tokens", of.config.num_virtual_tokens),
    };
    format!("{}: {}, {of}", folder.display(), adapter.kind())
}
