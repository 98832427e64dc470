//! A server that speaks the hub's API as far as the client needs it, with a store on another port, and that can misbehave.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use sha2::Digest;

/// The commit of everything that it serves.
pub const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// How an answer goes wrong.
#[derive(Debug, Clone)]
pub enum Fault {
    /// A status with headers, in place of an answer.
    Status(u16, &'static str),
    /// The connection ends after so many bytes of a body.
    Cut(usize),
    /// A byte of the body is another one.
    Damage,
    /// Nothing more comes after so many bytes of a body.
    Silence(usize),
    /// It leads elsewhere.
    Redirect(String),
    /// Ranges are not known.
    NoRanges,
}

/// A request that came.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Method and path.
    pub line: String,
    /// Whether it came to the store rather than to the hub.
    pub at_store: bool,
    /// Its headers, names in lower case.
    pub headers: BTreeMap<String, String>,
}

#[derive(Default)]
struct State {
    /// Bytes by the path below `/api`'s kind: `models/tests/tiny/config.json`.
    files: BTreeMap<String, Vec<u8>>,
    /// Part of a request's line, what happens to it, and how often yet.
    faults: Vec<(String, Fault, usize)>,
    seen: Vec<Seen>,
    token: Option<String>,
}

/// The hub and its store.
pub struct HubServer {
    /// The hub's address.
    pub address: String,
    /// The store's address.
    pub store: String,
    state: Arc<Mutex<State>>,
}

impl HubServer {
    pub fn new() -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let [hub, store] = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let address = |listener: &TcpListener| format!("http://{}", listener.local_addr().unwrap());
        let server = Self { address: address(&hub), store: address(&store), state: state.clone() };
        for (listener, at_store) in [(hub, false), (store, true)] {
            let (state, store) = (state.clone(), server.store.clone());
            thread::spawn(move || {
                for stream in listener.incoming().map_while(Result::ok) {
                    let (state, store) = (state.clone(), store.clone());
                    thread::spawn(move || answer(stream, at_store, &store, &state));
                }
            });
        }
        server
    }

    /// A server with a model's folder as `tests/tiny`.
    pub fn with_model(folder: &str) -> Self {
        let server = Self::new();
        server.serve_folder("models/tests/tiny", folder);
        server
    }

    /// Serves the files of a fixture.
    pub fn serve_folder(&self, repo: &str, folder: &str) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/model").join(folder);
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            self.serve(repo, path.file_name().unwrap().to_str().unwrap(), &std::fs::read(&path).unwrap());
        }
    }

    /// Serves a file.
    pub fn serve(&self, repo: &str, file: &str, bytes: &[u8]) {
        self.state.lock().unwrap().files.insert(format!("{repo}/{file}"), bytes.to_vec());
    }

    /// Has requests whose line holds `part` go wrong, `times` times.
    pub fn fail(&self, part: &str, fault: Fault, times: usize) {
        self.state.lock().unwrap().faults.push((part.to_owned(), fault, times));
    }

    /// Lets in only those who have the token.
    pub fn demand(&self, token: &str) {
        self.state.lock().unwrap().token = Some(token.to_owned());
    }

    /// Takes back what was to go wrong.
    pub fn behave(&self) {
        self.state.lock().unwrap().faults.clear();
    }

    /// The requests since the last call.
    pub fn seen(&self) -> Vec<Seen> {
        std::mem::take(&mut self.state.lock().unwrap().seen)
    }
}

/// The digits of a large file's checksum.
pub fn sha256(bytes: &[u8]) -> String {
    hex(&sha2::Sha256::digest(bytes))
}

/// The digits of a small file's checksum.
pub fn git_blob(bytes: &[u8]) -> String {
    hex(&sha1::Sha1::new_with_prefix(format!("blob {}\0", bytes.len())).chain_update(bytes).finalize())
}

/// Whether the hub keeps a file in its store.
pub fn is_large(file: &str) -> bool {
    [".safetensors", ".bin", ".parquet", ".gguf"].iter().any(|ending| file.ends_with(ending))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

fn answer(stream: TcpStream, at_store: bool, store: &str, state: &Mutex<State>) {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    if reader.read_line(&mut line).unwrap_or(0) == 0 {
        return;
    }
    let mut headers = BTreeMap::new();
    loop {
        let mut header = String::new();
        if reader.read_line(&mut header).unwrap_or(0) == 0 || header.trim().is_empty() {
            break;
        }
        let (name, value) = header.split_once(':').unwrap();
        headers.insert(name.to_lowercase(), value.trim().to_owned());
    }
    let mut parts = line.split(' ');
    let (method, path) = (parts.next().unwrap().to_owned(), parts.next().unwrap().to_owned());
    let line = format!("{method} {path}");
    let (fault, files, token) = {
        let mut state = state.lock().unwrap();
        state.seen.push(Seen { line: line.clone(), at_store, headers: headers.clone() });
        let fault = state.faults.iter_mut().find(|(part, _, times)| *times > 0 && line.contains(part.as_str()));
        let fault = fault.map(|(_, fault, times)| {
            *times -= 1;
            fault.clone()
        });
        (fault, state.files.clone(), state.token.clone())
    };
    let mut out = reader.into_inner();
    let mut reply = |status: u16, headers: &str, body: &[u8], sent: usize| {
        let head =
            format!("HTTP/1.1 {status} X\r\nconnection: close\r\n{headers}content-length: {}\r\n\r\n", body.len());
        let body = if method == "HEAD" { &[] } else { &body[..sent.min(body.len())] };
        out.write_all(head.as_bytes()).and_then(|()| out.write_all(body)).ok();
    };
    match &fault {
        Some(Fault::Status(status, headers)) => return reply(*status, headers, b"", 0),
        Some(Fault::Redirect(to)) => return reply(302, &format!("location: {to}\r\n"), b"", 0),
        _ => {}
    }
    if let Some(token) = token
        && !at_store
        && headers.get("authorization") != Some(&format!("Bearer {token}"))
    {
        return reply(401, "", b"", 0);
    }
    let path = path.split('?').next().unwrap();
    if let Some(rest) = path.strip_prefix("/api/") {
        let (repo, revision) = rest.split_once("/revision/").unwrap();
        let files: Vec<String> =
            files.keys().filter_map(|path| path.strip_prefix(repo)?.strip_prefix('/')).map(str::to_owned).collect();
        return match (files.is_empty(), ["main", "refs%2Fpr%2F1", COMMIT].contains(&revision)) {
            (true, _) => reply(404, "x-error-code: RepoNotFound\r\n", b"", 0),
            (_, false) => reply(404, "x-error-code: RevisionNotFound\r\n", b"", 0),
            _ => {
                let siblings: Vec<_> = files.iter().map(|file| serde_json::json!({ "rfilename": file })).collect();
                let listing = serde_json::json!({ "sha": COMMIT, "siblings": siblings }).to_string();
                reply(200, "", listing.as_bytes(), usize::MAX)
            }
        };
    }
    let key = match at_store {
        true => path[1..].to_owned(),
        false => {
            let (repo, file) = path[1..].split_once(&format!("/resolve/{COMMIT}/")).unwrap();
            let repo =
                repo.strip_prefix("datasets/").map_or(format!("models/{repo}"), |repo| format!("datasets/{repo}"));
            format!("{repo}/{file}")
        }
    };
    let Some(bytes) = files.get(&key) else { return reply(404, "x-error-code: EntryNotFound\r\n", b"", 0) };
    let commit = format!("x-repo-commit: {COMMIT}\r\n");
    if is_large(&key) && !at_store {
        let (tag, size) = (sha256(bytes), bytes.len());
        let about = format!(
            "x-linked-etag: \"{tag}\"\r\nx-linked-size: {size}\r\nlocation: {store}/{key}?signature=secret\r\n"
        );
        return reply(302, &(commit + &about), b"", 0);
    }
    let tag = format!("etag: \"{}\"\r\n", if at_store { "of-the-store".into() } else { git_blob(bytes) });
    let mut body = bytes.clone();
    if matches!(fault, Some(Fault::Damage)) {
        body[0] ^= 1;
    }
    let (mut status, mut range) = (200, String::new());
    let from =
        headers.get("range").and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse::<usize>().ok());
    if let (Some(from), false) = (from, matches!(fault, Some(Fault::NoRanges))) {
        if from >= body.len() {
            return reply(416, "", b"", 0);
        }
        range = format!("content-range: bytes {from}-{}/{}\r\n", body.len() - 1, body.len());
        body.drain(..from);
        status = 206;
    }
    let sent = match fault {
        Some(Fault::Cut(n) | Fault::Silence(n)) => n,
        _ => usize::MAX,
    };
    reply(status, &format!("{commit}{tag}{range}"), &body, sent);
    if matches!(fault, Some(Fault::Silence(_))) {
        thread::sleep(Duration::from_secs(4));
    }
}
