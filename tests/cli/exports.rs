//! `export --to text`, `json` and `lm-eval`.

use std::fs;

use serde_json::Value;

use super::workplace::Workplace;

const EXPERIMENT: &str = r#"format: 1
name: toy
task:
  dataset: { train: train.tsv, dev: dev.tsv, test: test.tsv }
  template: "{text} it was {mask}"
  verbalizer: { negative: [bad, terrible], positive: [good] }
models: [builtin:toy-causal]
shots: [4]
seeds: [1]
search:
  - { method: manual, templates: ["{{%}} {text} it was {mask}"] }
  - { method: random, n_trigger: 1 }
  - { method: soft_prompt, n_soft: 2, batch_size: 4, eval_every: 2 }
budget: { evaluations: 200 }
"#;

fn ran(experiment: &str) -> Workplace {
    let workplace = Workplace::new();
    workplace.write("toy.yaml", experiment);
    workplace.done(&["run", "toy.yaml", "--quiet"]);
    workplace
}

fn refused(workplace: &Workplace, arguments: &[&str], code: i32, says: &str) {
    let ran = workplace.run(&[&["export"], arguments].concat());
    assert!(ran.code == code && ran.stderr.contains(says), "{arguments:?}: {} {}", ran.code, ran.stderr);
    assert!(!workplace.path("out").exists());
}

#[test]
fn a_prompt_of_a_causal_model_becomes_a_task_with_the_rows_of_its_run() {
    let workplace = ran(EXPERIMENT);
    let prompt = workplace.saved_prompt("results/toy", "manual");
    let export = ["export", &prompt, "--to", "lm-eval", "--output", "task"];
    let said = workplace.done(&export).stdout;
    assert_eq!(said, "task: task promptmine_toy, 60 rows of test, 40 rows of validation\n");
    let yaml = workplace.read("task/promptmine_toy.yaml");
    let expected = "task: \"promptmine_toy\"\ncustom_dataset: !function promptmine_task.load\ntest_split: test\nvalidation_split: \
                    validation\noutput_type: multiple_choice\ndoc_to_text: \"{{ '{' }}%{{ '}' }} {{ text }} it was\"\ndoc_to_choice:\n  - \
                    \" bad\"\n  - \" terrible\"\n  - \" good\"\ndoc_to_target: gold\nprocess_results: !function \
                    promptmine_task.process_results\n";
    assert!(yaml.contains(expected), "{yaml}");
    assert!(yaml.contains("target_delimiter: \"\"\nnum_fewshot: 0\n"), "{yaml}");
    let row: Value = serde_json::from_str(workplace.read("task/test.jsonl").lines().nth(1).unwrap()).unwrap();
    assert_eq!((&row["id"], &row["label"], &row["gold"]), (&"1".into(), &"positive".into(), &1.into()));
    let test = workplace.read("test.tsv");
    let text = test.lines().nth(2).unwrap().split('\t').next().unwrap();
    assert_eq!(row["text"], text);
    assert!(workplace.read("task/promptmine_task.py").contains("LABEL_OF_WORD = [0, 0, 1]"));
    assert!(workplace.read("task/README.md").contains("- negative (0): `bad`, `terrible`"));
    // A second export would overwrite the first.
    let again = workplace.run(&export);
    assert!(again.code == 2 && again.stderr.contains("is there already"), "{}", again.stderr);
}

#[test]
fn the_first_word_of_each_label_is_another_task_and_has_to_be_asked_for() {
    let workplace = ran(EXPERIMENT);
    let prompt = workplace.saved_prompt("results/toy", "manual");
    workplace.write("own.csv", "review,gold\n\"fine, {film}\",positive\nbad,negative\n");
    let named = ["--data", "own.csv", "--columns", "text=review,label=gold", "--words", "first", "--name", "mine"];
    workplace.done(&[&["export", &prompt, "--to", "lm-eval", "--output", "task"][..], &named].concat());
    let yaml = workplace.read("task/mine.yaml");
    assert!(yaml.contains("doc_to_choice:\n  - \" bad\"\n  - \" good\"\n"), "{yaml}");
    assert!(!yaml.contains("process_results") && !yaml.contains("validation"), "{yaml}");
    assert!(workplace.read("task/README.md").contains("only the first word"));
    let rows = workplace.read("task/test.jsonl");
    assert!(rows.lines().count() == 2 && rows.contains("\"text\":\"fine, {film}\""), "{rows}");
}

#[test]
fn what_the_harness_cannot_ask_alike_is_refused_and_nothing_is_written() {
    let workplace = ran(EXPERIMENT);
    let prompt = workplace.saved_prompt("results/toy", "manual");
    let told = |more: &[&str], code: i32, says: &str| {
        let arguments = [&[prompt.as_str(), "--to", "lm-eval", "--output", "out"][..], more].concat();
        refused(&workplace, &arguments, code, says);
    };
    told(&["--name", "a/b"], 2, "`a/b` is no name for a task");
    told(&["--data", "none.tsv"], 4, "none.tsv");
    workplace.write("labels.tsv", "text\tlabel\ngood\tneutral\n");
    told(&["--data", "labels.tsv"], 4, "unknown label `neutral`");
    told(&["--data", "builtin:film-reviews", "--header", "no"], 2, "are for a file");
    told(&["--columns", "text,label"], 2, "--data");
    let soft = workplace.trials("results/toy").into_iter().find(|path| path.to_string_lossy().contains("soft_prompt"));
    let soft = soft.unwrap().join("prompt.safetensors").display().to_string();
    refused(&workplace, &[&soft, "--to", "lm-eval", "--output", "out"], 5, "it has vectors");
    refused(&workplace, &[&soft, "--to", "text"], 5, "it has vectors");
    refused(&workplace, &["results/toy", "--to", "lm-eval", "--output", "out"], 2, "takes one prompt");
    refused(&workplace, &[&prompt, "--to", "lm-eval"], 2, "needs --output DIR");
    refused(&workplace, &[&prompt, "--to", "text", "--words", "first"], 2, "--words is for --to lm-eval");
    refused(&workplace, &[&prompt, "--to", "json", "--model", "builtin:toy"], 2, "opens no model");
    workplace.write("test.tsv", "text\tlabel\ngood\tpositive\nbad\tnegative\n");
    told(&[], 2, "the test file has changed since the run");
    fs::copy(&prompt, workplace.path("lone.json")).unwrap();
    refused(&workplace, &["lone.json", "--to", "lm-eval", "--output", "out"], 2, "name the rows with --data");
    let saved = workplace.read("lone.json");
    workplace.write("mean.json", saved.replace("\"joint\"", "\"mean\"").replace("\"terrible\"", "\"not good\""));
    let rows = ["--to", "lm-eval", "--data", "test.tsv", "--output", "out"];
    refused(&workplace, &[&["mean.json"][..], &rows].concat(), 5, "`mean` divides by the number of tokens");
    let masked = ran(&super::workplace::EXPERIMENT.replace("  - { method: autoprompt", "  # - { method: autoprompt"));
    let prompt = masked.saved_prompt("results/toy", "manual");
    refused(&masked, &[&prompt, "--to", "lm-eval", "--output", "out"], 5, "fills masks, and the harness asks");
}

#[test]
fn prompts_are_text_and_json_for_others() {
    let workplace = ran(EXPERIMENT);
    let prompt = workplace.saved_prompt("results/toy", "manual");
    let text = workplace.done(&["export", &prompt, "--to", "text"]).stdout;
    assert_eq!(
        text,
        "{%} {text} it was {mask}\n\nlabel negative: bad | terrible\nlabel positive: good\nmodel: builtin:toy-causal\nfound by: manual\n"
    );
    let json: Value = serde_json::from_str(&workplace.done(&["export", &prompt, "--to", "json"]).stdout).unwrap();
    assert_eq!((&json["format"], &json["version"]), (&"promptmine-prompt".into(), &1.into()));
    assert_eq!(json["template"], "{{%}} {text} it was {mask}");
    assert_eq!(
        json["parts"],
        serde_json::json!([
            { "type": "text", "text": "{%} " }, { "type": "column", "name": "text" },
            { "type": "text", "text": " it was " }, { "type": "mask", "n_tokens": null },
        ])
    );
    assert_eq!((&json["openprompt"], &json["data"]["experiment"]), (&Value::Null, &"toy".into()));
    let random = workplace.saved_prompt("results/toy", "random");
    let json: Value = serde_json::from_str(&workplace.done(&["export", &random, "--to", "json"]).stdout).unwrap();
    assert_eq!(json["parts"][2]["type"], "trigger", "{json}");
    assert_eq!(json["parts"][2]["token_ids"].as_array().unwrap().len(), 1);
    assert!(json["openprompt"].as_str().unwrap().starts_with("{\"placeholder\":\"text_a\"} it was "), "{json}");

    let said = workplace.done(&["export", "results/toy", "--to", "json", "--output", "prompts"]);
    assert!(
        said.stdout.contains("prompts: 2 prompts") && said.stderr.contains("1 prompt with vectors"),
        "{}",
        said.stderr
    );
    assert_eq!(fs::read_dir(workplace.path("prompts")).unwrap().count(), 2);
    let again = workplace.run(&["export", "results/toy", "--to", "json", "--output", "prompts"]);
    assert!(again.code == 2 && again.stderr.contains("is there already"), "{}", again.stderr);
    let both = workplace.done(&["export", "results/toy", "--to", "json"]).stdout;
    assert_eq!(serde_json::from_str::<Value>(&both).unwrap().as_array().unwrap().len(), 2);
}

#[test]
fn references_are_each_rows_own_answer() {
    let workplace = Workplace::new();
    for (split, it) in [("train", "the film"), ("dev", "a movie"), ("test", "it")] {
        let rows =
            format!("text\tsummary\n{it} was good\tgood film\n{it} was bad\tbad movie\n{it} is good\tgood movie\n");
        workplace.write(&format!("{split}.tsv"), rows);
    }
    workplace.write(
        "toy.yaml",
        "format: 1\nname: toy\ntask: { dataset: { train: train.tsv, dev: dev.tsv, test: test.tsv }, target: summary, template: \
         \"{text} it was {mask}\", metric: target_log_likelihood }\nmodels: [builtin:toy-causal]\nshots: [2]\nseeds: [1]\nsearch:\n  - manual\n",
    );
    workplace.done(&["run", "toy.yaml", "--quiet"]);
    let prompt = workplace.saved_prompt("results/toy", "manual");
    workplace.done(&["export", &prompt, "--to", "lm-eval", "--output", "task"]);
    let yaml = workplace.read("task/promptmine_toy.yaml");
    assert!(yaml.contains("output_type: loglikelihood\n") && yaml.contains("doc_to_target: target\n"), "{yaml}");
    assert!(workplace.read("task/test.jsonl").contains("\"target\":\" good film\""));
}

#[test]
fn a_word_behind_a_line_break_has_no_space_and_becomes_the_tokens_of_its_text() {
    // The harness reads the prompt as text: where it would find other tokens, the export is refused.
    let workplace = Workplace::new();
    let model = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/model/causal/gpt2");
    let models = format!("models: [\"{}\"]", model.display());
    let experiment = EXPERIMENT.replace("models: [builtin:toy-causal]", &models);
    let templates = "templates: [\"{{%}} {text} it was {mask}\"]";
    let random =
        "  - { method: random, n_trigger: 1 }\n  - { method: soft_prompt, n_soft: 2, batch_size: 4, eval_every: 2 }\n";
    assert!(experiment.contains(templates) && experiment.contains(random));
    let experiment = experiment.replace(random, "").replace(templates, "templates: [\"{text}\\nIt was:\\n{mask}\"]");
    workplace.write("toy.yaml", experiment);
    workplace.done(&["run", "toy.yaml", "--quiet"]);
    let prompt = workplace.saved_prompt("results/toy", "manual");
    workplace.done(&["export", &prompt, "--to", "lm-eval", "--output", "task"]);
    let yaml = workplace.read("task/promptmine_toy.yaml");
    assert!(yaml.contains("doc_to_text: \"{{ text }}\\nIt was:\\n\"\ndoc_to_choice:\n  - \"bad\"\n"), "{yaml}");
}
