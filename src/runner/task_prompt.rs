//! What a task starts from: its prompt, lists of synonyms, second models.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::model::{self, ResolvedDevice};
use crate::prompt::Verbalizer;
use crate::scoring::Scorer;
use crate::search::discrete::Synonyms;
use crate::spec::{Experiment, Probe};
use crate::task::Dataset;

use super::RunnerError;
use super::cell::TaskPrompt;

/// The prompt that the experiment or the data set's card names.
///
/// # Errors
/// If neither does, or it does not fit the labels; a list of synonyms that cannot be read.
pub(super) fn task_prompt(experiment: &Experiment, dataset: &Dataset) -> Result<TaskPrompt> {
    let missing = |key| RunnerError::NoDefault { key, dataset: dataset.name.clone() };
    let card = dataset.card.as_ref();
    let template = match (&experiment.task.template, card.and_then(|c| c.template.as_deref())) {
        (Some(template), _) => template.clone(),
        (None, Some(text)) => crate::prompt::Template::parse(text)?,
        (None, None) => return Err(missing("template").into()),
    };
    let of_labels = || match (&experiment.task.verbalizer, card.and_then(|c| c.verbalizer.as_ref())) {
        (Some(verbalizer), _) => Ok(verbalizer.clone()),
        (None, Some(words)) => {
            let words = words.iter().map(|(label, words)| (label.clone(), words.clone()));
            Verbalizer::new(words).map_err(Error::from)
        }
        (None, None) => Err(missing("verbalizer").into()),
    };
    let verbalizer = match &experiment.task.target {
        Some(target) => Verbalizer::references(target)?,
        None => of_labels()?,
    };
    let verbalizer = verbalizer.aligned(&dataset.labels).map_err(RunnerError::Verbalizer)?;
    Ok(TaskPrompt {
        starts: BTreeMap::new(),
        winner: None,
        template,
        verbalizer: Arc::new(verbalizer),
        synonyms: synonyms(experiment)?,
        probes: BTreeMap::new(),
    })
}

/// Opens the second model of an item, where it is not open yet, and checks that it reads the same tokens.
pub(super) fn open_probe(
    experiment: &Experiment,
    probe: &Probe,
    device: &ResolvedDevice,
    scorers: &[Arc<Scorer>],
    item: usize,
    task: &mut TaskPrompt,
) -> Result<()> {
    let name = probe.model.to_string();
    let place = format!("search[{item}]");
    let loaded = match task.probes.get(&name) {
        Some(loaded) => loaded.clone(),
        None => model::load(&experiment.model(&probe.model), device)
            .map_err(|e| Error::from(e).at(experiment.place(&place).map(|at| format!("{at}.probe.model"))))?,
    };
    if let Some(other) = scorers.iter().find(|scorer| scorer.loaded().tokenizer_hash != loaded.tokenizer_hash) {
        let model = other.loaded().source.clone();
        return Err(RunnerError::ProbeTokenizer { place, probe: name, model }.into());
    }
    task.probes.insert(name, loaded);
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
