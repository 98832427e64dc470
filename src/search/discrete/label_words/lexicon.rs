//! Which words of several tokens are words.
//!
//! # Decisions
//!
//! - 2026-11: the characters that a model would write one after another are often no word, and a label word that is none says
//!   nothing to a person. A word of several tokens is taken if it stands in a list, is a form of a word of WordNet (English), or
//!   is a group of characters that the unlabelled texts hold together (Chinese). The groups need no segmenter: two to four Chinese
//!   characters that occur at least twice, at least [`COHESION`] times as often as their parts would meet by chance, and on either
//!   side beside more than one other character or at the end of a run, so that half a longer word is none; no particle stands
//!   at their ends.
//! - 2026-11: words of one token are taken as they are: the vocabulary itself vouches for them.

use std::collections::{HashMap, HashSet};

use crate::search::discrete::{SynonymsError, Thesaurus};

/// The list for Chinese that was written for label words.
const LISTED: &str = include_str!("words-zh.txt");

/// Characters of a group in texts, at most.
const LONGEST: usize = 4;
/// Times that a group occurs, at least.
const OFTEN: usize = 2;
/// How much more often than by chance its parts meet, at least.
const COHESION: f64 = 8.0;
/// Particles, which neither begin nor end a word worth a label.
const PARTICLES: &str = "的了着地得过吗呢吧啊呀么们";

/// Words that are known.
#[derive(Debug, Clone, Default)]
pub struct Lexicon {
    words: HashSet<String>,
    /// What Chinese words begin with.
    beginnings: HashSet<String>,
    thesaurus: Option<Thesaurus>,
}

impl Lexicon {
    /// The built-in words and those that `texts` hold.
    ///
    /// # Errors
    /// [`SynonymsError`] if a built-in list is damaged, which a test excludes.
    pub fn new<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Self, SynonymsError> {
        let thesaurus = Thesaurus::new(None)?;
        let listed = LISTED.lines().filter(|line| !line.starts_with('#')).flat_map(str::split_whitespace);
        let mut words: HashSet<String> = listed.map(str::to_owned).chain(thesaurus.two_characters()).collect();
        words.extend(words_of(texts));
        Ok(Self { thesaurus: Some(thesaurus), ..Self::of(words) })
    }

    /// These words and no others.
    pub fn of(words: impl IntoIterator<Item = String>) -> Self {
        let words: HashSet<String> = words.into_iter().collect();
        let mut beginnings = HashSet::new();
        for word in words.iter().filter(|word| word.starts_with(is_han)) {
            beginnings.extend(word.char_indices().skip(1).map(|(at, _)| word[..at].to_owned()));
        }
        Self { words, beginnings, thesaurus: None }
    }

    /// Whether it is a word.
    pub fn knows(&self, word: &str) -> bool {
        let lower = word.to_lowercase();
        self.words.contains(&lower)
            || (!word.contains(is_han) && self.thesaurus.as_ref().is_some_and(|thesaurus| thesaurus.is_word(&lower)))
    }

    /// Whether a longer word may begin so. Of other scripts than Chinese that is not known.
    pub fn begins(&self, text: &str) -> bool {
        !text.contains(is_han) || self.beginnings.contains(text)
    }
}

fn is_han(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}' | '\u{20000}'..='\u{3FFFF}')
}

/// Whole words of letters, lower-cased, and groups of Chinese characters that hold together.
fn words_of<'a>(texts: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let mut counts: HashMap<String, usize> = HashMap::new();
    let mut neighbours: HashMap<String, [HashSet<Option<char>>; 2]> = HashMap::new();
    let mut words: HashSet<String> = HashSet::new();
    let mut n = 0usize;
    for text in texts {
        for run in text.split(|c: char| !c.is_alphabetic()).filter(|run| !run.is_empty()) {
            if !run.contains(is_han) {
                words.insert(run.to_lowercase());
                continue;
            }
            for run in run.split(|c| !is_han(c)) {
                let characters: Vec<char> = run.chars().collect();
                n += characters.len();
                for length in 1..=LONGEST {
                    for (at, group) in characters.windows(length).enumerate() {
                        let group: String = group.iter().collect();
                        let [before, after] = neighbours.entry(group.clone()).or_default();
                        before.insert(at.checked_sub(1).map(|before| characters[before]));
                        after.insert(characters.get(at + length).copied());
                        *counts.entry(group).or_default() += 1;
                    }
                }
            }
        }
    }
    let of = |group: &[char]| counts[&group.iter().collect::<String>()] as f64;
    for (group, &count) in &counts {
        let characters: Vec<char> = group.chars().collect();
        let free = neighbours[group].iter().all(|side| side.len() > 1 || side.contains(&None));
        let particle = |c: char| PARTICLES.contains(c);
        if characters.len() < 2 || count < OFTEN || !free || group.starts_with(particle) || group.ends_with(particle) {
            continue;
        }
        // The weakest of its joints decides.
        let cohesion = (1..characters.len())
            .map(|at| count as f64 * n as f64 / (of(&characters[..at]) * of(&characters[at..])))
            .fold(f64::INFINITY, f64::min);
        if cohesion >= COHESION {
            words.insert(group.clone());
        }
    }
    words.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_that_hold_together_in_texts_are_words_and_chance_meetings_are_not() {
        let texts = [
            "早餐很丰富，房间也很干净",
            "早餐一般，房间太小",
            "我的早餐冷了",
            "房间的床很硬，服务员好",
            "很好的地方，服务员慢",
            "冷了，慢了",
        ];
        let lexicon = Lexicon::of(words_of(texts));
        for word in ["早餐", "房间", "服务员"] {
            assert!(lexicon.knows(word), "{word} {lexicon:?}");
        }
        // Half a word is none, and no word ends in a particle.
        for other in ["服务", "务员", "冷了"] {
            assert!(!lexicon.knows(other), "{other} {lexicon:?}");
        }
        assert!(!lexicon.knows("间的") && !lexicon.knows("的床"), "{lexicon:?}");
        assert!(lexicon.begins("早") && !lexicon.begins("的"));
    }

    #[test]
    fn built_in_words_are_known_in_both_languages() {
        let lexicon = Lexicon::new(["Zorbing was fun"]).unwrap();
        for word in ["满意", "失望", "财经", "disappointing", "zorbing", "Zorbing"] {
            assert!(lexicon.knows(word), "{word}");
        }
        assert!(!lexicon.knows("的性") && !lexicon.knows("qzxv"));
        assert!(lexicon.begins("disapp") && lexicon.begins("财"));
    }

    #[test]
    fn the_list_holds_chinese_words_of_two_characters_and_more() {
        let words: Vec<&str> =
            LISTED.lines().filter(|line| !line.starts_with('#')).flat_map(str::split_whitespace).collect();
        assert!(words.len() > 300, "{}", words.len());
        let odd: Vec<_> = words.iter().filter(|word| word.chars().count() < 2 || !word.chars().all(is_han)).collect();
        assert!(odd.is_empty(), "{odd:?}");
    }
}
