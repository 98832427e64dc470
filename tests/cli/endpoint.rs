//! Rewordings and scores from a service that speaks OpenAI's chat completions: one of our own.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use super::workplace::{Ran, Workplace};

const KEY: &str = "sk-secret";

/// The body of a request, with its authorization.
type Request = (Value, Option<String>);

/// A service that gives prepared answers, the last one over and over. With the status 0 it cuts the connection, with 1 it is
/// silent for two seconds.
struct Service {
    address: String,
    seen: Arc<Mutex<Vec<Request>>>,
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

    /// One that answers `n` requests once all are there, the last one first, each with the label word at the end of its text.
    fn together(n: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}/v1", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let seen_too = seen.clone();
        thread::spawn(move || {
            let streams: Vec<TcpStream> = listener.incoming().map_while(Result::ok).take(n).collect();
            for stream in streams.into_iter().rev() {
                let mut reader = BufReader::new(stream);
                let Some(request) = received(&mut reader) else { continue };
                let text = request.0["messages"].to_string();
                reply(reader, &(200, "", said(if text.contains("fine") { "good" } else { "bad" })));
                seen_too.lock().unwrap().push(request);
            }
        });
        Self { address, seen }
    }

    fn n_seen(&self) -> usize {
        self.seen.lock().unwrap().len()
    }
}

fn exchange(stream: TcpStream, answer: &(u16, &str, String)) -> Option<Request> {
    let mut reader = BufReader::new(stream);
    let seen = received(&mut reader)?;
    match answer.0 {
        0 => {}
        1 => drop(thread::spawn(move || {
            thread::sleep(Duration::from_secs(2));
            drop(reader);
        })),
        _ => reply(reader, answer),
    }
    Some(seen)
}

fn received(reader: &mut BufReader<TcpStream>) -> Option<Request> {
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
    Some((serde_json::from_slice(&body).ok()?, key))
}

fn reply(reader: BufReader<TcpStream>, (status, headers, text): &(u16, &str, String)) {
    let reply =
        format!("HTTP/1.1 {status} X\r\nconnection: close\r\n{headers}content-length: {}\r\n\r\n{text}", text.len());
    reader.into_inner().write_all(reply.as_bytes()).ok();
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
        Service::new(&[(429, "retry-after: 1\r\n", String::new()), (500, "", String::new()), (200, "", answer)]);
    let workplace =
        workplace(&service.address, ", price: { input: 1, output: 2 }, max_cost: 1, requests_per_minute: 6000");
    let plan = run(&workplace, &["plan", "asked.yaml"]);
    assert_eq!(plan.code, 0, "{}", plan.stderr);
    let note =
        format!("note: a run begins by asking larger at {} for rewordings: 1 request, at most ", service.address);
    assert!(plan.stdout.contains(&note), "{}", plan.stdout);
    assert!(plan.stdout.contains(" and 1024 received, at most 0.002"), "{}", plan.stdout);
    assert_eq!(service.n_seen(), 0);
    let ran = run(&workplace, &["run", "asked.yaml"]);
    assert_eq!(ran.code, 0, "{}\n{}", ran.stdout, ran.stderr);
    assert!(ran.stderr.contains("answers 429 (it bids to wait 1 s); trying again in 1 s"), "{}", ran.stderr);
    assert!(ran.stderr.contains("counted 50 tokens sent and 20 received, 0.0001"), "{}", ran.stderr);
    assert_eq!(service.n_seen(), 3);
    let (body, key) = service.seen.lock().unwrap()[2].clone();
    assert_eq!((body["model"].as_str(), key.as_deref()), (Some("larger"), Some("Bearer sk-secret")));
    assert!(body["messages"][0]["content"].as_str().unwrap().ends_with("{text} it was {mask}."));
    let candidates = workplace.read("results/toy/candidates.csv");
    assert!(candidates.contains("{text} all in all {mask}.") && candidates.contains("{text} I found it {mask}."));
    // Begun anew, for another experiment, and from a folder that was moved: nothing is asked.
    let tables = workplace.tables("results/toy");
    let again = run(&workplace, &["run", "asked.yaml", "--fresh"]);
    assert_eq!(again.code, 0, "{}", again.stderr);
    assert_eq!(workplace.tables("results/toy"), tables);
    // Another pace decides no trial.
    let yaml = workplace.read("asked.yaml");
    workplace.write("slower.yaml", yaml.replace("requests_per_minute: 6000", "requests_per_minute: 9, timeout: 9"));
    let slower = run(&workplace, &["run", "slower.yaml"]);
    assert_eq!(slower.code, 0, "{}", slower.stderr);
    assert!(slower.stderr.contains("complete and stay") && !slower.stderr.contains("begin anew"), "{}", slower.stderr);
    let other = run(&workplace, &["run", "asked.yaml", "--set", "name=other"]);
    assert_eq!(other.code, 0, "{}", other.stderr);
    std::fs::create_dir(workplace.path("moved")).unwrap();
    std::fs::rename(workplace.path("results/toy"), workplace.path("moved/toy")).unwrap();
    for trial in workplace.trials("moved/toy") {
        std::fs::remove_dir_all(trial).unwrap();
    }
    // Without the key, too: nobody is asked.
    let moved = workplace.run(&["run", "asked.yaml", "--results", "moved"]);
    assert_eq!(moved.code, 0, "{}", moved.stderr);
    assert_eq!(workplace.tables("moved/toy"), tables);
    assert_eq!(service.n_seen(), 3);
    // The key is nowhere.
    assert!(!(ran.stdout + &ran.stderr + &again.stderr).contains("secret"));
    for (name, bytes) in workplace.record("moved").into_iter().chain(workplace.record("results")) {
        assert!(!String::from_utf8_lossy(&bytes).contains("secret"), "{name}");
    }
}

#[test]
fn a_service_words_what_evolution_starts_from_and_the_children_of_its_templates() {
    let service = Service::new(&[
        (200, "", said("{text} all in all {mask}.")),
        (200, "", said("{mask} movie: {text}")),
        (200, "", said("{text} that film was {mask}.\n{text} a film, it was {mask}.\n{mask}")),
    ]);
    let workplace = Workplace::new();
    workplace.experiment(
        "asked.yaml",
        "  - { method: autoprompt, n_trigger: 2, n_candidates: 4, batch_size: 4 }\n",
        &format!(
            "  - method: evolution\n    generators: [endpoint]\n    batch_size: 4\n    population: 4\n    endpoint: {{ base_url: '{}', model: \
             larger, key: TEST_SERVICE_KEY, requests_per_minute: 6000 }}\n",
            service.address
        ),
    );
    let plan = run(&workplace, &["plan", "asked.yaml"]);
    assert!(plan.stdout.contains("for rewordings and children: 3 requests, at most "), "{}", plan.stdout);
    let capped = run(&workplace, &["run", "asked.yaml", "--set", "search.2.endpoint.max_requests=2"]);
    assert!(capped.code != 0 && service.n_seen() == 0, "{}", capped.stderr);
    let ran = run(&workplace, &["run", "asked.yaml", "--set", "budget.evaluations=600"]);
    assert_eq!((ran.code, service.n_seen()), (0, 3), "{}", ran.stderr);
    let body = service.seen.lock().unwrap()[2].0.clone();
    let asked = body["messages"][0]["content"].as_str().unwrap().to_owned();
    assert!(asked.ends_with("{text} it was {mask}.\n{mask} film: {text}") && asked.contains("Combine"), "{asked}");
    let record = workplace.record("results/toy");
    let events: String = record
        .iter()
        .filter(|(name, _)| name.ends_with("events.jsonl"))
        .map(|(_, bytes)| String::from_utf8_lossy(bytes).into_owned())
        .collect();
    assert!(events.contains("larger says `{text} all in all {mask}.`"), "{events}");
    assert!(events.contains("larger crossed "), "{events}");
    // Begun anew nobody is asked, and all is as it was.
    let tables = workplace.tables("results/toy");
    let again = run(&workplace, &["run", "asked.yaml", "--set", "budget.evaluations=600", "--fresh"]);
    assert_eq!((again.code, service.n_seen()), (0, 3), "{}", again.stderr);
    assert_eq!(workplace.tables("results/toy"), tables);
}

#[test]
fn what_could_cost_too_much_is_refused_before_anything_is_asked() {
    let service = Service::new(&[(200, "", said("{text} all in all {mask}."))]);
    let host = service.address.clone();
    let (dear, free) =
        ("price: { input: 10, output: 1000 }, max_cost: 0.5", "price: { input: 1, output: 1 }, max_cost: 0");
    for (more, expected) in [
        (dear, format!("1 request to {host} could cost up to 1.0")),
        (free, format!("1 request to {host} could cost up to 0.0")),
        ("max_requests: 0", format!("1 request to {host} would be needed, and `max_requests` allows 0")),
    ] {
        let workplace = workplace(&service.address, &format!(", {more}"));
        let ran = run(&workplace, &["run", "asked.yaml"]);
        assert_eq!(ran.code, 3, "{}", ran.stderr);
        assert!(ran.stderr.contains(&format!("asked.yaml:12:5: search[1].endpoint: {expected}")), "{}", ran.stderr);
        assert!(ran.stderr.contains("; nothing was asked"), "{}", ran.stderr);
        assert!(!workplace.path("results/toy").exists());
        let plan = run(&workplace, &["plan", "asked.yaml"]);
        assert!(plan.code == 0 && plan.stdout.contains(&format!(" ({expected}")), "{}", plan.stdout);
    }
    assert_eq!(service.n_seen(), 0);
}

#[test]
fn lost_attempts_count_against_the_cap_and_what_was_answered_stays() {
    let service = Service::new(&[(200, "", said("{text} all in all {mask}.")), (500, "", String::new())]);
    let workplace = workplace(
        &service.address,
        ", price: { input: 0, output: 1000 }, max_cost: 2.1, requests_per_minute: 6000, attempts: 9",
    );
    let two = "templates: [\"{text} it was {mask}.\", \"{text} is {mask}.\"]";
    let yaml = workplace
        .read("asked.yaml")
        .replace("templates: [\"{text} it was {mask}.\"]\n    gen", &format!("{two}\n    gen"));
    workplace.write("asked.yaml", yaml);
    let ran = run(&workplace, &["run", "asked.yaml"]);
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    assert!(
        ran.stderr.contains("could cost up to 3.0920 in all, and `max_cost` allows 2.1; the answers so far are kept"),
        "{}",
        ran.stderr
    );
    // Two attempts at the second question were paid for, and there was no third.
    assert_eq!(service.n_seen(), 3);
    assert_eq!(std::fs::read_dir(workplace.path("results/.endpoint")).unwrap().count(), 2);
}

#[test]
fn a_service_that_refuses_ends_the_run_and_the_key_is_not_shown() {
    let refusal = json!({ "error": { "message": format!("Incorrect key: {KEY}") } }).to_string();
    let elsewhere = Service::new(&[(200, "", said("{text} all in all {mask}."))]);
    let redirect: &'static str = format!("location: {}/chat/completions\r\n", elsewhere.address).leak();
    let empty = json!({ "choices": [{ "message": { "content": "" }, "finish_reason": "length" }] }).to_string();
    for (status, headers, text, n, expected) in [
        (401, "", refusal.as_str(), 1, "/v1/chat/completions answers 401: Incorrect key: ..."),
        (404, "", r#"{"error": "no such model"}"#, 1, "/v1/chat/completions answers 404: no such model"),
        (302, redirect, "", 1, "answers 302: it leads elsewhere, where the key would go along; name that address"),
        (307, redirect, "", 1, "answers 307: it leads elsewhere"),
        (429, "retry-after: 900\r\n", "", 1, "answers 429 (it bids to wait 900 s)"),
        (503, "", "<html>", 2, "answers 503"),
        (200, "", "{}", 1, "gives no chat completion"),
        (200, "", "no JSON", 1, "gives no chat completion"),
        (
            200,
            "",
            &empty,
            1,
            "gives an empty answer: all tokens that it may write (`max_tokens`) went into what it does not show",
        ),
        (200, "", &said(" \n"), 2, "gives an empty answer"),
    ] {
        let service = Service::new(&[(status, headers, text.to_owned())]);
        let workplace = workplace(&service.address, ", attempts: 2, requests_per_minute: 6000");
        let ran = run(&workplace, &["run", "asked.yaml"]);
        assert_eq!(ran.code, 5, "{}", ran.stderr);
        assert!(ran.stderr.contains(expected) && !ran.stderr.contains("secret"), "{expected}\n{}", ran.stderr);
        assert_eq!(service.n_seen(), n, "{}", ran.stderr);
        assert!(!workplace.path("results/toy").exists());
    }
    assert_eq!(elsewhere.n_seen(), 0);
    for (value, expected) in
        [(None, "is not set"), (Some(""), "is empty"), (Some("sk\u{e9}"), "holds a character that no key has")]
    {
        let workplace = workplace("http://127.0.0.1:9/v1", "");
        let mut command = workplace.command(&["run", "asked.yaml", "--device", "cpu"]);
        value.map(|value| command.env("TEST_SERVICE_KEY", value));
        let ran = Ran::from(command.output().unwrap());
        assert_eq!(ran.code, 5, "{}", ran.stderr);
        let expected = format!("the variable TEST_SERVICE_KEY, which `key` names, {expected}");
        assert!(ran.stderr.contains(&expected), "{}", ran.stderr);
    }
}

#[test]
fn a_cut_or_silent_connection_is_tried_again() {
    let service =
        Service::new(&[(0, "", String::new()), (1, "", String::new()), (200, "", said("{text} all in all {mask}."))]);
    let workplace = workplace(&service.address, ", timeout: 1, requests_per_minute: 6000");
    let ran = run(&workplace, &["run", "asked.yaml"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(service.n_seen(), 3);
    assert_eq!(ran.stderr.matches("/v1/chat/completions cannot be reached (").count(), 2, "{}", ran.stderr);
    assert!(ran.stderr.contains("(no answer within 1 s, `timeout`); trying again in 1 s"), "{}", ran.stderr);
    // Nobody listens there.
    let nobody = self::workplace("http://127.0.0.1:9/v1", ", attempts: 2");
    let ran = run(&nobody, &["run", "asked.yaml"]);
    assert_eq!((ran.code, ran.stderr.matches("cannot be reached").count()), (5, 2), "{}", ran.stderr);
}

#[test]
fn requests_keep_the_pace_that_is_allowed() {
    let service = Service::new(&[(200, "", said("{text} all in all {mask}."))]);
    let workplace = Workplace::new();
    workplace.write("three.tsv", "text\tlabel\na\tnegative\nb\tpositive\nc\tnegative\n");
    let model = format!("endpoint:m@{}", service.address);
    let begun = std::time::Instant::now();
    let ran = workplace.done(&[
        "score",
        "--model",
        &model,
        "--template",
        "{text} {mask}",
        "--verbalizer",
        "negative=bad,positive=good",
        "--input",
        "three.tsv",
        "--requests-per-minute",
        "60",
    ]);
    // Two pauses of a second between three requests.
    assert!(begun.elapsed() >= Duration::from_secs(2), "{:?}", begun.elapsed());
    assert_eq!(service.n_seen(), 3, "{}", ran.stderr);
}

#[test]
fn requests_are_on_their_way_together_and_answers_stay_with_their_questions() {
    let service = Service::together(3);
    let workplace = Workplace::new();
    workplace.write("three.tsv", "text\tlabel\nfine one\tpositive\ndull two\tnegative\nfine three\tpositive\n");
    let model = format!("endpoint:m@{}", service.address);
    let mut arguments = vec!["score", "--model", &model, "--template", "{text} {mask}", "--input", "three.tsv"];
    arguments.extend(["--verbalizer", "negative=bad,positive=good", "--requests-per-minute", "60000"]);
    arguments.extend(["--timeout", "20", "--parallel", "3", "--format", "json"]);
    let ran = workplace.done(&arguments);
    let found: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((&found["prompts"][0]["accuracy"], service.n_seen()), (&json!(1.0), 3), "{}", ran.stderr);
}

#[test]
fn certificates_that_cannot_be_read_are_named() {
    let service = Service::new(&[(200, "", said("{text} all in all {mask}."))]);
    let workplace = workplace(&service.address, "");
    workplace.write("empty.pem", "");
    for (file, what) in [("missing.pem", "No such file"), ("empty.pem", "it holds no certificate (PEM is expected)")] {
        let mut command = workplace.command(&["run", "asked.yaml", "--device", "cpu"]);
        let ran = Ran::from(command.env("TEST_SERVICE_KEY", KEY).env("SSL_CERT_FILE", file).output().unwrap());
        assert_eq!((ran.code, service.n_seen()), (5, 0), "{}", ran.stderr);
        assert!(ran.stderr.contains(file) && ran.stderr.contains(what), "{}", ran.stderr);
    }
}

#[test]
fn a_service_that_names_the_limit_otherwise_is_asked_as_it_likes() {
    let refusal =
        json!({ "error": { "message": "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead." } });
    let service = Service::new(&[(400, "", refusal.to_string()), (200, "", said("{text} all in all {mask}."))]);
    let workplace = workplace(&service.address, ", requests_per_minute: 6000");
    let ran = run(&workplace, &["run", "asked.yaml"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let body = service.seen.lock().unwrap()[1].0.clone();
    assert_eq!((&body["max_completion_tokens"], body.get("max_tokens")), (&json!(1024), None));
}

#[test]
fn the_key_goes_through_no_proxy_and_an_answer_that_repeats_it_is_kept_without_it() {
    let service = Service::new(&[(200, "", said(&format!("{KEY}\n{{text}} all in all {{mask}}.")))]);
    let workplace = workplace(&service.address, "");
    // A proxy is none of those who may see the key.
    let proxy = Service::new(&[(200, "", said(""))]);
    let mut command = workplace.command(&["run", "asked.yaml", "--device", "cpu"]);
    command.env("TEST_SERVICE_KEY", KEY).env("HTTP_PROXY", proxy.address.trim_end_matches("/v1"));
    let ran = Ran::from(command.env("ALL_PROXY", proxy.address.trim_end_matches("/v1")).output().unwrap());
    assert_eq!((ran.code, proxy.n_seen()), (0, 0), "{}", ran.stderr);
    let record = workplace.record("results");
    assert!(record.values().all(|bytes| !String::from_utf8_lossy(bytes).contains("secret")));
    assert_eq!(record.keys().filter(|name| name.contains("endpoint/") && name.ends_with(".json")).count(), 2);
}

#[test]
fn runs_that_begin_together_ask_once() {
    let service = Service::new(&[(200, "", said("{text} all in all {mask}."))]);
    let workplace = workplace(&service.address, "");
    let other = |name: &str| run(&workplace, &["run", "asked.yaml", "--set", &format!("name={name}")]);
    std::thread::scope(|scope| {
        let runs: Vec<_> = ["one", "two", "three"].into_iter().map(|name| scope.spawn(move || other(name))).collect();
        for ran in runs {
            let ran = ran.join().unwrap();
            assert_eq!(ran.code, 0, "{}", ran.stderr);
        }
    });
    assert_eq!(service.n_seen(), 1);
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
    let written = workplace.read("asked.yaml").replace("TEST_SERVICE_KEY", "sk-secret").replace("http://", "https://");
    workplace.write("key.yaml", written);
    let ran = workplace.run(&["validate", "key.yaml"]);
    assert!(
        ran.stderr.contains("the key itself belongs in no file") && !ran.stderr.contains("secret"),
        "{}",
        ran.stderr
    );
    workplace.experiment("none.yaml", "method: random, n_trigger: 2", "method: paraphrase, generators: [endpoint]");
    let ran = workplace.run(&["validate", "none.yaml"]);
    assert!(ran.stderr.contains("`endpoint` needs `endpoint: { base_url: ..., model: ... }`"), "{}", ran.stderr);
    let named = workplace.run(&["fill", "--model", "endpoint:m@https://x/v1", "a"]);
    assert_eq!(named.code, 5);
    assert!(named.stderr.contains("a service has no weights to search with: `score` takes it"), "{}", named.stderr);
}

/// An answer with the likeliest first tokens.
fn chose(text: &str, tokens: &[(&str, f64)]) -> String {
    let top: Vec<_> = tokens.iter().map(|(token, p)| json!({ "token": token, "logprob": p.ln() })).collect();
    json!({
        "choices": [{
            "message": { "content": text },
            "logprobs": { "content": [{ "token": text, "logprob": -0.1, "top_logprobs": top }] },
        }],
        "usage": { "prompt_tokens": 40, "completion_tokens": 1 },
    })
    .to_string()
}

#[test]
fn a_service_scores_a_prompt_by_its_first_tokens_or_its_text() {
    let service = Service::new(&[
        (200, "", chose("Good", &[("Bad", 0.6), (" good", 0.3), ("go", 0.1)])),
        (200, "", chose("great", &[("gr", 0.9)])),
        (200, "", said("I cannot say.")),
        (200, "", said("\"Good\".")),
    ]);
    let workplace = Workplace::new();
    workplace.write("four.tsv", "text\tlabel\na b\tnegative\nc\tpositive\nd\tnegative\ne\tpositive\n");
    let model = format!("endpoint:larger@{}", service.address);
    let score = |more: &[&str]| {
        let mut arguments = vec!["score", "--model", &model, "--key", "TEST_SERVICE_KEY", "--input", "four.tsv"];
        arguments.extend(["--template", "{text} It was {mask}.", "--verbalizer", "negative=bad,positive=good|great"]);
        // One after another: the answers are prepared in this order.
        arguments.extend(["--requests-per-minute", "6000", "--parallel", "1"]);
        arguments.extend(more);
        run(&workplace, &arguments)
    };
    let capped = score(&["--max-requests", "3"]);
    assert_eq!((capped.code, service.n_seen()), (3, 0), "{}", capped.stderr);
    assert!(
        capped.stderr.contains("4 requests to ") && capped.stderr.contains("; nothing was asked"),
        "{}",
        capped.stderr
    );
    let ran = score(&["--format", "json", "--price", "1,2", "--max-cost", "1"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let found: Value = serde_json::from_str(&ran.stdout).unwrap();
    let prompt = &found["prompts"][0];
    assert_eq!((&prompt["by_logprobs"], &prompt["by_text"], &prompt["none"]), (&json!(1), &json!(2), &json!(1)));
    assert_eq!((&prompt["accuracy"], &prompt["confusion"]), (&json!(0.75), &json!([[1, 0, 1], [0, 2, 0]])));
    assert!(ran.stderr.contains("for labels: 4 requests, at most "), "{}", ran.stderr);
    assert!(!(ran.stdout.clone() + &ran.stderr).contains("secret"));
    let body = service.seen.lock().unwrap()[0].0.clone();
    assert_eq!(body["messages"][1], json!({ "role": "user", "content": "a b It was" }));
    assert!(body["messages"][0]["content"].as_str().unwrap().ends_with("nothing else: bad, good, great"));
    assert_eq!((&body["top_logprobs"], &body["temperature"]), (&json!(20), &json!(0.0)));
    // What is kept is not asked again, whatever is allowed now.
    let again = score(&["--format", "json", "--max-requests", "0"]);
    assert_eq!((again.code, &again.stdout, service.n_seen()), (0, &ran.stdout, 4), "{}", again.stderr);
}

#[test]
fn rewordings_are_scored_beside_the_prompt_that_they_reword() {
    let service = Service::new(&[
        (200, "", said("Is this good or bad? {text} Answer: {mask}\n{mask} {text}")),
        (200, "", said("good")),
    ]);
    let workplace = Workplace::new();
    let rows: String = (0..8).map(|i| format!("text {i}\t{}\n", ["negative", "positive"][i % 2])).collect();
    workplace.write("dev.tsv", format!("text\tlabel\n{rows}"));
    let model = format!("endpoint:larger@{}", service.address);
    let score = |more: &[&str]| {
        let mut arguments = vec!["score", "--model", &model, "--input", "dev.tsv", "--requests-per-minute", "60000"];
        arguments.extend([
            "--template",
            "Good or bad? {text} Answer: {mask}",
            "--verbalizer",
            "negative=bad,positive=good",
        ]);
        arguments.extend(more);
        run(&workplace, &arguments)
    };
    // One for the rewordings, and eight for the prompt and for each of two rewordings that may come.
    let capped = score(&["--paraphrases", "2", "--max-requests", "24"]);
    assert_eq!((capped.code, service.n_seen()), (3, 0), "{}", capped.stderr);
    assert!(capped.stderr.contains("25 requests to "), "{}", capped.stderr);
    let ran = score(&["--paraphrases", "2", "--max-requests", "25"]);
    assert_eq!((ran.code, service.n_seen()), (0, 17), "{}", ran.stderr);
    assert!(ran.stdout.contains("Is this good or bad? {text} Answer: {mask}    0.5000"), "{}", ran.stdout);
    assert!(ran.stdout.contains("the best of 2 was chosen on these 8 examples"), "{}", ran.stdout);
    let refused = score(&["--against", "A {mask} film: {text}"]);
    assert_eq!(refused.code, 5);
    assert!(refused.stderr.contains("a service answers behind a text: put {mask} last"), "{}", refused.stderr);
    for (arguments, code) in [
        (&["--price", "1", "--max-cost", "1"][..], 2),
        (&["--price", "1,2"], 2),
        (&["--key", "sk-secret"], 2),
        (&["--calibration", "contextual"], 2),
        (&["--refuse-long"], 2),
    ] {
        let ran = score(arguments);
        assert_eq!(ran.code, code, "{arguments:?} {}", ran.stderr);
        assert!(!ran.stderr.contains("secret"), "{}", ran.stderr);
    }
    let mut plain =
        vec!["score", "--model", "builtin:toy", "--template", "{text} {mask}", "--verbalizer", "a=bad,b=good"];
    plain.extend(["--input", "dev.tsv", "--paraphrases", "2"]);
    let ran = workplace.run(&plain);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("are of a service: --model endpoint:MODEL@URL"), "{}", ran.stderr);
}
