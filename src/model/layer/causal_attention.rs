//! Attention to what stands to the left, with grouped heads.

use burn::Tensor;
use burn::tensor::activation::softmax;
use burn::tensor::assert_shape;

use super::{Linear, RmsNorm, Rotation};

/// Scaled dot-product attention in which several query heads share a head of keys and values (Ainslie et al.,
/// arXiv:2305.13245); with as many of the one as of the other it is the plain one.
#[derive(Debug, Clone)]
pub struct CausalAttention {
    /// To `n_heads * d_head`.
    pub query: Linear,
    /// To `n_kv_heads * d_head`.
    pub key: Linear,
    /// To `n_kv_heads * d_head`.
    pub value: Linear,
    /// Back from `n_heads * d_head`.
    pub output: Linear,
    /// Norms of each query and each key before they turn (Qwen3, Gemma 3).
    pub norms: Option<(RmsNorm, RmsNorm)>,
    /// What scores are multiplied by.
    pub scale: f64,
    /// Query heads.
    pub n_heads: usize,
    /// Heads of keys and values; the query heads are a multiple of them.
    pub n_kv_heads: usize,
    /// Dimensions of a head.
    pub d_head: usize,
}

/// What a forward pass tells its attention: the same for all layers of a kind.
#[derive(Debug, Clone)]
pub struct Sight {
    /// Added to the scores `[1 or batch_size, 1, n_asking, n_past + seq_length]`.
    pub bias: Option<Tensor<4>>,
    /// The rotations at the asking positions.
    pub query_rotation: Option<Rotation>,
    /// The rotations at all positions of the input.
    pub key_rotation: Option<Rotation>,
}

/// Keys and values, each `[batch_size, n_kv_heads, n_positions, d_head]`.
pub type LayerKeyValues = (Tensor<4>, Tensor<4>);

impl CausalAttention {
    /// What the `asking` positions gather from the `past` and all `hidden` ones that they see; and the keys and values of both.
    ///
    /// # Shapes
    ///
    /// - asking: `[batch_size, n_asking, d_model]`
    /// - hidden: `[batch_size, seq_length, d_model]`
    /// - past: `[1 or batch_size, n_kv_heads, n_past, d_head]`
    /// - output: `[batch_size, n_asking, d_model]`
    pub fn forward(
        &self,
        asking: Tensor<3>,
        hidden: Tensor<3>,
        sight: &Sight,
        past: Option<&LayerKeyValues>,
    ) -> (Tensor<3>, LayerKeyValues) {
        let [batch_size, n_asking, d_model] = asking.dims();
        assert_shape!(hidden, [batch_size, _, d_model]);
        let (n_kv_heads, d_head) = (self.n_kv_heads, self.d_head);
        let n_group = self.n_heads / n_kv_heads;

        let mut query = heads(self.query.forward(asking), self.n_heads);
        let mut key = heads(self.key.forward(hidden.clone()), n_kv_heads);
        let value = heads(self.value.forward(hidden), n_kv_heads).swap_dims(1, 2);
        if let Some((query_norm, key_norm)) = &self.norms {
            query = query_norm.forward(query);
            key = key_norm.forward(key);
        }
        if let Some(rotation) = &sight.query_rotation {
            query = rotation.apply(query);
        }
        if let Some(rotation) = &sight.key_rotation {
            key = rotation.apply(key);
        }
        let key = key.swap_dims(1, 2);
        let (key, value) = match past {
            Some((keys, values)) => (join_past(keys, key), join_past(values, value)),
            None => (key, value),
        };

        // The query heads that share keys stand below one another in one matrix, so that keys are never repeated.
        let query = query.swap_dims(1, 2) * self.scale;
        let query = query.reshape([batch_size, n_kv_heads, n_group * n_asking, d_head]);
        let scores = query.matmul(key.clone().transpose());
        let [_, _, _, n_seen] = scores.dims();
        let scores = scores.reshape([batch_size, self.n_heads, n_asking, n_seen]);
        let scores = match &sight.bias {
            Some(bias) => scores + bias.clone(),
            None => scores,
        };
        let shares = softmax(scores, 3).reshape([batch_size, n_kv_heads, n_group * n_asking, n_seen]);
        let gathered = shares.matmul(value.clone()).reshape([batch_size, self.n_heads, n_asking, d_head]);
        let flat = gathered.swap_dims(1, 2).reshape([batch_size, n_asking, self.n_heads * d_head]);
        (self.output.forward(flat), (key, value))
    }
}

/// `[batch_size, seq_length, n_heads * d_head]` -> `[batch_size, seq_length, n_heads, d_head]`
fn heads(states: Tensor<3>, n_heads: usize) -> Tensor<4> {
    let [batch_size, seq_length, width] = states.dims();
    states.reshape([batch_size, seq_length, n_heads, width / n_heads])
}

/// What was there before, for every row, and then the new.
///
/// # Shapes
///
/// - past: `[1 or batch_size, n_kv_heads, n_past, d_head]`
/// - new: `[batch_size, n_kv_heads, seq_length, d_head]`
/// - output: `[batch_size, n_kv_heads, n_past + seq_length, d_head]`
pub fn join_past(past: &Tensor<4>, new: Tensor<4>) -> Tensor<4> {
    let [batch_size, n_heads, _, d_head] = new.dims();
    let [_, _, n_past, _] = past.dims();
    assert_shape!(past, [_, n_heads, _, d_head]);
    let past = past.clone().expand([batch_size, n_heads, n_past, d_head]);
    // Joining wants both on the same device, and a prefix may be trained where the embeddings are not, or the other way round.
    if past.is_autodiff() || new.is_autodiff() {
        Tensor::cat(vec![Tensor::from_inner(past), Tensor::from_inner(new)], 2)
    } else {
        Tensor::cat(vec![past, new], 2)
    }
}
