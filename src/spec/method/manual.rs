//! `manual`: prompts that somebody wrote.

use super::super::error::SpecError;
use super::super::reader::{At, Reader};
use super::super::task::template;
use super::Method;
use super::sweep::sweep;
use crate::prompt::Template;

/// Parameters of `manual`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Manual {
    /// The candidates; the default is the task's template, and none at all means that of the data set's card.
    pub templates: Vec<Template>,
}

/// Its one cell.
pub(super) fn read(reader: &mut Reader, at: At, task: Option<&Template>) -> Result<Vec<Method>, SpecError> {
    let fields = reader.fields(at, &["method", "templates", "multi_token"])?;
    let given = sweep(reader, &fields, "templates", vec![None], template)?;
    let given: Vec<Template> = given.into_iter().flatten().collect();
    if let (true, Some(at)) = (given.iter().any(|template| template.n_trigger() > 0), fields.get("templates")) {
        reader.value(&at, "{trigger:N} belongs to a method that fills it (random, autoprompt)");
    }
    Ok(if given.is_empty() { cells(task) } else { vec![Method::Manual(Manual { templates: given })] })
}

/// The item where none is written.
pub(super) fn cells(task: Option<&Template>) -> Vec<Method> {
    vec![Method::Manual(Manual { templates: task.cloned().into_iter().collect() })]
}
