//! What a scorer does with every prompt.

use crate::spec::MultiToken;

/// What a scorer does with every prompt.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// The rule for label words of several tokens.
    pub multi_token: MultiToken,
    /// Whether inputs that do not fit are shortened.
    pub truncate: bool,
    /// Sequences in a batch.
    pub batch_size: usize,
    /// Batches are padded to a multiple of this many tokens; 1 pads to the longest only.
    pub length_step: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { multi_token: MultiToken::Joint, truncate: true, batch_size: 32, length_step: 1 }
    }
}
