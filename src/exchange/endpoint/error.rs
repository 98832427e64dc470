//! What can be wrong with a service.

use std::path::PathBuf;

use thiserror::Error;

use crate::error::{ExitCode, Fault};
use crate::record::RecordError;

/// Why a service gave no answer; the binary exits as for a model that is not there, or for what the experiment asks.
#[derive(Debug, Error)]
pub enum EndpointError {
    /// The variable that holds the key.
    #[error("the variable {name}, which `key` names, {what}")]
    Key {
        /// Its name.
        name: String,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The file of certificates to trust.
    #[error("cannot read the certificates in {}: {source}", path.display())]
    Certificates {
        /// Its path.
        path: PathBuf,
        /// Why it cannot be used.
        source: std::io::Error,
    },
    /// More than the experiment allows.
    #[error("{what}")]
    Cap {
        /// What it would take, and what is allowed.
        what: String,
    },
    /// The service refuses.
    #[error("{url} answers {status}{what}")]
    Status {
        /// Its address.
        url: String,
        /// The status.
        status: u16,
        /// What it says of it, shortened, without the key.
        what: String,
    },
    /// No connection, or one that broke.
    #[error("{url} cannot be reached ({what})")]
    Unreachable {
        /// Its address.
        url: String,
        /// Why.
        what: String,
    },
    /// An answer that is none.
    #[error("{url} {what}")]
    Answer {
        /// Its address.
        url: String,
        /// What is wrong with the answer.
        what: String,
    },
    /// A template that a service cannot answer.
    #[error("template `{template}` {what}")]
    Template {
        /// The template.
        template: String,
        /// Why not, and what is allowed.
        what: &'static str,
    },
    /// A kept answer that cannot be read, or one that cannot be kept.
    #[error(transparent)]
    Keep(#[from] RecordError),
}

impl Fault for EndpointError {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Cap { .. } => ExitCode::Spec,
            Self::Keep(_) => ExitCode::Results,
            _ => ExitCode::Model,
        }
    }
}
