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

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

use crate::record::TrialRecord;
use crate::task::Metric;
use crate::task::statistics::{
    CorrectBits, Outcomes, RankTable, RankedCandidate, Standing, rank_intervals, standings, wilson,
};

use super::ReportError;
use super::asked::Asked;
use super::flag;
use super::group::Group;
use super::outcome::{self, LEVEL};
use super::place::Place;
use super::row::candidate_flags;
use super::trial::{End, Scored, Trial};

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
    /// Lower end of its Wilson interval; accuracy only.
    pub dev_low: Option<f64>,
    /// Upper end of its Wilson interval; accuracy only.
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
    /// How it arose.
    pub origin: String,
    /// The folder of its trial.
    pub trial: PathBuf,
}

impl CandidateRow {
    /// The rows of all candidates, ranked; the trials may come in any order.
    ///
    /// # Errors
    /// [`ReportError::Record`] if a trial's events contradict each other.
    pub fn all(records: &[TrialRecord], asked: &Asked) -> Result<Vec<Self>, ReportError> {
        let trials = records.iter().map(Trial::read).collect::<Result<Vec<_>, _>>()?;
        Ok(Self::of_trials(&trials, asked))
    }

    pub(super) fn of_trials(trials: &[Trial<'_>], asked: &Asked) -> Vec<Self> {
        let metric = asked.metric.parse().unwrap_or(Metric::Accuracy);
        let mut lists: BTreeMap<(Group, u64), Vec<(&Trial<'_>, &Scored<'_>)>> = BTreeMap::new();
        for trial in trials.iter().filter(|trial| trial.is_over()) {
            for seed in &trial.key.seeds {
                let list = lists.entry((Group::of(trial.key), *seed)).or_default();
                list.extend(trial.candidates.iter().map(|scored| (trial, scored)));
            }
        }
        let mut rows = Vec::new();
        for ((group, seed), mut list) in lists {
            // The order that equals keep: never that of the files.
            list.sort_by_key(|(trial, scored)| (trial.key.item, scored.record.candidate));
            let standings = rank(&list, metric, seed);
            let mut ranked: Vec<(Standing, Place, Self)> = standings
                .into_iter()
                .zip(&list)
                .map(|(standing, (trial, scored))| {
                    let place = scored.place(trial.dev_gold.len());
                    (standing, place, Self::of(&group, seed, trial, scored, standing, metric))
                })
                .collect();
            ranked.sort_by(|(a, place, _), (b, other, _)| {
                a.rank.cmp(&b.rank).then_with(|| place.key().compare(&other.key()))
            });
            rows.extend(ranked.into_iter().map(|(_, _, row)| row));
        }
        rows
    }

    fn of(
        group: &Group,
        seed: u64,
        trial: &Trial<'_>,
        scored: &Scored<'_>,
        standing: Standing,
        metric: Metric,
    ) -> Self {
        let record = scored.record;
        let dropped_at = scored.dropped_at(trial.dev_gold.len());
        let interval = scored.dev.filter(|_| metric == Metric::Accuracy && dropped_at.is_none()).map(|dev| {
            let correct = correct(trial.dev_gold, &dev.predicted);
            wilson(CorrectBits::new(correct).n_correct(), dev.predicted.len(), LEVEL)
        });
        let mut flags = candidate_flags(trial, scored);
        flags.extend(matches!(trial.end, End::Failed { .. }).then_some("failed"));
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
            dev_metric: scored.dev.map(|dev| dev.metric),
            dev_low: interval.map(|interval| interval.low),
            dev_high: interval.map(|interval| interval.high),
            dev_margin: scored.dev.map(|dev| dev.margin),
            evaluations: scored.evaluations,
            perplexity: None,
            n_tokens: record.n_tokens,
            dropped_at,
            flags: flag::ordered(flags),
            label_free: scored.label_free,
            log_likelihood: scored.dev.map(|dev| dev.log_likelihood),
            chosen: trial.chosen().is_some_and(|chosen| chosen.record.candidate == record.candidate),
            origin: record.origin.clone(),
            trial: PathBuf::from(trial.key.id()),
        }
    }
}

/// The standings of one seed's candidates. Rank intervals only where all of them were scored on one dev set.
fn rank(list: &[(&Trial<'_>, &Scored<'_>)], metric: Metric, seed: u64) -> Vec<Standing> {
    let places: Vec<Place> = list.iter().map(|(trial, scored)| scored.place(trial.dev_gold.len())).collect();
    let first = list.first().map(|(trial, _)| *trial);
    let one_set = list.iter().all(|(trial, scored)| {
        scored.dev.is_some() && first.is_some_and(|first| outcome::same_dev(first, trial))
    });
    if !one_set {
        let keys: Vec<_> = places.iter().map(Place::key).collect();
        let mut first_with = HashMap::new();
        let prompts: Vec<usize> =
            keys.iter().enumerate().map(|(index, key)| *first_with.entry(key.text).or_insert(index)).collect();
        let mut standings = standings(&keys, &prompts, |_, _, _| 1.0);
        standings.iter_mut().for_each(|standing| standing.interval = None);
        return standings;
    }
    let predictions: Vec<Vec<u32>> =
        list.iter().map(|(_, s)| s.dev.iter().flat_map(|dev| &dev.predicted).map(|l| u32::from(*l)).collect()).collect();
    let parts: Vec<Parts> = list
        .iter()
        .map(|(trial, scored)| {
            let predicted = scored.dev.map_or(&[][..], |dev| &dev.predicted);
            let gold = &trial.dev_gold[..predicted.len()];
            match metric {
                Metric::Accuracy => Parts::Correct(correct(gold, predicted).collect()),
                _ => Parts::Values(outcome::parts(metric, gold, predicted, trial.n_labels)),
            }
        })
        .collect();
    let candidates = places
        .iter()
        .zip(&predictions)
        .zip(&parts)
        .map(|((place, predictions), parts)| RankedCandidate {
            key: place.key(),
            predictions,
            outcomes: match parts {
                Parts::Correct(correct) => Outcomes::Correct(correct),
                Parts::Values(values) => Outcomes::Values(values),
            },
        })
        .collect();
    rank_intervals(&RankTable { candidates, seed })
}

enum Parts {
    Correct(Vec<bool>),
    Values(Vec<f64>),
}

fn correct<'a>(gold: &'a [u16], predicted: &'a [u16]) -> impl Iterator<Item = bool> + 'a {
    gold.iter().zip(predicted).map(|(gold, predicted)| gold == predicted)
}
