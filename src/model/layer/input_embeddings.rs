//! What is added to the word embeddings, and the normalisation that follows.

use burn::Tensor;
use burn::tensor::{Int, TensorData, assert_shape};

use super::Norm;
use crate::model::tuning::{Weight, alike};

/// Learned positions, token types and a constant, as the BERT family adds them.
#[derive(Debug, Clone)]
pub struct AddedEmbeddings {
    /// `[n_rows, d_model]`
    pub positions: Weight<2>,
    /// The row of `positions` that belongs to the first token: not 0 in RoBERTa.
    pub first_position: usize,
    /// `[n_types, d_model]`, where the family has types.
    pub token_types: Option<Weight<2>>,
    /// `[1, d_model]`: added everywhere (ERNIE's task type).
    pub constant: Option<Weight<2>>,
    /// The norm of the sum.
    pub norm: Norm,
}

impl AddedEmbeddings {
    /// Positions + token type 0 + constant, and each type minus type 0.
    fn summed(&self) -> (Tensor<2>, Option<Tensor<2>>) {
        let [n_rows, _] = self.positions.dims();
        let mut plain = self.positions.get().narrow(0, self.first_position, n_rows - self.first_position);
        let mut type_steps = None;
        if let Some(token_types) = &self.token_types {
            let token_types = token_types.get();
            let first_type = token_types.clone().narrow(0, 0, 1);
            plain = plain + first_type.clone();
            type_steps = Some(token_types - first_type);
        }
        if let Some(constant) = &self.constant {
            plain = plain + constant.get();
        }
        (plain, type_steps)
    }
}

/// [`AddedEmbeddings`] summed up as far as they do not depend on the input.
#[derive(Debug, Clone)]
pub struct InputEmbeddings {
    /// Positions + token type 0 + constant `[max_positions, d_model]`: nearly every input has but one type.
    plain: Tensor<2>,
    /// Each type minus type 0 `[n_types, d_model]`.
    type_steps: Option<Tensor<2>>,
    norm: Norm,
    /// What it was made of, where any of it is tuned.
    parts: Option<Box<AddedEmbeddings>>,
}

impl InputEmbeddings {
    /// Sums up what can be.
    pub fn new(added: AddedEmbeddings) -> Self {
        let tables = [Some(&added.positions), added.token_types.as_ref(), added.constant.as_ref()];
        let is_tuned = tables.into_iter().flatten().any(Weight::is_tuned);
        let (plain, type_steps) = added.summed();
        Self { plain, type_steps, norm: added.norm.clone(), parts: is_tuned.then(|| Box::new(added)) }
    }

    /// Takes what is tuned of it from `values`.
    pub fn bind(&mut self, values: &[Tensor<1>]) {
        self.norm.bind(values);
        let Some(parts) = &mut self.parts else { return };
        parts.positions.bind(values);
        [&mut parts.token_types, &mut parts.constant].into_iter().flatten().for_each(|table| table.bind(values));
        (self.plain, self.type_steps) = parts.summed();
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
        let (words, plain) = alike(words, plain);
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
                let (all, steps) = alike(sum, steps.clone().select(0, flat));
                sum = all + steps.reshape([batch_size, seq_length, d_model]);
            }
        }
        self.norm.forward(sum)
    }
}
