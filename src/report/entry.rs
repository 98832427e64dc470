//! One item of the search in one group: its trials over the seeds (contract, definition 1).

use std::collections::BTreeMap;

use super::group::Group;
use super::place::Place;
use super::trial::{End, Scored, Trial};

/// An item's trials in one group.
#[derive(Debug, Clone)]
pub(super) struct Entry<'a> {
    pub(super) group: Group,
    pub(super) item: usize,
    pub(super) method: &'a str,
    /// The control that it is, of the row of its item.
    pub(super) control: Option<&'a str>,
    /// Tells it from other items of the same method.
    pub(super) label: &'a str,
    /// The complete trial that stands for each seed; one trial may stand for several.
    pub(super) by_seed: BTreeMap<u64, &'a Trial>,
    /// Every trial that is over, in the order of its seeds.
    pub(super) over: Vec<&'a Trial>,
}

impl<'a> Entry<'a> {
    /// Sorts trials into entries, ordered by group and item, controls left out. An item none of whose trials is over has none.
    pub(super) fn of(trials: &'a [Trial]) -> Vec<Self> {
        Self::all(trials, |trial| trial.key.control.is_none())
    }

    /// The entries of controls, ordered by group, item and control.
    pub(super) fn of_controls(trials: &'a [Trial]) -> Vec<Self> {
        Self::all(trials, |trial| trial.key.control.is_some())
    }

    fn all(trials: &'a [Trial], wanted: impl Fn(&Trial) -> bool) -> Vec<Self> {
        let mut over: Vec<&Trial> = trials.iter().filter(|trial| trial.is_over() && wanted(trial)).collect();
        over.sort_by_cached_key(|trial| (trial.key.seeds.clone(), trial.key.id()));
        let mut entries: BTreeMap<(Group, usize, Option<&str>), Self> = BTreeMap::new();
        for trial in over {
            let group = Group::of(&trial.key);
            let control = trial.key.control.as_deref();
            let entry = entries.entry((group.clone(), trial.key.item, control)).or_insert_with(|| Self {
                group,
                item: trial.key.item,
                method: &trial.key.method,
                control,
                label: &trial.key.label,
                by_seed: BTreeMap::new(),
                over: Vec::new(),
            });
            entry.over.push(trial);
            if trial.is_complete() {
                for seed in &trial.key.seeds {
                    entry.by_seed.entry(*seed).or_insert(trial);
                }
            }
        }
        entries.into_values().collect()
    }

    /// The complete trials, each once.
    pub(super) fn complete(&self) -> impl Iterator<Item = &'a Trial> {
        self.over.iter().copied().filter(|trial| trial.is_complete())
    }

    /// Whether its figures hold no variation between seeds: one trial, for one seed or for all.
    pub(super) fn is_one_trial(&self) -> bool {
        self.complete().count() < 2
    }

    /// The chosen candidate of the seed with the best dev metric, and its trial: the prompt that is shown.
    pub(super) fn shown(&self) -> Option<(&'a Trial, &'a Scored)> {
        // `min_by` takes the first of equals, so the lowest seed.
        self.complete().filter_map(|trial| trial.chosen().map(|chosen| (trial, chosen))).min_by(|(trial, a), (_, b)| {
            let n_dev = trial.dev_gold.len();
            a.place(n_dev).key().compare(&b.place(n_dev).key())
        })
    }

    /// The mean over seeds of what each seed's trial has; `None` if none has it.
    pub(super) fn mean(&self, value: impl Fn(&'a Trial) -> Option<f64>) -> Option<f64> {
        let values: Vec<f64> = self.by_seed.values().filter_map(|trial| value(trial)).collect();
        mean(&values)
    }

    /// `(seed, why)` of each trial that failed; several seeds as one text.
    pub(super) fn failures(&self) -> Vec<(String, &'a str)> {
        let failure = |trial: &&'a Trial| match &trial.end {
            End::Failed { reason, .. } => {
                let seeds: Vec<String> = trial.key.seeds.iter().map(u64::to_string).collect();
                Some((seeds.join(", "), reason.as_str()))
            }
            _ => None,
        };
        self.over.iter().filter_map(failure).collect()
    }

    /// Its place among the rows of its group, on test or on dev.
    pub(super) fn place(&self, dev_only: bool) -> Place {
        let shown = self.shown();
        let scores = |trial: &'a Trial| if dev_only { trial.chosen().and_then(|c| c.dev()) } else { trial.test() };
        let label_free = |trial: &'a Trial| trial.chosen().filter(|_| dev_only).and_then(|c| c.label_free);
        Place {
            dropped_at: None,
            score: self.mean(|trial| scores(trial).map(|s| s.metric).or_else(|| label_free(trial))),
            margin: self.mean(|trial| scores(trial).map(|s| s.margin)),
            n_tokens: shown.map(|(_, scored)| scored.record.n_tokens),
            text: shown.map_or_else(String::new, |(_, s)| format!("{}\n{}", s.record.prompt, s.record.verbalizer)),
        }
    }
}

/// The arithmetic mean; `None` of nothing.
pub(super) fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// The standard deviation with n - 1; `None` of fewer than two values.
pub(super) fn deviation(values: &[f64]) -> Option<f64> {
    let mean = mean(values).filter(|_| values.len() > 1)?;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    Some((squares / (values.len() - 1) as f64).sqrt())
}
