//! T5 (Raffel et al., arXiv:1910.10683), T5 1.1 and FLAN-T5 (arXiv:2210.11416), and mT5 (Xue et al., arXiv:2010.11934).
//!
//! A gap in a text is a sentinel, and what stands in it is read after the same sentinel in the decoder.
//!
//! The reference ties the head to the word embeddings unless the checkpoint has a head of its own, whatever
//! `tie_word_embeddings` says; in T5, but not in mT5, that field tells whether states are scaled before the head.
//!
//! Reference: `modeling_t5.py`, <https://github.com/huggingface/transformers/blob/v5.23.0/src/transformers/models/t5/modeling_t5.py>,
//! and `modeling_mt5.py` beside it.

use std::sync::Arc;

use super::LoadedWeights;
use super::bart::text_ends;
use crate::model::config::ConfigFile;
use crate::model::layer::{
    Activation, Buckets, CausalAttention, CrossAttention, EncoderDecoder, EncoderDecoderParts, FeedForward,
    GatedFeedForward, Linear, RelativeBias, RmsNorm, Seq2SeqLayer, Seq2SeqStack, StateFeedForward, StateNorm, TextEnds,
};
use crate::model::placement::Placement;
use crate::model::seq2seq::AnswerPlace;
use crate::model::weights::{WeightFile, Weights};
use crate::model::{ModelError, ModelKind, ModelShape};

/// Positions where the configuration says nothing: those that the models were trained with. Distances have no end.
const POSITIONS: usize = 512;

/// `T5Config` and `MT5Config`: the fields that change a number.
#[derive(Debug, Clone)]
pub struct T5Config {
    /// `model_type`
    pub family: String,
    /// Entries of the vocabulary.
    pub vocab_size: usize,
    /// Width of the hidden states.
    pub d_model: usize,
    /// Dimensions of a head.
    pub d_kv: usize,
    /// Width of the feed-forward part.
    pub d_ff: usize,
    /// Blocks of the encoder.
    pub num_layers: usize,
    /// Blocks of the decoder.
    pub num_decoder_layers: usize,
    /// Heads in a block.
    pub num_heads: usize,
    /// Buckets of distances.
    pub relative_attention_num_buckets: usize,
    /// The distance from which on all share the last bucket.
    pub relative_attention_max_distance: usize,
    /// Epsilon of all norms.
    pub layer_norm_epsilon: f64,
    /// The feed-forward part's activation.
    pub dense_act_fn: Activation,
    /// Whether it opens a gate.
    pub is_gated_act: bool,
    /// Whether states are divided by the root of their width before the head.
    pub scale_decoder_outputs: bool,
    /// The longest text.
    pub n_positions: usize,
    /// The id that rows are padded with.
    pub pad_token_id: u32,
    /// What the decoder's texts begin and end with.
    pub ends: TextEnds,
}

impl T5Config {
    /// Reads the configuration of `family`; defaults are those of the reference.
    ///
    /// # Errors
    /// If a field is missing, out of bounds, or asks for what is not supported.
    pub fn parse(config: &ConfigFile, family: &str) -> Result<Self, ModelError> {
        config.unquantised()?;
        config.only("is_encoder_decoder", true)?;
        config.only("is_decoder", false)?;
        let multilingual = family == "mt5";
        let vocab_size = config.size("vocab_size")?;
        let num_layers = config.depth("num_layers")?;
        let usual = if multilingual { "gated-gelu" } else { "relu" };
        let (is_gated_act, dense_act_fn) = feed_forward(config, config.text("feed_forward_proj")?.unwrap_or(usual))?;
        let tied = config.flag_or("tie_word_embeddings", true)?;
        let this = Self {
            family: family.to_owned(),
            vocab_size,
            d_model: config.size("d_model")?,
            d_kv: config.size_or("d_kv", 64)?,
            d_ff: config.size("d_ff")?,
            num_layers,
            num_decoder_layers: config.depth_or("num_decoder_layers", num_layers)?,
            num_heads: config.size("num_heads")?,
            relative_attention_num_buckets: config.size_or("relative_attention_num_buckets", 32)?,
            relative_attention_max_distance: config.size_or("relative_attention_max_distance", 128)?,
            layer_norm_epsilon: config.positive_or("layer_norm_epsilon", 1e-6)?,
            dense_act_fn,
            is_gated_act,
            scale_decoder_outputs: !multilingual && config.flag_or("scale_decoder_outputs", tied)?,
            n_positions: config.size_or("n_positions", POSITIONS)?,
            pad_token_id: config.id_or("pad_token_id", 0, vocab_size)?,
            ends: text_ends(config, vocab_size, multilingual.then_some(0), None)?,
        };
        let (n, far) = (this.relative_attention_num_buckets, this.relative_attention_max_distance);
        // Half of the encoder's buckets are for one side, and half of those for one distance each.
        if n < 4 || far <= n / 2 {
            return Err(config.fault(format!(
                "`relative_attention_num_buckets` {n} and `relative_attention_max_distance` {far} make no buckets (allowed: at least 4, and more than half as far)"
            )));
        }
        Ok(this)
    }

    /// `T5ForConditionalGeneration` and `MT5ForConditionalGeneration`.
    ///
    /// # Errors
    /// If the tensors are not exactly those it needs.
    pub fn load(&self, file: String, files: Vec<WeightFile>, place: &Placement) -> Result<LoadedWeights, ModelError> {
        const WORDS: &str = "shared.weight";
        const HEAD: &str = "lm_head.weight";
        let mut weights = Weights::new(file, files, canonical, place)?;
        let table = [self.vocab_size, self.d_model];
        for copy in ["encoder.embed_tokens.weight", "decoder.embed_tokens.weight"] {
            weights.same(copy, WORDS, &table);
        }
        let own_head = weights.has(HEAD) && !weights.is_copy(HEAD, WORDS, &table);
        if !own_head {
            weights.skip(HEAD);
        }
        let words = weights.tensor(WORDS, table);
        let head = if own_head { weights.tensor(HEAD, table) } else { words.clone() };
        let encoder = self.stack(&mut weights, "encoder", self.num_layers);
        let decoder = self.stack(&mut weights, "decoder", self.num_decoder_layers);
        let n_parameters = weights.n_parameters();
        let hash = weights.hash();
        weights.finish(is_dispensable)?;

        let model = EncoderDecoder::new(EncoderDecoderParts {
            shape: ModelShape {
                family: self.family.clone(),
                kind: ModelKind::Seq2Seq,
                d_model: self.d_model,
                d_block: self.d_model,
                d_inner: self.d_ff,
                n_layers: self.num_layers + self.num_decoder_layers,
                n_heads: self.num_heads,
                vocab_size: self.vocab_size,
                max_positions: self.n_positions,
                n_parameters,
            },
            words,
            encoder,
            decoder,
            head,
            head_bias: None,
            head_scale: self.scale_decoder_outputs.then(|| (self.d_model as f64).powf(-0.5)),
            pad_id: self.pad_token_id,
            ends: self.ends.clone(),
            answer_place: AnswerPlace::Sentinel,
            wraps: false,
        });
        Ok(LoadedWeights { model: Arc::new(model), hash })
    }

    /// `T5Stack`.
    fn stack(&self, weights: &mut Weights, name: &str, n_layers: usize) -> Seq2SeqStack {
        let causal = name == "decoder";
        let buckets = Buckets {
            n_buckets: self.relative_attention_num_buckets,
            max_distance: self.relative_attention_max_distance,
            both_sides: !causal,
        };
        let relative = format!("{name}.block.0.layer.0.SelfAttention.relative_attention_bias");
        Seq2SeqStack {
            positions: None,
            embedding_norm: None,
            relative: Some(RelativeBias::load(weights, &relative, buckets, self.num_heads)),
            causal,
            layers: (0..n_layers)
                .map(|number| self.block(weights, &format!("{name}.block.{number}"), causal))
                .collect(),
            norm: Some(self.norm(weights, &format!("{name}.final_layer_norm"))),
        }
    }

    /// `T5Block`: `T5LayerSelfAttention`, in the decoder `T5LayerCrossAttention`, and `T5LayerFF`.
    fn block(&self, weights: &mut Weights, name: &str, causal: bool) -> Seq2SeqLayer {
        let (d_model, n_heads, d_head) = (self.d_model, self.num_heads, self.d_kv);
        let width = n_heads * d_head;
        let mut maps = |name: String| {
            let mut map = |which: &str, d_input, d_output| {
                Linear::load_with(weights, &format!("{name}.{which}"), d_input, d_output, false)
            };
            (map("q", d_model, width), map("k", d_model, width), map("v", d_model, width), map("o", width, d_model))
        };
        let (query, key, value, output) = maps(format!("{name}.layer.0.SelfAttention"));
        let attention = CausalAttention {
            query,
            key,
            value,
            output,
            norms: None,
            scale: 1.0,
            n_heads,
            n_kv_heads: n_heads,
            d_head,
        };
        let cross = causal.then(|| {
            let (query, key, value, output) = maps(format!("{name}.layer.1.EncDecAttention"));
            CrossAttention { query, key, value, output, scale: 1.0, n_heads, d_head }
        });
        let last = format!("{name}.layer.{}", if causal { 2 } else { 1 });
        Seq2SeqLayer {
            norm_first: true,
            attention,
            attention_norm: self.norm(weights, &format!("{name}.layer.0.layer_norm")),
            cross: cross.map(|cross| (cross, self.norm(weights, &format!("{name}.layer.1.layer_norm")))),
            feed_forward: self.feed_forward(weights, &format!("{last}.DenseReluDense")),
            feed_forward_norm: self.norm(weights, &format!("{last}.layer_norm")),
        }
    }

    /// `T5DenseActDense` or `T5DenseGatedActDense`.
    fn feed_forward(&self, weights: &mut Weights, name: &str) -> StateFeedForward {
        let mut map = |which: &str, d_input, d_output| {
            Linear::load_with(weights, &format!("{name}.{which}"), d_input, d_output, false)
        };
        let (d_model, d_ff, activation) = (self.d_model, self.d_ff, self.dense_act_fn);
        if !self.is_gated_act {
            let inner = map("wi", d_model, d_ff);
            return StateFeedForward::Plain(Box::new(FeedForward::new(inner, map("wo", d_ff, d_model), activation)));
        }
        StateFeedForward::Gated(Box::new(GatedFeedForward {
            gate: map("wi_0", d_model, d_ff),
            up: map("wi_1", d_model, d_ff),
            down: map("wo", d_ff, d_model),
            activation,
        }))
    }

    fn norm(&self, weights: &mut Weights, name: &str) -> StateNorm {
        StateNorm::Rms(Box::new(RmsNorm::load(weights, name, self.d_model, self.layer_norm_epsilon, false)))
    }
}

/// `feed_forward_proj`: whether there is a gate, and the activation.
fn feed_forward(config: &ConfigFile, text: &str) -> Result<(bool, Activation), ModelError> {
    let activation = match text.strip_prefix("gated-").unwrap_or(text) {
        "relu" => Activation::Relu,
        // `gated-gelu` means the approximation, for the sake of the first checkpoints.
        "gelu" if text == "gelu" => Activation::Gelu,
        "gelu" | "gelu_new" => Activation::GeluTanh,
        "silu" | "swish" => Activation::Silu,
        _ => {
            return Err(config.fault(format!(
                "`feed_forward_proj` is \"{text}\" (known: relu, gelu, gelu_new, silu, swish, each with or without gated-)"
            )));
        }
    };
    Ok((text.starts_with("gated-"), activation))
}

/// A tensor's name without the prefix of some checkpoints.
fn canonical(name: &str) -> String {
    name.strip_prefix("transformer.").unwrap_or(name).to_owned()
}

/// Parts of early checkpoints that the reference does not use either.
fn is_dispensable(name: &str) -> bool {
    name == "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(more: &str, family: &str) -> Result<T5Config, ModelError> {
        let text = format!(r#"{{"vocab_size": 20, "d_model": 8, "d_ff": 12, "num_layers": 1, "num_heads": 2{more}}}"#);
        T5Config::parse(&ConfigFile::parse(text.as_bytes(), "config.json").unwrap(), family)
    }

    const START: &str = r#", "decoder_start_token_id": 0"#;

    #[test]
    fn versions_differ_in_gate_and_scale() {
        let first = parse(START, "t5").unwrap();
        assert!((first.is_gated_act, first.dense_act_fn) == (false, Activation::Relu) && first.scale_decoder_outputs);
        let more = format!(r#"{START}, "feed_forward_proj": "gated-gelu", "tie_word_embeddings": false"#);
        let later = parse(&more, "t5").unwrap();
        assert!(
            (later.is_gated_act, later.dense_act_fn) == (true, Activation::GeluTanh) && !later.scale_decoder_outputs
        );
        let multilingual = parse("", "mt5").unwrap();
        assert!(multilingual.is_gated_act && !multilingual.scale_decoder_outputs && multilingual.ends.start == 0);
        // As transformers 5 writes it, which always ties.
        let new =
            parse(&format!(r#"{START}, "scale_decoder_outputs": false, "tie_word_embeddings": true"#), "t5").unwrap();
        assert!(!new.scale_decoder_outputs);
    }

    #[test]
    fn what_is_not_supported_is_named_with_what_is() {
        for (more, says) in [
            ("", "`decoder_start_token_id` is missing, so the decoder has no token to begin with"),
            (r#", "decoder_start_token_id": 20"#, "not below `vocab_size` 20"),
            (r#", "decoder_start_token_id": 0, "feed_forward_proj": "gated-tanh""#, "known: relu, gelu"),
            (r#", "decoder_start_token_id": 0, "relative_attention_num_buckets": 2"#, "make no buckets"),
            (r#", "decoder_start_token_id": 0, "relative_attention_max_distance": 16"#, "make no buckets"),
            (r#", "decoder_start_token_id": 0, "is_encoder_decoder": false"#, "(supported: true)"),
        ] {
            let message = parse(more, "t5").unwrap_err().to_string();
            assert!(message.contains(says), "{message}");
        }
    }
}
