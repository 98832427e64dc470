//! `promptmine compare`

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::error::Result;
use crate::report::compare::SideBySide;

use super::output::{print_block, print_json};

const EXAMPLES: &str = "\
Examples:
  promptmine compare results/quickstart other/quickstart
  promptmine compare results/small-budget results/large-budget results/larger-budget
  promptmine compare results/quickstart --between autoprompt soft_prompt
  promptmine compare results/quickstart other/quickstart --between manual autoprompt
  promptmine compare results/quickstart --between autoprompt,shots=16 autoprompt,shots=full
  promptmine compare results/a results/b --format csv > comparison.csv

Rows of the same label, model, shots and calibration are compared on test, every further folder with the first one that has the \
row: differences are paired by seed (in their order where no seed is in both) and by test example, tested as vs_manual is, and \
adjusted by Holm over all rows compared. Examples are the same where their texts are; over those that both have the figures are \
taken. What differs in the experiments and in what they ran on is printed above, since a comparison is worth what was held \
equal. Folders whose metric, labels or gold labels differ, or without a test example in common, are refused. Only the \
records are read: no model and no data set is opened.";

/// The arguments of `compare`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// Results folders: results/<name>; the others are compared with the first
    #[arg(value_name = "DIR", required = true)]
    folders: Vec<PathBuf>,
    /// Compare a row of the first folder with another row of the others, or of the same where there is but one; each as LABEL or
    /// LABEL,shots=S,model=M,calibration=C; may be given several times
    #[arg(long, num_args = 2, value_names = ["ROW", "OTHER"])]
    between: Vec<String>,
    /// How to print it
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    format: Format,
}

/// How comparisons are printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Aligned text.
    #[default]
    Table,
    /// A line for each two rows.
    Csv,
    /// Markdown.
    Md,
    /// JSON.
    Json,
}

/// Does it.
///
/// # Errors
/// [`crate::report::compare::CompareError`].
pub fn run(arguments: &Arguments) -> Result<()> {
    let pairs = arguments.between.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone()));
    let found = SideBySide::load(&arguments.folders, &pairs.collect::<Vec<_>>())?;
    match arguments.format {
        Format::Table => print_block(&found.to_table()),
        Format::Csv => print_block(&found.to_csv()?),
        Format::Md => print_block(&found.to_markdown()),
        Format::Json => print_json(&found.to_json()),
    }
}
