//! `promptmine select`

use std::path::PathBuf;

use clap::Args;

use crate::error::Result;

use super::fill::Format;
use super::log::Log;

const EXAMPLES: &str = "\
Examples:
  promptmine select --matrix results/quickstart/matrix.parquet";

/// The arguments of `select`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// The matrix: .csv or .parquet with candidate, example, split, label, correct
    #[arg(long, value_name = "FILE")]
    matrix: PathBuf,
    /// How to print it
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    format: Format,
}

/// Does it.
///
/// # Errors
/// What is wrong with the matrix.
pub fn run(_arguments: &Arguments, _log: Log) -> Result<()> {
    Ok(())
}
