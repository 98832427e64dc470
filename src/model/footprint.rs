//! How much memory a batch takes, from a model's shape.
//!
//! # Decisions
//!
//! - 2026-11: the figures count tensors of f32 that are there at once where every operation stands alone, as on a GPU; operators
//!   of our own on the CPU hold fewer, so there they are an upper bound. They serve to choose a batch that fits, not to account
//!   for every byte. Refused: trying a batch and looking at the memory, which gives another size on every start.

use crate::model::{LanguageModel, ModelKind};

/// Bytes of a number.
const NUMBER: u64 = 4;
/// An allocator keeps pages that were freed, and gives larger ones than were asked for: three halves.
const SLACK: (u64, u64) = (3, 2);

/// What one sequence of a batch takes, in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Footprint {
    /// At the widest place of a pass forward, for each token.
    widest: u64,
    /// The same for each pair of tokens: attention scores and shares of all heads.
    pairs: u64,
    /// Keys and values of all layers, for each token; nothing in models that keep none.
    kept: u64,
    /// What one layer leaves for a pass backward, for each token.
    tape: u64,
    /// The same for each pair of tokens.
    tape_pairs: u64,
    n_layers: u64,
    d_block: u64,
    vocab_size: u64,
}

impl Footprint {
    /// Of a model.
    pub fn of(model: &dyn LanguageModel) -> Self {
        let shape = model.shape();
        let (n_kv_heads, d_head) = model.key_value_heads();
        let (n_heads, d_block, d_inner) = (shape.n_heads as u64, shape.d_block as u64, shape.d_inner as u64);
        let queries = n_heads * d_head as u64;
        let keys = 2 * n_kv_heads as u64 * d_head as u64;
        // The states, their norm, and the input; then queries, keys and values as they come and as the heads want them, or the
        // inner states of a feed-forward part (gate, up and their product).
        let base = shape.d_model as u64 + 3 * d_block;
        Self {
            widest: base + (2 * (queries + keys) + queries).max(3 * d_inner),
            pairs: 2 * n_heads,
            kept: if shape.kind == ModelKind::Causal { keys * shape.n_layers as u64 } else { 0 },
            tape: 8 * d_block + 3 * (queries + keys) + 4 * d_inner,
            tape_pairs: 3 * n_heads,
            n_layers: shape.n_layers as u64,
            d_block,
            vocab_size: shape.vocab_size as u64,
        }
    }

    /// Bytes that a sequence of `seq_length` tokens takes in a pass forward, where `n_read` distributions over the vocabulary are
    /// read off it.
    pub fn forward(&self, seq_length: usize, n_read: usize) -> u64 {
        let length = seq_length as u64;
        let states = length * (self.widest + self.kept) + length * length * self.pairs;
        bytes(states + self.read(n_read))
    }

    /// The same with a pass backward after it.
    pub fn backward(&self, seq_length: usize, n_read: usize) -> u64 {
        let length = seq_length as u64;
        let tape = self.n_layers * (length * self.tape + length * length * self.tape_pairs);
        let states = length * 2 * self.widest + length * length * 2 * self.pairs;
        bytes(tape + states + 2 * self.read(n_read))
    }

    /// The same with a pass backward that computes the inside of each block again: what stays is what goes into each block, and the
    /// tape of one.
    pub fn backward_recomputing(&self, seq_length: usize, n_read: usize) -> u64 {
        let length = seq_length as u64;
        let tape = length * self.tape + length * length * self.tape_pairs + self.n_layers * length * self.d_block;
        let states = length * 2 * self.widest + length * length * 2 * self.pairs;
        bytes(tape + states + 2 * self.read(n_read))
    }

    /// Bytes of the largest single tensor of a sequence.
    pub fn largest_tensor(&self, seq_length: usize, n_read: usize) -> u64 {
        let length = seq_length as u64;
        NUMBER * (length * self.widest).max(length * length * self.pairs / 2).max(n_read as u64 * self.vocab_size)
    }

    /// Scores, their log-softmax, and the numbers on the way to the host.
    fn read(&self, n_read: usize) -> u64 {
        3 * n_read as u64 * self.vocab_size
    }
}

fn bytes(numbers: u64) -> u64 {
    numbers.saturating_mul(NUMBER * SLACK.0) / SLACK.1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ResolvedDevice, load_builtin};

    #[test]
    fn longer_sequences_more_reads_and_a_pass_backward_take_more() {
        let loaded = load_builtin("toy", &ResolvedDevice::cpu()).unwrap();
        let footprint = Footprint::of(&*loaded.model);
        assert!(footprint.forward(8, 1) < footprint.forward(16, 1));
        assert!(footprint.forward(8, 1) < footprint.forward(8, 2));
        assert!(footprint.forward(8, 1) < footprint.backward(8, 1));
        assert!(footprint.largest_tensor(8, 1) < footprint.forward(8, 1));
    }

    #[test]
    fn the_widths_inside_count_and_not_only_that_of_the_embeddings() {
        let fixtures = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/model");
        let of = |folder: &str| {
            let loaded = crate::model::load_folder(&fixtures.join(folder), &ResolvedDevice::cpu()).unwrap();
            (loaded.model.shape().d_model, Footprint::of(&*loaded.model))
        };
        // ALBERT's door is 16 wide, its blocks are as wide as BERT's: 24, and 40 inside.
        let ((narrow, albert), (wide, bert)) = (of("albert"), of("bert-untied"));
        assert_eq!((narrow, wide), (16, 24));
        assert_eq!(bert.widest - albert.widest, 8);
        assert_eq!((albert.tape, albert.tape_pairs), (bert.tape, bert.tape_pairs));
        // 8 d_block + 3 (queries, keys, values) + 4 d_inner.
        assert_eq!(bert.tape, 8 * 24 + 3 * 3 * 24 + 4 * 40);
    }
}
