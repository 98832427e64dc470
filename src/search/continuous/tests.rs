//! The training against a fake oracle whose loss is known: no model, exact numbers.

use std::sync::Arc;

use super::*;
use crate::prompt::{Candidate, Prompt, Template, Verbalizer};
use crate::scoring::{Cost, Gap, PromptGradient, ScoringError};
use crate::search::{Oracle, Progress, Proposal, Scored, Search, SearchError, Snapshot};
use crate::seed::Stream;
use crate::spec::{Decay, OptimiserKind};

const N_TRAIN: usize = 10;
const N_DEV: u64 = 8;

/// The loss is half the square distance from `target`, the same for every example.
struct Fake {
    left: u64,
    spent: u64,
    target: Vec<f32>,
    /// Whether the loss does not depend on the vectors.
    flat: bool,
    /// By how much the loss rises with every step, whatever the vectors.
    drift: f64,
    /// The step from which the loss is no number.
    broken_from: usize,
    batches: Vec<Vec<usize>>,
}

impl Fake {
    fn new(budget: u64) -> Self {
        Self {
            left: budget,
            spent: 0,
            target: vec![1.0, -2.0, 0.5, 3.0],
            flat: false,
            drift: 0.0,
            broken_from: usize::MAX,
            batches: Vec::new(),
        }
    }

    fn loss(&self, prompt: &Prompt) -> f64 {
        let values = prompt.soft.as_ref().unwrap().values();
        values.iter().zip(&self.target).map(|(x, t)| f64::from(x - t).powi(2) / 2.0).sum()
    }

    fn spend(&mut self, evaluations: u64) {
        assert!(evaluations <= self.left, "a step began that the budget does not cover");
        self.left -= evaluations;
        self.spent += evaluations;
    }
}

impl Oracle for Fake {
    fn spent(&self) -> Cost {
        Cost { evaluations: self.spent, ..Cost::default() }
    }
    fn charge_again(&mut self, cost: Cost) {
        self.spend(cost.evaluations);
    }
    fn n_texts(&self) -> usize {
        0
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
    fn n_train(&self) -> usize {
        N_TRAIN
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
        self.batches.push(examples.to_vec());
        Ok(prompts.iter().map(|prompt| if self.flat { 1.0 } else { self.loss(prompt) }).collect())
    }
    fn gradient(&mut self, prompt: &Prompt, examples: &[usize]) -> Result<PromptGradient, SearchError> {
        self.spend(3 * examples.len() as u64);
        if self.batches.len() >= self.broken_from {
            return Err(ScoringError::NotFinite { prompt: String::new() }.into());
        }
        self.batches.push(examples.to_vec());
        let values = prompt.soft.as_ref().unwrap().values();
        let soft = values.iter().zip(&self.target).map(|(x, t)| if self.flat { 0.0 } else { x - t }).collect();
        let loss = self.loss(prompt) + self.drift * self.batches.len() as f64;
        let cost = Cost { evaluations: 3 * examples.len() as u64, ..Cost::default() };
        Ok(PromptGradient { loss, triggers: Vec::new(), soft, cost })
    }
    fn gains(&self, _: &[Vec<f32>]) -> Vec<Vec<f32>> {
        unreachable!("it asks for no token")
    }
    fn vocabulary(&self) -> &[u32] {
        &[]
    }
    fn token_text(&self, id: u32) -> String {
        id.to_string()
    }
}

const CONFIG: TrainingConfig = TrainingConfig {
    learning_rate: 0.3,
    optimiser: OptimiserKind::AdamW,
    weight_decay: 0.0,
    warm_up: 0.1,
    decay: Decay::Linear,
    clip_norm: None,
    accumulate: 1,
    batch_size: 4,
    eval_every: 5,
    patience: 100,
    steps: None,
};

fn search(config: TrainingConfig) -> Training {
    let prompt = Prompt::plain(
        Template::parse("{soft:2}{text} {mask}.").unwrap(),
        Arc::new(Verbalizer::parse("a=bad,b=good").unwrap()),
    );
    let trained = Trained::soft(vec![0.0; 4], 2);
    Training::new("soft_prompt", config, prompt, trained, "start (vocab)".into(), Stream::new(13, "test", b""))
}

/// A candidate, its distance from the target, and the trace of the proposal that it came with.
type Found = Vec<(Candidate, f64, serde_json::Value)>;

/// Drives a search to its end; `score` is what dev says of the number of a candidate and its loss.
fn drive(search: &mut dyn Search, oracle: &mut Fake, score: impl Fn(u64, f64) -> f64) -> (Found, Proposal) {
    let mut found = Found::new();
    loop {
        match search.propose(oracle).unwrap() {
            Proposal::Candidates { candidates, trace } => {
                assert_eq!(candidates.len(), 1);
                oracle.spend(N_DEV);
                let number = found.len() as u64;
                let loss = oracle.loss(&candidates[0].prompt);
                search.observe(&[Scored { candidate: number, score: score(number, loss), margin: 0.0, signature: 0 }]);
                found.extend(
                    candidates.into_iter().map(|candidate| (candidate, loss, trace.clone().unwrap_or_default())),
                );
            }
            Proposal::Nothing { .. } => {}
            end => return (found, end),
        }
    }
}

fn by_loss(_: u64, loss: f64) -> f64 {
    -loss
}

#[test]
fn it_reaches_the_minimum_and_looks_at_dev_as_often_as_it_says() {
    let mut oracle = Fake::new(12 * 60 + 8 * 13);
    let mut search = search(CONFIG);
    let (found, end) = drive(&mut search, &mut oracle, by_loss);
    assert_eq!((found.len(), end, oracle.left), (13, Proposal::Done, 0));
    let losses: Vec<f64> = found.iter().map(|(_, loss, _)| *loss).collect();
    assert!(losses[12] < 1e-3 * losses[0], "{losses:?}");
    let origins: Vec<&str> = found.iter().map(|(candidate, ..)| candidate.origin.as_str()).collect();
    assert_eq!((origins[0], origins[1], origins[12]), ("start (vocab)", "step 5", "step 60"));
    assert_eq!((found[0].0.parent, found[5].0.parent), (None, Some(4)));
    assert_eq!((search.dev_looks(), search.flags()), (12, vec![]));
    assert_eq!(found[0].2["steps"], 60);
    assert_eq!((&found[2].2["from_step"], found[2].2["losses"].as_array().unwrap().len()), (&5.into(), 5));
    let rates = found[1].2["learning_rates"].as_array().unwrap();
    assert!((rates[0].as_f64().unwrap() - 0.3 / 7.0).abs() < 1e-12, "{rates:?}");
}

#[test]
fn every_epoch_has_every_example_once_in_an_order_of_its_own() {
    let mut oracle = Fake::new(2_000);
    drive(&mut search(TrainingConfig { steps: Some(10), ..CONFIG }), &mut oracle, by_loss);
    assert!(oracle.batches.iter().all(|batch| batch.len() == 4));
    let shown: Vec<usize> = oracle.batches.concat();
    let epochs: Vec<Vec<usize>> = shown.chunks(N_TRAIN).map(<[usize]>::to_vec).collect();
    for epoch in &epochs {
        let mut sorted = epoch.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..N_TRAIN).collect::<Vec<_>>());
    }
    assert_ne!(epochs[0], epochs[1]);
    let mut again = Fake::new(2_000);
    drive(&mut search(TrainingConfig { steps: Some(10), ..CONFIG }), &mut again, by_loss);
    assert_eq!(oracle.batches, again.batches);
}

#[test]
fn every_optimiser_schedule_and_clipping_reaches_the_minimum() {
    let ways = [
        (OptimiserKind::Adafactor, 0.3, Decay::Cosine, None),
        (OptimiserKind::Sgd { momentum: 0.9 }, 0.1, Decay::Linear, None),
        (OptimiserKind::Sgd { momentum: 0.0 }, 0.5, Decay::Constant, Some(1.0)),
    ];
    for (optimiser, learning_rate, decay, clip_norm) in ways {
        let mut oracle = Fake::new(12 * 60 + 8 * 13);
        let config = TrainingConfig { optimiser, learning_rate, decay, clip_norm, ..CONFIG };
        let (found, end) = drive(&mut search(config), &mut oracle, by_loss);
        assert_eq!((found.len(), end), (13, Proposal::Done));
        assert!(found[12].1 < 1e-2 * found[0].1, "{optimiser:?}: {}", found[12].1);
    }
}

#[test]
fn batches_that_are_gathered_make_one_step_and_cost_what_they_are() {
    let mut oracle = Fake::new(24 * 30 + 8 * 7);
    let (found, _) = drive(&mut search(TrainingConfig { accumulate: 2, ..CONFIG }), &mut oracle, by_loss);
    assert_eq!((found[0].2["steps"].as_u64(), oracle.batches.len(), oracle.left), (Some(30), 60, 0));
    assert!(found[6].1 < 0.1 * found[0].1, "{} {}", found[6].1, found[0].1);
}

#[test]
fn no_step_is_begun_that_the_budget_does_not_cover_with_the_look_after_it() {
    for budget in 0..120 {
        let mut oracle = Fake::new(budget);
        let mut search = search(CONFIG);
        let (found, end) = drive(&mut search, &mut oracle, by_loss);
        // The start costs 8; then a step 12, and a look 8 each fifth step and at the end.
        let steps = oracle.batches.len() as u64;
        let cost = |steps: u64| steps * 12 + (1 + steps.div_ceil(5)) * 8;
        match budget {
            0..8 => assert_eq!((found.len(), end), (0, Proposal::OutOfBudget)),
            8..28 => assert_eq!((found.len(), steps, end), (1, 0, Proposal::OutOfBudget)),
            _ => {
                assert!(cost(steps) <= budget && cost(steps + 1) > budget, "{steps} steps within {budget}");
                assert_eq!((found.len() as u64, end), (1 + steps.div_ceil(5), Proposal::Done));
            }
        }
    }
}

#[test]
fn fewer_steps_than_asked_for_are_a_cut_budget() {
    let asked = TrainingConfig { steps: Some(50), ..CONFIG };
    assert_eq!(drive(&mut search(asked), &mut Fake::new(300), by_loss).1, Proposal::OutOfBudget);
    assert_eq!(drive(&mut search(asked), &mut Fake::new(3_000), by_loss).1, Proposal::Done);
}

#[test]
fn patience_ends_it_and_each_look_is_counted() {
    let mut oracle = Fake::new(5_000);
    let mut search = search(TrainingConfig { patience: 3, ..CONFIG });
    // Better until the second look, then never again; equal is not better.
    let (found, end) = drive(&mut search, &mut oracle, |number, _| number.min(2) as f64);
    assert_eq!((found.len(), end, search.dev_looks()), (6, Proposal::Done, 5));
    assert!(oracle.left > 0);
}

#[test]
fn a_loss_that_depends_on_nothing_is_flagged() {
    let mut oracle = Fake::new(300);
    oracle.flat = true;
    let mut search = search(CONFIG);
    let (found, _) = drive(&mut search, &mut oracle, by_loss);
    assert_eq!(search.flags(), ["zero_gradient"]);
    assert!(found.iter().all(|(candidate, ..)| candidate.prompt.soft == found[0].0.prompt.soft));
}

#[test]
fn numbers_that_are_none_end_it_and_the_vectors_before_stand() {
    let mut oracle = Fake::new(2_000);
    oracle.broken_from = 7;
    let mut search = search(CONFIG);
    let (found, end) = drive(&mut search, &mut oracle, by_loss);
    let origins: Vec<&str> = found.iter().map(|(candidate, ..)| candidate.origin.as_str()).collect();
    assert_eq!((origins, end), (vec!["start (vocab)", "step 5", "step 7"], Proposal::Done));
    assert_eq!(search.flags(), ["diverged"]);

    let mut oracle = Fake::new(2_000);
    oracle.broken_from = 5;
    let (found, end) = drive(&mut self::search(CONFIG), &mut oracle, by_loss);
    assert_eq!((found.len(), end), (2, Proposal::Done));
}

#[test]
fn a_training_that_blows_up_is_flagged() {
    let mut oracle = Fake::new(2_000);
    let mut search = search(TrainingConfig { learning_rate: 1_000.0, weight_decay: 1_000.0, ..CONFIG });
    let (found, _) = drive(&mut search, &mut oracle, by_loss);
    assert_eq!(search.flags(), ["diverged"]);
    assert!(
        found.iter().all(|(candidate, ..)| candidate
            .prompt
            .soft
            .as_ref()
            .unwrap()
            .values()
            .iter()
            .all(|x| x.is_finite()))
    );

    // The numbers are numbers, and the last epoch's loss is above the first's.
    let mut search = self::search(CONFIG);
    let mut oracle = Fake::new(400);
    oracle.drift = 10.0;
    drive(&mut search, &mut oracle, by_loss);
    assert_eq!(search.flags(), ["diverged"]);
}

fn black_box(config: BbtConfig) -> Bbt {
    let prompt = Prompt::plain(
        Template::parse("{soft:2}{text} {mask}.").unwrap(),
        Arc::new(Verbalizer::parse("a=bad,b=good").unwrap()),
    );
    let trained = Trained::soft(vec![0.0; 4], 2);
    Bbt::new(config, prompt, trained, (4, 1.0), "start (vocab)".into(), Stream::new(13, "test", b""))
}

const BLACK_BOX: BbtConfig =
    BbtConfig { population: 8, sigma: 1.0, batch_size: 4, eval_every: 5, patience: 100, generations: None };

#[test]
fn a_black_box_is_tuned_by_losses_alone_within_its_budget() {
    // 32 evaluations a generation, 8 a look: the start, then 60 generations with 12 looks.
    let mut oracle = Fake::new(32 * 60 + 8 * 13 + 31);
    let mut search = black_box(BLACK_BOX);
    let (found, end) = drive(&mut search, &mut oracle, by_loss);
    assert_eq!((found.len(), end, oracle.left, oracle.batches.len()), (13, Proposal::Done, 31, 60));
    assert!(found[12].1 < 1e-2 * found[0].1, "{} {}", found[12].1, found[0].1);
    assert_eq!((found[0].0.origin.as_str(), found[12].0.origin.as_str()), ("start (vocab)", "generation 60"));
    assert_eq!((search.dev_looks(), search.flags()), (12, vec![]));
    let mut again = Fake::new(32 * 60 + 8 * 13 + 31);
    let (other, _) = drive(&mut black_box(BLACK_BOX), &mut again, by_loss);
    assert!(found.iter().zip(&other).all(|(a, b)| a.0 == b.0));
}

#[test]
fn a_black_box_begins_nothing_that_it_cannot_look_at_and_stops_where_it_gains_nothing() {
    for (budget, n) in [(7, 0), (8, 1), (47, 1), (48, 2), (10_000, 2)] {
        let mut oracle = Fake::new(budget);
        let mut search = black_box(BbtConfig { eval_every: 1, generations: Some(1), ..BLACK_BOX });
        let (found, end) = drive(&mut search, &mut oracle, by_loss);
        assert_eq!(found.len(), n, "{budget}");
        assert_eq!(end == Proposal::OutOfBudget, budget < 48, "{budget}");
    }
    let mut oracle = Fake { flat: true, ..Fake::new(100_000) };
    let mut search = black_box(BbtConfig { eval_every: 1, patience: 3, ..BLACK_BOX });
    let (found, end) = drive(&mut search, &mut oracle, |_, _| 0.5);
    assert_eq!((found.len(), end, search.flags()), (4, Proposal::Done, vec!["zero_gradient".to_owned()]));
}

/// Kills searches after some of their proposals and goes on from what they kept: the same candidates, nothing computed twice.
fn assert_goes_on(make: impl Fn() -> Box<dyn Search>, budget: u64, kills: &[u64]) -> Box<dyn Search> {
    let mut oracle = Fake::new(budget);
    let mut whole = make();
    let (found, end) = drive(&mut *whole, &mut oracle, by_loss);
    for &killed_after in kills {
        // What an attempt keeps until it is killed.
        let mut parts = Vec::new();
        let mut state = None;
        let (mut first, mut before) = (make(), Fake::new(budget));
        for number in 0..=killed_after {
            let Proposal::Candidates { candidates, .. } = first.propose(&mut before).unwrap() else { break };
            before.spend(N_DEV);
            let kept = first.progress();
            assert_eq!(kept.is_some(), number > 0);
            if let Some(progress) = kept {
                parts.push(progress.proposal);
                state = Some(progress.state);
            }
            let score = -before.loss(&candidates[0].prompt);
            first.observe(&[Scored { candidate: number, score, margin: 0.0, signature: 0 }]);
        }
        let (mut second, mut after) = (make(), Fake::new(budget));
        assert!(second.resume(parts, state.unwrap()));
        let (again, ended) = drive(&mut *second, &mut after, by_loss);
        assert_eq!((again == found, &ended, after.left), (true, &end, oracle.left), "{killed_after}");
        assert_eq!(after.batches, oracle.batches[before.batches.len()..], "nothing twice");
        assert_eq!(second.flags(), whole.flags());
    }
    whole
}

#[test]
fn a_training_that_was_killed_goes_on_to_the_same_bits_and_computes_nothing_twice() {
    for optimiser in [OptimiserKind::AdamW, OptimiserKind::Adafactor, OptimiserKind::Sgd { momentum: 0.5 }] {
        let config = TrainingConfig { optimiser, patience: 4, ..CONFIG };
        let whole = assert_goes_on(|| Box::new(search(config)), 12 * 60 + 8 * 13, &[1, 2, 5, 9]);
        let Progress { proposal, .. } = whole.progress().unwrap();
        assert!(!search(config).resume(vec![proposal.clone()], proposal), "a state of another kind");
    }
}

#[test]
fn a_black_box_that_was_killed_goes_on_to_the_same_bits_and_computes_nothing_twice() {
    assert_goes_on(|| Box::new(black_box(BLACK_BOX)), 32 * 60 + 8 * 13, &[1, 2, 5, 11]);
    let other = Snapshot { words: serde_json::json!([{ "losses": [1.0], "cost": [1, 1, 0, 1] }]), numbers: Vec::new() };
    assert!(!black_box(BLACK_BOX).resume(vec![other.clone()], other), "generations of another size");
}
