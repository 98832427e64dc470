//! Attention of a decoder to what an encoder has read.

use burn::Tensor;
use burn::tensor::activation::softmax;
use burn::tensor::{Int, assert_shape};

use super::Linear;
use crate::model::kernel::{AttentionShape, Columns, attend, map};

/// Scaled dot-product attention whose keys and values come from the encoder's states (Vaswani et al., arXiv:1706.03762).
#[derive(Debug, Clone)]
pub struct CrossAttention {
    /// To `n_heads * d_head`, of the decoder's states.
    pub query: Linear,
    /// To `n_heads * d_head`, of the encoder's states.
    pub key: Linear,
    /// To `n_heads * d_head`, of the encoder's states.
    pub value: Linear,
    /// Back from `n_heads * d_head`.
    pub output: Linear,
    /// What scores are multiplied by.
    pub scale: f64,
    /// Heads.
    pub n_heads: usize,
    /// Dimensions of a head.
    pub d_head: usize,
}

/// Which of the encoder's positions the decoder's rows see.
#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "two a forward pass, never in a list")]
pub enum CrossSight {
    /// Of padded rows.
    Padded {
        /// Hides the padding of the encoder's rows `[batch_size, 1, 1, n_source_positions]`.
        bias: Option<Tensor<4>>,
        /// The encoder's row that each row of the decoder sees.
        sources: Tensor<1, Int>,
    },
    /// Of sequences one after the other: the encoder's, with as many askers each as rows of the decoder see it.
    Packed(Columns),
}

impl CrossAttention {
    /// Keys, then values, of the encoder's states: computed once for whatever the decoder reads.
    ///
    /// # Shapes
    ///
    /// - memory: `[n_sources, n_source_positions, d_model]`; a batch of 1 with all rows where sequences stand one after the other
    /// - output: the same with `2 * n_heads * d_head`
    pub fn keys_values(&self, memory: Tensor<3>) -> Tensor<3> {
        match (self.key.frozen(), self.value.frozen()) {
            (Some(key), Some(value)) => map(memory, &[key.clone(), value.clone()], None),
            _ => Tensor::cat(vec![self.key.forward(memory.clone()), self.value.forward(memory)], 2),
        }
    }

    /// What the `asking` rows gather, on top of `residual`.
    ///
    /// # Shapes
    ///
    /// - asking, residual, output: `[batch_size, n_asking, d_model]`; a batch of 1 with all rows where sequences stand one after
    ///   the other
    /// - keys_values: see [`keys_values`](Self::keys_values)
    pub fn forward(
        &self,
        asking: Tensor<3>,
        residual: Tensor<3>,
        keys_values: Tensor<3>,
        sight: &CrossSight,
    ) -> Tensor<3> {
        let query = self.query.forward(asking);
        let gathered = match sight {
            CrossSight::Packed(columns) => {
                let (n_heads, d_head) = (self.n_heads, self.d_head);
                let shape = AttentionShape { n_heads, n_kv_heads: n_heads, d_head, scale: self.scale as f32 };
                attend(query, keys_values, None, shape, columns)
            }
            CrossSight::Padded { bias, sources } => self.padded(query, keys_values, bias.as_ref(), sources),
        };
        self.output.add_to(residual, gathered)
    }

    fn padded(
        &self,
        query: Tensor<3>,
        keys_values: Tensor<3>,
        bias: Option<&Tensor<4>>,
        sources: &Tensor<1, Int>,
    ) -> Tensor<3> {
        let [batch_size, n_asking, width] = query.dims();
        let [_, n_seen, _] = keys_values.dims();
        assert_shape!(keys_values, [_, _, 2 * width]);
        let heads = |states: Tensor<3>| -> Tensor<4> {
            let [_, n, _] = states.dims();
            states.reshape([batch_size, n, self.n_heads, self.d_head]).swap_dims(1, 2)
        };
        let own = keys_values.select(0, sources.clone());
        let (key, value) = (heads(own.clone().narrow(2, 0, width)), heads(own.narrow(2, width, width)));
        let scores = (heads(query) * self.scale).matmul(key.transpose());
        assert_shape!(scores, [_, _, _, n_seen]);
        let scores = match bias {
            Some(bias) => scores + bias.clone(),
            None => scores,
        };
        softmax(scores, 3).matmul(value).swap_dims(1, 2).reshape([batch_size, n_asking, width])
    }
}
