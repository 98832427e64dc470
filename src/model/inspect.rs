//! Bytes from anywhere as a model's files: read or refused, and nothing else.
//!
//! The fuzz targets of `tests/fuzz` call these; the tests replay their corpus.

use crate::model::config::ConfigFile;
use crate::model::weights::{Gguf, GgufWeights, SafetensorsFile, TorchFile, WeightFile};
use crate::model::{ModelError, Placement, ResolvedDevice, Tokenizer, family};

/// Reads a safetensors file: its header and every tensor.
///
/// # Errors
/// If the header is unsound, or a tensor is of an unsupported type or holds a number that is not finite.
pub fn safetensors(bytes: Vec<u8>) -> Result<(), ModelError> {
    values(&WeightFile::Safetensors(SafetensorsFile::from_bytes(bytes, "model.safetensors")?))
}

/// Reads a `pytorch_model.bin`: its zip directory, its pickle and every tensor.
///
/// # Errors
/// If one of them is unsound, the pickle asks for anything but tensors, or a number is not finite.
pub fn pytorch(bytes: Vec<u8>) -> Result<(), ModelError> {
    values(&WeightFile::Torch(TorchFile::from_bytes(bytes, "model.bin")?))
}

/// Reads a GGUF file: its header, its model's configuration, its tokenizer, and its tensors as those of the model.
///
/// # Errors
/// If any of them is unsound or not supported, or they do not fit together.
pub fn gguf(bytes: Vec<u8>) -> Result<(), ModelError> {
    let gguf = Gguf::from_bytes(bytes, "model.gguf")?;
    let config = gguf.config()?;
    Tokenizer::from_gguf(&gguf)?;
    let file = WeightFile::Gguf(GgufWeights::new(gguf)?);
    values(&file)?;
    family::load(&config, file.name().to_owned(), vec![file], &cpu()).map(drop)
}

/// Reads a `config.json` and looks for the tensors of the model that it describes, of which there are none.
///
/// # Errors
/// If the configuration is unsound or not supported, and otherwise because the tensors are missing.
pub fn config(bytes: &[u8]) -> Result<(), ModelError> {
    let config = ConfigFile::parse(bytes, "config.json")?;
    family::load(&config, "model.safetensors".into(), Vec::new(), &cpu()).map(drop)
}

fn cpu() -> Placement {
    ResolvedDevice::cpu().placement()
}

fn values(file: &WeightFile) -> Result<(), ModelError> {
    for (name, _) in file.entries() {
        file.values(name)
            .map_err(|what| ModelError::Weights { file: file.name().to_owned(), what: format!("`{name}` {what}") })?;
    }
    Ok(())
}
