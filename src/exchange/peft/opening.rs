//! What every sequence of a prompt begins with, up to its last virtual token.

use crate::prompt::Prompt;
use crate::scoring::Scorer;
use crate::task::Example;

use super::error::PeftError;

/// Texts that begin as differently as texts do: a beginning that is the same with all of them depends on none.
const PROBES: [&str; 6] = ["a", "7 x", "Äh", "好", "(b)", "the film"];

/// The beginning of a prompt's sequences.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Opening {
    /// The tokens; what stands at the places of virtual ones means nothing.
    pub ids: Vec<u32>,
    /// The places of the virtual tokens.
    pub virtual_at: Vec<usize>,
}

impl Opening {
    /// That of a prompt with virtual tokens.
    ///
    /// # Errors
    /// [`PeftError::Inexpressible`] where it depends on the input.
    pub(super) fn of(scorer: &Scorer, prompt: &Prompt) -> Result<Self, PeftError> {
        let columns: Vec<String> = prompt.template.columns().into_iter().map(str::to_owned).collect();
        let encoder = scorer.encoder(&prompt.template, &columns, 1)?;
        let mut found: Option<Self> = None;
        for probe in PROBES {
            let example = Example { row: 0, fields: vec![probe.to_owned(); columns.len()], label: None };
            let encoded = encoder.encode(&example)?;
            let ids = encoded.filled(&prompt.triggers.0, &[]);
            let n = encoded.soft_at.last().map_or(0, |last| last + 1);
            let own = Self { ids: ids[..n].to_vec(), virtual_at: encoded.soft_at };
            if encoded.mask_at < n || found.as_ref().is_some_and(|other| *other != own) {
                return Err(PeftError::Inexpressible {
                    prompt: prompt.template.to_string(),
                    reason: "what stands before its last virtual token depends on the input, and an adapter is the same for every \
                             input (virtual tokens before the text can be exported)"
                        .into(),
                });
            }
            found = Some(own);
        }
        Ok(found.unwrap_or(Self { ids: Vec::new(), virtual_at: Vec::new() }))
    }
}
