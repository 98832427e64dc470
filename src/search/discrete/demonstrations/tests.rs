//! Against an oracle whose best set and order are known.

use super::*;
use crate::prompt::{Piece, Representation, Template, Verbalizer};
use crate::scoring::{Gap, PromptGradient};

const N_TRAIN: usize = 9;

/// The loss is the sum over places of a cost of the example there, so that the best set and order are known. Examples are
/// called by their numbers; even ones are of class 0.
struct Fake {
    left: u64,
    batches: Vec<Vec<usize>>,
}

fn cost(place: usize, example: usize) -> f64 {
    ((example * 5 + place * 11) % 13) as f64
}

fn set(prompt: &Prompt) -> Vec<usize> {
    let shown = prompt.template.pieces().iter().filter_map(|piece| match piece {
        Piece::Demo(demonstration) => demonstration.fields[0].1.parse().ok(),
        _ => None,
    });
    shown.collect()
}

fn loss(set: &[usize]) -> f64 {
    set.iter().enumerate().map(|(place, &example)| cost(place, example)).sum()
}

impl Fake {
    fn new(budget: u64) -> Self {
        Self { left: budget, batches: Vec::new() }
    }

    fn spend(&mut self, evaluations: u64) {
        assert!(evaluations <= self.left, "a step began that the budget does not cover");
        self.left -= evaluations;
    }
}

impl Oracle for Fake {
    fn n_train(&self) -> usize {
        N_TRAIN
    }
    fn example(&self, index: usize) -> Option<(Vec<(String, String)>, usize)> {
        Some((vec![("text".into(), index.to_string()), ("id".into(), "x".into())], index % 2))
    }
    fn affords(&self, evaluations: u64) -> bool {
        evaluations <= self.left
    }
    fn passes(&self, _: &Prompt) -> Result<u64, SearchError> {
        Ok(1)
    }
    fn n_selection(&self) -> usize {
        4
    }
    fn train_losses(&mut self, prompts: &[Prompt], examples: &[usize]) -> Result<Vec<f64>, SearchError> {
        self.spend((prompts.len() * examples.len()) as u64);
        self.batches.push(examples.to_vec());
        for prompt in prompts {
            assert!(set(prompt).iter().all(|shown| !examples.contains(shown)), "an example judges itself");
        }
        Ok(prompts.iter().map(|prompt| loss(&set(prompt))).collect())
    }
    fn gradient(&mut self, _: &Prompt, _: &[usize]) -> Result<PromptGradient, SearchError> {
        unreachable!("no gradient is asked for")
    }
    fn gains(&self, _: &[Vec<f32>]) -> Vec<Vec<f32>> {
        Vec::new()
    }
    fn vocabulary(&self) -> &[u32] {
        &[]
    }
    fn token_text(&self, id: u32) -> String {
        id.to_string()
    }
    fn n_texts(&self) -> usize {
        0
    }
    fn fill(&mut self, _: &[Gap], _: usize) -> Result<Vec<Vec<Vec<f32>>>, SearchError> {
        Ok(Vec::new())
    }
    fn encode(&self, _: &str, _: bool) -> Option<Vec<u32>> {
        None
    }
    fn word(&self, _: u32) -> Option<String> {
        None
    }
}

fn config(k: usize) -> DemonstrationsConfig {
    DemonstrationsConfig {
        k,
        nearest: None,
        replace: true,
        swap: true,
        n_candidates: 4,
        batch_size: 3,
        patience: 4,
        separator: "\n".into(),
    }
}

fn search(config: DemonstrationsConfig, seed: u64) -> Demonstrations {
    let verbalizer = Arc::new(Verbalizer::parse("a=bad,b=good").unwrap());
    let prompt = Prompt::plain(Template::parse("{demos}{text} {mask}").unwrap(), verbalizer);
    Demonstrations::new(config, prompt, Stream::new(seed, "demonstrations", &[]))
}

/// The sets that were proposed, until the search ends.
fn proposed(search: &mut Demonstrations, oracle: &mut Fake) -> Vec<Vec<usize>> {
    let mut sets = Vec::new();
    loop {
        match search.propose(oracle).unwrap() {
            Proposal::Candidates { candidates, .. } => {
                oracle.spend(4 * candidates.len() as u64);
                let number = sets.len() as u64;
                sets.extend(candidates.iter().map(|candidate| set(&candidate.prompt)));
                search.observe(&[Scored { candidate: number, score: 0.0, margin: 0.0, signature: number }]);
            }
            Proposal::Nothing { .. } => {}
            Proposal::Done | Proposal::OutOfBudget => return sets,
        }
    }
}

#[test]
fn the_best_set_in_the_best_order_is_found() {
    let mut best = f64::INFINITY;
    for a in 0..N_TRAIN {
        for b in (0..N_TRAIN).filter(|b| *b != a) {
            best = best.min(loss(&[a, b]));
        }
    }
    for seed in 0..5 {
        let found = proposed(&mut search(config(2), seed), &mut Fake::new(3_000));
        let lowest = found.iter().map(|set| loss(set)).fold(f64::INFINITY, f64::min);
        assert_eq!(lowest, best, "seed {seed}: {found:?}");
        let distinct: HashSet<_> = found.iter().collect();
        assert_eq!(distinct.len(), found.len(), "nothing is proposed twice");
    }
}

#[test]
fn where_only_the_order_is_searched_the_examples_stay() {
    let only_order = DemonstrationsConfig { replace: false, ..config(3) };
    let found = proposed(&mut search(only_order, 1), &mut Fake::new(2_000));
    let sorted = |set: &Vec<usize>| {
        let mut set = set.clone();
        set.sort_unstable();
        set
    };
    assert!(found.iter().all(|set| sorted(set) == sorted(&found[0])), "{found:?}");
    let mut best = f64::INFINITY;
    let first = &found[0];
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        best = best.min(loss(&order.map(|place| first[place])));
    }
    assert_eq!(found.iter().map(|set| loss(set)).fold(f64::INFINITY, f64::min), best);
}

#[test]
fn a_draw_is_one_candidate_with_the_classes_as_even_as_may_be() {
    let drawn = DemonstrationsConfig { replace: false, swap: false, ..config(4) };
    for seed in 0..10 {
        let found = proposed(&mut search(drawn.clone(), seed), &mut Fake::new(100));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].iter().filter(|example| **example % 2 == 0).count(), 2, "{found:?}");
    }
}

#[test]
fn the_nearest_are_one_candidate_that_holds_all_of_train_and_costs_its_representations() {
    let nearest = Nearest { k: 2, first: false, representation: Representation::Mean };
    let config = DemonstrationsConfig { nearest: Some(nearest), ..config(2) };
    let mut searched = search(config.clone(), 1);
    let Proposal::Candidates { candidates, .. } = searched.propose(&mut Fake::new(13)).unwrap() else { panic!() };
    let prompt = &candidates[0].prompt;
    assert_eq!(prompt.template.to_string(), "{nearest:2 last mean}{text} {mask}");
    let pool = prompt.pool.as_ref().unwrap();
    assert_eq!(pool.0.len(), N_TRAIN);
    assert_eq!(pool.0[3].to_string(), "{demo:\"good\",\"text\"=\"3\";\"\n\"}");
    assert_eq!(searched.propose(&mut Fake::new(13)).unwrap(), Proposal::Done);
    assert_eq!(search(config, 1).propose(&mut Fake::new(12)).unwrap(), Proposal::OutOfBudget);
}

#[test]
fn more_demonstrations_than_training_examples_are_refused() {
    let error = search(config(10), 1).propose(&mut Fake::new(100)).unwrap_err();
    assert_eq!(error.to_string(), "10 demonstrations cannot be taken from 9 training examples");
}
