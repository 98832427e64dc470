//! Templates that a model writes: the gaps of a skeleton, beside the input and the answer, filled by the beam search of LM-BFF
//! (Gao, Fisch and Chen 2021, arXiv 2012.15723, section 5.2).
//!
//! 1. **Skeletons**: the input, the answer and gaps between them, `{text}{span} {mask}{span}` and `{span} {mask}{span} {text}`.
//! 2. **Beam**: with every training example's texts in the columns and the word of its label in the answer's place, a model writes
//!    into the gaps. All examples share one beam, whose score is the sum over them of the log-probability of what is written.
//! 3. **Selection**: the best of every skeleton in turn are candidates, with `{mask}` where the word stood, and dev chooses.
//!
//! A sequence-to-sequence model writes gaps of any length. The named variant asks a model that fills masks, with one to three masks
//! in each gap: they are filled from left to right, each with those behind it still masked, and every number of masks has a beam of
//! its own, since a product of probabilities would never let longer ones in; the numbers take turns as skeletons do.
//!
//! # Decisions
//!
//! - 2026-11: LM-BFF fine-tunes with every template and ranks those; here the model stays frozen, and the templates are scored on
//!   dev as those of any other method. Its beam of 100 and its length of 20 tokens are the defaults; of a label with several words
//!   the first stands in the examples.
//! - 2026-11: the beam sees train and no dev, and what it reads is charged: of a model that fills masks an evaluation for each pass,
//!   of one that writes token by token as many as its tokens make inputs (`scoring::span`), by another model than the one that is
//!   searched for in proportion to its weights, rounded up, as `probe` counts. So much is known before: the beam is as wide as half
//!   of what is left covers, at most as wide as asked, and where even one text a beam costs more, the largest numbers of masks are
//!   left out. The other half is for dev. A beam narrower than asked flags `budget_cut`.
//! - 2026-11: what may stand in a gap: no special token, no token without text of its own, none that says a label word, no token
//!   twice in a row, of which small models are fond, and at its beginning none that goes on with the word before it. A template that says a label word, or that the searched model cannot
//!   write, is left out. The published program forbids some runs of dots in its place.
//! - 2026-11: in a vocabulary of whole words (BERT) a text is set off by a space unless it begins with punctuation; one that writes
//!   spaces into its tokens (T5, RoBERTa) says itself whether there is one. No space stands before a Chinese character.

mod beam;
mod filler;
mod masks;
mod search;
#[cfg(test)]
mod tests;

pub use filler::{ScorerFiller, SpanFiller, Spans};
pub use search::TemplateGeneration;

/// The parameters of the search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateGenerationConfig {
    /// Texts that are kept at every step, at most.
    pub beam: usize,
    /// The most tokens in the gaps of a template together; of a model that writes.
    pub max_length: usize,
    /// The numbers of masks that each gap is tried with, ascending; of a model that fills masks.
    pub masks: Vec<usize>,
    /// Training examples that are read; `None` for all.
    pub n_examples: Option<usize>,
    /// Templates that dev looks at, at most.
    pub n_candidates: usize,
}
