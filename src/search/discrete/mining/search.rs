//! The search as a state machine: everything is mined before the first proposal.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::Arc;

use serde_json::{Value, json};

use crate::prompt::{Candidate, Prompt, Template, Verbalizer};
use crate::search::discrete::paraphrase::says_in_letters;
use crate::search::discrete::waiting::Waiting;
use crate::search::{Oracle, Proposal, Scored, Search, SearchError};
use crate::spec::MinedPlace;
use crate::task::Sentence;

use super::balance::balance;
use super::facts::FactMiner;
use super::frame::Frame;
use super::labels::LabelMiner;
use super::setting::Setting;
use super::tally::{MOST, Support, Tally};
use super::{Ground, MiningConfig, Passed, Sentences};

/// Templates scored in one round: their scores are in memory together.
const ROUND: usize = 64;
/// Templates that the record names.
const NAMED: usize = 20;

/// Searches templates that were mined.
pub struct Mining {
    config: MiningConfig,
    setting: Setting,
    verbalizer: Arc<Verbalizer>,
    /// Where sentences come from; `None` for the texts of train.
    corpus: Option<Arc<dyn Sentences>>,
    /// What waits for selection; `None` before anything is mined.
    waiting: Option<Waiting>,
}

/// A frame that was found often enough.
struct Ranked {
    frame: Frame,
    support: Support,
    /// Occurrences x balance, of contexts of label words.
    score: f64,
}

impl Mining {
    /// A search of what `corpus` holds, or without it the texts of train.
    pub fn new(
        config: MiningConfig,
        setting: Setting,
        verbalizer: Arc<Verbalizer>,
        corpus: Option<Arc<dyn Sentences>>,
    ) -> Self {
        Self { config, setting, verbalizer, corpus, waiting: None }
    }

    /// Goes through all sentences.
    fn tally(&self, oracle: &dyn Oracle) -> Result<(Tally, Option<Passed>), SearchError> {
        let MiningConfig { max_words, window, .. } = self.config;
        match self.config.ground {
            Ground::Facts => {
                let facts = self.facts(oracle)?;
                let objects: Vec<Vec<String>> =
                    self.verbalizer.labels.iter().map(|label| label.words.clone()).collect();
                let miner = FactMiner::new(&facts, &objects, max_words, window);
                self.read(oracle, &|sentences| miner.tally(sentences))
            }
            Ground::Labels(_) => {
                let miner = LabelMiner::new(&self.verbalizer, max_words, window);
                self.read(oracle, &|sentences| miner.tally(sentences))
            }
        }
    }

    fn read(
        &self,
        oracle: &dyn Oracle,
        miner: &(dyn Fn(&[Sentence<'_>]) -> Tally + Sync),
    ) -> Result<(Tally, Option<Passed>), SearchError> {
        let Some(corpus) = &self.corpus else {
            let texts = oracle.unlabelled_texts(self.setting.column());
            let sentences: Vec<Sentence<'_>> = (texts.iter().enumerate())
                .map(|(at, text)| Sentence { text: text.trim(), file: 0, line: at as u64 + 1 })
                .collect();
            return Ok((miner(&sentences), None));
        };
        let mut all = Tally::default();
        let passed = corpus.pass(miner, &mut |tally| all.append(tally, MOST))?;
        Ok((all, Some(passed)))
    }

    /// The training facts: subjects, and the numbers of their objects.
    fn facts(&self, oracle: &dyn Oracle) -> Result<Vec<(String, usize)>, SearchError> {
        let none = || SearchError::NoTraining { method: "mining" };
        let column = self.setting.column();
        let fact = |index| {
            let (fields, object) = oracle.example(index)?;
            let subject = fields.into_iter().find(|(name, _)| name == column)?.1;
            Some((subject, object))
        };
        let facts: Option<Vec<_>> = (0..oracle.n_train()).map(fact).collect();
        facts.filter(|facts| !facts.is_empty()).ok_or_else(none)
    }

    /// The frames that are supported well enough, best first.
    fn ranked(&self, tally: Tally) -> Vec<Ranked> {
        let n_labels = self.verbalizer.labels.len();
        let totals = tally.totals;
        let (least, of_facts) = (self.config.min_support as u64, self.config.ground == Ground::Facts);
        let mut ranked: Vec<Ranked> = (tally.frames.into_iter())
            .filter(|(_, support)| match of_facts {
                true => support.groups.len() as u64 >= least,
                false => support.groups.len() >= 2 && support.n() >= least,
            })
            .map(|(frame, support)| {
                let score = match of_facts {
                    true => support.groups.len() as f64,
                    false => support.n() as f64 * balance(&support.groups, &totals, n_labels),
                };
                Ranked { frame, support, score }
            })
            .collect();
        ranked.sort_by_cached_key(|ranked| {
            let score = Reverse((ranked.score * 1e9).round() as u64);
            (score, Reverse(ranked.support.n()), ranked.frame.n_words(), ranked.frame.clone())
        });
        if of_facts { ranked } else { every_length_in_turn(ranked) }
    }

    /// The templates of ranked frames, each once, as many as are asked for.
    fn templates(&self, ranked: Vec<Ranked>, oracle: &dyn Oracle) -> Vec<(Template, Ranked)> {
        let places = match &self.config.ground {
            Ground::Facts => vec![MinedPlace::After],
            Ground::Labels(places) => places.clone(),
        };
        let mut seen: HashSet<String> = HashSet::new();
        let mut templates: Vec<(Template, Ranked)> = Vec::new();
        for ranked in ranked.into_iter().filter(|ranked| self.can_stand(&ranked.frame, oracle)) {
            for &place in &places {
                let Some(template) = self.setting.template(&ranked.frame, place) else { continue };
                if templates.len() < self.config.n_templates && seen.insert(template.to_string()) {
                    let Ranked { frame, support, score } = &ranked;
                    let (frame, support) = (frame.clone(), support.clone());
                    templates.push((template, Ranked { frame, support, score: *score }));
                }
            }
            if templates.len() == self.config.n_templates {
                break;
            }
        }
        templates
    }

    /// Whether the model can write a frame, and it says no label word.
    fn can_stand(&self, frame: &Frame, oracle: &dyn Oracle) -> bool {
        let words = || self.verbalizer.labels.iter().flat_map(|label| &label.words);
        frame
            .texts()
            .into_iter()
            .filter(|text| !text.trim().is_empty())
            .all(|text| oracle.encode(text.trim(), false).is_some() && !words().any(|word| says_in_letters(text, word)))
    }

    /// Mines: what is to be scored, and the trace for the record.
    fn mine(&self, oracle: &dyn Oracle) -> Result<(Waiting, Value), SearchError> {
        let (tally, passed) = self.tally(oracle)?;
        let (n_sentences, n_matched, n_forgotten) = (tally.n_sentences, tally.n_matched, tally.n_forgotten);
        let n_found = tally.frames.len();
        let ranked = self.ranked(tally);
        let n_supported = ranked.len();
        let templates = self.templates(ranked, oracle);
        if templates.is_empty() {
            return Err(SearchError::NothingMined { n_sentences, n_matched, n_found, n_supported });
        }
        let best: Vec<Value> = (templates.iter().take(NAMED))
            .map(|(template, ranked)| json!({ "template": template.to_string(), "origin": self.origin(ranked) }))
            .collect();
        let trace = json!({
            "passes": 1,
            "sentences": n_sentences,
            "matched": n_matched,
            "found": n_found,
            "forgotten": n_forgotten,
            "supported": n_supported,
            "templates": templates.len(),
            "bytes": passed.map(|passed| passed.bytes),
            "seconds": passed.map(|passed| passed.seconds),
            "best": best,
        });
        let candidate = |(template, ranked): &(Template, Ranked)| Candidate {
            prompt: Prompt::plain(template.clone(), self.verbalizer.clone()),
            parent: None,
            origin: self.origin(ranked),
        };
        let waiting = Waiting::new(templates.iter().map(candidate), ROUND);
        Ok((waiting, trace))
    }

    /// Who supports a template, for people.
    fn origin(&self, Ranked { frame, support, score }: &Ranked) -> String {
        let (file, line) = support.first;
        let place = match &self.corpus {
            Some(corpus) => corpus.place(file, line),
            None => format!("text {line} of train"),
        };
        let n = support.n();
        match self.config.ground {
            Ground::Facts => {
                let kind = if frame.is_window() { "window" } else { "middle words" };
                format!("{kind} of {} facts in {n} sentences, first {place}", support.groups.len())
            }
            Ground::Labels(_) => {
                let labels: Vec<String> = (support.groups.iter())
                    .filter_map(|(&label, n)| {
                        Some(format!("{} {n}", self.verbalizer.labels.get(label as usize)?.label))
                    })
                    .collect();
                format!("context of {n} label words ({}), score {score:.2}, first {place}", labels.join(", "))
            }
        }
    }
}

/// The best of each number of words in turn, the fewest words first.
fn every_length_in_turn(ranked: Vec<Ranked>) -> Vec<Ranked> {
    let mut queues: BTreeMap<usize, VecDeque<Ranked>> = BTreeMap::new();
    for one in ranked {
        queues.entry(one.frame.n_words()).or_default().push_back(one);
    }
    let mut turns = Vec::new();
    while queues.values().any(|queue| !queue.is_empty()) {
        turns.extend(queues.values_mut().filter_map(VecDeque::pop_front));
    }
    turns
}

impl Search for Mining {
    fn propose(&mut self, oracle: &mut dyn Oracle) -> Result<Proposal, SearchError> {
        if let Some(waiting) = &mut self.waiting {
            return waiting.next(oracle, None);
        }
        let (waiting, trace) = self.mine(oracle)?;
        self.waiting.insert(waiting).next(oracle, Some(trace))
    }

    fn observe(&mut self, _scored: &[Scored]) {}

    fn state(&self) -> Value {
        json!({ "waiting": self.waiting.as_ref().map(Waiting::len) })
    }
}
