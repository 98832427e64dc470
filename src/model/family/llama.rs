//! Llama (Touvron et al., arXiv:2302.13971; Llama 3, arXiv:2407.21783), and what its many relatives share with it.
//!
//! Reference: `modeling_llama.py`, <https://github.com/huggingface/transformers/blob/v5.23.0/src/transformers/models/llama/modeling_llama.py>.

use std::sync::Arc;

use super::LoadedWeights;
use super::relation::{Defaults, Relation};
use crate::model::config::ConfigFile;
use crate::model::layer::{
    Activation, CausalAttention, CausalDecoder, CausalDecoderParts, DecoderLayer, GatedFeedForward, Linear, RmsNorm,
    RopeParameters, Rotary, SightKind, StateFeedForward, StateNorm,
};
use crate::model::placement::Placement;
use crate::model::weights::{WeightFile, Weights};
use crate::model::{ModelError, ModelKind, ModelShape};

/// More blocks than this are taken for damage: each is looked for by name.
pub(super) const MOST_LAYERS: usize = 4096;
/// Wider heads than this are taken for damage: a rotation holds the square of it.
const WIDEST_HEAD: usize = 1024;

/// `LlamaConfig`: the fields that change a number.
#[derive(Debug, Clone)]
pub struct LlamaConfig {
    /// Entries of the vocabulary.
    pub vocab_size: usize,
    /// Width of the hidden states.
    pub hidden_size: usize,
    /// Width of the feed-forward part.
    pub intermediate_size: usize,
    /// Number of blocks.
    pub num_hidden_layers: usize,
    /// Query heads in a block.
    pub num_attention_heads: usize,
    /// Heads of keys and values in a block.
    pub num_key_value_heads: usize,
    /// Dimensions of a head.
    pub head_dim: usize,
    /// The gate's activation.
    pub hidden_act: Activation,
    /// Longest input.
    pub max_position_embeddings: usize,
    /// Epsilon of all norms.
    pub rms_norm_eps: f64,
    /// Whether queries, keys and values have a bias.
    pub attention_bias: bool,
    /// Whether the feed-forward maps have a bias.
    pub mlp_bias: bool,
    /// Whether the head's weight is the word embeddings.
    pub tie_word_embeddings: bool,
    /// The id that rows are padded with.
    pub pad_token_id: u32,
    /// Rotations.
    pub rope: RopeParameters,
}

impl LlamaConfig {
    /// Reads the configuration; defaults are those of the reference.
    ///
    /// # Errors
    /// If a field is missing, out of bounds, or asks for what is not supported.
    pub fn parse(config: &ConfigFile) -> Result<Self, ModelError> {
        Self::parse_as(config, &Defaults::LLAMA)
    }

    /// The same with another family's defaults.
    pub(super) fn parse_as(config: &ConfigFile, defaults: &Defaults) -> Result<Self, ModelError> {
        let mut this = Self::parse_without_rope(config, defaults)?;
        this.rope = RopeParameters::parse(config, defaults.theta, defaults.partial, this.max_position_embeddings)?;
        if defaults.partial == 1.0 && this.rope.partial != 1.0 {
            return Err(config.fault(format!(
                "`partial_rotary_factor` is {}, which is not supported for this `model_type` (supported: 1)",
                this.rope.partial
            )));
        }
        if this.rope.partial == 1.0 && !this.head_dim.is_multiple_of(2) {
            return Err(
                config.fault(format!("heads have {} dimensions, an odd number, which cannot turn", this.head_dim))
            );
        }
        Ok(this)
    }

    /// All but the rotations, which are left at their defaults.
    pub(super) fn parse_without_rope(config: &ConfigFile, defaults: &Defaults) -> Result<Self, ModelError> {
        config.unquantised()?;
        let vocab_size = config.size("vocab_size")?;
        let hidden_size = config.size("hidden_size")?;
        let num_attention_heads = config.size("num_attention_heads")?;
        let num_key_value_heads =
            config.size_or("num_key_value_heads", defaults.n_kv_heads.unwrap_or(num_attention_heads))?;
        if !num_attention_heads.is_multiple_of(num_key_value_heads) {
            return Err(config.fault(format!(
                "`num_attention_heads` {num_attention_heads} is not a multiple of `num_key_value_heads` {num_key_value_heads}"
            )));
        }
        let head_dim = match defaults.head_dim {
            Some(default) => config.size_or("head_dim", default)?,
            None if config.get("head_dim").is_some() => config.size("head_dim")?,
            None if hidden_size.is_multiple_of(num_attention_heads) => hidden_size / num_attention_heads,
            None => {
                return Err(config.fault(format!(
                    "`hidden_size` {hidden_size} is not a multiple of `num_attention_heads` {num_attention_heads}, and there is no `head_dim`"
                )));
            }
        };
        if head_dim > WIDEST_HEAD {
            return Err(config.fault(format!("`head_dim` is {head_dim} (allowed: at most {WIDEST_HEAD})")));
        }
        let (activation, usual) = defaults.activation;
        Ok(Self {
            vocab_size,
            hidden_size,
            intermediate_size: config.size("intermediate_size")?,
            num_hidden_layers: config.size_within("num_hidden_layers", MOST_LAYERS)?,
            num_attention_heads,
            num_key_value_heads,
            head_dim,
            hidden_act: Activation::from_field(config, activation, usual)?,
            max_position_embeddings: config.size_or("max_position_embeddings", defaults.max_positions)?,
            rms_norm_eps: config.positive_or("rms_norm_eps", defaults.epsilon)?,
            attention_bias: config.flag_or("attention_bias", defaults.attention_bias)?,
            mlp_bias: config.flag_or("mlp_bias", false)?,
            tie_word_embeddings: config.flag_or("tie_word_embeddings", defaults.tied)?,
            pad_token_id: pad_id(config, vocab_size),
            rope: RopeParameters::parse(&config.empty(), defaults.theta, defaults.partial, 1)?,
        })
    }

    /// `LlamaForCausalLM`.
    ///
    /// # Errors
    /// If the tensors are not exactly those it needs.
    pub fn load(&self, file: String, files: Vec<WeightFile>, place: &Placement) -> Result<LoadedWeights, ModelError> {
        let relation = Relation { output_bias: self.attention_bias, ..Relation::llama("llama", self) };
        self.load_as(&relation, file, files, place)
    }

    /// The same as a relative of Llama's.
    pub(super) fn load_as(
        &self,
        relation: &Relation,
        file: String,
        files: Vec<WeightFile>,
        place: &Placement,
    ) -> Result<LoadedWeights, ModelError> {
        const WORDS: &str = "model.embed_tokens.weight";
        const HEAD: &str = "lm_head.weight";
        let mut weights = Weights::new(file, files, canonical, place)?;
        let table = [self.vocab_size, self.hidden_size];
        if self.tie_word_embeddings {
            // First, because it holds both tables for a moment.
            weights.same(HEAD, WORDS, &table);
        }
        let words = weights.weight(WORDS, table);
        let words = match relation.embedding_scale {
            Some(scale) => words.scaled(scale),
            None => words,
        };
        let (decoder, decoder_scale) = if self.tie_word_embeddings {
            (words.clone(), relation.embedding_scale.map(f64::recip))
        } else {
            (weights.weight(HEAD, table), None)
        };
        let layers = (0..self.num_hidden_layers)
            .map(|number| LlamaDecoderLayer::load(self, relation, &mut weights, number))
            .collect();
        let norm = StateNorm::Rms(Box::new(self.norm(relation, &mut weights, "model.norm", self.hidden_size)));
        let n_parameters = weights.n_parameters();
        let hash = weights.hash();
        weights.finish(is_dispensable)?;

        let sights = relation.kinds.iter().map(|(rope, window)| SightKind {
            rotary: Some(Rotary::new(rope.frequencies(self.head_dim), relation.pairing, self.head_dim, &place.device)),
            window: *window,
        });
        let model = CausalDecoder::new(CausalDecoderParts {
            shape: ModelShape {
                family: relation.family.into(),
                kind: ModelKind::Causal,
                d_model: self.hidden_size,
                d_block: self.hidden_size,
                d_inner: self.intermediate_size,
                n_layers: self.num_hidden_layers,
                n_heads: self.num_attention_heads,
                vocab_size: self.vocab_size,
                max_positions: self.max_position_embeddings,
                n_parameters,
            },
            words,
            positions: None,
            sights: sights.collect(),
            layers,
            norm,
            decoder,
            decoder_scale,
            pad_id: self.pad_token_id,
        });
        Ok(LoadedWeights { model: Arc::new(model), hash })
    }

    fn norm(&self, relation: &Relation, weights: &mut Weights, name: &str, width: usize) -> RmsNorm {
        RmsNorm::load(weights, name, width, self.rms_norm_eps, relation.centred)
    }
}

/// `LlamaDecoderLayer`: `LlamaAttention` and `LlamaMLP`, with a norm before each.
struct LlamaDecoderLayer;

impl LlamaDecoderLayer {
    fn load(config: &LlamaConfig, relation: &Relation, weights: &mut Weights, number: usize) -> DecoderLayer {
        let layer = format!("model.layers.{number}");
        let mut norm = |name| {
            StateNorm::Rms(Box::new(config.norm(relation, weights, &format!("{layer}.{name}"), config.hidden_size)))
        };
        let [attention_norm, feed_forward_norm] = relation.norms.map(&mut norm);
        let (gathered_norm, inner_norm) = match relation.norms_after.map(|names| names.map(&mut norm)) {
            Some([gathered, inner]) => (Some(gathered), Some(inner)),
            None => (None, None),
        };
        DecoderLayer {
            attention_norm,
            attention: LlamaAttention::load(config, relation, weights, &format!("{layer}.self_attn")),
            gathered_norm,
            feed_forward_norm,
            feed_forward: StateFeedForward::Gated(Box::new(LlamaMlp::load(
                config,
                relation,
                weights,
                &format!("{layer}.mlp"),
            ))),
            inner_norm,
            sight: relation.kind_of[number],
        }
    }
}

/// `LlamaAttention`.
struct LlamaAttention;

impl LlamaAttention {
    fn load(config: &LlamaConfig, relation: &Relation, weights: &mut Weights, name: &str) -> CausalAttention {
        let (d_model, d_head) = (config.hidden_size, config.head_dim);
        let (d_query, d_key) = (config.num_attention_heads * d_head, config.num_key_value_heads * d_head);
        let bias = config.attention_bias;
        CausalAttention {
            query: Linear::load_with(weights, &format!("{name}.q_proj"), d_model, d_query, bias),
            key: Linear::load_with(weights, &format!("{name}.k_proj"), d_model, d_key, bias),
            value: Linear::load_with(weights, &format!("{name}.v_proj"), d_model, d_key, bias),
            output: Linear::load_with(weights, &format!("{name}.o_proj"), d_query, d_model, relation.output_bias),
            norms: relation.query_key_norms.then(|| {
                let [query, key] =
                    ["q_norm", "k_norm"].map(|norm| config.norm(relation, weights, &format!("{name}.{norm}"), d_head));
                (query, key)
            }),
            scale: relation.attention_scale.unwrap_or_else(|| (d_head as f64).powf(-0.5)),
            n_heads: config.num_attention_heads,
            n_kv_heads: config.num_key_value_heads,
            d_head,
        }
    }
}

/// `LlamaMLP`.
struct LlamaMlp;

impl LlamaMlp {
    fn load(config: &LlamaConfig, relation: &Relation, weights: &mut Weights, name: &str) -> GatedFeedForward {
        let (d_model, d_inner, bias) = (config.hidden_size, config.intermediate_size, config.mlp_bias);
        let [gate, up] = if relation.fused_gate {
            Linear::load_with(weights, &format!("{name}.gate_up_proj"), d_model, 2 * d_inner, bias).split()
        } else {
            ["gate_proj", "up_proj"]
                .map(|map| Linear::load_with(weights, &format!("{name}.{map}"), d_model, d_inner, bias))
        };
        let down = Linear::load_with(weights, &format!("{name}.down_proj"), d_inner, d_model, bias);
        GatedFeedForward { gate, up, down, activation: config.hidden_act }
    }
}

/// The padding's id. A causal model never sees its padding, so that where the configuration names none, or one outside the
/// vocabulary (-1 is common), any will do.
pub(super) fn pad_id(config: &ConfigFile, vocab_size: usize) -> u32 {
    let id = config.get("pad_token_id").and_then(serde_json::Value::as_u64).filter(|&id| id < vocab_size as u64);
    id.unwrap_or(0) as u32
}

/// Checkpoints saved from the bare decoder lack the prefix.
fn canonical(name: &str) -> String {
    let bare = ["embed_tokens.", "layers.", "norm."].iter().any(|part| name.starts_with(part));
    if bare { format!("model.{name}") } else { name.to_owned() }
}

/// Old checkpoints hold the frequencies of each layer, which the configuration gives anyway.
fn is_dispensable(name: &str) -> bool {
    name.ends_with("rotary_emb.inv_freq")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(change: &str) -> Result<LlamaConfig, ModelError> {
        let text = format!(
            r#"{{"vocab_size": 20, "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 12{change}}}"#
        );
        LlamaConfig::parse(&ConfigFile::parse(text.as_bytes(), "config.json").unwrap())
    }

    #[test]
    fn missing_fields_take_the_defaults_of_the_reference() {
        let config = config("").unwrap();
        assert_eq!((config.num_key_value_heads, config.head_dim, config.max_position_embeddings), (2, 4, 2048));
        assert!(!config.tie_word_embeddings && !config.attention_bias && !config.mlp_bias);
        assert_eq!((config.rope.theta, config.pad_token_id, config.hidden_act), (1e4, 0, Activation::Silu));
    }

    #[test]
    fn a_padding_id_outside_the_vocabulary_is_any() {
        assert_eq!(config(r#", "pad_token_id": 7"#).unwrap().pad_token_id, 7);
        assert_eq!(config(r#", "pad_token_id": -1"#).unwrap().pad_token_id, 0);
        assert_eq!(config(r#", "pad_token_id": 20"#).unwrap().pad_token_id, 0);
    }

    #[test]
    fn what_is_not_supported_is_named_with_what_is() {
        for (change, says) in [
            (r#", "num_key_value_heads": 3"#, "2 is not a multiple of `num_key_value_heads` 3"),
            (r#", "num_key_value_heads": 0"#, "`num_key_value_heads` is 0"),
            (r#", "head_dim": 5"#, "an odd number"),
            (r#", "head_dim": 100000"#, "at most 1024"),
            (r#", "num_hidden_layers": 100000000"#, "`num_hidden_layers` is 100000000 (allowed: at most 4096)"),
            (r#", "rope_theta": 1e-9"#, "`rope_theta` is 0.000000001 (allowed: at least 1)"),
            (r#", "hidden_act": "mish""#, "known: silu"),
            (r#", "quantization_config": {"bits": 4}"#, "quantised"),
            (r#", "partial_rotary_factor": 0.5"#, "supported: 1"),
            (r#", "rope_scaling": {"rope_type": "longrope"}"#, "`rope_type` is \"longrope\""),
        ] {
            let message = config(change).unwrap_err().to_string();
            assert!(message.contains(says), "{message}");
        }
    }
}
