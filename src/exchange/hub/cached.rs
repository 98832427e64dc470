//! What the cache holds.

use std::fs;
use std::path::{Path, PathBuf};

use super::cache::RepoCache;
use super::error::HubFault;
use super::repository::{RepoKind, Repository};
use super::{HubError, Reader, model_files};
use crate::task::HubName;

/// A repository in the cache at one of its revisions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CachedRepo {
    /// Its name; the revision is left out where it is the main branch.
    pub name: HubName,
    /// The commit that the revision is at.
    pub commit: String,
    /// The commit's folder.
    pub folder: PathBuf,
    /// Bytes of its files.
    pub bytes: u64,
    /// Whether all is there that a model needs; always of data.
    pub complete: bool,
}

/// The repositories of a kind in the cache, by name, each at the revisions that it has references to, or else at its commits.
///
/// # Errors
/// If the cache is there and cannot be read.
pub fn cached(cache: &Path, kind: RepoKind) -> Result<Vec<CachedRepo>, HubError> {
    let prefix = match kind {
        RepoKind::Model => "models--",
        RepoKind::Data => "datasets--",
    };
    let mut found = Vec::new();
    for folder in names(cache).map_err(HubError::settings)? {
        let Some(repo) = folder.strip_prefix(prefix) else { continue };
        let Ok(name) = repo.replace("--", "/").parse::<HubName>() else { continue };
        let root = cache.join(&folder);
        let mut revisions = Vec::new();
        references(&root.join("refs"), "", &mut revisions);
        if revisions.is_empty() {
            revisions = names(&root.join("snapshots")).map_err(HubError::settings)?;
        }
        for revision in revisions {
            let name = HubName { revision: (revision != "main").then_some(revision), ..name.clone() };
            let repository = Repository { kind, name: name.clone() };
            found.extend(one(cache, &repository));
        }
    }
    found.sort_by_key(|repo| repo.name.to_string());
    Ok(found)
}

fn one(cache: &Path, repository: &Repository) -> Option<CachedRepo> {
    let cache = RepoCache::new(cache, repository);
    let commit = cache.commit()?;
    let folder = cache.snapshot(&commit);
    let names = cache.files(&commit).ok()?;
    let bytes = names.iter().filter_map(|name| fs::metadata(folder.join(name)).ok()).map(|file| file.len()).sum();
    let mut get = |file: &str| {
        let path = folder.join(file);
        if path.is_file() { Ok(path) } else { Err(HubFault::NoFile(format!("has no {file}"))) }
    };
    // Each GGUF file is a model of its own.
    let has_gguf = names.iter().any(|name| name.ends_with(".gguf") && folder.join(name).is_file());
    let complete = repository.kind == RepoKind::Data
        || has_gguf
        || model_files::fetch(&mut Reader { names, get: &mut get }, None).is_ok();
    Some(CachedRepo { name: repository.name.clone(), commit, folder, bytes, complete })
}

/// The names in a folder, sorted; none where there is no folder.
fn names(folder: &Path) -> Result<Vec<String>, HubFault> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(HubFault::cache("read", folder)(error)),
    };
    let mut names: Vec<String> = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    names.sort();
    Ok(names)
}

/// The references below a folder, such as `main` and `refs/pr/1`.
fn references(folder: &Path, before: &str, found: &mut Vec<String>) {
    // A name with a dot in front is being written.
    for name in names(folder).unwrap_or_default().into_iter().filter(|name| !name.starts_with('.')) {
        let path = folder.join(&name);
        match path.is_dir() {
            true => references(&path, &format!("{before}{name}/"), found),
            false => found.push(format!("{before}{name}")),
        }
    }
}
