//! Fetches what an experiment or a command line names.

use super::{Hub, HubError, Settings, Watch};
use crate::error::{Error, Result};
use crate::spec::{Experiment, Gcg, Method, ModelSource};
use crate::task::{DatasetSource, HubFiles};

/// Has a model on this machine, if it is one of the hub.
///
/// # Errors
/// [`HubError`].
pub fn fetch_model(source: &mut ModelSource, watch: &dyn Watch) -> Result<(), HubError> {
    if let ModelSource::Hub { name, snapshot } = source {
        let found = Hub::new(Settings::from_environment()?, watch)?.model(name)?;
        *snapshot = Some(found.gguf.unwrap_or(found.folder));
    }
    Ok(())
}

/// Has a data set on this machine, if it is one of the hub.
///
/// # Errors
/// [`HubError`].
pub fn fetch_dataset(source: &mut DatasetSource, watch: &dyn Watch) -> Result<(), HubError> {
    if let DatasetSource::Hub(data) = source {
        let found = Hub::new(Settings::from_environment()?, watch)?.data(data)?;
        data.fetched = Some(HubFiles { files: found.files, commit: found.commit });
    }
    Ok(())
}

/// Has all on this machine that an experiment names of the hub.
///
/// # Errors
/// [`HubError`], with the place of what names it.
pub fn fetch_experiment(experiment: &mut Experiment, watch: &dyn Watch) -> Result<()> {
    let place = experiment.place("task.dataset");
    fetch_dataset(&mut experiment.task.dataset, watch).map_err(|e| Error::from(e).at(place))?;
    let place = experiment.place("transfer.tasks");
    for (name, task) in experiment.transfer.iter_mut().flat_map(|transfer| &mut transfer.tasks) {
        let place = place.as_ref().map(|place| format!("{place}.{name}"));
        fetch_dataset(&mut task.dataset, watch).map_err(|e| Error::from(e).at(place))?;
    }
    for index in 0..experiment.models.len() {
        let place = experiment.place(&format!("models[{index}]")).or_else(|| experiment.place("models"));
        fetch_model(&mut experiment.models[index], watch).map_err(|e| Error::from(e).at(place))?;
    }
    for index in 0..experiment.search.len() {
        let place = experiment.place(&format!("search[{index}]")).map(|at| format!("{at}.probe.model"));
        for method in &mut experiment.search[index].cells {
            let Method::Gcg(Gcg { probe: Some(probe), .. }) = method else { continue };
            fetch_model(&mut probe.model, watch).map_err(|e| Error::from(e).at(place.clone()))?;
        }
    }
    Ok(())
}
