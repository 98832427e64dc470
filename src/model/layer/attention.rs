//! Multi-head self-attention that asks only where it is told to.

use burn::Tensor;
use burn::tensor::activation::softmax;
use burn::tensor::assert_shape;

use super::Linear;
use crate::model::weights::Weights;

/// Scaled dot-product attention over several heads (Vaswani et al., arXiv:1706.03762).
#[derive(Debug, Clone)]
pub struct SelfAttention {
    query: Linear,
    key: Linear,
    value: Linear,
    output: Linear,
    n_heads: usize,
}

/// The names of the four maps of a [`SelfAttention`] in a checkpoint.
pub struct AttentionNames<'a> {
    /// Prefix common to all four.
    pub prefix: &'a str,
    /// The rest of each: query, key, value, output.
    pub maps: [&'a str; 4],
}

impl SelfAttention {
    /// Takes the four maps `<prefix>.<map>`.
    pub fn load(weights: &mut Weights, names: &AttentionNames<'_>, d_model: usize, n_heads: usize) -> Self {
        let [query, key, value, output] =
            names.maps.map(|map| Linear::load(weights, &format!("{}.{map}", names.prefix), d_model, d_model));
        Self { query, key, value, output, n_heads }
    }

    /// What the `asking` positions gather from all `hidden` ones.
    ///
    /// # Shapes
    ///
    /// - asking: `[batch_size, n_asking, d_model]`
    /// - hidden: `[batch_size, seq_length, d_model]`
    /// - bias: `[batch_size, 1, 1, seq_length]`, added to the attention scores
    /// - output: `[batch_size, n_asking, d_model]`
    pub fn forward(&self, asking: Tensor<3>, hidden: Tensor<3>, bias: Option<Tensor<4>>) -> Tensor<3> {
        let [batch_size, n_asking, d_model] = asking.dims();
        assert_shape!(hidden, [batch_size, _, d_model]);
        let d_head = d_model / self.n_heads;

        // The queries are the smaller factor, so the scale is cheapest there.
        let query = self.heads(self.query.forward(asking)) * (d_head as f64).powf(-0.5);
        let key = self.heads(self.key.forward(hidden.clone()));
        let value = self.heads(self.value.forward(hidden));

        let scores = query.matmul(key.transpose());
        let scores = match bias {
            Some(bias) => scores + bias,
            None => scores,
        };
        let gathered = softmax(scores, 3).matmul(value);
        let joined = gathered.swap_dims(1, 2).reshape([batch_size, n_asking, d_model]);
        self.output.forward(joined)
    }

    /// `[batch_size, seq_length, d_model]` -> `[batch_size, n_heads, seq_length, d_head]`
    fn heads(&self, states: Tensor<3>) -> Tensor<4> {
        let [batch_size, seq_length, d_model] = states.dims();
        states.reshape([batch_size, seq_length, self.n_heads, d_model / self.n_heads]).swap_dims(1, 2)
    }
}
