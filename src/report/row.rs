//! A row of the leaderboard: one item x model x shots x calibration (contract, definition 1).
//!
//! # Decisions
//!
//! - 2026-11: metrics, margins and scores are means over the seeds; a trial that stands for several seeds counts once for each.
//!   What was spent (`evaluations, forwards, backwards, tokens, dev_looks, seconds`) is the sum over the trials that were
//!   run, so that a trial that stands for several seeds is paid for once.
//! - 2026-11: `dev_low` and `dev_high` are Wilson's at the mean share and the examples of ONE seed's dev set; of a metric that is the
//!   mean of other values, the mean over the seeds of each one's interval. Draws of several seeds overlap, so their examples are not
//!   added up: the interval is what one dev set can say.
//! - 2026-11: `test_std` is the standard deviation between seeds, and empty for a single trial. `one_seed` flags a row whose test
//!   predictions do not vary between seeds, as well as one with a single seed.
//! - 2026-11: `trained_parameters` is 0 for a prompt of tokens only, and the number of its vectors' numbers for a soft one, whose
//!   `prompt` is its file (contract, definition 1).

use std::path::{Path, PathBuf};

use crate::record::{ReadBack, tuned_bytes};
use crate::spec::Strategy;
use crate::task::Metric;
use crate::task::statistics::{expected_accuracy, majority_class, optimism_gap};

use super::asked::Asked;
use super::control::ControlOutcome;
use super::diagnostics::Diagnostics;
use super::entry::{Entry, deviation};
use super::fact_figures::FactFigures;
use super::flag;
use super::group::Group;
use super::outcome;
use super::trial::{End, Scored, Trial};

/// What chooses where there are no labels and the experiment names no rule that does without them.
const LABEL_FREE: &str = "mutual_information";

/// A row of the leaderboard. `None` is unknown and prints as an empty cell.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Where it is ranked.
    pub group: Group,
    /// The place of its item in `search:`, from 0.
    pub item: usize,
    /// Its place, from 1; equal for rows that nothing tells apart.
    pub rank: Option<usize>,
    /// 1 + the number of rows significantly better.
    pub rank_low: Option<usize>,
    /// The number of rows minus those significantly worse.
    pub rank_high: Option<usize>,
    /// The number of rows not resolved from this one.
    pub tied: Option<usize>,
    /// The method, with a number where an experiment has several items of it.
    pub method: String,
    /// What of prompt and model it tunes; `None` for an ensemble.
    pub strategy: Option<Strategy>,
    /// Seeds whose trial is complete.
    pub n_seeds: usize,
    /// Labelled dev examples of a seed.
    pub n_dev: Option<usize>,
    /// Labelled test examples.
    pub n_test: Option<usize>,
    /// The prompt chosen in the seed with the best dev metric.
    pub prompt: Option<String>,
    /// Its verbalizer.
    pub verbalizer: Option<String>,
    /// The file that holds it, from the results folder on.
    pub prompt_file: Option<PathBuf>,
    /// The metric of the chosen prompts on dev.
    pub dev_mean: Option<f64>,
    /// Lower end of its interval.
    pub dev_low: Option<f64>,
    /// Upper end of its interval.
    pub dev_high: Option<f64>,
    /// The mean margin on dev, in nats.
    pub dev_margin: Option<f64>,
    /// What chose the prompts.
    pub select_by: Option<String>,
    /// The chosen prompts' score by it.
    pub select_score: Option<f64>,
    /// The metric of the chosen prompts on test.
    pub test_mean: Option<f64>,
    /// Its standard deviation between seeds.
    pub test_std: Option<f64>,
    /// Lower end of its interval.
    pub test_low: Option<f64>,
    /// Upper end of its interval.
    pub test_high: Option<f64>,
    /// `dev_mean - test_mean`.
    pub optimism_gap: Option<f64>,
    /// Difference from the manual row on test, over the seeds that both have.
    pub vs_manual: Option<f64>,
    /// Its p-value, adjusted by Holm over the rows of the group.
    pub vs_manual_p: Option<f64>,
    /// Difference from the random row on test, over the seeds that both have.
    pub vs_random: Option<f64>,
    /// Its p-value, adjusted by Holm over the rows of the group.
    pub vs_random_p: Option<f64>,
    /// Numbers that were trained.
    pub trained_parameters: Option<u64>,
    /// Bytes of the file that holds the shown prompt.
    pub saved_bytes: Option<u64>,
    /// How often dev influenced a choice.
    pub dev_looks: Option<u64>,
    /// Evaluations spent.
    pub evaluations: Option<u64>,
    /// Evaluations that racing saved; `None` where it dropped nobody.
    pub evaluations_saved: Option<u64>,
    /// Sequences passed forward.
    pub forwards: Option<u64>,
    /// Sequences passed backward.
    pub backwards: Option<u64>,
    /// Tokens passed forward.
    pub tokens: Option<u64>,
    /// Flags in their fixed order.
    pub flags: Vec<String>,
    /// Wall-clock seconds, of failed trials too.
    pub seconds: f64,
    /// `(seeds, why)` of the trials that failed.
    pub failures: Vec<(String, String)>,
    /// The metric on dev of the chosen soft prompts with every vector replaced by its nearest token's embedding.
    pub projected_dev: Option<f64>,
    /// The same on test.
    pub projected_test: Option<f64>,
    /// What the vectors of the shown prompt are like.
    pub read_back: Option<ReadBack>,
    /// Texts that the label-free score of a seed is taken over, at 0 shots.
    pub n_texts: Option<usize>,
    /// Spearman's correlation of the label-free score with test over a trial's candidates, at 0 shots; mean over the seeds.
    pub label_free_spearman: Option<f64>,
    /// Kendall's tau-b of the same.
    pub label_free_kendall: Option<f64>,
    /// Spearman's correlation of first-order estimates with true falls of the loss over a step's candidates: mean over the steps
    /// of a trial, then over the seeds.
    pub hotflip_spearman: Option<f64>,
    /// The steps behind it, of all seeds.
    pub hotflip_steps: usize,
    /// What the same search does where there is nothing to find.
    pub controls: Vec<ControlOutcome>,
    /// The fewest and the most candidates of a trial, and the test examples, behind these correlations.
    pub correlated: Option<(usize, usize, usize)>,
    /// The metrics of facts on test.
    pub facts: Option<FactFigures>,
    /// What is to be said of it beside its scores.
    pub diagnostics: Diagnostics,
}

impl Row {
    /// The row of an entry, without its ranks and comparisons. `dev_only`: the group has no labelled test split.
    pub(super) fn of(entry: &Entry<'_>, asked: &Asked, metric: Metric, dev_only: bool) -> Self {
        let shown = entry.shown();
        let first = entry.complete().next();
        let n_dev = first.map(|trial| trial.dev_gold.len()).filter(|n| *n > 0);
        let n_test = first.filter(|trial| trial.test().is_some()).map(|trial| trial.test_gold.len());
        let dev_mean = entry.mean(|trial| trial.chosen()?.dev().map(|dev| dev.metric));
        let dev = outcome::dev_interval(entry, metric);
        let test = outcome::test_interval(entry, metric);
        let test_mean = entry.mean(|trial| trial.test().map(|test| test.metric));
        let between: Vec<f64> = entry.complete().filter_map(|trial| trial.test().map(|test| test.metric)).collect();
        let gaps: (Vec<f64>, Vec<f64>) =
            entry.by_seed.values().filter_map(|t| Some((t.chosen()?.dev()?.metric, t.test()?.metric))).unzip();
        let spent = spent(entry);
        let saved = shown.map(|(trial, scored)| (trial, file_name(trial, scored)));
        let prompt_file = saved.map(|(trial, name)| Path::new("trials").join(trial.key.id()).join(name));
        let failures = entry.failures();
        Self {
            group: entry.group.clone(),
            item: entry.item,
            rank: None,
            rank_low: None,
            rank_high: None,
            tied: None,
            method: entry.label.into(),
            strategy: Strategy::of_row(entry.method, entry.label),
            n_seeds: entry.by_seed.len(),
            n_dev,
            n_test,
            prompt: shown.map(|(_, scored)| match (&scored.record.soft, &prompt_file) {
                (Some(_), Some(file)) => file.to_string_lossy().replace('\\', "/"),
                _ => scored.record.prompt.clone(),
            }),
            verbalizer: shown.map(|(_, scored)| scored.record.verbalizer.clone()),
            prompt_file,
            saved_bytes: saved
                .and_then(|(trial, name)| std::fs::metadata(trial.folder.join(name)).ok())
                .zip(saved)
                .map(|(file, (trial, _))| file.len() + tuned_bytes(&trial.folder)),
            dev_mean,
            dev_low: dev.map(|interval| interval.low),
            dev_high: dev.map(|interval| interval.high),
            dev_margin: entry.mean(|trial| trial.chosen()?.dev().map(|dev| dev.margin)),
            select_by: shown.map(|(trial, chosen)| selection(trial, chosen, &asked.select_by).0.into()),
            select_score: entry.mean(|trial| selection(trial, trial.chosen()?, &asked.select_by).1),
            test_mean,
            test_std: deviation(&between),
            test_low: test.map(|interval| interval.low),
            test_high: test.map(|interval| interval.high),
            optimism_gap: optimism_gap(&gaps.0, &gaps.1),
            vs_manual: None,
            vs_manual_p: None,
            vs_random: None,
            vs_random_p: None,
            trained_parameters: shown.map(|(_, scored)| {
                let soft = scored.record.soft.as_ref().map_or(0, |soft| soft.n_numbers());
                (soft + scored.record.tuned.as_ref().map_or(0, |tuned| tuned.n_parameters)) as u64
            }),
            dev_looks: sum(entry, |trial| trial.choice.as_ref().map(|choice| choice.dev_looks)),
            evaluations: spent.map(|spent| spent.evaluations),
            evaluations_saved: sum(entry, |trial| trial.saved),
            forwards: spent.map(|spent| spent.forwards),
            backwards: spent.map(|spent| spent.backwards),
            tokens: spent.map(|spent| spent.tokens),
            flags: flags(entry, shown, dev_only),
            seconds: entry.over.iter().map(|trial| seconds(trial)).sum(),
            failures: failures.into_iter().map(|(seeds, why)| (seeds, why.into())).collect(),
            projected_dev: entry.mean(|trial| trial.read_back()?.projected_dev),
            projected_test: entry.mean(|trial| trial.read_back()?.projected_test),
            read_back: shown.and_then(|(trial, _)| trial.read_back().cloned()),
            n_texts: first.map(|trial| trial.texts.len()).filter(|n| *n > 0),
            label_free_spearman: entry.mean(|trial| trial.correlation?.spearman),
            label_free_kendall: entry.mean(|trial| trial.correlation?.kendall),
            hotflip_spearman: entry.mean(|trial| trial.hotflip.map(|(mean, _)| mean)),
            hotflip_steps: entry.complete().filter_map(|trial| trial.hotflip).map(|(_, steps)| steps).sum(),
            controls: Vec::new(),
            correlated: entry
                .complete()
                .filter_map(|trial| trial.correlation)
                .map(|of| (of.n_candidates, of.n_candidates, of.n_test))
                .reduce(|a, b| (a.0.min(b.0), a.1.max(b.1), a.2.min(b.2))),
            facts: FactFigures::of(entry),
            diagnostics: Diagnostics::of(entry),
        }
    }
}

impl Row {
    /// Why trials failed: `seed 13: no memory left | seed 21: ...`; empty if none did.
    pub fn failure_words(&self) -> String {
        let words = self.failures.iter().map(|(seeds, why)| match seeds.contains(',') {
            true => format!("seeds {seeds}: {why}"),
            false => format!("seed {seeds}: {why}"),
        });
        words.collect::<Vec<_>>().join(" | ").replace('\n', " ")
    }
}

/// The rule that chose a candidate, and the candidate's score by it.
pub(super) fn selection<'a>(trial: &Trial, chosen: &Scored, rule: &'a str) -> (&'a str, Option<f64>) {
    let Some(dev) = chosen.dev() else {
        let needs_labels =
            rule.parse::<Metric>().is_ok() || matches!(rule, "margin" | "mean_log_likelihood" | "expected_accuracy");
        return (if needs_labels { LABEL_FREE } else { rule }, chosen.label_free);
    };
    let score = match rule {
        "margin" => Some(dev.margin),
        "mean_log_likelihood" => Some(dev.log_likelihood),
        "expected_accuracy" => {
            let margins = dev.margins.iter().map(|&m| f64::from(m));
            Some(expected_accuracy(trial.n_labels, margins.zip(trial.dev_gold.iter().map(|&g| usize::from(g)))))
        }
        _ => match rule.parse() {
            Ok(Metric::TargetLogLikelihood) => Some(dev.log_likelihood),
            Ok(metric) => outcome::metric(metric, &trial.dev_gold, dev, trial.n_labels),
            Err(_) => chosen.label_free,
        },
    };
    (rule, score)
}

fn spent(entry: &Entry<'_>) -> Option<crate::record::Spent> {
    entry
        .complete()
        .filter_map(|trial| match trial.end {
            End::Finished { spent, .. } => Some(spent),
            _ => None,
        })
        .reduce(|mut sum, spent| {
            sum += spent;
            sum
        })
}

fn sum(entry: &Entry<'_>, value: impl Fn(&Trial) -> Option<u64>) -> Option<u64> {
    entry.complete().filter_map(value).reduce(|a, b| a + b)
}

fn seconds(trial: &Trial) -> f64 {
    match trial.end {
        End::Open => 0.0,
        End::Finished { seconds, .. } | End::Failed { seconds, .. } => seconds,
    }
}

/// The file that holds a trial's chosen prompt.
fn file_name(trial: &Trial, chosen: &Scored) -> &'static str {
    if trial.key.method.starts_with("ensemble_") {
        return "ensemble.json";
    }
    if chosen.record.soft.is_some() { "prompt.safetensors" } else { "prompt.json" }
}

fn flags(entry: &Entry<'_>, shown: Option<(&Trial, &Scored)>, dev_only: bool) -> Vec<String> {
    let mut flags: Vec<&str> = Vec::new();
    for trial in &entry.over {
        match &trial.end {
            End::Finished { flags: of_trial, .. } => flags.extend(of_trial.iter().map(String::as_str)),
            End::Failed { reason, .. } => {
                flags.push("failed");
                flags.extend(flag::is_not_a_number(reason).then_some("nan"));
            }
            End::Open => {}
        }
        if let Some(chosen) = trial.chosen().filter(|_| trial.is_complete()) {
            flags.extend(candidate_flags(trial, chosen));
        }
    }
    flags.extend((dev_only && shown.is_some()).then_some("dev_only"));
    flags.extend((shown.is_some() && outcome::is_one_seed(entry)).then_some("one_seed"));
    flag::ordered(flags)
}

/// The flags of a candidate, those that its predictions give included.
pub(super) fn candidate_flags<'a>(trial: &Trial, scored: &'a Scored) -> Vec<&'a str> {
    let mut flags: Vec<&str> = scored.record.flags.iter().map(String::as_str).collect();
    if let Some(dev) = scored.dev() {
        let wide = |labels: &[u16]| labels.iter().map(|label| usize::from(*label)).collect::<Vec<_>>();
        let gold = &trial.dev_gold[..dev.predicted.len()];
        let collapsed = trial.n_labels > 1 && majority_class(&wide(&dev.predicted), &wide(gold));
        flags.extend(collapsed.then_some("majority_class"));
    }
    flags
}
