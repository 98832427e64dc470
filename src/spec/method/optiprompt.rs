//! `optiprompt`: the tokens of a written prompt, trained in their places.

use super::super::error::SpecError;
use super::super::reader::{At, Reader};
use super::super::task::template;
use super::Method;
use super::sweep::{each, sweep, within};
use super::training::{TRAINING_KEYS, TrainingParameters, Trainings};
use crate::prompt::Template;

/// Parameters of `optiprompt` (Zhong et al. 2021, arXiv 2104.05240).
#[derive(Debug, Clone, PartialEq)]
pub struct OptipromptParameters {
    /// How it is trained; `learning_rate` is by default 0.003, as published.
    pub training: TrainingParameters,
    /// The written template whose text becomes virtual tokens; default the task's.
    pub template: Option<Template>,
}

/// Its own keys.
const KEYS: [&str; 3] = ["method", "template", "multi_token"];

/// Its cells; `None` where they are too many.
pub(super) fn read(reader: &mut Reader, at: At, task: Option<&Template>) -> Result<Option<Vec<Method>>, SpecError> {
    let fields = reader.fields(at.clone(), &[&KEYS[..], &TRAINING_KEYS].concat())?;
    let trainings = Trainings::read(reader, &fields, 0.003)?;
    let templates = sweep(reader, &fields, "template", vec![None], template)?;
    let place = fields.get("template").unwrap_or_else(|| at.clone());
    for template in templates.iter().filter_map(|template| template.as_ref().or(task)) {
        if template.n_trigger() > 0 {
            reader.value(&place, "{trigger:N} belongs to a method that fills it (random, autoprompt)");
        }
        if !template.with_text_soft().has_soft() {
            reader.value(&place, format!("the template `{template}` has no text whose tokens could be trained"));
        }
    }
    if !within(reader, &at, &[&[templates.len()][..], &trainings.lengths()].concat()) {
        return Ok(None);
    }
    let cells = vec![OptipromptParameters { training: TrainingParameters::unset(), template: None }];
    let cells = trainings.each(cells, |cell| &mut cell.training);
    let cells = each(cells, &templates, |cell, value| cell.template.clone_from(value));
    Ok(Some(cells.into_iter().map(Method::Optiprompt).collect()))
}
