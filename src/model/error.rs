//! What can be wrong with a model, its tokenizer or its device.

use std::fmt;
use std::path::PathBuf;

use crate::error::{ExitCode, Fault};

/// A fault of the room `model`; the binary exits with 5.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// No model of that name is built in.
    #[error("unknown built-in model `{name}` (known: {known})")]
    UnknownBuiltin {
        /// The name asked for.
        name: String,
        /// The names that exist.
        known: String,
    },
    /// A model of the hub whose files are not on this machine.
    #[error("`{name}` was not fetched from the hub")]
    NotFetched {
        /// Its name.
        name: String,
    },
    /// A file could not be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Products cannot be computed in the type that was asked for.
    #[error("dtype `{asked}`: {what}")]
    Precision {
        /// `f16`, `bf16`.
        asked: String,
        /// Why not, and what would do.
        what: String,
    },
    /// A folder lacks a file that a model needs.
    #[error("{}: {what}", folder.display())]
    Incomplete {
        /// The model's folder.
        folder: PathBuf,
        /// What is missing, and what would do.
        what: String,
    },
    /// `config.json` is not what a supported model says.
    #[error("{file}: {what}")]
    Config {
        /// The file.
        file: String,
        /// The field, what was found, what is allowed.
        what: String,
    },
    /// A weight file is damaged, or not what its name says.
    #[error("{file}: {what}")]
    Weights {
        /// The file.
        file: String,
        /// What was found.
        what: String,
    },
    /// The tensors of the weight files are not those of the model that the configuration describes.
    #[error("{file}: {faults}")]
    Tensors {
        /// The file, or the index of the shards.
        file: String,
        /// Everything missing, unused or of another shape.
        faults: TensorFaults,
    },
    /// A tokenizer file is damaged or of an unsupported kind.
    #[error("{file}: {what}")]
    Tokenizer {
        /// The file.
        file: String,
        /// What was found.
        what: String,
    },
    /// The tokenizer has no way of writing a word.
    #[error("the tokenizer cannot write `{word}`: {why}")]
    UnwritableWord {
        /// The word.
        word: String,
        /// What the tokenizer makes of it.
        why: String,
    },
    /// The model cannot be tuned as asked.
    #[error("{model} cannot be tuned: {what}")]
    Tuning {
        /// The model.
        model: String,
        /// Why not, and what would do.
        what: String,
    },
    /// Tuned weights could not be written.
    #[error("{}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The device asked for is not there.
    #[error("device `{asked}`: {what}")]
    Device {
        /// The choice.
        asked: String,
        /// Why not, and what to do.
        what: String,
    },
}

impl Fault for ModelError {
    fn exit_code(&self) -> ExitCode {
        ExitCode::Model
    }
}

/// How the tensors in the weight files differ from those that the model needs.
#[derive(Debug, Default)]
pub struct TensorFaults {
    /// Names that the model needs and no file has.
    pub missing: Vec<String>,
    /// Names that a file has and the model has no place for.
    pub unused: Vec<String>,
    /// Names with what is wrong about each.
    pub wrong: Vec<String>,
}

impl TensorFaults {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.missing.is_empty() && self.unused.is_empty() && self.wrong.is_empty()
    }
}

/// Names beyond this many are counted, not listed.
const LISTED: usize = 10;

impl fmt::Display for TensorFaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (title, names) in [
            ("missing tensors", &self.missing),
            ("tensors that the model has no place for", &self.unused),
            ("unfit tensors", &self.wrong),
        ] {
            if names.is_empty() {
                continue;
            }
            write!(f, "{separator}{title}: {}", names[..names.len().min(LISTED)].join(", "))?;
            if names.len() > LISTED {
                write!(f, " and {} more", names.len() - LISTED)?;
            }
            separator = "; ";
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_names_are_listed_and_the_rest_counted() {
        let faults = TensorFaults {
            missing: (0..12).map(|n| format!("t{n}")).collect(),
            unused: vec!["u".into()],
            wrong: Vec::new(),
        };
        assert_eq!(
            faults.to_string(),
            "missing tensors: t0, t1, t2, t3, t4, t5, t6, t7, t8, t9 and 2 more; tensors that the model has no place for: u"
        );
    }
}
