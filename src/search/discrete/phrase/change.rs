//! What is done to a phrase: deleted, exchanged with another, put back.

use super::super::paraphrase::{Edit, Parent, Script, capitalised, is_han, leave_out, put_in, text_of};
use super::Phrase;
use crate::prompt::Template;

/// Punctuation within a sentence, which goes with the phrase that it sets off.
const COMMAS: [char; 8] = [',', ';', ':', '，', '、', '；', '：', ' '];

/// The template without a phrase, and without the comma that set it off where it would be left over; `None` where nothing sound is
/// left.
pub fn delete(parent: &Parent, phrase: &Phrase) -> Option<Template> {
    let text = text_of(&parent.template, phrase.piece);
    let after = &text[phrase.place.end..];
    let gone = after.len() - after.trim_start_matches(COMMAS).len();
    let begins = begins_sentence(text, phrase.place.start);
    let with_comma = || {
        let (mut end, mut new) = (phrase.place.end + gone, String::new());
        if phrase.text.starts_with(char::is_uppercase)
            && let Some(next) = text[end..].chars().next().filter(|c| c.is_lowercase())
        {
            end += next.len_utf8();
            new = next.to_uppercase().collect();
        }
        Edit { piece: phrase.piece, start: phrase.place.start, end, text: new }.apply(&parent.template)
    };
    let alone = || leave_out(&parent.template, &phrase.as_word()).apply(&parent.template);
    let with_comma_before = || {
        let start = text[..phrase.place.start].trim_end_matches(COMMAS).len();
        Edit { piece: phrase.piece, start, end: phrase.place.end, text: String::new() }.apply(&parent.template)
    };
    let set_off = after.starts_with(&COMMAS[..COMMAS.len() - 1]) && begins;
    let first = if set_off { with_comma() } else { None };
    first.or_else(alone).or_else(with_comma_before)
}

/// The template with two phrases in each other's places, `first` the one that stands first.
pub fn swap(parent: &Parent, first: &Phrase, second: &Phrase) -> Option<Template> {
    let template = &parent.template;
    let in_place = |place: &Phrase, new: &Phrase| {
        let begins = |phrase: &Phrase| begins_sentence(text_of(template, phrase.piece), phrase.place.start);
        match (begins(place), begins(new)) {
            (true, false) if place.text.starts_with(char::is_uppercase) => capitalised(&new.text),
            (false, true) => lowered(&new.text),
            _ => new.text.clone(),
        }
    };
    let (front, back) = (in_place(first, second), in_place(second, first));
    if first.piece == second.piece {
        let between = text_of(template, first.piece).get(first.place.end..second.place.start)?;
        let (start, end) = (first.place.start, second.place.end);
        return Edit { piece: first.piece, start, end, text: format!("{front}{between}{back}") }.apply(template);
    }
    // The later one first, so that places stay where they are.
    let edit =
        |phrase: &Phrase, text| Edit { piece: phrase.piece, start: phrase.place.start, end: phrase.place.end, text };
    edit(first, front).apply(&edit(second, back).apply(template)?)
}

/// Where a phrase may be put back: before each phrase (its number), and behind the last of its text.
pub fn places(phrases: &[Phrase]) -> Vec<(usize, bool)> {
    let last = |at: usize| phrases.get(at + 1).is_none_or(|next| next.piece != phrases[at].piece);
    let before = (0..phrases.len()).map(|at| (at, false));
    let behind = (0..phrases.len()).filter(|&at| last(at)).map(|at| (at, true));
    before.chain(behind).collect()
}

/// The template with `new` before a phrase, or behind it.
pub fn add(parent: &Parent, phrase: &Phrase, behind: bool, new: &str) -> Option<Template> {
    let template = &parent.template;
    let han = new.starts_with(is_han) && new.ends_with(is_han);
    if behind {
        let space = if han && phrase.script == Script::Han { "" } else { " " };
        let end = phrase.place.end;
        return Edit { piece: phrase.piece, start: end, end, text: format!("{space}{new}") }.apply(template);
    }
    let script = if han { Script::Han } else { Script::Spaced };
    let word = &parent.words[phrase.words.start];
    put_in(template, (phrase.piece, phrase.place.start), Some(word), script, new).apply(template)
}

/// A phrase that began a sentence as it stands within one.
pub fn lowered(text: &str) -> String {
    let first = text.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
    let mut letters = first.chars();
    let capital = letters.next().filter(|c| c.is_uppercase());
    match capital {
        Some(capital) if first != "I" && !letters.any(char::is_uppercase) => {
            capital.to_lowercase().chain(text[capital.len_utf8()..].chars()).collect()
        }
        _ => text.to_owned(),
    }
}

fn begins_sentence(text: &str, at: usize) -> bool {
    text[..at].trim_end().chars().next_back().is_none_or(|c| matches!(c, '.' | '!' | '?' | '"' | '。' | '！' | '？'))
}

#[cfg(test)]
mod tests {
    use super::super::super::paraphrase::Thesaurus;
    use super::super::{Level, phrases};
    use super::*;

    fn read(text: &str) -> (Parent, Vec<Phrase>) {
        let parent = Parent::new(0, Template::parse(text).unwrap(), &Thesaurus::new(None).unwrap());
        let found = phrases(&parent, Level::Phrase);
        (parent, found)
    }

    fn text(template: Option<Template>) -> String {
        template.map_or_else(String::new, |template| template.to_string())
    }

    #[test]
    fn a_deleted_phrase_takes_its_comma_along() {
        let (parent, found) = read("{text} In short, this film was really {mask}.");
        assert_eq!(text(delete(&parent, &found[0])), "{text} This film was really {mask}.");
        assert_eq!(text(delete(&parent, &found[1])), "{text} In short, was really {mask}.");
        assert_eq!(text(delete(&parent, &found[2])), "{text} In short, this film {mask}.");
        let (parent, found) = read("{text}总之，它是{mask}。");
        assert_eq!(text(delete(&parent, &found[0])), "{text}它是{mask}。");
        let (parent, found) = read("{text} It was {mask}.");
        assert_eq!(text(delete(&parent, &found[0])), "", "no text would be left between the slots");
    }

    #[test]
    fn swapped_phrases_take_over_capitals() {
        let (parent, found) = read("{text} This film was really {mask} to watch.");
        assert_eq!(text(swap(&parent, &found[0], &found[1])), "{text} Was really this film {mask} to watch.");
        assert_eq!(text(swap(&parent, &found[1], &found[2])), "{text} This film to watch {mask} was really.");
        let (parent, found) = read("{text}总之，它是{mask}。");
        assert_eq!(text(swap(&parent, &found[0], &found[1])), "{text}它是，总之{mask}。");
    }

    #[test]
    fn what_was_deleted_can_be_put_back_anywhere() {
        let (parent, found) = read("{text} This film was {mask}.");
        assert_eq!(places(&found), [(0, false), (1, false), (1, true)]);
        assert_eq!(text(add(&parent, &found[0], false, "in short")), "{text} In short this film was {mask}.");
        assert_eq!(text(add(&parent, &found[1], false, "in short")), "{text} This film in short was {mask}.");
        assert_eq!(text(add(&parent, &found[1], true, "in short")), "{text} This film was in short {mask}.");
        let (parent, found) = read("{text}它是{mask}。");
        assert_eq!(text(add(&parent, &found[0], false, "总之")), "{text}总之它是{mask}。");
        assert_eq!(text(add(&parent, &found[0], true, "总之")), "{text}它是总之{mask}。");
    }

    #[test]
    fn capitals_of_a_beginning_go_and_those_of_names_stay() {
        assert_eq!(lowered("In short"), "in short");
        assert_eq!(lowered("I think"), "I think");
        assert_eq!(lowered("BERT says"), "BERT says");
        assert_eq!(lowered("I'm sure"), "I'm sure");
        assert_eq!(lowered("总之"), "总之");
    }
}
