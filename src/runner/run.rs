//! All trials of a plan, those that are complete already left alone.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::model::DeviceChoice;
use crate::record::{
    Checkpoints, Event, Found, ModelProvenance, Provenance, RecordError, ResultsFolder, ScoreFile, StoreFigures,
    TrialKey, TrialRecord, save_tuned,
};
use crate::scoring::ScoreStore;
use crate::spec::{Control, Experiment};

use super::RunnerError;
use super::cell::{TaskPrompt, cells};
use super::control::{self, ShuffledLabels};
use super::ensemble::{self, PlannedEnsemble};
use super::listener::{Beginning, Listener};
use super::out_of_memory::{PANIC, ran_out_of_memory};
use super::pace::Tables;
use super::plan::{Plan, PlannedTrial, with_batches};
use super::schedule::{Phase, phases};
use super::trial::{Stopped, Trial};

/// How a run is done; nothing here changes a number.
#[derive(Debug, Clone, Default)]
pub struct RunOptions {
    /// The folder of results folders.
    pub results: PathBuf,
    /// Trials at a time; by default decided by the size of the models.
    pub jobs: Option<usize>,
    /// Only the items of this method, as its name or its label.
    pub only: Option<String>,
    /// Whether what an earlier run left is removed first.
    pub fresh: bool,
    /// Time between two times that a long search's progress is kept.
    pub checkpoint_every: Option<Duration>,
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
    let chosen = only(plan, options.only.as_deref())?;
    let folder = ResultsFolder::open(&options.results, &plan.experiment.name)?;
    let mut beginning = Beginning::default();
    match folder.provenance() {
        Ok(Some(before)) => check_same(&before, plan, &folder, options.fresh)?,
        Ok(None) => {}
        // The trials' fingerprints cover what it says, so nothing hangs on it.
        Err(RecordError::Corrupt { .. }) if options.fresh => {}
        Err(damage @ RecordError::Corrupt { .. }) => beginning.damaged_provenance = Some(damage.to_string()),
        Err(error) => return Err(error.into()),
    }
    if options.fresh {
        folder.clear()?;
    }
    let now = provenance(plan);
    folder.describe(&plan.experiment.to_yaml(), &now)?;
    beginning.others = folder.others(&now.trials)?.into_iter().filter(|id| !id.ends_with(".damaged")).collect();

    let mut summary = Summary { folder: folder.path().into(), ..Summary::default() };
    let mut waiting = Vec::new();
    for trial in &plan.trials {
        let is_chosen = chosen.iter().any(|chosen| std::ptr::eq(*chosen, trial));
        match (folder.find(&trial.key)?, is_chosen) {
            (Found::Damaged(damage), false) => {
                folder.set_aside(&trial.key)?;
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
        work.ensembles(&[], &mut summary)?;
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
    if !interrupted {
        work.ensembles(&waiting, &mut summary)?;
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

fn check_same(before: &Provenance, plan: &Plan, folder: &ResultsFolder, fresh: bool) -> Result<()> {
    let foreign = |message: String| RecordError::Foreign { path: folder.path().into(), message };
    if before.experiment != plan.experiment.name {
        return Err(foreign(format!(
            "belongs to the experiment `{}`, not to `{}`; give another --results DIR",
            before.experiment, plan.experiment.name
        ))
        .into());
    }
    if !fresh && asks_otherwise(folder.path(), plan) {
        return Err(foreign(
            "holds an experiment of this name with another task, budget, selection or limits: rename this one, give another \
             --results DIR, or begin anew with --fresh"
                .into(),
        )
        .into());
    }
    if !fresh && let Some(what) = changed_since(before, &provenance(plan)) {
        return Err(foreign(format!(
            "was written with other {what}: put those back, begin anew with --fresh, or give another --results DIR"
        ))
        .into());
    }
    if !fresh && before.device_kind != plan.device.kind.to_string() {
        return Err(foreign(format!(
            "was written on the device `{}`, this run is on `{}`: go on with `--device {}`, begin anew with --fresh, or \
             give another --results DIR",
            before.device_kind, plan.device.kind, before.device_kind
        ))
        .into());
    }
    if !fresh && before.dtype != plan.device.precision.name() {
        return Err(foreign(format!(
            "was computed in {}, this run would be in {}: go on with `--dtype {}`, begin anew with --fresh, or give another \
             --results DIR",
            before.dtype, plan.device.precision, before.dtype
        ))
        .into());
    }
    Ok(())
}

/// What of the data and of the models that both runs have is not what it was.
fn changed_since(before: &Provenance, now: &Provenance) -> Option<String> {
    if let Some((split, hash)) =
        now.data_blake3.iter().find(|(split, hash)| before.data_blake3.get(*split) != Some(*hash))
    {
        let old = before.data_blake3.get(split).map_or("none", |old| &old[..8.min(old.len())]);
        return Some(format!("data ({split}: BLAKE3 {old}..., now {}...)", &hash[..8.min(hash.len())]));
    }
    let changed = now.models.iter().find(|model| {
        before.models.iter().any(|old| {
            old.source == model.source
                && (&old.weights_blake3, &old.tokenizer_blake3) != (&model.weights_blake3, &model.tokenizer_blake3)
        })
    })?;
    Some(format!("weights or another tokenizer of {}", changed.source))
}

/// Whether the experiment in `folder` differs in what all its trials share, so that none of them could stay and its tables
/// would be lost. One that cannot be read is no reason to stop: every trial carries its own fingerprint.
fn asks_otherwise(folder: &Path, plan: &Plan) -> bool {
    Experiment::load(&folder.join("experiment.yaml"), &[])
        .is_ok_and(|before| before.shared_hash() != plan.experiment.shared_hash())
}

fn provenance(plan: &Plan) -> Provenance {
    let yaml = plan.experiment.to_yaml();
    Provenance {
        format: Provenance::FORMAT,
        promptmine: env!("CARGO_PKG_VERSION").into(),
        experiment: plan.experiment.name.clone(),
        experiment_blake3: blake3::hash(yaml.as_bytes()).to_hex().to_string(),
        device: plan.device.description.clone(),
        device_kind: plan.device.kind.to_string(),
        dtype: plan.device.precision.to_string(),
        batch_size: plan.scorers.first().map_or(1, |s| s.settings().batch_size),
        machine: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        models: plan
            .scorers
            .iter()
            .zip(&plan.experiment.models)
            .map(|(scorer, source)| {
                let loaded = scorer.loaded();
                ModelProvenance {
                    source: source.to_string(),
                    commit: source.commit(),
                    family: loaded.model.shape().family.clone(),
                    n_parameters: loaded.model.shape().n_parameters,
                    weights_blake3: loaded.weights_hash.clone(),
                    tokenizer_blake3: loaded.tokenizer_hash.clone(),
                }
            })
            .collect(),
        data_blake3: plan
            .dataset
            .hashes
            .iter()
            .map(|(split, hash)| (split.to_string(), hash.clone()))
            .collect::<BTreeMap<_, _>>(),
        data_commit: plan.experiment.task.dataset.commit(),
        metric: plan.experiment.task.metric.name().into(),
        trials: (plan.trials.iter().map(|t| t.key.id())).chain(plan.ensembles.iter().map(|e| e.key.id())).collect(),
    }
}

/// What the trials of a run share.
struct Work<'a> {
    plan: &'a Plan,
    folder: &'a ResultsFolder,
    listener: &'a dyn Listener,
    stop: &'a AtomicBool,
    tables: Tables,
    store: Option<Arc<dyn ScoreStore>>,
    /// Rows of a batch: as planned, or halved once or more.
    batch_size: AtomicUsize,
    checkpoint_every: Duration,
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

    /// Makes the ensembles whose cells are over, those again of which a trial was among `ran`.
    fn ensembles(&self, ran: &[&PlannedTrial], summary: &mut Summary) -> Result<()> {
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

    /// Runs a trial, anew with smaller batches as long as the device has too little memory.
    fn trial(&self, planned: &PlannedTrial) -> Result<(), Stopped> {
        loop {
            let batch_size = self.batch_size.load(Ordering::Relaxed);
            let attempt = |emit: &mut dyn FnMut(Event) -> Result<()>| self.attempt(planned, batch_size, emit);
            match self.recorded(&planned.key, Some(batch_size), attempt)? {
                Attempt::Done => return Ok(()),
                // Another trial may have halved it meanwhile.
                Attempt::OutOfMemory => {
                    let _ = self.batch_size.compare_exchange(
                        batch_size,
                        batch_size / 2,
                        Ordering::Relaxed,
                        Ordering::Relaxed,
                    );
                }
            }
        }
    }

    /// Records what an attempt emits, its end last of all. Where it has a `batch_size`, running out of memory is no end.
    fn recorded(
        &self,
        key: &TrialKey,
        batch_size: Option<usize>,
        attempt: impl FnOnce(&mut dyn FnMut(Event) -> Result<()>) -> Result<(), Stopped>,
    ) -> Result<Attempt, Stopped> {
        let begun = Instant::now();
        let planned = self.plan.batch_size.size;
        let halved = batch_size.filter(|&size| size < planned);
        let mut writer = self.folder.begin(key).map_err(|e| Stopped::Fatal(e.into()))?;
        let mut last = None;
        let ended = {
            let mut emit = |event: Event| -> Result<()> {
                if event.is_last() {
                    // Its files come first: a trial that says that it is finished has them.
                    last = Some(if halved.is_some() { flagged(event) } else { event });
                    return Ok(());
                }
                writer.append(&event)?;
                self.listener.event(key, &event);
                if let Some(batch_size) = halved.filter(|_| matches!(event, Event::Started { .. })) {
                    let event = Event::Halved { batch_size, planned };
                    writer.append(&event)?;
                    self.listener.event(key, &event);
                }
                Ok(())
            };
            catch_unwind(AssertUnwindSafe(|| attempt(&mut emit)))
                .unwrap_or_else(|panic| Err(Stopped::Failed(format!("{PANIC}{}", message(&*panic)))))
        };
        if let Err(Stopped::Failed(reason)) = &ended
            && batch_size.is_some_and(|size| size > 1)
            && ran_out_of_memory(reason)
        {
            return Ok(Attempt::OutOfMemory);
        }
        let event = match &ended {
            Ok(()) => last,
            Err(Stopped::Failed(reason) | Stopped::Nothing(reason)) => {
                Some(Event::Failed { reason: reason.clone(), seconds: begun.elapsed().as_secs_f64() })
            }
            Err(_) => None,
        };
        if let Some(event) = event {
            writer.append(&event).map_err(|e| Stopped::Fatal(e.into()))?;
            self.listener.event(key, &event);
            self.tables.trial_ended(|| self.listener.trial_ended(self.folder.path())).map_err(Stopped::Fatal)?;
        }
        ended.map(|()| Attempt::Done)
    }

    fn attempt(
        &self,
        planned: &PlannedTrial,
        batch_size: usize,
        emit: &mut dyn FnMut(Event) -> Result<()>,
    ) -> Result<(), Stopped> {
        let plan = self.plan;
        let own = plan.scorer_with(planned.item, planned.model, batch_size);
        let item = &plan.experiment.search[planned.item];
        let seed = planned.key.seeds.first().copied().unwrap_or(0);
        // A control draws the random numbers of what it controls.
        let label = plan.label(planned.item);
        let purpose = format!("search {label} {} {}", planned.key.shots, own.loaded().weights_hash);
        let scorer = &match planned.control {
            Some(Control::RandomModel) => {
                with_batches(control::fresh(plan, planned, seed).map_err(Stopped::Fatal)?, batch_size)
            }
            _ => own,
        };
        let drawn = plan.data(planned);
        let shuffled = ShuffledLabels::new(&drawn, seed);
        let data = match planned.control {
            Some(Control::ShuffledLabels) => shuffled.data(&drawn),
            _ => drawn.clone(),
        };
        let winner = plan.winner(planned, self.folder);
        let own_task;
        let task = match winner.as_ref().ok().cloned().flatten() {
            None => &plan.task,
            winner => {
                own_task = TaskPrompt { winner, ..plan.task.clone() };
                &own_task
            }
        };
        let cells = cells(item, task, scorer, seed, &purpose, &format!("search[{}]", planned.item))
            .map_err(|e| Stopped::Fatal(e.into()))?;
        let calibrator = plan.calibrator(planned.calibration, &data).map_err(Stopped::Fatal)?;
        let checkpoints = Checkpoints::new(self.folder.path(), &planned.key, batch_size);
        let trial = Trial {
            key: &planned.key,
            scorer,
            dataset: &plan.dataset,
            data,
            calibrator,
            budget: plan.experiment.budget.evaluations,
            metric: plan.experiment.task.metric,
            select_by: plan.experiment.select.by,
            racing: plan.experiment.select.racing,
            store: self.store.clone(),
            checkpoints: Some((checkpoints.clone(), self.checkpoint_every)),
            diagnostics: if planned.control.is_none() { plan.n_diagnosed() } else { 0 },
            rules: if planned.control.is_none() { plan.rules_compared(planned.item) } else { Vec::new() },
        };
        if let Err(stopped) = winner {
            emit(trial.started()).map_err(Stopped::Fatal)?;
            return Err(stopped);
        }
        let progress = |spent: &crate::record::Spent| self.listener.progress(&planned.key, spent, planned.evaluations);
        let fatal = |e: RecordError| Stopped::Fatal(e.into());
        let files = match trial.run(cells, emit, &progress, self.stop) {
            Err(failed @ Stopped::Failed(_)) => {
                checkpoints.clear().map_err(fatal)?;
                return Err(failed);
            }
            ended => ended?,
        };
        checkpoints.clear().map_err(fatal)?;
        let folder = self.folder.trial_path(&planned.key);
        match files.vectors.is_empty() {
            true => files.prompt.save(&folder.join("prompt.json")),
            false => files.prompt.save_with(&files.vectors, &folder.join("prompt.safetensors")),
        }
        .map_err(fatal)?;
        if !files.tuned.is_empty() {
            save_tuned(&folder, &files.tuned).map_err(fatal)?;
        }
        if let Some(predictions) = files.predictions {
            predictions.save(&folder.join("predictions.parquet")).map_err(fatal)?;
        }
        Ok(())
    }
}

/// How an attempt at a trial ended, where it did not fail.
enum Attempt {
    Done,
    OutOfMemory,
}

/// The last event of a trial with halved batches, which says so.
fn flagged(event: Event) -> Event {
    match event {
        Event::Finished { spent, mut flags, seconds } => {
            flags.push("batch_halved".into());
            flags.sort();
            Event::Finished { spent, flags, seconds }
        }
        other => other,
    }
}

fn message(panic: &(dyn std::any::Any + Send)) -> &str {
    panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref().copied()).unwrap_or("unknown")
}
