//! A transformer block that normalises after each part, as BERT does.

use burn::Tensor;

use super::{FeedForward, Norm, PredictRows, Seen, SelfAttention};

/// Attention and feed-forward, each followed by a residual sum and a normalisation.
#[derive(Debug, Clone)]
pub struct EncoderLayer {
    /// Self-attention.
    pub attention: SelfAttention,
    /// The norm after it.
    pub attention_norm: Norm,
    /// The feed-forward part.
    pub feed_forward: FeedForward,
    /// The norm after it.
    pub feed_forward_norm: Norm,
}

impl EncoderLayer {
    /// Takes what is tuned of it from `values`.
    pub fn bind(&mut self, values: &[Tensor<1>]) {
        self.attention.bind(values);
        self.attention_norm.bind(values);
        self.feed_forward.bind(values);
        self.feed_forward_norm.bind(values);
    }

    /// Runs the block at all positions, or, where only `rows` are read afterwards, at those: every position is still seen,
    /// but only `rows` ask.
    ///
    /// # Shapes
    ///
    /// - hidden: `[batch_size, seq_length, d_model]`
    /// - seen: see [`Seen`]
    /// - output: `[batch_size, seq_length, d_model]`, or `[batch_size, n_predict, d_model]` with `rows`; a batch of 1 with all
    ///   rows where sequences stand one after the other
    pub fn forward(&self, hidden: Tensor<3>, seen: Seen<'_>, rows: Option<&PredictRows>) -> Tensor<3> {
        let asking = match rows {
            Some(rows) => rows.select(hidden.clone()),
            None => hidden.clone(),
        };
        let middle = self.attention_norm.forward(self.attention.add_to(asking, hidden, seen));
        self.feed_forward_norm.forward(self.feed_forward.forward(middle.clone(), Some(middle)))
    }
}
