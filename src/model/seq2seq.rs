//! What a model that reads one text and writes another can do beyond the front door.
//!
//! # Decisions
//!
//! - 2026-11: a row of a batch holds what the encoder reads and behind it what the decoder reads, as one run of embeddings. So
//!   triggers, virtual tokens, label words and gradients come through the same door as everywhere else. Refused: a second tensor of
//!   embeddings, which every user of the front door would have to know.
//! - 2026-11: a row may have nothing for the encoder and name an earlier row whose encoder it shares
//!   ([`Inputs::parents`]), so that label words are read off one encoder pass.
//! - 2026-11: keys and values before the input ([`Inputs::past`]) are those of the encoder's blocks, then those of the decoder's: each
//!   side's own attention sees them, attention across does not, and positions count on from there. Refused: a prefix of attention
//!   across, which would be a third one beside the two that every model has (Li and Liang, arXiv:2101.00190, have all three).

use burn::Tensor;

use super::{Inputs, KeyValues};

/// Where such a model is asked for a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerPlace {
    /// At the mask, with the input itself, shifted right, before the decoder (BART).
    Mask,
    /// After the sentinel that stands for the gap, which the decoder begins with (T5).
    Sentinel,
}

/// The encoder's keys and values of every block of the decoder, computed once for whatever the decoder reads.
#[derive(Debug, Clone)]
pub struct Memory {
    /// By block of the decoder, keys, then values: `[n_sources, n_positions, 2 * n_heads * d_head]`, or
    /// `[1, n_rows, 2 * n_heads * d_head]` where sequences stand one after the other.
    pub layers: Vec<Tensor<3>>,
    /// The positions of each of the encoder's sequences.
    pub lengths: Vec<usize>,
}

/// A frozen model with an encoder and a decoder.
pub trait Seq2SeqModel: Send + Sync {
    /// The token that the decoder begins with.
    fn start_id(&self) -> u32;

    /// The token that always is the first written, where the model has one.
    fn first_id(&self) -> Option<u32>;

    /// The tokens of which one always is the last, where a text reaches the length that was asked for; empty where the model has
    /// none.
    fn last_ids(&self) -> &[u32];

    /// Whether both sides have as many heads of keys and values, and of the same width: keys and values of all blocks, as a prefix has
    /// them, have one shape then.
    fn sides_alike(&self) -> bool;

    /// Where a word is asked for.
    fn answer_place(&self) -> AnswerPlace;

    /// [`predict`](super::LanguageModel::predict) of rows whose first `decoder_from[row]` positions the encoder reads and whose
    /// other positions the decoder reads; predict positions are of the decoder's part. A row with a
    /// [parent](Inputs::parents) has no encoder part and sees that of its parent, which has one; rows that share one stand one
    /// after the other.
    ///
    /// # Shapes
    ///
    /// - output: `[batch_size, n_predict, d_model]`
    ///
    /// # Panics
    ///
    /// Panics if the inputs do not fit together.
    fn predict_pairs(&self, inputs: Inputs, decoder_from: &[usize]) -> Tensor<3>;

    /// Runs the encoder over whole rows; where they are read does not matter.
    fn encode(&self, inputs: &Inputs) -> Memory;

    /// Runs the decoder over rows of one length, each after its past (the decoder's blocks alone) and looking at the encoder's sequence that `sources` names,
    /// in ascending order; and gives the keys and values for going on.
    ///
    /// # Shapes
    ///
    /// - output: `[batch_size, n_predict, d_model]`
    fn decode(&self, memory: &Memory, sources: &[usize], inputs: Inputs) -> (Tensor<3>, KeyValues);

    /// The states after the embeddings and after each block, at all positions: of the encoder, and of the decoder, for comparing
    /// with a reference implementation. The last norms are not in them.
    ///
    /// # Shapes
    ///
    /// - output: tensors `[batch_size, longest encoder part or decoder part, d_model]`
    fn states_of_both(&self, inputs: &Inputs, decoder_from: &[usize]) -> [Vec<Tensor<3>>; 2];
}
