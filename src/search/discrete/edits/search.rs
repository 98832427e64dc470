//! The iterations.

use serde_json::json;

use super::super::members::{Member, Members};
use super::super::paraphrase::{Dropped, Offer};
use super::super::train_batch::train_batch;
use super::super::wording::{Rewording, Wording};
use super::config::EditsConfig;
use super::draft::{Draft, Drafting};
use crate::prompt::{Candidate, Prompt};
use crate::search::{Oracle, Proposal, Scored, Search, SearchError};
use crate::seed::Stream;

/// Iterations over which annealing's temperature falls by e (GrIPS).
const COOLING: f64 = 5.0;

/// Edits as a state machine.
pub struct Edits {
    config: EditsConfig,
    wording: Wording,
    stream: Stream,
    /// With the phrases that were deleted on the way to each.
    members: Members<Vec<String>>,
    batch: Option<Vec<usize>>,
    /// The members to start from, the best first.
    order: Vec<usize>,
    beam: Vec<usize>,
    /// Members of the last iteration of which selection alone can tell whether they are better.
    open: Vec<usize>,
    iteration: usize,
    since_start: usize,
    steps_without_move: usize,
    restarts: usize,
    /// Iterations in a row that made nothing new.
    barren: usize,
    looks: u64,
}

impl Edits {
    /// A search that starts from the templates of `starts`, whose verbalizer is one.
    pub fn new(config: EditsConfig, rewording: Rewording, starts: &[Prompt], stream: Stream) -> Self {
        Self {
            config,
            wording: Wording::new(rewording, starts),
            stream,
            members: Members::default(),
            batch: None,
            order: Vec::new(),
            beam: Vec::new(),
            open: Vec::new(),
            iteration: 0,
            since_start: 0,
            steps_without_move: 0,
            restarts: 0,
            barren: 0,
            looks: 0,
        }
    }

    /// Goes on from the next of the templates to start from.
    fn begin(&mut self) {
        let n = self.order.len();
        let first = self.restarts * self.config.beam;
        let from: Vec<usize> = (0..self.config.beam.min(n)).map(|at| self.order[(first + at) % n]).collect();
        self.beam = self.members.ranked(from).0;
        self.since_start = 0;
        self.steps_without_move = 0;
    }

    /// Takes into the beam what is better, or what annealing accepts; which those are.
    fn accept(&mut self, fresh: Vec<usize>) -> Vec<usize> {
        let before = self.beam.first().map_or(f64::INFINITY, |&best| self.members.value(best));
        let best_fresh = fresh
            .iter()
            .copied()
            .min_by(|&a, &b| self.members.value(a).total_cmp(&self.members.value(b)).then(a.cmp(&b)));
        let (mut beam, passed_over) = self.members.ranked(self.beam.iter().chain(&fresh).copied().collect());
        self.looks += u64::from(passed_over > 0);
        beam.truncate(self.config.beam);
        if let Some(best) = best_fresh.filter(|best| !beam.contains(best) && self.config.temperature > 0.0) {
            let temperature = self.config.temperature * (-(self.since_start as f64) / COOLING).exp();
            if self.stream.uniform() < (-(self.members.value(best) - before) / temperature).exp() {
                beam = vec![best];
            }
        }
        self.beam = beam;
        let better = self.beam.first().is_some_and(|&best| self.members.value(best) < before);
        self.steps_without_move = if better { 0 } else { self.steps_without_move + 1 };
        fresh.into_iter().filter(|member| self.beam.contains(member)).collect()
    }

    /// What is known of the last iteration now that selection has told.
    fn settle(&mut self, n_train: usize) {
        if n_train == 0 {
            self.members.take_scores();
        }
        let open = std::mem::take(&mut self.open);
        if !open.is_empty() {
            self.looks += 1;
            self.accept(open);
        } else {
            let (beam, passed_over) = self.members.ranked(self.beam.clone());
            self.looks += u64::from(passed_over > 0);
            self.beam = beam;
        }
    }

    /// The losses of drafts on the batch, of those that may come into the beam.
    fn compare(
        &self,
        prompts: &[Prompt],
        batch: &[usize],
        oracle: &mut dyn Oracle,
    ) -> Result<Vec<Option<f64>>, SearchError> {
        let full = self.beam.len() == self.config.beam;
        let bound = self.beam.iter().map(|&member| self.members.value(member)).fold(f64::NEG_INFINITY, f64::max);
        if full && self.config.temperature == 0.0 {
            oracle.train_losses_below(prompts, batch, bound)
        } else {
            Ok(oracle.train_losses(prompts, batch)?.into_iter().map(Some).collect())
        }
    }

    /// The templates of an iteration that the budget covers the comparison of.
    fn drafts(
        &mut self,
        n: usize,
        offer: Offer,
        oracle: &mut dyn Oracle,
        dropped: &mut Dropped,
    ) -> Result<Vec<Draft>, SearchError> {
        let bases: Vec<Draft> = (0..n)
            .map(|at| {
                let base = self.beam[at % self.beam.len()];
                let Member { template, kept, .. } = self.members.get(base).clone();
                Draft { base, template, deleted: kept, changes: Vec::new(), by: Vec::new() }
            })
            .collect();
        let mut drafting = Drafting {
            level: self.config.level,
            n_compose: self.config.n_compose,
            wording: &mut self.wording,
            stream: &mut self.stream,
            reserve: self.config.scoring(n, offer),
        };
        let mut drafts = drafting.edit(bases, oracle, dropped)?;
        drafts.retain(|draft| self.wording.admits(&draft.template, oracle, dropped));
        // A template may need more passes than its base, where its label words come to stand otherwise.
        let (mut cost, mut within) = (0, 0);
        for draft in &drafts {
            let proposed = within < self.config.beam || offer.n_train == 0;
            let examples = self.config.batch(offer) + if proposed { offer.n_selection as u64 } else { 0 };
            cost += oracle.passes(&self.wording.prompt(&draft.template))? * examples;
            if !oracle.affords(cost) {
                break;
            }
            within += 1;
        }
        drafts.truncate(within);
        Ok(drafts)
    }
}

impl Search for Edits {
    fn propose(&mut self, oracle: &mut dyn Oracle) -> Result<Proposal, SearchError> {
        if self.wording.has_starts() {
            return self.members.start(&mut self.wording, oracle);
        }
        if self.members.is_empty() || self.config.iterations.is_some_and(|most| self.iteration >= most) {
            return Ok(Proposal::Done);
        }
        let offer = self.wording.offer(self.members.templates(), oracle)?;
        let n_train = offer.n_train;
        let unknown = if n_train > 0 { self.members.unknown() } else { Vec::new() };
        let before = self.config.first_comparison(unknown.len(), offer);
        let whole = self.config.n_candidates * self.config.beam;
        let cost = |n: usize| before + self.config.iteration(n, self.wording.rewording(), offer);
        let most = (1..=whole).rev().find(|&n| oracle.affords(cost(n)));
        let Some(most) = most else { return Ok(Proposal::OutOfBudget) };

        let batch = match &self.batch {
            Some(batch) => batch.clone(),
            None => train_batch(self.wording.n_labels(), self.config.batch_size, n_train, &mut self.stream),
        };
        self.batch = Some(batch.clone());
        self.members.compare(&unknown, &self.wording, &batch, oracle)?;
        self.settle(n_train);
        if self.order.is_empty() {
            self.order = self.members.ranked((0..self.members.len()).collect()).0;
            self.begin();
        } else if self.steps_without_move >= self.config.patience {
            let given_up = self.config.restarts.is_some_and(|most| self.restarts >= most);
            if given_up || self.barren >= self.config.patience * self.order.len() {
                return Ok(Proposal::Done);
            }
            self.restarts += 1;
            self.begin();
        }

        let mut dropped = Dropped::default();
        let n = most.min(self.config.n_candidates * self.beam.len());
        let drafts = self.drafts(n, offer, oracle, &mut dropped)?;
        self.iteration += 1;
        let prompts: Vec<Prompt> = drafts.iter().map(|draft| self.wording.prompt(&draft.template)).collect();
        let losses = match n_train > 0 && !prompts.is_empty() {
            true => self.compare(&prompts, &batch, oracle)?,
            false => vec![None; prompts.len()],
        };
        let made: Vec<serde_json::Value> = drafts
            .iter()
            .zip(&losses)
            .map(|(draft, loss)| {
                let mut entry = json!({
                    "template": draft.template.to_string(),
                    "base": self.members.number(draft.base),
                    "by": draft.by,
                    "change": draft.changes,
                });
                if n_train > 0 {
                    entry["loss"] = json!(loss);
                }
                entry
            })
            .collect();
        let mut trace = json!({
            "iteration": self.iteration,
            "restart": self.restarts,
            "beam": self.beam.iter().map(|&member| self.members.number(member)).collect::<Vec<_>>(),
            "made": made,
            "dropped": dropped.as_json(),
        });
        self.barren = if drafts.is_empty() { self.barren + 1 } else { 0 };
        // Of those that were given up nobody is better than the beam.
        let kept: Vec<usize> = (0..drafts.len()).filter(|&at| n_train == 0 || losses[at].is_some()).collect();
        let first = self.members.len();
        for &at in &kept {
            let Draft { template, deleted, .. } = drafts[at].clone();
            self.members.push(template, deleted, losses[at]);
        }
        let fresh: Vec<usize> = (first..self.members.len()).collect();
        let accepted = match n_train > 0 {
            true => self.accept(fresh.clone()),
            false => {
                self.steps_without_move += usize::from(fresh.is_empty());
                self.open.clone_from(&fresh);
                fresh.clone()
            }
        };
        self.since_start += 1;
        if n_train > 0 {
            trace["moved"] = json!(!accepted.is_empty());
        }
        let candidates: Vec<Candidate> = accepted
            .iter()
            .map(|&member| {
                let at = kept[member - first];
                let draft = &drafts[at];
                Candidate {
                    prompt: prompts[at].clone(),
                    parent: self.members.number(draft.base),
                    origin: draft.changes.join("; "),
                }
            })
            .collect();
        let now = self.members.keep(first, &accepted);
        self.beam = self.beam.iter().filter_map(|&member| now(member)).collect();
        self.open = self.open.iter().filter_map(|&member| now(member)).collect();
        Ok(match candidates.is_empty() {
            true => Proposal::Nothing { trace },
            false => Proposal::Candidates { candidates, trace: Some(trace) },
        })
    }

    fn observe(&mut self, scored: &[Scored]) {
        self.members.observe(scored);
    }

    fn state(&self) -> serde_json::Value {
        json!({
            "iteration": self.iteration,
            "restarts": self.restarts,
            "steps_without_move": self.steps_without_move,
            "beam": self.beam.iter().map(|&m| self.members.get(m).template.to_string()).collect::<Vec<_>>(),
        })
    }

    fn dev_looks(&self) -> u64 {
        self.looks
    }
}
