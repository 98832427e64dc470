//! Scores, what they cost, and the cache.

use std::sync::OnceLock;

use proptest::prelude::*;

use super::*;
use crate::scoring::{Cost, ScoreCache, SetHash};

const RULES: [MultiToken; 4] =
    [MultiToken::Joint, MultiToken::Independent, MultiToken::PseudoLikelihood, MultiToken::Mean];

/// Words of one token, of two, of one to three, and with a beginning in common.
const VERBALIZERS: [&str; 7] = [
    "0=bad,1=good",
    "0=bad|awful|dull,1=great|fun",
    "0=boring,1=wonderful",
    "0=awful|boring,1=wonderful|good|watching",
    "0=差|糟,1=好",
    "0=很差|不满意,1=很好|满意",
    "0=不满意|糟|bad,1=好|满意",
];

fn texts() -> Vec<String> {
    names(&["text"])
}

/// `before` and `after` are the template's text with the example's in it.
fn assembled(loaded: &LoadedModel, before: &str, after: &str, n_mask: usize) -> Encoded {
    let tokenizer = &loaded.tokenizer;
    let mut ids = vec![tokenizer.cls_id().unwrap()];
    ids.extend(tokenizer.encode_text(before));
    let mask_at = ids.len();
    ids.extend(vec![tokenizer.mask_id().unwrap(); n_mask]);
    ids.extend(tokenizer.encode_text(after));
    ids.push(tokenizer.sep_id().unwrap());
    Encoded {
        ids,
        mask_at,
        read_at: mask_at,
        trigger_at: Vec::new(),
        soft_at: Vec::new(),
        shortened: Vec::new(),
        decoder_from: None,
    }
}

#[test]
fn every_rule_for_long_words_equals_its_definition() {
    let all = examples();
    for rule in RULES {
        let scorer = scorer(rule);
        for verbalizer in VERBALIZERS {
            let prompt = prompt("{text} It was {mask} .", verbalizer, &[]);
            let round = scorer.score(std::slice::from_ref(&prompt), &texts(), &every(&all)).unwrap();
            for (example, found) in all.iter().zip(&round.scores[0]) {
                let before = format!("{} It was ", example.fields[0]);
                let encoded = |n_mask| assembled(scorer.loaded(), &before, " .", n_mask);
                let expected = reference(scorer.loaded(), &prompt, rule, &encoded, None);
                assert_near(found, &expected, 1e-5, &format!("{rule:?} {verbalizer} {}", example.fields[0]));
                assert!((found.iter().map(|x| x.exp()).sum::<f64>() - 1.0).abs() < 1e-9);
            }
        }
    }
}

#[test]
fn a_fixed_number_of_masks_scores_words_of_that_length_the_same() {
    let all = examples();
    for rule in RULES {
        let scorer = scorer(rule);
        for (verbalizer, n) in [("0=bad,1=good", 1), ("0=boring,1=wonderful", 2), ("0=很差,1=满意|很好", 2)] {
            let free = prompt("{text} It was {mask}.", verbalizer, &[]);
            let fixed = prompt(&format!("{{text}} It was {{mask:{n}}}."), verbalizer, &[]);
            let score = |prompt: &Prompt| {
                scorer.score(std::slice::from_ref(prompt), &texts(), &every(&all)).unwrap().scores.remove(0)
            };
            assert_eq!(score(&free), score(&fixed));
        }
    }
}

#[test]
fn several_words_of_a_label_sum_their_probabilities_over_the_whole_vocabulary() {
    let scorer = scorer(MultiToken::Joint);
    let prompt = prompt("{text} It was {mask}.", "0=bad|awful|差,1=great|fun", &[]);
    for example in examples() {
        let filled = scorer.fill(&format!("{} It was {{mask}}.", example.fields[0]), usize::MAX).unwrap().remove(0);
        assert!((filled.iter().map(|f| f.logprob.exp()).sum::<f64>() - 1.0).abs() < 1e-4);
        assert!(filled.is_sorted_by(|a, b| a.logprob >= b.logprob));
        let probability = |token: &str| filled.iter().find(|f| f.token == token).unwrap().logprob.exp();
        let negative = probability("bad") + probability("awful") + probability("差");
        let positive = probability("great") + probability("fun");
        let expected = [(negative / (negative + positive)).ln(), (positive / (negative + positive)).ln()];
        let round = scorer.score(std::slice::from_ref(&prompt), &texts(), &[&example]).unwrap();
        assert_near(&round.scores[0][0], &expected, 1e-5, &example.fields[0]);
    }
}

#[test]
fn permuting_the_labels_permutes_the_scores() {
    let all = examples();
    for rule in RULES {
        let scorer = scorer(rule);
        let score = |verbalizer: &str| {
            let prompt = prompt("{text} It was {mask}.", verbalizer, &[]);
            scorer.score(&[prompt], &texts(), &every(&all)).unwrap().scores.remove(0)
        };
        let straight = score("a=bad|boring,b=good,c=fun|very good");
        let permuted = score("c=very good|fun,a=boring|bad,b=good");
        for (straight, permuted) in straight.iter().zip(&permuted) {
            assert_near(&[permuted[1], permuted[2], permuted[0]], straight, 1e-6, &format!("{rule:?}"));
        }
    }
}

fn pool() -> Vec<Prompt> {
    vec![
        prompt("{text} It was {mask}.", VERBALIZERS[0], &[]),
        prompt("{mask} {text}", VERBALIZERS[1], &[]),
        prompt("{text} {trigger:3}{mask}!", VERBALIZERS[0], &["truly", "verdict", ":"]),
        prompt("{text} {trigger:3}{mask}!", VERBALIZERS[0], &["##ing", "the", "总"]),
        prompt("The verdict, all in all: {mask} . {text}", VERBALIZERS[3], &[]),
        prompt("{trigger:1} {text} 总之很{mask}。{trigger:1}", VERBALIZERS[6], &["it", "!"]),
    ]
}

/// Each of the pool's prompts on each example, alone.
fn alone() -> &'static Vec<Vec<Vec<f64>>> {
    static ALONE: OnceLock<Vec<Vec<Vec<f64>>>> = OnceLock::new();
    ALONE.get_or_init(|| {
        let scorer = scorer(MultiToken::Joint);
        let score = |prompt: &Prompt, example: &Example| {
            scorer.score(std::slice::from_ref(prompt), &texts(), &[example]).unwrap().scores[0][0].clone()
        };
        pool().iter().map(|prompt| examples().iter().map(|example| score(prompt, example)).collect()).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn a_score_is_the_same_alone_and_in_any_batch(
        asked in proptest::collection::vec(0..6usize, 1..6),
        shown in Just((0..10).collect::<Vec<usize>>()).prop_shuffle(),
        n_shown in 1..=10usize,
        batch_size in proptest::sample::select(vec![1, 3, 32]),
        length_step in proptest::sample::select(vec![1, 16]),
    ) {
        let settings = Settings { batch_size, length_step, ..Settings::default() };
        let scorer = Scorer::new(loaded("toy"), settings);
        let (pool, all) = (pool(), examples());
        let prompts: Vec<Prompt> = asked.iter().map(|&p| pool[p].clone()).collect();
        let shown = &shown[..n_shown];
        let round = scorer.score(&prompts, &texts(), &shown.iter().map(|&e| &all[e]).collect::<Vec<_>>()).unwrap();
        for (scores, &p) in round.scores.iter().zip(&asked) {
            for (found, &e) in scores.iter().zip(shown) {
                assert_near(found, &alone()[p][e], 1e-5, &format!("prompt {p}, example {e}"));
            }
        }
    }
}

#[test]
fn a_score_of_the_built_in_models_is_the_same_alone_and_in_a_batch() {
    for (model, text, verbalizer) in [
        ("reviews-en", "{text} It was {mask}.", "0=terrible|boring,1=great"),
        ("reviews-zh", "{text}总之很{mask}。", "0=差|糟糕,1=好|不错"),
    ] {
        let prompt = Prompt::plain(template(text), Arc::new(Verbalizer::parse(verbalizer).unwrap()));
        let all = examples();
        let scorer = |batch_size, length_step| {
            Scorer::new(loaded(model), Settings { batch_size, length_step, ..Settings::default() })
        };
        let score = |scorer: &Scorer, examples: &[&Example]| {
            scorer.score(std::slice::from_ref(&prompt), &texts(), examples).unwrap().scores.remove(0)
        };
        let batched = score(&scorer(32, 16), &every(&all));
        let single = scorer(1, 1);
        for (example, batched) in all.iter().zip(&batched) {
            assert_near(&score(&single, &[example])[0], batched, 1e-5, &format!("{model}: {}", example.fields[0]));
        }
    }
}

#[test]
fn each_pass_over_an_example_is_one_evaluation() {
    let all = examples();
    let (model, passed) = altered(false);
    let scorer = Scorer::new(model, Settings::default());
    let prompts = [
        prompt("{text} It was {mask}.", "0=bad|awful,1=good", &[]),
        prompt("{text} It was {mask}.", "0=boring,1=wonderful", &[]),
        prompt("{text} It was {mask}.", "0=bad|很差,1=很好", &[]),
    ];
    let round = scorer.score(&prompts, &texts(), &every(&all)).unwrap();
    let n = all.len() as u64;
    // Two masks; then each beginning filled in; words of one token have a pass of their own.
    let passes = [1, 3, 3];
    for ((prompt, cost), passes) in prompts.iter().zip(&round.costs).zip(passes) {
        assert_eq!(scorer.evaluations_per_example(prompt).unwrap(), passes);
        assert_eq!((cost.evaluations, cost.forwards, cost.backwards), (n * passes, n * passes, 0));
    }
    // The third prompt's pass of one mask is the first's, and that of two the second's: what is charged twice is passed once.
    assert_eq!(passed.load(Ordering::Relaxed) as u64, n * 5);
    let tokens = |n_mask: usize| -> u64 {
        let before = |e: &Example| format!("{} It was ", e.fields[0]);
        all.iter().map(|e| assembled(scorer.loaded(), &before(e), ".", n_mask).ids.len() as u64).sum()
    };
    let expected = [tokens(1), 3 * tokens(2), tokens(1) + 2 * tokens(2)];
    assert_eq!(round.costs.iter().map(|cost| cost.tokens).collect::<Vec<_>>(), expected);
}

#[test]
fn a_known_score_costs_the_same_and_is_not_computed_again() {
    let all = examples();
    let (model, passed) = altered(false);
    let scorer = Scorer::new(model.clone(), Settings::default());
    let mut cache = ScoreCache::default();
    let (a, b) = (prompt("{text} It was {mask}.", "0=bad,1=good", &[]), prompt("{mask}: {text}", "0=bad,1=good", &[]));
    let (train, dev) = (SetHash([1; 32]), SetHash([2; 32]));
    let n = all.len();
    let ask = |cache: &mut ScoreCache, prompts: &[Prompt], set| {
        cache.score(&scorer, prompts, &texts(), &every(&all), set).unwrap()
    };

    let first = ask(&mut cache, &[a.clone(), b.clone(), a.clone()], train);
    assert_eq!((passed.load(Ordering::Relaxed), cache.hits()), (2 * n, 1));
    assert_eq!(first[0], first[2]);
    assert_eq!(first[0].cost.evaluations, n as u64);

    let second = ask(&mut cache, &[b.clone(), a.clone()], train);
    assert_eq!((passed.load(Ordering::Relaxed), cache.hits()), (2 * n, 3));
    assert_eq!(second, [first[1].clone(), first[0].clone()]);

    ask(&mut cache, std::slice::from_ref(&a), dev);
    assert_eq!((passed.load(Ordering::Relaxed), cache.hits()), (3 * n, 3));

    // Anything else that can change a score.
    for settings in [
        Settings { multi_token: MultiToken::Mean, ..Settings::default() },
        Settings { truncate: false, ..Settings::default() },
        Settings { batch_size: 3, ..Settings::default() },
        Settings { length_step: 16, ..Settings::default() },
    ] {
        let before = passed.load(Ordering::Relaxed);
        let other = Scorer::new(model.clone(), settings);
        let known = cache.score(&other, std::slice::from_ref(&a), &texts(), &every(&all), train).unwrap();
        assert_eq!(passed.load(Ordering::Relaxed), before + n);
        assert_eq!(known[0].cost, first[0].cost);
    }
    assert_eq!(cache.hits(), 3);
    let nothing = ask(&mut cache, &[], train);
    assert!(nothing.is_empty());
}

#[test]
fn shortened_examples_are_counted() {
    let long = "good ".repeat(100);
    let all = [example(0, "good", 1), example(1, &long, 1), example(2, &long, 0)];
    let prompts = [
        prompt("{text} It was {mask}.", "0=boring,1=wonderful|good", &[]),
        prompt("It was {mask}.", "0=bad,1=good", &[]),
    ];
    let round = scorer(MultiToken::Joint).score(&prompts, &texts(), &every(&all)).unwrap();
    assert_eq!(round.truncated, [2, 0]);
    assert_eq!(round.scores[0][1], round.scores[0][2]);
}

#[test]
fn an_explanation_agrees_with_the_score() {
    let long = "very good ".repeat(60);
    for rule in RULES {
        let scorer = scorer(rule);
        for (text, verbalizer, triggers) in [
            ("{text} It was {mask}.", "0=bad|awful,1=good", &[][..]),
            ("{text} {trigger:2}{mask}.", "0=bad|不满意,1=很好|好", &["truly", "总"]),
        ] {
            for shown in ["a dull film", &long] {
                let prompt = prompt(text, verbalizer, triggers);
                let example = example(0, shown, 0);
                let explained = scorer.explain(&prompt, &texts(), &example, 3).unwrap();
                let words: Vec<(usize, f64)> =
                    explained.words.iter().map(|w| (usize::from(w.label == "1"), w.logprob.exp())).collect();
                let sums = [0, 1].map(|label| words.iter().filter(|w| w.0 == label).map(|w| w.1).sum::<f64>());
                let expected = sums.map(|sum| (sum / (sums[0] + sums[1])).ln());
                let found: Vec<f64> = explained.labels.iter().map(|(_, logprob)| *logprob).collect();
                assert_near(&found, &expected, 1e-5, &format!("{rule:?} {text}"));
                assert_eq!(explained.truncated.is_some(), shown != "a dull film");
                assert!(explained.masks.iter().all(|mask| mask.len() == 3));
                assert_eq!(explained.passes as u64, scorer.evaluations_per_example(&prompt).unwrap());
            }
        }
    }
}

#[test]
fn nothing_to_score_costs_nothing() {
    let scorer = scorer(MultiToken::Joint);
    let prompt = prompt("{text} {mask}", "0=bad,1=good", &[]);
    let round = scorer.score(std::slice::from_ref(&prompt), &texts(), &[]).unwrap();
    assert_eq!((round.scores, round.costs), (vec![vec![]], vec![Cost::default()]));
    assert!(scorer.score(&[], &texts(), &every(&examples())).unwrap().scores.is_empty());
}
