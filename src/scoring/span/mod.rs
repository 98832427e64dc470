//! What a model would write into the gaps of a skeleton, over all examples at once (LM-BFF, arXiv 2012.15723, section 5.2).
//!
//! The score of what stands in the gaps is the sum over the examples of its log-probability given the example's texts and the word
//! of its label. One beam is shared by all examples: a row of it is the same text for each, read by each after its own input.
//!
//! # Decisions
//!
//! - 2026-11: a model with sentinels (T5) has the text with `<extra_id_0>`, `<extra_id_1>` for the gaps in the encoder, and writes
//!   sentinel, text, sentinel, text in the decoder; a gap ends where the next sentinel is written. BART has masks there, and writes the
//!   whole text: what stands before the first gap is given to its decoder, and a gap ends where what follows it in the text is
//!   written. So what a gap's end costs is the log-probability of that: of the sentinel, or of all tokens up to the next gap, the
//!   label word among them. Behind the last gap it is the first token alone: the rest is copied from the input.
//! - 2026-11: the encoder runs once for each example, and a row's keys and values in the decoder are kept for every example. The
//!   published program runs both again for every row and step, and takes the mean of logits over the examples where its paper has
//!   the sum of log-probabilities; here it is the sum.
//! - 2026-11: rows are read example by example, all rows of one at once: with masks examples differ in what stands between the gaps,
//!   and rows in how much of it they have read, so that keys and values have no one length.
//! - 2026-11: a reading of one token is not a whole evaluation. What is written costs, beside one evaluation for each example's
//!   encoder, as many evaluations as its tokens make inputs of the examples' mean length, rounded up.
//! - 2026-11: of a label with several words the first is written; inputs are shortened so that the template has room.

mod masked;
mod source;
mod writing;

pub use masked::MaskedSpans;
pub use source::SpanSource;
pub use writing::{SpanNext, SpanRow, SpanStep, SpanWriting};
