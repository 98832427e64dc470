//! Zero shots end to end: choosing without labels (contract, definition 7).

use std::collections::HashMap;

use serde_json::Value;

use super::workplace::Workplace;

type Rows = Vec<HashMap<String, String>>;

fn table(workplace: &Workplace, path: &str) -> Rows {
    let mut reader = csv::Reader::from_path(workplace.path(path)).unwrap();
    reader.deserialize().map(Result::unwrap).collect()
}

fn events(trial: &std::path::Path) -> Vec<Value> {
    let text = std::fs::read_to_string(trial.join("events.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn number(row: &HashMap<String, String>, column: &str) -> f64 {
    row[column].parse().unwrap_or_else(|_| panic!("{column} of {row:?}"))
}

const ZERO: [&str; 4] = ["run", "toy.yaml", "--set", "shots=[0]"];

/// Checks everything that the tables and events of a run at 0 shots hold where there is a labelled test split.
fn assert_zero_shots(workplace: &Workplace, folder: &str, n_texts: usize) {
    let board = table(workplace, &format!("{folder}/leaderboard.csv"));
    let methods: Vec<&str> = board.iter().map(|row| row["method"].as_str()).collect();
    assert!(methods.contains(&"manual") && methods.contains(&"random") && methods.len() == 2, "{methods:?}");
    for row in &board {
        for column in ["n_dev", "dev_mean", "dev_low", "dev_high", "dev_margin", "optimism_gap"] {
            assert_eq!(row[column], "", "{column} of {row:?}");
        }
        assert_eq!((row["select_by"].as_str(), row["dev_looks"].as_str()), ("mutual_information", "0"));
        assert!(number(row, "select_score") > 0.0 && number(row, "test_mean") > 0.0);
        let (other, own) = if row["method"] == "manual" { ("random", "manual") } else { ("manual", "random") };
        assert!(number(row, &format!("vs_{other}_p")) <= 1.0 && row[&format!("vs_{own}")].is_empty(), "{row:?}");
        // Prompts that are all equally good on test have no order to agree with.
        if row["method"] == "random" || !row["label_free_spearman"].is_empty() {
            assert!(number(row, "label_free_spearman").abs() <= 1.0 && number(row, "label_free_kendall").abs() <= 1.0);
        }
        assert!(!row["rank_low"].is_empty());
    }
    for row in table(workplace, &format!("{folder}/candidates.csv")) {
        assert_eq!((row["dev_metric"].as_str(), row["shots"].as_str()), ("", "0"));
        assert!(number(&row, "rank_low") <= number(&row, "rank") && number(&row, "rank") <= number(&row, "rank_high"));
        assert_eq!(row["label_free"], row["select_score"]);
    }
    for trial in workplace.trials(folder) {
        let events = events(&trial);
        let names: Vec<&str> = events.iter().map(|event| event["event"].as_str().unwrap()).collect();
        assert_eq!(names[names.len() - 5..], ["chosen", "tested", "correlated", "diagnosed", "finished"], "{names:?}");
        assert_eq!(events[0]["texts"].as_array().unwrap().len(), n_texts);
        assert_eq!(events[0]["n_train"], 0);
        let scored: Vec<&Value> = events.iter().filter(|event| event["event"] == "scored").collect();
        for event in &scored {
            let parts: Vec<f64> =
                event["label_free_parts"].as_array().unwrap().iter().map(|part| part.as_f64().unwrap()).collect();
            let mean = parts.iter().sum::<f64>() / parts.len() as f64;
            assert_eq!(parts.len(), n_texts);
            assert!((mean - event["label_free"].as_f64().unwrap()).abs() < 1e-7, "{mean} {event}");
        }
        // Whatever was chosen, it has the highest score, and neither test nor the correlation was paid from the budget.
        let best = scored.iter().map(|event| event["label_free"].as_f64().unwrap()).fold(0.0, f64::max);
        let chosen = &events[events.len() - 5]["candidate"];
        let chosen = scored.iter().find(|event| event["candidate"] == *chosen).unwrap();
        assert!(best - chosen["label_free"].as_f64().unwrap() < 1e-6);
        let last = scored.last().unwrap();
        assert_eq!(events[events.len() - 1]["spent"]["evaluations"], last["evaluations"]);
    }
    let words = workplace.read(&format!("{folder}/leaderboard.md"));
    assert!(words.contains(&format!("chosen without labels on {n_texts} texts")), "{words}");
    assert!(words.contains("Spearman's rank correlation of the label-free score with accuracy on test"), "{words}");
}

#[test]
fn prompts_are_chosen_without_labels_and_compared_on_test() {
    let workplace = Workplace::new();
    let plan = workplace.done(&["plan", "toy.yaml", "--set", "shots=[0]"]).stdout;
    for part in ["mutual information on 16 texts of train", "`autoprompt` needs labels and makes no trial at 0 shots"] {
        assert!(plan.contains(part), "{part}\n{plan}");
    }
    let ran = workplace.done(&ZERO);
    assert!(ran.stderr.contains("note: at 0 shots prompts are chosen by mutual information"), "{}", ran.stderr);
    // The texts are those of a seed, so manual runs for each.
    assert_eq!(workplace.trials("results/toy").len(), 4);
    assert_zero_shots(&workplace, "results/toy", 16);
}

#[test]
fn manual_runs_once_where_every_seed_has_the_same_texts() {
    let workplace = Workplace::new();
    workplace.done(&[&ZERO[..], &["--set", "limits.unlabelled=100", "--set", "budget.evaluations=400"]].concat());
    let trials: Vec<String> = workplace.trials("results/toy").iter().map(|trial| trial.display().to_string()).collect();
    assert_eq!(
        trials.iter().filter(|trial| trial.contains("manual") && trial.contains("_all_")).count(),
        1,
        "{trials:?}"
    );
    assert_eq!(trials.len(), 3);
    assert_zero_shots(&workplace, "results/toy", 40);
}

/// What decides: prompts, scores and ranks, without the names of folders.
fn decided(workplace: &Workplace, folder: &str) -> Vec<[String; 5]> {
    let columns = ["prompt", "label_free", "rank", "tied", "chosen"];
    table(workplace, &format!("{folder}/candidates.csv"))
        .iter()
        .map(|row| columns.map(|name| row[name].clone()))
        .collect()
}

#[test]
fn neither_labels_of_train_nor_anything_of_test_reach_the_choice() {
    let workplace = Workplace::new();
    workplace.done(&[&ZERO[..], &["--results", "one"]].concat());
    let turned = |name: &str| {
        let text = workplace.read(name);
        text.replace("\tnegative", "\t?").replace("\tpositive", "\tnegative").replace("\t?", "\tpositive")
    };
    workplace.write("train.tsv", turned("train.tsv"));
    workplace.write("test.tsv", turned("test.tsv"));
    workplace.done(&[&ZERO[..], &["--results", "turned"]].concat());
    assert_eq!(decided(&workplace, "one/toy"), decided(&workplace, "turned/toy"));
    let mean = |folder: &str| number(&table(&workplace, folder)[0], "test_mean");
    assert!(
        (mean("one/toy/leaderboard.csv") - mean("turned/toy/leaderboard.csv")).abs() > 0.01,
        "test was turned around"
    );
}

#[test]
fn one_candidate_has_no_rank_correlation_and_its_cell_is_empty() {
    let workplace = Workplace::new();
    workplace.done(&[&ZERO[..], &["--set", "search.0.templates=[\"{text} it was {mask}.\"]"]].concat());
    let board = table(&workplace, "results/toy/leaderboard.csv");
    let manual = board.iter().find(|row| row["method"] == "manual").unwrap();
    assert_eq!((manual["label_free_spearman"].as_str(), manual["label_free_kendall"].as_str()), ("", ""));
    assert!(!manual["test_mean"].is_empty());
}

#[test]
fn without_test_rows_are_ranked_by_the_score_with_intervals_over_texts() {
    let workplace = Workplace::new();
    workplace.experiment("toy.yaml", "dev: dev.tsv, test: test.tsv", "dev: dev.tsv");
    workplace.done(&ZERO);
    let board = table(&workplace, "results/toy/leaderboard.csv");
    for row in &board {
        assert!(row["test_mean"].is_empty() && row["vs_manual"].is_empty() && row["label_free_spearman"].is_empty());
        assert!(number(row, "rank_low") <= number(row, "rank_high"), "{row:?}");
        assert!(row["flags"].contains("dev_only"));
    }
    assert!(number(&board[0], "select_score") >= number(&board[1], "select_score"));
    assert!(
        workplace.read("results/toy/leaderboard.md").contains("Ranked by the label-free score on 16 texts, 2 seeds")
    );
}

#[test]
fn zero_shots_work_in_chinese_with_words_of_two_characters() {
    let workplace = Workplace::new();
    let words = [["很好", "满意", "好"], ["很差", "不好", "糟"]];
    for (split, from) in [("train", 0), ("dev", 20), ("test", 40)] {
        let row = |i: usize| {
            let word = words[i % 2][i / 2 % 3];
            format!("酒店的房间{word}，第{i}次。\t{}\n", ["好评", "差评"][i % 2])
        };
        workplace
            .write(&format!("{split}.tsv"), format!("text\tlabel\n{}", (from..from + 20).map(row).collect::<String>()));
    }
    workplace.write(
        "zh.yaml",
        r#"format: 1
name: toy
task:
  dataset: { train: train.tsv, dev: dev.tsv, test: test.tsv }
  template: "{text}总之，酒店{mask}。"
  verbalizer: { 差评: [很差], 好评: [满意] }
models: [builtin:toy]
shots: [0]
seeds: [1, 2]
search:
  - { method: manual, templates: ["{text}总之，酒店{mask}。", "{mask}，{text}"] }
  - { method: random, n_trigger: 2 }
budget: { evaluations: 320 }
"#,
    );
    for rule in ["joint", "independent"] {
        let arguments = ["run", "zh.yaml", "--results", rule, "--set"];
        workplace.done(&[&arguments[..], &[&format!("task.multi_token={rule}")]].concat());
        assert_zero_shots(&workplace, &format!("{rule}/toy"), 20);
    }
}
