//! Where a template may be changed, and how.

use super::edit::{Edit, capitalised, in_case_of};
use super::grammar::{may_follow, may_go, may_precede};
use super::word::{Script, Word, is_han};
use crate::prompt::{Piece, Template};

/// A place of a template and what may be done there.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Site {
    /// The word of this number is replaced.
    Replace(usize),
    /// The word of this number is left out.
    LeaveOut(usize),
    /// Tokens are put in.
    PutIn {
        /// The text piece.
        piece: usize,
        /// The byte before which.
        at: usize,
        /// The word that stands there; `None` before the answer.
        before: Option<usize>,
        /// What is put in is a word of this script.
        script: Script,
        /// So many tokens.
        n: usize,
    },
}

/// All sites of a template whose words are `words`.
pub fn sites(template: &Template, words: &[Word]) -> Vec<Site> {
    let mut found = Vec::new();
    let mut put_in = |piece, at, before, script| {
        let lengths: &[usize] = if script == Script::Han { &[1, 2] } else { &[1] };
        lengths.iter().for_each(|&n| found.push(Site::PutIn { piece, at, before, script, n }));
    };
    for (number, word) in words.iter().enumerate() {
        // Not into what may be one word: 意大利.
        let inside = number.checked_sub(1).map(|before| &words[before]).is_some_and(|before| {
            !before.whole && !word.whole && before.piece == word.piece && before.place.end == word.place.start
        });
        if inside || !may_follow(&word.text.to_lowercase()) {
            continue;
        }
        put_in(word.piece, word.place.start, Some(number), word.script);
    }
    for (piece, pair) in template.pieces().windows(2).enumerate() {
        let [Piece::Text(text), Piece::Mask(_)] = pair else { continue };
        let last = text.trim_end().chars().next_back();
        if last.is_some_and(is_han) {
            let word = words.iter().rfind(|word| word.piece == piece);
            if word.is_some_and(|word| !may_precede(&word.text)) {
                continue;
            }
            put_in(piece, text.trim_end().len(), None, Script::Han);
        } else if last.is_some_and(char::is_alphanumeric) && text.ends_with(' ') {
            put_in(piece, text.len(), None, Script::Spaced);
        }
    }
    for (number, word) in words.iter().enumerate().filter(|(_, word)| word.whole) {
        found.push(Site::Replace(number));
        if words.len() > 1 && may_go(&word.text.to_lowercase()) {
            found.push(Site::LeaveOut(number));
        }
    }
    found
}

/// The edit that replaces a word, in the case of the old.
pub fn replace(word: &Word, new: &str) -> Edit {
    Edit { piece: word.piece, start: word.place.start, end: word.place.end, text: in_case_of(&word.text, new) }
}

/// The edit that leaves out a word and a space beside it; what then begins the sentence gets its capital.
pub fn leave_out(template: &Template, word: &Word) -> Edit {
    let text = text_of(template, word.piece);
    let (mut start, mut end) = (word.place.start, word.place.end);
    if text[end..].starts_with(' ') {
        end += 1;
    } else if text[..start].ends_with(' ') {
        start -= 1;
    }
    let mut edit = Edit { piece: word.piece, start, end, text: String::new() };
    if word.text.starts_with(char::is_uppercase)
        && let Some(next) = text[end..].chars().next().filter(|c| c.is_lowercase())
    {
        edit.end += next.len_utf8();
        edit.text = next.to_uppercase().collect();
    }
    edit
}

/// The edit that puts in a word; where it begins the sentence the capital moves to it.
pub fn put_in(template: &Template, site: (usize, usize), before: Option<&Word>, script: Script, new: &str) -> Edit {
    let (piece, at) = site;
    if script == Script::Han {
        return Edit { piece, start: at, end: at, text: new.to_owned() };
    }
    let plain = Edit { piece, start: at, end: at, text: format!("{new} ") };
    let Some(word) = before else { return plain };
    let text = text_of(template, piece);
    let begins = text[..at].trim_end().chars().next_back().is_none_or(|c| matches!(c, '.' | '!' | '?' | '"'));
    let mut letters = word.text.chars();
    let capital = letters.next().filter(|c| c.is_uppercase());
    match capital {
        Some(first) if begins => {
            let keeps = word.text == "I" || word.text.starts_with("I'") || letters.clone().any(char::is_uppercase);
            let old = if keeps { word.text.clone() } else { first.to_lowercase().chain(letters).collect() };
            Edit { piece, start: at, end: word.place.end, text: format!("{} {old}", capitalised(new)) }
        }
        _ => plain,
    }
}

/// A text piece.
pub fn text_of(template: &Template, piece: usize) -> &str {
    match template.pieces().get(piece) {
        Some(Piece::Text(text)) => text,
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::super::thesaurus::Thesaurus;
    use super::super::word::words;
    use super::*;

    fn read(text: &str) -> (Template, Vec<Word>) {
        let template = Template::parse(text).unwrap();
        let words = words(&template, &Thesaurus::of(Vec::new(), false));
        (template, words)
    }

    #[test]
    fn every_word_and_the_place_before_the_answer_are_sites() {
        let (template, found) = read("{text} It was {mask}.");
        let sites = sites(&template, &found);
        assert_eq!(sites.len(), 2 + 1 + 2, "neither word may be left out");
        assert!(sites.contains(&Site::PutIn { piece: 1, at: 8, before: None, script: Script::Spaced, n: 1 }));
    }

    #[test]
    fn capitals_move_with_the_beginning_of_the_sentence() {
        let (template, found) = read("{text} This film was {mask}.");
        let done = |edit: Edit| edit.apply(&template).unwrap().to_string();
        assert_eq!(done(leave_out(&template, &found[0])), "{text} Film was {mask}.");
        assert_eq!(done(leave_out(&template, &found[2])), "{text} This film {mask}.");
        assert_eq!(done(replace(&found[0], "that")), "{text} That film was {mask}.");
        let insert = |number: usize, new| {
            done(put_in(&template, (1, found[number].place.start), Some(&found[number]), Script::Spaced, new))
        };
        assert_eq!(insert(0, "overall"), "{text} Overall this film was {mask}.");
        assert_eq!(insert(1, "old"), "{text} This old film was {mask}.");
        assert_eq!(done(put_in(&template, (1, 15), None, Script::Spaced, "very")), "{text} This film was very {mask}.");
    }
}
