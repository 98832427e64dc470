//! What is said of a prompt before it is scored, and which tokens a trigger may hold.

use super::*;
use crate::scoring::trigger_vocabulary;
use crate::spec::{Script, VocabularyFilter};

const WORDS: &str = "0=awful|boring,1=wonderful|好";

fn flags(template: &str, triggers: &[&str]) -> (Vec<String>, usize) {
    let dev = [example(0, "I say: the film was very dull, overall", 0), example(1, "电影很糟", 0)];
    let prompt = prompt(template, WORDS, triggers);
    scorer(MultiToken::Joint).prompt_flags(&prompt, &names(&["text"]), &every(&dev)).unwrap()
}

#[test]
fn a_prompt_that_says_nothing_amiss_has_no_flags_and_its_tokens_are_counted() {
    assert_eq!(flags("{text} It was {trigger:2}{mask}.", &["truly", "the"]), (vec![], 5));
    assert_eq!(flags("{mask:2}{text}", &[]), (vec![], 0));
    assert_eq!(flags("{text} [SEP] {mask}", &[]), (vec![], 1));
}

#[test]
fn a_label_word_in_the_prompt_is_a_leak() {
    for (template, triggers) in [
        ("{text} It was an AWFUL {mask}", &[][..]),
        ("{text} not boring {mask}", &[]),
        ("很好{text}{mask}", &[]),
        ("{text} {trigger:2}{mask}", &["the", "awful"]),
        ("{text} {trigger:2}{mask}", &["bor", "##ing"]),
        ("{text} {trigger:1}{trigger:1}{mask}", &["bor", "##ing"]),
    ] {
        assert!(flags(template, triggers).0.contains(&"label_leak".to_owned()), "{template}");
    }
    for (template, triggers) in [
        ("{text} It was good {mask}", &[][..]),
        ("{text} {trigger:2}{mask}", &["bor", "the"]),
        // The mask stands between the two halves.
        ("{text} {trigger:1}{mask}{trigger:1}", &["bor", "##ing"]),
    ] {
        assert!(!flags(template, triggers).0.contains(&"label_leak".to_owned()), "{template}");
    }
}

#[test]
fn five_tokens_in_a_row_of_a_dev_text_are_a_leak() {
    assert_eq!(flags("{text} the film was very dull {mask}", &[]).0, ["label_leak"]);
    assert_eq!(flags("{text} the film {trigger:3}{mask}", &["was", "very", "dull"]).0, ["label_leak"]);
    assert!(flags("{text} the film was very {mask}", &[]).0.is_empty());
    assert!(flags("{text} the film was {mask} very dull", &[]).0.is_empty());
}

#[test]
fn triggers_that_text_cannot_hold_are_told() {
    assert_eq!(flags("{text} {trigger:2}{mask}", &["##ing", "the"]).0, ["retokenises"]);
    assert_eq!(flags("{trigger:1} {text} {trigger:1}{mask}", &["the", "##s"]).0, ["retokenises"]);
    assert!(flags("{text} {trigger:2}{mask}", &["film", "##s"]).0.is_empty());
    assert!(flags("{text} {trigger:3}{mask}", &["很", "movie", "."]).0.is_empty());
}

#[test]
fn a_trigger_may_hold_neither_special_tokens_nor_those_of_label_words() {
    let tokenizer = loaded("toy").tokenizer;
    let verbalizer = Verbalizer::parse(WORDS).unwrap();
    for words_only in [true, false] {
        let vocabulary = trigger_vocabulary(
            &tokenizer,
            &verbalizer,
            &VocabularyFilter { words_only, ..VocabularyFilter::default() },
        );
        let tokens: Vec<String> = vocabulary.iter().map(|&id| tokenizer.token(id).unwrap()).collect();
        let has = |token: &str| tokens.iter().any(|t| t == token);
        assert!(vocabulary.is_sorted());
        for left_out in ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "awful", "bor", "##ing", "wonder", "##ful", "好"]
        {
            assert!(!has(left_out), "{left_out}");
        }
        assert!(["good", "很", "verdict"].into_iter().all(has));
        for piece in [".", "，", "##ed", "["] {
            assert_eq!(has(piece), !words_only, "{piece}");
        }
    }
}

#[test]
fn the_vocabularies_of_the_built_in_models_have_words_that_survive_on_their_own() {
    for (model, words, word) in [("reviews-en", "0=terrible,1=great", "film"), ("reviews-zh", "0=差,1=好", "店")] {
        let tokenizer = loaded(model).tokenizer;
        let verbalizer = Verbalizer::parse(words).unwrap();
        let vocabulary = trigger_vocabulary(&tokenizer, &verbalizer, &VocabularyFilter::default());
        assert!(vocabulary.len() > 1_000, "{model}: {}", vocabulary.len());
        assert!(vocabulary.contains(&tokenizer.token_id(word).unwrap()));
        for &id in &vocabulary {
            assert!(!tokenizer.special_ids().contains(&id));
            assert_eq!(tokenizer.encode_text(&tokenizer.decode(&[id])), [id], "{model}: {:?}", tokenizer.token(id));
        }
        for word in verbalizer.labels.iter().flat_map(|label| &label.words) {
            assert!(tokenizer.encode_text(word).iter().all(|id| !vocabulary.contains(id)));
        }
    }
}

#[test]
fn a_vocabulary_is_narrowed_to_a_script_lower_case_and_without_words() {
    let tokenizer = loaded("toy").tokenizer;
    let verbalizer = Verbalizer::parse("a=bad,b=good").unwrap();
    let texts = |filter: VocabularyFilter| -> Vec<String> {
        let ids = trigger_vocabulary(&tokenizer, &verbalizer, &filter);
        ids.into_iter().map(|id| tokenizer.token(id).unwrap()).collect()
    };
    let all = texts(VocabularyFilter::default());
    let han = texts(VocabularyFilter { script: Script::Han, ..VocabularyFilter::default() });
    let latin = texts(VocabularyFilter { script: Script::Latin, ..VocabularyFilter::default() });
    assert_eq!(han.len() + latin.len(), all.len());
    assert!(han.contains(&"总".to_owned()) && latin.contains(&"very".to_owned()) && han.len() > 5);
    let exclude = vec!["Very".to_owned(), "总".to_owned()];
    let without = texts(VocabularyFilter { exclude, ..VocabularyFilter::default() });
    assert_eq!(without.len() + 2, all.len());
    assert_eq!(
        texts(VocabularyFilter { lower_case: true, ..VocabularyFilter::default() }),
        all,
        "the toy has no capitals"
    );
}
