//! GLM-4-0414: GLM with a norm after each part as well.
//!
//! Reference: `modeling_glm4.py`, <https://github.com/huggingface/transformers/blob/v5.23.0/src/transformers/models/glm4/modeling_glm4.py>.

use super::relation::Relation;
use super::{GlmConfig, LoadedWeights};
use crate::model::ModelError;
use crate::model::config::ConfigFile;
use crate::model::placement::Placement;
use crate::model::weights::WeightFile;

/// `Glm4Config`.
#[derive(Debug, Clone)]
pub struct Glm4Config {
    /// What it shares with GLM: everything that is configured.
    pub glm: GlmConfig,
}

impl Glm4Config {
    /// Reads the configuration; defaults are those of the reference.
    ///
    /// # Errors
    /// If a field is missing, out of bounds, or asks for what is not supported.
    pub fn parse(config: &ConfigFile) -> Result<Self, ModelError> {
        Ok(Self { glm: GlmConfig::parse(config)? })
    }

    /// `Glm4ForCausalLM`.
    ///
    /// # Errors
    /// If the tensors are not exactly those it needs.
    pub fn load(&self, file: String, files: Vec<WeightFile>, place: &Placement) -> Result<LoadedWeights, ModelError> {
        let relation = Relation {
            norms_after: Some(["post_self_attn_layernorm", "post_mlp_layernorm"]),
            ..self.glm.relation("glm4")
        };
        self.glm.llama.load_as(&relation, file, files, place)
    }
}
