//! The search as a state machine.

use std::sync::Arc;

use serde_json::json;

use crate::prompt::{Candidate, LabelWords as Label, Prompt, Verbalizer};
use crate::search::discrete::waiting::Waiting;
use crate::search::{Oracle, Proposal, Scored, Search, SearchError, WordScores};

use super::assignment::{Assignment, Pools};
use super::pool::{self, PoolWord};
use super::{LabelWordsConfig, Lexicon, WordScore};

/// Words of a pool that the record names.
const NAMED: usize = 10;

impl WordScore {
    /// The name in YAML and in the record.
    pub fn name(self) -> &'static str {
        match self {
            Self::Likelihood => "lm_bff",
            Self::Classifier => "autoprompt",
            Self::LikelihoodRatio => "petal",
        }
    }
}

/// Searches words for the labels of a prompt, whose template stands.
pub struct LabelWords {
    config: LabelWordsConfig,
    prompt: Prompt,
    /// What waits for selection; `None` before the words are found.
    waiting: Option<Waiting>,
    cut: bool,
}

/// What the pools are made of and what they are worth.
struct Found {
    words: Vec<String>,
    /// Places of words, best first.
    pools: Vec<Vec<usize>>,
    scores: WordScores,
    batch: Vec<usize>,
}

impl LabelWords {
    /// A search for `prompt`, of whose verbalizer the labels count and not the words.
    pub fn new(config: LabelWordsConfig, prompt: Prompt) -> Self {
        Self { config, prompt, waiting: None, cut: false }
    }

    fn n_labels(&self) -> usize {
        self.prompt.verbalizer.labels.len()
    }

    /// The passes that scoring the pools' words of `n_tokens` tokens takes at most, under any rule.
    fn most_passes(&self, n_tokens: usize) -> usize {
        1 + (n_tokens - 1) * n_tokens * self.n_labels() * self.config.pool
    }

    /// The pools and their words' scores; `None` where the budget does not cover them.
    fn find(&mut self, oracle: &mut dyn Oracle) -> Result<Option<Found>, SearchError> {
        let n_train = oracle.n_train();
        let method = "label_words";
        if n_train == 0 {
            return Err(SearchError::NoTraining { method });
        }
        let batch: Vec<usize> = (0..self.config.batch_size.min(n_train)).collect();
        let n_labels = self.n_labels();
        let mut n_examples = vec![0; n_labels];
        let words = oracle.words().ok_or(SearchError::NoTraining { method })?;
        batch.iter().for_each(|&example| n_examples[words.gold(example)] += 1);
        let n_texts = words.n_calibration();
        let lexicon = match self.config.known_words && self.config.n_tokens.iter().any(|&n| n > 1) {
            true => Some(Lexicon::new(words.unlabelled().iter().map(String::as_str))?),
            false => None,
        };
        let mut by_length: Vec<Vec<Vec<PoolWord>>> = Vec::new();
        let mut passes = 0;
        for &n_tokens in &self.config.n_tokens {
            // What a length costs, what scoring all words costs, and one candidate after that.
            passes += self.most_passes(n_tokens);
            let scoring = ((batch.len() + n_texts) * passes) as u64;
            let cost = pool::cost(&self.config, n_tokens, n_labels, batch.len());
            if !oracle.affords(cost + scoring.min(cost) + oracle.n_selection() as u64) {
                self.cut = true;
                break;
            }
            let words = oracle.words().ok_or(SearchError::NoTraining { method })?;
            let asked = (&self.prompt, lexicon.as_ref());
            by_length.push(pool::words(words, &self.config, asked, n_tokens, &batch, &n_examples)?);
        }
        let mut keep = self.config.pool;
        loop {
            let (words, pools) = together(&by_length, keep, n_labels);
            if words.len() < 2 {
                // Nothing was looked for, or nothing was found.
                return match by_length.is_empty() {
                    true => Ok(None),
                    false => Err(self.too_few(0, words.len())),
                };
            }
            let asked = self.asked(&words);
            let cost = oracle.passes(&asked)? * (batch.len() + n_texts) as u64;
            if oracle.affords(cost + oracle.n_selection() as u64) {
                let scores = oracle.words().ok_or(SearchError::NoTraining { method })?.word_scores(&asked, &batch)?;
                return Ok(Some(Found { words, pools, scores, batch }));
            }
            // Fewer words have fewer beginnings, and so fewer passes.
            self.cut = true;
            keep /= 2;
            if keep < self.config.per_label {
                return Ok(None);
            }
        }
    }

    /// The prompt with every word as a label of its own.
    fn asked(&self, words: &[String]) -> Prompt {
        let labels = words.iter().map(|word| Label { label: word.clone(), words: vec![word.clone()] }).collect();
        Prompt { verbalizer: Arc::new(Verbalizer { labels }), ..self.prompt.clone() }
    }

    fn too_few(&self, label: usize, found: usize) -> SearchError {
        let n_tokens: Vec<String> = self.config.n_tokens.iter().map(usize::to_string).collect();
        SearchError::TooFewWords {
            template: self.prompt.template.to_string(),
            label: self.prompt.verbalizer.labels[label].label.clone(),
            found,
            per_label: self.config.per_label,
            n_tokens: n_tokens.join(" or "),
        }
    }

    fn candidate(&self, words: &[String], assignment: &Assignment, number: usize) -> Candidate {
        let labels = (self.prompt.verbalizer.labels.iter().zip(&assignment.labels))
            .map(|(label, own)| Label {
                label: label.label.clone(),
                words: own.iter().map(|&word| words[word].clone()).collect(),
            })
            .collect();
        let origin = match number {
            0 => format!("{}: the first of each label", self.config.score.name()),
            n => format!("{}: {} on train (accuracy {:.3})", self.config.score.name(), nth(n), assignment.accuracy),
        };
        let prompt = Prompt { verbalizer: Arc::new(Verbalizer { labels }), ..self.prompt.clone() };
        Candidate { prompt, parent: None, origin }
    }
}

impl Search for LabelWords {
    fn propose(&mut self, oracle: &mut dyn Oracle) -> Result<Proposal, SearchError> {
        if let Some(waiting) = &mut self.waiting {
            return waiting.next(oracle, None);
        }
        let Some(Found { words, pools, scores, batch }) = self.find(oracle)? else {
            return Ok(Proposal::OutOfBudget);
        };
        let asked = oracle.words().ok_or(SearchError::NoTraining { method: "label_words" })?;
        let gold: Vec<usize> = batch.iter().map(|&example| asked.gold(example)).collect();
        let all = Pools { labels: &pools, per_label: self.config.per_label, scores: &scores, gold: &gold };
        let best = all.best(self.config.n_candidates).map_err(|(label, found)| self.too_few(label, found))?;
        let named =
            |words_of: &Vec<usize>| -> Vec<&String> { words_of.iter().take(NAMED).map(|&w| &words[w]).collect() };
        let labels = self.prompt.verbalizer.label_names();
        let trace = json!({
            "search": self.config.score.name(),
            "examples": batch.len(),
            "words": words.len(),
            "pools": labels.iter().zip(&pools).map(|(label, pool)| json!({ "label": label, "words": named(pool) })).collect::<Vec<_>>(),
            "best_accuracy": best.iter().map(|assignment| assignment.accuracy).fold(0.0, f64::max),
        });
        let candidates = best.iter().enumerate().map(|(n, of)| self.candidate(&words, of, n));
        let waiting = Waiting::new(candidates, usize::MAX);
        self.waiting.insert(waiting).next(oracle, Some(trace))
    }

    fn observe(&mut self, _scored: &[Scored]) {}

    fn state(&self) -> serde_json::Value {
        json!({ "waiting": self.waiting.as_ref().map(Waiting::len) })
    }

    fn flags(&self) -> Vec<String> {
        self.cut.then(|| "budget_cut".to_owned()).into_iter().collect()
    }
}

/// All words once, and for each label the places of its `keep` best of each number of tokens: the shortest first, then in turn.
fn together(by_length: &[Vec<Vec<PoolWord>>], keep: usize, n_labels: usize) -> (Vec<String>, Vec<Vec<usize>>) {
    let mut words: Vec<String> = Vec::new();
    let mut pools = vec![Vec::new(); n_labels];
    for (label, pool) in pools.iter_mut().enumerate() {
        for rank in 0..keep {
            for length in by_length {
                let Some(word) = length[label].get(rank) else { continue };
                let place = words.iter().position(|known| *known == word.text).unwrap_or_else(|| {
                    words.push(word.text.clone());
                    words.len() - 1
                });
                pool.push(place);
            }
        }
    }
    (words, pools)
}

/// `1st`, `2nd`, `11th`.
fn nth(n: usize) -> String {
    let ending = match (n % 10, n % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{n}{ending}")
}
