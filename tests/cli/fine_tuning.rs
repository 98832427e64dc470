//! Tuning the model itself, from the experiment to the use of what was tuned, on a built-in model: the toy has no weights.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use safetensors::SafeTensors;
use serde_json::Value;

use super::workplace::Workplace;

const EXPERIMENT: &str = r#"format: 1
name: films
task: { dataset: builtin:film-reviews, template: "{text} It was {mask}." }
models: [builtin:reviews-en]
shots: [0, 4]
seeds: [13]
search:
  - { method: fine_tune, tune: all, batch_size: 4, eval_every: 2, steps: 2 }
  - { method: fine_tune, tune: biases, batch_size: 4, eval_every: 2, steps: 2 }
  - { method: fine_tune, tune: lora, rank: 2, alpha: 4, batch_size: 4, eval_every: 2, steps: 2, learning_rate: 0.01 }
  - { method: fine_tune, strategy: prompt_and_lm, tune: biases, n_soft: 2, batch_size: 4, eval_every: 1, steps: 2 }
  - { method: fine_tune, strategy: promptless, tune: lora, rank: 2, batch_size: 4, eval_every: 2, steps: 2 }
  - { method: fine_tune, strategy: promptless, tune: all, batch_size: 4, eval_every: 2, steps: 2 }
budget: { evaluations: 100 }
limits: { test: 16, unlabelled: 8, diagnostics: 0 }
"#;

fn workplace() -> Workplace {
    let workplace = Workplace::new();
    workplace.write("films.yaml", EXPERIMENT);
    let input = "text\tlabel\na wonderful film\tpositive\na dull and boring waste\tnegative\nI loved it\tpositive\n";
    workplace.write("input.tsv", input);
    workplace
}

fn trial(workplace: &Workplace, item: usize, folder: &str) -> PathBuf {
    let is_item = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().starts_with(&format!("{item}-"));
    workplace.trials(folder).into_iter().find(is_item).unwrap_or_else(|| panic!("no trial of item {item}"))
}

fn prompt_of(trial: &Path) -> String {
    let soft = trial.join("prompt.safetensors");
    if soft.exists() { soft } else { trial.join("prompt.json") }.display().to_string()
}

fn events(trial: &Path) -> Vec<Value> {
    let text = fs::read_to_string(trial.join("events.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn rows(workplace: &Workplace, name: &str) -> Vec<BTreeMap<String, String>> {
    csv::Reader::from_path(workplace.path(name)).unwrap().deserialize().map(Result::unwrap).collect()
}

#[test]
fn every_strategy_is_a_row_with_what_it_trained_and_saved_and_a_curve_over_shots() {
    let workplace = workplace();
    workplace.done(&["run", "films.yaml", "--quiet", "--jobs", "1"]);
    let board = rows(&workplace, "results/films/leaderboard.csv");
    let row = |name: &str| board.iter().find(|row| row["method"] == name && row["shots"] == "4").unwrap();
    // Two layers' worth of queries and values, each of 256 by 256: A and B of rank 2.
    let step = 2 * 4 * (2 * 256 + 256 * 2);
    let head = 256 * 256 + 256 + 2 * 256 + 2;
    for (name, strategy, trained) in [
        ("fine_tune fixed_prompt all", "fixed_prompt", 5_397_248),
        ("fine_tune fixed_prompt biases", "fixed_prompt", 20_224),
        ("fine_tune fixed_prompt lora", "fixed_prompt", step),
        ("fine_tune prompt_and_lm biases", "prompt_and_lm", 20_224 + 2 * 256),
        ("fine_tune promptless lora", "promptless", step + head),
    ] {
        let row = row(name);
        assert_eq!((&*row["strategy"], &*row["trained_parameters"]), (strategy, &*trained.to_string()), "{name}");
        assert_eq!(row["failures"], "", "{name}");
        // 8 dev reviews a look, 12 evaluations a step.
        let evaluations: u64 = row["evaluations"].parse().unwrap();
        let looks = if name.contains("prompt_and_lm") { 3 } else { 2 };
        assert_eq!(evaluations, looks * 8 + 24, "{name}");
        assert_eq!(row["dev_looks"], looks.to_string(), "{name}");
        let saved: u64 = row["saved_bytes"].parse().unwrap();
        assert_ne!(saved > 20_000_000, name.contains("lora"), "{name}: {saved}");
    }
    assert_eq!(row("manual")["strategy"], "tuning_free");
    assert!(!board.iter().any(|row| row["method"].starts_with("fine_tune") && row["shots"] == "0"));
    let curves = rows(&workplace, "results/films/curves.csv");
    let manual: Vec<&str> =
        curves.iter().filter(|row| row["method"] == "manual").map(|row| row["shots"].as_str()).collect();
    assert_eq!(manual, ["0", "4"]);
    for line in &curves {
        let row = board.iter().find(|row| row["method"] == line["method"] && row["shots"] == line["shots"]).unwrap();
        assert_eq!((&row["test_mean"], &row["test_low"]), (&line["test_mean"], &line["test_low"]));
    }
    let scored: Vec<Value> =
        events(&trial(&workplace, 0, "results/films")).into_iter().filter(|event| event["event"] == "scored").collect();
    let hashes: Vec<&str> = scored.iter().map(|event| event["tuned"]["blake3"].as_str().unwrap()).collect();
    assert!(hashes.len() == 2 && hashes[0] != hashes[1], "{hashes:?}");
}

#[test]
fn what_was_tuned_is_used_again_and_agrees_with_the_record_and_with_its_own_folder() {
    let workplace = workplace();
    workplace.done(&["run", "films.yaml", "--quiet", "--set", "shots=[4]"]);
    let mut all = Vec::new();
    for item in 0..6 {
        let trial = trial(&workplace, item, "results/films");
        let prompt = prompt_of(&trial);
        let json = workplace.done(&["score", "--prompt", &prompt, "--input", "input.tsv", "--format", "json"]).stdout;
        let score: Value = serde_json::from_str(&json).unwrap();
        assert!(score["accuracy"].is_number(), "item {item}: {json}");
        all.push(workplace.done(&["predict", "--prompt", &prompt, "--input", "input.tsv"]).stdout);
        let tuned = trial.join("tuned");
        if tuned.join("adapter.safetensors").exists() {
            let bytes = fs::read(tuned.join("adapter.safetensors")).unwrap();
            let names: Vec<String> =
                SafeTensors::deserialize(&bytes).unwrap().names().iter().map(|n| (*n).into()).collect();
            let first = "bert.encoder.layer.0.attention.self.query.lora_A.weight";
            assert!(names.iter().any(|name| name == first), "{names:?}");
        } else if item == 0 {
            let own = workplace.done(&[
                "predict",
                "--model",
                &tuned.display().to_string(),
                "--template",
                "{text} It was {mask}.",
                "--verbalizer",
                "negative=terrible,positive=great",
                "--input",
                "input.tsv",
            ]);
            let numbers = |text: &str| -> Vec<f64> {
                let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
                lines.map(|line| line["logprob_positive"].as_f64().unwrap()).collect()
            };
            assert_eq!(numbers(&own.stdout), numbers(&all[0]));
        } else if item == 5 {
            let config: Value = serde_json::from_slice(&fs::read(tuned.join("config.json")).unwrap()).unwrap();
            assert_eq!(config["architectures"][0], "BertForSequenceClassification");
            assert_eq!(config["id2label"]["1"], "positive");
        }
    }
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 6, "each is another model");
}

#[test]
fn weights_that_were_changed_or_are_of_another_model_are_refused() {
    let workplace = workplace();
    workplace.done(&["run", "films.yaml", "--quiet", "--set", "shots=[4]", "--only", "fine_tune fixed_prompt lora"]);
    let trial = trial(&workplace, 2, "results/films");
    let prompt = prompt_of(&trial);
    let asked = ["predict", "--prompt", &prompt, "--input", "input.tsv"];
    let other =
        workplace.run(&["predict", "--prompt", &prompt, "--model", "builtin:reviews-zh", "--input", "input.tsv"]);
    assert_eq!(other.code, 5, "{}", other.stderr);
    let file = trial.join("tuned/adapter.safetensors");
    let mut bytes = fs::read(&file).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&file, &bytes).unwrap();
    let ran = workplace.run(&asked);
    assert!(ran.code == 4 && ran.stderr.contains("not those that were saved with the prompt"), "{}", ran.stderr);
    fs::remove_file(&file).unwrap();
    let ran = workplace.run(&asked);
    assert!(ran.code != 0 && ran.stderr.contains("adapter.safetensors"), "{}", ran.stderr);
}

#[test]
fn threads_and_a_second_run_change_no_byte() {
    let workplace = workplace();
    let run = |results: &str, threads: &str| {
        let arguments = [
            "run",
            "films.yaml",
            "--quiet",
            "--results",
            results,
            "--set",
            "shots=[4]",
            "--jobs",
            "1",
            "--threads",
            threads,
        ];
        workplace.done(&arguments);
    };
    run("one", "1");
    run("two", "2");
    assert_eq!(workplace.tables("one/films"), workplace.tables("two/films"));
    for item in [0, 2, 5] {
        let bytes = |folder: &str| {
            let tuned = trial(&workplace, item, folder).join("tuned");
            let name = if item == 2 { "adapter.safetensors" } else { "model.safetensors" };
            blake3::hash(&fs::read(tuned.join(name)).unwrap())
        };
        assert_eq!(bytes("one/films"), bytes("two/films"), "item {item}");
    }
    let again = workplace.done(&["run", "films.yaml", "--results", "one", "--set", "shots=[4]"]);
    assert_eq!(again.stderr.matches("complete already, stays").count(), 8, "{}", again.stderr);
}

#[test]
fn a_rate_that_blows_up_is_flagged_and_the_start_stands() {
    let workplace = workplace();
    let item = "search=[{method: fine_tune, learning_rate: 1000, batch_size: 4, eval_every: 2, steps: 6}]";
    workplace.done(&["run", "films.yaml", "--quiet", "--set", "shots=[4]", "--set", item]);
    let board = rows(&workplace, "results/films/leaderboard.csv");
    let row = board.iter().find(|row| row["method"] == "fine_tune fixed_prompt all").unwrap();
    assert!(row["flags"].contains("diverged") || row["failures"].contains("not a number"), "{row:?}");
}

#[test]
fn bad_items_are_refused_where_they_stand_and_before_anything_runs() {
    let workplace = workplace();
    for (item, code, says) in [
        ("{ method: fine_tune, tune: lora, rank: 0 }", 3, "rank"),
        ("{ method: fine_tune, tune: bias }", 3, "known: all, biases, lora"),
        ("{ method: fine_tune, strategy: fixed_lm }", 3, "known: fixed_prompt, prompt_and_lm, promptless"),
        ("{ method: fine_tune, rank: 4 }", 3, "is read with `tune: lora` only"),
        ("{ method: fine_tune, n_soft: 4 }", 3, "is read with `strategy: prompt_and_lm` only"),
        ("{ method: fine_tune, template: '{soft:2}{text} {mask}' }", 3, "soft"),
        ("{ method: fine_tune, strategy: promptless, template: '{text} {mask}' }", 3, "leave {mask} out"),
        ("{ method: fine_tune, strategy: promptless, multi_token: mean }", 3, "reads no label words"),
        (
            "{ method: fine_tune, tune: lora, targets: [q_proj] }",
            5,
            "no linear map is called `q_proj` (its maps: dense, key, query, value)",
        ),
    ] {
        let ran = workplace.run(&["plan", "films.yaml", "--set", &format!("search=[{item}]")]);
        assert_eq!(ran.code, code, "{item}: {}", ran.stderr);
        assert!(ran.stderr.contains(says), "{item}: {}", ran.stderr);
    }
    let toy = workplace.run(&["plan", "toy.yaml", "--set", "search=[{method: fine_tune}]"]);
    assert!(
        toy.code == 5 && toy.stderr.contains("builtin:toy cannot be tuned: its numbers are formulas"),
        "{}",
        toy.stderr
    );
    // A task without label words: the controls that every experiment has need them.
    let data = "task={dataset: {train: train.tsv, dev: dev.tsv, test: test.tsv}, template: '{text} {mask}'}";
    let ran = workplace.run(&["plan", "films.yaml", "--set", data]);
    assert!(ran.code == 3 && ran.stderr.contains("verbalizer"), "{} {}", ran.code, ran.stderr);
}

#[test]
fn plan_prints_every_default() {
    let workplace = workplace();
    let items =
        "search=[{method: fine_tune}, {method: fine_tune, tune: lora}, {method: fine_tune, strategy: prompt_and_lm}]";
    let plan = workplace.done(&["plan", "films.yaml", "--set", items]).stdout;
    for says in [
        "strategy: fixed_prompt",
        "tune: all",
        "rank: 8",
        "alpha: 16",
        "learning_rate: 0.0001",
        "soft_learning_rate: 0.01",
    ] {
        assert!(plan.contains(says), "{says}: {plan}");
    }
    assert!(plan.contains("`fine_tune` needs labels and makes no trial at 0 shots"), "{plan}");
}

#[test]
fn controls_tune_the_random_model_and_the_shuffled_labels_too() {
    let workplace = workplace();
    let item = "search=[{method: fine_tune, tune: lora, batch_size: 4, eval_every: 2, steps: 2}]";
    let arguments = ["run", "films.yaml", "--quiet", "--set", "shots=[4]", "--set", item];
    let controls = ["--set", "controls=[random_model, shuffled_labels]"];
    workplace.done(&[&arguments[..], &controls].concat());
    let board = rows(&workplace, "results/films/leaderboard.csv");
    let row = board.iter().find(|row| row["method"] == "fine_tune fixed_prompt lora").unwrap();
    assert!(!row["random_model_test"].is_empty() && !row["shuffled_labels_test"].is_empty(), "{row:?}");
}
