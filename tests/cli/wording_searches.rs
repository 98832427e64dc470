//! `edits` and `evolution` from end to end.

use std::collections::HashMap;

use serde_json::Value;

use super::workplace::{EXPERIMENT, Workplace};

const METHODS: &str = "  - { method: edits, synonyms: words.txt, likelihood: 6, batch_size: 4, n_texts: 2, level: word }
  - { method: evolution, synonyms: words.txt, likelihood: 6, batch_size: 4, n_texts: 2, population: 4 }
  - { method: evolution, algorithm: de, crossover: single_point, synonyms: words.txt, likelihood: 6, batch_size: 4, n_texts: 2, population: 4 }
";
const LABELS: [&str; 3] = ["edits", "evolution", "evolution 2"];
const WORDS: &str = "film movie story plot\nvery truly\nit this\n";

type Rows = Vec<HashMap<String, String>>;

fn workplace() -> Workplace {
    let workplace = Workplace::new();
    workplace.write("words.txt", WORDS);
    let autoprompt = "  - { method: autoprompt, n_trigger: 2, n_candidates: 4, batch_size: 4 }\n";
    assert!(EXPERIMENT.contains(autoprompt));
    let templates = "templates: [\"{text} it was {mask}.\", \"{mask} film: {text}\"]";
    let longer = "templates: [\"{text} it was a very {mask} film.\", \"this film, it was {mask}. {text}\"]";
    let experiment = EXPERIMENT.replace(autoprompt, METHODS).replace(templates, longer);
    workplace.write("toy.yaml", experiment.replace("evaluations: 240", "evaluations: 600"));
    workplace
}

fn rows(workplace: &Workplace, file: &str, method: &str) -> Rows {
    let mut reader = csv::Reader::from_path(workplace.path(file)).unwrap();
    let rows: Rows = reader.deserialize().map(Result::unwrap).collect();
    rows.into_iter().filter(|row| row["method"] == method).collect()
}

fn events(trial: &std::path::Path, of: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(trial.join("events.jsonl")).unwrap();
    let events = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    events.filter(|event| event["event"] == of).collect()
}

#[test]
fn templates_are_edited_and_bred_within_the_budget_and_their_way_is_in_the_record() {
    let workplace = workplace();
    workplace.done(&["run", "toy.yaml"]);
    for label in LABELS {
        let found = rows(&workplace, "results/toy/candidates.csv", label);
        let written = found.iter().filter(|row| row["parent"].is_empty()).count();
        assert_eq!(written, 4, "two templates, two seeds: {found:?}");
        assert!(found.len() > 6, "{label}: {}", found.len());
        for row in &found {
            let slots = |slot: &str| row["prompt"].matches(slot).count();
            assert_eq!((slots("{text}"), slots("{mask}")), (1, 1), "{row:?}");
            assert!(!row["flags"].contains("label_leak"), "{row:?}");
            if let Ok(parent) = row["parent"].parse::<u64>() {
                assert!(parent < row["candidate"].parse().unwrap(), "{row:?}");
            }
        }
        let board = rows(&workplace, "results/toy/leaderboard.csv", label);
        let evaluations: u64 = board[0]["evaluations"].parse().unwrap();
        assert!(evaluations <= 2 * 600 && evaluations > 900, "{label}: {evaluations}");
    }
    let mut origins: Vec<String> = Vec::new();
    for trial in workplace.trials("results/toy") {
        let scored = events(&trial, "scored");
        origins.extend(scored.iter().map(|event| event["origin"].as_str().unwrap().to_owned()));
    }
    for part in ["deleted `", "paraphrased `", "crossed ", "took `", " by what "] {
        assert!(origins.iter().any(|origin| origin.contains(part)), "{part}: {origins:#?}");
    }
}

#[test]
fn the_same_bytes_whatever_the_jobs_and_after_another_start() {
    let workplace = workplace();
    workplace.done(&["run", "toy.yaml", "--results", "one", "--jobs", "1"]);
    workplace.done(&["run", "toy.yaml", "--results", "two", "--jobs", "2"]);
    assert_eq!(workplace.tables("one/toy"), workplace.tables("two/toy"));
    let record = workplace.record("two/toy");
    // A trial that was cut off is begun anew.
    let trial = workplace.trials("two/toy").into_iter().find(|t| t.to_string_lossy().contains("evolution")).unwrap();
    let events = std::fs::read_to_string(trial.join("events.jsonl")).unwrap();
    let half: String = events.lines().take(4).map(|line| format!("{line}\n")).collect();
    std::fs::write(trial.join("events.jsonl"), half).unwrap();
    std::fs::remove_file(trial.join("trial.json")).unwrap();
    workplace.done(&["run", "toy.yaml", "--results", "two"]);
    workplace.assert_same_record(&record, "two/toy", "gone on");
}

#[test]
fn a_plan_prints_every_default_and_what_a_step_costs() {
    let workplace = workplace();
    workplace.write(
        "plain.yaml",
        EXPERIMENT.replace(
            "  - { method: autoprompt, n_trigger: 2, n_candidates: 4, batch_size: 4 }\n",
            "  - edits\n  - evolution\n",
        ),
    );
    let plan = workplace.done(&["plan", "plain.yaml"]).stdout;
    let flat = plan.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in [
        "level: phrase generators: [thesaurus, mask_fill] n_candidates: 5 beam: 1 batch_size: 16 n_texts: 4 likelihood: 3.0 n_compose: 1 \
         patience: 2 temperature: 0.0",
        "algorithm: ga population: 10 crossover: uniform mutation: 0.5 generators: [thesaurus, mask_fill] batch_size: 16 n_texts: 4 \
         likelihood: 3.0",
        "{text} it was {mask}.",
    ] {
        assert!(flat.contains(part), "{part}\n{plan}");
    }
    let plan = workplace.done(&["plan", "toy.yaml"]).stdout;
    assert!(plan.contains("note: `edits` at 8 shots: what it starts from costs at most "), "{plan}");
    assert!(plan.contains("note: `evolution` at 8 shots: what it starts from costs at most "), "{plan}");
    let short = workplace.done(&["plan", "toy.yaml", "--set", "budget.evaluations=42"]).stdout;
    assert!(short.contains("may not cover what `edits` starts from and an iteration at 8 shots"), "{short}");
    assert!(short.contains("may not cover what `evolution` starts from and a generation at 8 shots"), "{short}");
}

#[test]
fn lists_sweep_and_races_drop() {
    let workplace = workplace();
    let yaml = workplace.read("toy.yaml");
    let yaml = yaml.replace("level: word }", "level: [word, phrase], temperature: [0, 0.5] }");
    let yaml = yaml.replace("algorithm: de, crossover: single_point,", "algorithm: [ga, de], mutation: [0, 1],");
    workplace.write("sweep.yaml", yaml + "select: { racing: confidence, by: accuracy }\n");
    workplace.done(&["run", "sweep.yaml", "--set", "budget.evaluations=900"]);
    for trial in workplace.trials("results/toy") {
        let name = trial.to_string_lossy().into_owned();
        let cells = match () {
            () if name.contains("edits") => 4,
            () if name.contains("evolution_2") || name.contains("evolution-2") => 4,
            () => continue,
        };
        let scored = events(&trial, "scored");
        for cell in 0..cells {
            let prefix = format!("cell {cell}: ");
            assert!(
                scored.iter().any(|event| event["origin"].as_str().unwrap().starts_with(&prefix)),
                "{name}: {prefix}"
            );
        }
    }
}

#[test]
fn without_labels_they_follow_the_label_free_score() {
    let workplace = workplace();
    let arguments = ["run", "toy.yaml", "--set", "shots=[0]", "--set", "limits.unlabelled=12"];
    workplace.done(&arguments);
    for label in LABELS {
        let found = rows(&workplace, "results/toy/candidates.csv", label);
        assert!(found.iter().any(|row| !row["parent"].is_empty()), "{label}: {found:?}");
    }
}

#[test]
fn lists_of_templates_are_started_from_and_take_part_in_the_identity_of_trials() {
    let workplace = workplace();
    workplace.write("list.txt", "{text} so it was {mask}.\n{text} truly {mask} film.\n");
    let yaml = workplace.read("toy.yaml");
    workplace.write("toy.yaml", yaml.replace("population: 4", "population: 4, templates_from: list.txt"));
    workplace.done(&["run", "toy.yaml", "--only", "evolution"]);
    let found = rows(&workplace, "results/toy/candidates.csv", "evolution");
    let written: Vec<&str> = found
        .iter()
        .filter(|row| row["parent"].is_empty() && row["seed"] == "1")
        .map(|row| row["prompt"].as_str())
        .collect();
    assert_eq!(written.len(), 2, "{found:?}");
    assert!(written.contains(&"{text} so it was {mask}."), "{written:?}");
    workplace.write("list.txt", "{text} so it was {mask}.\n");
    let again = workplace.done(&["run", "toy.yaml", "--only", "evolution"]);
    assert_eq!(again.stderr.matches("complete already, stays").count(), 0, "{}", again.stderr);
    workplace.write("list.txt", "{text} so it was {mask\n");
    let ran = workplace.run(&["plan", "toy.yaml"]);
    assert!(ran.code != 0 && ran.stderr.contains("list.txt"), "{}", ran.stderr);
}

#[test]
fn faults_name_the_line_and_what_is_allowed() {
    let workplace = Workplace::new();
    for (item, parts) in [
        ("{ method: edits, level: clause }", vec!["toy.yaml:13:29", "search[2].level", "phrase, word, sentence"]),
        ("{ method: edits, temperature: 1, beam: 2 }", vec!["search[2].temperature", "`beam: 1`"]),
        ("{ method: edits, rounds: 3 }", vec!["unknown key `rounds`", "n_iterations"]),
        ("{ method: edits, n_compose: 0 }", vec!["search[2].n_compose: 0 is not allowed"]),
        (
            "{ method: edits, templates: [\"{text} {trigger:2} {mask}\"] }",
            vec!["{trigger:N} belongs to a method that fills it"],
        ),
        ("{ method: evolution, algorithm: cma }", vec!["toy.yaml:13:37", "search[2].algorithm", "ga, de"]),
        ("{ method: evolution, crossover: two_point }", vec!["uniform, single_point"]),
        ("{ method: evolution, mutation: 2 }", vec!["search[2].mutation"]),
        ("{ method: evolution, population: 1 }", vec!["search[2].population: 1 is not allowed"]),
        ("{ method: evolution, beam: 3 }", vec!["unknown key `beam`", "population"]),
        (
            "{ method: evolution, generators: [endpoint] }",
            vec!["`endpoint` needs `endpoint: { base_url: ..., model: ... }`"],
        ),
    ] {
        workplace.experiment("toy.yaml", "{ method: autoprompt, n_trigger: 2, n_candidates: 4, batch_size: 4 }", item);
        let ran = workplace.run(&["validate", "toy.yaml"]);
        assert_eq!(ran.code, 3, "{item}: {}", ran.stderr);
        for part in parts {
            assert!(ran.stderr.contains(part), "{item}: {part}\n{}", ran.stderr);
        }
    }
}

#[test]
fn pairs_facts_and_generation_are_searched_too() {
    let items = "  - { method: edits, level: word, batch_size: 4, n_texts: 2, likelihood: 20 }\n  - { method: evolution, population: 4, batch_size: \
                 4, n_texts: 2, likelihood: 20 }\n";
    let workplace = Workplace::new();
    let twice = |split: &str| {
        let rows = workplace.read(&format!("{split}.tsv"));
        let line = |row: &str| {
            let (text, label) = row.split_once('\t').unwrap();
            format!("{text}\tthe film\t{label}\n")
        };
        rows.lines().skip(1).map(line).collect::<String>()
    };
    for split in ["train", "dev", "test"] {
        let rows = twice(split);
        workplace.write(&format!("pairs/{split}.tsv"), format!("text_a\ttext_b\tlabel\n{rows}"));
        workplace.write(&format!("news/{split}.tsv"), format!("text\tsummary\tlabel\n{rows}"));
        let fact = |(number, row): (usize, &str)| {
            let subject = row.split('\t').next().unwrap_or_default();
            let object = ["good", "bad", "great", "boring"][number % 4];
            format!("{{\"sub_label\": \"{subject}\", \"obj_label\": \"{object}\"}}\n")
        };
        let facts: String = rows.lines().enumerate().map(fact).collect();
        workplace.write(&format!("facts/{split}.jsonl"), facts);
    }
    let data = |folder: &str, ending: &str| {
        format!("{{ train: {folder}/train.{ending}, dev: {folder}/dev.{ending}, test: {folder}/test.{ending} }}")
    };
    let experiment = |name: &str, model: &str, task: &str, second: &str, budget: u64| {
        let first = task.split("template: ").nth(1).unwrap().lines().next().unwrap();
        let manual = format!("  - {{ method: manual, templates: [{first}, \"{second}\"] }}\n");
        format!(
            "format: 1\nname: {name}\ntask:\n{task}models: [{model}]\nshots: [4]\nseeds: [1]\nsearch:\n{manual}{items}budget: {{ evaluations: {budget} \
             }}\nlimits: {{ test: 8, diagnostics: 0 }}\n"
        )
    };
    let pairs = format!(
        "  dataset: {}\n  template: \"{{text_a}} it was {{mask}}, so {{text_b}}\"\n  verbalizer: {{ negative: [bad], positive: [good] }}\n",
        data("pairs", "tsv")
    );
    let news = format!(
        "  dataset: {}\n  template: \"{{text}} it was really so {{mask}}\"\n  target: summary\n  metric: target_log_likelihood\n",
        data("news", "tsv")
    );
    let facts = format!(
        "  kind: facts\n  dataset: {}\n  template: \"[X] it is so [Y] .\"\n  metric: mrr\n",
        data("facts", "jsonl")
    );
    for (name, model, task, second, budget) in [
        ("pairs", "builtin:toy", pairs, "{text_b} and {text_a} are {mask}.", 400),
        ("news", "builtin:toy-causal", news, "{text} this is very {mask}", 400),
        ("facts", "builtin:toy", facts, "[X] was a very [Y] film .", 2000),
    ] {
        workplace.write(&format!("{name}.yaml"), experiment(name, model, &task, second, budget));
        for method in ["edits", "evolution"] {
            workplace.done(&["run", &format!("{name}.yaml"), "--only", method]);
            let found = rows(&workplace, &format!("results/{name}/candidates.csv"), method);
            assert!(found.iter().any(|row| !row["parent"].is_empty()), "{name} {method}: {found:?}");
            let evaluations: u64 =
                rows(&workplace, &format!("results/{name}/leaderboard.csv"), method)[0]["evaluations"].parse().unwrap();
            assert!(evaluations <= budget, "{name} {method}: {evaluations}");
        }
    }
}

#[test]
fn the_builtin_chinese_model_edits_and_breeds_chinese() {
    let workplace = Workplace::new();
    workplace.write(
        "small.yaml",
        "format: 1\nname: small\ntask:\n  dataset: builtin:hotel-reviews-zh\n  template: \"{text}总之，这家酒店很{mask}。\"\n  verbalizer: { 差评: \
         [差], 好评: [好] }\nmodels: [builtin:reviews-zh]\nshots: [4]\nseeds: [1]\nsearch:\n  - { method: manual, templates: \
         [\"{text}总之，这家酒店很{mask}。\", \"{text}总体来说，我觉得很{mask}！\"] }\n  - { method: edits, n_texts: 2, batch_size: 4 }\n  - { method: \
         evolution, n_texts: 2, batch_size: 4, population: 5 }\nbudget: { evaluations: 260 }\nlimits: { test: 8, diagnostics: 0 }\n",
    );
    for method in ["edits", "evolution"] {
        workplace.done(&["run", "small.yaml", "--only", method]);
        let found = rows(&workplace, "results/small/candidates.csv", method);
        assert!(found.len() > 2, "{found:?}");
        for row in found {
            let own = row["prompt"].replace("{text}", "").replace("{mask}", "");
            let letters = |c: char| c.is_alphanumeric() || c == ' ';
            assert!(own.chars().all(|c| ('\u{4e00}'..='\u{9fff}').contains(&c) || !letters(c)), "{row:?}");
        }
    }
}
