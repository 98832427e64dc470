//! The generations against a fake oracle whose language and losses are known: no model, exact numbers.

use std::collections::HashSet;

use proptest::prelude::*;

use super::super::edits::{Edits, EditsConfig};
use super::super::language::{Fake, drive, texts};
use super::super::paraphrase::{Generators, Synonyms, Thesaurus};
use super::super::phrase::Level;
use super::super::wording::Rewording;
use super::*;
use crate::prompt::{Candidate, Piece, Prompt, Template, Verbalizer};
use crate::search::{Proposal, Search};
use crate::seed::Stream;

const CONFIG: EvolutionConfig = EvolutionConfig {
    algorithm: Algorithm::Ga,
    population: 6,
    crossover: Crossover::Uniform,
    mutation: 0.5,
    batch_size: 4,
    generations: None,
};
const NONE: Generators = Generators { thesaurus: false, mask_fill: false };
const BOTH: Generators = Generators { thesaurus: true, mask_fill: true };

fn prompts(starts: &[&str]) -> Vec<Prompt> {
    let verbalizer = std::sync::Arc::new(Verbalizer::parse("a=bad,b=good|好").unwrap());
    starts.iter().map(|start| Prompt::plain(Template::parse(start).unwrap(), verbalizer.clone())).collect()
}

fn rewording(generators: Generators, list: &str) -> Rewording {
    let lists = if list.is_empty() { Vec::new() } else { vec![Synonyms::parse(list).unwrap().into()] };
    let thesaurus = Thesaurus::of(lists, false).into();
    Rewording { generators, thesaurus, round_trip: None, rephrase: None, n_texts: 2, likelihood: 3.0 }
}

fn search(config: EvolutionConfig, generators: Generators, starts: &[&str], list: &str, seed: u64) -> Evolution {
    Evolution::new(config, rewording(generators, list), &prompts(starts), Stream::new(seed, "test", b""))
}

fn best(found: &[Candidate], oracle: &Fake) -> String {
    let loss = |c: &&Candidate| oracle.loss(&c.prompt.template);
    found.iter().min_by(|a, b| loss(a).total_cmp(&loss(b))).unwrap().prompt.template.to_string()
}

/// Three phrases, each of which only one of the parents has as it should be.
const PARENTS: [&str; 3] = [
    "{text} the old film, the bad story, the bad end {mask}.",
    "{text} the bad film, the new story, the bad end {mask}.",
    "{text} the bad film, the bad story, the very end {mask}.",
];
const CHILD: &str = "{text} the old film, the new story, the very end {mask}.";

fn missing(text: &str) -> f64 {
    ["old film", "new story", "very end"].iter().filter(|part| !text.contains(*part)).count() as f64
}

#[test]
fn crossing_finds_what_single_edits_at_the_same_budget_do_not() {
    const BUDGET: u64 = 2_000;
    for algorithm in [Algorithm::Ga, Algorithm::De] {
        for crossover in [Crossover::Uniform, Crossover::SinglePoint] {
            for seed in 0..4 {
                let mut oracle = Fake::new(BUDGET);
                oracle.vocabulary.extend(["story", "end"].map(str::to_owned));
                oracle.whole = missing;
                let config = EvolutionConfig { algorithm, crossover, ..CONFIG };
                let (found, _) = drive(&mut search(config, NONE, &PARENTS, "", seed), &mut oracle);
                assert_eq!(best(&found, &oracle), CHILD, "{algorithm:?} {crossover:?} {seed}");
            }
        }
    }
    for seed in 0..4 {
        let mut oracle = Fake::new(BUDGET);
        oracle.vocabulary.extend(["story", "end"].map(str::to_owned));
        oracle.whole = missing;
        let config = EditsConfig {
            level: Level::Phrase,
            n_candidates: 5,
            n_compose: 1,
            beam: 1,
            batch_size: 4,
            patience: 2,
            restarts: None,
            iterations: None,
            temperature: 0.0,
        };
        let mut edits =
            Edits::new(config, rewording(BOTH, "film movie"), &prompts(&PARENTS), Stream::new(seed, "test", b""));
        let (found, _) = drive(&mut edits, &mut oracle);
        assert!(missing(&best(&found, &oracle)) > 0.0, "{}", best(&found, &oracle));
    }
}

#[test]
fn a_child_names_its_parents_and_what_it_has_of_whom() {
    let mut oracle = Fake::new(2_000);
    oracle.vocabulary.extend(["story", "end"].map(str::to_owned));
    oracle.whole = missing;
    let mut evolution = search(CONFIG, NONE, &PARENTS, "", 1);
    let (found, end) = drive(&mut evolution, &mut oracle);
    assert_eq!(end, Proposal::Done, "nothing new can be bred");
    assert!(found.iter().take(3).all(|c| c.origin == "written" && c.parent.is_none()));
    for (number, child) in found.iter().enumerate().skip(3) {
        let (who, what) = child.origin.strip_prefix("crossed ").unwrap().split_once(": ").unwrap();
        let parents: Vec<usize> = who.split(" with ").map(|n| n.parse().unwrap()).collect();
        assert_eq!(child.parent, Some(parents[0] as u64));
        assert!(parents.iter().all(|&parent| parent < number));
        let took = what.split(", left out").next().unwrap();
        for phrase in took.trim_start_matches("took ").split("`").filter(|part| part.contains(' ') && part.len() > 2) {
            let of = |number: usize| found[number].prompt.template.to_string().to_lowercase();
            assert!(of(parents[1]).contains(&phrase.to_lowercase()), "{}", child.origin);
            assert!(child.prompt.template.to_string().contains(phrase), "{}", child.origin);
        }
    }
    assert_eq!(evolution.dev_looks(), 0, "train decided");
}

#[test]
fn the_first_population_is_filled_with_paraphrases_and_the_best_survive() {
    let mut oracle = Fake::new(20_000);
    oracle.cost = |word| match word {
        "film" => 2.0,
        "movie" => 1.0,
        "new" => 1.0,
        _ => 0.0,
    };
    let config = EvolutionConfig { generations: Some(6), ..CONFIG };
    let list = "film movie picture\nmovie film picture\nnew old\n";
    let thesaurus = Generators { thesaurus: true, mask_fill: false };
    let mut evolution = search(config, thesaurus, &["{text} the new film was {mask}."], list, 1);
    let (found, end) = drive(&mut evolution, &mut oracle);
    assert_eq!(end, Proposal::Done);
    assert!(found[1].origin.contains(" -> "), "{}", found[1].origin);
    assert_eq!(best(&found, &oracle), "{text} the old picture was {mask}.");
    let state = evolution.state();
    let population = state["population"].as_array().unwrap();
    assert_eq!(population[0], "{text} the old picture was {mask}.");
    assert!(population.len() <= 6);
}

#[test]
fn members_that_predict_alike_are_one() {
    let mut oracle = Fake::new(20_000);
    oracle.vocabulary.extend(["story", "end"].map(str::to_owned));
    oracle.whole = missing;
    oracle.signature = |_| 1;
    let mut evolution = search(EvolutionConfig { generations: Some(3), ..CONFIG }, NONE, &PARENTS, "", 1);
    drive(&mut evolution, &mut oracle);
    assert!(evolution.dev_looks() > 0);
    assert_eq!(evolution.state()["population"].as_array().unwrap().len(), 1);
}

#[test]
fn without_labels_the_label_free_score_decides_who_survives() {
    for algorithm in [Algorithm::Ga, Algorithm::De] {
        let mut oracle = Fake::new(3_000);
        oracle.n_train = 0;
        oracle.vocabulary.extend(["story", "end"].map(str::to_owned));
        oracle.whole = missing;
        let mut evolution = search(EvolutionConfig { algorithm, ..CONFIG }, NONE, &PARENTS, "", 3);
        let (found, _) = drive(&mut evolution, &mut oracle);
        assert_eq!(best(&found, &oracle), CHILD);
        assert!(evolution.dev_looks() > 0);
    }
}

#[test]
fn chinese_templates_are_bred_without_spaces() {
    let mut oracle = Fake::new(20_000);
    oracle.whole = |text| ["总之", "很", "片子"].iter().filter(|part| !text.contains(*part)).count() as f64;
    let starts = ["{text}总之，电影{mask}。", "{text}电影很{mask}。"];
    let (found, _) = drive(&mut search(CONFIG, BOTH, &starts, "电影 影片 片子\n总之 确实\n很 真", 1), &mut oracle);
    let best = best(&found, &oracle);
    assert!(best.contains("总之") && best.contains('很') && best.contains("片子"), "{best}");
    assert!(texts(&found).iter().all(|text| !text.contains(' ') && !text.contains('好')), "{:?}", texts(&found));
}

#[test]
fn the_same_seed_gives_the_same_templates() {
    for algorithm in [Algorithm::Ga, Algorithm::De] {
        let run = |seed| {
            let mut oracle = Fake::new(900);
            let config = EvolutionConfig { algorithm, ..CONFIG };
            let starts = ["{text} the new film was {mask}.", "{text} it is really {mask}."];
            texts(&drive(&mut search(config, BOTH, &starts, "film movie picture", seed), &mut oracle).0)
        };
        assert_eq!(run(1), run(1));
        assert_ne!(run(1), run(2));
    }
}

fn text() -> impl Strategy<Value = String> {
    let words =
        ["film", "The", "was", "very", ",", ".", " ", "电影", "很", "总之", "：", "new", "a", "It", "[SEP]", "5"];
    proptest::collection::vec(proptest::sample::select(words.to_vec()), 0..7).prop_map(|words| words.join(" "))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn every_slot_stays_once_nothing_is_proposed_twice_and_the_budget_holds(
        parts in proptest::collection::vec(text(), 6), budget in 10u64..900, n_train in 0usize..9, turned in any::<bool>(),
        de in any::<bool>(), single in any::<bool>(),
    ) {
        let (first, second) = if turned { ("{mask}", "{text}") } else { ("{text}", "{mask}") };
        let starts = [
            format!("{}{{text}}{} it {{mask}}{}", parts[0], parts[1], parts[2]),
            format!("{}{first}{} this {second}{}", parts[3], parts[4], parts[5]),
        ];
        let mut oracle = Fake::new(budget);
        oracle.n_train = n_train;
        oracle.cost = |word| word.len() as f64;
        let config = EvolutionConfig {
            algorithm: if de { Algorithm::De } else { Algorithm::Ga },
            crossover: if single { Crossover::SinglePoint } else { Crossover::Uniform },
            population: 4,
            generations: Some(4),
            ..CONFIG
        };
        let starts: Vec<&str> = starts.iter().map(String::as_str).collect();
        let mut evolution = search(config, BOTH, &starts, "film movie\n电影 影片 片子\n很 真", 5);
        // `spend` fails where more is spent than is left.
        let (found, _) = drive(&mut evolution, &mut oracle);
        for candidate in &found {
            let pieces = candidate.prompt.template.pieces();
            let mut slots: Vec<String> = pieces.iter().filter(|p| !matches!(p, Piece::Text(_))).map(ToString::to_string).collect();
            slots.sort();
            prop_assert_eq!(slots, ["{mask}", "{text}"]);
            prop_assert_eq!(Template::parse(&candidate.prompt.template.to_string()).unwrap(), candidate.prompt.template.clone());
        }
        let all = texts(&found);
        prop_assert_eq!(all.iter().collect::<HashSet<_>>().len(), all.len());
    }
}
