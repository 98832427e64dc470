//! A task that chosen prompts are transferred to: its test set, its label words, and the template that they are compared with.

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::prompt::{Prompt, Template, Verbalizer};
use crate::spec::{Experiment, MultiToken, TaskSpec};
use crate::task::{Dataset, Draw, Example, Limits, Metric, Shots, Split, draw};

use super::super::RunnerError;

/// A task other than that of the experiment.
pub struct TransferTask {
    /// Its name in the experiment.
    pub name: String,
    /// Its data, of which test is held.
    pub dataset: Dataset,
    /// The words that stand for its labels.
    pub verbalizer: Arc<Verbalizer>,
    /// Its own prompt, where the experiment or the data set's card has one.
    pub manual: Option<Prompt>,
    /// How predictions are measured.
    pub metric: Metric,
    /// The rule for words of several tokens, where the item that found a prompt has none of its own.
    pub multi_token: MultiToken,
    /// Whether an input that is too long is shortened.
    pub truncate: bool,
    test: Draw,
}

impl TransferTask {
    /// Opens the tasks of an experiment, whose prompts show `columns`.
    ///
    /// # Errors
    /// Data that cannot be read, without labelled test examples, or without the columns; missing label words; with the place.
    pub(in crate::runner) fn open_all(
        experiment: &Experiment,
        dataset: &Dataset,
        templates: &[&Template],
    ) -> Result<Vec<Self>> {
        let mut tasks = Vec::new();
        for (name, spec) in experiment.transfer.iter().flat_map(|transfer| &transfer.tasks) {
            let key = format!("transfer.tasks.{name}");
            let place = experiment.place("transfer.tasks").map(|place| format!("{place}.{name}"));
            let fault = |what: String| RunnerError::Transfer { place: place.clone().unwrap_or(key.clone()), what };
            if *name == dataset.name {
                return Err(fault("is the name of the experiment's own data; give it another".into()).into());
            }
            let at = |e: Error| e.at(place.clone());
            let task = Self::open(experiment, name, spec, &key, &fault).map_err(at)?;
            for template in templates {
                template.check_columns(&task.dataset.columns).map_err(|e| at(e.into()))?;
            }
            tasks.push(task);
        }
        Ok(tasks)
    }

    fn open(
        experiment: &Experiment,
        name: &str,
        spec: &TaskSpec,
        key: &str,
        fault: &dyn Fn(String) -> RunnerError,
    ) -> Result<Self> {
        let mut dataset = Dataset::load(&experiment.resolve_dataset(&spec.dataset))?;
        let limits = Limits { unlabelled: Some(0), test: experiment.limits.test, ..Limits::default() };
        let test = draw(&dataset, Shots::Count(0), 0, &limits)?;
        if test.test.is_empty() || !dataset.is_labelled(Split::Test) {
            let what = format!("`{key}`");
            return Err(RunnerError::NoSplit { dataset: dataset.name.clone(), split: "labelled test", what }.into());
        }
        dataset.hold([&test])?;
        let card = dataset.card.as_ref();
        let words = card.and_then(|card| card.verbalizer.as_ref());
        let verbalizer = match (&spec.verbalizer, words) {
            (Some(verbalizer), _) => verbalizer.clone(),
            (None, Some(words)) => Verbalizer::new(words.iter().map(|(label, words)| (label.clone(), words.clone())))?,
            (None, None) => {
                let what =
                    format!("`verbalizer` is missing, and the data set `{}` has no card that gives one", dataset.name);
                return Err(fault(what).into());
            }
        };
        let verbalizer = Arc::new(verbalizer.aligned(&dataset.labels)?);
        let template = match (&spec.template, card.and_then(|card| card.template.as_deref())) {
            (Some(template), _) => Some(template.clone()),
            (None, Some(text)) => Some(Template::parse(text)?),
            (None, None) => None,
        };
        if let Some(template) = &template {
            template.check_columns(&dataset.columns)?;
            if template.has_soft() || template.n_prefix() > 0 || template.has_demos() || template.nearest().is_some() {
                return Err(fault("its template is to be text with {mask} and columns of its data".into()).into());
            }
        }
        let manual = template.map(|template| Prompt::plain(template, verbalizer.clone()));
        let TaskSpec { metric, multi_token, truncate, .. } = *spec;
        Ok(Self { name: name.to_owned(), dataset, verbalizer, manual, metric, multi_token, truncate, test })
    }

    /// Its test examples.
    pub(in crate::runner) fn test(&self) -> Vec<&Example> {
        super::super::draws::examples(&self.dataset, &self.test).test
    }
}
