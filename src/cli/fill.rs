//! `promptmine fill`

use clap::{Args, ValueEnum};
use serde_json::json;

use crate::error::Result;
use crate::scoring::{Filled, Scorer, Settings};

use super::log::Log;
use super::model_option::{DeviceOption, open, prepare_line};
use super::output::{print, print_json};
use super::text_table::TextTable;

const EXAMPLES: &str = "\
Examples:
  promptmine fill --model builtin:reviews-en \"The film was {mask}.\"
  promptmine fill --model builtin:reviews-zh \"酒店的服务很{mask}。\" --top-k 3
  promptmine fill --model path/to/folder \"A [MASK] story, told [MASK].\" --format json

The text may hold {mask} or the model's own mask token, several times; each mask is read with the others masked. \
The log-probabilities are over the whole vocabulary, in nats.";

/// The arguments of `fill`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// The model: builtin:NAME, a folder, a .gguf file, or hf:owner/name
    #[arg(long, value_name = "MODEL")]
    model: String,
    /// The text with at least one mask
    text: String,
    /// How many tokens to show at each mask
    #[arg(long, value_name = "K", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    top_k: u32,
    /// How to print them
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    device: DeviceOption,
}

/// How values are printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Table,
    /// For programs.
    Json,
}

/// Does it.
///
/// # Errors
/// A model that is at fault, or a text without a mask or too long for it.
pub fn run(arguments: &Arguments, log: Log) -> Result<()> {
    let opened = open(&arguments.model, arguments.device, log)?;
    prepare_line(&opened.device, log);
    let scorer = Scorer::new(opened.loaded, Settings::default());
    let positions = scorer.fill(&arguments.text, arguments.top_k as usize)?;
    match arguments.format {
        Format::Json => print_json(&json!({ "positions": positions })),
        Format::Table => print(&tables(&positions)),
    }
}

/// One table for each mask, numbered where there are several.
pub fn tables(positions: &[Vec<Filled>]) -> String {
    let mut text = String::new();
    for (number, filled) in positions.iter().enumerate() {
        if positions.len() > 1 {
            let gap = if number > 0 { "\n" } else { "" };
            text += &format!("{gap}mask {}\n", number + 1);
        }
        let mut table = TextTable::new(&["token", "text", ">token_id", ">logprob", ">probability"]);
        for f in filled {
            table.row([
                f.token.clone(),
                f.text.clone(),
                f.token_id.to_string(),
                format!("{:.4}", f.logprob),
                format!("{:.4}", f.logprob.exp()),
            ]);
        }
        text += &table.print();
    }
    text
}
