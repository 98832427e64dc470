//! Seconds by number of candidates and of examples.

use std::time::Instant;

use clap::Args;
use serde_json::{Value, json};

use super::Failure;
use super::job::Job;

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    job: Job,
    /// Numbers of candidates to measure, on as many examples as the smallest of `--examples`.
    #[arg(long, value_delimiter = ',')]
    candidates: Vec<usize>,
    /// Numbers of examples to measure, with as many candidates as the smallest of `--candidates`.
    #[arg(long, value_delimiter = ',')]
    examples: Vec<usize>,
}

/// The template has `{trigger:N}`: candidates are random triggers.
pub fn run(arguments: &Arguments) -> Result<Value, Failure> {
    let ready = arguments.job.ready()?;
    let prompts = ready.candidates(arguments.candidates.iter().copied().max().unwrap_or(1));
    let fewest = |sizes: &[usize]| sizes.iter().copied().min().unwrap_or(1);
    let (few_candidates, few_examples) = (fewest(&arguments.candidates), fewest(&arguments.examples));
    let measure = |n_candidates: usize, n_examples: usize| -> Result<Value, Failure> {
        // The file is gone through again where more examples are asked for than it has.
        let examples: Vec<_> = ready.examples.iter().cycle().take(n_examples).collect();
        let begun = Instant::now();
        ready.scorer.score(&prompts[..n_candidates], &ready.columns, &examples)?;
        let seconds = begun.elapsed().as_secs_f64();
        Ok(json!({ "candidates": n_candidates, "examples": n_examples, "seconds": seconds }))
    };
    measure(few_candidates, few_examples)?;
    let by_candidates =
        arguments.candidates.iter().map(|&n| measure(n, few_examples)).collect::<Result<Vec<_>, _>>()?;
    let by_examples = arguments.examples.iter().map(|&n| measure(few_candidates, n)).collect::<Result<Vec<_>, _>>()?;
    Ok(json!({ "candidates": by_candidates, "examples": by_examples }))
}
