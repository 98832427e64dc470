//! The folder of an adapter.

use std::fs;
use std::path::Path;

use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};

use crate::record::{SavedPrompt, write_atomically};

use super::config::{AdapterConfig, PeftKind};
use super::error::PeftError;

const CONFIG: &str = "adapter_config.json";
const WEIGHTS: &str = "adapter_model.safetensors";
const BESIDE: &str = "promptmine.json";
/// The one tensor of an adapter of virtual tokens or keys and values.
const TENSOR: &str = "prompt_embeddings";

/// An adapter of virtual tokens, or of keys and values.
#[derive(Debug, Clone, PartialEq)]
pub struct Adapter {
    /// What `adapter_config.json` says.
    pub config: AdapterConfig,
    /// Numbers of a row.
    pub width: usize,
    /// The rows `[num_virtual_tokens, width]`.
    pub values: Vec<f32>,
    /// What promptmine wrote beside it.
    pub beside: Option<Beside>,
}

/// `promptmine.json`: how the adapter is a prompt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Beside {
    /// The format of the file.
    pub format: u32,
    /// The row of each of the prompt's own virtual tokens, in order. Empty for a prefix.
    pub virtual_rows: Vec<usize>,
    /// How many rows are what the prompt says before the last of them: special tokens and words with the model's own embeddings.
    pub n_folded: usize,
    /// The prompt.
    pub prompt: SavedPrompt,
}

impl Beside {
    /// The format that this version reads and writes.
    pub const FORMAT: u32 = 1;
}

impl Adapter {
    /// Writes the folder, and makes it where it is not there. `readme` says how the adapter is used.
    ///
    /// # Errors
    /// [`PeftError::Io`].
    pub fn save(&self, folder: &Path, readme: &str) -> Result<(), PeftError> {
        fs::create_dir_all(folder).map_err(|source| PeftError::Io { what: "make", path: folder.into(), source })?;
        let weights = folder.join(WEIGHTS);
        let bytes: Vec<u8> = self.values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let shape = vec![self.values.len() / self.width.max(1), self.width];
        let fault = |path: &Path, e: String| PeftError::file(path, e);
        let tensor = TensorView::new(Dtype::F32, shape, &bytes).map_err(|e| fault(&weights, e.to_string()))?;
        let bytes = safetensors::serialize([(TENSOR, tensor)], None).map_err(|e| fault(&weights, e.to_string()))?;
        let json = |path: &Path, value: serde_json::Result<String>| {
            value.map(|text| text + "\n").map_err(|e| fault(path, e.to_string()))
        };
        let config = json(&folder.join(CONFIG), serde_json::to_string_pretty(&self.config))?;
        // The configuration comes last: a folder that has it is complete.
        let mut files = vec![(WEIGHTS, bytes), ("README.md", readme.as_bytes().to_vec())];
        if let Some(beside) = &self.beside {
            files.push((BESIDE, json(&folder.join(BESIDE), serde_json::to_string_pretty(beside))?.into_bytes()));
        }
        files.push((CONFIG, config.into_bytes()));
        for (name, bytes) in files {
            let path = folder.join(name);
            write_atomically(&path, &bytes).map_err(|e| fault(&path, e.to_string()))?;
        }
        Ok(())
    }

    /// Reads the folder.
    ///
    /// # Errors
    /// [`PeftError`] if a file is missing, damaged, of a kind that is not exchanged, or does not fit the other.
    pub fn load(folder: &Path) -> Result<Self, PeftError> {
        let path = folder.join(CONFIG);
        let config = config(&path)?;
        let path = folder.join(WEIGHTS);
        let (width, values) = tensor(&path)?;
        let rows = values.len() / width;
        if config.num_transformer_submodules.is_some_and(|n| n > 1) || rows != config.num_virtual_tokens {
            return Err(PeftError::file(
                &path,
                format!(
                    "`{TENSOR}` has {rows} rows, and {CONFIG} says {} virtual tokens for {} part(s) of the model (one part with \
                     as many rows is read)",
                    config.num_virtual_tokens,
                    config.num_transformer_submodules.unwrap_or(1)
                ),
            ));
        }
        let path = folder.join(BESIDE);
        let beside = if path.exists() { Some(beside(&path, rows)?) } else { None };
        Ok(Self { config, width, values, beside })
    }
}

fn read(path: &Path) -> Result<Vec<u8>, PeftError> {
    fs::read(path).map_err(|source| PeftError::Io { what: "read", path: path.into(), source })
}

fn config(path: &Path) -> Result<AdapterConfig, PeftError> {
    let bytes = read(path)?;
    let json: serde_json::Value = serde_json::from_slice(&bytes)
        .map_err(|e| PeftError::file(path, format!("line {}: not JSON: {e}", e.line())))?;
    let kind = json.get("peft_type").and_then(serde_json::Value::as_str).unwrap_or("none");
    if !PeftKind::ALL.iter().any(|known| known.name() == kind) {
        let known: Vec<&str> = PeftKind::ALL.iter().map(|kind| kind.name()).collect();
        return Err(PeftError::file(
            path,
            format!("adapters of the kind {kind} are not read (read: {})", known.join(", ")),
        ));
    }
    serde_json::from_value(json).map_err(|e| PeftError::file(path, format!("not the configuration of an adapter: {e}")))
}

/// The numbers of a row, and all numbers.
fn tensor(path: &Path) -> Result<(usize, Vec<f32>), PeftError> {
    let bytes = read(path)?;
    let damaged = |e| PeftError::file(path, format!("not a safetensors file, or a damaged one: {e}"));
    let tensors = SafeTensors::deserialize(&bytes).map_err(damaged)?;
    let Ok(tensor) = tensors.tensor(TENSOR) else {
        return Err(PeftError::file(path, format!("has the tensors {:?}, and not `{TENSOR}`", tensors.names())));
    };
    let &[rows, width] = tensor.shape() else {
        let shape = tensor.shape();
        return Err(PeftError::file(
            path,
            format!("`{TENSOR}` has the shape {shape:?}, and [rows, width] is expected"),
        ));
    };
    if rows * width == 0 {
        return Err(PeftError::file(path, format!("`{TENSOR}` has no numbers")));
    }
    let data = tensor.data();
    let values: Vec<f32> = match tensor.dtype() {
        Dtype::F32 => data.as_chunks().0.iter().map(|chunk| f32::from_le_bytes(*chunk)).collect(),
        Dtype::F16 => data.as_chunks().0.iter().map(|chunk| half::f16::from_le_bytes(*chunk).to_f32()).collect(),
        Dtype::BF16 => data.as_chunks().0.iter().map(|chunk| half::bf16::from_le_bytes(*chunk).to_f32()).collect(),
        other => {
            return Err(PeftError::file(path, format!("`{TENSOR}` is {other:?} (read: F32, F16, BF16)")));
        }
    };
    match values.iter().find(|value| !value.is_finite()) {
        Some(value) => Err(PeftError::file(path, format!("`{TENSOR}` holds the number {value}"))),
        None => Ok((width, values)),
    }
}

fn beside(path: &Path, rows: usize) -> Result<Beside, PeftError> {
    let read: Beside = serde_json::from_slice(&read(path)?).map_err(|e| {
        PeftError::file(path, format!("line {}: not what promptmine writes beside an adapter: {e}", e.line()))
    })?;
    if read.format != Beside::FORMAT {
        return Err(PeftError::file(path, format!("is of format {}, and {} is read", read.format, Beside::FORMAT)));
    }
    match read.virtual_rows.iter().find(|&&row| row >= rows) {
        Some(row) => Err(PeftError::file(path, format!("names row {row}, and the adapter has {rows}"))),
        None => Ok(read),
    }
}
