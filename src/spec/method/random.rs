//! `random`: the control.

use super::super::error::SpecError;
use super::super::reader::{At, Reader};
use super::Method;
use super::sweep::{Triggers, combined, triggers, within};
use crate::prompt::Template;

/// Parameters of `random`, which draws as many candidates as the budget allows. What is not given is taken from the first
/// trigger method beside it (contract, definition 8).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Random {
    /// Trigger tokens a candidate, 1 to 50; default 3.
    pub n_trigger: usize,
    /// The template; default the task's with `{trigger:N}` before `{mask}`.
    pub template: Option<Template>,
    /// Whether only whole words of letters are drawn; default true.
    pub words_only: bool,
}

/// Its cells, what is not given taken from `beside`; `None` where they are too many.
pub(super) fn read(reader: &mut Reader, at: At, beside: Triggers) -> Result<Option<Vec<Method>>, SpecError> {
    let fields = reader.fields(at.clone(), &["method", "n_trigger", "template", "words_only", "multi_token"])?;
    let triggers = triggers(reader, &fields, beside)?;
    Ok(within(reader, &at, &[triggers.n_trigger.len(), triggers.templates.len(), triggers.words_only.len()])
        .then(|| cells(&triggers)))
}

/// All combinations.
pub(super) fn cells(triggers: &Triggers) -> Vec<Method> {
    combined(triggers)
        .into_iter()
        .map(|(n_trigger, template, words_only)| Method::Random(Random { n_trigger, template, words_only }))
        .collect()
}
