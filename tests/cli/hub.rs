//! Models and data sets of the hub, through the client and through the binary, from a server of our own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;

use promptmine::error::{ExitCode, Fault as _};
use promptmine::exchange::hub::{Hub, HubError, Settings, Silent, Snapshot, Token, Watch};
use tempfile::TempDir;

use super::hub_server::{COMMIT, Fault, HubServer, git_blob, is_large, sha256};
use super::workplace::{Ran, Workplace};

const TINY: &str = "hf:tests/tiny";
const WEIGHTS: &str = "model.safetensors";
const GGUF: &str = "gpt2.gguf";

/// A cache and the way to a server.
struct Place {
    folder: TempDir,
    settings: Settings,
}

impl Place {
    fn new(server: &HubServer) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings {
            cache: folder.path().join("hub"),
            endpoint: server.address.clone(),
            token: None,
            offline: false,
            timeout: Duration::from_secs(1),
            attempts: 3,
            wait: Duration::from_millis(10),
            patience: Duration::from_secs(2),
            copies: false,
            certificates: None,
        };
        Self { folder, settings }
    }

    fn model(&self) -> Result<Snapshot, HubError> {
        self.model_of(TINY, &Silent)
    }

    fn model_of(&self, name: &str, watch: &dyn Watch) -> Result<Snapshot, HubError> {
        Hub::new(self.settings.clone(), watch)?.model(&name.parse().unwrap())
    }

    fn fault(&self) -> String {
        let fault = self.model().unwrap_err();
        assert_eq!(fault.exit_code(), ExitCode::Model);
        fault.to_string().replace(&self.folder.path().display().to_string(), "DIR")
    }

    fn repo(&self) -> PathBuf {
        self.settings.cache.join("models--tests--tiny")
    }

    /// The names in the folder of blobs.
    fn blobs(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.repo().join("blobs")) else { return Vec::new() };
        let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

/// Keeps what it is told.
#[derive(Default)]
struct Told(Mutex<Vec<String>>);

impl Watch for Told {
    fn begin(&self, file: &str, size: Option<u64>, already: u64) {
        self.0.lock().unwrap().push(format!("{file} {already} of {}", size.unwrap()));
    }
    fn advance(&self, _: u64) {}
    fn end(&self) {}
    fn note(&self, message: &str) {
        self.0.lock().unwrap().push(message.to_owned());
    }
}

impl Told {
    fn all(&self) -> String {
        self.0.lock().unwrap().join("\n")
    }
}

fn fixture(folder: &str, file: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/model").join(folder).join(file)).unwrap()
}

#[test]
fn a_model_is_laid_out_as_the_python_client_does_and_only_what_it_needs_is_fetched() {
    let server = HubServer::with_model("bert");
    server.serve("models/tests/tiny", "pytorch_model.bin", b"no");
    server.serve("models/tests/tiny", "onnx/model.onnx", b"no");
    let place = Place::new(&server);
    let found = place.model().unwrap();
    assert_eq!(found.commit, COMMIT);
    assert_eq!(found.folder, place.repo().join("snapshots").join(COMMIT));
    assert_eq!(fs::read_to_string(place.repo().join("refs/main")).unwrap(), COMMIT);
    let mut names: Vec<_> =
        fs::read_dir(&found.folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, ["config.json", WEIGHTS, "tokenizer.json", "tokenizer_config.json"]);
    for name in &names {
        let bytes = fixture("bert", name);
        let tag = if is_large(name) { sha256(&bytes) } else { git_blob(&bytes) };
        #[cfg(unix)]
        assert_eq!(fs::read_link(found.folder.join(name)).unwrap(), Path::new("../../blobs").join(&tag));
        assert_eq!(fs::read(place.repo().join("blobs").join(tag)).unwrap(), bytes);
    }
    assert_eq!(place.blobs().len(), names.len());
    // A second time only the branch is asked after, and a commit not even that.
    server.seen();
    assert_eq!(place.model().unwrap(), found);
    assert_eq!(server.seen().len(), 1);
    assert_eq!(place.model_of(&format!("{TINY}@{COMMIT}"), &Silent).unwrap(), found);
    assert!(server.seen().is_empty());
}

#[test]
fn shards_are_fetched_by_their_index_and_a_pickle_only_where_there_is_no_safetensors() {
    let server = HubServer::with_model("bert-sharded");
    let place = Place::new(&server);
    let found = place.model().unwrap();
    assert!(found.folder.join("model-00003-of-00003.safetensors").is_file());
    assert!(found.folder.join("vocab.txt").is_file());
    let server = HubServer::with_model("albert-inner");
    let place = Place::new(&server);
    assert!(place.model().unwrap().folder.join("pytorch_model.bin").is_file());
}

#[test]
fn an_index_that_leads_out_of_its_folder_is_refused() {
    let server = HubServer::with_model("bert");
    let index = r#"{"weight_map": {"a": "../../../../evil"}}"#;
    server.serve("models/tests/tiny", "model.safetensors.index.json", index.as_bytes());
    server.serve("models/tests/tiny", "../../../evil", b"evil");
    let place = Place::new(&server);
    place.model().unwrap();
    let server = HubServer::new();
    for file in ["config.json", "tokenizer.json"] {
        server.serve("models/tests/tiny", file, &fixture("bert", file));
    }
    server.serve("models/tests/tiny", "model.safetensors.index.json", index.as_bytes());
    let fault = Place::new(&server).fault();
    assert_eq!(
        fault,
        "model `hf:tests/tiny`: has an model.safetensors.index.json that names a shard that leads out of its folder"
    );
}

#[test]
fn what_is_missing_is_told() {
    let server = HubServer::with_model("bert");
    let place = Place::new(&server);
    let fault = |name: &str| place.model_of(name, &Silent).unwrap_err().to_string();
    let host = server.address.trim_start_matches("http://");
    assert_eq!(fault("hf:tests/none"), format!("model `hf:tests/none`: `tests/none` is not on {host} (404)"));
    assert_eq!(
        fault("hf:tests/tiny@v9"),
        format!(
            "model `hf:tests/tiny@v9`: `tests/tiny` at `v9` is not on {host} (404: no branch, tag or commit of that name)"
        )
    );
    server.serve("models/tests/words", "config.json", b"{}");
    assert_eq!(
        fault("hf:tests/words"),
        "model `hf:tests/words`: has no weights that can be read (model.safetensors or pytorch_model.bin, whole or in shards)"
    );
    server.serve("models/tests/none", "README.md", b"x");
    assert_eq!(
        fault("hf:tests/none"),
        "model `hf:tests/none`: has no config.json and no .gguf file, so it is no model that can be read"
    );
}

#[test]
fn a_repository_of_gguf_files_gives_the_one_that_is_meant() {
    let gguf =
        |name: &str| fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/gguf").join(name)).unwrap();
    let server = HubServer::new();
    server.serve("models/tests/one", "README.md", b"x");
    server.serve("models/tests/one", "q8/m.gguf", &gguf(GGUF));
    let place = Place::new(&server);
    let found = place.model_of("hf:tests/one", &Silent).unwrap();
    assert_eq!(found.gguf, Some(found.folder.join("q8/m.gguf")));
    assert_eq!(fs::read(found.gguf.unwrap()).unwrap(), gguf(GGUF));
    let fault = |name: &str| place.model_of(name, &Silent).unwrap_err().to_string();
    assert_eq!(fault("hf:tests/one/x.gguf"), "model `hf:tests/one/x.gguf`: has no x.gguf (GGUF files: q8/m.gguf)");
    server.serve("models/tests/two", "a.gguf", b"x");
    server.serve("models/tests/two", "b.gguf", b"y");
    assert_eq!(
        fault("hf:tests/two"),
        "model `hf:tests/two`: has no config.json, but several GGUF files: choose one with hf:owner/name/FILE (a.gguf, b.gguf)"
    );
    server.seen();
    assert_eq!(fs::read(place.model_of("hf:tests/two/b.gguf", &Silent).unwrap().gguf.unwrap()).unwrap(), b"y");
    assert!(server.seen().iter().all(|seen| !seen.line.contains("a.gguf")));
    server.serve("models/tests/parts", "m-00001-of-00002.gguf", b"x");
    assert!(fault("hf:tests/parts").ends_with("a part of a file; models in one GGUF file are read"));
    // Beside a folder's model a file is taken where it is named.
    server.serve_folder("models/tests/tiny", "bert");
    server.serve("models/tests/tiny", "m.gguf", &gguf(GGUF));
    assert_eq!(place.model().unwrap().gguf, None);
    let named = format!("{TINY}@{COMMIT}/m.gguf");
    assert!(place.model_of(&named, &Silent).unwrap().gguf.is_some());
    // The binary reads it, says its commit, and needs no network afterwards.
    let workplace = Workplace::new();
    let fill = ["fill", "--model", "hf:tests/one@main/q8/m.gguf", "a b"];
    let first = online(&workplace, &server, &fill);
    assert_eq!(first.code, 0, "{}", first.stderr);
    workplace.write("m.gguf", gguf(GGUF));
    assert_eq!(first.stdout, workplace.done(&["fill", "--model", "m.gguf", "a b"]).stdout);
    assert_eq!(first.stdout, workplace.done(&fill).stdout);
    let listed = workplace.done(&["models"]).stdout;
    assert!(listed.contains("hf:tests/one") && listed.contains("complete"), "{listed}");
}

#[test]
fn a_cut_connection_is_gone_on_with_from_where_it_broke() {
    let server = HubServer::with_model("bert");
    server.fail("GET /models/tests/tiny/model.safetensors", Fault::Cut(1000), 2);
    let place = Place::new(&server);
    let told = Told::default();
    let found = place.model_of(TINY, &told).unwrap();
    assert_eq!(fs::read(found.folder.join(WEIGHTS)).unwrap(), fixture("bert", WEIGHTS));
    let size = fixture("bert", WEIGHTS).len();
    assert!(told.all().contains(&format!("{WEIGHTS} 2000 of {size}")), "{}", told.all());
    let ranges: Vec<_> = server.seen().into_iter().filter_map(|seen| seen.headers.get("range").cloned()).collect();
    assert!(ranges.contains(&"bytes=1000-".into()) && ranges.contains(&"bytes=2000-".into()), "{ranges:?}");
    assert!(!place.blobs().iter().any(|name| name.ends_with(".incomplete")));
}

#[test]
fn a_download_that_was_given_up_goes_on_another_day() {
    let server = HubServer::with_model("bert");
    server.fail("GET /models/tests/tiny/model.safetensors", Fault::Cut(0), 3);
    server.fail("GET /models/tests/tiny/model.safetensors", Fault::Cut(500), 0);
    let place = Place::new(&server);
    assert!(place.fault().contains("the connection broke after 0 of "), "{}", place.fault());
    let tag = sha256(&fixture("bert", WEIGHTS));
    let partial = place.repo().join("blobs").join(format!("{tag}.incomplete"));
    fs::write(&partial, &fixture("bert", WEIGHTS)[..700]).unwrap();
    server.seen();
    place.model().unwrap();
    assert!(server.seen().iter().any(|seen| seen.headers.get("range").is_some_and(|range| range == "bytes=700-")));
    assert!(!partial.exists());
}

#[test]
fn a_server_without_ranges_begins_anew() {
    let server = HubServer::with_model("bert");
    server.fail("GET /models/tests/tiny/model.safetensors", Fault::Cut(1000), 1);
    server.fail("GET /models/tests/tiny/model.safetensors", Fault::NoRanges, 1);
    let place = Place::new(&server);
    let found = place.model().unwrap();
    assert_eq!(fs::read(found.folder.join(WEIGHTS)).unwrap(), fixture("bert", WEIGHTS));
}

#[test]
fn a_partial_file_of_other_bytes_is_found_out_and_fetched_anew() {
    let server = HubServer::with_model("bert");
    let place = Place::new(&server);
    let bytes = fixture("bert", WEIGHTS);
    let partial = place.repo().join("blobs").join(format!("{}.incomplete", sha256(&bytes)));
    fs::create_dir_all(partial.parent().unwrap()).unwrap();
    for n in [10, bytes.len(), bytes.len() + 5] {
        fs::write(&partial, vec![7; n]).unwrap();
        let found = place.model().unwrap();
        assert_eq!(fs::read(found.folder.join(WEIGHTS)).unwrap(), bytes);
        fs::remove_dir_all(&found.folder).unwrap();
        fs::remove_file(place.repo().join("blobs").join(sha256(&bytes))).unwrap();
    }
}

#[test]
fn damaged_bytes_never_get_their_name() {
    for (file, what, tag) in [
        (WEIGHTS, "SHA-256", sha256(&fixture("bert", WEIGHTS))),
        ("config.json", "git blob SHA-1", git_blob(&fixture("bert", "config.json"))),
    ] {
        let server = HubServer::with_model("bert");
        let part = if is_large(file) { "GET /models/tests/tiny/model" } else { "GET /tests/tiny/resolve" };
        server.fail(part, Fault::Damage, 9);
        let place = Place::new(&server);
        let fault = place.fault();
        let expected = format!("model `hf:tests/tiny`: {file} came with the {what} ");
        assert!(fault.starts_with(&expected), "{fault}");
        assert!(fault.ends_with(&format!("and {tag} was announced: it is damaged and was not kept")), "{fault}");
        assert!(!place.blobs().iter().any(|name| name.starts_with(&tag)), "{:?}", place.blobs());
        assert!(!place.repo().join("snapshots").join(COMMIT).join(file).exists());
    }
}

#[test]
fn a_silent_server_is_given_up_and_a_slow_one_waited_for() {
    let server = HubServer::with_model("bert");
    server.fail("GET /models/tests/tiny/model.safetensors", Fault::Silence(100), 1);
    let place = Place::new(&server);
    let told = Told::default();
    place.model_of(TINY, &told).unwrap();
    let store = server.store.trim_start_matches("http://");
    let note = format!("{store} was silent for 1 seconds (HF_HUB_DOWNLOAD_TIMEOUT) at byte 100 of {WEIGHTS}");
    assert!(told.all().contains(&note), "{}", told.all());
}

#[test]
fn what_passes_is_tried_again_and_what_stays_is_told() {
    let server = HubServer::with_model("bert");
    server.fail("/api/models", Fault::Status(500, ""), 1);
    server.fail("HEAD /tests/tiny", Fault::Status(503, ""), 2);
    server.fail("GET /models/tests", Fault::Status(429, "retry-after: 1\r\n"), 1);
    let place = Place::new(&server);
    let told = Told::default();
    place.model_of(TINY, &told).unwrap();
    assert!(told.all().contains("is asked too often (429): it bids to wait 1 seconds; trying again in 1 s"));
    let host = server.address.trim_start_matches("http://");
    for (status, headers, expected) in [
        (500, "", format!("http://{host}/api/models/tests/tiny/revision/main answers 500")),
        (429, "retry-after: 3600\r\n", format!("{host} is asked too often (429): it bids to wait 3600 seconds")),
        (418, "", format!("http://{host}/api/models/tests/tiny/revision/main answers 418")),
        (
            403,
            "x-error-code: GatedRepo\r\n",
            format!("{host} refuses access (403): it is gated; ask for access on its page and set HF_TOKEN"),
        ),
    ] {
        let place = Place::new(&server);
        server.fail("/api/models", Fault::Status(status, headers), 3);
        assert_eq!(place.fault(), format!("model `hf:tests/tiny`: {expected}"));
        server.behave();
    }
}

#[test]
fn the_token_goes_to_the_hub_and_to_nobody_else() {
    let server = HubServer::with_model("bert");
    server.demand("hf_secret");
    let mut place = Place::new(&server);
    let host = server.address.trim_start_matches("http://").to_owned();
    assert_eq!(
        place.fault(),
        format!(
            "model `hf:tests/tiny`: {host} refuses access (401): it does not exist, or it is private and HF_TOKEN is not set"
        )
    );
    place.settings.token = Token::new("hf_wrong").unwrap();
    assert!(place.fault().ends_with("the owner of HF_TOKEN may not read it"), "{}", place.fault());
    place.settings.token = Token::new("hf_secret").unwrap();
    server.seen();
    let told = Told::default();
    place.model_of(TINY, &told).unwrap();
    let (at_store, at_hub): (Vec<_>, Vec<_>) = server.seen().into_iter().partition(|seen| seen.at_store);
    assert!(!at_store.is_empty() && at_store.iter().all(|seen| !seen.headers.contains_key("authorization")));
    assert!(at_hub.iter().all(|seen| seen.headers["authorization"] == "Bearer hf_secret"));
    assert!(!told.all().contains("secret"));
}

#[test]
fn redirects_that_lead_astray_are_refused() {
    let server = HubServer::with_model("bert");
    let host = server.address.trim_start_matches("http://").to_owned();
    // A repository that was renamed.
    server.fail("/api/models/tests/old/", Fault::Redirect("/api/models/tests/tiny/revision/main".into()), 1);
    let mut place = Place::new(&server);
    place.settings.token = Token::new("hf_secret").unwrap();
    server.fail(
        "/api/models/tests/tiny",
        Fault::Redirect(format!("{}/api/models/tests/tiny/revision/main", server.store)),
        1,
    );
    place.model().unwrap();
    let at_store = server.seen().into_iter().find(|seen| seen.at_store && seen.line.contains("/api/")).unwrap();
    assert!(!at_store.headers.contains_key("authorization"));
    server.fail("/api/models/tests/tiny", Fault::Redirect("file:///etc/passwd".into()), 1);
    assert!(place.fault().contains("leads to what is no address"), "{}", place.fault());
    server.fail("/api/models/tests/tiny", Fault::Redirect("/api/models/tests/tiny/revision/main".into()), 99);
    assert_eq!(
        place.fault(),
        format!(
            "model `hf:tests/tiny`: http://{host}/api/models/tests/tiny/revision/main leads to itself, over and over"
        )
    );
}

#[test]
fn offline_only_the_cache_is_read() {
    let server = HubServer::with_model("bert");
    let mut place = Place::new(&server);
    place.settings.offline = true;
    assert_eq!(
        place.fault(),
        "model `hf:tests/tiny`: the network is switched off (HF_HUB_OFFLINE) and the cache DIR/hub has nothing of it: fetch it \
         once without HF_HUB_OFFLINE, or name a cache that has it (HF_HUB_CACHE)"
    );
    place.settings.offline = false;
    let found = place.model().unwrap();
    place.settings.offline = true;
    server.seen();
    assert_eq!(place.model().unwrap(), found);
    fs::remove_file(found.folder.join(WEIGHTS)).unwrap();
    let fault = place.fault();
    assert!(fault.contains(&format!("has a commit {COMMIT} that has no weights that can be read")), "{fault}");
    assert!(server.seen().is_empty());
}

#[test]
fn a_hub_that_cannot_be_reached_is_no_matter_where_the_cache_is_complete() {
    let server = HubServer::with_model("bert");
    let mut place = Place::new(&server);
    let found = place.model().unwrap();
    // A port that nobody listens on.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    place.settings.endpoint = format!("http://{free}");
    let told = Told::default();
    assert_eq!(place.model_of(TINY, &told).unwrap(), found);
    assert!(told.all().contains(&format!("the cached commit {COMMIT} is used")), "{}", told.all());
    fs::remove_dir_all(place.repo()).unwrap();
    assert!(
        place.fault().starts_with(&format!("model `hf:tests/tiny`: {free} cannot be reached (")),
        "{}",
        place.fault()
    );
}

/// Lays a model out as Python's huggingface_hub does: links to blobs, a reference without a line's end, marks of absent files.
fn laid_out_by_python(cache: &Path, folder: &str) {
    let repo = cache.join("models--tests--tiny");
    let snapshot = repo.join("snapshots").join(COMMIT);
    for folder in [&repo.join("blobs"), &repo.join("refs"), &snapshot, &repo.join(".no_exist").join(COMMIT)] {
        fs::create_dir_all(folder).unwrap();
    }
    fs::write(repo.join("refs/main"), COMMIT).unwrap();
    fs::write(repo.join(".no_exist").join(COMMIT).join("adapter_config.json"), "").unwrap();
    fs::write(cache.join("CACHEDIR.TAG"), "Signature: 8a477f597d28d172789f06886806bc55\n").unwrap();
    fs::create_dir_all(cache.join(".locks/models--tests--tiny")).unwrap();
    for file in ["config.json", WEIGHTS, "tokenizer.json", "tokenizer_config.json"] {
        let bytes = fixture(folder, file);
        let tag = if is_large(file) { sha256(&bytes) } else { git_blob(&bytes) };
        fs::write(repo.join("blobs").join(&tag), bytes).unwrap();
        #[cfg(unix)]
        std::os::unix::fs::symlink(format!("../../blobs/{tag}"), snapshot.join(file)).unwrap();
        #[cfg(not(unix))]
        fs::copy(repo.join("blobs").join(&tag), snapshot.join(file)).unwrap();
    }
}

#[test]
fn a_cache_that_python_laid_out_is_read_offline() {
    let workplace = Workplace::new();
    laid_out_by_python(&workplace.path("hf/hub"), "bert");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/model/bert");
    let text = "a [MASK] b";
    let by_name = workplace.done(&["fill", "--model", TINY, text]).stdout;
    let by_path = workplace.done(&["fill", "--model", folder.to_str().unwrap(), text]).stdout;
    assert_eq!(by_name, by_path);
    let by_commit = workplace.done(&["fill", "--model", &format!("{TINY}@{COMMIT}"), text]).stdout;
    assert_eq!(by_commit, by_path);
    let listed = workplace.done(&["models"]).stdout;
    assert!(listed.contains(TINY) && listed.contains(COMMIT), "{listed}");
    let listed: serde_json::Value =
        serde_json::from_str(&workplace.done(&["models", "--format", "json"]).stdout).unwrap();
    let cached = listed.as_array().unwrap().last().unwrap();
    assert_eq!((&cached["model"], &cached["commit"]), (&TINY.into(), &COMMIT.into()));
    assert_eq!(cached["complete"], true);
}

fn online(workplace: &Workplace, server: &HubServer, arguments: &[&str]) -> Ran {
    let mut command: Command = workplace.command(arguments);
    command.args(["--device", "cpu"]);
    command.env("HF_ENDPOINT", &server.address).env("HF_HUB_OFFLINE", "0").env("HF_TOKEN", "hf_secret");
    Ran::from(command.output().unwrap())
}

#[test]
fn the_binary_fetches_a_model_and_needs_no_network_afterwards() {
    let server = HubServer::with_model("bert");
    let workplace = Workplace::new();
    let fill = ["fill", "--model", TINY, "a [MASK] b"];
    let first = online(&workplace, &server, &fill);
    assert_eq!(first.code, 0, "{}", first.stderr);
    assert!(first.stderr.contains("fetching model.safetensors ("), "{}", first.stderr);
    assert!(!first.stderr.contains("secret") && !first.stdout.contains("secret"));
    server.seen();
    let second = workplace.done(&fill);
    assert_eq!(second.stdout, first.stdout);
    assert!(second.stderr.is_empty() && server.seen().is_empty(), "{}", second.stderr);
    let absent = workplace.run(&["fill", "--model", "hf:tests/other", "a [MASK] b"]);
    assert_eq!(absent.code, 5);
    assert!(absent.stderr.contains("HF_HUB_OFFLINE"), "{}", absent.stderr);
}

#[test]
fn an_experiment_names_model_and_data_of_the_hub_and_records_their_commits() {
    let server = HubServer::with_model("bert");
    let workplace = Workplace::new();
    for (split, file) in [("train", "data/train-00000-of-00001"), ("dev", "data/validation"), ("test", "data/test")] {
        let tsv = workplace.read(&format!("{split}.tsv"));
        let rows: String = tsv
            .lines()
            .skip(1)
            .map(|line| {
                let (text, label) = line.split_once('\t').unwrap();
                serde_json::json!({ "sentence": text, "label": label }).to_string() + "\n"
            })
            .collect();
        server.serve("datasets/tests/films", &format!("{file}.jsonl"), rows.as_bytes());
        fs::remove_file(workplace.path(&format!("{split}.tsv"))).unwrap();
    }
    server.serve("datasets/tests/films", "README.md", b"---\nlicense: mit\n---\n");
    workplace.write(
        "hub.yaml",
        "format: 1\nname: hub\ntask:\n  dataset: { hub: 'hf:tests/films', columns: { text: sentence } }\n  template: \
         '{text} it was {mask}.'\n  verbalizer: { negative: [a], positive: [b] }\nmodels: ['hf:tests/tiny']\nshots: \
         [4]\nseeds: [1]\nsearch:\n  - { method: manual, templates: ['{text} it was {mask}.'] }\nbudget: { evaluations: 40 }\n",
    );
    let ran = online(&workplace, &server, &["run", "hub.yaml"]);
    assert_eq!(ran.code, 0, "{}\n{}", ran.stdout, ran.stderr);
    let provenance: serde_json::Value = serde_json::from_str(&workplace.read("results/hub/provenance.json")).unwrap();
    assert_eq!(provenance["models"][0]["source"], TINY);
    assert_eq!(provenance["models"][0]["commit"], COMMIT);
    assert_eq!(provenance["data_commit"], COMMIT);
    assert!(workplace.read("results/hub/leaderboard.csv").contains(",hf:tests/tiny,"));
    // The record's own experiment runs again without a network.
    let again = workplace.done(&["run", "results/hub/experiment.yaml"]);
    assert!(again.stderr.contains("complete and stay"), "{}", again.stderr);
    let plan = workplace.run(&["plan", "hub.yaml", "--set", "task.dataset.subset=x"]);
    assert_eq!(plan.code, 4, "{}", plan.stderr);
}

#[test]
fn names_with_tricks_are_refused_with_line_and_key() {
    let workplace = Workplace::new();
    let long = format!("hf:a/{}", "b".repeat(100));
    for name in ["hf:../../etc/passwd", "hf:/etc/passwd", "hf:a\\b", "hf:a/b@../c", long.as_str()] {
        workplace.experiment("model.yaml", "models: [builtin:toy]", &format!("models: ['{name}']"));
        let ran = workplace.run(&["validate", "model.yaml"]);
        assert_eq!(ran.code, 3, "{name} {}", ran.stderr);
        assert!(ran.stderr.contains("model.yaml:7:10: models[0]: model `"), "{}", ran.stderr);
        workplace.experiment(
            "data.yaml",
            "dataset: { train: train.tsv, dev: dev.tsv, test: test.tsv }",
            &format!("dataset: '{name}'"),
        );
        let ran = workplace.run(&["validate", "data.yaml"]);
        assert_eq!(ran.code, 3, "{name} {}", ran.stderr);
        assert!(ran.stderr.contains("data.yaml:4:12: task.dataset: data set `"), "{}", ran.stderr);
        let ran = workplace.run(&["fill", "--model", name, "x"]);
        assert_eq!(ran.code, 5, "{name} {}", ran.stderr);
    }
}

#[test]
fn two_processes_fetch_a_file_once() {
    let server = HubServer::with_model("bert");
    let place = Place::new(&server);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| place.model().unwrap());
        }
    });
    let gets = server.seen().iter().filter(|seen| seen.line.starts_with("GET /models/")).count();
    assert_eq!(gets, 1);
}
