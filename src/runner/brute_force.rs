//! Searches along gradients against all triggers of a 50-token vocabulary, on the toy models: with enough budget they find the
//! best one.

use std::sync::Arc;

use crate::model::{ResolvedDevice, load_builtin};
use crate::prompt::{Prompt, Template, TriggerTokens, Verbalizer};
use crate::scoring::{ScoreCache, Scorer, Settings};
use crate::search::discrete::{Autoprompt, AutopromptConfig, Gcg, GcgConfig, Objective, Pez, PezConfig, ProbeConfig};
use crate::search::{Oracle, Proposal, Scored, Search};
use crate::seed::Stream;
use crate::spec::Nearness;
use crate::task::Example;

use super::hardness::Hardness;
use super::ledger::Ledger;
use super::oracle::TrialOracle;

const VOCABULARY: usize = 50;
const BUDGET: u64 = 10_000_000;

/// A toy model, its task and every trigger's value.
struct World {
    scorer: Scorer,
    train: Vec<Example>,
    columns: Vec<String>,
    prompt: Prompt,
    vocabulary: Vec<u32>,
}

impl World {
    fn new(model: &str) -> Self {
        let loaded = load_builtin(model, &ResolvedDevice::cpu()).unwrap();
        let special = loaded.tokenizer.special_ids().clone();
        let words = ["good", "bad"].map(|word| loaded.tokenizer.token_id(word).unwrap());
        let all = (0..loaded.tokenizer.vocab_size() as u32).filter(|id| !special.contains(id) && !words.contains(id));
        let texts = [
            ("great fun , truly", 1),
            ("dull plot and awful act", 0),
            ("love this story", 1),
            ("not excellent , a waste", 0),
            ("the movie is very good but not all fun", 1),
            ("terrible watching", 0),
        ];
        let example = |(row, (text, label)): (usize, &(&str, usize))| Example {
            row,
            fields: vec![(*text).into()],
            label: Some(*label),
        };
        Self {
            train: texts.iter().enumerate().map(example).collect(),
            columns: vec!["text".into()],
            prompt: Prompt::with_triggers(
                Template::parse("{text} it {trigger:2}{mask}").unwrap(),
                TriggerTokens(vec![0; 2]),
                Arc::new(Verbalizer::parse("negative=bad,positive=good").unwrap()),
            ),
            vocabulary: all.take(VOCABULARY).collect(),
            scorer: Scorer::new(loaded, Settings::default()),
        }
    }

    fn with(&self, tokens: &[u32]) -> Prompt {
        Prompt { triggers: TriggerTokens(tokens.to_vec()), ..self.prompt.clone() }
    }

    /// Runs `ask` with an oracle of this world.
    fn ask<T>(&self, ask: impl FnOnce(&mut TrialOracle<'_>) -> T) -> T {
        let train: Vec<&Example> = self.train.iter().collect();
        let mut oracle = TrialOracle {
            scorer: &self.scorer,
            cache: &mut ScoreCache::default(),
            ledger: &mut Ledger::new(BUDGET),
            columns: &self.columns,
            train: &train,
            texts: &train,
            n_selection: 1,
            vocabulary: &self.vocabulary,
            probe: Some(&self.scorer),
            hardness: &mut Hardness::new(train.len()),
        };
        ask(&mut oracle)
    }

    fn values(&self, objective: Objective, triggers: &[Vec<u32>]) -> Vec<f64> {
        let all: Vec<usize> = (0..self.train.len()).collect();
        let prompts: Vec<Prompt> = triggers.iter().map(|tokens| self.with(tokens)).collect();
        self.ask(|oracle| {
            let values = prompts.chunks(500).flat_map(|some| objective.values(oracle, some, &all).unwrap());
            values.map(|value| value.total).collect()
        })
    }

    /// The lowest value of all triggers.
    fn lowest(&self, objective: Objective) -> f64 {
        let pair = |&a: &u32| self.vocabulary.iter().map(move |&b| vec![a, b]);
        let triggers: Vec<Vec<u32>> = self.vocabulary.iter().flat_map(pair).collect();
        assert_eq!(triggers.len(), VOCABULARY * VOCABULARY);
        self.values(objective, &triggers).into_iter().fold(f64::MAX, f64::min)
    }

    /// The lowest value of what a search proposes.
    fn found(&self, objective: Objective, mut search: impl Search) -> f64 {
        let triggers = self.ask(|oracle| {
            let mut triggers: Vec<Vec<u32>> = Vec::new();
            loop {
                match search.propose(oracle).unwrap() {
                    Proposal::Candidates { candidates, .. } => {
                        for candidate in candidates {
                            let number = triggers.len() as u64;
                            triggers.push(candidate.prompt.triggers.0);
                            search.observe(&[Scored { candidate: number, score: 0.0, margin: 0.0, signature: number }]);
                        }
                    }
                    Proposal::Nothing { .. } => {}
                    _ => return triggers,
                }
            }
        });
        self.values(objective, &triggers).into_iter().fold(f64::MAX, f64::min)
    }
}

fn autoprompt(world: &World, objective: Objective, positions: usize, beam: usize) -> Autoprompt {
    let config = AutopromptConfig {
        n_candidates: 40 * beam,
        positions,
        beam,
        batch_size: 6,
        patience: 3,
        restarts: Some(60),
        objective,
    };
    Autoprompt::new(config, world.prompt.clone(), Vec::new(), Stream::new(13, "test", b""))
}

fn gcg(world: &World, objective: Objective, n_replace: usize, probe: Option<ProbeConfig>) -> Gcg {
    let config = GcgConfig {
        top_k: 24,
        search_width: 32,
        n_replace,
        buffer_size: 2,
        stable: false,
        probe,
        batch_size: 6,
        patience: 4,
        restarts: Some(60),
        objective,
    };
    Gcg::new(config, world.prompt.clone(), Vec::new(), Stream::new(13, "test", b""))
}

#[test]
fn searches_find_the_best_trigger_of_a_small_vocabulary() {
    let objective = Objective { fluency: 0.0, n_texts: 1 };
    for model in ["toy", "toy-causal"] {
        let world = World::new(model);
        let lowest = world.lowest(objective);
        let probe = Some(ProbeConfig { sampling_factor: 4, reduction: 4 });
        // PEZ takes more starts: it follows the gradient where the others also look.
        let pez = PezConfig {
            learning_rate: 0.3,
            weight_decay: 0.0,
            nearness: Nearness::Euclidean,
            eval_every: 1,
            batch_size: 6,
            patience: 6,
            restarts: Some(200),
            objective,
        };
        let pez = Pez::new(pez, world.prompt.clone(), Vec::new(), Stream::new(13, "test", b""));
        let found = [
            ("autoprompt", world.found(objective, autoprompt(&world, objective, 1, 1))),
            ("two positions", world.found(objective, autoprompt(&world, objective, 2, 1))),
            ("a beam", world.found(objective, autoprompt(&world, objective, 2, 4))),
            ("gcg", world.found(objective, gcg(&world, objective, 1, None))),
            ("two swaps", world.found(objective, gcg(&world, objective, 2, None))),
            ("a probe", world.found(objective, gcg(&world, objective, 1, probe))),
            ("pez", world.found(objective, pez)),
        ];
        for (name, value) in found {
            assert!((value - lowest).abs() < 1e-6, "{model}, {name}: {value}, and the best of all {lowest}");
        }
    }
}

#[test]
fn searches_find_the_best_trade_of_loss_for_fluency() {
    let objective = Objective { fluency: 0.3, n_texts: 2 };
    for model in ["toy", "toy-causal"] {
        let world = World::new(model);
        let lowest = world.lowest(objective);
        for (name, value) in [
            ("autoprompt", world.found(objective, autoprompt(&world, objective, 2, 2))),
            ("gcg", world.found(objective, gcg(&world, objective, 1, None))),
        ] {
            assert!((value - lowest).abs() < 1e-6, "{model}, {name}: {value}, and the best of all {lowest}");
        }
    }
}

#[test]
fn the_part_of_a_token_in_the_likelihood_is_what_the_likelihood_itself_says() {
    for (model, n_own) in [("toy", 3.0), ("toy-causal", 3.0)] {
        let world = World::new(model);
        let (old, new) =
            (vec![world.vocabulary[3], world.vocabulary[20]], vec![world.vocabulary[3], world.vocabulary[30]]);
        // The last own token has no neighbour after it that its change could touch in a causal model.
        let (parts, likelihoods, cost) = world.ask(|oracle| {
            let parts = oracle.trigger_likelihoods(&world.with(&old), &[1], 2).unwrap().remove(0);
            let cost = oracle.likelihood_cost(&world.with(&old), 2).unwrap();
            let before = oracle.ledger.spent();
            let likelihoods = oracle.likelihoods(&[world.with(&old), world.with(&new)], 2).unwrap();
            assert_eq!(oracle.ledger.spent().evaluations - before.evaluations, 2 * cost, "{model}");
            (parts, likelihoods, cost)
        });
        assert_eq!(cost, if model == "toy" { 6 } else { 2 }, "{model}: a sequence a token, or a text");
        let total: f64 = parts.iter().map(|&part| f64::from(part * n_own).exp()).sum();
        if model == "toy-causal" {
            let estimated = f64::from(parts[new[1] as usize] - parts[old[1] as usize]);
            let truly = likelihoods[0] - likelihoods[1];
            assert!((estimated - truly).abs() < 1e-5, "{estimated} {truly}");
        }
        // Geometric means over texts: no more than 1 together.
        assert!(total <= 1.0 + 1e-5 && total > 0.5, "{model}: {total}");
    }
}
