//! A repository on the hub and its addresses.

use std::fmt;

use crate::task::HubName;

/// What a repository holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RepoKind {
    /// A model.
    Model,
    /// A data set.
    Data,
}

/// A repository at a revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repository {
    /// What it holds.
    pub kind: RepoKind,
    /// Its name.
    pub name: HubName,
}

impl Repository {
    /// Where its files are listed, below the endpoint.
    pub(super) fn listing(&self) -> String {
        let kind = match self.kind {
            RepoKind::Model => "models",
            RepoKind::Data => "datasets",
        };
        // A branch such as refs/pr/1 is one part of the address.
        format!("/api/{kind}/{}/revision/{}", self.name.repo, escaped(self.name.revision(), false))
    }

    /// Where a file of a commit is, below the endpoint.
    pub(super) fn file(&self, commit: &str, file: &str) -> String {
        let kind = match self.kind {
            RepoKind::Model => "",
            RepoKind::Data => "datasets/",
        };
        format!("/{kind}{}/resolve/{commit}/{}", self.name.repo, escaped(file, true))
    }

    /// The name of its folder in a cache.
    pub(super) fn folder(&self) -> String {
        let kind = match self.kind {
            RepoKind::Model => "models",
            RepoKind::Data => "datasets",
        };
        format!("{kind}--{}", self.name.repo.replace('/', "--"))
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            RepoKind::Model => write!(f, "model `{}`", self.name),
            RepoKind::Data => write!(f, "data set `{}`", self.name),
        }
    }
}

/// A text as part of an address: all but letters, digits and `-._~` as percent signs and digits; the slash stays where it divides.
fn escaped(text: &str, slashes: bool) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        match byte {
            b'-' | b'.' | b'_' | b'~' => escaped.push(byte.into()),
            b'/' if slashes => escaped.push('/'),
            byte if byte.is_ascii_alphanumeric() => escaped.push(byte.into()),
            byte => escaped += &format!("%{byte:02X}"),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_folders_are_those_of_the_hub() {
        let repository = |kind, name: &str| Repository { kind, name: name.parse().unwrap() };
        let model = repository(RepoKind::Model, "hf:a/b@refs/pr/1");
        assert_eq!(model.listing(), "/api/models/a/b/revision/refs%2Fpr%2F1");
        assert_eq!(model.file("c0", "x/ä b.json"), "/a/b/resolve/c0/x/%C3%A4%20b.json");
        assert_eq!(model.folder(), "models--a--b");
        let data = repository(RepoKind::Data, "glue");
        assert_eq!(data.listing(), "/api/datasets/glue/revision/main");
        assert_eq!(data.file("c0", "x.parquet"), "/datasets/glue/resolve/c0/x.parquet");
        assert_eq!(data.folder(), "datasets--glue");
    }
}
