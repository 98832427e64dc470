//! How Llama's relatives differ from it.
//!
//! # Decisions
//!
//! - 2026-11: a relative is a value that says what is different, and Llama's file loads them all. Refused: a loader a family,
//!   which would be the same two hundred lines seven times.

use crate::model::ModelError;
use crate::model::config::ConfigFile;
use crate::model::layer::{Activation, Pairing, RopeParameters};

use super::LlamaConfig;

/// What a family takes where its configuration says nothing.
pub(super) struct Defaults {
    /// `num_key_value_heads`; as many as query heads where absent.
    pub(super) n_kv_heads: Option<usize>,
    /// `head_dim`; the width divided by the heads where absent.
    pub(super) head_dim: Option<usize>,
    /// `max_position_embeddings`
    pub(super) max_positions: usize,
    /// `rms_norm_eps`
    pub(super) epsilon: f64,
    /// `attention_bias`
    pub(super) attention_bias: bool,
    /// `tie_word_embeddings`
    pub(super) tied: bool,
    /// The field that names the activation.
    pub(super) activation: (&'static str, Activation),
    /// `rope_theta`
    pub(super) theta: f64,
    /// `partial_rotary_factor`; where it is 1, the family knows no other.
    pub(super) partial: f64,
}

impl Defaults {
    /// Llama's own.
    pub(super) const LLAMA: Self = Self {
        n_kv_heads: None,
        head_dim: None,
        max_positions: 2048,
        epsilon: 1e-6,
        attention_bias: false,
        tied: false,
        activation: ("hidden_act", Activation::Silu),
        theta: 10_000.0,
        partial: 1.0,
    };
}

/// How a relative's blocks differ from Llama's.
pub(super) struct Relation {
    /// Its `model_type`.
    pub(super) family: &'static str,
    /// The norms before attention and before the feed-forward part.
    pub(super) norms: [&'static str; 2],
    /// The norms after each.
    pub(super) norms_after: Option<[&'static str; 2]>,
    /// Whether norms are stored as what they add to 1.
    pub(super) centred: bool,
    /// Whether queries and keys are normalised.
    pub(super) query_key_norms: bool,
    /// Whether attention's output map has a bias.
    pub(super) output_bias: bool,
    /// Whether gate and up are one matrix.
    pub(super) fused_gate: bool,
    /// Which dimensions turn together.
    pub(super) pairing: Pairing,
    /// What scores are multiplied by, where it is not one over the root of the head's dimensions.
    pub(super) attention_scale: Option<f64>,
    /// What embeddings are multiplied by.
    pub(super) embedding_scale: Option<f64>,
    /// The kinds of layers: what turns them, and how far they look back.
    pub(super) kinds: Vec<(RopeParameters, Option<usize>)>,
    /// The kind of each layer.
    pub(super) kind_of: Vec<usize>,
}

impl Relation {
    /// Llama itself, and those that differ in their options only.
    pub(super) fn llama(family: &'static str, config: &LlamaConfig) -> Self {
        Self {
            family,
            norms: ["input_layernorm", "post_attention_layernorm"],
            norms_after: None,
            centred: false,
            query_key_norms: false,
            output_bias: false,
            fused_gate: false,
            pairing: Pairing::Halves,
            attention_scale: None,
            embedding_scale: None,
            kinds: vec![(config.rope.clone(), None)],
            kind_of: vec![0; config.num_hidden_layers],
        }
    }

    /// The same with a window in the layers that `sliding` names.
    pub(super) fn with_windows(self, window: usize, sliding: &[bool]) -> Self {
        let (rope, _) = self.kinds[0].clone();
        Self {
            kinds: vec![(rope.clone(), None), (rope, Some(window))],
            kind_of: sliding.iter().map(|&sliding| usize::from(sliding)).collect(),
            ..self
        }
    }
}

/// The kind of each layer from `layer_types`, or `usual` where there is none: whether it has a window.
pub(super) fn sliding_layers(
    config: &ConfigFile,
    n_layers: usize,
    usual: impl Fn(usize) -> bool,
) -> Result<Vec<bool>, ModelError> {
    let Some(types) = config.texts("layer_types")? else { return Ok((0..n_layers).map(usual).collect()) };
    if types.len() != n_layers {
        return Err(config.fault(format!("`layer_types` has {} entries for {n_layers} layers", types.len())));
    }
    types
        .into_iter()
        .map(|kind| match kind {
            "full_attention" => Ok(false),
            "sliding_attention" => Ok(true),
            other => Err(config.fault(format!(
                "`layer_types` has \"{other}\", which is not supported (supported: full_attention, sliding_attention)"
            ))),
        })
        .collect()
}
