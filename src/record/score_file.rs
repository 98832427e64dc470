//! Scores kept between trials and runs: `<results>/.scores/<engine>.scores`, shared by all experiments of a results folder.
//!
//! # Format
//!
//! The line `promptmine scores 1`, then entries, appended and never changed: four bytes `PMSE`, the length of the content
//! (u32), the first eight bytes of its BLAKE3, and the content: key (32 bytes), evaluations, forwards, backwards, tokens,
//! truncated (u64 each), examples, labels (u32 each), scores (f64 each, example by example). Numbers are little-endian.
//!
//! # Decisions
//!
//! - 2026-11: it lies beside the results folders, not in one of them, so that another experiment, or the same one begun anew with
//!   another budget, finds what was scored before; and not in a cache folder of the user, so that a results folder of its own
//!   is a run of its own. Removing it loses nothing but time.
//! - 2026-11: the engine is in the file's name: this very binary and the instructions that the processor has. Another build may
//!   give other last bits, and a score that is found has to be the one that would have been computed.
//! - 2026-11: it heals itself. When it is opened every entry is checked; what cannot be read is skipped up to the next one and
//!   counted. An entry is checked again when it is asked for. A write that fails ends the keeping, never the run.
//! - 2026-11: several processes append under a lock of the file, an entry at a time; what another process adds after this one has
//!   opened the file is not seen by it. Refused: a server or a database, for a file that may be deleted at any time.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use fs4::fs_std::FileExt;

use super::RecordError;
use crate::scoring::{Cost, Known, ScoreKey, ScoreStore};

/// The folder, below that of the results folders.
pub const SCORES: &str = ".scores";

const HEADER: &[u8] = b"promptmine scores 1\n";
const MARK: &[u8; 4] = b"PMSE";
/// Mark, length and check of an entry.
const HEAD: usize = 16;
/// Key and numbers before the scores.
const FIXED: usize = 32 + 5 * 8 + 2 * 4;
/// A file beyond this is cut to its newer half when it is opened.
const LIMIT: u64 = 64 << 20;
/// Files of other engines that are kept, the newest.
const OTHERS: usize = 3;

/// What a store did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StoreFigures {
    /// Entries when it was opened.
    pub entries: usize,
    /// Prompts whose scores on a set were found.
    pub found: u64,
    /// Prompts whose scores were not there.
    pub computed: u64,
    /// Places where something could not be read and was ignored.
    pub damaged: u64,
    /// What looking scores up took, over all threads.
    pub finding: Duration,
    /// What keeping scores took, over all threads.
    pub keeping: Duration,
}

/// A file of scores.
pub struct ScoreFile {
    path: PathBuf,
    file: Mutex<File>,
    /// The places of entries.
    index: Mutex<HashMap<ScoreKey, Place>>,
    entries: usize,
    /// Whether what is there is given; what is computed is kept all the same.
    read: bool,
    size: AtomicU64,
    broken: AtomicBool,
    found: AtomicU64,
    computed: AtomicU64,
    damaged: AtomicU64,
    /// Nanoseconds.
    finding: AtomicU64,
    keeping: AtomicU64,
}

/// Where the content of an entry is.
#[derive(Debug, Clone, Copy)]
struct Place {
    at: u64,
    length: u32,
}

impl ScoreFile {
    /// Opens the scores below `results` that this binary computed on such a processor; with `fresh` none of them is given.
    ///
    /// # Errors
    /// [`RecordError::Io`] if there can be no such file.
    pub fn open(results: &Path, fresh: bool) -> Result<Self, RecordError> {
        let folder = results.join(SCORES);
        fs::create_dir_all(&folder).map_err(RecordError::io("create folder", &folder))?;
        let path = folder.join(format!("{}.scores", engine()));
        forget_others(&folder, &path);
        let io = |action| RecordError::io(action, &path);
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true);
        let mut file = options.open(&path).map_err(io("open"))?;
        FileExt::lock_exclusive(&file).map_err(io("lock"))?;
        if file.metadata().map_err(io("read"))?.len() > LIMIT {
            halve(&path).map_err(io("shorten"))?;
            file = options.open(&path).map_err(io("open"))?;
            FileExt::lock_exclusive(&file).map_err(io("lock"))?;
        }
        let scanned = scan(&mut file);
        let size = file.metadata().map_err(io("read"))?.len();
        let scanned = scanned.map_err(io("read"))?;
        if size == 0 {
            file.write_all(HEADER).map_err(io("write"))?;
        }
        FileExt::unlock(&file).map_err(io("unlock"))?;
        Ok(Self {
            file: Mutex::new(file),
            entries: scanned.index.len(),
            index: Mutex::new(scanned.index),
            read: !fresh,
            size: AtomicU64::new(size.max(HEADER.len() as u64)),
            broken: AtomicBool::new(false),
            found: AtomicU64::new(0),
            computed: AtomicU64::new(0),
            damaged: AtomicU64::new(scanned.damaged),
            finding: AtomicU64::new(0),
            keeping: AtomicU64::new(0),
            path,
        })
    }

    /// What it did so far.
    pub fn figures(&self) -> StoreFigures {
        StoreFigures {
            entries: self.entries,
            found: self.found.load(Ordering::Relaxed),
            computed: self.computed.load(Ordering::Relaxed),
            damaged: self.damaged.load(Ordering::Relaxed),
            finding: Duration::from_nanos(self.finding.load(Ordering::Relaxed)),
            keeping: Duration::from_nanos(self.keeping.load(Ordering::Relaxed)),
        }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn read_at(&self, key: &ScoreKey, place: Place) -> Option<Known> {
        let mut content = vec![0; HEAD + place.length as usize];
        {
            let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
            file.seek(SeekFrom::Start(place.at - HEAD as u64)).ok()?;
            file.read_exact(&mut content).ok()?;
        }
        let (head, content) = content.split_at(HEAD);
        (head[8..] == check(content) && content[..32] == *key).then(|| parse(content)).flatten()
    }

    fn append(&self, key: &ScoreKey, known: &Known) -> std::io::Result<()> {
        let content = content(key, known);
        let length = u32::try_from(content.len()).map_err(std::io::Error::other)?;
        let mut entry = Vec::with_capacity(HEAD + content.len());
        entry.extend(MARK);
        entry.extend(length.to_le_bytes());
        entry.extend(check(&content));
        entry.extend(&content);
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        FileExt::lock_exclusive(&*file)?;
        let written = file.seek(SeekFrom::End(0)).and_then(|end| file.write_all(&entry).map(|()| end));
        FileExt::unlock(&*file)?;
        let at = written? + HEAD as u64;
        self.size.store(at + u64::from(length), Ordering::Relaxed);
        self.index.lock().unwrap_or_else(PoisonError::into_inner).insert(*key, Place { at, length });
        Ok(())
    }
}

impl ScoreStore for ScoreFile {
    fn find(&self, key: &ScoreKey) -> Option<Known> {
        let begun = Instant::now();
        let place = match self.read {
            true => self.index.lock().unwrap_or_else(PoisonError::into_inner).get(key).copied(),
            false => None,
        };
        let known = place.and_then(|place| {
            let known = self.read_at(key, place);
            if known.is_none() {
                self.damaged.fetch_add(1, Ordering::Relaxed);
                self.index.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
            }
            known
        });
        let counter = if known.is_some() { &self.found } else { &self.computed };
        counter.fetch_add(1, Ordering::Relaxed);
        add(&self.finding, begun);
        known
    }

    fn keep(&self, key: &ScoreKey, known: &Known) {
        let full = self.size.load(Ordering::Relaxed) > 2 * LIMIT;
        if full || self.broken.load(Ordering::Relaxed) {
            return;
        }
        if self.index.lock().unwrap_or_else(PoisonError::into_inner).contains_key(key) {
            return;
        }
        let begun = Instant::now();
        if self.append(key, known).is_err() {
            self.broken.store(true, Ordering::Relaxed);
        }
        add(&self.keeping, begun);
    }
}

/// Adds what passed since then.
fn add(nanoseconds: &AtomicU64, begun: Instant) {
    let passed = u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
    nanoseconds.fetch_add(passed, Ordering::Relaxed);
}

/// The places of the entries of a file, and how many stretches of it are none.
#[derive(Default)]
struct Scanned {
    index: HashMap<ScoreKey, Place>,
    damaged: u64,
}

fn scan(file: &mut File) -> std::io::Result<Scanned> {
    let size = file.metadata()?.len();
    let mut scanned = Scanned::default();
    file.seek(SeekFrom::Start(0))?;
    let mut reader = BufReader::with_capacity(1 << 16, file);
    if size == 0 {
        return Ok(scanned);
    }
    let mut header = vec![0; HEADER.len().min(usize::try_from(size).unwrap_or(HEADER.len()))];
    reader.read_exact(&mut header)?;
    // A file of another format is read like a damaged one: what entries it has are found by their marks.
    let mut sound = header == HEADER;
    scanned.damaged += u64::from(!sound);
    let mut at = if sound { HEADER.len() as u64 } else { reader.seek(SeekFrom::Start(0))? };
    let mut head = [0; HEAD];
    let mut content = Vec::new();
    while at + (HEAD + FIXED) as u64 <= size {
        reader.read_exact(&mut head)?;
        let mut read = HEAD as u64;
        let length = u64::from(u32::from_le_bytes([head[4], head[5], head[6], head[7]]));
        if head[..4] == *MARK && length >= FIXED as u64 && at + HEAD as u64 + length <= size {
            content.resize(length as usize, 0);
            reader.read_exact(&mut content)?;
            read += length;
            // A length that is damaged, or of an entry that was cut off, would swallow those after it.
            if head[8..] == check(&content) {
                let (mut key, length): (ScoreKey, u32) = ([0; 32], length as u32);
                key.copy_from_slice(&content[..32]);
                scanned.index.insert(key, Place { at: at + HEAD as u64, length });
                at += read;
                sound = true;
                continue;
            }
        }
        scanned.damaged += u64::from(sound);
        sound = false;
        at += 1;
        reader.seek_relative(1 - read as i64)?;
    }
    scanned.damaged += u64::from(sound && at < size);
    Ok(scanned)
}

/// Leaves the newer half of a file, written beside it and renamed.
fn halve(path: &Path) -> std::io::Result<()> {
    let mut file = File::open(path)?;
    let places = scan(&mut file)?.index;
    let from = file.metadata()?.len() / 2;
    let mut kept: Vec<Place> = places.into_values().filter(|place| place.at > from).collect();
    kept.sort_by_key(|place| place.at);
    let beside = path.with_extension(format!("{}.tmp", std::process::id()));
    let mut out = std::io::BufWriter::new(File::create(&beside)?);
    out.write_all(HEADER)?;
    let mut entry = Vec::new();
    for place in kept {
        entry.resize(HEAD + place.length as usize, 0);
        file.seek(SeekFrom::Start(place.at - HEAD as u64))?;
        file.read_exact(&mut entry)?;
        out.write_all(&entry)?;
    }
    out.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_data()?;
    fs::rename(&beside, path)
}

/// Removes the files of engines that have not been used for the longest.
fn forget_others(folder: &Path, own: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    let mut others: Vec<(std::time::SystemTime, PathBuf)> = entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let path = entry.path();
            (path != own && path.extension().is_some_and(|ending| ending == "scores"))
                .then_some((entry.metadata().ok()?.modified().ok()?, path))
        })
        .collect();
    others.sort();
    let n = others.len().saturating_sub(OTHERS);
    for (_, path) in &others[..n] {
        // Another process may have been quicker.
        fs::remove_file(path).ok();
    }
}

/// Names what decides the last bits of a score beside the model and the prompt: this binary, and the processor.
fn engine() -> String {
    let mut hasher = blake3::Hasher::new_derive_key("promptmine 2026 engine");
    hasher.update(env!("CARGO_PKG_VERSION").as_bytes());
    let binary = std::env::current_exe().and_then(fs::metadata);
    if let Ok(binary) = binary {
        hasher.update(&binary.len().to_le_bytes());
        let changed = binary.modified().ok().and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
        hasher.update(&changed.map_or(0, |time| time.as_nanos()).to_le_bytes());
    }
    hasher.update(std::env::consts::ARCH.as_bytes());
    #[cfg(target_arch = "x86_64")]
    for has in [is_x86_feature_detected!("avx512f"), is_x86_feature_detected!("avx2"), is_x86_feature_detected!("fma")]
    {
        hasher.update(&[u8::from(has)]);
    }
    hasher.finalize().to_hex()[..16].to_owned()
}

/// The first bytes of the content's BLAKE3.
fn check(content: &[u8]) -> [u8; 8] {
    let [a, b, c, d, e, f, g, h, ..] = *blake3::hash(content).as_bytes();
    [a, b, c, d, e, f, g, h]
}

fn content(key: &ScoreKey, known: &Known) -> Vec<u8> {
    let n_labels = known.scores.first().map_or(0, Vec::len);
    let mut content = Vec::with_capacity(FIXED + 8 * n_labels * known.scores.len());
    content.extend(key);
    let Cost { evaluations, forwards, backwards, tokens } = known.cost;
    for number in [evaluations, forwards, backwards, tokens, known.truncated as u64] {
        content.extend(number.to_le_bytes());
    }
    for number in [known.scores.len(), n_labels] {
        content.extend((number as u32).to_le_bytes());
    }
    known.scores.iter().flatten().for_each(|score| content.extend(score.to_le_bytes()));
    content
}

/// What [`content`] wrote; `None` if its parts do not fit together.
fn parse(content: &[u8]) -> Option<Known> {
    let number = |at: usize| content.get(at..at + 8)?.try_into().ok().map(u64::from_le_bytes);
    let count = |at: usize| Some(u32::from_le_bytes(content.get(at..at + 4)?.try_into().ok()?) as usize);
    let (n_examples, n_labels) = (count(72)?, count(76)?);
    let scores = content.get(FIXED..)?;
    if n_labels == 0 || scores.len() != n_examples.checked_mul(n_labels)?.checked_mul(8)? {
        return None;
    }
    let scores: Vec<f64> =
        scores.chunks_exact(8).filter_map(|bytes| bytes.try_into().ok().map(f64::from_le_bytes)).collect();
    Some(Known {
        scores: scores.chunks(n_labels).map(<[f64]>::to_vec).collect(),
        truncated: usize::try_from(number(64)?).ok()?,
        cost: Cost { evaluations: number(32)?, forwards: number(40)?, backwards: number(48)?, tokens: number(56)? },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(seed: u64, n_examples: usize) -> Known {
        let score = |example: usize| vec![-(seed as f64) / 7.0, -(example as f64) / 3.0 - 1e-300];
        Known {
            scores: (0..n_examples).map(score).collect(),
            truncated: 1,
            cost: Cost { evaluations: seed, forwards: 2, backwards: 0, tokens: 99 },
        }
    }

    fn filled(root: &Path, n: u8) -> PathBuf {
        let file = ScoreFile::open(root, false).unwrap();
        (0..n).for_each(|i| file.keep(&[i; 32], &known(u64::from(i), 5)));
        file.path().to_owned()
    }

    #[test]
    fn what_is_kept_is_found_by_the_next_to_open_it_bit_for_bit() {
        let root = tempfile::tempdir().unwrap();
        filled(root.path(), 9);
        let file = ScoreFile::open(root.path(), false).unwrap();
        assert_eq!(file.find(&[3; 32]), Some(known(3, 5)));
        assert_eq!(file.find(&[30; 32]), None);
        let StoreFigures { entries, found, computed, damaged, finding, keeping } = file.figures();
        assert_eq!((entries, found, computed, damaged), (9, 1, 1, 0));
        assert!(finding > Duration::ZERO && keeping == Duration::ZERO);
        let fresh = ScoreFile::open(root.path(), true).unwrap();
        assert_eq!(fresh.find(&[3; 32]), None);
    }

    #[test]
    fn a_file_that_is_cut_off_keeps_what_is_whole_and_takes_more() {
        let root = tempfile::tempdir().unwrap();
        let path = filled(root.path(), 9);
        let bytes = fs::read(&path).unwrap();
        for cut in [1, 10, HEADER.len(), HEADER.len() + 5, bytes.len() / 2, bytes.len() - 1] {
            fs::write(&path, &bytes[..cut]).unwrap();
            let file = ScoreFile::open(root.path(), false).unwrap();
            (0..9).for_each(|i| assert!(file.find(&[i; 32]).is_none_or(|found| found == known(u64::from(i), 5))));
            file.keep(&[77; 32], &known(77, 3));
            let again = ScoreFile::open(root.path(), false).unwrap();
            assert_eq!(again.find(&[77; 32]), Some(known(77, 3)), "cut at {cut}");
        }
    }

    #[test]
    fn damage_anywhere_never_gives_other_numbers_and_is_counted() {
        let root = tempfile::tempdir().unwrap();
        let path = filled(root.path(), 6);
        let bytes = fs::read(&path).unwrap();
        for at in (0..bytes.len()).step_by(7) {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x5a;
            fs::write(&path, &damaged).unwrap();
            let file = ScoreFile::open(root.path(), false).unwrap();
            let found: Vec<Option<Known>> = (0..6).map(|i| file.find(&[i; 32])).collect();
            for (i, found) in found.iter().enumerate() {
                assert!(found.as_ref().is_none_or(|found| *found == known(i as u64, 5)), "byte {at}");
            }
            let lost = found.iter().filter(|found| found.is_none()).count();
            assert!(lost <= 1, "byte {at}: {lost} of 6 lost");
            assert_eq!(file.figures().damaged, 1, "byte {at}");
        }
    }

    #[test]
    fn two_at_a_time_lose_nothing_of_each_other() {
        let root = tempfile::tempdir().unwrap();
        let (one, two) = (ScoreFile::open(root.path(), false).unwrap(), ScoreFile::open(root.path(), false).unwrap());
        std::thread::scope(|scope| {
            for (file, from) in [(&one, 0), (&two, 100)] {
                scope.spawn(move || (from..from + 60).for_each(|i| file.keep(&[i; 32], &known(u64::from(i), 4))));
            }
        });
        let file = ScoreFile::open(root.path(), false).unwrap();
        for i in (0..60).chain(100..160) {
            assert_eq!(file.find(&[i; 32]), Some(known(u64::from(i), 4)), "{i}");
        }
        assert_eq!(file.figures().damaged, 0);
    }

    #[test]
    fn a_file_is_halved_to_its_newer_entries() {
        let root = tempfile::tempdir().unwrap();
        let path = filled(root.path(), 10);
        let before = fs::metadata(&path).unwrap().len();
        halve(&path).unwrap();
        assert!(fs::metadata(&path).unwrap().len() < before * 6 / 10);
        let file = ScoreFile::open(root.path(), false).unwrap();
        assert_eq!((file.find(&[9; 32]), file.find(&[0; 32])), (Some(known(9, 5)), None));
    }
}
