//! Tasks of facts from end to end.

use std::collections::HashMap;

use serde_json::Value;

use super::workplace::Workplace;

type Rows = Vec<HashMap<String, String>>;

/// What the toy may be asked for: objects of one token and of two.
const OBJECTS: [&str; 8] = ["good", "great", "wonderful", "bad", "terrible", "boring", "fun", "好"];

const EXPERIMENT: &str = "format: 1
name: facts
task:
  kind: facts
  dataset: { all: facts.jsonl, shares: { train: 0.4, dev: 0.3, test: 0.3 } }
  template: \"[X] is [Y] .\"
  metric: mrr
models: [builtin:toy]
shots: [8]
seeds: [1, 2]
search:
  - { method: manual, templates: [\"[X] is [Y] .\"], templates_from: [prompts.txt, prompts.jsonl] }
  - { method: random, n_trigger: 2 }
  - { method: autoprompt, n_trigger: 2, n_candidates: 4, batch_size: 4 }
  - { method: optiprompt, batch_size: 4, steps: 3 }
budget: { evaluations: 2000 }
";

/// A workplace with facts as ParaRel writes them, two lists of prompts, and an experiment.
fn workplace() -> Workplace {
    let workplace = Workplace::new();
    let mut facts = String::new();
    for (i, frame) in ["the N", "this N", "all the N", "a N", "it is a N"].iter().enumerate() {
        for (j, noun) in ["film", "movie", "story", "plot", "act", "watch"].iter().enumerate() {
            for (k, word) in ["good", "bad", "dull"].iter().enumerate() {
                let subject = format!("{word} {}", frame.replace('N', noun));
                let object = OBJECTS[(3 * k + i + j) % OBJECTS.len()];
                facts += &format!("{{\"sub_label\": \"{subject}\", \"obj_label\": \"{object}\", \"uuid\": \"{i}-{j}-{k}\"}}\n");
            }
        }
    }
    workplace.write("facts.jsonl", facts);
    workplace.write("prompts.txt", "[X] was [Y] .\n[X] , truly [Y] !\n\n[X] is [Y] .\n");
    workplace.write("prompts.jsonl", "{\"pattern\": \"[Y] [X]\", \"tense\": \"?\"}\n{\"pattern\": \"[X] was [Y] .\"}\n");
    workplace.write("facts.yaml", EXPERIMENT);
    workplace
}

fn table(workplace: &Workplace, path: &str) -> Rows {
    let mut reader = csv::Reader::from_path(workplace.path(path)).unwrap();
    reader.deserialize().map(Result::unwrap).collect()
}

#[test]
fn lists_of_prompts_are_ranked_and_searches_run_and_test_figures_are_those_of_predict() {
    let workplace = workplace();
    let ran = workplace.done(&["run", "facts.yaml"]);
    assert!(ran.stderr.contains("prompts.txt: 3 templates"), "{}", ran.stderr);
    assert!(ran.stderr.contains("answers are ranked among 8 objects"), "{}", ran.stderr);
    let candidates = table(&workplace, "results/facts/candidates.csv");
    let manual: Vec<_> = candidates.iter().filter(|row| row["method"] == "manual" && row["seed"] == "1").collect();
    let mut prompts: Vec<&str> = manual.iter().map(|row| row["prompt"].as_str()).collect();
    prompts.sort_unstable();
    assert_eq!(
        prompts,
        ["{mask} {subject}", "{subject} , truly {mask} !", "{subject} is {mask} .", "{subject} was {mask} ."],
        "each once, from the item and both lists"
    );
    // Eight facts in all, and 2 + 1 + 1 passes: one mask, two masks, and the second behind each first token.
    assert!(manual.iter().all(|row| row["evaluations"].parse::<u64>().unwrap() % 32 == 0), "{manual:?}");
    let board = table(&workplace, "results/facts/leaderboard.csv");
    assert_eq!(board.len(), 4);
    for row in &board {
        assert_eq!((row["n_dev"].as_str(), row["flags"].contains("failed")), ("8", false), "{row:?}");
        let n_test: usize = row["n_test"].parse().unwrap();
        let folder = workplace.trials("results/facts").into_iter();
        let folder = folder.filter(|trial| trial.display().to_string().contains(&format!("-{}_", row["method"])));
        let (mut mrr, mut at_1, mut at_10, mut n) = (0.0, 0.0, 0.0, 0.0);
        for trial in folder {
            let file = ["prompt.json", "prompt.safetensors"].map(|name| trial.join(name)).into_iter().find(|f| f.exists());
            let input = workplace.path("facts.jsonl").display().to_string();
            let file = file.unwrap().display().to_string();
            let arguments = ["predict", "--prompt", &file, "--input", &input, "--columns", "subject=sub_label,label=obj_label"];
            let ran = workplace.done(&arguments);
            let rows: Vec<Value> = ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            let events = std::fs::read_to_string(trial.join("events.jsonl")).unwrap();
            let tested = events.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
            let tested = tested.into_iter().find(|event| event["event"] == "tested").unwrap();
            assert_eq!(tested["test"]["values"].as_array().unwrap().len(), n_test);
            let own = predictions(&trial, &rows);
            for (rank, value) in own.iter().zip(tested["test"]["values"].as_array().unwrap()) {
                assert!((1.0 / *rank as f64 - value.as_f64().unwrap()).abs() < 1e-9);
            }
            let share = |most: usize| own.iter().filter(|rank| **rank <= most).count() as f64 / own.len() as f64;
            mrr += own.iter().map(|rank| 1.0 / *rank as f64).sum::<f64>() / own.len() as f64;
            at_1 += share(1);
            at_10 += share(10);
            n += 1.0;
        }
        for (column, expected) in [("test_mean", mrr), ("test_mrr", mrr), ("test_p_at_1", at_1), ("test_p_at_10", at_10)] {
            let found: f64 = row[column].parse().unwrap();
            assert!((found - expected / n).abs() < 1e-5, "{column}: {found} and {}: {row:?}", expected / n);
        }
    }
    let before = workplace.tables("results/facts");
    workplace.done(&["run", "facts.yaml", "--fresh"]);
    assert_eq!(workplace.tables("results/facts"), before);
}

/// The ranks of the right objects of the test facts, from what `predict` says of the whole file.
fn predictions(trial: &std::path::Path, rows: &[Value]) -> Vec<usize> {
    let frame = polars_rows(trial);
    let rank = |row: &usize| {
        let row = &rows[*row];
        let gold = row["label"].as_str().unwrap();
        let of = |object: &str| row[format!("logprob_{object}")].as_f64().unwrap();
        OBJECTS.iter().filter(|object| of(object) >= of(gold)).count()
    };
    frame.iter().map(rank).collect()
}
