//! From `prefix` to its state machine.

use crate::prompt::{Prompt, Template};
use crate::runner::RunnerError;
use crate::scoring::Scorer;
use crate::search::Search;
use crate::search::continuous::{Encoder, Part, Trained, Training, prefix_start};
use crate::seed::Stream;
use crate::spec::{PrefixInit, PrefixParameters};

use super::TaskPrompt;
use super::training;

/// The template that it trains in.
pub(super) fn templates(method: &PrefixParameters, task: &TaskPrompt) -> Vec<Template> {
    vec![method.template.as_ref().unwrap_or(&task.template).with_prefix(method.n_prefix)]
}

/// The search: a prefix of the model's shape, or a network that makes one. `place` is the item's key path.
pub(super) fn search(
    method: &PrefixParameters,
    prompt: Prompt,
    scorer: &Scorer,
    mut stream: Stream,
    place: &str,
) -> Result<Box<dyn Search>, RunnerError> {
    let shape = scorer.prefix_shape(method.n_prefix);
    let trained =
        if method.projection {
            let (n_rows, d_input) = (shape.n_prefix, shape.d_keys());
            let d_hidden = method.hidden_size.unwrap_or(d_input);
            let encoder = Encoder::Projection { n_rows, d_input, d_hidden, d_output: shape.width() };
            Trained::new(Part::Prefix(shape), encoder, encoder.start(None, &mut stream))
        } else {
            let loaded = scorer.loaded();
            let prefix = prefix_start(shape, &method.init, loaded, &mut stream)
                .map_err(|text| RunnerError::InitText { place: place.into(), text, model: loaded.name.clone() })?;
            Trained::prefix(&prefix)
        };
    let origin = format!("start ({})", method.init.name());
    Ok(Box::new(Training::new("prefix", training::config(&method.training), prompt, trained, origin, stream)))
}

/// What tells a cell from the others of its item.
pub(super) fn describe(method: &PrefixParameters) -> String {
    let init = match &method.init {
        PrefixInit::Text(text) => format!("text `{text}`"),
        init => init.name().to_owned(),
    };
    let hidden = method.hidden_size.map(|size| format!(", hidden_size {size}")).unwrap_or_default();
    let template = method.template.as_ref().map(|template| format!(", template {template}")).unwrap_or_default();
    let (n_prefix, projection) = (method.n_prefix, method.projection);
    let training = training::describe(&method.training);
    format!("n_prefix {n_prefix}, projection {projection}{hidden}, init {init}, {training}{template}")
}
