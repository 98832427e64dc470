//! What is added to the word embeddings, and the normalisation that follows.

use burn::Tensor;
use burn::tensor::{Int, TensorData, assert_shape};

use super::Norm;

/// Learned positions, token types and a constant, as the BERT family adds them.
#[derive(Debug, Clone)]
pub struct AddedEmbeddings {
    /// `[max_positions, d_model]`
    pub positions: Tensor<2>,
    /// `[n_types, d_model]`
    pub token_types: Tensor<2>,
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
    type_steps: Tensor<2>,
    norm: Norm,
}

impl InputEmbeddings {
    /// Sums up what can be.
    pub fn new(added: AddedEmbeddings) -> Self {
        let first_type = added.token_types.clone().narrow(0, 0, 1);
        let mut plain = added.positions + first_type.clone();
        if let Some(constant) = added.constant {
            plain = plain + constant.unsqueeze();
        }
        Self { plain, type_steps: added.token_types - first_type, norm: added.norm }
    }

    /// Adds everything to the word embeddings and normalises.
    ///
    /// # Shapes
    ///
    /// - words: `[batch_size, seq_length, d_model]`
    /// - token_types: `[batch_size][seq_length]`
    /// - output: `[batch_size, seq_length, d_model]`
    pub fn forward(&self, words: Tensor<3>, token_types: Option<&[Vec<u32>]>) -> Tensor<3> {
        let [batch_size, seq_length, d_model] = words.dims();
        let [_, width] = self.plain.dims();
        assert_shape!(words, [_, _, width]);
        let plain = self.plain.clone().narrow(0, 0, seq_length);
        let mut sum = words + plain.unsqueeze();
        if let Some(types) = token_types.filter(|types| types.iter().flatten().any(|&kind| kind != 0)) {
            let flat: Vec<i32> = types.iter().flatten().map(|&kind| kind as i32).collect();
            let device = self.type_steps.device();
            let flat: Tensor<1, Int> = Tensor::from_data(TensorData::new(flat, [batch_size * seq_length]), &device);
            sum = sum + self.type_steps.clone().select(0, flat).reshape([batch_size, seq_length, d_model]);
        }
        self.norm.forward(sum)
    }
}
