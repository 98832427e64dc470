//! What can be wrong with the hub, its cache, or what is asked of them.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::repository::{RepoKind, Repository};
use crate::error::{ExitCode, Fault};

/// Why a repository could not be had; the binary exits as for a model, or a data set, that is not there.
#[derive(Debug, Error)]
pub struct HubError {
    repository: Option<Repository>,
    fault: Box<HubFault>,
}

impl std::fmt::Display for HubError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.repository {
            Some(repository) => write!(f, "{repository}: {}", self.fault),
            None => write!(f, "{}", self.fault),
        }
    }
}

impl HubError {
    pub(super) fn new(repository: &Repository, fault: HubFault) -> Self {
        Self { repository: Some(repository.clone()), fault: Box::new(fault) }
    }

    /// A fault of the settings, before any repository is asked for.
    pub(super) fn settings(fault: HubFault) -> Self {
        Self { repository: None, fault: Box::new(fault) }
    }
}

impl Fault for HubError {
    fn exit_code(&self) -> ExitCode {
        match &self.repository {
            Some(Repository { kind: RepoKind::Data, .. }) => ExitCode::Data,
            _ => ExitCode::Model,
        }
    }
}

/// A fault of one repository.
#[derive(Debug, Error)]
pub(super) enum HubFault {
    /// A variable of the environment.
    #[error("the variable {name} {what}")]
    Variable { name: &'static str, what: String },
    /// Not cached, and no network is to be used.
    #[error(
        "the network is switched off (HF_HUB_OFFLINE) and the cache {} has {what}: fetch it once without HF_HUB_OFFLINE, or name \
         a cache that has it (HF_HUB_CACHE)",
        cache.display()
    )]
    Offline { what: String, cache: PathBuf },
    /// 404.
    #[error("{what} is not on {host} (404{hint})")]
    NotFound { what: String, host: String, hint: &'static str },
    /// 401 or 403.
    #[error("{host} refuses access ({status}): {hint}")]
    Denied { host: String, status: u16, hint: &'static str },
    /// 429.
    #[error("{host} is asked too often (429){}", after.map(|s| format!(": it bids to wait {s} seconds")).unwrap_or_default())]
    TooOften { host: String, after: Option<u64> },
    /// Any other status that is none of success.
    #[error("{url} answers {status}")]
    Status { url: String, status: u16 },
    /// No connection, or one that broke before an answer.
    #[error("{host} cannot be reached ({what})")]
    Unreachable { host: String, what: String },
    /// Silence.
    #[error("{host} was silent for {seconds} seconds (HF_HUB_DOWNLOAD_TIMEOUT){what}")]
    Slow { host: String, seconds: u64, what: String },
    /// The connection broke in a file.
    #[error("the connection broke after {got} of {} bytes of {file}; the next attempt goes on from there", size.map_or("?".into(), |s| s.to_string()))]
    Cut { file: String, got: u64, size: Option<u64> },
    /// Other bytes than were announced.
    #[error("{file} came with the {what} {found}, and {expected} was announced: it is damaged and was not kept")]
    Checksum { file: String, what: &'static str, expected: String, found: String },
    /// A redirect that is not followed.
    #[error("{from} leads to {to}, {why}")]
    Redirect { from: String, to: String, why: &'static str },
    /// An answer that is none of a hub.
    #[error("{url} {what}, so it is not a hub's answer (is HF_ENDPOINT, or a proxy, in the way?)")]
    Answer { url: String, what: String },
    /// The repository lacks what is needed. The text goes on from its name.
    #[error("{0}")]
    NoFile(String),
    /// The cache.
    #[error("cannot {action} {}: {source}", path.display())]
    Cache { action: &'static str, path: PathBuf, source: io::Error },
}

impl HubFault {
    pub(super) fn cache(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Cache { action, path, source }
    }

    /// Whether the cache may stand in: the hub could not be had, or does not let the user in any more.
    pub(super) fn leaves_the_cache(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. }
                | Self::Slow { .. }
                | Self::Cut { .. }
                | Self::Status { status: 500.., .. }
                | Self::TooOften { .. }
                | Self::Denied { .. }
        )
    }
}
