//! `promptmine predict`

use std::path::{Path, PathBuf};

use clap::Args;

use crate::error::Result;
use crate::task::Table;

use super::CliError;
use super::applied::apply_all;
use super::calibration_option::CalibrationOptions;
use super::input_option::InputOptions;
use super::log::Log;
use super::output::{print, write_file};
use super::prediction::{Predictions, to_csv, to_json_lines};
use super::prompt_option::{PromptOptions, needed};
use super::references;
use super::text_table::{counted, duration, thousands};

const EXAMPLES: &str = "\
Examples:
  promptmine predict --prompt results/my/trials/<trial>/prompt.json --input reviews.csv \\
      --output labels.csv
  promptmine predict --model builtin:reviews-en --template \"{text} It was {mask}.\" \\
      --verbalizer negative=terrible,positive=great --input reviews.jsonl | head -3
  promptmine predict --prompt sentiment.safetensors --prompt topic.json --input posts.tsv \\
      --output both.jsonl

  promptmine predict --ensemble results/my/trials/<trial>/ensemble.json --input reviews.csv

One line for each example: id (of the column `id`, or the row counted from 0), label where the input has one, predicted, \
and logprob_<label>: the natural logarithm of the label's probability among the labels. With several prompts one line \
for each example and prompt, with a field `prompt`; they share the model and its batches. A prompt with the verbalizer \
{column} writes a text instead: id, reference and log_likelihood where the input has the column, and generated. The output is JSON lines, or CSV if it ends so.";

/// The arguments of `predict`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    #[command(flatten)]
    prompt: PromptOptions,
    #[command(flatten)]
    input: InputOptions,
    /// Where to write: .jsonl or .csv; - or nothing for JSON lines on standard output
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    calibration: CalibrationOptions,
    /// The most tokens of a text, of a prompt that writes texts [default: as the prompt was saved, else 32]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    max_new_tokens: Option<u32>,
}

/// What is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    JsonLines,
    Csv,
}

/// Does it.
///
/// # Errors
/// What is wrong with a prompt, the model, the input or the output.
pub fn run(arguments: &Arguments, log: Log) -> Result<()> {
    let output = arguments.output.as_deref().filter(|path| *path != Path::new("-"));
    let shape = output.map_or(Ok(Shape::JsonLines), shape)?;
    if let Some(output) = output
        && let (Ok(output), Ok(input)) = (output.canonicalize(), arguments.input.input.canonicalize())
        && output == input
    {
        return Err(CliError::Usage("--output is the input file itself".into()).into());
    }
    if let Some(folder) = output.and_then(Path::parent)
        && !folder.as_os_str().is_empty()
        && !folder.is_dir()
    {
        // Told before the work is done, not after.
        let what = format!("{}", output.unwrap_or(folder).display());
        let source = std::io::Error::new(std::io::ErrorKind::NotFound, "its folder does not exist");
        return Err(CliError::Write { what, source }.into());
    }
    let mut ready = arguments.prompt.ready(log)?;
    arguments.calibration.apply(&mut ready.prompts)?;
    let table = arguments.input.read(needed(&ready.prompts), None, false)?;
    if let Some(column) = references::column(&ready)? {
        let asked = &ready.prompts[0];
        let writing = references::writing(asked, arguments.max_new_tokens.map(|most| most as usize));
        let answered = references::answer(asked, &column, &table, &writing, log)?;
        let text = match shape {
            Shape::JsonLines => answered.to_json_lines(&ids(&table)),
            Shape::Csv => answered.to_csv(&ids(&table))?,
        };
        return match output {
            Some(path) => write_file(path, &text),
            None => print(&text),
        };
    }
    if arguments.max_new_tokens.is_some() {
        let what =
            "--max-new-tokens is for prompts that write texts (--verbalizer {column}); this one tells labels apart";
        return Err(CliError::Usage(what.into()).into());
    }
    let mut predictions = Vec::new();
    let applied = apply_all(&ready.prompts, &table.columns, &table.examples, log)?;
    let seconds = applied[0].seconds;
    for (asked, applied) in ready.prompts.iter().zip(applied) {
        let name = if asked.name.is_empty() { String::new() } else { format!("{}: ", asked.name) };
        let shortened = match applied.truncated {
            0 => String::new(),
            n => format!(", {} shortened to fit", thousands(n as u64)),
        };
        if !shortened.is_empty() {
            log.note(&format!("{name}{}{shortened}", counted(table.examples.len(), "example")));
        }
        predictions.push(Predictions {
            prompt: asked.name.clone(),
            labels: asked.prompt.verbalizer.label_names(),
            logprobs: applied.scores,
        });
    }
    if let Some(ensemble) = &ready.ensemble {
        let scores: Vec<Vec<Vec<f64>>> = predictions.drain(..).map(|one: Predictions| one.logprobs).collect();
        let labels = ready.prompts[0].prompt.verbalizer.label_names();
        predictions.push(Predictions { prompt: String::new(), labels, logprobs: ensemble.combine(&scores) });
    }
    let of_each = match ready.prompts.len() {
        1 => String::new(),
        n => format!(" with each of {n} prompts"),
    };
    let n_scored = table.examples.len() * ready.prompts.len();
    log.step(
        &format!(
            "{}{of_each}, {}, {} examples/s on {}",
            counted(table.examples.len(), "example"),
            duration(seconds),
            thousands((n_scored as f64 / seconds.max(1e-9)) as u64),
            ready.opened.device.description
        ),
        serde_json::Map::from_iter([("seconds".to_owned(), seconds.into())]),
    );
    let text = match shape {
        Shape::JsonLines => to_json_lines(&ids(&table), &gold(&table), &predictions),
        Shape::Csv => to_csv(&ids(&table), &gold(&table), &predictions)?,
    };
    match output {
        Some(path) => write_file(path, &text),
        None => print(&text),
    }
}

fn shape(path: &Path) -> Result<Shape, CliError> {
    let ending = path.extension().map(|e| e.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    match ending.as_str() {
        "csv" => Ok(Shape::Csv),
        "jsonl" | "ndjson" | "json" => Ok(Shape::JsonLines),
        _ => Err(CliError::Usage(format!(
            "--output {}: the ending says what is written, and `{ending}` is not known (known: .jsonl, .ndjson, .json, .csv)",
            path.display()
        ))),
    }
}

fn ids(table: &Table) -> Vec<String> {
    match &table.ids {
        Some(ids) => ids.clone(),
        None => table.examples.iter().map(|example| example.row.to_string()).collect(),
    }
}

/// The labels as the file writes them.
fn gold(table: &Table) -> Vec<Option<String>> {
    table.examples.iter().map(|example| example.label.map(|label| table.labels[label].clone())).collect()
}
