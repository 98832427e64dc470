//! A world of 50 tokens on a circle, whose loss is linear in their embeddings: the best trigger is known, and first-order estimates
//! are exact.

use std::f64::consts::TAU;

use crate::prompt::Prompt;
use crate::scoring::{Cost, Gap, PromptGradient};
use crate::search::{Oracle, SearchError};

pub(super) const WORDS: u32 = 50;
pub(super) const N_DEV: u64 = 8;
/// Where on the circle each position's best token stands: on the diagonals, where AdamW, which goes by signs, goes too.
pub(super) const BEST: [f64; 3] = [0.375, 0.875, 0.625];

/// The loss of a trigger is the sum over positions of minus the cosine between the token and the best place.
pub(super) struct Circle {
    pub(super) left: u64,
    pub(super) vocabulary: Vec<u32>,
    pub(super) unstable: fn(&[u32]) -> bool,
    /// What the second model says of a loss.
    pub(super) probe: fn(f64) -> f64,
    pub(super) flat: bool,
    /// Whether losses that are not below a bound are left out.
    pub(super) prunes: bool,
    /// Triggers whose loss was asked for, round by round.
    pub(super) rounds: Vec<Vec<Vec<u32>>>,
    pub(super) probed: usize,
}

impl Circle {
    pub(super) fn new(budget: u64) -> Self {
        Self {
            left: budget,
            vocabulary: (5..WORDS).collect(),
            unstable: |_| false,
            probe: |loss| loss,
            flat: false,
            prunes: true,
            rounds: Vec::new(),
            probed: 0,
        }
    }

    pub(super) fn embedding(id: u32) -> [f64; 2] {
        let angle = TAU * f64::from(id) / f64::from(WORDS);
        [angle.cos(), angle.sin()]
    }

    pub(super) fn gradient_row(&self, place: usize) -> [f64; 2] {
        let angle = TAU * BEST[place];
        if self.flat { [0.0, 0.0] } else { [-angle.cos(), -angle.sin()] }
    }

    pub(super) fn cost(&self, place: usize, id: u32) -> f64 {
        let ([a, b], [c, d]) = (Self::embedding(id), self.gradient_row(place));
        a * c + b * d
    }

    pub(super) fn loss(&self, tokens: &[u32]) -> f64 {
        tokens.iter().enumerate().map(|(place, &id)| self.cost(place, id)).sum()
    }

    /// Low ids are likely ones.
    pub(super) fn likelihood(tokens: &[u32]) -> f64 {
        tokens.iter().map(|&id| f64::from(id) / 10.0).sum::<f64>() / tokens.len() as f64
    }

    /// The best trigger among `allowed` tokens, likelihood counting so much.
    pub(super) fn best(&self, fluency: f64, allowed: impl Fn(u32) -> bool) -> Vec<u32> {
        let value = |place, id| self.cost(place, id) + fluency * f64::from(id) / 10.0 / BEST.len() as f64;
        let tokens = self.vocabulary.iter().copied().filter(|&id| allowed(id)).collect::<Vec<_>>();
        let best = |place| tokens.iter().copied().min_by(|&a, &b| value(place, a).total_cmp(&value(place, b)));
        (0..BEST.len()).map(|place| best(place).unwrap()).collect()
    }

    pub(super) fn spend(&mut self, evaluations: u64) {
        assert!(evaluations <= self.left, "a step began that the budget does not cover");
        self.left -= evaluations;
    }
}

impl Oracle for Circle {
    fn n_train(&self) -> usize {
        10
    }
    fn affords(&self, evaluations: u64) -> bool {
        evaluations <= self.left
    }
    fn passes(&self, _: &Prompt) -> Result<u64, SearchError> {
        Ok(1)
    }
    fn n_selection(&self) -> usize {
        N_DEV as usize
    }
    fn train_losses(&mut self, prompts: &[Prompt], examples: &[usize]) -> Result<Vec<f64>, SearchError> {
        self.spend((prompts.len() * examples.len()) as u64);
        self.rounds.push(prompts.iter().map(|prompt| prompt.triggers.0.clone()).collect());
        Ok(prompts.iter().map(|prompt| self.loss(&prompt.triggers.0)).collect())
    }
    fn train_losses_below(
        &mut self,
        prompts: &[Prompt],
        examples: &[usize],
        bound: f64,
    ) -> Result<Vec<Option<f64>>, SearchError> {
        let below = |loss: f64| Some(loss).filter(|&loss| !self.prunes || loss < bound);
        let losses: Vec<Option<f64>> = prompts.iter().map(|prompt| below(self.loss(&prompt.triggers.0))).collect();
        self.train_losses(prompts, examples)?;
        Ok(losses)
    }
    fn gradient(&mut self, prompt: &Prompt, examples: &[usize]) -> Result<PromptGradient, SearchError> {
        self.spend(3 * examples.len() as u64);
        let rows = (0..prompt.triggers.0.len()).map(|place| self.gradient_row(place).map(|x| x as f32).to_vec());
        Ok(PromptGradient {
            loss: self.loss(&prompt.triggers.0),
            triggers: rows.collect(),
            soft: Vec::new(),
            cost: Cost::default(),
        })
    }
    fn gains(&self, rows: &[Vec<f32>]) -> Vec<Vec<f32>> {
        let gain = |row: &[f32], id| {
            let [a, b] = Self::embedding(id);
            -(f64::from(row[0]) * a + f64::from(row[1]) * b) as f32
        };
        rows.iter().map(|row| (0..WORDS).map(|id| gain(row, id)).collect()).collect()
    }
    fn embeddings(&self, ids: &[u32]) -> Vec<Vec<f32>> {
        ids.iter().map(|&id| Self::embedding(id).map(|x| x as f32).to_vec()).collect()
    }
    fn retokenises(&self, prompt: &Prompt) -> bool {
        (self.unstable)(&prompt.triggers.0)
    }
    fn likelihood_cost(&self, _: &Prompt, n_texts: usize) -> Result<u64, SearchError> {
        Ok(n_texts as u64)
    }
    fn likelihoods(&mut self, prompts: &[Prompt], n_texts: usize) -> Result<Vec<f64>, SearchError> {
        self.spend((prompts.len() * n_texts) as u64);
        Ok(prompts.iter().map(|prompt| Self::likelihood(&prompt.triggers.0)).collect())
    }
    fn trigger_likelihoods(&mut self, _: &Prompt, places: &[usize], n: usize) -> Result<Vec<Vec<f32>>, SearchError> {
        self.spend((places.len() * n) as u64);
        let row: Vec<f32> = (0..WORDS).map(|id| -(id as f32) / 10.0 / BEST.len() as f32).collect();
        Ok(vec![row; places.len()])
    }
    fn probe_losses(&mut self, prompts: &[Prompt], examples: &[usize]) -> Result<Vec<f64>, SearchError> {
        self.spend(self.probe_cost((prompts.len() * examples.len()) as u64));
        self.probed += prompts.len();
        Ok(prompts.iter().map(|prompt| (self.probe)(self.loss(&prompt.triggers.0))).collect())
    }
    fn probe_cost(&self, evaluations: u64) -> u64 {
        evaluations.div_ceil(10)
    }
    fn vocabulary(&self) -> &[u32] {
        &self.vocabulary
    }
    fn token_text(&self, id: u32) -> String {
        format!("t{id}")
    }
    fn n_texts(&self) -> usize {
        4
    }
    fn fill(&mut self, _: &[Gap], _: usize) -> Result<Vec<Vec<Vec<f32>>>, SearchError> {
        unreachable!("no search of these tests asks for words")
    }
    fn encode(&self, _: &str, _: bool) -> Option<Vec<u32>> {
        None
    }
    fn word(&self, _: u32) -> Option<String> {
        None
    }
}
