//! From `optiprompt` to its state machine.

use crate::prompt::Template;
use crate::spec::OptipromptParameters;

use super::TaskPrompt;
use super::training;

/// The template that it trains in.
pub(super) fn templates(method: &OptipromptParameters, task: &TaskPrompt) -> Vec<Template> {
    vec![method.template.as_ref().unwrap_or(&task.template).with_text_soft()]
}

/// What tells a cell from the others of its item.
pub(super) fn describe(method: &OptipromptParameters) -> String {
    let template = method.template.as_ref().map(|template| format!(", template {template}")).unwrap_or_default();
    format!("{}{template}", training::describe(&method.training))
}
