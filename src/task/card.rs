//! CARD.yaml: what a data set is, how it was made, and the bytes that it was checked with.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::task::facts::OBJECT;
use crate::task::source::Columns;
use crate::task::table::Indexed;
use crate::task::{Split, TaskError};

/// The name of the card's file.
pub(crate) const CARD: &str = "CARD.yaml";

/// Each label with its words, in the order written.
pub type CardVerbalizer = Vec<(String, Vec<String>)>;

/// A data set's card. Unknown keys are refused.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Card {
    /// The data set's name.
    pub name: String,
    /// The language of its texts, as a BCP 47 tag: `en`, `zh`.
    #[serde(default)]
    pub language: Option<String>,
    /// Its licence, as an SPDX expression where there is one.
    #[serde(default)]
    pub licence: Option<String>,
    /// Who made it, and how.
    #[serde(default)]
    pub made_how: Option<String>,
    /// What its columns are called.
    #[serde(default)]
    pub columns: Option<Columns>,
    /// Its labels, in their order.
    #[serde(default)]
    pub labels: Option<Vec<String>>,
    /// What its files hold; with it, every file must be listed.
    #[serde(default)]
    pub splits: Option<BTreeMap<Split, SplitCard>>,
    /// The template to begin with, in the notation of the prompts.
    #[serde(default)]
    pub template: Option<String>,
    /// The label words to begin with, label by label in the order written.
    #[serde(default, deserialize_with = "label_words")]
    pub verbalizer: Option<CardVerbalizer>,
    /// What that template and those words were measured to reach.
    #[serde(default)]
    pub manual_accuracy: Option<ManualAccuracy>,
}

/// What one split's file was when the card was written.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SplitCard {
    /// Its examples.
    pub rows: usize,
    /// BLAKE3 of its bytes, in hex.
    pub blake3: String,
}

/// A measured accuracy of a hand-written prompt.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ManualAccuracy {
    /// The template.
    pub template: String,
    /// The label words.
    #[serde(deserialize_with = "some_label_words")]
    pub verbalizer: CardVerbalizer,
    /// The model, as its source is written: `builtin:NAME`.
    pub model: String,
    /// The split it was measured on.
    pub split: Split,
    /// The accuracy, in [0, 1].
    pub accuracy: f64,
}

impl Card {
    /// Parses a card; `file` is what errors call it.
    ///
    /// # Errors
    /// A key that is unknown or missing, or a value of another type, with line and column.
    pub fn parse(file: &str, text: &str) -> Result<Self, TaskError> {
        serde_yaml::from_str(text).map_err(|source| TaskError::Card { file: file.to_owned(), source: Box::new(source) })
    }

    /// Whether it describes facts, which a task of another kind cannot read.
    pub fn is_of_facts(&self) -> bool {
        match &self.columns {
            Some(Columns::Order(names)) => names.iter().any(|name| name == OBJECT),
            Some(Columns::Names(names)) => names.contains_key(OBJECT),
            None => false,
        }
    }

    /// Refuses rows that are not those which the card describes.
    pub(crate) fn check_rows(&self, split: Split, rows: &Indexed) -> Result<(), TaskError> {
        let Some(card) = self.splits.as_ref().and_then(|splits| splits.get(&split)) else {
            return Ok(());
        };
        if !card.blake3.eq_ignore_ascii_case(&rows.hash) {
            return Err(TaskError::CardHash {
                file: rows.file.clone(),
                expected: card.blake3.clone(),
                found: rows.hash.clone(),
            });
        }
        let found = rows.n_rows() + rows.facts.n();
        if card.rows != found {
            return Err(TaskError::CardRows { file: rows.file.clone(), expected: card.rows, found });
        }
        Ok(())
    }

    /// Refuses if the files found are not those listed.
    pub(crate) fn check_files(&self, file: &str, found: &BTreeMap<Split, String>) -> Result<(), TaskError> {
        let Some(splits) = &self.splits else {
            return Ok(());
        };
        for split in Split::ALL {
            match (splits.contains_key(&split), found.get(&split)) {
                (true, None) => return Err(TaskError::CardSplitAbsent { file: file.to_owned(), split }),
                (false, Some(found)) => {
                    let found = found.clone();
                    return Err(TaskError::CardSplitUnlisted { file: file.to_owned(), split, found });
                }
                _ => {}
            }
        }
        Ok(())
    }
}

fn label_words<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<CardVerbalizer>, D::Error> {
    some_label_words(deserializer).map(Some)
}

fn some_label_words<'de, D: Deserializer<'de>>(deserializer: D) -> Result<CardVerbalizer, D::Error> {
    struct InOrder;
    impl<'de> Visitor<'de> for InOrder {
        type Value = CardVerbalizer;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a mapping from each label to a list of words")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut labels = Vec::new();
            while let Some(entry) = map.next_entry()? {
                labels.push(entry);
            }
            Ok(labels)
        }
    }
    deserializer.deserialize_map(InOrder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_keeps_labels_as_written_and_words_in_order() {
        let text = "name: x\nlabels: [0, no, 是]\nverbalizer: {no: [bad, 1], 0: [\"off\"], 是: [好]}\n\
                    splits: {train: {rows: 2, blake3: ab}}\ncolumns: {text: review}\n";
        let card = Card::parse("CARD.yaml", text).unwrap();
        assert_eq!(card.labels.unwrap(), ["0", "no", "是"]);
        let words = card.verbalizer.unwrap();
        assert_eq!(words.iter().map(|(label, _)| label.as_str()).collect::<Vec<_>>(), ["no", "0", "是"]);
        assert_eq!(words[0].1, ["bad", "1"]);
        assert_eq!(card.splits.unwrap()[&Split::Train].rows, 2);
        assert_eq!(card.columns.unwrap().in_file(), ["review"]);
    }

    #[test]
    fn unknown_keys_are_refused_by_name() {
        for (text, key) in [
            ("name: x\nlicense: MIT\n", "license"),
            ("name: x\nsplits: {train: {rows: 1, sha256: a}}\n", "sha256"),
            ("name: x\nsplits: {validation: {rows: 1, blake3: a}}\n", "validation"),
            ("language: en\n", "name"),
        ] {
            let message = Card::parse("d/CARD.yaml", text).unwrap_err().to_string();
            assert!(message.starts_with("d/CARD.yaml: ") && message.contains(key), "{message}");
        }
    }
}
