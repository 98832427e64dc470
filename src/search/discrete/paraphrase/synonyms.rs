//! A list of synonyms: a group of words a line.

use std::collections::HashMap;

/// Why a list cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SynonymsError {
    /// A group of one word has no other words.
    #[error("line {line}: a group needs at least two different words parted by spaces, found `{found}`")]
    Alone {
        /// The line, counted from 1.
        line: usize,
        /// What stands there.
        found: String,
    },
    /// Something that can stand in no template's text as a word.
    #[error(
        "line {line}: `{word}` is no word (letters, apostrophes and hyphens; `_` stands for a space within a phrase)"
    )]
    NoWord {
        /// The line, counted from 1.
        line: usize,
        /// The word.
        word: String,
    },
    /// There is nothing in it.
    #[error("it holds no group of words (a group a line, words parted by spaces, comments after #)")]
    Empty,
}

/// Groups of words that may stand for each other, of any language.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Synonyms {
    groups: Vec<Vec<String>>,
    by_word: HashMap<String, Vec<usize>>,
    longest: usize,
}

impl Synonyms {
    /// Reads a list: a group a line, words parted by spaces, `_` for a space inside a phrase, comments after `#`.
    ///
    /// # Errors
    /// [`SynonymsError`], naming the line.
    pub fn parse(text: &str) -> Result<Self, SynonymsError> {
        let mut list = Self::default();
        for (line, text) in (1..).zip(text.trim_start_matches('\u{FEFF}').lines()) {
            let text = text.split('#').next().unwrap_or_default();
            let mut group: Vec<String> = Vec::new();
            for word in text.split_whitespace() {
                let inside = |c: char| c.is_alphabetic() || matches!(c, '\'' | '’' | '-' | '_');
                if !word.chars().all(inside) || !word.starts_with(char::is_alphabetic) || word.ends_with('_') {
                    return Err(SynonymsError::NoWord { line, word: word.into() });
                }
                let word = word.replace('_', " ");
                if !group.contains(&word) {
                    group.push(word);
                }
            }
            match group.len() {
                0 => continue,
                1 => return Err(SynonymsError::Alone { line, found: group.remove(0) }),
                _ => list.add(group),
            }
        }
        if list.groups.is_empty() { Err(SynonymsError::Empty) } else { Ok(list) }
    }

    fn add(&mut self, group: Vec<String>) {
        for word in &group {
            self.longest = self.longest.max(word.chars().count());
            self.by_word.entry(word.to_lowercase()).or_default().push(self.groups.len());
        }
        self.groups.push(group);
    }

    /// The groups.
    pub fn groups(&self) -> &[Vec<String>] {
        &self.groups
    }

    /// The characters of its longest word.
    pub fn longest(&self) -> usize {
        self.longest
    }

    /// Whether it has a lower-case word.
    pub fn contains(&self, word: &str) -> bool {
        self.by_word.contains_key(word)
    }

    /// The words that may stand for a lower-case word, in the order of the list.
    pub fn of(&self, word: &str) -> Vec<String> {
        let groups = self.by_word.get(word).into_iter().flatten().flat_map(|&group| &self.groups[group]);
        let mut found: Vec<String> = Vec::new();
        for other in groups {
            if other.to_lowercase() != word && !found.contains(other) {
                found.push(other.clone());
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_and_looked_up() {
        let list = Synonyms::parse("# films\n电影 影片  片子\n\nin_short to_sum_up  # phrases\n片子 短片\nFilm movie")
            .unwrap();
        assert_eq!(list.groups().len(), 4);
        assert_eq!(list.of("片子"), ["电影", "影片", "短片"]);
        assert_eq!(list.of("in short"), ["to sum up"]);
        assert_eq!(list.of("movie"), ["Film"]);
        assert!(list.of("戏").is_empty());
    }

    #[test]
    fn a_fault_is_named_with_its_line() {
        let message = |text: &str| Synonyms::parse(text).unwrap_err().to_string();
        assert_eq!(
            message("a b\n\n好 # 棒\n"),
            "line 3: a group needs at least two different words parted by spaces, found `好`"
        );
        assert_eq!(
            message("film {mask}"),
            "line 1: `{mask}` is no word (letters, apostrophes and hyphens; `_` stands for a space within a phrase)"
        );
        assert!(message("good, great").starts_with("line 1: `good,` is no word"));
        assert!(message("# nothing\n").starts_with("it holds no group"));
    }

    #[test]
    fn the_list_written_for_this_project_is_sound() {
        let text = include_str!("synonyms-zh.txt");
        let list = Synonyms::parse(text).unwrap();
        assert!(list.groups().len() >= 150, "{}", list.groups().len());
        for group in list.groups() {
            for word in group {
                assert!(word.chars().all(super::super::word::is_han), "{word}");
            }
        }
        assert!(list.of("电影").contains(&"影片".to_owned()));
        assert!(list.of("总之").contains(&"总而言之".to_owned()));
    }
}
