//! A transformer block that normalises before each part, as causal models do.

use burn::Tensor;

use super::{CausalAttention, FeedForward, GatedFeedForward, LayerKeyValues, Norm, PredictRows, RmsNorm, Sight};

/// A normalisation of states.
#[derive(Debug, Clone)]
pub enum StateNorm {
    /// By mean and variance.
    Layer(Box<Norm>),
    /// By the root mean square.
    Rms(Box<RmsNorm>),
}

impl StateNorm {
    /// Takes what is tuned of it from `values`.
    pub fn bind(&mut self, values: &[Tensor<1>]) {
        match self {
            Self::Layer(norm) => norm.bind(values),
            Self::Rms(norm) => norm.bind(values),
        }
    }

    /// Normalises the last axis.
    ///
    /// # Shapes
    ///
    /// - input: `[batch_size, seq_length, d_model]`
    /// - output: `[batch_size, seq_length, d_model]`
    pub fn forward(&self, input: Tensor<3>) -> Tensor<3> {
        match self {
            Self::Layer(norm) => norm.forward(input),
            Self::Rms(norm) => norm.forward(input),
        }
    }
}

/// A feed-forward part.
#[derive(Debug, Clone)]
pub enum StateFeedForward {
    /// Two maps.
    Plain(Box<FeedForward>),
    /// Three, of which one is a gate.
    Gated(Box<GatedFeedForward>),
}

impl StateFeedForward {
    /// Applies it to every position alone, on top of `residual`.
    ///
    /// # Shapes
    ///
    /// - input, residual, output: `[batch_size, seq_length, d_model]`
    pub fn forward(&self, input: Tensor<3>, residual: Option<Tensor<3>>) -> Tensor<3> {
        match self {
            Self::Plain(part) => part.forward(input, residual),
            Self::Gated(part) => part.forward(input, residual),
        }
    }
}

/// Attention and feed-forward, each between a normalisation, perhaps a second one, and a residual sum.
#[derive(Debug, Clone)]
pub struct DecoderLayer {
    /// The norm before attention.
    pub attention_norm: StateNorm,
    /// Attention.
    pub attention: CausalAttention,
    /// The norm after it, before the sum (GLM-4, Gemma 3).
    pub gathered_norm: Option<StateNorm>,
    /// The norm before the feed-forward part.
    pub feed_forward_norm: StateNorm,
    /// The feed-forward part.
    pub feed_forward: StateFeedForward,
    /// The norm after it, before the sum.
    pub inner_norm: Option<StateNorm>,
    /// Which of the model's kinds of sight its attention has.
    pub sight: usize,
}

impl DecoderLayer {
    /// Takes what is tuned of it from `values`.
    pub fn bind(&mut self, values: &[Tensor<1>]) {
        self.attention.bind(values);
        match &mut self.feed_forward {
            StateFeedForward::Plain(part) => part.bind(values),
            StateFeedForward::Gated(part) => part.bind(values),
        }
        let norms = [Some(&mut self.attention_norm), self.gathered_norm.as_mut()];
        let norms = norms.into_iter().chain([Some(&mut self.feed_forward_norm), self.inner_norm.as_mut()]);
        norms.flatten().for_each(|norm| norm.bind(values));
    }

    /// Runs the block at all positions, or, where only `rows` are read afterwards, at those; and where they are to be `kept`,
    /// gives the keys and values of all positions.
    ///
    /// # Shapes
    ///
    /// - hidden: `[batch_size, seq_length, d_model]`
    /// - output: `[batch_size, seq_length, d_model]`, or `[batch_size, n_predict, d_model]` with `rows`; a batch of 1 with all
    ///   rows where sequences stand one after the other
    pub fn forward(
        &self,
        hidden: Tensor<3>,
        rows: Option<&PredictRows>,
        sight: &Sight,
        past: Option<&LayerKeyValues>,
        kept: bool,
    ) -> (Tensor<3>, Option<LayerKeyValues>) {
        let normed = self.attention_norm.forward(hidden.clone());
        let (asking, residual) = match rows {
            Some(rows) => (rows.select(normed.clone()), rows.select(hidden)),
            None => (normed.clone(), hidden),
        };
        let (middle, key_values) = match &self.gathered_norm {
            None => self.attention.forward((asking, Some(residual)), normed, sight, past, kept),
            Some(norm) => {
                let (gathered, key_values) = self.attention.forward((asking, None), normed, sight, past, kept);
                (residual + norm.forward(gathered), key_values)
            }
        };
        let input = self.feed_forward_norm.forward(middle.clone());
        let output = match &self.inner_norm {
            None => self.feed_forward.forward(input, Some(middle)),
            Some(norm) => middle + norm.forward(self.feed_forward.forward(input, None)),
        };
        (output, key_values)
    }
}
