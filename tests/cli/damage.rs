//! Records that were damaged, edited or are in use: nothing lost, one clear message, and what concerns one trial heals itself.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use super::workplace::Workplace;

/// Cuts off the last third of a file.
fn truncate(path: &Path) {
    let bytes = fs::read(path).unwrap();
    fs::write(path, &bytes[..bytes.len() * 2 / 3]).unwrap();
}

fn name(trial: &Path) -> String {
    trial.file_name().unwrap().to_string_lossy().into_owned()
}

#[test]
fn damaged_trials_begin_anew_by_themselves_and_are_named() {
    let workplace = Workplace::new();
    workplace.done(&["run", "toy.yaml"]);
    let whole = workplace.record("results/toy");
    let trials = workplace.trials("results/toy");
    for (trial, file) in trials.iter().zip(["trial.json", "prompt.json", "predictions.parquet", "events.jsonl"]) {
        truncate(&trial.join(file));
    }
    let events = fs::read_to_string(trials[4].join("events.jsonl")).unwrap();
    fs::write(trials[4].join("events.jsonl"), events.replacen("\"event\":\"scored\"", "\"event\":\"sco", 1)).unwrap();
    fs::remove_file(trials[5].join("prompt.json")).unwrap();

    let board = workplace.run(&["leaderboard", "results/toy"]);
    assert_eq!(board.code, 6, "{}", board.stderr);
    assert!(board.stderr.contains("events.jsonl:") && board.stderr.contains("--fresh"), "{}", board.stderr);

    let ran = workplace.done(&["run", "toy.yaml"]);
    for (trial, said) in [
        (0, "trial.json: is not as its finished trial left it (cut off, or edited): "),
        (1, "prompt.json: is not as its finished trial left it (cut off, or edited): "),
        (2, "predictions.parquet: is not as its finished trial left it (cut off, or edited): "),
        (4, ": not an event of this version: "),
        (5, "prompt.json: is gone, and its trial says that it is finished: "),
    ] {
        let id = name(&trials[trial]);
        let line = ran.stderr.lines().find(|line| line.contains(&id) && line.contains(said));
        assert!(line.is_some_and(|line| line.ends_with(" begins anew")), "{id} {said}\n{}", ran.stderr);
    }
    let summary = "of 6 trials: 1 unfinished and begins anew, 5 damaged and begin anew";
    assert!(ran.stderr.contains(summary), "{}", ran.stderr);
    workplace.assert_same_record(&whole, "results/toy", "healed");
}

#[test]
fn a_damaged_trial_that_is_not_to_run_now_is_moved_aside() {
    let workplace = Workplace::new();
    workplace.done(&["run", "toy.yaml"]);
    let whole = workplace.record("results/toy");
    let damaged = workplace.trials("results/toy").into_iter().find(|trial| name(trial).contains("random")).unwrap();
    truncate(&damaged.join("prompt.json"));
    let ran = workplace.done(&["run", "toy.yaml", "--only", "manual"]);
    assert!(ran.stderr.contains("prompt.json: is not as") && ran.stderr.contains(".damaged"), "{}", ran.stderr);
    workplace.done(&["run", "toy.yaml"]);
    fs::remove_dir_all(damaged.with_file_name(format!("{}.damaged", name(&damaged)))).unwrap();
    workplace.assert_same_record(&whole, "results/toy", "run again");
}

#[test]
fn a_damaged_or_lost_provenance_is_written_anew_and_the_trials_stay() {
    let workplace = Workplace::new();
    workplace.done(&["run", "toy.yaml"]);
    let whole = workplace.record("results/toy");
    let provenance = workplace.path("results/toy/provenance.json");
    for damage in ["truncated", "empty", "lost", "fresh"] {
        match damage {
            "truncated" | "fresh" => truncate(&provenance),
            "empty" => fs::write(&provenance, "").unwrap(),
            _ => fs::remove_file(&provenance).unwrap(),
        }
        let board = workplace.run(&["leaderboard", "results/toy"]);
        assert_eq!((board.code, board.stdout.as_str()), (6, ""), "{}", board.stderr);
        assert!(board.stderr.contains("provenance.json"), "{}", board.stderr);
        let mut arguments = vec!["run", "toy.yaml"];
        arguments.extend((damage == "fresh").then_some("--fresh"));
        let ran = workplace.done(&arguments);
        let stays = ran.stderr.matches("complete already, stays").count();
        assert_eq!(stays, if damage == "fresh" { 0 } else { 6 }, "{damage}\n{}", ran.stderr);
        assert_eq!(ran.stderr.contains("is written anew"), matches!(damage, "truncated" | "empty"), "{}", ran.stderr);
        workplace.assert_same_record(&whole, "results/toy", damage);
    }
}

#[test]
fn what_an_edited_experiment_keeps_begins_and_no_longer_has_is_said_at_the_start() {
    let workplace = Workplace::new();
    let first = workplace.done(&["run", "toy.yaml"]);
    assert!(!first.stderr.contains("of 6 trials"), "a first run has nothing to tell: {}", first.stderr);
    let edited = workplace.done(&["run", "toy.yaml", "--set", "seeds=[2, 3]", "--set", "search.1.n_trigger=3"]);
    assert!(edited.stderr.contains("of 6 trials: 2 complete and stay, 4 new"), "{}", edited.stderr);
    let gone = "4 trials in the folder no longer belong to this experiment; they stay on the disk and are not shown: ";
    assert!(edited.stderr.contains(gone), "{}", edited.stderr);
    workplace.done(&[
        "run",
        "toy.yaml",
        "--set",
        "seeds=[2, 3]",
        "--set",
        "search.1.n_trigger=3",
        "--results",
        "whole",
    ]);
    assert_eq!(workplace.tables("results/toy"), workplace.tables("whole/toy"));
    let back = workplace.done(&["run", "toy.yaml"]);
    assert!(back.stderr.contains("of 6 trials: 6 complete and stay\n"), "{}", back.stderr);
}

#[test]
fn the_batch_size_of_the_first_start_is_kept() {
    let workplace = Workplace::new();
    workplace.done(&["run", "toy.yaml", "--only", "manual"]);
    let provenance = workplace.read("results/toy/provenance.json");
    assert!(provenance.contains("\"batch_size\": 32"), "{provenance}");
    // As if an earlier version, whose batches had another size, had begun the record.
    workplace.write("results/toy/provenance.json", provenance.replace("\"batch_size\": 32", "\"batch_size\": 8"));
    fs::remove_dir_all(workplace.path("results/toy/trials")).unwrap();
    workplace.done(&["run", "toy.yaml"]);
    let of_all = |size: &str| {
        let began = |trial: &std::path::PathBuf| fs::read_to_string(trial.join("events.jsonl")).unwrap().contains(size);
        workplace.trials("results/toy").iter().all(began)
    };
    assert!(of_all("\"batch_size\":8}") && workplace.read("results/toy/provenance.json").contains("\"batch_size\": 8"));
    // Also where only the trials can say it.
    fs::remove_file(workplace.path("results/toy/provenance.json")).unwrap();
    let again = workplace.done(&["run", "toy.yaml"]);
    assert_eq!(again.stderr.matches("complete already, stays").count(), 6, "{}", again.stderr);
}

#[test]
fn a_second_run_on_the_same_folder_is_refused_and_the_first_is_not_disturbed() {
    let workplace = Workplace::new();
    let long = ["run", "toy.yaml", "--set", "budget.evaluations=6000", "--device", "cpu"];
    let mut child = workplace.command(&long).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let begun = Instant::now();
    while workplace.trials("results/toy").is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(60), "no trial began");
        std::thread::sleep(Duration::from_millis(1));
    }
    let second = workplace.run(&long);
    let still_running = child.try_wait().unwrap().is_none();
    if still_running || second.code != 0 {
        assert_eq!((second.code, second.stdout.as_str()), (6, ""), "{}", second.stderr);
        let line =
            format!("is in use by another run (process {}); wait for it, or give another --results DIR", child.id());
        assert!(second.stderr.contains(&line), "{}", second.stderr);
        assert_eq!(second.stderr.matches("error: ").count(), 1, "{}", second.stderr);
    }
    assert!(child.wait().unwrap().success());
    workplace.done(&[&long[..], &["--results", "whole"]].concat());
    let whole = workplace.record("whole/toy");
    workplace.assert_same_record(&whole, "results/toy", "after a second run was refused");
}

#[test]
fn jobs_and_threads_that_make_no_sense_are_usage() {
    let workplace = Workplace::new();
    for (option, value) in
        [("--jobs", "0"), ("--threads", "0"), ("--jobs", "99999"), ("--threads", "-1"), ("--threads", "two")]
    {
        let ran = workplace.run(&["run", "toy.yaml", &format!("{option}={value}")]);
        assert_eq!(ran.code, 2, "{}", ran.stderr);
        assert!(ran.stderr.contains(option) && ran.stderr.contains(value), "{}", ran.stderr);
        assert!(!workplace.path("results").exists());
    }
    workplace.done(&["run", "toy.yaml", "--jobs", "1024", "--threads", "3"]);
}
