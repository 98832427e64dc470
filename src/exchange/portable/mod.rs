//! Prompts for people and programs that know nothing of promptmine: plain text, and a JSON of its own.
//!
//! # Decisions
//!
//! - 2026-11: both are made of the saved prompt alone; no model is opened. What neither can carry, vectors and trained weights, is
//!   refused rather than left out: the rest is another prompt.
//! - 2026-11: the JSON is no `prompt.json`. That file is promptmine's own and says what `predict` needs; this one says the same in parts
//!   that need no reader of templates, has a name and a version, and keeps both when the other changes.
//! - 2026-11: `openprompt` is a template in OpenPrompt's notation where there is one that says the same: one or two columns, no braces in
//!   its text, one mask.

mod error;
mod json;
mod text;

pub use error::PortableError;
pub use json::{ExportedData, PortablePrompt};
pub use text::to_text;

use crate::prompt::{Piece, Template};
use crate::record::SavedPrompt;

/// The template with its trigger tokens as text, where text can carry the whole prompt.
///
/// # Errors
/// [`PortableError`].
fn written(saved: &SavedPrompt) -> Result<Template, PortableError> {
    let refused = |reason: &str| PortableError::Inexpressible { prompt: saved.prompt.clone(), reason: reason.into() };
    let template = Template::parse(&saved.template)?;
    if template.has_soft()
        || template.n_prefix() > 0
        || saved.verbalizer.iter().any(|label| label.words.is_empty()) && saved.verbalizer.len() > 1
    {
        return Err(refused("it has vectors, which no text can carry (--to peft exports virtual tokens and prefixes)"));
    }
    if saved.tuned.is_some() {
        return Err(refused("the model's weights were trained with it (low-rank steps: --to peft)"));
    }
    let written = Template::parse(&saved.prompt)?;
    let triggers = written.pieces().iter().any(|piece| matches!(piece, Piece::Trigger(_)));
    match triggers {
        true => Err(refused("its trigger tokens have no text in the file")),
        false => Ok(written),
    }
}
