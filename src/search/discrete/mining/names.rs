//! Names and label words in a sentence, all at once.

use std::collections::HashSet;

use aho_corasick::{AhoCorasick, MatchKind};

use super::words::is_letter;

/// A name in a sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hit {
    pub start: usize,
    pub end: usize,
    /// The name, by its place in the list.
    pub name: usize,
}

/// Names that are looked for.
pub(super) struct Names {
    matcher: Option<AhoCorasick>,
    /// The name of each pattern.
    of_pattern: Vec<usize>,
}

impl Names {
    /// These names; with `any_case` Latin letters in any case, else as they are written with the first letter in either case.
    ///
    /// Nothing is found where they cannot be matched together, which takes gigabytes of them, or where there are none.
    pub fn new(names: &[String], any_case: bool) -> Self {
        let mut patterns: Vec<String> = Vec::new();
        let mut of_pattern = Vec::new();
        let known: HashSet<&str> = names.iter().map(|name| name.trim()).collect();
        for (name, text) in names.iter().enumerate().filter(|(_, text)| !text.trim().is_empty()) {
            let text = text.trim();
            patterns.push(text.to_owned());
            of_pattern.push(name);
            let capital = capitalised(text);
            if !any_case && capital != text && !known.contains(capital.as_str()) {
                patterns.push(capital);
                of_pattern.push(name);
            }
        }
        let builder =
            AhoCorasick::builder().match_kind(MatchKind::Standard).ascii_case_insensitive(any_case).build(&patterns);
        Self { matcher: builder.ok().filter(|_| !patterns.is_empty()), of_pattern }
    }

    /// Those in a text, from left to right, none within another: of two that overlap the one that begins first, then the longer. A
    /// name that begins or ends with a letter or digit that is not Chinese has none of these beside it.
    pub fn hits(&self, text: &str) -> Vec<Hit> {
        let Some(matcher) = &self.matcher else { return Vec::new() };
        let mut found: Vec<Hit> = matcher
            .find_overlapping_iter(text)
            .map(|found| Hit {
                start: found.start(),
                end: found.end(),
                name: self.of_pattern[found.pattern().as_usize()],
            })
            .filter(|hit| is_whole(text, hit))
            .collect();
        found.sort_by_key(|hit| (hit.start, std::cmp::Reverse(hit.end), hit.name));
        let mut end = 0;
        found.retain(|hit| {
            let free = hit.start >= end;
            end = if free { hit.end } else { end };
            free
        });
        found
    }
}

fn is_whole(text: &str, hit: &Hit) -> bool {
    let name = &text[hit.start..hit.end];
    let cut_left = name.starts_with(is_letter) && text[..hit.start].ends_with(is_letter);
    let cut_right = name.ends_with(is_letter) && text[hit.end..].starts_with(is_letter);
    !cut_left && !cut_right
}

/// A text with its first letter as a capital.
pub(super) fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    match characters.next() {
        Some(first) if first.is_lowercase() => first.to_uppercase().chain(characters).collect(),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(names: &[&str], any_case: bool, text: &str) -> Vec<String> {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        Names::new(&names, any_case).hits(text).iter().map(|hit| text[hit.start..hit.end].to_owned()).collect()
    }

    #[test]
    fn names_are_whole_words_and_the_longest_goes_first() {
        let names = ["Apple", "Apple Watch", "Go", "C++", "the film"];
        assert_eq!(
            found(&names, false, "Apple Watch, Apples, apple, Google, Go, C++11 C++ The film"),
            ["Apple Watch", "Go", "C++", "C++", "The film"]
        );
        // A longer name that is no whole word does not hide a shorter one.
        assert_eq!(found(&["Office", "Office 3"], false, "Office 365"), ["Office"]);
    }

    #[test]
    fn chinese_names_stand_anywhere_and_label_words_in_any_case() {
        assert_eq!(
            found(&["微信", "企业微信", "QQ"], false, "腾讯的企业微信和QQ音乐与微信"),
            ["企业微信", "QQ", "微信"]
        );
        assert_eq!(found(&["great", "bad"], true, "GREAT, greatly Bad"), ["GREAT", "Bad"]);
        assert!(found(&[], true, "x").is_empty() && found(&[" "], true, " x").is_empty());
    }
}
