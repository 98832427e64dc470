//! One weight file of any format: tensors by name, as f32.

use safetensors::tensor::Dtype;

use super::fresh::FreshFile;
use super::gguf::GgufWeights;
use super::safetensors::SafetensorsFile;
use super::torch_file::TorchFile;

/// Numbers of a tensor from which on its pages are given back once they are read, so that a model is not in memory twice.
const RELEASED: usize = 1 << 16;

/// A weight file with a sound header.
pub enum WeightFile {
    /// `*.safetensors`
    Safetensors(SafetensorsFile),
    /// `*.gguf`, under the tensor names of Hugging Face.
    Gguf(GgufWeights),
    /// `pytorch_model*.bin`
    Torch(TorchFile),
    /// Numbers drawn anew, of another file's names and shapes.
    Fresh(FreshFile),
}

impl WeightFile {
    /// For messages.
    pub fn name(&self) -> &str {
        match self {
            Self::Safetensors(file) => &file.name,
            Self::Gguf(file) => file.name(),
            Self::Torch(file) => &file.name,
            Self::Fresh(file) => file.name(),
        }
    }

    /// The names and shapes of all tensors.
    pub fn entries(&self) -> Box<dyn Iterator<Item = (&str, &[usize])> + '_> {
        match self {
            Self::Safetensors(file) => Box::new(file.shapes()),
            Self::Gguf(file) => Box::new(file.shapes()),
            Self::Torch(file) => Box::new(file.shapes()),
            Self::Fresh(file) => Box::new(file.shapes()),
        }
    }

    /// Whether there is a tensor `name`.
    pub fn has(&self, name: &str) -> bool {
        match self {
            Self::Safetensors(file) => file.has(name),
            Self::Gguf(file) => file.shapes().any(|(other, _)| other == name),
            Self::Torch(file) => file.has(name),
            Self::Fresh(file) => file.has(name),
        }
    }

    /// The numbers of a tensor, row-major, as f32.
    ///
    /// # Errors
    /// In words without the tensor's name: there is none, it is of an unsupported type, or a number is not finite.
    pub fn values(&self, name: &str) -> Result<Vec<f32>, String> {
        let values = match self {
            Self::Safetensors(file) => file.values(name),
            Self::Gguf(file) => file.values(name),
            Self::Torch(file) => file.values(name),
            Self::Fresh(file) => file.values(name),
        }?;
        if values.len() >= RELEASED {
            self.release();
        }
        match values.iter().find(|value| !value.is_finite()) {
            Some(value) => Err(format!("holds the number {value}")),
            None => Ok(values),
        }
    }

    /// The type and the bytes of a tensor, where they are its numbers in row-major order.
    pub fn stored(&self, name: &str) -> Option<(Dtype, &[u8])> {
        match self {
            Self::Safetensors(file) => file.stored(name),
            Self::Torch(file) => file.stored(name),
            // Block formats are no numbers in a row, and fresh ones nowhere.
            Self::Gguf(_) | Self::Fresh(_) => None,
        }
    }

    /// Gives back the memory that holds what was read so far.
    pub fn release(&self) {
        match self {
            Self::Safetensors(file) => file.release(),
            Self::Gguf(file) => file.release(),
            Self::Torch(file) => file.release(),
            Self::Fresh(_) => {}
        }
    }

    /// All bytes of the file.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Safetensors(file) => file.bytes(),
            Self::Gguf(file) => file.bytes(),
            Self::Torch(file) => file.bytes(),
            Self::Fresh(file) => file.bytes(),
        }
    }
}
