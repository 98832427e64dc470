//! Services that are asked for rewordings before a run begins.

use std::path::Path;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::exchange::endpoint::{Pair, most, reword};
use crate::prompt::Template;
use crate::record::AnswerStore;
use crate::search::discrete::Rephrase;
use crate::spec::{Endpoint, Method};

use super::cell::paraphrase::templates;
use super::cell::wording;
use super::plan::Plan;

/// A service with the templates and pairs of templates that it is asked about, and the first item that names it.
struct Asked {
    endpoint: Endpoint,
    templates: Vec<Template>,
    pairs: Vec<Pair>,
    item: usize,
}

/// What of an item's cells decides its trials: of a service what it answers, and not how patiently it is asked.
pub(super) fn deciding(cells: &[Method]) -> Vec<Method> {
    let mut cells = cells.to_vec();
    for method in &mut cells {
        let Some(method) = method.rewriting_mut() else { continue };
        let asked = |endpoint: Box<Endpoint>| Endpoint {
            n_paraphrases: endpoint.n_paraphrases,
            max_tokens: endpoint.max_tokens,
            temperature: endpoint.temperature,
            ..Endpoint::new(&endpoint.base_url, &endpoint.model)
        };
        method.endpoint = method.endpoint.take().map(|endpoint| Box::new(asked(endpoint)));
    }
    cells
}

impl Plan {
    /// Asks the services that the items name for rewordings of the templates that they start from. Answers are asked for once
    /// and kept, beside the results folders and in that of the run. With `only`, items that make no trial of that method or label
    /// ask nobody.
    ///
    /// # Errors
    /// [`crate::exchange::endpoint::EndpointError`], with the place of the item: before anything is asked if it could be more
    /// than is allowed.
    pub fn ask_endpoints(&mut self, results: &Path, only: Option<&str>, note: &dyn Fn(&str)) -> Result<()> {
        let store = AnswerStore::new(results, Some(&self.experiment.name));
        for asked in self.asked(only) {
            let place = format!("search[{}]", asked.item);
            let place = self.experiment.place(&place).map(|at| format!("{at}.endpoint"));
            let mut answering = reword(&asked.endpoint, (&asked.templates, &asked.pairs), &store, note)
                .map_err(|e| Error::from(e).at(place))?;
            self.answers.append(&mut answering.answers);
            let answering: Arc<dyn Rephrase> = Arc::new(answering);
            self.task.rephrase.push((asked.endpoint, answering));
        }
        Ok(())
    }

    /// What asking them takes at most, a sentence each.
    pub(super) fn endpoint_notes(&self) -> Vec<String> {
        let note = |asked: Asked| {
            let Endpoint { model, base_url, .. } = &asked.endpoint;
            let most = most(&asked.endpoint, &asked.templates, &asked.pairs);
            let what = if asked.pairs.is_empty() { "rewordings" } else { "rewordings and children" };
            let over = most.over(&asked.endpoint).map(|what| format!(" ({what})")).unwrap_or_default();
            format!(
                "a run begins by asking {model} at {base_url} for {what}: {}{over}; what was asked before is not asked again",
                most.words(&asked.endpoint)
            )
        };
        self.asked(None).into_iter().map(note).collect()
    }

    fn asked(&self, only: Option<&str>) -> Vec<Asked> {
        let mut all: Vec<Asked> = Vec::new();
        for (index, item) in self.experiment.search.iter().enumerate() {
            let runs = self.trials.iter().any(|trial| {
                trial.item == index && only.is_none_or(|only| only == trial.key.method || only == trial.key.label)
            });
            for method in item.cells.iter().filter(|_| runs) {
                let Some(endpoint) = method.rewriting().and_then(|rewriting| rewriting.endpoint.as_deref()) else {
                    continue;
                };
                let new = match method {
                    Method::Paraphrase(method) => templates(method, &self.task),
                    method => method.written().map_or_else(Vec::new, |starts| wording::templates(starts, &self.task)),
                };
                // What is bred has children of all pairs.
                let breeds = matches!(method, Method::Evolution(_));
                let mut pairs: Vec<Pair> = Vec::new();
                for (at, first) in new.iter().enumerate().filter(|_| breeds) {
                    pairs.extend(new[at + 1..].iter().map(|second| (first.clone(), second.clone())));
                }
                match all.iter_mut().find(|asked| asked.endpoint == *endpoint) {
                    Some(asked) => {
                        asked.templates.extend(new);
                        asked.pairs.extend(pairs);
                    }
                    None => all.push(Asked { endpoint: endpoint.clone(), templates: new, pairs, item: index }),
                }
            }
        }
        all
    }
}
