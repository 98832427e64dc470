//! Answers of services, kept so that nobody asks, and pays for, the same twice.
//!
//! # Decisions
//!
//! - 2026-11: an answer is kept twice. In `DIR/.endpoint`, beside the results folders, by what was asked: a run that begins anew
//!   (`--fresh`) or another experiment finds it there. And in the results folder of each run that used it, which goes before:
//!   so a run that goes on, its shards and its repetition on another machine read what its trials read, whatever was asked
//!   since. Whoever wants other answers removes both.
//! - 2026-11: one process asks at a time, so that shards which begin together do not ask for the same.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use fs4::fs_std::FileExt;
use serde::{Deserialize, Serialize};

use super::{RecordError, write_atomically};

/// The folder of answers in a results folder.
pub(super) const ANSWERS: &str = "endpoint";
/// The folder of answers beside the results folders.
const SHARED: &str = ".endpoint";
/// Digits of a question's hash in a file's name.
const DIGITS: usize = 32;

/// What a service said to a question.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// The format of this file.
    pub format: u32,
    /// The service.
    pub base_url: String,
    /// What it was asked about: a template, or a prompt with an example.
    pub subject: String,
    /// What was sent.
    pub request: serde_json::Value,
    /// What it said.
    pub text: String,
    /// Its likeliest first tokens with their log-probabilities in nats, where it told them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub first_tokens: Vec<(String, f64)>,
    /// Tokens that the service counted as read, where it told.
    pub input_tokens: Option<u64>,
    /// Tokens that it counted as written.
    pub output_tokens: Option<u64>,
}

impl Answer {
    /// The format that this version writes.
    pub const FORMAT: u32 = 1;

    fn bytes(&self, path: &Path) -> Result<Vec<u8>, RecordError> {
        let mut json = serde_json::to_vec_pretty(self).map_err(|e| RecordError::corrupt(path, None, e.to_string()))?;
        json.push(b'\n');
        Ok(json)
    }
}

/// Where answers are kept.
#[derive(Debug, Clone)]
pub struct AnswerStore {
    /// In the results folder of a run.
    own: Option<PathBuf>,
    /// Beside all of them.
    shared: PathBuf,
}

impl AnswerStore {
    /// The answers of a folder of results folders, and those of the run `name`, where it is one's.
    pub fn new(results: &Path, name: Option<&str>) -> Self {
        Self { own: name.map(|name| results.join(name).join(ANSWERS)), shared: results.join(SHARED) }
    }

    /// The answer of `base_url` to `request`, whose hash is `hash`, if it was kept. One that is damaged, or of another version,
    /// counts as none: it is asked again.
    ///
    /// # Errors
    /// [`RecordError::Io`] if it is there and cannot be read.
    pub fn load(&self, hash: &str, base_url: &str, request: &serde_json::Value) -> Result<Option<Answer>, RecordError> {
        for folder in self.own.iter().chain([&self.shared]) {
            let path = file(folder, hash);
            let bytes = match fs::read(&path) {
                Ok(bytes) => bytes,
                Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => continue,
                Err(error) => return Err(RecordError::io("read", path)(error)),
            };
            let found = serde_json::from_slice(&bytes).ok().filter(|answer: &Answer| {
                answer.format == Answer::FORMAT && answer.base_url == base_url && answer.request == *request
            });
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// Keeps an answer beside the results folders.
    ///
    /// # Errors
    /// [`RecordError::Io`].
    pub fn save(&self, hash: &str, answer: &Answer) -> Result<(), RecordError> {
        let path = file(&self.shared, hash);
        write_atomically(&path, &answer.bytes(&path)?)
    }

    /// Waits until no other process asks, and calls `waiting` if there is one.
    ///
    /// # Errors
    /// [`RecordError::Io`] if the folder cannot be made or locked.
    pub fn lock(&self, waiting: &dyn Fn()) -> Result<AnswerLock, RecordError> {
        fs::create_dir_all(&self.shared).map_err(RecordError::io("create folder", &self.shared))?;
        let path = self.shared.join(".lock");
        let opened = File::options().create(true).truncate(false).write(true).open(&path);
        let lock = opened.map_err(RecordError::io("create", &path))?;
        if !FileExt::try_lock_exclusive(&lock).map_err(RecordError::io("lock", &path))? {
            waiting();
            FileExt::lock_exclusive(&lock).map_err(RecordError::io("lock", &path))?;
        }
        Ok(AnswerLock { _lock: lock })
    }
}

/// While it is there no other process asks.
#[derive(Debug)]
pub struct AnswerLock {
    _lock: File,
}

/// Writes the answers that a run's trials read into its results folder, by their questions' hashes.
pub(super) fn keep(folder: &Path, answers: &[(String, Answer)]) -> Result<(), RecordError> {
    let folder = folder.join(ANSWERS);
    for (hash, answer) in answers {
        let path = file(&folder, hash);
        let bytes = answer.bytes(&path)?;
        if fs::read(&path).is_ok_and(|found| found == bytes) {
            continue;
        }
        fs::create_dir_all(&folder).map_err(RecordError::io("create folder", &folder))?;
        write_atomically(&path, &bytes)?;
    }
    Ok(())
}

/// Gives the answers that a results folder keeps to another one, for a run that is to read the same.
///
/// # Errors
/// [`RecordError::Io`].
pub fn copy_answers(from: &Path, to: &Path) -> Result<(), RecordError> {
    let (from, to) = (from.join(ANSWERS), to.join(ANSWERS));
    if !from.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(&to).map_err(RecordError::io("create folder", &to))?;
    for entry in fs::read_dir(&from).map_err(RecordError::io("read folder", &from))? {
        let path = entry.map_err(RecordError::io("read folder", &from))?.path();
        let bytes = fs::read(&path).map_err(RecordError::io("read", &path))?;
        write_atomically(&to.join(path.file_name().unwrap_or_default()), &bytes)?;
    }
    Ok(())
}

fn file(folder: &Path, hash: &str) -> PathBuf {
    folder.join(format!("{}.json", hash.get(..DIGITS).unwrap_or(hash)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn answer(text: &str) -> Answer {
        Answer {
            format: Answer::FORMAT,
            base_url: "http://x/v1".into(),
            subject: "{text} {mask}".into(),
            request: json!({ "model": "m" }),
            text: text.into(),
            first_tokens: vec![("a".into(), -0.25)],
            input_tokens: Some(3),
            output_tokens: None,
        }
    }

    #[test]
    fn an_answer_is_found_again_by_its_question_and_that_of_the_run_goes_before() {
        let root = tempfile::tempdir().unwrap();
        let store = AnswerStore::new(root.path(), Some("run"));
        let load = |url: &str| store.load("0a", url, &json!({ "model": "m" })).unwrap();
        assert_eq!(load("http://x/v1"), None);
        let _lock = store.lock(&|| unreachable!("nobody else asks")).unwrap();
        store.save("0a", &answer("shared")).unwrap();
        assert_eq!(load("http://x/v1"), Some(answer("shared")));
        assert_eq!(load("http://y/v1"), None);
        keep(&root.path().join("run"), &[("0a".into(), answer("own"))]).unwrap();
        assert_eq!(load("http://x/v1"), Some(answer("own")));
        copy_answers(&root.path().join("run"), &root.path().join("replay")).unwrap();
        let replay = AnswerStore::new(root.path(), Some("replay"));
        assert_eq!(replay.load("0a", "http://x/v1", &json!({ "model": "m" })).unwrap(), Some(answer("own")));
        fs::write(root.path().join("run").join(ANSWERS).join("0a.json"), "{").unwrap();
        assert_eq!(load("http://x/v1"), Some(answer("shared")));
    }
}
