//! Reading `events.jsonl` without holding it: event by event, and single events by their place.
//!
//! # Decisions
//!
//! - 2026-11: a record of 100,000 candidates is some hundred megabytes. Who goes through one keeps what it needs of each event, and
//!   the event's [`EventPlace`], by which it is read again where more is needed.

use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::RecordError;
use super::event::{Event, FORMAT};
use super::trial_record::EVENTS;

/// Where an event stands in its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventPlace {
    /// Its first byte.
    pub at: u64,
    /// Bytes, without the line break.
    pub length: u32,
}

/// The events of a trial, one after the other.
///
/// A last line without its line break is a write that a crash cut off, and is left out.
pub struct EventReader {
    path: PathBuf,
    reader: BufReader<File>,
    line: Vec<u8>,
    /// Lines read.
    n: usize,
    at: u64,
}

impl EventReader {
    /// Opens the events in a trial's folder; `None` where there are none.
    ///
    /// # Errors
    /// [`RecordError::Io`].
    pub fn open(folder: &Path) -> Result<Option<Self>, RecordError> {
        let path = folder.join(EVENTS);
        match File::open(&path) {
            Ok(file) => Ok(Some(Self { path, reader: BufReader::new(file), line: Vec::new(), n: 0, at: 0 })),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
            Err(e) => Err(RecordError::io("read", &path)(e)),
        }
    }

    /// The next event and its place; `None` after the last.
    ///
    /// # Errors
    /// [`RecordError::Corrupt`] for a line that is no event, or a first one that is not [`Event::Started`];
    /// [`RecordError::Version`] for a later format.
    pub fn read(&mut self) -> Result<Option<(EventPlace, Event)>, RecordError> {
        self.line.clear();
        self.reader.read_until(b'\n', &mut self.line).map_err(RecordError::io("read", &self.path))?;
        if self.line.last() != Some(&b'\n') {
            return Ok(None);
        }
        self.n += 1;
        let corrupt = |what: String| RecordError::corrupt(&self.path, Some(self.n), what);
        let event: Event = serde_json::from_slice(&self.line).map_err(|e| {
            corrupt(format!(
                "not an event of this version: {e} (`run` begins this trial anew, `run --fresh` all of them)"
            ))
        })?;
        match &event {
            Event::Started { format, .. } if *format != FORMAT => {
                return Err(RecordError::Version { path: self.path.clone(), found: *format, known: FORMAT });
            }
            Event::Started { .. } => {}
            _ if self.n == 1 => return Err(corrupt("the first event is not `started`".into())),
            _ => {}
        }
        let length = u32::try_from(self.line.len() - 1).map_err(|_| corrupt("a line of more than 4 GB".into()))?;
        let place = EventPlace { at: self.at, length };
        self.at += self.line.len() as u64;
        Ok(Some((place, event)))
    }

    /// The first and the last event in a trial's folder, all between them read too; `None` where there are none.
    ///
    /// # Errors
    /// As [`Self::open`] and [`Self::read`].
    pub fn ends(folder: &Path) -> Result<Option<(Event, Event)>, RecordError> {
        let Some(mut reader) = Self::open(folder)? else { return Ok(None) };
        let Some((_, first)) = reader.read()? else { return Ok(None) };
        let mut last = None;
        while let Some((_, event)) = reader.read()? {
            last = Some(event);
        }
        let last = last.unwrap_or_else(|| first.clone());
        Ok(Some((first, last)))
    }

    /// The line that was read last, with its line break.
    pub fn line(&self) -> &[u8] {
        &self.line
    }

    /// An error of the record at the line that was read last.
    pub fn corrupt(&self, message: impl Into<String>) -> RecordError {
        RecordError::corrupt(&self.path, Some(self.n), message)
    }

    /// The number of the line that was read last, from 1.
    pub fn n_lines(&self) -> usize {
        self.n
    }

    /// The same file, for reading events by their places.
    pub fn into_file(self) -> EventFile {
        EventFile { path: self.path, file: self.reader.into_inner(), line: Vec::new() }
    }
}

/// Events by their places.
pub struct EventFile {
    path: PathBuf,
    file: File,
    line: Vec<u8>,
}

impl EventFile {
    /// The event at a place that [`EventReader`] gave.
    ///
    /// # Errors
    /// [`RecordError::Changed`] if there is no event any more.
    pub fn read(&mut self, place: EventPlace) -> Result<Event, RecordError> {
        self.line.resize(place.length as usize, 0);
        let read = self.file.seek(SeekFrom::Start(place.at)).and_then(|_| self.file.read_exact(&mut self.line));
        let changed = |what: String| {
            RecordError::changed(&self.path, format!("changed while it was read (byte {}: {what})", place.at))
        };
        match read {
            Ok(()) => {}
            Err(e) if e.kind() == ErrorKind::UnexpectedEof => return Err(changed("it ends there".into())),
            Err(e) => return Err(RecordError::io("read", &self.path)(e)),
        }
        serde_json::from_slice(&self.line).map_err(|e| changed(e.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn chosen(candidate: u64) -> Event {
        Event::Chosen { candidate, dev_looks: 1, perplexity: None }
    }

    fn started() -> String {
        let key = serde_json::json!({
            "item": 0, "method": "manual", "label": "manual", "model": "builtin:toy", "shots": "16",
            "calibration": "none", "seeds": [1], "fingerprint": "0123456789abcdef"
        });
        let started = serde_json::json!({
            "event": "started", "format": FORMAT, "trial": key, "labels": [], "dev_gold": [], "test_gold": [],
            "dev_set": "", "test_set": "", "n_train": 0, "batch_size": 1
        });
        format!("{started}\n")
    }

    fn write(folder: &Path, events: &[Event]) {
        let lines: Vec<String> = events.iter().map(|event| serde_json::to_string(event).unwrap() + "\n").collect();
        fs::write(folder.join(EVENTS), started() + &lines.concat()).unwrap();
    }

    #[test]
    fn an_event_is_found_again_by_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let written: Vec<Event> = (0..5).map(|n| chosen(10u64.pow(n))).collect();
        write(folder.path(), &written);
        let mut reader = EventReader::open(folder.path()).unwrap().unwrap();
        let mut found = Vec::new();
        while let Some(event) = reader.read().unwrap() {
            found.push(event);
        }
        let mut file = reader.into_file();
        assert_eq!(found[1..].iter().map(|(_, event)| event.clone()).collect::<Vec<_>>(), written);
        for (place, event) in found.iter().rev() {
            assert_eq!(file.read(*place).unwrap(), *event);
        }
    }

    #[test]
    fn a_file_that_changes_between_the_two_is_an_error_that_names_it() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &[chosen(1), chosen(2)]);
        let mut reader = EventReader::open(folder.path()).unwrap().unwrap();
        let mut last = None;
        while let Some((place, _)) = reader.read().unwrap() {
            last = Some(place);
        }
        fs::write(folder.path().join(EVENTS), started()).unwrap();
        let error = reader.into_file().read(last.unwrap()).unwrap_err().to_string();
        assert!(error.contains("events.jsonl: changed while it was read (byte "), "{error}");
    }

    #[test]
    fn a_folder_without_events_has_no_reader_and_one_event_is_both_ends() {
        let folder = tempfile::tempdir().unwrap();
        assert!(EventReader::open(folder.path()).unwrap().is_none());
        assert_eq!(EventReader::ends(folder.path()).unwrap(), None);
        write(folder.path(), &[]);
        let (first, last) = EventReader::ends(folder.path()).unwrap().unwrap();
        assert_eq!(first, last);
        write(folder.path(), &[chosen(1), chosen(2)]);
        assert_eq!(EventReader::ends(folder.path()).unwrap(), Some((first, chosen(2))));
    }
}
