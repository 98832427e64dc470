//! The generations.

use serde_json::json;

use super::super::members::Members;
use super::super::paraphrase::{Dropped, Offer};
use super::super::train_batch::train_batch;
use super::super::wording::{Rewording, Wording};
use super::config::{Algorithm, EvolutionConfig};
use super::offspring::{Breeder, Breeding, Offspring};
use crate::prompt::{Candidate, Prompt};
use crate::search::{Oracle, Proposal, Scored, Search, SearchError};
use crate::seed::Stream;

/// Draws of a child before one that was there before is mutated.
const DRAWS: usize = 4;
/// Generations in a row without a new template after which there is none.
const BARREN: usize = 3;

/// Evolution as a state machine.
pub struct Evolution {
    config: EvolutionConfig,
    wording: Wording,
    stream: Stream,
    members: Members<()>,
    batch: Option<Vec<usize>>,
    /// Members, the best first.
    population: Vec<usize>,
    /// Members of the last generation of which selection alone can tell how good they are, and whom each may replace.
    open: Vec<(usize, Option<usize>)>,
    /// Generations that were begun; the first makes paraphrases.
    generation: usize,
    barren: usize,
    looks: u64,
}

impl Evolution {
    /// A search that starts from the templates of `starts`, whose verbalizer is one.
    pub fn new(config: EvolutionConfig, rewording: Rewording, starts: &[Prompt], stream: Stream) -> Self {
        Self {
            config,
            wording: Wording::new(rewording, starts),
            stream,
            members: Members::default(),
            batch: None,
            population: Vec::new(),
            open: Vec::new(),
            generation: 0,
            barren: 0,
            looks: 0,
        }
    }

    /// Makes the best of `members` the population.
    fn populate(&mut self, members: Vec<usize>) {
        let (mut best, passed_over) = self.members.ranked(members);
        best.truncate(self.config.population);
        self.looks += u64::from(passed_over > 0);
        self.population = best;
    }

    /// Who survives; which of the children do.
    fn survive(&mut self, children: &[(usize, Option<usize>)]) -> Vec<usize> {
        let mut pool = self.population.clone();
        match self.config.algorithm {
            Algorithm::Ga => pool.extend(children.iter().map(|(child, _)| *child)),
            Algorithm::De => {
                for &(child, target) in children {
                    let place = pool.iter().position(|&member| Some(member) == target);
                    match place {
                        Some(at) if self.members.value(child) < self.members.value(pool[at]) => pool[at] = child,
                        _ if pool.len() < self.config.population => pool.push(child),
                        _ => {}
                    }
                }
            }
        }
        self.populate(pool);
        children.iter().map(|(child, _)| *child).filter(|child| self.population.contains(child)).collect()
    }

    /// What is known of the last generation now that selection has told.
    fn settle(&mut self, n_train: usize) {
        if n_train == 0 {
            self.members.take_scores();
        }
        let open = std::mem::take(&mut self.open);
        if open.is_empty() {
            self.populate(self.population.clone());
        } else {
            self.looks += 1;
            self.survive(&open);
        }
    }

    /// The population as parents, with their shares of the wheel.
    fn breeders(&self, n_train: usize) -> Vec<Breeder> {
        let lowest = self.population.iter().map(|&member| self.members.value(member)).fold(f64::INFINITY, f64::min);
        let share = |member: usize| match n_train > 0 {
            true => (lowest - self.members.value(member)).exp(),
            false => (-self.members.value(member)).max(f64::MIN_POSITIVE),
        };
        self.population
            .iter()
            .map(|&member| {
                let template = self.members.get(member).template.clone();
                Breeder::new(self.members.number(member), template, share(member), &self.wording)
            })
            .collect()
    }

    /// The children of a generation of `n` that the budget covers the comparison of.
    fn children(
        &mut self,
        n: usize,
        offer: Offer,
        oracle: &mut dyn Oracle,
        dropped: &mut Dropped,
    ) -> Result<Vec<Offspring>, SearchError> {
        let population = self.breeders(offer.n_train);
        let first = self.generation == 0;
        let mut breeding = Breeding {
            config: self.config,
            population: &population,
            wording: &mut self.wording,
            stream: &mut self.stream,
            reserve: self.config.scoring(n, offer),
            offered: Vec::new(),
        };
        let mut children: Vec<Offspring> = Vec::new();
        for at in 0..n {
            let mut child = breeding.breed(at, first);
            for _ in 1..if first { 1 } else { DRAWS } {
                if breeding.is_fresh(&child, &children) {
                    break;
                }
                child = breeding.breed(at, first);
            }
            children.push(child);
        }
        // Of a site of the first population's all that comes is taken in turn; a child is one.
        let made = breeding.mutate(children, if first { n } else { 1 }, oracle, dropped)?;
        let longest = made.iter().map(Vec::len).max().unwrap_or(0);
        let mut queues: Vec<_> = made.into_iter().map(Vec::into_iter).collect();
        let mut found: Vec<Offspring> = Vec::new();
        for _ in 0..longest {
            found.extend(queues.iter_mut().filter_map(Iterator::next));
        }
        let (mut cost, mut within) = (0, Vec::new());
        for child in found {
            if within.len() == n || !self.wording.admits(&child.template, oracle, dropped) {
                continue;
            }
            let examples = self.config.batch(offer) + offer.n_selection as u64;
            cost += oracle.passes(&self.wording.prompt(&child.template))? * examples;
            if !oracle.affords(cost) {
                break;
            }
            within.push(child);
        }
        Ok(within)
    }

    /// The losses of children on the batch, of those that may survive.
    fn compare(
        &self,
        prompts: &[Prompt],
        batch: &[usize],
        oracle: &mut dyn Oracle,
    ) -> Result<Vec<Option<f64>>, SearchError> {
        if self.population.len() < self.config.population {
            return Ok(oracle.train_losses(prompts, batch)?.into_iter().map(Some).collect());
        }
        let worst = self.population.iter().map(|&member| self.members.value(member)).fold(f64::NEG_INFINITY, f64::max);
        oracle.train_losses_below(prompts, batch, worst)
    }
}

impl Search for Evolution {
    fn propose(&mut self, oracle: &mut dyn Oracle) -> Result<Proposal, SearchError> {
        if self.wording.has_starts() {
            return self.members.start(&mut self.wording, oracle);
        }
        // The first generation is what comes before them.
        let over = self.config.generations.is_some_and(|most| self.generation > most);
        if self.members.is_empty() || over || self.barren == BARREN {
            return Ok(Proposal::Done);
        }
        let offer = self.wording.offer(self.members.templates(), oracle)?;
        let n_train = offer.n_train;
        let unknown = if n_train > 0 { self.members.unknown() } else { Vec::new() };
        let before = self.config.first_comparison(unknown.len(), offer);
        let whole = match self.generation {
            0 => self.config.population.saturating_sub(self.members.len()),
            _ => self.config.population,
        };
        let cost = |n: usize| before + self.config.generation(n, self.wording.rewording(), offer);
        let most = (whole.min(1)..=whole).rev().find(|&n| oracle.affords(cost(n)));
        let Some(most) = most else { return Ok(Proposal::OutOfBudget) };

        let batch = match &self.batch {
            Some(batch) => batch.clone(),
            None => train_batch(self.wording.n_labels(), self.config.batch_size, n_train, &mut self.stream),
        };
        self.batch = Some(batch.clone());
        self.members.compare(&unknown, &self.wording, &batch, oracle)?;
        self.settle(n_train);
        if self.generation == 0 {
            self.populate((0..self.members.len()).collect());
        }

        let mut dropped = Dropped::default();
        let children = self.children(most, offer, oracle, &mut dropped)?;
        let parents: Vec<usize> = self.population.clone();
        let prompts: Vec<Prompt> = children.iter().map(|child| self.wording.prompt(&child.template)).collect();
        let losses = match n_train > 0 && !prompts.is_empty() {
            true => self.compare(&prompts, &batch, oracle)?,
            false => vec![None; prompts.len()],
        };
        let made: Vec<serde_json::Value> = children
            .iter()
            .zip(&losses)
            .map(|(child, loss)| {
                let mut entry = json!({
                    "template": child.template.to_string(),
                    "parents": child.parents.iter().map(|&at| self.members.number(parents[at])).collect::<Vec<_>>(),
                    "by": child.by,
                    "change": child.origin,
                });
                if n_train > 0 {
                    entry["loss"] = json!(loss);
                }
                entry
            })
            .collect();
        let trace = json!({
            "generation": self.generation,
            "population": parents.iter().map(|&member| self.members.number(member)).collect::<Vec<_>>(),
            "made": made,
            "dropped": dropped.as_json(),
        });
        // A first population that is whole is no barren one.
        self.barren = if children.is_empty() && most > 0 { self.barren + 1 } else { 0 };
        self.generation += 1;

        // Of those that were given up nobody survives.
        let kept: Vec<usize> = (0..children.len()).filter(|&at| n_train == 0 || losses[at].is_some()).collect();
        let first = self.members.len();
        let mut fresh = Vec::new();
        for &at in &kept {
            let member = self.members.push(children[at].template.clone(), (), losses[at]);
            fresh.push((member, children[at].target.map(|target| parents[target])));
        }
        let survivors: Vec<usize> = match n_train > 0 {
            true => self.survive(&fresh),
            false => {
                self.open.clone_from(&fresh);
                fresh.iter().map(|(member, _)| *member).collect()
            }
        };
        let candidates: Vec<Candidate> = survivors
            .iter()
            .map(|&member| {
                let at = kept[member - first];
                let child = &children[at];
                let parent = child.parents.first().and_then(|&parent| self.members.number(parents[parent]));
                Candidate { prompt: prompts[at].clone(), parent, origin: child.origin.clone() }
            })
            .collect();
        let now = self.members.keep(first, &survivors);
        self.population = self.population.iter().filter_map(|&member| now(member)).collect();
        self.open = self.open.iter().filter_map(|&(member, target)| Some((now(member)?, target))).collect();
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
            "generation": self.generation,
            "templates": self.members.len(),
            "population": self.population.iter().map(|&m| self.members.get(m).template.to_string()).collect::<Vec<_>>(),
        })
    }

    fn dev_looks(&self) -> u64 {
        self.looks
    }
}
