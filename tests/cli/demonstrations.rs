//! Demonstrations from the experiment to their use, on masked and causal models, single texts and pairs.

use std::fs;

use serde_json::Value;

use super::workplace::{EXPERIMENT, Workplace};

const ITEMS: &str = "  - { method: demonstrations, choose: random, k: [1, 2], separator: \" \" }
  - { method: demonstrations, choose: nearest, k: 2, representation: [mean, mask], separator: \" \" }
  - { method: demonstrations, choose: searched, k: 2, n_candidates: 3, batch_size: 4, separator: \" \" }
";

fn experiment(items: &str) -> String {
    let autoprompt = "  - { method: autoprompt, n_trigger: 2, n_candidates: 4, batch_size: 4 }\n";
    assert!(EXPERIMENT.contains(autoprompt));
    EXPERIMENT.replace(autoprompt, items)
}

fn workplace(items: &str) -> Workplace {
    let workplace = Workplace::new();
    workplace.write("demos.yaml", experiment(items));
    workplace
}

fn events(workplace: &Workplace, method: &str) -> Vec<Value> {
    let trial = trial(workplace, method);
    let text = fs::read_to_string(trial.join("events.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn trial(workplace: &Workplace, method: &str) -> std::path::PathBuf {
    let is_of = |trial: &std::path::PathBuf| {
        let text = fs::read_to_string(trial.join("trial.json")).unwrap();
        serde_json::from_str::<Value>(&text).unwrap()["trial"]["label"] == method
    };
    workplace.trials("results/toy").into_iter().find(is_of).unwrap()
}

fn of_kind<'e>(events: &'e [Value], kind: &str) -> Vec<&'e Value> {
    events.iter().filter(|event| event["event"] == kind).collect()
}

#[test]
fn every_way_of_choosing_runs_within_its_budget_and_the_saved_prompt_gives_the_records_scores() {
    for model in ["builtin:toy", "builtin:toy-causal"] {
        let workplace = workplace(ITEMS);
        // What continues text answers at the end.
        let text = workplace.read("demos.yaml");
        let text = text.replace("{mask} film: {text}", "{text} the film was {mask}").replace("{mask}.", "{mask}");
        workplace.write("demos.yaml", text);
        workplace.done(&["run", "demos.yaml", "--set", &format!("models=[{model}]")]);
        for method in ["demonstrations", "demonstrations 2", "demonstrations 3"] {
            let events = events(&workplace, method);
            let finished = of_kind(&events, "finished");
            let spent = finished[0]["spent"]["evaluations"].as_u64().unwrap();
            assert!(spent <= 240, "{model} {method}: {spent}");
            let scored = of_kind(&events, "scored");
            let n = scored.len();
            match method {
                "demonstrations" => assert_eq!((n, spent), (2, 32), "{model}: 16 dev examples for k 1 and 2"),
                // A representation for each of 16 train and 16 dev examples, and a pass for these.
                "demonstrations 2" => assert_eq!((n, spent), (2, 2 * (16 + 2 * 16)), "{model}"),
                _ => assert!(n >= 2, "{model}: {n}"),
            }
            let saved = trial(&workplace, method).join("prompt.json");
            let predicted = workplace.done(&["predict", "--prompt", saved.to_str().unwrap(), "--input", "test.tsv"]);
            let predicted: Vec<Value> =
                predicted.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            let right = predicted.iter().filter(|line| line["label"] == line["predicted"]).count();
            let test = &of_kind(&events, "tested")[0]["test"];
            assert_eq!(test["metric"].as_f64().unwrap(), right as f64 / 60.0, "{model} {method}");
            let margins = test["margins"].as_array().unwrap();
            for (line, margin) in predicted.iter().zip(margins) {
                let (negative, positive) =
                    (line["logprob_negative"].as_f64().unwrap(), line["logprob_positive"].as_f64().unwrap());
                let found = if line["label"] == "positive" { positive - negative } else { negative - positive };
                assert!((found - margin.as_f64().unwrap()).abs() < 1e-5, "{model} {method}: {line} {margin}");
            }
        }
    }
}

#[test]
fn a_run_with_demonstrations_gives_the_same_bytes_twice_and_its_matrix_holds_what_was_kept() {
    let workplace = workplace(ITEMS);
    workplace.done(&["run", "demos.yaml", "--results", "one", "--jobs", "1", "--keep-matrix"]);
    workplace.done(&["run", "demos.yaml", "--results", "two", "--jobs", "3"]);
    assert_eq!(workplace.tables("one/toy"), workplace.tables("two/toy"));
    let replayed = workplace.done(&["select", "--matrix", "one/toy/matrix.parquet", "--shots", "4", "--draws", "5"]);
    assert!(replayed.stdout.contains("candidates"), "{}", replayed.stdout);
}

#[test]
fn explain_shows_the_demonstrations_and_which_did_not_fit() {
    let workplace = Workplace::new();
    let demo = |word: &str, text: &str| format!("{{demo:\"{word}\",\"text\"=\"{text}\";\" \"}}");
    let template =
        format!("{}{}{{text}} it was {{mask}}.", demo("bad", "the plot was dull"), demo("good", "great fun"));
    let explain = |text: &str| {
        let words = "negative=bad,positive=good";
        workplace
            .done(&["explain", "--model", "builtin:toy", "--template", &template, "--verbalizer", words, text])
            .stdout
    };
    let shown = explain("a fun film");
    assert!(
        shown.contains("the plot was dull it was bad. great fun it was good. a fun film it was [MASK]."),
        "{shown}"
    );
    assert!(shown.contains("cut off: nothing"), "{shown}");
    // The toy has 64 positions.
    let long = explain(&"fun ".repeat(50));
    assert!(long.contains("{demos} lost those in front and kept 1"), "{long}");
    assert!(!long.contains("the plot was dull") && long.contains("great fun it was good."), "{long}");
    let longer = explain(&"fun ".repeat(90));
    assert!(longer.contains("{text} was shortened to its first") && longer.contains("kept 0"), "{longer}");
    // A text is no demonstration of itself.
    let own = explain("great fun");
    assert!(own.contains("the plot was dull it was bad. great fun it was [MASK]."), "{own}");
}

#[test]
fn what_cannot_be_shown_is_refused_before_anything_runs() {
    let refused = |items: &str, arguments: &[&str], code: i32, parts: &[&str]| {
        let workplace = workplace(items);
        let ran = workplace.run(&[&["run", "demos.yaml"], arguments].concat());
        assert_eq!(ran.code, code, "{items}\n{}", ran.stderr);
        assert_eq!(ran.stderr.lines().filter(|line| line.starts_with("error: ")).count(), 1, "{}", ran.stderr);
        for part in parts {
            assert!(ran.stderr.contains(part), "{items}: {part}\n{}", ran.stderr);
        }
        assert!(!workplace.path("results").exists(), "{items}");
    };
    let item = |keys: &str| format!("  - {{ method: demonstrations, {keys} }}\n");
    refused(
        &item("k: 17"),
        &[],
        3,
        &["search[2].k: 17 demonstrations cannot be taken from the 16 training examples of `shots: 8`"],
    );
    refused(&item("k: 65"), &[], 3, &["search[2].k", "65", "1 to 64"]);
    refused(&item("choose: neerest"), &[], 3, &["unknown way to choose demonstrations", "did you mean nearest?"]);
    refused(
        &item("choose: nearest, order: drawn"),
        &[],
        3,
        &["search[2].order: no order that goes with `choose: nearest` (nearest_first, nearest_last)"],
    );
    refused(&item("template: '{demos}{demos}{text} {mask}'"), &[], 3, &["2 {demos} slots and one is allowed"]);
    refused(
        &item("template: '{text} {trigger:2}{mask}'"),
        &[],
        3,
        &["{trigger:N} belong to the items that search them"],
    );
    refused(
        "  - { method: random, template: '{demos}{text} {mask}' }\n",
        &[],
        3,
        &["{demos} belongs to the `template` of"],
    );
    // No training example is short enough for what the template leaves.
    let long = format!("template: '{}{{demos}}{{text}} {{mask}}'", "the ".repeat(58));
    refused(&item(&long), &[], 5, &["none of the 1 demonstration(s) fits into the 64 positions"]);
}

#[test]
fn without_shots_there_is_nothing_to_show_and_plan_says_so() {
    let workplace = workplace(ITEMS);
    let ran = workplace.done(&["plan", "demos.yaml", "--set", "shots=[0]"]);
    let said = ran.stdout + &ran.stderr;
    assert!(said.contains("`demonstrations` needs labels and makes no trial at 0 shots"), "{said}");
    workplace.write("no-train.yaml", experiment(ITEMS).replace("train: train.tsv, ", ""));
    let ran = workplace.run(&["run", "no-train.yaml"]);
    assert_eq!(ran.code, 4, "{}", ran.stderr);
    assert!(ran.stderr.contains("no train split"), "{}", ran.stderr);
}
