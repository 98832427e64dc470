//! All trials of a plan, those that are complete already left alone.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::error::{Error, Result};
use crate::model::DeviceChoice;
use crate::record::{Found, Provenance, RecordError, ResultsFolder, ScoreFile, StoreFigures, TrialRecord};
use crate::scoring::ScoreStore;

use super::RunnerError;
use super::corpora::changed_corpora;
use super::ensemble::{self, PlannedEnsemble};
use super::listener::{Beginning, Listener};
use super::opening::{self, Opening, ShardRun};
use super::pace::Tables;
use super::plan::{Plan, PlannedTrial};
use super::provenance::trial_ids;
use super::schedule::{Phase, phases};
use super::transfer::Transferred;
use super::trial::Stopped;

/// How a run is done; nothing here changes a number.
#[derive(Debug, Clone, Default)]
pub struct RunOptions {
    /// The folder of results folders.
    pub results: PathBuf,
    /// Trials at a time; by default decided by the size of the models.
    pub jobs: Option<usize>,
    /// Only the items of this method, as its name or its label.
    pub only: Option<String>,
    /// Only the trials of these ids.
    pub trials: Option<Vec<String>>,
    /// Whether what an earlier run left is removed first.
    pub fresh: bool,
    /// Time between two times that a long search's progress is kept.
    pub checkpoint_every: Option<Duration>,
    /// The shard that it is; by default all of them.
    pub shard: Option<ShardRun>,
}

impl RunOptions {
    /// The trials of a plan that are to run.
    ///
    /// # Errors
    /// [`RunnerError::Only`] if no item is of the method.
    pub fn chosen<'p>(&self, plan: &'p Plan) -> Result<Vec<&'p PlannedTrial>> {
        let mut chosen = only(plan, self.only.as_deref())?;
        if let Some(ids) = &self.trials {
            chosen.retain(|trial| ids.contains(&trial.key.id()));
        }
        let Some(run) = &self.shard else { return Ok(chosen) };
        let own = plan.divide(run.shard.of).swap_remove(run.shard.number - 1);
        let is_own = |trial: &&PlannedTrial| own.iter().any(|&at| std::ptr::eq(*trial, &plan.trials[at]));
        Ok(chosen.into_iter().filter(is_own).collect())
    }
}

/// What a run did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// The results folder.
    pub folder: PathBuf,
    /// Trials that were completed.
    pub done: usize,
    /// Trials that were complete and stay.
    pub kept: usize,
    /// Trials that failed, now or before.
    pub failed: usize,
    /// Whether the user stopped it.
    pub interrupted: bool,
    /// What the scores of earlier runs gave; `None` where they were not looked at.
    pub scores: Option<StoreFigures>,
    /// What was done for the transfer of the chosen prompts.
    pub transfer: Transferred,
}

/// The batch size that an earlier start of the same run fixed, where there is one.
///
/// Where `provenance.json` is gone or damaged, it is that of the trials.
///
/// # Errors
/// [`RecordError`] if a record is there but cannot be read, or is of a later version.
pub fn recorded_batch_size(results: &Path, name: &str, device: DeviceChoice) -> Result<Option<usize>> {
    let folder = results.join(name);
    match Provenance::load(&folder) {
        Ok(Some(provenance)) => Ok((provenance.device_kind == device.to_string()).then_some(provenance.batch_size)),
        Ok(None) | Err(RecordError::Corrupt { .. }) => Ok(ResultsFolder::batch_size_of_trials(&folder)?),
        Err(error) => Err(error.into()),
    }
}

/// Runs the trials of `plan`.
///
/// # Errors
/// What keeps the run from going on; a trial that fails is recorded and does not.
pub fn run(plan: &Plan, options: &RunOptions, listener: &dyn Listener, stop: &AtomicBool) -> Result<Summary> {
    let chosen = options.chosen(plan)?;
    // What cannot be read is told when the folder is opened.
    let before = Provenance::load(&options.results.join(&plan.experiment.name)).ok().flatten();
    let changed_corpora = before.map(|before| changed_corpora(&before, &plan.task.corpora)).unwrap_or_default();
    let Some(Opening { folder, damaged_provenance }) = opening::open(plan, options, listener, stop)? else {
        let folder = options.results.join(&plan.experiment.name);
        return Ok(Summary { folder, interrupted: true, ..Summary::default() });
    };
    let mut beginning = Beginning { damaged_provenance, changed_corpora, ..Beginning::default() };
    beginning.others = folder.others(&trial_ids(plan))?.into_iter().filter(|id| !id.ends_with(".damaged")).collect();

    let mut summary = Summary { folder: folder.path().into(), ..Summary::default() };
    let mut waiting = Vec::new();
    for trial in &plan.trials {
        let is_chosen = chosen.iter().any(|chosen| std::ptr::eq(*chosen, trial));
        if !is_chosen && options.shard.is_some() {
            // Another shard may be writing it.
            continue;
        }
        match (folder.find(&trial.key)?, is_chosen) {
            (Found::Damaged(damage), false) => {
                folder.set_aside(&trial.key.id())?;
                beginning.set_aside.push((&trial.key, damage.to_string()));
            }
            (_, false) => {}
            (Found::Complete, true) => beginning.kept.push(&trial.key),
            (found, true) => {
                waiting.push(trial);
                match found {
                    Found::Damaged(damage) => {
                        // Now, since the tables are made of what is on the disk after every trial.
                        folder.forget(&trial.key)?;
                        beginning.damaged.push((&trial.key, damage.to_string()));
                    }
                    Found::Unfinished => beginning.unfinished.push(&trial.key),
                    Found::Failed => beginning.failed.push(&trial.key),
                    Found::New | Found::Complete => beginning.new.push(&trial.key),
                }
            }
        }
    }
    for ensemble in &plan.ensembles {
        // Whatever ends this run, what was made of other trials than there will be does not stay.
        if ensemble.trials.iter().any(|&at| waiting.iter().any(|trial| std::ptr::eq(*trial, &plan.trials[at]))) {
            folder.forget(&ensemble.key)?;
        }
    }
    summary.kept = beginning.kept.len();
    listener.begins(&beginning);
    beginning.kept.iter().for_each(|key| listener.kept(key));
    let batch_size = AtomicUsize::new(plan.batch_size.size);
    let checkpoint_every = options.checkpoint_every.unwrap_or(super::checkpoint::USUAL);
    let work = Work {
        plan,
        folder: &folder,
        listener,
        stop,
        tables: Tables::default(),
        store: None,
        batch_size,
        checkpoint_every,
    };
    if waiting.is_empty() {
        if options.shard.is_none() {
            work.ensembles(&[], &mut summary)?;
            work.end(&mut summary)?;
        }
        listener.trial_ended(folder.path())?;
        return Ok(summary);
    }

    let scores = scores(plan, options).map(Arc::new);
    let store = scores.as_ref().map(|scores| scores.clone() as Arc<dyn ScoreStore>);
    let work = Work { store, ..work };
    let tally: Mutex<Tally> = Mutex::default();
    for phase in phases(plan, waiting.clone(), options.jobs) {
        work.phase(&phase, &tally);
    }
    let (done, failed, interrupted, fatal) = tally.into_inner().unwrap_or_else(PoisonError::into_inner);
    if let Some(error) = fatal {
        return Err(error);
    }
    let mut summary = Summary { done, failed, interrupted, ..summary };
    if !interrupted && options.shard.is_none() {
        work.ensembles(&waiting, &mut summary)?;
        work.end(&mut summary)?;
    }
    listener.trial_ended(folder.path())?;
    Ok(Summary { scores: scores.map(|scores| scores.figures()), ..summary })
}

/// The scores of earlier runs, where a score is the same bits in any batch. A run goes on without them where they cannot be had.
fn scores(plan: &Plan, options: &RunOptions) -> Option<ScoreFile> {
    match plan.device.kind {
        DeviceChoice::Cpu => ScoreFile::open(&options.results, options.fresh).ok(),
        _ => None,
    }
}

fn only<'p>(plan: &'p Plan, only: Option<&str>) -> Result<Vec<&'p PlannedTrial>> {
    let Some(only) = only else { return Ok(plan.trials.iter().collect()) };
    let chosen: Vec<_> = plan.trials.iter().filter(|t| t.key.method == only || t.key.label == only).collect();
    if chosen.is_empty() {
        let mut known: Vec<&str> = plan.trials.iter().map(|t| t.key.label.as_str()).collect();
        known.dedup();
        return Err(RunnerError::Only { found: only.into(), known: known.join(", ") }.into());
    }
    Ok(chosen)
}

/// What the trials of a run share.
pub(super) struct Work<'a> {
    pub(super) plan: &'a Plan,
    pub(super) folder: &'a ResultsFolder,
    pub(super) listener: &'a dyn Listener,
    pub(super) stop: &'a AtomicBool,
    pub(super) tables: Tables,
    pub(super) store: Option<Arc<dyn ScoreStore>>,
    /// Rows of a batch: as planned, or halved once or more.
    pub(super) batch_size: AtomicUsize,
    pub(super) checkpoint_every: Duration,
}

/// Trials done and failed, whether the user stopped, and what keeps the run from going on.
type Tally = (usize, usize, bool, Option<Error>);

impl Work<'_> {
    /// Runs the trials of a phase, unless the run was stopped before.
    fn phase(&self, phase: &Phase<'_>, tally: &Mutex<Tally>) {
        let next = AtomicUsize::new(0);
        let worker = || {
            while let Some(trial) = phase.trials.get(next.fetch_add(1, Ordering::Relaxed)) {
                let is_over = |tally: &Tally| tally.2 || tally.3.is_some();
                if is_over(&tally.lock().unwrap_or_else(PoisonError::into_inner)) {
                    return;
                }
                let ended = self.trial(trial);
                let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
                match ended {
                    Ok(()) | Err(Stopped::Nothing(_)) => tally.0 += 1,
                    Err(Stopped::Failed(_)) => tally.1 += 1,
                    Err(Stopped::Interrupted) => tally.2 = true,
                    Err(Stopped::Fatal(error)) => {
                        tally.3.get_or_insert(error);
                        // What the others would still find could not be kept.
                        self.stop.store(true, Ordering::Relaxed);
                    }
                }
            }
        };
        if phase.jobs <= 1 {
            return worker();
        }
        std::thread::scope(|scope| {
            for _ in 0..phase.jobs {
                scope.spawn(|| match rayon::ThreadPoolBuilder::new().num_threads(1).build() {
                    // A thread a trial: within it nothing is shared out.
                    Ok(pool) => pool.install(worker),
                    Err(_) => worker(),
                });
            }
        });
    }

    /// What comes when the trials and the ensembles are over.
    pub(super) fn end(&self, summary: &mut Summary) -> Result<()> {
        if summary.interrupted {
            return Ok(());
        }
        match self.transfer()? {
            Some(transfer) => summary.transfer = transfer,
            None => summary.interrupted = true,
        }
        Ok(())
    }

    /// Makes the ensembles whose cells are over, those again of which a trial was among `ran`.
    pub(super) fn ensembles(&self, ran: &[&PlannedTrial], summary: &mut Summary) -> Result<()> {
        for planned in &self.plan.ensembles {
            let members: Vec<&PlannedTrial> = planned.trials.iter().map(|&index| &self.plan.trials[index]).collect();
            let mut records = Vec::new();
            let mut over = true;
            for trial in &members {
                match self.folder.find(&trial.key)? {
                    Found::Complete => records.extend(TrialRecord::load(&self.folder.trial_path(&trial.key))?),
                    Found::Failed => {}
                    Found::New | Found::Unfinished | Found::Damaged(_) => over = false,
                }
            }
            let anew = members.iter().any(|trial| ran.iter().any(|ran| std::ptr::eq(*ran, *trial)));
            if !over {
                continue;
            }
            if !anew && matches!(self.folder.find(&planned.key)?, Found::Complete) {
                summary.kept += 1;
                continue;
            }
            match self.ensemble(planned, &records) {
                Ok(()) | Err(Stopped::Nothing(_)) => summary.done += 1,
                Err(Stopped::Failed(_)) => summary.failed += 1,
                Err(Stopped::Interrupted) => {
                    summary.interrupted = true;
                    return Ok(());
                }
                Err(Stopped::Fatal(error)) => return Err(error),
            }
        }
        Ok(())
    }

    fn ensemble(&self, planned: &PlannedEnsemble, records: &[TrialRecord]) -> Result<(), Stopped> {
        self.recorded(&planned.key, None, |emit| {
            let files = ensemble::make(self.plan, planned, records, emit, self.stop)?;
            let folder = self.folder.trial_path(&planned.key);
            let fatal = |e: RecordError| Stopped::Fatal(e.into());
            files.ensemble.save(&folder.join("ensemble.json")).map_err(fatal)?;
            match files.predictions {
                Some(predictions) => predictions.save(&folder.join("predictions.parquet")).map_err(fatal),
                None => Ok(()),
            }
        })
        .map(|_| ())
    }
}
