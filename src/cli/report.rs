//! `promptmine report`

use std::path::PathBuf;

use clap::Args;

use crate::error::Result;
use crate::report::{REPORT_HTML, write_tables};

use super::output::print_block;

const EXAMPLES: &str = "\
Examples:
  promptmine report results/quickstart
  promptmine report results/quickstart && firefox results/quickstart/report.html

A run writes report.html itself; this makes it anew from the record of the trials, with the tables, to the same bytes: no model and no \
data set is opened. The page is one file that needs nothing else and fetches nothing: the ranked tables with their verdicts, forest plots, \
what the budget bought, learning curves, what the variance of the scores goes with (variance.csv), the best candidates with the Pareto \
front of score and length, and what failed. It prints well, and follows the reader's dark or light scheme.";

/// The arguments of `report`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// A results folder: results/<name>
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

/// Does it.
///
/// # Errors
/// [`crate::report::ReportError`].
pub fn run(arguments: &Arguments) -> Result<()> {
    write_tables(&arguments.folder)?;
    print_block(&arguments.folder.join(REPORT_HTML).display().to_string())
}
