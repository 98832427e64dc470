//! `promptmine init`

use std::path::PathBuf;

use clap::Args;

use crate::error::Result;
use crate::exchange::cluster::quoted;

use super::CliError;
use super::log::Log;
use super::output::{print, write_file};

const EXAMPLES: &str = "\
Examples:
  promptmine init my-experiment.yaml
  promptmine init my-experiment.yaml --language zh
  promptmine init                              prints it";

/// The experiment to start from, in English and in Chinese.
const ENGLISH: &str = include_str!("init/en.yaml");
const CHINESE: &str = include_str!("init/zh.yaml");

/// The arguments of `init`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// The file to write; standard output without it
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// The language of the data that it starts from
    #[arg(long, value_enum, default_value_t)]
    language: Language,
    /// Write over a file that is there
    #[arg(long)]
    force: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
enum Language {
    /// English film reviews.
    #[default]
    En,
    /// Chinese hotel reviews.
    Zh,
}

/// Does it.
///
/// # Errors
/// [`CliError::Usage`] if the file is there already.
pub fn run(arguments: &Arguments, log: Log) -> Result<()> {
    let text = match arguments.language {
        Language::En => ENGLISH,
        Language::Zh => CHINESE,
    };
    let Some(file) = &arguments.file else { return print(text) };
    if file.exists() && !arguments.force {
        let what = format!("{} is there already; --force writes over it", file.display());
        return Err(CliError::Usage(what).into());
    }
    write_file(file, text)?;
    let (file, typed) = (file.display(), quoted(&file.to_string_lossy()));
    log.step(
        &format!("wrote {file}\nnext: promptmine plan {typed}, then promptmine run {typed}"),
        serde_json::Map::new(),
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::spec::Experiment;

    #[test]
    fn both_experiments_are_sound() {
        for text in [ENGLISH, CHINESE] {
            Experiment::from_yaml(text, Path::new("init.yaml"), &[]).unwrap();
        }
    }
}
