//! The results folder of an experiment, `results/<name>/`.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use fs4::fs_std::FileExt;

use super::trial_key::TrialKey;
use super::{Provenance, RecordError, TrialRecord, TrialWriter, write_atomically};

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
        let known = path.join("provenance.json").exists() || lock_path.exists();
        let occupied = fs::read_dir(&path).map_err(RecordError::io("read folder", &path))?.next().is_some();
        if occupied && !known {
            return Err(RecordError::Foreign {
                path,
                message:
                    "holds files that promptmine did not write; rename the experiment or give another --results DIR"
                        .into(),
            });
        }
        let lock = File::create(&lock_path).map_err(RecordError::io("create", &lock_path))?;
        match FileExt::try_lock_exclusive(&lock) {
            Ok(true) => {}
            Ok(false) => return Err(RecordError::InUse { path }),
            Err(e) => return Err(RecordError::io("lock", &lock_path)(e)),
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
        provenance.save(&self.path)
    }

    /// The folder of a trial.
    pub fn trial_path(&self, key: &TrialKey) -> PathBuf {
        self.path.join("trials").join(key.id())
    }

    /// What the record holds of a trial with exactly this key, complete or not.
    ///
    /// # Errors
    /// [`RecordError`] if it is there and cannot be read.
    pub fn trial(&self, key: &TrialKey) -> Result<Option<TrialRecord>, RecordError> {
        Ok(TrialRecord::load(&self.trial_path(key))?.filter(|record| record.key() == key))
    }

    /// Begins a trial's record anew.
    ///
    /// # Errors
    /// [`RecordError::Io`].
    pub fn begin(&self, key: &TrialKey) -> Result<TrialWriter, RecordError> {
        TrialWriter::create(&self.trial_path(key), key)
    }

    /// Removes every trial and every derived file, for `run --fresh`.
    ///
    /// # Errors
    /// [`RecordError::Io`].
    pub fn clear(&self) -> Result<(), RecordError> {
        let trials = self.path.join("trials");
        if trials.exists() {
            fs::remove_dir_all(&trials).map_err(RecordError::io("remove", &trials))?;
        }
        Ok(())
    }
}

/// Reads the trials of a results folder that its experiment has now, ordered by item, model, shots and seed; reading needs
/// no lock. Trials that have not begun are absent.
///
/// # Errors
/// [`RecordError`] if the folder is no record, or a file in it cannot be read.
pub fn load_trials(folder: &Path) -> Result<Vec<TrialRecord>, RecordError> {
    let Some(provenance) = Provenance::load(folder)? else {
        return Err(RecordError::Foreign {
            path: folder.into(),
            message: "holds no record of a run (no provenance.json)".into(),
        });
    };
    let trials = folder.join("trials");
    let mut records = Vec::new();
    for id in &provenance.trials {
        records.extend(TrialRecord::load(&trials.join(id))?);
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
        assert!(matches!(ResultsFolder::open(root.path(), "x"), Err(RecordError::InUse { .. })));
        drop(first);
        assert!(ResultsFolder::open(root.path(), "x").is_ok());
    }
}
