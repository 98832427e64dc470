//! What is to be said of prompts beside their scores: collapse, accuracy by class, surface, equal behaviour, rules.
//!
//! # Decisions
//!
//! - 2026-11: figures of a row are means over its seeds, like its metrics. Collapse and accuracy by class are those of the chosen
//!   prompts on test, or on dev where there is no labelled test split; those of a candidate are on dev.
//! - 2026-11: the worst change of a surface is the lowest of metric minus metric as it is, over all surfaces of a prompt; it is
//!   above 0 where every other surface does better.
//! - 2026-11: a candidate that racing dropped has no class of equal behaviour, since it was not asked of all examples; its collapse
//!   and its accuracy by class are those of the examples that it was.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::record::{Diagnosis, RuleScore, SetScores};

use super::digest::{fraction, signed};
use super::entry::{Entry, mean};
use super::leaderboard::{Leaderboard, Section};
use super::print::{code, escape_markdown};
use super::trial::Trial;

/// What is said of a row.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Diagnostics {
    /// The share of the predictions that are of the most frequent label.
    pub collapse: Option<f64>,
    /// The accuracy on the examples of each label.
    pub class_accuracy: Vec<(String, f64)>,
    /// The lowest change of the metric that another surface of the prompt makes.
    pub surface_worst: Option<f64>,
    /// The mean change.
    pub surface_mean: Option<f64>,
    /// The mean change of each kind of surface.
    pub surfaces: Vec<(String, f64)>,
    /// Candidates scored, over all seeds.
    pub n_candidates: Option<usize>,
    /// Those that differ in some dev prediction of their seed.
    pub n_behaviours: Option<usize>,
    /// What each rule for words of several tokens gives.
    pub rules: Vec<RuleRow>,
}

/// One prompt under one rule for words of several tokens, mean over seeds.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleRow {
    /// The prompt.
    pub prompt: String,
    /// Its label words.
    pub verbalizer: String,
    /// The rule.
    pub rule: String,
    /// Forward passes an example.
    pub passes: u64,
    /// The metric on dev.
    pub dev: Option<f64>,
    /// The metric on test.
    pub test: Option<f64>,
    /// The mean margin in nats.
    pub margin: f64,
    /// Seeds.
    pub n_seeds: usize,
    /// Test examples, or dev where there is no test.
    pub n: usize,
}

impl Diagnostics {
    /// The diagnostics of a row.
    pub(super) fn of(entry: &Entry<'_>) -> Self {
        let on = |trial: &'_ Trial| -> Option<(Vec<u16>, Vec<u16>)> {
            match trial.test() {
                Some(test) => Some((trial.test_gold.to_vec(), test.predicted.clone())),
                None => Some((trial.dev_gold.to_vec(), trial.chosen()?.dev()?.predicted.clone())),
            }
        };
        // Of one label nothing can be said: the answers are texts.
        let labels = entry.complete().next().map_or(&[][..], |trial| &trial.labels);
        let labels = if labels.len() < 2 { &[][..] } else { labels };
        let class_accuracy = classes(labels).iter().enumerate().filter_map(|(label, name)| {
            let of = |trial| on(trial).and_then(|(gold, predicted)| recall(&gold, &predicted, label as u16));
            Some((name.clone(), entry.mean(of)?))
        });
        let changes = |diagnosis: &Diagnosis| -> Vec<f64> {
            diagnosis.surfaces.iter().map(|surface| surface.metric - diagnosis.metric).collect()
        };
        let mut kinds: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
        for diagnosis in entry.by_seed.values().filter_map(|trial| trial.diagnosis()) {
            for (surface, change) in diagnosis.surfaces.iter().zip(changes(diagnosis)) {
                kinds.entry(&surface.kind).or_default().push(change);
            }
        }
        let over: Vec<&&Trial> = entry.over.iter().filter(|trial| trial.is_complete()).collect();
        let behaviours = |trial: &&&Trial| {
            let complete = trial.candidates.iter().filter(|listed| listed.is_complete());
            complete.map(|listed| listed.behaviour).collect::<HashSet<_>>().len()
        };
        Self {
            collapse: match labels.is_empty() {
                true => None,
                false => entry.mean(|trial| on(trial).and_then(|(_, predicted)| collapse(&predicted))),
            },
            class_accuracy: class_accuracy.collect(),
            surface_worst: entry.mean(|trial| changes(trial.diagnosis()?).into_iter().reduce(f64::min)),
            surface_mean: entry.mean(|trial| mean(&changes(trial.diagnosis()?))),
            surfaces: kinds.into_iter().filter_map(|(kind, all)| Some((kind.to_owned(), mean(&all)?))).collect(),
            n_candidates: (!over.is_empty()).then(|| over.iter().map(|trial| trial.candidates.len()).sum()),
            n_behaviours: Some(over.iter().map(behaviours).sum()).filter(|n| *n > 0),
            rules: rules(entry),
        }
    }

    /// `negative=0.9;positive=0.8`
    pub fn class_words(&self) -> String {
        class_words(&self.class_accuracy)
    }

    /// `spacing=-0.01;case=0.02`
    pub fn surface_words(&self) -> String {
        class_words(&self.surfaces)
    }
}

/// The labels whose accuracy is told: none where they are as many as the objects of facts.
fn classes(labels: &[String]) -> &[String] {
    const MOST: usize = 32;
    if labels.len() > MOST { &[] } else { labels }
}

/// What is said of a candidate.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CandidateDiagnostics {
    /// The share of its dev predictions that are of the most frequent label.
    pub collapse: Option<f64>,
    /// The accuracy on the dev examples of each label.
    pub class_accuracy: Vec<(String, f64)>,
    /// The best rank among the candidates with the same dev predictions, which names their class.
    pub equivalence_class: Option<usize>,
    /// How many candidates have the same dev predictions, itself included.
    pub n_equivalent: Option<usize>,
}

impl CandidateDiagnostics {
    /// The diagnostics of a candidate with these scores on dev; `class` is the best rank among the candidates with the same
    /// predictions, and their number.
    pub(super) fn of(trial: &Trial, dev: Option<&SetScores>, class: Option<(usize, usize)>) -> Self {
        let Some(SetScores { predicted, .. }) = dev else { return Self::default() };
        let (equivalence_class, n_equivalent) = (class.map(|class| class.0), class.map(|class| class.1));
        if trial.n_labels < 2 {
            return Self { equivalence_class, n_equivalent, ..Self::default() };
        }
        let gold = &trial.dev_gold[..predicted.len()];
        let class_accuracy = classes(&trial.labels)
            .iter()
            .enumerate()
            .filter_map(|(label, name)| recall(gold, predicted, label as u16).map(|recall| (name.clone(), recall)));
        Self {
            collapse: collapse(predicted),
            class_accuracy: class_accuracy.collect(),
            equivalence_class,
            n_equivalent,
        }
    }

    /// `negative=0.9;positive=0.8`
    pub fn class_words(&self) -> String {
        class_words(&self.class_accuracy)
    }
}

fn class_words(values: &[(String, f64)]) -> String {
    let one = |(name, value): &(String, f64)| {
        format!("{}={}", name.replace([';', '=', '\n'], " "), super::cell::decimal(*value, 6))
    };
    values.iter().map(one).collect::<Vec<_>>().join(";")
}

/// The share of the most frequent prediction.
fn collapse(predicted: &[u16]) -> Option<f64> {
    let mut counts: HashMap<u16, usize> = HashMap::new();
    predicted.iter().for_each(|label| *counts.entry(*label).or_default() += 1);
    counts.values().max().map(|most| *most as f64 / predicted.len() as f64)
}

/// The share of a label's examples that are predicted so; `None` without any.
fn recall(gold: &[u16], predicted: &[u16], label: u16) -> Option<f64> {
    let own: Vec<bool> = gold.iter().zip(predicted).filter(|(g, _)| **g == label).map(|(g, p)| g == p).collect();
    (!own.is_empty()).then(|| own.iter().filter(|right| **right).count() as f64 / own.len() as f64)
}

/// What each rule gives for the same prompts, mean over the seeds in which a prompt was compared.
fn rules(entry: &Entry<'_>) -> Vec<RuleRow> {
    let mut rows: Vec<(RuleRow, Vec<RuleScore>)> = Vec::new();
    for trial in entry.over.iter().filter(|trial| trial.is_complete()) {
        let Some(rules) = trial.rules() else { continue };
        for score in &rules.scores {
            let Some(record) = trial.of_rules.get(&score.candidate) else { continue };
            let (prompt, verbalizer) = (&record.prompt, &record.verbalizer);
            let known = rows
                .iter()
                .position(|(row, _)| (&row.prompt, &row.verbalizer, &row.rule) == (prompt, verbalizer, &score.rule));
            let place = known.unwrap_or_else(|| {
                let row = RuleRow {
                    prompt: prompt.clone(),
                    verbalizer: verbalizer.clone(),
                    rule: score.rule.clone(),
                    passes: score.passes,
                    dev: None,
                    test: None,
                    margin: 0.0,
                    n_seeds: 0,
                    n: if rules.n_test > 0 { rules.n_test } else { rules.n_dev },
                };
                rows.push((row, Vec::new()));
                rows.len() - 1
            });
            rows[place].0.n_seeds += trial.key.seeds.len();
            rows[place].1.push(score.clone());
        }
    }
    rows.into_iter()
        .map(|(row, scores)| {
            let over = |of: fn(&RuleScore) -> Option<f64>| mean(&scores.iter().filter_map(of).collect::<Vec<_>>());
            let margin = over(|score| Some(score.margin)).unwrap_or_default();
            RuleRow { dev: over(|score| score.dev), test: over(|score| score.test), margin, ..row }
        })
        .collect()
}

impl Leaderboard {
    /// The diagnostics of every section in words.
    pub(super) fn diagnostics_words(&self) -> String {
        let sections: String = self.sections.iter().filter_map(Section::diagnostics_words).collect();
        let rules: String = self.sections.iter().filter_map(Section::rules_words).collect();
        let mut out = String::new();
        if !sections.is_empty() {
            out.push_str(&format!(
                "\n## Diagnostics\n\n`majority` is the share of the predictions that are of one label; beside it the accuracy on each \
                 label's examples. `surface` says how much the metric changes where the same prompt is written with other spaces, \
                 case, marks or width: the lowest and the mean change. `behaviours` are the candidates that differ in some \
                 prediction on dev: the others were copies of one another in all but their words. Outside the budget.\n{sections}"
            ));
        }
        if !rules.is_empty() {
            out.push_str(&format!(
                "\n## Rules for words of several tokens\n\nWhat each rule gives for the same prompts on the same examples: the chosen \
                 prompt of each seed, and all that were written. `joint` reads a word's tokens left to right, `independent` at once, \
                 `pseudo_likelihood` each with all others filled in, `mean` is joint divided by their number. Outside the budget.\n\
                 {rules}"
            ));
        }
        out
    }
}

impl Section {
    fn diagnostics_words(&self) -> Option<String> {
        let mut table = String::new();
        for row in self.rows.iter().filter(|row| row.diagnostics.collapse.is_some()) {
            let of = &row.diagnostics;
            let classes: Vec<String> = (of.class_accuracy.iter())
                .map(|(name, value)| format!("{} {}", escape_markdown(name), fraction(Some(*value))))
                .collect();
            let surface = match of.surface_worst.zip(of.surface_mean) {
                Some((worst, mean)) => {
                    let kinds: Vec<String> =
                        of.surfaces.iter().map(|(kind, change)| format!("{kind} {}", signed(Some(*change)))).collect();
                    format!("{}, mean {} ({})", signed(Some(worst)), signed(Some(mean)), kinds.join(", "))
                }
                None => String::new(),
            };
            let behaviours = match of.n_candidates.zip(of.n_behaviours) {
                Some((candidates, behaviours)) => format!("{behaviours} of {candidates}"),
                None => String::new(),
            };
            table.push_str(&format!(
                "| {} | {} | {} | {surface} | {behaviours} |\n",
                escape_markdown(&row.method),
                fraction(of.collapse),
                classes.join(", ")
            ));
        }
        (!table.is_empty()).then(|| {
            format!(
                "\n### {}\n\n| method | majority | accuracy by label | surface | behaviours |\n| --- | ---: | --- | --- | ---: |\n{table}",
                escape_markdown(&self.group.words())
            )
        })
    }

    fn rules_words(&self) -> Option<String> {
        let mut table = String::new();
        let mut seen: Vec<(&str, &str, &str)> = Vec::new();
        for rule in self.rows.iter().flat_map(|row| &row.diagnostics.rules) {
            let key = (rule.prompt.as_str(), rule.verbalizer.as_str(), rule.rule.as_str());
            // A prompt that several methods chose is compared once.
            if seen.contains(&key) {
                continue;
            }
            seen.push(key);
            table.push_str(&format!(
                "| {} | {} | {} | {} | {} | {} | {} | {} |\n",
                code(&rule.prompt.replace(['\n', '\r'], "↵")),
                escape_markdown(&rule.verbalizer),
                rule.rule,
                rule.passes,
                fraction(rule.dev),
                fraction(rule.test),
                signed(Some(rule.margin)),
                rule.n_seeds
            ));
        }
        (!table.is_empty()).then(|| {
            format!(
                "\n### {}\n\n| prompt | label words | rule | passes | dev | test | margin | seeds |\n| --- | --- | --- | ---: | ---: | \
                 ---: | ---: | ---: |\n{table}",
                escape_markdown(&self.group.words())
            )
        })
    }
}
