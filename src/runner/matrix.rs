//! The complete matrix: every candidate of a run on the whole dev and test sets, after all choices are recorded.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::Result;
use crate::prompt::{DemonstrationPool, Prompt, Template, TriggerTokens, Vectors};
use crate::record::{
    CandidateRecord, Event, MatrixBlock, MatrixWriter, SavedPrompt, SoftRecord, TrialRecord, load_trials,
};
use crate::scoring::{Calibrator, Outcome};
use crate::spec::{Calibration, MultiToken, SearchItem};
use crate::task::{Example, Shots, draw};

use super::plan::Plan;
use super::trial::TrialData;

/// Candidates scored in one call.
const ROUND: usize = 8;

/// A complete matrix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenMatrix {
    /// Its file.
    pub path: PathBuf,
    /// Candidates whose vectors, or the demonstrations that their nearest are chosen from, were not kept, and which are not in
    /// it: all of these but the chosen ones.
    pub left_out: usize,
}

/// A candidate of the record.
struct Found<'r> {
    /// Its model in the experiment.
    model: usize,
    item: usize,
    rule: MultiToken,
    calibrator: Arc<Calibrator>,
    candidate: &'r CandidateRecord,
    vectors: Vectors,
    pool: Option<Arc<DemonstrationPool>>,
}

impl Plan {
    /// Scores every distinct candidate of the record in `folder` on the dev pool and on test, outside every budget, and
    /// writes `matrix.parquet`. `progress` hears (candidates done, of how many). Of soft prompts the vectors of the chosen one are
    /// on disk, and the others are left out.
    ///
    /// `None` if `stop` was set before it was complete; nothing is left behind then.
    ///
    /// # Errors
    /// If a candidate cannot be scored or the file cannot be written.
    pub fn write_matrix(
        &self,
        folder: &Path,
        progress: &dyn Fn(usize, usize),
        stop: &AtomicBool,
    ) -> Result<Option<WrittenMatrix>> {
        let records = load_trials(folder)?;
        let mut seen = HashSet::new();
        let mut found: Vec<Found<'_>> = Vec::new();
        let mut left_out = 0;
        for record in &records {
            let Some(model) = self.experiment.models.iter().position(|m| m.to_string() == record.key().model) else {
                continue;
            };
            // Controls say something of the search, nothing of prompts.
            if record.key().control.is_some() {
                continue;
            }
            let item = record.key().item;
            let Some(rule) = self.experiment.search.get(item).map(|item| self.rule(item)) else { continue };
            // A trial that the experiment no longer has says nothing of the texts that it was calibrated on.
            let Some(trial) = self.trials.iter().find(|trial| trial.key == *record.key()) else { continue };
            let calibrator = Arc::new(self.calibrator(trial.calibration, &self.data(trial))?);
            let asked = (model, rule, calibrator.set());
            for event in &record.events {
                let Event::Scored { candidate, .. } = event else { continue };
                if candidate.tuned.is_some() {
                    left_out += 1;
                    continue;
                }
                let pool = match Template::parse(&candidate.template)?.nearest() {
                    None => None,
                    Some(_) => match kept_pool(record, &candidate.template) {
                        Some(pool) => Some(Arc::new(pool)),
                        None => {
                            left_out += 1;
                            continue;
                        }
                    },
                };
                let of_pool = pool.as_ref().map(|pool| pool.content_hash());
                let content =
                    (&candidate.template, &candidate.trigger_ids, &candidate.verbalizer, &candidate.soft, of_pool);
                if !seen.insert((asked, content)) {
                    continue;
                }
                let calibrator = Arc::clone(&calibrator);
                let of = |vectors| Found { model, item, rule, calibrator, candidate, vectors, pool };
                match &candidate.soft {
                    None => found.push(of(Vectors::default())),
                    Some(soft) => match kept(record, soft) {
                        Some(vectors) => found.push(of(vectors)),
                        None => {
                            // Another trial may have chosen the same vectors.
                            seen.remove(&(asked, content));
                            left_out += 1;
                        }
                    },
                }
            }
        }
        let whole = draw(&self.dataset, Shots::Full, 0, &self.experiment.limits)?;
        let mut dataset = self.dataset.clone();
        dataset.hold([&whole])?;
        let data: TrialData<'_> = super::draws::examples(&dataset, &whole);
        let names = self.names(&found);
        let mut writer = MatrixWriter::new(folder, self.dataset.labels.clone());
        let mut done = 0;
        let alike = |a: &Found<'_>, b: &Found<'_>| {
            (a.model, a.rule) == (b.model, b.rule) && a.calibrator.set() == b.calibrator.set()
        };
        for round in found.chunk_by(alike).flat_map(|alike| alike.chunks(ROUND)) {
            if stop.load(Ordering::Relaxed) {
                return Ok(None);
            }
            let mut prompts = Vec::new();
            for Found { candidate, vectors, pool, .. } in round {
                prompts.push(vectors.put_into(&Prompt {
                    template: Template::parse(&candidate.template)?,
                    triggers: TriggerTokens(candidate.trigger_ids.clone()),
                    soft: None,
                    prefix: None,
                    label_vectors: None,
                    verbalizer: self.recorded_words(&candidate.verbalizer)?,
                    pool: pool.clone(),
                    tuned: None,
                }));
            }
            for (split, examples) in [("dev", &data.dev), ("test", &data.test)] {
                if !examples.is_empty() {
                    self.append(&mut writer, round, &names[done..], &prompts, split, examples)?;
                }
            }
            done += round.len();
            progress(done, found.len());
        }
        Ok(Some(WrittenMatrix { path: writer.finish()?, left_out }))
    }

    fn rule(&self, item: &SearchItem) -> MultiToken {
        item.multi_token.unwrap_or(self.experiment.task.multi_token)
    }

    /// A name of its own for each candidate: its prompt, with the model where there are several, with the rule for words of
    /// several tokens where it is not the task's, and with a number where other label words, trigger tokens or vectors give
    /// the same text.
    fn names(&self, found: &[Found<'_>]) -> Vec<String> {
        let mut times: HashMap<String, usize> = HashMap::new();
        found
            .iter()
            .map(|Found { model, rule, calibrator, candidate, .. }| {
                let mut name = match self.experiment.models.as_slice() {
                    [_] => candidate.prompt.clone(),
                    models => format!("{}: {}", models[*model], candidate.prompt),
                };
                if *rule != self.experiment.task.multi_token {
                    name = format!("{name} ({})", rule.name());
                }
                if calibrator.way() != Calibration::None {
                    name = format!("{name} (calibration {})", calibrator.way().name());
                }
                let times = times.entry(name.clone()).or_default();
                *times += 1;
                if *times == 1 { name } else { format!("{name} ({times})") }
            })
            .collect()
    }

    fn append(
        &self,
        writer: &mut MatrixWriter,
        round: &[Found<'_>],
        names: &[String],
        prompts: &[Prompt],
        split: &'static str,
        examples: &[&Example],
    ) -> Result<()> {
        let scorer = self.scorer(round[0].item, round[0].model);
        let scores = round[0].calibrator.score(&scorer, prompts, &self.dataset.columns, examples)?.scores;
        let gold: Vec<usize> = examples.iter().filter_map(|e| e.label).collect();
        for ((Found { model, .. }, name), logprobs) in round.iter().zip(names).zip(scores) {
            let outcome = Outcome::of(&logprobs, &gold, self.dataset.labels.len(), self.experiment.task.metric);
            writer.append(&MatrixBlock {
                candidate: name.clone(),
                model: self.experiment.models[*model].to_string(),
                split,
                examples: examples.iter().map(|e| e.row as u32).collect(),
                gold: gold.iter().map(|&g| g as u16).collect(),
                predicted: outcome.predicted,
                margins: outcome.margins,
                logprobs,
            })?;
        }
        Ok(())
    }
}

/// The demonstrations that a trial kept to choose the nearest from, if its chosen prompt has this template.
fn kept_pool(record: &TrialRecord, template: &str) -> Option<DemonstrationPool> {
    let saved = SavedPrompt::load(&record.folder.join("prompt.json")).ok()?;
    saved.pool.filter(|_| saved.template == template)
}

/// The vectors that a trial kept, if they are these.
fn kept(record: &TrialRecord, soft: &SoftRecord) -> Option<Vectors> {
    let (_, kept) = SavedPrompt::open(&record.folder.join("prompt.safetensors")).ok()?;
    Some(kept).filter(|kept| SoftRecord::of(kept).as_ref() == Some(soft))
}
