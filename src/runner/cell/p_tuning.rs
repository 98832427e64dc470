//! From `p_tuning` to its state machine.

use crate::prompt::{Prompt, SoftSlot, Template};
use crate::scoring::Scorer;
use crate::search::Search;
use crate::search::continuous::{Encoder, Part, Trained, Training};
use crate::seed::Stream;
use crate::spec::{PTuningParameters, PromptEncoderKind};

use super::TaskPrompt;
use super::training;

/// The template that it trains in.
pub(super) fn templates(method: &PTuningParameters, task: &TaskPrompt) -> Vec<Template> {
    vec![method.template.as_ref().unwrap_or(&task.template).with_soft(SoftSlot::Count(method.n_soft))]
}

/// The search: a network of the model's width that makes the virtual tokens.
pub(super) fn search(
    method: &PTuningParameters,
    prompt: Prompt,
    scorer: &Scorer,
    mut stream: Stream,
) -> Box<dyn Search> {
    let n_rows = scorer.n_vectors(&prompt.template);
    let d_model = scorer.loaded().model.shape().d_model;
    let d_hidden = method.hidden_size.unwrap_or(d_model);
    let encoder = match method.encoder {
        PromptEncoderKind::Mlp => Encoder::Mlp { n_rows, d_model, d_hidden },
        PromptEncoderKind::Lstm => Encoder::Lstm { n_rows, d_model, d_hidden, n_layers: method.n_layers },
    };
    let trained = Trained::new(Part::Soft { d_model }, encoder, encoder.start(None, &mut stream));
    let config = training::config(&method.training);
    Box::new(Training::new("p_tuning", config, prompt, trained, "start (random)".into(), stream))
}

/// What tells a cell from the others of its item.
pub(super) fn describe(method: &PTuningParameters) -> String {
    let hidden = method.hidden_size.map(|size| format!(", hidden_size {size}")).unwrap_or_default();
    let template = method.template.as_ref().map(|template| format!(", template {template}")).unwrap_or_default();
    let encoder = match method.encoder {
        PromptEncoderKind::Mlp => "mlp".to_owned(),
        PromptEncoderKind::Lstm => format!("lstm of {} layers", method.n_layers),
    };
    format!("n_soft {}, encoder {encoder}{hidden}, {}{template}", method.n_soft, training::describe(&method.training))
}
