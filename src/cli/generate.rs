//! `promptmine generate`

use clap::{ArgGroup, Args};
use serde_json::json;

use crate::error::Result;
use crate::model::{ChatMessage, ChatOptions, render_chat};
use crate::scoring::{Decoding, Scorer, Settings};

use super::CliError;
use super::fill::Format;
use super::log::Log;
use super::model_option::{DeviceOption, open};
use super::output::{print, print_json};

const EXAMPLES: &str = "\
Examples:
  promptmine generate --model path/to/model.gguf \"The capital of France is\" --max-new-tokens 8
  promptmine generate --model path/to/folder \"A long report. TL;DR:\" --beams 4
  promptmine generate --model path/to/t5 \"translate English to German: The house is small.\"
  promptmine generate --model path/to/folder --chat \"Name three films.\" --temperature 0.7 --seed 13

Without --beams or --temperature the likeliest token is taken each time. --chat puts the text into the model's own chat \
template as what a user says.";

/// The arguments of `generate`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, group(ArgGroup::new("decoding").args(["beams", "temperature"])))]
pub struct Arguments {
    /// The model: builtin:NAME, a folder, a .gguf file, or hf:owner/name; it must be one that continues text, or reads one and writes another
    #[arg(long, value_name = "MODEL")]
    model: String,
    /// The text to go on with, or to be read by a model that writes another
    text: String,
    /// The most tokens to write
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..))]
    max_new_tokens: u32,
    /// Keep the B likeliest continuations and give the best
    #[arg(long, value_name = "B", value_parser = clap::value_parser!(u32).range(1..=1000))]
    beams: Option<u32>,
    /// Draw tokens, from a distribution that T below 1 sharpens and above 1 flattens
    #[arg(long, value_name = "T")]
    temperature: Option<f64>,
    /// The random seed of --temperature
    #[arg(long, value_name = "SEED", default_value_t = 0, requires = "temperature")]
    seed: u64,
    /// Put the text into the model's chat template
    #[arg(long)]
    chat: bool,
    /// How to print it
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    device: DeviceOption,
}

/// Does it.
///
/// # Errors
/// A model that does not write text, one without a chat template where it is asked for, or a text too long for it.
pub fn run(arguments: &Arguments, log: Log) -> Result<()> {
    let decoding = decoding(arguments)?;
    let opened = open(&arguments.model, arguments.device, log)?;
    let scorer = Scorer::new(opened.loaded, Settings::default());
    let (ids, text) = if arguments.chat {
        let tokenizer = &scorer.loaded().tokenizer;
        let said = [ChatMessage::new("user", arguments.text.as_str())];
        let text = render_chat(tokenizer, &said, ChatOptions::default())?;
        (tokenizer.encode_chat(&text), text)
    } else {
        (scorer.text_to_continue(&arguments.text)?, arguments.text.clone())
    };
    let ends: Vec<u32> = scorer.loaded().tokenizer.eos_id().into_iter().collect();
    let generated = scorer.generate(&ids, arguments.max_new_tokens as usize, decoding, &ends)?;
    match arguments.format {
        Format::Json => print_json(&json!({
            "text": text,
            "generated": generated.text,
            "token_ids": generated.ids,
            "logprob": generated.logprob,
            "ended": generated.ended,
        })),
        Format::Table => print(&format!("{}\n", generated.text)),
    }
}

fn decoding(arguments: &Arguments) -> Result<Decoding, CliError> {
    Ok(match (arguments.beams, arguments.temperature) {
        (_, Some(temperature)) if temperature > 0.0 && temperature.is_finite() => {
            Decoding::Sample { temperature, seed: arguments.seed }
        }
        (_, Some(temperature)) => {
            return Err(CliError::Usage(format!("--temperature {temperature} is not allowed (a number above 0)")));
        }
        (Some(beams), None) => Decoding::Beams(beams as usize),
        (None, None) => Decoding::Greedy,
    })
}
