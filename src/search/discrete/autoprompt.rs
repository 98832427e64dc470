//! Gradient-guided search for trigger tokens: AutoPrompt (arXiv 2010.15980).
//!
//! A step takes the gradient of the loss with respect to the trigger embeddings on one training batch, ranks all tokens of
//! the vocabulary for some positions by the first-order gain `(e_old - e_new) . gradient` (HotFlip, arXiv 1712.06751), scores
//! the best `n_candidates` of them and the triggers as they are on the next training batch, and keeps the best `beam`.
//!
//! # Where this differs from the published program
//!
//! - The candidates of a step are scored in one round, not one after the other; the trigger as it is and repeated candidates
//!   are not scored again. A candidate is dropped as soon as its loss on part of the batch is above what the current trigger
//!   has on all of it: the move is the same, and the evaluations saved buy more steps.
//! - Positions are taken in turn, in a new random order each time around; the original draws one with replacement, so that
//!   some stay untouched for long. A step may look at several: its candidates are then the best swaps over all of them, and where
//!   more than one position gains by itself, the best swaps of all these positions are tried together.
//! - A beam keeps several triggers beside each other, each with its share of the candidates; the original keeps one.
//! - `patience` works: after so many steps without a move the search begins anew from random tokens while budget is left. The
//!   original declares the option and never reads it.
//! - It starts from a text or from random tokens of the vocabulary, not from mask tokens: every prompt scored on dev is a real
//!   text, and the `random` control draws from the same distribution.
//! - Moves are decided by the loss, which does not tie; the original uses accuracy, which ties most of the time at 16 shots.

use std::collections::HashSet;

use serde_json::json;

use crate::prompt::Prompt;
use crate::search::{Oracle, Proposal, Scored, Search, SearchError};
use crate::seed::Stream;

use super::hot_flip::HotFlip;
use super::objective::{Objective, Value, order};
use super::trail::{Footing, Trail, swaps, texts};

/// The parameters of the search.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AutopromptConfig {
    /// Swaps scored in a step.
    pub n_candidates: usize,
    /// Positions that a step looks at.
    pub positions: usize,
    /// Triggers that are kept beside each other.
    pub beam: usize,
    /// Training examples in a batch.
    pub batch_size: usize,
    /// Steps without a move before the search begins anew.
    pub patience: usize,
    /// How often it may begin anew; `None` for as long as budget is left.
    pub restarts: Option<usize>,
    /// What is made small.
    pub objective: Objective,
}

impl AutopromptConfig {
    /// The evaluations of a step, at most: `examples` passes of a batch, `likelihood` what a prompt's likelihood costs.
    pub fn step_cost(&self, examples: u64, n_trigger: usize, likelihood: u64) -> u64 {
        let positions = self.positions.min(n_trigger);
        let beam = self.beam as u64;
        let joint = u64::from(positions > 1);
        beam * (3 * examples + self.objective.estimate_cost(positions))
            + (beam + self.n_candidates as u64 + joint) * (examples + likelihood)
    }
}

/// AutoPrompt as a state machine.
pub struct Autoprompt {
    config: AutopromptConfig,
    trail: Trail,
    /// The triggers, best first.
    beam: Vec<Vec<u32>>,
    /// Positions still to be looked at this time around, last first.
    order: Vec<usize>,
    step: u64,
    steps_without_move: usize,
    zero_gradient: bool,
}

/// A trigger that differs from one of the beam.
struct Swap {
    member: usize,
    place: usize,
    tokens: Vec<u32>,
    gain: f64,
}

impl Autoprompt {
    /// A search over the triggers of `prompt`, beginning with `initial` and random tokens after it.
    pub fn new(config: AutopromptConfig, prompt: Prompt, initial: Vec<u32>, stream: Stream) -> Self {
        Self {
            config,
            trail: Trail::new(prompt, initial, config.batch_size, stream),
            beam: Vec::new(),
            order: Vec::new(),
            step: 0,
            steps_without_move: 0,
            zero_gradient: false,
        }
    }

    fn next_positions(&mut self) -> Vec<usize> {
        let n_trigger = self.trail.n_trigger();
        let mut taken = Vec::new();
        while taken.len() < self.config.positions.min(n_trigger) {
            match self.order.iter().rposition(|place| !taken.contains(place)) {
                Some(at) => taken.push(self.order.remove(at)),
                None => {
                    let mut next: Vec<usize> = (0..n_trigger).collect();
                    self.trail.stream.shuffle(&mut next);
                    self.order.splice(0..0, next);
                }
            }
        }
        taken
    }

    fn begin(&mut self, oracle: &mut dyn Oracle, cost: u64) -> Proposal {
        if !oracle.affords(cost) {
            return Proposal::OutOfBudget;
        }
        self.beam = (0..self.config.beam).map(|_| self.trail.start(oracle, false)).collect();
        self.steps_without_move = 0;
        let mut seen = HashSet::new();
        self.beam.retain(|tokens| seen.insert(tokens.clone()));
        let trace = json!({ "start": texts(oracle, &self.beam[0]), "restart": self.trail.restarts() });
        let origin = self.trail.start_words();
        self.trail.propose(&self.beam[0].clone(), None, origin, trace)
    }

    /// The best swaps of each trigger of the beam at `places`, by what the gradients on `batch` prefer, and the best trigger's
    /// loss there.
    fn swaps(
        &mut self,
        oracle: &mut dyn Oracle,
        places: &[usize],
        batch: &[usize],
    ) -> Result<(Vec<Swap>, f64), SearchError> {
        let prompts: Vec<Prompt> = self.beam.iter().map(|tokens| self.trail.with(tokens)).collect();
        let gradients = oracle.gradients(&prompts, batch)?;
        let mut seen: HashSet<Vec<u32>> = self.beam.iter().cloned().collect();
        let mut swaps = Vec::new();
        let n_members = self.beam.len();
        for (member, (tokens, gradient)) in self.beam.iter().zip(&gradients).enumerate() {
            let rows: Vec<Vec<f32>> = places.iter().map(|&place| gradient.triggers[place].clone()).collect();
            self.zero_gradient |= rows.iter().any(|row| row.iter().all(|&x| x == 0.0));
            let estimates = self.config.objective.estimates(oracle, &prompts[member], places, &rows)?;
            let mut pool: Vec<(f64, usize, u32)> = Vec::new();
            for (row, &place) in places.iter().enumerate() {
                let others = oracle.vocabulary().iter().copied().filter(|&id| id != tokens[place]);
                pool.extend(others.map(|id| (estimates.preference(row, tokens[place], id), row, id)));
            }
            let n = self.config.n_candidates / n_members + usize::from(member < self.config.n_candidates % n_members);
            // More than are needed, since some may stand in the beam or be another's.
            keep_best(&mut pool, n + seen.len());
            let mut taken = 0;
            for (_, row, id) in pool {
                let place = places[row];
                let mut changed = tokens.clone();
                changed[place] = id;
                if taken < n && seen.insert(changed.clone()) {
                    taken += 1;
                    swaps.push(Swap { member, place, tokens: changed, gain: estimates.gain(row, tokens[place], id) });
                }
            }
        }
        Ok((swaps, gradients[0].loss))
    }

    /// The best swap of every position of one trigger that gains by itself, all together; `None` where there are fewer than
    /// two of them.
    fn joint(&self, member: usize, swaps: &[Swap], values: &[Option<Value>]) -> Option<Swap> {
        let total = |at: usize| values[at].map_or(f64::INFINITY, |value| value.total);
        let before = total(member);
        let after = |at: usize| total(self.beam.len() + at);
        let mut best: Vec<(usize, usize)> = Vec::new();
        for (at, swap) in swaps.iter().enumerate().filter(|(at, s)| s.member == member && after(*at) < before) {
            match best.iter_mut().find(|(place, _)| *place == swap.place) {
                Some((_, known)) if after(at) < after(*known) => *known = at,
                Some(_) => {}
                None => best.push((swap.place, at)),
            }
        }
        let mut tokens = self.beam[member].clone();
        for &(place, at) in &best {
            tokens[place] = swaps[at].tokens[place];
        }
        let (place, _) = *best.first()?;
        let gain = best.iter().map(|&(_, at)| swaps[at].gain).sum();
        (best.len() > 1).then_some(Swap { member, place, tokens, gain })
    }
}

/// Keeps the `n` with the largest preference, best first; of equal ones the earlier position, then the lower id.
fn keep_best(pool: &mut Vec<(f64, usize, u32)>, n: usize) {
    let by = |a: &(f64, usize, u32), b: &(f64, usize, u32)| b.0.total_cmp(&a.0).then((a.1, a.2).cmp(&(b.1, b.2)));
    if n < pool.len() {
        pool.select_nth_unstable_by(n, by);
        pool.truncate(n);
    }
    pool.sort_by(by);
}

impl Search for Autoprompt {
    fn propose(&mut self, oracle: &mut dyn Oracle) -> Result<Proposal, SearchError> {
        let Footing { n_train, passes, selection } = self.trail.footing(oracle, "autoprompt")?;
        if self.beam.is_empty() {
            return Ok(self.begin(oracle, selection));
        }
        if self.steps_without_move >= self.config.patience {
            return Ok(match self.trail.begins_anew(self.config.restarts) {
                true => self.begin(oracle, selection),
                false => Proposal::Done,
            });
        }
        let objective = self.config.objective;
        let likelihood = objective.likelihood_cost(oracle, &self.trail.with(&self.beam[0]))?;
        let examples = passes * self.trail.batch_size(n_train) as u64;
        let most = oracle.vocabulary().len() * self.config.positions.min(self.trail.n_trigger()) * self.config.beam;
        let config = AutopromptConfig { n_candidates: self.config.n_candidates.min(most), ..self.config };
        // With the move's own scoring on dev: a step that is begun can be ended.
        if !oracle.affords(config.step_cost(examples, self.trail.n_trigger(), likelihood) + selection) {
            return Ok(Proposal::OutOfBudget);
        }

        let for_gradient = self.trail.next_batch(n_train);
        let for_candidates = self.trail.next_batch(n_train);
        let places = self.next_positions();
        let (mut found, gradient_loss) = self.swaps(oracle, &places, &for_gradient)?;
        let members = self.beam.len();
        let prompts: Vec<Prompt> = self.beam.iter().map(|tokens| self.trail.with(tokens)).collect();
        let kept = objective.values(oracle, &prompts, &for_candidates)?;
        // The worst that the beam has room for: whoever is not better has no place in it.
        let bound = match members < self.config.beam {
            true => f64::INFINITY,
            false => kept.iter().map(|value| value.total).fold(f64::NEG_INFINITY, f64::max),
        };
        let prompts: Vec<Prompt> = found.iter().map(|swap| self.trail.with(&swap.tokens)).collect();
        let mut values: Vec<Option<Value>> = kept.iter().copied().map(Some).collect();
        values.extend(objective.values_below(oracle, &prompts, &for_candidates, bound)?);
        let before = order(&values[..members])[0];
        if let Some(joint) = self.joint(before, &found, &values) {
            values.extend(objective.values_below(oracle, &[self.trail.with(&joint.tokens)], &for_candidates, bound)?);
            found.push(joint);
        }
        let order = order(&values);
        let moved = order[0] >= members;

        let mut trace = json!({
            "restart": self.trail.restarts(),
            "positions": places,
            "loss_gradient_batch": gradient_loss,
            "loss_before": kept[before].loss,
            "moved": moved,
        });
        // Of those that were scored to the end: none of the others is better than what the beam has.
        let best = order.iter().copied().find(|&at| at >= members).and_then(|at| Some((at - members, values[at]?)));
        if let Some((best, value)) = best {
            let Swap { member, place, tokens, gain } = &found[best];
            trace["position"] = json!(place);
            trace["old"] = json!(oracle.token_text(self.beam[*member][*place]));
            trace["new"] = json!(oracle.token_text(tokens[*place]));
            trace["loss_after"] = json!(value.loss);
            trace["predicted_gain"] = json!(gain);
            if objective.is_fluent() {
                trace["likelihood_before"] = json!(kept[before].likelihood);
                trace["likelihood_after"] = json!(value.likelihood);
            }
        }
        let mut meter = HotFlip::default();
        for (swap, value) in found.iter().zip(&values[members..]) {
            meter.note(swap.gain, value.map(|value| kept[swap.member].loss - value.loss));
        }
        meter.write(&mut trace);

        self.step += 1;
        self.steps_without_move = if moved { 0 } else { self.steps_without_move + 1 };
        let all: Vec<&Vec<u32>> = self.beam.iter().chain(found.iter().map(|swap| &swap.tokens)).collect();
        let scored = order.iter().copied().filter(|&at| values[at].is_some());
        let next: Vec<Vec<u32>> = scored.take(self.config.beam).map(|at| all[at].clone()).collect();
        let parent = moved.then(|| self.beam[found[order[0] - members].member].clone());
        self.beam = next;
        match parent {
            // What was scored on dev before costs nothing more.
            Some(parent) if !self.trail.is_proposed(&self.beam[0]) => {
                let origin = swaps(oracle, &parent, &self.beam[0]);
                Ok(self.trail.propose(&self.beam[0].clone(), Some(&parent), origin, trace))
            }
            _ => Ok(Proposal::Nothing { trace }),
        }
    }

    fn observe(&mut self, scored: &[Scored]) {
        self.trail.observe(scored);
    }

    fn state(&self) -> serde_json::Value {
        json!({
            "step": self.step,
            "restarts": self.trail.restarts(),
            "beam": self.beam,
            "steps_without_move": self.steps_without_move,
        })
    }

    fn flags(&self) -> Vec<String> {
        if self.zero_gradient { vec!["zero_gradient".into()] } else { Vec::new() }
    }
}
