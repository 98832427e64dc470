//! What a results folder says of the run that wrote it, and whether this run may go on in it.

use std::collections::BTreeMap;
use std::path::Path;

use crate::error::Result;
use crate::record::{ModelProvenance, Provenance, RecordError, ResultsFolder};
use crate::spec::Experiment;

use super::corpora::hashes_by_path;
use super::plan::Plan;

/// Refuses a folder that was written by something else than this plan, or with other data, weights or on another device.
///
/// # Errors
/// [`RecordError::Foreign`] with what differs.
pub(super) fn check_same(before: &Provenance, plan: &Plan, folder: &ResultsFolder, fresh: bool) -> Result<()> {
    let foreign = |message: String| RecordError::Foreign { path: folder.path().into(), message };
    if before.experiment != plan.experiment.name {
        return Err(foreign(format!(
            "belongs to the experiment `{}`, not to `{}`; give another --results DIR",
            before.experiment, plan.experiment.name
        ))
        .into());
    }
    if !fresh && asks_otherwise(folder.path(), plan) {
        return Err(foreign(
            "holds an experiment of this name with another task, budget, selection or limits: rename this one, give another \
             --results DIR, or begin anew with --fresh"
                .into(),
        )
        .into());
    }
    if !fresh && let Some(what) = changed_since(before, &provenance(plan)) {
        return Err(foreign(format!(
            "was written with other {what}: put those back, begin anew with --fresh, or give another --results DIR"
        ))
        .into());
    }
    if !fresh && before.device_kind != plan.device.kind.to_string() {
        return Err(foreign(format!(
            "was written on the device `{}`, this run is on `{}`: go on with `--device {}`, begin anew with --fresh, or \
             give another --results DIR",
            before.device_kind, plan.device.kind, before.device_kind
        ))
        .into());
    }
    if !fresh && before.dtype != plan.device.precision.name() {
        return Err(foreign(format!(
            "was computed in {}, this run would be in {}: go on with `--dtype {}`, begin anew with --fresh, or give another \
             --results DIR",
            before.dtype, plan.device.precision, before.dtype
        ))
        .into());
    }
    Ok(())
}

/// What of the data and of the models that both runs have is not what it was.
fn changed_since(before: &Provenance, now: &Provenance) -> Option<String> {
    if let Some((split, hash)) =
        now.data_blake3.iter().find(|(split, hash)| before.data_blake3.get(*split) != Some(*hash))
    {
        let old = before.data_blake3.get(split).map_or("none", |old| &old[..8.min(old.len())]);
        return Some(format!("data ({split}: BLAKE3 {old}..., now {}...)", &hash[..8.min(hash.len())]));
    }
    let changed = now.models.iter().find(|model| {
        before.models.iter().any(|old| {
            old.source == model.source
                && (&old.weights_blake3, &old.tokenizer_blake3) != (&model.weights_blake3, &model.tokenizer_blake3)
        })
    })?;
    Some(format!("weights or another tokenizer of {}", changed.source))
}

/// Whether the experiment in `folder` differs in what all its trials share, so that none of them could stay and its tables
/// would be lost. One that cannot be read is no reason to stop: every trial carries its own fingerprint.
fn asks_otherwise(folder: &Path, plan: &Plan) -> bool {
    Experiment::load(&folder.join("experiment.yaml"), &[])
        .is_ok_and(|before| before.shared_hash() != plan.experiment.shared_hash())
}

/// What this run's folder is to say.
pub(super) fn provenance(plan: &Plan) -> Provenance {
    let yaml = plan.experiment.to_yaml();
    Provenance {
        format: Provenance::FORMAT,
        promptmine: env!("CARGO_PKG_VERSION").into(),
        experiment: plan.experiment.name.clone(),
        experiment_blake3: blake3::hash(yaml.as_bytes()).to_hex().to_string(),
        device: plan.device.description.clone(),
        device_kind: plan.device.kind.to_string(),
        dtype: plan.device.precision.to_string(),
        batch_size: plan.scorers.first().map_or(1, |s| s.settings().batch_size),
        machine: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        models: plan
            .scorers
            .iter()
            .zip(&plan.experiment.models)
            .map(|(scorer, source)| {
                let loaded = scorer.loaded();
                ModelProvenance {
                    source: source.to_string(),
                    commit: source.commit(),
                    family: loaded.model.shape().family.clone(),
                    n_parameters: loaded.model.shape().n_parameters,
                    weights_blake3: loaded.weights_hash.clone(),
                    tokenizer_blake3: loaded.tokenizer_hash.clone(),
                }
            })
            .collect(),
        data_commit: plan.experiment.task.dataset.commit(),
        data_blake3: plan
            .dataset
            .hashes
            .iter()
            .map(|(split, hash)| (split.to_string(), hash.clone()))
            .collect::<BTreeMap<_, _>>(),
        corpora_blake3: hashes_by_path(&plan.task.corpora),
        metric: plan.experiment.task.metric.name().into(),
        trials: trial_ids(plan),
    }
}

/// The trials of a plan, and its ensembles, by their folders' names.
pub(super) fn trial_ids(plan: &Plan) -> Vec<String> {
    (plan.trials.iter().map(|t| t.key.id())).chain(plan.ensembles.iter().map(|e| e.key.id())).collect()
}
