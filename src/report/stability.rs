//! How alike the seeds rank: Kendall's tau.
//!
//! # Decisions
//!
//! - 2026-11: two figures. `methods`: the rows, by each seed's test metric (dev metric without test). `candidates`: prompts that
//!   were scored in several seeds, by each seed's dev metric; only between trials of a single seed and over seeds whose
//!   dev sets differ, since a trial that stands for several seeds, or for one dev set twice, agrees with itself. An order of
//!   fewer than three things says nothing.

use std::collections::{BTreeMap, BTreeSet};

use crate::task::statistics::rank_stability;

use super::entry::Entry;
use super::group::Group;
use super::listed::Digest;
use super::trial::Trial;

/// Things in common below which an order says nothing.
const FEWEST: usize = 3;

/// How alike the seeds of a section rank.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Stability {
    /// The methods, on test.
    pub methods: Option<Agreement>,
    /// The candidates, on dev.
    pub candidates: Option<Agreement>,
}

/// The agreement of pairs of seeds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Agreement {
    /// Kendall's tau-b, mean over the pairs.
    pub tau: f64,
    /// The lowest of a pair.
    pub lowest: f64,
    /// Pairs of seeds.
    pub n_pairs: usize,
    /// What they rank: things that two seeds or more have.
    pub n_items: usize,
}

/// Scores by seed and thing: an item, or the digest of a prompt.
type Scores = BTreeMap<u64, BTreeMap<Digest, f64>>;

impl Stability {
    pub(super) fn of(entries: &[Entry<'_>], trials: &[Trial], group: &Group, dev_only: bool) -> Self {
        let mut methods = Scores::new();
        for entry in entries {
            for (seed, trial) in &entry.by_seed {
                let dev = trial.chosen().and_then(|chosen| chosen.dev());
                if let Some(scores) = if dev_only { dev } else { trial.test() } {
                    methods.entry(*seed).or_default().insert(entry.item as Digest, scores.metric);
                }
            }
        }
        let mut candidates = Scores::new();
        let mut seed_of_set = BTreeMap::new();
        let mut complete: Vec<&Trial> = {
            let ranked = |trial: &&Trial| trial.is_complete() && trial.key.control.is_none();
            trials.iter().filter(ranked).filter(|trial| Group::of(&trial.key) == *group).collect()
        };
        complete.sort_by_key(|trial| (&trial.key.seeds, trial.key.item));
        for trial in complete {
            let [seed] = trial.key.seeds[..] else { continue };
            if *seed_of_set.entry(&trial.dev_set).or_insert(seed) != seed {
                continue;
            }
            // Two trainings never end at the same vectors, so soft prompts have nothing in common but their template.
            let hard = trial.candidates.iter().filter(|listed| listed.is_complete() && !listed.is_soft);
            candidates.entry(seed).or_default().extend(hard.map(|listed| (listed.text, listed.score)));
        }
        Self { methods: agreement(&methods), candidates: agreement(&candidates) }
    }
}

fn agreement(by_seed: &Scores) -> Option<Agreement> {
    if by_seed.len() < 2 {
        return None;
    }
    let all: BTreeSet<_> = by_seed.values().flat_map(|scores| scores.keys()).collect();
    let twice: Vec<_> = all
        .into_iter()
        .filter(|thing| by_seed.values().filter(|scores| scores.contains_key(thing)).count() > 1)
        .collect();
    if twice.len() < FEWEST {
        return None;
    }
    let scores: Vec<Vec<Option<f64>>> =
        by_seed.values().map(|scores| twice.iter().map(|thing| scores.get(thing).copied()).collect()).collect();
    let stability = rank_stability(&scores)?;
    Some(Agreement { tau: stability.tau, lowest: stability.lowest, n_pairs: stability.n_pairs, n_items: twice.len() })
}
