//! Prompts that a run saved, used again.

use serde_json::Value;

use super::workplace::Workplace;

fn run() -> (Workplace, String) {
    let workplace = Workplace::new();
    workplace.done(&["run", "toy.yaml", "--quiet"]);
    let prompt = workplace.saved_prompt("results/toy", "autoprompt");
    (workplace, prompt)
}

fn edited(workplace: &Workplace, prompt: &str, key: &str, value: Value) {
    let mut saved: Value = serde_json::from_str(&std::fs::read_to_string(prompt).unwrap()).unwrap();
    saved[key] = value;
    workplace.write("edited.json", saved.to_string());
}

#[test]
fn a_saved_prompt_scores_as_the_record_says() {
    let (workplace, prompt) = run();
    let json = workplace.done(&["score", "--prompt", &prompt, "--input", "test.tsv", "--format", "json"]).stdout;
    let score: Value = serde_json::from_str(&json).unwrap();
    let events = std::fs::read_to_string(std::path::Path::new(&prompt).with_file_name("events.jsonl")).unwrap();
    let tested = events.lines().find(|line| line.contains(r#""event":"tested""#)).unwrap();
    let tested: Value = serde_json::from_str(tested).unwrap();
    assert_eq!(score["accuracy"], tested["test"]["metric"]);
}

#[test]
fn several_prompts_give_a_line_for_each_example_and_prompt() {
    let (workplace, prompt) = run();
    let manual = workplace.saved_prompt("results/toy", "manual");
    let both = ["predict", "--prompt", &prompt, "--prompt", &manual, "--input", "test.tsv"];
    let lines = workplace.done(&both).stdout;
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 120);
    assert_eq!((&lines[0]["id"], &lines[1]["id"]), (&Value::from(0), &Value::from(0)));
    assert_eq!(
        (&lines[0]["prompt"], &lines[1]["prompt"]),
        (&Value::from(prompt.as_str()), &Value::from(manual.as_str()))
    );
}

#[test]
fn another_tokenizer_is_refused_and_both_are_named() {
    let (workplace, prompt) = run();
    let ran = workplace.run(&["predict", "--prompt", &prompt, "--model", "builtin:reviews-en", "--input", "test.tsv"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (5, ""));
    assert!(ran.stderr.contains("builtin:toy") && ran.stderr.contains("builtin:reviews-en"), "{}", ran.stderr);
}

#[test]
fn other_weights_are_noted() {
    let (workplace, prompt) = run();
    edited(&workplace, &prompt, "weights_blake3", "0".repeat(64).into());
    let ran = workplace.done(&["score", "--prompt", "edited.json", "--input", "test.tsv"]);
    assert!(ran.stderr.contains("note: edited.json was found with the weights of builtin:toy"), "{}", ran.stderr);
}

#[test]
fn a_file_that_is_no_prompt_is_refused() {
    let workplace = Workplace::new();
    for file in ["test.tsv", "absent.json", "."] {
        let ran = workplace.run(&["predict", "--prompt", file, "--input", "test.tsv"]);
        assert!(ran.code == 4 && ran.stderr.starts_with("error: ") && ran.stderr.contains(file), "{}", ran.stderr);
    }
}

#[test]
fn a_prompt_that_contradicts_itself_is_refused() {
    let (workplace, prompt) = run();
    for (key, value, part) in [
        ("trigger_ids", Value::from(vec![20]), "2 trigger tokens"),
        ("trigger_ids", Value::from(vec![20, 4_000_000]), "outside the vocabulary"),
        ("multi_token", Value::from("median"), "known: joint"),
        ("format", Value::from(2), "this version reads format 1"),
        ("colour", Value::from("red"), "unknown field `colour`"),
    ] {
        edited(&workplace, &prompt, key, value);
        let ran = workplace.run(&["score", "--prompt", "edited.json", "--input", "test.tsv"]);
        assert!(ran.code == 4 && ran.stderr.starts_with("error: ") && ran.stderr.contains(part), "{}", ran.stderr);
    }
}
