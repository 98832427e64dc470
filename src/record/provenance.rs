//! Where a record's numbers come from: versions, device, hashes.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{AtomicFile, RecordError};

/// The format of `provenance.json`.
const FORMAT: u32 = 1;

/// One model of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelProvenance {
    /// The source as written in the experiment.
    pub source: String,
    /// The commit that it was read at, of a model of the hub.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// Its family: `bert`, `ernie`.
    pub family: String,
    /// Weights.
    pub n_parameters: usize,
    /// BLAKE3 (hex) of the weight files.
    pub weights_blake3: String,
    /// BLAKE3 (hex) of the tokenizer.
    pub tokenizer_blake3: String,
}

/// What `provenance.json` says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    /// The format of this file.
    pub format: u32,
    /// The version of promptmine that began the record.
    pub promptmine: String,
    /// The experiment's name.
    pub experiment: String,
    /// BLAKE3 (hex) of the experiment with every default filled in.
    pub experiment_blake3: String,
    /// The device, in words.
    pub device: String,
    /// Its kind: `cpu` or `wgpu`. A record is continued on the same kind only.
    pub device_kind: String,
    /// The type of number that products with weights were computed in: `f32`, `f16`, `bf16`. A record is continued in the same.
    #[serde(default = "f32_name")]
    pub dtype: String,
    /// Rows of a batch, fixed at the first start.
    pub batch_size: usize,
    /// Operating system and processor.
    pub machine: String,
    /// The models.
    pub models: Vec<ModelProvenance>,
    /// BLAKE3 (hex) of each data file, by split.
    pub data_blake3: BTreeMap<String, String>,
    /// BLAKE3 (hex) of each file that prompts were mined from, by its path.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub corpora_blake3: BTreeMap<String, String>,
    /// The commit that the data were read at, of a data set of the hub.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_commit: Option<String>,
    /// The metric: `accuracy`.
    pub metric: String,
    /// The trials of the experiment as it is now, by folder name. Others in the folder are of earlier versions of it.
    pub trials: Vec<String>,
}

/// What records without a dtype were computed in.
fn f32_name() -> String {
    "f32".into()
}

impl Provenance {
    /// The format that this version writes.
    pub const FORMAT: u32 = FORMAT;

    /// Reads a folder's `provenance.json`; `None` if there is none.
    ///
    /// # Errors
    /// [`RecordError`] if it is there and not readable in this version.
    pub fn load(folder: &Path) -> Result<Option<Self>, RecordError> {
        let path = folder.join("provenance.json");
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) if e.kind() == std::io::ErrorKind::NotADirectory => {
                return Err(RecordError::Foreign {
                    path: folder.into(),
                    message: "is or lies in a file; a folder is needed".into(),
                });
            }
            Err(e) => return Err(RecordError::io("read", &path)(e)),
        };
        #[derive(Deserialize)]
        struct Head {
            format: u32,
        }
        let malformed = |e: serde_json::Error| {
            let what = format!("{e} (`run` writes it anew and keeps the trials, `run --fresh` begins anew)");
            RecordError::corrupt(&path, Some(e.line()), what)
        };
        let head: Head = serde_json::from_slice(&bytes).map_err(malformed)?;
        if head.format != FORMAT {
            return Err(RecordError::Version { path, found: head.format, known: FORMAT });
        }
        serde_json::from_slice(&bytes).map(Some).map_err(malformed)
    }

    /// Writes it into a folder.
    ///
    /// # Errors
    /// [`RecordError::Io`].
    pub fn save(&self, folder: &Path) -> Result<(), RecordError> {
        self.written(folder)?.keep()
    }

    /// Writes it into a folder that has none yet; false if another process was quicker, whose file stays.
    ///
    /// # Errors
    /// [`RecordError::Io`].
    pub fn save_first(&self, folder: &Path) -> Result<bool, RecordError> {
        self.written(folder)?.keep_first()
    }

    fn written(&self, folder: &Path) -> Result<AtomicFile, RecordError> {
        let path = folder.join("provenance.json");
        let mut json = serde_json::to_vec_pretty(self).map_err(|e| RecordError::corrupt(&path, None, e.to_string()))?;
        json.push(b'\n');
        let mut file = AtomicFile::create(&path)?;
        file.write_all(&json).map_err(RecordError::io("write", &path))?;
        Ok(file)
    }
}
