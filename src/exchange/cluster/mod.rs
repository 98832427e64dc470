//! Engines that run jobs on the machines of a cluster: an experiment's shards as one job, their merge as another after it.
//!
//! # Decisions
//!
//! - 2026-11: what is handed over are two scripts of plain commands that anybody can read, change and submit by hand. Refused: a
//!   process that stays and watches, which would have to live as long as the jobs.
//! - 2026-11: the merge begins when the shards are over in whatever way (`afterany`), not only if all went well (`afterok`). A shard
//!   in which one trial failed ends with code 7, and the tables of the others are wanted all the same; a shard that was lost would
//!   leave a merge that waits for ever and says nothing, while this one names what is missing, with the command that makes it, and
//!   fails by its exit code.
//! - 2026-11: the program takes the place of the script's shell, so that a request to terminate reaches it: it finishes the step
//!   under way and a later start goes on. Jobs are given back to the queue where a machine is lost or somebody more urgent comes.

mod error;
mod job;
mod quote;
mod slurm;

pub use error::ClusterError;
pub use job::{Job, Resources, Script, Scripts, Submitted};
pub use quote::quoted;

/// The engines that jobs can be handed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// Slurm, by its `sbatch`.
    Slurm,
}

impl Engine {
    /// The scripts of a job.
    ///
    /// # Errors
    /// [`ClusterError::Unwritable`] for a path that no script can hold.
    pub fn scripts(self, job: &Job) -> Result<Scripts, ClusterError> {
        match self {
            Self::Slurm => slurm::scripts(job),
        }
    }

    /// Hands over scripts that stand on the disk.
    ///
    /// # Errors
    /// [`ClusterError`] if the engine is not there or refuses.
    pub fn submit(self, scripts: &Scripts) -> Result<Submitted, ClusterError> {
        match self {
            Self::Slurm => slurm::submit(scripts),
        }
    }
}
