//! What can go wrong with a cluster.

use crate::error::{ExitCode, Fault};

/// A job that cannot be handed over.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// A path or a value cannot stand in a script.
    #[error("{what} cannot stand in a job's script: {why}")]
    Unwritable {
        /// What, and what it is.
        what: String,
        /// Why not.
        why: &'static str,
    },
    /// The engine's command is not there.
    #[error(
        "cannot run `{command}`: {source}; is this a machine that jobs are submitted from? (--dry-run prints the scripts \
         without it)"
    )]
    NoEngine {
        /// The command.
        command: &'static str,
        /// Why not.
        source: std::io::Error,
    },
    /// The engine refuses.
    #[error("`{command}` refused the {what} ({status}): {says}{after}")]
    Refused {
        /// The command as it was run.
        command: String,
        /// What was submitted.
        what: &'static str,
        /// How it ended.
        status: String,
        /// What it wrote.
        says: String,
        /// What has been submitted before and what to do about it.
        after: String,
    },
}

impl Fault for ClusterError {
    fn exit_code(&self) -> ExitCode {
        // Whatever it is, other words on the command line would put it right.
        ExitCode::Usage
    }
}
