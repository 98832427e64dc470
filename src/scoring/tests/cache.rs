//! What is known already, and what is the same.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

use super::*;
use crate::scoring::{Known, ScoreCache, ScoreKey, ScoreStore, SetHash};

const WORDS: &str = "0=terrible,1=great";
const SET: SetHash = SetHash([7; 32]);

#[derive(Default)]
struct Shelf(Mutex<HashMap<ScoreKey, Known>>);

impl ScoreStore for Shelf {
    fn find(&self, key: &ScoreKey) -> Option<Known> {
        self.0.lock().unwrap().get(key).cloned()
    }
    fn keep(&self, key: &ScoreKey, known: &Known) {
        self.0.lock().unwrap().insert(*key, known.clone());
    }
}

fn counting() -> (Scorer, Arc<AtomicUsize>) {
    let (loaded, passed) = altered(false);
    (Scorer::new(loaded, Settings::default()), passed)
}

fn score(cache: &mut ScoreCache, scorer: &Scorer, prompts: &[Prompt], examples: &[Example]) -> Vec<Known> {
    cache.score(scorer, prompts, &names(&["text"]), &every(examples), SET).unwrap()
}

#[test]
fn prompts_that_are_the_same_tokens_are_scored_once_and_each_is_charged() {
    let (scorer, passed) = counting();
    let texts =
        ["{text} it was {mask} .", "{text}  it was {mask} .", "{text} It was {mask}.", "it was {mask} . {text}"];
    let prompts: Vec<Prompt> = texts.iter().map(|text| prompt(text, WORDS, &[])).collect();
    let examples = examples();
    let known = score(&mut ScoreCache::default(), &scorer, &prompts, &examples);
    let alone: Vec<Known> = prompts
        .iter()
        .map(|prompt| {
            score(&mut ScoreCache::default(), &counting().0, std::slice::from_ref(prompt), &examples).remove(0)
        })
        .collect();
    let references: Vec<&Prompt> = prompts.iter().collect();
    let same_as = scorer.representatives(&references, &names(&["text"]), &every(&examples)).unwrap();
    assert_eq!(same_as[1], 0, "white space is none of the tokens");
    assert_eq!(same_as[3], 3);
    // Prompts that differ may be the same on one of the examples.
    let mut inputs = HashSet::new();
    for prompt in &prompts {
        let (columns, n_mask) = (names(&["text"]), 1);
        let encoder = scorer.encoder(&prompt.template, &columns, n_mask).unwrap();
        inputs.extend(examples.iter().map(|example| encoder.encode(example).unwrap().filled(&[], &[None])));
    }
    assert_eq!(passed.load(Ordering::Relaxed), inputs.len());
    for ((known, alone), same) in known.iter().zip(&alone).zip(&same_as) {
        assert_eq!(known.cost, alone.cost);
        let both = known.scores.iter().flatten().zip(alone.scores.iter().flatten());
        both.for_each(|(a, b)| assert!((a - b).abs() < 1e-6));
        assert_eq!(known.scores, score(&mut ScoreCache::default(), &scorer, &prompts, &examples)[*same].scores);
    }
}

#[test]
fn other_words_other_triggers_and_other_tokens_are_not_the_same() {
    let scorer = scorer(MultiToken::Joint);
    let prompts = [
        prompt("{text} {trigger:1} {mask}", WORDS, &["film"]),
        prompt("{text} {trigger:1} {mask}", WORDS, &["movie"]),
        prompt("{text} {trigger:1} {mask}", "0=awful,1=great", &["film"]),
        prompt("{text} {trigger:1} {mask}", "1=great,0=terrible", &["film"]),
        prompt("{text} film {mask}", WORDS, &[]),
        prompt("{text} {trigger:1} {mask}", WORDS, &["film"]),
    ];
    let references: Vec<&Prompt> = prompts.iter().collect();
    let examples = examples();
    let same_as = scorer.representatives(&references, &names(&["text"]), &every(&examples)).unwrap();
    assert_eq!(same_as, [0, 1, 2, 3, 0, 0], "a trigger and the word that it is are one");
}

#[test]
fn what_a_store_has_is_not_computed_and_is_the_same_bits() {
    let shelf: Arc<dyn ScoreStore> = Arc::new(Shelf::default());
    let examples = examples();
    let prompts = [prompt("{text} it was {mask} .", WORDS, &[]), prompt("a {mask} one : {text}", WORDS, &[])];
    let (cold, passed) = counting();
    let computed = score(&mut ScoreCache::with_store(Some(shelf.clone())), &cold, &prompts, &examples);
    assert_eq!(passed.load(Ordering::Relaxed), 2 * examples.len());
    let (warm, passed) = counting();
    let found = score(&mut ScoreCache::with_store(Some(shelf.clone())), &warm, &prompts, &examples);
    assert_eq!(passed.load(Ordering::Relaxed), 0);
    assert_eq!(computed, found);
    // One more prompt, with the others known: its bits are those that it has among all.
    let third = prompt("{text} . {mask} !", WORDS, &[]);
    let three = [prompts[0].clone(), third, prompts[1].clone()];
    let together = score(&mut ScoreCache::default(), &cold, &three, &examples);
    assert_eq!(together, score(&mut ScoreCache::with_store(Some(shelf)), &warm, &three, &examples));
}

#[test]
fn scores_of_another_shape_under_a_key_are_no_scores() {
    let shelf = Arc::new(Shelf::default());
    let examples = examples();
    let prompts = [prompt("{text} it was {mask} .", WORDS, &[])];
    let (scorer, _) = counting();
    let mut cache = ScoreCache::with_store(Some(shelf.clone()));
    let computed = score(&mut cache, &scorer, &prompts, &examples);
    shelf.0.lock().unwrap().values_mut().for_each(|known| known.scores.truncate(3));
    let again = score(&mut ScoreCache::with_store(Some(shelf)), &scorer, &prompts, &examples);
    assert_eq!(computed, again);
}
