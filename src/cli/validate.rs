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

Checks the files alone: no data set and no model is opened, and of a corpus only whether it is there; `promptmine plan` opens \
them all. Faults of shape (syntax, an \
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
/// If standard output cannot be written; files at fault are told of by [`ExitCode::Spec`], corpora that are
/// not there by [`ExitCode::Data`].
pub fn run(arguments: &Arguments, log: Log) -> Result<ExitCode> {
    let overrides =
        arguments.overrides.iter().map(|text| parse_override(text)).collect::<std::result::Result<Vec<_>, _>>()?;
    let mut code = ExitCode::Done;
    for file in &arguments.files {
        match Experiment::load(file, &overrides) {
            Ok(experiment) => match experiment.missing_corpora().as_slice() {
                [] => print_block(&format!("ok {}", file.display()))?,
                missing => {
                    for (place, path) in missing {
                        log.error(&format!("{place}: there is no file `{}`", path.display()), ExitCode::Data as u8);
                    }
                    code = if code == ExitCode::Spec { code } else { ExitCode::Data };
                }
            },
            Err(error) => {
                log.error(&message(&Error::from(error)), ExitCode::Spec as u8);
                code = ExitCode::Spec;
            }
        }
    }
    Ok(code)
}
