//! `template_generation` from end to end: models that fill masks and models that write, of their own and of others.

use std::collections::HashMap;

use serde_json::Value;

use super::workplace::{EXPERIMENT, Workplace};

type Rows = Vec<HashMap<String, String>>;

const ITEM: &str = "{ method: template_generation, beam: 6, masks: [1, 2] }";

fn table(workplace: &Workplace, path: &str) -> Rows {
    let mut reader = csv::Reader::from_path(workplace.path(path)).unwrap();
    reader.deserialize().map(Result::unwrap).collect()
}

fn generated(rows: Rows) -> Rows {
    rows.into_iter().filter(|row| row["method"].starts_with("template_generation")).collect()
}

fn folder(name: &str) -> String {
    format!("{}/tests/fixtures/model/seq2seq/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// The toy experiment with other items.
fn workplace(items: &[&str], budget: usize) -> Workplace {
    let workplace = Workplace::new();
    let (head, _) = EXPERIMENT.split_once("search:").unwrap();
    let items: String = items.iter().map(|item| format!("  - {item}\n")).collect();
    workplace.write("toy.yaml", format!("{head}search:\n{items}budget: {{ evaluations: {budget} }}\n"));
    workplace
}

/// Checks what every template of a run has to be, and that the budget holds.
fn check(workplace: &Workplace, results: &str, budget: u64) {
    let candidates = generated(table(workplace, &format!("{results}/candidates.csv")));
    assert!(candidates.len() > 4, "{candidates:?}");
    let mut own = 0;
    for row in &candidates {
        let prompt = &row["prompt"];
        assert_eq!((prompt.matches("{text}").count(), prompt.matches("{mask}").count()), (1, 1), "{prompt}");
        for not in ["good", "bad", "extra_id", "<mask>", "[MASK]", "{span}", "{trigger", "  "] {
            assert!(!prompt.contains(not), "{prompt}");
        }
        own += usize::from(prompt.replace("{text}", "").replace("{mask}", "").trim().len() > 1);
    }
    assert!(own > 2, "{candidates:?}");
    for row in generated(table(workplace, &format!("{results}/leaderboard.csv"))) {
        let n_seeds: u64 = row["n_seeds"].parse().unwrap();
        assert!(row["evaluations"].parse::<u64>().unwrap() <= n_seeds * budget, "{row:?}");
        assert!(!row["flags"].contains("failed"), "{row:?}");
    }
}

#[test]
fn masks_are_filled_within_the_budget_and_the_same_whatever_the_jobs() {
    let workplace = workplace(&[ITEM], 1200);
    let plan = workplace.done(&["plan", "toy.yaml", "--set", "shots=[0, 8]"]);
    assert!(
        plan.stdout.contains("`template_generation` needs labels and makes no trial at 0 shots"),
        "{}",
        plan.stdout
    );
    assert!(plan.stdout.contains("templates are written for at most 600 of 1200 evaluations"), "{}", plan.stdout);
    workplace.done(&["run", "toy.yaml", "--results", "one", "--jobs", "1"]);
    check(&workplace, "one/toy", 1200);
    workplace.done(&["run", "toy.yaml", "--results", "two", "--jobs", "2"]);
    assert_eq!(workplace.tables("one/toy"), workplace.tables("two/toy"));
    let again = workplace.done(&["run", "toy.yaml", "--results", "one"]);
    assert_eq!(again.stderr.matches("complete already, stays").count(), 6, "{}", again.stderr);
    // The record says what was written and what it cost.
    let trial = workplace.trials("one/toy").into_iter().find(|t| t.display().to_string().contains("template")).unwrap();
    let events = std::fs::read_to_string(trial.join("events.jsonl")).unwrap();
    let step = events.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()).find(|e| e["event"] == "step");
    let trace = step.unwrap()["trace"].clone();
    assert_eq!(trace["examples"], 16);
    assert!(trace["evaluations"].as_u64().unwrap() <= 600 && trace["width"].as_u64().unwrap() <= 6, "{trace}");
    assert!(trace["best"].as_array().unwrap().len() > 2, "{trace}");
}

#[test]
fn a_model_that_writes_makes_templates_for_another_and_for_itself() {
    for name in ["t5", "bart", "mt5"] {
        // BART's tokenizer can write everything, so that what random models write is a template.
        let (generator, searched) = (folder(name), folder("bart"));
        let workplace = workplace(
            &[&format!("{{ method: template_generation, generator: {generator}, beam: 8, max_length: 5 }}")],
            4000,
        );
        workplace.write("toy.yaml", workplace.read("toy.yaml").replace("builtin:toy", &searched));
        workplace.done(&["run", "toy.yaml", "--set", "seeds=[1]"]);
        check(&workplace, "results/toy", 4000);
        // Of its own model a template is a template too.
        let own =
            workplace.read("toy.yaml").replace(&format!("models: [{searched}]"), &format!("models: [{generator}]"));
        workplace
            .write("own.yaml", own.replace("name: toy", "name: own").replace(&format!("generator: {generator}, "), ""));
        workplace.done(&["run", "own.yaml", "--set", "seeds=[1]"]);
        check(&workplace, "results/own", 4000);
    }
}

#[test]
fn pairs_and_causal_models_have_skeletons_of_their_own() {
    let pairs = |model: &str, template: &str| {
        let workplace = Workplace::new();
        let rows: String = (0..24)
            .map(|i| format!("the film was {i}\tthis is a {} story\t{}\n", i + 1, ["same", "other"][i % 2]))
            .collect();
        for split in ["train", "dev", "test"] {
            workplace.write(&format!("{split}.tsv"), &rows.replace("the film", &format!("the {split}")));
        }
        let columns = "columns: [text_a, text_b, label], header: no";
        workplace.write(
            "pairs.yaml",
            format!(
                "format: 1\nname: toy\ntask:\n  dataset: {{ train: train.tsv, dev: dev.tsv, test: test.tsv, {columns} }}\n  \
                 template: \"{template}\"\n  verbalizer: {{ same: [good], other: [bad] }}\nmodels: [{model}]\nshots: [4]\n\
                 seeds: [1]\nsearch:\n  - {{ method: template_generation, generator: builtin:toy, beam: 6, masks: [1] }}\n\
                 budget: {{ evaluations: 800 }}\n"
            ),
        );
        workplace.done(&["run", "pairs.yaml"]);
        generated(table(&workplace, "results/toy/candidates.csv"))
    };
    for (model, template, ends) in [
        ("builtin:toy", "{text_a} {mask}, {text_b}", "{text_b}"),
        ("builtin:toy-causal", "{text_a} {text_b} {mask}", "{mask}"),
    ] {
        let found = pairs(model, template);
        assert!(found.len() > 2, "{found:?}");
        for row in found {
            assert!(row["prompt"].starts_with("{text_a}") && row["prompt"].ends_with(ends), "{row:?}");
        }
    }
}

#[test]
fn a_soft_prompt_starts_from_a_template_that_was_written() {
    let soft = "{ method: soft_prompt, init: { from: template_generation }, batch_size: 4, steps: 4, eval_every: 2 }";
    let workplace = workplace(&[ITEM, soft], 1200);
    workplace.done(&["run", "toy.yaml", "--set", "seeds=[1]"]);
    let board = table(&workplace, "results/toy/leaderboard.csv");
    let row = board.iter().find(|row| row["method"] == "soft_prompt").unwrap();
    assert!(row["flags"].contains("pooled_budget") && !row["test_mean"].is_empty(), "{row:?}");
}

#[test]
fn what_is_wrong_with_an_item_is_told_before_anything_runs() {
    let bare = Workplace::new();
    for entry in std::fs::read_dir(folder("t5")).unwrap() {
        let path = entry.unwrap().path();
        bare.write(&format!("t5/{}", path.file_name().unwrap().to_string_lossy()), std::fs::read(&path).unwrap());
    }
    let settings = bare.read("t5/tokenizer_config.json").replace("\"extra_ids\": 7", "\"extra_ids\": 0");
    bare.write("t5/tokenizer_config.json", settings);
    let (t5, bart) = (folder("t5"), folder("bart"));
    let unsentinelled = bare.path("t5").display().to_string();
    for (keys, code, says) in [
        ("beam: 0".to_owned(), 3, "search[0].beam: 0 is not allowed (1 to 10000)"),
        ("skeletons: ['{text} {mask}']".to_owned(), 3, "it has no {span}"),
        (
            "fill: seq2seq".to_owned(),
            5,
            "it fills masks, and `fill: seq2seq` needs a model with an encoder and a decoder",
        ),
        (format!("fill: masked_lm, generator: {t5}"), 5, "`fill: masked_lm` needs a model that fills masks"),
        ("generator: builtin:toy-causal".to_owned(), 5, "it continues text, and gaps are filled by a model"),
        (format!("generator: {unsentinelled}"), 5, "has 0 sentinels, and 3 gaps need as many"),
        (format!("generator: {bart}, max_length: 150"), 5, "positions, and at least one is needed for the input"),
        ("generator: nowhere/model".to_owned(), 5, "generator"),
        ("skeletons: ['{other}{span}{mask}']".to_owned(), 4, "other"),
    ] {
        let workplace = workplace(&[&format!("{{ method: template_generation, {keys} }}")], 1200);
        for command in ["plan", "run"] {
            let ran = workplace.run(&[command, "toy.yaml"]);
            assert_eq!(ran.code, code, "{keys}: {}", ran.stderr);
            assert!(ran.stderr.contains(says), "{keys}: {}", ran.stderr);
        }
        assert!(!workplace.path("results/toy/leaderboard.csv").exists());
    }
}
