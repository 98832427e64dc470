//! `adapter_config.json`.

use serde::{Deserialize, Serialize};

/// The kinds of adapter that are exchanged, under PEFT's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum PeftKind {
    /// Virtual tokens (arXiv 2104.08691).
    #[serde(rename = "PROMPT_TUNING")]
    PromptTuning,
    /// Virtual tokens that a network made (arXiv 2103.10385); the file has its output alone.
    #[serde(rename = "P_TUNING")]
    PTuning,
    /// Keys and values in every layer (arXiv 2101.00190).
    #[serde(rename = "PREFIX_TUNING")]
    PrefixTuning,
}

impl PeftKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::PromptTuning, Self::PTuning, Self::PrefixTuning];

    /// Its name in the file.
    pub fn name(self) -> &'static str {
        match self {
            Self::PromptTuning => "PROMPT_TUNING",
            Self::PTuning => "P_TUNING",
            Self::PrefixTuning => "PREFIX_TUNING",
        }
    }
}

/// What the file says of the vectors. PEFT's own files say more, which is not read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdapterConfig {
    /// The kind.
    pub peft_type: PeftKind,
    /// `CAUSAL_LM`, or `FEATURE_EXTRACTION` of a masked model.
    #[serde(default)]
    pub task_type: Option<String>,
    /// The model, as the exporter called it.
    #[serde(default)]
    pub base_model_name_or_path: Option<String>,
    /// Nothing is trained.
    #[serde(default)]
    pub inference_mode: bool,
    /// Rows of the tensor.
    pub num_virtual_tokens: usize,
    /// Numbers of a virtual token, or of a layer's keys.
    #[serde(default)]
    pub token_dim: Option<usize>,
    /// Layers of the model.
    #[serde(default)]
    pub num_layers: Option<usize>,
    /// Heads of the model; of a prefix those of its keys.
    #[serde(default)]
    pub num_attention_heads: Option<usize>,
    /// 1, or 2 where a decoder gets vectors of its own.
    #[serde(default)]
    pub num_transformer_submodules: Option<usize>,
    /// How prompt tuning began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt_tuning_init: Option<String>,
    /// Whether a prefix was made by a network; the file has its output alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix_projection: Option<bool>,
    /// The network's hidden width, which PEFT wants to see.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoder_hidden_size: Option<usize>,
}
