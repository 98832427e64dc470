//! The chosen prompts on the other models and on other tasks, when the trials of all models are over.
//!
//! # Decisions
//!
//! - 2026-11: transfer is a diagnostic (contract, definition 5): it begins when every trial of the plan is complete or has failed,
//!   nothing is chosen by it, and it is outside every budget. A run that leaves trials out leaves it to the one that completes them.
//! - 2026-11: trials without calibration alone: a prior of one model and one set of texts says nothing of others. Controls and
//!   ensembles are left out too.
//! - 2026-11: on another task the prompt keeps its text and its vectors and gets that task's label words; the task's own template,
//!   where it has one, is scored beside it, since a value alone would not say whether anything was carried over.
//! - 2026-11: what cannot be scored is a value with a reason, never a run that failed.

mod moved;
mod target;
mod task;

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::Ordering;

use crate::error::Result;
use crate::prompt::{Prompt, Vectors};
use crate::record::{Found, RecordError, SavedPrompt, SetScores, TransferCell, TransferRecord};
use crate::scoring::{Outcome, Scorer, Settings};
use crate::task::{Dataset, Example, Metric};

use super::attempt::message;
use super::oracle::set_hash;
use super::out_of_memory::{PANIC, ran_out_of_memory};
use super::plan::{PlannedTrial, with_batches};
use super::run::Work;
use super::selection::{gold, set_scores};

use moved::Source;
use target::Target;
pub use task::TransferTask;

/// What a run did for the transfer of its prompts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Transferred {
    /// Values that were computed.
    pub computed: usize,
    /// Values that were known.
    pub known: usize,
    /// Prompts that have no value with a model on a task.
    pub without: usize,
    /// Trials that it waits for; nothing is computed before they are over.
    pub waits_for: usize,
}

/// What several prompts share: equal questions are asked once.
#[derive(Default)]
struct Asked {
    scores: HashMap<([u8; 32], [u8; 32]), Result<SetScores, String>>,
}

impl Work<'_> {
    /// Scores the chosen prompts elsewhere, what the record has of it left alone; `None` if the user stopped it.
    ///
    /// # Errors
    /// [`RecordError`] if the record cannot be read or written.
    pub(super) fn transfer(&self) -> Result<Option<Transferred>> {
        let mut done = Transferred::default();
        let mut complete = Vec::new();
        if self.plan.experiment.transfer.is_none() {
            return Ok(Some(done));
        }
        for trial in &self.plan.trials {
            match self.folder.find(&trial.key)? {
                Found::Complete => complete.push(&trial.key),
                Found::Failed => {}
                Found::New | Found::Unfinished | Found::Damaged(_) => done.waits_for += 1,
            }
        }
        if done.waits_for > 0 {
            return Ok(Some(done));
        }
        let trials: Vec<&PlannedTrial> = self.plan.transferred().filter(|t| complete.contains(&&t.key)).collect();
        let n_all: usize = trials.iter().map(|trial| self.plan.targets(trial).len()).sum();
        let mut asked = Asked::default();
        for trial in trials {
            let folder = self.folder.trial_path(&trial.key);
            let before = known(&folder)?;
            let scorer = self.plan.scorer(trial.item, trial.model);
            let (saved, vectors) = saved(&folder)?;
            let source = Source { saved, vectors, scorer: &scorer };
            let mut cells: Vec<TransferCell> = Vec::new();
            let task = self.plan.dataset.name.clone();
            for target in self.plan.targets(trial) {
                let (cell, question) = self.asks(trial, &source, target);
                // One that failed is tried again.
                let same = |known: &&TransferCell| known.test.is_some() && known.fingerprint == cell.fingerprint;
                let cell = match (question, before.iter().flat_map(|before| &before.cells).find(same)) {
                    (None, _) => {
                        done.without += 1;
                        cell
                    }
                    (Some(_), Some(known)) => {
                        done.known += 1;
                        known.clone()
                    }
                    (Some(question), None) => {
                        if self.stop.load(Ordering::Relaxed) {
                            return Ok(None);
                        }
                        let cell = self.answered(trial, target, &question, cell, &mut asked);
                        *(if cell.test.is_some() { &mut done.computed } else { &mut done.without }) += 1;
                        so_far(&task, &cells, &cell, before.as_ref()).save(&folder)?;
                        cell
                    }
                };
                cells.push(cell);
                self.listener.transferred(done.computed + done.known + done.without, n_all);
            }
            let record = TransferRecord { task, cells };
            if known(&folder)?.as_ref() != Some(&record) {
                record.save(&folder)?;
            }
        }
        Ok(Some(done))
    }

    /// What is asked of a target, and the cell that it will fill; or the cell with the reason why nothing is.
    fn asks(&self, trial: &PlannedTrial, source: &Source<'_>, target: Target<'_>) -> (TransferCell, Option<Prompt>) {
        let plan = self.plan;
        let scorer = plan.target_scorer(trial.item, target, plan.batch_size.size);
        let (dataset, metric) = match target.task {
            None => (&plan.dataset, plan.experiment.task.metric),
            Some(task) => (&task.dataset, task.metric),
        };
        let examples = self.examples(trial, target);
        let prompt = source.moved(&scorer, target.task).and_then(|prompt| {
            if examples.is_empty() {
                return Err("the data has no labelled test split".to_owned());
            }
            scorer.check(&prompt, &dataset.columns).map(|()| prompt).map_err(|e| e.to_string())
        });
        let (shown, verbalizer) = match &prompt {
            Ok(prompt) => (text(&scorer, prompt), prompt.verbalizer.to_string()),
            Err(_) => (source.saved.prompt.clone(), String::new()),
        };
        let mut cell = TransferCell {
            task: target.task.map(|task| task.name.clone()),
            model: plan.experiment.models[target.model].to_string(),
            prompt: shown,
            verbalizer,
            metric: metric.name().into(),
            n_labels: dataset.labels.len(),
            gold: Vec::new(),
            test: None,
            manual: None,
            reason: None,
            fingerprint: String::new(),
        };
        if target.task.is_some() {
            cell.gold = gold(&examples).into_iter().map(|label| label as u16).collect();
        }
        match prompt {
            Err(reason) => {
                cell.reason = Some(reason);
                (cell, None)
            }
            Ok(prompt) => {
                let manual = target.task.and_then(|task| task.manual.as_ref()).map(Prompt::content_hash);
                let mut hasher = blake3::Hasher::new_derive_key("promptmine 2026 transfer");
                let mut part = |bytes: &[u8]| {
                    hasher.update(&(bytes.len() as u64).to_le_bytes());
                    hasher.update(bytes);
                };
                part(env!("CARGO_PKG_VERSION").as_bytes());
                part(trial.key.fingerprint.as_bytes());
                part(&prompt.content_hash());
                part(&place(&scorer, dataset, &examples));
                part(format!("{} {:?} {} {manual:?}", cell.model, cell.task, cell.metric).as_bytes());
                part(format!("{} {}", plan.device.kind, plan.device.precision).as_bytes());
                cell.fingerprint = hasher.finalize().to_hex().to_string();
                (cell, Some(prompt))
            }
        }
    }

    fn examples<'w>(&'w self, trial: &PlannedTrial, target: Target<'w>) -> Vec<&'w Example> {
        match target.task {
            None => self.plan.data(trial).test,
            Some(task) => task.test(),
        }
    }

    /// The cell with its values.
    fn answered(
        &self,
        trial: &PlannedTrial,
        target: Target<'_>,
        prompt: &Prompt,
        cell: TransferCell,
        asked: &mut Asked,
    ) -> TransferCell {
        let metric = target.task.map_or(self.plan.experiment.task.metric, |task| task.metric);
        let examples = self.examples(trial, target);
        let mut score = |prompt: &Prompt| self.score(trial.item, target, prompt, &examples, metric, asked);
        let manual = target.task.and_then(|task| task.manual.as_ref()).and_then(|manual| score(manual).ok());
        match score(prompt) {
            Ok(test) => TransferCell { test: Some(test), manual: manual.map(|manual| manual.metric), ..cell },
            Err(reason) => TransferCell { reason: Some(reason), ..cell },
        }
    }

    /// Scores a prompt, with smaller batches as long as the device has too little memory.
    fn score(
        &self,
        item: usize,
        target: Target<'_>,
        prompt: &Prompt,
        examples: &[&Example],
        metric: Metric,
        asked: &mut Asked,
    ) -> Result<SetScores, String> {
        let dataset = target.task.map_or(&self.plan.dataset, |task| &task.dataset);
        let planned = self.plan.target_scorer(item, target, self.plan.batch_size.size);
        let key = (prompt.content_hash(), place(&planned, dataset, examples));
        if let Some(known) = asked.scores.get(&key) {
            return known.clone();
        }
        let scored = loop {
            let batch_size = self.batch_size.load(Ordering::Relaxed);
            let scorer = with_batches(planned.clone(), batch_size);
            let attempt = || {
                let round = scorer.score(std::slice::from_ref(prompt), &dataset.columns, examples);
                let scores = round.map_err(|e| e.to_string())?.scores.remove(0);
                Ok(set_scores(Outcome::of(&scores, &gold(examples), dataset.labels.len(), metric)))
            };
            let ended = catch_unwind(AssertUnwindSafe(attempt))
                .unwrap_or_else(|panic| Err(format!("{PANIC}{}", message(&*panic))));
            match ended {
                Err(reason) if batch_size > 1 && ran_out_of_memory(&reason) => {
                    self.batch_size.store(batch_size / 2, Ordering::Relaxed);
                }
                ended => break ended,
            }
        };
        asked.scores.insert(key, scored.clone());
        scored
    }
}

/// What is known so far; of the targets that follow, what was known before stays on the disk until they are reached.
fn so_far(task: &str, cells: &[TransferCell], last: &TransferCell, before: Option<&TransferRecord>) -> TransferRecord {
    let mut all = [cells, std::slice::from_ref(last)].concat();
    for old in before.iter().flat_map(|before| &before.cells) {
        if !all.iter().any(|new| (&new.model, &new.task) == (&old.model, &old.task)) {
            all.push(old.clone());
        }
    }
    TransferRecord { task: task.to_owned(), cells: all }
}

/// What a trial's folder has of transfer; what is damaged is computed again.
fn known(folder: &Path) -> Result<Option<TransferRecord>, RecordError> {
    match TransferRecord::load(folder) {
        Err(RecordError::Corrupt { .. }) => Ok(None),
        read => read,
    }
}

fn saved(folder: &Path) -> Result<(SavedPrompt, Vectors), RecordError> {
    let hard = folder.join("prompt.json");
    SavedPrompt::open(&if hard.exists() { hard } else { folder.join("prompt.safetensors") })
}

/// The hash of a model with its settings on test examples; the size of a batch decides nothing that a value would show.
fn place(scorer: &Scorer, dataset: &Dataset, examples: &[&Example]) -> [u8; 32] {
    let Settings { multi_token, truncate, .. } = *scorer.settings();
    let loaded = scorer.loaded();
    let mut hasher = blake3::Hasher::new_derive_key("promptmine 2026 transfer target");
    for part in [&loaded.weights_hash, &loaded.tokenizer_hash, &dataset.columns.join("\n"), &dataset.labels.join("\n")]
    {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    hasher.update(&set_hash("test", examples).0);
    hasher.update(format!("{} {truncate}", multi_token.name()).as_bytes());
    *hasher.finalize().as_bytes()
}

/// The prompt for people.
fn text(scorer: &Scorer, prompt: &Prompt) -> String {
    let tokenizer = &scorer.loaded().tokenizer;
    let slots = prompt.triggers.by_slot(&prompt.template).into_iter().map(|ids| tokenizer.decode(ids));
    prompt.template.describe(&slots.collect::<Vec<_>>())
}
