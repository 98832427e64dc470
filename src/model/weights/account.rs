//! Tensors by name, with an account of what was taken.

use std::collections::BTreeMap;

use burn::Tensor;
use burn::tensor::{Device, TensorData};
use rayon::prelude::*;
use safetensors::tensor::Dtype;

use super::WeightFile;
use crate::model::ModelError;
use crate::model::error::TensorFaults;
use crate::model::placement::{Placement, Precision};
use crate::model::tuning::{Tuner, Weight};

/// The tensors of one checkpoint.
///
/// Faults are gathered while a model takes its tensors, and [`finish`](Self::finish) gives them all at once.
pub struct Weights {
    file: String,
    files: Vec<WeightFile>,
    /// Canonical name -> (file, name in the file, taken).
    names: BTreeMap<String, Place>,
    faults: TensorFaults,
    place: Placement,
    n_parameters: usize,
}

struct Place {
    file: usize,
    name: String,
    shape: Vec<usize>,
    taken: bool,
}

/// Bytes that are hashed before their memory is given back.
const PIECE: usize = 1 << 24;

impl Weights {
    /// Opens an account over `files`, which `file` stands for in messages. `canonical` gives a tensor its name in the family's
    /// own spelling, so that old and stripped spellings are understood.
    ///
    /// # Errors
    /// If two tensors have the same name.
    pub fn new(
        file: String,
        files: Vec<WeightFile>,
        canonical: impl Fn(&str) -> String,
        place: &Placement,
    ) -> Result<Self, ModelError> {
        let mut names: BTreeMap<String, Place> = BTreeMap::new();
        for (number, weights) in files.iter().enumerate() {
            for (name, shape) in weights.entries() {
                let place = Place { file: number, name: name.to_owned(), shape: shape.to_vec(), taken: false };
                if let Some(other) = names.insert(canonical(name), place) {
                    return Err(ModelError::Weights {
                        file,
                        what: format!("`{name}` and `{}` are the same tensor", other.name),
                    });
                }
            }
        }
        Ok(Self { file, files, names, faults: TensorFaults::default(), place: place.clone(), n_parameters: 0 })
    }

    /// The device that tensors are put on.
    pub fn device(&self) -> &Device {
        &self.place.device
    }

    /// The type of the matrices of linear maps.
    pub fn precision(&self) -> Precision {
        self.place.precision
    }

    /// Takes a tensor of exactly this shape as plain numbers, row-major. Where there is none, the fault is kept.
    pub fn numbers(&mut self, name: &str, shape: &[usize]) -> Option<Vec<f32>> {
        let values = self.values(name, shape)?;
        self.n_parameters += values.len();
        Some(values)
    }

    /// Whether there is a tensor `name`.
    pub fn has(&self, name: &str) -> bool {
        self.names.contains_key(name)
    }

    /// Takes a tensor of exactly this shape. Where there is none, the fault is kept and a stand-in of size 1 given.
    ///
    /// # Shapes
    ///
    /// - output: `shape`
    pub fn tensor<const D: usize>(&mut self, name: &str, shape: [usize; D]) -> Tensor<D> {
        match self.numbers(name, &shape) {
            Some(values) => Tensor::from_data(TensorData::new(values, shape), &self.place.device),
            None => Tensor::zeros([1; D], &self.place.device),
        }
    }

    /// [`tensor`](Self::tensor), tuned where the placement says so.
    ///
    /// # Shapes
    ///
    /// - output: `shape`
    pub fn weight<const D: usize>(&mut self, name: &str, shape: [usize; D]) -> Weight<D> {
        let tensor = self.tensor(name, shape);
        self.held(name, tensor)
    }

    /// A tensor that was taken under `name` as a weight, tuned where the placement says so.
    pub fn held<const D: usize>(&self, name: &str, tensor: Tensor<D>) -> Weight<D> {
        match (self.tuner().filter(|tuner| tuner.tunes(name)), self.names.get(name)) {
            (Some(tuner), Some(place)) => tuner.weight(&place.name, tensor),
            _ => Weight::frozen(tensor),
        }
    }

    /// What decides which weights are tuned, where any are.
    pub fn tuner(&self) -> Option<&Tuner> {
        self.place.tuner.as_deref()
    }

    /// What the file calls `name`; `name` itself where there is none.
    pub fn stored_name<'a>(&'a self, name: &'a str) -> &'a str {
        self.names.get(name).map_or(name, |place| &place.name)
    }

    /// Takes `copy`, where it is there, which must hold the same numbers as `original`.
    pub fn same(&mut self, copy: &str, original: &str, shape: &[usize]) {
        if let (Some(tuner), true, true) = (self.tuner(), self.has(copy), self.has(original)) {
            tuner.copied(self.stored_name(copy), self.stored_name(original));
        }
        // Drawn anew they would differ, and what is tied is the original.
        if self.files.iter().any(|file| matches!(file, WeightFile::Fresh(_))) {
            return self.skip(copy);
        }
        let (Some(first), Some(second)) = (self.stored(copy, shape), self.stored(original, shape)) else {
            return;
        };
        // Mostly they are the same byte for byte, and the numbers of neither need memory.
        if first.is_some() && first == second {
            return self.skip(copy);
        }
        let copied = self.values(copy, shape);
        let first = self.values(original, shape);
        if let (Some(copied), Some(first)) = (copied, first)
            && copied != first
        {
            self.faults.wrong.push(format!("`{copy}` differs from `{original}`, to which the configuration ties it"));
        }
    }

    /// Whether `copy` holds the same numbers as `original`; of numbers drawn anew, whether those in their place did.
    pub fn is_copy(&self, copy: &str, original: &str, shape: &[usize]) -> bool {
        let table = |name: &str| {
            let place = self.names.get(name)?;
            if let WeightFile::Fresh(file) = &self.files[place.file] { file.table(&place.name) } else { None }
        };
        if let (Some(first), Some(second)) = (table(copy), table(original)) {
            return first == second;
        }
        let values = |name: &str| {
            let place = self.names.get(name).filter(|place| place.shape == shape)?;
            self.files[place.file].values(&place.name).ok()
        };
        match (self.stored(copy, shape), self.stored(original, shape)) {
            (Some(Some(first)), Some(Some(second))) if first == second => true,
            _ => values(copy).is_some_and(|numbers| values(original).is_some_and(|other| numbers == other)),
        }
    }

    /// Leaves `name` aside, where it is there: the model has a place for it and does not use it.
    pub fn skip(&mut self, name: &str) {
        if let Some(place) = self.names.get_mut(name) {
            place.taken = true;
        }
    }

    /// How many numbers were taken so far, copies not counted.
    pub fn n_parameters(&self) -> usize {
        self.n_parameters
    }

    /// BLAKE3 of the bytes of all files in their order, in hexadecimal digits.
    pub fn hash(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        for file in &self.files {
            for piece in file.bytes().chunks(PIECE) {
                hasher.update(piece);
                file.release();
            }
        }
        hasher.finalize().to_hex().to_string()
    }

    /// Closes the account.
    ///
    /// # Errors
    /// If a tensor was missing or unfit, or one is left that is not `dispensable`.
    pub fn finish(mut self, dispensable: impl Fn(&str) -> bool) -> Result<(), ModelError> {
        let aside = |name: &str| self.place.tuner.as_ref().is_some_and(|tuner| tuner.sets_aside(name));
        let left = self.names.iter().filter(|(name, place)| !place.taken && !dispensable(name) && !aside(name));
        self.faults.unused.extend(left.map(|(_, place)| format!("`{}`", place.name)));
        if self.faults.is_empty() {
            return Ok(());
        }
        Err(ModelError::Tensors { file: self.file, faults: self.faults })
    }

    /// How a tensor is stored, where there is one `name`; nothing within where it is not plainly row-major or of another shape.
    fn stored(&self, name: &str, shape: &[usize]) -> Option<Option<(Dtype, &[u8])>> {
        let place = self.names.get(name)?;
        Some((place.shape == shape).then(|| self.files[place.file].stored(&place.name)).flatten())
    }

    fn values(&mut self, name: &str, shape: &[usize]) -> Option<Vec<f32>> {
        let Some(place) = self.names.get_mut(name) else {
            self.faults.missing.push(format!("`{name}` {shape:?}"));
            return None;
        };
        place.taken = true;
        let file = &self.files[place.file];
        let found = if place.shape == shape {
            file.values(&place.name)
        } else {
            Err(format!("has the shape {:?} (expected: {shape:?})", place.shape))
        };
        match found {
            Ok(values) => Some(values),
            Err(what) => {
                let within = if self.files.len() > 1 { format!(" in {}", file.name()) } else { String::new() };
                self.faults.wrong.push(format!("`{}`{within} {what}", place.name));
                None
            }
        }
    }
}

/// Turns a row-major matrix round, in blocks, because a column-wise walk through a large matrix misses the cache every time.
pub fn transpose(values: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    const BLOCK: usize = 32;
    let mut turned = vec![0.0; values.len()];
    // Several threads, because most of the time goes into the first touch of the new memory.
    turned.par_chunks_mut((BLOCK * rows).max(1)).enumerate().for_each(|(block, columns_turned)| {
        let first_column = block * BLOCK;
        for first_row in (0..rows).step_by(BLOCK) {
            for (column, line) in (first_column..).zip(columns_turned.chunks_exact_mut(rows)) {
                for row in first_row..rows.min(first_row + BLOCK) {
                    line[row] = values[row * columns + column];
                }
            }
        }
    });
    turned
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transposing_puts_every_number_where_it_belongs() {
        let (rows, columns) = (70, 33);
        let values: Vec<f32> = (0..rows * columns).map(|n| n as f32).collect();
        let turned = transpose(&values, rows, columns);
        for row in 0..rows {
            for column in 0..columns {
                assert_eq!(turned[column * rows + row], values[row * columns + column]);
            }
        }
    }
}
