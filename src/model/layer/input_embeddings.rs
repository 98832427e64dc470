//! What is added to the word embeddings, and the normalisation that follows.

use burn::Tensor;
use burn::tensor::{Int, TensorData, assert_shape};

use super::Norm;

/// Learned positions, token types and a constant, as the BERT family adds them.
#[derive(Debug, Clone)]
pub struct AddedEmbeddings {
    /// `[n_rows, d_model]`
    pub positions: Tensor<2>,
    /// The row of `positions` that belongs to the first token: not 0 in RoBERTa.
    pub first_position: usize,
    /// `[n_types, d_model]`, where the family has types.
    pub token_types: Option<Tensor<2>>,
    /// `[d_model]`: added everywhere (ERNIE's task type).
    pub constant: Option<Tensor<1>>,
    /// The norm of the sum.
    pub norm: Norm,
}

/// [`AddedEmbeddings`] summed up as far as they do not depend on the input.
#[derive(Debug, Clone)]
pub struct InputEmbeddings {
    /// Positions + token type 0 + constant `[max_positions, d_model]`: nearly every input has but one type.
    plain: Tensor<2>,
    /// Each type minus type 0 `[n_types, d_model]`.
    type_steps: Option<Tensor<2>>,
    norm: Norm,
}

impl InputEmbeddings {
    /// Sums up what can be.
    pub fn new(added: AddedEmbeddings) -> Self {
        let [n_rows, _] = added.positions.dims();
        let mut plain = added.positions.narrow(0, added.first_position, n_rows - added.first_position);
        let mut type_steps = None;
        if let Some(token_types) = added.token_types {
            let first_type = token_types.clone().narrow(0, 0, 1);
            plain = plain + first_type.clone();
            type_steps = Some(token_types - first_type);
        }
        if let Some(constant) = added.constant {
            plain = plain + constant.unsqueeze();
        }
        Self { plain, type_steps, norm: added.norm }
    }

    /// Adds everything to the word embeddings, whose positions count from `first`, and normalises.
    ///
    /// # Shapes
    ///
    /// - words: `[batch_size, seq_length, d_model]`
    /// - token_types: `[batch_size][seq_length]`
    /// - output: `[batch_size, seq_length, d_model]`
    ///
    /// # Panics
    ///
    /// Panics if there are more positions than the model has, or a token type that it does not have.
    pub fn forward(&self, words: Tensor<3>, first: usize, token_types: Option<&[Vec<u32>]>) -> Tensor<3> {
        let [batch_size, seq_length, d_model] = words.dims();
        let [_, width] = self.plain.dims();
        assert_shape!(words, [_, _, width]);
        let plain = self.plain.clone().narrow(0, first, seq_length);
        let mut sum = words + plain.unsqueeze();
        if let Some(types) = token_types.filter(|types| types.iter().flatten().any(|&kind| kind != 0)) {
            let n_types = self.type_steps.as_ref().map_or(1, |steps| steps.dims()[0]);
            let flat: Vec<i32> = types
                .iter()
                .flatten()
                .map(|&kind| {
                    assert!((kind as usize) < n_types, "token type {kind} in a model that has {n_types}");
                    kind as i32
                })
                .collect();
            if let Some(steps) = &self.type_steps {
                let flat: Tensor<1, Int> =
                    Tensor::from_data(TensorData::new(flat, [batch_size * seq_length]), &steps.device());
                sum = sum + steps.clone().select(0, flat).reshape([batch_size, seq_length, d_model]);
            }
        }
        self.norm.forward(sum)
    }
}
