//! From `soft_prompt` to its state machine.

use crate::prompt::{Prompt, SoftSlot, Template};
use crate::runner::RunnerError;
use crate::scoring::Scorer;
use crate::search::Search;
use crate::search::continuous::{Slot, Trained, Training, start};
use crate::seed::Stream;
use crate::spec::{SoftInit, SoftPromptParameters};

use super::TaskPrompt;
use super::training;

/// The template that it trains in.
pub(super) fn templates(method: &SoftPromptParameters, task: &TaskPrompt) -> Vec<Template> {
    vec![method.template.as_ref().unwrap_or(&task.template).with_soft(SoftSlot::Count(method.n_soft))]
}

/// The search: every slot with a number, and vectors to start from. `place` is the item's key path.
pub(super) fn search(
    method: &SoftPromptParameters,
    prompt: Prompt,
    scorer: &Scorer,
    mut stream: Stream,
    place: &str,
) -> Result<Box<dyn Search>, RunnerError> {
    let lengths = scorer.soft_lengths(&prompt.template);
    let slots: Vec<Slot<'_>> = prompt
        .template
        .soft_slots()
        .zip(&lengths)
        .map(|(slot, &n_soft)| match slot {
            SoftSlot::Count(_) => Slot { n_soft, text: None },
            SoftSlot::Init(text) => Slot { n_soft, text: Some(text) },
        })
        .collect();
    let loaded = scorer.loaded();
    let values = start(&slots, &method.init, loaded, &prompt.verbalizer, &mut stream)
        .map_err(|text| RunnerError::InitText { place: place.into(), text, model: loaded.name.clone() })?;
    let origin = match slots.iter().all(|slot| slot.text.is_some()) {
        true => "start (text)".to_owned(),
        false => format!("start ({})", method.init.name()),
    };
    let template = prompt.template.with_soft_counts(&lengths);
    let prompt = Prompt { template, ..prompt };
    let d_model = loaded.model.shape().d_model;
    let trained = Trained::soft(values, d_model);
    Ok(Box::new(Training::new("soft_prompt", training::config(&method.training), prompt, trained, origin, stream)))
}

/// What tells a cell from the others of its item.
pub(super) fn describe(method: &SoftPromptParameters) -> String {
    let init = match &method.init {
        SoftInit::Text(text) => format!("text `{text}`"),
        init => init.name().to_owned(),
    };
    let template = method.template.as_ref().map(|template| format!(", template {template}")).unwrap_or_default();
    format!("n_soft {}, init {init}, {}{template}", method.n_soft, training::describe(&method.training))
}
