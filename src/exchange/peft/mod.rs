//! Adapters of Hugging Face PEFT: a folder with `adapter_config.json` and `adapter_model.safetensors`.
//!
//! # Decisions
//!
//! - 2026-11: PEFT puts virtual tokens in front of all that the tokenizer writes, special tokens included; ours stand where the
//!   template has them. What stands in front of the last virtual token (special tokens, words of the template, trigger tokens) is
//!   therefore exported as virtual tokens too, with the model's own embeddings: the sequence of vectors, their positions and so the
//!   logits are the same. `promptmine.json` beside the adapter says which these are, so that a prompt comes back as it was.
//!   Refused: exporting only what begins with its virtual tokens, which no masked model's prompt does.
//! - 2026-11: a template whose beginning depends on the input (the text stands before virtual tokens, or a word before them melts
//!   with the text's first one) is refused: an adapter is the same for every input.
//! - 2026-11: P-tuning's network is folded into its vectors while it is saved, so it is exported as prompt tuning, which computes
//!   the same. Adapters of both kinds are read.
//! - 2026-11: PEFT has no type for masked models. `FEATURE_EXTRACTION` feeds vectors to any model that takes embeddings, one for
//!   masked language modelling too.
//! - 2026-11: a foreign prompt-tuning adapter comes in with its vectors in front of the special tokens, as `{soft:N}[CLS]...`.

mod adapter;
mod config;
mod error;
mod export;
mod import;
mod opening;
mod readme;

pub use adapter::{Adapter, Beside};
pub use config::{AdapterConfig, PeftKind};
pub use error::PeftError;
pub use export::export;
pub use import::{Foreign, import};
pub use readme::readme;
