//! Answers that were kept.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::EndpointError;
use super::question::Question;
use crate::record::write_atomically;

/// The format of a kept answer.
const FORMAT: u32 = 1;
/// Their folder, beside the results folders.
const FOLDER: &str = ".endpoint";

/// A kept answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Kept {
    /// The format of this file.
    pub format: u32,
    /// The service.
    pub base_url: String,
    /// The template that rewordings were asked for.
    pub template: String,
    /// What was sent.
    pub request: serde_json::Value,
    /// What it said.
    pub text: String,
    /// Tokens that the service counted as read and written, where it told.
    pub input_tokens: Option<u64>,
    /// Tokens that it counted as written.
    pub output_tokens: Option<u64>,
}

impl Kept {
    /// An answer to keep.
    pub fn new(base_url: &str, question: &Question, text: String, tokens: [Option<u64>; 2]) -> Self {
        let [input_tokens, output_tokens] = tokens;
        Self {
            format: FORMAT,
            base_url: base_url.to_owned(),
            template: question.template.to_string(),
            request: question.body.clone(),
            text,
            input_tokens,
            output_tokens,
        }
    }

    /// The answer to a question, if it was kept. One that is damaged, or of another version, counts as none: it is asked again.
    ///
    /// # Errors
    /// If it is there and cannot be read.
    pub fn load(results: &Path, question: &Question) -> Result<Option<Self>, EndpointError> {
        let path = file(results, question);
        match fs::read(&path) {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes)
                .ok()
                .filter(|kept: &Self| kept.format == FORMAT && kept.request == question.body)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(source) => Err(EndpointError::Read { path, source }),
        }
    }

    /// Keeps it.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn save(&self, results: &Path, question: &Question) -> Result<(), EndpointError> {
        let path = file(results, question);
        let folder = results.join(FOLDER);
        fs::create_dir_all(&folder).map_err(|source| crate::record::RecordError::Io {
            action: "make",
            path: folder,
            source,
        })?;
        let mut json = serde_json::to_vec_pretty(self)
            .map_err(|error| EndpointError::Answer { url: self.base_url.clone(), what: error.to_string() })?;
        json.push(b'\n');
        Ok(write_atomically(&path, &json)?)
    }
}

fn file(results: &Path, question: &Question) -> PathBuf {
    results.join(FOLDER).join(format!("{}.json", &question.hash[..32]))
}
