//! Sameness on a built-in model, whose matrix products are large enough to be shared among threads.

use std::process::Stdio;
use std::time::{Duration, Instant};

use super::workplace::Workplace;

const EXPERIMENT: &str = r#"format: 1
name: films
task: { dataset: builtin:film-reviews, template: "{text} It was {mask}." }
models: [builtin:reviews-en]
shots: [0, 8]
seeds: [13]
search:
  - { method: random, n_trigger: 3 }
  - { method: autoprompt, n_trigger: 3, n_candidates: 4, batch_size: 8 }
budget: { evaluations: 200 }
limits: { test: 48, unlabelled: 24 }
"#;

#[test]
fn threads_jobs_and_a_kill_change_no_byte_of_a_run_on_a_built_in_model() {
    let workplace = Workplace::new();
    workplace.write("films.yaml", EXPERIMENT);
    let run = |results: &str, more: &[&str]| {
        workplace.done(&[&["run", "films.yaml", "--quiet", "--results", results], more].concat());
    };
    run("one", &["--jobs", "1", "--threads", "1"]);
    let one = workplace.record("one/films");
    for (results, more) in [("two", ["--jobs", "1", "--threads", "2"]), ("both", ["--jobs", "2", "--threads", "2"])] {
        run(results, &more);
        workplace.assert_same_record(&one, &format!("{results}/films"), &more.join(" "));
    }

    let arguments = ["run", "films.yaml", "--quiet", "--device", "cpu"];
    let mut child = workplace.command(&arguments).stdout(Stdio::null()).spawn().unwrap();
    let begun = Instant::now();
    while !workplace.trials("results/films").iter().any(|trial| trial.join("prompt.json").exists()) {
        assert!(begun.elapsed() < Duration::from_secs(120), "no trial came to its end");
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    // With threads as the environment says, not an option.
    let mut on = workplace.command(&arguments);
    assert!(on.env("RAYON_NUM_THREADS", "1").stdout(Stdio::null()).status().unwrap().success());
    workplace.assert_same_record(&one, "results/films", "killed, then RAYON_NUM_THREADS=1");
}

#[test]
fn predictions_are_the_same_bytes_on_one_thread_and_on_two() {
    let workplace = Workplace::new();
    let predict = |threads: &str| {
        let prompt = ["--template", "{text} It was {mask}.", "--verbalizer", "negative=terrible,positive=great"];
        let arguments = ["predict", "--model", "builtin:reviews-en", "--input", "test.tsv", "--threads", threads];
        workplace.done(&[&arguments[..], &prompt[..]].concat()).stdout
    };
    assert_eq!(predict("1"), predict("2"));
}
