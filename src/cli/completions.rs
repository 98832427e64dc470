//! `promptmine completions`

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::error::Result;

use super::arguments::CommandLine;
use super::output::print;

const EXAMPLES: &str = "\
Examples:
  promptmine completions bash > ~/.local/share/bash-completion/completions/promptmine
  promptmine completions zsh > ~/.zfunc/_promptmine
  promptmine completions fish > ~/.config/fish/completions/promptmine.fish";

/// The arguments of `completions`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Does it.
///
/// # Errors
/// If standard output cannot be written.
pub fn run(arguments: &Arguments) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut CommandLine::command(), "promptmine", &mut script);
    print(&String::from_utf8_lossy(&script))
}
