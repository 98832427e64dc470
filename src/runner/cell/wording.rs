//! From `edits` and `evolution` to their state machines.

use std::sync::Arc;

use crate::prompt::{Prompt, Template};
use crate::runner::RunnerError;
use crate::runner::template_lists::written_templates;
use crate::scoring::Scorer;
use crate::search::Search;
use crate::search::discrete::{
    Algorithm, Crossover, Edits as Iterations, EditsConfig, Evolution as Generations, EvolutionConfig, Level, Rewording,
};
use crate::seed::Stream;
use crate::spec::{CrossoverKind, EditLevel, Edits, Evolution, EvolutionAlgorithm, Manual, Paraphrase};

use super::{TaskPrompt, back_translation, paraphrase};

/// The templates to start from.
pub(in crate::runner) fn templates(starts: &Manual, task: &TaskPrompt) -> Vec<Template> {
    match written_templates(starts, &task.lists) {
        none if none.is_empty() => vec![task.template.clone()],
        written => written,
    }
}

/// Where other words come from. `place` is the item's key path.
fn rewording(method: &Paraphrase, task: &TaskPrompt, scorer: &Scorer, place: &str) -> Result<Rewording, RunnerError> {
    let given = task.rephrase.iter().find(|(endpoint, _)| Some(endpoint) == method.endpoint.as_deref());
    Ok(Rewording {
        generators: paraphrase::config(method).generators,
        thesaurus: Arc::new(paraphrase::thesaurus(method, task, place)?),
        round_trip: back_translation::round_trip(method, task, scorer, place)?,
        rephrase: given.map(|(_, rephrase)| Arc::clone(rephrase)),
        n_texts: method.n_texts,
        likelihood: method.likelihood,
    })
}

/// The search of `edits`.
pub(super) fn edits(
    method: &Edits,
    prompts: &[Prompt],
    task: &TaskPrompt,
    scorer: &Scorer,
    stream: Stream,
    place: &str,
) -> Result<Box<dyn Search>, RunnerError> {
    let rewording = rewording(&method.rewriting, task, scorer, place)?;
    Ok(Box::new(Iterations::new(edits_config(method), rewording, prompts, stream)))
}

/// The search of `evolution`.
pub(super) fn evolution(
    method: &Evolution,
    prompts: &[Prompt],
    task: &TaskPrompt,
    scorer: &Scorer,
    stream: Stream,
    place: &str,
) -> Result<Box<dyn Search>, RunnerError> {
    let rewording = rewording(&method.rewriting, task, scorer, place)?;
    Ok(Box::new(Generations::new(evolution_config(method), rewording, prompts, stream)))
}

/// The parameters of `edits`.
pub(in crate::runner) fn edits_config(method: &Edits) -> EditsConfig {
    EditsConfig {
        level: match method.level {
            EditLevel::Phrase => Level::Phrase,
            EditLevel::Word => Level::Word,
            EditLevel::Sentence => Level::Sentence,
        },
        n_candidates: method.rewriting.n_candidates,
        n_compose: method.n_compose,
        beam: method.rewriting.beam,
        batch_size: method.rewriting.batch_size,
        patience: method.patience,
        restarts: method.restarts,
        iterations: method.n_iterations,
        temperature: method.temperature,
    }
}

/// The parameters of `evolution`.
pub(in crate::runner) fn evolution_config(method: &Evolution) -> EvolutionConfig {
    EvolutionConfig {
        algorithm: match method.algorithm {
            EvolutionAlgorithm::Ga => Algorithm::Ga,
            EvolutionAlgorithm::De => Algorithm::De,
        },
        population: method.population,
        crossover: match method.crossover {
            CrossoverKind::Uniform => Crossover::Uniform,
            CrossoverKind::SinglePoint => Crossover::SinglePoint,
        },
        mutation: method.mutation,
        batch_size: method.rewriting.batch_size,
        generations: method.generations,
    }
}

/// What tells a cell of `edits` from the others of its item.
pub(super) fn describe_edits(method: &Edits) -> String {
    let Edits { rewriting, level, n_compose, temperature, .. } = method;
    format!(
        "level {}, n_candidates {}, n_compose {n_compose}, beam {}, batch_size {}, patience {}, temperature {temperature}",
        level.name(),
        rewriting.n_candidates,
        rewriting.beam,
        rewriting.batch_size,
        method.patience
    )
}

/// What tells a cell of `evolution` from the others of its item.
pub(super) fn describe_evolution(method: &Evolution) -> String {
    format!(
        "{}, population {}, crossover {}, mutation {}, batch_size {}",
        method.algorithm.name(),
        method.population,
        method.crossover.name(),
        method.mutation,
        method.rewriting.batch_size
    )
}
