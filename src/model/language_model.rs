//! The front door of every language model.
//!
//! # Decisions
//!
//! - 2026-11: the input is embeddings, not token ids, so that gradient-guided search, soft prompts and nearest-token read-back
//!   all come through one door. Refused: a second entry for ids, which would double every family's forward.
//! - 2026-11: `predict` takes the positions that will be read and computes the last layer and the head only there. Refused:
//!   returning all hidden states, which costs a fifth of a four-layer model and most of the head.

use std::sync::Arc;

use burn::Tensor;
use burn::tensor::Device;

use super::Seq2SeqModel;

/// How a model reads its input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModelKind {
    /// Fills masks, seeing both sides.
    Masked,
    /// Continues text from left to right.
    Causal,
    /// Reads one text and writes another.
    Seq2Seq,
}

/// What a model is, in numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelShape {
    /// The architecture, as `config.json` names it (`bert`, `ernie`).
    pub family: String,
    /// How it reads its input.
    pub kind: ModelKind,
    /// Width of the embeddings at the front door, and of the states that the head scores. Inside, the blocks may have another
    /// (ALBERT, ELECTRA).
    pub d_model: usize,
    /// Width of the states inside the blocks.
    pub d_block: usize,
    /// Inner width of a block's feed-forward part.
    pub d_inner: usize,
    /// Number of transformer blocks.
    pub n_layers: usize,
    /// Attention heads in a block.
    pub n_heads: usize,
    /// Entries of the vocabulary.
    pub vocab_size: usize,
    /// The longest input, special tokens included.
    pub max_positions: usize,
    /// Weights, those that are shared between embedding and head counted once.
    pub n_parameters: usize,
}

/// Keys and values of every layer at positions before the input: what a causal model has read already, or a trained prefix
/// (prefix tuning, arXiv 2101.00190; P-tuning v2, arXiv 2110.07602).
#[derive(Debug, Clone)]
pub struct KeyValues {
    /// Keys and values by layer, first to last, each `[batch_size, n_kv_heads, n_past, d_head]`; a batch of 1 serves every row.
    /// Keys are as the attention uses them: rotated already where the model rotates.
    pub layers: Vec<(Tensor<4>, Tensor<4>)>,
}

impl KeyValues {
    /// The positions before the input. The input's own positions count on from there.
    pub fn n_past(&self) -> usize {
        self.layers.first().map_or(0, |(keys, _)| keys.dims()[2])
    }
}

/// A batch for [`LanguageModel::predict`].
#[derive(Debug, Clone)]
pub struct Inputs {
    /// Word embeddings `[batch_size, seq_length, d_model]`; positions and types are added inside. What stands beyond a row's
    /// length is never read.
    pub embeddings: Tensor<3>,
    /// How many positions of each row count, at least 1; the padding is on the right.
    pub lengths: Vec<usize>,
    /// The positions to read in each row `[batch_size][n_predict]`, the same number in all.
    pub predict_positions: Vec<Vec<usize>>,
    /// Token types (segments) `[batch_size][seq_length]`; 0 everywhere where absent.
    pub token_types: Option<Vec<Vec<u32>>>,
    /// What stands before every row and is seen by all its positions; nothing where absent.
    pub past: Option<KeyValues>,
    /// The earlier row of the batch that each row goes on from: it stands before it, with what stands before that one. For
    /// models that [share beginnings](LanguageModel::shares_beginnings).
    pub parents: Option<Vec<Option<usize>>>,
}

impl Inputs {
    /// Checks that the parts fit together and into `shape`.
    ///
    /// # Panics
    /// If they do not: a batch is made by this program, so that is its own bug.
    pub fn check(&self, shape: &ModelShape) {
        let [batch_size, seq_length, d_model] = self.embeddings.dims();
        assert_eq!(d_model, shape.d_model, "embeddings of another width than the model's");
        let n_past = self.past.as_ref().map_or(0, KeyValues::n_past);
        assert!(
            n_past + seq_length <= shape.max_positions,
            "{n_past} + {seq_length} positions, and the model has {}",
            shape.max_positions
        );
        if let Some(past) = &self.past {
            assert_eq!(past.layers.len(), shape.n_layers, "keys and values for every layer");
            assert!(
                past.layers.iter().all(|(keys, values)| {
                    let [batch, _, n, _] = keys.dims();
                    keys.dims() == values.dims() && n == n_past && (batch == 1 || batch == batch_size)
                }),
                "keys and values of one shape, for every row or for all"
            );
        }
        assert_eq!(self.lengths.len(), batch_size, "one length a row");
        assert!(
            self.lengths.iter().all(|length| (1..=seq_length).contains(length)),
            "lengths {:?} outside 1..={seq_length}",
            self.lengths
        );
        assert_eq!(self.predict_positions.len(), batch_size, "predict positions for every row");
        let n_predict = self.predict_positions.first().map_or(0, Vec::len);
        assert!(n_predict > 0, "no position to predict at");
        for (positions, length) in self.predict_positions.iter().zip(&self.lengths) {
            assert_eq!(positions.len(), n_predict, "the same number of predict positions in all rows");
            assert!(
                positions.iter().all(|position| position < length),
                "predict positions {positions:?} in a row of length {length}"
            );
        }
        if let Some(parents) = &self.parents {
            assert_eq!(parents.len(), batch_size, "a parent or none for every row");
        }
        if let Some(types) = &self.token_types {
            assert!(
                types.len() == batch_size && types.iter().all(|row| row.len() == seq_length),
                "token types for every position"
            );
        }
    }
}

/// A language model.
///
/// Its weights are on an inner device and never tracked: where the embeddings are on the autodiff device, gradients flow to
/// them and to nothing else. The one exception is a model that was [bound](LanguageModel::bound) to tracked numbers.
pub trait LanguageModel: Send + Sync {
    /// What the model is, in numbers.
    fn shape(&self) -> &ModelShape;

    /// The device that holds the weights, without autodiff.
    fn device(&self) -> Device;

    /// How many heads of keys and values a layer has, and the dimensions of each: the shape of [`KeyValues`].
    fn key_value_heads(&self) -> (usize, usize) {
        let shape = self.shape();
        (shape.n_heads, shape.d_model / shape.n_heads)
    }

    /// Whether padding costs nothing, and a row's states are the same to the last bit in any batch.
    fn is_unpadded(&self) -> bool {
        false
    }

    /// Whether rows of a batch may go on from others ([`Inputs::parents`]), so that a beginning that many share is computed once.
    fn shares_beginnings(&self) -> bool {
        false
    }

    /// Encoder and decoder apart, of a model that reads one text and writes another.
    fn seq2seq(&self) -> Option<&dyn Seq2SeqModel> {
        None
    }

    /// Looks up word embeddings; shorter rows are padded on the right to the longest.
    ///
    /// # Shapes
    ///
    /// - output: `[batch_size, seq_length, d_model]`
    ///
    /// # Panics
    ///
    /// Panics if there is no row, or an id outside the vocabulary.
    fn embed(&self, ids: &[Vec<u32>]) -> Tensor<3>;

    /// The word embeddings of the whole vocabulary.
    ///
    /// # Shapes
    ///
    /// - output: `[vocab_size, d_model]`
    fn embedding_table(&self) -> Tensor<2>;

    /// Runs the model and the head's transform, and gives the states at the predict positions.
    ///
    /// # Shapes
    ///
    /// - `inputs.embeddings`: `[batch_size, seq_length, d_model]`
    /// - output: `[batch_size, n_predict, d_model]`
    ///
    /// # Panics
    ///
    /// Panics if the inputs do not fit together (see [`Inputs::check`]).
    fn predict(&self, inputs: Inputs) -> Tensor<3>;

    /// [`predict`](Self::predict), and the keys and values of what stood before and of the input together, for going on from
    /// there. `None` for a model that reads both sides, where nothing can be kept.
    ///
    /// # Panics
    ///
    /// Panics if the inputs do not fit together, or rows differ in length: what is kept has no padding.
    fn extend(&self, inputs: Inputs) -> Option<(Tensor<3>, KeyValues)> {
        let _ = inputs;
        None
    }

    /// The states at the predict positions before the head: of a model that reads both sides its last block's, of one that continues
    /// text those behind its last norm. `None` for a model that has no such states.
    ///
    /// # Shapes
    ///
    /// - output: `[batch_size, n_predict, width of the blocks]`
    ///
    /// # Panics
    ///
    /// As [`predict`](Self::predict).
    fn encode(&self, inputs: Inputs) -> Option<Tensor<3>> {
        let _ = inputs;
        None
    }

    /// The same model with other numbers in its tuned weights, each tensor in one row; what is frozen is shared. Tracked numbers
    /// make a model whose gradients can be asked for. `None` for a model that cannot be tuned.
    fn bound(&self, values: &[Tensor<1>]) -> Option<Arc<dyn LanguageModel>> {
        let _ = values;
        None
    }

    /// The same model with the same weights, which keeps no tape of the inside of its blocks but computes it again on the way back
    /// (gradient checkpointing, arXiv 1604.06174): the same numbers from less memory, for one more pass forward. Its weights
    /// are constants, so it is asked of frozen models only, not of [bound](Self::bound) ones. `None` where it does not exist: off the
    /// CPU, in models of an encoder and a decoder, and where there is nothing to save.
    fn recomputing(&self) -> Option<Arc<dyn LanguageModel>> {
        None
    }

    /// The keys and values of every layer at the positions of the input, as the attention uses them: what a trained prefix can
    /// start from. `None` for a model that does not tell.
    ///
    /// # Panics
    ///
    /// Panics if the inputs do not fit together, something stands before them, or rows differ in length.
    fn keys_and_values(&self, inputs: Inputs) -> Option<KeyValues> {
        self.extend(inputs).map(|(_, kept)| kept)
    }

    /// The scores of vocabulary entries, bias included, not normalised: of `rows` in their order, or of all.
    ///
    /// # Shapes
    ///
    /// - states: `[n, d_model]`
    /// - output: `[n, rows.len()]` or `[n, vocab_size]`
    fn logits(&self, states: Tensor<2>, rows: Option<&[u32]>) -> Tensor<2>;

    /// The states after the embeddings and after each layer, at all positions, for comparing with a reference implementation
    /// layer by layer. A causal model's last norm belongs to its head, so it is not in the last states.
    ///
    /// # Shapes
    ///
    /// - output: `n_layers + 1` tensors `[batch_size, seq_length, width of the blocks]`
    fn hidden_states(&self, inputs: &Inputs) -> Vec<Tensor<3>>;
}
