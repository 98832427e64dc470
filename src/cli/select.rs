//! `promptmine select`

use std::path::PathBuf;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};

use crate::error::Result;
use crate::report::select::{self, Racing, Rule, SelectOptions};

use super::fill::Format;
use super::output::{print_block, print_json};

const EXAMPLES: &str = "\
Examples:
  promptmine run my.yaml --keep-matrix
  promptmine select --matrix results/my/matrix.parquet --shots 16 --draws 1000
  promptmine select --matrix scores.csv --shots 16 --select argmax,expected_accuracy \\
      --racing exact,confidence
  promptmine select --matrix scores.csv --shots 8 --format json

A complete matrix tells what every candidate does on every example, so that choosing on few examples can be replayed many \
times. For each rule and racing: the evaluations that it takes, its regret (how far the pick stays behind the best \
candidate on test), how often it picks as scoring everything would, and how often the rank intervals hold the true rank. \
The columns candidate, example, split (dev or test), label and correct are needed; predicted, margin and \
logprob_<label> where a rule uses them.";

/// The arguments of `select`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// The matrix: .csv or .parquet, a row for each candidate and example
    #[arg(long, value_name = "FILE")]
    matrix: PathBuf,
    /// Dev examples of each class in a draw [default: all, and only their order is drawn]
    #[arg(long, value_name = "K")]
    shots: Option<usize>,
    /// How many draws
    #[arg(long, value_name = "N", default_value_t = 1000)]
    draws: usize,
    /// Rules to choose by, with commas between [default: every rule that the matrix has the columns for]
    #[arg(long, value_name = "RULE", value_delimiter = ',', value_parser = rule())]
    select: Vec<Rule>,
    /// Which candidates are scored to the end, with commas between [default: exact]
    #[arg(long, value_name = "RACING", value_delimiter = ',', value_parser = racing())]
    racing: Vec<Racing>,
    /// What the draws hang on
    #[arg(long, value_name = "SEED", default_value_t = 0)]
    seed: u64,
    /// How to print it
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    format: Format,
}

fn rule() -> impl TypedValueParser<Value = Rule> {
    PossibleValuesParser::new(Rule::ALL.map(Rule::name)).try_map(|name| name.parse::<Rule>().map_err(|e| e.to_string()))
}

fn racing() -> impl TypedValueParser<Value = Racing> {
    PossibleValuesParser::new(Racing::ALL.map(Racing::name))
        .try_map(|name| name.parse::<Racing>().map_err(|e| e.to_string()))
}

/// Does it.
///
/// # Errors
/// [`select::SelectError`]: options that make no sense, or a file that is no complete matrix.
pub fn run(arguments: &Arguments) -> Result<()> {
    let report = select::run(&SelectOptions {
        shots: arguments.shots,
        draws: arguments.draws,
        rules: arguments.select.clone(),
        racing: arguments.racing.clone(),
        seed: arguments.seed,
        ..SelectOptions::new(&arguments.matrix)
    })?;
    match arguments.format {
        Format::Json => print_json(&report.to_json()),
        Format::Table => print_block(&report.to_table()),
    }
}
