//! What the shards of a run leave for the one who puts it together: `.shards/<I>-of-<N>.json` in the results folder.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{RecordError, write_atomically};
use crate::spec::Shard;

/// The folder in a results folder.
pub(super) const SHARDS: &str = ".shards";
/// The format of the files.
const FORMAT: u32 = 1;

/// What a shard says of itself and of the others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShardNote {
    /// The format of this file.
    pub format: u32,
    /// Which shard, from 1.
    pub number: usize,
    /// Of how many.
    pub of: usize,
    /// The trials of every shard, by their folders' names.
    pub trials: Vec<Vec<String>>,
    /// The processor, as far as it decides the last bits of a number.
    pub processor: String,
    /// The folder of the experiment file.
    pub folder: PathBuf,
    /// The arguments that it was begun with, without `--shard`.
    pub command: Vec<String>,
}

impl ShardNote {
    /// The format that this version writes.
    pub const FORMAT: u32 = FORMAT;

    /// Writes it into a results folder.
    ///
    /// # Errors
    /// [`RecordError::Io`].
    pub(super) fn save(&self, results: &Path) -> Result<(), RecordError> {
        let folder = results.join(SHARDS);
        fs::create_dir_all(&folder).map_err(RecordError::io("create folder", &folder))?;
        let path = folder.join(format!("{}-of-{}.json", self.number, self.of));
        let mut json = serde_json::to_vec_pretty(self).map_err(|e| RecordError::corrupt(&path, None, e.to_string()))?;
        json.push(b'\n');
        write_atomically(&path, &json)
    }

    /// Those of a results folder, by number. One that cannot be read is left out: it tells nothing that a table hangs on.
    pub fn all(results: &Path) -> Vec<Self> {
        let Ok(entries) = fs::read_dir(results.join(SHARDS)) else { return Vec::new() };
        let read = |entry: std::io::Result<fs::DirEntry>| {
            let path = entry.ok()?.path();
            path.extension().filter(|ending| *ending == "json")?;
            serde_json::from_slice::<Self>(&fs::read(path).ok()?).ok()
        };
        let mut notes: Vec<Self> = entries.filter_map(read).filter(|note| note.format == FORMAT).collect();
        notes.sort_by_key(|note| (note.of, note.number));
        notes
    }

    /// The shard that owes a trial.
    pub fn owes(&self, trial: &str) -> Option<Shard> {
        let at = self.trials.iter().position(|trials| trials.iter().any(|id| id == trial))?;
        Some(Shard { number: at + 1, of: self.of })
    }
}

/// Removes the notes of runs in another number of shards.
///
/// # Errors
/// [`RecordError::Io`].
pub(super) fn forget_others(results: &Path, of: usize) -> Result<(), RecordError> {
    let Ok(entries) = fs::read_dir(results.join(SHARDS)) else { return Ok(()) };
    let ours = [format!("-of-{of}.json"), format!("-of-{of}.lock")];
    for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        // What begins with a dot is a file in the making.
        if !name.starts_with('.') && !ours.iter().any(|ending| name.ends_with(ending)) {
            fs::remove_file(&path).map_err(RecordError::io("remove", &path))?;
        }
    }
    Ok(())
}

/// Removes all of them.
///
/// # Errors
/// [`RecordError::Io`].
pub(super) fn forget_all(results: &Path) -> Result<(), RecordError> {
    let folder = results.join(SHARDS);
    match folder.exists() {
        true => fs::remove_dir_all(&folder).map_err(RecordError::io("remove", &folder)),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(number: usize, of: usize) -> ShardNote {
        ShardNote {
            format: FORMAT,
            number,
            of,
            trials: vec![vec!["a".into()], vec!["b".into(), "c".into()]],
            processor: "x86_64".into(),
            folder: "/x".into(),
            command: vec!["run".into(), "x.yaml".into()],
        }
    }

    #[test]
    fn notes_come_back_in_order_and_say_who_owes_what() {
        let folder = tempfile::tempdir().unwrap();
        for number in [2, 1] {
            note(number, 2).save(folder.path()).unwrap();
        }
        fs::write(folder.path().join(SHARDS).join("3-of-3.json"), "{").unwrap();
        assert_eq!(ShardNote::all(folder.path()), [note(1, 2), note(2, 2)]);
        assert_eq!(note(1, 2).owes("c"), Some(Shard { number: 2, of: 2 }));
        assert_eq!(note(1, 2).owes("d"), None);
    }

    #[test]
    fn another_division_forgets_the_notes_of_the_one_before() {
        let folder = tempfile::tempdir().unwrap();
        note(1, 2).save(folder.path()).unwrap();
        note(1, 12).save(folder.path()).unwrap();
        forget_others(folder.path(), 2).unwrap();
        assert_eq!(ShardNote::all(folder.path()), [note(1, 2)]);
        forget_all(folder.path()).unwrap();
        assert!(!folder.path().join(SHARDS).exists());
    }
}
