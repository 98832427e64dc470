//! From `demonstrations` to its state machine.

use crate::prompt::{Demonstration, Nearest, Prompt, Template};
use crate::runner::RunnerError;
use crate::scoring::Scorer;
use crate::search::Search;
use crate::search::discrete::{Demonstrations as DemonstrationsSearch, DemonstrationsConfig};
use crate::seed::Stream;
use crate::spec::{Choose, Demonstrations, Order};
use crate::task::{Dataset, Example};

use super::TaskPrompt;

/// The template with the place of the demonstrations.
fn template(method: &Demonstrations, task: &TaskPrompt) -> Template {
    method.template.as_ref().unwrap_or(&task.template).with_demos()
}

/// What is checked before anything runs: the template without demonstrations.
pub(super) fn templates(method: &Demonstrations, task: &TaskPrompt) -> Vec<Template> {
    let template = template(method, task);
    match nearest(method) {
        // Its passes hold the representations.
        Some(nearest) => vec![template.with_nearest(nearest)],
        None => vec![template.without_demonstrations()],
    }
}

/// The search.
pub(super) fn search(method: &Demonstrations, task: &TaskPrompt, stream: Stream) -> Box<dyn Search> {
    let config = DemonstrationsConfig {
        k: method.k,
        nearest: nearest(method),
        replace: method.choose == Choose::Searched,
        swap: method.order == Order::Searched,
        n_candidates: method.n_candidates,
        batch_size: method.batch_size,
        patience: method.patience,
        separator: method.separator.clone(),
    };
    let prompt = Prompt::plain(template(method, task), task.verbalizer.clone());
    Box::new(DemonstrationsSearch::new(config, prompt, stream))
}

fn nearest(method: &Demonstrations) -> Option<Nearest> {
    (method.choose == Choose::Nearest).then_some(Nearest {
        k: method.k,
        first: method.order == Order::NearestFirst,
        representation: method.representation,
    })
}

/// Checks that train has so many examples, and that the shortest of them fits into the model.
///
/// # Errors
/// [`RunnerError::Demonstrations`], [`RunnerError::Prompt`].
pub fn check(
    method: &Demonstrations,
    task: &TaskPrompt,
    scorer: &Scorer,
    dataset: &Dataset,
    train: &[&Example],
    (place, shots): (&str, &str),
) -> Result<(), RunnerError> {
    if method.k > train.len() {
        return Err(RunnerError::Demonstrations {
            place: place.into(),
            k: method.k,
            n_train: train.len(),
            shots: shots.into(),
        });
    }
    let template = template(method, task);
    let shown = template.demonstrated_columns();
    let demonstration = |example: &Example, word: &str| Demonstration {
        word: word.to_owned(),
        fields: (dataset.columns.iter().cloned().zip(example.fields.iter().cloned()))
            .filter(|(column, _)| shown.contains(column))
            .collect(),
        end: method.separator.clone(),
    };
    let own = task.verbalizer.reference_column().and_then(|column| dataset.column(column));
    let words = |example: &Example| -> Option<String> {
        match own {
            Some(at) => Some(example.fields[at].trim().to_owned()),
            None => task.verbalizer.labels.get(example.label?)?.words.first().cloned(),
        }
    };
    let shortest = (train.iter())
        .filter_map(|example| Some(demonstration(example, &words(example)?)))
        .min_by_key(|demonstration| template.demonstrated(demonstration).chars().count());
    let filled = template.with_demonstrations(shortest.iter());
    scorer
        .check_template(&Prompt::plain(filled, task.verbalizer.clone()), &dataset.columns)
        .map_err(|source| RunnerError::Prompt { place: place.into(), source: Box::new(source) })
}

/// What tells a cell from the others of its item.
pub(super) fn describe(method: &Demonstrations) -> String {
    let template = method.template.as_ref().map(|template| format!(", template {template}")).unwrap_or_default();
    let how = match method.choose {
        Choose::Nearest => format!("representation {}", method.representation.name()),
        Choose::Random if method.order == Order::Drawn => String::new(),
        _ => format!(
            "n_candidates {}, batch_size {}, patience {}",
            method.n_candidates, method.batch_size, method.patience
        ),
    };
    let how = if how.is_empty() { how } else { format!(", {how}") };
    format!(
        "choose {}, k {}, order {}{how}, separator {:?}{template}",
        method.choose.name(),
        method.k,
        method.order.name(),
        method.separator
    )
}
