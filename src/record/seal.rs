//! What tells a finished trial's files from damaged ones: their hashes, in its last event.
//!
//! # Decisions
//!
//! - 2026-11: the seal stands in the last line of `events.jsonl` as a field `files`, so that a trial that says that it is
//!   finished also says of what. Refused: a file of its own, which could be lost alone.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Deserialize;

use super::RecordError;
use super::trial_record::EVENTS;

/// BLAKE3 (hex) of each file of a trial, by its name; of `events.jsonl` the lines before the last.
pub(super) type Seal = BTreeMap<String, String>;

/// The seal of the files in a trial's folder; `events` has hashed the events before the last.
///
/// # Errors
/// [`RecordError::Io`].
pub(super) fn seal(folder: &Path, events: &blake3::Hasher) -> Result<Seal, RecordError> {
    let mut files = Seal::from([(EVENTS.to_owned(), events.finalize().to_hex().to_string())]);
    for entry in fs::read_dir(folder).map_err(RecordError::io("read folder", folder))? {
        let path = entry.map_err(RecordError::io("read folder", folder))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name != EVENTS && !name.starts_with('.') && path.is_file() {
            let bytes = fs::read(&path).map_err(RecordError::io("read", &path))?;
            files.insert(name, blake3::hash(&bytes).to_hex().to_string());
        }
    }
    Ok(files)
}

/// Checks that the files of a finished trial are as it left them. A trial of an earlier version, without a seal, is taken as
/// it is.
///
/// # Errors
/// [`RecordError::Corrupt`] that names the file that is not; [`RecordError::Io`] if one is there and cannot be read.
pub(super) fn verify(folder: &Path) -> Result<(), RecordError> {
    #[derive(Deserialize)]
    struct Last {
        #[serde(default)]
        files: Seal,
    }
    let path = folder.join(EVENTS);
    let events = fs::read(&path).map_err(RecordError::io("read", &path))?;
    let body = events.strip_suffix(b"\n").unwrap_or(&events);
    let start = body.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
    let last: Last = serde_json::from_slice(&body[start..])
        .map_err(|e| RecordError::corrupt(&path, None, format!("last line: {e}")))?;
    for (name, sealed) in last.files {
        let path = folder.join(&name);
        let found = match fs::read(&path) {
            _ if name == EVENTS => blake3::hash(&events[..start]),
            Ok(bytes) => blake3::hash(&bytes),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                return Err(RecordError::corrupt(path, None, "is gone, and its trial says that it is finished"));
            }
            Err(e) => return Err(RecordError::io("read", path)(e)),
        };
        if found.to_hex().as_str() != sealed {
            return Err(RecordError::corrupt(path, None, "is not as its finished trial left it (cut off, or edited)"));
        }
    }
    Ok(())
}
