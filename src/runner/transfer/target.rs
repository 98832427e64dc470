//! Where chosen prompts go, and what that costs.

use std::sync::Arc;

use crate::prompt::Prompt;
use crate::scoring::{Scorer, Settings};
use crate::spec::{Calibration, Method};

use super::super::cell::prompts;
use super::super::plan::{Plan, PlannedTrial, with_batches};
use super::task::TransferTask;

/// One model on one task, or on the prompts' own.
#[derive(Clone, Copy)]
pub(super) struct Target<'p> {
    /// The model's place in the experiment.
    pub model: usize,
    /// The task; `None` for the prompts' own.
    pub task: Option<&'p TransferTask>,
}

impl Plan {
    /// Where the prompt of a trial goes: tasks, its own first, and for each the models; not where it comes from.
    pub(super) fn targets<'p>(&'p self, trial: &PlannedTrial) -> Vec<Target<'p>> {
        let own = trial.model;
        let tasks = std::iter::once(None).chain(self.transfer.iter().map(Some));
        let of_task = |task: Option<&'p TransferTask>| (0..self.scorers.len()).map(move |model| Target { model, task });
        tasks.flat_map(of_task).filter(|target| target.model != own || target.task.is_some()).collect()
    }

    /// The trials whose prompts are transferred.
    pub(super) fn transferred(&self) -> impl Iterator<Item = &PlannedTrial> {
        let asked = self.experiment.transfer.is_some();
        let is =
            move |trial: &&PlannedTrial| asked && trial.control.is_none() && trial.calibration == Calibration::None;
        self.trials.iter().filter(is)
    }

    /// The model of a target with the settings of its task; the rule for words of several tokens is that of the item, if it has one.
    pub(super) fn target_scorer(&self, item: usize, target: Target<'_>, batch_size: usize) -> Arc<Scorer> {
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
    pub(in crate::runner) fn transfer_note(&self) -> Option<String> {
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
