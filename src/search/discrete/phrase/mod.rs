//! The phrases of a template's own text, and what may be done to them without a parser.
//!
//! # Decisions
//!
//! - 2026-11: GrIPS (arXiv 2203.07281) takes its phrases from a constituency parser. Ours are chunks: function words and the content
//!   words after them, so that a phrase ends where a function word follows a content word, or at punctuation and slots (chinks and
//!   chunks, Liberman and Church 1992). The function words are the lists of `paraphrase` for English and Chinese; a Chinese particle
//!   (`的`) begins no phrase. Refused: a parser, which is a model of its own for each language.
//! - 2026-11: Chinese is cut into words by the longest match in the lists that `paraphrase` has; characters in a row that none of
//!   them knows are one word, since a cut inside might part what belongs together (意大利).

mod change;

pub use change::{add, delete, lowered, places, swap};

use std::ops::Range;

use super::paraphrase::{Class, Parent, Script, Word, class_of, text_of};

/// What edits take as a whole (GrIPS: `phrase`, `word`, `sentence`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Level {
    /// Function words with the content words after them.
    #[default]
    Phrase,
    /// Words.
    Word,
    /// Sentences; a slot ends one.
    Sentence,
}

/// A part of a template's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phrase {
    /// The text piece that it stands in.
    pub piece: usize,
    /// Its bytes there.
    pub place: Range<usize>,
    /// Its words among those of the template.
    pub words: Range<usize>,
    /// Itself.
    pub text: String,
    /// How it is told from its neighbours, by its first word.
    pub script: Script,
}

impl Phrase {
    /// It as one word, for what is done to words.
    fn as_word(&self) -> Word {
        Word { piece: self.piece, place: self.place.clone(), script: self.script, text: self.text.clone(), whole: true }
    }
}

/// The phrases of a template in order. No slot and nothing that is no word at their ends is in one.
pub fn phrases(parent: &Parent, level: Level) -> Vec<Phrase> {
    let mut found: Vec<Phrase> = Vec::new();
    for (number, word) in parent.words.iter().enumerate() {
        let text = text_of(&parent.template, word.piece);
        if let Some(last) = found.last_mut()
            && last.piece == word.piece
            && joins(level, &parent.words[number - 1], &text[last.place.end..word.place.start], word)
        {
            last.place.end = word.place.end;
            last.words.end = number + 1;
            last.text = text[last.place.clone()].to_owned();
            continue;
        }
        found.push(Phrase {
            piece: word.piece,
            place: word.place.clone(),
            words: number..number + 1,
            text: word.text.clone(),
            script: word.script,
        });
    }
    found
}

/// Whether a word belongs to the phrase of the word before it; `between` is what stands between them.
fn joins(level: Level, before: &Word, between: &str, word: &Word) -> bool {
    let one_word = !before.whole && !word.whole && between.is_empty();
    let near = between.chars().all(|c| c == ' ');
    match level {
        Level::Word => one_word,
        Level::Phrase => {
            let content = class_of(&before.text.to_lowercase()).is_none_or(|class| class == Class::Particle);
            let opens = class_of(&word.text.to_lowercase()).is_some_and(|class| class != Class::Particle);
            one_word || (near && !(content && opens))
        }
        Level::Sentence => !between.contains(['.', '!', '?', ';', '。', '！', '？', '；', '\n', '[', ']', '<', '>']),
    }
}

#[cfg(test)]
mod tests {
    use super::super::paraphrase::Thesaurus;
    use super::*;
    use crate::prompt::Template;

    fn read(template: &str, level: Level) -> Vec<String> {
        let thesaurus = Thesaurus::new(None).unwrap();
        let parent = Parent::new(0, Template::parse(template).unwrap(), &thesaurus);
        phrases(&parent, level).into_iter().map(|phrase| phrase.text).collect()
    }

    #[test]
    fn a_phrase_is_function_words_and_the_content_words_after_them() {
        let text = "{text} In short, this film was really not a {mask} film to watch.";
        assert_eq!(
            read(text, Level::Phrase),
            ["In short", "this film", "was really", "not a", "film", "to watch"],
            "a slot ends a phrase"
        );
        assert_eq!(read(text, Level::Sentence), ["In short, this film was really not a", "film to watch"]);
        assert_eq!(read("{text} It was. So I say {mask}", Level::Sentence), ["It was", "So I say"]);
        assert_eq!(read("{text} It was {mask}", Level::Word), ["It", "was"]);
        assert_eq!(read("{text} [SEP] the 5 films {mask}", Level::Phrase), ["the", "films"]);
    }

    #[test]
    fn chinese_is_cut_by_the_same_rule() {
        assert_eq!(
            read("{text}总之，这家酒店的服务很{mask}，意大利人", Level::Phrase),
            ["总之", "这家酒店的服务", "很", "意大利人"]
        );
        assert_eq!(read("{text}总之，它是{mask}电影。", Level::Word), ["总之", "它", "是", "电影"]);
        assert_eq!(read("{text}意大利很{mask}", Level::Word), ["意大利", "很"]);
    }
}
