//! A template that a round starts from, cut into words.

use super::grammar::{Class, class_of, may_come, may_replace};
use super::site::{self, Site};
use super::thesaurus::{Thesaurus, is_english};
use super::word::{Script, Word, words};
use crate::prompt::Template;

/// A parent with its words.
pub struct Parent {
    /// Its number among the members.
    pub number: usize,
    /// It.
    pub template: Template,
    /// Its words.
    pub words: Vec<Word>,
    /// Whether its words in Latin letters are English.
    pub english: bool,
}

impl Parent {
    /// Reads the words of a template.
    pub fn new(number: usize, template: Template, thesaurus: &Thesaurus) -> Self {
        let words = words(&template, thesaurus);
        let spaced: Vec<&str> = words.iter().filter(|w| w.script == Script::Spaced).map(|w| w.text.as_str()).collect();
        Self { number, english: is_english(&spaced, thesaurus), template, words }
    }

    /// Whether a word stands after white space.
    pub fn after_space(&self, word: &Word) -> bool {
        site::text_of(&self.template, word.piece)[..word.place.start].ends_with(char::is_whitespace)
    }

    /// Words before and after a word in the same text.
    pub fn neighbours(&self, number: usize) -> impl Iterator<Item = usize> + '_ {
        let piece = self.words[number].piece;
        let near = [number.checked_sub(1), Some(number + 1)];
        near.into_iter().flatten().filter(move |&n| self.words.get(n).is_some_and(|w| w.piece == piece))
    }

    /// Whether an answer of the model may stand at a site.
    pub fn fits(&self, site: &Site, text: &str) -> bool {
        let text = text.to_lowercase();
        // A small model likes to say a thing again: `just really just`.
        if class_of(&text).is_none_or(|class| class == Class::Adverb)
            && self.words.iter().any(|word| word.text.to_lowercase() == text)
        {
            return false;
        }
        match site {
            Site::Replace(word) => {
                let old = self.words[*word].text.to_lowercase();
                text != old && may_replace(&old, &text)
            }
            Site::PutIn { .. } => may_come(&text),
            Site::LeaveOut(_) => false,
        }
    }
}
