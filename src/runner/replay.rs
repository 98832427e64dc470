//! A record run again: what it hangs on is checked first, then its trials are run into another folder.
//!
//! # Decisions
//!
//! - 2026-11: what is checked before anything runs: `experiment.yaml` against the hash in `provenance.json`, the data files, the weights,
//!   the tokenizers, and last every trial's fingerprint, which covers what has no hash of its own (synonyms, lists of templates,
//!   second models). Another version, device or type of number makes other fingerprints and is asked for on purpose: it is told
//!   and no fault.
//! - 2026-11: scores are kept beside the results folders, so the folder of a replay, which is new and elsewhere, finds none of earlier
//!   runs: all that is compared is computed. Trials of the replay share scores as those of any run do.
//! - 2026-11: a trial that starts from another's winner, and an ensemble, are replayed with the trials that they are made of.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::error::Result;
use crate::record::{Found, Provenance, RecordError, TrialKey, trial_folders, trial_state};
use crate::spec::Experiment;

use super::RunnerError;
use super::opened;
use super::plan::Plan;
use super::provenance::provenance;

/// A results folder that is to be replayed.
#[derive(Debug)]
pub struct RecordedRun {
    folder: PathBuf,
    provenance: Provenance,
    /// Its trials that came to their end, well or not, in the order of the experiment.
    over: Vec<TrialKey>,
    n_open: usize,
}

/// Something that a record hangs on and that is not what it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedInput {
    /// What: `data test`, `weights of builtin:toy`.
    pub what: String,
    /// What the record says.
    pub recorded: String,
    /// What there is now.
    pub now: String,
}

impl fmt::Display for ChangedInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: recorded {}, now {}", self.what, self.recorded, self.now)
    }
}

/// A recorded trial and the trial of a replay that stands for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counterpart {
    /// The recorded trial's folder name.
    pub recorded: String,
    /// The replayed one's; other where version, device or inputs are.
    pub replayed: String,
}

impl RecordedRun {
    /// Reads what a results folder says of itself, and checks that its finished trials are as they were left.
    ///
    /// # Errors
    /// [`RecordError`] if the folder holds no record, or a damaged one: of that nothing can be said.
    pub fn open(folder: &Path) -> Result<Self> {
        let folders = trial_folders(folder)?;
        let Some(provenance) = Provenance::load(folder)? else {
            let message = "holds no record of a run (no provenance.json)".to_owned();
            return Err(RecordError::Foreign { path: folder.into(), message }.into());
        };
        let n = folders.len();
        let mut over = Vec::new();
        for path in folders {
            match trial_state(&path)? {
                (Some(key), Found::Complete | Found::Failed) => over.push(key),
                (_, Found::Damaged(damage)) => return Err(damage.into()),
                _ => {}
            }
        }
        let n_open = n - over.len();
        Ok(Self { folder: folder.into(), provenance, over, n_open })
    }

    /// What the run wrote of itself.
    pub fn provenance(&self) -> &Provenance {
        &self.provenance
    }

    /// Trials of the experiment that did not come to their end.
    pub fn n_open(&self) -> usize {
        self.n_open
    }

    /// The experiment as it was run.
    ///
    /// # Errors
    /// [`crate::spec::SpecError`] if `experiment.yaml` is gone or no experiment.
    pub fn experiment(&self) -> Result<Experiment> {
        Ok(Experiment::load(&self.folder.join("experiment.yaml"), &[])?)
    }

    /// What of `experiment.yaml` and the data is not what it was; neither models nor draws are needed for it.
    ///
    /// # Errors
    /// If a file cannot be read at all.
    pub fn changed_files(&self, experiment: &Experiment) -> Result<Vec<ChangedInput>> {
        let path = self.folder.join("experiment.yaml");
        let yaml = std::fs::read(&path).map_err(RecordError::io("read", &path))?;
        let mut changed = Vec::new();
        compare(&mut changed, "experiment.yaml", &self.provenance.experiment_blake3, &blake3::hash(&yaml).to_hex());
        let data = opened::data(experiment)?;
        for (split, hash) in &data.hashes {
            let recorded = self.provenance.data_blake3.get(&split.to_string()).map_or("none", String::as_str);
            compare(&mut changed, &format!("data {split}"), recorded, hash);
        }
        for (split, recorded) in &self.provenance.data_blake3 {
            if !data.hashes.keys().any(|now| now.to_string() == *split) {
                compare(&mut changed, &format!("data {split}"), recorded, "none");
            }
        }
        Ok(changed)
    }

    /// What of the models, and of what else its trials hang on, is not what it was.
    pub fn changed_models(&self, plan: &Plan) -> Vec<ChangedInput> {
        let now = provenance(plan);
        let mut changed = Vec::new();
        for recorded in &self.provenance.models {
            let Some(found) = now.models.iter().find(|model| model.source == recorded.source) else { continue };
            let what = |part: &str| format!("{part} of {}", recorded.source);
            compare(&mut changed, &what("weights"), &recorded.weights_blake3, &found.weights_blake3);
            compare(&mut changed, &what("tokenizer"), &recorded.tokenizer_blake3, &found.tokenizer_blake3);
        }
        for key in &self.over {
            match counterpart(plan, key) {
                None => changed.push(ChangedInput {
                    what: format!("trial {}", key.id()),
                    recorded: "there".into(),
                    now: "not of the experiment".into(),
                }),
                Some(planned)
                    if changed.is_empty() && self.same_way(&now) && planned.fingerprint != key.fingerprint =>
                {
                    changed.push(ChangedInput {
                        what: format!("a file that `search[{}]` names, or its settings (trial {})", key.item, key.id()),
                        recorded: short(&key.fingerprint),
                        now: short(&planned.fingerprint),
                    });
                }
                Some(_) => {}
            }
        }
        changed
    }

    /// Whether version, device and type of number are those of the record, so that all is to be the same to the last bit.
    fn same_way(&self, now: &Provenance) -> bool {
        let of = |from: &Provenance| (from.promptmine.clone(), from.device_kind.clone(), from.dtype.clone());
        of(&self.provenance) == of(now)
    }

    /// [`RunnerError::ChangedInputs`] of this folder.
    pub fn refusal(&self, changed: Vec<ChangedInput>) -> RunnerError {
        RunnerError::ChangedInputs { folder: self.folder.display().to_string(), changed }
    }

    /// The recorded trials that are to be replayed, with what stands for them in `plan`, in the order of the plan: of those that `only`
    /// names (a trial's id, a method, a row's label) `n`, evenly spread.
    ///
    /// # Errors
    /// [`RunnerError::NoTrial`] if `only` names none.
    pub fn choose(&self, plan: &Plan, only: Option<&str>, n: Option<usize>) -> Result<Vec<Counterpart>> {
        let mut asked: Vec<&TrialKey> = self
            .over
            .iter()
            .filter(|key| only.is_none_or(|only| [&key.id(), &key.method, &key.label].iter().any(|name| *name == only)))
            .collect();
        if let Some(only) = only.filter(|_| asked.is_empty()) {
            let mut known: Vec<&str> = self.over.iter().map(|key| key.label.as_str()).collect();
            known.dedup();
            return Err(RunnerError::NoTrial { found: only.into(), known: known.join(", ") }.into());
        }
        if let Some(n) = n.filter(|n| *n < asked.len()) {
            asked = (0..n).map(|place| asked[place * asked.len() / n]).collect();
        }
        let mut wanted: Vec<&TrialKey> = asked.into_iter().filter_map(|key| counterpart(plan, key)).collect();
        // What they are made of, and what that starts from.
        for ensemble in &plan.ensembles {
            if wanted.iter().any(|key| **key == ensemble.key) {
                wanted.extend(ensemble.trials.iter().map(|&place| &plan.trials[place].key));
            }
        }
        for trial in &plan.trials {
            if wanted.iter().any(|key| **key == trial.key)
                && let Some(winner) = plan.winner_trial(trial)
            {
                wanted.push(&winner.key);
            }
        }
        let keys =
            plan.trials.iter().map(|trial| &trial.key).chain(plan.ensembles.iter().map(|ensemble| &ensemble.key));
        let pair = |planned: &TrialKey| {
            let recorded = self.over.iter().find(|key| same_place(key, planned))?;
            Some(Counterpart { recorded: recorded.id(), replayed: planned.id() })
        };
        Ok(keys.filter(|key| wanted.contains(key)).filter_map(pair).collect())
    }
}

/// The trial or ensemble of a plan that stands where a recorded one stood.
fn counterpart<'p>(plan: &'p Plan, key: &TrialKey) -> Option<&'p TrialKey> {
    let keys = plan.trials.iter().map(|trial| &trial.key).chain(plan.ensembles.iter().map(|ensemble| &ensemble.key));
    keys.into_iter().find(|planned| same_place(key, planned))
}

/// Whether two trials are the same cell of the grid and seed, whatever decided their results.
fn same_place(a: &TrialKey, b: &TrialKey) -> bool {
    TrialKey { fingerprint: b.fingerprint.clone(), ..a.clone() } == *b
}

fn compare(changed: &mut Vec<ChangedInput>, what: &str, recorded: &str, now: &str) {
    if recorded != now {
        changed.push(ChangedInput { what: what.into(), recorded: short(recorded), now: short(now) });
    }
}

/// A hash for a message.
fn short(hash: &str) -> String {
    match hash {
        "none" => "none".into(),
        hash => format!("BLAKE3 {}...", hash.get(..12).unwrap_or(hash)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(item: usize, seed: u64, fingerprint: &str) -> TrialKey {
        TrialKey {
            item,
            method: "gcg".into(),
            label: "gcg".into(),
            model: "builtin:toy".into(),
            shots: "8".into(),
            calibration: "none".into(),
            seeds: vec![seed],
            control: None,
            fingerprint: fingerprint.into(),
        }
    }

    #[test]
    fn a_trial_is_found_again_whatever_its_fingerprint_and_not_under_another_seed() {
        assert!(same_place(&key(0, 1, "aaaaaaaa"), &key(0, 1, "bbbbbbbb")));
        assert!(!same_place(&key(0, 1, "aaaaaaaa"), &key(0, 2, "aaaaaaaa")));
        assert!(!same_place(&key(0, 1, "aaaaaaaa"), &key(1, 1, "aaaaaaaa")));
    }

    #[test]
    fn a_changed_input_is_told_by_the_beginnings_of_its_hashes() {
        let mut changed = Vec::new();
        compare(&mut changed, "data test", &"ab".repeat(32), &"cd".repeat(32));
        compare(&mut changed, "data dev", "same", "same");
        compare(&mut changed, "data train", "none", &"ef".repeat(32));
        let said: Vec<String> = changed.iter().map(ToString::to_string).collect();
        assert_eq!(
            said,
            [
                "data test: recorded BLAKE3 abababababab..., now BLAKE3 cdcdcdcdcdcd...",
                "data train: recorded none, now BLAKE3 efefefefefef..."
            ]
        );
    }
}
