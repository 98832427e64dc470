//! The data sets in the binary, written for this project.

use std::collections::BTreeMap;

use crate::task::card::Card;
use crate::task::table::{Format, Indexed, Rows, Want, needs_label};
use crate::task::{Dataset, DatasetOptions, Split, TaskError};

/// A data set that is part of the binary: `builtin:NAME`.
#[derive(Debug, Clone, Copy)]
pub struct BuiltinDataset {
    /// The name after `builtin:`.
    pub name: &'static str,
    card: &'static str,
    splits: [&'static [u8]; 3],
}

macro_rules! embedded {
    ($name:literal) => {
        BuiltinDataset {
            name: $name,
            card: include_str!(concat!("../../datasets/", $name, "/CARD.yaml")),
            splits: [
                include_bytes!(concat!("../../datasets/", $name, "/train.tsv")),
                include_bytes!(concat!("../../datasets/", $name, "/dev.tsv")),
                include_bytes!(concat!("../../datasets/", $name, "/test.tsv")),
            ],
        }
    };
}

const ALL: [BuiltinDataset; 6] = [
    embedded!("developers"),
    embedded!("developers-zh"),
    embedded!("film-reviews"),
    embedded!("follows-en"),
    embedded!("hotel-reviews-zh"),
    embedded!("questions-zh"),
];

/// All of them.
pub fn builtin_datasets() -> &'static [BuiltinDataset] {
    &ALL
}

/// The built-in data set of a name.
pub(crate) fn find(name: &str) -> Result<&'static BuiltinDataset, TaskError> {
    ALL.iter().find(|dataset| dataset.name == name).ok_or_else(|| TaskError::UnknownBuiltin {
        name: name.to_owned(),
        known: ALL.iter().map(|dataset| dataset.name.to_owned()).collect(),
    })
}

impl BuiltinDataset {
    /// Its card: language, licence, sizes, and the prompt to begin with.
    ///
    /// # Errors
    /// None in a released binary; a test parses every card.
    pub fn card(&self) -> Result<Card, TaskError> {
        Card::parse(&format!("builtin:{}/CARD.yaml", self.name), self.card)
    }

    pub(crate) fn load(&self, asked: &DatasetOptions) -> Result<Dataset, TaskError> {
        let card = self.card()?;
        let options = asked.of_table(card.columns.clone());
        let (mut rows, mut notes) = (BTreeMap::new(), Vec::new());
        for (split, bytes) in Split::ALL.into_iter().zip(self.splits) {
            let file = format!("builtin:{}/{split}.tsv", self.name);
            let need_label = asked.target.is_none() && needs_label(split, card.labels.is_some());
            let read = Rows::parse(&file, bytes, Format::Tsv, &options, need_label)?;
            let want = Want { options: &options, need_label, label_by: None, shares: None };
            let read = Indexed::held(read, want)?;
            card.check_rows(split, &read)?;
            notes.extend(read.facts.notes(&read.file, asked.facts.as_ref()));
            rows.insert(split, read);
        }
        let dataset = Dataset::assemble(card.name.clone(), rows, card.labels.clone(), Some(card), asked)?;
        Ok(Dataset { notes, ..dataset })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::task::{DatasetSource, FactRules, Limits, Shots, draw};

    fn options(builtin: &BuiltinDataset) -> DatasetOptions {
        let facts = builtin.card().unwrap().is_of_facts().then(FactRules::default);
        DatasetOptions { facts, ..DatasetOptions::default() }
    }

    #[test]
    fn every_built_in_data_set_is_what_its_card_says() {
        for builtin in builtin_datasets() {
            let dataset =
                Dataset::load_with(&DatasetSource::Builtin(builtin.name.to_owned()), &options(builtin)).unwrap();
            let card = dataset.card.as_ref().unwrap();
            assert_eq!(card.name, builtin.name);
            assert!(card.language.is_some() && card.licence.is_some() && card.made_how.is_some());
            assert!(card.template.as_ref().unwrap().contains("{mask}"));
            if card.is_of_facts() {
                assert_eq!((&dataset.columns[..], dataset.labels.len()), (&["subject".to_owned()][..], 12));
                continue;
            }
            let verbalizer = card.verbalizer.as_ref().unwrap();
            assert_eq!(verbalizer.iter().map(|(label, _)| label.clone()).collect::<Vec<_>>(), dataset.labels);
            match dataset.columns.len() {
                1 => assert_eq!(dataset.columns, ["text"]),
                _ => assert_eq!(dataset.columns, ["text_a", "text_b"]),
            }
            assert_eq!(card.splits.as_ref().unwrap().len(), 3);
        }
    }

    #[test]
    fn built_in_splits_are_balanced_and_share_no_text() {
        for builtin in builtin_datasets() {
            let dataset = builtin.load(&options(builtin)).unwrap();
            let mut texts = BTreeSet::new();
            for split in Split::ALL {
                let examples = dataset.split(split).unwrap();
                // Some companies make more than others.
                for label in (0..dataset.labels.len()).filter(|_| !dataset.is_of_facts) {
                    let n = (0..examples.len()).filter(|&place| examples.label(place) == Some(label)).count();
                    assert_eq!(n * dataset.labels.len(), examples.len(), "{} {split}", builtin.name);
                }
                let new = |place| texts.insert(*examples.text_hash(place));
                assert!((0..examples.len()).all(new), "{}", builtin.name);
            }
            let drawn = draw(&dataset, Shots::Count(16), 13, &Limits::default()).unwrap();
            let n = if dataset.is_of_facts { 16 } else { 32 };
            assert_eq!((drawn.train.len(), drawn.dev.len(), drawn.dev_from_train), (n, n, false));
        }
    }

    #[test]
    fn an_unknown_name_is_refused_with_the_known_ones() {
        let error = find("film").unwrap_err();
        assert_eq!(
            error.to_string(),
            "unknown built-in data set `film` (known: developers, developers-zh, film-reviews, follows-en, hotel-reviews-zh, questions-zh)"
        );
    }
}
