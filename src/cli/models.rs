//! `promptmine models`

use clap::Args;
use serde_json::json;

use crate::error::Result;
use crate::exchange::hub::{CachedRepo, RepoKind, Settings, cached};
use crate::model::{FAMILIES, builtin_models};

use super::fill::Format;
use super::output::{print, print_json};
use super::text_table::{TextTable, bytes, thousands};

const EXAMPLES: &str = "\
Examples:
  promptmine models
  promptmine models --format json

A model of your own is a folder in Hugging Face layout, given by its path wherever a model is asked for: config.json; \
model.safetensors or pytorch_model.bin, whole or sharded with its index; and tokenizer.json, or vocab.txt alone, or \
vocab.json and merges.txt, or the spiece.model of a T5. Or it is a .gguf file. The families that can be read stand below the \
table.

A model of the hub is hf:owner/name, or hf:owner/name@revision for a branch, a tag or a commit; of a repository of several GGUF \
files one is chosen by hf:owner/name/FILE.gguf or hf:owner/name@revision/FILE.gguf. It is fetched once, into the \
cache that Python's huggingface_hub uses; HF_HOME, HF_HUB_CACHE, HF_HUB_OFFLINE, HF_TOKEN and HF_ENDPOINT mean what they mean \
there. What is cached is listed here.";

/// The arguments of `models`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// How to print them
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    format: Format,
}

/// Does it.
///
/// # Errors
/// If standard output cannot be written.
pub fn run(arguments: &Arguments) -> Result<()> {
    let mut table = TextTable::new(&[
        "model",
        "family",
        "language",
        ">parameters",
        ">size",
        ">layers",
        ">width",
        ">vocabulary",
        ">positions",
        "licence",
    ]);
    let mut objects = Vec::new();
    let mut summaries = String::new();
    for model in builtin_models() {
        let card = model.card()?;
        let name = format!("builtin:{}", card.name);
        objects.push(json!({
            "model": name, "summary": card.summary, "family": card.family, "language": card.language,
            "licence": card.licence, "parameters": card.parameters, "bytes": model.n_bytes(),
            "n_layers": card.n_layers, "d_model": card.d_model, "vocab_size": card.vocab_size,
            "max_positions": card.max_positions,
        }));
        summaries += &format!("{name}: {}\n", card.summary);
        table.row([
            name,
            card.family,
            card.language,
            thousands(card.parameters as u64),
            bytes(model.n_bytes() as u64),
            card.n_layers.to_string(),
            card.d_model.to_string(),
            thousands(card.vocab_size as u64),
            card.max_positions.to_string(),
            card.licence,
        ]);
    }
    let cached = cached(&Settings::from_environment()?.cache, RepoKind::Model)?;
    objects.extend(cached.iter().map(|repo| {
        json!({
            "model": repo.name.to_string(), "commit": repo.commit, "bytes": repo.bytes, "complete": repo.complete,
            "folder": repo.folder,
        })
    }));
    match arguments.format {
        Format::Json => print_json(&objects),
        Format::Table => print(&format!(
            "{}\n{summaries}{}\nYour own: the path of a folder in Hugging Face layout (families {FAMILIES}) or of a .gguf file, or hf:owner/name on the hub; see `promptmine models --help`.\n",
            table.print(),
            cached_table("model", &cached),
        )),
    }
}

/// What of the hub is in the cache; nothing where there is nothing.
pub fn cached_table(what: &str, cached: &[CachedRepo]) -> String {
    if cached.is_empty() {
        return String::new();
    }
    let mut table = TextTable::new(&[what, "commit", ">size", "state"]);
    for repo in cached {
        let state = if repo.complete { "complete" } else { "parts are missing" };
        table.row([repo.name.to_string(), repo.commit.clone(), bytes(repo.bytes), state.to_owned()]);
    }
    format!("\nFrom the hub, cached:\n{}", table.print())
}
