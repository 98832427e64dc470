//! Rewordings from a service that speaks OpenAI's chat completions: one of our own.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value, json};

use super::workplace::{Ran, Workplace};

const KEY: &str = "sk-secret";

/// A service that gives prepared answers, the last one over and over.
struct Service {
    address: String,
    /// Bodies of requests, with their authorization.
    seen: Arc<Mutex<Vec<(Value, Option<String>)>>>,
}

impl Service {
    fn new(answers: &[(u16, &'static str, String)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}/v1", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (answers, seen_too) = (answers.to_vec(), seen.clone());
        thread::spawn(move || {
            let mut n = 0;
            for stream in listener.incoming().map_while(Result::ok) {
                let answer = &answers[n.min(answers.len() - 1)];
                if let Some(request) = exchange(stream, answer) {
                    seen_too.lock().unwrap().push(request);
                    n += 1;
                }
            }
        });
        Self { address, seen }
    }

    fn n_seen(&self) -> usize {
        self.seen.lock().unwrap().len()
    }
}

fn exchange(stream: TcpStream, answer: &(u16, &str, String)) -> Option<(Value, Option<String>)> {
    let mut reader = BufReader::new(stream);
    let (mut length, mut key, mut line) = (0, None, String::new());
    while reader.read_line(&mut line).ok()? > 0 && !line.trim().is_empty() {
        if let Some((name, value)) = line.split_once(':') {
            match name.to_lowercase().as_str() {
                "content-length" => length = value.trim().parse::<usize>().ok()?,
                "authorization" => key = Some(value.trim().to_owned()),
                _ => {}
            }
        }
        line.clear();
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let (status, headers, text) = answer;
    let reply =
        format!("HTTP/1.1 {status} X\r\nconnection: close\r\n{headers}content-length: {}\r\n\r\n{text}", text.len());
    reader.into_inner().write_all(reply.as_bytes()).ok();
    Some((serde_json::from_slice(&body).ok()?, key))
}

fn said(text: &str) -> String {
    json!({
        "choices": [{ "message": { "role": "assistant", "content": text } }],
        "usage": { "prompt_tokens": 50, "completion_tokens": 20 },
    })
    .to_string()
}

fn workplace(address: &str, more: &str) -> Workplace {
    let workplace = Workplace::new();
    workplace.experiment(
        "asked.yaml",
        "  - { method: random, n_trigger: 2 }\n  - { method: autoprompt, n_trigger: 2, n_candidates: 4, batch_size: 4 }\n",
        &format!(
            "  - method: paraphrase\n    templates: [\"{{text}} it was {{mask}}.\"]\n    generators: [endpoint]\n    endpoint: {{ \
             base_url: '{address}', model: larger, key: TEST_SERVICE_KEY{more} }}\n"
        ),
    );
    workplace
}

fn run(workplace: &Workplace, arguments: &[&str]) -> Ran {
    let mut command = workplace.command(arguments);
    command.args(["--device", "cpu"]).env("TEST_SERVICE_KEY", KEY);
    Ran::from(command.output().unwrap())
}

#[test]
fn rewordings_of_a_service_are_candidates_and_are_asked_for_once() {
    let answer = said("1. {text} all in all {mask}.\n2. {text} I found it {mask}.\n3. {mask} {text}");
    let service =
        Service::new(&[(429, "retry-after: 0\r\n", String::new()), (500, "", String::new()), (200, "", answer)]);
    let workplace =
        workplace(&service.address, ", price: { input: 1, output: 2 }, max_cost: 1, requests_per_minute: 6000");
    let plan = run(&workplace, &["plan", "asked.yaml"]);
    assert_eq!(plan.code, 0, "{}", plan.stderr);
    assert!((plan.stdout + &plan.stderr).contains("1 requests, at most "));
    assert_eq!(service.n_seen(), 0);
    let ran = run(&workplace, &["run", "asked.yaml"]);
    assert_eq!(ran.code, 0, "{}\n{}", ran.stdout, ran.stderr);
    assert!(ran.stderr.contains("counted 50 tokens sent and 20 received, 0.0001"), "{}", ran.stderr);
    assert_eq!(service.n_seen(), 3);
    let (body, key) = service.seen.lock().unwrap()[2].clone();
    assert_eq!((body["model"].as_str(), key.as_deref()), (Some("larger"), Some("Bearer sk-secret")));
    assert!(body["messages"][0]["content"].as_str().unwrap().ends_with("{text} it was {mask}."));
    let candidates = workplace.read("results/toy/candidates.csv");
    assert!(candidates.contains("{text} all in all {mask}.") && candidates.contains("{text} I found it {mask}."));
    // Begun anew, and from another folder's record: nothing is asked.
    let tables = workplace.tables("results/toy");
    let again = run(&workplace, &["run", "asked.yaml", "--fresh"]);
    assert_eq!(again.code, 0, "{}", again.stderr);
    assert_eq!(service.n_seen(), 3);
    assert_eq!(workplace.tables("results/toy"), tables);
    // The key is nowhere.
    assert!(!(ran.stdout + &ran.stderr + &again.stderr).contains("secret"));
    for entry in std::fs::read_dir(workplace.path("results/.endpoint")).unwrap() {
        assert!(!std::fs::read_to_string(entry.unwrap().path()).unwrap().contains("secret"));
    }
    assert!(!workplace.read("results/toy/experiment.yaml").contains("secret"));
}

#[test]
fn what_could_cost_too_much_is_refused_before_anything_is_asked() {
    let service = Service::new(&[(200, "", said(""))]);
    let dear = workplace(&service.address, ", price: { input: 10, output: 1000 }, max_cost: 0.5");
    let ran = run(&dear, &["run", "asked.yaml"]);
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    assert!(ran.stderr.contains("asked.yaml:10:5: search[1].endpoint: 1 requests to "), "{}", ran.stderr);
    assert!(ran.stderr.contains("and `max_cost` allows 0.5; nothing was asked"), "{}", ran.stderr);
    assert_eq!(service.n_seen(), 0);
}

#[test]
fn a_service_that_refuses_ends_the_run_and_the_key_is_not_shown() {
    let refusal = json!({ "error": { "message": format!("Incorrect key: {KEY}") } }).to_string();
    for (status, headers, text, expected) in [
        (401, "", refusal.as_str(), "/v1/chat/completions answers 401: Incorrect key: ..."),
        (302, "location: http://127.0.0.1:9/\r\n", "", "answers 302: it leads elsewhere, where the key would go along"),
        (200, "", "{}", "gives no chat completion"),
    ] {
        let service = Service::new(&[(status, headers, text.to_owned())]);
        let workplace = workplace(&service.address, "");
        let ran = run(&workplace, &["run", "asked.yaml"]);
        assert_eq!(ran.code, 5, "{}", ran.stderr);
        assert!(ran.stderr.contains(expected) && !ran.stderr.contains("secret"), "{}", ran.stderr);
        assert_eq!(service.n_seen(), 1);
        assert!(!workplace.path("results/toy").exists());
    }
    let workplace = workplace("http://127.0.0.1:9/v1", "");
    let ran = workplace.run(&["run", "asked.yaml"]);
    assert_eq!(ran.code, 5, "{}", ran.stderr);
    assert!(ran.stderr.contains("the variable TEST_SERVICE_KEY, which `key` names, is not set"), "{}", ran.stderr);
}

#[test]
fn faults_of_an_endpoint_are_told_together() {
    let workplace = workplace("http://example.com/v1", ", n_paraphrases: 0, max_cost: 1");
    let ran = workplace.run(&["validate", "asked.yaml"]);
    assert_eq!(ran.code, 3);
    for expected in [
        "endpoint.base_url: `http://example.com/v1` is not encrypted, and a key would go there",
        "endpoint.n_paraphrases",
        "endpoint.max_cost: `price` is missing",
    ] {
        assert!(ran.stderr.contains(expected), "{expected}\n{}", ran.stderr);
    }
    workplace.experiment("none.yaml", "method: random, n_trigger: 2", "method: paraphrase, generators: [endpoint]");
    let ran = workplace.run(&["validate", "none.yaml"]);
    assert!(ran.stderr.contains("`endpoint` needs `endpoint: { base_url: ..., model: ... }`"), "{}", ran.stderr);
}
