//! `promptmine leaderboard`

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::error::Result;
use crate::report::render;

use super::output::print_block;

const EXAMPLES: &str = "\
Examples:
  promptmine leaderboard results/quickstart
  promptmine leaderboard results/quickstart --by evaluations
  promptmine leaderboard results/quickstart --format csv > table.csv
  promptmine leaderboard results/quickstart --format latex

The tables are derived anew from the record of the trials; no model and no data set is opened. Rows are ranked within one \
model, shots and calibration. rank [low-high] is the interval of ranks that the test examples allow.";

/// The arguments of `leaderboard`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// A results folder: results/<name>
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Order the rows by this column of leaderboard.csv instead of their rank
    #[arg(long, value_name = "COLUMN")]
    by: Option<String>,
    /// How to print them
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    format: Format,
}

/// How tables are printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Aligned text.
    #[default]
    Table,
    /// As leaderboard.csv.
    Csv,
    /// Markdown.
    Md,
    /// JSON.
    Json,
    /// LaTeX tables.
    Latex,
}

/// Does it.
///
/// # Errors
/// [`crate::report::ReportError`].
pub fn run(arguments: &Arguments) -> Result<()> {
    let format = match arguments.format {
        Format::Table => "table",
        Format::Csv => "csv",
        Format::Md => "md",
        Format::Json => "json",
        Format::Latex => "latex",
    };
    print_block(&render(&arguments.folder, format, arguments.by.as_deref())?)
}
