//! Black-box tuning (Sun et al. 2022, arXiv 2201.03514): virtual tokens moved in a random subspace by CMA-ES, which asks for losses
//! only, so that a model behind an interface could be tuned too and nothing is kept for a backward pass.
//!
//! With `p_0` the start `[n_soft * d_model]`, `R` a random matrix `[n_soft * d_model, intrinsic_dim]` and `z` what [`Cma`] moves:
//!
//! ```text
//! p = p_0 + R z        R normal with deviation (that of the model's embeddings) / sqrt(intrinsic_dim)
//! ```
//!
//! so that at a step of 1 a sample differs from the start as much as embeddings differ from each other.
//!
//! # Where this differs from the published program
//!
//! - Its loss is taken on a batch of `batch_size` training examples, the same for all samples of a generation and a new one each
//!   generation, not on all of them.
//! - What is looked at on dev is the middle of the distribution, not the best sample: with losses of a batch the best is the luckiest.
//! - It ends when the budget does, or after `patience` looks at dev without a better one.

use std::collections::VecDeque;

use serde_json::{Value, json};

use crate::prompt::{Candidate, Prompt};
use crate::search::{Oracle, Progress, Proposal, Scored, Search, SearchError, Snapshot};
use crate::seed::Stream;

use super::batches::Batches;
use super::generation::{self, Generation};
use super::{Cma, Trained};

/// How it goes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BbtConfig {
    /// Samples of a generation.
    pub population: usize,
    /// The first step.
    pub sigma: f64,
    /// Training examples on which a generation is compared.
    pub batch_size: usize,
    /// Generations between two looks at dev.
    pub eval_every: usize,
    /// Looks without a better one before it ends.
    pub patience: usize,
    /// The most generations; `None` for as many as the budget allows.
    pub generations: Option<usize>,
}

/// Black-box tuning as a state machine.
pub struct Bbt {
    config: BbtConfig,
    prompt: Prompt,
    /// The start.
    trained: Trained,
    /// `[n_soft * d_model][intrinsic_dim]`
    projection: Vec<f32>,
    cma: Cma,
    batches: Batches,
    stream: Stream,
    origin: String,
    begun: bool,
    generation: usize,
    last: Option<u64>,
    best: Option<Scored>,
    looks: u64,
    looks_without_better: usize,
    ended: bool,
    flat: bool,
    cut: bool,
    /// The generations of the last proposal.
    found: Vec<Generation>,
    /// Those that an earlier attempt went through, first to last.
    again: VecDeque<Generation>,
}

impl Bbt {
    /// A search from `trained`, whose parameters are its vectors. `spread` is the standard deviation of the model's embeddings.
    ///
    /// # Panics
    /// If `intrinsic_dim` is 0 or a generation has fewer than 4 samples.
    pub fn new(
        config: BbtConfig,
        prompt: Prompt,
        trained: Trained,
        (intrinsic_dim, spread): (usize, f64),
        origin: String,
        mut stream: Stream,
    ) -> Self {
        let scale = spread / (intrinsic_dim as f64).sqrt();
        let n = trained.parameters().len() * intrinsic_dim;
        let projection = (0..n).map(|_| (scale * stream.normal()) as f32).collect();
        Self {
            config,
            prompt,
            trained,
            projection,
            cma: Cma::new(vec![0.0; intrinsic_dim], config.sigma, config.population),
            batches: Batches::default(),
            stream,
            origin,
            begun: false,
            generation: 0,
            last: None,
            best: None,
            looks: 0,
            looks_without_better: 0,
            ended: false,
            flat: false,
            cut: false,
            found: Vec::new(),
            again: VecDeque::new(),
        }
    }

    /// The prompt of a point of the subspace.
    fn at(&self, z: &[f64]) -> Prompt {
        let rows = self.trained.parameters().iter().zip(self.projection.chunks_exact(z.len()));
        let values = rows
            .map(|(&start, row)| {
                let moved: f64 = row.iter().zip(z).map(|(&r, z)| f64::from(r) * z).sum();
                (f64::from(start) + moved) as f32
            })
            .collect();
        let mut moved = self.trained.clone();
        moved.set(values);
        moved.put_into(&self.prompt)
    }

    /// The losses of a generation's samples: asked for, or known from an earlier attempt and charged again.
    fn losses(
        &mut self,
        oracle: &mut dyn Oracle,
        samples: &[Vec<f64>],
        batch: &[usize],
    ) -> Result<Generation, SearchError> {
        if let Some(known) = self.again.pop_front() {
            oracle.charge_again(known.cost);
            return Ok(known);
        }
        let before = oracle.spent();
        let prompts: Vec<Prompt> = samples.iter().map(|z| self.at(z)).collect();
        let losses = oracle.train_losses(&prompts, batch)?;
        Ok(Generation { losses, cost: oracle.spent() - before })
    }

    fn candidate(&self, origin: String) -> Candidate {
        Candidate { prompt: self.at(self.cma.mean()), parent: self.last, origin }
    }
}

impl Search for Bbt {
    fn propose(&mut self, oracle: &mut dyn Oracle) -> Result<Proposal, SearchError> {
        let n_train = oracle.n_train();
        if n_train == 0 {
            return Err(SearchError::NoTraining { method: "bbt" });
        }
        let passes = oracle.passes(&self.prompt)?;
        let look = passes * oracle.n_selection() as u64;
        let step = passes * (self.config.batch_size.min(n_train) * self.config.population) as u64;
        if !self.begun {
            if !oracle.affords(look) {
                return Ok(Proposal::OutOfBudget);
            }
            self.begun = true;
            return Ok(Proposal::Candidates { candidates: vec![self.candidate(self.origin.clone())], trace: None });
        }
        self.found.clear();
        let most = self.config.generations;
        let is_last = |generation: usize| most.is_some_and(|most| generation >= most);
        if self.ended || is_last(self.generation) {
            return Ok(Proposal::Done);
        }
        let (from, mut losses, mut steps) = (self.generation, Vec::new(), Vec::new());
        while !is_last(self.generation)
            && (self.generation == from || !self.generation.is_multiple_of(self.config.eval_every))
        {
            if !oracle.affords(step + look) {
                self.cut = true;
                break;
            }
            let batch = self.batches.next(n_train, self.config.batch_size, &mut self.stream);
            let samples = self.cma.ask(&mut self.stream);
            let found = self.losses(oracle, &samples, &batch)?;
            self.flat |= found.losses.iter().all(|&loss| loss == found.losses[0]);
            self.cma.tell(&samples, &found.losses);
            losses.push(found.losses.iter().copied().fold(f64::INFINITY, f64::min));
            self.found.push(found);
            steps.push(self.cma.step());
            self.generation += 1;
        }
        if self.generation == from {
            return Ok(if from == 0 { Proposal::OutOfBudget } else { Proposal::Done });
        }
        self.ended |= self.cut;
        let trace = json!({ "from_generation": from, "best_losses": losses, "steps": steps });
        let candidates = vec![self.candidate(format!("generation {}", self.generation))];
        Ok(Proposal::Candidates { candidates, trace: Some(trace) })
    }

    fn observe(&mut self, scored: &[Scored]) {
        let Some(&scored) = scored.last() else { return };
        self.last = Some(scored.candidate);
        let Some(best) = self.best else {
            self.best = Some(scored);
            return;
        };
        self.looks += 1;
        if scored.beats(&best) {
            self.best = Some(scored);
            self.looks_without_better = 0;
        } else {
            self.looks_without_better += 1;
            self.ended |= self.looks_without_better >= self.config.patience;
        }
    }

    fn state(&self) -> serde_json::Value {
        json!({ "generation": self.generation, "looks": self.looks, "looks_without_better": self.looks_without_better })
    }

    fn dev_looks(&self) -> u64 {
        self.looks
    }

    fn progress(&self) -> Option<Progress> {
        let state = Snapshot { words: Value::Null, numbers: Vec::new() };
        (!self.found.is_empty()).then(|| Progress { proposal: generation::snapshot(&self.found), state })
    }

    fn resume(&mut self, proposals: Vec<Snapshot>, _: Snapshot) -> bool {
        let read = |part: &Snapshot| generation::read(part, self.config.population);
        let Some(generations) = proposals.iter().map(read).collect::<Option<Vec<_>>>() else { return false };
        self.again = generations.into_iter().flatten().collect();
        !self.again.is_empty()
    }

    fn flags(&self) -> Vec<String> {
        // Samples that all lose the same say nothing of where to go, as a gradient of 0 does.
        if self.flat { vec!["zero_gradient".into()] } else { Vec::new() }
    }
}
