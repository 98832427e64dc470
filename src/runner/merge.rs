//! What is left to do when the shards of a run are over: what needs trials of all of them, and the tables.
//!
//! # Decisions
//!
//! - 2026-11: only ensembles, transfer and the complete matrix open models and data. Everything else is derived from the record
//!   alone, so it can be merged where neither is.
//! - 2026-11: where trials are missing the tables hold those that are there, as they do while a run goes on, and the shard that
//!   owes each is named with the command that makes it.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize};

use crate::error::Result;
use crate::record::{Found, Provenance, RecordError, ResultsFolder, ShardNote, gather};
use crate::spec::{Experiment, Shard};

use super::listener::Listener;
use super::pace::Tables;
use super::plan::{Plan, PlannedTrial};
use super::provenance::{check_same, provenance};
use super::run::{Summary, Work};

/// A trial that is not complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owed {
    /// Its folder's name.
    pub id: String,
    /// The shard that it belongs to, where a note says it.
    pub shard: Option<Shard>,
    /// The arguments that this shard, or one beside it, was begun with, without `--shard`.
    pub command: Option<Vec<String>>,
}

/// The shards of a run in one folder.
pub struct Merge {
    folder: ResultsFolder,
    provenance: Provenance,
    notes: Vec<ShardNote>,
    /// Trials that were copied into the folder.
    copied: Vec<String>,
}

/// What there is of the trials.
#[derive(Debug, Default)]
pub struct Trials {
    /// How many there are to be.
    pub n: usize,
    /// Those that failed.
    pub failed: Vec<Owed>,
    /// Those that are not there.
    pub missing: Vec<Owed>,
    /// Damaged ones among the missing, and how; they were moved aside.
    pub damaged: Vec<(String, String)>,
}

impl Merge {
    /// Opens `into` for itself and copies into it what it lacks from `sources`.
    ///
    /// # Errors
    /// [`RecordError::InUse`] while shards are at work in it; [`RecordError::Foreign`] if it is no record, or the folders are not of
    /// one run.
    pub fn begin(into: &Path, sources: &[PathBuf]) -> Result<Self> {
        let foreign = |message: &str| RecordError::Foreign { path: into.into(), message: message.into() };
        let all = if sources.is_empty() { &[into.to_path_buf()][..] } else { sources };
        if let Some(path) = all.iter().find(|source| !source.join("provenance.json").exists()) {
            // Nothing is made that was not there.
            let message = "holds no record of a run (no provenance.json)".into();
            return Err(RecordError::Foreign { path: path.clone(), message }.into());
        }
        let absolute = std::path::absolute(into).map_err(RecordError::io("find", into))?;
        let (Some(root), Some(name)) = (absolute.parent(), absolute.file_name().and_then(|name| name.to_str())) else {
            return Err(foreign("is no folder that results can be written to").into());
        };
        // The user's own words for it, where there is a parent to write them with.
        let root = into.parent().filter(|_| into.file_name().is_some()).unwrap_or(root);
        let folder = ResultsFolder::open(root, name)?;
        let same = |source: &&PathBuf| source.canonicalize().ok() != folder.path().canonicalize().ok();
        let sources: Vec<PathBuf> = sources.iter().filter(same).cloned().collect();
        let gathered = gather(&folder, &sources)?;
        let Some(provenance) = folder.provenance()? else {
            return Err(foreign("holds no record of a run (no provenance.json)").into());
        };
        let mut notes = ShardNote::all(folder.path());
        notes.extend(sources.iter().flat_map(|source| ShardNote::all(source)));
        Ok(Self { folder, provenance, notes, copied: gathered.copied })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// What the folder says of the run.
    pub fn provenance(&self) -> &Provenance {
        &self.provenance
    }

    /// How many trials were copied into it.
    pub fn n_copied(&self) -> usize {
        self.copied.len()
    }

    /// The processors of the shards, as far as they decide last bits.
    pub fn processors(&self) -> Vec<&str> {
        let mut processors: Vec<&str> = self.notes.iter().map(|note| note.processor.as_str()).collect();
        processors.sort_unstable();
        processors.dedup();
        processors
    }

    /// The experiment as run. Its paths are tried from the folder of the file that the shards read, where it is here.
    ///
    /// # Errors
    /// [`crate::spec::SpecError`].
    pub fn experiment(&self) -> Result<Experiment> {
        let mut experiment = Experiment::load(&self.folder.path().join("experiment.yaml"), &[])?;
        if let Some(note) = self.notes.iter().find(|note| note.folder.is_dir()) {
            experiment.folder.clone_from(&note.folder);
        }
        Ok(experiment)
    }

    /// What there is of the trials; damaged ones are moved aside, so that the tables can be made without them. `plan` is needed
    /// where there are ensembles.
    ///
    /// # Errors
    /// [`RecordError`]; [`RecordError::Foreign`] if the plan is not that of the folder.
    pub fn trials(&self, plan: Option<&Plan>) -> Result<Trials> {
        if let Some(plan) = plan {
            check_same(&self.provenance, plan, &self.folder, false)?;
            let now = provenance(plan);
            if now.trials != self.provenance.trials {
                let message = format!(
                    "was written by promptmine {}, and this is {}: its experiment has other trials here",
                    self.provenance.promptmine, now.promptmine
                );
                return Err(RecordError::Foreign { path: self.folder.path().into(), message }.into());
            }
        }
        let ids: Vec<String> = match plan {
            Some(plan) => plan.trials.iter().map(|trial| trial.key.id()).collect(),
            None => self.provenance.trials.clone(),
        };
        let mut trials = Trials { n: ids.len(), ..Trials::default() };
        for id in ids {
            match self.folder.find_by_id(&id)? {
                (Some(key), Found::Complete) if key.id() == id => {}
                (Some(key), Found::Failed) if key.id() == id => trials.failed.push(self.owed(id)),
                (_, Found::Damaged(damage)) => {
                    self.folder.set_aside(&id)?;
                    trials.damaged.push((id.clone(), damage.to_string()));
                    trials.missing.push(self.owed(id));
                }
                _ => trials.missing.push(self.owed(id)),
            }
        }
        Ok(trials)
    }

    fn owed(&self, id: String) -> Owed {
        let note = self.notes.iter().find_map(|note| Some((note, note.owes(&id)?)));
        let Some((note, shard)) = note else { return Owed { id, shard: None, command: None } };
        let own = self.notes.iter().find(|note| (note.number, note.of) == (shard.number, shard.of));
        Owed { id, shard: Some(shard), command: Some(own.unwrap_or(note).command.clone()) }
    }

    /// Makes what needs trials of all shards: ensembles whose cells are over, and the transfer of the chosen prompts where all
    /// trials are.
    ///
    /// # Errors
    /// What keeps it from going on.
    pub fn finish(&self, plan: &Plan, listener: &dyn Listener, stop: &AtomicBool) -> Result<Summary> {
        let work = Work {
            plan,
            folder: &self.folder,
            listener,
            stop,
            tables: Tables::default(),
            store: None,
            batch_size: AtomicUsize::new(plan.batch_size.size),
            checkpoint_every: super::checkpoint::USUAL,
        };
        let copied: Vec<&PlannedTrial> = plan.trials.iter().filter(|t| self.copied.contains(&t.key.id())).collect();
        let mut summary = Summary { folder: self.folder.path().into(), ..Summary::default() };
        work.ensembles(&copied, &mut summary)?;
        work.end(&mut summary)?;
        Ok(summary)
    }

    /// Forgets that the folder was run in shards: it is that of one run now.
    ///
    /// # Errors
    /// [`RecordError::Io`].
    pub fn whole(&self) -> Result<()> {
        Ok(self.folder.forget_shards()?)
    }
}
