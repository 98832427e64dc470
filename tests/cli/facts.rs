//! Tasks of facts from end to end.

use std::collections::HashMap;

use serde_json::Value;

use super::workplace::Workplace;

type Rows = Vec<HashMap<String, String>>;

/// What the toy is asked for: objects of one token and of two.
const OBJECTS: [&str; 8] = ["good", "great", "wonderful", "bad", "terrible", "boring", "fun", "好"];

const EXPERIMENT: &str = "format: 1
name: facts
task:
  kind: facts
  dataset: { train: train.jsonl, dev: dev.jsonl, test: test.jsonl }
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
budget: { evaluations: 1000 }
";

/// A workplace with facts as ParaRel writes them, two lists of prompts, and an experiment.
fn workplace() -> Workplace {
    let workplace = Workplace::new();
    let mut splits = [String::new(), String::new(), String::new()];
    for (i, frame) in ["the N", "this N", "all the N", "a N", "it is a N"].iter().enumerate() {
        for (j, noun) in ["film", "movie", "story", "plot", "act", "watch"].iter().enumerate() {
            for (k, word) in ["good", "bad", "dull"].iter().enumerate() {
                let subject = format!("{word} {}", frame.replace('N', noun));
                let object = OBJECTS[(3 * k + i + j) % OBJECTS.len()];
                splits[(i + 2 * j) % 3] += &fact(&subject, object);
            }
        }
    }
    for (name, facts) in ["train", "dev", "test"].into_iter().zip(splits) {
        workplace.write(&format!("{name}.jsonl"), facts);
    }
    workplace.write("prompts.txt", "[X] was [Y] .\n[X] , truly [Y] !\n\n[X] is [Y] .\n");
    workplace
        .write("prompts.jsonl", "{\"pattern\": \"[Y] [X]\", \"tense\": \"?\"}\n{\"pattern\": \"[X] was [Y] .\"}\n");
    workplace.write("facts.yaml", EXPERIMENT);
    workplace
}

fn fact(subject: &str, object: &str) -> String {
    format!("{{\"sub_label\": \"{subject}\", \"obj_label\": \"{object}\", \"uuid\": \"x\"}}\n")
}

fn table(workplace: &Workplace, path: &str) -> Rows {
    let mut reader = csv::Reader::from_path(workplace.path(path)).unwrap();
    reader.deserialize().map(Result::unwrap).collect()
}

fn events(trial: &std::path::Path, of: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(trial.join("events.jsonl")).unwrap();
    let events = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    events.filter(|event| event["event"] == of).collect()
}

/// The ranks of the right objects, from what `predict` says of the file of test facts.
fn ranks(workplace: &Workplace, trial: &std::path::Path) -> Vec<f64> {
    let file =
        ["prompt.json", "prompt.safetensors"].map(|name| trial.join(name)).into_iter().find(|file| file.exists());
    let file = file.unwrap().display().to_string();
    let columns = "subject=sub_label,label=obj_label";
    let ran = workplace.done(&["predict", "--prompt", &file, "--input", "test.jsonl", "--columns", columns]);
    let rank = |line: &str| {
        let row: Value = serde_json::from_str(line).unwrap();
        let of = |object: &str| row[format!("logprob_{object}")].as_f64().unwrap();
        let gold = of(row["label"].as_str().unwrap());
        OBJECTS.iter().filter(|object| of(object) >= gold).count() as f64
    };
    ran.stdout.lines().map(rank).collect()
}

#[test]
fn lists_of_prompts_are_ranked_searches_run_and_test_figures_are_those_of_predict() {
    let workplace = workplace();
    let plan = workplace.done(&["plan", "facts.yaml"]);
    assert!(plan.stdout.contains("prompts.txt: 3 templates"), "{}", plan.stdout);
    assert!(plan.stdout.contains("answers are ranked among 8 objects"), "{}", plan.stdout);
    workplace.done(&["run", "facts.yaml"]);
    let candidates = table(&workplace, "results/facts/candidates.csv");
    let manual: Vec<_> = candidates.iter().filter(|row| row["method"] == "manual" && row["seed"] == "1").collect();
    let mut prompts: Vec<&str> = manual.iter().map(|row| row["prompt"].as_str()).collect();
    prompts.sort_unstable();
    let written = ["{mask} {subject}", "{subject} , truly {mask} !", "{subject} is {mask} .", "{subject} was {mask} ."];
    assert_eq!(prompts, written, "each once, from the item and both lists");
    assert!(manual.iter().all(|row| row["verbalizer"] == "8 objects"), "{manual:?}");
    let board = table(&workplace, "results/facts/leaderboard.csv");
    assert_eq!(board.len(), 4);
    for row in &board {
        // Eight facts in all: there are no classes.
        assert_eq!((row["n_dev"].as_str(), row["n_test"].as_str()), ("8", "30"), "{row:?}");
        assert!(row["evaluations"].parse::<u64>().unwrap() <= 2000, "{row:?}");
        let (mut sums, mut n) = ([0.0; 3], 0.0);
        let trials = workplace.trials("results/facts");
        for trial in trials.iter().filter(|trial| trial.display().to_string().contains(&format!("-{}_", row["method"])))
        {
            let ranks = ranks(&workplace, trial);
            let recorded = &events(trial, "ranked")[0]["ranks"];
            let recorded: Vec<f64> = recorded.as_array().unwrap().iter().map(|rank| rank.as_f64().unwrap()).collect();
            assert_eq!(ranks, recorded, "{}", row["method"]);
            let mean =
                |value: &dyn Fn(f64) -> f64| ranks.iter().map(|&rank| value(rank)).sum::<f64>() / ranks.len() as f64;
            sums[0] += mean(&|rank| f64::from(u8::from(rank <= 1.0)));
            sums[1] += mean(&|rank| f64::from(u8::from(rank <= 10.0)));
            sums[2] += mean(&|rank| 1.0 / rank);
            n += 1.0;
        }
        for (column, sum) in
            [("test_p_at_1", sums[0]), ("test_p_at_10", sums[1]), ("test_mrr", sums[2]), ("test_mean", sums[2])]
        {
            let found: f64 = row[column].parse().unwrap();
            assert!((found - sum / n).abs() < 1e-5, "{column}: {found} and {}: {row:?}", sum / n);
        }
    }
    assert!(
        workplace
            .read("results/facts/leaderboard.md")
            .contains("Precision at 1, precision at 10 and mean reciprocal rank")
    );
    let before = workplace.tables("results/facts");
    workplace.done(&["run", "facts.yaml", "--fresh"]);
    assert_eq!(workplace.tables("results/facts"), before);
}

#[test]
fn a_causal_model_takes_prompts_as_far_as_their_answer() {
    let workplace = workplace();
    let text = EXPERIMENT
        .replace("builtin:toy", "builtin:toy-causal")
        .replace("template: \"[X] is [Y] .\"", "template: \"[X] is [Y]\"\n  objects: { good: [good, excellent], bad: [bad], 好: [好] }\n  leave_out: [unlisted]")
        .replace("templates: [\"[X] is [Y] .\"], templates_from: [prompts.txt, prompts.jsonl]", "templates_from: [prompts.txt, prompts.jsonl], cut_behind_mask: true")
        .replace("shots: [8]", "shots: [full]");
    workplace.write("facts.yaml", text);
    let plan = workplace.done(&["plan", "facts.yaml"]);
    assert!(
        plan.stdout.contains("prompts.txt: 3 templates; of 3 punctuation behind {mask} was cut off"),
        "{}",
        plan.stdout
    );
    assert!(plan.stdout.contains("prompts.jsonl: 1 templates; of 1 punctuation"), "{}", plan.stdout);
    assert!(plan.stdout.contains("1 with words or slots behind {mask} were left out"), "{}", plan.stdout);
    assert!(plan.stdout.contains("the object is not among `objects`; `leave_out: [unlisted]`"), "{}", plan.stdout);
    workplace.done(&["run", "facts.yaml"]);
    let candidates = table(&workplace, "results/facts/candidates.csv");
    let mut prompts: Vec<&str> = candidates
        .iter()
        .filter(|row| row["method"] == "manual" && row["seed"] == "1")
        .map(|row| row["prompt"].as_str())
        .collect();
    prompts.sort_unstable();
    assert_eq!(prompts, ["{subject} , truly {mask}", "{subject} is {mask}", "{subject} was {mask}"]);
    // The experiment as it was run says the same again.
    let again = workplace.done(&["plan", "results/facts/experiment.yaml"]);
    assert!(
        again.stdout.contains("cut_behind_mask: true") && again.stdout.contains("leave_out: [unlisted]"),
        "{}",
        again.stdout
    );
}

#[test]
fn facts_that_a_model_cannot_answer_are_left_out_where_that_is_asked() {
    let workplace = workplace();
    let test = workplace.read("test.jsonl");
    workplace.write("test.jsonl", test + &fact("the plot", "zebra") + &fact("a wonderful good film", "Good"));
    let set =
        |leave_out: &str| EXPERIMENT.replace("  metric: mrr", &format!("  metric: p_at_1\n  leave_out: [{leave_out}]"));
    workplace.write("facts.yaml", set("trivial"));
    let refused = workplace.run(&["plan", "facts.yaml"]);
    assert_eq!(refused.code, 5, "{}", refused.stderr);
    assert!(
        refused.stderr.contains("label `zebra`: the tokenizer of toy cannot write the word `zebra`"),
        "{}",
        refused.stderr
    );
    workplace.write("facts.yaml", set("trivial, unwritable, several_tokens"));
    let plan = workplace.done(&["plan", "facts.yaml"]);
    // `wonderful`, `boring` and `zebra` are no single token of the toy's; `Good` says what its subject says.
    assert!(plan.stdout.contains("answers are ranked among 6 objects"), "{}", plan.stdout);
    let why = "the object is one of 3 that the models cannot answer with; `leave_out: [unwritable, several_tokens]`";
    assert!(plan.stdout.contains(why), "{}", plan.stdout);
    assert!(plan.stdout.contains("the subject says the object; `leave_out: [trivial]`"), "{}", plan.stdout);
    workplace.done(&["run", "facts.yaml", "--only", "manual"]);
}

#[test]
fn faults_are_one_clear_error_with_their_exit_code() {
    let workplace = workplace();
    let message = |from: &str, to: &str, code: i32| {
        assert!(EXPERIMENT.contains(from), "{from}");
        workplace.write("x.yaml", EXPERIMENT.replace(from, to));
        let ran = workplace.run(&["plan", "x.yaml"]);
        assert_eq!(ran.code, code, "{}", ran.stderr);
        ran.stderr
    };
    let has = |message: String, part: &str| assert!(message.contains(part), "{message}");
    has(
        message("metric: mrr", "metric: accuracy", 3),
        "accuracy is not for tasks of facts (these have p_at_1, p_at_10, mrr)",
    );
    has(message("  kind: facts\n", "", 3), "mrr is for tasks of facts (`kind: facts`;");
    has(
        message("template: \"[X] is", "template: \"it is", 3),
        "it does not show the subject ({subject}, [X] or 【x】)",
    );
    has(message("template: \"[X] is [Y] .\"", "template: \"[X] is .\"", 3), "it has no {mask}");
    has(message("metric: mrr", "verbalizer: { a: [b], c: [d] }", 3), "objects are their own words");
    has(message("metric: mrr", "leave_out: [unlisted]", 3), "`unlisted` needs a list of `objects`");
    has(message("method: random, n_trigger: 2", "method: label_words", 3), "the words of facts are their objects");
    has(message("shots: [8]", "shots: [31]", 3), "30 distinct facts in train, 31 shots need 31");
    has(message("prompts.txt", "none.txt", 4), "search[0].templates_from: none.txt:");
    workplace.write("bad.txt", "[X] is [Y]\n[X] is good\n");
    has(message("prompts.txt", "bad.txt", 4), "bad.txt: line 2: template `{subject} is good`: it has no {mask}");
    workplace.write("objects.txt", "good\nbad\n");
    let unlisted = message("metric: mrr", "objects: objects.txt", 4);
    has(unlisted, "is not among the 2 of `objects` (`leave_out: [unlisted]` leaves such facts out)");
    workplace.write("dev.jsonl", fact("the film", ""));
    has(message("metric: mrr", "metric: mrr", 4), "dev.jsonl:1: no label in column `object`");
    for split in ["train", "dev", "test"] {
        workplace.write(&format!("{split}.jsonl"), fact("the film", "good") + &fact("a film", "good"));
    }
    has(message("shots: [8]", "shots: [1]", 4), "and there is one, `good` (at least two are needed");
    workplace.write("train.tsv", "the film\tgood\na film\tbad\n");
    has(message("train.jsonl", "train.tsv, columns: { subject: s, object: o }", 4), "no column `o`");
}
