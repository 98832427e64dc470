//! The name of a repository on the hub, or of one file in it.

use std::fmt;
use std::str::FromStr;

/// A repository on the hub, `hf:owner/name@revision`, or one GGUF file of it, `hf:owner/name@revision/FILE.gguf`. It can only ever
/// be a name: never a way through folders, nor through an address.
///
/// A revision in front of a file is one word, or three that begin with `refs`: `hf:owner/name@refs/pr/1/part/FILE.gguf`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HubName {
    /// `owner/name`, or the name alone of the oldest models.
    pub repo: String,
    /// A branch, a tag or a commit; the main branch where there is none.
    pub revision: Option<String>,
    /// A `.gguf` file, by its path in the repository.
    pub file: Option<String>,
}

/// How long `owner/name` may be; the hub's own limit.
const MAX_REPO: usize = 96;
/// How long a revision may be: what git and file systems take for a name.
const MAX_REVISION: usize = 255;

impl HubName {
    /// The revision, or the main branch.
    pub fn revision(&self) -> &str {
        self.revision.as_deref().unwrap_or("main")
    }

    /// The name without its owner.
    pub fn short(&self) -> &str {
        self.repo.rsplit('/').next().unwrap_or(&self.repo)
    }
}

impl FromStr for HubName {
    /// What is wrong, and what is allowed.
    type Err = String;

    /// Reads `owner/name@revision` or `owner/name@revision/FILE.gguf`, with or without `hf:` in front.
    fn from_str(text: &str) -> Result<Self, String> {
        let name = text.strip_prefix("hf:").unwrap_or(text);
        let (repo, revision) = match name.split_once('@') {
            Some((repo, revision)) => (repo, Some(revision)),
            None => (name, None),
        };
        let (repo, revision, file) = match revision {
            None => match divided(repo, 2) {
                Some((repo, file)) => (repo, None, Some(file)),
                None => (repo, None, None),
            },
            Some(revision) => match divided(revision, if revision.starts_with("refs/") { 3 } else { 1 }) {
                Some((revision, file)) => (repo, Some(revision), Some(file)),
                None => (repo, Some(revision), None),
            },
        };
        if let Some(file) = file.filter(|file| !file.split('/').all(is_plain)) {
            return Err(format!(
                "the file `{file}` is no name of letters, digits, `-`, `_`, `.` and `/` only, without `..`"
            ));
        }
        let parts: Vec<&str> = repo.split('/').collect();
        // The cache writes `--` for the slash, so two names must not meet there.
        if parts.len() > 2 || !parts.iter().all(|part| is_plain(part) && !part.contains("--")) {
            return Err(
                "a hub name is owner/name, each of letters, digits, `-`, `_` and `.`, without `..` and `--`".into()
            );
        }
        if repo.len() > MAX_REPO {
            return Err(format!("a hub name has at most {MAX_REPO} characters, this one has {}", repo.len()));
        }
        if let Some(revision) = revision {
            if !revision.split('/').all(is_plain) {
                return Err(
                    "a revision (a branch, a tag, a commit) has letters, digits, `-`, `_`, `.` and `/` only, without `..`"
                        .into(),
                );
            }
            if revision.len() > MAX_REVISION {
                return Err(format!(
                    "a revision has at most {MAX_REVISION} characters, this one has {}",
                    revision.len()
                ));
            }
        }
        Ok(Self { repo: repo.to_owned(), revision: revision.map(str::to_owned), file: file.map(str::to_owned) })
    }
}

/// The first `n` parts of a way and the rest, which ends with the name of a GGUF file.
fn divided(way: &str, n: usize) -> Option<(&str, &str)> {
    let (at, _) = way.match_indices('/').nth(n - 1)?;
    is_gguf(way).then(|| (&way[..at], &way[at + 1..]))
}

/// Whether a file's name ends as those of GGUF files do.
fn is_gguf(name: &str) -> bool {
    name.len() > 5 && name.to_ascii_lowercase().ends_with(".gguf")
}

/// Whether a part of a name can only be a name.
fn is_plain(part: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    !part.is_empty() && part.chars().all(allowed) && !part.contains("..") && !part.starts_with(['.', '-'])
}

impl fmt::Display for HubName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "hf:{}", self.repo)?;
        if let Some(revision) = &self.revision {
            write!(f, "@{revision}")?;
        }
        match &self.file {
            Some(file) => write!(f, "/{file}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_prints_as_it_was_written() {
        for text in ["hf:google-bert/bert-base-uncased", "hf:gpt2", "hf:gpt2@refs/pr/1", "hf:a/b.c_d@v1.0"] {
            assert_eq!(text.parse::<HubName>().unwrap().to_string(), text);
        }
        let name: HubName = "nyu-mll/glue@refs/convert/parquet".parse().unwrap();
        assert_eq!((name.short(), name.revision()), ("glue", "refs/convert/parquet"));
        assert_eq!("gpt2".parse::<HubName>().unwrap().revision(), "main");
    }

    #[test]
    fn a_name_may_end_with_a_gguf_file() {
        for (text, revision, file) in [
            ("hf:a/b/m.gguf", None, "m.gguf"),
            ("hf:a/b/q4/m.Q4_K_M.GGUF", None, "q4/m.Q4_K_M.GGUF"),
            ("hf:a/b@v1.0/m.gguf", Some("v1.0"), "m.gguf"),
            ("hf:gpt2@main/q4/m.gguf", Some("main"), "q4/m.gguf"),
            ("hf:a/b@refs/pr/1/m.gguf", Some("refs/pr/1"), "m.gguf"),
        ] {
            let name: HubName = text.parse().unwrap();
            assert_eq!((name.revision.as_deref(), name.file.as_deref()), (revision, Some(file)), "{text}");
            assert_eq!(name.to_string(), text);
        }
        // A repository, and a branch, that are called so.
        for text in ["hf:a/b.gguf", "hf:a/b@m.gguf", "hf:a/b@refs/pr/m.gguf"] {
            assert_eq!(text.parse::<HubName>().unwrap().file, None, "{text}");
        }
        for text in [
            "hf:a/b/../m.gguf",
            "hf:a/b@v1/../m.gguf",
            "hf:a/b//m.gguf",
            "hf:a/b@/m.gguf",
            "hf:a/b/m q.gguf",
            "hf:a/b/c",
        ] {
            assert!(text.parse::<HubName>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_name_never_leads_through_folders_or_addresses() {
        let tricks = [
            "",
            "/",
            "..",
            "../x",
            "a/..",
            "a/../b",
            "a/b/c",
            "/etc/passwd",
            "a\\b",
            "C:\\x",
            "a//b",
            "a/b@",
            "a/b@..",
            "a/b@../x",
            "a/b@/x",
            "a/b@x\\y",
            "a/b?x",
            "a/b#x",
            "a%2f..",
            "a/b@x y",
            "https://x/y",
            "a/.b",
            "-a/b",
            "a--b/c",
            "a/b\n",
            "ä/b",
            "user@host/b/c:1",
        ];
        for text in tricks {
            assert!(text.parse::<HubName>().is_err(), "{text}");
        }
        let long = format!("a/{}", "b".repeat(95));
        assert_eq!(long.parse::<HubName>().unwrap_err(), "a hub name has at most 96 characters, this one has 97");
        assert!(format!("a/b@{}", "c".repeat(256)).parse::<HubName>().unwrap_err().contains("at most 255"));
    }
}
