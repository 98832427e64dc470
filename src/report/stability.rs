//! How alike the seeds rank: Kendall's tau.
//!
//! # Decisions
//!
//! - 2026-11: two figures. `methods`: the rows, ordered by each seed's test metric (dev metric without test). `candidates`: prompts
//!   that two seeds both scored, ordered by each seed's dev metric; only where the seeds have different dev sets and
//!   trials of their own, since a trial that stands for several seeds agrees with itself. Both are tau-b, which allows for
//!   ties, averaged over the pairs of seeds with at least three in common that are not all tied.

use std::collections::BTreeMap;

fn kendall_tau(_: &[f64], _: &[f64]) -> Option<f64> {
    None
}

use super::entry::{Entry, mean};
use super::group::Group;
use super::outcome;
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

/// The mean agreement of pairs of seeds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Agreement {
    /// Kendall's tau-b, mean over the pairs.
    pub tau: f64,
    /// Pairs of seeds.
    pub n_pairs: usize,
    /// What two seeds have in common, mean over the pairs.
    pub n_common: f64,
}

impl Stability {
    pub(super) fn of(entries: &[Entry<'_>], trials: &[Trial<'_>], group: &Group, dev_only: bool) -> Self {
        let mut methods: BTreeMap<u64, BTreeMap<String, f64>> = BTreeMap::new();
        for entry in entries {
            for (seed, trial) in &entry.by_seed {
                let dev = trial.chosen().and_then(|chosen| chosen.dev);
                if let Some(scores) = if dev_only { dev } else { trial.test } {
                    methods.entry(*seed).or_default().insert(entry.item.to_string(), scores.metric);
                }
            }
        }
        let mut candidates: BTreeMap<u64, BTreeMap<String, f64>> = BTreeMap::new();
        let mut sets: BTreeMap<u64, &Trial<'_>> = BTreeMap::new();
        for trial in trials.iter().filter(|trial| trial.is_complete() && Group::of(trial.key) == *group) {
            let [seed] = trial.key.seeds[..] else { continue };
            sets.entry(seed).or_insert(trial);
            for scored in &trial.candidates {
                if let Some(dev) = scored.dev.filter(|_| scored.dropped_at(trial.dev_gold.len()).is_none()) {
                    let text = format!("{}\n{}", scored.record.prompt, scored.record.verbalizer);
                    candidates.entry(seed).or_default().insert(text, dev.metric);
                }
            }
        }
        let differ = |a: u64, b: u64| match (sets.get(&a), sets.get(&b)) {
            (Some(a), Some(b)) => !outcome::same_dev(a, b),
            _ => false,
        };
        Self { methods: agreement(&methods, |_, _| true), candidates: agreement(&candidates, differ) }
    }
}

fn agreement(
    by_seed: &BTreeMap<u64, BTreeMap<String, f64>>,
    may_compare: impl Fn(u64, u64) -> bool,
) -> Option<Agreement> {
    let (mut taus, mut common) = (Vec::new(), Vec::new());
    for (a, first) in by_seed {
        for (_, second) in by_seed.iter().filter(|(b, _)| a < *b && may_compare(*a, **b)) {
            let (x, y): (Vec<f64>, Vec<f64>) =
                first.iter().filter_map(|(what, x)| second.get(what).map(|y| (*x, *y))).unzip();
            if let Some(tau) = kendall_tau(&x, &y).filter(|_| x.len() >= FEWEST) {
                taus.push(tau);
                common.push(x.len() as f64);
            }
        }
    }
    Some(Agreement { tau: mean(&taus)?, n_pairs: taus.len(), n_common: mean(&common)? })
}
