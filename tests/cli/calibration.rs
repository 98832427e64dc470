//! Calibration together with racing, controls, demonstrations, the score store and ensembles.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use super::workplace::{EXPERIMENT, Workplace};

type Row = BTreeMap<String, String>;

const WAYS: [&str; 4] = ["none", "contextual", "pmi_dc", "batch"];

/// The toy experiment with these items, all calibrations and something more.
fn workplace(search: &str, more: &str) -> Workplace {
    let workplace = Workplace::new();
    let (head, _) = EXPERIMENT.split_once("search:").unwrap();
    let ways = WAYS.join(", ");
    let text = format!("{head}search:\n{search}budget: {{ evaluations: 900 }}\ncalibration: [{ways}]\n{more}");
    workplace.write("toy.yaml", text);
    workplace
}

fn rows(workplace: &Workplace, name: &str) -> Vec<Row> {
    csv::Reader::from_path(workplace.path(name)).unwrap().deserialize().map(Result::unwrap).collect()
}

/// The rows of the written templates, without those of `random` beside them.
fn written(workplace: &Workplace, name: &str) -> Vec<Row> {
    rows(workplace, name).into_iter().filter(|row| row["method"] == "manual").collect()
}

fn number(row: &Row, column: &str) -> f64 {
    row[column].parse().unwrap_or_else(|_| panic!("{column}: {row:?}"))
}

const WRITTEN: &str = "  - method: manual
    templates: [\"{text} it was {mask}.\", \"{mask} film: {text}\", \"{text} {mask}\", \"not {mask}: {text}\",
      \"{mask} {text} bad\", \"{text} the story was {mask}, but bad\", \"good {mask} {text}\", \"{text} and {mask}\"]
";

#[test]
fn exact_racing_of_calibrated_scores_gives_the_pick_of_scoring_everything_for_fewer_evaluations() {
    let workplace = workplace(WRITTEN, "");
    for by in ["accuracy", "expected_accuracy", "mean_log_likelihood"] {
        let by_name = format!("select.by={by}");
        let of = |racing: &str| {
            let (results, racing) = (format!("{racing}-{by}"), format!("select.racing={racing}"));
            let shots = ["--set", "shots=[full]", "--set", &racing, "--set", &by_name];
            workplace.done(&[&["run", "toy.yaml", "--results", &results][..], &shots].concat());
            ["leaderboard", "candidates"].map(|table| written(&workplace, &format!("{results}/toy/{table}.csv")))
        };
        let ([all, _], [raced, candidates]) = (of("none"), of("exact"));
        assert_eq!(all.len(), WAYS.len());
        for (all, raced) in all.iter().zip(&raced) {
            for column in ["calibration", "prompt", "dev_mean", "select_score", "test_mean"] {
                assert_eq!(all[column], raced[column], "{by}, {}", all["calibration"]);
            }
            let dropped = candidates
                .iter()
                .filter(|row| row["calibration"] == all["calibration"] && !row["dropped_at"].is_empty())
                .count();
            assert!(dropped > 0, "{by}, {}", all["calibration"]);
            let classes = |row: &Row| row["dropped_at"].is_empty() != row["equivalence_class"].is_empty();
            assert!(candidates.iter().all(classes), "only the complete are compared in all they do");
            let (all, raced) = (number(all, "evaluations"), number(raced, "evaluations"));
            assert!(raced < all, "{by}: {raced} of {all}");
        }
    }
}

#[test]
fn what_racing_saves_holds_no_prior_and_every_prior_is_charged_once() {
    let workplace = workplace(WRITTEN, "select: { by: accuracy, racing: exact }\nlimits: { calibration: 5 }\n");
    workplace.done(&["run", "toy.yaml", "--set", "shots=[full]"]);
    // What does not depend on the seed is one trial, and stands under every seed.
    let mut candidates = written(&workplace, "results/toy/candidates.csv");
    candidates.retain(|row| row["seed"] == "1");
    for row in written(&workplace, "results/toy/leaderboard.csv") {
        let texts = match row["calibration"].as_str() {
            "contextual" => 3,
            "pmi_dc" => 1,
            "batch" => 5,
            _ => 0,
        };
        let own = candidates.iter().filter(|other| other["calibration"] == row["calibration"]);
        // One prior for each of the 8 templates, and 40 examples of those that nobody dropped.
        let seen: u64 = own.map(|other| other["dropped_at"].parse().unwrap_or(40)).sum();
        assert_eq!(number(&row, "evaluations") as u64, seen + 8 * texts, "{row:?}");
        assert_eq!(number(&row, "evaluations_saved") as u64, 8 * 40 - seen, "{row:?}");
    }
}

#[test]
fn a_calibrated_row_stands_beside_controls_of_the_same_calibration() {
    let search = "  - { method: manual, templates: [\"{text} it was {mask}.\", \"{mask} film: {text}\"] }
  - { method: autoprompt, n_trigger: 2, n_candidates: 4, batch_size: 4 }
";
    let workplace = workplace(search, "controls: [random_model, shuffled_labels]\n");
    workplace.done(&["run", "toy.yaml", "--results", "all"]);
    let together = rows(&workplace, "all/toy/leaderboard.csv");
    assert_eq!(together.len(), 3 * WAYS.len(), "random was added");
    let mut controls = BTreeMap::new();
    for way in WAYS {
        let calibration = format!("calibration=[{way}]");
        workplace.done(&["run", "toy.yaml", "--results", way, "--set", &calibration]);
        for alone in rows(&workplace, &format!("{way}/toy/leaderboard.csv")) {
            let same = |row: &&Row| row["calibration"] == way && row["method"] == alone["method"];
            let row = together.iter().find(same).unwrap_or_else(|| panic!("{way} {}", alone["method"]));
            for column in ["prompt", "test_mean", "random_model_test", "vs_random_model", "vs_random_model_p"] {
                assert!(!row[column].is_empty(), "{column}: {row:?}");
                assert_eq!(row[column], alone[column], "{way} {column}");
            }
            let difference = number(row, "test_mean") - number(row, "random_model_test");
            assert!((difference - number(row, "vs_random_model")).abs() < 1e-5, "{row:?}");
            controls.insert((way, alone["method"].clone()), number(row, "random_model_test"));
        }
    }
    let differ = controls.iter().any(|((_, method), test)| controls[&("none", method.clone())] != *test);
    assert!(differ, "a control is calibrated as its row is: {controls:?}");
}

#[test]
fn ensembles_are_made_after_all_phases_without_controls_and_again_after_a_kill() {
    let search = "  - { method: manual, templates: [\"{text} it was {mask}.\", \"{mask} film: {text}\"] }\n";
    let more = "ensembles: { kinds: [uniform], members: 3 }\nselect: { by: accuracy, racing: exact }\n";
    let workplace = workplace(search, &format!("{more}controls: [shuffled_labels]\n"));
    workplace.done(&["run", "toy.yaml", "--results", "with", "--set", "calibration=[none]"]);
    workplace.done(&["run", "toy.yaml", "--results", "without", "--set", "controls=[]", "--set", "calibration=[none]"]);
    let ensembles = |results: &str| -> Vec<(String, String, String)> {
        let board = rows(&workplace, &format!("{results}/toy/leaderboard.csv"));
        let own = board.into_iter().filter(|row| row["method"] == "ensemble_uniform");
        own.map(|row| (row["prompt"].clone(), row["test_mean"].clone(), row["evaluations"].clone())).collect()
    };
    assert_eq!(ensembles("with").len(), 1);
    assert_eq!(ensembles("with"), ensembles("without"));
    let whole = workplace.record("with/toy");
    for killed in ["manual_", "ensemble_uniform_"] {
        let trial = workplace.trials("with/toy").into_iter().find(|trial| trial.display().to_string().contains(killed));
        fs::remove_dir_all(trial.unwrap()).unwrap();
        fs::remove_file(workplace.path("with/toy/leaderboard.csv")).unwrap();
        workplace.done(&["run", "toy.yaml", "--results", "with", "--set", "calibration=[none]"]);
        workplace.assert_same_record(&whole, "with/toy", killed);
    }
}

#[test]
fn ensembles_of_calibrated_prompts_are_applied_with_their_priors() {
    let workplace =
        workplace(WRITTEN, "ensembles: { kinds: [uniform, learned], members: 3 }\nselect: { racing: none }\n");
    workplace.done(&["run", "toy.yaml"]);
    let board = rows(&workplace, "results/toy/leaderboard.csv");
    // Under a calibration by which all prompts answer alike there is none.
    let made = |row: &&Row| row["method"].starts_with("ensemble_") && !row["prompt_file"].is_empty();
    let own: Vec<&Row> = board.iter().filter(made).collect();
    let calibrated: BTreeSet<&String> =
        own.iter().map(|row| &row["calibration"]).filter(|way| *way != "none").collect();
    assert!(calibrated.len() > 1, "{calibrated:?}");
    for row in own {
        let file = workplace.path(&format!("results/toy/{}", row["prompt_file"]));
        let saved: serde_json::Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
        let members = saved["members"].as_array().unwrap();
        assert!(
            members.iter().all(|member| member["prompt"]["calibration"].is_null() == (row["calibration"] == "none"))
        );
        // The file is that of the seed with the best dev metric: its own trial's test accuracy is among the record's.
        let ran = workplace.done(&[
            "score",
            "--ensemble",
            &file.display().to_string(),
            "--input",
            "test.tsv",
            "--format",
            "json",
        ]);
        let scored: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
        let events = fs::read_to_string(file.with_file_name("events.jsonl")).unwrap();
        let tested = events.lines().find(|line| line.contains("\"tested\"")).unwrap();
        let tested: serde_json::Value = serde_json::from_str(tested).unwrap();
        let recorded = tested["test"]["metric"].as_f64().unwrap();
        assert!((scored["accuracy"].as_f64().unwrap() - recorded).abs() < 1e-9, "{row:?} {tested}");
    }
}

#[test]
fn an_ensemble_for_which_too_few_prompts_differ_is_told_and_fails_nothing() {
    // So calibrated, these answer alike on dev.
    let search = "  - { method: manual, templates: [\"{text} it was {mask}.\", \"{mask} film: {text}\"] }\n";
    let workplace = workplace(search, "ensembles: { kinds: [uniform], members: 3 }\n");
    let ran = workplace.done(&["run", "toy.yaml", "--set", "calibration=[contextual]"]);
    let says = "fewer than two prompts of tokens that differ";
    assert!(ran.stderr.contains(says), "{}", ran.stderr);
    let board = fs::read_to_string(workplace.path("results/toy/leaderboard.md")).unwrap();
    assert!(board.contains(says), "{board}");
}

#[test]
fn demonstrations_are_calibrated_within_their_budget() {
    let search =
        "  - { method: demonstrations, choose: searched, order: searched, k: 2, n_candidates: 3, batch_size: 4 }
  - { method: demonstrations, choose: nearest, order: nearest_last, k: 2 }
";
    let workplace = workplace(search, "");
    workplace.done(&["run", "toy.yaml"]);
    let board = rows(&workplace, "results/toy/leaderboard.csv");
    let shown: Vec<&Row> = board.iter().filter(|row| row["method"].starts_with("demonstrations")).collect();
    assert_eq!(shown.len(), 2 * WAYS.len());
    for row in shown {
        let n_seeds = number(row, "n_seeds");
        assert!(number(row, "evaluations") <= 900.0 * n_seeds && !row["test_mean"].is_empty(), "{row:?}");
        if row["method"] == "demonstrations 2" && row["calibration"] == "contextual" {
            // 16 dev examples and 3 texts, each with a representation, and the pool's 16 representations with each of both.
            assert_eq!(number(row, "evaluations"), (2.0 * 19.0 + 2.0 * 16.0) * n_seeds, "{row:?}");
        }
    }
    // Just so much is covered, and not an evaluation less.
    for (budget, covered) in [(70, true), (69, false)] {
        let (results, budget) = (format!("least-{budget}"), format!("budget.evaluations={budget}"));
        let arguments = ["--set", "calibration=[contextual]", "--set", &budget, "--results", &results];
        workplace.run(&[&["run", "toy.yaml"][..], &arguments].concat());
        let board = rows(&workplace, &format!("{results}/toy/leaderboard.csv"));
        let row = board.iter().find(|row| row["method"] == "demonstrations 2").unwrap();
        assert_eq!(!row["test_mean"].is_empty(), covered, "{row:?}");
    }
}
