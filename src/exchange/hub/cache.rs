//! The folder of a repository in the cache, laid out as the hub's Python client does.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use fs4::fs_std::FileExt;

use super::error::HubFault;
use super::repository::Repository;
use super::watch::Watch;

/// A repository's folder: `blobs/` by checksum, `snapshots/COMMIT/` with links to them, `refs/` with the commits of branches.
pub(super) struct RepoCache {
    root: PathBuf,
    locks: PathBuf,
    revision: String,
}

/// A file that keeps other processes, Python's too, from writing the same blob. It is given back when it is dropped.
pub(super) struct BlobLock(#[expect(dead_code, reason = "the system gives the lock back with the file")] File);

impl RepoCache {
    /// The folder of a repository, which need not exist.
    pub fn new(cache: &Path, repository: &Repository) -> Self {
        let folder = repository.folder();
        Self {
            root: cache.join(&folder),
            locks: cache.join(".locks").join(folder),
            revision: repository.name.revision().to_owned(),
        }
    }

    /// The folder of a commit.
    pub fn snapshot(&self, commit: &str) -> PathBuf {
        self.root.join("snapshots").join(commit)
    }

    /// Where bytes with a tag are, or would be.
    pub fn blob(&self, tag: &str) -> PathBuf {
        self.root.join("blobs").join(tag)
    }

    /// The commit of the revision: what its reference says, or the revision itself where it is a commit that is there.
    pub fn commit(&self) -> Option<String> {
        let named = fs::read_to_string(self.root.join("refs").join(&self.revision)).ok();
        let named = named.map(|commit| commit.trim().to_owned());
        let commit = named.unwrap_or_else(|| self.revision.clone());
        let plain = !commit.is_empty() && commit.bytes().all(|b| b.is_ascii_alphanumeric());
        (plain && self.snapshot(&commit).is_dir()).then_some(commit)
    }

    /// The paths of a commit's files, sorted.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub fn files(&self, commit: &str) -> Result<Vec<String>, HubFault> {
        fn walk(folder: &Path, before: &str, found: &mut Vec<String>) -> Result<(), HubFault> {
            for entry in fs::read_dir(folder).map_err(HubFault::cache("read", folder))? {
                let entry = entry.map_err(HubFault::cache("read", folder))?;
                // A name that is no text is none of the hub's.
                let Ok(name) = entry.file_name().into_string() else { continue };
                let path = format!("{before}{name}");
                match entry.file_type().map_err(HubFault::cache("read", folder))?.is_dir() {
                    true => walk(&entry.path(), &format!("{path}/"), found)?,
                    false => found.push(path),
                }
            }
            Ok(())
        }
        let mut found = Vec::new();
        walk(&self.snapshot(commit), "", &mut found)?;
        found.sort();
        Ok(found)
    }

    /// Notes the commit that the revision is at.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn remember(&self, revision: &str, commit: &str) -> Result<(), HubFault> {
        let path = self.root.join("refs").join(revision);
        if revision == commit || fs::read_to_string(&path).is_ok_and(|found| found.trim() == commit) {
            return Ok(());
        }
        make_parent(&path)?;
        let beside = self.root.join("refs").join(format!(".{commit}.{}", own_ending()));
        fs::write(&beside, commit).map_err(HubFault::cache("write", &beside))?;
        fs::rename(&beside, &path).map_err(HubFault::cache("write", &path))
    }

    /// Waits until no other process writes the blob of a tag.
    ///
    /// # Errors
    /// If the lock cannot be made.
    pub fn lock(&self, tag: &str, file: &str, watch: &dyn Watch) -> Result<BlobLock, HubFault> {
        let path = self.locks.join(format!("{tag}.lock"));
        make_parent(&path)?;
        let fault = HubFault::cache("lock", &path);
        let lock = match File::options().create(true).truncate(false).write(true).open(&path) {
            Ok(lock) => lock,
            Err(error) => return Err(fault(error)),
        };
        match lock.try_lock_exclusive() {
            Ok(true) => return Ok(BlobLock(lock)),
            Ok(false) => watch.note(&format!("another process fetches {file}; waiting for it")),
            Err(error) => return Err(fault(error)),
        }
        match lock.lock_exclusive() {
            Ok(()) => Ok(BlobLock(lock)),
            Err(error) => Err(fault(error)),
        }
    }

    /// Puts a blob into a commit's folder under its name: a link, or a copy where there are no links.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn place(&self, commit: &str, file: &str, tag: &str, copies: bool) -> Result<(), HubFault> {
        let path = self.snapshot(commit).join(file);
        make_parent(&path)?;
        // What is there leads nowhere, or another process was quicker.
        if path.is_file() {
            return Ok(());
        }
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(HubFault::cache("replace", &path)(error));
            }
            _ => {}
        }
        let up = "../".repeat(2 + file.matches('/').count());
        if !copies && link(&format!("{up}blobs/{tag}"), &path).is_ok() {
            return Ok(());
        }
        if path.is_file() {
            return Ok(());
        }
        let beside = path.with_extension(format!("{}.part", own_ending()));
        fs::copy(self.blob(tag), &beside).map_err(HubFault::cache("write", &beside))?;
        fs::rename(&beside, &path).map_err(HubFault::cache("write", &path))
    }
}

#[cfg(unix)]
fn link(to: &str, path: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(to, path)
}

#[cfg(windows)]
fn link(to: &str, path: &Path) -> io::Result<()> {
    std::os::windows::fs::symlink_file(to.replace('/', "\\"), path)
}

/// What no other thread and no other process ends a name with.
fn own_ending() -> String {
    static LAST: AtomicU64 = AtomicU64::new(0);
    format!("{}-{}", std::process::id(), LAST.fetch_add(1, Ordering::Relaxed))
}

/// Makes the folder that a file is to lie in.
pub(super) fn make_parent(path: &Path) -> Result<(), HubFault> {
    let Some(folder) = path.parent() else { return Ok(()) };
    fs::create_dir_all(folder).map_err(HubFault::cache("make the folder", folder))
}
