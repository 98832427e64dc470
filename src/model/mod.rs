//! The frozen language model: weights, layers, families, tokenizer and device.
//!
//! [`LanguageModel`] is the front door; [`load_builtin`], [`load_folder`] and [`load_gguf`] open a model with its tokenizer. Everything above
//! this room sees embeddings, states and logits; nothing above it knows a family by name.

mod autotune;
mod builtin;
mod chat;
mod config;
mod device;
mod embedding_pieces;
mod error;
mod family;
mod footprint;
pub mod inspect;
mod kernel;
mod language_model;
mod layer;
mod loaded;
mod memory;
mod placement;
mod seq2seq;
mod tokenizer;
mod toy;
mod toy_causal;
mod tuning;
mod weights;

pub use autotune::autotune_folder;
pub use builtin::{BuiltinModel, Card, builtin_models};
pub use chat::{ChatMessage, ChatOptions, render_chat};
pub use device::{Adapter, AdapterKind, DeviceChoice, ResolvedDevice, adapters, resolve};
pub use embedding_pieces::embedding_pieces;
pub use error::{ModelError, TensorFaults};
pub use family::FAMILIES;
pub use footprint::Footprint;
#[cfg(test)]
pub use kernel::gradients_given;
pub use language_model::{Inputs, KeyValues, LanguageModel, ModelKind, ModelShape};
pub use loaded::{LoadedModel, load, load_builtin, load_folder, load_fresh, load_gguf};
pub use placement::{Placement, Precision};
pub use seq2seq::{AnswerPlace, Memory, Seq2SeqModel};
pub use tokenizer::Tokenizer;
pub use tuning::{TunableModel, TunedModel};
