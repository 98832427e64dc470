//! One trial on disk: the folder `trials/<id>/`.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use super::event::{Event, FORMAT};
use super::event_file::EventReader;
use super::seal::seal;
use super::trial_key::TrialKey;
use super::{RecordError, write_atomically};

/// The file of a trial's events.
pub const EVENTS: &str = "events.jsonl";

/// Appends events to a trial's folder as they happen; each is on the disk before the next is written.
pub struct TrialWriter {
    path: PathBuf,
    file: File,
    /// Of the events so far.
    hasher: blake3::Hasher,
}

impl TrialWriter {
    /// Starts a trial's folder anew: what an unfinished attempt left in it is removed.
    ///
    /// # Errors
    /// [`RecordError::Io`] if the folder or its files cannot be made.
    pub fn create(folder: &Path, key: &TrialKey) -> Result<Self, RecordError> {
        if folder.exists() {
            fs::remove_dir_all(folder).map_err(RecordError::io("remove the unfinished trial", folder))?;
        }
        fs::create_dir_all(folder).map_err(RecordError::io("create folder", folder))?;
        let json = serde_json::to_vec_pretty(&serde_json::json!({ "format": FORMAT, "trial": key }))
            .map_err(|e| RecordError::corrupt(folder, None, e.to_string()))?;
        write_atomically(&folder.join("trial.json"), &json)?;
        let path = folder.join(EVENTS);
        let file =
            OpenOptions::new().create_new(true).append(true).open(&path).map_err(RecordError::io("create", &path))?;
        Ok(Self { path, file, hasher: blake3::Hasher::new() })
    }

    /// Appends one event as one line. [`Event::Finished`] is written with the hashes of the trial's files, so it comes after
    /// them.
    ///
    /// # Errors
    /// [`RecordError::Io`], for instance on a full disk.
    pub fn append(&mut self, event: &Event) -> Result<(), RecordError> {
        let fault = |e: serde_json::Error| RecordError::corrupt(&self.path, None, e.to_string());
        let mut line = if let (Event::Finished { .. }, Some(folder)) = (event, self.path.parent()) {
            let mut sealed = serde_json::to_value(event).map_err(fault)?;
            sealed["files"] = serde_json::to_value(seal(folder, &self.hasher)?).map_err(fault)?;
            serde_json::to_vec(&sealed).map_err(fault)?
        } else {
            serde_json::to_vec(event).map_err(fault)?
        };
        line.push(b'\n');
        self.hasher.update(&line);
        self.file.write_all(&line).map_err(RecordError::io("write", &self.path))?;
        if event.is_last() {
            self.file.sync_data().map_err(RecordError::io("write", &self.path))?;
        }
        Ok(())
    }
}

/// A trial read back.
#[derive(Debug, Clone)]
pub struct TrialRecord {
    /// Its folder.
    pub folder: PathBuf,
    /// Its events, the first being [`Event::Started`].
    pub events: Vec<Event>,
}

impl TrialRecord {
    /// Reads a trial's events; `None` if the folder holds none yet.
    ///
    /// A last line without its line break is a write that a crash cut off, and is left out.
    ///
    /// # Errors
    /// [`RecordError::Corrupt`] for any other line that is not an event, [`RecordError::Version`] for a later format.
    pub fn load(folder: &Path) -> Result<Option<Self>, RecordError> {
        let Some(mut reader) = EventReader::open(folder)? else { return Ok(None) };
        let mut events = Vec::new();
        while let Some((_, event)) = reader.read()? {
            events.push(event);
        }
        Ok((!events.is_empty()).then(|| Self { folder: folder.into(), events }))
    }

    /// The trial's identity.
    pub fn key(&self) -> &TrialKey {
        match self.events.first() {
            Some(Event::Started { trial, .. }) => trial,
            _ => unreachable!("load and live listeners begin with `started`"),
        }
    }

    /// Whether the trial came to its end, well or not.
    pub fn is_over(&self) -> bool {
        self.events.last().is_some_and(Event::is_last)
    }

    /// Whether the trial came to its end well.
    pub fn is_complete(&self) -> bool {
        matches!(self.events.last(), Some(Event::Finished { .. }))
    }

    /// Why it failed, if it did.
    pub fn failure(&self) -> Option<&str> {
        match self.events.last() {
            Some(Event::Failed { reason, .. }) => Some(reason),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::seal::verify;
    use super::*;

    fn key() -> TrialKey {
        TrialKey {
            item: 0,
            method: "manual".into(),
            label: "manual".into(),
            model: "builtin:toy".into(),
            shots: "16".into(),
            calibration: "none".into(),
            seeds: vec![13],
            control: None,
            fingerprint: "0123456789abcdef".into(),
        }
    }

    fn started() -> Event {
        Event::Started {
            format: FORMAT,
            trial: key(),
            labels: vec!["a".into(), "b".into()],
            dev_gold: vec![0, 1],
            test_gold: vec![1],
            dev_set: "d".into(),
            test_set: "t".into(),
            texts: Vec::new(),
            n_train: 2,
            batch_size: 32,
        }
    }

    #[test]
    fn events_come_back_as_they_were_written_and_a_torn_last_line_is_left_out() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("t");
        let mut writer = TrialWriter::create(&folder, &key()).unwrap();
        let chosen = Event::Chosen { candidate: 3, dev_looks: 1, perplexity: None };
        writer.append(&started()).unwrap();
        writer.append(&chosen).unwrap();
        let mut file = OpenOptions::new().append(true).open(folder.join(EVENTS)).unwrap();
        file.write_all(br#"{"event":"chosen","cand"#).unwrap();
        let record = TrialRecord::load(&folder).unwrap().unwrap();
        assert_eq!(record.events, [started(), chosen]);
        assert!(!record.is_over());
        assert_eq!(record.key(), &key());
    }

    #[test]
    fn scores_that_were_written_without_values_are_read() {
        let line = r#"{"event":"tested","test":{"metric":0.5,"margin":1.0,"log_likelihood":-0.5,"predicted":[0],"margins":[1.0]}}"#;
        let Event::Tested { test } = serde_json::from_str(line).unwrap() else { unreachable!("a test is written") };
        assert_eq!(test.values, Vec::<f64>::new());
        assert_eq!(
            serde_json::to_string(&Event::Tested { test }).unwrap(),
            line,
            "and none are written where there are none"
        );
    }

    #[test]
    fn a_damaged_line_in_the_middle_is_named() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("t");
        let mut writer = TrialWriter::create(&folder, &key()).unwrap();
        writer.append(&started()).unwrap();
        writer.file.write_all(b"{]\n").unwrap();
        writer.append(&Event::Chosen { candidate: 3, dev_looks: 1, perplexity: None }).unwrap();
        let error = TrialRecord::load(&folder).unwrap_err().to_string();
        assert!(error.contains("events.jsonl:2: not an event"), "{error}");
    }

    #[test]
    fn a_finished_trial_knows_when_one_of_its_files_is_cut_off_or_gone() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("t");
        let mut writer = TrialWriter::create(&folder, &key()).unwrap();
        writer.append(&started()).unwrap();
        fs::write(folder.join("prompt.json"), "{}").unwrap();
        writer.append(&Event::Finished { spent: Default::default(), flags: Vec::new(), seconds: 0.5 }).unwrap();
        let whole = TrialRecord::load(&folder).unwrap().unwrap();
        assert!(whole.is_complete());
        verify(&folder).unwrap();
        for file in ["prompt.json", "trial.json", EVENTS] {
            let bytes = fs::read(folder.join(file)).unwrap();
            let damaged = match file {
                EVENTS => {
                    String::from_utf8(bytes.clone()).unwrap().replacen("\"n_train\":2", "\"n_train\":3", 1).into()
                }
                _ => bytes[..bytes.len() - 1].to_vec(),
            };
            fs::write(folder.join(file), damaged).unwrap();
            let error = verify(&folder).unwrap_err().to_string();
            assert!(error.contains(file) && error.contains("cut off, or edited"), "{error}");
            fs::write(folder.join(file), bytes).unwrap();
        }
        verify(&folder).unwrap();
        fs::remove_file(folder.join("prompt.json")).unwrap();
        assert!(verify(&folder).unwrap_err().to_string().contains("prompt.json: is gone"));
    }

    #[test]
    fn a_later_format_is_refused() {
        let root = tempfile::tempdir().unwrap();
        let line = serde_json::to_string(&started()).unwrap().replace("\"format\":1", "\"format\":2");
        fs::write(root.path().join(EVENTS), line + "\n").unwrap();
        let error = TrialRecord::load(root.path()).unwrap_err().to_string();
        assert!(error.contains("format 2, this version reads format 1"), "{error}");
    }
}
