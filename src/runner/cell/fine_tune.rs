//! From `fine_tune` to its state machine.

use std::sync::Arc;

use crate::prompt::{Piece, Prompt, SoftSlot, Template, TunedWeights};
use crate::runner::RunnerError;
use crate::scoring::Scorer;
use crate::search::Search;
use crate::search::continuous::{Trained, Training};
use crate::seed::Stream;
use crate::spec::{FineTuneParameters, Strategy};

use super::TaskPrompt;
use super::soft_prompt::{Begun, begun, init_words};
use super::training;

/// The template that it trains under.
pub(super) fn templates(method: &FineTuneParameters, task: &TaskPrompt) -> Vec<Template> {
    let own = method.template.as_ref();
    vec![match (&method.soft, method.strategy) {
        (Some(soft), _) => own.unwrap_or(&task.template).with_soft(SoftSlot::Count(soft.n_soft)),
        (None, Strategy::Promptless) => own.cloned().unwrap_or_else(|| inputs(&task.template)),
        (None, _) => own.unwrap_or(&task.template).clone(),
    }]
}

/// The columns of a template, one after the other.
fn inputs(template: &Template) -> Template {
    let columns = template.columns();
    let pieces = columns.iter().enumerate().flat_map(|(number, column)| {
        let space = (number > 0).then(|| Piece::Text(" ".into()));
        space.into_iter().chain([Piece::Column((*column).to_owned())])
    });
    Template::from_pieces(pieces).unwrap_or_else(|_| template.clone())
}

/// A prompt of it whose weights are yet to be trained, by which everything else of it can be checked.
pub(super) fn untrained(method: &FineTuneParameters, prompt: Prompt) -> Prompt {
    let n_classes = n_classes(method, &prompt);
    let tuned = TunedWeights::new(method.tuning.clone(), n_classes, Vec::new());
    Prompt { tuned: Some(Arc::new(tuned)), ..prompt }
}

fn n_classes(method: &FineTuneParameters, prompt: &Prompt) -> Option<usize> {
    (method.strategy == Strategy::Promptless).then_some(prompt.verbalizer.labels.len())
}

/// The search. `place` is the item's key path.
pub(super) fn search(
    method: &FineTuneParameters,
    prompt: Prompt,
    scorer: &Scorer,
    mut stream: Stream,
    place: &str,
) -> Result<Box<dyn Search>, RunnerError> {
    let refused = |source| RunnerError::Prompt {
        place: format!("{place} with {}", scorer.loaded().source),
        source: Box::new(source),
    };
    let tunable = scorer.tunable(&method.tuning, n_classes(method, &prompt)).map_err(refused)?;
    let start = tunable.start(&mut stream);
    let d_model = scorer.loaded().model.shape().d_model;
    let (prompt, trained, origin) = match &method.soft {
        None => (prompt, Trained::weights(start, Vec::new(), d_model, 1.0), "start".to_owned()),
        Some(soft) => {
            let Begun { prompt, values, origin } = begun(&soft.init, prompt, scorer, &mut stream, place)?;
            let scale = soft.learning_rate / method.training.learning_rate;
            (prompt, Trained::weights(start, values, d_model, scale), origin)
        }
    };
    let config = training::config(&method.training);
    Ok(Box::new(Training::new("fine_tune", config, prompt, trained, origin, stream)))
}

/// What tells a cell from the others of its item.
pub(super) fn describe(method: &FineTuneParameters) -> String {
    let soft = method.soft.as_ref().map(|soft| {
        let init = init_words(&soft.init);
        format!("n_soft {}, init {init}, soft_learning_rate {}, ", soft.n_soft, soft.learning_rate)
    });
    let template = method.template.as_ref().map(|template| format!(", template {template}")).unwrap_or_default();
    format!("{}, {}{}{template}", method.tuning, soft.unwrap_or_default(), training::describe(&method.training))
}
