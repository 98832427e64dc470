//! The continuous methods beside soft prompts and prefixes, and what they start from.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;

use super::workplace::{EXPERIMENT, Workplace};

/// The experiment of the other tests with `items` behind autoprompt.
fn workplace(items: &str) -> Workplace {
    let autoprompt = "  - { method: autoprompt, n_trigger: 2, n_candidates: 4, batch_size: 4 }\n";
    assert!(EXPERIMENT.contains(autoprompt));
    let workplace = Workplace::new();
    workplace.write("continuous.yaml", EXPERIMENT.replace(autoprompt, &format!("{autoprompt}{items}")));
    workplace
}

fn rows(workplace: &Workplace, name: &str) -> Vec<BTreeMap<String, String>> {
    csv::Reader::from_path(workplace.path(name)).unwrap().deserialize().map(Result::unwrap).collect()
}

/// The candidates of a method, in the order in which they came.
fn candidates(workplace: &Workplace, method: &str) -> Vec<BTreeMap<String, String>> {
    let mut found: Vec<_> =
        rows(workplace, "results/toy/candidates.csv").into_iter().filter(|row| row["method"] == method).collect();
    found.sort_by_key(|row| (row["seed"].clone(), row["candidate"].parse::<u64>().unwrap()));
    found
}

#[test]
fn every_continuous_method_gives_a_prompt_that_the_commands_take() {
    let workplace = workplace(
        "  - { method: p_tuning, encoder: [mlp, lstm], n_soft: 2, hidden_size: 4, batch_size: 4, eval_every: 4 }
  - { method: optiprompt, batch_size: 4, eval_every: 4 }
  - { method: bbt, n_soft: 2, intrinsic_dim: 4, population: 4, batch_size: 4, eval_every: 2 }
  - { method: warp, n_soft: 2, batch_size: 4, eval_every: 4 }
  - { method: soft_prompt, template: '{soft:2}{text} it {soft:=1} {mask}.', optimiser: adafactor, decay: constant, clip_norm: 1, accumulate: 2, batch_size: 4, eval_every: 2 }
",
    );
    workplace.done(&["run", "continuous.yaml", "--quiet"]);
    let board = rows(&workplace, "results/toy/leaderboard.csv");
    for method in ["p_tuning", "optiprompt", "bbt", "warp", "soft_prompt"] {
        let row = board.iter().find(|row| row["method"] == method).unwrap();
        assert!(row["failures"].is_empty(), "{row:?}");
        let file = format!("results/toy/{}", row["prompt_file"]);
        let events = fs::read_to_string(workplace.path(&file).with_file_name("events.jsonl")).unwrap();
        let tested: Value = events
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap())
            .find(|event| event["event"] == "tested")
            .unwrap();
        let json = workplace.done(&["score", "--prompt", &file, "--input", "test.tsv", "--format", "json"]).stdout;
        let score: Value = serde_json::from_str(&json).unwrap();
        assert_eq!(score["accuracy"], tested["test"]["metric"], "{method}");
    }
    // Forward passes only.
    let of = |method: &str| board.iter().find(|row| row["method"] == method).unwrap();
    assert_eq!(of("bbt")["backwards"], "0");
    assert_ne!(of("p_tuning")["backwards"], "0");
    assert_eq!(of("bbt")["evaluations"], of("bbt")["forwards"]);
    // Two virtual tokens and two labels of 8 numbers; two virtual tokens in two places.
    assert_eq!(
        (of("warp")["trained_parameters"].as_str(), of("soft_prompt")["trained_parameters"].as_str()),
        ("32", "16")
    );
    let file = workplace.path(&format!("results/toy/{}", of("warp")["prompt_file"]));
    let bytes = fs::read(&file).unwrap();
    let mut names = safetensors::SafeTensors::deserialize(&bytes)
        .unwrap()
        .names()
        .into_iter()
        .map(str::to_owned)
        .collect::<Vec<_>>();
    names.sort();
    assert_eq!(names, ["label_vectors", "prompt_embeddings"]);
    let explained = workplace.done(&["explain", "--prompt", &file.display().to_string(), "a great film"]).stdout;
    assert!(explained.contains("positive"), "{explained}");
    let board = workplace.read("results/toy/leaderboard.md");
    assert!(board.contains("On the way there, by its share: 0 ") && board.contains(", 1 "), "{board}");
    let refused = workplace.run(&["plan", "continuous.yaml", "--set", "calibration=[pmi_dc]"]);
    assert!(refused.code == 3 && refused.stderr.contains("a soft verbalizer has none"), "{}", refused.stderr);
}

#[test]
fn a_written_prompt_trained_in_its_places_begins_where_it_was() {
    let workplace = workplace("  - { method: optiprompt, batch_size: 4, eval_every: 4 }\n");
    workplace.done(&["run", "continuous.yaml", "--quiet"]);
    let (trained, written) = (candidates(&workplace, "optiprompt"), candidates(&workplace, "manual"));
    assert_eq!(trained[0]["origin"], "start (text)");
    // Of `{text} it was {mask}.` "it", "was" and "." are trained.
    assert_eq!(trained[0]["n_soft"], "3");
    let same = |key: &str| written.iter().any(|row| row["seed"] == trained[0]["seed"] && row[key] == trained[0][key]);
    assert!(same("dev_metric") && same("dev_margin"), "{:?} {written:?}", trained[0]);
}

#[test]
fn a_soft_prompt_starts_from_the_winner_of_its_seed_and_begins_after_it() {
    let workplace =
        workplace("  - { method: soft_prompt, init: { from: autoprompt }, batch_size: 4, eval_every: 4 }\n");
    let plan = workplace.done(&["plan", "continuous.yaml"]).stdout;
    let says =
        "`soft_prompt` starts from the winner of `autoprompt` of the same model, shots and seed, and begins after it";
    assert_eq!(plan.matches(says).count(), 1, "{plan}");
    workplace.done(&["run", "continuous.yaml", "--quiet", "--jobs", "2"]);
    let soft = candidates(&workplace, "soft_prompt");
    let starts: Vec<_> = soft.iter().filter(|row| row["origin"] == "start (winner of autoprompt)").collect();
    assert_eq!(starts.len(), 2, "one a seed");
    let found = candidates(&workplace, "autoprompt");
    for start in starts {
        let winner = found.iter().find(|row| row["seed"] == start["seed"] && row["chosen"] == "yes").unwrap();
        assert_eq!((&start["dev_metric"], &start["dev_margin"]), (&winner["dev_metric"], &winner["dev_margin"]));
    }
    let board = rows(&workplace, "results/toy/leaderboard.csv");
    assert!(board.iter().any(|row| row["method"] == "soft_prompt" && row["flags"].contains("pooled_budget")));

    // Without the winner's trial it fails and says why; the next whole run makes up for it.
    let alone = workplace.run(&["run", "continuous.yaml", "--quiet", "--only", "soft_prompt", "--results", "alone"]);
    assert_eq!(alone.code, 7, "{}", alone.stderr);
    let failed = fs::read_to_string(workplace.path("alone/toy/leaderboard.csv")).unwrap();
    assert!(failed.contains("starts from the winner of `autoprompt` of the same seed"), "{failed}");
    workplace.done(&["run", "continuous.yaml", "--quiet", "--results", "alone"]);
    assert_eq!(workplace.read("alone/toy/candidates.csv"), workplace.read("results/toy/candidates.csv"));
}

#[test]
fn a_training_that_is_killed_goes_on_from_its_last_checkpoint_to_the_same_bytes() {
    let workplace = workplace(
        "  - { method: prefix, n_prefix: [2, 3], batch_size: 4, eval_every: 1, patience: 1000 }
  - { method: p_tuning, n_soft: 2, encoder: lstm, batch_size: 4, eval_every: 2, patience: 1000, optimiser: adafactor }
  - { method: bbt, n_soft: 2, intrinsic_dim: 4, batch_size: 4, eval_every: 2, patience: 1000 }
",
    );
    let run = [
        "run",
        "continuous.yaml",
        "--quiet",
        "--jobs",
        "1",
        "--checkpoint-every",
        "0",
        "--set",
        "budget.evaluations=3000",
    ];
    let of = |results: &'static str| [&run[..], &["--results", results]].concat();
    workplace.done(&of("whole"));
    let whole = workplace.record("whole/toy");
    assert!(whole.keys().all(|name| !name.contains("checkpoint")), "{:?}", whole.keys());
    let mut resumed = 0;
    for parts in [1, 4, 9, 16, 25] {
        let mut child = workplace
            .command(&of("killed"))
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let n_parts = || {
            let Ok(trials) = fs::read_dir(workplace.path("killed/toy/.checkpoints")) else { return 0 };
            trials.flatten().filter_map(|trial| fs::read_dir(trial.path()).ok()).map(Iterator::count).sum::<usize>()
        };
        while n_parts() < parts && child.try_wait().unwrap().is_none() {
            std::thread::sleep(std::time::Duration::from_micros(200));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        resumed += usize::from(n_parts() > 0);
        workplace.done(&of("killed"));
        workplace.assert_same_record(&whole, "killed/toy", &format!("killed after {parts} parts"));
        fs::remove_dir_all(workplace.path("killed")).unwrap();
    }
    assert!(resumed >= 3, "only {resumed} of 5 runs were killed while there was a checkpoint");
}
