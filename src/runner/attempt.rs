//! One trial of a run on the disk: begun, recorded, sealed; anew with smaller batches where memory runs out.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::time::Instant;

use crate::error::Result;
use crate::record::{Checkpoints, Event, RecordError, TrialKey, save_tuned};
use crate::spec::Control;

use super::cell::{TaskPrompt, cells};
use super::control::{self, ShuffledLabels};
use super::out_of_memory::{PANIC, ran_out_of_memory};
use super::plan::{PlannedTrial, with_batches};
use super::run::Work;
use super::trial::{Stopped, Trial};

impl Work<'_> {
    /// Runs a trial, anew with smaller batches as long as the device has too little memory.
    pub(super) fn trial(&self, planned: &PlannedTrial) -> Result<(), Stopped> {
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
    pub(super) fn recorded(
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
            sweep: plan.experiment.budget.sweep,
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
pub(super) enum Attempt {
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

pub(super) fn message(panic: &(dyn std::any::Any + Send)) -> &str {
    panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref().copied()).unwrap_or("unknown")
}
