//! `promptmine plan`

use std::time::Instant;

use clap::Args;
use serde_json::json;

use crate::error::Result;
use crate::exchange::hub::fetch_experiment;
use crate::model::Footprint;
use crate::prompt::Prompt;
use crate::runner::{BatchSize, Plan, PlannedTrial};
use crate::scoring::Scorer;
use crate::task::{Example, Split};

use super::experiment_option::ExperimentOptions;
use super::fill::Format;
use super::hub_watch::HubWatch;
use super::log::Log;
use super::model_option::prepare_line;
use super::output::{print, print_json};
use super::text_table::{TextTable, bytes, counted, duration, thousands};

const EXAMPLES: &str = "\
Examples:
  promptmine plan experiments/quickstart.yaml
  promptmine plan my.yaml --set shots=[0,16,full] --format json

Data and models are opened and checked as a run would, and nothing is run or written. `evaluations` is what a trial may \
spend at most (one prompt on one example is one), `test` what the chosen prompt costs on test, outside the budget; \
`forwards` counts both, the diagnostics of the chosen prompt, and at 0 shots the candidates on test once the choice is made. `n_texts` are texts of train \
without their labels. The \
time comes from timing a few examples on this machine.";

/// Examples that are timed.
const TIMED: usize = 32;

/// The arguments of `plan`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    #[command(flatten)]
    experiment: ExperimentOptions,
    /// How to print it
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    format: Format,
}

/// What one model costs.
struct Speed {
    seconds_per_forward: f64,
    /// Weights and a batch's activations, of prompts as long as those that were timed.
    bytes: u64,
    /// The same with a pass backward.
    bytes_backward: u64,
}

/// Does it.
///
/// # Errors
/// Whatever would keep the experiment from running.
pub fn run(arguments: &Arguments, log: Log) -> Result<()> {
    let mut experiment = arguments.experiment.load()?;
    let device = arguments.experiment.resolve_device()?;
    fetch_experiment(&mut experiment, &HubWatch::new(log))?;
    let plan = Plan::new(experiment, device, arguments.experiment.batch_size())?;
    prepare_line(&plan.device, log);
    let speeds: Vec<Speed> = plan.scorers.iter().map(|scorer| speed(&plan, scorer)).collect::<Result<_>>()?;
    match arguments.format {
        Format::Json => print_json(&as_json(&plan, &speeds)),
        Format::Table => print(&as_text(&plan, &speeds)),
    }
}

/// Times the task's prompt on a few examples, the second time, when caches are warm.
fn speed(plan: &Plan, scorer: &Scorer) -> Result<Speed> {
    let examples: Vec<&Example> = [Split::Train, Split::Dev, Split::Test]
        .into_iter()
        .find_map(|split| plan.dataset.split(split))
        .into_iter()
        .flat_map(|examples| examples.front())
        .take(TIMED)
        .collect();
    let prompts = [Prompt::plain(plan.task.template.clone(), plan.task.verbalizer.clone())];
    scorer.score(&prompts, &plan.dataset.columns, &examples)?;
    let begun = Instant::now();
    let round = scorer.score(&prompts, &plan.dataset.columns, &examples)?;
    let seconds = begun.elapsed().as_secs_f64();
    let (forwards, tokens) =
        round.costs.iter().fold((0, 0), |(forwards, tokens), c| (forwards + c.forwards, tokens + c.tokens));
    let seconds_per_forward = seconds / forwards.max(1) as f64;
    let shape = scorer.loaded().model.shape();
    let seq_length = tokens.div_ceil(forwards.max(1)) as usize;
    let footprint = Footprint::of(&*scorer.loaded().model);
    let (weights, batch_size) = (4 * shape.n_parameters as u64, scorer.settings().batch_size as u64);
    Ok(Speed {
        seconds_per_forward,
        bytes: weights + batch_size * footprint.forward(seq_length, 1),
        bytes_backward: weights + batch_size * footprint.backward(seq_length, 1),
    })
}

impl Speed {
    fn bytes(&self, trial: &PlannedTrial) -> u64 {
        if trial.backward { self.bytes_backward } else { self.bytes }
    }
}

fn forwards(trial: &PlannedTrial) -> u64 {
    trial.evaluations + trial.test_evaluations + trial.correlation_evaluations + trial.diagnostic_evaluations
}

fn as_text(plan: &Plan, speeds: &[Speed]) -> String {
    let mut table = TextTable::new(&[
        "method",
        "model",
        ">shots",
        ">seed",
        ">n_train",
        ">n_dev",
        ">n_texts",
        ">n_test",
        ">evaluations",
        ">test",
        ">forwards",
        ">time",
        ">memory",
    ]);
    let mut seconds = 0.0;
    for trial in &plan.trials {
        let speed = &speeds[trial.model];
        let time = forwards(trial) as f64 * speed.seconds_per_forward;
        seconds += time;
        table.row([
            trial.key.label.clone(),
            trial.key.model.clone(),
            trial.key.shots.clone(),
            seeds(trial),
            trial.draw.train.len().to_string(),
            trial.draw.dev.len().to_string(),
            n_texts(trial).to_string(),
            trial.draw.test.len().to_string(),
            thousands(trial.evaluations),
            thousands(trial.test_evaluations),
            thousands(forwards(trial)),
            duration(time),
            bytes(speed.bytes(trial)),
        ]);
    }
    let evaluations: u64 = plan.trials.iter().map(|t| t.evaluations).sum();
    let all: u64 = plan.trials.iter().map(forwards).sum();
    let notes: String = plan.notes.iter().map(|note| format!("note: {note}\n")).collect();
    format!(
        "# the experiment with every default filled in\n{}\n{}\n{} trials, at most {} evaluations and {} forwards, about {} on {}\n{}{notes}",
        plan.experiment.to_yaml(),
        table.print(),
        plan.trials.len(),
        thousands(evaluations),
        thousands(all),
        duration(seconds),
        plan.device.description,
        batches(plan.batch_size),
    )
}

/// `batches of at most 32 sequences (of up to about 96 tokens: 310 MB, 12.3 GB are free)`, and where memory is short what is done.
fn batches(batch: BatchSize) -> String {
    let free = batch.free.map(|free| format!(", {} are free", bytes(free))).unwrap_or_default();
    let again = match batch.recomputes {
        true => {
            "; for the whole tape of a pass backward that is too little: the inside of each block is computed twice"
        }
        false => "",
    };
    format!(
        "batches of at most {} (of up to about {} tokens: {}{free}{again})\n",
        counted(batch.size, "sequence"),
        batch.longest,
        bytes(batch.bytes)
    )
}

/// Texts without labels that selection looks at, at 0 shots.
fn n_texts(trial: &PlannedTrial) -> usize {
    if trial.draw.dev.is_empty() { trial.draw.unlabelled.len() } else { 0 }
}

fn seeds(trial: &PlannedTrial) -> String {
    match trial.key.seeds.as_slice() {
        [seed] => seed.to_string(),
        _ => "all".into(),
    }
}

fn as_json(plan: &Plan, speeds: &[Speed]) -> serde_json::Value {
    let trials: Vec<_> = plan
        .trials
        .iter()
        .map(|trial| {
            let speed = &speeds[trial.model];
            json!({
                "trial": trial.key.id(), "method": trial.key.label, "model": trial.key.model, "shots": trial.key.shots,
                "calibration": trial.key.calibration, "control": trial.key.control, "seeds": trial.key.seeds, "n_train": trial.draw.train.len(),
                "n_dev": trial.draw.dev.len(), "n_texts": n_texts(trial), "n_test": trial.draw.test.len(), "evaluations": trial.evaluations,
                "test_evaluations": trial.test_evaluations,
                "correlation_evaluations": trial.correlation_evaluations,
                "diagnostic_evaluations": trial.diagnostic_evaluations, "forwards": forwards(trial),
                "seconds": forwards(trial) as f64 * speed.seconds_per_forward, "bytes": speed.bytes(trial),
            })
        })
        .collect();
    json!({
        "name": plan.experiment.name, "experiment": plan.experiment.to_yaml(), "device": plan.device.description,
        "batch_size": plan.batch_size.size, "longest_sequence": plan.batch_size.longest, "free_bytes": plan.batch_size.free,
        "trials": trials, "notes": plan.notes,
    })
}
