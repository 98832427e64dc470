//! BART (Lewis et al., arXiv:1910.13461) and mBART (Liu et al., arXiv:2001.08210), which normalises before its parts.
//!
//! BART fills a mask as it was trained to: the encoder reads the text with the mask, the decoder the same shifted right, and the word
//! is read where the mask stands. mBART's decoder begins with the language that its text ends with, and what it writes with
//! `decoder_start_token_id`, as in the reference.
//!
//! Reference: `modeling_bart.py`, <https://github.com/huggingface/transformers/blob/v5.23.0/src/transformers/models/bart/modeling_bart.py>,
//! and `modeling_mbart.py` beside it.

use std::sync::Arc;

use burn::Tensor;
use serde_json::Value;

use super::LoadedWeights;
use crate::model::config::ConfigFile;
use crate::model::layer::{
    Activation, CausalAttention, CrossAttention, EncoderDecoder, EncoderDecoderParts, FeedForward, Linear, Norm,
    Seq2SeqLayer, Seq2SeqStack, StateFeedForward, StateNorm, TextEnds,
};
use crate::model::placement::Placement;
use crate::model::seq2seq::AnswerPlace;
use crate::model::weights::{WeightFile, Weights};
use crate::model::{ModelError, ModelKind, ModelShape};

/// Rows of the table of positions before that of the first token.
const FIRST_POSITION: usize = 2;
/// The reference's `nn.LayerNorm`.
const EPSILON: f64 = 1e-5;

/// `BartConfig` and `MBartConfig`: the fields that change a number.
#[derive(Debug, Clone)]
pub struct BartConfig {
    /// `model_type`: whether norms come before the parts.
    pub norm_first: bool,
    /// Entries of the vocabulary.
    pub vocab_size: usize,
    /// Width of the hidden states.
    pub d_model: usize,
    /// The encoder.
    pub encoder: SideConfig,
    /// The decoder.
    pub decoder: SideConfig,
    /// Longest text on either side.
    pub max_position_embeddings: usize,
    /// The activation of the feed-forward parts.
    pub activation_function: Activation,
    /// Whether word embeddings are multiplied by the root of their width.
    pub scale_embedding: bool,
    /// Whether the head's weight is the word embeddings.
    pub tie_word_embeddings: bool,
    /// The id that rows are padded with.
    pub pad_token_id: u32,
    /// What the decoder's texts begin and end with.
    pub ends: TextEnds,
}

/// The sizes of one side.
#[derive(Debug, Clone, Copy)]
pub struct SideConfig {
    /// Blocks.
    pub layers: usize,
    /// Heads in a block.
    pub attention_heads: usize,
    /// Width of the feed-forward part.
    pub ffn_dim: usize,
}

impl BartConfig {
    /// Reads the configuration of `family`; defaults are those of the reference.
    ///
    /// # Errors
    /// If a field is missing, out of bounds, or asks for what is not supported.
    pub fn parse(config: &ConfigFile, family: &str) -> Result<Self, ModelError> {
        config.unquantised()?;
        config.only("is_encoder_decoder", true)?;
        let norm_first = family == "mbart";
        // Checkpoints of the first releases say so where they are BART's own way, and mBART is another model type.
        for (field, usual) in [
            ("normalize_before", norm_first),
            ("add_final_layer_norm", norm_first),
            ("normalize_embedding", true),
            ("static_position_embeddings", false),
            ("add_bias_logits", false),
        ] {
            config.only(field, usual)?;
        }
        let vocab_size = config.size("vocab_size")?;
        let d_model = config.size("d_model")?;
        let side = |name: &str| -> Result<SideConfig, ModelError> {
            let heads = config.size(&format!("{name}_attention_heads"))?;
            if !d_model.is_multiple_of(heads) {
                return Err(
                    config.fault(format!("`d_model` {d_model} is not a multiple of `{name}_attention_heads` {heads}"))
                );
            }
            Ok(SideConfig {
                layers: config.depth(&format!("{name}_layers"))?,
                attention_heads: heads,
                ffn_dim: config.size(&format!("{name}_ffn_dim"))?,
            })
        };
        Ok(Self {
            norm_first,
            vocab_size,
            d_model,
            encoder: side("encoder")?,
            decoder: side("decoder")?,
            max_position_embeddings: config.size_or("max_position_embeddings", 1024)?,
            activation_function: Activation::from_field(config, "activation_function", Activation::Gelu)?,
            scale_embedding: config.flag_or("scale_embedding", false)?,
            tie_word_embeddings: config.flag_or("tie_word_embeddings", true)?,
            pad_token_id: config.id_or("pad_token_id", 1, vocab_size)?,
            ends: text_ends(config, vocab_size, (!norm_first).then_some(2), Some(2))?,
        })
    }

    fn family(&self) -> &'static str {
        if self.norm_first { "mbart" } else { "bart" }
    }

    /// `BartForConditionalGeneration` and `MBartForConditionalGeneration`.
    ///
    /// # Errors
    /// If the tensors are not exactly those it needs.
    pub fn load(&self, file: String, files: Vec<WeightFile>, place: &Placement) -> Result<LoadedWeights, ModelError> {
        const WORDS: &str = "model.shared.weight";
        const HEAD: &str = "lm_head.weight";
        const BIAS: &str = "final_logits_bias";
        let mut weights = Weights::new(file, files, canonical, place)?;
        let table = [self.vocab_size, self.d_model];
        for copy in ["model.encoder.embed_tokens.weight", "model.decoder.embed_tokens.weight"] {
            weights.same(copy, WORDS, &table);
        }
        if self.tie_word_embeddings {
            weights.same(HEAD, WORDS, &table);
        }
        let words = weights.tensor(WORDS, table);
        let own_head = (!self.tie_word_embeddings).then(|| weights.tensor(HEAD, table));
        let head_bias: Option<Tensor<2>> = weights.has(BIAS).then(|| weights.tensor(BIAS, [1, self.vocab_size]));
        let encoder = self.stack(&mut weights, "encoder", self.encoder);
        let decoder = self.stack(&mut weights, "decoder", self.decoder);
        let n_parameters = weights.n_parameters();
        let hash = weights.hash();
        weights.finish(is_dispensable)?;

        let scale = self.scale_embedding.then(|| (self.d_model as f64).sqrt());
        let words = match scale {
            Some(scale) => words * scale,
            None => words,
        };
        // The scaled table serves as a tied head, which is not scaled.
        let head_scale = scale.filter(|_| own_head.is_none()).map(f64::recip);
        let model = EncoderDecoder::new(EncoderDecoderParts {
            shape: self.shape(n_parameters),
            head: own_head.unwrap_or_else(|| words.clone()),
            words,
            encoder,
            decoder,
            head_bias: head_bias.map(|bias| bias.squeeze_dim(0)),
            head_scale,
            pad_id: self.pad_token_id,
            ends: self.ends.clone(),
            answer_place: AnswerPlace::Mask,
            wraps: self.norm_first,
        });
        Ok(LoadedWeights { model: Arc::new(model), hash })
    }

    fn shape(&self, n_parameters: usize) -> ModelShape {
        ModelShape {
            family: self.family().into(),
            kind: ModelKind::Seq2Seq,
            d_model: self.d_model,
            d_block: self.d_model,
            d_inner: self.encoder.ffn_dim.max(self.decoder.ffn_dim),
            n_layers: self.encoder.layers + self.decoder.layers,
            n_heads: self.encoder.attention_heads.max(self.decoder.attention_heads),
            vocab_size: self.vocab_size,
            max_positions: self.max_position_embeddings,
            n_parameters,
        }
    }

    /// `BartEncoder` or `BartDecoder`.
    fn stack(&self, weights: &mut Weights, name: &str, side: SideConfig) -> Seq2SeqStack {
        let prefix = format!("model.{name}");
        let rows = [self.max_position_embeddings + FIRST_POSITION, self.d_model];
        let positions: Tensor<2> = weights.tensor(&format!("{prefix}.embed_positions.weight"), rows);
        // The stand-in for what is missing has one row.
        let n_rows = positions.dims()[0];
        let first = FIRST_POSITION.min(n_rows - 1);
        let causal = name == "decoder";
        Seq2SeqStack {
            positions: Some(positions.narrow(0, first, n_rows - first)),
            embedding_norm: Some(self.norm(weights, &format!("{prefix}.layernorm_embedding"))),
            relative: None,
            causal,
            layers: (0..side.layers)
                .map(|number| self.layer(weights, &format!("{prefix}.layers.{number}"), side, causal))
                .collect(),
            norm: self.norm_first.then(|| self.norm(weights, &format!("{prefix}.layer_norm"))),
        }
    }

    /// `BartEncoderLayer` or `BartDecoderLayer`.
    fn layer(&self, weights: &mut Weights, name: &str, side: SideConfig, causal: bool) -> Seq2SeqLayer {
        let d_model = self.d_model;
        let (n_heads, d_head) = (side.attention_heads, d_model / side.attention_heads);
        let scale = (d_head as f64).powf(-0.5);
        let mut map = |map: &str| Linear::load(weights, &format!("{name}.{map}"), d_model, d_model);
        let attention = CausalAttention {
            query: map("self_attn.q_proj"),
            key: map("self_attn.k_proj"),
            value: map("self_attn.v_proj"),
            output: map("self_attn.out_proj"),
            norms: None,
            scale,
            n_heads,
            n_kv_heads: n_heads,
            d_head,
        };
        let cross = causal.then(|| CrossAttention {
            query: map("encoder_attn.q_proj"),
            key: map("encoder_attn.k_proj"),
            value: map("encoder_attn.v_proj"),
            output: map("encoder_attn.out_proj"),
            scale,
            n_heads,
            d_head,
        });
        let cross = cross.map(|cross| (cross, self.norm(weights, &format!("{name}.encoder_attn_layer_norm"))));
        Seq2SeqLayer {
            norm_first: self.norm_first,
            attention,
            attention_norm: self.norm(weights, &format!("{name}.self_attn_layer_norm")),
            cross,
            feed_forward: StateFeedForward::Plain(Box::new(FeedForward::load(
                weights,
                [&format!("{name}.fc1"), &format!("{name}.fc2")],
                d_model,
                side.ffn_dim,
                self.activation_function,
            ))),
            feed_forward_norm: self.norm(weights, &format!("{name}.final_layer_norm")),
        }
    }

    fn norm(&self, weights: &mut Weights, name: &str) -> StateNorm {
        StateNorm::Layer(Box::new(Norm::load(weights, name, self.d_model, EPSILON)))
    }
}

/// The tokens that a decoder's texts begin and end with; `start` and `last` are what the reference takes where the configuration says
/// nothing.
///
/// # Errors
/// If the decoder has no start token, or an id is none of the vocabulary.
pub(super) fn text_ends(
    config: &ConfigFile,
    vocab_size: usize,
    start: Option<u32>,
    last: Option<u32>,
) -> Result<TextEnds, ModelError> {
    const START: &str = "decoder_start_token_id";
    let missing = start.is_none() && config.get(START).is_none();
    if missing || config.is_null(START) {
        return Err(config.fault(format!(
            "`{START}` is missing, so the decoder has no token to begin with (a whole number below `vocab_size` {vocab_size})"
        )));
    }
    let start = config.id_or(START, start.unwrap_or_default(), vocab_size)?;
    let first = match config.get("forced_bos_token_id") {
        Some(_) => Some(config.id_or("forced_bos_token_id", 0, vocab_size)?),
        None => None,
    };
    const LAST: &str = "forced_eos_token_id";
    let last = match config.get(LAST) {
        Some(Value::Array(ids)) => {
            let ids: Option<Vec<u32>> =
                ids.iter().map(|id| id.as_u64().filter(|&id| id < vocab_size as u64).map(|id| id as u32)).collect();
            ids.ok_or_else(|| {
                config.fault(format!("`{LAST}` holds what is no token (allowed: numbers below {vocab_size})"))
            })?
        }
        Some(_) => vec![config.id_or(LAST, 0, vocab_size)?],
        None if config.is_null(LAST) => Vec::new(),
        None => last.into_iter().filter(|&id| (id as usize) < vocab_size).collect(),
    };
    Ok(TextEnds { start, first, last })
}

/// A tensor's name with the prefix that checkpoints saved from the bare model lack.
fn canonical(name: &str) -> String {
    let bare = ["shared.", "encoder.", "decoder."].iter().any(|part| name.starts_with(part));
    if bare { format!("model.{name}") } else { name.to_owned() }
}

/// Parts that no sequence-to-sequence model uses: heads for classes, and versions of early checkpoints.
fn is_dispensable(name: &str) -> bool {
    name.starts_with("classification_head.") || name.ends_with(".version")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(more: &str, family: &str) -> Result<BartConfig, ModelError> {
        let text = format!(
            r#"{{"vocab_size": 20, "d_model": 8, "encoder_layers": 1, "decoder_layers": 2, "encoder_attention_heads": 2,
                "decoder_attention_heads": 4, "encoder_ffn_dim": 6, "decoder_ffn_dim": 7{more}}}"#
        );
        BartConfig::parse(&ConfigFile::parse(text.as_bytes(), "config.json").unwrap(), family)
    }

    #[test]
    fn missing_fields_take_the_defaults_of_the_reference() {
        let config = parse("", "bart").unwrap();
        assert_eq!(config.ends, TextEnds { start: 2, first: None, last: vec![2] });
        assert_eq!((config.max_position_embeddings, config.pad_token_id), (1024, 1));
        let more = r#", "decoder_start_token_id": 3, "forced_bos_token_id": 0, "forced_eos_token_id": null"#;
        assert_eq!(parse(more, "mbart").unwrap().ends, TextEnds { start: 3, first: Some(0), last: Vec::new() });
        assert_eq!(parse(r#", "forced_eos_token_id": [4, 5]"#, "bart").unwrap().ends.last, [4, 5]);
    }

    #[test]
    fn what_is_not_supported_is_named_with_what_is() {
        for (more, family, says) in [
            (r#", "decoder_start_token_id": null"#, "bart", "`decoder_start_token_id` is missing"),
            ("", "mbart", "`decoder_start_token_id` is missing"),
            (r#", "decoder_start_token_id": 20"#, "bart", "not below `vocab_size` 20"),
            (r#", "forced_eos_token_id": ["a"]"#, "bart", "`forced_eos_token_id` holds what is no token"),
            (r#", "normalize_before": true"#, "bart", "`normalize_before` is true, which is not supported"),
            (r#", "decoder_attention_heads": 3"#, "bart", "not a multiple of `decoder_attention_heads` 3"),
            (r#", "activation_function": "tanh""#, "bart", "known: silu"),
        ] {
            let message = parse(more, family).unwrap_err().to_string();
            assert!(message.contains(says), "{message}");
        }
    }
}
