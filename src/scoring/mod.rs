//! Prompt x examples -> numbers: encoding, passes, label scores, gradients, cache. The only hot path.
//!
//! # Decisions
//!
//! - 2026-11: a forward pass reads named places only, over the label words' rows only. Where words have several tokens the
//!   numbers are normalised over the whole vocabulary, because different passes have different normalisers; where all words
//!   are read off the same places the normalisers cancel among the labels and are not computed.
//! - 2026-11: the batches of a call depend on its prompts and examples alone, and a trial's cache is its own. A score that
//!   is taken from the cache is therefore the same whatever else ran before or beside the trial. Refused: a cache shared by
//!   trials, which would let the order of trials decide the last bits.

mod answers;
mod batch;
mod cache;
mod calibration;
mod encode;
mod ensemble;
mod error;
mod explain;
mod fill;
mod gap;
mod generate;
mod gradient;
mod input;
mod nearest;
mod outcome;
mod passes;
mod perplexity;
mod prompt_flags;
mod scorer;
#[cfg(test)]
mod tests;
mod vocabulary;

pub use answers::{AnswerStates, Answers};
pub use cache::{Known, ScoreCache, SetHash};
pub use calibration::{BATCH_TEXTS, Calibrator, Prior};
pub use encode::{Encoded, Encoder};
pub use ensemble::Ensemble;
pub use error::ScoringError;
pub use explain::{Calibrated, Explanation, WordScore};
pub use fill::Filled;
pub use gap::{Gap, GapAnswers};
pub use generate::{Decoding, Generated};
pub use gradient::PromptGradient;
pub use nearest::{NearToken, NearestTokens};
pub use outcome::{Outcome, argmax, information_parts, mutual_information};
pub use passes::{Pass, Passes, Read, Word, WordPlace, encode_words, log_sum_exp};
pub use scorer::{Ask, Cost, Round, Scorer, Settings};
pub use vocabulary::{VocabularyFilter, plain_tokens, trigger_vocabulary};
