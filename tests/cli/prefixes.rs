//! Prefixes from the experiment to their use.

use std::fs;

use safetensors::SafeTensors;
use serde_json::Value;

use super::workplace::{EXPERIMENT, Workplace};

/// The experiment of the other tests with `items` in place of autoprompt.
fn workplace(items: &str) -> Workplace {
    let autoprompt = "  - { method: autoprompt, n_trigger: 2, n_candidates: 4, batch_size: 4 }\n";
    assert!(EXPERIMENT.contains(autoprompt));
    let workplace = Workplace::new();
    workplace.write("prefix.yaml", EXPERIMENT.replace(autoprompt, items));
    workplace
}

const ITEMS: &str = "  - { method: prefix, n_prefix: 2, learning_rate: 0.05, batch_size: 4, eval_every: 4 }
  - { method: prefix, n_prefix: 3, projection: true, hidden_size: 4, batch_size: 4, eval_every: 4 }
  - { method: prefix, init: text, init_text: very good, n_prefix: 3, batch_size: 4, eval_every: 4 }
";

fn rows(workplace: &Workplace, name: &str) -> Vec<std::collections::BTreeMap<String, String>> {
    csv::Reader::from_path(workplace.path(name)).unwrap().deserialize().map(Result::unwrap).collect()
}

#[test]
fn prefixes_are_trained_recorded_and_saved_and_read_by_the_commands() {
    let workplace = workplace(ITEMS);
    workplace.done(&["run", "prefix.yaml", "--quiet"]);
    let board = rows(&workplace, "results/toy/leaderboard.csv");
    let of_prefix: Vec<_> = board.iter().filter(|row| row["method"].starts_with("prefix")).collect();
    assert_eq!(of_prefix.len(), 3, "{board:?}");
    assert!(of_prefix.iter().all(|row| row["prompt"].ends_with("prompt.safetensors")));
    // Two or three positions with a key and a value of 8 numbers in the one layer.
    let mut trained: Vec<&str> = of_prefix.iter().map(|row| row["trained_parameters"].as_str()).collect();
    trained.sort_unstable();
    assert_eq!(trained, ["32", "48", "48"]);
    let candidates = rows(&workplace, "results/toy/candidates.csv");
    let prompts: Vec<&str> = candidates.iter().map(|row| row["prompt"].as_str()).collect();
    assert!(prompts.contains(&"{prefix:2}{text} it was {mask}."), "{prompts:?}");

    let file = of_prefix[0]["prompt"].clone();
    let file = format!("results/toy/{file}");
    let bytes = fs::read(workplace.path(&file)).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(tensors.names(), ["prefix_key_values"]);
    assert_eq!(tensors.tensor("prefix_key_values").unwrap().shape()[1..], [1, 2, 1, 8]);
    let events = fs::read_to_string(workplace.path(&file).with_file_name("events.jsonl")).unwrap();
    let tested: Value = events
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .find(|event| event["event"] == "tested")
        .unwrap();
    let json = workplace.done(&["score", "--prompt", &file, "--input", "test.tsv", "--format", "json"]).stdout;
    let score: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(score["accuracy"], tested["test"]["metric"]);
    let manual = workplace.saved_prompt("results/toy", "manual");
    let both = workplace.done(&["predict", "--prompt", &file, "--prompt", &manual, "--input", "test.tsv"]).stdout;
    let alone = workplace.done(&["predict", "--prompt", &file, "--input", "test.tsv"]).stdout;
    let of = |text: &str, key: &str| -> Vec<Value> {
        text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()[key].clone()).collect()
    };
    assert_eq!(of(&both, "predicted").len(), 2 * of(&alone, "predicted").len());
    let explained = workplace.done(&["explain", "--prompt", &file, "a great film"]).stdout;
    assert!(explained.contains("great"), "{explained}");
}

#[test]
fn a_run_with_prefixes_gives_the_same_bytes_again() {
    let workplace = workplace(ITEMS);
    workplace.done(&["run", "prefix.yaml", "--quiet"]);
    workplace.done(&["run", "prefix.yaml", "--quiet", "--results", "again"]);
    let without_seconds = |folder: &str| -> Vec<_> {
        let mut rows = rows(&workplace, &format!("{folder}/toy/leaderboard.csv"));
        rows.iter_mut().for_each(|row| drop(row.remove("seconds")));
        rows
    };
    assert_eq!(without_seconds("results"), without_seconds("again"));
    let candidates = |folder: &str| workplace.read(&format!("{folder}/toy/candidates.csv"));
    assert_eq!(candidates("results"), candidates("again"));
}

#[test]
fn the_plan_says_what_a_prefix_costs_and_one_without_room_is_refused() {
    let workplace = workplace(ITEMS);
    let plan = workplace.done(&["plan", "prefix.yaml"]).stdout;
    let says = "trains 2 x 16 numbers for at most 13 steps of 4 examples and looks at dev at most 5 times";
    assert_eq!(plan.matches(says).count(), 1, "{plan}");
    let long = workplace.run(&["plan", "prefix.yaml", "--set", "search=[{method: prefix, n_prefix: 60}]"]);
    assert_eq!(long.code, 5, "{}", long.stderr);
    assert!(long.stderr.contains("its prefix takes 60 of the 64 positions of toy"), "{}", long.stderr);
    let written = ["explain", "--model", "builtin:toy", "--template", "{prefix:2}{text} {mask}"];
    let asked = workplace.run(&[&written[..], &["--verbalizer", "0=bad,1=good", "great"]].concat());
    assert!(asked.code == 2 && asked.stderr.contains("has a {prefix} slot"), "{}", asked.stderr);
    let text = "search=[{method: prefix, init_text: \"\u{200b}\"}]";
    let empty = workplace.run(&["plan", "prefix.yaml", "--set", text]);
    assert!(empty.code != 0 && empty.stderr.contains("search[0]"), "{}", empty.stderr);
}
