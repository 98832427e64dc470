//! `autoprompt`: trigger tokens found along gradients.

use super::super::error::SpecError;
use super::super::reader::{At, Fields, Reader};
use super::Method;
use super::sweep::{Triggers, combined, sweep, triggers, within};
use crate::prompt::Template;

/// Parameters of `autoprompt` (Shin et al. 2020, arXiv 2010.15980).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Autoprompt {
    /// Trigger tokens, 1 to 50; default 3.
    pub n_trigger: usize,
    /// Replacement tokens tried a step; default 32.
    pub n_candidates: usize,
    /// Train examples for the gradient and for the scoring of a step's candidates; default 16.
    pub batch_size: usize,
    /// Steps without an accepted candidate before a restart; default 8.
    pub patience: usize,
    /// The template; default the task's with `{trigger:N}` before `{mask}`.
    pub template: Option<Template>,
    /// Text whose tokens the search starts from; without it, from mask tokens.
    pub initial: Option<String>,
    /// Whether only whole words of letters may become trigger tokens; default true.
    pub words_only: bool,
}

/// Its keys.
const KEYS: [&str; 9] = [
    "method",
    "n_trigger",
    "n_candidates",
    "batch_size",
    "patience",
    "template",
    "initial",
    "words_only",
    "multi_token",
];

/// Its triggers, for `random` beside it, and its cells; `None` where they are too many.
pub(super) fn read(reader: &mut Reader, at: At) -> Result<(Triggers, Option<Vec<Method>>), SpecError> {
    let fields = reader.fields(at.clone(), &KEYS)?;
    let triggers = triggers(reader, &fields, Triggers::default())?;
    let cells = cells(reader, &at, &fields, &triggers)?;
    Ok((triggers, cells))
}

fn cells(
    reader: &mut Reader,
    item: &At,
    fields: &Fields,
    triggers: &Triggers,
) -> Result<Option<Vec<Method>>, SpecError> {
    let mut whole = |key: &str, default: usize, most: u64| {
        sweep(reader, fields, key, vec![default], |reader, at| Ok(reader.whole(at, 1..=most)? as usize))
    };
    let n_candidates = whole("n_candidates", 32, 10_000)?;
    let batch_size = whole("batch_size", 16, 100_000)?;
    let patience = whole("patience", 8, 1_000_000)?;
    let initial = sweep(reader, fields, "initial", vec![None], |reader, at| {
        let text = reader.text(at)?;
        if text.trim().is_empty() {
            reader.value(at, "an empty text has no tokens to start from");
        }
        Ok(Some(text))
    })?;
    let lengths = [
        triggers.n_trigger.len(),
        triggers.templates.len(),
        triggers.words_only.len(),
        n_candidates.len(),
        batch_size.len(),
        patience.len(),
        initial.len(),
    ];
    if !within(reader, item, &lengths) {
        return Ok(None);
    }
    let mut cells = Vec::new();
    for (n_trigger, template, words_only) in combined(triggers) {
        for &n_candidates in &n_candidates {
            for &batch_size in &batch_size {
                for &patience in &patience {
                    for initial in &initial {
                        let (template, initial) = (template.clone(), initial.clone());
                        cells.push(Method::Autoprompt(Autoprompt {
                            n_trigger,
                            n_candidates,
                            batch_size,
                            patience,
                            template,
                            initial,
                            words_only,
                        }));
                    }
                }
            }
        }
    }
    Ok(Some(cells))
}
