//! A service that speaks OpenAI's chat completions, asked for rewordings of templates. Nothing needs it.
//!
//! # Decisions
//!
//! - 2026-11: a run asks before its first trial, for the templates that its items start from and no others: the number of
//!   requests, and so the most that they can cost, is known before the first is sent, and trials, resumed or sharded, all read
//!   the same answers. Refused: asking again in each round for the best so far, whose number nobody can tell beforehand.
//! - 2026-11: the most that it can cost counts a token for each byte that is sent and every token that an answer may have, so
//!   that it is a bound for every tokenizer.
//! - 2026-11: answers are kept in `DIR/.endpoint` beside the results folders, by what was asked: a run that goes on, begins anew
//!   (`--fresh`) or belongs to another experiment does not ask again for what was paid for. The key is in none of it.
//! - 2026-11: a redirect is an error, since the key would go along.

mod answers;
mod ask;
mod error;
mod question;
mod rewordings;

pub use ask::{Answering, ask, most};
pub use error::EndpointError;
