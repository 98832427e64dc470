//! Mistral (Jiang et al., arXiv:2310.06825): Llama with grouped heads and, at first, a window.
//!
//! Reference: `modeling_mistral.py`, <https://github.com/huggingface/transformers/blob/v5.23.0/src/transformers/models/mistral/modeling_mistral.py>.

use super::relation::{Defaults, Relation};
use super::{LlamaConfig, LoadedWeights};
use crate::model::ModelError;
use crate::model::config::ConfigFile;
use crate::model::placement::Placement;
use crate::model::weights::WeightFile;

/// `MistralConfig`: Llama's and the window.
#[derive(Debug, Clone)]
pub struct MistralConfig {
    /// What it shares with Llama.
    pub llama: LlamaConfig,
    /// How far every layer looks back.
    pub sliding_window: Option<usize>,
}

impl MistralConfig {
    /// Reads the configuration; defaults are those of the reference.
    ///
    /// # Errors
    /// If a field is missing, out of bounds, or asks for what is not supported.
    pub fn parse(config: &ConfigFile) -> Result<Self, ModelError> {
        config.only("attention_bias", false)?;
        config.only("mlp_bias", false)?;
        let window =
            if config.is_null("sliding_window") { None } else { Some(config.size_or("sliding_window", 4096)?) };
        let defaults = Defaults { n_kv_heads: Some(8), max_positions: 4096 * 32, ..Defaults::LLAMA };
        Ok(Self { llama: LlamaConfig::parse_as(config, &defaults)?, sliding_window: window })
    }

    /// `MistralForCausalLM`.
    ///
    /// # Errors
    /// If the tensors are not exactly those it needs.
    pub fn load(&self, file: String, files: Vec<WeightFile>, place: &Placement) -> Result<LoadedWeights, ModelError> {
        let mut relation = Relation::llama("mistral", &self.llama);
        if let Some(window) = self.sliding_window {
            relation = relation.with_windows(window, &vec![true; self.llama.num_hidden_layers]);
        }
        self.llama.load_as(&relation, file, files, place)
    }
}
