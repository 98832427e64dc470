//! `manual`: prompts that somebody wrote.

use std::path::PathBuf;

use super::super::error::SpecError;
use super::super::reader::{At, Fields, Reader};
use super::super::task::template;
use super::Method;
use super::sweep::sweep;
use crate::prompt::Template;

/// Parameters of `manual`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Manual {
    /// The candidates; where there are no lists either, the default is the task's template, and none at all means that of the data
    /// set's card.
    pub templates: Vec<Template>,
    /// Files with further candidates, paths as written: see [`crate::prompt::TemplateList`].
    pub templates_from: Vec<PathBuf>,
    /// Whether the prompts of those files are cut off behind their mask; default false.
    pub cut_behind_mask: bool,
}

/// Its one cell.
pub(super) fn read(reader: &mut Reader, at: At, task: Option<&Template>) -> Result<Vec<Method>, SpecError> {
    let fields = reader.fields(at, &["method", "templates", "templates_from", "cut_behind_mask", "multi_token"])?;
    let given = sweep(reader, &fields, "templates", vec![None], template)?;
    let templates: Vec<Template> = given.into_iter().flatten().collect();
    if let (true, Some(at)) = (templates.iter().any(|template| template.n_trigger() > 0), fields.get("templates")) {
        reader.value(&at, "{trigger:N} belongs to a method that fills it (random, autoprompt)");
    }
    let (templates_from, cut_behind_mask) = lists(reader, &fields)?;
    if templates.is_empty() && templates_from.is_empty() {
        return Ok(cells(task));
    }
    Ok(vec![Method::Manual(Manual { templates, templates_from, cut_behind_mask })])
}

/// The lists of templates that an item names, and whether their prompts are cut off behind the mask.
pub(super) fn lists(reader: &mut Reader, fields: &Fields) -> Result<(Vec<PathBuf>, bool), SpecError> {
    let templates_from = sweep(reader, fields, "templates_from", Vec::new(), |reader, at| {
        let text = reader.text(at)?;
        if text.trim().is_empty() {
            reader.value(at, "it is empty; the path of a list of templates is expected");
        }
        Ok(PathBuf::from(text))
    })?;
    let cut_behind_mask = match fields.get("cut_behind_mask") {
        Some(at) => {
            if templates_from.is_empty() {
                reader.value(&at, "cuts the prompts of `templates_from`, and there is none");
            }
            reader.flag(&at)?
        }
        None => false,
    };
    Ok((templates_from, cut_behind_mask))
}

/// The item where none is written.
pub(super) fn cells(task: Option<&Template>) -> Vec<Method> {
    vec![Method::Manual(Manual { templates: task.cloned().into_iter().collect(), ..Manual::default() })]
}
