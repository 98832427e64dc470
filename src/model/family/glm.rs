//! GLM (GLM-4-9B and its kin, arXiv:2406.12793): Llama with half of each head turning, neighbours together, and gate and up in
//! one matrix.
//!
//! Reference: `modeling_glm.py`, <https://github.com/huggingface/transformers/blob/v5.23.0/src/transformers/models/glm/modeling_glm.py>.

use super::relation::{Defaults, Relation};
use super::{LlamaConfig, LoadedWeights};
use crate::model::ModelError;
use crate::model::config::ConfigFile;
use crate::model::layer::Pairing;
use crate::model::placement::Placement;
use crate::model::weights::WeightFile;

/// `GlmConfig`.
#[derive(Debug, Clone)]
pub struct GlmConfig {
    /// What it shares with Llama.
    pub llama: LlamaConfig,
}

impl GlmConfig {
    /// Reads the configuration; defaults are those of the reference.
    ///
    /// # Errors
    /// If a field is missing, out of bounds, or asks for what is not supported.
    pub fn parse(config: &ConfigFile) -> Result<Self, ModelError> {
        config.only("mlp_bias", false)?;
        let defaults = Defaults {
            n_kv_heads: Some(2),
            head_dim: Some(128),
            max_positions: 131_072,
            epsilon: 1.5625e-7,
            attention_bias: true,
            partial: 0.5,
            ..Defaults::LLAMA
        };
        Ok(Self { llama: LlamaConfig::parse_as(config, &defaults)? })
    }

    /// `GlmForCausalLM`.
    ///
    /// # Errors
    /// If the tensors are not exactly those it needs.
    pub fn load(&self, file: String, files: Vec<WeightFile>, place: &Placement) -> Result<LoadedWeights, ModelError> {
        self.llama.load_as(&self.relation("glm"), file, files, place)
    }

    pub(super) fn relation(&self, family: &'static str) -> Relation {
        Relation { fused_gate: true, pairing: Pairing::Neighbours, ..Relation::llama(family, &self.llama) }
    }
}
