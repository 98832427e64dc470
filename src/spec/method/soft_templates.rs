//! The templates of an item whose virtual tokens are trained.

use super::super::error::SpecError;
use super::super::reader::{Fields, Reader};
use super::super::task::soft_template;
use super::sweep::sweep;
use crate::prompt::Template;

/// Those of `template:`, `None` where nothing is said. How many virtual tokens there are is said in one place: by the slots of the
/// templates, or by `n_soft`.
pub(super) fn soft_templates(reader: &mut Reader, fields: &Fields) -> Result<Vec<Option<Template>>, SpecError> {
    let templates = sweep(reader, fields, "template", vec![None], soft_template)?;
    if let Some(at) = fields.get("template") {
        if templates.iter().flatten().any(|template| template.n_trigger() > 0) {
            reader.value(&at, "{trigger:N} belongs to a method that fills it (random, autoprompt)");
        }
        let own = templates.iter().flatten().filter(|template| template.has_soft()).count();
        if own > 0 && own < templates.len() {
            reader.value(&at, "either all templates of a sweep have {soft:N} or none has");
        } else if own > 0
            && let Some(at) = fields.get("n_soft")
        {
            reader.value(
                &at,
                "the template's own {soft:N} slots say how many virtual tokens there are; leave n_soft out",
            );
        }
    }
    Ok(templates)
}
