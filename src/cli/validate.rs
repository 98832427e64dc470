//! `promptmine validate`

use std::path::PathBuf;

use clap::Args;

use crate::error::{Error, ExitCode, Result};
use crate::spec::{Experiment, parse_override};

use super::failure::message;
use super::log::Log;
use super::output::print_block;

const EXAMPLES: &str = "\
Examples:
  promptmine validate my.yaml
  promptmine validate experiments/*.yaml

Checks the files alone: no data set and no model is opened; `promptmine plan` opens both. Faults of shape (syntax, an \
unknown key, a wrong type) end the reading of a file, with line and column; faults of value are told all in one go.";

/// The arguments of `validate`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// The experiment files (YAML)
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Put a value in place of the files'
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<String>,
}

/// Does it.
///
/// # Errors
/// If standard output cannot be written; files at fault are told of by [`ExitCode::Spec`].
pub fn run(arguments: &Arguments, log: Log) -> Result<ExitCode> {
    let overrides =
        arguments.overrides.iter().map(|text| parse_override(text)).collect::<std::result::Result<Vec<_>, _>>()?;
    let mut code = ExitCode::Done;
    for file in &arguments.files {
        match Experiment::load(file, &overrides) {
            Ok(_) => print_block(&format!("ok {}", file.display()))?,
            Err(error) => {
                log.error(&message(&Error::from(error)), ExitCode::Spec as u8);
                code = ExitCode::Spec;
            }
        }
    }
    Ok(code)
}
