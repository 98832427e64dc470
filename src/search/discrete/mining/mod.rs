//! Templates mined from running text.
//!
//! Of facts (LPAQA, arXiv 1911.12543): sentences that hold the subject and the object of a training fact give the words between them
//! as a template, "[X] was released by [Y]", in both orders; the templates that most facts support are the candidates. Of labels (after
//! the idea of arXiv 2210.03057, which mines labelled sentences by the contexts of label words): what stands around the label words of
//! several labels, "it was terrible" and "it was great", is the context of an answer, "{text} It was {mask}."
//!
//! # Decisions
//!
//! - 2026-11: LPAQA's second kind of templates goes along the dependency tree of the sentence, which takes a parser. In its place
//!   stand windows, which are ours: the words between the two names with up to `window` words left and right of them, cut at
//!   punctuation. They are counted among the others and carry `window` in their origin.
//! - 2026-11: names are found as they are written, with the first letter in either case, as whole words (beside Chinese characters
//!   anywhere), the longest first. A fact's two names have to follow each other: where a third name (of a training subject, or of an
//!   object of the vocabulary) stands between them or in the window, nothing is taken. So no template says an object, and the subjects of
//!   dev and test are never looked for: the search sees training facts only, through its oracle.
//! - 2026-11: ranked by the number of distinct facts (LPAQA counts occurrences, by which one common fact fills the list), then of
//!   sentences, then the shorter ones. The 40 best are scored on dev like any other candidates, and mining itself costs no evaluation.
//! - 2026-11: contexts of label words are ours: up to `max_words` words (or Chinese characters) on the left and `window` on the right,
//!   cut at punctuation and at other label words, in any case. Their score is occurrences x balance, where balance is the entropy of
//!   the rates at which the words of each label have the context, as a share of the most that there could be: a context of one label
//!   alone says the label itself, and a label whose words are rare is not held against it. Contexts of one label are left out. Since
//!   support alone prefers the shortest, the best of every length are taken in turn.
//! - 2026-11: a model that continues text gets templates with nothing behind the answer, and so the first order and left contexts only.
//! - 2026-11: pairs of texts, and texts to be written, are refused: the context of a label word says nothing of how two texts are to be
//!   joined, and a reference is no word to look for.
//! - 2026-11: counts grow with what is found and not with the corpus. Beyond [`tally::MOST`] contexts those that were rarest so far are
//!   forgotten (lossy counting); the record says how many.

mod balance;
mod config;
mod facts;
mod frame;
mod labels;
mod names;
mod search;
mod setting;
mod tally;
#[cfg(test)]
mod tests;
mod words;

pub use config::{Ground, MiningConfig, Passed, Sentences};
pub use search::Mining;
pub use setting::Setting;
pub use tally::Tally;
