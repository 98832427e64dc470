//! The verbalizer: the words that stand for each label, or the column that holds each example's own answer.
//!
//! # Decisions
//!
//! - 2026-11: a task of generation is one with a single label, named as the column of the references, that has no words: every example
//!   has that label, and its word is the example's own text. So whatever goes by labels and their words (draws, losses, gradients,
//!   records) goes on, and asks [`Verbalizer::reference_column`] where it makes a difference. It is written `{column}`.

use std::fmt;
use std::str::FromStr;

use super::error::{PromptError, excerpt};

/// A label and the words that stand for it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LabelWords {
    /// The label as the data set writes it.
    pub label: String,
    /// Its words, one or more; a label's probability is the sum of theirs. None where the answers are references.
    pub words: Vec<String>,
}

/// The words of every label.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Verbalizer {
    /// In the order that they were written in, or in the data set's after [`Verbalizer::aligned`].
    pub labels: Vec<LabelWords>,
}

impl Verbalizer {
    /// A verbalizer of these labels and words.
    ///
    /// # Errors
    /// If there are fewer than two labels, a label without words, an empty label or word, or anything twice.
    pub fn new(labels: impl IntoIterator<Item = (String, Vec<String>)>) -> Result<Self, PromptError> {
        let labels: Vec<LabelWords> = labels.into_iter().map(|(label, words)| LabelWords { label, words }).collect();
        if labels.len() < 2 {
            return Err(fault(format!("{} labels found and at least two are needed", labels.len())));
        }
        let mut owner = std::collections::HashMap::new();
        let mut names = std::collections::HashSet::new();
        for LabelWords { label, words } in &labels {
            let shown = excerpt(label, 1);
            if label.trim().is_empty() {
                return Err(fault("a label without a name".to_owned()));
            }
            if !names.insert(label) {
                return Err(fault(format!("label `{shown}` stands twice")));
            }
            if words.is_empty() {
                return Err(fault(format!("label `{shown}` has no word")));
            }
            for word in words {
                if word.trim().is_empty() {
                    return Err(fault(format!("label `{shown}` has an empty word")));
                }
                let text = excerpt(word, 1);
                match owner.insert(word, label) {
                    Some(other) if other == label => {
                        return Err(fault(format!("the word `{text}` stands twice for label `{shown}`")));
                    }
                    Some(other) => {
                        let other = excerpt(other, 1);
                        return Err(fault(format!("the word `{text}` stands for both `{other}` and `{shown}`")));
                    }
                    None => {}
                }
            }
        }
        Ok(Self { labels })
    }

    /// Of answers that stand in a column of the data, an example's own each.
    ///
    /// # Errors
    /// If the column has no name.
    pub fn references(column: &str) -> Result<Self, PromptError> {
        match column.trim() {
            "" => Err(fault("a column of references without a name".to_owned())),
            column => Ok(Self { labels: vec![LabelWords { label: column.to_owned(), words: Vec::new() }] }),
        }
    }

    /// The labels and words of a file that holds a prompt, references told by their lack of words.
    ///
    /// # Errors
    /// As [`Verbalizer::new`] and [`Verbalizer::references`].
    pub fn restored(labels: impl IntoIterator<Item = (String, Vec<String>)>) -> Result<Self, PromptError> {
        let labels: Vec<(String, Vec<String>)> = labels.into_iter().collect();
        match labels.as_slice() {
            [(column, words)] if words.is_empty() => Self::references(column),
            _ => Self::new(labels),
        }
    }

    /// The column that holds the references; `None` where labels have words.
    pub fn reference_column(&self) -> Option<&str> {
        match self.labels.as_slice() {
            [only] if only.words.is_empty() => Some(&only.label),
            _ => None,
        }
    }

    /// Reads the notation of the command line: `negative=terrible|awful,positive=great`. A backslash before `,`, `=`, `|`
    /// or a backslash makes it part of the text; spaces around labels and words do not count. `{summary}` says that the answers are
    /// the texts of the column `summary`.
    ///
    /// # Errors
    /// If a part has no `=`, and as [`Verbalizer::new`].
    pub fn parse(text: &str) -> Result<Self, PromptError> {
        if let Some(column) = text.trim().strip_prefix('{').and_then(|text| text.strip_suffix('}')) {
            return Self::references(column);
        }
        let mut labels = Vec::new();
        for part in split(text, ',') {
            let mut sides = split(part, '=');
            let (Some(label), Some(words), None) = (sides.next(), sides.next(), sides.next()) else {
                let part = excerpt(part.trim(), 1);
                return Err(fault(format!(
                    "`{part}` is not label=word|word (as in negative=terrible|awful,positive=great)"
                )));
            };
            labels.push((unescaped(label), split(words, '|').map(unescaped).collect()));
        }
        Self::new(labels)
    }

    /// The same words in the order of `labels`, those of the data set.
    ///
    /// # Errors
    /// If a label of the data has no words, or words stand for a label that the data does not have: all of them at once.
    pub fn aligned(&self, labels: &[String]) -> Result<Self, PromptError> {
        let find = |label: &String| self.labels.iter().find(|mine| &mine.label == label);
        let missing: Vec<&String> = labels.iter().filter(|label| find(label).is_none()).collect();
        let extra: Vec<&String> =
            self.labels.iter().map(|mine| &mine.label).filter(|label| !labels.contains(label)).collect();
        let mut faults = Vec::new();
        if !missing.is_empty() {
            faults.push(format!("no words for {}", listed(&missing)));
        }
        if !extra.is_empty() {
            faults.push(format!("words for {}, which the data does not have", listed(&extra)));
        }
        if faults.is_empty() {
            Ok(Self { labels: labels.iter().filter_map(find).cloned().collect() })
        } else {
            let known = labels.iter().collect::<Vec<_>>();
            Err(PromptError::Labels { what: faults.join("; "), known: listed(&known) })
        }
    }

    /// The names of the labels, in order.
    pub fn label_names(&self) -> Vec<String> {
        self.labels.iter().map(|label| label.label.clone()).collect()
    }
}

fn fault(what: String) -> PromptError {
    PromptError::Verbalizer(what)
}

fn listed(labels: &[&String]) -> String {
    const SHOWN: usize = 20;
    let mut names: Vec<String> = labels.iter().take(SHOWN).map(|label| format!("`{}`", excerpt(label, 1))).collect();
    if labels.len() > SHOWN {
        names.push(format!("and {} more", labels.len() - SHOWN));
    }
    names.join(", ")
}

/// The parts of `text` between separators that no backslash precedes.
fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut escaped = false;
    text.split(move |c: char| {
        let here = c == separator && !escaped;
        escaped = c == '\\' && !escaped;
        here
    })
}

fn unescaped(text: &str) -> String {
    let mut plain = String::new();
    let mut chars = text.trim().chars();
    while let Some(c) = chars.next() {
        plain.push(if c == '\\' { chars.next().unwrap_or(c) } else { c });
    }
    plain
}

fn escaped(text: &str) -> String {
    let mut written = String::new();
    for c in text.chars() {
        if matches!(c, '\\' | ',' | '=' | '|') {
            written.push('\\');
        }
        written.push(c);
    }
    written
}

impl FromStr for Verbalizer {
    type Err = PromptError;

    fn from_str(text: &str) -> Result<Self, PromptError> {
        Self::parse(text)
    }
}

impl fmt::Display for Verbalizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(column) = self.reference_column() {
            return write!(f, "{{{column}}}");
        }
        for (place, label) in self.labels.iter().enumerate() {
            let words: Vec<String> = label.words.iter().map(|word| escaped(word)).collect();
            let comma = if place > 0 { "," } else { "" };
            write!(f, "{comma}{}={}", escaped(&label.label), words.join("|"))?;
        }
        Ok(())
    }
}

impl serde::Serialize for Verbalizer {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Verbalizer {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn message(text: &str) -> String {
        Verbalizer::parse(text).unwrap_err().to_string()
    }

    #[test]
    fn the_notation_of_the_command_line_is_read_and_printed() {
        let verbalizer = Verbalizer::parse("negative = terrible | awful, 是=很好").unwrap();
        assert_eq!(verbalizer.labels[0].words, ["terrible", "awful"]);
        assert_eq!(verbalizer.to_string(), "negative=terrible|awful,是=很好");
    }

    #[test]
    fn a_column_of_references_is_written_in_braces_and_restored_without_words() {
        let verbalizer = Verbalizer::parse(" {summary} ").unwrap();
        assert_eq!((verbalizer.to_string().as_str(), verbalizer.reference_column()), ("{summary}", Some("summary")));
        assert_eq!(Verbalizer::restored([("summary".to_owned(), Vec::new())]).unwrap(), verbalizer);
        assert_eq!(message("{ }"), "verbalizer: a column of references without a name");
        let words = [("a".to_owned(), vec!["bad".to_owned()]), ("b".to_owned(), vec!["good".to_owned()])];
        assert_eq!(Verbalizer::restored(words).unwrap().reference_column(), None);
        assert_eq!(verbalizer.aligned(&["summary".to_owned()]).unwrap(), verbalizer);
    }

    #[test]
    fn contradictions_are_refused() {
        assert_eq!(
            message("negative"),
            "verbalizer: `negative` is not label=word|word (as in negative=terrible|awful,positive=great)"
        );
        assert_eq!(message(""), "verbalizer: `` is not label=word|word (as in negative=terrible|awful,positive=great)");
        assert_eq!(message("0=bad"), "verbalizer: 1 labels found and at least two are needed");
        assert_eq!(message("0=bad,0=good"), "verbalizer: label `0` stands twice");
        assert_eq!(message("0=bad|,1=good"), "verbalizer: label `0` has an empty word");
        assert_eq!(message("0=bad,=good"), "verbalizer: a label without a name");
        assert_eq!(message("0=bad|bad,1=good"), "verbalizer: the word `bad` stands twice for label `0`");
        assert_eq!(message("0=bad,1=good|bad"), "verbalizer: the word `bad` stands for both `0` and `1`");
    }

    #[test]
    fn alignment_takes_the_order_of_the_data_and_lists_every_difference() {
        let verbalizer = Verbalizer::parse("1=good,0=bad").unwrap();
        let names = |labels: &[&str]| labels.iter().map(|&label| label.to_owned()).collect::<Vec<_>>();
        assert_eq!(verbalizer.aligned(&names(&["0", "1"])).unwrap().to_string(), "0=bad,1=good");
        assert_eq!(
            verbalizer.aligned(&names(&["0", "2", "3"])).unwrap_err().to_string(),
            "verbalizer: no words for `2`, `3`; words for `1`, which the data does not have (labels of the data: `0`, `2`, `3`)"
        );
    }

    proptest! {
        #[test]
        fn printing_then_parsing_gives_the_same_words(
            words in proptest::collection::btree_set("[a-z,=|\\\\很好]{1,5}", 2..6),
        ) {
            let words: Vec<String> = words.into_iter().collect();
            let (first, second) = words.split_at(1);
            let verbalizer =
                Verbalizer::new([("a,b".to_owned(), first.to_vec()), ("=|".to_owned(), second.to_vec())]).unwrap();
            prop_assert_eq!(Verbalizer::parse(&verbalizer.to_string()).unwrap(), verbalizer);
        }
    }
}
