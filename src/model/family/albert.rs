//! ALBERT (Lan et al., arXiv:1909.11942): embeddings narrower than the blocks, and blocks that share their weights.
//!
//! The front door is the narrow word embeddings: soft prompts and exchanged tokens have their width, and the projection to the
//! blocks' width comes after positions, types and norm, where the reference has it.
//!
//! Reference: `modeling_albert.py`, <https://github.com/huggingface/transformers/blob/v5.23.0/src/transformers/models/albert/modeling_albert.py>.

use super::masked_checkpoint::{DecoderNames, canonical, finish, is_unused_part};
use super::{BertConfig, LoadedWeights};
use crate::model::config::ConfigFile;
use crate::model::layer::{
    Activation, AttentionNames, EncoderLayer, FeedForward, InputEmbeddings, Linear, MaskedEncoderParts, MaskedHead,
    Norm, SelfAttention,
};
use crate::model::placement::Placement;
use crate::model::tuning::Weight;
use crate::model::weights::{WeightFile, Weights};
use crate::model::{ModelError, ModelShape};

/// `AlbertConfig`: BERT's, the width of the embeddings, and how the blocks are shared.
#[derive(Debug, Clone)]
pub struct AlbertConfig {
    /// What it shares with BERT.
    pub bert: BertConfig,
    /// Width of the embeddings.
    pub embedding_size: usize,
    /// Groups of blocks with weights of their own.
    pub num_hidden_groups: usize,
    /// Blocks in a group, all run wherever the group is.
    pub inner_group_num: usize,
}

impl AlbertConfig {
    /// Reads the configuration; defaults are those of the reference.
    ///
    /// # Errors
    /// If a field is missing, out of bounds, or asks for what is not supported.
    pub fn parse(config: &ConfigFile) -> Result<Self, ModelError> {
        let mut bert = BertConfig::parse(config)?;
        bert.hidden_act = Activation::from_field(config, "hidden_act", Activation::GeluTanh)?;
        let this = Self {
            embedding_size: config.size_or("embedding_size", 128)?,
            num_hidden_groups: config.depth_or("num_hidden_groups", 1)?,
            inner_group_num: config.depth_or("inner_group_num", 1)?,
            bert,
        };
        if this.num_hidden_groups > this.bert.num_hidden_layers {
            return Err(config.fault(format!(
                "`num_hidden_groups` {} is more than `num_hidden_layers` {}",
                this.num_hidden_groups, this.bert.num_hidden_layers
            )));
        }
        Ok(this)
    }

    /// `AlbertForMaskedLM`.
    ///
    /// # Errors
    /// If the tensors are not exactly those it needs.
    pub fn load(&self, file: String, files: Vec<WeightFile>, place: &Placement) -> Result<LoadedWeights, ModelError> {
        const PREFIX: &str = "albert";
        const WORDS: &str = "albert.embeddings.word_embeddings.weight";
        let bert = &self.bert;
        let names = |name: &str| canonical(name, PREFIX, &["embeddings", "encoder", "pooler"]);
        let mut weights = Weights::new(file, files, names, place)?;
        let words = weights.weight(WORDS, [bert.vocab_size, self.embedding_size]);
        let added = bert.embeddings(&mut weights, "albert.embeddings", self.embedding_size);
        let projection = Linear::load(
            &mut weights,
            "albert.encoder.embedding_hidden_mapping_in",
            self.embedding_size,
            bert.hidden_size,
        );
        let groups: Vec<Vec<EncoderLayer>> = (0..self.num_hidden_groups)
            .map(|group| {
                (0..self.inner_group_num)
                    .map(|number| {
                        let name = format!("albert.encoder.albert_layer_groups.{group}.albert_layers.{number}");
                        AlbertLayer::load(bert, &mut weights, &name)
                    })
                    .collect()
            })
            .collect();
        let layers: Vec<EncoderLayer> =
            (0..bert.num_hidden_layers).flat_map(|number| groups[self.group_of(number)].clone()).collect();
        let head = AlbertMLMHead::load(self, &mut weights, &words, WORDS);
        let dispensable = |name: &str| name.starts_with("sop_classifier.") || is_unused_part(name, PREFIX);
        finish(weights, dispensable, |n_parameters| MaskedEncoderParts {
            shape: ModelShape {
                d_model: self.embedding_size,
                n_layers: layers.len(),
                ..bert.shape(PREFIX, n_parameters)
            },
            words,
            embeddings: InputEmbeddings::new(added),
            projection: Some(projection),
            layers,
            head,
            pad_id: bert.pad_token_id,
        })
    }

    /// The group that runs as layer `number`: `int(number / (num_hidden_layers / num_hidden_groups))`, in whole numbers.
    fn group_of(&self, number: usize) -> usize {
        number * self.num_hidden_groups / self.bert.num_hidden_layers
    }
}

/// `AlbertLayer`
struct AlbertLayer;

impl AlbertLayer {
    fn load(config: &BertConfig, weights: &mut Weights, name: &str) -> EncoderLayer {
        let names = AttentionNames { prefix: &format!("{name}.attention"), maps: ["query", "key", "value", "dense"] };
        let norm =
            |weights: &mut Weights, name: &str| Norm::load(weights, name, config.hidden_size, config.layer_norm_eps);
        EncoderLayer {
            attention: SelfAttention::load(weights, &names, config.hidden_size, config.num_attention_heads),
            attention_norm: norm(weights, &format!("{name}.attention.LayerNorm")),
            feed_forward: FeedForward::load(
                weights,
                [&format!("{name}.ffn"), &format!("{name}.ffn_output")],
                config.hidden_size,
                config.intermediate_size,
                config.hidden_act,
            ),
            feed_forward_norm: norm(weights, &format!("{name}.full_layer_layer_norm")),
        }
    }
}

/// `AlbertMLMHead`: back to the width of the embeddings before it scores.
struct AlbertMLMHead;

impl AlbertMLMHead {
    fn load(config: &AlbertConfig, weights: &mut Weights, words: &Weight<2>, words_name: &str) -> MaskedHead {
        const NAMES: DecoderNames<'static> = DecoderNames {
            weight: "predictions.decoder.weight",
            bias: "predictions.bias",
            decoder_bias: Some("predictions.decoder.bias"),
        };
        let bert = &config.bert;
        let shape = [bert.vocab_size, config.embedding_size];
        let (decoder, bias) = NAMES.load(weights, bert.tie_word_embeddings, words, words_name, shape);
        MaskedHead {
            dense: Linear::load(weights, "predictions.dense", bert.hidden_size, config.embedding_size),
            activation: bert.hidden_act,
            norm: Norm::load(weights, "predictions.LayerNorm", config.embedding_size, bert.layer_norm_eps),
            decoder,
            bias,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(change: &str) -> Result<AlbertConfig, ModelError> {
        let text = format!(
            r#"{{"vocab_size": 20, "hidden_size": 8, "num_hidden_layers": 7, "num_attention_heads": 2, "intermediate_size": 12{change}}}"#
        );
        AlbertConfig::parse(&ConfigFile::parse(text.as_bytes(), "config.json").unwrap())
    }

    #[test]
    fn layers_belong_to_groups_as_in_the_reference() {
        let config = config(r#", "num_hidden_groups": 3"#).unwrap();
        let groups: Vec<usize> = (0..7).map(|number| config.group_of(number)).collect();
        // [int(i / (7 / 3)) for i in range(7)]
        assert_eq!(groups, [0, 0, 0, 1, 1, 2, 2]);
    }

    #[test]
    fn missing_fields_take_the_defaults_of_the_reference() {
        let config = config("").unwrap();
        assert_eq!((config.embedding_size, config.num_hidden_groups, config.inner_group_num), (128, 1, 1));
        assert_eq!(config.bert.hidden_act, Activation::GeluTanh);
    }

    #[test]
    fn more_groups_than_layers_and_layers_without_end_are_refused() {
        for (change, says) in [
            (r#", "num_hidden_groups": 8"#, "`num_hidden_groups` 8 is more than `num_hidden_layers` 7"),
            (r#", "inner_group_num": 100000000"#, "`inner_group_num` is 100000000 (allowed: a whole number from 1 to"),
        ] {
            let message = config(change).unwrap_err().to_string();
            assert!(message.contains(says), "{message}");
        }
    }
}
