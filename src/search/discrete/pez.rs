//! Hard prompts made easy: PEZ (arXiv 2302.03668).
//!
//! Vectors stand behind the trigger tokens. A step projects each on its nearest token, takes the loss's gradient with respect to
//! the embeddings of these tokens on one training batch, and moves the vectors by it:
//!
//! ```text
//! t = nearest tokens of P        P <- AdamW(P, dL/dE at t)
//! ```
//!
//! After every `eval_every` steps the trigger of them with the lowest objective becomes a candidate.
//!
//! # Where this differs from the published program
//!
//! - Only tokens that may stand in a trigger are projected on; the published one uses the whole vocabulary.
//! - Each step's loss is that of its batch, as published: triggers of one window are compared across batches, unless
//!   `batch_size` covers train.
//! - `patience` steps without a trigger that was not met before begin it anew from random tokens, with a new optimiser.
//! - Fluency enters the comparison of a window's triggers; the vectors move along the loss alone. The published one adds the
//!   language-model loss to the gradient.
//! - The meter of first-order estimates (HotFlip) is over the projections since the start, a pair each: a step has no candidates.
//! - The vectors live on the host, in f32, as those of soft prompts do.

use std::collections::HashSet;

use serde_json::json;

use crate::prompt::Prompt;
use crate::search::continuous::AdamW;
use crate::search::{Oracle, Proposal, Scored, Search, SearchError};
use crate::seed::Stream;
use crate::spec::Nearness;

use super::hot_flip::HotFlip;
use super::objective::Objective;
use super::trail::{Footing, Trail, swaps, texts};

/// The parameters of the search.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PezConfig {
    /// The learning rate.
    pub learning_rate: f64,
    /// AdamW's decoupled weight decay.
    pub weight_decay: f64,
    /// What is nearest.
    pub nearness: Nearness,
    /// Steps between two candidates.
    pub eval_every: usize,
    /// Training examples in a batch.
    pub batch_size: usize,
    /// Steps without a new trigger before the search begins anew.
    pub patience: usize,
    /// How often it may begin anew; `None` for as long as budget is left.
    pub restarts: Option<usize>,
    /// What is made small.
    pub objective: Objective,
}

impl PezConfig {
    /// The evaluations of a step, at most: `examples` passes of a batch, `likelihood` what a prompt's likelihood costs.
    pub fn step_cost(&self, examples: u64, likelihood: u64) -> u64 {
        3 * examples + likelihood
    }
}

/// PEZ as a state machine.
pub struct Pez {
    config: PezConfig,
    trail: Trail,
    /// Row by row, `[n_trigger * d_model]`; empty before a start.
    vectors: Vec<f32>,
    optimiser: AdamW,
    /// The lengths of the embeddings that may be projected on.
    lengths: Vec<f64>,
    /// The nearest tokens of the vectors.
    tokens: Vec<u32>,
    /// The last proposed trigger, which the next is made from.
    parent: Vec<u32>,
    met: HashSet<Vec<u32>>,
    step: usize,
    steps_without_new: usize,
    /// Over the projections since the start.
    meter: HotFlip,
    /// The loss of the last step and the estimated gain of the projection after it.
    last: Option<(f64, f64)>,
    zero_gradient: bool,
    diverged: bool,
}

/// What was done between two candidates.
#[derive(Default)]
struct Window {
    losses: Vec<f64>,
    changes: Vec<String>,
    /// The lowest objective and its trigger.
    best: Option<(f64, Vec<u32>)>,
}

impl Pez {
    /// A search over the triggers of `prompt`, beginning with `initial` and random tokens after it.
    pub fn new(config: PezConfig, prompt: Prompt, initial: Vec<u32>, stream: Stream) -> Self {
        Self {
            config,
            trail: Trail::new(prompt, initial, config.batch_size, stream),
            vectors: Vec::new(),
            optimiser: AdamW::new(0, config.weight_decay),
            lengths: Vec::new(),
            tokens: Vec::new(),
            parent: Vec::new(),
            met: HashSet::new(),
            step: 0,
            steps_without_new: 0,
            meter: HotFlip::default(),
            last: None,
            zero_gradient: false,
            diverged: false,
        }
    }

    fn begin(&mut self, oracle: &mut dyn Oracle, cost: u64) -> Proposal {
        if !oracle.affords(cost) {
            return Proposal::OutOfBudget;
        }
        if self.lengths.is_empty() {
            let square = |row: &Vec<f32>| row.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>();
            self.lengths = oracle.embeddings(oracle.vocabulary()).iter().map(|row| square(row).sqrt()).collect();
        }
        let start = self.trail.start(oracle, false);
        self.vectors = oracle.embeddings(&start).concat();
        self.optimiser = AdamW::new(self.vectors.len(), self.config.weight_decay);
        self.steps_without_new = 0;
        (self.meter, self.last) = (HotFlip::default(), None);
        self.tokens.clone_from(&start);
        self.parent.clone_from(&start);
        self.met.insert(start.clone());
        let trace = json!({ "start": texts(oracle, &start), "restart": self.trail.restarts() });
        let origin = self.trail.start_words();
        self.trail.propose(&start, None, origin, trace)
    }

    /// The token that is nearest to each vector, of equally near ones the lower id.
    fn project(&self, oracle: &dyn Oracle) -> Vec<u32> {
        let d_model = self.vectors.len() / self.trail.n_trigger().max(1);
        let rows: Vec<Vec<f32>> = self.vectors.chunks(d_model.max(1)).map(<[f32]>::to_vec).collect();
        let nearness = |products: &[f32], at: usize| {
            // Gains are the products with the embeddings, with the other sign.
            let product = -f64::from(products[oracle.vocabulary()[at] as usize]);
            match self.config.nearness {
                Nearness::Cosine if self.lengths[at] > 0.0 => product / self.lengths[at],
                Nearness::Cosine => 0.0,
                Nearness::Euclidean => 2.0 * product - self.lengths[at] * self.lengths[at],
            }
        };
        let nearest = |products: &Vec<f32>| {
            let places = 0..self.lengths.len();
            let best = places.max_by(|&a, &b| nearness(products, a).total_cmp(&nearness(products, b)).then(b.cmp(&a)));
            oracle.vocabulary()[best.unwrap_or(0)]
        };
        oracle.gains(&rows).iter().map(nearest).collect()
    }

    /// One step.
    fn step(&mut self, oracle: &mut dyn Oracle, n_train: usize, window: &mut Window) -> Result<(), SearchError> {
        let batch = self.trail.next_batch(n_train);
        let prompt = self.trail.with(&self.tokens);
        let gradient = oracle.gradient(&prompt, &batch)?;
        self.zero_gradient |= gradient.triggers.iter().flatten().all(|&x| x == 0.0);
        if let Some((loss, gain)) = self.last.take() {
            self.meter.note(gain, Some(loss - gradient.loss));
        }
        let objective = self.config.objective;
        let likelihood = match objective.is_fluent() {
            true => oracle.likelihoods(&[prompt], objective.n_texts)?[0],
            false => 0.0,
        };
        let total = gradient.loss + objective.fluency * likelihood;
        if !self.trail.is_proposed(&self.tokens) && window.best.as_ref().is_none_or(|(best, _)| total < *best) {
            window.best = Some((total, self.tokens.clone()));
        }
        window.losses.push(gradient.loss);
        let mut moved = self.vectors.clone();
        self.optimiser.step(&mut moved, &gradient.triggers.concat(), self.config.learning_rate);
        if moved.iter().any(|x| !x.is_finite()) {
            self.diverged = true;
            self.steps_without_new = self.config.patience;
            return Ok(());
        }
        self.vectors = moved;
        let next = self.project(oracle);
        if next != self.tokens {
            let (old, new) = (oracle.embeddings(&self.tokens), oracle.embeddings(&next));
            let gain = (old.iter().flatten().zip(new.iter().flatten()))
                .zip(gradient.triggers.iter().flatten())
                .map(|((&old, &new), &g)| (f64::from(old) - f64::from(new)) * f64::from(g))
                .sum();
            self.last = Some((gradient.loss, gain));
            window.changes.push(swaps(oracle, &self.tokens, &next));
        }
        self.steps_without_new = if self.met.insert(next.clone()) { 0 } else { self.steps_without_new + 1 };
        self.tokens = next;
        Ok(())
    }
}

impl Search for Pez {
    fn propose(&mut self, oracle: &mut dyn Oracle) -> Result<Proposal, SearchError> {
        let Footing { n_train, passes, selection } = self.trail.footing(oracle, "pez")?;
        if self.vectors.is_empty() {
            return Ok(self.begin(oracle, selection));
        }
        if self.steps_without_new >= self.config.patience {
            return Ok(match self.trail.begins_anew(self.config.restarts) {
                true => self.begin(oracle, selection),
                false => Proposal::Done,
            });
        }
        let likelihood = self.config.objective.likelihood_cost(oracle, &self.trail.with(&self.tokens))?;
        let cost = self.config.step_cost(passes * self.trail.batch_size(n_train) as u64, likelihood);
        let mut window = Window::default();
        let from = self.step;
        // With the scoring of what it may find on dev: a step that is begun can be ended.
        while oracle.affords(cost + selection)
            && (self.step == from || !self.step.is_multiple_of(self.config.eval_every))
        {
            self.step(oracle, n_train, &mut window)?;
            self.step += 1;
            if self.steps_without_new >= self.config.patience {
                break;
            }
        }
        if self.step == from {
            return Ok(Proposal::OutOfBudget);
        }
        let mut trace = json!({
            "restart": self.trail.restarts(),
            "from_step": from,
            "losses": window.losses,
            "changes": window.changes,
        });
        self.meter.write(&mut trace);
        let Some((_, best)) = window.best else { return Ok(Proposal::Nothing { trace }) };
        let parent = std::mem::replace(&mut self.parent, best.clone());
        let origin = swaps(oracle, &parent, &best);
        Ok(self.trail.propose(&best, Some(&parent), origin, trace))
    }

    fn observe(&mut self, scored: &[Scored]) {
        self.trail.observe(scored);
    }

    fn state(&self) -> serde_json::Value {
        json!({
            "step": self.step,
            "restarts": self.trail.restarts(),
            "current": self.tokens,
            "steps_without_new": self.steps_without_new,
        })
    }

    fn flags(&self) -> Vec<String> {
        let flags = [(self.zero_gradient, "zero_gradient"), (self.diverged, "diverged")];
        flags.into_iter().filter(|(holds, _)| *holds).map(|(_, flag)| flag.into()).collect()
    }
}
