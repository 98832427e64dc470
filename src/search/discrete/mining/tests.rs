//! Small corpora whose templates are known.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::prompt::{Notation, Prompt, Template, Verbalizer};
use crate::scoring::{Gap, PromptGradient};
use crate::search::{Oracle, Proposal, Search, SearchError};
use crate::spec::MinedPlace;
use crate::task::Sentence;

/// Sentences of one file, given in parts of a few.
struct Lines(Vec<String>, usize);

impl Sentences for Lines {
    fn pass(
        &self,
        read: &(dyn Fn(&[Sentence<'_>]) -> Tally + Sync),
        take: &mut dyn FnMut(Tally),
    ) -> Result<Passed, SearchError> {
        let sentences: Vec<Sentence<'_>> =
            (self.0.iter().enumerate()).map(|(at, text)| Sentence { text, file: 0, line: at as u64 + 1 }).collect();
        sentences.chunks(self.1).for_each(|part| take(read(part)));
        Ok(Passed { bytes: 1, seconds: 0.0 })
    }

    fn place(&self, _: u32, line: u64) -> String {
        format!("corpus:{line}")
    }
}

/// Training facts, texts without labels, and a budget.
struct Fake {
    facts: Vec<(&'static str, usize)>,
    texts: Vec<String>,
    left: u64,
}

impl Oracle for Fake {
    fn n_train(&self) -> usize {
        self.facts.len()
    }
    fn example(&self, index: usize) -> Option<(Vec<(String, String)>, usize)> {
        let (subject, object) = self.facts[index];
        Some((vec![("subject".into(), subject.into())], object))
    }
    fn unlabelled_texts(&self, column: &str) -> Vec<&str> {
        assert_eq!(column, "text");
        self.texts.iter().map(String::as_str).collect()
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
    fn train_losses(&mut self, _: &[Prompt], _: &[usize]) -> Result<Vec<f64>, SearchError> {
        unreachable!("mining costs no evaluation")
    }
    fn gradient(&mut self, _: &Prompt, _: &[usize]) -> Result<PromptGradient, SearchError> {
        unreachable!("it goes along no gradient")
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
        unreachable!("mining costs no evaluation")
    }
    fn encode(&self, text: &str, _: bool) -> Option<Vec<u32>> {
        // It cannot write one of the words.
        (!text.to_lowercase().contains("zebra")).then(|| vec![1])
    }
    fn word(&self, _: u32) -> Option<String> {
        None
    }
}

const EN: [&str; 14] = [
    "Windows is developed by Microsoft.",
    "In short, Excel is developed by Microsoft, says the paper.",
    "macOS is  developed by Apple!",
    "Apple released macOS in 2001.",
    "Microsoft released Windows in 1985, and Excel in the same year.",
    "The maker of Excel is Microsoft Corp, the maker of Windows (since 1985) is Microsoft.",
    "the maker of macOS is Apple.",
    // Nothing can be taken of these.
    "Windows. Microsoft makes it.",
    "Windows, Excel and macOS are known.",
    "Windows (by Microsoft) sells.",
    "Windows , Microsoft .",
    "Windows95 is sold by Microsoft",
    "windows is sold by microsoft",
    // Facts of dev: they are not in train.
    "Android is made by Google, and Android is made by Google.",
];

const ZH: [&str; 6] = [
    "微信是腾讯公司研发的应用。",
    "众所周知，淘宝是阿里巴巴公司研发的应用。",
    "腾讯推出了微信，阿里巴巴推出了 淘宝。",
    "微信由腾讯开发。淘宝由 阿里巴巴 开发。",
    "《微信》是腾讯的。",
    "抖音由字节跳动开发。",
];

fn objects(words: &str) -> Arc<Verbalizer> {
    Arc::new(Verbalizer::parse(words).unwrap())
}

fn facts_config(window: usize) -> MiningConfig {
    MiningConfig { ground: Ground::Facts, n_templates: 40, min_support: 1, max_words: 10, window }
}

fn facts_search(task: &str, lines: &[&str], window: usize, part: usize, continues: bool) -> (Mining, Fake) {
    facts_with(facts_config(window), task, lines, part, continues)
}

fn facts_with(config: MiningConfig, task: &str, lines: &[&str], part: usize, continues: bool) -> (Mining, Fake) {
    let task = Template::parse_as(task, Notation::Facts).unwrap();
    let setting = Setting::of(&task, continues).unwrap();
    let (objects, facts) = match lines == ZH {
        true => (objects("腾讯=腾讯,阿里巴巴=阿里巴巴,字节跳动=字节跳动"), vec![("微信", 0), ("淘宝", 1)]),
        false => {
            let facts = vec![("Windows", 0), ("Excel", 0), ("macOS", 1)];
            (objects("Microsoft=Microsoft,Apple=Apple,Google=Google"), facts)
        }
    };
    let lines = Lines(lines.iter().map(|&line| line.to_owned()).collect(), part);
    let search = Mining::new(config, setting, objects, Some(Arc::new(lines)));
    (search, Fake { facts, texts: Vec::new(), left: u64::MAX })
}

/// What is proposed first: templates with their origins.
fn proposed(search: &mut Mining, oracle: &mut Fake) -> Vec<(String, String)> {
    match search.propose(oracle).unwrap() {
        Proposal::Candidates { candidates, .. } => {
            candidates.into_iter().map(|candidate| (candidate.prompt.template.to_string(), candidate.origin)).collect()
        }
        other => panic!("{other:?}"),
    }
}

fn templates(found: &[(String, String)]) -> Vec<&str> {
    found.iter().map(|(template, _)| template.as_str()).collect()
}

#[test]
fn words_between_the_names_of_facts_are_ranked_by_the_facts_that_support_them() {
    let (mut search, mut oracle) = facts_search("[X] is by [Y] .", &EN, 0, 3, false);
    let found = proposed(&mut search, &mut oracle);
    assert_eq!(
        templates(&found),
        [
            "{subject} is developed by {mask} .",
            // Each of two facts in two sentences.
            "{subject} is {mask} .",
            "{mask} released {subject} .",
            "{subject} (since 1985) is {mask} .",
            "{mask} Corp, the maker of {subject} .",
        ]
    );
    assert_eq!(found[0].1, "middle words of 3 facts in 3 sentences, first corpus:1");
    assert_eq!(found[2].1, "middle words of 2 facts in 2 sentences, first corpus:4");
    assert_eq!(search.propose(&mut oracle).unwrap(), Proposal::Done);
}

#[test]
fn windows_take_words_around_the_names_up_to_punctuation() {
    let (mut search, mut oracle) = facts_search("[X] is by [Y]", &EN, 2, 100, false);
    let found = proposed(&mut search, &mut oracle);
    let templates = templates(&found);
    for expected in [
        "{mask} released {subject} in.",
        "{mask} released {subject} in 2001.",
        "Maker of {subject} is {mask}.",
        "Of {subject} is {mask}.",
        "Of {subject} is {mask} Corp.",
    ] {
        assert!(templates.contains(&expected), "{expected}: {templates:?}");
    }
    assert!(templates.iter().all(|text| !text.contains("paper") && !text.contains("Google")), "{templates:?}");
    let origin = |text: &str| &found.iter().find(|(template, _)| template == text).unwrap().1;
    assert_eq!(origin("Maker of {subject} is {mask}."), "window of 2 facts in 2 sentences, first corpus:6");
}

#[test]
fn chinese_names_need_no_spaces_and_a_template_ends_as_its_language_does() {
    let (mut search, mut oracle) = facts_search("[x] 是 [z] 研发的", &ZH, 0, 2, false);
    let found = proposed(&mut search, &mut oracle);
    assert_eq!(templates(&found), ["{subject}是{mask}。", "{subject}由{mask}。", "{mask}推出了{subject}。"]);
    let (mut search, mut oracle) = facts_search("[x] 是 [z] 研发的", &ZH, 4, 2, false);
    let found = proposed(&mut search, &mut oracle);
    assert!(templates(&found).contains(&"{subject}是{mask}公司研发。"), "{found:?}");
    assert!(templates(&found).contains(&"{subject}由{mask}开发。"), "{found:?}");
}

#[test]
fn a_model_that_continues_text_gets_answers_that_stand_last() {
    let (mut search, mut oracle) = facts_search("[X] is by [Y]", &EN, 2, 100, true);
    let found = proposed(&mut search, &mut oracle);
    assert_eq!(found[0].0, "{subject} is developed by {mask}");
    assert!(found.len() > 3 && found.iter().all(|(text, _)| text.ends_with("{mask}")), "{found:?}");
}

#[test]
fn only_training_facts_are_looked_for() {
    // Android is no subject of train: whatever the corpus says of it, nothing is mined.
    let (mut search, mut oracle) = facts_search("[X] is by [Y]", &EN[13..], 2, 100, false);
    let error = search.propose(&mut oracle).unwrap_err().to_string();
    assert!(error.contains("of 1 sentences 0 hold what was looked for"), "{error}");
    let (mut search, mut oracle) = facts_search("[X] is by [Y]", &EN, 0, 100, false);
    let found = proposed(&mut search, &mut oracle);
    assert!(templates(&found).iter().all(|text| !text.contains("made")), "{found:?}");
    oracle.facts.clear();
    let (mut search, _) = facts_search("[X] is by [Y]", &EN, 0, 100, false);
    let error = search.propose(&mut oracle).unwrap_err().to_string();
    assert!(error.contains("`mining` needs labelled training examples"), "{error}");
}

#[test]
fn the_support_that_is_asked_for_and_the_budget_hold() {
    let config = MiningConfig { min_support: 2, ..facts_config(0) };
    let (mut search, mut oracle) = facts_with(config, "[X] is by [Y] .", &EN, 1, false);
    oracle.left = 8 * 2 + 7;
    let found = proposed(&mut search, &mut oracle);
    assert_eq!(found.len(), 2, "two are covered");
    oracle.left = 0;
    assert_eq!(search.propose(&mut oracle).unwrap(), Proposal::OutOfBudget);
    let config = MiningConfig { n_templates: 5, ..facts_config(2) };
    let (mut search, mut oracle) = facts_with(config, "[X] is by [Y] .", &EN, 1, false);
    assert_eq!(proposed(&mut search, &mut oracle).len(), 5);
}

fn texts(lines: &[&str]) -> Fake {
    Fake { facts: Vec::new(), texts: lines.iter().map(|&line| line.to_owned()).collect(), left: u64::MAX }
}

fn labels(task: &str, words: &str, places: &[MinedPlace], continues: bool) -> Mining {
    let setting = Setting::of(&Template::parse(task).unwrap(), continues).unwrap();
    let ground = Ground::Labels(places.to_vec());
    let config = MiningConfig { ground, n_templates: 40, min_support: 1, max_words: 3, window: 1 };
    Mining::new(config, setting, objects(words), None)
}

const REVIEWS: [&str; 6] = [
    "It was terrible, a bad film",
    "it was great. A GOOD film!",
    "I say it was great",
    "so good, so bad",
    "a terrible mess",
    "the zebra was bad and the zebra was good",
];

#[test]
fn contexts_of_label_words_of_several_labels_are_mined_without_labels() {
    let words = "negative=bad|terrible,positive=good|great";
    let mut oracle = texts(&REVIEWS);
    let found = proposed(&mut labels("{text} It is {mask}.", words, &MinedPlace::ALL, false), &mut oracle);
    assert_eq!(
        templates(&found),
        [
            // Of one word, of two and of three in turn, each at both places.
            "{text} Was {mask}.",
            "Was {mask}. {text}",
            "{text} It was {mask}.",
            "It was {mask}. {text}",
            "{text} A {mask}.",
            "A {mask}. {text}",
            "{text} A {mask} film.",
            "A {mask} film. {text}",
            "{text} {mask} film.",
            "{mask} film. {text}",
            "{text} So {mask}.",
            "So {mask}. {text}",
        ]
    );
}

#[test]
fn of_label_words_a_causal_model_gets_left_contexts_behind_the_text() {
    let words = "negative=bad|terrible,positive=good|great";
    let mut oracle = texts(&REVIEWS);
    let found = proposed(&mut labels("{text} It is {mask}", words, &MinedPlace::ALL, true), &mut oracle);
    assert!(templates(&found).contains(&"{text} It was {mask}"), "{found:?}");
    assert!(found.iter().all(|(text, _)| text.starts_with("{text} ") && text.ends_with(" {mask}")), "{found:?}");
}

#[test]
fn chinese_contexts_are_counted_by_characters() {
    let mut oracle = texts(&["房间很好，服务很差", "早餐很 好。", "真好", "位置不好也不差"]);
    let found =
        proposed(&mut labels("{text}总之{mask}。", "负面=差,正面=好", &[MinedPlace::After], false), &mut oracle);
    let found = templates(&found);
    assert!(found.contains(&"{text}很{mask}。") && found.contains(&"{text}不{mask}。"), "{found:?}");
    assert!(!found.iter().any(|text| text.contains('真') || text.contains("间很")), "{found:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn every_template_has_each_slot_once_and_no_name_whatever_the_parts(
        sentences in prop::collection::vec(prop::collection::vec(0usize..14, 2..12), 5..40),
        part in 1usize..9,
        window in 0usize..4,
    ) {
        const WORDS: [&str; 14] = ["Windows", "Microsoft", "Apple", "macOS", "Google", "is", "made", "by", ",", ".", "{the}", "是", "(", "in 2001"];
        let lines: Vec<String> =
            sentences.iter().map(|words| words.iter().map(|&at| WORDS[at]).collect::<Vec<_>>().join(" ")).collect();
        let mined = |part: usize| {
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            let (mut search, mut oracle) = facts_search("[X] is by [Y] .", &lines, window, part, false);
            match search.propose(&mut oracle) {
                Ok(Proposal::Candidates { candidates, .. }) => candidates,
                Err(SearchError::NothingMined { .. }) => Vec::new(),
                other => panic!("{other:?}"),
            }
        };
        let found = mined(part);
        for candidate in &found {
            let template = &candidate.prompt.template;
            let text = template.to_string();
            prop_assert_eq!(text.matches("{subject}").count(), 1, "{}", text);
            prop_assert_eq!(template.n_masks(), 1);
            prop_assert_eq!(&Template::parse(&text).unwrap(), template);
            for name in ["Windows", "Microsoft", "Apple", "macOS", "Google"] {
                prop_assert!(!text.contains(name), "{}", text);
            }
        }
        prop_assert_eq!(found, mined(1000));
    }
}
