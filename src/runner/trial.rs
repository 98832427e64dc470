//! One trial from its first event to its last.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::error::Error;
use crate::prompt::{Candidate, Prompt, Tuning, Vectors};
use crate::record::{
    CandidateRecord, Checkpoints, Event, FORMAT, Predictions, References, SavedLabel, SavedPrior, SavedPrompt,
    SavedTuning, SoftRecord, Spent, TrialKey, adapter,
};
use crate::scoring::{Calibrator, Prior, ScoreCache, ScoreStore, Scorer, ScoringError, SetHash, information_parts};
use crate::search::{Scored, SearchError};
use crate::spec::{MultiToken, SelectBy, Sweep};
use crate::task::racing::Racing;
use crate::task::{Dataset, Example, Metric, Writing, answer_rank};

use super::calibrated::{Calibrated, Set};
use super::cell::Cell;
use super::hardness::Hardness;
use super::judge::{Judge, references};
use super::ledger::Ledger;
use super::oracle::set_hash;
use super::pool::Run;
use super::race_tally::RaceTally;
use super::rank_correlation::RankCorrelation;
use super::selection::{below_complete, figures, gold, runs, set_scores};
use super::shortlist::{Entry, Shortlist};

/// Unlabelled texts over which perplexity is taken, of the chosen prompt and of all that a search for fluent ones proposes: a
/// diagnostic, outside the budget.
pub(super) const PERPLEXITY_TEXTS: usize = 8;

/// The examples of a trial.
#[derive(Debug, Clone, Default)]
pub struct TrialData<'a> {
    /// Training examples in seed order.
    pub train: Vec<&'a Example>,
    /// Dev examples; empty at 0 shots.
    pub dev: Vec<&'a Example>,
    /// Texts without labels, for choosing at 0 shots.
    pub unlabelled: Vec<&'a Example>,
    /// Test examples; empty where there is no labelled test split.
    pub test: Vec<&'a Example>,
}

impl TrialData<'_> {
    /// What selection looks at: dev, or the unlabelled texts where there is none.
    pub fn selection(&self) -> &[&Example] {
        if self.dev.is_empty() { &self.unlabelled } else { &self.dev }
    }

    /// What a search may read without labels: the training texts, or the unlabelled ones where there are none.
    pub fn texts(&self) -> &[&Example] {
        if self.train.is_empty() { &self.unlabelled } else { &self.train }
    }
}

/// Everything that a trial needs.
#[derive(Clone)]
pub struct Trial<'a> {
    /// Its identity.
    pub key: &'a TrialKey,
    /// The model.
    pub scorer: &'a Scorer,
    /// The data set that its examples are of.
    pub dataset: &'a Dataset,
    /// Its examples.
    pub data: TrialData<'a>,
    /// What corrects its scores.
    pub calibrator: Calibrator,
    /// Evaluations.
    pub budget: u64,
    /// How the cells of a sweep share it.
    pub sweep: Sweep,
    /// What the leaderboard shows.
    pub metric: Metric,
    /// How texts are written, where somebody looks at them.
    pub writing: Option<Writing>,
    /// What dev chooses by.
    pub select_by: SelectBy,
    /// Which candidates are scored to the end.
    pub racing: Racing,
    /// Scores of other trials and runs, where they are the same bits.
    pub store: Option<Arc<dyn ScoreStore>>,
    /// Where the progress of long searches is kept, and how often.
    pub checkpoints: Option<(Checkpoints, Duration)>,
    /// Examples of each split that diagnostics are taken on; 0 for none.
    pub diagnostics: usize,
    /// The rules for words of several tokens that are compared; fewer than two for none.
    pub rules: Vec<MultiToken>,
}

/// Why a trial did not end well.
#[derive(Debug)]
pub enum Stopped {
    /// The trial cannot be completed, whatever is tried: its reason is recorded.
    Failed(String),
    /// There is nothing that could be made, through no fault: the reason is recorded, and nothing counts as failed.
    Nothing(String),
    /// The user asked to stop; the trial is begun anew the next time.
    Interrupted,
    /// The run cannot go on.
    Fatal(Error),
}

impl From<SearchError> for Stopped {
    fn from(error: SearchError) -> Self {
        Self::Failed(error.to_string())
    }
}

/// What is written beside the events of a finished trial.
pub struct Files {
    /// The chosen prompt.
    pub prompt: SavedPrompt,
    /// Its vectors; none of a hard prompt.
    pub vectors: Vectors,
    /// The files of the weights that were trained with it, by name; none where the model is as it was.
    pub tuned: Vec<(String, Vec<u8>)>,
    /// Its test predictions, where there is a test split.
    pub predictions: Option<Predictions>,
}

impl Trial<'_> {
    /// What judges texts, where the metric looks at them.
    pub(super) fn judge(&self) -> Option<Judge<'_>> {
        Judge::new(self.metric, self.writing.as_ref())
    }

    /// Runs the trial; `emit` records each event and `progress` hears what has been spent.
    ///
    /// # Errors
    /// [`Stopped`].
    pub fn run(
        &self,
        cells: Vec<Cell>,
        emit: &mut dyn FnMut(Event) -> Result<(), Error>,
        progress: &dyn Fn(&Spent),
        stop: &AtomicBool,
    ) -> Result<Files, Stopped> {
        let begun = Instant::now();
        emit(self.started()).map_err(Stopped::Fatal)?;
        // Of prompts that a person wrote the rules are compared on all, of mined ones on the chosen.
        let compares_all = self.key.method == "manual" && self.rules.len() > 1;
        let mut work = Work {
            trial: self,
            calibrated: Calibrated::new(self.calibrator.clone()),
            cache: ScoreCache::with_store(self.store.clone()),
            hardness: Hardness::new(self.data.train.len()),
            ledger: Ledger::new(self.budget),
            selection: set_hash(if self.data.dev.is_empty() { "unlabelled" } else { "dev" }, self.data.selection()),
            candidates: Shortlist::new(self.data.dev.is_empty(), self.data.dev.is_empty() || compares_all),
            flags: Vec::new(),
            looks: 0,
            races: RaceTally::new(self.racing),
            emit,
            progress,
            stop,
        };
        match self.sweep {
            Sweep::Halving if cells.len() > 1 => work.halving(cells)?,
            Sweep::Even | Sweep::Halving => work.one_by_one(cells)?,
        }
        let label_free = self.data.dev.is_empty();
        let Some(best) = work.candidates.best() else {
            return Err(Stopped::Failed(format!(
                "the budget of {} evaluations does not cover one candidate ({} examples)",
                self.budget,
                self.data.selection().len()
            )));
        };
        let chose = u64::from(work.candidates.n() > 1);
        let looks = if label_free { 0 } else { work.looks + chose };
        let number = best.scored.candidate;
        let chosen = best.candidate.prompt.clone();
        let perplexity = self.perplexity(&chosen)?;
        work.emit(Event::Chosen { candidate: number, dev_looks: looks, perplexity })?;
        let predictions = work.test(&chosen)?;
        if let Some(read_back) = self.read_back(&chosen).map_err(|e| Stopped::Failed(e.to_string()))? {
            work.emit(Event::ReadBack(read_back))?;
        }
        if label_free {
            work.correlate()?;
        }
        if let Some(raced) = work.races.event() {
            work.emit(raced)?;
        }
        let others = work.candidates.prompts().filter(|(other, ..)| compares_all && *other != number);
        let mut candidates = vec![(number, &chosen)];
        candidates.extend(others.map(|(other, prompt, _)| (other, prompt)));
        for event in self.diagnose(&candidates, stop)? {
            (work.emit)(event).map_err(Stopped::Fatal)?;
        }
        let (spent, mut flags) = (work.ledger.spent(), work.flags);
        flags.sort();
        flags.dedup();
        emit(Event::Finished { spent, flags, seconds: begun.elapsed().as_secs_f64() }).map_err(Stopped::Fatal)?;
        let prior = self
            .calibrator
            .prior_of(self.scorer, &chosen, &self.dataset.columns)
            .map_err(|e| Stopped::Failed(e.to_string()))?;
        Ok(Files {
            prompt: self.saved(&chosen, prior),
            vectors: Vectors::of(&chosen),
            tuned: self.tuned_files(&chosen)?,
            predictions,
        })
    }

    /// The files of the weights that were trained with a prompt.
    fn tuned_files(&self, prompt: &Prompt) -> Result<Vec<(String, Vec<u8>)>, Stopped> {
        let failed = |what: String| Stopped::Failed(what);
        let Some(tuned) = prompt.tuned.as_deref() else { return Ok(Vec::new()) };
        if matches!(tuned.tuning(), Tuning::Lora(_)) {
            let file = adapter(tuned, &SavedTuning::of(tuned), &self.key.model).map_err(|e| failed(e.to_string()))?;
            return Ok(vec![file]);
        }
        let tunable = self.scorer.tunable(tuned.tuning(), tuned.n_classes()).map_err(|e| failed(e.to_string()))?;
        tunable.folder(tuned, &self.dataset.labels).map_err(|e| failed(e.to_string()))
    }

    pub(super) fn started(&self) -> Event {
        let gold = |examples: &[&Example]| examples.iter().filter_map(|e| e.label.map(|l| l as u16)).collect();
        let hex = |split, examples: &[&Example]| blake3::Hash::from(set_hash(split, examples).0).to_hex().to_string();
        Event::Started {
            format: FORMAT,
            trial: self.key.clone(),
            labels: self.dataset.labels.clone(),
            dev_gold: gold(&self.data.dev),
            test_gold: gold(&self.data.test),
            dev_set: hex("dev", &self.data.dev),
            test_set: hex("test", &self.data.test),
            texts: match self.data.dev.is_empty() {
                true => self.data.unlabelled.iter().map(|text| text.row as u32).collect(),
                false => Vec::new(),
            },
            n_train: self.data.train.len(),
            batch_size: self.scorer.settings().batch_size,
        }
    }

    fn perplexity(&self, prompt: &Prompt) -> Result<Option<f64>, Stopped> {
        let texts = &self.data.unlabelled[..self.data.unlabelled.len().min(PERPLEXITY_TEXTS)];
        self.scorer.perplexity(prompt, &self.dataset.columns, texts).map_err(|e| Stopped::Failed(e.to_string()))
    }

    pub(super) fn saved(&self, prompt: &Prompt, prior: Option<Prior>) -> SavedPrompt {
        let loaded = self.scorer.loaded();
        let tokenizer = &loaded.tokenizer;
        SavedPrompt {
            format: SavedPrompt::FORMAT,
            prompt: self.text(prompt),
            template: prompt.template.to_string(),
            trigger_ids: prompt.triggers.0.clone(),
            trigger_tokens: prompt.triggers.0.iter().map(|&id| tokenizer.token(id).unwrap_or_default()).collect(),
            verbalizer: prompt
                .verbalizer
                .labels
                .iter()
                .map(|l| SavedLabel { label: l.label.clone(), words: l.words.clone() })
                .collect(),
            multi_token: self.scorer.settings().multi_token.name().into(),
            truncate: self.scorer.settings().truncate,
            calibration: prior.map(|prior| SavedPrior { name: prior.way.name().into(), logprobs: prior.logprobs }),
            model: self.key.model.clone(),
            weights_blake3: loaded.weights_hash.clone(),
            tokenizer_blake3: loaded.tokenizer_hash.clone(),
            method: self.key.method.clone(),
            writing: self.writing.clone(),
            pool: prompt.pool.as_deref().cloned(),
            tuned: prompt.tuned.as_deref().map(SavedTuning::of),
        }
    }

    /// The label words for people and the record. Of facts, whose words no method changes, their number: hundreds of objects in
    /// every row would say nothing.
    fn words_text(&self, prompt: &Prompt) -> String {
        match self.dataset.is_of_facts {
            true => format!("{} objects", prompt.verbalizer.labels.len()),
            false => prompt.verbalizer.to_string(),
        }
    }

    /// The prompt for people.
    fn text(&self, prompt: &Prompt) -> String {
        let slots: Vec<String> = prompt
            .triggers
            .by_slot(&prompt.template)
            .into_iter()
            .map(|ids| self.scorer.loaded().tokenizer.decode(ids))
            .collect();
        prompt.template.describe(&slots)
    }
}

/// The best candidate of a search that was scored to the end, with its scores.
pub(super) type Best = (Scored, Run);

/// A trial under way.
pub(super) struct Work<'t, 'a> {
    pub(super) trial: &'t Trial<'a>,
    pub(super) calibrated: Calibrated,
    pub(super) cache: ScoreCache,
    pub(super) hardness: Hardness,
    pub(super) ledger: Ledger,
    pub(super) selection: SetHash,
    pub(super) candidates: Shortlist,
    pub(super) flags: Vec<String>,
    pub(super) looks: u64,
    pub(super) races: RaceTally,
    pub(super) emit: &'t mut dyn FnMut(Event) -> Result<(), Error>,
    pub(super) progress: &'t dyn Fn(&Spent),
    pub(super) stop: &'t AtomicBool,
}

impl Work<'_, '_> {
    pub(super) fn emit(&mut self, event: Event) -> Result<(), Stopped> {
        (self.emit)(event).map_err(Stopped::Fatal)
    }

    /// Scores candidates for selection, records them, and numbers them; `best` is the best complete one of their search.
    pub(super) fn select(
        &mut self,
        cell: &Cell,
        candidates: Vec<Candidate>,
        best: &mut Option<Best>,
    ) -> Result<Vec<Scored>, Stopped> {
        let trial = self.trial;
        let columns = &trial.dataset.columns;
        let n_selection = trial.data.selection().len();
        let prompts: Vec<Prompt> = candidates.iter().map(|c| c.prompt.clone()).collect();
        let to_beat = best.as_ref().map(|(_, run)| run);
        let calibrated_cache = (&mut self.calibrated, &mut self.cache);
        let runs = runs(trial, calibrated_cache, self.selection, &prompts, cell.search.races(), to_beat)
            .map_err(|e| Stopped::Failed(e.to_string()))?;
        let mut all = Vec::new();
        for (candidate, run) in candidates.into_iter().zip(runs) {
            self.ledger.charge(run.cost);
            self.ledger.charge(run.prior);
            let number = self.candidates.n();
            let (scored, dev, label_free) = figures(trial, number, &run);
            let dropped = run.scores.len() < n_selection;
            self.races.count(&run, n_selection);
            if !dropped && best.as_ref().is_none_or(|(best, _)| scored.beats(best)) {
                *best = Some((scored, run.clone()));
            }
            let label_free_parts: Vec<f32> = match label_free {
                Some(_) => information_parts(&run.scores).into_iter().map(|part| part as f32).collect(),
                None => Vec::new(),
            };
            let (flags, n_tokens) = trial
                .scorer
                .prompt_flags(&candidate.prompt, columns, &trial.data.dev)
                .map_err(|e| Stopped::Failed(e.to_string()))?;
            let text = trial.text(&candidate.prompt);
            let origin = match &cell.name {
                Some(name) => format!("{name}; {}", candidate.origin),
                None => candidate.origin.clone(),
            };
            let record = CandidateRecord {
                candidate: number,
                parent: candidate.parent,
                origin,
                prompt: text.clone(),
                template: candidate.prompt.template.to_string(),
                trigger_ids: candidate.prompt.triggers.0.clone(),
                verbalizer: self.trial.words_text(&candidate.prompt),
                n_tokens,
                flags,
                perplexity: if cell.fluent { trial.perplexity(&candidate.prompt)? } else { None },
                soft: SoftRecord::of(&Vectors::of(&candidate.prompt)),
                tuned: candidate.prompt.tuned.as_deref().map(SavedTuning::of),
            };
            let evaluations = self.ledger.spent().evaluations;
            self.emit(Event::Scored { candidate: record, dev, label_free, label_free_parts, evaluations })?;
            self.candidates.push(Entry { candidate, scored, n_tokens, text, dropped });
            all.push((scored, dropped));
        }
        Ok(below_complete(all, best.as_ref().map(|(best, _)| *best)))
    }

    /// Scores the chosen prompt on test, once and outside the budget.
    fn test(&mut self, chosen: &Prompt) -> Result<Option<Predictions>, Stopped> {
        let trial = self.trial;
        let test = &trial.data.test;
        if test.is_empty() {
            self.flags.push("dev_only".into());
            return Ok(None);
        }
        if self.stop.load(Ordering::Relaxed) {
            return Err(Stopped::Interrupted);
        }
        let set = Set { columns: &trial.dataset.columns, examples: test, hash: set_hash("test", test) };
        let known = self
            .calibrated
            .score(&mut self.cache, trial.scorer, std::slice::from_ref(chosen), set)
            .map_err(|e| Stopped::Failed(e.to_string()))?;
        let logprobs = known.into_iter().next().map(|known| known.scores).unwrap_or_default();
        let failed = |e: ScoringError| Stopped::Failed(e.to_string());
        let columns = &trial.dataset.columns;
        let judged = trial.judge().map(|judge| judge.judge(trial.scorer, chosen, columns, test)).transpose();
        let judged = judged.map_err(failed)?;
        let texts = match (&judged, &trial.writing) {
            (Some(judged), _) => Some(judged.texts.clone()),
            (None, Some(writing)) => Some(trial.scorer.write(chosen, columns, test, writing).map_err(failed)?.texts),
            (None, None) => None,
        };
        let values = judged.map(|judged| judged.values).unwrap_or_default();
        let run = Run { scores: logprobs, values, ..Run::default() };
        let outcome = run.outcome(&gold(test), trial.dataset.labels.len(), trial.metric);
        let references = chosen
            .verbalizer
            .reference_column()
            .map(|_| References { references: references(chosen, columns, test), generated: texts });
        let predictions = Predictions {
            rows: test.iter().map(|e| e.row as u32).collect(),
            contents: test.iter().map(|e| e.content()).collect(),
            labels: trial.dataset.labels.clone(),
            gold: gold(test).into_iter().map(|l| l as u16).collect(),
            predicted: outcome.predicted.clone(),
            logprobs: run.scores,
            references,
        };
        self.emit(Event::Tested { test: set_scores(outcome) })?;
        if trial.dataset.is_of_facts {
            let ranks =
                predictions.logprobs.iter().zip(gold(test)).filter_map(|(scores, gold)| answer_rank(scores, gold));
            self.emit(Event::Ranked { ranks: ranks.map(|rank| rank as u32).collect() })?;
        }
        Ok(Some(predictions))
    }
}

impl Work<'_, '_> {
    /// Compares the candidates' label-free scores with how they do on test, now that nothing can be chosen by it any more.
    fn correlate(&mut self) -> Result<(), Stopped> {
        let trial = self.trial;
        let prompts: Vec<(u64, &Prompt, f64)> = self.candidates.prompts().collect();
        let correlation = RankCorrelation {
            scorer: trial.scorer,
            dataset: trial.dataset,
            metric: trial.metric,
            test: &trial.data.test,
            budget: trial.budget,
        };
        match correlation.event(&prompts, (&mut self.calibrated, &mut self.cache), self.stop)? {
            Some(event) => self.emit(event),
            None => Ok(()),
        }
    }
}
