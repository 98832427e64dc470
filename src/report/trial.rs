//! A trial's events, read into what tables need.
//!
//! # Decisions
//!
//! - 2026-11: events are read one after the other and let go: of a candidate only [`Listed`] stays, of a search step the one number
//!   that tables show, so that memory hardly grows with the candidates. What a table says of a candidate beyond that is read
//!   from the file again, in the order in which it is written. Refused: a data base, for a file that is read twice.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::record::{
    CandidateRecord, Diagnosis, EVENTS, Event, EventFile, EventPlace, EventReader, ReadBack, RecordError, RuleScores,
    SetScores, Spent, TransferRecord, TrialKey, trial_folders,
};

use super::listed::Listed;
use super::place::Place;

/// A trial as its events tell it.
#[derive(Debug, Clone)]
pub(super) struct Trial {
    pub(super) key: TrialKey,
    pub(super) folder: PathBuf,
    pub(super) n_labels: usize,
    pub(super) labels: Vec<String>,
    pub(super) dev_gold: Vec<u16>,
    pub(super) test_gold: Vec<u16>,
    pub(super) dev_set: String,
    pub(super) test_set: String,
    /// The rows of the texts that a label-free score is taken over.
    pub(super) texts: Vec<u32>,
    /// The scored candidates by number; of one that was scored twice, the later scores.
    pub(super) candidates: Vec<Listed>,
    pub(super) choice: Option<Choice>,
    test: Option<SetScores>,
    ranks: Option<Vec<u32>>,
    read_back: Option<ReadBack>,
    diagnosis: Option<Diagnosis>,
    rules: Option<RuleScores>,
    /// The candidates that the rules were compared on.
    pub(super) of_rules: BTreeMap<u64, CandidateRecord>,
    /// How the label-free score and test agree, at 0 shots.
    pub(super) correlation: Option<Correlation>,
    /// The mean over steps of the rank correlation of first-order estimates with true falls of the loss, and the steps.
    pub(super) hotflip: Option<(f64, usize)>,
    /// The evaluations that racing saved.
    pub(super) saved: Option<u64>,
    /// How the chosen prompt does elsewhere.
    pub(super) transfer: Option<TransferRecord>,
    pub(super) end: End,
}

/// A candidate and its scores.
#[derive(Debug, Clone)]
pub(super) struct Scored {
    pub(super) record: CandidateRecord,
    dev: Option<SetScores>,
    pub(super) label_free: Option<f64>,
    /// Each text's part in it.
    label_free_parts: Vec<f32>,
    pub(super) evaluations: u64,
}

/// What dev chose.
#[derive(Debug, Clone)]
pub(super) struct Choice {
    pub(super) scored: Scored,
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
#[derive(Debug, Clone)]
pub(super) enum End {
    /// It goes on, or was interrupted.
    Open,
    /// It is complete.
    Finished { spent: Spent, flags: Vec<String>, seconds: f64 },
    /// It could not be completed.
    Failed { reason: String, seconds: f64 },
}

impl Trial {
    /// The trials of a results folder that have begun, ordered by item, model, shots and seed.
    ///
    /// # Errors
    /// As [`trial_folders`] and [`Trial::load`].
    pub(super) fn all(folder: &Path) -> Result<Vec<Self>, RecordError> {
        let mut trials = Vec::new();
        for folder in trial_folders(folder)? {
            trials.extend(Self::load(&folder)?);
        }
        trials.sort_by_cached_key(|trial| {
            let key = &trial.key;
            (key.item, key.model.clone(), key.shots.clone(), key.calibration.clone(), key.seeds.clone(), key.id())
        });
        Ok(trials)
    }

    /// Reads a trial's events; `None` if there are none yet.
    ///
    /// # Errors
    /// [`RecordError::Corrupt`] if they contradict each other: scores of another number of examples, a label that is not
    /// there, a choice of a candidate that was not scored.
    pub(super) fn load(folder: &Path) -> Result<Option<Self>, RecordError> {
        let Some(mut events) = EventReader::open(folder)? else { return Ok(None) };
        let mut read = match events.read()? {
            Some((_, started)) => Self::started(folder, started).map_err(|message| events.corrupt(message))?,
            None => return Ok(None),
        };
        let mut meters: Vec<f64> = Vec::new();
        let mut chosen = None;
        while let Some((place, event)) = events.read()? {
            match event {
                Event::Scored { .. } => {
                    let listed = read.listed(place, event).map_err(|message| events.corrupt(message))?;
                    read.candidates.push(listed);
                }
                Event::Chosen { candidate, dev_looks, perplexity } => {
                    chosen = Some((events.n_lines(), candidate, dev_looks, perplexity));
                }
                Event::Tested { test } => {
                    let n = read.test_gold.len();
                    check(&test, read.n_labels, test.predicted.len() == n, n)
                        .map_err(|message| events.corrupt(message))?;
                    read.test = Some(test);
                }
                Event::Ranked { ranks } => {
                    if ranks.len() != read.test_gold.len() {
                        let (n, expected) = (ranks.len(), read.test_gold.len());
                        return Err(events.corrupt(format!("{n} ranks for {expected} test examples")));
                    }
                    read.ranks = Some(ranks);
                }
                Event::ReadBack(read_back) => read.read_back = Some(read_back),
                Event::Diagnosed(diagnosis) => read.diagnosis = Some(diagnosis),
                Event::Rules(rules) => read.rules = Some(rules),
                Event::Correlated { candidates, n_test, spearman, kendall, .. } => {
                    read.correlation = Some(Correlation { n_candidates: candidates.len(), n_test, spearman, kendall });
                }
                Event::Raced { saved, .. } => read.saved = Some(saved),
                Event::Finished { spent, flags, seconds } => read.end = End::Finished { spent, flags, seconds },
                Event::Failed { reason, seconds } => read.end = End::Failed { reason, seconds },
                Event::Step { trace, .. } => meters.extend(trace.get("hotflip_spearman").and_then(|rho| rho.as_f64())),
                Event::Started { .. } | Event::Halved { .. } => {}
            }
        }
        // What is damaged of it the next run computes again.
        read.transfer = match TransferRecord::load(folder) {
            Err(RecordError::Corrupt { .. }) => None,
            found => found?,
        };
        read.candidates = by_number(std::mem::take(&mut read.candidates));
        let n_steps = meters.len();
        read.hotflip = (n_steps > 0).then(|| (meters.iter().sum::<f64>() / n_steps as f64, n_steps));
        let mut file = events.into_file();
        if let Some((line, number, dev_looks, perplexity)) = chosen {
            let scored = read.candidate(number, &mut file)?.ok_or_else(|| {
                let message = format!("candidate {number} was chosen but never scored");
                RecordError::corrupt(folder.join(EVENTS), Some(line), message)
            })?;
            read.choice = Some(Choice { scored, dev_looks, perplexity });
        }
        let compared = read.rules.iter().flat_map(|rules| &rules.scores).map(|score| score.candidate);
        for number in compared.collect::<Vec<_>>() {
            if let Some(scored) = read.candidate(number, &mut file)? {
                read.of_rules.insert(number, scored.record);
            }
        }
        Ok(Some(read))
    }

    /// A trial that has just begun.
    fn started(folder: &Path, event: Event) -> Result<Self, String> {
        let Event::Started { trial: key, labels, dev_gold, test_gold, dev_set, test_set, texts, .. } = event else {
            return Err("the first event is not `started`".into());
        };
        let n_labels = labels.len();
        if let Some(label) = dev_gold.iter().chain(&test_gold).find(|label| usize::from(**label) >= n_labels) {
            return Err(format!("gold label {label} of {n_labels} labels"));
        }
        Ok(Self {
            key,
            folder: folder.into(),
            n_labels,
            labels,
            dev_gold,
            test_gold,
            dev_set,
            test_set,
            texts,
            candidates: Vec::new(),
            choice: None,
            test: None,
            ranks: None,
            read_back: None,
            diagnosis: None,
            rules: None,
            of_rules: BTreeMap::new(),
            correlation: None,
            hotflip: None,
            saved: None,
            transfer: None,
            end: End::Open,
        })
    }

    /// What stays of a scored candidate.
    fn listed(&self, place: EventPlace, event: Event) -> Result<Listed, String> {
        let scored = Scored::of(event).ok_or("not a scored candidate")?;
        let (n, expected) = (scored.label_free_parts.len(), self.texts.len());
        if n > 0 && n != expected {
            return Err(format!("{n} parts of a label-free score for {expected} texts"));
        }
        let n_dev = self.dev_gold.len();
        if let Some(dev) = scored.dev() {
            // Racing may stop before the last dev example, so a prefix is no fault.
            check(dev, self.n_labels, dev.predicted.len() <= n_dev, n_dev)?;
        }
        Ok(Listed::of(place, &scored, n_dev, &self.texts))
    }

    /// The candidate of that number with all that its event says.
    fn candidate(&self, number: u64, file: &mut EventFile) -> Result<Option<Scored>, RecordError> {
        match self.candidates.binary_search_by_key(&number, |listed| listed.number) {
            Ok(index) => self.scored(&self.candidates[index], file).map(Some),
            Err(_) => Ok(None),
        }
    }

    /// A candidate with all that its event says, from the trial's events.
    ///
    /// # Errors
    /// [`RecordError::Changed`] if the file is not what it was a moment ago.
    pub(super) fn scored(&self, listed: &Listed, file: &mut EventFile) -> Result<Scored, RecordError> {
        let scored = Scored::of(file.read(listed.event)?);
        let n_dev = self.dev_gold.len();
        let is_same = |scored: &Scored| Listed::of(listed.event, scored, n_dev, &self.texts).is(listed);
        scored.filter(is_same).ok_or_else(|| {
            let message = format!("changed while it was read (candidate {})", listed.number);
            RecordError::changed(self.folder.join(EVENTS), message)
        })
    }

    /// The trial's events, for [`Trial::scored`].
    ///
    /// # Errors
    /// [`RecordError`] if they cannot be opened any more.
    pub(super) fn events(&self) -> Result<EventFile, RecordError> {
        let gone = || RecordError::changed(self.folder.join(EVENTS), "vanished while it was read");
        Ok(EventReader::open(&self.folder)?.ok_or_else(gone)?.into_file())
    }

    /// The chosen candidate.
    pub(super) fn chosen(&self) -> Option<&Scored> {
        self.choice.as_ref().map(|choice| &choice.scored)
    }

    /// How the chosen prompt does on test.
    pub(super) fn test(&self) -> Option<&SetScores> {
        self.test.as_ref()
    }

    /// The ranks of the right objects of the test facts.
    pub(super) fn ranks(&self) -> Option<&[u32]> {
        self.ranks.as_deref()
    }

    /// What the vectors of the chosen prompt are like.
    pub(super) fn read_back(&self) -> Option<&ReadBack> {
        self.read_back.as_ref()
    }

    /// How much the chosen prompt hangs on its surface.
    pub(super) fn diagnosis(&self) -> Option<&Diagnosis> {
        self.diagnosis.as_ref()
    }

    /// What each rule for words of several tokens gives for the same prompts.
    pub(super) fn rules(&self) -> Option<&RuleScores> {
        self.rules.as_ref()
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

impl Scored {
    fn of(event: Event) -> Option<Self> {
        match event {
            Event::Scored { candidate, dev, label_free, label_free_parts, evaluations } => {
                Some(Self { record: candidate, dev, label_free, label_free_parts, evaluations })
            }
            _ => None,
        }
    }

    /// How it does on dev.
    pub(super) fn dev(&self) -> Option<&SetScores> {
        self.dev.as_ref()
    }

    /// Each text's part in its label-free score, by the text's row, ascending; `None` where they are not known.
    pub(super) fn by_text(&self, texts: &[u32]) -> Option<Vec<(u32, f64)>> {
        let parts = &self.label_free_parts;
        let mut by_text: Vec<(u32, f64)> =
            texts.iter().copied().zip(parts.iter().map(|&part| f64::from(part))).collect();
        by_text.sort_unstable_by_key(|(row, _)| *row);
        (self.label_free.is_some() && !parts.is_empty() && parts.len() == texts.len()).then_some(by_text)
    }

    /// Its place among candidates scored on `n_dev` examples, or by label-free score where there are none.
    pub(super) fn place(&self, n_dev: usize) -> Place {
        Place {
            dropped_at: self.dropped_at(n_dev),
            score: self.dev().map(|dev| dev.metric).or(self.label_free),
            margin: self.dev().map(|dev| dev.margin),
            n_tokens: Some(self.record.n_tokens),
            text: match &self.record.soft {
                None => format!("{}\n{}", self.record.prompt, self.record.verbalizer),
                Some(soft) => format!("{}\n{}\n{}", self.record.prompt, self.record.verbalizer, soft.blake3),
            },
        }
    }

    /// The examples after which racing dropped it; `None` if it was scored on all `n_dev`.
    pub(super) fn dropped_at(&self, n_dev: usize) -> Option<usize> {
        self.dev().map(|dev| dev.predicted.len()).filter(|n| *n < n_dev)
    }
}

/// The candidates by number; of one that is there twice, the later.
fn by_number(mut candidates: Vec<Listed>) -> Vec<Listed> {
    candidates.sort_by_key(|listed| listed.number);
    candidates.dedup_by(|later, earlier| {
        let same = later.number == earlier.number;
        if same {
            *earlier = *later;
        }
        same
    });
    candidates.shrink_to_fit();
    candidates
}

fn check(scores: &SetScores, n_labels: usize, right_length: bool, expected: usize) -> Result<(), String> {
    let n = scores.predicted.len();
    if !right_length {
        return Err(format!("{n} predictions for {expected} examples"));
    }
    let n_values = scores.values.len();
    if n_values > 0 && n_values != n {
        return Err(format!("{n_values} values of the metric for {n} predictions"));
    }
    match scores.predicted.iter().find(|label| usize::from(**label) >= n_labels) {
        Some(label) => Err(format!("predicted label {label} of {n_labels} labels")),
        None => Ok(()),
    }
}
