//! How far a long search came, beside the record: `.checkpoints/<trial>/`.
//!
//! A file is its BLAKE3 hash, the length of a JSON text and that text, and the numbers: how many lists, and of each its length and
//! its numbers, little-endian. `<cell>-<n>.part` is the n-th proposal, `<cell>.state` the state behind the last one that it names.
//!
//! # Decisions
//!
//! - 2026-11: files that are damaged, of another format or of another trial are none: the search begins anew and gives the same
//!   bytes. So nothing here is an error but a disk that cannot be written.
//! - 2026-11: they are removed when their trial is over. Nobody but its own next attempt reads them.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::search::Snapshot;

use super::{RecordError, TrialKey, write_atomically};

/// The folder in a results folder.
pub(super) const CHECKPOINTS: &str = ".checkpoints";
/// The format of the files.
const FORMAT: u32 = 1;
/// Bytes of a hash.
const HASH: usize = 32;

/// The checkpoints of a trial.
#[derive(Debug, Clone)]
pub struct Checkpoints {
    folder: PathBuf,
    /// What they are of.
    of: String,
}

#[derive(Serialize, Deserialize)]
struct Header {
    format: u32,
    of: String,
    /// Proposals that a state stands behind.
    parts: usize,
    words: Value,
}

impl Checkpoints {
    /// Those of a trial in a results folder, with batches of `batch_size`.
    pub fn new(results: &Path, key: &TrialKey, batch_size: usize) -> Self {
        let of = format!("{} {} {batch_size}", env!("CARGO_PKG_VERSION"), key.fingerprint);
        Self { folder: results.join(CHECKPOINTS).join(key.id()), of }
    }

    /// Keeps the parts of a cell from number `first` on, and the state behind the last of them.
    ///
    /// # Errors
    /// [`RecordError::Io`].
    pub fn save(&self, cell: usize, first: usize, parts: &[Snapshot], state: &Snapshot) -> Result<(), RecordError> {
        fs::create_dir_all(&self.folder).map_err(RecordError::io("create folder", &self.folder))?;
        for (part, number) in parts.iter().zip(first..) {
            self.write(&self.part(cell, number), part, number)?;
        }
        // The last to be written: it says that the others are there.
        self.write(&self.state(cell), state, first + parts.len())
    }

    /// The parts of a cell and the state behind them; `None` where there are none that can be used.
    pub fn load(&self, cell: usize) -> Option<(Vec<Snapshot>, Snapshot)> {
        let (n, state) = self.read(&self.state(cell))?;
        let part = |number| self.read(&self.part(cell, number)).filter(|(n, _)| *n == number).map(|(_, part)| part);
        Some(((0..n).map(part).collect::<Option<_>>()?, state))
    }

    /// Removes them.
    ///
    /// # Errors
    /// [`RecordError::Io`].
    pub fn clear(&self) -> Result<(), RecordError> {
        if self.folder.exists() {
            fs::remove_dir_all(&self.folder).map_err(RecordError::io("remove", &self.folder))?;
        }
        if let Some(all) = self.folder.parent() {
            // Other trials may have theirs in it.
            fs::remove_dir(all).ok();
        }
        Ok(())
    }

    fn part(&self, cell: usize, number: usize) -> PathBuf {
        self.folder.join(format!("{cell}-{number}.part"))
    }

    fn state(&self, cell: usize) -> PathBuf {
        self.folder.join(format!("{cell}.state"))
    }

    fn write(&self, path: &Path, snapshot: &Snapshot, parts: usize) -> Result<(), RecordError> {
        let header = Header { format: FORMAT, of: self.of.clone(), parts, words: snapshot.words.clone() };
        let json = serde_json::to_vec(&header).map_err(|e| RecordError::corrupt(path, None, e.to_string()))?;
        let mut bytes = vec![0; HASH];
        let count = |bytes: &mut Vec<u8>, n: usize| bytes.extend((n as u64).to_le_bytes());
        count(&mut bytes, json.len());
        bytes.extend(json);
        count(&mut bytes, snapshot.numbers.len());
        for numbers in &snapshot.numbers {
            count(&mut bytes, numbers.len());
            bytes.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
        }
        let hash = *blake3::hash(&bytes[HASH..]).as_bytes();
        bytes[..HASH].copy_from_slice(&hash);
        write_atomically(path, &bytes)
    }

    fn read(&self, path: &Path) -> Option<(usize, Snapshot)> {
        let bytes = fs::read(path).ok()?;
        let (hash, mut rest) = bytes.split_at_checked(HASH)?;
        if blake3::hash(rest).as_bytes() != hash {
            return None;
        }
        let length = count(&mut rest)?;
        let (json, mut rest) = rest.split_at_checked(length)?;
        let header: Header = serde_json::from_slice(json).ok()?;
        if header.format != FORMAT || header.of != self.of {
            return None;
        }
        let mut numbers = Vec::new();
        for _ in 0..count(&mut rest)? {
            let length = count(&mut rest)?.checked_mul(4)?;
            let (own, after) = rest.split_at_checked(length)?;
            rest = after;
            numbers.push(own.as_chunks().0.iter().map(|chunk| f32::from_le_bytes(*chunk)).collect());
        }
        Some((header.parts, Snapshot { words: header.words, numbers }))
    }
}

fn count(bytes: &mut &[u8]) -> Option<usize> {
    let (own, rest) = bytes.split_at_checked(8)?;
    *bytes = rest;
    usize::try_from(u64::from_le_bytes(own.try_into().ok()?)).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn key(fingerprint: &str) -> TrialKey {
        TrialKey {
            item: 2,
            method: "prefix".into(),
            label: "prefix".into(),
            model: "builtin:toy".into(),
            shots: "8".into(),
            calibration: "none".into(),
            seeds: vec![1],
            control: None,
            fingerprint: fingerprint.into(),
        }
    }

    fn snapshot(x: f32) -> Snapshot {
        Snapshot { words: json!({ "loss": 0.1 + f64::from(x) }), numbers: vec![vec![x, -0.0], Vec::new()] }
    }

    #[test]
    fn parts_come_back_bit_by_bit_up_to_those_that_the_state_names() {
        let folder = tempfile::tempdir().unwrap();
        let own = Checkpoints::new(folder.path(), &key("0123456789abcdef"), 32);
        assert!(own.load(0).is_none());
        own.save(0, 0, &[snapshot(1.5)], &snapshot(7.0)).unwrap();
        own.save(0, 1, &[snapshot(2.5), snapshot(3.5)], &snapshot(8.0)).unwrap();
        own.save(1, 0, &[], &snapshot(9.0)).unwrap();
        assert_eq!(own.load(0), Some((vec![snapshot(1.5), snapshot(2.5), snapshot(3.5)], snapshot(8.0))));
        assert_eq!(own.load(1), Some((Vec::new(), snapshot(9.0))));
        own.clear().unwrap();
        assert!(own.load(0).is_none() && !folder.path().join(CHECKPOINTS).exists());
    }

    #[test]
    fn what_is_damaged_or_of_another_trial_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let own = Checkpoints::new(folder.path(), &key("0123456789abcdef"), 32);
        own.save(0, 0, &[snapshot(1.5)], &snapshot(7.0)).unwrap();
        assert!(Checkpoints::new(folder.path(), &key("0123456789abcdef"), 16).load(0).is_none());
        let (part, state) = (own.part(0, 0), own.state(0));
        let whole = fs::read(&part).unwrap();
        for cut in [0, 5, HASH + 3, whole.len() - 1] {
            fs::write(&part, &whole[..cut]).unwrap();
            assert!(own.load(0).is_none(), "{cut}");
        }
        fs::write(&part, &whole).unwrap();
        let mut flipped = fs::read(&state).unwrap();
        *flipped.last_mut().unwrap() ^= 1;
        fs::write(&state, &flipped).unwrap();
        assert!(own.load(0).is_none());
    }
}
