//! The `promptmine` binary: everything is in the room `cli`.

use std::process::ExitCode;

fn main() -> ExitCode {
    promptmine::cli::main()
}
