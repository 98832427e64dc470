//! The rounds against a fake oracle whose language and losses are known: no model, exact numbers.

use std::collections::HashSet;

use proptest::prelude::*;

use super::super::language::{Fake, drive, split, texts};
use super::word::is_han;
use super::*;
use crate::prompt::{Candidate, Piece, Prompt, Template, Verbalizer};
use crate::search::{Proposal, Search};
use crate::seed::Stream;

const CONFIG: ParaphraseConfig = ParaphraseConfig {
    generators: Generators { thesaurus: true, mask_fill: true },
    n_candidates: 6,
    beam: 2,
    batch_size: 4,
    n_texts: 2,
    likelihood: 3.0,
    rounds: None,
};
const THESAURUS: Generators = Generators { thesaurus: true, mask_fill: false };
const MASK_FILL: Generators = Generators { thesaurus: false, mask_fill: true };

fn search(config: ParaphraseConfig, starts: &[&str], list: &str) -> Paraphrase {
    let verbalizer = std::sync::Arc::new(Verbalizer::parse("a=bad,b=good|好").unwrap());
    let prompts: Vec<Prompt> =
        starts.iter().map(|start| Prompt::plain(Template::parse(start).unwrap(), verbalizer.clone())).collect();
    let lists = if list.is_empty() { Vec::new() } else { vec![Synonyms::parse(list).unwrap().into()] };
    let thesaurus = Thesaurus::of(lists, true);
    Paraphrase::new(config, thesaurus.into(), &prompts, Stream::new(13, "test", b""))
}

#[test]
fn the_best_template_is_found_over_several_rounds_and_every_parent_is_recorded() {
    let mut oracle = Fake::new(100_000);
    oracle.cost = |word| match word {
        "it" | "was" => 1.0,
        "film" => 2.0,
        "movie" => 1.5,
        "new" => 3.0,
        _ => 0.0,
    };
    let mut search = search(
        ParaphraseConfig { generators: THESAURUS, ..CONFIG },
        &["{text} the new film was {mask}."],
        "film movie picture\nnew old\nmovie flick",
    );
    let (found, end) = drive(&mut search, &mut oracle);
    assert_eq!(end, Proposal::Done);
    let best = found.iter().min_by(|a, b| oracle.loss(&a.prompt.template).total_cmp(&oracle.loss(&b.prompt.template)));
    assert_eq!(best.unwrap().prompt.template.to_string(), "{text} the old picture was {mask}.");
    assert_eq!(found[0].origin, "written");
    for (number, candidate) in found.iter().enumerate().skip(1) {
        let parent = candidate.parent.unwrap() as usize;
        assert!(parent < number);
        let (old, new) = candidate.origin.split_once(" -> ").unwrap();
        let made = found[parent].prompt.template.to_string().replacen(old, new, 1);
        assert_eq!(candidate.prompt.template.to_string(), made);
    }
    assert!(!texts(&found).iter().any(|text| text.contains("flick")), "the model finds it unlikely");
    assert_eq!(search.dev_looks(), 0, "train decided");
}

#[test]
fn the_model_puts_in_leaves_out_and_replaces() {
    let mut oracle = Fake::new(100_000);
    let mut search = search(
        ParaphraseConfig { generators: MASK_FILL, beam: 6, rounds: Some(6), ..CONFIG },
        &["{text} This film was {mask}."],
        "",
    );
    let (found, _) = drive(&mut search, &mut oracle);
    let origins: Vec<&str> = found.iter().map(|c| c.origin.as_str()).collect();
    for part in ["put in `", "left out `", " -> "] {
        assert!(origins.iter().any(|origin| origin.contains(part)), "{part}: {origins:?}");
    }
    for text in texts(&found) {
        let own = text.to_lowercase();
        assert!(!own.contains("strugg"), "a piece of a word: {text}");
        assert!(!own.contains("bad") && !own.contains("good"), "a label word: {text}");
        assert!(!own.contains("  ") && !own.contains(" .") && !own.contains("电"), "{text}");
        let words = split(&own.replace("{text}", "").replace("{mask}", ""));
        assert!(words.windows(2).all(|pair| pair[0] != pair[1]), "{text}");
    }
}

#[test]
fn a_word_that_the_rest_needs_is_not_left_out() {
    let run = |needed| {
        let mut oracle = Fake::new(100_000);
        oracle.needed = needed;
        // A beam as wide as a round: whatever is rewritten is proposed.
        let config = ParaphraseConfig { generators: MASK_FILL, n_candidates: 60, beam: 60, rounds: Some(3), ..CONFIG };
        let (found, _) = drive(&mut search(config, &["{text} This new film was {mask}."], ""), &mut oracle);
        found.iter().any(|c| c.origin == "left out `new`")
    };
    assert!(run(None));
    assert!(!run(Some("new")));
}

#[test]
fn chinese_words_are_replaced_whole_and_two_characters_are_put_in_together() {
    let mut oracle = Fake::new(100_000);
    let config = ParaphraseConfig { beam: 6, rounds: Some(6), ..CONFIG };
    let (found, _) =
        drive(&mut search(config, &["{text}总之它是{mask}电影。"], "电影 影片 片子\n确实 的确"), &mut oracle);
    let found: Vec<&Candidate> = found.iter().collect();
    assert!(
        found.iter().any(|c| c.origin == "电影 -> 片子"),
        "{:?}",
        found.iter().map(|c| &c.origin).collect::<Vec<_>>()
    );
    for candidate in &found {
        let text = candidate.prompt.template.to_string();
        assert!(!text.contains('好'), "a label word: {text}");
        assert!(!text.contains("film") && !text.contains(' '), "{text}");
    }
    let two =
        found.iter().any(|c| c.origin.starts_with("put in `") && c.origin.chars().filter(|&c| is_han(c)).count() >= 3);
    assert!(two, "{:?}", found.iter().map(|c| &c.origin).collect::<Vec<_>>());
}

#[test]
fn duplicates_go_by_text_by_tokens_and_by_predictions() {
    // The same text twice, and one that the tokenizer cannot tell from the first.
    let starts = ["{text} the film was {mask}.", "{text} the film was {mask}.", "{text} The  film was {mask}."];
    let mut oracle = Fake::new(100_000);
    let (found, _) = drive(&mut search(ParaphraseConfig { rounds: Some(0), ..CONFIG }, &starts, ""), &mut oracle);
    assert_eq!(texts(&found), [starts[0]]);

    // All predict the same: nothing but the first is ever a parent.
    let mut oracle = Fake::new(100_000);
    oracle.signature = |_| 1;
    oracle.cost = |word| if word == "film" { 1.0 } else { 0.0 };
    let config = ParaphraseConfig { generators: THESAURUS, ..CONFIG };
    let mut same = search(config, &["{text} the new film was {mask}."], "film movie picture\nnew old");
    let (found, _) = drive(&mut same, &mut oracle);
    assert!(found.len() > 2 && found.iter().skip(1).all(|c| c.parent == Some(0)));
    assert!(same.dev_looks() > 0, "dev kept a better one from being a parent");
    let all = texts(&found);
    assert_eq!(all.iter().collect::<HashSet<_>>().len(), all.len());
}

#[test]
fn without_labels_everything_is_proposed_and_the_label_free_score_leads() {
    let mut oracle = Fake::new(100_000);
    oracle.n_train = 0;
    oracle.cost = |word| if word == "film" { 2.0 } else { 0.0 };
    let config = ParaphraseConfig { generators: THESAURUS, beam: 1, ..CONFIG };
    let mut search = search(config, &["{text} the new film was {mask}."], "film movie picture\nnew old");
    let (found, end) = drive(&mut search, &mut oracle);
    assert_eq!(end, Proposal::Done);
    assert!(found.len() >= 4, "{:?}", texts(&found));
    assert!(found.iter().any(|c| c.parent.is_some_and(|p| p > 0)));
    assert!(search.dev_looks() > 0);
}

#[test]
fn the_same_seed_gives_the_same_templates() {
    let run = || {
        let mut oracle = Fake::new(900);
        texts(&drive(&mut search(CONFIG, &["{text} the new film was {mask}."], "film movie picture"), &mut oracle).0)
    };
    assert_eq!(run(), run());
}

#[test]
fn templates_to_start_from_stop_where_the_budget_does() {
    let starts = ["{text} it was {mask}.", "{text} it is {mask}.", "{text} this is {mask}."];
    let (found, end) = drive(&mut search(CONFIG, &starts, ""), &mut Fake::new(25));
    assert_eq!((found.len(), end), (2, Proposal::OutOfBudget));
    let (found, end) = drive(&mut search(CONFIG, &starts, ""), &mut Fake::new(30));
    assert_eq!((found.len(), end), (3, Proposal::OutOfBudget));
}

fn text() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        Just("film"),
        Just("The"),
        Just("was"),
        Just("very"),
        Just(","),
        Just("."),
        Just(" "),
        Just(" "),
        Just("电影"),
        Just("很"),
        Just("总之"),
        Just("："),
        Just("new"),
        Just("a"),
        Just("It"),
        Just("[SEP]"),
        Just("5"),
    ];
    proptest::collection::vec(word, 1..9).prop_map(|words| words.join(" "))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn the_slots_stay_and_the_budget_holds(before in text(), middle in text(), after in text(), budget in 10u64..700, n_train in 0usize..9) {
        let start = format!("{before}{{text}}{middle}{{mask}}{after}");
        let mut oracle = Fake::new(budget);
        oracle.n_train = n_train;
        let mut search = search(ParaphraseConfig { rounds: Some(5), ..CONFIG }, &[&start], "film movie\n电影 影片 片子\n很 真");
        // `spend` fails where more is spent than is left.
        let (found, _) = drive(&mut search, &mut oracle);
        let slots = |t: &Template| -> Vec<Piece> { t.pieces().iter().filter(|p| !matches!(p, Piece::Text(_))).cloned().collect() };
        let written = Template::parse(&start).unwrap();
        for candidate in &found {
            prop_assert_eq!(slots(&candidate.prompt.template), slots(&written));
            prop_assert_eq!(Template::parse(&candidate.prompt.template.to_string()).unwrap(), candidate.prompt.template.clone());
        }
    }
}

/// Says what was looked up; there and back are the same.
struct Phrases(&'static [(&'static str, &'static str)]);

impl Translate for Phrases {
    fn translate(&self, text: &str, n: usize) -> Result<Vec<(String, f64)>, crate::scoring::ScoringError> {
        let known = self.0.iter().filter(|(from, _)| *from == text);
        Ok(known.take(n).enumerate().map(|(rank, (_, to))| ((*to).to_owned(), -(rank as f64))).collect())
    }
}

fn round_trip(back: &'static [(&'static str, &'static str)]) -> Option<RoundTrip> {
    const THERE: &[(&str, &str)] = &[("it was", "es war"), ("it was", "das war"), ("is it", "ist es"), ("它", "it")];
    let there: std::sync::Arc<dyn Translate> = std::sync::Arc::new(Phrases(THERE));
    Some(RoundTrip { forward: there, backward: std::sync::Arc::new(Phrases(back)), beams: 3 })
}

const BACK: &[(&str, &str)] = &[
    ("es war", "it was"),
    ("es war", "this was"),
    ("es war", "It was good"),
    ("das war", "this was"),
    ("das war", "this seems flick"),
    ("das war", "nobody knows"),
    ("it", "这"),
];
const NONE: Generators = Generators { thesaurus: false, mask_fill: false };

#[test]
fn what_comes_back_from_another_language_is_a_paraphrase_if_it_is_likely_and_says_no_label_word() {
    let mut oracle = Fake::new(100_000);
    let config = ParaphraseConfig { generators: NONE, likelihood: 2.0, ..CONFIG };
    let starts = ["{text} it was {mask}.", "{text}它{mask}。"];
    let (found, end) = drive(&mut search(config, &starts, "").with_round_trip(round_trip(BACK)), &mut oracle);
    assert_eq!(texts(&found[2..]), ["{text} this was {mask}.", "{text}这{mask}。"]);
    assert_eq!(end, Proposal::Done, "every parent went its way once");
    assert_eq!(found[2].origin, "`it was` -> `this was`");
    assert_eq!(found[2].parent, Some(0));
    let config = ParaphraseConfig { likelihood: 20.0, beam: 6, ..config };
    let (found, _) = drive(&mut search(config, &starts, "").with_round_trip(round_trip(BACK)), &mut Fake::new(100_000));
    assert!(texts(&found).contains(&"{text} this seems flick {mask}.".to_owned()), "{found:?}");
}

#[test]
fn the_way_by_another_language_keeps_to_the_budget_beside_other_generators() {
    for budget in 0..400 {
        let mut oracle = Fake::new(budget);
        let trip = round_trip(BACK);
        drive(&mut search(CONFIG, &["{text} it was {mask}."], "film movie").with_round_trip(trip), &mut oracle);
    }
}
