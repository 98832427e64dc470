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
mod task;

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::error::Result;
use crate::prompt::Prompt;
use crate::record::{Found, RecordError, SavedPrompt, SetScores, TransferCell, TransferRecord};
use crate::scoring::{Outcome, Scorer, Settings};
use crate::spec::{Calibration, Method};
use crate::task::{Example, Metric};

use super::attempt::message;
use super::cell::prompts;
use super::oracle::set_hash;
use super::out_of_memory::{PANIC, ran_out_of_memory};
use super::plan::{Plan, PlannedTrial, with_batches};
use super::run::Work;
use super::selection::{gold, set_scores};

use moved::Source;
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

/// One model on one task, or on the prompts' own.
#[derive(Clone, Copy)]
struct Target<'p> {
    model: usize,
    task: Option<&'p TransferTask>,
}

impl Plan {
    fn targets<'p>(&'p self, trial: &PlannedTrial) -> Vec<Target<'p>> {
        let own = trial.model;
        let tasks = std::iter::once(None).chain(self.transfer.iter().map(Some));
        let of_task = |task: Option<&'p TransferTask>| (0..self.scorers.len()).map(move |model| Target { model, task });
        tasks.flat_map(of_task).filter(|target| target.model != own || target.task.is_some()).collect()
    }

    /// The trials whose prompts are transferred.
    fn transferred(&self) -> impl Iterator<Item = &PlannedTrial> {
        let asked = self.experiment.transfer.is_some();
        let is =
            move |trial: &&PlannedTrial| asked && trial.control.is_none() && trial.calibration == Calibration::None;
        self.trials.iter().filter(is)
    }

    /// The model of a target with the settings of its task; the rule for words of several tokens is that of the item, if it has one.
    fn target_scorer(&self, item: usize, target: Target<'_>, batch_size: usize) -> Arc<Scorer> {
        let own = self.scorer(item, target.model);
        let scorer = match target.task {
            None => own,
            Some(task) => {
                let multi_token = self.experiment.search[item].multi_token.unwrap_or(task.multi_token);
                let settings = Settings { multi_token, truncate: task.truncate, ..*own.settings() };
                Arc::new(Scorer::new(own.loaded().clone(), settings))
            }
        };
        with_batches(scorer, batch_size)
    }

    /// Values that transfer will give, and about how many evaluations they cost, the other tasks' own templates included.
    pub fn transfer_cost(&self) -> (usize, u64) {
        let cost = |scorer: &Scorer, prompt: &Prompt, n_test: usize| {
            scorer.evaluations_per_example(prompt).ok().map(|passes| passes * n_test as u64)
        };
        let mut values: Vec<u64> = Vec::new();
        for trial in self.transferred() {
            let item = &self.experiment.search[trial.item];
            let Some(prompt) = prompts(item, &self.task).into_iter().next().filter(|prompt| prompt.tuned.is_none())
            else {
                continue;
            };
            let has_vectors = !item.cells.iter().all(Method::is_discrete);
            let is_of_task =
                item.cells.iter().any(|cell| matches!(cell, Method::Demonstrations(_)) || cell.has_soft_verbalizer());
            for target in self.targets(trial) {
                let shape = |model: usize| {
                    let shape = self.scorers[model].loaded().model.shape();
                    (shape.kind, shape.d_model)
                };
                let other_width = has_vectors && shape(target.model) != shape(trial.model);
                if other_width || is_of_task && target.task.is_some() {
                    continue;
                }
                let scorer = self.target_scorer(trial.item, target, 1);
                match target.task {
                    None => values.extend(cost(&scorer, &prompt, trial.draw.test.len())),
                    Some(task) => {
                        let prompt = Prompt { verbalizer: task.verbalizer.clone(), ..prompt.clone() };
                        values.extend(cost(&scorer, &prompt, task.test().len()));
                    }
                }
            }
        }
        let of_task = |task: &TransferTask| -> u64 {
            let n_test = task.test().len();
            let scorers = self.scorers.iter().flat_map(|scorer| Some((scorer, task.manual.as_ref()?)));
            scorers.filter_map(|(scorer, manual)| cost(scorer, manual, n_test)).sum()
        };
        let manual: u64 = self.transfer.iter().map(of_task).sum();
        (values.len(), values.iter().sum::<u64>() + manual)
    }

    /// What transfer costs, or why it has nothing to do.
    pub(super) fn transfer_note(&self) -> Option<String> {
        self.experiment.transfer.as_ref()?;
        if self.scorers.len() == 1 && self.transfer.is_empty() {
            return Some(
                "transfer: there is one model and no other task (transfer.tasks), so no prompt goes anywhere".into(),
            );
        }
        if self.transferred().next().is_none() {
            return Some("transfer is of trials without calibration, and the experiment has none".into());
        }
        let (n, evaluations) = self.transfer_cost();
        let models = match self.scorers.len() {
            1 => "1 model".to_owned(),
            n => format!("{n} models"),
        };
        let tasks = match self.transfer.len() {
            0 => String::new(),
            1 => " and on 1 other task".to_owned(),
            n => format!(" and on {n} other tasks"),
        };
        Some(format!(
            "transfer: when all trials are over, the chosen prompts are scored on test with {models}{tasks}: at most {n} values, \
             about {evaluations} evaluations, outside the budget"
        ))
    }
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
                let cell = match self.asks(trial, &source, target) {
                    (cell, None) => {
                        done.without += 1;
                        cell
                    }
                    (cell, Some(question)) => {
                        let same = |known: &&TransferCell| known.fingerprint == cell.fingerprint;
                        match before.iter().flat_map(|before| &before.cells).find(same) {
                            Some(known) => {
                                done.known += 1;
                                known.clone()
                            }
                            None => {
                                if self.stop.load(Ordering::Relaxed) {
                                    return Ok(None);
                                }
                                let cell = self.answered(trial, target, &question, cell, &mut asked);
                                *(if cell.test.is_some() { &mut done.computed } else { &mut done.without }) += 1;
                                // What is known of the targets that follow stays on the disk until they are reached.
                                let mut all = cells.clone();
                                all.push(cell.clone());
                                let rest = before.iter().flat_map(|before| &before.cells).filter(|old| {
                                    !all.iter().any(|new| (&new.model, &new.task) == (&old.model, &old.task))
                                });
                                let rest: Vec<TransferCell> = rest.cloned().collect();
                                all.extend(rest);
                                TransferRecord { task: task.clone(), cells: all }.save(&folder)?;
                                cell
                            }
                        }
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

/// What a trial's folder has of transfer; what is damaged is computed again.
fn known(folder: &std::path::Path) -> Result<Option<TransferRecord>, RecordError> {
    match TransferRecord::load(folder) {
        Err(RecordError::Corrupt { .. }) => Ok(None),
        read => read,
    }
}

fn saved(folder: &std::path::Path) -> Result<(SavedPrompt, crate::prompt::Vectors), RecordError> {
    let hard = folder.join("prompt.json");
    SavedPrompt::open(&if hard.exists() { hard } else { folder.join("prompt.safetensors") })
}

/// The hash of a model with its settings on test examples; the size of a batch decides nothing that a value would show.
fn place(scorer: &Scorer, dataset: &crate::task::Dataset, examples: &[&Example]) -> [u8; 32] {
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
