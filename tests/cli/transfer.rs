//! Chosen prompts with other models and on other tasks.

use std::collections::BTreeMap;

use serde_json::Value;

use super::workplace::{EXPERIMENT, Workplace};

type Row = BTreeMap<String, String>;

/// Two models with different tokenizers and widths, and another task with labels and words of its own.
const TRANSFER: &str = "transfer:
  tasks:
    verdicts: { dataset: { test: other.tsv }, template: \"{text} it is {mask}.\", verbalizer: { bad: [bad], fine: [great] } }
";

fn experiment() -> String {
    let autoprompt = "  - { method: autoprompt, n_trigger: 2, n_candidates: 4, batch_size: 4 }\n";
    let soft = "  - { method: soft_prompt, n_soft: 2, learning_rate: 0.05, batch_size: 4, eval_every: 4 }\n";
    assert!(EXPERIMENT.contains(autoprompt));
    EXPERIMENT.replace(autoprompt, soft).replace("[builtin:toy]", "[builtin:toy, builtin:reviews-en]")
}

fn workplace() -> Workplace {
    let workplace = Workplace::new();
    let rows: String = ["story", "plot", "act", "film", "movie"]
        .map(|noun| format!("a truly dull {noun}\tbad\nan excellent {noun} , truly fun\tfine\n"))
        .concat();
    workplace.write("other.tsv", format!("text\tlabel\n{rows}"));
    workplace.write("toy.yaml", experiment() + TRANSFER);
    workplace
}

fn rows(workplace: &Workplace) -> Vec<Row> {
    let path = workplace.path("results/toy/transfer.csv");
    csv::Reader::from_path(path).unwrap().deserialize().map(Result::unwrap).collect()
}

/// The accuracy that `score` gives a prompt.
fn score(workplace: &Workplace, row: &Row, template: &str, input: &str) -> f64 {
    let json = workplace.done(&[
        "score",
        "--model",
        &row["target_model"],
        "--template",
        template,
        "--verbalizer",
        &row["verbalizer"],
        "--input",
        input,
        "--format",
        "json",
    ]);
    let score: Value = serde_json::from_str(&json.stdout).unwrap();
    score["accuracy"].as_f64().unwrap()
}

fn number(cell: &str) -> f64 {
    cell.parse().unwrap_or_else(|_| panic!("`{cell}`"))
}

#[test]
fn a_winner_is_scored_elsewhere_as_score_does_it_and_what_cannot_be_has_a_reason() {
    let workplace = workplace();
    let ran = workplace.done(&["run", "toy.yaml"]);
    // 12 trials with 3 targets each; two of those of each soft prompt have another width.
    assert!(ran.stderr.contains("28 values (28 computed, 0 known before), 8 not to be had"), "{}", ran.stderr);
    let rows = rows(&workplace);
    assert_eq!(rows.len(), 48, "the trials' own tests are among them");
    let own = |row: &&Row| row["source_model"] == row["target_model"] && row["source_task"] == row["target_task"];
    for row in rows.iter().filter(own) {
        assert_eq!((&row["test"], row["n_test"].as_str()), (&row["source_test"], "60"), "{row:?}");
    }
    let mut compared = 0;
    for row in rows.iter().filter(|row| row["method"] == "random" && row["source_model"] != row["target_model"]) {
        let input = if row["target_task"] == "verdicts" { "other.tsv" } else { "test.tsv" };
        assert!((score(&workplace, row, &row["prompt"], input) - number(&row["test"])).abs() < 1e-6, "{row:?}");
        assert!(number(&row["test_low"]) <= number(&row["test"]) && number(&row["test"]) <= number(&row["test_high"]));
        assert!(
            (number(&row["test"]) - number(&row["manual_test"]) - number(&row["vs_manual"])).abs() < 2e-6,
            "{row:?}"
        );
        if row["target_task"] == "verdicts" {
            assert!((score(&workplace, row, "{text} it is {mask}.", input) - number(&row["manual_test"])).abs() < 1e-6);
            assert_eq!((row["verbalizer"].as_str(), row["n_test"].as_str()), ("bad=bad,fine=great", "10"));
        } else {
            let manual = rows.iter().find(|other| {
                other["method"] == "manual"
                    && own(other)
                    && other["seed"] == row["seed"]
                    && other["source_model"] == row["target_model"]
            });
            assert_eq!(row["manual_test"], manual.unwrap()["test"], "{row:?}");
        }
        compared += 1;
    }
    assert_eq!(compared, 8);
    for row in rows.iter().filter(|row| row["method"] == "soft_prompt" && !own(row)) {
        if row["source_model"] == row["target_model"] {
            assert!(number(&row["test"]) >= 0.0 && row["reason"].is_empty(), "{row:?}");
        } else {
            assert!(row["test"].is_empty() && row["reason"].starts_with("its vectors have "), "{row:?}");
        }
    }
    let markdown = workplace.read("results/toy/leaderboard.md");
    assert!(markdown.contains("\n## Transfer\n") && markdown.contains("Not scored:"), "{markdown}");
    assert_eq!(workplace.done(&["leaderboard", "results/toy", "--format", "md"]).stdout, markdown);
}

#[test]
fn what_is_known_is_not_computed_again_and_what_is_damaged_is() {
    let workplace = workplace();
    let run = |arguments: &[&str]| {
        workplace.done(&[&["run", "toy.yaml", "--set", "models=[builtin:toy]"], arguments].concat())
    };
    // The trials of a method that is run alone wait for the others.
    let ran = run(&["--only", "manual"]);
    assert!(ran.stderr.contains("transfer.csv waits for 4 trials"), "{}", ran.stderr);
    assert!(!workplace.path("results/toy/transfer.csv").exists());
    assert!(run(&[]).stderr.contains("6 values (6 computed, 0 known before)"));
    let whole = workplace.record("results/toy");
    assert!(run(&[]).stderr.contains("6 values (0 computed, 6 known before)"));
    workplace.assert_same_record(&whole, "results/toy", "a second run");

    let damaged = workplace.trials("results/toy")[0].join("transfer.jsonl");
    let bytes = std::fs::read(&damaged).unwrap();
    std::fs::write(&damaged, &bytes[..bytes.len() - 9]).unwrap();
    assert!(workplace.done(&["leaderboard", "results/toy"]).stdout.contains("manual"));
    assert!(run(&[]).stderr.contains("6 values (1 computed, 5 known before)"));
    workplace.assert_same_record(&whole, "results/toy", "after damage");

    // Without the key the trials stay and the table goes; with it the values are still known.
    let ran = run(&["--set", "transfer=false"]);
    assert!(!ran.stderr.contains("transfer.csv") && ran.stderr.contains("6 complete and stay"), "{}", ran.stderr);
    assert!(!workplace.path("results/toy/transfer.csv").exists());
    assert!(run(&[]).stderr.contains("6 values (0 computed, 6 known before)"));
    workplace.assert_same_record(&whole, "results/toy", "asked again");
}

#[test]
fn a_plan_says_what_transfer_costs_and_when_there_is_nothing_to_do() {
    let workplace = workplace();
    let plan = workplace.done(&["plan", "toy.yaml"]).stdout;
    // 28 values: 8 on the own task of 60 examples, 20 on the other of 10, whose own template is scored with two models.
    let note = "the chosen prompts are scored on test with 2 models and on 1 other task: at most 28 values, about 700 evaluations";
    assert!(plan.contains(note), "{plan}");
    workplace.write("alone.yaml", EXPERIMENT.to_owned() + "transfer: true\n");
    let plan = workplace.done(&["plan", "alone.yaml"]).stdout;
    assert!(plan.contains("there is one model and no other task"), "{plan}");
}

#[test]
fn a_task_that_prompts_cannot_go_to_is_refused_with_its_place() {
    let workplace = workplace();
    workplace.write("pairs.tsv", "text_a\ttext_b\tlabel\none\ttwo\tbad\nthree\tfour\tfine\n");
    workplace.write("blind.tsv", "text\none\ntwo\n");
    for (task, code, expected) in [
        ("{ dataset: { test: pairs.tsv }, verbalizer: { bad: [bad], fine: [great] } }", 4, "text_a, text_b"),
        ("{ dataset: { train: other.tsv }, verbalizer: { bad: [bad], fine: [great] } }", 4, "no labelled test split"),
        ("{ dataset: { test: other.tsv } }", 3, "`verbalizer` is missing"),
        ("{ dataset: { test: other.tsv }, verbalizer: { bad: [bad], good: [great] } }", 4, "fine"),
        ("{ dataset: { test: gone.tsv }, verbalizer: { bad: [bad], fine: [great] } }", 4, "gone.tsv"),
    ] {
        let yaml = EXPERIMENT.to_owned() + &format!("transfer: {{ tasks: {{ other: {task} }} }}\n");
        workplace.write("bad.yaml", yaml);
        let ran = workplace.run(&["plan", "bad.yaml"]);
        assert_eq!(ran.code, code, "{task}: {}", ran.stderr);
        assert!(ran.stderr.contains("transfer.tasks.other") && ran.stderr.contains(expected), "{task}: {}", ran.stderr);
        assert!(ran.stderr.contains("bad.yaml:15:"), "{task}: {}", ran.stderr);
    }
}
