//! An ensemble of prompts as a file that `predict --ensemble` reads.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{RecordError, SavedPrompt, write_atomically};

/// A prompt of an ensemble.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedMember {
    /// Its weight; the weights add up to 1.
    pub weight: f64,
    /// The prompt.
    pub prompt: SavedPrompt,
}

/// What `ensemble.json` says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedEnsemble {
    /// The format of this file.
    pub format: u32,
    /// How its members are put together: `uniform`, `accuracy`, `learned`, `vote`.
    pub kind: String,
    /// At least two.
    pub members: Vec<SavedMember>,
}

impl SavedEnsemble {
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
    /// [`RecordError`] if it cannot be read, is no ensemble, or is of another format.
    pub fn load(path: &Path) -> Result<Self, RecordError> {
        let bytes = std::fs::read(path).map_err(RecordError::io("read", path))?;
        let ensemble: Self = serde_json::from_slice(&bytes)
            .map_err(|e| RecordError::corrupt(path, Some(e.line()), format!("not a saved ensemble: {e}")))?;
        if ensemble.format != Self::FORMAT {
            return Err(RecordError::Version { path: path.into(), found: ensemble.format, known: Self::FORMAT });
        }
        let weights = || ensemble.members.iter().map(|member| member.weight);
        if ensemble.members.len() < 2 || !weights().all(|w| w.is_finite() && w >= 0.0) || weights().sum::<f64>() <= 0.0
        {
            let what = "an ensemble needs two members or more, with weights that are not negative and not all 0";
            return Err(RecordError::corrupt(path, None, what));
        }
        for member in &ensemble.members {
            member.prompt.check_format(path)?;
        }
        Ok(ensemble)
    }
}
