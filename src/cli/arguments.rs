//! The command line as a whole.

use clap::builder::styling::{AnsiColor, Styles};
use clap::{Args, Parser, Subcommand};

use super::log::{Log, LogFormat};
use super::{
    compare, completions, datasets, doctor, explain, export, fill, generate, import, init, leaderboard, merge, models,
    plan, predict, replay, report, run, score, select, submit, validate,
};

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

/// A workbench for automatic prompt mining: prompts for a frozen language model are searched, scored over several seeds
/// within an equal budget, and ranked with intervals and ties.
#[derive(Debug, Parser)]
#[command(name = "promptmine", version, propagate_version = true, styles = STYLES, after_help = AFTER_HELP)]
#[command(infer_subcommands = false, subcommand_required = true, arg_required_else_help = true)]
pub struct CommandLine {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// What every command takes.
    #[command(flatten)]
    pub everywhere: Everywhere,
}

const AFTER_HELP: &str = "\
First steps:
  promptmine init my-experiment.yaml        a commented experiment to start from
  promptmine plan my-experiment.yaml        what it would do, without doing it
  promptmine run my-experiment.yaml         do it; the same command goes on where it stopped
  promptmine fill --model builtin:reviews-en \"The film was {mask}.\"

Results go to standard output, progress and log to standard error.

Exit codes:
  0    done
  2    usage: the command line cannot be understood
  3    the experiment file is at fault, or asks for more shots than the data has
  4    a data file, a column or a label is at fault
  5    a model, its tokenizer, a label word that it cannot write, a template that does not fit
  6    the results folder cannot be written, or is that of another experiment
  7    some trials failed, or are missing; the rest is complete; of replay: numbers differ
  130  interrupted; what is complete is kept";

/// Options of every command.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Everywhere")]
pub struct Everywhere {
    /// Write nothing to standard error but errors
    #[arg(long, short, global = true)]
    pub quiet: bool,
    /// How lines on standard error are written
    #[arg(long, global = true, value_name = "FORMAT", value_enum, default_value_t)]
    pub log_format: LogFormat,
    /// Threads to compute with [default: one for each processor]
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
}

impl Everywhere {
    /// The log that these options ask for.
    pub fn log(&self) -> Log {
        Log { quiet: self.quiet, format: self.log_format }
    }
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run an experiment, or go on where an earlier run of it stopped
    Run(run::Arguments),
    /// Put together what the shards of a run found, and derive its tables
    Merge(merge::Arguments),
    /// Hand an experiment to a cluster, in shards
    Submit(submit::Arguments),
    /// Show what an experiment would do, with every default filled in; runs nothing
    Plan(plan::Arguments),
    /// Check experiment files without running them
    Validate(validate::Arguments),
    /// Follow one text through a prompt: tokens, answers, label words, label scores
    Explain(explain::Arguments),
    /// Measure a prompt on a labelled file
    Score(score::Arguments),
    /// Apply a prompt, or several, to a file
    Predict(predict::Arguments),
    /// Show the likeliest tokens at each mask of a text
    Fill(fill::Arguments),
    /// Go on with a text, token by token, with a model that continues text
    Generate(generate::Arguments),
    /// Print the ranked tables of a results folder
    Leaderboard(leaderboard::Arguments),
    /// Write what a results folder found as one HTML page
    Report(report::Arguments),
    /// Put results folders side by side, paired by seed and test example
    Compare(compare::Arguments),
    /// Run a record again and name the first number that differs
    Replay(replay::Arguments),
    /// Replay choosing a prompt on a complete matrix of scores
    Select(select::Arguments),
    /// Write a prompt as an adapter of Hugging Face PEFT
    Export(export::Arguments),
    /// Read an adapter of Hugging Face PEFT as a prompt
    Import(import::Arguments),
    /// List the built-in models
    Models(models::Arguments),
    /// List the built-in data sets
    Datasets(datasets::Arguments),
    /// Say what this machine and this build can do
    Doctor(doctor::Arguments),
    /// Write a commented experiment to start from
    Init(init::Arguments),
    /// Print completions for a shell
    Completions(completions::Arguments),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_free_of_contradictions() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn every_command_shows_an_example() {
        for command in CommandLine::command().get_subcommands() {
            let name = command.get_name();
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains(&format!("promptmine {name}")), "{name}: {help}");
        }
    }
}
