//! What tells a finished trial's files from damaged ones: their hashes, in its last event.
//!
//! # Decisions
//!
//! - 2026-11: the seal stands in the last line of `events.jsonl` as a field `files`, so that a trial that says that it is
//!   finished also says of what. Refused: a file of its own, which could be lost alone.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
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
            let hash = File::open(&path).and_then(hash).map_err(RecordError::io("read", &path))?;
            files.insert(name, hash.to_hex().to_string());
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
    let (last, before) = last_line(&path).map_err(RecordError::io("read", &path))?;
    let last: Last =
        serde_json::from_slice(&last).map_err(|e| RecordError::corrupt(&path, None, format!("last line: {e}")))?;
    for (name, sealed) in last.files {
        let path = folder.join(&name);
        let found = match File::open(&path) {
            _ if name == EVENTS => before,
            Ok(file) => hash(file).map_err(RecordError::io("read", &path))?,
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

/// The last line of a file, and the hash of all before it.
fn last_line(path: &Path) -> io::Result<(Vec<u8>, blake3::Hash)> {
    let mut reader = BufReader::new(File::open(path)?);
    let mut before = blake3::Hasher::new();
    let (mut line, mut next) = (Vec::new(), Vec::new());
    while reader.read_until(b'\n', &mut next)? > 0 {
        before.update(&line);
        std::mem::swap(&mut line, &mut next);
        next.clear();
    }
    Ok((line, before.finalize()))
}

/// The hash of a file, which need not fit into memory.
fn hash(file: File) -> io::Result<blake3::Hash> {
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(file)?;
    Ok(hasher.finalize())
}
