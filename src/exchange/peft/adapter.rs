//! The folder of an adapter.

use std::fs;
use std::path::Path;

use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};

use crate::record::{SavedPrompt, write_atomically};

use super::config::{AdapterConfig, PeftKind};
use super::error::PeftError;
use super::lora::LoraAdapter;

const CONFIG: &str = "adapter_config.json";
pub(super) const WEIGHTS: &str = "adapter_model.safetensors";
const BESIDE: &str = "promptmine.json";
/// The one tensor of an adapter of virtual tokens or keys and values.
const TENSOR: &str = "prompt_embeddings";

/// An adapter of any kind.
#[derive(Debug, Clone, PartialEq)]
pub enum Adapter {
    /// Virtual tokens, or keys and values.
    Vectors(VectorAdapter),
    /// Low-rank steps.
    Lora(LoraAdapter),
}

/// An adapter of virtual tokens, or of keys and values.
#[derive(Debug, Clone, PartialEq)]
pub struct VectorAdapter {
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
    /// The row of each of the prompt's own virtual tokens, in order. Empty for a prefix and for low-rank steps.
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

/// What an adapter's files hold.
pub(super) struct Files {
    pub weights: Vec<u8>,
    pub config: String,
    pub prompt: Option<SavedPrompt>,
}

impl Adapter {
    /// Its kind, under PEFT's name.
    pub fn kind(&self) -> &str {
        match self {
            Self::Vectors(adapter) => adapter.config.peft_type.name(),
            Self::Lora(adapter) => &adapter.config.peft_type,
        }
    }

    /// The prompt that promptmine wrote beside it.
    pub fn prompt(&self) -> Option<&SavedPrompt> {
        match self {
            Self::Vectors(adapter) => adapter.beside.as_ref().map(|beside| &beside.prompt),
            Self::Lora(adapter) => adapter.prompt.as_ref(),
        }
    }

    /// Writes the folder, and makes it where it is not there. `readme` says how the adapter is used.
    ///
    /// # Errors
    /// [`PeftError::Io`].
    pub fn save(&self, folder: &Path, readme: &str) -> Result<(), PeftError> {
        fs::create_dir_all(folder).map_err(|source| PeftError::Io { what: "make", path: folder.into(), source })?;
        let (files, beside) = match self {
            Self::Vectors(adapter) => (adapter.files()?, adapter.beside.clone()),
            Self::Lora(adapter) => {
                let files = adapter.files()?;
                let beside = files.prompt.clone().map(|prompt| Beside {
                    format: Beside::FORMAT,
                    virtual_rows: Vec::new(),
                    n_folded: 0,
                    prompt,
                });
                (files, beside)
            }
        };
        let mut all = vec![(WEIGHTS, files.weights), ("README.md", readme.as_bytes().to_vec())];
        if let Some(beside) = beside {
            let path = folder.join(BESIDE);
            let json = serde_json::to_string_pretty(&beside).map_err(|e| PeftError::file(&path, e.to_string()))?;
            all.push((BESIDE, (json + "\n").into_bytes()));
        }
        // The configuration comes last: a folder that has it is complete.
        all.push((CONFIG, (files.config + "\n").into_bytes()));
        for (name, bytes) in all {
            let path = folder.join(name);
            write_atomically(&path, &bytes).map_err(|e| PeftError::file(&path, e.to_string()))?;
        }
        Ok(())
    }

    /// Reads the folder.
    ///
    /// # Errors
    /// [`PeftError`] if a file is missing, damaged, of a kind that is not exchanged, or does not fit the other.
    pub fn load(folder: &Path) -> Result<Self, PeftError> {
        let (at, path) = (folder.join(CONFIG), folder.join(WEIGHTS));
        let json: serde_json::Value = serde_json::from_slice(&read_file(&at)?)
            .map_err(|e| PeftError::file(&at, format!("line {}: not JSON: {e}", e.line())))?;
        let beside = folder.join(BESIDE);
        let beside = if beside.exists() { Some(read_beside(&beside)?) } else { None };
        let kind = json.get("peft_type").and_then(serde_json::Value::as_str).unwrap_or("none");
        if kind == "LORA" {
            return Ok(Self::Lora(LoraAdapter::read(json, (&at, &path), beside.map(|beside| beside.prompt))?));
        }
        if !PeftKind::ALL.iter().any(|known| known.name() == kind) {
            let known: Vec<&str> = PeftKind::ALL.iter().map(|kind| kind.name()).collect();
            let what = format!("adapters of the kind {kind} are not read (read: {}, LORA)", known.join(", "));
            return Err(PeftError::file(&at, what));
        }
        let config: AdapterConfig = serde_json::from_value(json)
            .map_err(|e| PeftError::file(&at, format!("not the configuration of an adapter: {e}")))?;
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
        if let Some(row) = beside.iter().flat_map(|beside| &beside.virtual_rows).find(|&&row| row >= rows) {
            let what = format!("names row {row}, and the adapter has {rows}");
            return Err(PeftError::file(&folder.join(BESIDE), what));
        }
        Ok(Self::Vectors(VectorAdapter { config, width, values, beside }))
    }
}

impl VectorAdapter {
    fn files(&self) -> Result<Files, PeftError> {
        let fault = |e: String| PeftError::file(Path::new(WEIGHTS), e);
        let bytes: Vec<u8> = self.values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let shape = vec![self.values.len() / self.width.max(1), self.width];
        let tensor = TensorView::new(Dtype::F32, shape, &bytes).map_err(|e| fault(e.to_string()))?;
        let weights = safetensors::serialize([(TENSOR, tensor)], None).map_err(|e| fault(e.to_string()))?;
        let config = serde_json::to_string_pretty(&self.config).map_err(|e| fault(e.to_string()))?;
        Ok(Files { weights, config, prompt: None })
    }
}

pub(super) fn read_file(path: &Path) -> Result<Vec<u8>, PeftError> {
    fs::read(path).map_err(|source| PeftError::Io { what: "read", path: path.into(), source })
}

/// The numbers of a row, and all numbers.
fn tensor(path: &Path) -> Result<(usize, Vec<f32>), PeftError> {
    let bytes = read_file(path)?;
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
    Ok((width, numbers(path, TENSOR, &tensor)?))
}

/// The numbers of a tensor, all finite.
pub(super) fn numbers(path: &Path, name: &str, tensor: &TensorView<'_>) -> Result<Vec<f32>, PeftError> {
    let data = tensor.data();
    let values: Vec<f32> = match tensor.dtype() {
        Dtype::F32 => data.as_chunks().0.iter().map(|chunk| f32::from_le_bytes(*chunk)).collect(),
        Dtype::F16 => data.as_chunks().0.iter().map(|chunk| half::f16::from_le_bytes(*chunk).to_f32()).collect(),
        Dtype::BF16 => data.as_chunks().0.iter().map(|chunk| half::bf16::from_le_bytes(*chunk).to_f32()).collect(),
        other => {
            return Err(PeftError::file(path, format!("`{name}` is {other:?} (read: F32, F16, BF16)")));
        }
    };
    match values.iter().find(|value| !value.is_finite()) {
        Some(value) => Err(PeftError::file(path, format!("`{name}` holds the number {value}"))),
        None => Ok(values),
    }
}

fn read_beside(path: &Path) -> Result<Beside, PeftError> {
    let read: Beside = serde_json::from_slice(&read_file(path)?).map_err(|e| {
        PeftError::file(path, format!("line {}: not what promptmine writes beside an adapter: {e}", e.line()))
    })?;
    match read.format {
        Beside::FORMAT => Ok(read),
        found => Err(PeftError::file(path, format!("is of format {found}, and {} is read", Beside::FORMAT))),
    }
}
