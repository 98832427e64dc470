//! One file from the hub into the cache: resumed where it broke, checked before it gets its name.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use super::cache::{RepoCache, make_parent};
use super::checksum::Checksum;
use super::client::{Client, Failed, Method, Reply};
use super::error::HubFault;
use super::listing::is_inside;
use super::repository::Repository;
use super::watch::Watch;

/// What the hub says of a file before it sends it.
struct Head {
    /// Its entity tag: the name of its blob.
    tag: String,
    size: Option<u64>,
}

/// A file's way into the cache.
struct Download<'d> {
    client: &'d Client,
    address: String,
    file: &'d str,
    head: Head,
    /// Where its bytes gather.
    partial: PathBuf,
    watch: &'d dyn Watch,
}

/// The place of a commit's file in the cache, fetched if it is not there.
///
/// # Errors
/// Whatever keeps it from being there, whole and as announced.
pub(super) fn file(
    client: &Client,
    repository: &Repository,
    cache: &RepoCache,
    commit: &str,
    file: &str,
    watch: &dyn Watch,
) -> Result<PathBuf, HubFault> {
    let path = cache.snapshot(commit).join(file);
    if path.is_file() {
        return Ok(path);
    }
    if !is_inside(file) {
        return Err(HubFault::NoFile(format!("names the file `{file}`, which leads out of its folder")));
    }
    let address = repository.file(commit, file);
    let head = client.repeat(watch, |_| head(client.ask(Method::Head, &address, file)?))?;
    let (tag, blob) = (head.tag.clone(), cache.blob(&head.tag));
    if !blob.is_file() {
        let _lock = cache.lock(&tag, file, watch)?;
        if !blob.is_file() {
            let partial = blob.with_file_name(format!("{tag}.incomplete"));
            make_parent(&partial)?;
            Download { client, address, file, head, partial: partial.clone(), watch }.fetch()?;
            fs::rename(&partial, &blob).map_err(HubFault::cache("write", &blob))?;
        }
    }
    cache.place(commit, file, &tag, client.copies)?;
    Ok(path)
}

/// Reads the head of an answer.
fn head(reply: Reply) -> Result<Head, Failed> {
    let fault = |what: &str| HubFault::Answer { url: reply.url.clone(), what: what.into() };
    let tag = reply.header("x-linked-etag").or_else(|| reply.header("etag")).unwrap_or_default();
    let tag = tag.trim().trim_start_matches("W/").trim_matches('"').to_owned();
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if tag.is_empty() || tag.len() > 128 || !tag.chars().all(plain) || tag.starts_with('.') {
        return Err(fault("has no entity tag that a file can be kept under").into());
    }
    let own = (200..300).contains(&reply.status).then(|| reply.heads.last()?.get("content-length")?.to_str().ok());
    let size = reply.header("x-linked-size").or(own.flatten()).and_then(|size| size.parse().ok());
    Ok(Head { tag, size })
}

impl Download<'_> {
    /// Fetches the bytes and checks them.
    fn fetch(&self) -> Result<(), HubFault> {
        let mut damaged = false;
        self.client.repeat(self.watch, |progress| {
            self.attempt(progress)?;
            match self.check() {
                Ok(()) => Ok(()),
                Err(fault @ HubFault::Checksum { .. }) => {
                    fs::remove_file(&self.partial).map_err(HubFault::cache("remove", &self.partial))?;
                    // A bad resumption is mended by a second download; what is damaged twice is damaged at its source.
                    let again = !std::mem::replace(&mut damaged, true);
                    *progress = false;
                    Err(Failed { fault, again, after: None })
                }
                Err(fault) => Err(fault.into()),
            }
        })
    }

    /// Goes on from the bytes that are there.
    fn attempt(&self, progress: &mut bool) -> Result<(), Failed> {
        let had = fs::metadata(&self.partial).map_or(0, |partial| partial.len());
        let had = if self.head.size.is_some_and(|size| had > size) { 0 } else { had };
        if had > 0 && self.head.size == Some(had) {
            return Ok(());
        }
        let reply = self.client.ask(Method::Get { from: had }, &self.address, self.file)?;
        if reply.status == 416 {
            // The bytes there are those of no beginning of the file.
            fs::remove_file(&self.partial).map_err(HubFault::cache("remove", &self.partial))?;
            return Err(Failed::again(self.cut(had)));
        }
        // A server that knows no ranges sends all of it, and one may begin elsewhere than it was asked to.
        let begins = format!("bytes {had}-");
        let goes_on =
            reply.status == 206 && reply.header("content-range").is_some_and(|range| range.starts_with(&begins));
        if reply.status == 206 && !goes_on {
            fs::remove_file(&self.partial).map_err(HubFault::cache("remove", &self.partial))?;
            return Err(Failed::again(self.cut(had)));
        }
        let had = if goes_on { had } else { 0 };
        let open = File::options().create(true).write(true).truncate(!goes_on).append(goes_on).open(&self.partial);
        let mut out = open.map_err(HubFault::cache("write", &self.partial))?;
        self.watch.begin(self.file, self.head.size, had);
        let copied = self.copy(reply, &mut out, had, progress);
        self.watch.end();
        copied
    }

    fn copy(&self, reply: Reply, out: &mut File, had: u64, progress: &mut bool) -> Result<(), Failed> {
        let Reply { host, mut body, .. } = reply;
        let mut got = had;
        let mut bytes = body.as_reader();
        let mut buffer = vec![0; 1 << 16];
        loop {
            let n = match bytes.read(&mut buffer) {
                Ok(0) => break,
                Ok(n) => n,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    let at = format!(" at byte {got} of {}", self.file);
                    return Err(Failed::again(match self.client.read_fault(&host, &error, at) {
                        slow @ HubFault::Slow { .. } => slow,
                        _ => self.cut(got),
                    }));
                }
            };
            out.write_all(&buffer[..n]).map_err(HubFault::cache("write", &self.partial))?;
            got += n as u64;
            *progress = true;
            self.watch.advance(n as u64);
            if self.head.size.is_some_and(|size| got > size) {
                break;
            }
        }
        out.sync_all().map_err(HubFault::cache("write", &self.partial))?;
        match self.head.size {
            Some(size) if got < size => Err(Failed::again(self.cut(got))),
            _ => Ok(()),
        }
    }

    fn cut(&self, got: u64) -> HubFault {
        HubFault::Cut { file: self.file.to_owned(), got, size: self.head.size }
    }

    /// Compares size and checksum with those announced.
    fn check(&self) -> Result<(), HubFault> {
        let damaged = |what, expected: String, found: String| HubFault::Checksum {
            file: self.file.to_owned(),
            what,
            expected,
            found,
        };
        let found = size_of(&self.partial)?;
        if let Some(size) = self.head.size.filter(|&size| size != found) {
            return Err(damaged("size", size.to_string(), found.to_string()));
        }
        let Some(checksum) = Checksum::from_tag(&self.head.tag) else { return Ok(()) };
        let found = checksum.of(&self.partial).map_err(HubFault::cache("read", &self.partial))?;
        match found == checksum.digits() {
            true => Ok(()),
            false => Err(damaged(checksum.kind(), checksum.digits().to_owned(), found)),
        }
    }
}

fn size_of(path: &Path) -> Result<u64, HubFault> {
    Ok(fs::metadata(path).map_err(HubFault::cache("read", path))?.len())
}
