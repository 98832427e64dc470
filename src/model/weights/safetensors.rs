//! The safetensors format, whole or in shards: <https://github.com/huggingface/safetensors#format>.
//!
//! The header is checked by the `safetensors` crate (offsets within the file, without holes or overlaps, sizes that fit
//! shape and type); this file gives its findings names a person can act on, and reads f32, f16 and bf16 into f32.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::Path;

use half::{bf16, f16};
use safetensors::tensor::{Dtype, SafeTensorError, SafeTensors};

use super::bytes::Bytes;
use super::{WeightFile, torch_file};
use crate::model::ModelError;

/// The whole file's name in a model's folder.
const WHOLE: &str = "model.safetensors";
/// The name of the index of a sharded checkpoint.
const INDEX: &str = "model.safetensors.index.json";

/// One tensor's place in a file.
struct Entry {
    shape: Vec<usize>,
    dtype: Dtype,
    range: Range<usize>,
}

/// One safetensors file with a sound header.
pub struct SafetensorsFile {
    /// For messages.
    pub name: String,
    bytes: Bytes,
    entries: BTreeMap<String, Entry>,
}

impl SafetensorsFile {
    /// Reads the header of embedded bytes.
    ///
    /// # Errors
    /// If it is unsound.
    pub fn from_static(bytes: &'static [u8], name: impl Into<String>) -> Result<Self, ModelError> {
        Self::new(Bytes::Static(bytes), name.into())
    }

    /// Reads the header of bytes in memory.
    ///
    /// # Errors
    /// If it is unsound.
    pub fn from_bytes(bytes: Vec<u8>, name: impl Into<String>) -> Result<Self, ModelError> {
        Self::new(Bytes::Owned(bytes), name.into())
    }

    /// Maps a file into memory and reads its header.
    ///
    /// # Errors
    /// If it cannot be read, or its header is unsound.
    pub fn open(path: &Path) -> Result<Self, ModelError> {
        Self::new(Bytes::map(path)?, path.display().to_string())
    }

    fn new(bytes: Bytes, name: String) -> Result<Self, ModelError> {
        let (header, metadata) = SafeTensors::read_metadata(&bytes)
            .map_err(|error| ModelError::Weights { what: explain(&error, &bytes), file: name.clone() })?;
        let data = header + size_of::<u64>();
        let entries = metadata
            .tensors()
            .into_iter()
            .map(|(tensor, info)| {
                let (start, end) = info.data_offsets;
                let entry = Entry { shape: info.shape.clone(), dtype: info.dtype, range: data + start..data + end };
                (tensor, entry)
            })
            .collect();
        Ok(Self { name, bytes, entries })
    }

    /// The names and shapes of all tensors.
    pub fn shapes(&self) -> impl Iterator<Item = (&str, &[usize])> {
        self.entries.iter().map(|(name, entry)| (name.as_str(), entry.shape.as_slice()))
    }

    /// Whether there is a tensor `name`.
    pub fn has(&self, name: &str) -> bool {
        self.entries.contains_key(name)
    }

    /// The type and the bytes of a tensor.
    pub fn stored(&self, name: &str) -> Option<(Dtype, &[u8])> {
        let entry = self.entries.get(name)?;
        Some((entry.dtype, self.bytes.get(entry.range.clone())?))
    }

    /// Gives back the memory that holds what was read so far.
    pub fn release(&self) {
        self.bytes.release();
    }

    /// All bytes of the file.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The numbers of a tensor, row-major, as f32.
    ///
    /// # Errors
    /// In words without the tensor's name: there is none, or it is of an unsupported type.
    pub fn values(&self, name: &str) -> Result<Vec<f32>, String> {
        let entry = self.entries.get(name).ok_or("is not in the file")?;
        let bytes = self.bytes.get(entry.range.clone()).ok_or("lies outside the file")?;
        match entry.dtype {
            Dtype::F32 => Ok(read(bytes, f32::from_le_bytes)),
            Dtype::F16 => Ok(read(bytes, |pair| f16::from_le_bytes(pair).to_f32())),
            Dtype::BF16 => Ok(read(bytes, |pair| bf16::from_le_bytes(pair).to_f32())),
            other => Err(format!("is of type {other:?} (supported: F32, F16, BF16)")),
        }
    }
}

fn read<const N: usize>(bytes: &[u8], number: impl Fn([u8; N]) -> f32) -> Vec<f32> {
    bytes.as_chunks::<N>().0.iter().map(|chunk| number(*chunk)).collect()
}

/// What a header error means for the person who has the file.
fn explain(error: &SafeTensorError, bytes: &[u8]) -> String {
    if bytes.starts_with(b"version https://git-lfs") {
        return "a Git LFS pointer instead of the weights (`git lfs pull` fetches them)".into();
    }
    let length = bytes.len();
    match error {
        SafeTensorError::HeaderTooSmall => format!("not a safetensors file: only {length} bytes long"),
        SafeTensorError::MetadataIncompleteBuffer => {
            format!("truncated or damaged: the header describes another number of bytes than the {length} of the file")
        }
        SafeTensorError::HeaderTooLarge
        | SafeTensorError::InvalidHeader(_)
        | SafeTensorError::InvalidHeaderDeserialization(_) => {
            let text = bytes.iter().take(64).all(|b| b.is_ascii_graphic() || b.is_ascii_whitespace());
            let seen = if text { " (it looks like text)" } else { "" };
            format!("not a safetensors file, or damaged{seen}: {error}")
        }
        SafeTensorError::InvalidHeaderLength => {
            format!("truncated or not a safetensors file: its header would end beyond the {length} bytes of the file")
        }
        _ => format!("damaged: {error}"),
    }
}

/// Opens the weights of a model's folder: `model.safetensors`, or all shards of `model.safetensors.index.json` by name, or else
/// `pytorch_model.bin` in the same two ways.
///
/// # Errors
/// If there is neither, or one of them is damaged, or the index names a file outside the folder or a tensor that its shard
/// does not have.
pub fn open_folder(folder: &Path) -> Result<(String, Vec<WeightFile>), ModelError> {
    let whole = folder.join(WHOLE);
    if whole.exists() {
        let file = SafetensorsFile::open(&whole)?;
        return Ok((file.name.clone(), vec![WeightFile::Safetensors(file)]));
    }
    let index = folder.join(INDEX);
    if index.exists() {
        let files = open_shards(folder, &index, |path| SafetensorsFile::open(path).map(WeightFile::Safetensors))?;
        return Ok((index.display().to_string(), files));
    }
    if let Some(found) = torch_file::open_folder(folder)? {
        return Ok(found);
    }
    const SUPPORTED: &str = "model.safetensors or pytorch_model.bin, or the shards of either with their index";
    let other =
        ["tf_model.h5", "model.ckpt.index", "flax_model.msgpack"].into_iter().find(|name| folder.join(name).exists());
    Err(ModelError::Incomplete {
        folder: folder.to_path_buf(),
        what: match other {
            Some(other) => {
                format!("has {other}, which cannot be read (supported: {SUPPORTED})")
            }
            None => format!("no weights found (supported: {SUPPORTED})"),
        },
    })
}

#[derive(serde::Deserialize)]
struct ShardIndex {
    weight_map: BTreeMap<String, String>,
}

/// Opens all shards that `index` names, each with `open`.
///
/// # Errors
/// If the index is unsound, or names a file outside the folder or a tensor that its shard does not have.
pub(super) fn open_shards(
    folder: &Path,
    index: &Path,
    open: impl Fn(&Path) -> Result<WeightFile, ModelError>,
) -> Result<Vec<WeightFile>, ModelError> {
    let fault = |what: String| ModelError::Weights { file: index.display().to_string(), what };
    let bytes = std::fs::read(index).map_err(|source| ModelError::Read { path: index.to_path_buf(), source })?;
    let map: ShardIndex =
        serde_json::from_slice(&bytes).map_err(|error| fault(format!("not a shard index: {error}")))?;
    let names: BTreeSet<&str> = map.weight_map.values().map(String::as_str).collect();
    if names.is_empty() {
        return Err(fault("`weight_map` names no shard".into()));
    }
    if let Some(name) = names.iter().find(|name| !is_plain_file_name(name)) {
        return Err(fault(format!("shard `{name}` is not a plain file name within the folder")));
    }
    let mut files = Vec::with_capacity(names.len());
    for name in &names {
        files.push(open(&folder.join(name))?);
    }
    for (tensor, name) in &map.weight_map {
        let file = names.iter().position(|other| other == name).map(|place| &files[place]);
        if !file.is_some_and(|file| file.has(tensor)) {
            return Err(fault(format!("`{tensor}` is not in `{name}`, where the index says")));
        }
    }
    Ok(files)
}

fn is_plain_file_name(name: &str) -> bool {
    !name.is_empty() && name != "." && name != ".." && !name.contains(['/', '\\', ':', '\0'])
}
