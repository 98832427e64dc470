//! The results folder of an experiment, `results/<name>/`.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::answers::{self, ANSWERS, Answer};
use super::checkpoint::CHECKPOINTS;
use super::event::Event;
use super::event_file::EventReader;
use super::folder_lock::{Entered, FolderLock, LOCK};
use super::seal::verify;
use super::shard_note::{self, SHARDS, ShardNote};
use super::trial_key::TrialKey;
use super::{Provenance, RecordError, TrialRecord, TrialWriter, write_atomically};
use crate::spec::Shard;

/// What we write beside `trials` and rewrite from it at any time.
const DERIVED: [&str; 8] = [
    "candidates.csv",
    "curves.csv",
    "leaderboard.csv",
    "leaderboard.md",
    "matrix.parquet",
    "report.html",
    "transfer.csv",
    "variance.csv",
];

/// The rest of what stands in a results folder.
const OURS: [&str; 7] = ["experiment.yaml", "provenance.json", "trials", LOCK, CHECKPOINTS, ANSWERS, SHARDS];

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

/// A results folder, opened for writing: no other process has it open for writing, but shards of the same run may.
pub struct ResultsFolder {
    path: PathBuf,
    lock: FolderLock,
}

impl ResultsFolder {
    /// Opens `root/name` for a run, and makes it where it does not exist.
    ///
    /// # Errors
    /// [`RecordError::Io`] if it cannot be written, [`RecordError::InUse`] if another process writes to it,
    /// [`RecordError::Foreign`] if it holds something that is not a record of ours.
    pub fn open(root: &Path, name: &str) -> Result<Self, RecordError> {
        let path = made(root, name)?;
        let folder = Self { lock: FolderLock::alone(&path)?, path };
        folder.tidy()?;
        Ok(folder)
    }

    /// Opens it for one of `of` shards; true if no other is at work, and none comes in before [`Self::share`].
    ///
    /// # Errors
    /// As [`Self::open`]; [`RecordError::InUse`] if a run that is not divided like this writes to it.
    pub fn open_shared(root: &Path, name: &str, of: usize) -> Result<(Self, bool), RecordError> {
        let path = made(root, name)?;
        Ok(match FolderLock::with_shards(&path, of)? {
            Entered::First(lock) => {
                let folder = Self { path, lock };
                folder.tidy()?;
                (folder, true)
            }
            Entered::Beside(lock) => (Self { path, lock }, false),
        })
    }

    /// Lets the other of `of` shards in.
    ///
    /// # Errors
    /// [`RecordError::InUse`], [`RecordError::Io`].
    pub fn share(self, of: usize) -> Result<Self, RecordError> {
        Ok(Self { lock: self.lock.share(&self.path, of)?, path: self.path })
    }

    /// Takes a shard; where another process runs it, waits until that is over, as long as `go_on` says so, and tells `waits`
    /// once. False if it was not to be had.
    ///
    /// # Errors
    /// [`RecordError::Io`].
    pub fn take(&mut self, shard: Shard, waits: &dyn Fn(), go_on: &dyn Fn() -> bool) -> Result<bool, RecordError> {
        self.lock.take(&self.path, shard, waits, go_on)
    }

    /// Keeps what a shard says of itself and the others; those of another division are forgotten.
    ///
    /// # Errors
    /// [`RecordError::Io`].
    pub fn note_shard(&self, note: &ShardNote) -> Result<(), RecordError> {
        shard_note::forget_others(&self.path, note.of)?;
        note.save(&self.path)
    }

    /// Forgets that it was run in shards.
    ///
    /// # Errors
    /// [`RecordError::Io`].
    pub fn forget_shards(&self) -> Result<(), RecordError> {
        shard_note::forget_all(&self.path)
    }

    /// Removes halves of files that killed runs left beside those that they were to replace.
    fn tidy(&self) -> Result<(), RecordError> {
        for folder in [self.path.clone(), self.trials()] {
            if !folder.is_dir() {
                continue;
            }
            for name in names(&folder)?.iter().filter(|name| is_remnant(name)) {
                let path = folder.join(name);
                // What cannot be removed harms nobody.
                if path.is_dir() {
                    fs::remove_dir_all(path).ok()
                } else {
                    fs::remove_file(path).ok()
                };
            }
        }
        Ok(())
    }

    /// The folder of the trials.
    pub(super) fn trials(&self) -> PathBuf {
        self.path.join("trials")
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
        let trials = self.trials();
        fs::create_dir_all(&trials).map_err(RecordError::io("create folder", trials))?;
        provenance.save(&self.path)
    }

    /// The same in a folder that nothing describes yet; false if another process was quicker, whose description stays.
    ///
    /// # Errors
    /// [`RecordError::Io`].
    pub fn describe_first(&self, experiment_yaml: &str, provenance: &Provenance) -> Result<bool, RecordError> {
        let trials = self.trials();
        fs::create_dir_all(&trials).map_err(RecordError::io("create folder", trials))?;
        write_atomically(&self.path.join("experiment.yaml"), experiment_yaml.as_bytes())?;
        provenance.save_first(&self.path)
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
        self.trials().join(key.id())
    }

    /// What the record holds of a trial with exactly this key.
    ///
    /// # Errors
    /// [`RecordError::Io`], and [`RecordError::Version`] for one of a later version.
    pub fn find(&self, key: &TrialKey) -> Result<Found, RecordError> {
        match trial_state(&self.trial_path(key))? {
            (Some(other), _) if other != *key => Ok(Found::Unfinished),
            (_, found) => Ok(found),
        }
    }

    /// What the record holds of a trial by the name of its folder, and the key that it was begun with, where it says it.
    ///
    /// # Errors
    /// As [`Self::find`].
    pub fn find_by_id(&self, id: &str) -> Result<(Option<TrialKey>, Found), RecordError> {
        trial_state(&self.trials().join(id))
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

    /// Removes a trial's folder, if there is one.
    ///
    /// # Errors
    /// [`RecordError::Io`].
    pub fn forget(&self, key: &TrialKey) -> Result<(), RecordError> {
        let path = self.trial_path(key);
        match fs::remove_dir_all(&path) {
            // Another shard may have been quicker.
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(RecordError::io("remove the trial", path)(e)),
            _ => Ok(()),
        }
    }

    /// Moves a trial's folder out of the way, to `<id>.damaged`; what an earlier damage left there is removed.
    ///
    /// # Errors
    /// [`RecordError::Io`].
    pub fn set_aside(&self, id: &str) -> Result<(), RecordError> {
        let path = self.trials().join(id);
        let aside = path.with_file_name(format!("{id}.damaged"));
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
        let path = self.trials();
        if !path.exists() {
            return Ok(Vec::new());
        }
        let ids: HashSet<&String> = ids.iter().collect();
        let is_other = |name: &String| !ids.contains(name) && !is_remnant(name);
        let mut others: Vec<String> = names(&path)?.into_iter().filter(is_other).collect();
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
        for folder in ["trials", CHECKPOINTS, SHARDS].map(|name| self.path.join(name)) {
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

/// The folder `root/name`, made where it does not exist.
fn made(root: &Path, name: &str) -> Result<PathBuf, RecordError> {
    let path = root.join(name);
    fs::create_dir_all(&path).map_err(RecordError::io("create folder", &path))?;
    let names = names(&path)?;
    let ours = |name: &String| OURS.contains(&name.as_str()) || DERIVED.contains(&name.as_str()) || is_remnant(name);
    let known = names.iter().any(|name| name == "provenance.json" || name == LOCK) || names.iter().all(ours);
    if !known {
        return Err(RecordError::Foreign {
            path,
            message: "holds files that promptmine did not write; rename the experiment or give another --results DIR"
                .into(),
        });
    }
    Ok(path)
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

/// Which trial a trial's folder holds, where it has begun, and how far it is. Reading needs no lock.
///
/// # Errors
/// [`RecordError::Io`], and [`RecordError::Version`] for one of a later version.
pub fn trial_state(path: &Path) -> Result<(Option<TrialKey>, Found), RecordError> {
    let (first, last) = match EventReader::ends(path) {
        Ok(Some(ends)) => ends,
        Ok(None) => return Ok((None, if path.exists() { Found::Unfinished } else { Found::New })),
        Err(damage @ RecordError::Corrupt { .. }) => return Ok((None, Found::Damaged(damage))),
        Err(error) => return Err(error),
    };
    let key = match first {
        Event::Started { trial, .. } => Some(trial),
        _ => None,
    };
    match last {
        Event::Finished { .. } => {}
        Event::Failed { .. } => return Ok((key, Found::Failed)),
        _ => return Ok((key, Found::Unfinished)),
    }
    match verify(path) {
        Ok(()) => Ok((key, Found::Complete)),
        Err(damage @ RecordError::Corrupt { .. }) => Ok((key, Found::Damaged(damage))),
        Err(error) => Err(error),
    }
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
