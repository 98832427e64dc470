//! The files of a repository at a revision.

use serde::Deserialize;

use super::client::{Client, Failed, Method};
use super::error::HubFault;
use super::repository::Repository;
use super::watch::Watch;

/// Bytes of a listing at most; that of a hundred thousand files has about ten million.
const MAX_BYTES: u64 = 64 << 20;

/// What the hub says of a revision.
pub(super) struct Listing {
    /// Its commit.
    pub commit: String,
    /// The paths of its files.
    pub files: Vec<String>,
}

#[derive(Deserialize)]
struct Answer {
    sha: String,
    #[serde(default)]
    siblings: Vec<Sibling>,
}

#[derive(Deserialize)]
struct Sibling {
    rfilename: String,
}

/// Asks for the files of a repository.
///
/// # Errors
/// What [`Client::ask`] says, and an answer that is no listing.
pub(super) fn fetch(client: &Client, repository: &Repository, watch: &dyn Watch) -> Result<Listing, HubFault> {
    let address = repository.listing();
    let what = match &repository.name.revision {
        Some(revision) => format!("`{}` at `{revision}`", repository.name.repo),
        None => format!("`{}`", repository.name.repo),
    };
    client.repeat(watch, |_| {
        let mut reply = client.ask(Method::Get { from: 0 }, &address, &what)?;
        let bytes = reply
            .body
            .with_config()
            .limit(MAX_BYTES)
            .read_to_vec()
            .map_err(|error| Failed::again(client.read_fault(&reply.host, &error.into_io(), String::new())))?;
        let fault = |what: String| HubFault::Answer { url: reply.url.clone(), what };
        let answer: Answer = serde_json::from_slice(&bytes)
            .map_err(|error| fault(format!("is no listing of a repository ({error})")))?;
        if answer.sha.is_empty() || !answer.sha.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return Err(fault("names no commit".into()).into());
        }
        // A path that leads out of the repository is never asked for.
        let files = answer.siblings.into_iter().map(|sibling| sibling.rfilename).filter(|file| is_inside(file));
        Ok(Listing { commit: answer.sha, files: files.collect() })
    })
}

/// Whether a path stays in its repository's folder on every system.
pub(super) fn is_inside(path: &str) -> bool {
    let plain = |part: &str| !part.is_empty() && part != "." && part != "..";
    path.split('/').all(plain) && !path.contains(['\\', '\0', ':'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_in_their_folder() {
        assert!(is_inside("config.json") && is_inside("data/train-0.parquet"));
        for path in ["", "/etc/passwd", "../x", "a/../../x", "a//b", "a\\..\\b", "C:/x", "."] {
            assert!(!is_inside(path), "{path}");
        }
    }
}
