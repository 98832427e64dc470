//! The safetensors format, whole or in shards: <https://github.com/huggingface/safetensors#format>.
//!
//! The header is checked by the `safetensors` crate (offsets within the file, without holes or overlaps, sizes that fit
//! shape and type); this file gives its findings names a person can act on, and reads f32, f16 and bf16 into f32.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::ops::Range;
use std::path::Path;

use half::{bf16, f16};
use memmap2::Mmap;
use safetensors::tensor::{Dtype, SafeTensorError, SafeTensors};

use crate::model::ModelError;

/// The whole file's name in a model's folder.
const WHOLE: &str = "model.safetensors";
/// The name of the index of a sharded checkpoint.
const INDEX: &str = "model.safetensors.index.json";

/// Where a file's bytes are.
enum Bytes {
    Mapped(Mmap),
    Static(&'static [u8]),
}

impl std::ops::Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Mapped(map) => map,
            Self::Static(bytes) => bytes,
        }
    }
}

/// One tensor's place in a file.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Its axes.
    pub shape: Vec<usize>,
    dtype: Dtype,
    range: Range<usize>,
}

/// One safetensors file with a sound header.
pub struct WeightFile {
    /// For messages.
    pub name: String,
    bytes: Bytes,
    entries: BTreeMap<String, Entry>,
}

impl WeightFile {
    /// Reads the header of embedded bytes.
    ///
    /// # Errors
    /// If it is unsound.
    pub fn from_static(bytes: &'static [u8], name: impl Into<String>) -> Result<Self, ModelError> {
        Self::new(Bytes::Static(bytes), name.into())
    }

    /// Maps a file into memory and reads its header.
    ///
    /// # Errors
    /// If it cannot be read, or its header is unsound.
    pub fn open(path: &Path) -> Result<Self, ModelError> {
        let name = path.display().to_string();
        let read = |source| ModelError::Read { path: path.to_path_buf(), source };
        let file = File::open(path).map_err(read)?;
        if file.metadata().map_err(read)?.len() == 0 {
            return Err(ModelError::Weights { file: name, what: "the file is empty".into() });
        }
        #[expect(
            unsafe_code,
            reason = "mapping a file is unsafe because another process may change it; a model's weights are read-only by \
                      everyone's convention, and reading them into memory would double what a large model needs"
        )]
        let map = unsafe { Mmap::map(&file) }.map_err(read)?;
        Self::new(Bytes::Mapped(map), name)
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

    /// The tensors by name.
    pub fn entries(&self) -> &BTreeMap<String, Entry> {
        &self.entries
    }

    /// All bytes of the file.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The numbers of a tensor, row-major, as f32.
    ///
    /// # Errors
    /// In words without the tensor's name: an unsupported type, or a number that is not finite.
    pub fn values(&self, entry: &Entry) -> Result<Vec<f32>, String> {
        let bytes = self.bytes.get(entry.range.clone()).ok_or("lies outside the file")?;
        let values: Vec<f32> = match entry.dtype {
            Dtype::F32 => read(bytes, f32::from_le_bytes),
            Dtype::F16 => read(bytes, |pair| f16::from_le_bytes(pair).to_f32()),
            Dtype::BF16 => read(bytes, |pair| bf16::from_le_bytes(pair).to_f32()),
            other => return Err(format!("is of type {other:?} (supported: F32, F16, BF16)")),
        };
        match values.iter().find(|value| !value.is_finite()) {
            Some(value) => Err(format!("holds the number {value}")),
            None => Ok(values),
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

/// Opens the weights of a model's folder: `model.safetensors`, or all shards of `model.safetensors.index.json` by name.
///
/// # Errors
/// If there is neither, or one of them is damaged, or the index names a file outside the folder or a tensor that its shard
/// does not have.
pub fn open_folder(folder: &Path) -> Result<(String, Vec<WeightFile>), ModelError> {
    let whole = folder.join(WHOLE);
    if whole.exists() {
        let file = WeightFile::open(&whole)?;
        return Ok((file.name.clone(), vec![file]));
    }
    let index = folder.join(INDEX);
    if index.exists() {
        let files = open_shards(folder, &index)?;
        return Ok((index.display().to_string(), files));
    }
    let other = ["pytorch_model.bin", "tf_model.h5", "model.ckpt.index", "flax_model.msgpack"]
        .into_iter()
        .find(|name| folder.join(name).exists());
    Err(ModelError::Incomplete {
        folder: folder.to_path_buf(),
        what: match other {
            Some(other) => {
                format!("has {other}, which cannot be read yet (supported: {WHOLE}, or {INDEX} and its shards)")
            }
            None => format!("no weights found (supported: {WHOLE}, or {INDEX} and its shards)"),
        },
    })
}

#[derive(serde::Deserialize)]
struct ShardIndex {
    weight_map: BTreeMap<String, String>,
}

fn open_shards(folder: &Path, index: &Path) -> Result<Vec<WeightFile>, ModelError> {
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
        files.push(WeightFile::open(&folder.join(name))?);
    }
    for (tensor, name) in &map.weight_map {
        let file = names.iter().position(|other| other == name).map(|place| &files[place]);
        if !file.is_some_and(|file| file.entries.contains_key(tensor)) {
            return Err(fault(format!("`{tensor}` is not in `{name}`, where the index says")));
        }
    }
    Ok(files)
}

fn is_plain_file_name(name: &str) -> bool {
    !name.is_empty() && name != "." && name != ".." && !name.contains(['/', '\\', ':', '\0'])
}
