//! `run --shard I/N` and `merge`: the tables, and all of the record, are those of one run.

use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use super::workplace::{EXPERIMENT, Ran, Workplace};

/// Discrete, soft, a sweep by halving, one that starts from another's winner; ensembles, controls and transfer.
const EVERYTHING: &str = "shots: [0, 8]
ensembles: [vote, learned]
controls: [random_model, shuffled_labels]
transfer:
  tasks:
    verdicts: { dataset: { test: other.tsv }, template: \"{text} it is {mask}.\", verbalizer: { bad: [bad], fine: [great] } }
calibration: [none, contextual]
limits: { test: 20, unlabelled: 16 }
";

fn workplace() -> Workplace {
    let workplace = Workplace::new();
    let rows: String = ["story", "plot", "act"]
        .map(|noun| format!("a truly dull {noun}\tbad\nan excellent {noun} , truly fun\tfine\n"))
        .concat();
    workplace.write("other.tsv", format!("text\tlabel\n{rows}"));
    let autoprompt = "  - { method: autoprompt, n_trigger: 2, n_candidates: 4, batch_size: 4 }\n";
    let more = "  - { method: autoprompt, n_trigger: [1, 2], n_candidates: 4, batch_size: 4 }
  - { method: soft_prompt, init: { from: autoprompt }, batch_size: 4, eval_every: 4, steps: 8 }
";
    let text = EXPERIMENT
        .replace(autoprompt, more)
        .replace("shots: [8]\n", "")
        .replace("budget: { evaluations: 240 }", "budget: { evaluations: 160, sweep: halving }");
    workplace.write("toy.yaml", text + EVERYTHING);
    workplace
}

fn started(workplace: &Workplace, shard: &str, results: &str) -> Child {
    let arguments = ["run", "toy.yaml", "--device", "cpu", "--shard", shard, "--results", results];
    workplace.command(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

#[track_caller]
fn ended(child: Child) -> Ran {
    let ran = Ran::from(child.wait_with_output().unwrap());
    assert_eq!(ran.code, 0, "{}\n{}", ran.stdout, ran.stderr);
    ran
}

fn has_tables(folder: &Path) -> bool {
    folder.join("leaderboard.csv").exists()
}

#[test]
fn three_shards_at_the_same_time_in_one_folder_are_one_run() {
    let workplace = workplace();
    workplace.done(&["run", "toy.yaml", "--results", "whole"]);
    let whole = workplace.record("whole/toy");
    for name in ["trial.json", "ensemble.json", "transfer.jsonl", "prompt.safetensors", "transfer.csv", "curves.csv"] {
        assert!(whole.keys().any(|path| path.ends_with(name)), "{name}");
    }
    let shards = ["1/3", "2/3", "3/3"].map(|shard| started(&workplace, shard, "results"));
    for (shard, child) in ["1/3", "2/3", "3/3"].into_iter().zip(shards) {
        let ran = ended(child);
        assert!(ran.stdout.starts_with(&format!("shard {shard}: ")), "{}", ran.stdout);
        assert!(ran.stdout.ends_with("promptmine merge results/toy\n"), "{}", ran.stdout);
    }
    assert!(!has_tables(&workplace.path("results/toy")), "a shard has none of its own");
    let merged = workplace.done(&["merge", "results/toy"]);
    assert!(merged.stdout.contains("use it: promptmine predict"), "{}", merged.stdout);
    workplace.assert_same_record(&whole, "results/toy", "merged");
    // All the same, and nothing is left to do.
    workplace.done(&["merge", "results/toy"]);
    workplace.assert_same_record(&whole, "results/toy", "merged twice");
    let ran = workplace.done(&["run", "toy.yaml", "--shard", "2/3"]);
    assert!(ran.stderr.contains("complete and stay"), "{}", ran.stderr);
    let ran = workplace.done(&["run", "toy.yaml"]);
    assert!(!ran.stderr.contains(" new"), "{}", ran.stderr);
}

#[test]
fn shards_in_folders_of_their_own_are_copied_together_and_stay() {
    let workplace = workplace();
    workplace.done(&["run", "toy.yaml", "--results", "whole"]);
    let whole = workplace.record("whole/toy");
    for shard in ["1", "2", "3"] {
        workplace.done(&["run", "toy.yaml", "--shard", &format!("{shard}/3"), "--results", &format!("s{shard}")]);
    }
    let before = workplace.record("s2/toy");
    let ran = workplace.run(&["merge", "s1/toy", "s2/toy", "s3/toy"]);
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    assert!(ran.stderr.contains("give it with --into DIR"), "{}", ran.stderr);
    workplace.done(&["merge", "s1/toy", "s2/toy", "s3/toy", "--into", "merged/toy"]);
    workplace.assert_same_record(&whole, "merged/toy", "merged");
    workplace.assert_same_record(&before, "s2/toy", "a source");
    // Into one of them.
    workplace.done(&["merge", "s1/toy", "s2/toy", "s3/toy", "--into", "s3/toy"]);
    workplace.assert_same_record(&whole, "s3/toy", "merged into the third");
}

#[test]
fn what_is_missing_is_named_with_the_shard_that_owes_it_and_the_command_that_makes_it() {
    let workplace = Workplace::new();
    workplace.done(&["run", "toy.yaml", "--results", "whole"]);
    let whole = workplace.record("whole/toy");
    workplace.done(&["run", "toy.yaml", "--set", "seeds=[1, 2]", "--shard", "1/3"]);
    workplace.done(&["run", "toy.yaml", "--set=seeds=[1, 2]", "--shard=3/3"]);
    let ran = workplace.run(&["merge", "results/toy"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (7, ""), "{}", ran.stderr);
    assert!(
        ran.stderr.contains(" of 6 trials are missing in results/toy: its tables hold the others only"),
        "{}",
        ran.stderr
    );
    let line =
        ran.stderr.lines().find(|line| line.contains("shard 2/3 owes ")).unwrap_or_else(|| panic!("{}", ran.stderr));
    let (_, command) = line.split_once(": promptmine ").unwrap_or_else(|| panic!("{line}"));
    assert_eq!(command, "run toy.yaml --set 'seeds=[1, 2]' --device cpu --shard 2/3");
    let there = fs::read_to_string(workplace.path("results/toy/leaderboard.csv")).unwrap();
    assert!(there.lines().count() > 1, "{there}");

    workplace.done(&["run", "toy.yaml", "--set", "seeds=[1, 2]", "--device", "cpu", "--shard", "2/3"]);
    workplace.done(&["merge", "results/toy"]);
    workplace.assert_same_record(&whole, "results/toy", "completed");

    // One that is damaged is owed again.
    let damaged = workplace.trials("results/toy")[2].join("prompt.json");
    fs::write(&damaged, "{").unwrap();
    let ran = workplace.run(&["merge", "results/toy"]);
    assert_eq!(ran.code, 7, "{}", ran.stderr);
    assert!(ran.stderr.contains("1 of 6 trials are missing") && ran.stderr.contains(".damaged"), "{}", ran.stderr);
    for shard in ["1/3", "2/3", "3/3"] {
        workplace.done(&["run", "toy.yaml", "--shard", shard]);
    }
    workplace.done(&["merge", "results/toy"]);
    for trial in workplace.trials("results/toy").iter().filter(|trial| trial.to_string_lossy().ends_with(".damaged")) {
        fs::remove_dir_all(trial).unwrap();
    }
    workplace.assert_same_record(&whole, "results/toy", "healed");
}

#[test]
fn a_shard_that_is_killed_goes_on_beside_the_others_to_the_same_bytes() {
    let workplace = Workplace::new();
    workplace.done(&["run", "toy.yaml", "--results", "whole"]);
    let whole = workplace.record("whole/toy");
    let mut killed = 0;
    for round in 0..6u64 {
        let mut shards = ["1/2", "2/2"].map(|shard| started(&workplace, shard, "results"));
        let begun = Instant::now();
        // Later each time, so that it is killed at the beginning, between and within trials.
        while begun.elapsed() < Duration::from_millis(40 + 60 * round) {
            std::thread::sleep(Duration::from_millis(2));
        }
        shards[0].kill().unwrap();
        killed += usize::from(!shards[0].wait().unwrap().success());
        let [_, other] = shards;
        let again = started(&workplace, "1/2", "results");
        ended(other);
        ended(again);
        workplace.done(&["merge", "results/toy"]);
        workplace.assert_same_record(&whole, "results/toy", &format!("round {round}"));
        fs::remove_dir_all(workplace.path("results")).unwrap();
    }
    assert!(killed >= 2, "{killed} were killed before their end");
}

#[test]
fn shards_that_begin_at_the_same_time_have_the_batches_of_the_first() {
    let workplace = Workplace::new();
    // The sizes that machines with more and with less memory would choose.
    let start = |shard: &str, size: &str| {
        let arguments = ["run", "toy.yaml", "--device", "cpu", "--shard", shard, "--batch-size", size];
        workplace.command(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let children = [start("1/2", "8"), start("2/2", "16")];
    let [one, two] = children.map(|child| Ran::from(child.wait_with_output().unwrap()));
    let (lost, asked) = if one.code == 0 { (two, "16") } else { (one, "8") };
    // Whoever was second is told, since it asked for another size; without one it takes the first's.
    assert_eq!(lost.code, 6, "{}", lost.stderr);
    assert!(
        lost.stderr.contains("was begun with batches of ") && lost.stderr.contains(&format!("--batch-size is {asked}")),
        "{}",
        lost.stderr
    );
    for shard in ["1/2", "2/2"] {
        workplace.done(&["run", "toy.yaml", "--shard", shard]);
    }
    workplace.done(&["merge", "results/toy"]);
    let provenance = workplace.read("results/toy/provenance.json");
    let size = if asked == "16" { "8" } else { "16" };
    assert!(provenance.contains(&format!("\"batch_size\": {size},")), "{provenance}");
    let trials = workplace.trials("results/toy");
    assert_eq!(trials.len(), 6);
    for trial in trials {
        let events = fs::read_to_string(trial.join("events.jsonl")).unwrap();
        assert!(events.lines().next().unwrap().contains(&format!("\"batch_size\":{size}")), "{events}");
    }
}

#[test]
fn folders_with_batches_of_different_sizes_are_not_merged() {
    let workplace = Workplace::new();
    workplace.done(&["run", "toy.yaml", "--shard", "1/2", "--results", "s1", "--batch-size", "8"]);
    workplace.done(&["run", "toy.yaml", "--shard", "2/2", "--results", "s2", "--batch-size", "16"]);
    let ran = workplace.run(&["merge", "s1/toy", "s2/toy", "--into", "merged/toy"]);
    assert_eq!(ran.code, 6, "{}", ran.stderr);
    assert!(
        ran.stderr.contains("results folder s2/toy was run with batches of 16, and s1/toy with batches of 8"),
        "{}",
        ran.stderr
    );
    workplace.experiment("more.yaml", "seeds: [1, 2]", "seeds: [1, 3]");
    workplace.done(&["run", "more.yaml", "--shard", "2/2", "--results", "s3", "--batch-size", "8"]);
    let ran = workplace.run(&["merge", "s1/toy", "s3/toy", "--into", "merged/toy"]);
    assert_eq!(ran.code, 6, "{}", ran.stderr);
    assert!(ran.stderr.contains("holds another version of the experiment than s1/toy"), "{}", ran.stderr);
    let ran = workplace.run(&["merge", "s1/toy", "nowhere", "--into", "merged/toy"]);
    assert!(ran.code == 6 && ran.stderr.contains("results folder nowhere holds no record of a run"), "{}", ran.stderr);
}

#[test]
fn a_run_beside_shards_is_refused_and_so_is_what_would_remove_their_trials() {
    let workplace = Workplace::new();
    for (option, says) in [("--fresh", "remove the folder first"), ("--keep-matrix", "promptmine merge")] {
        let ran = workplace.run(&["run", "toy.yaml", "--shard", "1/2", option]);
        assert!(ran.code == 2 && ran.stderr.contains(says), "{}", ran.stderr);
    }
    for wrong in ["0/2", "3/2", "1", "x/y"] {
        let ran = workplace.run(&["run", "toy.yaml", "--shard", wrong]);
        assert!(ran.code == 2 && ran.stderr.contains("as in 2/3"), "{}", ran.stderr);
    }
    assert!(!workplace.path("results").exists());
    let ran = workplace.run(&["merge", "results/toy"]);
    assert!(ran.code == 6 && ran.stderr.contains("holds no record of a run"), "{}", ran.stderr);
    assert!(!workplace.path("results").exists());
}

#[test]
fn more_shards_than_trials_leave_some_with_nothing_to_do() {
    let workplace = Workplace::new();
    workplace.done(&["run", "toy.yaml", "--results", "whole"]);
    let shards: Vec<String> = (1..=8).map(|i| format!("{i}/8")).collect();
    let outputs: Vec<String> =
        shards.iter().map(|shard| workplace.done(&["run", "toy.yaml", "--shard", shard]).stdout).collect();
    assert_eq!(outputs.iter().filter(|out| out.contains("has no trials")).count(), 2, "{outputs:?}");
    workplace.done(&["merge", "results/toy"]);
    workplace.assert_same_record(&workplace.record("whole/toy"), "results/toy", "merged");
}

#[test]
fn a_merge_writes_the_matrix_that_a_run_writes() {
    let workplace = Workplace::new();
    workplace.done(&["run", "toy.yaml", "--results", "whole", "--keep-matrix"]);
    for shard in ["1/2", "2/2"] {
        workplace.done(&["run", "toy.yaml", "--shard", shard]);
    }
    workplace.done(&["merge", "results/toy", "--keep-matrix"]);
    workplace.assert_same_record(&workplace.record("whole/toy"), "results/toy", "merged");
}
