//! What the checkpoints of the masked families have in common: old names, decoders that are tied or not, and the end of loading.

use std::sync::Arc;

use super::LoadedWeights;
use crate::model::ModelError;
use crate::model::layer::{MaskedEncoder, MaskedEncoderParts};
use crate::model::tuning::Weight;
use crate::model::weights::Weights;

/// A tensor's name with the family's prefix, which checkpoints saved from the bare encoder lack, and without the gamma and beta
/// of those converted from TensorFlow. `parts` are what follows the prefix.
pub(super) fn canonical(name: &str, prefix: &str, parts: &[&str]) -> String {
    let bare = parts.iter().any(|part| name.strip_prefix(part).is_some_and(|rest| rest.starts_with('.')));
    let full = if bare { format!("{prefix}.{name}") } else { name.to_owned() };
    match full.rsplit_once('.') {
        Some((before, "gamma")) => format!("{before}.weight"),
        Some((before, "beta")) => format!("{before}.bias"),
        _ => full,
    }
}

/// Whether `name` is a part of the bare encoder that no masked language model uses: the pooler, or a buffer of positions.
pub(super) fn is_unused_part(name: &str, prefix: &str) -> bool {
    name.strip_prefix(prefix).is_some_and(|rest| rest.starts_with(".pooler.")) || name.ends_with(".position_ids")
}

/// The names of a head's decoder.
pub(super) struct DecoderNames<'a> {
    /// The weight, `[vocab_size, d_model]`.
    pub weight: &'a str,
    /// The bias as the head owns it.
    pub bias: &'a str,
    /// The bias as the decoder owns it, where the head has one of its own.
    pub decoder_bias: Option<&'a str>,
}

impl DecoderNames<'_> {
    /// The decoder's weight and bias. Tied, the weight is that of `words`, the bias has two names, and copies may be left out.
    /// Not tied, the reference computes with the decoder's own bias and leaves the head's aside.
    pub(super) fn load(
        &self,
        weights: &mut Weights,
        tied: bool,
        words: &Weight<2>,
        words_name: &str,
        [vocab_size, d_model]: [usize; 2],
    ) -> (Weight<2>, Weight<1>) {
        let decoder = if tied {
            weights.same(self.weight, words_name, &[vocab_size, d_model]);
            words.clone()
        } else {
            weights.weight(self.weight, [vocab_size, d_model])
        };
        let bias = match self.decoder_bias.filter(|name| weights.has(name)) {
            Some(own) if tied && weights.has(self.bias) => {
                weights.same(own, self.bias, &[vocab_size]);
                self.bias
            }
            Some(own) => {
                weights.skip(self.bias);
                own
            }
            None => self.bias,
        };
        (decoder, weights.weight(bias, [vocab_size]))
    }
}

/// Closes the account and puts the model together from `parts`, whose number of parameters is filled in here. A tensor that is
/// `dispensable` may be left over.
///
/// # Errors
/// If the tensors were not exactly those that the model needs.
pub(super) fn finish(
    weights: Weights,
    dispensable: impl Fn(&str) -> bool,
    parts: impl FnOnce(usize) -> MaskedEncoderParts,
) -> Result<LoadedWeights, ModelError> {
    let n_parameters = weights.n_parameters();
    let hash = weights.hash();
    weights.finish(dispensable)?;
    Ok(LoadedWeights { model: Arc::new(MaskedEncoder::new(parts(n_parameters))), hash })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_and_bare_names_are_understood() {
        let canonical = |name| canonical(name, "bert", &["embeddings", "encoder"]);
        assert_eq!(canonical("embeddings.LayerNorm.gamma"), "bert.embeddings.LayerNorm.weight");
        assert_eq!(
            canonical("bert.encoder.layer.0.output.LayerNorm.beta"),
            "bert.encoder.layer.0.output.LayerNorm.bias"
        );
        assert_eq!(canonical("cls.predictions.bias"), "cls.predictions.bias");
        assert_eq!(canonical("embeddings_project.weight"), "embeddings_project.weight");
    }

    #[test]
    fn the_pooler_of_this_family_and_buffers_are_no_part_of_the_model() {
        assert!(is_unused_part("bert.pooler.dense.weight", "bert"));
        assert!(is_unused_part("bert.embeddings.position_ids", "bert"));
        assert!(!is_unused_part("albert.pooler.weight", "bert"));
        assert!(!is_unused_part("bert.encoder.layer.0.output.dense.weight", "bert"));
    }
}
