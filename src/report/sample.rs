//! Records made by hand for the tests of this room.

use std::path::{Path, PathBuf};

use crate::record::{
    CandidateRecord, EVENTS, Event, FORMAT, Provenance, RecordError, SetScores, Spent, TrialKey, TrialRecord,
    TrialWriter,
};
use crate::task::{Confusion, Metric};

use super::ReportError;
use super::asked::Asked;
use super::candidate_table::each_candidate;
use super::candidates::CandidateRow;
use super::leaderboard::Leaderboard;
use super::trial::Trial;

/// A trial in the making. Labels and predictions are digits: `"0110"`.
#[derive(Debug, Clone)]
pub(super) struct Sample {
    key: TrialKey,
    metric: Metric,
    dev_gold: Vec<u16>,
    test_gold: Vec<u16>,
    dev_set: String,
    texts: Vec<u32>,
    events: Vec<Event>,
}

impl Sample {
    /// A trial of item `item` for the seeds, at 16 shots.
    pub(super) fn new(item: usize, method: &str, seeds: &[u64], dev_gold: &str, test_gold: &str) -> Self {
        let key = TrialKey {
            item,
            method: method.into(),
            label: method.into(),
            model: "builtin:toy".into(),
            shots: "16".into(),
            calibration: "none".into(),
            seeds: seeds.to_vec(),
            control: None,
            fingerprint: "0123456789abcdef".into(),
        };
        Self {
            key,
            metric: Metric::Accuracy,
            dev_gold: labels(dev_gold),
            test_gold: labels(test_gold),
            dev_set: format!("dev {dev_gold}"),
            texts: Vec::new(),
            events: Vec::new(),
        }
    }

    pub(super) fn model(mut self, model: &str) -> Self {
        self.key.model = model.into();
        self
    }

    pub(super) fn shots(mut self, shots: &str) -> Self {
        self.key.shots = shots.into();
        self
    }

    pub(super) fn labelled(mut self, label: &str) -> Self {
        self.key.label = label.into();
        self
    }

    /// The trial as a control of its item's row.
    pub(super) fn control(mut self, name: &str) -> Self {
        self.key.control = Some(name.into());
        self.key.label = format!("{} {name}", self.key.label);
        self
    }

    /// A step with the rank correlation of its estimates.
    pub(super) fn stepped(mut self, hotflip_spearman: f64) -> Self {
        let trace = serde_json::json!({ "moved": true, "hotflip_spearman": hotflip_spearman });
        self.events.push(Event::Step { step: 0, trace, evaluations: 0 });
        self
    }

    pub(super) fn metric(mut self, metric: Metric) -> Self {
        self.metric = metric;
        self
    }

    /// A candidate with its predictions on dev; every example has the margin `margin`.
    pub(super) fn scored(self, prompt: &str, predicted: &str, margin: f32) -> Self {
        let dev = self.scores(&self.dev_gold, predicted, margin);
        self.candidate(prompt, Some(dev), None, &[])
    }

    /// A candidate with the value of each dev example, or of the first ones; every example has the margin `margin`.
    pub(super) fn valued(self, prompt: &str, values: &[f64], margin: f32) -> Self {
        let dev = self.of_values(&self.dev_gold, values, margin);
        self.candidate(prompt, Some(dev), None, &[])
    }

    /// The value of each test example.
    pub(super) fn tested_values(mut self, values: &[f64]) -> Self {
        let test = self.of_values(&self.test_gold, values, 0.5);
        self.events.push(Event::Tested { test });
        self
    }

    /// The rank of the right object of each test fact.
    pub(super) fn ranked(mut self, ranks: &[u32]) -> Self {
        self.events.push(Event::Ranked { ranks: ranks.to_vec() });
        self
    }

    fn of_values(&self, gold: &[u16], values: &[f64], margin: f32) -> SetScores {
        let digits: String = gold[..values.len()].iter().map(u16::to_string).collect();
        let metric = values.iter().sum::<f64>() / values.len() as f64;
        SetScores { metric, values: values.to_vec(), ..self.scores(gold, &digits, margin) }
    }

    /// A candidate at 0 shots.
    pub(super) fn label_free(self, prompt: &str, score: f64) -> Self {
        self.candidate(prompt, None, Some(score), &[])
    }

    /// A candidate at 0 shots with the parts of its score, the mean of which it is.
    pub(super) fn in_parts(mut self, prompt: &str, parts: &[f32]) -> Self {
        self.texts = (0..parts.len() as u32).rev().collect();
        let score = parts.iter().map(|part| f64::from(*part)).sum::<f64>() / parts.len() as f64;
        self.candidate(prompt, None, Some(score), parts)
    }

    /// The rank correlations of the label-free score with test.
    pub(super) fn correlated(mut self, spearman: f64, kendall: f64) -> Self {
        let candidates: Vec<u64> = (0..self.n_candidates()).collect();
        self.events.push(Event::Correlated {
            test_metrics: vec![0.5; candidates.len()],
            candidates,
            n_test: self.test_gold.len(),
            spearman: Some(spearman),
            kendall: Some(kendall),
        });
        self
    }

    fn candidate(mut self, prompt: &str, dev: Option<SetScores>, label_free: Option<f64>, parts: &[f32]) -> Self {
        let candidate = self.n_candidates();
        let record = CandidateRecord {
            candidate,
            parent: candidate.checked_sub(1),
            origin: "made by hand".into(),
            prompt: prompt.into(),
            template: prompt.into(),
            trigger_ids: Vec::new(),
            verbalizer: "a=bad,b=good".into(),
            n_tokens: prompt.split_whitespace().count(),
            flags: Vec::new(),
            perplexity: None,
            soft: None,
            tuned: None,
        };
        let evaluations = 4 * (candidate + 1);
        let label_free_parts = parts.to_vec();
        self.events.push(Event::Scored { candidate: record, dev, label_free, label_free_parts, evaluations });
        self
    }

    pub(super) fn chose(mut self, candidate: u64) -> Self {
        self.events.push(Event::Chosen { candidate, dev_looks: 1, perplexity: None });
        self
    }

    pub(super) fn tested(mut self, predicted: &str, margin: f32) -> Self {
        let test = self.scores(&self.test_gold, predicted, margin);
        self.events.push(Event::Tested { test });
        self
    }

    pub(super) fn finished(mut self, flags: &[&str]) -> TrialRecord {
        let n = 4 * self.n_candidates();
        let spent = Spent { evaluations: n, forwards: n, backwards: 0, tokens: 10 * n };
        self.events.push(Event::Finished { spent, flags: flags.iter().map(|f| (*f).into()).collect(), seconds: 1.5 });
        self.so_far()
    }

    pub(super) fn failed(mut self, reason: &str) -> TrialRecord {
        self.events.push(Event::Failed { reason: reason.into(), seconds: 0.25 });
        self.so_far()
    }

    /// The trial as it is now, without its last event.
    pub(super) fn so_far(self) -> TrialRecord {
        let started = Event::Started {
            format: FORMAT,
            trial: self.key.clone(),
            labels: vec!["a".into(), "b".into()],
            dev_gold: self.dev_gold,
            test_gold: self.test_gold,
            dev_set: self.dev_set,
            test_set: "test".into(),
            texts: self.texts,
            n_train: 32,
            batch_size: 32,
        };
        let events = std::iter::once(started).chain(self.events).collect();
        TrialRecord { folder: PathBuf::from("/nonexistent").join(self.key.id()), events }
    }

    fn n_candidates(&self) -> u64 {
        self.events.iter().filter(|event| matches!(event, Event::Scored { .. })).count() as u64
    }

    fn scores(&self, gold: &[u16], predicted: &str, margin: f32) -> SetScores {
        let predicted = labels(predicted);
        let pairs = gold.iter().zip(&predicted).map(|(g, p)| (usize::from(*g), usize::from(*p)));
        SetScores {
            metric: self.metric.of(&Confusion::from_pairs(2, pairs)),
            margin: f64::from(margin),
            log_likelihood: -0.5,
            margins: vec![margin; predicted.len()],
            predicted,
            values: Vec::new(),
        }
    }
}

fn labels(digits: &str) -> Vec<u16> {
    digits.chars().map(|digit| digit.to_digit(10).unwrap() as u16).collect()
}

/// What the samples ask.
pub(super) fn asked() -> Asked {
    Asked {
        name: "films".into(),
        question: None,
        metric: "accuracy".into(),
        select_by: "accuracy".into(),
        transfer: false,
    }
}

/// Writes a results folder that holds the trials.
pub(super) fn write(folder: &Path, trials: &[TrialRecord], metric: &str) {
    let ids = trials.iter().map(|trial| trial.key().id());
    let provenance = Provenance {
        format: Provenance::FORMAT,
        promptmine: "0.1.0".into(),
        experiment: "films".into(),
        experiment_blake3: String::new(),
        device: "CPU".into(),
        device_kind: "cpu".into(),
        dtype: "f32".into(),
        batch_size: 32,
        machine: String::new(),
        models: Vec::new(),
        data_blake3: Default::default(),
        corpora_blake3: Default::default(),
        data_commit: None,
        metric: metric.into(),
        trials: ids.collect(),
    };
    provenance.save(folder).unwrap();
    for trial in trials {
        let mut writer = TrialWriter::create(&folder.join("trials").join(trial.key().id()), trial.key()).unwrap();
        trial.events.iter().for_each(|event| writer.append(event).unwrap());
    }
}

/// The rows of the trials' candidates.
pub(super) fn candidate_rows(trials: &[TrialRecord], asked: &Asked) -> Result<Vec<CandidateRow>, ReportError> {
    let mut rows = Vec::new();
    with(trials, |trials| {
        each_candidate(&trials?, asked, |row| {
            rows.push(row);
            Ok(())
        })
    })?;
    Ok(rows)
}

/// The leaderboard of the trials.
pub(super) fn leaderboard(trials: &[TrialRecord], asked: Asked) -> Leaderboard {
    with(trials, |trials| Leaderboard::of_trials(&trials.unwrap(), asked))
}

/// Gives the trials as they are read from a folder.
pub(super) fn with<T>(trials: &[TrialRecord], take: impl FnOnce(Result<Vec<Trial>, RecordError>) -> T) -> T {
    let folder = tempfile::tempdir().unwrap();
    let read = trials.iter().map(|trial| {
        let folder = folder.path().join(trial.key().id());
        std::fs::create_dir(&folder).unwrap();
        let lines = trial.events.iter().map(|event| serde_json::to_string(event).unwrap() + "\n");
        std::fs::write(folder.join(EVENTS), lines.collect::<String>()).unwrap();
        Ok(Trial::load(&folder)?.unwrap())
    });
    take(read.collect())
}
