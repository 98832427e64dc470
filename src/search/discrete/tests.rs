//! The searches against a fake oracle whose losses are known: no model, exact numbers.

use std::sync::Arc;

use super::*;
use crate::prompt::{Candidate, Prompt, Template, TriggerTokens, Verbalizer};
use crate::scoring::{Cost, Gap, PromptGradient};
use crate::search::{Oracle, Proposal, Scored, Search, SearchError};
use crate::seed::Stream;

const WORDS: u32 = 50;

/// The loss is the sum over positions of a fixed cost of the token there, so that the best trigger is known, and the gains
/// are exact. `batches` notes which examples were asked for.
struct Fake {
    left: u64,
    spent: u64,
    flat: bool,
    /// Whether losses that are not below a bound are left out.
    prunes: bool,
    vocabulary: Vec<u32>,
    batches: Vec<Vec<usize>>,
}

impl Fake {
    fn new(budget: u64) -> Self {
        Self {
            left: budget,
            spent: 0,
            flat: false,
            prunes: true,
            vocabulary: (5..WORDS).collect(),
            batches: Vec::new(),
        }
    }

    fn cost(&self, place: usize, id: u32) -> f64 {
        if self.flat { 0.0 } else { f64::from((id * 7 + place as u32 * 13) % 31) }
    }

    fn loss(&self, tokens: &[u32]) -> f64 {
        tokens.iter().enumerate().map(|(place, &id)| self.cost(place, id)).sum()
    }

    fn spend(&mut self, evaluations: u64) {
        assert!(evaluations <= self.left, "a step began that the budget does not cover");
        self.left -= evaluations;
        self.spent += evaluations;
    }
}

impl Oracle for Fake {
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
        8
    }
    fn train_losses(&mut self, prompts: &[Prompt], examples: &[usize]) -> Result<Vec<f64>, SearchError> {
        self.spend((prompts.len() * examples.len()) as u64);
        self.batches.push(examples.to_vec());
        Ok(prompts.iter().map(|p| self.loss(&p.triggers.0)).collect())
    }
    fn train_losses_below(
        &mut self,
        prompts: &[Prompt],
        examples: &[usize],
        bound: f64,
    ) -> Result<Vec<Option<f64>>, SearchError> {
        let keep = |loss: &f64| !self.prunes || *loss < bound;
        let losses: Vec<Option<f64>> = prompts.iter().map(|p| Some(self.loss(&p.triggers.0)).filter(keep)).collect();
        self.train_losses(prompts, examples)?;
        Ok(losses)
    }
    fn gradient(&mut self, prompt: &Prompt, examples: &[usize]) -> Result<PromptGradient, SearchError> {
        self.spend(3 * examples.len() as u64);
        self.batches.push(examples.to_vec());
        // A row names its position; `gains` below reads it.
        let rows = (0..prompt.triggers.0.len()).map(|place| vec![if self.flat { 0.0 } else { place as f32 + 1.0 }]);
        Ok(PromptGradient {
            loss: self.loss(&prompt.triggers.0),
            triggers: rows.collect(),
            soft: Vec::new(),
            cost: Cost::default(),
        })
    }
    fn gains(&self, rows: &[Vec<f32>]) -> Vec<Vec<f32>> {
        rows.iter()
            .map(|row| (0..WORDS).map(|id| -self.cost((row[0] as usize).saturating_sub(1), id) as f32).collect())
            .collect()
    }
    fn vocabulary(&self) -> &[u32] {
        &self.vocabulary
    }
    fn token_text(&self, id: u32) -> String {
        format!("t{id}")
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
}

fn prompt(n_trigger: usize) -> Prompt {
    Prompt::with_triggers(
        Template::parse(&format!("{{text}} {{trigger:{n_trigger}}} {{mask}}.")).unwrap(),
        TriggerTokens(vec![0; n_trigger]),
        Arc::new(Verbalizer::parse("a=bad,b=good").unwrap()),
    )
}

/// Drives a search to its end; the candidates that it proposed and how it ended.
fn drive(search: &mut dyn Search, oracle: &mut Fake) -> (Vec<Candidate>, Proposal) {
    let mut found = Vec::new();
    loop {
        match search.propose(oracle).unwrap() {
            Proposal::Candidates { candidates, .. } => {
                oracle.spend(8 * candidates.len() as u64);
                let scored: Vec<Scored> = candidates
                    .iter()
                    .zip(found.len() as u64..)
                    .map(|(c, candidate)| Scored {
                        candidate,
                        score: -oracle.loss(&c.prompt.triggers.0),
                        margin: 0.0,
                        signature: candidate,
                    })
                    .collect();
                search.observe(&scored);
                found.extend(candidates);
            }
            Proposal::Nothing { .. } => {}
            end => return (found, end),
        }
    }
}

fn autoprompt(config: AutopromptConfig) -> Autoprompt {
    autoprompt_with(config, 13)
}

fn autoprompt_with(config: AutopromptConfig, seed: u64) -> Autoprompt {
    Autoprompt::new(config, prompt(3), Vec::new(), Stream::new(seed, "test", b""))
}

const CONFIG: AutopromptConfig = AutopromptConfig {
    n_candidates: 4,
    positions: 1,
    beam: 1,
    batch_size: 4,
    patience: 4,
    restarts: Some(0),
    objective: Objective { fluency: 0.0, n_texts: 1 },
};

#[test]
fn autoprompt_finds_the_best_trigger_where_the_gains_are_exact() {
    let mut oracle = Fake::new(100_000);
    let (found, end) = drive(&mut autoprompt(CONFIG), &mut oracle);
    let best: f64 = (0..3).map(|place| (5..WORDS).map(|id| oracle.cost(place, id)).fold(f64::MAX, f64::min)).sum();
    assert_eq!(oracle.loss(&found.last().unwrap().prompt.triggers.0), best);
    assert_eq!(end, Proposal::Done);
    // One move a position, each the child of the one before.
    assert!(found.len() <= 4 && found.len() > 1);
    assert_eq!(found[1].parent, Some(0));
}

#[test]
fn autoprompt_scores_candidates_on_another_batch_than_the_gradient() {
    let mut oracle = Fake::new(100_000);
    drive(&mut autoprompt(CONFIG), &mut oracle);
    assert_eq!(oracle.batches[0], [0, 1, 2, 3]);
    // The trigger as it is, and the candidates that are to beat it.
    assert_eq!(oracle.batches[1], [4, 5, 6, 7]);
    assert_eq!(oracle.batches[2], [4, 5, 6, 7]);
    assert_eq!(oracle.batches[3], [8, 9, 0, 1]);
}

#[test]
fn autoprompt_finds_the_same_whether_hopeless_candidates_are_given_up_early_or_not() {
    let mut moved = 0;
    for seed in 0..20 {
        let found = [true, false].map(|prunes| {
            let mut oracle = Fake { prunes, ..Fake::new(3_000) };
            let mut search = autoprompt_with(AutopromptConfig { restarts: None, ..CONFIG }, seed);
            drive(&mut search, &mut oracle).0
        });
        assert_eq!(found[0], found[1]);
        moved += found[0].len();
    }
    assert!(moved > 40, "{moved}");
}

#[test]
fn autoprompt_stops_by_patience_and_begins_anew_while_budget_is_left() {
    let mut oracle = Fake::new(2_000);
    let mut search = autoprompt(AutopromptConfig { restarts: None, ..CONFIG });
    let (found, end) = drive(&mut search, &mut oracle);
    assert_eq!(end, Proposal::OutOfBudget);
    assert!(found.iter().any(|c| c.origin == "restart 1"), "{:?}", found.iter().map(|c| &c.origin).collect::<Vec<_>>());
    // A step costs 4 * (3 + 4 + 1) + 8 evaluations: less than that is left.
    assert!(oracle.left < 40, "{} evaluations left", oracle.left);
}

#[test]
fn a_flat_loss_moves_nothing_and_is_flagged() {
    let mut oracle = Fake::new(100_000);
    oracle.flat = true;
    let mut search = autoprompt(CONFIG);
    let (found, _) = drive(&mut search, &mut oracle);
    assert_eq!(found.len(), 1);
    assert_eq!(search.flags(), ["zero_gradient"]);
    // Patience: four steps of 4 * 8 evaluations, and the start.
    assert_eq!(oracle.spent, 4 * 32 + 8);
}

#[test]
fn random_spends_the_budget_on_distinct_triggers() {
    let mut oracle = Fake::new(100);
    let mut search = Random::new(prompt(3), Stream::new(13, "test", b""));
    let (found, end) = drive(&mut search, &mut oracle);
    assert_eq!((found.len(), end), (12, Proposal::OutOfBudget));
    let distinct: std::collections::HashSet<_> = found.iter().map(|c| c.prompt.triggers.0.clone()).collect();
    assert_eq!(distinct.len(), 12);
}

#[test]
fn random_ends_when_a_small_vocabulary_is_used_up() {
    let mut oracle = Fake::new(100_000);
    oracle.vocabulary.truncate(3);
    let (found, end) = drive(&mut Random::new(prompt(1), Stream::new(13, "test", b"")), &mut oracle);
    assert_eq!((found.len(), end), (3, Proposal::Done));
}

#[test]
fn manual_proposes_what_the_budget_covers_and_says_so() {
    let candidates: Vec<Candidate> =
        (0..5).map(|_| Candidate { prompt: prompt(1), parent: None, origin: "manual".into() }).collect();
    let (found, end) = drive(&mut Manual::new(candidates.clone()), &mut Fake::new(20));
    assert_eq!((found.len(), end), (2, Proposal::OutOfBudget));
    let (found, end) = drive(&mut Manual::new(candidates), &mut Fake::new(40));
    assert_eq!((found.len(), end), (5, Proposal::Done));
}
