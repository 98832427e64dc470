//! A change to the text of a template, its slots left alone.

use super::inflection::article;
use crate::prompt::{Piece, Template};

/// What of a text piece is replaced by what.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Edit {
    /// The piece; it is text.
    pub piece: usize,
    /// The byte at which the change begins.
    pub start: usize,
    /// The byte at which what goes ends; `start` where text is put in only.
    pub end: usize,
    /// What comes.
    pub text: String,
}

impl Edit {
    /// The template after the change; `None` if it would break something: a slot lost or moved, no text left between slots,
    /// a word said twice in a row, or stray spaces and punctuation that were not there before.
    pub fn apply(&self, template: &Template) -> Option<Template> {
        let Piece::Text(text) = template.pieces().get(self.piece)? else { return None };
        let changed = format!("{}{}{}", text.get(..self.start)?, self.text, text.get(self.end..)?);
        if changed.trim().is_empty() {
            return None;
        }
        let mut pieces = template.pieces().to_vec();
        pieces[self.piece] = Piece::Text(with_articles(&changed, self.start, self.start + self.text.len()));
        let changed = Template::from_pieces(pieces).ok()?;
        let sound = slots(&changed) == slots(template)
            && changed.pieces().len() == template.pieces().len()
            && n_faults(&changed) <= n_faults(template)
            && n_doubled(&changed) <= n_doubled(template);
        sound.then_some(changed)
    }

    /// The template with `n` trigger tokens in the place of what goes, for the model to fill.
    pub fn gap(&self, template: &Template, n: usize) -> Option<Template> {
        let Piece::Text(text) = template.pieces().get(self.piece)? else { return None };
        let before = text.get(..self.start)?.trim_end();
        let after = text.get(self.end..)?;
        // A word that is put in is set off from the one after it, which begins without a space.
        let spaced = self.start == self.end && self.text.ends_with(' ') && !after.starts_with(' ');
        let after = if spaced { format!(" {after}") } else { after.to_owned() };
        let (left, right) = template.pieces().split_at(self.piece);
        let middle = [Piece::Text(before.to_owned()), Piece::Trigger(n), Piece::Text(after)];
        Template::from_pieces(left.iter().cloned().chain(middle).chain(right[1..].iter().cloned())).ok()
    }
}

/// The slots in their order.
pub fn slots(template: &Template) -> Vec<&Piece> {
    template.pieces().iter().filter(|piece| !matches!(piece, Piece::Text(_))).collect()
}

/// The new text in the case of the old: `Film` -> `Movie`, `FILM` -> `MOVIE`.
pub fn in_case_of(old: &str, new: &str) -> String {
    let letters = old.chars().filter(|c| c.is_alphabetic()).count();
    if letters > 1 && old.chars().all(|c| !c.is_lowercase()) && old.chars().any(char::is_uppercase) {
        new.to_uppercase()
    } else if old.starts_with(char::is_uppercase) {
        capitalised(new)
    } else {
        new.to_owned()
    }
}

/// With a capital in front.
pub fn capitalised(text: &str) -> String {
    let mut rest = text.chars();
    rest.next().map_or_else(String::new, |first| first.to_uppercase().chain(rest).collect())
}

/// `a` and `an` before the words from `start` to `end`, and before what follows them, put right. Only there: what somebody
/// wrote elsewhere is theirs.
pub fn with_articles(text: &str, start: usize, end: usize) -> String {
    let mut fixed = text.to_owned();
    let mut from = text.len();
    // From the right, so that places stay where they are.
    while let Some(space) = text[..from].rfind(' ') {
        from = space;
        let before = text[..space].rsplit(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
        let after = &text[space + 1..];
        let near = space + 1 + after.len() - after.trim_start().len();
        if !(before.eq_ignore_ascii_case("a") || before.eq_ignore_ascii_case("an"))
            || !after.starts_with(|c: char| c.is_ascii_alphabetic())
            || near + 1 < start
            || space > end + 1
        {
            continue;
        }
        let right = in_case_of(&before[..1], article(after));
        let right = if before.starts_with('A') { capitalised(article(after)) } else { right };
        fixed.replace_range(space - before.len()..space, &right);
    }
    fixed
}

/// The template with a mark for each slot.
fn flat(template: &Template) -> String {
    const SLOT: char = '\u{1}';
    let mut text = String::new();
    for piece in template.pieces() {
        match piece {
            Piece::Text(own) => text.push_str(own),
            _ => text.push(SLOT),
        }
    }
    text
}

/// Places where spaces or punctuation look like a slip.
pub fn n_faults(template: &Template) -> usize {
    let stops =
        |c: char| matches!(c, ',' | '.' | '!' | '?' | ';' | ':' | '，' | '。' | '！' | '？' | '；' | '：' | '、');
    let characters: Vec<char> = flat(template).chars().collect();
    let pairs = characters
        .windows(2)
        .filter(|pair| (pair[0] == ' ' && (pair[1] == ' ' || stops(pair[1]))) || (stops(pair[0]) && stops(pair[1])))
        .count();
    pairs + usize::from(characters.first().is_some_and(|&c| stops(c) || c == ' '))
}

/// Words that are said twice in a row.
pub fn n_doubled(template: &Template) -> usize {
    let flat = flat(template).to_lowercase();
    let words: Vec<&str> =
        flat.split(|c: char| !c.is_alphabetic() && c != '\'' && c != '\u{1}').filter(|w| !w.is_empty()).collect();
    let spaced = words.windows(2).filter(|pair| pair[0] == pair[1]).count();
    let characters: Vec<char> = flat.chars().collect();
    let han = characters.windows(2).filter(|pair| pair[0] == pair[1] && super::word::is_han(pair[0])).count();
    // Two characters said twice: 总之总之.
    let twice = characters
        .windows(4)
        .filter(|four| four[0..2] == four[2..4] && four[0] != four[1] && four.iter().all(|&c| super::word::is_han(c)))
        .count();
    spaced + han + twice
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(template: &str, piece: usize, old: &str, new: &str) -> Option<String> {
        let template = Template::parse(template).unwrap();
        let Piece::Text(text) = &template.pieces()[piece] else { panic!("no text") };
        let start = text.find(old).unwrap();
        let edit = Edit { piece, start, end: start + old.len(), text: new.into() };
        edit.apply(&template).map(|t| t.to_string())
    }

    #[test]
    fn articles_follow_the_word_that_came() {
        assert_eq!(
            change("{text} It is a movie, {mask}.", 1, "movie", "example").unwrap(),
            "{text} It is an example, {mask}."
        );
        assert_eq!(change("{text} An awful film: {mask}.", 1, "awful ", "").unwrap(), "{text} A film: {mask}.");
        assert_eq!(change("{text} A film: {mask}.", 1, "film", "old film").unwrap(), "{text} An old film: {mask}.");
        // What was wrong before and elsewhere stays.
        assert_eq!(change("{text} an film was {mask}.", 1, "was", "is").unwrap(), "{text} an film is {mask}.");
        // Before a slot nobody knows.
        assert_eq!(change("{text} it was a {mask} film.", 3, "film", "act").unwrap(), "{text} it was a {mask} act.");
    }

    #[test]
    fn what_would_break_the_text_is_refused() {
        assert_eq!(change("{text} In short, {mask}.", 1, "In short", ""), None);
        assert_eq!(change("{text} very good: {mask}.", 1, "good", "very"), None);
        assert_eq!(change("{text} so {mask}.", 1, "so", ""), None);
        assert_eq!(change("{text}电影，{mask}。", 1, "电影", ""), None);
        assert_eq!(change("{text}总之它很{mask}。", 1, "它", "总之"), None);
        assert_eq!(change("{text} this is {mask} .", 1, "this", "that").unwrap(), "{text} that is {mask} .");
        assert_eq!(change("{text} x {mask}.", 1, "x", "{text}").unwrap(), "{text} {{text}} {mask}.", "text stays text");
        assert!(change("{text}【 {mask}.", 1, " ", "x】").unwrap_or_default().contains("{mask}"));
    }

    #[test]
    fn a_gap_stands_where_the_word_stood() {
        let template = Template::parse("{text} It was {mask}.").unwrap();
        let replaced = Edit { piece: 1, start: 4, end: 7, text: "is".into() };
        assert_eq!(replaced.gap(&template, 1).unwrap().to_string(), "{text} It{trigger:1} {mask}.");
        let put_in = Edit { piece: 1, start: 4, end: 4, text: "really ".into() };
        assert_eq!(put_in.gap(&template, 1).unwrap().to_string(), "{text} It{trigger:1} was {mask}.");
        assert_eq!(put_in.apply(&template).unwrap().to_string(), "{text} It really was {mask}.");
    }

    #[test]
    fn case_is_kept() {
        assert_eq!(in_case_of("Film", "movie"), "Movie");
        assert_eq!(in_case_of("FILM", "movie"), "MOVIE");
        assert_eq!(in_case_of("I", "we"), "We");
        assert_eq!(in_case_of("film", "movie"), "movie");
    }
}
