//! What an experiment is planned on: its data and, where the data hang on them, its models.

use crate::error::{Error, Result};
use crate::model::{self, ResolvedDevice};
use crate::scoring::{Scorer, Settings};
use crate::spec::{Experiment, ModelSource};
use crate::task::{Dataset, DatasetOptions};

use super::facts::FactObjects;
use super::task_prompt::template;

/// The data of an experiment.
pub(super) struct Opened {
    /// Them.
    pub(super) dataset: Dataset,
    /// The objects, where they are facts.
    pub(super) facts: Option<FactObjects>,
    /// The models, where these decide which facts there are.
    pub(super) models: Option<Vec<Scorer>>,
}

/// Opens the data, as the kind of task asks for them.
///
/// # Errors
/// What is wrong with the data, and with the models where they are asked.
pub(super) fn open(experiment: &Experiment, device: &ResolvedDevice, settings: Settings) -> Result<Opened> {
    let mut facts = FactObjects::of(experiment)?;
    let mut dataset = load(experiment, facts.as_ref())?;
    let mut models = None;
    if let Some(facts) = facts.as_mut().filter(|facts| facts.asks_models()) {
        let opened = open_models(experiment, device, settings)?;
        facts.restrict(&dataset, &template(experiment, &dataset)?, &opened)?;
        dataset = load(experiment, Some(facts))?;
        models = Some(opened);
    }
    Ok(Opened { dataset, facts, models })
}

/// The data of an experiment as they stand in their files.
///
/// # Errors
/// What is wrong with the data.
pub(super) fn data(experiment: &Experiment) -> Result<Dataset> {
    load(experiment, FactObjects::of(experiment)?.as_ref())
}

fn load(experiment: &Experiment, facts: Option<&FactObjects>) -> Result<Dataset> {
    let options = match (facts, &experiment.task.target) {
        (Some(facts), _) => facts.options(experiment),
        (None, Some(target)) => DatasetOptions::of_references(target),
        (None, None) => DatasetOptions::default(),
    };
    let loaded = Dataset::load_with(&experiment.dataset(), &options);
    loaded.map_err(|e| Error::from(e).at(experiment.place("task.dataset")))
}

/// The models of an experiment.
pub(super) fn open_models(experiment: &Experiment, device: &ResolvedDevice, settings: Settings) -> Result<Vec<Scorer>> {
    let open = |(index, source): (usize, &ModelSource)| {
        let place = || experiment.place(&format!("models[{index}]")).or_else(|| experiment.place("models"));
        let loaded = model::load(&experiment.model(source), device).map_err(|e| Error::from(e).at(place()))?;
        Ok(Scorer::new(loaded, settings))
    };
    experiment.models.iter().enumerate().map(open).collect()
}
