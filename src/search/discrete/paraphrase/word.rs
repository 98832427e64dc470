//! The words of a template's own text.

use std::ops::Range;

use super::thesaurus::Thesaurus;
use crate::prompt::{Piece, Template};

/// How a word is told from its neighbours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Script {
    /// By spaces and punctuation.
    Spaced,
    /// By nothing: Chinese characters.
    Han,
}

/// A word, or a phrase that the thesaurus knows as one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Word {
    /// The text piece that it stands in.
    pub piece: usize,
    /// Its bytes.
    pub place: Range<usize>,
    /// Its script.
    pub script: Script,
    /// Itself.
    pub text: String,
    /// Whether it is a word for sure; a Chinese character that is not may be a part of one.
    pub whole: bool,
}

impl Word {
    /// Its characters.
    pub fn n_characters(&self) -> usize {
        self.text.chars().count()
    }
}

/// Whether a character is Chinese.
pub fn is_han(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}' | '\u{20000}'..='\u{3FFFF}')
}

/// Whether a text says a word, whatever the case: a whole word between others, or Chinese characters anywhere.
pub fn says_in_letters(text: &str, word: &str) -> bool {
    let (text, word) = (text.to_lowercase(), word.to_lowercase());
    if word.chars().any(is_han) {
        return text.contains(&word);
    }
    text.match_indices(&word).any(|(at, found)| {
        !text[..at].ends_with(char::is_alphanumeric) && !text[at + found.len()..].starts_with(char::is_alphanumeric)
    })
}

fn is_letter(c: char) -> bool {
    c.is_alphabetic() && !is_han(c)
}

/// The words of a template in order: of what the thesaurus knows the longest, else runs of letters and single characters.
/// What stands in brackets, as `[SEP]` does, and what holds a digit, is no word.
pub fn words(template: &Template, thesaurus: &Thesaurus) -> Vec<Word> {
    let mut found = Vec::new();
    for (piece, text) in template.pieces().iter().enumerate() {
        let Piece::Text(text) = text else { continue };
        let mut at = 0;
        while let Some(c) = text[at..].chars().next() {
            let rest = &text[at..];
            let (length, script) = if is_han(c) {
                (thesaurus.longest(rest).unwrap_or(c.len_utf8()), Script::Han)
            } else if c.is_alphanumeric() {
                (thesaurus.longest(rest).filter(|_| is_letter(c)).unwrap_or_else(|| run(rest)), Script::Spaced)
            } else {
                at += c.len_utf8();
                continue;
            };
            let word = &rest[..length];
            let bracketed = text[..at].ends_with(['[', '<']) && rest[length..].starts_with([']', '>']);
            if !bracketed && !word.chars().any(char::is_numeric) {
                let whole = script == Script::Spaced || thesaurus.is_han_word(word);
                found.push(Word { piece, place: at..at + length, script, text: word.to_owned(), whole });
            }
            at += length;
        }
    }
    found
}

/// The length of the word that a text begins with: letters and digits, and apostrophes and hyphens between them.
pub fn run(text: &str) -> usize {
    let inside = |c: char| c.is_alphanumeric() && !is_han(c);
    let mut end = 0;
    let mut characters = text.char_indices().peekable();
    while let Some((at, c)) = characters.next() {
        let joins = matches!(c, '\'' | '’' | '-') && characters.peek().is_some_and(|&(_, next)| inside(next)) && at > 0;
        if !inside(c) && !joins {
            break;
        }
        end = at + c.len_utf8();
    }
    end
}

#[cfg(test)]
mod tests {
    use super::super::synonyms::Synonyms;
    use super::*;

    fn read(template: &str) -> Vec<String> {
        let list = Synonyms::parse("总而言之 总之\n它 这\n电影 影片\n电影院 影院\nfilm flick").unwrap();
        let thesaurus = Thesaurus::of(vec![list.into()], false);
        words(&Template::parse(template).unwrap(), &thesaurus).into_iter().map(|w| w.text).collect()
    }

    #[test]
    fn chinese_is_cut_by_longest_match_and_english_at_word_boundaries() {
        assert_eq!(read("{text}总而言之，它是{mask}电影院。"), ["总而言之", "它", "是", "电影院"]);
        assert_eq!(read("A must-see film, isn't it? {mask} {text}"), ["A", "must-see", "film", "isn't", "it"]);
        assert_eq!(read("{text}这部film很{mask}，filmy 5星"), ["这", "部", "film", "很", "filmy", "星"]);
        assert_eq!(read("{text} [SEP] 1st part {mask}"), ["part"]);
    }
}
