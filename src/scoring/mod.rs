//! Prompt x examples -> numbers: encoding, passes, label scores, gradients, cache. The only hot path.
//!
//! # Decisions
//!
//! - 2026-11: a forward pass reads named places only, over the label words' rows only. Where words have several tokens the
//!   numbers are normalised over the whole vocabulary, because different passes have different normalisers; where all words
//!   are read off the same places the normalisers cancel among the labels and are not computed.
//! - 2026-11: on the CPU a sequence's score is the same to the last bit in any batch and with its beginning shared or not
//!   (see `model::kernel`), so batches there are made for speed alone: by rows of the states, sequences with the same beginning
//!   together where the model reads from left to right.
//! - 2026-11: the batches of a call depend on its prompts and examples alone. On a GPU a trial's cache is its own, so that a
//!   score is the same whatever else ran before or beside the trial. On the CPU a score is the same bits in any batch, and a store
//!   is shared by trials and runs. Refused: a store on the GPU, which would let the order of trials decide the last bits.

mod answer_way;
mod answers;
mod batch;
mod beginnings;
mod bit;
mod cache;
mod calibration;
mod cost;
mod duplicate;
mod encode;
mod ensemble;
mod error;
mod explain;
mod fill;
mod fitting;
mod gap;
mod generate;
mod gradient;
mod input;
mod known_passes;
mod label_vectors;
mod likelihood;
mod nearest;
mod nearest_demonstrations;
mod outcome;
mod passes;
mod past;
mod perplexity;
mod prompt_flags;
mod read;
mod ready;
mod reference_gradient;
mod references;
mod scorer;
mod settings;
mod soft_rows;
mod span;
#[cfg(test)]
mod tests;
mod tuned;
mod twins;
mod vocabulary;
mod writing;
mod written;

pub use answer_way::AnswerWay;
pub use answers::{AnswerStates, Answers};
pub use cache::{Known, ScoreCache, ScoreKey, ScoreStore, SetHash};
pub use calibration::{BATCH_TEXTS, Calibrator, Prior};
pub use cost::Cost;
pub use encode::{DEMOS, Encoded, Encoder};
pub use ensemble::Ensemble;
pub use error::ScoringError;
pub use explain::{Calibrated, Explanation, WordScore};
pub use fill::Filled;
pub use gap::{Gap, GapAnswers};
pub use generate::{Decoding, Generated};
pub use gradient::PromptGradient;
pub use likelihood::{Likelihoods, TriggerLikelihoods};
pub use nearest::{NearToken, NearestTokens};
pub use outcome::{Outcome, argmax, information_parts, mutual_information};
pub use passes::{Pass, Passes, Read, Word, WordPlace, encode_words, log_sum_exp};
pub use scorer::{Ask, Round, Scorer};
pub use settings::Settings;
pub use span::{MaskedSpans, SpanNext, SpanRow, SpanSource, SpanStep, SpanWriting};
pub use vocabulary::{plain_tokens, trigger_vocabulary};
pub use writing::WrittenTexts;
