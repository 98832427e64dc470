//! Which training examples to show in the prompt, and in which order.
//!
//! - Drawn: k examples, the classes as evenly as may be, in a random order.
//! - Nearest: for each text its own (arXiv 2101.06804); one candidate, which holds all of train to choose from.
//! - Searched: from a drawn start, steps that try replacing one demonstration by another training example, or swapping two (what
//!   orders do to a prompt: arXiv 2104.08786). A step compares the prompt and its changes by loss on a train batch and moves to the
//!   best if that is better; dev sees only what was moved to.
//!
//! # Where this differs from the sources
//!
//! - 2104.08786 orders by the entropy of predictions on texts that the model wrote itself; ours by the loss on training examples.
//! - The examples of a batch are none that any of the compared prompts shows, as long as there are others; where there are not,
//!   the encoder leaves a demonstration out for its own text.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use serde_json::json;

use crate::prompt::{Candidate, Demonstration, DemonstrationPool, Nearest, Prompt};
use crate::search::{Oracle, Proposal, Scored, Search, SearchError};
use crate::seed::Stream;

/// The parameters of the search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DemonstrationsConfig {
    /// How many demonstrations.
    pub k: usize,
    /// How the nearest are found; `None` where the same are shown for every text.
    pub nearest: Option<Nearest>,
    /// Whether a step tries other examples.
    pub replace: bool,
    /// Whether a step tries other orders.
    pub swap: bool,
    /// Changes tried in a step.
    pub n_candidates: usize,
    /// Train examples on which they are compared.
    pub batch_size: usize,
    /// Steps without a better one before the search begins anew.
    pub patience: usize,
    /// What stands behind each demonstration.
    pub separator: String,
}

/// The search as a state machine. Sets are lists of training examples, in the order in which they are shown.
pub struct Demonstrations {
    config: DemonstrationsConfig,
    /// Its template has the place of the demonstrations.
    prompt: Prompt,
    stream: Stream,
    current: Option<Vec<usize>>,
    current_number: Option<u64>,
    proposed: HashSet<Vec<usize>>,
    batch_start: usize,
    steps_without_move: usize,
    restarts: usize,
    ended: bool,
}

impl Demonstrations {
    /// A search in `prompt`, whose template has `{demos}`.
    pub fn new(config: DemonstrationsConfig, prompt: Prompt, stream: Stream) -> Self {
        Self {
            config,
            prompt,
            stream,
            current: None,
            current_number: None,
            proposed: HashSet::new(),
            batch_start: 0,
            steps_without_move: 0,
            restarts: 0,
            ended: false,
        }
    }

    fn demonstration(&self, oracle: &dyn Oracle, index: usize) -> Option<Demonstration> {
        let (fields, label) = oracle.example(index)?;
        let verbalizer = &self.prompt.verbalizer;
        let word = match verbalizer.reference_column() {
            Some(own) => fields.iter().find(|(column, _)| column == own).map(|(_, text)| text.trim().to_owned())?,
            None => verbalizer.labels.get(label)?.words.first()?.clone(),
        };
        let shown = self.prompt.template.demonstrated_columns();
        let fields = fields.into_iter().filter(|(column, _)| shown.contains(column)).collect();
        Some(Demonstration { word, fields, end: self.config.separator.clone() })
    }

    fn with(&self, set: &[usize], oracle: &dyn Oracle) -> Prompt {
        let shown: Vec<Demonstration> = set.iter().filter_map(|&index| self.demonstration(oracle, index)).collect();
        Prompt { template: self.prompt.template.with_demonstrations(shown.iter()), ..self.prompt.clone() }
    }

    /// `k` examples, as many of each class as may be, in a random order.
    fn draw(&mut self, oracle: &dyn Oracle) -> Vec<usize> {
        let n_labels = self.prompt.verbalizer.labels.len();
        let mut classes: Vec<Vec<usize>> = vec![Vec::new(); n_labels.max(1)];
        for index in self.stream.sample(oracle.n_train(), oracle.n_train()) {
            let label = oracle.example(index).map_or(0, |(_, label)| label);
            if let Some(class) = classes.get_mut(label) {
                class.push(index);
            }
        }
        self.stream.shuffle(&mut classes);
        let longest = classes.iter().map(Vec::len).max().unwrap_or(0);
        let mut set: Vec<usize> =
            (0..longest).flat_map(|place| classes.iter().filter_map(move |class| class.get(place).copied())).collect();
        set.truncate(self.config.k);
        self.stream.shuffle(&mut set);
        set
    }

    /// Changes of `set`, each once.
    fn changes(&mut self, set: &[usize], n_train: usize) -> Vec<Vec<usize>> {
        let others: Vec<usize> = (0..n_train).filter(|index| !set.contains(index)).collect();
        let may_replace = self.config.replace && !others.is_empty();
        let may_swap = self.config.swap && set.len() > 1;
        let mut changes: Vec<Vec<usize>> = Vec::new();
        if !may_replace && !may_swap {
            return changes;
        }
        // A small train has fewer changes than are asked for.
        for _ in 0..20 * self.config.n_candidates {
            if changes.len() == self.config.n_candidates {
                break;
            }
            let mut changed = set.to_vec();
            let place = self.stream.below(set.len());
            if may_replace && (!may_swap || self.stream.uniform() < 0.5) {
                changed[place] = *self.stream.choose(&others);
            } else {
                let other = (place + 1 + self.stream.below(set.len() - 1)) % set.len();
                changed.swap(place, other);
            }
            if !changes.contains(&changed) {
                changes.push(changed);
            }
        }
        changes
    }

    /// The next training examples that none of the sets shows; where they show all, the next ones.
    fn next_batch(&mut self, sets: &[Vec<usize>], n_train: usize) -> Vec<usize> {
        let shown: BTreeSet<usize> = sets.iter().flatten().copied().collect();
        let turn: Vec<usize> = (0..n_train).map(|i| (self.batch_start + i) % n_train).collect();
        let free: Vec<usize> = turn.iter().copied().filter(|index| !shown.contains(index)).collect();
        let mut batch = if free.is_empty() { turn } else { free };
        batch.truncate(self.config.batch_size);
        self.batch_start = batch.last().map_or(0, |last| (last + 1) % n_train);
        batch
    }

    fn proposal(&mut self, set: Vec<usize>, origin: String, trace: serde_json::Value, oracle: &dyn Oracle) -> Proposal {
        let prompt = self.with(&set, oracle);
        self.proposed.insert(set);
        let candidate = Candidate { prompt, parent: self.current_number, origin };
        Proposal::Candidates { candidates: vec![candidate], trace: Some(trace) }
    }

    fn nearest(&mut self, nearest: Nearest, oracle: &dyn Oracle) -> Result<Proposal, SearchError> {
        self.ended = true;
        let n_train = oracle.n_train();
        let pool: Vec<Demonstration> = (0..n_train).filter_map(|index| self.demonstration(oracle, index)).collect();
        let template = self.prompt.template.with_nearest(nearest);
        let prompt = Prompt { template, pool: Some(Arc::new(DemonstrationPool(pool))), ..self.prompt.clone() };
        // The pool's representations come on top of those of the texts, which the passes hold; they are counted in every call.
        let n_calls = 1 + u64::from(oracle.calibrates());
        let cost = oracle.passes(&prompt)? * oracle.n_selection() as u64 + n_calls * n_train as u64;
        if !oracle.affords(cost) {
            return Ok(Proposal::OutOfBudget);
        }
        let origin = format!("the {} nearest of {n_train}", self.config.k);
        let candidate = Candidate { prompt, parent: None, origin };
        Ok(Proposal::Candidates { candidates: vec![candidate], trace: None })
    }

    fn begin(&mut self, oracle: &dyn Oracle) -> Result<Proposal, SearchError> {
        let set = self.draw(oracle);
        let selection = oracle.passes(&self.with(&set, oracle))? * oracle.n_selection() as u64;
        if !oracle.affords(selection) {
            return Ok(Proposal::OutOfBudget);
        }
        self.current = Some(set.clone());
        self.current_number = None;
        self.steps_without_move = 0;
        let origin = if self.restarts == 0 { "drawn".to_owned() } else { format!("restart {}", self.restarts) };
        let trace = json!({ "drawn": set, "restart": self.restarts });
        if self.proposed.contains(&set) {
            return Ok(Proposal::Nothing { trace });
        }
        Ok(self.proposal(set, origin, trace, oracle))
    }

    fn step(&mut self, current: Vec<usize>, oracle: &mut dyn Oracle) -> Result<Proposal, SearchError> {
        let n_train = oracle.n_train();
        let mut sets = vec![current];
        let changes = self.changes(&sets[0], n_train);
        if changes.is_empty() {
            return Ok(Proposal::Done);
        }
        sets.extend(changes);
        let batch = self.next_batch(&sets, n_train);
        let prompts: Vec<Prompt> = sets.iter().map(|set| self.with(set, oracle)).collect();
        let passes = oracle.passes(&prompts[0])?;
        let cost = passes * (sets.len() * batch.len() + oracle.n_selection()) as u64;
        if !oracle.affords(cost) {
            return Ok(Proposal::OutOfBudget);
        }
        let own = oracle.train_losses(&prompts[..1], &batch)?[0];
        // What is not below the loss of the prompt as it is need not be known to the end.
        let losses = oracle.train_losses_below(&prompts[1..], &batch, own)?;
        let best = (losses.iter().enumerate())
            .filter_map(|(change, loss)| loss.filter(|loss| *loss < own).map(|loss| (loss, change + 1)))
            .min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let moved = best.is_some();
        let (loss, best) = best.unwrap_or((own, 0));
        let set = sets.swap_remove(best);
        let trace = json!({
            "shown": set,
            "moved": moved,
            "loss": own,
            "best": loss,
            "changes": losses.len(),
            "batch": batch.len(),
        });
        if !moved {
            self.steps_without_move += 1;
            if self.steps_without_move >= self.config.patience {
                // With nothing but orders to try, the examples stay.
                match self.config.replace {
                    true => self.current = None,
                    false => {
                        let mut set = self.current.take().unwrap_or_default();
                        self.stream.shuffle(&mut set);
                        self.current = Some(set);
                    }
                }
                self.steps_without_move = 0;
                self.restarts += 1;
            }
            return Ok(Proposal::Nothing { trace });
        }
        self.steps_without_move = 0;
        self.current = Some(set.clone());
        if self.proposed.contains(&set) {
            return Ok(Proposal::Nothing { trace });
        }
        Ok(self.proposal(set, "changed".into(), trace, oracle))
    }
}

impl Search for Demonstrations {
    fn propose(&mut self, oracle: &mut dyn Oracle) -> Result<Proposal, SearchError> {
        let (k, n_train) = (self.config.k, oracle.n_train());
        if n_train == 0 {
            return Err(SearchError::NoTraining { method: "demonstrations" });
        }
        if k > n_train {
            return Err(SearchError::TooFewDemonstrations { k, n_train });
        }
        if self.ended {
            return Ok(Proposal::Done);
        }
        if let Some(nearest) = self.config.nearest {
            return self.nearest(nearest, oracle);
        }
        match self.current.clone() {
            None => self.begin(oracle),
            Some(_) if !self.config.replace && !self.config.swap => Ok(Proposal::Done),
            Some(current) => self.step(current, oracle),
        }
    }

    fn observe(&mut self, scored: &[Scored]) {
        self.current_number = scored.last().map(|scored| scored.candidate);
    }

    fn state(&self) -> serde_json::Value {
        json!({
            "current": self.current,
            "restarts": self.restarts,
            "steps_without_move": self.steps_without_move,
            "proposed": self.proposed.len(),
        })
    }
}

#[cfg(test)]
mod tests;
