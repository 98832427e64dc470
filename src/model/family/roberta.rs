//! RoBERTa (Liu et al., arXiv:1907.11692) and XLM-RoBERTa (Conneau et al., arXiv:1911.02116): BERT's encoder with positions that
//! begin after the id of the padding, one token type, and a head of its own. The two differ in their tokenizers only.
//!
//! The reference gives a padding token the position of the padding even within a text, and counts the others without it. The model
//! sees embeddings, not ids, so here positions are counted as the reference counts them for embeddings: one after the other.
//!
//! Reference: `modeling_roberta.py`, <https://github.com/huggingface/transformers/blob/v5.23.0/src/transformers/models/roberta/modeling_roberta.py>.

use super::masked_checkpoint::{DecoderNames, canonical, finish, is_unused_part};
use super::{BertConfig, LoadedWeights};
use crate::model::config::ConfigFile;
use crate::model::layer::{Activation, AddedEmbeddings, InputEmbeddings, Linear, MaskedEncoderParts, MaskedHead, Norm};
use crate::model::placement::Placement;
use crate::model::tuning::Weight;
use crate::model::weights::{WeightFile, Weights};
use crate::model::{ModelError, ModelShape};

/// The prefix of the encoder's tensors, in XLM-RoBERTa too.
const PREFIX: &str = "roberta";

/// `RobertaConfig` and `XLMRobertaConfig`: BERT's with another default padding.
#[derive(Debug, Clone)]
pub struct RobertaConfig {
    /// `model_type`
    pub family: String,
    /// What it shares with BERT.
    pub bert: BertConfig,
}

impl RobertaConfig {
    /// Reads the configuration of `family`; defaults are those of the reference.
    ///
    /// # Errors
    /// If a field is missing, out of bounds, or asks for what is not supported.
    pub fn parse(config: &ConfigFile, family: &str) -> Result<Self, ModelError> {
        let mut bert = BertConfig::parse(config)?;
        bert.pad_token_id = config.id_or("pad_token_id", 1, bert.vocab_size)?;
        let this = Self { family: family.to_owned(), bert };
        if this.bert.max_position_embeddings <= this.first_position() {
            return Err(config.fault(format!(
                "`max_position_embeddings` {} leaves no position after `pad_token_id` {}",
                this.bert.max_position_embeddings, this.bert.pad_token_id
            )));
        }
        Ok(this)
    }

    fn first_position(&self) -> usize {
        self.bert.pad_token_id as usize + 1
    }

    /// `RobertaForMaskedLM` and `XLMRobertaForMaskedLM`.
    ///
    /// # Errors
    /// If the tensors are not exactly those it needs.
    pub fn load(&self, file: String, files: Vec<WeightFile>, place: &Placement) -> Result<LoadedWeights, ModelError> {
        let bert = &self.bert;
        let names = |name: &str| canonical(name, PREFIX, &["embeddings", "encoder", "pooler"]);
        let mut weights = Weights::new(file, files, names, place)?;
        let embeddings = format!("{PREFIX}.embeddings");
        let words_name = format!("{embeddings}.word_embeddings.weight");
        let words = weights.weight(&words_name, [bert.vocab_size, bert.hidden_size]);
        let added = bert.embeddings(&mut weights, &embeddings, bert.hidden_size);
        let layers = bert.layers(&mut weights, PREFIX);
        let head = RobertaLMHead::load(bert, &mut weights, &words, &words_name);
        let first_position = self.first_position();
        finish(
            weights,
            |name| is_unused_part(name, PREFIX),
            |n_parameters| MaskedEncoderParts {
                shape: ModelShape {
                    max_positions: bert.max_position_embeddings - first_position,
                    ..bert.shape(&self.family, n_parameters)
                },
                words,
                embeddings: InputEmbeddings::new(AddedEmbeddings { first_position, ..added }),
                projection: None,
                layers,
                head,
                pad_id: bert.pad_token_id,
            },
        )
    }
}

/// `RobertaLMHead`: its activation is gelu, whatever that of the blocks.
struct RobertaLMHead;

impl RobertaLMHead {
    fn load(config: &BertConfig, weights: &mut Weights, words: &Weight<2>, words_name: &str) -> MaskedHead {
        const NAMES: DecoderNames<'static> = DecoderNames {
            weight: "lm_head.decoder.weight",
            bias: "lm_head.bias",
            decoder_bias: Some("lm_head.decoder.bias"),
        };
        let (vocab_size, d_model) = (config.vocab_size, config.hidden_size);
        let (decoder, bias) = NAMES.load(weights, config.tie_word_embeddings, words, words_name, [vocab_size, d_model]);
        MaskedHead {
            dense: Linear::load(weights, "lm_head.dense", d_model, d_model),
            activation: Activation::Gelu,
            norm: Norm::load(weights, "lm_head.layer_norm", d_model, config.layer_norm_eps),
            decoder,
            bias,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(change: &str) -> Result<RobertaConfig, ModelError> {
        let text = format!(
            r#"{{"vocab_size": 20, "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 12{change}}}"#
        );
        RobertaConfig::parse(&ConfigFile::parse(text.as_bytes(), "config.json").unwrap(), "roberta")
    }

    #[test]
    fn positions_begin_after_the_padding() {
        assert_eq!(config("").unwrap().first_position(), 2);
        assert_eq!(config(r#", "pad_token_id": 0"#).unwrap().first_position(), 1);
        let message = config(r#", "pad_token_id": 9, "max_position_embeddings": 10"#).unwrap_err().to_string();
        assert_eq!(message, "config.json: `max_position_embeddings` 10 leaves no position after `pad_token_id` 9");
    }
}
