//! One of the folders that are compared.

use std::path::{Path, PathBuf};

use crate::record::{Provenance, RecordError};

use super::super::asked::Asked;
use super::super::entry::Entry;
use super::super::trial::Trial;

/// A folder, what it says of itself, and its trials.
pub(super) struct Side {
    pub(super) folder: PathBuf,
    /// What it is called in a table: `A`, `B`.
    pub(super) letter: String,
    pub(super) asked: Asked,
    pub(super) provenance: Provenance,
    /// `experiment.yaml` as it stands; null where there is none.
    pub(super) experiment: serde_yaml::Value,
    pub(super) trials: Vec<Trial>,
}

impl Side {
    /// Reads the `place`-th folder.
    ///
    /// # Errors
    /// [`RecordError`] if it holds no record, or one that cannot be read.
    pub(super) fn load(folder: &Path, place: usize) -> Result<Self, RecordError> {
        let trials = Trial::all(folder)?;
        let none = || RecordError::Foreign { path: folder.into(), message: "holds no record of a run".into() };
        let provenance = Provenance::load(folder)?.ok_or_else(none)?;
        let path = folder.join("experiment.yaml");
        let experiment = match std::fs::read_to_string(&path) {
            Ok(text) => serde_yaml::from_str(&text).map_err(|e| {
                RecordError::corrupt(&path, e.location().map(|at| at.line()), format!("not an experiment: {e}"))
            })?,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => serde_yaml::Value::Null,
            Err(e) => return Err(RecordError::io("read", &path)(e)),
        };
        let (asked, folder) = (Asked::load(folder)?, folder.to_path_buf());
        Ok(Self { folder, letter: letter(place), asked, provenance, experiment, trials })
    }

    /// Its rows.
    pub(super) fn entries(&self) -> Vec<Entry<'_>> {
        Entry::of(&self.trials)
    }

    /// The folder as the user wrote it.
    pub(super) fn name(&self) -> String {
        self.folder.display().to_string()
    }

    /// The trials of its experiment that are not complete.
    pub(super) fn n_open(&self) -> usize {
        let complete = self.trials.iter().filter(|trial| trial.is_complete()).count();
        self.provenance.trials.len().saturating_sub(complete)
    }
}

/// `A` to `Z`, then `A2`.
fn letter(place: usize) -> String {
    let letter = char::from(b'A' + (place % 26) as u8);
    match place / 26 {
        0 => letter.to_string(),
        round => format!("{letter}{}", round + 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_have_letters_however_many_there_are() {
        assert_eq!([0, 1, 25, 26, 53].map(letter), ["A", "B", "Z", "A2", "B3"]);
    }
}
