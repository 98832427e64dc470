//! A service that speaks OpenAI's chat completions: asked for rewordings of templates, and for labels by which prompts are
//! scored. Nothing needs it.
//!
//! # Decisions
//!
//! - 2026-11: a run asks before its first trial, for the templates that its items start from and no others: the number of
//!   requests, and so the most that they can cost, is known before the first is sent, and trials, resumed or sharded, all read
//!   the same answers. Refused: asking again in each round for the best so far, whose number nobody can tell beforehand.
//!   The same holds for `evolution`, which has children of every pair of its templates: what is bred of those later, EvoPrompt asks a
//!   large model for and this asks nobody (see `search::discrete::evolution`).
//! - 2026-11: the most that it can cost counts a token for each byte that is sent and every token that an answer may have, so
//!   that it is a bound for every tokenizer. An attempt that was lost counts in full. No price is assumed: without one only the
//!   number of requests is bounded.
//! - 2026-11: answers are kept by what was asked ([`crate::record::AnswerStore`]). The key is in none of them.
//! - 2026-11: several requests are on their way at a time (`parallel`), begun in order and at the pace that is allowed; which of
//!   them comes first changes no answer and no place of one. After a failure none is begun, and those on their way are kept.
//! - 2026-11: a redirect is an error, since the key would go along.
//! - 2026-11: a service scores prompts in `score` (`--model endpoint:MODEL@URL`) and is no model of an experiment: its trials ask
//!   for gradients, vocabularies and perplexities, and a budget of a thousand evaluations would be a thousand requests a trial.

mod allowance;
mod ask;
mod crossings;
mod error;
mod in_flight;
mod labels;
mod question;
mod rewordings;
mod service;

pub use error::EndpointError;
pub use labels::{Asking, By, Labelled};
pub use question::Estimate;
pub use rewordings::{Answering, Pair, most, reword};
