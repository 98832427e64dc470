//! From `paraphrase` to its state machine.

use crate::prompt::{Prompt, Template};
use crate::runner::RunnerError;
use crate::scoring::Scorer;
use crate::search::Search;
use crate::search::discrete::Manual;
use crate::seed::Stream;
use crate::spec::Paraphrase;

use super::{TaskPrompt, written};

/// The templates that it starts from.
pub(super) fn templates(method: &Paraphrase, task: &TaskPrompt) -> Vec<Template> {
    if method.templates.is_empty() { vec![task.template.clone()] } else { method.templates.clone() }
}

/// The search.
pub(super) fn search(
    _method: &Paraphrase,
    prompts: Vec<Prompt>,
    _scorer: &Scorer,
    _stream: Stream,
) -> Result<Box<dyn Search>, RunnerError> {
    Ok(Box::new(Manual::new(prompts.into_iter().map(written).collect())))
}

/// What tells a cell from the others of its item.
pub(super) fn describe(method: &Paraphrase) -> String {
    format!("n_candidates {}, beam {}, batch_size {}", method.n_candidates, method.beam, method.batch_size)
}
