//! `promptmine run`

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::Args;

use crate::error::{ExitCode, Result};
use crate::exchange::cluster::quoted;
use crate::exchange::hub::fetch_experiment;
use crate::record::{RecordError, StoreFigures};
use crate::report::{closing_lines, render};
use crate::runner::{self, Plan, RunOptions, ShardRun, Summary, Transferred, agreed_batch_size, recorded_batch_size};
use crate::spec::Shard;

use super::CliError;
use super::experiment_option::ExperimentOptions;
use super::hub_watch::HubWatch;
use super::log::Log;
use super::model_option::prepare_line;
use super::output::print_block;
use super::progress::{Progress, bar};
use super::text_table::{counted, thousands};

const EXAMPLES: &str = "\
Examples:
  promptmine run experiments/quickstart.yaml
  promptmine run my.yaml --set budget.evaluations=200 --set shots=[16] --results scratch
  promptmine run my.yaml --only autoprompt
  promptmine run my.yaml --fresh --keep-matrix
  promptmine run my.yaml --shard 2/3

The same command goes on where an earlier run stopped: trials that are complete stay, an unfinished one begins anew, \
a training from its last checkpoint, and gives the same numbers, whatever the jobs and threads. What is damaged begins anew, too, and is told. A file with more items, models, shots or seeds runs only what is new; one with another task, budget, selection or limits is another experiment and is refused, unless --fresh. Ctrl-C finishes the write under way and stops; \
a second one stops at once. Nothing is lost either way.

The folder results/<name>/ holds report.html, leaderboard.csv, curves.csv, leaderboard.md, candidates.csv, transfer.csv, variance.csv, rewritten as trials \
end, and trials/<trial>/ with the events, the test predictions and the chosen prompt.

--shard I/N runs the I-th of N parts of the trials, shared out by what they are estimated to take. The parts may run at the same time \
on several machines, in one results folder on a shared file system or each in its own; `promptmine merge` makes the tables, \
the same as those of one run, and `promptmine submit` hands all of it to a cluster.";

/// The arguments of `run`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    #[command(flatten)]
    experiment: ExperimentOptions,
    /// The folder of results folders
    #[arg(long, value_name = "DIR", default_value = "results")]
    results: PathBuf,
    /// Run only the items of this method
    #[arg(long, value_name = "METHOD")]
    only: Option<String>,
    /// Trials at a time [default: one for each thread with a small model on the CPU, else 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    jobs: Option<u16>,
    /// Keep how far a training came at most this often, so that one that is killed goes on from there [default: 5]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    checkpoint_every: Option<f64>,
    /// Forget what earlier runs of this experiment found
    #[arg(long)]
    fresh: bool,
    /// At the end score every candidate on all of dev and test, outside the budget, into matrix.parquet (for `select`)
    #[arg(long)]
    keep_matrix: bool,
    /// Run the I-th of N parts only; `merge` puts them together
    #[arg(long, value_name = "I/N")]
    shard: Option<Shard>,
}

/// A number of seconds.
fn seconds(text: &str) -> std::result::Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.0..=1e6).contains(&seconds) => Ok(seconds),
        _ => Err("a number of seconds is expected (0 to 1000000)".into()),
    }
}

/// Does it.
///
/// # Errors
/// What keeps the run from starting or going on. Trials that fail are told of by [`ExitCode::Partial`].
pub fn run(arguments: &Arguments, log: Log) -> Result<ExitCode> {
    let alone = |option: &str, instead: &str| {
        CliError::Usage(format!("{option} with --shard would touch what the other shards write: {instead}"))
    };
    if arguments.shard.is_some() && arguments.fresh {
        return Err(alone("--fresh", "remove the folder first, or give another --results DIR").into());
    }
    if arguments.shard.is_some() && arguments.keep_matrix {
        return Err(alone("--keep-matrix", "give it to `promptmine merge`").into());
    }
    let stopping = Stopping::install(log);
    let mut experiment = arguments.experiment.load()?;
    let device = arguments.experiment.resolve_device()?;
    let batch_size = match arguments.fresh {
        true => None,
        false => recorded_batch_size(&arguments.results, &experiment.name, device.kind)?,
    };
    same_batch_size(arguments.experiment.batch_size(), batch_size, &arguments.results.join(&experiment.name))?;
    fetch_experiment(&mut experiment, &HubWatch::new(log))?;
    let options = RunOptions {
        results: arguments.results.clone(),
        jobs: arguments.jobs.map(usize::from),
        only: arguments.only.clone(),
        trials: None,
        fresh: arguments.fresh,
        checkpoint_every: arguments.checkpoint_every.map(Duration::from_secs_f64),
        shard: arguments.shard.map(|shard| shard_run(shard, &arguments.experiment.file)),
    };
    let asked = arguments.experiment.batch_size();
    let mut plan = Plan::new(experiment.clone(), device.clone(), batch_size.or(asked))?;
    let agreed = agreed_batch_size(&plan, &options)?;
    if agreed != plan.batch_size.size {
        // Another shard began in the same moment, and was the first.
        same_batch_size(asked, Some(agreed), &arguments.results.join(&experiment.name))?;
        plan = Plan::new(experiment, device, Some(agreed))?;
    }
    check_matrix(&plan, arguments.keep_matrix)?;
    for note in &plan.notes {
        log.note(note);
    }
    plan.ask_endpoints(&arguments.results, arguments.only.as_deref(), &|text| log.note(text))?;
    let chosen = options.chosen(&plan)?;
    let ensembles = if options.only.is_none() && options.shard.is_none() { &plan.ensembles[..] } else { &[] };
    let progress = Progress::new(&chosen, ensembles, options.shard.is_none(), log);
    log.step(
        &format!(
            "{}{}: {}, at most {} evaluations, on {}",
            plan.experiment.name,
            arguments.shard.map(|shard| format!(", shard {shard}")).unwrap_or_default(),
            counted(progress.n_trials(), "trial"),
            thousands(progress.n_evaluations()),
            plan.device.description
        ),
        serde_json::Map::new(),
    );
    prepare_line(&plan.device, log);
    let stop = stopping.listen();
    let summary = runner::run(&plan, &options, &progress, stop);
    progress.finish();
    let summary = summary?;
    if let Some(line) = summary.scores.as_ref().and_then(scores_line) {
        log.step(&line, serde_json::Map::new());
    }
    if summary.interrupted {
        let complete = summary.done + summary.kept;
        log.note(&format!(
            "interrupted: {complete} of {} trials are complete in {}; the same command goes on from there",
            progress.n_trials(),
            summary.folder.display()
        ));
        return Ok(ExitCode::Interrupted);
    }
    if let Some(shard) = arguments.shard {
        return shard_ended(shard, &summary, progress.n_trials(), log);
    }
    if let Some(line) = transfer_line(summary.transfer) {
        log.step(&line, serde_json::Map::new());
    }
    if arguments.keep_matrix && !matrix(&plan, &summary.folder, stop, log)? {
        log.note("interrupted: every trial is complete, matrix.parquet is not; the same command goes on from there");
        return Ok(ExitCode::Interrupted);
    }
    let table = render(&summary.folder, "table", None)?;
    print_block(&format!("{table}\n{}", closing_lines(&summary.folder)?))?;
    if summary.failed > 0 {
        log.note(&format!("{} of {} trials failed", summary.failed, progress.n_trials()));
        return Ok(ExitCode::Partial);
    }
    Ok(ExitCode::Done)
}

/// Refuses a matrix of a task that has none.
pub(super) fn check_matrix(plan: &Plan, asked: bool) -> Result<()> {
    if asked && plan.experiment.task.target.is_some() {
        let what = "--keep-matrix writes what labels were predicted, for `select`, and a task with `target` has none: leave it out";
        return Err(CliError::Usage(what.into()).into());
    }
    Ok(())
}

/// Refuses batches of another size than those that the folder was begun with.
fn same_batch_size(asked: Option<usize>, recorded: Option<usize>, folder: &Path) -> Result<()> {
    let (Some(asked), Some(recorded)) = (asked, recorded) else { return Ok(()) };
    if asked == recorded {
        return Ok(());
    }
    let message = format!(
        "was begun with batches of {recorded}, and --batch-size is {asked}: leave it out, begin anew with --fresh, or give \
         another --results DIR"
    );
    Err(RecordError::Foreign { path: folder.into(), message }.into())
}

/// What is kept of how a shard was begun: whoever merges is told how it is begun again.
fn shard_run(shard: Shard, file: &Path) -> ShardRun {
    let mut command = Vec::new();
    let mut arguments = std::env::args_os().skip(1).map(|argument| argument.to_string_lossy().into_owned());
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--shard" => drop(arguments.next()),
            other if other.starts_with("--shard=") => {}
            _ => command.push(argument),
        }
    }
    let folder = std::path::absolute(file).ok().and_then(|file| Some(file.parent()?.to_path_buf()));
    ShardRun { shard, folder: folder.unwrap_or_default(), command }
}

/// How a shard ended: it has no tables.
fn shard_ended(shard: Shard, summary: &Summary, n_trials: usize, log: Log) -> Result<ExitCode> {
    let complete = match n_trials {
        0 => "has no trials: there are fewer to share out than shards".to_owned(),
        n => format!("{} of {} are complete", summary.done + summary.kept, counted(n, "trial")),
    };
    let folder = quoted(&summary.folder.to_string_lossy());
    print_block(&format!(
        "shard {shard}: {complete}, in {folder}\nwhen all shards are over: promptmine merge {folder}"
    ))?;
    if summary.failed > 0 {
        log.note(&format!("{} of {n_trials} trials failed", summary.failed));
        return Ok(ExitCode::Partial);
    }
    Ok(ExitCode::Done)
}

/// What the scores of earlier runs gave; nothing to say where they gave nothing and nothing was wrong with them.
fn scores_line(scores: &StoreFigures) -> Option<String> {
    let found = match scores.found {
        0 => None,
        found => {
            let all = (found + scores.computed) as usize;
            Some(format!("{} of {} were known from before", thousands(found), counted(all, "prompt score")))
        }
    };
    let damaged = match scores.damaged {
        0 => None,
        n => Some(format!("the score cache was damaged in {}, and that part is ignored", counted(n as usize, "place"))),
    };
    let parts: Vec<String> = found.into_iter().chain(damaged).collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

/// What was done for the transfer of the chosen prompts; nothing to say where nobody asked.
pub(super) fn transfer_line(transfer: Transferred) -> Option<String> {
    let Transferred { computed, known, without, waits_for } = transfer;
    if waits_for > 0 {
        return Some(format!("transfer.csv waits for {} that are not over", counted(waits_for, "trial")));
    }
    let without = match without {
        0 => String::new(),
        n => format!(", {n} not to be had (the reasons stand in it)"),
    };
    let n = computed + known;
    (n > 0 || !without.is_empty())
        .then(|| format!("transfer.csv: {} ({computed} computed, {known} known before){without}", counted(n, "value")))
}

/// Scores every candidate on everything; false if it was stopped.
pub(super) fn matrix(plan: &Plan, folder: &Path, stop: &AtomicBool, log: Log) -> Result<bool> {
    let bar = log.wants_bars().then(|| bar("candidates", 0));
    let progress = |done: usize, all: usize| {
        if let Some(bar) = &bar {
            bar.set_length(all as u64);
            bar.set_position(done as u64);
        }
    };
    let written = plan.write_matrix(folder, &progress, stop)?;
    if let Some(bar) = &bar {
        bar.finish_and_clear();
    }
    if let Some(matrix) = &written {
        log.step(&format!("wrote {}", matrix.path.display()), serde_json::Map::new());
        if matrix.left_out > 0 {
            log.note(&format!(
                "{} are not in it: of the soft prompts of a trial only the chosen one's vectors are kept",
                counted(matrix.left_out, "candidate")
            ));
        }
    }
    Ok(written.is_some())
}

/// What Ctrl-C (or a request to terminate) does: while nothing is written yet it ends the program, later it sets a flag, and
/// a second one ends the program.
pub(super) struct Stopping {
    stop: Arc<AtomicBool>,
    writing: Arc<AtomicBool>,
}

impl Stopping {
    pub(super) fn install(log: Log) -> Self {
        let stopping = Self { stop: Arc::default(), writing: Arc::default() };
        let (stop, writing) = (stopping.stop.clone(), stopping.writing.clone());
        let handler = move || {
            if !writing.load(Ordering::SeqCst) || stop.swap(true, Ordering::SeqCst) {
                std::process::exit(ExitCode::Interrupted as i32);
            }
            log.note("stopping after the step under way; Ctrl-C again stops at once");
        };
        if let Err(error) = ctrlc::set_handler(handler) {
            log.note(&format!("Ctrl-C stops at once, without finishing the step under way ({error})"));
        }
        stopping
    }

    /// The flag, which Ctrl-C sets from now on.
    pub(super) fn listen(&self) -> &AtomicBool {
        self.writing.store(true, Ordering::SeqCst);
        &self.stop
    }
}
