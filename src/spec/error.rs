//! What can be wrong with an experiment file.

use std::fmt;

use crate::error::{ExitCode, Fault};

/// A fault in an experiment file or in what overrides it.
#[derive(Debug, thiserror::Error)]
pub enum SpecError {
    /// The file cannot be read.
    #[error("{file}: cannot be read: {source}")]
    Read {
        /// The file as it was named.
        file: String,
        /// The system's reason.
        #[source]
        source: std::io::Error,
    },
    /// The file is not YAML of the right shape: syntax, an unknown key, a wrong type. The first such fault ends the reading.
    #[error("{at}: {what}")]
    Shape {
        /// `file:line:column`, or the override.
        at: String,
        /// What was found and what is allowed, behind the key path where there is one.
        what: String,
    },
    /// The shape is right and values are not: all of them.
    #[error("{}", Lines(.0))]
    Values(Vec<ValueFault>),
    /// A model's name that is no model's name, outside a file.
    #[error("{0}")]
    Model(String),
    /// An override that is not `KEY=VALUE`, or whose key leads nowhere.
    #[error("--set {set}: {what}")]
    Override {
        /// The override as it was given.
        set: String,
        /// What is wrong with it.
        what: String,
    },
}

/// One value that is not allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValueFault {
    /// `file:line:column`, or the override.
    pub at: String,
    /// The way to the value: `search[1].n_trigger`, counted from 0 as `--set` does.
    pub path: String,
    /// What was found and what is allowed.
    pub what: String,
}

impl fmt::Display for ValueFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.at, self.path, self.what)
    }
}

/// Writes one fault a line.
struct Lines<'a>(&'a [ValueFault]);

impl fmt::Display for Lines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, fault) in self.0.iter().enumerate() {
            let end_of_line = if place > 0 { "\n" } else { "" };
            write!(f, "{end_of_line}{fault}")?;
        }
        Ok(())
    }
}

impl Fault for SpecError {
    fn exit_code(&self) -> ExitCode {
        ExitCode::Spec
    }
}
