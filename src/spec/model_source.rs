//! Where a model comes from.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::error::SpecError;
use super::method::Endpoint;
use super::node::shortened;
use crate::task::HubName;

/// The name of a model, by where it is to be found.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ModelSource {
    /// `builtin:NAME`: in the binary.
    Builtin(String),
    /// A folder in Hugging Face layout.
    Folder(PathBuf),
    /// A `.gguf` file.
    Gguf(PathBuf),
    /// `hf:owner/name@revision` on the hub, or in its cache; one GGUF file of it, `hf:owner/name@revision/FILE.gguf`.
    Hub {
        /// Its name there.
        name: HubName,
        /// The folder of its commit, or the GGUF file in it, once it is on this machine. A commit's folder is named after it.
        snapshot: Option<PathBuf>,
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
        if name.starts_with(Endpoint::PREFIX) {
            return Err(fault(
                "a service has no weights to search with: `score` takes it, and `paraphrase` asks it for rewordings (`endpoint:`)",
            ));
        }
        if name.starts_with("hf:") {
            let name = name.parse().map_err(|what: String| fault(&what))?;
            return Ok(Self::Hub { name, snapshot: None });
        }
        let path = PathBuf::from(name);
        Ok(if is_gguf(&path) { Self::Gguf(path) } else { Self::Folder(path) })
    }
}

/// Whether a path is that of a GGUF file, by its ending.
fn is_gguf(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("gguf"))
}

/// A name that can only be a name, never a way through folders.
fn safe_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    !name.is_empty() && name.chars().all(allowed) && !name.contains("..") && !name.starts_with(['.', '-'])
}

impl ModelSource {
    /// The commit of a model of the hub that is on this machine.
    pub fn commit(&self) -> Option<String> {
        let Self::Hub { snapshot: Some(path), .. } = self else { return None };
        // A file may lie deeper than in its commit's folder.
        let folder = path.ancestors().find(|way| way.parent().is_some_and(|above| above.ends_with("snapshots")));
        Some(folder.unwrap_or(path).file_name()?.to_string_lossy().into_owned())
    }

    /// The GGUF file that it is on this machine, where it is one.
    pub fn gguf(&self) -> Option<&Path> {
        match self {
            Self::Gguf(path) => Some(path),
            Self::Hub { snapshot: Some(path), .. } if is_gguf(path) => Some(path),
            _ => None,
        }
    }
}

impl fmt::Display for ModelSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Builtin(name) => write!(f, "builtin:{name}"),
            Self::Folder(path) | Self::Gguf(path) => write!(f, "{}", path.display()),
            Self::Hub { name, .. } => write!(f, "{name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_prints_as_it_was_written() {
        let texts = [
            "builtin:reviews-en",
            "models/bert",
            "m/x.gguf",
            "hf:google-bert/bert-base-uncased",
            "hf:gpt2@refs/pr/1",
            "hf:a/b@v1/q4/x.gguf",
        ];
        for text in texts {
            assert_eq!(text.parse::<ModelSource>().unwrap().to_string(), text);
        }
        assert!(matches!("x.GGUF".parse().unwrap(), ModelSource::Gguf(_)));
        assert!(matches!("../models/x".parse().unwrap(), ModelSource::Folder(_)));
    }

    #[test]
    fn a_file_of_a_commit_tells_the_commit() {
        let hub =
            |snapshot: &str| ModelSource::Hub { name: "hf:a/b".parse().unwrap(), snapshot: Some(snapshot.into()) };
        for (path, gguf) in
            [("c/snapshots/0af", false), ("c/snapshots/0af/x.gguf", true), ("c/snapshots/0af/q/x.gguf", true)]
        {
            assert_eq!(hub(path).commit().as_deref(), Some("0af"), "{path}");
            assert_eq!(hub(path).gguf(), gguf.then_some(Path::new(path)));
        }
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
            "model `hf:a/../b`: a hub name is owner/name, each of letters, digits, `-`, `_` and `.`, without `..` and `--`"
        );
    }
}
