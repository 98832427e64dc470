//! Other words for a word: WordNet's, this project's own list for Chinese, and a list of the user's.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use super::grammar::{Class, class_of, is_common};
use super::inflection::{inflect, lemmas};
use super::synonyms::{Synonyms, SynonymsError};
use super::word::{is_han, run};

/// The longest phrases that are looked up, in words.
const PHRASE: usize = 4;

/// WordNet as the crate `thesaurus` gives it: a word and the words that share a synset with it, of any part of speech.
fn wordnet() -> &'static HashMap<String, Vec<String>> {
    static WORDNET: OnceLock<HashMap<String, Vec<String>>> = OnceLock::new();
    WORDNET.get_or_init(thesaurus::dict)
}

/// The list for Chinese that was written for this project.
///
/// # Errors
/// None in practice: a test reads it.
fn chinese() -> Result<Arc<Synonyms>, SynonymsError> {
    static CHINESE: OnceLock<Result<Arc<Synonyms>, SynonymsError>> = OnceLock::new();
    CHINESE.get_or_init(|| Synonyms::parse(include_str!("synonyms-zh.txt")).map(Arc::new)).clone()
}

/// Where other words are looked up.
#[derive(Debug, Clone)]
pub struct Thesaurus {
    lists: Vec<Arc<Synonyms>>,
    wordnet: bool,
}

impl Thesaurus {
    /// The built-in sources and the user's list, which comes first.
    ///
    /// # Errors
    /// [`SynonymsError`] if the built-in list is damaged, which a test excludes.
    pub fn new(own: Option<Arc<Synonyms>>) -> Result<Self, SynonymsError> {
        let chinese = chinese()?;
        Ok(Self::of(own.into_iter().chain([chinese]).collect(), true))
    }

    /// These lists, and WordNet or not.
    pub fn of(lists: Vec<Arc<Synonyms>>, wordnet: bool) -> Self {
        Self { lists, wordnet }
    }

    /// The bytes of the longest word or phrase with other words that `text` begins with and that ends where a word does;
    /// `None` where there is none of several characters (Chinese) or several words (English).
    pub fn longest(&self, text: &str) -> Option<usize> {
        let han = text.starts_with(is_han);
        let most = self.lists.iter().map(|list| list.longest()).max().unwrap_or(0);
        let ends: Vec<usize> = text.char_indices().map(|(at, c)| at + c.len_utf8()).take(most).collect();
        let listed = ends.into_iter().rev().find(|&end| {
            let last = text[..end].rfind(' ').map_or(0, |space| space + 1);
            let whole = han || last + run(&text[last..]) == end;
            let word = text[..end].to_lowercase();
            whole && self.lists.iter().any(|list| list.contains(&word))
        });
        if han || !self.wordnet {
            return listed;
        }
        listed.into_iter().chain(phrase(text)).max()
    }

    /// Words that may stand for `word`, in the form that it has, without those of function words.
    pub fn synonyms(&self, word: &str) -> Vec<String> {
        let lower = word.to_lowercase();
        let mut found: Vec<String> = Vec::new();
        let mut add = |other: String| {
            if other.to_lowercase() != lower && !found.contains(&other) {
                found.push(other);
            }
        };
        self.lists.iter().flat_map(|list| list.of(&lower)).for_each(&mut add);
        let english = lower.chars().all(|c| !is_han(c)) && lower.is_ascii();
        if self.wordnet && english && class_of(&lower).is_none() {
            for (lemma, form) in lemmas(&lower, |stem| wordnet().contains_key(stem)) {
                for other in wordnet().get(&lemma).into_iter().flatten() {
                    if let Some(other) = entry(other) {
                        add(inflect(&other, form));
                    }
                }
            }
        }
        found
    }

    /// Whether a Chinese word is one: of the lists, or of those that hold sentences together.
    pub fn is_han_word(&self, word: &str) -> bool {
        class_of(word).is_some() || self.lists.iter().any(|list| list.contains(word))
    }

    /// The Chinese words of two characters, each once.
    pub fn two_characters(&self) -> Vec<String> {
        let words = self.lists.iter().flat_map(|list| list.groups()).flatten();
        let two = |word: &&String| word.chars().count() == 2 && word.chars().all(is_han);
        let mut found: Vec<String> = words.filter(two).cloned().collect();
        found.sort();
        found.dedup();
        found
    }

    /// Whether an English word is one: in the dictionary, a form of one that is, or one of those that hold sentences together.
    pub fn is_word(&self, word: &str) -> bool {
        let lower = word.to_lowercase();
        is_common(&lower)
            || (self.wordnet
                && lower.chars().count() > 2
                && !lemmas(&lower, |stem| wordnet().contains_key(stem)).is_empty())
            || self.lists.iter().any(|list| list.contains(&lower))
    }
}

/// The bytes of the longest phrase of WordNet, two words or more, that a text begins with.
fn phrase(text: &str) -> Option<usize> {
    let mut end = run(text);
    let mut longest = None;
    for _ in 1..PHRASE {
        let Some(rest) = text[end..].strip_prefix(' ') else { break };
        let next = run(rest);
        if next == 0 {
            break;
        }
        end += 1 + next;
        if wordnet().get(&text[..end].to_lowercase()).is_some_and(|others| !others.is_empty()) {
            longest = Some(end);
        }
    }
    longest
}

/// An entry of WordNet as text: `picture_show` -> `picture show`. Some entries of the crate's data lack their last letter,
/// some are names, numbers or formulas: what is no headword of letters itself is left out.
fn entry(word: &str) -> Option<String> {
    let word = word.replace('_', " ");
    let letters =
        word.chars().all(|c| c.is_ascii_lowercase() || c == ' ' || c == '-') && word.starts_with(char::is_alphabetic);
    let whole = word.split(' ').count() < PHRASE && word.chars().count() > 2 && wordnet().contains_key(&word);
    let turned = word.split(' ').any(|part| class_of(part) == Some(Class::Negation));
    (letters && whole && !turned).then_some(word)
}

/// Whether a word of a language in Latin letters is an English one: then the model's answers must be too.
pub fn is_english(words: &[&str], thesaurus: &Thesaurus) -> bool {
    let known = words.iter().filter(|word| thesaurus.is_word(word)).count();
    !words.is_empty() && 2 * known > words.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wordnet_gives_words_in_the_form_of_the_original() {
        let thesaurus = Thesaurus::new(None).unwrap();
        let films = thesaurus.synonyms("films");
        assert!(films.contains(&"movies".to_owned()) && films.contains(&"motion pictures".to_owned()), "{films:?}");
        assert!(thesaurus.synonyms("Movie").contains(&"film".to_owned()));
        assert!(thesaurus.synonyms("filmed").contains(&"shot".to_owned()));
        assert!(thesaurus.synonyms("really").contains(&"truly".to_owned()));
        for function_word in ["it", "was", "the", "is"] {
            assert!(thesaurus.synonyms(function_word).is_empty(), "{function_word}");
        }
        // The data has `whol` for `whole`, `smel` for `smell`.
        let whole = ["whol", "smel", "reexaminatio", "review articl"];
        for word in ["altogether", "feeling", "review"] {
            assert!(!thesaurus.synonyms(word).iter().any(|s| whole.contains(&s.as_str())));
        }
    }

    #[test]
    fn phrases_are_found_whole() {
        let thesaurus = Thesaurus::new(None).unwrap();
        assert_eq!(thesaurus.longest("all in all, it was").map(|n| &"all in all, it was"[..n]), Some("all in all"));
        assert!(thesaurus.synonyms("all in all").contains(&"on the whole".to_owned()));
        assert_eq!(thesaurus.longest("film was"), None);
        assert_eq!(thesaurus.longest("总而言之，它").map(|n| &"总而言之，它"[..n]), Some("总而言之"));
    }

    #[test]
    fn pieces_of_words_are_no_words() {
        let thesaurus = Thesaurus::new(None).unwrap();
        for word in ["film", "films", "watched", "it", "better", "actors"] {
            assert!(thesaurus.is_word(word), "{word}");
        }
        for piece in ["strugg", "wonderf", "th", "ing", "acto"] {
            assert!(!thesaurus.is_word(piece), "{piece}");
        }
        assert!(is_english(&["it", "was", "film"], &thesaurus) && !is_english(&["der", "schnell", "ist"], &thesaurus));
    }

    #[test]
    fn a_list_of_ones_own_comes_first() {
        let own = Synonyms::parse("film talkie\nkino_film flimmerkiste").unwrap();
        let thesaurus = Thesaurus::new(Some(own.into())).unwrap();
        assert_eq!(thesaurus.synonyms("film")[0], "talkie");
        assert_eq!(thesaurus.longest("kino film war"), Some(9));
        assert_eq!(thesaurus.longest("kino filme"), None);
    }
}
