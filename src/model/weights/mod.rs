//! Weight files: one format a file.
//!
//! A format gives bytes, names and shapes; [`Weights`] hands out tensors by name and keeps account, so that a checkpoint that
//! lacks something, or has something that the model has no place for, is refused by name and never half loaded.

mod account;
mod bytes;
mod fresh;
mod gguf;
mod pickle;
mod safetensors;
mod torch_file;
mod weight_file;
mod zip_records;

pub use account::{Weights, transpose};
pub use fresh::{FreshFile, Recipe};
pub use gguf::{Gguf, GgufWeights};
pub use safetensors::{SafetensorsFile, open_folder};
pub use torch_file::TorchFile;
pub use weight_file::WeightFile;
