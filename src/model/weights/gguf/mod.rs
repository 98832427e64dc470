//! The GGUF format, versions 2 and 3: <https://github.com/ggml-org/ggml/blob/master/docs/gguf.md>.
//!
//! # Decisions
//!
//! - 2026-11: our own reader. Every length, count and offset is held against the file's size before anything is allocated for
//!   it, and what is wrong is said with its place. Refused: a crate that believes the header.
//! - 2026-11: numbers become f32 when a tensor is asked for, one tensor at a time, so that a quantised file costs no memory
//!   beyond the model that is made of it.

mod architecture;
mod blocks;
mod cursor;
mod metadata;
mod renamed;
mod rope;

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use blocks::BlockFormat;
use cursor::Cursor;
use metadata::Metadata;
pub use renamed::GgufWeights;

use super::bytes::Bytes;
use crate::model::ModelError;

const MAGIC: &[u8] = b"GGUF";
/// Where the file does not say how its tensors are aligned.
const ALIGNMENT: u64 = 32;
const LARGEST_ALIGNMENT: u64 = 1 << 20;
/// More keys or tensors than any model has are taken for damage.
const MOST: usize = 1 << 17;
const MOST_AXES: u32 = 4;
/// The fewest bytes of a key (length, type, value) and of a tensor (length, axes, type, offset).
const SMALLEST_KEY: u64 = 13;
const SMALLEST_TENSOR: u64 = 24;

/// One tensor's place in a file.
struct Info {
    /// Its axes, the slowest first: the order of everyone else, the reverse of the file's.
    shape: Vec<usize>,
    format: BlockFormat,
    range: Range<usize>,
}

/// A GGUF file with a sound header.
pub struct Gguf {
    name: String,
    bytes: Bytes,
    metadata: Metadata,
    tensors: BTreeMap<String, Info>,
}

impl Gguf {
    /// Maps a file into memory and reads its header.
    ///
    /// # Errors
    /// If it cannot be read, or its header is unsound.
    pub fn open(path: &Path) -> Result<Self, ModelError> {
        Self::new(Bytes::map(path)?, path.display().to_string())
    }

    /// Reads the header of bytes in memory; `name` is for messages.
    ///
    /// # Errors
    /// If it is unsound.
    pub fn from_bytes(bytes: Vec<u8>, name: impl Into<String>) -> Result<Self, ModelError> {
        Self::new(Bytes::Owned(bytes), name.into())
    }

    fn new(bytes: Bytes, name: String) -> Result<Self, ModelError> {
        match read_header(&bytes) {
            Ok((metadata, tensors)) => Ok(Self { name, metadata, tensors, bytes }),
            Err(what) => Err(ModelError::Weights { file: name, what }),
        }
    }

    /// For messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// An error about this file.
    pub fn fault(&self, what: impl Into<String>) -> ModelError {
        ModelError::Weights { file: self.name.clone(), what: what.into() }
    }

    /// Whether the metadata has `key`.
    pub fn has(&self, key: &str) -> bool {
        self.metadata.has(key)
    }

    /// A text of the metadata.
    ///
    /// # Errors
    /// If it is something else.
    pub fn text(&self, key: &str) -> Result<Option<&str>, ModelError> {
        self.metadata.text(&self.bytes, key).map_err(|what| self.fault(what))
    }

    /// A whole number of the metadata.
    ///
    /// # Errors
    /// If it is something else, or beyond 64 bits with a sign.
    pub fn whole(&self, key: &str) -> Result<Option<i64>, ModelError> {
        self.metadata.whole(&self.bytes, key).map_err(|what| self.fault(what))
    }

    /// A number of the metadata.
    ///
    /// # Errors
    /// If it is something else.
    pub fn number(&self, key: &str) -> Result<Option<f64>, ModelError> {
        self.metadata.number(&self.bytes, key).map_err(|what| self.fault(what))
    }

    /// True or false in the metadata.
    ///
    /// # Errors
    /// If it is something else.
    pub fn flag(&self, key: &str) -> Result<Option<bool>, ModelError> {
        self.metadata.flag(&self.bytes, key).map_err(|what| self.fault(what))
    }

    /// A list of texts of the metadata.
    ///
    /// # Errors
    /// If it is something else.
    pub fn texts(&self, key: &str) -> Result<Option<Vec<&str>>, ModelError> {
        self.metadata.texts(&self.bytes, key).map_err(|what| self.fault(what))
    }

    /// A list of whole numbers of the metadata.
    ///
    /// # Errors
    /// If it is something else.
    pub fn wholes(&self, key: &str) -> Result<Option<Vec<i64>>, ModelError> {
        self.metadata.wholes(&self.bytes, key).map_err(|what| self.fault(what))
    }

    /// A list of numbers of the metadata.
    ///
    /// # Errors
    /// If it is something else.
    pub fn numbers(&self, key: &str) -> Result<Option<Vec<f64>>, ModelError> {
        self.metadata.numbers(&self.bytes, key).map_err(|what| self.fault(what))
    }

    fn values(&self, tensor: &str) -> Result<Vec<f32>, String> {
        let info = self.tensors.get(tensor).ok_or("is not in the file")?;
        let bytes = self.bytes.get(info.range.clone()).ok_or("lies outside the file")?;
        Ok(info.format.values(bytes))
    }
}

fn read_header(bytes: &[u8]) -> Result<(Metadata, BTreeMap<String, Info>), String> {
    if bytes.starts_with(b"version https://git-lfs") {
        return Err("a Git LFS pointer instead of the weights (`git lfs pull` fetches them)".into());
    }
    if !bytes.starts_with(MAGIC) {
        return Err("not a GGUF file: it does not begin with GGUF".into());
    }
    let mut cursor = Cursor::new(bytes);
    cursor.take(MAGIC.len() as u64, "the first word")?;
    match cursor.u32("the version")? {
        2 | 3 => {}
        swapped @ (0x0200_0000 | 0x0300_0000) => {
            let version = swapped.swap_bytes();
            return Err(format!("GGUF version {version} with big-endian numbers (supported: little-endian ones)"));
        }
        other => return Err(format!("GGUF version {other} (supported: 2, 3)")),
    }
    let n_tensors = cursor.count(SMALLEST_TENSOR, "the number of tensors")?;
    let n_keys = cursor.count(SMALLEST_KEY, "the number of keys")?;
    for (count, what) in [(n_tensors, "tensors"), (n_keys, "keys")] {
        if count > MOST {
            return Err(format!("the header counts {count} {what} (allowed: up to {MOST})"));
        }
    }
    let metadata = Metadata::read(&mut cursor, n_keys)?;
    let alignment = match metadata.whole(bytes, "general.alignment")? {
        None => ALIGNMENT,
        Some(found) => u64::try_from(found)
            .ok()
            .filter(|alignment| alignment.is_power_of_two() && *alignment <= LARGEST_ALIGNMENT)
            .ok_or_else(|| {
                format!("`general.alignment` is {found} (allowed: a power of two up to {LARGEST_ALIGNMENT})")
            })?,
    };
    let heads = (0..n_tensors).map(|_| Head::read(&mut cursor, alignment)).collect::<Result<Vec<_>, String>>()?;
    let data = (cursor.place() as u64).next_multiple_of(alignment);
    let tensors = place(heads, data, bytes.len() as u64)?;
    Ok((metadata, tensors))
}

/// One tensor as the header describes it.
struct Head<'a> {
    name: &'a str,
    shape: Vec<usize>,
    format: BlockFormat,
    n_bytes: u64,
    offset: u64,
}

impl<'a> Head<'a> {
    fn read(cursor: &mut Cursor<'a>, alignment: u64) -> Result<Self, String> {
        let name = cursor.text("a tensor's name")?;
        let fault = |what: String| format!("tensor `{name}` {what}");
        let n_axes = cursor.u32("a number of axes")?;
        if !(1..=MOST_AXES).contains(&n_axes) {
            return Err(fault(format!("has {n_axes} axes (allowed: 1 to {MOST_AXES})")));
        }
        let mut axes = Vec::with_capacity(n_axes as usize);
        for _ in 0..n_axes {
            axes.push(cursor.u64("an axis")?);
        }
        let format = BlockFormat::read(cursor.u32("a tensor's type")?).map_err(fault)?;
        let offset = cursor.u64("a tensor's offset")?;
        // No multiplication is believed: an overflow is as good as a tensor larger than any file.
        let length = axes.iter().try_fold(1u64, |product, axis| product.checked_mul(*axis));
        let n_bytes = length
            .filter(|length| *length > 0)
            .and_then(|length| format.n_bytes(axes[0], length))
            .ok_or_else(|| fault(format!("has the axes {axes:?}, which no tensor of type {format} can have")))?;
        if offset % alignment != 0 {
            return Err(fault(format!("begins at offset {offset}, which is no multiple of {alignment}")));
        }
        let shape = axes.iter().rev().map(|&axis| usize::try_from(axis)).collect::<Result<_, _>>();
        let shape = shape.map_err(|_| fault(format!("has the axes {axes:?}, too long for this machine")))?;
        Ok(Self { name, shape, format, n_bytes, offset })
    }
}

/// Finds every tensor its bytes: within the file, and no byte in two tensors.
fn place(mut heads: Vec<Head>, data: u64, length: u64) -> Result<BTreeMap<String, Info>, String> {
    heads.sort_by_key(|head| head.offset);
    let mut tensors = BTreeMap::new();
    let mut before: Option<(&str, u64)> = None;
    for head in heads {
        let name = head.name;
        let start = data.checked_add(head.offset);
        let range = start.and_then(|start| Some(start..start.checked_add(head.n_bytes)?));
        let range = range.filter(|range| range.end <= length).ok_or_else(|| {
            let Head { offset, n_bytes, .. } = head;
            format!("truncated or damaged: tensor `{name}` would be the {n_bytes} bytes from {data} + {offset}, and the file has {length}")
        })?;
        if let Some((other, _)) = before.filter(|(_, end)| range.start < *end) {
            return Err(format!("damaged: the tensors `{other}` and `{name}` share bytes"));
        }
        before = Some((name, range.end));
        let range = range.start as usize..range.end as usize;
        if tensors.insert(name.to_owned(), Info { shape: head.shape, format: head.format, range }).is_some() {
            return Err(format!("the tensor `{name}` is there twice"));
        }
    }
    Ok(tensors)
}

#[cfg(test)]
mod tests;
