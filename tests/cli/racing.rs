//! Racing inside runs: the same pick for fewer evaluations, what is recorded of the dropped, sameness.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;

use super::workplace::{EXPERIMENT, Workplace};

type Row = BTreeMap<String, String>;

/// Many candidates, most of them bad, and enough dev examples to tell.
fn workplace() -> Workplace {
    let workplace = Workplace::new();
    let templates = [
        "{text} it was {mask}.",
        "{mask} film: {text}",
        "{text} {mask}",
        "not {mask}: {text}",
        "{mask} {text} bad",
        "{text} the story was {mask}, but bad",
        "good {mask} {text}",
        "{text} and {mask}",
    ];
    let list: Vec<String> = templates.iter().map(|template| format!("\"{template}\"")).collect();
    let text = EXPERIMENT
        .replace("[\"{text} it was {mask}.\", \"{mask} film: {text}\"]", &format!("[{}]", list.join(", ")))
        .replace("shots: [8]", "shots: [8, full]")
        .replace("evaluations: 240", "evaluations: 640");
    workplace.write("race.yaml", text);
    workplace
}

fn run(workplace: &Workplace, racing: &str, by: &str, more: &[&str]) -> String {
    let results = format!("{racing}-{by}{}", more.join(""));
    let (racing, by) = (format!("select.racing={racing}"), format!("select.by={by}"));
    let arguments = ["run", "race.yaml", "--results", &results, "--set", &racing, "--set", &by];
    workplace.done(&[&arguments[..], more].concat());
    results + "/toy"
}

fn rows(workplace: &Workplace, name: &str) -> Vec<Row> {
    csv::Reader::from_path(workplace.path(name)).unwrap().deserialize().map(Result::unwrap).collect()
}

/// The candidates that a trial of `method` chose, by shots and seed.
fn chosen(workplace: &Workplace, folder: &str, method: &str) -> Vec<(String, String, String)> {
    let rows = rows(workplace, &format!("{folder}/candidates.csv"));
    let mut chosen: Vec<_> = (rows.iter())
        .filter(|row| row["method"] == method && row["chosen"] == "yes")
        .map(|row| (row["shots"].clone(), row["seed"].clone(), row["prompt"].clone()))
        .collect();
    chosen.sort();
    chosen
}

fn spent(workplace: &Workplace, folder: &str, method: &str) -> u64 {
    let rows = rows(workplace, &format!("{folder}/leaderboard.csv"));
    rows.iter().filter(|row| row["method"] == method).map(|row| row["evaluations"].parse::<u64>().unwrap()).sum()
}

#[test]
fn exact_racing_gives_the_pick_of_scoring_everything_for_fewer_evaluations_by_every_rule() {
    let workplace = workplace();
    for by in ["accuracy", "expected_accuracy", "mean_log_likelihood", "margin", "macro_f1"] {
        let only = ["--only", "manual"];
        let (none, exact) = (run(&workplace, "none", by, &only), run(&workplace, "exact", by, &only));
        assert_eq!(chosen(&workplace, &none, "manual"), chosen(&workplace, &exact, "manual"), "{by}");
        let (all, raced) = (spent(&workplace, &none, "manual"), spent(&workplace, &exact, "manual"));
        match by {
            "margin" | "macro_f1" => assert_eq!(all, raced, "{by} cannot be bounded"),
            _ => assert!(raced < all, "{by}: {raced} of {all}"),
        }
    }
}

#[test]
fn the_dropped_stand_below_the_complete_without_intervals_and_what_was_saved_is_told() {
    let workplace = workplace();
    let ran = workplace.done(&["run", "race.yaml", "--set", "select.by=accuracy", "--log-format", "json"]);
    assert!(ran.stderr.contains("racing dropped"), "{}", ran.stderr);
    let rows = rows(&workplace, "results/toy/candidates.csv");
    let dropped: Vec<&Row> = rows.iter().filter(|row| !row["dropped_at"].is_empty()).collect();
    assert!(!dropped.is_empty());
    for row in &dropped {
        let n_dev = if row["shots"] == "8" { 16 } else { 40 };
        let at: usize = row["dropped_at"].parse().unwrap();
        assert!(at > 0 && at < n_dev, "{row:?}");
        for empty in ["rank_low", "rank_high", "tied", "dev_low", "dev_high"] {
            assert_eq!(row[empty], "", "{empty}: {row:?}");
        }
        assert!(!row["dev_metric"].is_empty() && row["chosen"].is_empty(), "{row:?}");
        let above = |other: &&Row| {
            (&other["shots"], &other["seed"]) == (&row["shots"], &row["seed"]) && other["dropped_at"].is_empty()
        };
        let rank = |row: &Row| row["rank"].parse::<usize>().unwrap();
        assert!(rows.iter().filter(above).all(|other| rank(other) < rank(row)), "{row:?}");
    }
    let mut saved = BTreeMap::<String, u64>::new();
    for trial in workplace.trials("results/toy") {
        let events = fs::read_to_string(trial.join("events.jsonl")).unwrap();
        let events: Vec<Value> = events.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let Some(raced) = events.iter().find(|event| event["event"] == "raced") else { continue };
        assert_eq!(raced["racing"], "exact");
        let (method, shots) = (&events[0]["trial"]["label"], &events[0]["trial"]["shots"]);
        let n_dev = events[0]["dev_gold"].as_array().unwrap().len() as u64;
        let seen = |event: &&Value| event["dev"]["predicted"].as_array().unwrap().len() as u64;
        let missing: u64 =
            events.iter().filter(|event| event["event"] == "scored").map(|event| n_dev - seen(&event)).sum();
        assert_eq!(raced["saved"].as_u64(), Some(missing), "one pass a word");
        *saved.entry(format!("{} {}", method.as_str().unwrap(), shots.as_str().unwrap())).or_default() += missing;
    }
    let board = self::rows(&workplace, "results/toy/leaderboard.csv");
    for row in &board {
        let expected = saved.get(&format!("{} {}", row["method"], row["shots"])).map(u64::to_string);
        assert_eq!(row["evaluations_saved"], expected.unwrap_or_default(), "{row:?}");
    }
    assert!(workplace.read("results/toy/leaderboard.md").contains("| saved |"));
}

#[test]
fn every_racing_gives_the_same_bytes_twice_on_any_jobs_and_keeps_its_budget() {
    let workplace = workplace();
    for racing in ["exact", "confidence", "successive_halving", "continuously_reject"] {
        let folder = run(&workplace, racing, "accuracy", &["--jobs", "1"]);
        let again = run(&workplace, racing, "accuracy", &["--jobs", "3"]);
        assert_eq!(workplace.tables(&folder), workplace.tables(&again), "{racing}");
        for row in rows(&workplace, &format!("{folder}/candidates.csv")) {
            assert!(row["evaluations"].parse::<u64>().unwrap() <= 640, "{racing}: {row:?}");
            assert!(row["chosen"].is_empty() || row["dropped_at"].is_empty(), "{racing}: {row:?}");
        }
        assert!(!workplace.read(&format!("{folder}/leaderboard.csv")).contains("failed"), "{racing}");
    }
}

#[test]
fn a_race_that_was_killed_goes_on_to_the_same_bytes() {
    let workplace = workplace();
    let arguments = ["run", "race.yaml", "--jobs", "1"];
    workplace.done(&[&arguments[..], &["--results", "whole"]].concat());
    let trials = workplace.trials("whole/toy");
    let copied = workplace.path("results/toy");
    workplace.done(&arguments);
    // As a kill leaves it: a trial whose events end in the middle, another gone, and no tables.
    let events = copied.join("trials").join(trials[0].file_name().unwrap()).join("events.jsonl");
    let text = fs::read_to_string(&events).unwrap();
    fs::write(&events, &text[..text.len() / 2]).unwrap();
    fs::remove_dir_all(copied.join("trials").join(trials[2].file_name().unwrap())).unwrap();
    fs::remove_file(copied.join("leaderboard.csv")).unwrap();
    workplace.done(&arguments);
    workplace.assert_same_record(&workplace.record("whole/toy"), "results/toy", "killed");
}

#[test]
fn a_complete_matrix_holds_the_dropped_candidates_whole() {
    let workplace = workplace();
    workplace.done(&["run", "race.yaml", "--only", "manual", "--keep-matrix", "--set", "select.by=accuracy"]);
    let matrix = "results/toy/matrix.parquet";
    let replayed = workplace.done(&["select", "--matrix", matrix, "--shots", "4", "--draws", "5"]).stdout;
    assert!(replayed.contains("8 candidates"), "{replayed}");
}

#[test]
fn an_unknown_racing_is_named_beside_the_known_ones() {
    let workplace = workplace();
    let ran = workplace.run(&["run", "race.yaml", "--set", "select.racing=exakt"]);
    assert_eq!(ran.code, 3);
    for part in ["select.racing", "unknown racing `exakt`", "did you mean exact?", "continuously_reject"] {
        assert!(ran.stderr.contains(part), "{part}\n{}", ran.stderr);
    }
}
