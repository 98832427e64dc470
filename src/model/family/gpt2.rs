//! GPT-2 (Radford et al., 2019, "Language Models are Unsupervised Multitask Learners").
//!
//! Reference: `modeling_gpt2.py`, <https://github.com/huggingface/transformers/blob/v5.23.0/src/transformers/models/gpt2/modeling_gpt2.py>.

use std::sync::Arc;

use super::LoadedWeights;
use super::llama::{MOST_LAYERS, pad_id};
use crate::model::config::ConfigFile;
use crate::model::layer::{
    Activation, CausalAttention, CausalDecoder, CausalDecoderParts, DecoderLayer, FeedForward, Linear, Norm, SightKind,
    StateFeedForward, StateNorm,
};
use crate::model::placement::Placement;
use crate::model::weights::{WeightFile, Weights};
use crate::model::{ModelError, ModelKind, ModelShape};

/// `GPT2Config`: the fields that change a number.
#[derive(Debug, Clone)]
pub struct Gpt2Config {
    /// Entries of the vocabulary.
    pub vocab_size: usize,
    /// Longest input.
    pub n_positions: usize,
    /// Width of the hidden states.
    pub n_embd: usize,
    /// Number of blocks.
    pub n_layer: usize,
    /// Heads in a block.
    pub n_head: usize,
    /// Width of the feed-forward part.
    pub n_inner: usize,
    /// Its activation.
    pub activation_function: Activation,
    /// Epsilon of all norms.
    pub layer_norm_epsilon: f64,
    /// Whether scores are divided by the root of the head's dimensions.
    pub scale_attn_weights: bool,
    /// Whether scores are divided by the layer's number, counted from 1.
    pub scale_attn_by_inverse_layer_idx: bool,
    /// Whether the head's weight is the word embeddings.
    pub tie_word_embeddings: bool,
    /// The id that rows are padded with.
    pub pad_token_id: u32,
}

impl Gpt2Config {
    /// Reads the configuration; defaults are those of the reference.
    ///
    /// # Errors
    /// If a field is missing, out of bounds, or asks for what is not supported.
    pub fn parse(config: &ConfigFile) -> Result<Self, ModelError> {
        config.only("add_cross_attention", false)?;
        config.unquantised()?;
        let vocab_size = config.size("vocab_size")?;
        let n_embd = config.size("n_embd")?;
        let this = Self {
            vocab_size,
            n_positions: config.size_or("n_positions", 1024)?,
            n_embd,
            n_layer: config.size_within("n_layer", MOST_LAYERS)?,
            n_head: config.size("n_head")?,
            n_inner: config.size_or("n_inner", 4 * n_embd)?,
            activation_function: Activation::from_field(config, "activation_function", Activation::GeluTanh)?,
            layer_norm_epsilon: config.positive_or("layer_norm_epsilon", 1e-5)?,
            scale_attn_weights: config.flag_or("scale_attn_weights", true)?,
            scale_attn_by_inverse_layer_idx: config.flag_or("scale_attn_by_inverse_layer_idx", false)?,
            tie_word_embeddings: config.flag_or("tie_word_embeddings", true)?,
            pad_token_id: pad_id(config, vocab_size),
        };
        if !this.n_embd.is_multiple_of(this.n_head) {
            return Err(config.fault(format!("`n_embd` {} is not a multiple of `n_head` {}", this.n_embd, this.n_head)));
        }
        Ok(this)
    }

    /// `GPT2LMHeadModel`.
    ///
    /// # Errors
    /// If the tensors are not exactly those it needs.
    pub fn load(&self, file: String, files: Vec<WeightFile>, place: &Placement) -> Result<LoadedWeights, ModelError> {
        const WORDS: &str = "transformer.wte.weight";
        const HEAD: &str = "lm_head.weight";
        let mut weights = Weights::new(file, files, canonical, place)?;
        let table = [self.vocab_size, self.n_embd];
        if self.tie_word_embeddings {
            // First, because it holds both tables for a moment.
            weights.same(HEAD, WORDS, &table);
        }
        let words = weights.weight(WORDS, table);
        let decoder = if self.tie_word_embeddings { words.clone() } else { weights.weight(HEAD, table) };
        let positions = weights.weight("transformer.wpe.weight", [self.n_positions, self.n_embd]);
        let layers = (0..self.n_layer).map(|number| Gpt2Block::load(self, &mut weights, number)).collect();
        let norm = self.norm(&mut weights, "transformer.ln_f");
        let n_parameters = weights.n_parameters();
        let hash = weights.hash();
        weights.finish(is_dispensable)?;

        let model = CausalDecoder::new(CausalDecoderParts {
            shape: ModelShape {
                family: "gpt2".into(),
                kind: ModelKind::Causal,
                d_model: self.n_embd,
                d_block: self.n_embd,
                d_inner: self.n_inner,
                n_layers: self.n_layer,
                n_heads: self.n_head,
                vocab_size: self.vocab_size,
                max_positions: self.n_positions,
                n_parameters,
            },
            words,
            positions: Some(positions),
            sights: vec![SightKind { rotary: None, window: None }],
            layers,
            norm,
            decoder,
            decoder_scale: None,
            pad_id: self.pad_token_id,
        });
        Ok(LoadedWeights { model: Arc::new(model), hash })
    }

    fn norm(&self, weights: &mut Weights, name: &str) -> StateNorm {
        StateNorm::Layer(Box::new(Norm::load(weights, name, self.n_embd, self.layer_norm_epsilon)))
    }
}

/// `GPT2Block`: `GPT2Attention` and `GPT2MLP`, with a norm before each.
struct Gpt2Block;

impl Gpt2Block {
    fn load(config: &Gpt2Config, weights: &mut Weights, number: usize) -> DecoderLayer {
        let block = format!("transformer.h.{number}");
        DecoderLayer {
            attention_norm: config.norm(weights, &format!("{block}.ln_1")),
            attention: Gpt2Attention::load(config, weights, &format!("{block}.attn"), number),
            gathered_norm: None,
            feed_forward_norm: config.norm(weights, &format!("{block}.ln_2")),
            feed_forward: StateFeedForward::Plain(Box::new(FeedForward::new(
                Linear::load_upright(weights, &format!("{block}.mlp.c_fc"), config.n_embd, config.n_inner),
                Linear::load_upright(weights, &format!("{block}.mlp.c_proj"), config.n_inner, config.n_embd),
                config.activation_function,
            ))),
            inner_norm: None,
            sight: 0,
        }
    }
}

/// `GPT2Attention`: its `Conv1D` maps are stored as `[d_input, d_output]`, queries, keys and values in one.
struct Gpt2Attention;

impl Gpt2Attention {
    fn load(config: &Gpt2Config, weights: &mut Weights, name: &str, number: usize) -> CausalAttention {
        let (d_model, d_head) = (config.n_embd, config.n_embd / config.n_head);
        let all = Linear::load_upright(weights, &format!("{name}.c_attn"), d_model, 3 * d_model);
        let [query, key, value] = all.split();
        let by_width = if config.scale_attn_weights { (d_head as f64).powf(-0.5) } else { 1.0 };
        let by_layer = if config.scale_attn_by_inverse_layer_idx { 1.0 / (number + 1) as f64 } else { 1.0 };
        CausalAttention {
            query,
            key,
            value,
            output: Linear::load_upright(weights, &format!("{name}.c_proj"), d_model, d_model),
            norms: None,
            scale: by_width * by_layer,
            n_heads: config.n_head,
            n_kv_heads: config.n_head,
            d_head,
        }
    }
}

/// The first published checkpoints lack the prefix.
fn canonical(name: &str) -> String {
    let bare = ["wte.", "wpe.", "h.", "ln_f."].iter().any(|part| name.starts_with(part));
    if bare { format!("transformer.{name}") } else { name.to_owned() }
}

/// Old checkpoints hold the mask of each layer and what it hides with.
fn is_dispensable(name: &str) -> bool {
    name.ends_with(".attn.bias") || name.ends_with(".attn.masked_bias")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_fields_take_the_defaults_of_the_reference() {
        let text = br#"{"vocab_size": 20, "n_embd": 8, "n_layer": 1, "n_head": 2, "n_inner": null}"#;
        let config = Gpt2Config::parse(&ConfigFile::parse(text, "config.json").unwrap()).unwrap();
        assert_eq!((config.n_positions, config.n_inner), (1024, 32));
        assert!(config.tie_word_embeddings && config.scale_attn_weights && !config.scale_attn_by_inverse_layer_idx);
        assert_eq!(config.activation_function, Activation::GeluTanh);
    }

    #[test]
    fn heads_that_do_not_fit_the_width_are_refused() {
        let text = br#"{"vocab_size": 20, "n_embd": 8, "n_layer": 1, "n_head": 3}"#;
        let message = Gpt2Config::parse(&ConfigFile::parse(text, "c").unwrap()).unwrap_err().to_string();
        assert_eq!(message, "c: `n_embd` 8 is not a multiple of `n_head` 3");
    }

    #[test]
    fn bare_names_are_understood_and_buffers_may_be_there() {
        assert_eq!(canonical("h.0.attn.c_attn.weight"), "transformer.h.0.attn.c_attn.weight");
        assert_eq!(canonical("lm_head.weight"), "lm_head.weight");
        assert!(is_dispensable("transformer.h.3.attn.bias") && !is_dispensable("transformer.h.3.attn.c_attn.bias"));
    }
}
