//! What a run would do: the grid of an experiment as trials, with everything loaded and checked.

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::model::{self, ResolvedDevice};
use crate::prompt::Verbalizer;
use crate::record::TrialKey;
use crate::scoring::{Scorer, Settings};
use crate::spec::{Experiment, Method, SearchItem};
use crate::task::{Dataset, Draw, Example, Shots, Split, draw};

use super::RunnerError;
use super::cell::{TaskPrompt, cells, prompts};
use super::oracle::set_hash;
use super::rank_correlation::n_compared;
use super::trial::TrialData;

/// Sequences in a batch on the CPU: large enough for the matrix products, small enough for the caches.
const CPU_BATCH: usize = 32;
/// Sequences in a batch on a GPU.
const GPU_BATCH: usize = 128;
/// On a GPU batches are padded to a multiple of so many tokens, so that there are few shapes to tune for.
const GPU_LENGTH_STEP: usize = 16;

/// Texts that prompts are chosen on at 0 shots where `limits.unlabelled` says nothing.
const UNLABELLED: u64 = 256;
/// Where it says nothing, a budget is to cover so many candidates at 0 shots.
const FEWEST_CANDIDATES: u64 = 16;
/// Fewer texts than these are not worth choosing on.
const FEWEST_TEXTS: u64 = 16;

/// The draw of each seed.
type SeedDraws = Vec<(u64, Draw)>;

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
    /// Its trials: items, then models, then shots, then seeds.
    pub trials: Vec<PlannedTrial>,
    /// What is worth saying before it runs, a sentence each.
    pub notes: Vec<String>,
}

/// A trial that would run.
pub struct PlannedTrial {
    /// Its identity.
    pub key: TrialKey,
    /// Its item in the experiment's `search`.
    pub item: usize,
    /// Its model in the experiment's `models`.
    pub model: usize,
    /// Its examples.
    pub draw: Draw,
    /// Evaluations at most within the budget.
    pub evaluations: u64,
    /// Evaluations that one candidate costs, at least.
    pub candidate_evaluations: u64,
    /// Evaluations for test, outside the budget.
    pub test_evaluations: u64,
    /// Evaluations, about, for the rank correlation of the label-free score with test, outside the budget; at 0 shots.
    pub correlation_evaluations: u64,
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
    /// `batch_size` is that of an earlier start of the same run, where there was one.
    ///
    /// # Errors
    /// The first thing that keeps the experiment from running, in the order experiment, data, model.
    pub fn new(experiment: Experiment, device: ResolvedDevice, batch_size: Option<usize>) -> Result<Self> {
        let dataset =
            Dataset::load(&experiment.dataset()).map_err(|e| Error::from(e).at(experiment.place("task.dataset")))?;
        let task = task_prompt(&experiment, &dataset)?;
        let draws = draws(&experiment, &dataset)?;
        let gpu = device.kind == model::DeviceChoice::Wgpu;
        let settings = Settings {
            multi_token: experiment.task.multi_token,
            truncate: experiment.task.truncate,
            batch_size: batch_size.unwrap_or(if gpu { GPU_BATCH } else { CPU_BATCH }),
            length_step: if gpu { GPU_LENGTH_STEP } else { 1 },
        };
        let mut scorers = Vec::new();
        for (index, source) in experiment.models.iter().enumerate() {
            let place = || experiment.place(&format!("models[{index}]")).or_else(|| experiment.place("models"));
            let loaded = model::load(&experiment.model(source), &device).map_err(|e| Error::from(e).at(place()))?;
            scorers.push(Arc::new(Scorer::new(loaded, settings)));
        }
        for (index, item) in experiment.search.iter().enumerate() {
            for scorer in &scorers {
                for prompt in prompts(item, &task) {
                    scorer.check(&prompt, &dataset.columns).map_err(|source| {
                        let file = experiment.place(&format!("search[{index}]"));
                        let place = file.unwrap_or_else(|| format!("search[{index}]"));
                        let place = format!("{place} with {}", scorer.loaded().source);
                        RunnerError::Prompt { place, source: Box::new(source) }
                    })?;
                }
                cells(item, &task, scorer, 0, "check", &format!("search[{index}]"))?;
            }
        }
        let mut plan = Self { experiment, dataset, scorers, device, task, trials: Vec::new(), notes: Vec::new() };
        plan.lay_out(draws)?;
        plan.check_budget()?;
        plan.note();
        Ok(plan)
    }

    /// The examples of a trial.
    pub fn data(&self, trial: &PlannedTrial) -> TrialData<'_> {
        examples(&self.dataset, &trial.draw)
    }

    fn lay_out(&mut self, draws: Vec<(Shots, SeedDraws)>) -> Result<()> {
        let mut trials = Vec::new();
        for (item_index, item) in self.experiment.search.iter().enumerate() {
            let label = self.label(item_index);
            for (model, scorer) in self.scorers.iter().enumerate() {
                let prompts = prompts(item, &self.task);
                let mut passes = Vec::new();
                for prompt in &prompts {
                    passes.push(scorer.evaluations_per_example(prompt)?);
                }
                for (shots, draws) in &draws {
                    if *shots == Shots::Count(0) && item.cells.first().is_some_and(Method::needs_labels) {
                        continue;
                    }
                    for (seeds, draw) in self.together(item, draws) {
                        let data = examples(&self.dataset, &draw);
                        let n_selection = data.selection().len() as u64;
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
                            calibration: "none".into(),
                            seeds,
                            fingerprint: String::new(),
                        };
                        key.fingerprint = self.fingerprint(&key, item, scorer, &data);
                        let test_evaluations = passes.iter().max().copied().unwrap_or(1) * data.test.len() as u64;
                        let candidate_evaluations = passes.iter().min().copied().unwrap_or(1) * n_selection;
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
                            model,
                            draw,
                            evaluations,
                            candidate_evaluations,
                            test_evaluations,
                            correlation_evaluations,
                        });
                    }
                }
            }
        }
        self.trials = trials;
        Ok(())
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

    /// `autoprompt`, or `autoprompt 2` for the second item of the method.
    fn label(&self, item: usize) -> String {
        let name = self.experiment.search[item].name();
        let before = self.experiment.search[..item].iter().filter(|i| i.name() == name).count();
        if before == 0 { name.into() } else { format!("{name} {}", before + 1) }
    }

    /// Hashes all that decides a trial's result.
    fn fingerprint(&self, key: &TrialKey, item: &SearchItem, scorer: &Scorer, data: &TrialData<'_>) -> String {
        let mut hasher = blake3::Hasher::new_derive_key("promptmine 2026 trial");
        let mut part = |bytes: &[u8]| {
            hasher.update(&(bytes.len() as u64).to_le_bytes());
            hasher.update(bytes);
        };
        part(env!("CARGO_PKG_VERSION").as_bytes());
        part(format!("{:?}", item.cells).as_bytes());
        part(self.task.template.to_string().as_bytes());
        part(self.task.verbalizer.to_string().as_bytes());
        let experiment = &self.experiment;
        part(format!("{:?} {:?} {:?}", experiment.task.metric, experiment.select, experiment.budget).as_bytes());
        part(format!("{:?} {}", scorer.settings(), self.device.kind).as_bytes());
        part(format!("{} {} {} {:?} {}", key.item, key.model, key.shots, key.seeds, key.calibration).as_bytes());
        part(scorer.loaded().weights_hash.as_bytes());
        part(scorer.loaded().tokenizer_hash.as_bytes());
        part(self.dataset.columns.join("\n").as_bytes());
        part(self.dataset.labels.join("\n").as_bytes());
        for (split, examples) in
            [("train", &data.train), ("dev", &data.dev), ("unlabelled", &data.unlabelled), ("test", &data.test)]
        {
            part(&set_hash(split, examples).0);
        }
        hasher.finalize().to_hex().to_string()
    }

    fn note(&mut self) {
        for name in self.experiment.added_methods() {
            self.notes.push(format!("`{name}` was added: every comparison needs it"));
        }
        if self.experiment.shots.contains(&Shots::Count(0)) {
            let n = self.trials.iter().find(|t| t.key.shots == "0").map_or(0, PlannedTrial::n_selection);
            let why = match self.experiment.limits.unlabelled {
                Some(_) => "limits.unlabelled".to_owned(),
                None => format!(
                    "limits.unlabelled, by default {UNLABELLED} and at most a {FEWEST_CANDIDATES}th of the budget"
                ),
            };
            self.notes.push(format!(
                "at 0 shots prompts are chosen by mutual information on {n} texts of train, read without their labels ({why})"
            ));
            for item in &self.experiment.search {
                if item.cells.first().is_some_and(Method::needs_labels) {
                    self.notes.push(format!("`{}` needs labels and makes no trial at 0 shots", item.name()));
                }
            }
        }
        if self.dataset.split(Split::Test).is_none() {
            self.notes.push("the data has no test split: the leaderboard ranks on dev (flag dev_only)".into());
        }
        if self.trials.iter().any(|t| t.draw.dev_from_train) {
            self.notes.push("the data has no dev split: a fixed half of each class of train is the dev pool".into());
        }
        for (index, item) in self.experiment.search.iter().enumerate() {
            let budget = self.experiment.budget.evaluations;
            for trial in self.trials.iter().filter(|t| t.item == index) {
                if trial.candidate_evaluations > budget {
                    self.notes.push(format!(
                        "the budget of {budget} evaluations does not cover one candidate of `{}` at {} shots, which costs {}",
                        trial.key.label, trial.key.shots, trial.candidate_evaluations
                    ));
                    break;
                }
                let Some(Method::Autoprompt(autoprompt)) = item.cells.first() else { continue };
                let batch_size = autoprompt.batch_size.min(trial.draw.train.len()) as u64;
                let passes = trial.candidate_evaluations / (trial.n_selection() as u64).max(1);
                let step = passes * batch_size * (3 + autoprompt.n_candidates as u64 + 1);
                // The start, the step, and the candidate that it may find.
                let needed = 2 * trial.candidate_evaluations + step;
                let share = budget / item.cells.len() as u64;
                if needed > share {
                    self.notes.push(format!(
                        "{share} evaluations do not cover the start and one step of `{}` at {} shots, which cost {needed}: it \
                         would score its random start only (take fewer n_candidates, a smaller batch_size or a larger budget)",
                        trial.key.label, trial.key.shots
                    ));
                    break;
                }
            }
        }
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

fn sorted(indices: &[usize]) -> Vec<usize> {
    let mut indices = indices.to_vec();
    indices.sort_unstable();
    indices
}

fn task_prompt(experiment: &Experiment, dataset: &Dataset) -> Result<TaskPrompt> {
    let missing = |key| RunnerError::NoDefault { key, dataset: dataset.name.clone() };
    let card = dataset.card.as_ref();
    let template = match (&experiment.task.template, card.and_then(|c| c.template.as_deref())) {
        (Some(template), _) => template.clone(),
        (None, Some(text)) => crate::prompt::Template::parse(text)?,
        (None, None) => return Err(missing("template").into()),
    };
    let verbalizer = match (&experiment.task.verbalizer, card.and_then(|c| c.verbalizer.as_ref())) {
        (Some(verbalizer), _) => verbalizer.clone(),
        (None, Some(words)) => Verbalizer::new(words.iter().map(|(label, words)| (label.clone(), words.clone())))?,
        (None, None) => return Err(missing("verbalizer").into()),
    };
    let verbalizer = verbalizer.aligned(&dataset.labels).map_err(RunnerError::Verbalizer)?;
    Ok(TaskPrompt { template, verbalizer: Arc::new(verbalizer) })
}

fn draws(experiment: &Experiment, dataset: &Dataset) -> Result<Vec<(Shots, SeedDraws)>> {
    let mut all = Vec::new();
    for shots in &experiment.shots {
        if dataset.split(Split::Train).is_none() {
            return Err(RunnerError::NoSplit {
                dataset: dataset.name.clone(),
                split: "train",
                what: format!("`shots: {shots}`"),
            }
            .into());
        }
        let mut limits = experiment.limits;
        if *shots == Shots::Count(0) {
            let affordable = (experiment.budget.evaluations / FEWEST_CANDIDATES).clamp(FEWEST_TEXTS, UNLABELLED);
            limits.unlabelled.get_or_insert(affordable as usize);
        }
        let mut by_seed = Vec::new();
        for &seed in &experiment.seeds {
            let drawn = draw(dataset, *shots, seed, &limits);
            by_seed.push((seed, drawn.map_err(|e| Error::from(e).at(experiment.place("shots")))?));
        }
        all.push((*shots, by_seed));
    }
    Ok(all)
}

pub(super) fn examples<'a>(dataset: &'a Dataset, draw: &Draw) -> TrialData<'a> {
    let of = |split: Split, indices: &[usize]| -> Vec<&'a Example> {
        let all = dataset.split(split).unwrap_or(&[]);
        indices.iter().map(|&i| &all[i]).collect()
    };
    let dev = if draw.dev_from_train { Split::Train } else { Split::Dev };
    TrialData {
        train: of(Split::Train, &draw.train),
        dev: of(dev, &draw.dev),
        unlabelled: of(Split::Train, &draw.unlabelled),
        test: of(Split::Test, &draw.test),
    }
}
