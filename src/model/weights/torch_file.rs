//! `pytorch_model.bin`: a zip file with a pickle that describes tensors, and a record of numbers for each storage.
//!
//! The pickle is read by an interpreter that can do nothing else ([`super::pickle`]), and every size is compared with the file
//! before a number is read. The numbers stay where they are, in the mapped file.
//!
//! Reference: `torch/serialization.py` of torch 2.15, <https://github.com/pytorch/pytorch/blob/v2.15.0/torch/serialization.py>.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use half::{bf16, f16};
use safetensors::tensor::Dtype;

use super::WeightFile;
use super::bytes::Bytes;
use super::pickle::{PickledTensor, read_state_dict};
use super::safetensors::open_shards;
use super::zip_records::{is_zip, zip_records};
use crate::model::ModelError;

/// The whole file's name in a model's folder.
const WHOLE: &str = "pytorch_model.bin";
/// The name of the index of a sharded checkpoint.
const INDEX: &str = "pytorch_model.bin.index.json";

/// A pickle of a state dict has some hundred bytes a tensor.
const LARGEST_PICKLE: usize = 1 << 26;

/// Tensors may share storages, as tied ones do; more than this many times the file's size is no model.
const LARGEST_SHARING: usize = 8;

/// One tensor's place in a file.
struct Entry {
    shape: Vec<usize>,
    strides: Vec<usize>,
    dtype: Dtype,
    /// From its first number to the end of its storage.
    range: Range<usize>,
}

/// One file of `torch.save` with a sound description of its tensors.
pub struct TorchFile {
    /// For messages.
    pub name: String,
    bytes: Bytes,
    entries: BTreeMap<String, Entry>,
}

impl TorchFile {
    /// Maps a file into memory and reads its description.
    ///
    /// # Errors
    /// If it cannot be read, is damaged or of another format, or its pickle asks for anything but tensors.
    pub fn open(path: &Path) -> Result<Self, ModelError> {
        Self::read(path.display().to_string(), Bytes::map(path)?)
    }

    /// The same from bytes in memory, which `name` stands for in messages.
    ///
    /// # Errors
    /// The same.
    pub fn from_bytes(bytes: Vec<u8>, name: &str) -> Result<Self, ModelError> {
        Self::read(name.to_owned(), Bytes::Owned(bytes))
    }

    fn read(name: String, bytes: Bytes) -> Result<Self, ModelError> {
        match entries(&bytes) {
            Ok(entries) => Ok(Self { name, bytes, entries }),
            Err(what) => Err(ModelError::Weights { file: name, what }),
        }
    }

    /// The names and shapes of all tensors.
    pub fn shapes(&self) -> impl Iterator<Item = (&str, &[usize])> {
        self.entries.iter().map(|(name, entry)| (name.as_str(), entry.shape.as_slice()))
    }

    /// Whether there is a tensor `name`.
    pub fn has(&self, name: &str) -> bool {
        self.entries.contains_key(name)
    }

    /// The type and the bytes of a tensor, where they are its numbers in row-major order.
    pub fn stored(&self, name: &str) -> Option<(Dtype, &[u8])> {
        let entry = self.entries.get(name).filter(|entry| entry.is_row_major())?;
        let end = entry.range.start + entry.n_numbers() * width(entry.dtype).ok()?;
        Some((entry.dtype, self.bytes.get(entry.range.start..end)?))
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
            Dtype::F32 => Ok(entry.read(bytes, f32::from_le_bytes)),
            Dtype::F16 => Ok(entry.read(bytes, |pair| f16::from_le_bytes(pair).to_f32())),
            Dtype::BF16 => Ok(entry.read(bytes, |pair| bf16::from_le_bytes(pair).to_f32())),
            other => Err(format!("is of type {other:?} (supported: F32, F16, BF16)")),
        }
    }
}

impl Entry {
    /// The entry for `tensor`, whose storage is at `storage` in the file.
    fn new(tensor: PickledTensor, storage: Range<usize>) -> Result<Self, String> {
        let width = width(tensor.dtype)?;
        if tensor.n_numbers.checked_mul(width) != Some(storage.len()) {
            return Err(format!(
                "has a storage of {} numbers in {} bytes, and one number is {width}",
                tensor.n_numbers,
                storage.len()
            ));
        }
        let outside = || format!("{:?} reaches beyond its storage of {} numbers", tensor.shape, tensor.n_numbers);
        let n = tensor.shape.iter().try_fold(1usize, |n, &size| n.checked_mul(size)).ok_or_else(outside)?;
        // The place of the last number.
        let last = tensor.shape.iter().zip(&tensor.strides).try_fold(tensor.offset, |last, (&size, &stride)| {
            size.saturating_sub(1).checked_mul(stride).and_then(|step| last.checked_add(step))
        });
        let inside =
            if n == 0 { tensor.offset <= tensor.n_numbers } else { last.is_some_and(|l| l < tensor.n_numbers) };
        // No more numbers than the storage has: a stride of 0 would give any number of them.
        if n > tensor.n_numbers || !inside {
            return Err(outside());
        }
        let start = storage.start + tensor.offset * width;
        Ok(Self { shape: tensor.shape, strides: tensor.strides, dtype: tensor.dtype, range: start..storage.end })
    }

    fn n_numbers(&self) -> usize {
        if self.shape.contains(&0) { 0 } else { self.shape.iter().product() }
    }

    fn read<const N: usize>(&self, bytes: &[u8], number: impl Fn([u8; N]) -> f32) -> Vec<f32> {
        let chunks = bytes.as_chunks::<N>().0;
        let n = self.n_numbers();
        if n > 0 && self.is_row_major() {
            return chunks[..n].iter().map(|chunk| number(*chunk)).collect();
        }
        let mut values = Vec::with_capacity(n);
        let mut place = vec![0; self.shape.len()];
        for _ in 0..n {
            let at: usize = place.iter().zip(&self.strides).map(|(index, stride)| index * stride).sum();
            values.push(number(chunks[at]));
            for (index, &size) in place.iter_mut().zip(&self.shape).rev() {
                *index += 1;
                if *index < size {
                    break;
                }
                *index = 0;
            }
        }
        values
    }

    fn is_row_major(&self) -> bool {
        let mut expected = 1usize;
        self.shape.iter().zip(&self.strides).rev().all(|(&size, &stride)| {
            let fits = size <= 1 || stride == expected;
            expected = expected.saturating_mul(size);
            fits
        })
    }
}

/// Bytes of a number.
fn width(dtype: Dtype) -> Result<usize, String> {
    Ok(match dtype {
        Dtype::BOOL | Dtype::U8 | Dtype::I8 => 1,
        Dtype::F16 | Dtype::BF16 | Dtype::I16 => 2,
        Dtype::F32 | Dtype::I32 => 4,
        Dtype::F64 | Dtype::I64 => 8,
        other => return Err(format!("is of type {other:?} (supported: F32, F16, BF16)")),
    })
}

fn entries(bytes: &[u8]) -> Result<BTreeMap<String, Entry>, String> {
    if bytes.starts_with(b"version https://git-lfs") {
        return Err("a Git LFS pointer instead of the weights (`git lfs pull` fetches them)".into());
    }
    if !is_zip(bytes) {
        // Before 1.6, torch wrote pickles one after the other, the first of them a number.
        return Err(if bytes.starts_with(b"\x80\x02\x8a\x0a") {
            "in the legacy format of torch before 1.6, which is not read (load it with torch and save it again, better as \
             model.safetensors)"
                .into()
        } else {
            "not a file of torch.save, or damaged: it is no zip file".into()
        });
    }
    let records = zip_records(bytes)?;
    let (root, pickle) = records
        .iter()
        .find_map(|(name, range)| {
            let root = name.strip_suffix("/data.pkl")?;
            (!root.contains('/')).then(|| (root, range.clone()))
        })
        .ok_or("not a file of torch.save: it has no record `data.pkl`")?;
    if records.contains_key(format!("{root}/constants.pkl").as_str()) {
        return Err("a TorchScript program, not a state dict".into());
    }
    if let Some(order) = records.get(format!("{root}/byteorder").as_str())
        && &bytes[order.clone()] != b"little"
    {
        return Err("its numbers are not little-endian".into());
    }
    if pickle.len() > LARGEST_PICKLE {
        return Err(format!("its pickle has {} bytes (allowed: up to {LARGEST_PICKLE})", pickle.len()));
    }
    let mut entries = BTreeMap::new();
    let mut total = 0usize;
    for (name, tensor) in read_state_dict(&bytes[pickle])? {
        let about = |what: String| format!("`{}` {what}", name.escape_debug());
        let storage = records.get(format!("{root}/data/{}", tensor.storage).as_str()).ok_or_else(|| {
            about(format!("has its numbers in `{}`, which is not there", tensor.storage.escape_debug()))
        })?;
        let entry = Entry::new(tensor, storage.clone()).map_err(about)?;
        total = total.saturating_add(entry.n_numbers());
        if total > bytes.len().saturating_mul(LARGEST_SHARING) {
            return Err(format!("describes more than {LARGEST_SHARING} times as many numbers as it has bytes"));
        }
        if entries.contains_key(&name) {
            return Err(format!("`{}` is there twice", name.escape_debug()));
        }
        entries.insert(name, entry);
    }
    Ok(entries)
}

/// Opens `pytorch_model.bin`, or all shards of its index, where the folder has one of them.
///
/// # Errors
/// As [`TorchFile::open`], and if the index is unsound.
pub fn open_folder(folder: &Path) -> Result<Option<(String, Vec<WeightFile>)>, ModelError> {
    let open = |path: &Path| TorchFile::open(path).map(WeightFile::Torch);
    let (whole, index) = (folder.join(WHOLE), folder.join(INDEX));
    if whole.exists() {
        Ok(Some((whole.display().to_string(), vec![open(&whole)?])))
    } else if index.exists() {
        Ok(Some((index.display().to_string(), open_shards(folder, &index, open)?)))
    } else {
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(offset: usize, shape: &[usize], strides: &[usize]) -> PickledTensor {
        PickledTensor {
            storage: "0".into(),
            dtype: Dtype::F16,
            n_numbers: 12,
            offset,
            shape: shape.to_vec(),
            strides: strides.to_vec(),
        }
    }

    fn read(tensor: PickledTensor) -> Result<Vec<f32>, String> {
        let bytes: Vec<u8> = (0..12).flat_map(|n| f16::from_f32(n as f32).to_le_bytes()).collect();
        let entry = Entry::new(tensor, 0..24)?;
        Ok(entry.read(&bytes[entry.range.clone()], |pair| f16::from_le_bytes(pair).to_f32()))
    }

    #[test]
    fn numbers_are_read_along_the_strides() {
        assert_eq!(read(tensor(2, &[2, 3], &[3, 1])).unwrap(), [2., 3., 4., 5., 6., 7.]);
        assert_eq!(read(tensor(0, &[3, 2], &[1, 3])).unwrap(), [0., 3., 1., 4., 2., 5.]);
        assert_eq!(read(tensor(1, &[2, 1, 2], &[6, 99, 2])).unwrap(), [1., 3., 7., 9.]);
        assert_eq!(read(tensor(11, &[], &[])).unwrap(), [11.]);
        assert_eq!(read(tensor(12, &[0, 4], &[4, 1])).unwrap(), [0f32; 0]);
    }

    #[test]
    fn a_tensor_that_leaves_its_storage_is_refused() {
        for tensor in [
            tensor(7, &[2, 3], &[3, 1]),
            tensor(0, &[13], &[1]),
            tensor(0, &[2], &[12]),
            tensor(12, &[], &[]),
            tensor(0, &[1 << 40], &[0]),
            tensor(0, &[usize::MAX, 2], &[1, 1]),
            tensor(usize::MAX, &[2], &[usize::MAX]),
        ] {
            assert!(read(tensor).unwrap_err().contains("reaches beyond its storage of 12 numbers"));
        }
        let larger = PickledTensor { n_numbers: 13, ..tensor(0, &[1], &[1]) };
        assert_eq!(read(larger).unwrap_err(), "has a storage of 13 numbers in 24 bytes, and one number is 2");
    }
}
