//! The command line: its types, the terminal, and one file for each command. The only room that prints.
//!
//! Results go to standard output ([`output`]), progress, notes and errors to standard error ([`log`], [`progress`],
//! [`failure`]). A command reads its arguments, calls the rooms below, and prints what they give: nothing is computed here.
//!
//! # Decisions
//!
//! - 2026-11: a closed pipe (`promptmine models | head -1`) ends the program quietly with code 0. Refused: an error, which
//!   would turn a pager's `q` into a failure.
//! - 2026-11: `predict` with several prompts writes one line for each example and prompt, with a field `prompt`, so that
//!   prompts of different tasks can stand in one file; in CSV a label that a prompt does not have is an empty cell. Refused:
//!   one block of columns for each prompt, whose names no program could guess.
//! - 2026-11: `predict` passes the gold label on as it was written and does not compare it with the verbalizer, since a file may
//!   be labelled for another task; `score` refuses a label without words.
//! - 2026-11: `plan` times a few examples instead of guessing operations a second, which differ tenfold between machines.

mod applied;
mod arguments;
mod calibration_option;
mod compare;
mod completions;
mod datasets;
mod doctor;
mod endpoint_option;
mod error;
mod experiment_option;
mod explain;
mod export;
mod failure;
mod fill;
mod generate;
mod hub_watch;
mod import;
mod init;
mod input_option;
mod leaderboard;
mod log;
mod merge;
mod model_option;
mod models;
mod output;
mod plan;
mod predict;
mod prediction;
mod progress;
mod prompt_option;
mod references;
mod replay;
mod report;
mod run;
mod score;
mod score_endpoint;
mod select;
mod submit;
mod text_table;
mod validate;

use clap::Parser;

use crate::error::{ExitCode, Result};

use arguments::{Command, CommandLine};
pub use error::CliError;

/// The program: reads the command line, does what it says, and gives the code to exit with.
pub fn main() -> std::process::ExitCode {
    failure::install_panic_hook();
    let line = CommandLine::parse();
    let log = line.everywhere.log();
    match execute(&line) {
        Ok(code) => std::process::ExitCode::from(code as u8),
        Err(error) => failure::report(&error, log),
    }
}

fn execute(line: &CommandLine) -> Result<ExitCode> {
    let log = line.everywhere.log();
    if let Some(threads) = line.everywhere.threads {
        rayon::ThreadPoolBuilder::new()
            .num_threads(usize::from(threads))
            .build_global()
            .map_err(|e| CliError::Usage(format!("--threads {threads}: {e}")))?;
    }
    match &line.command {
        Command::Run(arguments) => return run::run(arguments, log),
        Command::Merge(arguments) => return merge::run(arguments, log),
        Command::Replay(arguments) => return replay::run(arguments, log),
        Command::Validate(arguments) => return validate::run(arguments, log),
        Command::Plan(arguments) => plan::run(arguments, log),
        Command::Explain(arguments) => explain::run(arguments, log),
        Command::Score(arguments) => score::run(arguments, log),
        Command::Predict(arguments) => predict::run(arguments, log),
        Command::Fill(arguments) => fill::run(arguments, log),
        Command::Generate(arguments) => generate::run(arguments, log),
        Command::Leaderboard(arguments) => leaderboard::run(arguments),
        Command::Submit(arguments) => submit::run(arguments, log),
        Command::Report(arguments) => report::run(arguments),
        Command::Compare(arguments) => compare::run(arguments),
        Command::Select(arguments) => select::run(arguments),
        Command::Export(arguments) => export::run(arguments, log),
        Command::Import(arguments) => import::run(arguments, log),
        Command::Models(arguments) => models::run(arguments),
        Command::Datasets(arguments) => datasets::run(arguments),
        Command::Doctor(arguments) => doctor::run(arguments),
        Command::Init(arguments) => init::run(arguments, log),
        Command::Completions(arguments) => completions::run(arguments),
    }?;
    Ok(ExitCode::Done)
}
