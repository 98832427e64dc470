//! Evaluations per second.

use std::time::Instant;

use clap::Args;
use promptmine::scoring::{Round, argmax};
use serde_json::{Value, json};

use super::Failure;
use super::job::{Job, Ready};

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    job: Job,
    /// Scores the prompts one after the other, as one who has a program for one prompt would.
    #[arg(long)]
    one_by_one: bool,
    /// How often it is done; the last time counts.
    #[arg(long, default_value_t = 1)]
    repeat: usize,
    /// Prints the label log-probabilities, `[prompt][example][label]`.
    #[arg(long)]
    logprobs: bool,
}

pub fn run(arguments: &Arguments) -> Result<Value, Failure> {
    let ready = arguments.job.ready()?;
    let examples = ready.examples();
    let each = if arguments.one_by_one { 1 } else { ready.prompts.len() };
    let mut rounds: Vec<Round> = Vec::new();
    let mut seconds = 0.0;
    for _ in 0..arguments.repeat.max(1) {
        let begun = Instant::now();
        rounds = (ready.prompts.chunks(each))
            .map(|prompts| ready.scorer.score(prompts, &ready.columns, &examples))
            .collect::<Result<_, _>>()?;
        seconds = begun.elapsed().as_secs_f64();
    }
    let evaluations: u64 = rounds.iter().flat_map(|round| &round.costs).map(|cost| cost.evaluations).sum();
    let tokens: u64 = rounds.iter().flat_map(|round| &round.costs).map(|cost| cost.tokens).sum();
    let scores: Vec<&Vec<Vec<f64>>> = rounds.iter().flat_map(|round| &round.scores).collect();
    let prompts: Vec<Value> = arguments
        .job
        .template
        .iter()
        .zip(&scores)
        .map(|(template, scores)| json!({ "template": template, "accuracy": accuracy(&ready, scores) }))
        .collect();
    let mut line = json!({
        "load_seconds": ready.load_seconds,
        "seconds": seconds,
        "examples": examples.len(),
        "evaluations_per_second": evaluations as f64 / seconds,
        "evaluations": evaluations,
        "tokens": tokens,
        "prompts": prompts,
    });
    if arguments.logprobs {
        line["logprobs"] = json!(scores);
    }
    Ok(line)
}

fn accuracy(ready: &Ready, scores: &[Vec<f64>]) -> f64 {
    let right = ready.examples.iter().zip(scores).filter(|(example, scores)| example.label == Some(argmax(scores)));
    right.count() as f64 / ready.examples.len() as f64
}
