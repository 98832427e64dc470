//! Label words, calibration, diagnostics and ensembles from end to end.

use std::collections::HashMap;

use serde_json::Value;

use super::workplace::{EXPERIMENT, Workplace};

type Rows = Vec<HashMap<String, String>>;

fn table(workplace: &Workplace, path: &str) -> Rows {
    let mut reader = csv::Reader::from_path(workplace.path(path)).unwrap();
    reader.deserialize().map(Result::unwrap).collect()
}

fn events(trial: &std::path::Path) -> Vec<Value> {
    let text = std::fs::read_to_string(trial.join("events.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The toy experiment with other items and one seed.
fn experiment(workplace: &Workplace, search: &str, more: &str) {
    let (head, _) = EXPERIMENT.split_once("seeds:").unwrap();
    workplace.write("toy.yaml", format!("{head}seeds: [1]\nsearch:\n{search}budget: {{ evaluations: 400 }}\n{more}"));
}

const SEARCHES: &str = "  - { method: manual, templates: [\"{text} it was {mask}.\", \"{mask} film: {text}\"] }
  - { method: label_words, verbalizer: { search: lm_bff, n_tokens: 1, batch_size: 8 } }
  - { method: label_words, verbalizer: { search: petal, n_tokens: 1, batch_size: 8, per_label: 2 } }
  - { method: label_words, verbalizer: { search: autoprompt, batch_size: 8 } }
  - { method: template_and_words, verbalizer: { search: petal, n_tokens: 1, batch_size: 8 }, n_candidates: 4, n_texts: 2 }
";

#[test]
fn label_words_are_searched_within_the_budget_and_saved_so_that_predict_applies_them() {
    let workplace = Workplace::new();
    experiment(&workplace, SEARCHES, "");
    workplace.done(&["run", "toy.yaml"]);
    let board = table(&workplace, "results/toy/leaderboard.csv");
    let words: Vec<&HashMap<String, String>> = board.iter().filter(|row| row["method"].contains("words")).collect();
    assert_eq!(words.len(), 4);
    for row in &words {
        assert!(row["evaluations"].parse::<u64>().unwrap() <= 400, "{row:?}");
        assert_ne!(row["verbalizer"], "negative=bad,positive=good");
        let n = row["verbalizer"].matches('|').count();
        assert_eq!(n, if row["method"] == "label_words 2" { 2 } else { 0 }, "{row:?}");
        // The words of the search are those that `predict` answers with.
        let file = format!("results/toy/{}", row["prompt_file"]);
        let ran = workplace.done(&["predict", "--prompt", &file, "--input", "test.tsv"]);
        let lines: Vec<Value> = ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let right = lines.iter().filter(|line| line["label"] == line["predicted"]).count();
        assert!((right as f64 / lines.len() as f64 - row["test_mean"].parse::<f64>().unwrap()).abs() < 1e-6);
    }
    let trial =
        workplace.trials("results/toy").into_iter().find(|t| t.display().to_string().contains("1-label")).unwrap();
    let step = events(&trial).into_iter().find(|event| event["event"] == "step").unwrap();
    assert_eq!(step["trace"]["search"], "lm_bff");
    assert_eq!(step["trace"]["pools"].as_array().unwrap().len(), 2);
    // The same file again gives the same record.
    let before = workplace.tables("results/toy");
    workplace.done(&["run", "toy.yaml", "--fresh"]);
    assert_eq!(workplace.tables("results/toy"), before);
}

#[test]
fn a_search_of_words_in_the_task_adds_an_item_and_plan_shows_every_default() {
    let workplace = Workplace::new();
    let text = EXPERIMENT.replace("verbalizer: { negative: [bad], positive: [good] }", "verbalizer: { search: petal }");
    workplace.write(
        "toy.yaml",
        text.replace("dataset: { train: train.tsv, dev: dev.tsv, test: test.tsv }", "dataset: builtin:film-reviews")
            .replace("models: [builtin:toy]", "models: [builtin:reviews-en]"),
    );
    let plan = workplace.done(&["plan", "toy.yaml"]);
    assert!(plan.stdout.contains("`label_words` was added"), "{}", plan.stdout);
    assert!(plan.stdout.contains("search: petal"), "{}", plan.stdout);
    assert!(plan.stdout.contains("known_words: true"), "{}", plan.stdout);
}

#[test]
fn every_calibration_has_rows_of_its_own_and_its_prior_is_charged_and_saved() {
    let workplace = Workplace::new();
    experiment(
        &workplace,
        "  - { method: manual, templates: [\"{text} it was {mask}.\", \"{mask} film: {text}\"] }\n  - { method: random, n_trigger: 2 }\n",
        "calibration: [none, contextual, pmi_dc, batch]\nlimits: { calibration: 5 }\n",
    );
    workplace.done(&["run", "toy.yaml"]);
    let board = table(&workplace, "results/toy/leaderboard.csv");
    assert_eq!(board.len(), 8);
    let of = |calibration: &str| {
        board.iter().find(|row| row["calibration"] == calibration && row["method"] == "manual").unwrap()
    };
    let spent = |calibration: &str| of(calibration)["evaluations"].parse::<u64>().unwrap();
    // Two templates on 16 dev examples, and the texts of each prior.
    assert_eq!(["none", "contextual", "pmi_dc", "batch"].map(spent), [32, 38, 34, 42]);
    for calibration in ["contextual", "pmi_dc", "batch"] {
        let row = of(calibration);
        let file = format!("results/toy/{}", row["prompt_file"]);
        let saved: Value = serde_json::from_str(&workplace.read(&file)).unwrap();
        assert_eq!(saved["calibration"]["name"], calibration);
        assert_eq!(saved["calibration"]["logprobs"].as_array().unwrap().len(), 2);
        let right = |arguments: &[&str]| {
            let ran = workplace.done(&[&["predict", "--prompt", &file, "--input", "test.tsv"], arguments].concat());
            let lines: Vec<Value> = ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            lines.iter().filter(|line| line["label"] == line["predicted"]).count() as f64 / lines.len() as f64
        };
        // `predict` applies the prior that the file holds.
        assert!((right(&[]) - row["test_mean"].parse::<f64>().unwrap()).abs() < 1e-6, "{calibration}");
        if calibration != "batch" {
            assert_eq!(right(&["--calibration", calibration]), right(&[]));
        }
    }
    // A label-free choice at 0 shots is calibrated too.
    workplace.done(&["run", "toy.yaml", "--fresh", "--set", "shots=[0]", "--set", "calibration=[none, contextual]"]);
    let board = table(&workplace, "results/toy/leaderboard.csv");
    let score = |calibration: &str| {
        board.iter().find(|row| row["calibration"] == calibration && row["method"] == "manual").unwrap()["select_score"]
            .clone()
    };
    assert_ne!(score("none"), score("contextual"));
}

#[test]
fn predict_score_and_explain_calibrate_as_they_are_told() {
    let workplace = Workplace::new();
    let asked =
        ["--model", "builtin:toy", "--template", "{text} it was {mask}.", "--verbalizer", "negative=bad,positive=good"];
    let score = |more: &[&str]| {
        let ran =
            workplace.done(&[&["score"], &asked[..], &["--input", "test.tsv", "--format", "json"], more].concat());
        serde_json::from_str::<Value>(&ran.stdout).unwrap()["log_likelihood"].as_f64().unwrap()
    };
    let none = score(&[]);
    assert_eq!(none, score(&["--calibration", "none"]));
    let batch = score(&["--calibration", "batch", "--unlabelled", "train.tsv"]);
    assert!((none - batch).abs() > 1e-9 && (score(&["--calibration", "contextual"]) - none).abs() > 1e-9);
    let ran = workplace.run(&[&["explain"], &asked[..], &["a good film", "--calibration", "pmi_dc"]].concat());
    assert!(ran.stdout.contains("their priors, by pmi_dc calibration"), "{}{}", ran.stdout, ran.stderr);
    // Priors are the same whatever is asked, so one text is calibrated as in a file.
    let ran = workplace.run(&[&["predict"], &asked[..], &["--input", "test.tsv", "--calibration", "batch"]].concat());
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("name them with --unlabelled FILE"), "{}", ran.stderr);
    let ran =
        workplace.run(&[&["predict"], &asked[..], &["--input", "test.tsv", "--unlabelled", "train.tsv"]].concat());
    assert!(
        ran.code == 2 && ran.stderr.contains("--unlabelled is read with --calibration batch only"),
        "{}",
        ran.stderr
    );
    let ran = workplace.run(&[&["predict"], &asked[..], &["--input", "test.tsv", "--calibration", "domain"]].concat());
    assert!(
        ran.code == 2 && ran.stderr.contains("[possible values: none, contextual, pmi_dc, batch]"),
        "{}",
        ran.stderr
    );
}

#[test]
fn diagnostics_stand_in_the_tables_and_in_words() {
    let workplace = Workplace::new();
    let search = "  - { method: manual, templates: [\"{text} it was {mask}.\", \"{mask} film: {text}\"] }
  - { method: manual, templates: [\"{text} it was {mask}.\", \"{mask} film: {text}\"], multi_token: independent }
  - { method: random, n_trigger: 2 }\n";
    experiment(&workplace, search, "");
    let text = workplace
        .read("toy.yaml")
        .replace("negative: [bad], positive: [good]", "negative: [not good], positive: [very good]");
    workplace.write("toy.yaml", text);
    workplace.done(&["run", "toy.yaml"]);
    let board = table(&workplace, "results/toy/leaderboard.csv");
    for row in &board {
        let collapse: f64 = row["collapse"].parse().unwrap();
        assert!((0.5..=1.0).contains(&collapse), "{row:?}");
        let classes: HashMap<&str, f64> = row["class_accuracy"]
            .split(';')
            .map(|c| c.split_once('=').unwrap())
            .map(|(k, v)| (k, v.parse().unwrap()))
            .collect();
        let mean = (classes["negative"] + classes["positive"]) / 2.0;
        assert!((mean - row["test_mean"].parse::<f64>().unwrap()).abs() < 1e-5, "{row:?}");
        let (worst, mean): (f64, f64) = (row["surface_worst"].parse().unwrap(), row["surface_mean"].parse().unwrap());
        assert!(worst <= mean, "{row:?}");
    }
    let candidates = table(&workplace, "results/toy/candidates.csv");
    assert!(candidates.iter().any(|row| row["dropped_at"].is_empty()));
    // Only those that were scored to the end are compared in all they do.
    for row in candidates.iter().filter(|row| row["dropped_at"].is_empty()) {
        let same: Vec<_> =
            candidates.iter().filter(|other| other["equivalence_class"] == row["equivalence_class"]).collect();
        assert_eq!(same.len().to_string(), row["n_equivalent"], "{row:?}");
    }
    let words = workplace.read("results/toy/leaderboard.md");
    assert!(words.contains("## Diagnostics") && words.contains("## Rules for words of several tokens"), "{words}");
    let rules: Vec<&str> =
        words.lines().filter(|line| line.contains("| joint |") || line.contains("| independent |")).collect();
    // Both written templates under both rules; what `random` chose too.
    assert!(rules.iter().filter(|line| line.contains("`{text} it was {mask}.`")).count() == 2, "{rules:?}");
    // Without diagnostics nothing is taken, and the scores are the same.
    workplace.done(&["run", "toy.yaml", "--fresh", "--set", "limits={ diagnostics: 0 }"]);
    let without = table(&workplace, "results/toy/leaderboard.csv");
    for (a, b) in board.iter().zip(&without) {
        assert_eq!((&a["test_mean"], &a["evaluations"]), (&b["test_mean"], &b["evaluations"]));
        assert_eq!(b["surface_worst"], "");
    }
}

#[test]
fn ensembles_are_rows_of_their_own_which_predict_applies_and_a_second_run_keeps() {
    let workplace = Workplace::new();
    experiment(
        &workplace,
        "  - { method: manual, templates: [\"{text} it was {mask}.\", \"{mask} film: {text}\"] }\n  - { method: random, n_trigger: 2 }\n",
        "ensembles: { kinds: [uniform, accuracy, learned, vote], members: 4 }\n",
    );
    workplace.done(&["run", "toy.yaml"]);
    let board = table(&workplace, "results/toy/leaderboard.csv");
    let spent = |method: &str| -> u64 {
        board.iter().find(|row| row["method"] == method).unwrap_or_else(|| panic!("{method}"))["evaluations"]
            .parse()
            .unwrap()
    };
    let items = spent("manual") + spent("random");
    assert_eq!((spent("ensemble_uniform"), spent("ensemble_vote")), (items, items));
    // Learned weights need the members' scores on 16 training examples.
    let new = spent("ensemble_learned") - items;
    assert!(new % 16 == 0 && (2..=4).contains(&(new / 16)), "{new}");
    assert_eq!(spent("ensemble_accuracy"), spent("ensemble_learned"));
    for row in board.iter().filter(|row| row["method"].starts_with("ensemble_")) {
        assert!(row["flags"].contains("pooled_budget"), "{row:?}");
        let file = format!("results/toy/{}", row["prompt_file"]);
        let ran = workplace.done(&["predict", "--ensemble", &file, "--input", "test.tsv"]);
        let lines: Vec<Value> = ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let right = lines.iter().filter(|line| line["label"] == line["predicted"]).count() as f64 / lines.len() as f64;
        assert!((right - row["test_mean"].parse::<f64>().unwrap()).abs() < 1e-6, "{row:?}");
        // `score` puts the members' answers together in the same way.
        let ran = workplace.done(&["score", "--ensemble", &file, "--input", "test.tsv", "--format", "json"]);
        let scored: Value = serde_json::from_str(&ran.stdout).unwrap();
        assert!((scored["accuracy"].as_f64().unwrap() - right).abs() < 1e-9, "{scored}");
        let n_members = row["prompt"].split(" + ").count() as u64;
        assert_eq!(scored["evaluations"], n_members * lines.len() as u64, "{row:?}");
    }
    let before = workplace.record("results/toy");
    workplace.done(&["run", "toy.yaml"]);
    assert_eq!(workplace.record("results/toy"), before);
    workplace.write("x.json", "{}");
    for command in ["predict", "score"] {
        let ran = workplace.run(&[command, "--ensemble", "x.json", "--input", "test.tsv"]);
        assert!(ran.code != 0 && ran.stderr.contains("not a saved ensemble"), "{}", ran.stderr);
    }
    let ran = workplace.run(&["explain", "--ensemble", "x.json", "a film"]);
    assert_eq!(ran.code, 2, "{}", ran.stderr);
}

#[test]
fn what_cannot_be_searched_or_calibrated_is_told_with_its_place() {
    let workplace = Workplace::new();
    for (search, more, code, says) in [
        (
            "  - { method: label_words, verbalizer: { search: lm_bf } }\n",
            "",
            3,
            "unknown search `lm_bf` (did you mean lm_bff? known: lm_bff, autoprompt, petal)",
        ),
        (
            "  - { method: label_words, verbalizer: { per_label: 0 } }\n",
            "",
            3,
            "search[0].verbalizer.per_label: 0 is not allowed (1 to 10)",
        ),
        ("  - { method: label_words, verbalizer: { per_label: 11 } }\n", "", 3, "11 is not allowed (1 to 10)"),
        ("  - { method: label_words, verbalizer: { n_tokens: 7 } }\n", "", 3, "7 is not allowed (1 to 6)"),
        (
            "  - { method: label_words, verbalizer: { per_label: 4, pool: 2 } }\n",
            "",
            3,
            "a pool of 2 does not hold the 4 words of a label",
        ),
        ("  - { method: label_words, verbalizer: { negative: [bad] } }\n", "", 3, "unknown key `negative`"),
        ("  - { method: label_words, verbalizer: petal }\n", "", 3, "a mapping that says how to search is expected"),
        (
            "  - { method: label_words, templates: ['{trigger:2}{text}{mask}'] }\n",
            "",
            3,
            "{trigger:N} belongs to a method that fills it",
        ),
        (
            "  - manual\n",
            "calibration: [none, batches]\n",
            3,
            "unknown calibration `batches` (did you mean batch? known: none, contextual, pmi_dc, batch)",
        ),
        ("  - manual\n", "calibration: []\n", 3, "at least one is needed (none, contextual, pmi_dc, batch)"),
        (
            "  - { method: manual, templates: ['it was {mask}.'] }\n",
            "calibration: contextual\n",
            3,
            "it has no slot for the input",
        ),
        ("  - manual\n", "ensembles: [mean]\n", 3, "unknown ensemble `mean`"),
        ("  - manual\n", "ensembles: { members: 1 }\n", 3, "1 is not allowed (2 to 100)"),
    ] {
        experiment(&workplace, search, more);
        let ran = workplace.run(&["plan", "toy.yaml"]);
        assert!(ran.code == code && ran.stderr.contains(says), "{search}{more}{} {}", ran.code, ran.stderr);
    }
    // More words than the model has for a label: the trial is recorded as failed, and the rest is complete.
    experiment(
        &workplace,
        "  - manual\n  - { method: label_words, verbalizer: { per_label: 10, n_tokens: 6, known_words: true, batch_size: 4, beam: 1 } }\n",
        "",
    );
    let ran = workplace.run(&["run", "toy.yaml"]);
    assert_eq!(ran.code, 7, "{}", ran.stderr);
    let board = table(&workplace, "results/toy/leaderboard.csv");
    let failed = board.iter().find(|row| row["method"] == "label_words").unwrap();
    assert!(failed["failures"].contains("word(s) of 6 token(s) were found for label"), "{failed:?}");
}
