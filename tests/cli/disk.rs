//! Disks that fill up, folders that cannot be written or vanish: exit 6, one error, nothing half-written, and going on works.
#![cfg(unix)]

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::workplace::{Ran, Workplace};

/// Runs the toy experiment where no file may grow beyond so many blocks, which fails as a full disk does. The signal that would
/// end the program is ignored, so that the write itself fails.
fn run_within(workplace: &Workplace, blocks: u32) -> Ran {
    let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
    let output = Command::new("sh")
        .current_dir(workplace.path("."))
        .args(["-c", &script, env!("CARGO_BIN_EXE_promptmine"), "run", "toy.yaml", "--device", "cpu"])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    Ran::from(output)
}

/// Whether every file of the record that has its final name is whole.
fn assert_nothing_half_written(workplace: &Workplace) {
    let whole_json = |path: &Path| {
        let text = fs::read_to_string(path).unwrap();
        let json: Result<serde_json::Value, _> = serde_json::from_str(&text);
        assert!(json.is_ok(), "{}: {text}", path.display());
    };
    let folder = workplace.path("results/toy");
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        assert!(!name.ends_with(".tmp"), "{name}");
        match path.extension().and_then(|ending| ending.to_str()) {
            Some("json") => whole_json(&path),
            Some("csv" | "md") => assert!(fs::read_to_string(&path).unwrap().ends_with('\n'), "{name}"),
            _ => {}
        }
    }
    for trial in workplace.trials("results/toy") {
        for name in ["trial.json", "prompt.json"] {
            if trial.join(name).exists() {
                whole_json(&trial.join(name));
            }
        }
    }
}

fn assert_one_error(ran: &Ran) {
    assert_eq!((ran.code, ran.stdout.as_str()), (6, ""), "{}", ran.stderr);
    assert_eq!(ran.stderr.matches("error: ").count(), 1, "{}", ran.stderr);
    assert!(!ran.stderr.contains("panicked") && !ran.stderr.contains("bug in promptmine"), "{}", ran.stderr);
}

#[test]
fn a_disk_that_fills_up_at_any_size_ends_the_run_with_one_error_and_going_on_gives_the_same_bytes() {
    let workplace = Workplace::new();
    workplace.done(&["run", "toy.yaml", "--results", "whole"]);
    let whole = workplace.record("whole/toy");
    let mut n_full = 0;
    for blocks in [0, 1, 2, 3, 4, 6, 8, 12, 16, 24] {
        let ran = run_within(&workplace, blocks);
        if ran.code != 0 {
            assert_one_error(&ran);
            assert!(ran.stderr.contains("cannot write ") && ran.stderr.contains("File too large"), "{}", ran.stderr);
            assert_nothing_half_written(&workplace);
            n_full += 1;
        }
        // Every second time on top of what the last attempt left.
        if blocks % 2 == 0 {
            workplace.done(&["run", "toy.yaml"]);
            workplace.assert_same_record(&whole, "results/toy", &format!("after {blocks} blocks"));
            fs::remove_dir_all(workplace.path("results")).unwrap();
        }
    }
    assert!(n_full >= 5, "only {n_full} runs came to the end of their disk");
}

#[test]
fn a_full_disk_under_the_output_of_predict_leaves_no_file() {
    let workplace = Workplace::new();
    workplace.done(&["run", "toy.yaml", "--only", "manual"]);
    let prompt = workplace.saved_prompt("results/toy", "manual");
    let script = "trap '' XFSZ; ulimit -f 1; exec \"$0\" \"$@\"";
    let output = Command::new("sh")
        .current_dir(workplace.path("."))
        .args(["-c", script, env!("CARGO_BIN_EXE_promptmine"), "predict", "--device", "cpu", "--prompt", &prompt])
        .args(["--input", "test.tsv", "--output", "out.jsonl"])
        .output()
        .unwrap();
    assert_one_error(&Ran::from(output));
    assert!(!workplace.path("out.jsonl").exists());
    let full = workplace
        .command(&["predict", "--device", "cpu", "--prompt", &prompt, "--input", "test.tsv"])
        .stdout(fs::File::options().write(true).open("/dev/full").unwrap())
        .output()
        .unwrap();
    assert_one_error(&Ran::from(full));
}

#[test]
fn a_results_path_that_cannot_be_a_folder_is_refused_before_anything_runs() {
    let workplace = Workplace::new();
    workplace.write("taken/toy", "mine");
    for (results, part) in
        [("train.tsv", "train.tsv"), ("taken", "taken/toy"), ("/proc/promptmine", "/proc/promptmine")]
    {
        let ran = workplace.run(&["run", "toy.yaml", "--results", results]);
        assert_one_error(&ran);
        assert!(ran.stderr.contains(part), "{}", ran.stderr);
    }
    assert_eq!(workplace.read("taken/toy"), "mine");
}

#[test]
fn a_folder_without_write_permission_is_refused_and_works_once_it_has_it() {
    use std::os::unix::fs::PermissionsExt;
    let workplace = Workplace::new();
    let results = workplace.path("results");
    fs::create_dir(&results).unwrap();
    let allow = |mode: u32| fs::set_permissions(&results, fs::Permissions::from_mode(mode)).unwrap();
    allow(0o555);
    if fs::write(results.join("probe"), "").is_ok() {
        return eprintln!("skipped: whoever runs this test may write everywhere");
    }
    assert_one_error(&workplace.run(&["run", "toy.yaml"]));
    allow(0o755);
    workplace.done(&["run", "toy.yaml"]);
}

#[test]
fn a_folder_that_vanishes_during_the_run_ends_it_and_the_next_run_begins_anew() {
    let workplace = Workplace::new();
    let long = ["run", "toy.yaml", "--set", "budget.evaluations=4000", "--device", "cpu"];
    let child = workplace.command(&long).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let begun = Instant::now();
    while !workplace.trials("results/toy").iter().any(|trial| trial.join("prompt.json").exists()) {
        assert!(begun.elapsed() < Duration::from_secs(60), "no trial came to its end");
        std::thread::sleep(Duration::from_millis(2));
    }
    fs::rename(workplace.path("results/toy"), workplace.path("gone")).unwrap();
    assert_one_error(&Ran::from(child.wait_with_output().unwrap()));
    workplace.done(&long);
    workplace.done(&[&long[..], &["--results", "whole"]].concat());
    let whole = workplace.record("whole/toy");
    workplace.assert_same_record(&whole, "results/toy", "after the folder vanished");
    // What was moved away is a record as good as any that was interrupted.
    fs::remove_dir_all(workplace.path("results/toy")).unwrap();
    fs::rename(workplace.path("gone"), workplace.path("results/toy")).unwrap();
    workplace.done(&long);
    workplace.assert_same_record(&whole, "results/toy", "after the folder came back");
}
