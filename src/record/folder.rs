//! The results folder of an experiment, `results/<name>/`.

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use fs4::fs_std::FileExt;

use super::answers::{self, ANSWERS, Answer};
use super::checkpoint::CHECKPOINTS;
use super::event::Event;
use super::event_file::EventReader;
use super::seal::verify;
use super::trial_key::TrialKey;
use super::{Provenance, RecordError, TrialRecord, TrialWriter, write_atomically};

/// What we write beside `trials` and rewrite from it at any time.
const DERIVED: [&str; 6] =
    ["candidates.csv", "curves.csv", "leaderboard.csv", "leaderboard.md", "matrix.parquet", "transfer.csv"];

/// The rest of what stands in a results folder.
const OURS: [&str; 6] = ["experiment.yaml", "provenance.json", "trials", ".lock", CHECKPOINTS, ANSWERS];

/// What a results folder holds of a trial.
#[derive(Debug)]
pub enum Found {
    /// Nothing.
    New,
    /// A beginning: it was interrupted.
    Unfinished,
    /// It came to its end and could not be completed.
    Failed,
    /// It is complete, and its files are as it left them.
    Complete,
    /// Something of it cannot be read, or is not as it was left.
    Damaged(RecordError),
}

/// A results folder, opened for writing: no other process has it open for writing.
pub struct ResultsFolder {
    path: PathBuf,
    _lock: File,
}

impl ResultsFolder {
    /// Opens `root/name` for a run, and makes it where it does not exist.
    ///
    /// # Errors
    /// [`RecordError::Io`] if it cannot be written, [`RecordError::InUse`] if another process writes to it,
    /// [`RecordError::Foreign`] if it holds something that is not a record of ours.
    pub fn open(root: &Path, name: &str) -> Result<Self, RecordError> {
        let path = root.join(name);
        fs::create_dir_all(&path).map_err(RecordError::io("create folder", &path))?;
        let lock_path = path.join(".lock");
        let names = names(&path)?;
        let ours =
            |name: &String| OURS.contains(&name.as_str()) || DERIVED.contains(&name.as_str()) || is_remnant(name);
        let known = names.iter().any(|name| name == "provenance.json" || name == ".lock") || names.iter().all(ours);
        if !known {
            return Err(RecordError::Foreign {
                path,
                message:
                    "holds files that promptmine did not write; rename the experiment or give another --results DIR"
                        .into(),
            });
        }
        // Not truncated before it is ours: it says who has it.
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let mut lock = options.open(&lock_path).map_err(RecordError::io("create", &lock_path))?;
        match FileExt::try_lock_exclusive(&lock) {
            Ok(true) => {}
            Ok(false) => {
                let mut holder = String::new();
                lock.read_to_string(&mut holder).ok();
                return Err(RecordError::InUse { path, process: holder.trim().parse().ok() });
            }
            Err(e) => return Err(RecordError::io("lock", &lock_path)(e)),
        }
        lock.set_len(0)
            .and_then(|()| lock.write_all(std::process::id().to_string().as_bytes()))
            .map_err(RecordError::io("write", &lock_path))?;
        for name in names.iter().filter(|name| is_remnant(name)) {
            // Half a file that a killed run left beside the one that it was to replace.
            fs::remove_file(path.join(name)).ok();
        }
        Ok(Self { path, _lock: lock })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the folder says of the run that wrote it, if it says anything yet.
    ///
    /// # Errors
    /// [`RecordError::Io`] or [`RecordError::Corrupt`] if the file is there but cannot be read.
    pub fn provenance(&self) -> Result<Option<Provenance>, RecordError> {
        Provenance::load(&self.path)
    }

    /// Writes `experiment.yaml` (as run) and `provenance.json`.
    ///
    /// # Errors
    /// [`RecordError::Io`].
    pub fn describe(&self, experiment_yaml: &str, provenance: &Provenance) -> Result<(), RecordError> {
        write_atomically(&self.path.join("experiment.yaml"), experiment_yaml.as_bytes())?;
        let trials = self.path.join("trials");
        fs::create_dir_all(&trials).map_err(RecordError::io("create folder", trials))?;
        provenance.save(&self.path)
    }

    /// Writes the answers of services that the trials read, by their questions' hashes.
    ///
    /// # Errors
    /// [`RecordError::Io`].
    pub fn keep_answers(&self, answers: &[(String, Answer)]) -> Result<(), RecordError> {
        answers::keep(&self.path, answers)
    }

    /// The folder of a trial.
    pub fn trial_path(&self, key: &TrialKey) -> PathBuf {
        self.path.join("trials").join(key.id())
    }

    /// What the record holds of a trial with exactly this key.
    ///
    /// # Errors
    /// [`RecordError::Io`], and [`RecordError::Version`] for one of a later version.
    pub fn find(&self, key: &TrialKey) -> Result<Found, RecordError> {
        let path = self.trial_path(key);
        let (first, last) = match EventReader::ends(&path) {
            Ok(Some(ends)) => ends,
            Ok(None) => return Ok(if path.exists() { Found::Unfinished } else { Found::New }),
            Err(damage @ RecordError::Corrupt { .. }) => return Ok(Found::Damaged(damage)),
            Err(error) => return Err(error),
        };
        match last {
            _ if !matches!(&first, Event::Started { trial, .. } if trial == key) => return Ok(Found::Unfinished),
            Event::Finished { .. } => {}
            Event::Failed { .. } => return Ok(Found::Failed),
            _ => return Ok(Found::Unfinished),
        }
        match verify(&path) {
            Ok(()) => Ok(Found::Complete),
            Err(damage @ RecordError::Corrupt { .. }) => Ok(Found::Damaged(damage)),
            Err(error) => Err(error),
        }
    }

    /// Begins a trial's record anew.
    ///
    /// # Errors
    /// [`RecordError::Io`], and [`RecordError::Vanished`] if somebody removed the folder meanwhile: made anew it would hold
    /// trials that nothing tells the experiment of.
    pub fn begin(&self, key: &TrialKey) -> Result<TrialWriter, RecordError> {
        if !self.path.join("provenance.json").exists() {
            return Err(RecordError::Vanished { path: self.path.clone() });
        }
        TrialWriter::create(&self.trial_path(key), key)
    }

    /// Removes a trial's folder.
    ///
    /// # Errors
    /// [`RecordError::Io`].
    pub fn forget(&self, key: &TrialKey) -> Result<(), RecordError> {
        let path = self.trial_path(key);
        fs::remove_dir_all(&path).map_err(RecordError::io("remove the damaged trial", path))
    }

    /// Moves a trial's folder out of the way, to `<id>.damaged`; what an earlier damage left there is removed.
    ///
    /// # Errors
    /// [`RecordError::Io`].
    pub fn set_aside(&self, key: &TrialKey) -> Result<(), RecordError> {
        let path = self.trial_path(key);
        let aside = path.with_file_name(format!("{}.damaged", key.id()));
        if aside.exists() {
            fs::remove_dir_all(&aside).map_err(RecordError::io("remove", &aside))?;
        }
        fs::rename(&path, &aside).map_err(RecordError::io("move", &path))
    }

    /// The folders under `trials` that are none of `ids`, sorted: trials of earlier versions of the experiment.
    ///
    /// # Errors
    /// [`RecordError::Io`].
    pub fn others(&self, ids: &[String]) -> Result<Vec<String>, RecordError> {
        let path = self.path.join("trials");
        if !path.exists() {
            return Ok(Vec::new());
        }
        let ids: HashSet<&String> = ids.iter().collect();
        let mut others: Vec<String> = names(&path)?.into_iter().filter(|name| !ids.contains(name)).collect();
        others.sort();
        Ok(others)
    }

    /// The size of a batch that the trials were begun with, where `provenance.json` is not there to say it.
    ///
    /// # Errors
    /// [`RecordError::Io`].
    pub fn batch_size_of_trials(path: &Path) -> Result<Option<usize>, RecordError> {
        let trials = path.join("trials");
        if !trials.is_dir() {
            return Ok(None);
        }
        let mut ids = names(&trials)?;
        ids.sort();
        let begun = |id: &String| match EventReader::open(&trials.join(id)).ok()??.read().ok()?? {
            (_, Event::Started { batch_size, .. }) => Some(batch_size),
            _ => None,
        };
        Ok(ids.iter().find_map(begun))
    }

    /// Removes every trial and every derived file, for `run --fresh`.
    ///
    /// # Errors
    /// [`RecordError::Io`].
    pub fn clear(&self) -> Result<(), RecordError> {
        for folder in ["trials", CHECKPOINTS].map(|name| self.path.join(name)) {
            if folder.exists() {
                fs::remove_dir_all(&folder).map_err(RecordError::io("remove", &folder))?;
            }
        }
        for name in DERIVED {
            let path = self.path.join(name);
            if path.exists() {
                fs::remove_file(&path).map_err(RecordError::io("remove", &path))?;
            }
        }
        Ok(())
    }
}

/// The names in a folder.
fn names(path: &Path) -> Result<Vec<String>, RecordError> {
    let mut names = Vec::new();
    for entry in fs::read_dir(path).map_err(RecordError::io("read folder", path))? {
        names.push(entry.map_err(RecordError::io("read folder", path))?.file_name().to_string_lossy().into_owned());
    }
    Ok(names)
}

/// Whether a file is the beginning of one that was to be renamed.
fn is_remnant(name: &str) -> bool {
    name.starts_with('.') && name.ends_with(".tmp")
}

/// The folders of the trials that the experiment of a results folder has now; those of trials that have not begun may be absent.
/// Reading needs no lock.
///
/// # Errors
/// [`RecordError`] if the folder is no record, or says so in a way that cannot be read.
pub fn trial_folders(folder: &Path) -> Result<Vec<PathBuf>, RecordError> {
    let Some(provenance) = Provenance::load(folder)? else {
        let message = match folder.exists() {
            true => "holds no record of a run (no provenance.json)",
            false => "does not exist",
        };
        return Err(RecordError::Foreign { path: folder.into(), message: message.into() });
    };
    let trials = folder.join("trials");
    Ok(provenance.trials.iter().map(|id| trials.join(id)).collect())
}

/// Reads the trials of a results folder that its experiment has now, ordered by item, model, shots and seed, and holds all of
/// their events. Trials that have not begun are absent.
///
/// # Errors
/// As [`trial_folders`], and [`RecordError`] if an event cannot be read.
pub fn load_trials(folder: &Path) -> Result<Vec<TrialRecord>, RecordError> {
    let mut records = Vec::new();
    for trial in trial_folders(folder)? {
        records.extend(TrialRecord::load(&trial)?);
    }
    records.sort_by_cached_key(|record| {
        let key = record.key();
        (key.item, key.model.clone(), key.shots.clone(), key.calibration.clone(), key.seeds.clone(), key.id())
    });
    Ok(records)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_with_other_peoples_files_is_refused() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("x")).unwrap();
        fs::write(root.path().join("x/thesis.tex"), "").unwrap();
        let error = ResultsFolder::open(root.path(), "x").err().unwrap();
        assert!(error.to_string().contains("did not write"), "{error}");
        assert_eq!(fs::read_dir(root.path().join("x")).unwrap().count(), 1);
    }

    #[test]
    fn a_second_run_on_the_same_folder_is_refused_while_the_first_is_open() {
        let root = tempfile::tempdir().unwrap();
        let first = ResultsFolder::open(root.path(), "x").unwrap();
        let error = ResultsFolder::open(root.path(), "x").err().unwrap();
        assert!(error.to_string().contains(&format!("another run (process {})", std::process::id())), "{error}");
        drop(first);
        assert!(ResultsFolder::open(root.path(), "x").is_ok());
    }
}
