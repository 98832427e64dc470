//! Searches along gradients in a world whose best trigger is known.

use std::collections::HashSet;
use std::sync::Arc;

use super::circle::{BEST, Circle, N_DEV};
use super::*;
use crate::prompt::{Candidate, Prompt, Template, TriggerTokens, Verbalizer};
use crate::search::{Proposal, Scored, Search};
use crate::seed::Stream;
use crate::spec::Nearness;

const NO_FLUENCY: Objective = Objective { fluency: 0.0, n_texts: 1 };
const FLUENCY: Objective = Objective { fluency: 0.4, n_texts: 2 };

const AUTOPROMPT: AutopromptConfig = AutopromptConfig {
    n_candidates: 6,
    positions: 1,
    beam: 1,
    batch_size: 4,
    patience: 4,
    restarts: Some(0),
    objective: NO_FLUENCY,
};

const GCG: GcgConfig = GcgConfig {
    top_k: 12,
    search_width: 16,
    n_replace: 1,
    buffer_size: 1,
    stable: true,
    probe: None,
    batch_size: 4,
    patience: 6,
    restarts: Some(0),
    objective: NO_FLUENCY,
};

const PEZ: PezConfig = PezConfig {
    learning_rate: 0.1,
    weight_decay: 0.0,
    nearness: Nearness::Cosine,
    eval_every: 4,
    batch_size: 4,
    patience: 12,
    restarts: Some(0),
    objective: NO_FLUENCY,
};

fn prompt() -> Prompt {
    Prompt::with_triggers(
        Template::parse("{text} {trigger:3} {mask}.").unwrap(),
        TriggerTokens(vec![0; 3]),
        Arc::new(Verbalizer::parse("a=bad,b=good").unwrap()),
    )
}

fn stream() -> Stream {
    Stream::new(13, "test", b"")
}

fn autoprompt(config: AutopromptConfig) -> Autoprompt {
    Autoprompt::new(config, prompt(), Vec::new(), stream())
}

fn gcg(config: GcgConfig) -> Gcg {
    Gcg::new(config, prompt(), Vec::new(), stream())
}

fn pez(config: PezConfig) -> Pez {
    Pez::new(config, prompt(), Vec::new(), stream())
}

/// Where a search went.
struct Went {
    found: Vec<Candidate>,
    traces: Vec<serde_json::Value>,
    end: Proposal,
}

impl Went {
    fn triggers(&self) -> Vec<Vec<u32>> {
        self.found.iter().map(|candidate| candidate.prompt.triggers.0.clone()).collect()
    }
}

/// Drives a search to its end.
fn drive(search: &mut dyn Search, oracle: &mut Circle) -> Went {
    let (mut found, mut traces) = (Vec::<Candidate>::new(), Vec::new());
    loop {
        match search.propose(oracle).unwrap() {
            Proposal::Candidates { candidates, trace } => {
                oracle.spend(N_DEV * candidates.len() as u64);
                traces.extend(trace);
                let number = |(candidate, number): (&Candidate, u64)| Scored {
                    candidate: number,
                    score: -oracle.loss(&candidate.prompt.triggers.0),
                    margin: 0.0,
                    signature: number,
                };
                let scored: Vec<Scored> = candidates.iter().zip(found.len() as u64..).map(number).collect();
                search.observe(&scored);
                found.extend(candidates);
            }
            Proposal::Nothing { trace } => traces.push(trace),
            end => return Went { found, traces, end },
        }
    }
}

#[test]
fn every_search_ends_at_the_best_trigger() {
    let variants: [(&str, Box<dyn Search>); 8] = [
        ("autoprompt", Box::new(autoprompt(AUTOPROMPT))),
        ("three positions", Box::new(autoprompt(AutopromptConfig { positions: 3, ..AUTOPROMPT }))),
        ("a beam", Box::new(autoprompt(AutopromptConfig { beam: 3, positions: 2, n_candidates: 9, ..AUTOPROMPT }))),
        ("gcg", Box::new(gcg(GCG))),
        ("two swaps", Box::new(gcg(GcgConfig { n_replace: 2, patience: 20, ..GCG }))),
        ("a buffer", Box::new(gcg(GcgConfig { buffer_size: 4, patience: 12, ..GCG }))),
        ("pez", Box::new(pez(PezConfig { patience: 200, ..PEZ }))),
        ("pez by distance", Box::new(pez(PezConfig { nearness: Nearness::Euclidean, patience: 200, ..PEZ }))),
    ];
    for (name, mut search) in variants {
        let mut oracle = Circle::new(1_000_000);
        let went = drive(&mut *search, &mut oracle);
        assert_eq!(went.triggers().last(), Some(&oracle.best(0.0, |_| true)), "{name}");
        assert_eq!(went.end, Proposal::Done, "{name}");
        let distinct: HashSet<Vec<u32>> = went.triggers().into_iter().collect();
        assert_eq!(distinct.len(), went.found.len(), "{name}: nothing is proposed twice");
        // A trigger of the beam that never was its best has no number.
        assert!(went.found[1].parent == Some(0) || name == "a beam", "{name}");
        assert!(search.flags().is_empty(), "{name}: {:?}", search.flags());
    }
}

#[test]
fn fluency_pulls_every_search_to_likelier_tokens() {
    let mut oracle = Circle::new(1_000_000);
    let best = oracle.best(FLUENCY.fluency, |_| true);
    assert_ne!(best, oracle.best(0.0, |_| true));
    let walk = autoprompt(AutopromptConfig { objective: FLUENCY, positions: 2, ..AUTOPROMPT });
    let swaps = gcg(GcgConfig { objective: FLUENCY, ..GCG });
    let searches: [(&str, Box<dyn Search>); 2] = [("autoprompt", Box::new(walk)), ("gcg", Box::new(swaps))];
    for (name, mut search) in searches {
        let went = drive(&mut *search, &mut oracle);
        assert_eq!(went.triggers().last(), Some(&best), "{name}");
        let moved = went.traces.iter().find(|trace| trace["moved"] == true).unwrap();
        assert!(moved["likelihood_after"].is_number(), "{name}: {moved}");
    }
    // PEZ moves along the loss alone: fluency decides which trigger of a window is proposed.
    let value = |tokens: &Vec<u32>| oracle.loss(tokens) + FLUENCY.fluency * Circle::likelihood(tokens);
    let lowest = |went: Went| went.triggers().iter().map(&value).fold(f64::MAX, f64::min);
    let fluent = lowest(drive(&mut pez(PezConfig { objective: FLUENCY, ..PEZ }), &mut Circle::new(1_000_000)));
    let plain = lowest(drive(&mut pez(PEZ), &mut Circle::new(1_000_000)));
    assert!(fluent <= plain, "{fluent} {plain}");
}

#[test]
fn estimates_that_are_exact_have_a_rank_correlation_of_one() {
    for mut search in [Box::new(autoprompt(AUTOPROMPT)) as Box<dyn Search>, Box::new(gcg(GCG)), Box::new(pez(PEZ))] {
        let went = drive(&mut *search, &mut Circle { prunes: false, ..Circle::new(1_000_000) });
        let meters: Vec<f64> = went.traces.iter().filter_map(|trace| trace["hotflip_spearman"].as_f64()).collect();
        assert!(meters.len() > 2 && meters.iter().all(|&rho| rho > 0.97), "{meters:?}");
    }
}

#[test]
fn giving_up_hopeless_candidates_early_changes_no_move() {
    let beam = AutopromptConfig { beam: 3, positions: 2, n_candidates: 9, restarts: Some(3), ..AUTOPROMPT };
    let buffer = GcgConfig { buffer_size: 4, restarts: Some(3), ..GCG };
    for is_beam in [true, false] {
        let [early, whole] = [true, false].map(|prunes| {
            let mut search: Box<dyn Search> = if is_beam { Box::new(autoprompt(beam)) } else { Box::new(gcg(buffer)) };
            let went = drive(&mut *search, &mut Circle { prunes, ..Circle::new(1_000_000) });
            (went.triggers(), went.end)
        });
        assert_eq!(early, whole);
        assert!(early.0.len() > 8);
    }
}

#[test]
fn positions_that_gain_by_themselves_are_changed_together() {
    let mut oracle = Circle::new(1_000_000);
    let config = AutopromptConfig { positions: 3, n_candidates: 130, ..AUTOPROMPT };
    let went = drive(&mut autoprompt(config), &mut oracle);
    // All swaps of a step are scored, so one step and its joint swap are enough.
    assert_eq!(went.found.len(), 2);
    assert_eq!(went.triggers()[1], oracle.best(0.0, |_| true));
    assert!(went.found[1].origin.matches("position").count() > 1, "{}", went.found[1].origin);
}

#[test]
fn a_beam_is_paid_for_within_the_budget() {
    for budget in [100, 300, 777, 2_000] {
        let mut oracle = Circle::new(budget);
        let config = AutopromptConfig {
            beam: 3,
            positions: 2,
            n_candidates: 9,
            restarts: None,
            objective: FLUENCY,
            ..AUTOPROMPT
        };
        let went = drive(&mut autoprompt(config), &mut oracle);
        assert_eq!(went.end, Proposal::OutOfBudget);
        // A step: three gradients, then three triggers, nine swaps and a joint one, with the likelihoods of all.
        assert!(oracle.left < 3 * (12 + 4) + 13 * (4 + 2) + N_DEV, "{budget}: {} left", oracle.left);
    }
}

#[test]
fn searches_spend_no_more_than_they_have_whatever_the_budget() {
    for budget in (8..900).step_by(37) {
        let probe = Some(ProbeConfig { sampling_factor: 4, reduction: 2 });
        let searches: [Box<dyn Search>; 3] = [
            Box::new(gcg(GcgConfig { restarts: None, buffer_size: 3, objective: FLUENCY, ..GCG })),
            Box::new(gcg(GcgConfig { restarts: None, probe, ..GCG })),
            Box::new(pez(PezConfig { restarts: None, objective: FLUENCY, ..PEZ })),
        ];
        for mut search in searches {
            let went = drive(&mut *search, &mut Circle::new(budget));
            assert_eq!(went.end, Proposal::OutOfBudget, "{budget}");
        }
    }
}

#[test]
fn gcg_tries_stable_triggers_only_and_none_twice_in_a_step() {
    let mut oracle = Circle::new(1_000_000);
    oracle.unstable = |tokens| tokens.iter().any(|id| id % 2 == 1);
    let went = drive(&mut gcg(GcgConfig { top_k: 45, search_width: 300, ..GCG }), &mut oracle);
    assert_eq!(went.triggers().last(), Some(&oracle.best(0.0, |id| id % 2 == 0)));
    for round in &oracle.rounds {
        assert!(round.iter().flatten().all(|id| id % 2 == 0), "{round:?}");
        assert_eq!(round.iter().collect::<HashSet<_>>().len(), round.len());
    }
    let mut oracle = Circle::new(1_000_000);
    oracle.unstable = |tokens| tokens.iter().any(|id| id % 2 == 1);
    drive(&mut gcg(GcgConfig { stable: false, ..GCG }), &mut oracle);
    assert!(oracle.rounds.iter().flatten().flatten().any(|id| id % 2 == 1), "unless it is told otherwise");
}

#[test]
fn gcg_without_a_stable_candidate_widens_its_choice_and_ends_cleanly() {
    let mut oracle = Circle::new(1_000_000);
    oracle.unstable = |_| true;
    let mut search = gcg(GcgConfig { top_k: 4, ..GCG });
    let went = drive(&mut search, &mut oracle);
    assert_eq!((went.found.len(), went.end), (1, Proposal::Done));
    assert_eq!(search.flags(), ["no_stable_candidate"]);
    let widths: Vec<u64> = went.traces.iter().filter_map(|trace| trace["top_k"].as_u64()).collect();
    assert_eq!(widths, [4, 8, 16, 32, 45, 45], "twice as many each step, up to all");
    assert!(went.traces.iter().skip(1).all(|trace| trace["n_candidates"] == 0));
    // Where only the preferred tokens are unstable, the wider choice finds others.
    let mut oracle = Circle::new(1_000_000);
    oracle.unstable =
        |tokens| tokens.iter().enumerate().any(|(place, &id)| (f64::from(id) / 50.0 - BEST[place]).abs() < 0.1);
    let went = drive(&mut gcg(GcgConfig { top_k: 3, patience: 20, ..GCG }), &mut oracle);
    assert!(went.found.len() > 1);
}

#[test]
fn gcg_without_a_buffer_moves_whatever_the_best_candidate_is() {
    let mut oracle = Circle::new(3_000);
    let went = drive(&mut gcg(GcgConfig { buffer_size: 0, ..GCG }), &mut oracle);
    assert!(went.traces.iter().skip(1).all(|trace| trace["moved"] == true));
    assert_eq!(went.end, Proposal::OutOfBudget);
    let losses: Vec<f64> = went.triggers().iter().map(|tokens| oracle.loss(tokens)).collect();
    assert!(losses.windows(2).any(|pair| pair[1] > pair[0]), "worse ones too: {losses:?}");
}

#[test]
fn a_second_model_that_agrees_spares_the_large_one() {
    let probe = Some(ProbeConfig { sampling_factor: 4, reduction: 2 });
    let config = GcgConfig { search_width: 32, probe, ..GCG };
    let scored = |probe: fn(f64) -> f64| {
        let mut oracle = Circle::new(1_000_000);
        oracle.probe = probe;
        let went = drive(&mut gcg(config), &mut oracle);
        let steps: Vec<&serde_json::Value> =
            went.traces.iter().filter(|trace| trace["probe_agreement"].is_number()).collect();
        let mean = |key: &str| steps.iter().map(|step| step[key].as_f64().unwrap()).sum::<f64>() / steps.len() as f64;
        (mean("probe_agreement"), mean("probe_scored"), went.triggers().last().cloned().unwrap(), oracle)
    };
    let (agreement, n_scored, found, oracle) = scored(|loss| 3.0 * loss + 1.0);
    assert!(agreement > 0.999 && n_scored < 10.0, "{agreement} {n_scored}");
    assert_eq!(found, oracle.best(0.0, |_| true));
    assert!(oracle.probed > 100);
    let (agreement, n_scored, ..) = scored(|loss| -loss);
    assert!(agreement < 0.001 && n_scored > 20.0, "{agreement} {n_scored}");
    let (agreement, ..) = scored(|_| 1.0);
    assert_eq!(agreement, 0.0, "a model that says the same of all agrees with nothing");
}

#[test]
fn a_start_from_a_text_keeps_its_tokens_and_draws_the_rest() {
    let first = |search: &mut dyn Search| drive(search, &mut Circle::new(40)).triggers()[0].clone();
    let tokens = first(&mut Autoprompt::new(AUTOPROMPT, prompt(), vec![7, 9], stream()));
    assert_eq!(tokens[..2], [7, 9]);
    assert_eq!(first(&mut Gcg::new(GCG, prompt(), vec![7, 9, 11], stream())), [7, 9, 11]);
    assert_eq!(first(&mut Pez::new(PEZ, prompt(), vec![7, 9], stream()))[..2], [7, 9]);
}

#[test]
fn searches_begin_anew_while_they_may_and_budget_is_left() {
    let searches: [Box<dyn Search>; 3] = [
        Box::new(autoprompt(AutopromptConfig { restarts: Some(2), ..AUTOPROMPT })),
        Box::new(gcg(GcgConfig { restarts: Some(2), ..GCG })),
        Box::new(pez(PezConfig { restarts: Some(2), ..PEZ })),
    ];
    for mut search in searches {
        let went = drive(&mut *search, &mut Circle::new(1_000_000));
        let starts = went.found.iter().filter(|candidate| candidate.origin.contains("start")).count();
        assert_eq!((starts, went.end), (3, Proposal::Done));
    }
}

#[test]
fn a_flat_loss_is_flagged() {
    for mut search in [Box::new(autoprompt(AUTOPROMPT)) as Box<dyn Search>, Box::new(gcg(GCG)), Box::new(pez(PEZ))] {
        let mut oracle = Circle::new(1_000_000);
        oracle.flat = true;
        drive(&mut *search, &mut oracle);
        assert_eq!(search.flags(), ["zero_gradient"]);
    }
}

#[test]
fn the_same_stream_goes_the_same_way() {
    let triggers = |search: &mut dyn Search| drive(search, &mut Circle::new(5_000)).triggers();
    let random = GcgConfig { n_replace: 2, restarts: None, ..GCG };
    assert_eq!(triggers(&mut gcg(random)), triggers(&mut gcg(random)));
    let other = Gcg::new(random, prompt(), Vec::new(), Stream::new(14, "test", b""));
    assert_ne!(triggers(&mut gcg(random)), triggers(&mut { other }));
    assert_eq!(triggers(&mut pez(PEZ)), triggers(&mut pez(PEZ)));
}

#[test]
fn without_train_or_vocabulary_there_is_one_clear_error() {
    for mut search in [Box::new(autoprompt(AUTOPROMPT)) as Box<dyn Search>, Box::new(gcg(GCG)), Box::new(pez(PEZ))] {
        let mut oracle = Circle::new(1_000);
        oracle.vocabulary.clear();
        let error = search.propose(&mut oracle).unwrap_err().to_string();
        assert!(error.starts_with("no token of the vocabulary may stand in a trigger"), "{error}");
    }
}
