//! Where a model comes from.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use super::error::SpecError;
use super::node::shortened;

/// The name of a model, by where it is to be found.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ModelSource {
    /// `builtin:NAME`: in the binary.
    Builtin(String),
    /// A folder in Hugging Face layout.
    Folder(PathBuf),
    /// A `.gguf` file.
    Gguf(PathBuf),
    /// `hf:owner/name@revision` on the hub, or in its cache.
    Hub {
        /// `owner/name`.
        repo: String,
        /// A branch, a tag or a commit; the main branch where there is none.
        revision: Option<String>,
    },
}

impl FromStr for ModelSource {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        let fault = |what: &str| SpecError::Model(format!("model `{}`: {what}", shortened(text)));
        let name = text.trim();
        if name.is_empty() {
            return Err(fault("it is empty (builtin:NAME, a folder, a .gguf file, hf:owner/name@revision)"));
        }
        if let Some(name) = name.strip_prefix("builtin:") {
            return if safe_name(name) {
                Ok(Self::Builtin(name.to_owned()))
            } else {
                Err(fault("a built-in name has letters, digits, `-`, `_` and `.` only"))
            };
        }
        if let Some(name) = name.strip_prefix("hf:") {
            let (repo, revision) = match name.split_once('@') {
                Some((repo, revision)) => (repo, Some(revision)),
                None => (name, None),
            };
            let parts: Vec<&str> = repo.split('/').collect();
            if parts.len() > 2 || !parts.iter().all(|part| safe_name(part)) {
                return Err(fault("a hub name is owner/name, each of letters, digits, `-`, `_` and `.`, without `..`"));
            }
            if !revision.is_none_or(|revision| revision.split('/').all(safe_name)) {
                return Err(fault("a revision has letters, digits, `-`, `_`, `.` and `/` only, without `..`"));
            }
            return Ok(Self::Hub { repo: repo.to_owned(), revision: revision.map(str::to_owned) });
        }
        let path = PathBuf::from(name);
        let gguf = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("gguf"));
        Ok(if gguf { Self::Gguf(path) } else { Self::Folder(path) })
    }
}

/// A name that can only be a name, never a way through folders.
fn safe_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    !name.is_empty() && name.chars().all(allowed) && !name.contains("..") && !name.starts_with(['.', '-'])
}

impl fmt::Display for ModelSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Builtin(name) => write!(f, "builtin:{name}"),
            Self::Folder(path) | Self::Gguf(path) => write!(f, "{}", path.display()),
            Self::Hub { repo, revision: None } => write!(f, "hf:{repo}"),
            Self::Hub { repo, revision: Some(revision) } => write!(f, "hf:{repo}@{revision}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_prints_as_it_was_written() {
        let texts =
            ["builtin:reviews-en", "models/bert", "m/x.gguf", "hf:google-bert/bert-base-uncased", "hf:gpt2@refs/pr/1"];
        for text in texts {
            assert_eq!(text.parse::<ModelSource>().unwrap().to_string(), text);
        }
        assert!(matches!("x.GGUF".parse().unwrap(), ModelSource::Gguf(_)));
        assert!(matches!("../models/x".parse().unwrap(), ModelSource::Folder(_)));
    }

    #[test]
    fn a_hub_name_never_leads_through_folders() {
        for text in [
            "hf:../x",
            "hf:a/../b",
            "hf:a/b/c",
            "hf:a/b@../..",
            "hf:",
            "hf:a//b",
            "hf:a/b@",
            "builtin:",
            "builtin:a/b",
            " ",
        ] {
            assert!(text.parse::<ModelSource>().is_err(), "{text}");
        }
        assert_eq!(
            "hf:a/../b".parse::<ModelSource>().unwrap_err().to_string(),
            "model `hf:a/../b`: a hub name is owner/name, each of letters, digits, `-`, `_` and `.`, without `..`"
        );
    }
}
