//! Runs: sameness, resuming, interruption (contract, definition 12).

use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

use super::workplace::{Ran, Workplace};

#[test]
fn a_run_prints_its_leaderboard_and_how_to_use_the_best_prompt() {
    let workplace = Workplace::new();
    let ran = workplace.done(&["run", "toy.yaml"]);
    for part in ["autoprompt", "manual", "random", "best: ", "use it: promptmine predict --prompt "] {
        assert!(ran.stdout.contains(part), "{part}\n{}", ran.stdout);
    }
    let command = ran.stdout.lines().find_map(|line| line.trim().strip_prefix("use it: promptmine ")).unwrap();
    let command = command.replace("FILE", "test.tsv");
    let arguments: Vec<&str> = command.split_whitespace().collect();
    assert_eq!(workplace.done(&arguments).stdout.lines().count(), 60);
    for file in
        ["experiment.yaml", "provenance.json", "leaderboard.csv", "leaderboard.md", "candidates.csv", "report.html"]
    {
        assert!(workplace.path("results/toy").join(file).is_file(), "{file}");
    }
    let board = workplace.done(&["leaderboard", "results/toy", "--format", "csv"]).stdout;
    assert_eq!(board, workplace.read("results/toy/leaderboard.csv"));
    let by = workplace.done(&["leaderboard", "results/toy", "--by", "evaluations"]).stdout;
    assert!(by.contains("autoprompt"), "{by}");
}

#[test]
fn the_same_run_twice_gives_the_same_bytes_whatever_the_jobs_and_threads() {
    let workplace = Workplace::new();
    workplace.done(&["run", "toy.yaml", "--results", "one", "--jobs", "1"]);
    workplace.done(&["run", "toy.yaml", "--results", "again", "--jobs", "1"]);
    workplace.done(&["run", "toy.yaml", "--results", "two", "--jobs", "2"]);
    workplace.done(&["run", "toy.yaml", "--results", "threads", "--threads", "1", "--jobs", "3"]);
    let one = workplace.tables("one/toy");
    for other in ["again", "two", "threads"] {
        assert_eq!(one, workplace.tables(&format!("{other}/toy")), "{other}");
    }
}

#[test]
fn a_second_run_keeps_every_trial_and_says_so() {
    let workplace = Workplace::new();
    let first = workplace.done(&["run", "toy.yaml"]);
    let before = workplace.tables("results/toy");
    let again = workplace.done(&["run", "toy.yaml"]);
    assert_eq!(again.stderr.matches("complete already, stays").count(), 6, "{}", again.stderr);
    assert_eq!(first.stdout, again.stdout);
    assert_eq!(before, workplace.tables("results/toy"));
}

#[test]
fn an_edited_experiment_runs_only_what_the_edit_changed() {
    let workplace = Workplace::new();
    workplace.done(&["run", "toy.yaml"]);
    let more = workplace.done(&["run", "toy.yaml", "--set", "seeds=[1, 2, 3]"]);
    assert_eq!(more.stderr.matches("complete already, stays").count(), 6, "{}", more.stderr);
    assert!(more.stderr.contains("[9/9]"), "{}", more.stderr);
    let whole = workplace.done(&["run", "toy.yaml", "--set", "seeds=[1, 2, 3]", "--results", "whole"]);
    assert_eq!(more.stdout, whole.stdout.replace("whole/toy", "results/toy"));
    assert_eq!(workplace.tables("results/toy"), workplace.tables("whole/toy"));
}

#[test]
fn only_one_method_runs_and_the_rest_follows_later() {
    let workplace = Workplace::new();
    let part = workplace.done(&["run", "toy.yaml", "--only", "random"]);
    assert!(part.stderr.contains("[2/2]"), "{}", part.stderr);
    workplace.done(&["run", "toy.yaml"]);
    workplace.done(&["run", "toy.yaml", "--results", "whole"]);
    assert_eq!(workplace.tables("results/toy"), workplace.tables("whole/toy"));
}

#[test]
fn a_torn_record_is_completed_to_the_same_bytes() {
    let workplace = Workplace::new();
    workplace.done(&["run", "toy.yaml"]);
    let whole = workplace.tables("results/toy");
    // As a power cut leaves it: a trial in the middle of a line, one without files, one not begun, no tables.
    let trials = workplace.trials("results/toy");
    let events = trials[0].join("events.jsonl");
    let text = fs::read(&events).unwrap();
    fs::write(&events, &text[..text.len() * 2 / 3]).unwrap();
    let events = trials[3].join("events.jsonl");
    let text = fs::read_to_string(&events).unwrap();
    fs::write(&events, text.lines().next().unwrap()).unwrap();
    fs::remove_file(trials[3].join("prompt.json")).ok();
    fs::remove_dir_all(&trials[5]).unwrap();
    fs::remove_file(workplace.path("results/toy/leaderboard.csv")).unwrap();
    let ran = workplace.done(&["run", "toy.yaml"]);
    assert_eq!(ran.stderr.matches("complete already, stays").count(), 3, "{}", ran.stderr);
    assert_eq!(whole, workplace.tables("results/toy"));
}

#[test]
fn fresh_begins_anew() {
    let workplace = Workplace::new();
    workplace.done(&["run", "toy.yaml"]);
    let before = workplace.tables("results/toy");
    let fresh = workplace.done(&["run", "toy.yaml", "--fresh"]);
    assert!(!fresh.stderr.contains("stays"), "{}", fresh.stderr);
    assert_eq!(before, workplace.tables("results/toy"));
}

/// A run long enough to be stopped.
const LONG: [&str; 6] = ["run", "toy.yaml", "--set", "budget.evaluations=4000", "--device", "cpu"];

/// Starts [`LONG`] and waits until a trial is complete.
fn started(workplace: &Workplace) -> std::process::Child {
    let child = workplace.command(&LONG).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let begun = Instant::now();
    let over = |path: &std::path::PathBuf| path.join("prompt.json").exists();
    while !workplace.trials("results/toy").iter().any(over) {
        assert!(begun.elapsed() < Duration::from_secs(60), "no trial came to its end");
        std::thread::sleep(Duration::from_millis(2));
    }
    child
}

fn assert_resumes(workplace: &Workplace) {
    workplace.done(&LONG);
    let mut whole = LONG.to_vec();
    whole.extend(["--results", "whole"]);
    workplace.done(&whole);
    assert_eq!(workplace.tables("results/toy"), workplace.tables("whole/toy"));
}

#[test]
fn a_killed_run_goes_on_to_the_same_bytes() {
    let workplace = Workplace::new();
    let mut child = started(&workplace);
    child.kill().unwrap();
    child.wait().unwrap();
    assert_resumes(&workplace);
}

#[cfg(unix)]
#[test]
fn ctrl_c_finishes_the_step_exits_with_130_and_loses_nothing() {
    let workplace = Workplace::new();
    let child = started(&workplace);
    std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    let ran = Ran::from(child.wait_with_output().unwrap());
    assert_eq!((ran.code, ran.stdout.as_str()), (130, ""), "{}", ran.stderr);
    assert!(ran.stderr.contains("interrupted: ") && ran.stderr.contains("the same command goes on"), "{}", ran.stderr);
    assert_resumes(&workplace);
}

#[test]
fn trials_that_fail_exit_with_7_are_told_and_are_tried_again() {
    let workplace = Workplace::new();
    // Enough for a prompt on the 16 dev examples of 8 shots, not on the 40 of full.
    let arguments = ["run", "toy.yaml", "--set", "budget.evaluations=16", "--set", "shots=[8, full]"];
    for again in [false, true] {
        let ran = workplace.run(&arguments);
        assert_eq!(ran.code, 7, "{}", ran.stderr);
        assert!(ran.stdout.contains("failed: autoprompt") && ran.stdout.contains("best: "), "{}", ran.stdout);
        assert!(ran.stderr.contains("note: 5 of 11 trials failed"), "{}", ran.stderr);
        assert_eq!(ran.stderr.matches("complete already, stays").count(), if again { 6 } else { 0 });
    }
    let failed = workplace.read("results/toy/leaderboard.csv").lines().filter(|line| line.contains("failed")).count();
    assert_eq!(failed, 3);
}

#[test]
fn a_complete_matrix_is_kept_for_select() {
    let workplace = Workplace::new();
    workplace.done(&["run", "toy.yaml", "--keep-matrix"]);
    let matrix = "results/toy/matrix.parquet";
    let arguments = ["select", "--matrix", matrix, "--shots", "4", "--draws", "50", "--select", "argmax", "--racing"];
    let exact = workplace.done(&[&arguments[..], &["exact,none", "--format", "json"]].concat()).stdout;
    let exact: serde_json::Value = serde_json::from_str(&exact).unwrap();
    let rules = exact["rules"].as_array().unwrap();
    assert_eq!((rules.len(), &rules[0]["same_pick"]), (2, &serde_json::Value::from(1.0)));
    assert!(rules[0]["evaluations"].as_f64() <= rules[1]["evaluations"].as_f64());
    assert!(workplace.done(&[&arguments[..], &["exact"]].concat()).stdout.contains("same pick"));
    assert_eq!(workplace.run(&["select", "--matrix", "absent.csv"]).code, 4);

    // The same prompts on two models are candidates of their own.
    let models = "models=[builtin:toy, builtin:reviews-en]";
    let run = ["run", "toy.yaml", "--only", "manual", "--keep-matrix", "--results", "two"];
    workplace.done(&[&run[..], &["--set", models, "--set", "shots=[full]"]].concat());
    let arguments = ["select", "--matrix", "two/toy/matrix.parquet", "--shots", "4", "--draws", "10"];
    assert!(workplace.done(&arguments).stdout.contains("4 candidates"));
    assert_eq!(workplace.run(&["select", "--matrix", matrix, "--select", "argmin"]).code, 2);
}

#[test]
fn full_shots_run_the_manual_prompts_once_for_all_seeds() {
    let workplace = Workplace::new();
    let ran = workplace.done(&["run", "toy.yaml", "--set", "shots=[full]"]);
    assert!(ran.stderr.contains("manual, builtin:toy, full shots, all seeds"), "{}", ran.stderr);
}
