//! `controls:` from end to end: trials of their own beside the rows that they control.

use super::workplace::{EXPERIMENT, Workplace};

fn workplace() -> Workplace {
    let workplace = Workplace::new();
    workplace.write("toy.yaml", format!("{EXPERIMENT}controls: [random_model, shuffled_labels]\n"));
    workplace
}

/// A CSV file as rows of (column, cell).
fn table(workplace: &Workplace, file: &str) -> Vec<std::collections::HashMap<String, String>> {
    let mut reader = csv::Reader::from_path(workplace.path(file)).unwrap();
    reader.deserialize().map(Result::unwrap).collect()
}

#[test]
fn every_row_stands_beside_its_controls_which_are_not_ranked() {
    let workplace = workplace();
    let ran = workplace.done(&["run", "toy.yaml"]);
    assert!(ran.stdout.contains("controls: it "), "{}", ran.stdout);
    let board = table(&workplace, "results/toy/leaderboard.csv");
    let names: Vec<&str> = board.iter().map(|row| row["method"].as_str()).collect();
    assert_eq!(names.len(), 3, "{names:?}");
    for row in &board {
        for column in ["random_model_test", "vs_random_model", "vs_random_model_p", "shuffled_labels_test"] {
            assert!(row[column].parse::<f64>().is_ok(), "{column}: {row:?}");
        }
        let p = |name: &str| row[&format!("vs_{name}_p")].parse::<f64>().unwrap();
        let beats = |name: &str| row[&format!("vs_{name}")].parse::<f64>().unwrap() > 0.0 && p(name) <= 0.05;
        let both = beats("random_model") && beats("shuffled_labels");
        assert_eq!(row["beats_controls"], if both { "yes" } else { "no" }, "{row:?}");
        assert_eq!(row["flags"].contains("not_above_control"), !both, "{row:?}");
        // Of what the row spent nothing went to its controls.
        assert!(row["evaluations"].parse::<u64>().unwrap() <= 2 * 240, "{row:?}");
    }
    let markdown = workplace.read("results/toy/leaderboard.md");
    assert!(markdown.contains("Controls, ranked with nothing") && markdown.contains("vs random\\_model"), "{markdown}");
    assert!(markdown.contains("does not beat ") || markdown.contains("beats "), "{markdown}");
    let trials = workplace.trials("results/toy");
    let of = |name: &str| trials.iter().filter(|trial| trial.display().to_string().contains(name)).count();
    assert_eq!((trials.len(), of("-random_model_"), of("-shuffled_labels_")), (18, 6, 6));
    let candidates = table(&workplace, "results/toy/candidates.csv");
    for control in ["", "random_model", "shuffled_labels"] {
        let firsts =
            candidates.iter().filter(|row| row["control"] == control && row["seed"] == "1" && row["rank"] == "1");
        assert!(firsts.count() >= 1, "{control}: ranked among themselves");
    }
}

#[test]
fn the_toy_knows_what_a_model_of_random_weights_does_not() {
    let workplace = workplace();
    workplace.done(&["run", "toy.yaml", "--set", "budget.evaluations=600"]);
    for row in table(&workplace, "results/toy/leaderboard.csv") {
        let number = |column: &str| row[column].parse::<f64>().unwrap();
        assert!(number("test_mean") > 0.7 && number("random_model_test") < number("test_mean"), "{row:?}");
    }
}

#[test]
fn rows_are_what_they_are_without_controls_and_the_bytes_are_the_same_again() {
    let workplace = workplace();
    workplace.done(&["run", "toy.yaml", "--results", "with", "--jobs", "2"]);
    workplace.done(&["run", "toy.yaml", "--results", "again", "--jobs", "1"]);
    let with = workplace.record("with/toy");
    workplace.assert_same_record(&with, "again/toy", "one job");
    // Controls come later: what is there stays.
    workplace.done(&["run", "toy.yaml", "--results", "later", "--set", "controls=[]"]);
    let plain = table(&workplace, "later/toy/leaderboard.csv");
    assert!(
        plain.iter().all(|row| row["beats_controls"].is_empty() && row["random_model_test"].is_empty()),
        "{plain:?}"
    );
    let ran = workplace.done(&["run", "toy.yaml", "--results", "later"]);
    assert_eq!(ran.stderr.matches("complete already, stays").count(), 6, "{}", ran.stderr);
    workplace.assert_same_record(&with, "later/toy", "controls later");
    for (row, alone) in table(&workplace, "with/toy/leaderboard.csv").iter().zip(&plain) {
        for column in ["rank", "rank_low", "method", "prompt", "test_mean", "vs_manual_p", "evaluations"] {
            assert_eq!(row[column], alone[column], "{column}");
        }
    }
}

#[test]
fn a_killed_control_begins_anew_to_the_same_bytes() {
    let workplace = workplace();
    workplace.done(&["run", "toy.yaml"]);
    let whole = workplace.record("results/toy");
    for trial in
        workplace.trials("results/toy").iter().filter(|trial| trial.display().to_string().contains("-random_model_"))
    {
        let events = trial.join("events.jsonl");
        let text = std::fs::read(&events).unwrap();
        std::fs::write(&events, &text[..text.len() / 3]).unwrap();
    }
    let ran = workplace.done(&["run", "toy.yaml"]);
    assert_eq!(ran.stderr.matches("complete already, stays").count(), 12, "{}", ran.stderr);
    workplace.assert_same_record(&whole, "results/toy", "resumed");
}

#[test]
fn a_plan_counts_them_and_says_where_there_are_none() {
    let workplace = workplace();
    let plan = workplace.done(&["plan", "toy.yaml", "--set", "shots=[0, 8]", "--set", "limits.unlabelled=12"]).stdout;
    assert!(plan.contains("controls: [random_model, shuffled_labels]"), "{plan}");
    assert!(plan.contains("autoprompt random_model") && plan.contains("manual shuffled_labels"), "{plan}");
    // At 0 shots manual and random on two fresh models; at 8 three methods under two controls; two seeds.
    assert!(plan.contains("note: controls: 16 trials more, each at a budget of its own"), "{plan}");
    let json = workplace.done(&["plan", "toy.yaml", "--format", "json"]).stdout;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let trials = json["trials"].as_array().unwrap();
    assert_eq!(trials.iter().filter(|trial| trial["control"] == "shuffled_labels").count(), 6, "{json}");
}

#[test]
fn soft_prompts_and_causal_models_have_controls_too() {
    let workplace = workplace();
    let text = workplace.read("toy.yaml").replace("builtin:toy", "builtin:toy-causal").replace("{mask}.\"", "{mask}\"");
    let text = text.replace(", \"{mask} film: {text}\"", "");
    let soft = "- { method: soft_prompt, n_soft: 2, batch_size: 4, eval_every: 2, steps: 4 }";
    workplace.write(
        "toy.yaml",
        text.replace("- { method: autoprompt, n_trigger: 2, n_candidates: 4, batch_size: 4 }", soft),
    );
    workplace.done(&["run", "toy.yaml"]);
    let board = table(&workplace, "results/toy/leaderboard.csv");
    let row = |method: &str| board.iter().find(|row| row["method"] == method).unwrap();
    assert!(row("soft_prompt")["vs_shuffled_labels_p"].parse::<f64>().is_ok());
    // One written prompt: nothing that labels could choose.
    assert_eq!(row("manual")["shuffled_labels_test"], "");
    assert!(!row("manual")["random_model_test"].is_empty());
}

#[test]
fn an_unknown_control_is_named_with_the_known_ones() {
    let workplace = workplace();
    workplace.write("x.yaml", format!("{EXPERIMENT}controls: [random_models]\n"));
    let ran = workplace.run(&["run", "x.yaml"]);
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    let says = "controls[0]: unknown control `random_models` (did you mean random_model? known: random_model, shuffled_labels)";
    assert!(ran.stderr.contains(says), "{}", ran.stderr);
}
