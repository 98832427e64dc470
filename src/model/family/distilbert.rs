//! DistilBERT (Sanh et al., arXiv:1910.01108): BERT's blocks under other names, without token types.
//!
//! Reference: `modeling_distilbert.py`, <https://github.com/huggingface/transformers/blob/v5.23.0/src/transformers/models/distilbert/modeling_distilbert.py>.

use super::LoadedWeights;
use super::masked_checkpoint::{DecoderNames, canonical, finish, is_unused_part};
use crate::model::config::ConfigFile;
use crate::model::layer::{
    Activation, AddedEmbeddings, AttentionNames, EncoderLayer, FeedForward, InputEmbeddings, Linear,
    MaskedEncoderParts, MaskedHead, Norm, SelfAttention,
};
use crate::model::placement::Placement;
use crate::model::weights::{WeightFile, Weights};
use crate::model::{ModelError, ModelKind, ModelShape};

/// Epsilon of all norms: the reference's configuration has none.
const LAYER_NORM_EPS: f64 = 1e-12;

/// `DistilBertConfig`: the fields that change a number.
#[derive(Debug, Clone)]
pub struct DistilBertConfig {
    /// Entries of the vocabulary.
    pub vocab_size: usize,
    /// Width of the hidden states.
    pub dim: usize,
    /// Number of blocks.
    pub n_layers: usize,
    /// Heads in a block.
    pub n_heads: usize,
    /// Width of the feed-forward part.
    pub hidden_dim: usize,
    /// The activation of the blocks and of the head.
    pub activation: Activation,
    /// Longest input.
    pub max_position_embeddings: usize,
    /// The id that rows are padded with.
    pub pad_token_id: u32,
    /// Whether the projector's weight is the word embeddings.
    pub tie_word_embeddings: bool,
}

impl DistilBertConfig {
    /// Reads the configuration; defaults are those of the reference.
    ///
    /// # Errors
    /// If a field is missing, out of bounds, or asks for what is not supported.
    pub fn parse(config: &ConfigFile) -> Result<Self, ModelError> {
        config.unquantised()?;
        let vocab_size = config.size("vocab_size")?;
        let this = Self {
            vocab_size,
            dim: config.size("dim")?,
            n_layers: config.depth("n_layers")?,
            n_heads: config.size("n_heads")?,
            hidden_dim: config.size("hidden_dim")?,
            activation: Activation::from_field(config, "activation", Activation::Gelu)?,
            max_position_embeddings: config.size_or("max_position_embeddings", 512)?,
            pad_token_id: config.id_or("pad_token_id", 0, vocab_size)?,
            tie_word_embeddings: config.flag_or("tie_word_embeddings", true)?,
        };
        if !this.dim.is_multiple_of(this.n_heads) {
            return Err(config.fault(format!("`dim` {} is not a multiple of `n_heads` {}", this.dim, this.n_heads)));
        }
        Ok(this)
    }

    /// `DistilBertForMaskedLM`.
    ///
    /// # Errors
    /// If the tensors are not exactly those it needs.
    pub fn load(&self, file: String, files: Vec<WeightFile>, place: &Placement) -> Result<LoadedWeights, ModelError> {
        const PREFIX: &str = "distilbert";
        const WORDS: &str = "distilbert.embeddings.word_embeddings.weight";
        const DECODER: DecoderNames<'static> =
            DecoderNames { weight: "vocab_projector.weight", bias: "vocab_projector.bias", decoder_bias: None };
        let names = |name: &str| canonical(name, PREFIX, &["embeddings", "transformer"]);
        let mut weights = Weights::new(file, files, names, place)?;
        let words = weights.weight(WORDS, [self.vocab_size, self.dim]);
        let added = AddedEmbeddings {
            positions: weights
                .weight("distilbert.embeddings.position_embeddings.weight", [self.max_position_embeddings, self.dim]),
            first_position: 0,
            token_types: None,
            constant: None,
            norm: self.norm(&mut weights, "distilbert.embeddings.LayerNorm"),
        };
        let layers = (0..self.n_layers)
            .map(|number| TransformerBlock::load(self, &mut weights, &format!("distilbert.transformer.layer.{number}")))
            .collect();
        let (decoder, bias) =
            DECODER.load(&mut weights, self.tie_word_embeddings, &words, WORDS, [self.vocab_size, self.dim]);
        let head = MaskedHead {
            dense: Linear::load(&mut weights, "vocab_transform", self.dim, self.dim),
            activation: self.activation,
            norm: self.norm(&mut weights, "vocab_layer_norm"),
            decoder,
            bias,
        };
        finish(
            weights,
            |name| is_unused_part(name, PREFIX),
            |n_parameters| MaskedEncoderParts {
                shape: ModelShape {
                    family: PREFIX.into(),
                    kind: ModelKind::Masked,
                    d_model: self.dim,
                    d_block: self.dim,
                    d_inner: self.hidden_dim,
                    n_layers: self.n_layers,
                    n_heads: self.n_heads,
                    vocab_size: self.vocab_size,
                    max_positions: self.max_position_embeddings,
                    n_parameters,
                },
                words,
                embeddings: InputEmbeddings::new(added),
                projection: None,
                layers,
                head,
                pad_id: self.pad_token_id,
            },
        )
    }

    fn norm(&self, weights: &mut Weights, name: &str) -> Norm {
        Norm::load(weights, name, self.dim, LAYER_NORM_EPS)
    }
}

/// `TransformerBlock`
struct TransformerBlock;

impl TransformerBlock {
    fn load(config: &DistilBertConfig, weights: &mut Weights, name: &str) -> EncoderLayer {
        let names =
            AttentionNames { prefix: &format!("{name}.attention"), maps: ["q_lin", "k_lin", "v_lin", "out_lin"] };
        EncoderLayer {
            attention: SelfAttention::load(weights, &names, config.dim, config.n_heads),
            attention_norm: config.norm(weights, &format!("{name}.sa_layer_norm")),
            feed_forward: FeedForward::load(
                weights,
                [&format!("{name}.ffn.lin1"), &format!("{name}.ffn.lin2")],
                config.dim,
                config.hidden_dim,
                config.activation,
            ),
            feed_forward_norm: config.norm(weights, &format!("{name}.output_layer_norm")),
        }
    }
}
