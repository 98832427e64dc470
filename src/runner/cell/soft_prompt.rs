//! From `soft_prompt` to its state machine.

use crate::prompt::{Prompt, SoftSlot, Template};
use crate::runner::RunnerError;
use crate::scoring::Scorer;
use crate::search::Search;
use crate::search::discrete::Manual;
use crate::seed::Stream;
use crate::spec::SoftPromptParameters;

use super::{TaskPrompt, written};

/// The template that it trains in.
pub(super) fn templates(method: &SoftPromptParameters, task: &TaskPrompt) -> Vec<Template> {
    vec![method.template.as_ref().unwrap_or(&task.template).with_soft(SoftSlot::Count(method.n_soft))]
}

/// The search.
pub(super) fn search(
    _method: &SoftPromptParameters,
    prompt: Prompt,
    _scorer: &Scorer,
    _stream: Stream,
) -> Result<Box<dyn Search>, RunnerError> {
    Ok(Box::new(Manual::new(vec![written(prompt)])))
}

/// What tells a cell from the others of its item.
pub(super) fn describe(method: &SoftPromptParameters) -> String {
    format!("n_soft {}, init {}, learning_rate {}", method.n_soft, method.init.name(), method.learning_rate)
}
