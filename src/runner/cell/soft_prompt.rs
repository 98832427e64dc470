//! From `soft_prompt` to its state machine.

use crate::prompt::{Prompt, SoftSlot, Template, TriggerTokens};
use crate::runner::RunnerError;
use crate::scoring::Scorer;
use crate::search::Search;
use crate::search::continuous::{Slot, Trained, Training, start};
use crate::seed::Stream;
use crate::spec::{SoftInit, SoftPromptParameters, TrainingParameters};

use super::TaskPrompt;
use super::training;

/// The template that it trains in.
pub(super) fn templates(method: &SoftPromptParameters, task: &TaskPrompt) -> Vec<Template> {
    if let SoftInit::Winner(label) = &method.init {
        let own = task.winner.as_ref().map(|winner| &winner.template);
        let template = own.or_else(|| task.starts.get(label)).unwrap_or(&task.template);
        return vec![softened(template)];
    }
    vec![method.template.as_ref().unwrap_or(&task.template).with_soft(SoftSlot::Count(method.n_soft))]
}

/// A winner's template with its own tokens as virtual ones.
fn softened(template: &Template) -> Template {
    match template.n_trigger() {
        0 => template.with_text_soft(),
        _ => template.with_triggers_soft(),
    }
}

/// What a training of virtual tokens starts from, and what it is called.
pub(super) struct Start<'m> {
    pub(super) method: &'static str,
    pub(super) init: &'m SoftInit,
    pub(super) soft_verbalizer: bool,
    pub(super) training: &'m TrainingParameters,
}

/// The search of `soft_prompt` or `warp`, as `name` says. `place` is the item's key path.
pub(super) fn search(
    name: &'static str,
    method: &SoftPromptParameters,
    prompt: Prompt,
    task: &TaskPrompt,
    scorer: &Scorer,
    stream: Stream,
    place: &str,
) -> Result<Box<dyn Search>, RunnerError> {
    let how =
        Start { method: name, init: &method.init, soft_verbalizer: method.soft_verbalizer, training: &method.training };
    match (&method.init, &task.winner) {
        (SoftInit::Winner(_), Some(winner)) => {
            let prompt = Prompt { template: prompt.template, ..winner.clone() };
            train(&how, prompt, scorer, stream, place)
        }
        _ => train(&how, prompt, scorer, stream, place),
    }
}

/// The search.
pub(super) fn train(
    start: &Start<'_>,
    prompt: Prompt,
    scorer: &Scorer,
    mut stream: Stream,
    place: &str,
) -> Result<Box<dyn Search>, RunnerError> {
    let Begun { prompt, values, origin } = begun(start.init, prompt, scorer, &mut stream, place)?;
    let trained = match start.soft_verbalizer {
        true => Trained::soft_and_labels(values, &scorer.label_vectors(&prompt.verbalizer)),
        false => Trained::soft(values, scorer.loaded().model.shape().d_model),
    };
    let training = Training::new(start.method, training::config(start.training), prompt, trained, origin, stream);
    Ok(Box::new(match start.init {
        SoftInit::Winner(_) => training.flagged("pooled_budget"),
        _ => training,
    }))
}

/// A prompt whose virtual tokens are counted, with what they start from.
pub(super) struct Begun {
    pub(super) prompt: Prompt,
    pub(super) values: Vec<f32>,
    pub(super) origin: String,
}

/// Every slot with a number, and vectors to start from. Trigger tokens of `prompt` that its template has no place for are what the
/// slots with a number start from.
pub(super) fn begun(
    init: &SoftInit,
    prompt: Prompt,
    scorer: &Scorer,
    stream: &mut Stream,
    place: &str,
) -> Result<Begun, RunnerError> {
    let lengths = scorer.soft_lengths(&prompt.template);
    let taken = if prompt.template.n_trigger() == 0 { prompt.triggers.0.clone() } else { Vec::new() };
    let mut left = taken.as_slice();
    let slots: Vec<Slot<'_>> = prompt
        .template
        .soft_slots()
        .zip(&lengths)
        .filter(|(slot, _)| !matches!(slot, SoftSlot::Same(_)))
        .map(|(slot, &n_soft)| match slot {
            SoftSlot::Count(_) if !left.is_empty() && left.len() >= n_soft => {
                let (own, rest) = left.split_at(n_soft);
                left = rest;
                Slot { n_soft, text: None, ids: Some(own) }
            }
            SoftSlot::Count(_) | SoftSlot::Same(_) => Slot { n_soft, text: None, ids: None },
            SoftSlot::Init(text) => Slot { n_soft, text: Some(text), ids: None },
        })
        .collect();
    let loaded = scorer.loaded();
    let values = start(&slots, init, loaded, &prompt.verbalizer, stream).map_err(|text| RunnerError::InitText {
        place: place.into(),
        text,
        model: loaded.name.clone(),
    })?;
    let origin = match init {
        SoftInit::Winner(label) => format!("start (winner of {label})"),
        _ if slots.iter().all(|slot| slot.text.is_some()) => "start (text)".to_owned(),
        init => format!("start ({})", init.name()),
    };
    let template = prompt.template.with_soft_counts(&lengths);
    let triggers = if taken.is_empty() { prompt.triggers } else { TriggerTokens::default() };
    Ok(Begun { prompt: Prompt { template, triggers, ..prompt }, values, origin })
}

/// What vectors start from, in words.
pub(super) fn init_words(init: &SoftInit) -> String {
    match init {
        SoftInit::Text(text) => format!("text `{text}`"),
        SoftInit::Winner(label) => format!("winner of {label}"),
        init => init.name().to_owned(),
    }
}

/// What tells a cell from the others of its item.
pub(super) fn describe(method: &SoftPromptParameters) -> String {
    let init = init_words(&method.init);
    let template = method.template.as_ref().map(|template| format!(", template {template}")).unwrap_or_default();
    let labels = if method.soft_verbalizer { ", soft_verbalizer" } else { "" };
    format!("n_soft {}, init {init}{labels}, {}{template}", method.n_soft, training::describe(&method.training))
}
