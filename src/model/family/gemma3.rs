//! Gemma 3, its text model (arXiv:2503.19786).
//!
//! Reference: `modeling_gemma3.py`, <https://github.com/huggingface/transformers/blob/v5.23.0/src/transformers/models/gemma3/modeling_gemma3.py>.
//!
//! # Decisions
//!
//! - 2026-11: the front door takes scaled embeddings: `embed` and `embedding_table` multiply by the root of the width, as the
//!   reference's embedding does (its `inputs_embeds` are scaled too), so that a soft prompt and a word have the same size and
//!   gradients are those of the reference. The head, tied to the table, is not scaled.

use super::relation::{Defaults, Relation, sliding_layers};
use super::{LlamaConfig, LoadedWeights};
use crate::model::ModelError;
use crate::model::config::ConfigFile;
use crate::model::layer::{Activation, RopeParameters};
use crate::model::placement::Placement;
use crate::model::weights::WeightFile;

/// `Gemma3TextConfig`: Llama's, and two kinds of layers.
#[derive(Debug, Clone)]
pub struct Gemma3TextConfig {
    /// What it shares with Llama; its `rope` is that of the full layers.
    pub llama: LlamaConfig,
    /// The rotations of the layers with a window.
    pub local_rope: RopeParameters,
    /// How far those look back.
    pub sliding_window: usize,
    /// Which layers have a window.
    pub sliding: Vec<bool>,
    /// Attention scores are divided by its root.
    pub query_pre_attn_scalar: f64,
}

impl Gemma3TextConfig {
    /// Reads the configuration; defaults are those of the reference.
    ///
    /// # Errors
    /// If a field is missing, out of bounds, or asks for what is not supported.
    pub fn parse(config: &ConfigFile) -> Result<Self, ModelError> {
        const FULL: &str = "full_attention";
        const LOCAL: &str = "sliding_attention";
        for field in ["final_logit_softcapping", "attn_logit_softcapping"] {
            if let Some(value) = config.get(field) {
                return Err(config.fault(format!("`{field}` is {value}, which is not supported (supported: null)")));
            }
        }
        config.only("use_bidirectional_attention", false)?;
        config.only("mlp_bias", false)?;
        let defaults = Defaults {
            n_kv_heads: Some(4),
            head_dim: Some(256),
            max_positions: 131_072,
            tied: true,
            activation: ("hidden_activation", Activation::GeluTanh),
            theta: 1e6,
            ..Defaults::LLAMA
        };
        let mut llama = LlamaConfig::parse_without_rope(config, &defaults)?;
        if !llama.head_dim.is_multiple_of(2) {
            return Err(config.fault(format!("`head_dim` is {}, an odd number, which cannot turn", llama.head_dim)));
        }
        let max_positions = llama.max_position_embeddings;
        let sections = config.section("rope_parameters")?;
        let section = |kind: &str| match &sections {
            Some(sections) => sections.section(kind),
            None => Ok(None),
        };
        // As transformers 4 wrote it: one scaling, which is of the full layers.
        let scaling = match config.section("rope_scaling")? {
            Some(scaling) => Some(scaling),
            None => section(FULL)?,
        };
        let theta = config.positive_or("rope_theta", defaults.theta)?;
        llama.rope = RopeParameters::of_section(scaling.as_ref(), theta, 1.0, max_positions)?.check(config)?;
        let local_theta = config.positive_or("rope_local_base_freq", 1e4)?;
        let local_rope =
            RopeParameters::of_section(section(LOCAL)?.as_ref(), local_theta, 1.0, max_positions)?.check(config)?;
        if llama.rope.partial != 1.0 || local_rope.partial != 1.0 {
            return Err(config.fault("`partial_rotary_factor` is set, which is not supported (supported: 1)"));
        }

        let pattern = config.size_or("sliding_window_pattern", 6)?;
        let sliding = sliding_layers(config, llama.num_hidden_layers, |layer| !(layer + 1).is_multiple_of(pattern))?;
        if config.is_null("sliding_window") && sliding.contains(&true) {
            return Err(config.fault("`sliding_window` is null, and some layers have a window"));
        }
        Ok(Self {
            local_rope,
            sliding_window: config.size_or("sliding_window", 4096)?,
            sliding,
            query_pre_attn_scalar: config.positive_or("query_pre_attn_scalar", 256.0)?,
            llama,
        })
    }

    /// `Gemma3ForCausalLM`.
    ///
    /// # Errors
    /// If the tensors are not exactly those it needs.
    pub fn load(&self, file: String, files: Vec<WeightFile>, place: &Placement) -> Result<LoadedWeights, ModelError> {
        let relation = Relation {
            norms: ["input_layernorm", "pre_feedforward_layernorm"],
            norms_after: Some(["post_attention_layernorm", "post_feedforward_layernorm"]),
            centred: true,
            query_key_norms: true,
            output_bias: self.llama.attention_bias,
            attention_scale: Some(self.query_pre_attn_scalar.powf(-0.5)),
            embedding_scale: Some((self.llama.hidden_size as f64).sqrt()),
            kinds: vec![(self.llama.rope.clone(), None), (self.local_rope.clone(), Some(self.sliding_window))],
            kind_of: self.sliding.iter().map(|&sliding| usize::from(sliding)).collect(),
            ..Relation::llama("gemma3_text", &self.llama)
        };
        self.llama.load_as(&relation, file, files, place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(change: &str) -> Result<Gemma3TextConfig, ModelError> {
        let text = format!(
            r#"{{"vocab_size": 20, "hidden_size": 8, "num_hidden_layers": 4, "num_attention_heads": 4, "intermediate_size": 12{change}}}"#
        );
        Gemma3TextConfig::parse(&ConfigFile::parse(text.as_bytes(), "config.json").unwrap())
    }

    #[test]
    fn old_and_new_spellings_say_the_same() {
        let old = r#", "sliding_window_pattern": 2, "rope_theta": 5e5, "rope_local_base_freq": 2e4, "rope_scaling": {"rope_type": "linear", "factor": 8}"#;
        let new = r#", "layer_types": ["sliding_attention", "full_attention", "sliding_attention", "full_attention"],
            "rope_parameters": {"full_attention": {"rope_type": "linear", "factor": 8, "rope_theta": 5e5},
            "sliding_attention": {"rope_type": "default", "rope_theta": 2e4}}"#;
        for change in [old, new] {
            let config = config(change).unwrap();
            assert_eq!(config.sliding, [true, false, true, false]);
            assert_eq!((config.llama.rope.theta, config.local_rope.theta), (5e5, 2e4));
            assert_eq!((config.llama.rope.frequencies(8)[0], config.local_rope.frequencies(8)[0]), (0.125, 1.0));
        }
    }

    #[test]
    fn what_is_not_supported_is_named_with_what_is() {
        for (change, says) in [
            (r#", "final_logit_softcapping": 30.0"#, "`final_logit_softcapping` is 30.0, which is not supported"),
            (r#", "attn_logit_softcapping": 50"#, "`attn_logit_softcapping` is 50, which is not supported"),
            (r#", "use_bidirectional_attention": true"#, "`use_bidirectional_attention` is true"),
            (r#", "layer_types": ["full_attention"]"#, "has 1 entries for 4 layers"),
            (r#", "sliding_window": null"#, "`sliding_window` is null"),
        ] {
            let message = config(change).unwrap_err().to_string();
            assert!(message.contains(says), "{message}");
        }
    }
}
