//! The Hugging Face hub: models and data sets by name, kept in the cache that the hub's own Python client keeps.
//!
//! [`Hub::model`] and [`Hub::data`] turn a name into a snapshot: a folder whose files are those of one commit. Everything below
//! this room reads that folder and knows nothing of networks.
//!
//! # Decisions
//!
//! - 2026-11: our own client on `ureq` (blocking, rustls). Of `hf-hub`, the usual crate, 0.5 checks no checksums, knows no
//!   `HF_HUB_OFFLINE` and `HF_HUB_CACHE` and always asks the network first for a branch; 1.0 brings an async runtime and over
//!   three hundred crates. What the hub speaks is little: one listing, a HEAD and a GET a file.
//! - 2026-11: redirects are followed here and not by the HTTP crate: the token goes to the endpoint's scheme, host and port only,
//!   a file's own store gets none, and https never becomes http.
//! - 2026-11: the cache's layout is that of `huggingface_hub` (`models--owner--name/{blobs,refs,snapshots}`, symbolic links, its
//!   lock files), so that either reads what the other wrote.
//! - 2026-11: a file's name in the cache is its checksum (SHA-256 of large files, git's blob SHA-1 of small ones), and a file that
//!   does not have it never gets that name.
//! - 2026-11: a branch is asked after each time, as the Python client does, so that a cached model is the newest; where the hub
//!   cannot be reached, or no longer lets the user in, and the cache has all that is needed, the cached commit is taken and a
//!   note says so. A full commit that is
//!   cached asks nobody.
//! - 2026-11: only the files that this program reads are fetched, `pytorch_model.bin` only where there is no safetensors. A GGUF file
//!   is fetched where it is named, or is the only one in a repository without `config.json`: of several nobody guesses one.

mod asked;
mod cache;
mod cached;
mod checksum;
mod client;
mod data_files;
mod dataset_card;
mod download;
mod error;
mod listing;
mod model_files;
mod repository;
mod settings;
mod watch;

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::task::{HubData, HubName, Split};

use cache::RepoCache;
use client::Client;
use error::HubFault;

pub use asked::{fetch_dataset, fetch_experiment, fetch_model};
pub use cached::{CachedRepo, cached};
pub use error::HubError;
pub use repository::{RepoKind, Repository};
pub use settings::{Settings, Token};
pub use watch::{Silent, Watch};

/// The hub, or what of it is cached.
pub struct Hub<'a> {
    settings: Settings,
    client: Option<Client>,
    watch: &'a dyn Watch,
}

/// A commit of a repository on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The folder that holds its files, as links or files.
    pub folder: PathBuf,
    /// The commit.
    pub commit: String,
    /// The GGUF file in it that is the model, where it is one.
    pub gguf: Option<PathBuf>,
}

/// The data files of a commit by split, in the order of their names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataSnapshot {
    /// The files of each split.
    pub files: BTreeMap<Split, Vec<PathBuf>>,
    /// The commit.
    pub commit: String,
}

/// What a listing is asked of the files that it names: those to fetch, or why there are none.
type Choose<'c, T> = &'c dyn Fn(&mut Reader<'_>) -> Result<T, HubFault>;

/// The files of a commit, from the hub or from the cache.
struct Reader<'r> {
    /// Their paths in the repository.
    names: Vec<String>,
    /// Where one of them is on disk, once it is there.
    get: &'r mut dyn FnMut(&str) -> Result<PathBuf, HubFault>,
}

impl<'a> Hub<'a> {
    /// The hub that `settings` name.
    ///
    /// # Errors
    /// A certificate file that cannot be read.
    pub fn new(settings: Settings, watch: &'a dyn Watch) -> Result<Self, HubError> {
        let client = match settings.offline {
            true => None,
            false => Some(Client::new(&settings).map_err(HubError::settings)?),
        };
        Ok(Self { settings, client, watch })
    }

    /// The files of a model, fetched where they are not cached.
    ///
    /// # Errors
    /// [`HubError`] for whatever keeps it from being complete.
    pub fn model(&self, name: &HubName) -> Result<Snapshot, HubError> {
        let choose = |reader: &mut Reader<'_>| model_files::fetch(reader, name.file.as_deref());
        let (gguf, snapshot) = self.snapshot(RepoKind::Model, name, &choose)?;
        Ok(Snapshot { gguf, ..snapshot })
    }

    /// The files of a data set by split, fetched where they are not cached.
    ///
    /// # Errors
    /// As [`Hub::model`]; and a subset or a split that is not there, with those that are.
    pub fn data(&self, data: &HubData) -> Result<DataSnapshot, HubError> {
        let (files, snapshot) =
            self.snapshot(RepoKind::Data, &data.name, &|reader: &mut Reader<'_>| data_files::fetch(reader, data))?;
        Ok(DataSnapshot { files, commit: snapshot.commit })
    }

    fn snapshot<T>(&self, kind: RepoKind, name: &HubName, choose: Choose<'_, T>) -> Result<(T, Snapshot), HubError> {
        let repository = Repository { kind, name: name.clone() };
        let cache = RepoCache::new(&self.settings.cache, &repository);
        let fault = |fault| HubError::new(&repository, fault);
        let Some(client) = &self.client else {
            let missing = |what: String| HubFault::Offline { what, cache: self.settings.cache.clone() };
            return Self::from_cache(&cache, choose, &missing).map_err(fault);
        };
        // A commit never changes, so one that is complete on disk needs no one.
        if let Some(commit) = name.revision.as_deref().filter(|revision| is_commit(revision))
            && cache.snapshot(commit).is_dir()
            && let Ok(found) = Self::from_cache(&cache, choose, &HubFault::NoFile)
        {
            return Ok(found);
        }
        match self.fetched(client, &repository, &cache, choose) {
            Err(unreachable) if unreachable.leaves_the_cache() => {
                match Self::from_cache(&cache, choose, &HubFault::NoFile) {
                    Ok(found) => {
                        let commit = &found.1.commit;
                        self.watch.note(&format!("{repository}: {unreachable}; the cached commit {commit} is used"));
                        Ok(found)
                    }
                    Err(_) => Err(fault(unreachable)),
                }
            }
            other => other.map_err(fault),
        }
    }

    /// The newest commit of the revision, what is missing of it fetched.
    fn fetched<T>(
        &self,
        client: &Client,
        repository: &Repository,
        cache: &RepoCache,
        choose: Choose<'_, T>,
    ) -> Result<(T, Snapshot), HubFault> {
        let listing = listing::fetch(client, repository, self.watch)?;
        let folder = cache.snapshot(&listing.commit);
        let mut get = |file: &str| download::file(client, repository, cache, &listing.commit, file, self.watch);
        let chosen = choose(&mut Reader { names: listing.files, get: &mut get })?;
        cache.remember(repository.name.revision(), &listing.commit)?;
        Ok((chosen, Snapshot { folder, commit: listing.commit, gguf: None }))
    }

    /// The cached commit of a revision; `missing` makes a fault of what is not there.
    fn from_cache<T>(
        cache: &RepoCache,
        choose: Choose<'_, T>,
        missing: &dyn Fn(String) -> HubFault,
    ) -> Result<(T, Snapshot), HubFault> {
        let commit = cache.commit().ok_or_else(|| missing("nothing of it".into()))?;
        let folder = cache.snapshot(&commit);
        let names = cache.files(&commit)?;
        let mut get = |file: &str| {
            let path = folder.join(file);
            // A link whose file is gone is no file.
            if path.is_file() { Ok(path) } else { Err(HubFault::NoFile(format!("has no {file}"))) }
        };
        let chosen = choose(&mut Reader { names, get: &mut get }).map_err(|fault| match fault {
            HubFault::NoFile(what) => missing(format!("a commit {commit} that {what}")),
            other => other,
        })?;
        Ok((chosen, Snapshot { folder, commit, gguf: None }))
    }
}

/// Whether a revision is a whole commit, which never changes.
fn is_commit(revision: &str) -> bool {
    revision.len() == 40 && revision.bytes().all(|b| b.is_ascii_hexdigit())
}
