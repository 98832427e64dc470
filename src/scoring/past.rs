//! A prompt's prefix as the keys and values that stand before a batch.

use std::collections::HashMap;

use burn::tensor::{Tensor, TensorData};

use crate::model::KeyValues;
use crate::prompt::{Prefix, PrefixShape, Prompt, Template};

use super::batch::Sequence;
use super::{Scorer, ScoringError};

/// For each prompt the first that has the same prefix: sequences share a batch only where these are equal. 0 for all without.
pub(super) fn prefix_groups<'p>(prompts: impl Iterator<Item = &'p Prompt>) -> Vec<usize> {
    let mut first: HashMap<&Prefix, usize> = HashMap::new();
    prompts
        .enumerate()
        .map(|(index, prompt)| match &prompt.prefix {
            Some(prefix) => 1 + *first.entry(prefix).or_insert(index),
            None => 0,
        })
        .collect()
}

/// A prefix's numbers as keys and values by layer, differentiable.
///
/// # Shapes
/// - numbers: `[n_prefix, n_layers * 2 * d_keys]`
/// - output: each `[1, n_heads, n_prefix, d_head]`
pub(super) fn key_values(numbers: Tensor<2>, shape: PrefixShape) -> KeyValues {
    let PrefixShape { n_prefix, n_layers, n_heads, d_head } = shape;
    let parts: Tensor<4> = numbers.reshape([n_prefix, 2 * n_layers, n_heads, d_head]).permute([1, 2, 0, 3]);
    let part = |place| parts.clone().narrow(0, place, 1);
    KeyValues { layers: (0..n_layers).map(|layer| (part(2 * layer), part(2 * layer + 1))).collect() }
}

impl Scorer {
    /// The shape of a prefix of `n_prefix` positions before this model.
    pub fn prefix_shape(&self, n_prefix: usize) -> PrefixShape {
        let model = &self.loaded().model;
        let (n_heads, d_head) = model.key_value_heads();
        PrefixShape { n_prefix, n_layers: model.shape().n_layers, n_heads, d_head }
    }

    /// Checks that the model can have a prefix, where a template has one: of an encoder and a decoder with other heads the keys and
    /// values have no one shape.
    pub(super) fn check_sides(&self, template: &Template) -> Result<(), ScoringError> {
        let unlike = self.loaded().model.seq2seq().is_some_and(|model| !model.sides_alike());
        if !unlike || template.n_prefix() == 0 {
            return Ok(());
        }
        Err(ScoringError::Prefix {
            template: template.to_string(),
            reason: format!(
                "the encoder and the decoder of {} have other heads, and a prefix needs the same (a soft prompt does not)",
                self.loaded().name
            ),
        })
    }

    /// Checks that a prompt's prefix is what its template and the model want.
    pub(super) fn check_prefix(&self, prompt: &Prompt) -> Result<(), ScoringError> {
        self.check_sides(&prompt.template)?;
        let expected = self.prefix_shape(prompt.template.n_prefix());
        let reason = match &prompt.prefix {
            None if expected.n_prefix == 0 => return Ok(()),
            Some(prefix) if prefix.shape() == expected => return Ok(()),
            None => "its {prefix} has no keys and values here: a `prefix` item of an experiment trains them, and its \
                     prompt.safetensors holds them"
                .to_owned(),
            Some(prefix) => {
                let words = |shape: PrefixShape| {
                    let PrefixShape { n_prefix, n_layers, n_heads, d_head } = shape;
                    format!("{n_prefix} positions in {n_layers} layers of {n_heads} x {d_head}")
                };
                format!(
                    "its prefix has {}, and {} are needed by the template and {}",
                    words(prefix.shape()),
                    words(expected),
                    self.loaded().name
                )
            }
        };
        Err(ScoringError::Prefix { template: prompt.template.to_string(), reason })
    }

    /// What stands before a batch, all of whose prompts have the same prefix or none.
    pub(super) fn past<'p>(
        &self,
        batch: &[Sequence],
        prompt_of: impl Fn(usize) -> Option<&'p Prompt>,
    ) -> Option<KeyValues> {
        let prefix = prompt_of(batch.first()?.prompt)?.prefix.as_ref()?;
        let shape = prefix.shape();
        let data = TensorData::new(prefix.values().to_vec(), [shape.n_prefix, shape.width()]);
        Some(key_values(Tensor::from_data(data, &self.loaded().model.device()), shape))
    }
}
