//! The architectures that can be read, one a file, with the struct names of the reference implementation inside.
//!
//! Reference: transformers 5.23 (<https://github.com/huggingface/transformers/tree/v5.23.0/src/transformers/models>).

mod albert;
mod bart;
mod bert;
mod distilbert;
mod electra;
mod ernie;
mod gemma3;
mod glm;
mod glm4;
mod gpt2;
mod llama;
mod masked_checkpoint;
mod mistral;
mod qwen2;
mod qwen3;
mod relation;
mod roberta;
mod t5;

use std::sync::Arc;

pub use albert::AlbertConfig;
pub use bart::BartConfig;
pub use bert::BertConfig;
pub use distilbert::DistilBertConfig;
pub use electra::ElectraConfig;
pub use ernie::ErnieConfig;
pub use gemma3::Gemma3TextConfig;
pub use glm::GlmConfig;
pub use glm4::Glm4Config;
pub use gpt2::Gpt2Config;
pub use llama::LlamaConfig;
pub use mistral::MistralConfig;
pub use qwen2::Qwen2Config;
pub use qwen3::Qwen3Config;
pub use roberta::RobertaConfig;
pub use t5::T5Config;

use crate::model::config::ConfigFile;
use crate::model::placement::Placement;
use crate::model::weights::WeightFile;
use crate::model::{LanguageModel, ModelError};

/// The values of `model_type` that are known.
pub const FAMILIES: &str = "albert, bart, bert, distilbert, electra, ernie, gemma3_text, glm, glm4, gpt2, llama, mbart, mistral, mt5, qwen2, qwen3, \
                     roberta, t5, xlm-roberta";

/// A model and the hash of its weights.
pub struct LoadedWeights {
    /// The model.
    pub model: Arc<dyn LanguageModel>,
    /// BLAKE3 of the weight bytes in file order, in hexadecimal digits.
    pub hash: String,
}

/// Builds the model that `config` describes from weight files, which `file` stands for in messages.
///
/// # Errors
/// If the architecture or one of its options is not supported, or the tensors are not exactly those it needs.
pub fn load(
    config: &ConfigFile,
    file: String,
    files: Vec<WeightFile>,
    place: &Placement,
) -> Result<LoadedWeights, ModelError> {
    match config.text("model_type")? {
        Some("albert") => AlbertConfig::parse(config)?.load(file, files, place),
        Some(family @ ("bart" | "mbart")) => BartConfig::parse(config, family)?.load(file, files, place),
        Some("bert") => BertConfig::parse(config)?.load(file, files, place),
        Some("distilbert") => DistilBertConfig::parse(config)?.load(file, files, place),
        Some("electra") => ElectraConfig::parse(config)?.load(file, files, place),
        Some("ernie") => ErnieConfig::parse(config)?.load(file, files, place),
        Some("gemma3_text") => Gemma3TextConfig::parse(config)?.load(file, files, place),
        Some("glm") => GlmConfig::parse(config)?.load(file, files, place),
        Some("glm4") => Glm4Config::parse(config)?.load(file, files, place),
        Some("gpt2") => Gpt2Config::parse(config)?.load(file, files, place),
        Some("llama") => LlamaConfig::parse(config)?.load(file, files, place),
        Some("mistral") => MistralConfig::parse(config)?.load(file, files, place),
        Some("qwen2") => Qwen2Config::parse(config)?.load(file, files, place),
        Some("qwen3") => Qwen3Config::parse(config)?.load(file, files, place),
        Some(family @ ("roberta" | "xlm-roberta")) => RobertaConfig::parse(config, family)?.load(file, files, place),
        Some(family @ ("t5" | "mt5")) => T5Config::parse(config, family)?.load(file, files, place),
        Some(other) => Err(config.fault(format!("unknown `model_type` \"{other}\" (known: {FAMILIES})"))),
        None => Err(config.fault(format!("`model_type` is missing (known: {FAMILIES})"))),
    }
}
