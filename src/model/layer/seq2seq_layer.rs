//! A transformer block of a model that reads one text and writes another.

use burn::Tensor;

use super::{
    CausalAttention, CrossAttention, CrossSight, LayerKeyValues, PredictRows, Sight, StateFeedForward, StateNorm,
};

/// Attention, in a decoder attention to the encoder, and a feed-forward part, each with a residual sum and a normalisation: before
/// the part (T5, mBART) or after the sum (BART).
#[derive(Debug, Clone)]
pub struct Seq2SeqLayer {
    /// Whether a part's norm comes before it.
    pub norm_first: bool,
    /// Attention within the text.
    pub attention: CausalAttention,
    /// Its norm.
    pub attention_norm: StateNorm,
    /// Attention to the encoder with its norm; none in an encoder.
    pub cross: Option<(CrossAttention, StateNorm)>,
    /// The feed-forward part.
    pub feed_forward: StateFeedForward,
    /// Its norm.
    pub feed_forward_norm: StateNorm,
}

impl Seq2SeqLayer {
    /// Runs the block at all positions, or, where only `rows` are read afterwards, at those; and where they are to be `kept`,
    /// gives the keys and values of all positions. `memory` are the encoder's keys and values, and what is seen of them by the
    /// rows that ask.
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
        memory: Option<(&Tensor<3>, &CrossSight)>,
        past: Option<&LayerKeyValues>,
        kept: bool,
    ) -> (Tensor<3>, Option<LayerKeyValues>) {
        let input = self.before(&self.attention_norm, hidden.clone());
        let (asking, residual) = match rows {
            Some(rows) => (rows.select(input.clone()), rows.select(hidden)),
            None => (input.clone(), hidden),
        };
        let (states, key_values) = self.attention.forward((asking, Some(residual)), input, sight, past, kept);
        let mut states = self.after(&self.attention_norm, states);
        if let (Some((attention, norm)), Some((keys_values, sight))) = (&self.cross, memory) {
            let input = self.before(norm, states.clone());
            states = self.after(norm, attention.forward(input, states, keys_values.clone(), sight));
        }
        let input = self.before(&self.feed_forward_norm, states.clone());
        let states = self.after(&self.feed_forward_norm, self.feed_forward.forward(input, Some(states)));
        (states, key_values)
    }

    fn before(&self, norm: &StateNorm, states: Tensor<3>) -> Tensor<3> {
        if self.norm_first { norm.forward(states) } else { states }
    }

    fn after(&self, norm: &StateNorm, states: Tensor<3>) -> Tensor<3> {
        if self.norm_first { states } else { norm.forward(states) }
    }
}
