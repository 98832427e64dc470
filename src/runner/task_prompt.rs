//! What a task starts from: its prompt, lists of synonyms, second models.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::model::{self, ResolvedDevice};
use crate::prompt::{Notation, Template, Verbalizer};
use crate::scoring::Scorer;
use crate::search::discrete::Synonyms;
use crate::spec::{Experiment, Method};
use crate::task::Dataset;

use super::RunnerError;
use super::cell::TaskPrompt;
use super::corpora::corpora;
use super::facts::FactObjects;
use super::template_lists::template_lists;

/// The prompt that the experiment or the data set's card names.
///
/// # Errors
/// If neither does, or it does not fit the labels; a list of synonyms that cannot be read.
pub(super) fn task_prompt(
    experiment: &Experiment,
    dataset: &Dataset,
    facts: Option<&FactObjects>,
) -> Result<TaskPrompt> {
    let verbalizer = match (facts, &experiment.task.target) {
        (Some(facts), _) => facts.verbalizer(&dataset.labels)?,
        (None, Some(target)) => Arc::new(Verbalizer::references(target)?),
        (None, None) => Arc::new(verbalizer(experiment, dataset)?),
    };
    Ok(TaskPrompt {
        starts: BTreeMap::new(),
        winner: None,
        template: template(experiment, dataset)?,
        verbalizer,
        synonyms: synonyms(experiment)?,
        rephrase: Vec::new(),
        lists: template_lists(experiment)?,
        corpora: corpora(experiment)?,
        second_models: BTreeMap::new(),
    })
}

/// The template that the experiment or the data set's card names.
///
/// # Errors
/// If neither does.
pub(super) fn template(experiment: &Experiment, dataset: &Dataset) -> Result<Template> {
    let notation = if dataset.is_of_facts { Notation::Facts } else { Notation::Texts };
    let of_card = dataset.card.as_ref().and_then(|card| card.template.as_deref());
    match (&experiment.task.template, of_card) {
        (Some(template), _) => Ok(template.clone()),
        (None, Some(text)) => Ok(Template::parse_as(text, notation)?),
        (None, None) => Err(RunnerError::NoDefault { key: "template", dataset: dataset.name.clone() }.into()),
    }
}

fn verbalizer(experiment: &Experiment, dataset: &Dataset) -> Result<Verbalizer> {
    let of_card = dataset.card.as_ref().and_then(|card| card.verbalizer.as_ref());
    let verbalizer = match (&experiment.task.verbalizer, of_card) {
        (Some(verbalizer), _) => verbalizer.clone(),
        (None, Some(words)) => Verbalizer::new(words.iter().map(|(label, words)| (label.clone(), words.clone())))?,
        (None, None) => return Err(RunnerError::NoDefault { key: "verbalizer", dataset: dataset.name.clone() }.into()),
    };
    Ok(verbalizer.aligned(&dataset.labels).map_err(RunnerError::Verbalizer)?)
}

/// Opens the second models of a cell of an item, where they are not open yet, and checks that one for probe sampling reads the same
/// tokens.
pub(super) fn open_second_models(
    experiment: &Experiment,
    method: &Method,
    device: &ResolvedDevice,
    scorers: &[Arc<Scorer>],
    item: usize,
    task: &mut TaskPrompt,
) -> Result<()> {
    for (key, source) in method.second_models() {
        let name = source.to_string();
        let place = format!("search[{item}]");
        let loaded = match task.second_models.get(&name) {
            Some(loaded) => loaded.clone(),
            None => model::load(&experiment.model(source), device)
                .map_err(|e| Error::from(e).at(experiment.place(&place).map(|at| format!("{at}.{key}"))))?,
        };
        if matches!(method, Method::Gcg(_))
            && let Some(other) = scorers.iter().find(|scorer| scorer.loaded().tokenizer_hash != loaded.tokenizer_hash)
        {
            let model = other.loaded().source.clone();
            return Err(RunnerError::ProbeTokenizer { place, probe: name, model }.into());
        }
        task.second_models.insert(name, loaded);
    }
    Ok(())
}

/// The lists of synonyms that items name.
fn synonyms(experiment: &Experiment) -> Result<BTreeMap<PathBuf, Arc<Synonyms>>, RunnerError> {
    let mut lists = BTreeMap::new();
    for (index, item) in experiment.search.iter().enumerate() {
        for method in &item.cells {
            let Some(path) = method.synonyms() else { continue };
            let resolved = experiment.resolve_path(path);
            let fault = |what: String| RunnerError::Synonyms {
                place: format!("search[{index}]"),
                path: resolved.clone(),
                what,
            };
            let bytes = std::fs::read(&resolved).map_err(|e| fault(e.to_string()))?;
            let text = String::from_utf8(bytes).map_err(|e| {
                let line = 1 + e.as_bytes()[..e.utf8_error().valid_up_to()].iter().filter(|&&b| b == b'\n').count();
                fault(format!("line {line}: not UTF-8"))
            })?;
            lists.insert(path.clone(), Arc::new(Synonyms::parse(&text).map_err(|e| fault(e.to_string()))?));
        }
    }
    Ok(lists)
}
