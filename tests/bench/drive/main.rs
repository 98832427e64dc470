//! One measurement of the library a call, printed as one JSON line, for `tests/bench/bench.py`.
//!
//! Every clock starts when the model is loaded and the data are read, as in the programs that it is compared with.

mod arithmetic;
mod autoprompt;
mod gcg;
mod job;
mod matmul;
mod phases;
mod scale;
mod score;
mod search;
mod store;
mod tuning;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Failure = Box<dyn std::error::Error>;

#[derive(Parser)]
struct Arguments {
    /// Passed by `cargo bench`; means nothing here.
    #[arg(long, hide = true, global = true)]
    bench: bool,
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Evaluations per second of prompts on a file.
    Score(score::Arguments),
    /// The tokens that scores need, each needed once.
    Arithmetic(job::Job),
    /// The best rate of burn's matrix product on this machine.
    Matmul,
    /// Where the time of scoring goes: tokenising, looking up, the model, the head, the rest.
    Phases(job::Job),
    /// Steps per second of AutoPrompt.
    Autoprompt(autoprompt::Arguments),
    /// Steps per second of GCG.
    Gcg(gcg::Arguments),
    /// Steps per second of prompt tuning.
    Tuning(tuning::Arguments),
    /// Seconds by number of candidates and of examples.
    Scale(scale::Arguments),
    /// Seconds that scores kept in a file cost and save.
    Store(store::Arguments),
}

fn main() -> ExitCode {
    let done = match Arguments::parse().what {
        What::Score(arguments) => score::run(&arguments),
        What::Arithmetic(job) => arithmetic::run(&job),
        What::Matmul => matmul::run(),
        What::Phases(job) => phases::run(&job),
        What::Autoprompt(arguments) => autoprompt::run(&arguments),
        What::Gcg(arguments) => gcg::run(&arguments),
        What::Tuning(arguments) => tuning::run(&arguments),
        What::Scale(arguments) => scale::run(&arguments),
        What::Store(arguments) => store::run(&arguments),
    };
    match done {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
