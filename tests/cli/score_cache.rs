//! Scores that earlier runs computed: found, bit for bit, and never a reason to fail.

use std::fs;
use std::path::PathBuf;

use super::workplace::Workplace;

/// The one file of scores below a results folder.
fn scores(workplace: &Workplace, results: &str) -> PathBuf {
    let files: Vec<PathBuf> =
        fs::read_dir(workplace.path(results).join(".scores")).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    files[0].clone()
}

#[test]
fn a_run_with_a_warm_cache_writes_the_same_record_and_computes_nothing_anew() {
    let workplace = Workplace::new();
    let cold = workplace.done(&["run", "toy.yaml"]);
    let record = workplace.record("results/toy");
    fs::remove_dir_all(workplace.path("results/toy")).unwrap();
    let warm = workplace.done(&["run", "toy.yaml"]);
    assert_eq!(record, workplace.record("results/toy"));
    assert_eq!(cold.stdout, warm.stdout);
    let line = warm.stderr.lines().find(|line| line.contains("were known from before")).expect("a line about it");
    let numbers: Vec<&str> = line
        .split(|c: char| !c.is_ascii_digit() && c != ',')
        .filter(|part| !part.trim_matches(',').is_empty())
        .collect();
    assert_eq!(numbers[numbers.len() - 2], numbers[numbers.len() - 1], "every score is found: {line}");
}

#[test]
fn another_experiment_of_the_same_folder_finds_what_is_the_same_and_charges_it() {
    let workplace = Workplace::new();
    workplace.done(&["run", "toy.yaml"]);
    workplace.done(&["run", "toy.yaml", "--results", "apart", "--set", "name=other"]);
    let warm = workplace.done(&["run", "toy.yaml", "--set", "name=other"]);
    assert!(warm.stderr.contains("were known from before"), "{}", warm.stderr);
    assert_eq!(workplace.tables("apart/other"), workplace.tables("results/other"));
}

#[test]
fn fresh_looks_at_no_score_of_before() {
    let workplace = Workplace::new();
    workplace.done(&["run", "toy.yaml"]);
    let tables = workplace.tables("results/toy");
    let fresh = workplace.done(&["run", "toy.yaml", "--fresh"]);
    assert_eq!(tables, workplace.tables("results/toy"));
    let known = fresh.stderr.lines().find(|line| line.contains("known from before"));
    assert_eq!(known, None);
}

#[test]
fn a_damaged_cache_is_ignored_and_told_of() {
    let workplace = Workplace::new();
    workplace.done(&["run", "toy.yaml"]);
    let record = workplace.record("results/toy");
    let file = scores(&workplace, "results");
    let bytes = fs::read(&file).unwrap();
    let flipped: Vec<u8> = bytes.iter().enumerate().map(|(at, &b)| if at % 97 == 5 { b ^ 0xff } else { b }).collect();
    let damages: [(&str, Vec<u8>); 4] = [
        ("cut off", bytes[..bytes.len() - 11].to_vec()),
        ("flipped", flipped),
        ("another file", b"{\"not\": \"scores\"}\n".repeat(40)),
        ("zeros", vec![0; bytes.len()]),
    ];
    for (how, damaged) in damages {
        fs::write(&file, damaged).unwrap();
        fs::remove_dir_all(workplace.path("results/toy")).unwrap();
        let ran = workplace.done(&["run", "toy.yaml"]);
        assert!(ran.stderr.contains("the score cache was damaged in "), "{how}: {}", ran.stderr);
        assert_eq!(record, workplace.record("results/toy"), "{how}");
        assert!(fs::metadata(&file).unwrap().len() > 200, "{how}: it is filled again");
    }
}

#[test]
fn a_run_goes_on_where_there_can_be_no_cache() {
    let workplace = Workplace::new();
    workplace.write("results/.scores", "a file where the folder should be");
    let ran = workplace.done(&["run", "toy.yaml"]);
    assert!(!ran.stderr.contains("known from before"), "{}", ran.stderr);
    workplace.done(&["run", "toy.yaml", "--results", "apart"]);
    assert_eq!(workplace.tables("apart/toy"), workplace.tables("results/toy"));
}
