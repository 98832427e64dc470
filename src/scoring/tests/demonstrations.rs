//! Demonstrations: scored as the text that they are, left out whole, and each text's own nearest ones.

use super::super::DEMOS;
use super::*;
use crate::prompt::{Demonstration, DemonstrationPool, Nearest, Representation};

const WORDS: &str = "negative=bad,positive=good";

fn shown(word: &str, text: &str) -> Demonstration {
    Demonstration { word: word.into(), fields: vec![("text".into(), text.into())], end: " ".into() }
}

fn with(demonstrations: &[Demonstration]) -> Prompt {
    let plain = prompt("{demos}{text} it was {mask}.", WORDS, &[]);
    Prompt { template: plain.template.with_demonstrations(demonstrations.iter()), ..plain }
}

fn pool() -> DemonstrationPool {
    let texts = [("good", "great film"), ("bad", "a waste"), ("good", "all in all fun"), ("bad", "dull , boring plot")];
    DemonstrationPool(texts.iter().map(|(word, text)| shown(word, text)).collect())
}

#[test]
fn demonstrations_are_scored_as_the_text_that_they_are() {
    for model in ["toy", "reviews-en"] {
        let scorer = Scorer::new(loaded(model), Settings::default());
        let prompts = [
            with(&pool().0[..2]),
            prompt("great film it was good. a waste it was bad. {text} it was {mask}.", WORDS, &[]),
        ];
        let all = [example(0, "very fun", 1), example(1, "an awful story !", 0)];
        let scores = scorer.score(&prompts, &names(&["text"]), &every(&all)).unwrap().scores;
        assert_eq!(scores[0], scores[1], "{model}");
    }
}

#[test]
fn what_does_not_fit_is_left_out_from_the_front_and_then_the_input_is_cut() {
    let scorer = scorer(MultiToken::Joint);
    let prompt = with(&pool().0);
    let encoder = scorer.encoder(&prompt.template, &[String::from("text")], 1).unwrap();
    let mut last = 4;
    for words in 0..80 {
        let text = vec!["fun"; words].join(" ");
        let encoded = encoder.encode(&example(0, &text, 1)).unwrap();
        assert!(encoded.ids.len() <= 64);
        let told = |name: &str| encoded.shortened.iter().find(|(n, _)| n == name).map(|(_, kept)| *kept);
        let kept = told(DEMOS).unwrap_or(4);
        assert!(kept <= last, "longer texts leave no more room");
        assert!(told("text").is_none() || kept == 0, "the input is cut last");
        last = kept;
        let texts = encoder.kept_texts(&example(0, &text, 1), &encoded);
        let there: Vec<bool> = texts[1..].iter().map(|text| !text.is_empty()).collect();
        assert_eq!(there, [4, 3, 2, 1].map(|needed| kept >= needed), "{words}: those in front go first");
        // All that is kept is in the ids.
        let rendered = encoder.render(&texts.iter().map(String::as_str).collect::<Vec<_>>(), &[]);
        assert_eq!(rendered.matches("it was").count(), kept + 1);
    }
    assert_eq!(last, 0);
    let refusing = Scorer::new(loaded("toy"), Settings { truncate: false, ..Settings::default() });
    let encoder = refusing.encoder(&prompt.template, &[String::from("text")], 1).unwrap();
    let error = encoder.encode(&example(2, &"fun ".repeat(40), 1)).unwrap_err().to_string();
    assert!(error.contains("row 3"), "{error}");
    let long = Demonstration { fields: vec![("text".into(), "fun ".repeat(70))], ..shown("good", "") };
    let error = scorer.check(&with(&[long.clone(), long]), &names(&["text"])).unwrap_err();
    assert_eq!(
        error.to_string(),
        "none of the 2 demonstration(s) fits into the 64 positions of toy, even without any input: take shorter ones"
    );
}

#[test]
fn the_nearest_are_scored_as_if_each_text_had_them_written_alone_or_together() {
    let columns = names(&["id", "text"]);
    let all: Vec<Example> = ["a great film", "what a waste", "a dull plot", "great film", ""]
        .iter()
        .enumerate()
        .map(|(row, text)| Example { row, fields: vec![row.to_string(), (*text).into()], label: Some(0) })
        .collect();
    for model in ["toy", "reviews-en", "toy-causal"] {
        let scorer = Scorer::new(loaded(model), Settings::default());
        for representation in Representation::ALL {
            let nearest = Nearest { k: 2, first: false, representation };
            let plain = prompt("{demos}{text} it was {mask}", WORDS, &[]);
            let template = plain.template.with_nearest(nearest);
            let nearest = Prompt { template, pool: Some(Arc::new(pool())), ..plain };
            assert_eq!(scorer.evaluations_per_example(&nearest).unwrap(), 2, "a representation and a pass");
            let round = scorer.score(std::slice::from_ref(&nearest), &columns, &every(&all)).unwrap();
            // Four representations of the pool, and two evaluations for each text.
            assert_eq!(round.costs[0].evaluations, 4 + 2 * 5);
            for (number, example) in all.iter().enumerate() {
                let alone = scorer.score(std::slice::from_ref(&nearest), &columns, &[example]).unwrap().scores;
                assert_near(
                    &alone[0][0],
                    &round.scores[0][number],
                    1e-5,
                    &format!("{model} {representation:?} {number} alone"),
                );
                let written = scorer.for_example(&nearest, &columns, example).unwrap();
                let shows = written.template.to_string();
                assert_eq!(shows.matches("{demo:").count(), 2, "{shows}");
                // The text itself is in the pool, and never shown for itself.
                assert!(number != 3 || !shows.contains("\"text\"=\"great film\""), "{shows}");
                let scores = scorer.score(&[written], &columns, &[example]).unwrap().scores;
                assert_near(
                    &scores[0][0],
                    &round.scores[0][number],
                    1e-5,
                    &format!("{model} {representation:?} {number} written"),
                );
            }
        }
        let lost = prompt("{nearest:2 last mean}{text} it was {mask}", WORDS, &[]);
        let error = scorer.score(&[lost], &columns, &every(&all)).unwrap_err().to_string();
        assert!(error.contains("chooses from demonstrations that are not there"), "{error}");
    }
}
