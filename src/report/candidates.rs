//! The candidates, ranked on dev within one model, shots, calibration and seed (contract, definition 2).
//!
//! # Decisions
//!
//! - 2026-11: the candidates of all methods stand in one ranking. A trial that stands for several seeds is written once for each,
//!   so that every seed's ranking is whole.
//! - 2026-11: `evaluations` is what the trial had spent when the candidate was scored, so that the best score within a smaller
//!   budget can be read off.
//! - 2026-11: `dropped_at` is the number of dev examples of a candidate that was not scored on all of them.
//! - 2026-11: a failed trial's candidates were scored like any others: they stay, flagged `failed`. Those of a trial that goes on
//!   are left out until it ends, since a trial that is interrupted begins anew.

use std::path::PathBuf;

use crate::task::statistics::{Interval, Standing};

use super::diagnostics::CandidateDiagnostics;
use super::flag;
use super::group::Group;
use super::row::{candidate_flags, selection};
use super::trial::{Choice, End, Scored, Trial};

/// A row of `candidates.csv`. `None` is unknown and prints as an empty cell.
#[derive(Debug, Clone, PartialEq)]
pub struct CandidateRow {
    /// Where it is ranked, together with `seed`.
    pub group: Group,
    /// The seed.
    pub seed: u64,
    /// Its place, from 1; clones (the same predictions and scores) share it.
    pub rank: usize,
    /// 1 + the number of candidates significantly better.
    pub rank_low: Option<usize>,
    /// The number of candidates minus those significantly worse.
    pub rank_high: Option<usize>,
    /// The number of candidates not resolved from this one.
    pub tied: Option<usize>,
    /// The method, with a number where an experiment has several items of it.
    pub method: String,
    /// Its number within its trial.
    pub candidate: u64,
    /// The number of the candidate that it was made from.
    pub parent: Option<u64>,
    /// The prompt for people.
    pub prompt: String,
    /// Its verbalizer.
    pub verbalizer: String,
    /// The metric on dev.
    pub dev_metric: Option<f64>,
    /// Lower end of its interval: Wilson's for accuracy, else BCa.
    pub dev_low: Option<f64>,
    /// Upper end of its interval.
    pub dev_high: Option<f64>,
    /// The mean margin on dev, in nats.
    pub dev_margin: Option<f64>,
    /// What its trial had spent when it was scored.
    pub evaluations: u64,
    /// The perplexity of the prompt's own tokens.
    pub perplexity: Option<f64>,
    /// The tokens of the template itself.
    pub n_tokens: usize,
    /// The dev examples after which racing dropped it.
    pub dropped_at: Option<usize>,
    /// Flags in their fixed order.
    pub flags: Vec<String>,
    /// Its label-free score, at 0 shots.
    pub label_free: Option<f64>,
    /// Mean log-probability of the gold label on dev, in nats.
    pub log_likelihood: Option<f64>,
    /// Whether its trial chose it.
    pub chosen: bool,
    /// Its score by the rule that its trial chose by.
    pub select_score: Option<f64>,
    /// How it arose.
    pub origin: String,
    /// The folder of its trial.
    pub trial: PathBuf,
    /// Virtual tokens, where it has some.
    pub n_soft: Option<usize>,
    /// BLAKE3 of their vectors.
    pub soft_blake3: Option<String>,
    /// The control that its trial is; these are ranked among themselves.
    pub control: Option<String>,
    /// What is to be said of it beside its scores.
    pub diagnostics: CandidateDiagnostics,
}

/// What is known of a candidate beside what it did itself.
pub(super) struct Ranked<'a> {
    pub(super) group: &'a Group,
    pub(super) seed: u64,
    pub(super) standing: Standing,
    /// The interval of its metric.
    pub(super) interval: Option<Interval>,
    /// The best rank among the candidates with the same predictions, and their number.
    pub(super) class: Option<(usize, usize)>,
}

impl CandidateRow {
    /// The row of a candidate; `select_by` is the rule that its trial chose by.
    pub(super) fn of(trial: &Trial, scored: &Scored, ranked: &Ranked<'_>, select_by: &str) -> Self {
        let record = &scored.record;
        let Ranked { group, seed, standing, interval, class } = *ranked;
        let mut flags = candidate_flags(trial, scored);
        flags.extend(matches!(trial.end, End::Failed { .. }).then_some("failed"));
        let of_chosen = |choice: &&Choice| choice.scored.record.candidate == record.candidate;
        let choice = trial.choice.as_ref().filter(of_chosen);
        Self {
            group: group.clone(),
            seed,
            rank: standing.rank,
            rank_low: standing.interval.map(|interval| interval.low),
            rank_high: standing.interval.map(|interval| interval.high),
            tied: standing.interval.map(|interval| interval.tied),
            method: trial.key.label.clone(),
            candidate: record.candidate,
            parent: record.parent,
            prompt: record.prompt.clone(),
            verbalizer: record.verbalizer.clone(),
            dev_metric: scored.dev().map(|dev| dev.metric),
            dev_low: interval.map(|interval| interval.low),
            dev_high: interval.map(|interval| interval.high),
            dev_margin: scored.dev().map(|dev| dev.margin),
            evaluations: scored.evaluations,
            perplexity: record.perplexity.or_else(|| choice.and_then(|choice| choice.perplexity)),
            n_tokens: record.n_tokens,
            dropped_at: scored.dropped_at(trial.dev_gold.len()),
            flags: flag::ordered(flags),
            label_free: scored.label_free,
            log_likelihood: scored.dev().map(|dev| dev.log_likelihood),
            chosen: choice.is_some(),
            select_score: selection(trial, scored, select_by).1,
            origin: record.origin.clone(),
            trial: PathBuf::from(trial.key.id()),
            n_soft: record.soft.as_ref().map(|soft| soft.n_soft),
            soft_blake3: record.soft.as_ref().map(|soft| soft.blake3.clone()),
            control: trial.key.control.clone(),
            diagnostics: CandidateDiagnostics::of(trial, scored.dev(), class),
        }
    }
}
