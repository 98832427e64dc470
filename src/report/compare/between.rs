//! `--between ROW OTHER`: two rows that are to be compared though their labels differ.

use std::str::FromStr;

use super::super::entry::Entry;
use super::super::group::Group;
use super::error::CompareError;

/// A row as a user names it: `autoprompt 2`, `gcg,shots=16,calibration=contextual`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RowChoice {
    pub(super) label: String,
    /// Model, shots and calibration, where they are named.
    keys: [Option<String>; 3],
    written: String,
}

/// What may be named of a row beside its label.
const KEYS: [&str; 3] = ["model", "shots", "calibration"];

impl FromStr for RowChoice {
    type Err = CompareError;

    fn from_str(text: &str) -> Result<Self, CompareError> {
        let fault = |why: String| CompareError::Choice { found: text.into(), why };
        let mut parts = text.split(',');
        let label = parts.next().unwrap_or_default().trim().to_owned();
        if label.is_empty() || label.contains('=') {
            return Err(fault("the method of a row comes first, as in `gcg` or `gcg,shots=16`".into()));
        }
        let mut keys = [None, None, None];
        for part in parts {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            let place = KEYS.iter().position(|known| *known == key.trim());
            match place {
                Some(place) if !value.trim().is_empty() => keys[place] = Some(value.trim().to_owned()),
                Some(_) => return Err(fault(format!("`{}` has no value", key.trim()))),
                None => return Err(fault(format!("unknown key `{}` (known: {})", key.trim(), KEYS.join(", ")))),
            }
        }
        Ok(Self { label, keys, written: text.into() })
    }
}

impl RowChoice {
    /// The rows of the one list with those of the other that they are to be compared with. What neither side names, or one alone,
    /// is equal on both.
    ///
    /// # Errors
    /// [`CompareError::NeverTogether`] where there are none.
    pub(super) fn pairs<'e, 'a>(
        &self,
        other: &Self,
        firsts: &'e [Entry<'a>],
        others: &'e [Entry<'a>],
    ) -> Result<Vec<(&'e Entry<'a>, &'e Entry<'a>)>, CompareError> {
        let mut pairs = Vec::new();
        for first in firsts.iter().filter(|entry| entry.label == self.label) {
            let beside = others.iter().filter(|entry| entry.label == other.label).filter(|second| {
                let values = values(&first.group).into_iter().zip(values(&second.group));
                let named = self.keys.iter().zip(&other.keys);
                values.zip(named).all(|((of_first, of_other), named)| match named {
                    (Some(asked), Some(asked_of_other)) => of_first == asked && of_other == asked_of_other,
                    (Some(asked), None) | (None, Some(asked)) => of_first == asked && of_other == asked,
                    (None, None) => of_first == of_other,
                })
            });
            pairs.extend(beside.map(|second| (first, second)));
        }
        match pairs.is_empty() {
            true => Err(CompareError::NeverTogether { first: self.written.clone(), other: other.written.clone() }),
            false => Ok(pairs),
        }
    }
}

fn values(group: &Group) -> [&str; 3] {
    [&group.model, &group.shots, &group.calibration]
}

#[cfg(test)]
mod tests {
    use super::super::super::sample::Sample;
    use super::super::super::trial::Trial;
    use super::*;

    fn trials() -> Vec<Trial> {
        let folder = tempfile::tempdir().unwrap();
        let mut trials = Vec::new();
        for (item, method) in ["manual", "gcg"].into_iter().enumerate() {
            for shots in ["0", "16"] {
                let sample = Sample::new(item, method, &[1], "01", "01").shots(shots).scored("{mask}", "01", 0.5);
                let record = sample.chose(0).tested("01", 0.5).finished(&[]);
                let place = folder.path().join(record.key().id());
                std::fs::create_dir(&place).unwrap();
                let lines = record.events.iter().map(|event| serde_json::to_string(event).unwrap() + "\n");
                std::fs::write(place.join("events.jsonl"), lines.collect::<String>()).unwrap();
                trials.push(Trial::load(&place).unwrap().unwrap());
            }
        }
        trials
    }

    #[test]
    fn what_one_side_does_not_name_is_as_on_the_other() {
        let trials = trials();
        let entries = Entry::of(&trials);
        let shots = |first: &str, other: &str| -> Vec<(String, String)> {
            let (first, other): (RowChoice, RowChoice) = (first.parse().unwrap(), other.parse().unwrap());
            let pairs = first.pairs(&other, &entries, &entries).unwrap_or_default();
            pairs.iter().map(|(a, b)| (a.group.shots.clone(), b.group.shots.clone())).collect()
        };
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(shots("manual", "gcg"), [pair("0", "0"), pair("16", "16")]);
        assert_eq!(shots("manual", "gcg,shots=16"), [pair("16", "16")]);
        assert_eq!(shots("manual, shots=0", "gcg,shots=16"), [pair("0", "16")]);
        assert_eq!(shots("manual,shots=8", "gcg"), []);
    }

    #[test]
    fn words_that_name_no_row_are_told_what_would() {
        let message = |text: &str| text.parse::<RowChoice>().unwrap_err().to_string();
        assert_eq!(
            message("gcg,shot=1"),
            "--between `gcg,shot=1`: unknown key `shot` (known: model, shots, calibration)"
        );
        assert_eq!(message("gcg,shots"), "--between `gcg,shots`: `shots` has no value");
        assert!(message("shots=16").contains("comes first"));
    }
}
