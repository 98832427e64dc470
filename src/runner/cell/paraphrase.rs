//! From `paraphrase` to its state machine.

use std::sync::Arc;

use crate::prompt::{Prompt, Template};
use crate::runner::RunnerError;
use crate::scoring::Scorer;
use crate::search::Search;
use crate::search::discrete::{Generators, Paraphrase as Rounds, ParaphraseConfig, Thesaurus};
use crate::seed::Stream;
use crate::spec::{Generator, Paraphrase};

use super::{TaskPrompt, back_translation};

/// The templates that it starts from.
pub(in crate::runner) fn templates(method: &Paraphrase, task: &TaskPrompt) -> Vec<Template> {
    if method.templates.is_empty() { vec![task.template.clone()] } else { method.templates.clone() }
}

/// The search. `place` is the item's key path.
pub(super) fn search(
    method: &Paraphrase,
    prompts: &[Prompt],
    task: &TaskPrompt,
    scorer: &Scorer,
    stream: Stream,
    place: &str,
) -> Result<Box<dyn Search>, RunnerError> {
    let thesaurus = thesaurus(method, task, place)?;
    let round_trip = back_translation::round_trip(method, task, scorer, place)?;
    let rounds = Rounds::new(config(method), Arc::new(thesaurus), prompts, stream).with_round_trip(round_trip);
    let given = task.rephrase.iter().find(|(endpoint, _)| Some(endpoint) == method.endpoint.as_deref());
    Ok(Box::new(match given {
        Some((_, rephrase)) => rounds.with_rephrase(Arc::clone(rephrase)),
        None => rounds,
    }))
}

/// The words that its rounds may put for others. `place` is the item's key path.
pub(super) fn thesaurus(method: &Paraphrase, task: &TaskPrompt, place: &str) -> Result<Thesaurus, RunnerError> {
    let own = match &method.synonyms {
        None => None,
        Some(path) => Some(task.synonyms.get(path).cloned().ok_or_else(|| RunnerError::Synonyms {
            place: place.into(),
            path: path.clone(),
            what: "it was not read".into(),
        })?),
    };
    Thesaurus::new(own).map_err(|e| RunnerError::Synonyms {
        place: place.into(),
        path: "the built-in list".into(),
        what: e.to_string(),
    })
}

/// Its parameters.
pub(in crate::runner) fn config(method: &Paraphrase) -> ParaphraseConfig {
    ParaphraseConfig {
        generators: Generators {
            thesaurus: method.generators.contains(&Generator::Thesaurus),
            mask_fill: method.generators.contains(&Generator::MaskFill),
        },
        n_candidates: method.n_candidates,
        beam: method.beam,
        batch_size: method.batch_size,
        n_texts: method.n_texts,
        likelihood: method.likelihood,
        rounds: method.rounds,
    }
}

/// What tells a cell from the others of its item.
pub(super) fn describe(method: &Paraphrase) -> String {
    format!("n_candidates {}, beam {}, batch_size {}", method.n_candidates, method.beam, method.batch_size)
}
