//! ELECTRA (Clark et al., arXiv:2003.10555): the generator, which is BERT with embeddings of another width than its blocks.
//!
//! As in ALBERT the front door is the word embeddings, and the projection, where there is one, comes after the norm.
//!
//! Reference: `modeling_electra.py`, <https://github.com/huggingface/transformers/blob/v5.23.0/src/transformers/models/electra/modeling_electra.py>.

use super::masked_checkpoint::{DecoderNames, canonical, finish, is_unused_part};
use super::{BertConfig, LoadedWeights};
use crate::model::config::ConfigFile;
use crate::model::layer::{Activation, InputEmbeddings, Linear, MaskedEncoderParts, MaskedHead, Norm};
use crate::model::placement::Placement;
use crate::model::tuning::Weight;
use crate::model::weights::{WeightFile, Weights};
use crate::model::{ModelError, ModelShape};

/// `ElectraConfig`: BERT's and the width of the embeddings.
#[derive(Debug, Clone)]
pub struct ElectraConfig {
    /// What it shares with BERT.
    pub bert: BertConfig,
    /// Width of the embeddings.
    pub embedding_size: usize,
}

impl ElectraConfig {
    /// Reads the configuration; defaults are those of the reference.
    ///
    /// # Errors
    /// If a field is missing, out of bounds, or asks for what is not supported.
    pub fn parse(config: &ConfigFile) -> Result<Self, ModelError> {
        Ok(Self { bert: BertConfig::parse(config)?, embedding_size: config.size_or("embedding_size", 128)? })
    }

    /// `ElectraForMaskedLM`.
    ///
    /// # Errors
    /// If the tensors are not exactly those it needs, or are those of a discriminator, which scores no vocabulary.
    pub fn load(&self, file: String, files: Vec<WeightFile>, place: &Placement) -> Result<LoadedWeights, ModelError> {
        const PREFIX: &str = "electra";
        const WORDS: &str = "electra.embeddings.word_embeddings.weight";
        let bert = &self.bert;
        let names = |name: &str| canonical(name, PREFIX, &["embeddings", "embeddings_project", "encoder"]);
        let mut weights = Weights::new(file.clone(), files, names, place)?;
        if weights.has("discriminator_predictions.dense.weight") && !weights.has("generator_predictions.dense.weight") {
            return Err(ModelError::Weights {
                file,
                what: "a discriminator, which tells replaced tokens from others and scores no vocabulary (the language model of \
                       ELECTRA is the generator)"
                    .into(),
            });
        }
        let words = weights.weight(WORDS, [bert.vocab_size, self.embedding_size]);
        let added = bert.embeddings(&mut weights, "electra.embeddings", self.embedding_size);
        let projection = (self.embedding_size != bert.hidden_size)
            .then(|| Linear::load(&mut weights, "electra.embeddings_project", self.embedding_size, bert.hidden_size));
        let layers = bert.layers(&mut weights, PREFIX);
        let head = ElectraGeneratorHead::load(self, &mut weights, &words, WORDS);
        let dispensable = |name: &str| name.starts_with("discriminator_predictions.") || is_unused_part(name, PREFIX);
        finish(weights, dispensable, |n_parameters| MaskedEncoderParts {
            shape: ModelShape { d_model: self.embedding_size, ..bert.shape(PREFIX, n_parameters) },
            words,
            embeddings: InputEmbeddings::new(added),
            projection,
            layers,
            head,
            pad_id: bert.pad_token_id,
        })
    }
}

/// `ElectraGeneratorPredictions` and `generator_lm_head`: the activation is gelu, whatever that of the blocks.
struct ElectraGeneratorHead;

impl ElectraGeneratorHead {
    fn load(config: &ElectraConfig, weights: &mut Weights, words: &Weight<2>, words_name: &str) -> MaskedHead {
        const NAMES: DecoderNames<'static> =
            DecoderNames { weight: "generator_lm_head.weight", bias: "generator_lm_head.bias", decoder_bias: None };
        let bert = &config.bert;
        let shape = [bert.vocab_size, config.embedding_size];
        let (decoder, bias) = NAMES.load(weights, bert.tie_word_embeddings, words, words_name, shape);
        MaskedHead {
            dense: Linear::load(weights, "generator_predictions.dense", bert.hidden_size, config.embedding_size),
            activation: Activation::Gelu,
            norm: Norm::load(weights, "generator_predictions.LayerNorm", config.embedding_size, bert.layer_norm_eps),
            decoder,
            bias,
        }
    }
}
