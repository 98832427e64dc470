//! Ensembles: the best prompts of all items of one cell of the grid (model, shots, calibration, seed) put together.
//!
//! # Decisions
//!
//! - 2026-11: an ensemble is a trial of its own that begins when all trials of its cell are over, and is made anew when one of them
//!   was. Members are the best on dev among prompts of tokens that differ in some dev prediction; dev chooses how many, from
//!   two to `members`, and test is scored once. Weights that are learned are learned on train.
//! - 2026-11: what it is charged is what the items of its cell spent, since they found its members, and the members' scores on train,
//!   which are new; their scores on dev were paid for. It is therefore dearer than any row beside it, which the flag
//!   `pooled_budget` says.
//! - 2026-11: where fewer than two prompts differ there is nothing to put together. The tables say so; the run has not failed.
//! - 2026-11: soft prompts are left out, and so are prompts that find their demonstrations for each text: of theirs only the
//!   vectors, and the examples, of the chosen one are kept. So are candidates that racing dropped, and controls.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use crate::error::Error;
use crate::prompt::{Prompt, Template, TriggerTokens};
use crate::record::{
    CandidateRecord, Event, Predictions, SavedEnsemble, SavedMember, SetScores, Spent, TrialKey, TrialRecord,
};
use crate::scoring::{Calibrator, Cost, Ensemble, Outcome, Scorer, ScoringError};
use crate::spec::{Calibration, EnsembleKind, Sweep};
use crate::task::racing::Racing;
use crate::task::{Draw, Example, Metric, Shots};

use super::draws::SeedDraws;
use super::plan::{Plan, PlannedTrial};
use super::selection::set_scores;
use super::trial::{Stopped, Trial};

/// An ensemble that would be made.
pub struct PlannedEnsemble {
    /// Its identity.
    pub key: TrialKey,
    /// How its members are weighed.
    pub kind: EnsembleKind,
    /// Its model in the experiment's `models`.
    pub model: usize,
    /// What corrects its members' scores.
    pub calibration: Calibration,
    /// Its examples.
    pub draw: Draw,
    /// The trials of its cell, as places in the plan's trials.
    pub trials: Vec<usize>,
}

impl Plan {
    /// The ensembles: kinds, then models, then shots, then calibrations, then seeds. There are none at 0 shots, where no label
    /// could choose.
    pub(super) fn lay_out_ensembles(&self, draws: &[(Shots, SeedDraws)]) -> Vec<PlannedEnsemble> {
        let mut ensembles = Vec::new();
        for (index, &kind) in self.experiment.ensembles.kinds.iter().enumerate() {
            for model in 0..self.scorers.len() {
                for (shots, draws) in draws.iter().filter(|(shots, _)| *shots != Shots::Count(0)) {
                    for &calibration in &self.experiment.calibration {
                        for (seed, draw) in draws {
                            let of_cell = |trial: &PlannedTrial| {
                                trial.control.is_none()
                                    && trial.model == model
                                    && trial.key.shots == shots.to_string()
                                    && trial.calibration == calibration
                                    && trial.key.seeds.contains(seed)
                            };
                            let trials: Vec<usize> =
                                (0..self.trials.len()).filter(|&index| of_cell(&self.trials[index])).collect();
                            let mut hasher = blake3::Hasher::new_derive_key("promptmine 2026 ensemble");
                            hasher.update(format!("{} {}", kind.name(), self.experiment.ensembles.members).as_bytes());
                            hasher.update(&seed.to_le_bytes());
                            trials.iter().for_each(|&index| {
                                hasher.update(self.trials[index].key.fingerprint.as_bytes());
                            });
                            let key = TrialKey {
                                item: self.experiment.search.len() + index,
                                method: kind.method().into(),
                                label: kind.method().into(),
                                model: self.experiment.models[model].to_string(),
                                shots: shots.to_string(),
                                calibration: calibration.name().into(),
                                seeds: vec![*seed],
                                control: None,
                                fingerprint: hasher.finalize().to_hex().to_string(),
                            };
                            ensembles.push(PlannedEnsemble {
                                key,
                                kind,
                                model,
                                calibration,
                                draw: draw.clone(),
                                trials,
                            });
                        }
                    }
                }
            }
        }
        ensembles
    }
}

/// What is written beside the events of an ensemble.
pub struct EnsembleFiles {
    /// The ensemble.
    pub ensemble: SavedEnsemble,
    /// Its test predictions, where there is a test split.
    pub predictions: Option<Predictions>,
}

/// A prompt that may become a member.
struct Member {
    /// A scorer with the rule of the item that it came from.
    scorer: Arc<Scorer>,
    prompt: Prompt,
    text: String,
    /// Its label words, as the record has them.
    words: String,
    n_tokens: usize,
    method: String,
    dev: Vec<Vec<f64>>,
}

/// A candidate as the record has it.
struct Found<'r> {
    item: usize,
    record: &'r CandidateRecord,
    metric: f64,
    margin: f64,
    method: &'r str,
}

/// Makes one ensemble from the records of its cell's complete trials.
///
/// # Errors
/// [`Stopped`].
pub fn make(
    plan: &Plan,
    planned: &PlannedEnsemble,
    records: &[TrialRecord],
    emit: &mut dyn FnMut(Event) -> Result<(), Error>,
    stop: &AtomicBool,
) -> Result<EnsembleFiles, Stopped> {
    let begun = Instant::now();
    let data = super::draws::examples(&plan.dataset, &planned.draw);
    let calibrator = plan.calibrator(planned.calibration, &data).map_err(Stopped::Fatal)?;
    let first = plan.scorer(0, planned.model);
    let trial = Trial {
        key: &planned.key,
        scorer: &first,
        dataset: &plan.dataset,
        data,
        calibrator,
        budget: plan.experiment.budget.evaluations,
        sweep: Sweep::Even,
        metric: plan.experiment.task.metric,
        writing: None,
        select_by: plan.experiment.select.by,
        racing: Racing::None,
        store: None,
        checkpoints: None,
        diagnostics: 0,
        rules: Vec::new(),
    };
    emit(trial.started()).map_err(Stopped::Fatal)?;
    let failed = |e: ScoringError| Stopped::Failed(e.to_string());
    let members = members(plan, planned, &trial, records)?;
    if members.len() < 2 {
        return Err(Stopped::Nothing(format!(
            "fewer than two prompts of tokens that differ in a dev prediction were found in {} trials",
            records.len()
        )));
    }
    let mut spent = records.iter().filter_map(spent).fold(Spent::default(), |mut all, spent| {
        all += spent;
        all
    });
    let gold = |examples: &[&Example]| examples.iter().filter_map(|e| e.label).collect::<Vec<usize>>();
    let needs_train = matches!(planned.kind, EnsembleKind::Accuracy | EnsembleKind::Learned);
    let mut train: Vec<Vec<Vec<f64>>> = vec![Vec::new(); members.len()];
    if needs_train {
        for (scores, member) in train.iter_mut().zip(&members) {
            if stop.load(Ordering::Relaxed) {
                return Err(Stopped::Interrupted);
            }
            let cost;
            (*scores, cost) = member.scores(&trial, &trial.data.train).map_err(failed)?;
            spent += charged(cost);
        }
    }
    let (metric, n_labels) = (trial.metric, trial.dataset.labels.len());
    let mut best: Option<(usize, Outcome, Ensemble)> = None;
    let dev_gold = gold(&trial.data.dev);
    for n in 2..=members.len() {
        let ensemble = Ensemble::new(planned.kind, &train[..n], &gold(&trial.data.train));
        let scores: Vec<Vec<Vec<f64>>> = members[..n].iter().map(|member| member.dev.clone()).collect();
        let outcome = Outcome::of(&ensemble.combine(&scores), &dev_gold, n_labels, metric);
        let candidate = candidate(&members[..n], &ensemble, (n - 2) as u64);
        let dev = Some(set_scores(outcome.clone()));
        let evaluations = spent.evaluations;
        emit(Event::Scored { candidate, dev, label_free: None, label_free_parts: Vec::new(), evaluations })
            .map_err(Stopped::Fatal)?;
        let better =
            best.as_ref().is_none_or(|(_, other, _)| (outcome.metric, outcome.margin) > (other.metric, other.margin));
        if better {
            best = Some((n, outcome, ensemble));
        }
    }
    let Some((n, _, ensemble)) = best else { return Err(Stopped::Failed("no ensemble was scored".into())) };
    let dev_looks = u64::from(members.len() > 2) + 1;
    emit(Event::Chosen { candidate: (n - 2) as u64, dev_looks, perplexity: None }).map_err(Stopped::Fatal)?;
    let predictions = test(&trial, &members[..n], &ensemble, metric, emit, stop)?;
    let mut saved = Vec::new();
    for (member, &weight) in members[..n].iter().zip(&ensemble.weights) {
        let prior = trial.calibrator.prior_of(&member.scorer, &member.prompt, &plan.dataset.columns).map_err(failed)?;
        let own = Trial { scorer: &member.scorer, ..trial.clone() };
        let mut prompt = own.saved(&member.prompt, prior);
        prompt.method.clone_from(&member.method);
        saved.push(SavedMember { weight, prompt });
    }
    let mut flags = vec!["pooled_budget".to_owned()];
    flags.extend(trial.data.test.is_empty().then(|| "dev_only".to_owned()));
    flags.sort();
    emit(Event::Finished { spent, flags, seconds: begun.elapsed().as_secs_f64() }).map_err(Stopped::Fatal)?;
    let ensemble = SavedEnsemble { format: SavedEnsemble::FORMAT, kind: planned.kind.name().into(), members: saved };
    Ok(EnsembleFiles { ensemble, predictions })
}

impl Member {
    fn scores(&self, trial: &Trial<'_>, examples: &[&Example]) -> Result<(Vec<Vec<f64>>, Cost), ScoringError> {
        score(&trial.calibrator, &self.scorer, &self.prompt, &trial.dataset.columns, examples)
    }
}

fn score(
    calibrator: &Calibrator,
    scorer: &Scorer,
    prompt: &Prompt,
    columns: &[String],
    examples: &[&Example],
) -> Result<(Vec<Vec<f64>>, Cost), ScoringError> {
    let mut round = calibrator.score(scorer, std::slice::from_ref(prompt), columns, examples)?;
    Ok((round.scores.remove(0), round.costs.remove(0)))
}

/// The best candidates on dev that differ in some prediction, at most as many as asked.
fn members(
    plan: &Plan,
    planned: &PlannedEnsemble,
    trial: &Trial<'_>,
    records: &[TrialRecord],
) -> Result<Vec<Member>, Stopped> {
    let mut found: Vec<Found<'_>> = Vec::new();
    for record in records {
        for event in &record.events {
            let Event::Scored { candidate, dev: Some(dev), .. } = event else { continue };
            if candidate.soft.is_none() && has_own_text(candidate) && dev.predicted.len() == trial.data.dev.len() {
                let (item, method) = (record.key().item, record.key().label.as_str());
                found.push(Found { item, record: candidate, metric: dev.metric, margin: dev.margin, method });
            }
        }
    }
    found.sort_by(|a, b| {
        (b.metric.total_cmp(&a.metric))
            .then(b.margin.total_cmp(&a.margin))
            .then(a.record.n_tokens.cmp(&b.record.n_tokens))
            .then_with(|| (&a.record.prompt, &a.record.verbalizer).cmp(&(&b.record.prompt, &b.record.verbalizer)))
            .then(a.item.cmp(&b.item))
    });
    let mut members: Vec<Member> = Vec::new();
    let mut behaviours = HashSet::new();
    let fatal = |e: crate::prompt::PromptError| Stopped::Fatal(e.into());
    for Found { item, record, method, .. } in found {
        if members.len() == plan.experiment.ensembles.members {
            break;
        }
        let prompt = Prompt::with_triggers(
            Template::parse(&record.template).map_err(fatal)?,
            TriggerTokens(record.trigger_ids.clone()),
            plan.recorded_words(&record.verbalizer).map_err(fatal)?,
        );
        let scorer = plan.scorer(item, planned.model);
        let (dev, _) = score(&trial.calibrator, &scorer, &prompt, &trial.dataset.columns, &trial.data.dev)
            .map_err(|e| Stopped::Failed(e.to_string()))?;
        if behaviours.insert(dev.iter().map(|scores| crate::scoring::argmax(scores)).collect::<Vec<_>>()) {
            let (text, words) = (record.prompt.clone(), record.verbalizer.clone());
            let (n_tokens, method) = (record.n_tokens, method.to_owned());
            members.push(Member { scorer, prompt, text, words, n_tokens, method, dev });
        }
    }
    Ok(members)
}

/// Whether a candidate's template is all that it shows, and its model is as it was.
fn has_own_text(candidate: &CandidateRecord) -> bool {
    let own = Template::parse(&candidate.template).is_ok_and(|template| template.nearest().is_none());
    own && candidate.tuned.is_none()
}

fn candidate(members: &[Member], ensemble: &Ensemble, number: u64) -> CandidateRecord {
    let texts: Vec<&str> = members.iter().map(|member| member.text.as_str()).collect();
    let weights: Vec<String> = (members.iter().zip(&ensemble.weights))
        .map(|(member, weight)| format!("{weight:.3} x {}", member.method))
        .collect();
    CandidateRecord {
        candidate: number,
        parent: None,
        origin: weights.join(", "),
        prompt: texts.join(" + "),
        template: texts.join(" + "),
        trigger_ids: Vec::new(),
        verbalizer: {
            let words: Vec<String> = members.iter().map(|member| member.words.clone()).collect();
            let same = words.iter().all(|other| *other == words[0]);
            if same { words[0].clone() } else { words.join(" + ") }
        },
        n_tokens: members.iter().map(|member| member.n_tokens).sum(),
        flags: Vec::new(),
        perplexity: None,
        soft: None,
        tuned: None,
    }
}

fn test(
    trial: &Trial<'_>,
    members: &[Member],
    ensemble: &Ensemble,
    metric: Metric,
    emit: &mut dyn FnMut(Event) -> Result<(), Error>,
    stop: &AtomicBool,
) -> Result<Option<Predictions>, Stopped> {
    let test = &trial.data.test;
    if test.is_empty() {
        return Ok(None);
    }
    let mut scores = Vec::new();
    for member in members {
        if stop.load(Ordering::Relaxed) {
            return Err(Stopped::Interrupted);
        }
        scores.push(member.scores(trial, test).map_err(|e| Stopped::Failed(e.to_string()))?.0);
    }
    let logprobs = ensemble.combine(&scores);
    let gold: Vec<usize> = test.iter().filter_map(|e| e.label).collect();
    let outcome = Outcome::of(&logprobs, &gold, trial.dataset.labels.len(), metric);
    let predictions = Predictions {
        rows: test.iter().map(|e| e.row as u32).collect(),
        contents: test.iter().map(|e| e.content()).collect(),
        labels: trial.dataset.labels.clone(),
        gold: gold.into_iter().map(|l| l as u16).collect(),
        predicted: outcome.predicted.clone(),
        logprobs,
        references: None,
    };
    let test: SetScores = set_scores(outcome);
    emit(Event::Tested { test }).map_err(Stopped::Fatal)?;
    Ok(Some(predictions))
}

fn spent(record: &TrialRecord) -> Option<Spent> {
    match record.events.last() {
        Some(Event::Finished { spent, .. }) => Some(*spent),
        _ => None,
    }
}

fn charged(cost: Cost) -> Spent {
    Spent { evaluations: cost.evaluations, forwards: cost.forwards, backwards: cost.backwards, tokens: cost.tokens }
}
