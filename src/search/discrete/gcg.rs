//! The greedy coordinate gradient: GCG (arXiv 2307.15043), with probe sampling (arXiv 2403.01251).
//!
//! A step takes the gradient at the best trigger on one training batch, keeps the `top_k` tokens of each position with the
//! largest first-order gain, draws `search_width` distinct triggers that differ in up to `n_replace` positions by such tokens, scores
//! them on the next batch together with the triggers of the buffer, and goes on from the best.
//!
//! With a second, smaller model (probe sampling) that model scores all candidates, the large one a random part of them; how far
//! the two agree, `a = (1 + Spearman's rho) / 2`, says how many of the small model's best go on to the large one:
//! `(1 - a) search_width / reduction`, at least one. The step's best is the best that the large model scored.
//!
//! # Where this differs from the published programs
//!
//! - Candidates are distinct: none is scored twice in a step, and the trigger as it is takes no place. Where all swaps of the top
//!   tokens are no more than `search_width`, all are scored and nothing is drawn.
//! - A candidate whose text gives other tokens is drawn again, not filtered out afterwards. A step that finds none widens `top_k`
//!   to twice as many for the steps after it, and counts as one without a move; the trial is flagged `no_stable_candidate`. The
//!   original ends with an error.
//! - The buffer's triggers are scored again on each step's batch, because losses on different batches cannot be compared.
//! - A candidate changes 1 to `n_replace` positions, each number as often: with exactly so many the last step to a trigger that
//!   differs in one position could not be taken.
//! - A candidate is given up as soon as its loss on part of the batch is above what the worst of the buffer has on all of it: the
//!   moves are the same, and the evaluations saved buy more steps. Not with a second model, with fluency, or without a buffer.
//! - `buffer_size: 1` by default: a move must be better. The published default moves to the best candidate even where that is
//!   worse; `buffer_size: 0` does so here.
//! - `patience` steps without a move begin the search anew from random tokens.
//! - The loss is that of label words over a batch of examples, not of one target text.

use std::collections::HashSet;

use serde_json::json;

use crate::prompt::Prompt;
use crate::search::{Oracle, Proposal, Scored, Search, SearchError};
use crate::seed::Stream;

use super::hot_flip::HotFlip;
use super::objective::{Estimates, Objective, Value, order};
use super::probe::{ProbeConfig, probe};
use super::trail::{Footing, Trail, swaps, texts};

/// Draws for each candidate that is wanted, before a step makes do with fewer.
const DRAWS: usize = 20;

/// The parameters of the search.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GcgConfig {
    /// Tokens of each position that swaps are drawn from.
    pub top_k: usize,
    /// Candidates of a step.
    pub search_width: usize,
    /// Positions that a candidate changes at most.
    pub n_replace: usize,
    /// Best triggers that are kept; 0 moves to the best candidate whatever it is.
    pub buffer_size: usize,
    /// Whether only triggers are tried whose text gives the same tokens.
    pub stable: bool,
    /// Probe sampling.
    pub probe: Option<ProbeConfig>,
    /// Training examples in a batch.
    pub batch_size: usize,
    /// Steps without a move before the search begins anew.
    pub patience: usize,
    /// How often it may begin anew; `None` for as long as budget is left.
    pub restarts: Option<usize>,
    /// What is made small.
    pub objective: Objective,
}

impl GcgConfig {
    /// The evaluations of a step, at most: `examples` passes of a batch, `likelihood` what a prompt's likelihood costs,
    /// `probe_cost` what evaluations by the second model count.
    pub fn step_cost(&self, examples: u64, n_trigger: usize, likelihood: u64, probe_cost: impl Fn(u64) -> u64) -> u64 {
        let width = self.search_width as u64;
        let kept = self.buffer_size.max(1) as u64;
        let (scored, drafted) = match self.probe {
            None => (width, 0),
            Some(probe) => (probe.most_scored(self.search_width) as u64, probe_cost(width * examples)),
        };
        3 * examples + self.objective.estimate_cost(n_trigger) + (kept + scored) * (examples + likelihood) + drafted
    }
}

/// GCG as a state machine.
pub struct Gcg {
    config: GcgConfig,
    trail: Trail,
    /// The triggers that are kept, best first.
    buffer: Vec<Vec<u32>>,
    top_k: usize,
    step: u64,
    steps_without_move: usize,
    zero_gradient: bool,
    no_stable_candidate: bool,
}

/// A candidate of a step.
struct Drawn {
    tokens: Vec<u32>,
    gain: f64,
}

impl Gcg {
    /// A search over the triggers of `prompt`, beginning with `initial` and random tokens after it.
    pub fn new(config: GcgConfig, prompt: Prompt, initial: Vec<u32>, stream: Stream) -> Self {
        Self {
            config,
            trail: Trail::new(prompt, initial, config.batch_size, stream),
            buffer: Vec::new(),
            top_k: config.top_k,
            step: 0,
            steps_without_move: 0,
            zero_gradient: false,
            no_stable_candidate: false,
        }
    }

    fn begin(&mut self, oracle: &mut dyn Oracle, cost: u64) -> Proposal {
        if !oracle.affords(cost) {
            return Proposal::OutOfBudget;
        }
        let start = self.trail.start(oracle, self.config.stable);
        let trace = json!({ "start": texts(oracle, &start), "restart": self.trail.restarts() });
        self.buffer = vec![start.clone()];
        self.steps_without_move = 0;
        let origin = self.trail.start_words();
        self.trail.propose(&start, None, origin, trace)
    }

    /// The candidates of a step from the best trigger.
    fn draw(&mut self, oracle: &dyn Oracle, estimates: &Estimates) -> Vec<Drawn> {
        let current = self.buffer[0].clone();
        let tops: Vec<Vec<u32>> = (0..current.len()).map(|place| self.top(oracle, estimates, place)).collect();
        let n_replace = self.config.n_replace.min(current.len());
        let mut seen: HashSet<Vec<u32>> = self.buffer.iter().cloned().collect();
        let mut drawn = Vec::new();
        let n_swaps: usize = tops.iter().map(Vec::len).sum();
        if n_replace == 1 && n_swaps <= self.config.search_width {
            for (place, top) in tops.iter().enumerate() {
                for &id in top {
                    let mut tokens = current.clone();
                    tokens[place] = id;
                    self.keep(oracle, estimates, tokens, &mut seen, &mut drawn);
                }
            }
            return drawn;
        }
        for _ in 0..DRAWS * self.config.search_width {
            if drawn.len() == self.config.search_width {
                break;
            }
            let mut tokens = current.clone();
            let n = 1 + self.trail.stream.below(n_replace);
            for place in self.trail.stream.sample(current.len(), n) {
                if !tops[place].is_empty() {
                    tokens[place] = *self.trail.stream.choose(&tops[place]);
                }
            }
            self.keep(oracle, estimates, tokens, &mut seen, &mut drawn);
        }
        drawn
    }

    fn keep(
        &self,
        oracle: &dyn Oracle,
        estimates: &Estimates,
        tokens: Vec<u32>,
        seen: &mut HashSet<Vec<u32>>,
        drawn: &mut Vec<Drawn>,
    ) {
        if !seen.insert(tokens.clone()) || (self.config.stable && oracle.retokenises(&self.trail.with(&tokens))) {
            return;
        }
        let changed = self.buffer[0].iter().zip(&tokens).enumerate();
        let gain = changed.map(|(place, (&old, &new))| estimates.gain(place, old, new)).sum();
        drawn.push(Drawn { tokens, gain });
    }

    /// The tokens that may stand in a place, the most preferred first.
    fn top(&self, oracle: &dyn Oracle, estimates: &Estimates, place: usize) -> Vec<u32> {
        let old = self.buffer[0][place];
        let others = oracle.vocabulary().iter().copied().filter(|&id| id != old);
        let mut ids: Vec<(f64, u32)> = others.map(|id| (estimates.preference(place, old, id), id)).collect();
        let by = |a: &(f64, u32), b: &(f64, u32)| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1));
        if self.top_k < ids.len() {
            ids.select_nth_unstable_by(self.top_k, by);
            ids.truncate(self.top_k);
        }
        ids.sort_by(by);
        ids.into_iter().map(|(_, id)| id).collect()
    }
}

impl Search for Gcg {
    fn propose(&mut self, oracle: &mut dyn Oracle) -> Result<Proposal, SearchError> {
        let Footing { n_train, passes, selection } = self.trail.footing(oracle, "gcg")?;
        if self.buffer.is_empty() {
            return Ok(self.begin(oracle, selection));
        }
        if self.steps_without_move >= self.config.patience {
            return Ok(match self.trail.begins_anew(self.config.restarts) {
                true => self.begin(oracle, selection),
                false => Proposal::Done,
            });
        }
        let objective = self.config.objective;
        let current = self.trail.with(&self.buffer[0]);
        let likelihood = objective.likelihood_cost(oracle, &current)?;
        let examples = passes * self.trail.batch_size(n_train) as u64;
        let cost = self.config.step_cost(examples, self.trail.n_trigger(), likelihood, |cost| oracle.probe_cost(cost));
        // With the move's own scoring on dev: a step that is begun can be ended.
        if !oracle.affords(cost + selection) {
            return Ok(Proposal::OutOfBudget);
        }

        let for_gradient = self.trail.next_batch(n_train);
        let for_candidates = self.trail.next_batch(n_train);
        let gradient = oracle.gradient(&current, &for_gradient)?;
        self.zero_gradient |= gradient.triggers.iter().flatten().all(|&x| x == 0.0);
        let places: Vec<usize> = (0..self.trail.n_trigger()).collect();
        let estimates = objective.estimates(oracle, &current, &places, &gradient.triggers)?;
        let mut drawn = self.draw(oracle, &estimates);
        let mut trace = json!({
            "restart": self.trail.restarts(),
            "loss_gradient_batch": gradient.loss,
            "n_candidates": drawn.len(),
            "top_k": self.top_k,
        });
        self.step += 1;
        if drawn.is_empty() {
            self.no_stable_candidate = true;
            self.top_k = self.top_k.saturating_mul(2).min(oracle.vocabulary().len());
            self.steps_without_move += 1;
            trace["moved"] = json!(false);
            return Ok(Proposal::Nothing { trace });
        }
        let mut known = None;
        if let Some(config) = self.config.probe {
            let prompts: Vec<Prompt> = drawn.iter().map(|drawn| self.trail.with(&drawn.tokens)).collect();
            let probed = probe(config, objective, oracle, &prompts, &for_candidates, &mut self.trail.stream)?;
            trace["probe_agreement"] = json!(probed.agreement);
            trace["probe_scored"] = json!(probed.scored.len());
            let (places, values): (Vec<usize>, Vec<Value>) = probed.scored.into_iter().unzip();
            // Those that the large model did not score are out.
            let kept = drawn.into_iter().enumerate().filter(|(at, _)| places.binary_search(at).is_ok());
            drawn = kept.map(|(_, drawn)| drawn).collect();
            known = Some(values);
        }
        self.decide(oracle, drawn, known, &for_candidates, trace)
    }

    fn observe(&mut self, scored: &[Scored]) {
        self.trail.observe(scored);
    }

    fn state(&self) -> serde_json::Value {
        json!({
            "step": self.step,
            "restarts": self.trail.restarts(),
            "buffer": self.buffer,
            "steps_without_move": self.steps_without_move,
        })
    }

    fn flags(&self) -> Vec<String> {
        let flags = [(self.zero_gradient, "zero_gradient"), (self.no_stable_candidate, "no_stable_candidate")];
        flags.into_iter().filter(|(holds, _)| *holds).map(|(_, flag)| flag.into()).collect()
    }
}

impl Gcg {
    /// Scores what was drawn, where it is not yet, with the buffer, and moves.
    fn decide(
        &mut self,
        oracle: &mut dyn Oracle,
        drawn: Vec<Drawn>,
        known: Option<Vec<Value>>,
        batch: &[usize],
        mut trace: serde_json::Value,
    ) -> Result<Proposal, SearchError> {
        let objective = self.config.objective;
        let members = self.buffer.len();
        let prompts: Vec<Prompt> = self.buffer.iter().map(|tokens| self.trail.with(tokens)).collect();
        let kept = objective.values(oracle, &prompts, batch)?;
        // The worst that the buffer has room for: whoever is not better has no place in it.
        let bound = match members == self.config.buffer_size {
            true => kept.iter().map(|value| value.total).fold(f64::NEG_INFINITY, f64::max),
            false => f64::INFINITY,
        };
        let mut values: Vec<Option<Value>> = kept.iter().copied().map(Some).collect();
        match known {
            Some(known) => values.extend(known.into_iter().map(Some)),
            None => {
                let prompts: Vec<Prompt> = drawn.iter().map(|drawn| self.trail.with(&drawn.tokens)).collect();
                values.extend(objective.values_below(oracle, &prompts, batch, bound)?);
            }
        }
        let mut order = order(&values);
        order.retain(|&at| values[at].is_some() && (at >= members || self.config.buffer_size > 0));
        let moved = order[0] >= members;

        let mut meter = HotFlip::default();
        for (drawn, value) in drawn.iter().zip(&values[members..]) {
            meter.note(drawn.gain, value.map(|value| kept[0].loss - value.loss));
        }
        meter.write(&mut trace);
        trace["moved"] = json!(moved);
        trace["loss_before"] = json!(kept[0].loss);
        let best = order.iter().copied().find(|&at| at >= members).and_then(|at| Some((at, values[at]?)));
        if let Some((best, value)) = best {
            trace["swap"] = json!(swaps(oracle, &self.buffer[0], &drawn[best - members].tokens));
            trace["loss_after"] = json!(value.loss);
            trace["predicted_gain"] = json!(drawn[best - members].gain);
            if objective.is_fluent() {
                trace["likelihood_before"] = json!(kept[0].likelihood);
                trace["likelihood_after"] = json!(value.likelihood);
            }
        }
        self.steps_without_move = if moved { 0 } else { self.steps_without_move + 1 };
        let parent = self.buffer[0].clone();
        let all: Vec<&Vec<u32>> = self.buffer.iter().chain(drawn.iter().map(|drawn| &drawn.tokens)).collect();
        self.buffer = order.iter().take(self.config.buffer_size.max(1)).map(|&at| all[at].clone()).collect();
        // What was scored on dev before costs nothing more.
        if !moved || self.trail.is_proposed(&self.buffer[0]) {
            return Ok(Proposal::Nothing { trace });
        }
        let origin = swaps(oracle, &parent, &self.buffer[0]);
        Ok(self.trail.propose(&self.buffer[0].clone(), Some(&parent), origin, trace))
    }
}
