//! How the chosen prompt of a trial does elsewhere: `transfer.jsonl` in its folder.
//!
//! # Decisions
//!
//! - 2026-11: a file of its own beside the events: it can only be written when the trials of all models are over, and the events
//!   of a trial are sealed by then. It lies in the trial's folder, so that it goes wherever the trial goes, and goes away with it.
//! - 2026-11: its first line has the hash of the others, and every value one of all that decides it: a value that is still asked
//!   is not computed again, and one of other weights, data or words is. Refused: one file for the whole run, which two runs that
//!   share out the trials could not write.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{RecordError, SetScores, write_atomically};

/// The file in a trial's folder.
pub const TRANSFER: &str = "transfer.jsonl";

/// The format that this version reads and writes.
const FORMAT: u32 = 1;

/// The values of one chosen prompt.
#[derive(Debug, Clone, PartialEq)]
pub struct TransferRecord {
    /// The name of the data that the prompt was found on.
    pub task: String,
    /// Tasks, its own first, and for each the models in the order of the experiment; not what the trial's own test says.
    pub cells: Vec<TransferCell>,
}

/// A chosen prompt with one model on one task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TransferCell {
    /// The task by its name in the experiment; absent for the prompt's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// The model as written in the experiment.
    pub model: String,
    /// The prompt as the model is asked there, for people.
    pub prompt: String,
    /// The label words in their command-line notation.
    pub verbalizer: String,
    /// What `metric` measures: `accuracy`.
    pub metric: String,
    /// The labels of the task.
    pub n_labels: usize,
    /// The gold labels of its test examples; empty for the prompt's own task, whose trial has them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gold: Vec<u16>,
    /// How it does; absent where it cannot be scored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<SetScores>,
    /// How the task's own template does with that model; absent where it has none, and for the prompt's own task, whose trials say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manual: Option<f64>,
    /// Why it cannot be scored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The hash of all that decides these values.
    pub fingerprint: String,
}

#[derive(Serialize, Deserialize)]
struct Head {
    format: u32,
    task: String,
    /// BLAKE3 (hex) of the lines after this one.
    blake3: String,
}

impl TransferRecord {
    /// Writes the file into a trial's folder.
    ///
    /// # Errors
    /// [`RecordError::Io`].
    pub fn save(&self, folder: &Path) -> Result<(), RecordError> {
        let path = folder.join(TRANSFER);
        let fault = |e: serde_json::Error| RecordError::corrupt(&path, None, e.to_string());
        let mut cells = Vec::new();
        for cell in &self.cells {
            serde_json::to_writer(&mut cells, cell).map_err(fault)?;
            cells.push(b'\n');
        }
        let blake3 = blake3::hash(&cells).to_hex().to_string();
        let mut bytes = serde_json::to_vec(&Head { format: FORMAT, task: self.task.clone(), blake3 }).map_err(fault)?;
        bytes.push(b'\n');
        bytes.extend(cells);
        write_atomically(&path, &bytes)
    }

    /// Reads the file of a trial's folder; `None` where there is none.
    ///
    /// # Errors
    /// [`RecordError::Corrupt`] if it is not as it was left, [`RecordError::Version`] for a later format, [`RecordError::Io`].
    pub fn load(folder: &Path) -> Result<Option<Self>, RecordError> {
        let path = folder.join(TRANSFER);
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(RecordError::io("read", &path)(e)),
        };
        let corrupt = |line, what: String| RecordError::corrupt(&path, Some(line), what);
        let end = bytes.iter().position(|&byte| byte == b'\n').map_or(bytes.len(), |end| end + 1);
        let (head, rest) = bytes.split_at(end);
        let head: Head =
            serde_json::from_slice(head).map_err(|e| corrupt(1, format!("not a record of transfer: {e}")))?;
        if head.format != FORMAT {
            return Err(RecordError::Version { path, found: head.format, known: FORMAT });
        }
        if blake3::hash(rest).to_hex().as_str() != head.blake3 {
            return Err(corrupt(1, "is not as it was left (cut off, or edited)".into()));
        }
        let cells = rest.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()).enumerate();
        let cells = cells.map(|(index, line)| {
            serde_json::from_slice(line).map_err(|e| corrupt(index + 2, format!("not a value of transfer: {e}")))
        });
        Ok(Some(Self { task: head.task, cells: cells.collect::<Result<_, _>>()? }))
    }

    /// Removes the file of a trial's folder.
    ///
    /// # Errors
    /// [`RecordError::Io`].
    pub fn remove(folder: &Path) -> Result<(), RecordError> {
        let path = folder.join(TRANSFER);
        std::fs::remove_file(&path).map_err(RecordError::io("remove", path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> TransferRecord {
        let cell = TransferCell {
            task: Some("hotels".into()),
            model: "builtin:toy".into(),
            prompt: "{text} so {mask}.".into(),
            verbalizer: "差评=很差,好评=不错".into(),
            metric: "accuracy".into(),
            n_labels: 2,
            gold: vec![0, 1],
            test: Some(SetScores {
                values: Vec::new(),
                metric: 0.5,
                margin: 0.1,
                log_likelihood: -0.7,
                predicted: vec![0, 0],
                margins: vec![0.5, -0.3],
            }),
            manual: Some(0.1 + 0.2),
            reason: None,
            fingerprint: "f".into(),
        };
        let without = TransferCell {
            task: None,
            gold: Vec::new(),
            test: None,
            manual: None,
            reason: Some("it cannot".into()),
            ..cell.clone()
        };
        TransferRecord { task: "films".into(), cells: vec![without, cell] }
    }

    #[test]
    fn values_come_back_as_they_were_written() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(TransferRecord::load(folder.path()).unwrap(), None);
        record().save(folder.path()).unwrap();
        assert_eq!(TransferRecord::load(folder.path()).unwrap(), Some(record()));
    }

    #[test]
    fn a_file_that_was_cut_off_edited_or_is_of_a_later_format_is_told() {
        let folder = tempfile::tempdir().unwrap();
        record().save(folder.path()).unwrap();
        let path = folder.path().join(TRANSFER);
        let whole = std::fs::read_to_string(&path).unwrap();
        let cut = whole.len() - 20;
        for (text, expected) in [
            (whole[..cut].to_owned(), "cut off, or edited"),
            (whole.replace("很差", "很好"), "cut off, or edited"),
            (whole.replacen("\"format\":1", "\"format\":2", 1), "format 2, this version reads format 1"),
            (whole[10..].to_owned(), "transfer.jsonl:1: not a record of transfer"),
            (String::new(), "transfer.jsonl:1: not a record of transfer"),
        ] {
            std::fs::write(&path, text).unwrap();
            let error = TransferRecord::load(folder.path()).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
