//! What can go wrong with what is on disk.

use std::path::PathBuf;

use crate::error::{ExitCode, Fault};

/// An error of the `record` room.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The operating system refused an access.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried: `write`, `read`, `create folder`, ...
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A file of the record does not hold what it should.
    #[error("{}{}: {message}", path.display(), line.map(|l| format!(":{l}")).unwrap_or_default())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// Its line, where there is one.
        line: Option<usize>,
        /// What was found and what is allowed.
        message: String,
    },
    /// A file was another one when it was read again: its trial began anew meanwhile.
    #[error("{}: {message}", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
        /// What was found.
        message: String,
    },
    /// A file was written in a later format than this program reads.
    #[error("{}: written in format {found}, this version reads format {known}", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// The format it says.
        found: u32,
        /// The format this program reads.
        known: u32,
    },
    /// The folder holds the results of something else.
    #[error("results folder {} {message}", path.display())]
    Foreign {
        /// The folder.
        path: PathBuf,
        /// Whose it is and what to do.
        message: String,
    },
    /// Another process is writing to the folder.
    #[error(
        "results folder {} is in use by {by}; wait for it, or give another --results DIR",
        path.display()
    )]
    InUse {
        /// The folder.
        path: PathBuf,
        /// By whom, in words.
        by: String,
    },
    /// The folder is no longer what it was when the run began.
    #[error("results folder {} vanished during the run; the same command begins anew what was in it", path.display())]
    Vanished {
        /// The folder.
        path: PathBuf,
    },
}

impl RecordError {
    /// An [`RecordError::Io`] for use with `map_err`.
    pub fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }

    /// A [`RecordError::Changed`].
    pub fn changed(path: impl Into<PathBuf>, message: impl Into<String>) -> Self {
        Self::Changed { path: path.into(), message: message.into() }
    }

    /// A [`RecordError::Corrupt`].
    pub fn corrupt(path: impl Into<PathBuf>, line: Option<usize>, message: impl Into<String>) -> Self {
        Self::Corrupt { path: path.into(), line, message: message.into() }
    }
}

impl Fault for RecordError {
    fn exit_code(&self) -> ExitCode {
        ExitCode::Results
    }
}
