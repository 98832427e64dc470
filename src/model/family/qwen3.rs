//! Qwen3 (arXiv:2505.09388): Qwen2 without biases, with norms on queries and keys.
//!
//! Reference: `modeling_qwen3.py`, <https://github.com/huggingface/transformers/blob/v5.23.0/src/transformers/models/qwen3/modeling_qwen3.py>.

use super::qwen2::{windows, with_windows};
use super::relation::{Defaults, Relation};
use super::{LlamaConfig, LoadedWeights};
use crate::model::ModelError;
use crate::model::config::ConfigFile;
use crate::model::placement::Placement;
use crate::model::weights::WeightFile;

/// `Qwen3Config`: Llama's and the windows.
#[derive(Debug, Clone)]
pub struct Qwen3Config {
    /// What it shares with Llama.
    pub llama: LlamaConfig,
    /// How far a layer with a window looks back, and which layers have one.
    pub windows: Option<(usize, Vec<bool>)>,
}

impl Qwen3Config {
    /// Reads the configuration; defaults are those of the reference.
    ///
    /// # Errors
    /// If a field is missing, out of bounds, or asks for what is not supported.
    pub fn parse(config: &ConfigFile) -> Result<Self, ModelError> {
        config.only("mlp_bias", false)?;
        let defaults = Defaults { n_kv_heads: Some(32), head_dim: Some(128), max_positions: 32768, ..Defaults::LLAMA };
        let llama = LlamaConfig::parse_as(config, &defaults)?;
        let windows = windows(config, llama.num_hidden_layers)?;
        Ok(Self { llama, windows })
    }

    /// `Qwen3ForCausalLM`.
    ///
    /// # Errors
    /// If the tensors are not exactly those it needs.
    pub fn load(&self, file: String, files: Vec<WeightFile>, place: &Placement) -> Result<LoadedWeights, ModelError> {
        let relation = Relation {
            query_key_norms: true,
            output_bias: self.llama.attention_bias,
            ..Relation::llama("qwen3", &self.llama)
        };
        self.llama.load_as(&with_windows(relation, self.windows.as_ref()), file, files, place)
    }
}
