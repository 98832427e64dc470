//! What is worth saying of a plan before it runs.

use crate::prompt::Prompt;
use crate::scoring::Scorer;
use crate::search::continuous::most_steps;
use crate::search::discrete::{Offer, has_han};
use crate::spec::{
    Budget, Calibration, Control, LabelWords, Method, Paraphrase, Racing, SearchItem, Select, SelectBy, Sweep,
    WordSearch,
};
use crate::task::{Basis, Metric, Shots, Split};

use super::cell::{label_words, paraphrase, prompts, trigger};
use super::draws::{FEWEST_CANDIDATES, UNLABELLED};
use super::plan::{Plan, PlannedTrial};
use super::rungs::Rungs;
use super::template_lists::list_notes;
use super::wording_notes::wording_note;

impl Plan {
    /// Gathers them.
    pub(super) fn note(&mut self) {
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
        self.notes.extend(self.writing_note());
        self.notes.extend(self.racing_note());
        self.notes.extend(self.halving_note());
        self.notes.extend(self.control_note());
        self.notes.extend(self.transfer_note());
        self.notes.extend(calibration_note(&self.trials));
        if !self.experiment.ensembles.kinds.is_empty() {
            self.notes.push(format!(
                "when the trials of a model, shots and seed are over, up to {} of their best prompts are put together \
                 ({} ensembles; none at 0 shots)",
                self.experiment.ensembles.members,
                self.ensembles.len()
            ));
        }
        self.notes.extend(self.endpoint_notes());
        self.notes.extend(self.dataset.notes.iter().cloned());
        self.notes.extend(list_notes(&self.task.lists));
        self.notes.extend(self.corpus_notes());
        if self.dataset.is_of_facts {
            self.notes.push(format!("answers are ranked among {} objects", self.dataset.labels.len()));
        }
        if self.dataset.split(Split::Test).is_none() {
            self.notes.push("the data has no test split: the leaderboard ranks on dev (flag dev_only)".into());
        }
        if self.trials.iter().any(|t| t.draw.dev_from_train) {
            let half = if self.dataset.is_of_facts { "a fixed half" } else { "a fixed half of each class" };
            self.notes.push(format!("the data has no dev split: {half} of train is the dev pool"));
        }
        for (index, item) in self.experiment.search.iter().enumerate() {
            let budget = self.experiment.budget.evaluations;
            for trial in self.trials.iter().filter(|t| t.item == index && t.control.is_none()) {
                if trial.candidate_evaluations > budget {
                    self.notes.push(format!(
                        "the budget of {budget} evaluations does not cover one candidate of `{}` at {} shots, which costs {}",
                        trial.key.label, trial.key.shots, trial.candidate_evaluations
                    ));
                    break;
                }
                if let Some(other) = self.starts_from(index) {
                    let other = self.label(other);
                    let note = format!(
                        "`{}` starts from the winner of `{other}` of the same model, shots and seed, and begins after it; what that \
                         cost is not charged again (flag pooled_budget)",
                        trial.key.label
                    );
                    if !self.notes.contains(&note) {
                        self.notes.push(note);
                    }
                }
                if let Some(note) = self.training_note(item, trial) {
                    self.notes.push(note);
                    continue;
                }
                if let Some(Method::Paraphrase(method)) = item.cells.first() {
                    let share = self.share(item);
                    self.notes.push(round_note(method, &prompts(item, &self.task), trial, share));
                    break;
                }
                if let Some(method @ (Method::Edits(_) | Method::Evolution(_))) = item.cells.first() {
                    self.notes.extend(wording_note(method, &prompts(item, &self.task), trial, self.share(item)));
                    break;
                }
                if let Some(Method::LabelWords(LabelWords { words, .. })) = item.cells.first() {
                    self.notes.push(words_note(words, self.dataset.labels.len(), trial, self.share(item)));
                    break;
                }
                if let Some(Method::TemplateGeneration(_)) = item.cells.first() {
                    self.notes.push(writing_note(trial, budget / item.cells.len() as u64));
                    break;
                }
                let Some(step) = self.step_cost(item, trial) else { continue };
                // The start, the step, and the candidate that it may find.
                let needed = 2 * trial.candidate_evaluations + step;
                let share = self.share(item);
                if needed > share {
                    self.notes.push(format!(
                        "{share} evaluations do not cover the start and one step of `{}` at {} shots, which cost {needed}: it \
                         would score its start only (take fewer candidates a step, a smaller batch_size or a larger budget)",
                        trial.key.label, trial.key.shots
                    ));
                    break;
                }
            }
        }
    }

    /// Evaluations of one cell of an item: of those that are halved, of one that is never given up.
    fn share(&self, item: &SearchItem) -> u64 {
        let (n_cells, Budget { evaluations, sweep }) = (item.cells.len(), self.experiment.budget);
        match sweep {
            Sweep::Even => evaluations / n_cells as u64,
            Sweep::Halving => Rungs::new(n_cells, evaluations, 0).whole(),
        }
    }

    /// How many cells of a sweep are in it at each rung.
    fn halving_note(&self) -> Option<String> {
        if self.experiment.budget.sweep == Sweep::Even {
            return None;
        }
        let mut counts: Vec<usize> = self.experiment.search.iter().map(|item| item.cells.len()).collect();
        counts.retain(|&n| n > 1);
        counts.sort_unstable();
        counts.dedup();
        let line = |n: usize| {
            let rungs = Rungs::new(n, self.experiment.budget.evaluations, 0);
            (0..rungs.n()).map(|rung| rungs.n_cells(rung).to_string()).collect::<Vec<_>>().join(", then ")
        };
        Some(match counts.as_slice() {
            [] => "`sweep: halving` halves nothing: no item has a list of values".to_owned(),
            counts => {
                let lines: Vec<String> = counts.iter().map(|&n| line(n)).collect();
                format!("the cells of a sweep are halved by what dev chooses by: {}", lines.join("; "))
            }
        })
    }

    /// What one step of an item's first cell costs at most; `None` where it goes along no gradient of trigger tokens.
    fn step_cost(&self, item: &SearchItem, trial: &PlannedTrial) -> Option<u64> {
        let method = item.cells.first()?;
        let walk = method.walk()?;
        let prompt = prompts(item, &self.task).into_iter().next()?;
        let scorer = self.scorer(trial.item, trial.model);
        let data = self.data(trial);
        let texts = &data.texts()[..walk.fluency_texts.min(data.texts().len())];
        let likelihood = match walk.fluency > 0.0 {
            true => scorer.likelihood_evaluations(&prompt, &self.dataset.columns, texts).unwrap_or_default(),
            false => 0,
        };
        let examples = trial.passes * walk.batch_size.min(trial.draw.train.len()) as u64;
        let probe = trigger::probe(method, &self.task, &scorer);
        let weights = |scorer: &Scorer| scorer.loaded().model.shape().n_parameters.max(1) as u64;
        let probe_cost = |cost: u64| match &probe {
            Some(probe) => (cost * weights(probe)).div_ceil(weights(&scorer)),
            None => cost,
        };
        // Every prompt that is compared has a prior of its own, where scores are calibrated; pez compares none.
        let prior = match method {
            Method::Pez(_) => 0,
            _ => trial.candidate_evaluations - trial.passes * trial.n_selection() as u64,
        };
        trigger::step_cost(method, examples, prompt.template.n_trigger(), likelihood + prior, probe_cost)
    }

    /// What it costs to look at what the model writes.
    fn writing_note(&self) -> Option<String> {
        let task = &self.experiment.task;
        let writing = task.generate.as_ref()?;
        let most = writing.max_new_tokens;
        Some(match task.metric.basis() {
            Basis::Texts => format!(
                "{} is of what the model writes: selection costs 2 evaluations an example, one for the likelihood of its reference and \
                 one for at most {most} new tokens; train losses are likelihoods alone",
                task.metric
            ),
            Basis::Counts | Basis::Scores => format!(
                "on test the chosen prompts also write texts of at most {most} new tokens, outside the budget; {} does not look at them",
                task.metric
            ),
        })
    }

    /// What controls cost, and where there are none.
    fn control_note(&self) -> Option<String> {
        let names: Vec<&str> = self.experiment.controls.iter().map(|control| control.name()).collect();
        let n = self.trials.iter().filter(|trial| trial.control.is_some()).count();
        let without = match self.experiment.controls.contains(&Control::ShuffledLabels) {
            true => {
                "; shuffled_labels has no trial at 0 shots, nor for an item of one written prompt, where no label enters"
            }
            false => "",
        };
        (!names.is_empty()).then(|| {
            format!(
                "controls: {n} trials more, each at a budget of its own, rerun every item under {}{without}",
                names.join(" and ")
            )
        })
    }

    /// A racing that cannot drop anybody, since what dev chooses by has no bounds.
    fn racing_note(&self) -> Option<String> {
        let Select { by, racing, .. } = self.experiment.select;
        let of_references = self.experiment.task.target.is_some();
        let bounded = match racing {
            Racing::Exact => {
                !matches!(by, SelectBy::Margin | SelectBy::Metric(Metric::MacroF1) | SelectBy::Metric(Metric::Matthews))
            }
            Racing::Confidence => matches!(by, SelectBy::Metric(metric) if metric.is_share()),
            Racing::None | Racing::SuccessiveHalving | Racing::ContinuouslyReject => true,
        };
        let allowed = match racing {
            Racing::Confidence if of_references => "exact_match",
            Racing::Confidence => "accuracy",
            _ => "accuracy, expected_accuracy and mean_log_likelihood",
        };
        (!bounded).then(|| {
            format!("`racing: {racing}` drops no candidate where dev chooses by {}: it bounds {allowed}", by.name())
        })
    }

    /// What an item that trains vectors does within its budget, by its first cell, once for each model and number of shots.
    fn training_note(&self, item: &SearchItem, trial: &PlannedTrial) -> Option<String> {
        let training = item.cells.first()?.training()?;
        let same = |other: &&PlannedTrial| {
            (other.item, other.model, &other.key.shots) == (trial.item, trial.model, &trial.key.shots)
        };
        if !self.trials.iter().find(same).is_some_and(|first| std::ptr::eq(first, trial)) {
            return None;
        }
        let batch_size = training.batch_size.min(trial.draw.train.len());
        let look = trial.candidate_evaluations;
        let examples = batch_size * training.accumulate;
        let step = 3 * trial.passes * examples as u64;
        let (n_cells, Budget { evaluations, sweep }) = (item.cells.len(), self.experiment.budget);
        let first = 2 * look + training.steps.map_or(training.eval_every, |n| n.min(training.eval_every)) as u64 * step;
        let share = match sweep {
            Sweep::Even => self.share(item),
            Sweep::Halving => Rungs::new(n_cells, evaluations, first).whole(),
        };
        let steps = most_steps(|cost| cost <= share, step, look, training.eval_every, training.steps);
        let scorer = &self.scorers[trial.model];
        let prompt = prompts(item, &self.task).into_iter().next()?;
        let n_soft = scorer.n_vectors(&prompt.template);
        let numbers = match prompt.template.n_prefix() {
            _ if prompt.tuned.is_some() => {
                let tuned = prompt.tuned.as_ref()?;
                let tunable = scorer.tunable(tuned.tuning(), tuned.n_classes()).ok()?;
                let soft = if n_soft > 0 {
                    format!(" and {n_soft} x {}", tunable.base().model.shape().d_model)
                } else {
                    String::new()
                };
                format!("{}{soft}", tunable.n_parameters())
            }
            0 => format!("{n_soft} x {}", scorer.loaded().model.shape().d_model),
            n => format!("{n} x {}", scorer.prefix_shape(n).width()),
        };
        let place = format!("`{}` at {} shots with {}", trial.key.label, trial.key.shots, trial.key.model);
        if steps == 0 {
            return Some(format!(
                "{share} evaluations do not cover the start, one step and the look after it of {place}, which cost {}: it \
                 would score its start only (take a smaller batch_size or a larger budget)",
                2 * look + step
            ));
        }
        let cells = match (item.cells.len(), self.experiment.budget.sweep) {
            (1, _) => String::new(),
            (n, Sweep::Even) => format!(" (the first of {n} cells that share the budget)"),
            (n, Sweep::Halving) if first * n as u64 > evaluations => format!(
                " if it is never given up; {evaluations} evaluations do not cover the start and a look beyond it of all {n} cells, \
                 which cost {first} each, so that starts are compared with what came further (take a smaller eval_every or a larger \
                 budget)"
            ),
            (n, Sweep::Halving) => {
                let rungs = Rungs::new(n, evaluations, first);
                let until: Vec<String> = (0..rungs.n()).map(|rung| rungs.until(rung).to_string()).collect();
                format!(
                    " if it is never given up (the first of {n} cells, which may have spent {} evaluations by the ends of the rungs)",
                    until.join(", ")
                )
            }
        };
        Some(format!(
            "{place} trains {numbers} numbers for at most {steps} steps of {examples} examples and looks at dev at most \
             {} times{cells}",
            1 + steps.div_ceil(training.eval_every)
        ))
    }
}

/// What `label_words` makes of its budget.
fn words_note(words: &WordSearch, n_labels: usize, trial: &PlannedTrial, share: u64) -> String {
    let (least, all) = label_words::config(words).before_candidates(n_labels, trial.draw.train.len());
    let (label, shots) = (&trial.key.label, &trial.key.shots);
    let candidate = trial.candidate_evaluations;
    if least + candidate > share {
        return format!(
            "{share} evaluations do not cover finding the words of `{label}` at {shots} shots and one candidate, which cost {least} and \
             {candidate}: it would score nothing (take a smaller batch_size, fewer templates or a larger budget)"
        );
    }
    let left = share.saturating_sub(all) / candidate.max(1);
    format!(
        "`{label}` at {shots} shots: finding and scoring the words costs about {all} of {share} evaluations, which leaves about {left} \
         candidates; where it does not fit, words of fewer tokens are searched"
    )
}

/// What `template_generation` makes of its budget.
fn writing_note(trial: &PlannedTrial, share: u64) -> String {
    let (label, shots, candidate) = (&trial.key.label, &trial.key.shots, trial.candidate_evaluations);
    let half = share / 2;
    format!(
        "`{label}` at {shots} shots: templates are written for at most {half} of {share} evaluations, in beams that are narrowed to \
         fit (flag budget_cut); the rest scores {} of them or more, at {candidate} each{}",
        half / candidate.max(1),
        if half < candidate { " (take a larger budget)" } else { "" }
    )
}

/// What calibrating costs a candidate.
fn calibration_note(trials: &[PlannedTrial]) -> Option<String> {
    let mut ways: Vec<String> = Vec::new();
    for trial in trials.iter().filter(|trial| trial.calibration != Calibration::None) {
        let texts = trial.candidate_evaluations / trial.passes.max(1) - trial.n_selection() as u64;
        let way = format!("{texts} texts under `{}`", trial.key.calibration);
        if !ways.contains(&way) {
            ways.push(way);
        }
    }
    (!ways.is_empty()).then(|| {
        format!(
            "calibration takes every candidate's prior on texts without labels, within the budget: {}; gradients are those of the \
             loss before it",
            ways.join(", ")
        )
    })
}

/// What `paraphrase` makes of its budget.
fn round_note(method: &Paraphrase, starts: &[Prompt], trial: &PlannedTrial, share: u64) -> String {
    let config = paraphrase::config(method);
    let n_train = trial.draw.train.len();
    let n_texts = if n_train > 0 { n_train } else { trial.draw.unlabelled.len() };
    let passes = trial.passes;
    let han = starts.iter().any(|start| has_han(&start.template));
    let offer = Offer { n_train, n_texts, n_selection: trial.n_selection(), passes, han };
    let n_starts = starts.len();
    let start = n_starts as u64 * trial.candidate_evaluations + config.first_comparison(n_starts, offer);
    let (least, whole) = (config.round(1, offer), config.round(config.n_candidates, offer));
    let (label, shots) = (&trial.key.label, &trial.key.shots);
    if start + least > share {
        return format!(
            "{share} evaluations do not cover the templates to start from and one round of `{label}` at {shots} shots, which cost \
             {start} and at least {least}: it would score what was written only (take fewer templates, smaller batch_size or n_texts, \
             or a larger budget)"
        );
    }
    format!(
        "`{label}` at {shots} shots: the templates to start from cost {start} evaluations and a round at most {whole}; {share} cover \
         about {:.1} rounds, less where the budget ends within one",
        (share - start) as f64 / whole as f64
    )
}
