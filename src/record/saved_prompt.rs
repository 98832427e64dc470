//! A prompt as a file that `predict --prompt` reads and other programs can.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{RecordError, SavedTuning, write_atomically};
use crate::prompt::DemonstrationPool;
use crate::task::Writing;

/// A label and its words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedLabel {
    /// The label.
    pub label: String,
    /// Its words.
    pub words: Vec<String>,
}

/// A prior that a prompt's label scores are corrected by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedPrior {
    /// The calibration: `contextual`, `pmi_dc`, `batch`.
    pub name: String,
    /// The log-probability of each label, or of each label word under `pmi_dc`, in nats.
    pub logprobs: Vec<f64>,
}

/// What `prompt.json` says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedPrompt {
    /// The format of this file.
    pub format: u32,
    /// The prompt for people, trigger tokens decoded in their places.
    pub prompt: String,
    /// The template in its canonical notation.
    pub template: String,
    /// The ids of its trigger tokens, all slots in order.
    #[serde(default)]
    pub trigger_ids: Vec<u32>,
    /// The same as the vocabulary writes them.
    #[serde(default)]
    pub trigger_tokens: Vec<String>,
    /// Labels and label words, in the order of the labels; where the answers are references their column, without words.
    pub verbalizer: Vec<SavedLabel>,
    /// The rule for words of several tokens: `joint`.
    pub multi_token: String,
    /// Whether inputs that do not fit are shortened.
    pub truncate: bool,
    /// The prior that its label scores are corrected by; absent where they are not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibration: Option<SavedPrior>,
    /// The model's source as written in the experiment.
    pub model: String,
    /// BLAKE3 (hex) of its weights.
    pub weights_blake3: String,
    /// BLAKE3 (hex) of its tokenizer: the ids above mean nothing for another one.
    pub tokenizer_blake3: String,
    /// The method that found it.
    pub method: String,
    /// How texts are written with it, where answers are references and somebody looked at what is written.
    #[serde(default, rename = "generate", skip_serializing_if = "Option::is_none")]
    pub writing: Option<Writing>,
    /// What the demonstrations nearest to a text are chosen from, where the template has a place for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<DemonstrationPool>,
    /// The weights that were trained with it, which lie in the folder `tuned` beside this file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tuned: Option<SavedTuning>,
}

impl SavedPrompt {
    /// The format that this version reads and writes.
    pub const FORMAT: u32 = 1;

    /// Writes the file.
    ///
    /// # Errors
    /// [`RecordError::Io`].
    pub fn save(&self, path: &Path) -> Result<(), RecordError> {
        let mut json = serde_json::to_vec_pretty(self).map_err(|e| RecordError::corrupt(path, None, e.to_string()))?;
        json.push(b'\n');
        write_atomically(path, &json)
    }

    /// Reads the file.
    ///
    /// # Errors
    /// [`RecordError`] if it cannot be read, is no prompt, or is of another format.
    pub fn load(path: &Path) -> Result<Self, RecordError> {
        Self::parse(&std::fs::read(path).map_err(RecordError::io("read", path))?, path)
    }

    pub(super) fn parse(bytes: &[u8], path: &Path) -> Result<Self, RecordError> {
        let prompt: Self = serde_json::from_slice(bytes)
            .map_err(|e| RecordError::corrupt(path, Some(e.line()), format!("not a saved prompt: {e}")))?;
        prompt.check_format(path)?;
        Ok(prompt)
    }

    pub(super) fn check_format(&self, path: &Path) -> Result<(), RecordError> {
        match self.format {
            Self::FORMAT => Ok(()),
            found => Err(RecordError::Version { path: path.into(), found, known: Self::FORMAT }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prompt_comes_back_as_it_was_saved() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("prompt.json");
        let saved = SavedPrompt {
            format: SavedPrompt::FORMAT,
            prompt: "{text} so {mask}.".into(),
            template: "{text}{trigger:1} {mask}.".into(),
            trigger_ids: vec![7],
            trigger_tokens: vec!["so".into()],
            verbalizer: vec![SavedLabel { label: "差评".into(), words: vec!["很差".into()] }],
            multi_token: "joint".into(),
            truncate: true,
            calibration: None,
            model: "builtin:toy".into(),
            weights_blake3: "w".into(),
            tokenizer_blake3: "t".into(),
            method: "autoprompt".into(),
            writing: None,
            pool: None,
            tuned: None,
        };
        saved.save(&path).unwrap();
        assert_eq!(SavedPrompt::load(&path).unwrap(), saved);
        std::fs::write(&path, "{\"format\": 1}").unwrap();
        let error = SavedPrompt::load(&path).unwrap_err().to_string();
        assert!(error.contains("not a saved prompt: missing field"), "{error}");
    }
}
