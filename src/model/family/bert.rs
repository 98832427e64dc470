//! BERT (Devlin et al., arXiv:1810.04805).
//!
//! Reference: `modeling_bert.py`, <https://github.com/huggingface/transformers/blob/v5.23.0/src/transformers/models/bert/modeling_bert.py>.

use super::LoadedWeights;
use super::masked_checkpoint::{DecoderNames, canonical, finish, is_unused_part};
use crate::model::config::ConfigFile;
use crate::model::layer::{
    Activation, AddedEmbeddings, AttentionNames, EncoderLayer, FeedForward, InputEmbeddings, Linear,
    MaskedEncoderParts, MaskedHead, Norm, SelfAttention,
};
use crate::model::placement::Placement;
use crate::model::tuning::Weight;
use crate::model::weights::{WeightFile, Weights};
use crate::model::{ModelError, ModelKind, ModelShape};

/// `BertConfig`: the fields that change a number.
#[derive(Debug, Clone)]
pub struct BertConfig {
    /// Entries of the vocabulary.
    pub vocab_size: usize,
    /// Width of the hidden states.
    pub hidden_size: usize,
    /// Number of blocks.
    pub num_hidden_layers: usize,
    /// Heads in a block.
    pub num_attention_heads: usize,
    /// Width of the feed-forward part.
    pub intermediate_size: usize,
    /// Its activation.
    pub hidden_act: Activation,
    /// Longest input.
    pub max_position_embeddings: usize,
    /// Number of token types.
    pub type_vocab_size: usize,
    /// Epsilon of all norms.
    pub layer_norm_eps: f64,
    /// The id that rows are padded with.
    pub pad_token_id: u32,
    /// Whether the decoder's weight is the word embeddings.
    pub tie_word_embeddings: bool,
}

impl BertConfig {
    /// Reads the configuration; defaults are those of the reference.
    ///
    /// # Errors
    /// If a field is missing, out of bounds, or asks for what is not supported.
    pub fn parse(config: &ConfigFile) -> Result<Self, ModelError> {
        config.only("is_decoder", false)?;
        config.only("add_cross_attention", false)?;
        config.only("position_embedding_type", "absolute")?;
        config.unquantised()?;
        let this = Self {
            vocab_size: config.size("vocab_size")?,
            hidden_size: config.size("hidden_size")?,
            num_hidden_layers: config.depth("num_hidden_layers")?,
            num_attention_heads: config.size("num_attention_heads")?,
            intermediate_size: config.size("intermediate_size")?,
            hidden_act: Activation::from_config(config)?,
            max_position_embeddings: config.size_or("max_position_embeddings", 512)?,
            type_vocab_size: config.size_or("type_vocab_size", 2)?,
            layer_norm_eps: config.positive_or("layer_norm_eps", 1e-12)?,
            pad_token_id: config.id_or("pad_token_id", 0, config.size("vocab_size")?)?,
            tie_word_embeddings: config.flag_or("tie_word_embeddings", true)?,
        };
        if !this.hidden_size.is_multiple_of(this.num_attention_heads) {
            return Err(config.fault(format!(
                "`hidden_size` {} is not a multiple of `num_attention_heads` {}",
                this.hidden_size, this.num_attention_heads
            )));
        }
        Ok(this)
    }

    /// `BertForMaskedLM`.
    ///
    /// # Errors
    /// If the tensors are not exactly those it needs.
    pub fn load(&self, file: String, files: Vec<WeightFile>, place: &Placement) -> Result<LoadedWeights, ModelError> {
        self.load_as("bert", file, files, place, |_, _| None)
    }

    /// The same with another family's prefix and a further constant embedding.
    pub(super) fn load_as(
        &self,
        family: &str,
        file: String,
        files: Vec<WeightFile>,
        place: &Placement,
        constant: impl FnOnce(&mut Weights, &str) -> Option<Weight<2>>,
    ) -> Result<LoadedWeights, ModelError> {
        let names = |name: &str| canonical(name, family, &["embeddings", "encoder", "pooler"]);
        let mut weights = Weights::new(file, files, names, place)?;
        let embeddings = format!("{family}.embeddings");
        let words_name = format!("{embeddings}.word_embeddings.weight");
        let words = weights.weight(&words_name, [self.vocab_size, self.hidden_size]);
        let added = self.embeddings(&mut weights, &embeddings, self.hidden_size);
        let constant = constant(&mut weights, &embeddings);
        let layers = self.layers(&mut weights, family);
        let head = BertLMPredictionHead::load(self, &mut weights, &words, &words_name);
        let dispensable = |name: &str| name.starts_with("cls.seq_relationship.") || is_unused_part(name, family);
        finish(weights, dispensable, |n_parameters| MaskedEncoderParts {
            shape: self.shape(family, n_parameters),
            words,
            embeddings: InputEmbeddings::new(AddedEmbeddings { constant, ..added }),
            projection: None,
            layers,
            head,
            pad_id: self.pad_token_id,
        })
    }

    /// What the model is, with embeddings as wide as its blocks and positions from 0.
    pub(super) fn shape(&self, family: &str, n_parameters: usize) -> ModelShape {
        ModelShape {
            family: family.into(),
            kind: ModelKind::Masked,
            d_model: self.hidden_size,
            d_block: self.hidden_size,
            d_inner: self.intermediate_size,
            n_layers: self.num_hidden_layers,
            n_heads: self.num_attention_heads,
            vocab_size: self.vocab_size,
            max_positions: self.max_position_embeddings,
            n_parameters,
        }
    }

    /// `BertEmbeddings` of a width: positions count from 0, padding included.
    pub(super) fn embeddings(&self, weights: &mut Weights, name: &str, width: usize) -> AddedEmbeddings {
        AddedEmbeddings {
            positions: weights
                .weight(&format!("{name}.position_embeddings.weight"), [self.max_position_embeddings, width]),
            first_position: 0,
            token_types: Some(
                weights.weight(&format!("{name}.token_type_embeddings.weight"), [self.type_vocab_size, width]),
            ),
            constant: None,
            norm: Norm::load(weights, &format!("{name}.LayerNorm"), width, self.layer_norm_eps),
        }
    }

    /// All blocks of `<family>.encoder`.
    pub(super) fn layers(&self, weights: &mut Weights, family: &str) -> Vec<EncoderLayer> {
        (0..self.num_hidden_layers)
            .map(|number| BertLayer::load(self, weights, &format!("{family}.encoder.layer.{number}")))
            .collect()
    }

    fn norm(&self, weights: &mut Weights, name: &str) -> Norm {
        Norm::load(weights, name, self.hidden_size, self.layer_norm_eps)
    }
}

/// `BertLayer`: `BertAttention`, `BertIntermediate`, `BertOutput`.
struct BertLayer;

impl BertLayer {
    fn load(config: &BertConfig, weights: &mut Weights, name: &str) -> EncoderLayer {
        let names = AttentionNames {
            prefix: &format!("{name}.attention"),
            maps: ["self.query", "self.key", "self.value", "output.dense"],
        };
        EncoderLayer {
            attention: SelfAttention::load(weights, &names, config.hidden_size, config.num_attention_heads),
            attention_norm: config.norm(weights, &format!("{name}.attention.output.LayerNorm")),
            feed_forward: FeedForward::load(
                weights,
                [&format!("{name}.intermediate.dense"), &format!("{name}.output.dense")],
                config.hidden_size,
                config.intermediate_size,
                config.hidden_act,
            ),
            feed_forward_norm: config.norm(weights, &format!("{name}.output.LayerNorm")),
        }
    }
}

/// `BertLMPredictionHead`: the decoder's weight is tied to the word embeddings unless the configuration says otherwise, and its
/// bias has two names.
struct BertLMPredictionHead;

impl BertLMPredictionHead {
    fn load(config: &BertConfig, weights: &mut Weights, words: &Weight<2>, words_name: &str) -> MaskedHead {
        const NAMES: DecoderNames<'static> = DecoderNames {
            weight: "cls.predictions.decoder.weight",
            bias: "cls.predictions.bias",
            decoder_bias: Some("cls.predictions.decoder.bias"),
        };
        let (vocab_size, d_model) = (config.vocab_size, config.hidden_size);
        let (decoder, bias) = NAMES.load(weights, config.tie_word_embeddings, words, words_name, [vocab_size, d_model]);
        MaskedHead {
            dense: Linear::load(weights, "cls.predictions.transform.dense", d_model, d_model),
            activation: config.hidden_act,
            norm: config.norm(weights, "cls.predictions.transform.LayerNorm"),
            decoder,
            bias,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(change: &str) -> Result<BertConfig, ModelError> {
        let text = format!(
            r#"{{"vocab_size": 20, "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 12{change}}}"#
        );
        BertConfig::parse(&ConfigFile::parse(text.as_bytes(), "config.json").unwrap())
    }

    #[test]
    fn missing_fields_take_the_defaults_of_the_reference() {
        let config = config("").unwrap();
        assert_eq!((config.max_position_embeddings, config.type_vocab_size), (512, 2));
        assert!(config.layer_norm_eps == 1e-12 && config.tie_word_embeddings);
    }

    #[test]
    fn what_is_not_supported_is_named_with_what_is() {
        for (change, says) in [
            (r#", "is_decoder": true"#, "`is_decoder` is true, which is not supported (supported: false)"),
            (r#", "add_cross_attention": true"#, "`add_cross_attention`"),
            (r#", "position_embedding_type": "relative_key""#, "(supported: \"absolute\")"),
            (r#", "hidden_act": "silu""#, "known: gelu"),
            (r#", "pad_token_id": 20"#, "not below `vocab_size`"),
            (r#", "quantization_config": {}"#, "quantised"),
            (r#", "layer_norm_eps": -1"#, "a positive number"),
        ] {
            let message = config(change).unwrap_err().to_string();
            assert!(message.contains(says), "{message}");
        }
    }
}
