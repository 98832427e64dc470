//! Words in running text: what is counted, and where a context is cut.

use crate::search::discrete::paraphrase::is_han;

/// A word or a Chinese character, or anything else that is no white space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Piece {
    start: usize,
    end: usize,
    is_word: bool,
}

/// Whether a character is of a word of letters or digits.
pub(super) fn is_letter(c: char) -> bool {
    c.is_alphanumeric() && !is_han(c)
}

/// What holds two parts of a word together: `don't`, `well-made`, `3.5`.
fn joins(c: char) -> bool {
    matches!(c, '\'' | '’' | '-' | '.')
}

fn pieces(text: &str) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    let mut characters = text.char_indices().peekable();
    // Where the word that is being read ends so far.
    let mut open = None;
    while let Some((start, c)) = characters.next() {
        let end = start + c.len_utf8();
        let next = characters.peek().map(|(_, next)| *next);
        let goes_on = is_letter(c) || (joins(c) && open == Some(start) && next.is_some_and(is_letter));
        match (goes_on, pieces.last_mut()) {
            (true, Some(word)) if open == Some(start) => word.end = end,
            (true, _) => pieces.push(Piece { start, end, is_word: true }),
            (false, _) if c.is_whitespace() => {}
            (false, _) => pieces.push(Piece { start, end, is_word: is_han(c) }),
        }
        open = goes_on.then_some(end);
    }
    pieces
}

/// The words and Chinese characters of a text.
pub(super) fn n_words(text: &str) -> usize {
    pieces(text).iter().filter(|piece| piece.is_word).count()
}

/// Where the last word of a text begins, the last two, and so on: at most `most` places, fewer where punctuation comes first.
pub(super) fn starts_before(text: &str, most: usize) -> Vec<usize> {
    pieces(text).iter().rev().take_while(|piece| piece.is_word).take(most).map(|piece| piece.start).collect()
}

/// Where the first word of a text ends, the first two, and so on.
pub(super) fn ends_behind(text: &str, most: usize) -> Vec<usize> {
    pieces(text).iter().take_while(|piece| piece.is_word).take(most).map(|piece| piece.end).collect()
}

/// Whether a sentence ends within a text.
pub(super) fn ends_sentence(text: &str) -> bool {
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        let full_stop = c == '.' && characters.peek().is_some_and(|next| next.is_whitespace());
        if full_stop || matches!(c, '。' | '！' | '？' | '；' | '!' | '?' | ';') {
            return true;
        }
    }
    false
}

/// Whether what is opened in a text is closed in it, and nothing else.
pub(super) fn is_balanced(text: &str) -> bool {
    const PAIRS: [(char, char); 8] =
        [('(', ')'), ('[', ']'), ('{', '}'), ('（', '）'), ('《', '》'), ('「', '」'), ('“', '”'), ('【', '】')];
    let mut open = Vec::new();
    for c in text.chars() {
        if let Some((_, close)) = PAIRS.iter().find(|(first, _)| *first == c) {
            open.push(*close);
        } else if PAIRS.iter().any(|(_, close)| *close == c) && open.pop() != Some(c) {
            return false;
        }
    }
    open.is_empty() && text.matches('"').count().is_multiple_of(2)
}

/// White space as one space, and none beside Chinese characters and their punctuation.
pub(super) fn spaced(text: &str) -> String {
    let wide =
        |c: char| is_han(c) || matches!(c, '\u{3000}'..='\u{303F}' | '\u{FF00}'..='\u{FFEF}' | '“' | '”' | '‘' | '’');
    let mut out = String::new();
    let mut gap = false;
    for c in text.chars() {
        if c.is_whitespace() {
            gap = true;
            continue;
        }
        if std::mem::take(&mut gap) && !wide(c) && !out.ends_with(wide) {
            out.push(' ');
        }
        out.push(c);
    }
    if gap && !out.ends_with(wide) {
        out.push(' ');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_hold_together_and_chinese_characters_stand_alone() {
        assert_eq!(n_words("it's a well-made 3.5 film, 真好 - v2."), 8);
        assert_eq!(n_words(" , . !"), 0);
    }

    #[test]
    fn contexts_are_cut_at_punctuation() {
        let text = "Well, it was ";
        assert_eq!(starts_before(text, 5).iter().map(|&at| &text[at..]).collect::<Vec<_>>(), ["was ", "it was "]);
        assert_eq!(starts_before("房间很", 2), [6, 3]);
        assert_eq!(starts_before("the film (", 3), Vec::<usize>::new());
        let text = " movie of the year. Go";
        assert_eq!(ends_behind(text, 2).iter().map(|&at| &text[..at]).collect::<Vec<_>>(), [" movie", " movie of"]);
        assert_eq!(ends_behind(text, 9).len(), 4);
    }

    #[test]
    fn sentences_end_and_brackets_close() {
        assert!(
            ends_sentence("is. By") && ends_sentence("是。") && !ends_sentence(" v2.0 of") && !ends_sentence(", by")
        );
        assert!(
            is_balanced(" (the maker) of ") && is_balanced("“x”") && !is_balanced(" (made by ") && !is_balanced("》是")
        );
        assert!(!is_balanced(")(") && !is_balanced(" \" by"));
    }

    #[test]
    fn white_space_is_one_space_and_none_beside_chinese() {
        assert_eq!(spaced("  is \t made   by "), " is made by ");
        assert_eq!(spaced(" 是 Apple 的 "), "是Apple的");
        assert_eq!(spaced("  "), " ");
    }
}
