//! The results folder of a run, opened and described: for one run alone, or for a shard beside others.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::Result;
use crate::record::{Provenance, RecordError, ResultsFolder, ShardNote};
use crate::spec::Shard;

use super::listener::Listener;
use super::plan::Plan;
use super::provenance::{check_same, provenance};
use super::run::RunOptions;

/// The shard that a run is, and what is kept of how it was begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShardRun {
    /// Which.
    pub shard: Shard,
    /// The folder of the experiment file.
    pub folder: PathBuf,
    /// The arguments of the command line without `--shard`.
    pub command: Vec<String>,
}

/// A folder to run in, and what was wrong with its `provenance.json`, which is written anew.
pub(super) struct Opening {
    pub(super) folder: ResultsFolder,
    pub(super) damaged_provenance: Option<String>,
}

/// The size of batches that all shards of a run have: that of the first to describe the results folder, which may be this one.
/// A run that is no shard has its plan's.
///
/// # Errors
/// [`RecordError`].
pub fn agreed_batch_size(plan: &Plan, options: &RunOptions) -> Result<usize> {
    let planned = plan.batch_size.size;
    let Some(run) = &options.shard else { return Ok(planned) };
    let (folder, _) = ResultsFolder::open_shared(&options.results, &plan.experiment.name, run.shard.of)?;
    let now = provenance(plan);
    match folder.provenance() {
        Ok(None) if folder.describe_first(&plan.experiment.to_yaml(), &now)? => Ok(planned),
        Err(RecordError::Corrupt { .. }) => Ok(planned),
        Err(error) => Err(error.into()),
        Ok(_) => Ok(match folder.provenance()? {
            // Another device is refused later, with what to do.
            Some(before) if before.device_kind == now.device_kind => before.batch_size,
            _ => planned,
        }),
    }
}

/// Opens the folder; `None` if the user stopped while another process ran the same shard.
///
/// # Errors
/// [`RecordError`], with what differs where the folder is that of something else.
pub(super) fn open(
    plan: &Plan,
    options: &RunOptions,
    listener: &dyn Listener,
    stop: &AtomicBool,
) -> Result<Option<Opening>> {
    match &options.shard {
        None => Ok(Some(alone(plan, options)?)),
        Some(run) => beside(plan, options, run, listener, stop),
    }
}

fn alone(plan: &Plan, options: &RunOptions) -> Result<Opening> {
    let folder = ResultsFolder::open(&options.results, &plan.experiment.name)?;
    let mut damaged_provenance = None;
    match folder.provenance() {
        Ok(Some(before)) => check_same(&before, plan, &folder, options.fresh)?,
        Ok(None) => {}
        // The trials' fingerprints cover what it says, so nothing hangs on it.
        Err(RecordError::Corrupt { .. }) if options.fresh => {}
        Err(damage @ RecordError::Corrupt { .. }) => damaged_provenance = Some(damage.to_string()),
        Err(error) => return Err(error.into()),
    }
    if options.fresh {
        folder.clear()?;
    }
    folder.describe(&plan.experiment.to_yaml(), &provenance(plan))?;
    folder.keep_answers(&plan.answers)?;
    Ok(Opening { folder, damaged_provenance })
}

fn beside(
    plan: &Plan,
    options: &RunOptions,
    run: &ShardRun,
    listener: &dyn Listener,
    stop: &AtomicBool,
) -> Result<Option<Opening>> {
    let of = run.shard.of;
    let (mut folder, first) = ResultsFolder::open_shared(&options.results, &plan.experiment.name, of)?;
    let damaged_provenance = describe(plan, &folder, first)?;
    folder.keep_answers(&plan.answers)?;
    if first {
        folder = folder.share(of)?;
    }
    let (waits, go_on) = (|| listener.waits(run.shard), || !stop.load(Ordering::Relaxed));
    if !folder.take(run.shard, &waits, &go_on)? {
        return Ok(None);
    }
    let ids = |trials: Vec<usize>| trials.into_iter().map(|at| plan.trials[at].key.id()).collect();
    folder.note_shard(&ShardNote {
        format: ShardNote::FORMAT,
        number: run.shard.number,
        of,
        trials: plan.divide(of).into_iter().map(ids).collect(),
        processor: processor(),
        folder: run.folder.clone(),
        command: run.command.clone(),
    })?;
    Ok(Some(Opening { folder, damaged_provenance }))
}

/// Describes the folder of a shard, or finds that another has done so in the same words.
fn describe(plan: &Plan, folder: &ResultsFolder, first: bool) -> Result<Option<String>> {
    let (now, yaml) = (provenance(plan), plan.experiment.to_yaml());
    // Who is not the first to describe it finds what the first has written.
    for _ in 0..2 {
        match folder.provenance() {
            Ok(None) if folder.describe_first(&yaml, &now)? => return Ok(None),
            Ok(None) => {}
            Ok(Some(before)) => {
                check_same(&before, plan, folder, false)?;
                check_shard(&before, &now, folder, first)?;
                if (&before.experiment_blake3, &before.trials) != (&now.experiment_blake3, &now.trials) {
                    folder.describe(&yaml, &now)?;
                }
                return Ok(None);
            }
            Err(damage @ RecordError::Corrupt { .. }) if first => {
                folder.describe(&yaml, &now)?;
                return Ok(Some(damage.to_string()));
            }
            Err(error) => return Err(error.into()),
        }
    }
    Err(RecordError::Vanished { path: folder.path().into() }.into())
}

/// Refuses what shards of one run cannot differ in.
fn check_shard(before: &Provenance, now: &Provenance, folder: &ResultsFolder, first: bool) -> Result<()> {
    let foreign = |message: String| RecordError::Foreign { path: folder.path().into(), message };
    if before.promptmine != now.promptmine {
        return Err(foreign(format!(
            "was begun by promptmine {}, and this is {}: the shards of a run are of one version; give another --results DIR",
            before.promptmine, now.promptmine
        ))
        .into());
    }
    if before.batch_size != now.batch_size {
        return Err(foreign(format!(
            "was begun with batches of {}, and this shard has batches of {}: begin it again",
            before.batch_size, now.batch_size
        ))
        .into());
    }
    if !first && (&before.experiment_blake3, &before.trials) != (&now.experiment_blake3, &now.trials) {
        return Err(foreign(
            "is in use by shards of another version of this experiment: wait for them, or give another --results DIR"
                .into(),
        )
        .into());
    }
    Ok(())
}

/// The processor, as far as it decides the last bits of a number.
fn processor() -> String {
    let mut words = vec![std::env::consts::ARCH];
    #[cfg(target_arch = "x86_64")]
    for (has, name) in [
        (is_x86_feature_detected!("avx512f"), "avx512f"),
        (is_x86_feature_detected!("avx2"), "avx2"),
        (is_x86_feature_detected!("fma"), "fma"),
    ] {
        words.extend(has.then_some(name));
    }
    words.join(" ")
}
