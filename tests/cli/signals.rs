//! Ctrl-C and requests to terminate.
#![cfg(unix)]

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::workplace::{Ran, Workplace};

/// A workplace whose steps take long: eight candidates on thousands of dev texts, most of their words unknown.
fn slow() -> Workplace {
    let workplace = Workplace::new();
    for (split, n) in [("train", 200), ("dev", 6_000)] {
        let row = |i: usize| {
            format!("the film was {} {split} {i}\t{}\n", ["bad", "good"][i % 2], ["negative", "positive"][i % 2])
        };
        workplace.write(&format!("{split}.tsv"), format!("text\tlabel\n{}", (0..n).map(row).collect::<String>()));
    }
    workplace
}

const RUN: [&str; 10] = [
    "run",
    "toy.yaml",
    "--only",
    "random",
    "--set",
    "shots=[full]",
    "--set",
    "budget.evaluations=100000",
    "--device",
    "cpu",
];

/// Starts the run and waits until a first candidate is recorded.
fn started(workplace: &Workplace, results: &str) -> Child {
    let arguments = [&RUN[..], &["--results", results]].concat();
    let child = workplace.command(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let begun = Instant::now();
    let scored = |trial: std::path::PathBuf| {
        std::fs::read_to_string(trial.join("events.jsonl")).unwrap_or_default().contains("scored")
    };
    while !workplace.trials(&format!("{results}/toy")).into_iter().any(scored) {
        assert!(begun.elapsed() < Duration::from_secs(120), "nothing was scored");
        std::thread::sleep(Duration::from_millis(2));
    }
    child
}

fn signal(child: &Child, name: &str) {
    assert!(Command::new("kill").args([name, &child.id().to_string()]).status().unwrap().success());
}

#[test]
fn a_request_to_terminate_finishes_the_step_and_a_second_signal_ends_the_run_at_once() {
    let workplace = slow();
    let child = started(&workplace, "results");
    signal(&child, "-TERM");
    let ran = Ran::from(child.wait_with_output().unwrap());
    assert_eq!((ran.code, ran.stdout.as_str()), (130, ""), "{}", ran.stderr);
    assert!(ran.stderr.contains("stopping after the step under way"), "{}", ran.stderr);
    assert!(ran.stderr.contains("interrupted: 0 of 2 trials"), "{}", ran.stderr);

    let child = started(&workplace, "twice");
    signal(&child, "-INT");
    std::thread::sleep(Duration::from_millis(30));
    signal(&child, "-INT");
    let ran = Ran::from(child.wait_with_output().unwrap());
    assert_eq!((ran.code, ran.stdout.as_str()), (130, ""), "{}", ran.stderr);
    assert!(!ran.stderr.contains("interrupted: "), "the step under way was waited for: {}", ran.stderr);

    // An interruption is no error.
    assert!(!ran.stderr.contains("error"), "{}", ran.stderr);
    let run = |results: &str| workplace.done(&[&RUN[..], &["--results", results]].concat());
    run("whole");
    let whole = workplace.record("whole/toy");
    for results in ["results", "twice"] {
        let on = run(results);
        assert!(on.stderr.contains("unfinished and begin"), "{}", on.stderr);
        workplace.assert_same_record(&whole, &format!("{results}/toy"), "after an interruption");
    }
}
