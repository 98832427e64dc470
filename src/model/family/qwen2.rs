//! Qwen2 and Qwen2.5 (arXiv:2407.10671, arXiv:2412.15115): Llama with biases on queries, keys and values.
//!
//! Reference: `modeling_qwen2.py`, <https://github.com/huggingface/transformers/blob/v5.23.0/src/transformers/models/qwen2/modeling_qwen2.py>.

use super::relation::{Defaults, Relation, sliding_layers};
use super::{LlamaConfig, LoadedWeights};
use crate::model::ModelError;
use crate::model::config::ConfigFile;
use crate::model::placement::Placement;
use crate::model::weights::WeightFile;

/// `Qwen2Config`: Llama's and the windows.
#[derive(Debug, Clone)]
pub struct Qwen2Config {
    /// What it shares with Llama.
    pub llama: LlamaConfig,
    /// How far a layer with a window looks back, and which layers have one.
    pub windows: Option<(usize, Vec<bool>)>,
}

impl Qwen2Config {
    /// Reads the configuration; defaults are those of the reference.
    ///
    /// # Errors
    /// If a field is missing, out of bounds, or asks for what is not supported.
    pub fn parse(config: &ConfigFile) -> Result<Self, ModelError> {
        config.only("mlp_bias", false)?;
        let defaults = Defaults { n_kv_heads: Some(32), max_positions: 32768, ..Defaults::LLAMA };
        let llama = LlamaConfig { attention_bias: true, ..LlamaConfig::parse_as(config, &defaults)? };
        let windows = windows(config, llama.num_hidden_layers)?;
        Ok(Self { llama, windows })
    }

    /// `Qwen2ForCausalLM`.
    ///
    /// # Errors
    /// If the tensors are not exactly those it needs.
    pub fn load(&self, file: String, files: Vec<WeightFile>, place: &Placement) -> Result<LoadedWeights, ModelError> {
        let relation = with_windows(Relation::llama("qwen2", &self.llama), self.windows.as_ref());
        self.llama.load_as(&relation, file, files, place)
    }
}

/// The windows of Qwen2 and Qwen3: of the layers from `max_window_layers` on, and only where `use_sliding_window` says so.
pub(super) fn windows(config: &ConfigFile, n_layers: usize) -> Result<Option<(usize, Vec<bool>)>, ModelError> {
    let used = config.flag_or("use_sliding_window", false)? && !config.is_null("sliding_window");
    // May be 0: then every layer has a window.
    let first = config.get("max_window_layers").map_or(Some(28), serde_json::Value::as_u64);
    let first = first.ok_or_else(|| config.fault("`max_window_layers` is no whole number"))?;
    let sliding = sliding_layers(config, n_layers, |layer| used && layer as u64 >= first)?;
    if !used && sliding.contains(&true) {
        return Err(config.fault("`layer_types` has \"sliding_attention\", and `use_sliding_window` is not set"));
    }
    Ok(if used { Some((config.size_or("sliding_window", 4096)?, sliding)) } else { None })
}

pub(super) fn with_windows(relation: Relation, windows: Option<&(usize, Vec<bool>)>) -> Relation {
    match windows {
        Some((window, sliding)) => relation.with_windows(*window, sliding),
        None => relation,
    }
}
