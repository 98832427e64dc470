//! What a run would do: the grid of an experiment as trials, with everything loaded and checked.

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::model::{self, ResolvedDevice};
use crate::prompt::Prompt;
use crate::record::TrialKey;
use crate::scoring::{BATCH_TEXTS, Calibrator, Scorer, Settings};
use crate::spec::{Calibration, Control, Experiment, Gcg, Method, SearchItem};
use crate::task::{Dataset, Draw, Shots};

use super::RunnerError;
use super::batch_size::{BatchSize, GPU_LENGTH_STEP, Load, takes_gradients};
use super::cell::{TaskPrompt, cells, demonstrations, prompts};
use super::control;
use super::diagnosis;
use super::draws::{SeedDraws, draws, examples};
use super::ensemble::PlannedEnsemble;
use super::rank_correlation::n_compared;
use super::task_prompt::{open_probe, task_prompt};
use super::trial::TrialData;

/// An experiment with its data, its models and its trials.
pub struct Plan {
    /// The experiment.
    pub experiment: Experiment,
    /// Its data.
    pub dataset: Dataset,
    /// Its models, in the order of the experiment.
    pub scorers: Vec<Arc<Scorer>>,
    /// The device that they are on.
    pub device: ResolvedDevice,
    /// The prompt that the task starts from.
    pub task: TaskPrompt,
    /// Its trials: those that are ranked, then the controls; within them items, then models, then shots, then seeds.
    pub trials: Vec<PlannedTrial>,
    /// Its ensembles, which come after the trials.
    pub ensembles: Vec<PlannedEnsemble>,
    /// What is worth saying before it runs, a sentence each.
    pub notes: Vec<String>,
    /// How its batches are sized.
    pub batch_size: BatchSize,
}

/// A trial that would run.
pub struct PlannedTrial {
    /// Its identity.
    pub key: TrialKey,
    /// Its item in the experiment's `search`.
    pub item: usize,
    /// The control that it is, of that item's row.
    pub control: Option<Control>,
    /// Its model in the experiment's `models`.
    pub model: usize,
    /// Its examples.
    pub draw: Draw,
    /// What corrects its scores.
    pub calibration: Calibration,
    /// Evaluations at most within the budget.
    pub evaluations: u64,
    /// The passes of its prompts, at least.
    pub passes: u64,
    /// Evaluations that one candidate costs, at least; those for its calibration included.
    pub candidate_evaluations: u64,
    /// Evaluations for test, outside the budget.
    pub test_evaluations: u64,
    /// Whether its method passes backward through the model.
    pub backward: bool,
    /// Evaluations, about, for the rank correlation of the label-free score with test, outside the budget; at 0 shots.
    pub correlation_evaluations: u64,
    /// Evaluations, at most, for the surfaces of the chosen prompt, outside the budget.
    pub diagnostic_evaluations: u64,
}

impl PlannedTrial {
    /// Examples that selection looks at.
    pub fn n_selection(&self) -> usize {
        if self.draw.dev.is_empty() { self.draw.unlabelled.len() } else { self.draw.dev.len() }
    }
}

impl Plan {
    /// Loads and checks all that `experiment` names.
    ///
    /// `batch_size` is that of an earlier start of the same run, where there was one, or that which the user wants; else it is
    /// chosen from the memory that is free now.
    ///
    /// # Errors
    /// The first thing that keeps the experiment from running, in the order experiment, data, model.
    pub fn new(experiment: Experiment, device: ResolvedDevice, batch_size: Option<usize>) -> Result<Self> {
        let of_data = |e| Error::from(e).at(experiment.place("task.dataset"));
        let mut dataset = Dataset::load(&experiment.dataset()).map_err(of_data)?;
        let mut task = task_prompt(&experiment, &dataset)?;
        let draws = draws(&experiment, &dataset)?;
        dataset.hold(draws.iter().flat_map(|(_, draws)| draws).map(|(_, draw)| draw)).map_err(of_data)?;
        let gpu = device.kind == model::DeviceChoice::Wgpu;
        let settings = Settings {
            multi_token: experiment.task.multi_token,
            truncate: experiment.task.truncate,
            batch_size: 1,
            length_step: if gpu { GPU_LENGTH_STEP } else { 1 },
        };
        for (item, label) in experiment.search.iter().zip(SearchItem::labels(&experiment.search)) {
            let asked = |other: &SearchItem| other.cells.iter().any(|cell| cell.starts_from() == Some(&label));
            if experiment.search.iter().any(asked)
                && let Some(prompt) = prompts(item, &task).into_iter().next()
            {
                task.starts.insert(label, prompt.template);
            }
        }
        let mut scorers = Vec::new();
        for (index, source) in experiment.models.iter().enumerate() {
            let place = || experiment.place(&format!("models[{index}]")).or_else(|| experiment.place("models"));
            let loaded = model::load(&experiment.model(source), &device).map_err(|e| Error::from(e).at(place()))?;
            scorers.push(Scorer::new(loaded, settings));
        }
        let all_prompts: Vec<Prompt> = experiment.search.iter().flat_map(|item| prompts(item, &task)).collect();
        let load = Load {
            prompts: &all_prompts,
            dataset: &dataset,
            backward: experiment.search.iter().any(|item| item.cells.iter().any(takes_gradients)),
            tunes: experiment
                .search
                .iter()
                .any(|item| item.cells.iter().any(|cell| matches!(cell, Method::FineTune(_)))),
            scorers: scorers.iter().collect(),
        };
        let batch_size = load.batch_size(&device, batch_size);
        let settings = Settings { batch_size: batch_size.size, ..settings };
        let sized = scorers.into_iter().map(|scorer| {
            let loaded = scorer.loaded().clone();
            Arc::new(Scorer::new(if batch_size.recomputes { loaded.recomputing() } else { loaded }, settings))
        });
        let scorers: Vec<Arc<Scorer>> = sized.collect();
        for (index, item) in experiment.search.iter().enumerate() {
            for method in &item.cells {
                let Method::Gcg(Gcg { probe: Some(probe), .. }) = method else { continue };
                open_probe(&experiment, probe, &device, &scorers, index, &mut task)?;
            }
            for scorer in &scorers {
                let scorer = &with_rule(scorer, item);
                for prompt in prompts(item, &task) {
                    let calibrated = experiment.calibration.iter().try_for_each(|&way| {
                        // What a calibration asks of a prompt does not depend on its texts.
                        let text = crate::task::Example { row: 0, fields: Vec::new(), label: None };
                        Calibrator::new(way, 0, &[&text], 1)?.check(&prompt)
                    });
                    let pmi = item.cells.iter().any(Method::has_soft_verbalizer)
                        && experiment.calibration.contains(&Calibration::PmiDc);
                    let calibrated = calibrated.and(match pmi {
                        true => Err(crate::scoring::ScoringError::Template {
                            template: prompt.template.to_string(),
                            reason: "calibration `pmi_dc` is of label words, and a soft verbalizer has none (allowed with it: none, contextual, batch)".into(),
                        }),
                        false => Ok(()),
                    });
                    scorer.check_template(&prompt, &dataset.columns).and(calibrated).map_err(|source| {
                        let file = experiment.place(&format!("search[{index}]"));
                        let place = file.unwrap_or_else(|| format!("search[{index}]"));
                        let place = format!("{place} with {}", scorer.loaded().source);
                        RunnerError::Prompt { place, source: Box::new(source) }
                    })?;
                }
                cells(item, &task, scorer, 0, "check", &format!("search[{index}]"))?;
            }
        }
        let mut plan = Self {
            experiment,
            dataset,
            scorers,
            device,
            task,
            trials: Vec::new(),
            ensembles: Vec::new(),
            notes: Vec::new(),
            batch_size,
        };
        plan.check_demonstrations(&draws)?;
        plan.lay_out(draws)?;
        plan.check_budget()?;
        plan.note();
        Ok(plan)
    }

    /// The examples of a trial.
    pub fn data(&self, trial: &PlannedTrial) -> TrialData<'_> {
        examples(&self.dataset, &trial.draw)
    }

    /// What corrects the scores of a trial.
    ///
    /// # Errors
    /// [`crate::scoring::ScoringError::CalibrationTexts`].
    pub fn calibrator(&self, way: Calibration, data: &TrialData<'_>) -> Result<Calibrator> {
        let n = self.experiment.limits.calibration.unwrap_or(BATCH_TEXTS);
        Calibrator::new(way, self.dataset.columns.len(), &data.unlabelled, n)
            .map_err(|e| Error::from(e).at(self.experiment.place("calibration")))
    }

    /// The model of an item's trials, with the rule for words of several tokens that the item has.
    pub fn scorer(&self, item: usize, model: usize) -> Arc<Scorer> {
        let scorer = &self.scorers[model];
        with_rule(scorer, &self.experiment.search[item])
    }

    /// The same with batches of another size.
    pub fn scorer_with(&self, item: usize, model: usize, batch_size: usize) -> Arc<Scorer> {
        with_batches(self.scorer(item, model), batch_size)
    }

    /// Checks the items that show training examples against every draw.
    fn check_demonstrations(&self, draws: &[(Shots, SeedDraws)]) -> Result<()> {
        for (index, item) in self.experiment.search.iter().enumerate() {
            for method in &item.cells {
                let Method::Demonstrations(method) = method else { continue };
                let key = format!("search[{index}]");
                let place = self.experiment.place(&key).unwrap_or(key);
                for (shots, draws) in draws.iter().filter(|(shots, _)| *shots != Shots::Count(0)) {
                    for (scorer, (_, draw)) in self.scorers.iter().flat_map(|s| draws.iter().map(move |draw| (s, draw)))
                    {
                        let train = examples(&self.dataset, draw).train;
                        let shots = shots.to_string();
                        demonstrations::check(method, &self.task, scorer, &self.dataset, &train, (&place, &shots))?;
                    }
                }
            }
        }
        Ok(())
    }

    fn lay_out(&mut self, draws: Vec<(Shots, SeedDraws)>) -> Result<()> {
        let mut trials = self.trials_of(&draws, None)?;
        for &control in &self.experiment.controls {
            trials.extend(self.trials_of(&draws, Some(control))?);
        }
        self.trials = trials;
        self.ensembles = self.lay_out_ensembles(&draws);
        Ok(())
    }

    fn trials_of(&self, draws: &[(Shots, SeedDraws)], control: Option<Control>) -> Result<Vec<PlannedTrial>> {
        let mut trials = Vec::new();
        for (item_index, item) in self.experiment.search.iter().enumerate() {
            let own = self.label(item_index);
            let label = control.map_or_else(|| own.clone(), |control| format!("{own} {}", control.name()));
            for model in 0..self.scorers.len() {
                let scorer = &self.scorer(item_index, model);
                let prompts = prompts(item, &self.task);
                let mut passes = Vec::new();
                for prompt in &prompts {
                    passes.push(scorer.evaluations_per_example(prompt)?);
                }
                for (shots, draws) in draws {
                    if *shots == Shots::Count(0) && item.cells.first().is_some_and(Method::needs_labels) {
                        continue;
                    }
                    if control.is_some_and(|control| !control::applies(control, item, shots)) {
                        continue;
                    }
                    let together = match control {
                        None => self.together(item, draws),
                        Some(_) => draws.iter().map(|(seed, draw)| (vec![*seed], draw.clone())).collect(),
                    };
                    for ((seeds, draw), &calibration) in
                        together.iter().flat_map(|of| self.experiment.calibration.iter().map(move |way| (of, way)))
                    {
                        let (seeds, draw) = (seeds.clone(), draw.clone());
                        let data = examples(&self.dataset, &draw);
                        let n_texts = self.calibrator(calibration, &data)?.texts().len();
                        let n_selection = (data.selection().len() + n_texts) as u64;
                        let all: u64 = passes.iter().sum::<u64>() * n_selection;
                        let budget = self.experiment.budget.evaluations;
                        let evaluations = if matches!(item.cells.first(), Some(Method::Manual(_))) {
                            all.min(budget)
                        } else {
                            budget
                        };
                        let mut key = TrialKey {
                            item: item_index,
                            method: item.name().into(),
                            label: label.clone(),
                            model: self.experiment.models[model].to_string(),
                            shots: shots.to_string(),
                            calibration: calibration.name().into(),
                            seeds,
                            control: control.map(|control| control.name().into()),
                            fingerprint: String::new(),
                        };
                        key.fingerprint = self.fingerprint(&key, item, scorer, &data);
                        let test_evaluations = passes.iter().max().copied().unwrap_or(1) * data.test.len() as u64;
                        let fewest_passes = passes.iter().min().copied().unwrap_or(1);
                        let candidate_evaluations = fewest_passes * n_selection;
                        let n_candidates = evaluations / candidate_evaluations.max(1);
                        let correlation_evaluations = if *shots == Shots::Count(0) && n_candidates > 1 {
                            let passes = passes.iter().max().copied().unwrap_or(1);
                            let n_test = n_compared(n_candidates, passes, budget, data.test.len() as u64);
                            n_candidates * passes * n_test
                        } else {
                            0
                        };
                        trials.push(PlannedTrial {
                            key,
                            item: item_index,
                            control,
                            model,
                            draw,
                            calibration,
                            evaluations,
                            passes: fewest_passes,
                            candidate_evaluations,
                            test_evaluations,
                            backward: item.cells.iter().any(takes_gradients),
                            correlation_evaluations,
                            diagnostic_evaluations: match control {
                                None => {
                                    let n = self.n_diagnosed().min(data.test.len().max(data.dev.len())) as u64;
                                    diagnosis::SURFACES * passes.iter().max().copied().unwrap_or(1) * n
                                }
                                Some(_) => 0,
                            },
                        });
                    }
                }
            }
        }
        Ok(trials)
    }

    /// The trials of an item at one number of shots: a trial that cannot depend on the seed stands for all of them.
    fn together(&self, item: &SearchItem, draws: &[(u64, Draw)]) -> Vec<(Vec<u64>, Draw)> {
        let manual = matches!(item.cells.first(), Some(Method::Manual(_)));
        let same =
            |a: &Draw, b: &Draw| sorted(&a.dev) == sorted(&b.dev) && sorted(&a.unlabelled) == sorted(&b.unlabelled);
        match draws {
            [(_, first), rest @ ..] if manual && !rest.is_empty() && rest.iter().all(|(_, d)| same(first, d)) => {
                let mut draw = first.clone();
                draw.dev.sort_unstable();
                draw.unlabelled.sort_unstable();
                vec![(draws.iter().map(|(seed, _)| *seed).collect(), draw)]
            }
            _ => draws.iter().map(|(seed, draw)| (vec![*seed], draw.clone())).collect(),
        }
    }

    /// `autoprompt`, or `autoprompt 2` for the second item of the method; `manual independent` for one with its own rule for
    /// words of several tokens.
    pub(super) fn label(&self, item: usize) -> String {
        SearchItem::labels(&self.experiment.search).swap_remove(item)
    }

    /// Refuses a budget within which nothing can be scored.
    fn check_budget(&self) -> Result<()> {
        let budget = self.experiment.budget.evaluations;
        match self.trials.iter().map(|t| t.candidate_evaluations).min() {
            Some(least) if least > budget => Err(RunnerError::Budget { budget, least }.into()),
            _ => Ok(()),
        }
    }
}

/// The same scorer with batches of another size.
pub(super) fn with_batches(scorer: Arc<Scorer>, batch_size: usize) -> Arc<Scorer> {
    match *scorer.settings() {
        settings if settings.batch_size == batch_size => scorer,
        settings => Arc::new(Scorer::new(scorer.loaded().clone(), Settings { batch_size, ..settings })),
    }
}

fn with_rule(scorer: &Arc<Scorer>, item: &SearchItem) -> Arc<Scorer> {
    let settings = *scorer.settings();
    match item.multi_token {
        Some(multi_token) if multi_token != settings.multi_token => {
            Arc::new(Scorer::new(scorer.loaded().clone(), Settings { multi_token, ..settings }))
        }
        _ => Arc::clone(scorer),
    }
}

fn sorted(indices: &[usize]) -> Vec<usize> {
    let mut indices = indices.to_vec();
    indices.sort_unstable();
    indices
}
