//! Every error, as a person reads it.

use super::*;
use crate::error::{ExitCode, Fault};
use crate::scoring::AnswerWay;
use crate::scoring::{Encoder, ScoringError};

fn refused(template: &str, verbalizer: &str) -> String {
    let prompt = prompt(template, verbalizer, &[]);
    let scorer = scorer(MultiToken::Joint);
    let error = scorer.check(&prompt, &names(&["text"])).unwrap_err();
    let scored = scorer.score(&[prompt], &names(&["text"]), &[&example(0, "good", 1)]).unwrap_err();
    assert_eq!(error.to_string(), scored.to_string());
    error.to_string()
}

#[test]
fn a_label_word_that_the_model_cannot_take_is_named() {
    assert_eq!(
        refused("{text} {mask}", "0=bad,1=zebra"),
        "label `1`: the tokenizer of toy cannot write the word `zebra` (it becomes [UNK])"
    );
    assert_eq!(
        refused("{text} {mask}", "0=bad,1=\u{200b}"),
        "label `1`: the tokenizer of toy cannot write the word `\u{200b}` (nothing is left of it)"
    );
    assert_eq!(
        refused("{text} {mask:2}", "0=boring,1=good"),
        "label `1`: the word `good` is 1 token(s) long for toy, but the template has {mask:2}; use {mask}, or words of 2 \
         token(s)"
    );
    assert_eq!(
        refused("{text} {mask}", "0=bad|good,1=Good"),
        "labels `0` and `1`: the words `good` and `Good` are the same tokens for toy"
    );
}

#[test]
fn a_template_that_the_model_cannot_take_is_named() {
    let words = "0=bad,1=good";
    assert_eq!(
        refused("{body} {mask}", words),
        "template `{body} {mask}`: the data has no column `body` (columns: text)"
    );
    assert_eq!(refused("{text} good", words), "template `{text} good`: needs exactly one {mask}, has 0");
    assert_eq!(
        refused("{mask} {text} {mask}", words),
        "template `{mask} {text} {mask}`: needs exactly one {mask}, has 2"
    );
    assert_eq!(
        refused("{soft:2}{text} {mask}", words),
        "template `{soft:2}{text} {mask}`: a {soft} slot has no vectors here: soft_prompt trains them, and its \
         prompt.safetensors holds them"
    );
    assert_eq!(
        refused("{demos}{text} {mask}", words),
        "template `{demos}{text} {mask}`: {demos} has no demonstrations here: a `demonstrations` item of an experiment chooses \
         them, and its prompt.json holds them"
    );
    assert_eq!(
        refused("{text} [MASK] {mask}", words),
        "template `{text} [MASK] {mask}`: write {mask} for the mask, not `[MASK]`"
    );
    let long = format!("{}{{text}} {{mask}}", "the ".repeat(61));
    assert_eq!(
        refused(&long, words),
        format!(
            "the template `{long}` is 64 tokens long without any input; toy has 64 positions, and at least one is needed for \
             the input"
        )
    );
    // Two masks are one more.
    let fits = format!("{}{{text}} {{mask}}", "the ".repeat(60));
    assert!(refused(&fits, "0=bad,1=wonderful").contains("is 64 tokens long"));
    let prompt = prompt(&fits, words, &[]);
    scorer(MultiToken::Joint).check(&prompt, &names(&["text"])).unwrap();
}

#[test]
fn a_template_without_an_input_may_fill_the_model() {
    let full = prompt(&format!("{}{{mask}}", "the ".repeat(61)), "0=bad,1=good", &[]);
    let scorer = scorer(MultiToken::Joint);
    scorer.check(&full, &names(&["text"])).unwrap();
    let more = prompt(&format!("{}{{mask}}", "the ".repeat(62)), "0=bad,1=good", &[]);
    assert!(scorer.check(&more, &names(&["text"])).is_err());
}

#[test]
fn an_input_that_must_not_be_shortened_is_refused_with_its_row() {
    let settings = Settings { truncate: false, ..Settings::default() };
    let scorer = Scorer::new(loaded("toy"), settings);
    let prompt = prompt("{text} It was {mask}.", "0=bad,1=good", &[]);
    let all = [example(0, &"good ".repeat(58), 1), example(41, &"good ".repeat(59), 1)];
    let score = |examples: &[&Example]| scorer.score(std::slice::from_ref(&prompt), &names(&["text"]), examples);
    score(&[&all[0]]).unwrap();
    let error = score(&every(&all)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "input row 42: the prompt is 65 tokens long, toy has 64 positions; set `truncate: true` to shorten the input"
    );
    assert_eq!(error.exit_code(), ExitCode::Data);
}

#[test]
fn a_number_that_is_none_is_an_error_wherever_it_is_read() {
    let scorer = Scorer::new(altered(true).0, Settings::default());
    let columns = names(&["text"]);
    let example = example(0, "good", 1);
    for verbalizer in ["0=bad,1=good", "0=boring,1=good"] {
        let prompt = prompt("{text} {trigger:1}{mask}", verbalizer, &["it"]);
        let expected = "the model gave a score that is not a number for the prompt `{text} {trigger:1}{mask}`";
        let score = scorer.score(std::slice::from_ref(&prompt), &columns, &[&example]).unwrap_err();
        let gradient = scorer.gradient(&prompt, &columns, &[&example]).unwrap_err();
        assert_eq!((score.to_string(), gradient.to_string()), (expected.to_owned(), expected.to_owned()));
        assert_eq!(score.exit_code(), ExitCode::Model);
    }
    let fill = scorer.fill("good {mask}", 1).unwrap_err();
    assert_eq!(
        fill.to_string(),
        "the model gave a score that is not a number for the prompt `[CLS] good [MASK] [SEP]`"
    );
}

#[test]
fn a_text_that_cannot_be_filled_is_refused() {
    let scorer = scorer(MultiToken::Joint);
    let refused = |text: &str| scorer.fill(text, 1).unwrap_err();
    assert_eq!(refused("good").to_string(), "the text has no mask; write {mask} or [MASK] in `good`");
    let long = refused(&format!("{{mask}} {}", "good ".repeat(62)));
    assert_eq!(long.to_string(), "the text is 65 tokens long, toy has 64 positions");
    assert_eq!(long.exit_code(), ExitCode::Usage);
    let both = scorer.fill("{mask} it [MASK]", 2).unwrap();
    assert_eq!(both.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2]);
}

#[test]
fn the_class_of_an_error_is_that_of_the_contract() {
    let error = |template: &str, verbalizer: &str| {
        scorer(MultiToken::Joint).check(&prompt(template, verbalizer, &[]), &names(&["text"])).unwrap_err()
    };
    assert_eq!(error("{text}", "0=bad,1=good").exit_code(), ExitCode::Spec);
    assert_eq!(error("{text} {mask}", "0=bad,1=zebra").exit_code(), ExitCode::Model);
    let tokenizer = loaded("toy").tokenizer;
    let whole = template("{text} it was {mask}");
    let long =
        Encoder::new((&tokenizer, &AnswerWay::Masks), "toy", &whole, &names(&["text"]), 1, 5, true).err().unwrap();
    assert!(matches!(long, ScoringError::TemplateTooLong { found: 5, positions: 5, .. }));
    assert_eq!(long.exit_code(), ExitCode::Model);
}
