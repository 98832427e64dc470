//! A trial's events, read into what tables need.

use std::collections::BTreeMap;
use std::path::Path;

use crate::record::{CandidateRecord, EVENTS, Event, ReadBack, RecordError, SetScores, Spent, TrialKey, TrialRecord};

use super::place::Place;

/// A trial as its events tell it; everything is borrowed from them.
#[derive(Debug, Clone)]
pub(super) struct Trial<'a> {
    pub(super) key: &'a TrialKey,
    pub(super) folder: &'a Path,
    pub(super) n_labels: usize,
    pub(super) dev_gold: &'a [u16],
    pub(super) test_gold: &'a [u16],
    pub(super) dev_set: &'a str,
    pub(super) test_set: &'a str,
    /// The rows of the texts that a label-free score is taken over.
    pub(super) texts: &'a [u32],
    /// The scored candidates by number; of one that was scored twice, the later scores.
    pub(super) candidates: Vec<Scored<'a>>,
    pub(super) choice: Option<Choice>,
    pub(super) test: Option<&'a SetScores>,
    /// What the vectors of the chosen prompt are like.
    pub(super) read_back: Option<&'a ReadBack>,
    /// How the label-free score and test agree, at 0 shots.
    pub(super) correlation: Option<Correlation>,
    /// The mean over steps of the rank correlation of first-order estimates with true falls of the loss, and the steps.
    pub(super) hotflip: Option<(f64, usize)>,
    /// The evaluations that racing saved.
    pub(super) saved: Option<u64>,
    pub(super) end: End<'a>,
}

/// A candidate and its scores.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scored<'a> {
    pub(super) record: &'a CandidateRecord,
    pub(super) dev: Option<&'a SetScores>,
    pub(super) label_free: Option<f64>,
    /// Each text's part in it.
    pub(super) label_free_parts: &'a [f32],
    pub(super) evaluations: u64,
}

/// What dev chose.
#[derive(Debug, Clone, Copy)]
pub(super) struct Choice {
    /// The place of the chosen one in [`Trial::candidates`].
    pub(super) index: usize,
    pub(super) dev_looks: u64,
    pub(super) perplexity: Option<f64>,
}

/// How the label-free score and test agree over a trial's candidates.
#[derive(Debug, Clone, Copy)]
pub(super) struct Correlation {
    pub(super) n_candidates: usize,
    pub(super) n_test: usize,
    pub(super) spearman: Option<f64>,
    pub(super) kendall: Option<f64>,
}

/// How far a trial came.
#[derive(Debug, Clone, Copy)]
pub(super) enum End<'a> {
    /// It goes on, or was interrupted.
    Open,
    /// It is complete.
    Finished { spent: Spent, flags: &'a [String], seconds: f64 },
    /// It could not be completed.
    Failed { reason: &'a str, seconds: f64 },
}

impl<'a> Trial<'a> {
    /// Reads a trial's events.
    ///
    /// # Errors
    /// [`RecordError::Corrupt`] if they contradict each other: scores of another number of examples, a label that is not
    /// there, a choice of a candidate that was not scored.
    pub(super) fn read(trial: &'a TrialRecord) -> Result<Self, RecordError> {
        let corrupt =
            |line: usize, message: String| RecordError::corrupt(trial.folder.join(EVENTS), Some(line + 1), message);
        let Some(Event::Started { trial: key, labels, dev_gold, test_gold, dev_set, test_set, texts, .. }) =
            trial.events.first()
        else {
            return Err(corrupt(0, "the first event is not `started`".into()));
        };
        let mut read = Self {
            key,
            folder: &trial.folder,
            n_labels: labels.len(),
            dev_gold,
            test_gold,
            dev_set,
            test_set,
            texts,
            candidates: Vec::new(),
            choice: None,
            test: None,
            read_back: None,
            correlation: None,
            hotflip: None,
            saved: None,
            end: End::Open,
        };
        if let Some(label) = dev_gold.iter().chain(test_gold).find(|label| usize::from(**label) >= labels.len()) {
            return Err(corrupt(0, format!("gold label {label} of {} labels", labels.len())));
        }
        let mut meters: Vec<f64> = Vec::new();
        let mut by_number = BTreeMap::new();
        let mut chosen = None;
        for (line, event) in trial.events.iter().enumerate() {
            match event {
                Event::Scored { candidate, dev, label_free, label_free_parts, evaluations } => {
                    let (n, expected) = (label_free_parts.len(), texts.len());
                    if n > 0 && n != expected {
                        return Err(corrupt(line, format!("{n} parts of a label-free score for {expected} texts")));
                    }
                    if let Some(dev) = dev {
                        // Racing may stop before the last dev example, so a prefix is no fault.
                        check(dev, labels.len(), dev.predicted.len() <= dev_gold.len(), dev_gold.len())
                            .map_err(|message| corrupt(line, message))?;
                    }
                    let scored = Scored {
                        record: candidate,
                        dev: dev.as_ref(),
                        label_free: *label_free,
                        label_free_parts,
                        evaluations: *evaluations,
                    };
                    by_number.insert(candidate.candidate, scored);
                }
                Event::Chosen { candidate, dev_looks, perplexity } => {
                    chosen = Some((line, *candidate, *dev_looks, *perplexity));
                }
                Event::Tested { test } => {
                    check(test, labels.len(), test.predicted.len() == test_gold.len(), test_gold.len())
                        .map_err(|message| corrupt(line, message))?;
                    read.test = Some(test);
                }
                Event::ReadBack(read_back) => read.read_back = Some(read_back),
                Event::Correlated { candidates, n_test, spearman, kendall, .. } => {
                    read.correlation = Some(Correlation {
                        n_candidates: candidates.len(),
                        n_test: *n_test,
                        spearman: *spearman,
                        kendall: *kendall,
                    });
                }
                Event::Raced { saved, .. } => read.saved = Some(*saved),
                Event::Finished { spent, flags, seconds } => {
                    read.end = End::Finished { spent: *spent, flags, seconds: *seconds };
                }
                Event::Failed { reason, seconds } => read.end = End::Failed { reason, seconds: *seconds },
                Event::Step { trace, .. } => meters.extend(trace.get("hotflip_spearman").and_then(|rho| rho.as_f64())),
                Event::Started { .. } => {}
            }
        }
        read.candidates = by_number.into_values().collect();
        let n_steps = meters.len();
        read.hotflip = (n_steps > 0).then(|| (meters.iter().sum::<f64>() / n_steps as f64, n_steps));
        if let Some((line, number, dev_looks, perplexity)) = chosen {
            let index = read
                .candidates
                .iter()
                .position(|scored| scored.record.candidate == number)
                .ok_or_else(|| corrupt(line, format!("candidate {number} was chosen but never scored")))?;
            read.choice = Some(Choice { index, dev_looks, perplexity });
        }
        Ok(read)
    }

    /// The chosen candidate.
    pub(super) fn chosen(&self) -> Option<&Scored<'a>> {
        self.choice.map(|choice| &self.candidates[choice.index])
    }

    /// Whether it came to its end well.
    pub(super) fn is_complete(&self) -> bool {
        matches!(self.end, End::Finished { .. })
    }

    /// Whether it came to its end, well or not.
    pub(super) fn is_over(&self) -> bool {
        !matches!(self.end, End::Open)
    }
}

impl Scored<'_> {
    /// Each text's part in its label-free score, by the text's row, ascending; `None` where they are not known.
    pub(super) fn by_text(&self, texts: &[u32]) -> Option<Vec<(u32, f64)>> {
        let parts = self.label_free_parts;
        let mut by_text: Vec<(u32, f64)> =
            texts.iter().copied().zip(parts.iter().map(|&part| f64::from(part))).collect();
        by_text.sort_unstable_by_key(|(row, _)| *row);
        (self.label_free.is_some() && !parts.is_empty() && parts.len() == texts.len()).then_some(by_text)
    }

    /// Its place among candidates scored on `n_dev` examples, or by label-free score where there are none.
    pub(super) fn place(&self, n_dev: usize) -> Place {
        Place {
            dropped_at: self.dropped_at(n_dev),
            score: self.dev.map(|dev| dev.metric).or(self.label_free),
            margin: self.dev.map(|dev| dev.margin),
            n_tokens: Some(self.record.n_tokens),
            text: match &self.record.soft {
                None => format!("{}\n{}", self.record.prompt, self.record.verbalizer),
                Some(soft) => format!("{}\n{}\n{}", self.record.prompt, self.record.verbalizer, soft.blake3),
            },
        }
    }

    /// The examples after which racing dropped it; `None` if it was scored on all `n_dev`.
    pub(super) fn dropped_at(&self, n_dev: usize) -> Option<usize> {
        self.dev.map(|dev| dev.predicted.len()).filter(|n| *n < n_dev)
    }
}

fn check(scores: &SetScores, n_labels: usize, right_length: bool, expected: usize) -> Result<(), String> {
    let n = scores.predicted.len();
    if !right_length {
        return Err(format!("{n} predictions for {expected} examples"));
    }
    match scores.predicted.iter().find(|label| usize::from(**label) >= n_labels) {
        Some(label) => Err(format!("predicted label {label} of {n_labels} labels")),
        None => Ok(()),
    }
}
