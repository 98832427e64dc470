//! The trials of shards that ran in folders of their own, copied into one.
//!
//! # Decisions
//!
//! - 2026-11: a folder takes in what is of the same run only: same version of the program, device, type of number, size of batches,
//!   hashes of models and data, and the same trials, whose names carry the fingerprints of all that decides them. Batches of
//!   another size are refused, since last bits may hang on them and a table would mix the two without saying so.
//! - 2026-11: trials are copied, never moved, each under another name first: whatever ends the copying, the sources are whole and
//!   the target holds whole trials. What the target has complete already stays.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Component, Path, PathBuf};

use super::answers::ANSWERS;
use super::atomic::beside;
use super::folder::trial_state;
use super::{Found, Provenance, RecordError, ResultsFolder, write_atomically};

/// What was put together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Gathered {
    /// Trials that were copied, by their folders' names.
    pub copied: Vec<String>,
}

/// Copies into a folder what it lacks of the trials of its run from `sources`. One that nothing describes yet becomes the folder of
/// the first source's run.
///
/// # Errors
/// [`RecordError::Foreign`] with what differs if they are not of one run, before anything is written; [`RecordError::Corrupt`],
/// [`RecordError::Version`], [`RecordError::Io`].
pub fn gather(into: &ResultsFolder, sources: &[PathBuf]) -> Result<Gathered, RecordError> {
    let mut described = Vec::new();
    let own = into.provenance()?;
    described.extend(own.clone().map(|provenance| (into.path().to_path_buf(), provenance)));
    for source in sources {
        match Provenance::load(source)? {
            Some(provenance) => described.push((source.clone(), provenance)),
            None => return Err(foreign(source, "holds no record of a run (no provenance.json)".into())),
        }
    }
    let Some((first, rest)) = described.split_first() else { return Ok(Gathered::default()) };
    for other in rest {
        check_one_run(first, other)?;
    }
    let (from, provenance) = first;
    if let Some(id) = provenance.trials.iter().find(|id| !is_name(id)) {
        return Err(foreign(from, format!("names a trial `{id}`, which is no name of a folder")));
    }
    let answers = answers(into, sources)?;
    if own.is_none() {
        let path = from.join("experiment.yaml");
        let yaml = fs::read_to_string(&path).map_err(RecordError::io("read", &path))?;
        into.describe(&yaml, provenance)?;
    }
    for (path, bytes) in answers {
        let folder = into.path().join(ANSWERS);
        fs::create_dir_all(&folder).map_err(RecordError::io("create folder", &folder))?;
        write_atomically(&path, &bytes)?;
    }
    let mut gathered = Gathered::default();
    for id in &provenance.trials {
        let target = into.trials().join(id);
        let mut best = worth(&target)?;
        let mut chosen = None;
        for source in sources {
            let folder = source.join("trials").join(id);
            let other = worth(&folder)?;
            if other > best && other >= FAILED {
                (best, chosen) = (other, Some(folder));
            }
        }
        if let Some(source) = chosen {
            copy(&source, &target)?;
            gathered.copied.push(id.clone());
        }
    }
    Ok(gathered)
}

/// What [`worth`] gives a trial that failed.
const FAILED: u8 = 2;

/// How much there is of a trial: a complete one is worth most.
fn worth(folder: &Path) -> Result<u8, RecordError> {
    Ok(match trial_state(folder)? {
        (Some(key), _) if folder.file_name() != Some(OsStr::new(&key.id())) => 0,
        (_, Found::New | Found::Damaged(_)) => 0,
        (_, Found::Unfinished) => 1,
        (_, Found::Failed) => FAILED,
        (_, Found::Complete) => FAILED + 1,
    })
}

/// Whether a text names a folder within another.
fn is_name(text: &str) -> bool {
    matches!(Path::new(text).components().collect::<Vec<_>>()[..], [Component::Normal(_)]) && !text.starts_with('.')
}

fn foreign(path: &Path, message: String) -> RecordError {
    RecordError::Foreign { path: path.into(), message }
}

/// Refuses two folders whose trials are not of one run.
fn check_one_run(
    (first, one): &(PathBuf, Provenance),
    (path, other): &(PathBuf, Provenance),
) -> Result<(), RecordError> {
    let differs = |what: &str, one: &str, other: &str| {
        foreign(path, format!("has {what} {other}, and {} has {one}: they are not of one run", first.display()))
    };
    for (what, one, other) in [
        ("the experiment", &one.experiment, &other.experiment),
        ("the trials of promptmine", &one.promptmine, &other.promptmine),
        ("trials on the device", &one.device_kind, &other.device_kind),
        ("trials in", &one.dtype, &other.dtype),
        ("the metric", &one.metric, &other.metric),
    ] {
        if one != other {
            return Err(differs(what, one, other));
        }
    }
    if one.batch_size != other.batch_size {
        return Err(foreign(
            path,
            format!(
                "was run with batches of {}, and {} with batches of {}: last bits may hang on that, so their trials do not stand \
                 in one table; run the shards of one of them again in a new folder with --batch-size as the other",
                other.batch_size,
                first.display(),
                one.batch_size
            ),
        ));
    }
    if one.data_blake3 != other.data_blake3 {
        return Err(foreign(path, format!("was run on other data than {} (their BLAKE3 differ)", first.display())));
    }
    let hashes = |provenance: &Provenance| -> Vec<[String; 3]> {
        let hashes = provenance.models.iter();
        hashes.map(|m| [m.source.clone(), m.weights_blake3.clone(), m.tokenizer_blake3.clone()]).collect()
    };
    if hashes(one) != hashes(other) {
        return Err(foreign(path, format!("was run with other models than {} (their BLAKE3 differ)", first.display())));
    }
    if one.trials != other.trials {
        return Err(foreign(
            path,
            format!(
                "holds another version of the experiment than {}: other items, models, shots, seeds or settings",
                first.display()
            ),
        ));
    }
    Ok(())
}

/// The answers of services that a folder lacks, by the path that they get.
fn answers(into: &ResultsFolder, sources: &[PathBuf]) -> Result<Vec<(PathBuf, Vec<u8>)>, RecordError> {
    let mut answers: Vec<(PathBuf, Vec<u8>)> = Vec::new();
    for source in sources {
        let folder = source.join(ANSWERS);
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries {
            let path = entry.map_err(RecordError::io("read folder", &folder))?.path();
            let name = path.file_name().unwrap_or_default();
            if !is_name(&name.to_string_lossy()) || !path.is_file() {
                continue;
            }
            let bytes = fs::read(&path).map_err(RecordError::io("read", &path))?;
            let target = into.path().join(ANSWERS).join(name);
            let known = match answers.iter().find(|(known, _)| *known == target) {
                Some((_, known)) => Some(known.clone()),
                None => fs::read(&target).ok(),
            };
            match known {
                Some(known) if known != bytes => {
                    let message = format!(
                        "was given another answer by a service than the others ({}): their trials read different texts; run the \
                         shards with one --results DIR, or with DIR/.endpoint copied beside each",
                        name.to_string_lossy()
                    );
                    return Err(foreign(source, message));
                }
                Some(_) => {}
                None => answers.push((target, bytes)),
            }
        }
    }
    Ok(answers)
}

/// Copies a trial's folder to where at most less of it stands.
fn copy(source: &Path, target: &Path) -> Result<(), RecordError> {
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    let half = target.with_file_name(beside(&name));
    copy_folder(source, &half)?;
    if target.exists() {
        fs::remove_dir_all(target).map_err(RecordError::io("remove", target))?;
    }
    fs::rename(&half, target).map_err(RecordError::io("rename", target))
}

fn copy_folder(source: &Path, target: &Path) -> Result<(), RecordError> {
    fs::create_dir_all(target).map_err(RecordError::io("create folder", target))?;
    for entry in fs::read_dir(source).map_err(RecordError::io("read folder", source))? {
        let path = entry.map_err(RecordError::io("read folder", source))?.path();
        let name = path.file_name().unwrap_or_default();
        if name.to_string_lossy().starts_with('.') {
            continue;
        }
        let to = target.join(name);
        if path.is_dir() {
            copy_folder(&path, &to)?;
        } else {
            fs::copy(&path, &to).map_err(RecordError::io("copy", &path))?;
            File::open(&to).and_then(|file| file.sync_data()).map_err(RecordError::io("write", &to))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::record::{Event, FORMAT, TrialKey};

    fn key(seed: u64) -> TrialKey {
        TrialKey {
            item: 0,
            method: "manual".into(),
            label: "manual".into(),
            model: "builtin:toy".into(),
            shots: "16".into(),
            calibration: "none".into(),
            seeds: vec![seed],
            control: None,
            fingerprint: "0123456789abcdef".into(),
        }
    }

    fn provenance() -> Provenance {
        Provenance {
            format: Provenance::FORMAT,
            promptmine: "0.1.0".into(),
            experiment: "x".into(),
            experiment_blake3: "e".into(),
            device: "cpu".into(),
            device_kind: "cpu".into(),
            dtype: "f32".into(),
            batch_size: 32,
            machine: "linux x86_64".into(),
            models: Vec::new(),
            data_blake3: BTreeMap::new(),
            corpora_blake3: BTreeMap::new(),
            data_commit: None,
            metric: "accuracy".into(),
            trials: [1, 2, 3].map(|seed| key(seed).id()).to_vec(),
        }
    }

    fn source(root: &Path, name: &str, provenance: &Provenance) -> ResultsFolder {
        let folder = ResultsFolder::open(root, name).unwrap();
        folder.describe("name: x\n", provenance).unwrap();
        folder
    }

    /// Writes a trial up to `last`.
    fn trial(folder: &ResultsFolder, seed: u64, last: Event) {
        let mut writer = folder.begin(&key(seed)).unwrap();
        let started = Event::Started {
            format: FORMAT,
            trial: key(seed),
            labels: Vec::new(),
            dev_gold: Vec::new(),
            test_gold: Vec::new(),
            dev_set: "d".into(),
            test_set: "t".into(),
            texts: Vec::new(),
            n_train: 1,
            batch_size: 32,
        };
        writer.append(&started).unwrap();
        fs::create_dir_all(folder.trial_path(&key(seed)).join("tuned")).unwrap();
        fs::write(folder.trial_path(&key(seed)).join("tuned/a.bin"), "weights").unwrap();
        writer.append(&last).unwrap();
    }

    fn finished() -> Event {
        Event::Finished { spent: Default::default(), flags: Vec::new(), seconds: 0.5 }
    }

    fn failed() -> Event {
        Event::Failed { reason: "nan".into(), seconds: 0.5 }
    }

    fn state(folder: &ResultsFolder, seed: u64) -> Found {
        folder.find(&key(seed)).unwrap()
    }

    #[test]
    fn the_best_of_every_trial_is_copied_and_the_sources_stay() {
        let root = tempfile::tempdir().unwrap();
        let (a, b) = (source(root.path(), "a", &provenance()), source(root.path(), "b", &provenance()));
        trial(&a, 1, finished());
        trial(&a, 2, failed());
        trial(&b, 2, finished());
        trial(&b, 3, Event::Chosen { candidate: 0, dev_looks: 1, perplexity: None });
        let sources = [a.path().to_path_buf(), b.path().to_path_buf()];
        let into = ResultsFolder::open(root.path(), "c").unwrap();
        assert_eq!(gather(&into, &sources).unwrap().copied, [1, 2].map(|seed| key(seed).id()));
        assert!(matches!(state(&into, 1), Found::Complete));
        assert!(matches!(state(&into, 2), Found::Complete));
        assert!(matches!(state(&into, 3), Found::New), "half a trial is none");
        assert_eq!(fs::read(into.trial_path(&key(2)).join("tuned/a.bin")).unwrap(), b"weights");
        assert!(matches!(state(&a, 2), Found::Failed));
        assert_eq!(gather(&into, &sources).unwrap(), Gathered::default());
        trial(&b, 3, failed());
        assert_eq!(gather(&into, &sources).unwrap().copied, [key(3).id()]);
        assert!(matches!(state(&into, 3), Found::Failed));
        trial(&b, 3, finished());
        assert_eq!(gather(&into, &sources).unwrap().copied, [key(3).id()]);
        assert!(matches!(state(&into, 3), Found::Complete));
    }

    #[test]
    fn what_is_not_of_one_run_is_refused_with_what_differs_before_anything_is_written() {
        let root = tempfile::tempdir().unwrap();
        let a = source(root.path(), "a", &provenance());
        trial(&a, 1, finished());
        type Change = fn(&mut Provenance);
        let changes: [(Change, &str); 7] = [
            (|p| p.experiment = "y".into(), "has the experiment y, and "),
            (|p| p.promptmine = "0.2.0".into(), "has the trials of promptmine 0.2.0, and "),
            (|p| p.device_kind = "wgpu".into(), "has trials on the device wgpu, and "),
            (|p| p.batch_size = 16, "with batches of 16, and "),
            (|p| drop(p.data_blake3.insert("dev".into(), "x".into())), "on other data than "),
            (|p| p.trials.truncate(2), "another version of the experiment than "),
            (|p| p.dtype = "f16".into(), "has trials in f16, and "),
        ];
        for (number, (change, says)) in changes.into_iter().enumerate() {
            let mut other = provenance();
            change(&mut other);
            let b = source(root.path(), &format!("b{number}"), &other);
            let into = ResultsFolder::open(root.path(), &format!("c{number}")).unwrap();
            let error = gather(&into, &[a.path().into(), b.path().into()]).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
            assert!(!into.path().join("provenance.json").exists() && !into.path().join("trials").exists());
        }
    }

    #[test]
    fn a_trial_whose_name_leads_elsewhere_is_refused() {
        let root = tempfile::tempdir().unwrap();
        let a = source(root.path(), "a", &Provenance { trials: vec!["../../x".into()], ..provenance() });
        let into = ResultsFolder::open(root.path(), "c").unwrap();
        let error = gather(&into, &[a.path().into()]).unwrap_err().to_string();
        assert!(error.contains("names a trial `../../x`, which is no name of a folder"), "{error}");
    }

    #[test]
    fn shards_that_a_service_told_different_things_are_refused() {
        let root = tempfile::tempdir().unwrap();
        let (a, b) = (source(root.path(), "a", &provenance()), source(root.path(), "b", &provenance()));
        for (folder, text) in [(&a, "one"), (&b, "two")] {
            fs::create_dir(folder.path().join(ANSWERS)).unwrap();
            fs::write(folder.path().join(ANSWERS).join("0a.json"), text).unwrap();
        }
        let into = ResultsFolder::open(root.path(), "c").unwrap();
        let error = gather(&into, &[a.path().into(), b.path().into()]).unwrap_err().to_string();
        assert!(error.contains("another answer by a service than the others (0a.json)"), "{error}");
        gather(&into, &[a.path().into()]).unwrap();
        assert_eq!(fs::read(into.path().join(ANSWERS).join("0a.json")).unwrap(), b"one");
    }
}
