//! Attention to what stands to the left, with grouped heads.

use burn::Tensor;
use burn::tensor::activation::softmax;
use burn::tensor::assert_shape;

use super::{Linear, RmsNorm, Rotation, side_by_side};
use crate::model::kernel::{AttentionShape, Columns, Turn, attend, rotate};

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
#[expect(clippy::large_enum_variant, reason = "one or two a forward pass, never in a list")]
pub enum Sight {
    /// Of padded rows.
    Padded {
        /// Added to the scores `[1 or batch_size, 1, n_asking, n_past + seq_length]`.
        bias: Option<Tensor<4>>,
        /// The rotations at the asking positions.
        query_rotation: Option<Rotation>,
        /// The rotations at all positions of the input.
        key_rotation: Option<Rotation>,
    },
    /// Of sequences one after the other.
    Packed {
        /// Where they are and what they see.
        columns: Columns,
        /// How the asking rows turn.
        query_turn: Option<Turn>,
        /// How all rows turn.
        key_turn: Option<Turn>,
    },
}

/// Keys and values, each `[batch_size, n_kv_heads, n_positions, d_head]`.
pub type LayerKeyValues = (Tensor<4>, Tensor<4>);

impl CausalAttention {
    /// Takes what is tuned of it from `values`.
    pub fn bind(&mut self, values: &[Tensor<1>]) {
        [&mut self.query, &mut self.key, &mut self.value, &mut self.output]
            .into_iter()
            .for_each(|map| map.bind(values));
        if let Some((query, key)) = &mut self.norms {
            query.bind(values);
            key.bind(values);
        }
    }

    /// What the `asking` positions gather from the `past` and all `hidden` ones that they see, on top of `residual`; and where
    /// they are to be `kept`, the keys and values of both.
    ///
    /// # Shapes
    ///
    /// - asking, residual: `[batch_size, n_asking, d_model]`
    /// - hidden: `[batch_size, seq_length, d_model]`
    /// - past: `[1 or batch_size, n_kv_heads, n_past, d_head]`
    /// - output: `[batch_size, n_asking, d_model]`; a batch of 1 with all rows where sequences stand one after the other
    ///
    /// # Panics
    ///
    /// Panics if keys and values of sequences of several lengths are to be kept.
    pub fn forward(
        &self,
        (asking, residual): (Tensor<3>, Option<Tensor<3>>),
        hidden: Tensor<3>,
        sight: &Sight,
        past: Option<&LayerKeyValues>,
        kept: bool,
    ) -> (Tensor<3>, Option<LayerKeyValues>) {
        match sight {
            Sight::Packed { columns, query_turn, key_turn } => {
                let mut query = self.query.forward(asking);
                let mut keys_values = self.keys_values(hidden);
                if let Some((query_norm, key_norm)) = &self.norms {
                    query = query_norm.forward_heads(query, self.n_heads);
                    keys_values = key_norm.forward_heads(keys_values, self.n_kv_heads);
                }
                if let Some(turn) = query_turn {
                    query = rotate(query, turn, self.n_heads);
                }
                if let Some(turn) = key_turn {
                    keys_values = rotate(keys_values, turn, self.n_kv_heads);
                }
                let kept = kept.then(|| self.kept(keys_values.clone(), columns.segments.len(), past));
                let shape = AttentionShape {
                    n_heads: self.n_heads,
                    n_kv_heads: self.n_kv_heads,
                    d_head: self.d_head,
                    scale: self.scale as f32,
                };
                (self.put_out(attend(query, keys_values, past.cloned(), shape, columns), residual), kept)
            }
            Sight::Padded { bias, query_rotation, key_rotation } => {
                let (flat, kept) = self.padded(asking, hidden, bias.as_ref(), [query_rotation, key_rotation], past);
                (self.put_out(flat, residual), Some(kept))
            }
        }
    }

    fn put_out(&self, gathered: Tensor<3>, residual: Option<Tensor<3>>) -> Tensor<3> {
        match residual {
            Some(residual) => self.output.add_to(residual, gathered),
            None => self.output.forward(gathered),
        }
    }

    fn padded(
        &self,
        asking: Tensor<3>,
        hidden: Tensor<3>,
        bias: Option<&Tensor<4>>,
        [query_rotation, key_rotation]: [&Option<Rotation>; 2],
        past: Option<&LayerKeyValues>,
    ) -> (Tensor<3>, LayerKeyValues) {
        let [batch_size, n_asking, d_model] = asking.dims();
        assert_shape!(hidden, [batch_size, _, d_model]);
        let (n_kv_heads, d_head) = (self.n_kv_heads, self.d_head);
        let n_group = self.n_heads / n_kv_heads;

        let mut query = self.query.forward(asking);
        let mut key = self.key.forward(hidden.clone());
        let value = heads(self.value.forward(hidden), n_kv_heads).swap_dims(1, 2);
        if let Some((query_norm, key_norm)) = &self.norms {
            query = query_norm.forward_heads(query, self.n_heads);
            key = key_norm.forward_heads(key, n_kv_heads);
        }
        let (mut query, mut key) = (heads(query, self.n_heads), heads(key, n_kv_heads));
        if let Some(rotation) = query_rotation {
            query = rotation.apply(query);
        }
        if let Some(rotation) = key_rotation {
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
        let scores = match bias {
            Some(bias) => scores + bias.clone(),
            None => scores,
        };
        let shares = softmax(scores, 3).reshape([batch_size, n_kv_heads, n_group * n_asking, n_seen]);
        let gathered = shares.matmul(value.clone()).reshape([batch_size, self.n_heads, n_asking, d_head]);
        (gathered.swap_dims(1, 2).reshape([batch_size, n_asking, self.n_heads * d_head]), (key, value))
    }

    /// Keys and values side by side: `[1, n_rows, 2 * n_kv_heads * d_head]`.
    fn keys_values(&self, hidden: Tensor<3>) -> Tensor<3> {
        side_by_side(hidden, &self.key, &self.value)
    }

    /// Keys and values of `n` sequences of one length behind what stands before them.
    fn kept(&self, keys_values: Tensor<3>, n: usize, past: Option<&LayerKeyValues>) -> LayerKeyValues {
        let [_, n_rows, _] = keys_values.dims();
        let own = keys_values.reshape([n, n_rows / n, 2 * self.n_kv_heads, self.d_head]).swap_dims(1, 2);
        let (keys, values) =
            (own.clone().narrow(1, 0, self.n_kv_heads), own.narrow(1, self.n_kv_heads, self.n_kv_heads));
        match past {
            Some((past_keys, past_values)) => (join_past(past_keys, keys), join_past(past_values, values)),
            None => (keys, values),
        }
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
