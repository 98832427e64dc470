//! The iterations against a fake oracle whose language and losses are known: no model, exact numbers.

use std::collections::HashSet;

use proptest::prelude::*;

use super::super::language::{Fake, drive, split, texts};
use super::super::paraphrase::{Generators, Synonyms, Thesaurus};
use super::super::phrase::Level;
use super::super::wording::Rewording;
use super::*;
use crate::prompt::{Candidate, Piece, Prompt, Template, Verbalizer};
use crate::search::{Proposal, Search};
use crate::seed::Stream;

const CONFIG: EditsConfig = EditsConfig {
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
const NONE: Generators = Generators { thesaurus: false, mask_fill: false };
const BOTH: Generators = Generators { thesaurus: true, mask_fill: true };

fn search(config: EditsConfig, generators: Generators, starts: &[&str], list: &str) -> Edits {
    let verbalizer = std::sync::Arc::new(Verbalizer::parse("a=bad,b=good|好").unwrap());
    let prompts: Vec<Prompt> =
        starts.iter().map(|start| Prompt::plain(Template::parse(start).unwrap(), verbalizer.clone())).collect();
    let lists = if list.is_empty() { Vec::new() } else { vec![Synonyms::parse(list).unwrap().into()] };
    let rewording = Rewording {
        generators,
        thesaurus: Thesaurus::of(lists, false).into(),
        round_trip: None,
        rephrase: None,
        n_texts: 2,
        likelihood: 3.0,
    };
    Edits::new(config, rewording, &prompts, Stream::new(13, "test", b""))
}

/// How far a template's words are from `film was`: words too many or too few, and a word before another that should be behind it.
fn far(text: &str) -> f64 {
    let words = split(&text.replace("{text}", "").replace("{mask}", "").replace('.', ""));
    let at = |wanted: &str| words.iter().position(|word| word == wanted);
    let others = words.iter().filter(|word| !["film", "was"].contains(&word.as_str())).count();
    let order = match (at("film"), at("was")) {
        (Some(film), Some(was)) => f64::from(u8::from(film > was)),
        _ => 2.0,
    };
    others as f64 + order
}

fn best(found: &[Candidate], oracle: &Fake) -> String {
    let loss = |c: &&Candidate| oracle.loss(&c.prompt.template);
    found.iter().min_by(|a, b| loss(a).total_cmp(&loss(b))).unwrap().prompt.template.to_string()
}

#[test]
fn an_optimum_that_only_deletions_and_swaps_reach_is_found_and_its_way_is_told() {
    let mut oracle = Fake::new(100_000);
    oracle.whole = far;
    let config = EditsConfig { level: Level::Word, patience: 4, iterations: Some(40), ..CONFIG };
    let mut edits = search(config, NONE, &["{text} was really the old film overall {mask}."], "");
    let (found, end) = drive(&mut edits, &mut oracle);
    assert_eq!(end, Proposal::Done);
    assert_eq!(split(&best(&found, &oracle).replace("{text}", "").replace("{mask}", "")), ["film", "was", "."]);
    assert_eq!(found[0].origin, "written");
    for (number, candidate) in found.iter().enumerate().skip(1) {
        let parent = candidate.parent.unwrap() as usize;
        assert!(parent < number);
        let (before, after) = (&found[parent].prompt.template, &candidate.prompt.template);
        assert!(oracle.loss(after) < oracle.loss(before), "only what is better is gone on from");
        match candidate.origin.split_once(" `").unwrap() {
            ("deleted", rest) => {
                let word = rest.trim_end_matches('`').to_lowercase();
                assert!(split(&before.to_string()).contains(&word) && !split(&after.to_string()).contains(&word));
            }
            ("swapped", _) => {
                let sorted = |t: &Template| {
                    let mut words = split(&t.to_string());
                    words.sort();
                    words
                };
                assert_eq!(sorted(before), sorted(after));
            }
            (other, _) => panic!("{other}: nothing else can be done here"),
        }
    }
    assert_eq!(edits.dev_looks(), 0, "train decided");
}

#[test]
fn what_was_deleted_is_put_back_where_it_is_needed() {
    let mut oracle = Fake::new(100_000);
    // First without it, then with it at another place.
    oracle.whole = |text| match () {
        () if text.contains("film really was") => 0.0,
        () if !text.contains("really") => 1.0,
        () => 2.0,
    };
    let config = EditsConfig { level: Level::Word, iterations: Some(60), patience: 20, ..CONFIG };
    let (found, _) =
        drive(&mut search(config, NONE, &["{text} really new old film was very bad {mask}."], ""), &mut oracle);
    let origins: Vec<&str> = found.iter().map(|c| c.origin.as_str()).collect();
    assert!(origins.contains(&"deleted `really`"), "{origins:?}");
    assert!(origins.contains(&"added `really` before `was`"), "{origins:?}");
}

#[test]
fn phrases_are_said_in_other_words_and_label_words_never_come_in() {
    let mut oracle = Fake::new(100_000);
    oracle.whole = |text| {
        let costs = [("picture", 0.0), ("movie", 1.0), ("film", 2.0)];
        costs.iter().find(|(word, _)| text.contains(word)).map_or(5.0, |(_, cost)| *cost)
    };
    let list = "film movie picture\nmovie picture flick\nnew good";
    let generators = Generators { thesaurus: true, mask_fill: false };
    let config = EditsConfig { iterations: Some(30), patience: 9, ..CONFIG };
    let (found, _) = drive(&mut search(config, generators, &["{text} the new film was {mask}."], list), &mut oracle);
    let said = found.iter().find(|c| c.origin.starts_with("paraphrased `")).unwrap();
    assert!(said.origin.contains("film`: film -> "), "{}", said.origin);
    for text in texts(&found) {
        assert!(!text.contains("good") && !text.contains("flick"), "{text}");
    }
}

#[test]
fn the_search_begins_anew_after_its_patience_or_is_over() {
    let starts = ["{text} the film was {mask}.", "{text} this new movie is {mask}."];
    let run = |config: EditsConfig| {
        let mut oracle = Fake::new(2_000);
        // Nothing is better than what was written.
        oracle.whole = |text| {
            if text.contains("new movie is") { 1.0 } else { f64::from(u8::from(!text.contains("the film was"))) }
        };
        let mut edits = search(config, NONE, &starts, "");
        let (found, end) = drive(&mut edits, &mut oracle);
        (found.len(), end, edits.state()["restarts"].as_u64().unwrap(), edits.state()["iteration"].as_u64().unwrap())
    };
    let (n, end, restarts, iterations) = run(EditsConfig { restarts: Some(0), ..CONFIG });
    assert_eq!((n, end, restarts, iterations), (2, Proposal::Done, 0, 2), "the published way");
    let (_, end, restarts, _) = run(CONFIG);
    assert_eq!(end, Proposal::Done, "nothing new is left");
    assert!(restarts >= 2, "{restarts}");
    assert_eq!(run(EditsConfig { iterations: Some(1), ..CONFIG }).3, 1);
}

#[test]
fn annealing_goes_on_from_what_is_worse() {
    let run = |temperature| {
        let mut oracle = Fake::new(3_000);
        oracle.whole = |text| split(text).len() as f64 * -0.1;
        let config = EditsConfig { temperature, iterations: Some(12), ..CONFIG };
        let (found, _) = drive(
            &mut search(config, NONE, &["{text} this film was really the very old story {mask}."], ""),
            &mut oracle,
        );
        found.len()
    };
    assert_eq!(run(0.0), 1, "every deletion is worse");
    assert!(run(5.0) > 1);
}

#[test]
fn several_are_gone_on_from_where_the_beam_is_wider_and_those_that_predict_alike_are_one() {
    let run = |same: bool| {
        let mut oracle = Fake::new(4_000);
        oracle.cost = |word| if word == "the" || word == "old" { 1.0 } else { 0.5 };
        if same {
            oracle.signature = |_| 1;
        }
        let config = EditsConfig { beam: 3, level: Level::Word, iterations: Some(4), ..CONFIG };
        let mut edits = search(config, NONE, &["{text} the old film was really the new story {mask}."], "");
        let (found, _) = drive(&mut edits, &mut oracle);
        let parents: HashSet<Option<u64>> = found.iter().map(|c| c.parent).collect();
        (parents.len(), edits.dev_looks(), edits.state()["beam"].as_array().unwrap().len())
    };
    let (parents, looks, _) = run(false);
    assert!(parents > 3 && looks == 0, "{parents} {looks}");
    assert!(run(true).1 > 0, "dev kept some from being parents");
}

#[test]
fn edits_can_be_several_at_once() {
    let mut oracle = Fake::new(100_000);
    oracle.whole = far;
    let config = EditsConfig { n_compose: 3, level: Level::Word, iterations: Some(20), ..CONFIG };
    let (found, _) = drive(&mut search(config, NONE, &["{text} was really the old film {mask}."], ""), &mut oracle);
    assert!(found.len() > 1);
    assert!(found.iter().skip(1).all(|c| c.origin.matches("; ").count() == 2), "{:?}", found.last());
}

#[test]
fn without_labels_the_label_free_score_leads() {
    let mut oracle = Fake::new(3_000);
    oracle.n_train = 0;
    oracle.whole = far;
    let config = EditsConfig { level: Level::Word, ..CONFIG };
    let mut edits = search(config, NONE, &["{text} was really the old film {mask}."], "");
    let (found, _) = drive(&mut edits, &mut oracle);
    assert!(found.iter().any(|c| c.parent.is_some_and(|p| p > 0)));
    assert!(oracle.loss(&Template::parse(&best(&found, &oracle)).unwrap()) <= 1.0, "{}", best(&found, &oracle));
    assert!(edits.dev_looks() > 0);
}

#[test]
fn chinese_phrases_are_edited_without_spaces() {
    let mut oracle = Fake::new(20_000);
    oracle.cost = |word| if word == "总" { 1.0 } else { 0.0 };
    oracle.whole = |text| if text.contains("片子") { 0.0 } else { 1.0 };
    let config = EditsConfig { iterations: Some(20), patience: 9, ..CONFIG };
    let list = "总之 总而言之\n电影 影片 片子\n确实 的确";
    let (found, _) = drive(&mut search(config, BOTH, &["{text}总之，它是{mask}电影，确实。"], list), &mut oracle);
    let best = best(&found, &oracle);
    assert!(!best.contains('总') && best.contains("片子"), "{best}");
    assert!(texts(&found).iter().all(|text| !text.contains(' ') && !text.contains('好')), "{:?}", texts(&found));
}

#[test]
fn the_same_seed_gives_the_same_templates() {
    let run = || {
        let mut oracle = Fake::new(900);
        oracle.whole = far;
        let list = "film movie picture";
        texts(&drive(&mut search(CONFIG, BOTH, &["{text} the new film was {mask}."], list), &mut oracle).0)
    };
    assert_eq!(run(), run());
}

fn text() -> impl Strategy<Value = String> {
    let words =
        ["film", "The", "was", "very", ",", ".", " ", "电影", "很", "总之", "：", "new", "a", "It", "[SEP]", "5"];
    proptest::collection::vec(proptest::sample::select(words.to_vec()), 1..9).prop_map(|words| words.join(" "))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn the_slots_stay_nothing_is_proposed_twice_and_the_budget_holds(
        before in text(), middle in text(), after in text(), budget in 10u64..700, n_train in 0usize..9,
        level in 0usize..3, n_compose in 1usize..3, beam in 1usize..3,
    ) {
        let start = format!("{before}{{text}}{middle}{{mask}}{after}");
        let mut oracle = Fake::new(budget);
        oracle.n_train = n_train;
        oracle.whole = far;
        let level = [Level::Phrase, Level::Word, Level::Sentence][level];
        let config = EditsConfig { level, n_compose, beam, iterations: Some(8), ..CONFIG };
        let mut edits = search(config, BOTH, &[&start], "film movie\n电影 影片 片子\n很 真");
        // `spend` fails where more is spent than is left.
        let (found, _) = drive(&mut edits, &mut oracle);
        let slots = |t: &Template| -> Vec<Piece> { t.pieces().iter().filter(|p| !matches!(p, Piece::Text(_))).cloned().collect() };
        let written = Template::parse(&start).unwrap();
        for candidate in &found {
            prop_assert_eq!(slots(&candidate.prompt.template), slots(&written));
            prop_assert_eq!(Template::parse(&candidate.prompt.template.to_string()).unwrap(), candidate.prompt.template.clone());
        }
        let all = texts(&found);
        prop_assert_eq!(all.iter().collect::<HashSet<_>>().len(), all.len());
    }
}
