//! `promptmine merge`

use std::path::PathBuf;

use clap::Args;

use crate::error::{ExitCode, Result};
use crate::exchange::cluster::quoted;
use crate::exchange::hub::fetch_experiment;
use crate::model::{DeviceChoice, Precision, resolve};
use crate::record::Provenance;
use crate::report::{closing_lines, render, write_tables};
use crate::runner::{Merge, Owed, Plan, Trials};
use crate::spec::{Experiment, Shard};

use super::CliError;
use super::hub_watch::HubWatch;
use super::log::Log;
use super::output::print_block;
use super::progress::Progress;
use super::run::{Stopping, check_matrix, matrix, transfer_line};
use super::text_table::counted;

const EXAMPLES: &str = "\
Examples:
  promptmine merge results/quickstart
  promptmine merge node1/quickstart node2/quickstart --into merged/quickstart

The shards of a run (`promptmine run --shard I/N`) wrote into one results folder, or each into its own: these are copied into one, \
never moved. Folders are of one run if version, device, size of batches, models, data and trials are the same; others are refused. \
Then what needs trials of all shards is made (ensembles, transfer), and the tables, the same as those of one run. Models and data \
are opened only for ensembles, transfer and --keep-matrix.

Where trials are missing, the tables hold those that are there, each missing one is named with the shard that owes it and the command \
that makes it, and the exit code is 7.";

/// The arguments of `merge`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// A results folder that shards wrote into: results/<name>
    #[arg(value_name = "DIR", required = true)]
    folders: Vec<PathBuf>,
    /// The results folder that the trials of the others are copied into; needed where there are several
    #[arg(long, value_name = "DIR")]
    into: Option<PathBuf>,
    /// At the end score every candidate on all of dev and test, outside the budget, into matrix.parquet (for `select`)
    #[arg(long)]
    keep_matrix: bool,
}

/// Folders' names that are listed before the rest is counted.
const LISTED: usize = 5;

/// Does it.
///
/// # Errors
/// What keeps the folders from being put together. Trials that failed or are missing are told of by [`ExitCode::Partial`].
pub fn run(arguments: &Arguments, log: Log) -> Result<ExitCode> {
    let (into, sources) = match (&arguments.into, &arguments.folders[..]) {
        (None, [one]) => (one, &[][..]),
        (Some(into), folders) => (into, folders),
        (None, _) => {
            let what = "several folders are put together in one: give it with --into DIR (a new one, or one of them)";
            return Err(CliError::Usage(what.into()).into());
        }
    };
    let stopping = Stopping::install(log);
    let merge = Merge::begin(into, sources)?;
    if merge.n_copied() > 0 {
        log.step(
            &format!("{} copied into {}", counted(merge.n_copied(), "trial"), merge.path().display()),
            serde_json::Map::new(),
        );
    }
    if let [_, _, ..] = merge.processors()[..] {
        log.note(&format!(
            "the shards ran on processors with other instructions ({}): last bits may differ from those of one run",
            merge.processors().join("; ")
        ));
    }
    let experiment = merge.experiment()?;
    let is_scored = !experiment.ensembles.kinds.is_empty() || experiment.transfer.is_some() || arguments.keep_matrix;
    let plan = match is_scored {
        true => Some(plan(experiment, merge.provenance(), log)?),
        false => None,
    };
    if let Some(plan) = &plan {
        check_matrix(plan, arguments.keep_matrix)?;
    }
    let trials = merge.trials(plan.as_ref())?;
    for (id, damage) in &trials.damaged {
        log.note(&format!("{damage}: it was moved to {id}.damaged"));
    }
    let stop = stopping.listen();
    let mut failed = trials.failed.len();
    if let Some(plan) = &plan {
        let progress = Progress::new(&[], &plan.ensembles, false, log);
        let summary = merge.finish(plan, &progress, stop);
        progress.finish();
        let summary = summary?;
        if summary.interrupted {
            write_tables(merge.path())?;
            log.note("interrupted: the same command goes on from there");
            return Ok(ExitCode::Interrupted);
        }
        failed += summary.failed;
        if let Some(line) = transfer_line(summary.transfer) {
            log.step(&line, serde_json::Map::new());
        }
    }
    write_tables(merge.path())?;
    if !trials.missing.is_empty() {
        missing(&trials, &merge, log);
        return Ok(ExitCode::Partial);
    }
    if let Some(plan) = plan.as_ref().filter(|_| arguments.keep_matrix)
        && !matrix(plan, merge.path(), stop, log)?
    {
        log.note("interrupted: every trial is complete, matrix.parquet is not; the same command goes on from there");
        return Ok(ExitCode::Interrupted);
    }
    print_block(&format!("{}\n{}", render(merge.path(), "table", None)?, closing_lines(merge.path())?))?;
    if failed > 0 {
        log.note(&format!("{failed} of {} trials failed", trials.n));
        again("tries", &trials.failed, log);
        return Ok(ExitCode::Partial);
    }
    merge.whole()?;
    Ok(ExitCode::Done)
}

/// The plan of the run, on the device and with the batches that its record names.
fn plan(mut experiment: Experiment, provenance: &Provenance, log: Log) -> Result<Plan> {
    let kind =
        if provenance.device_kind == DeviceChoice::Wgpu.to_string() { DeviceChoice::Wgpu } else { DeviceChoice::Cpu };
    let precisions = [Precision::F32, Precision::F16, Precision::Bf16];
    let precision = precisions.into_iter().find(|p| p.name() == provenance.dtype).unwrap_or(Precision::F32);
    let device = resolve(kind)?.with_precision(precision)?;
    fetch_experiment(&mut experiment, &HubWatch::new(log))?;
    Plan::new(experiment, device, Some(provenance.batch_size))
}

/// Says what is not there, and how it is made.
fn missing(trials: &Trials, merge: &Merge, log: Log) {
    log.note(&format!(
        "{} of {} are missing in {}: its tables hold the others only, and nothing in them is final",
        trials.missing.len(),
        counted(trials.n, "trial"),
        merge.path().display()
    ));
    again("owes", &trials.missing, log);
    again("tries again", &trials.failed, log);
}

/// Says which shard `does` what with trials, and the command that runs it.
fn again(does: &str, owed: &[Owed], log: Log) {
    let mut shards: Vec<Option<Shard>> = Vec::new();
    for shard in owed.iter().map(|owed| owed.shard) {
        if !shards.contains(&shard) {
            shards.push(shard);
        }
    }
    shards.sort_by_key(|shard| shard.map(|shard| shard.number));
    for shard in shards {
        let own: Vec<&Owed> = owed.iter().filter(|owed| owed.shard == shard).collect();
        let listed: Vec<&str> = own.iter().take(LISTED).map(|owed| owed.id.as_str()).collect();
        let more = match own.len().saturating_sub(LISTED) {
            0 => String::new(),
            n => format!(" and {n} more"),
        };
        let listed = format!("{}{more}", listed.join(", "));
        let command = own.first().and_then(|owed| owed.command.as_ref());
        log.note(&match (shard, command) {
            (Some(shard), Some(command)) => {
                let words: Vec<String> = command.iter().map(|word| quoted(word)).collect();
                format!("shard {shard} {does} {listed}: promptmine {} --shard {shard}", words.join(" "))
            }
            _ => format!(
                "nothing says whose part {listed} are: promptmine run FILE, with or without --shard, makes them"
            ),
        });
    }
}
