//! Bad input: each one error of a line or a short block, its exit code, no panic, nothing half-written.

use std::fs;
use std::path::Path;

use super::workplace::{EXPERIMENT, Workplace};

/// Runs it and expects one error with this code that says all `parts`.
fn refused(workplace: &Workplace, arguments: &[&str], code: i32, parts: &[&str]) {
    let ran = workplace.run(arguments);
    assert_eq!(ran.code, code, "{arguments:?}\n{}\n{}", ran.stdout, ran.stderr);
    assert_eq!(ran.stdout, "", "{arguments:?}");
    let errors: Vec<&str> = ran.stderr.lines().filter(|line| line.starts_with("error: ")).collect();
    assert_eq!(errors.len(), 1, "{arguments:?}\n{}", ran.stderr);
    assert!(ran.stderr.lines().count() <= 12 && ran.stderr.len() < 3000, "{arguments:?}\n{}", ran.stderr);
    for part in parts {
        assert!(ran.stderr.contains(part), "{arguments:?}: {part}\n{}", ran.stderr);
    }
    for never in ["panicked", "bug in promptmine", "RUST_BACKTRACE"] {
        assert!(!ran.stderr.contains(never), "{arguments:?}\n{}", ran.stderr);
    }
}

/// An experiment with `from` replaced is refused by `run`, and no results folder is made.
fn run_refused(from: &str, to: &str, code: i32, parts: &[&str]) {
    let workplace = Workplace::new();
    workplace.experiment("x.yaml", from, to);
    refused(&workplace, &["run", "x.yaml"], code, parts);
    assert!(!workplace.path("results").exists(), "{from} -> {to}");
}

#[test]
fn unknown_key() {
    run_refused("budget:", "budgt:", 3, &["x.yaml:14:", "budgt", "budget"]);
}

#[test]
fn unknown_method() {
    run_refused("method: autoprompt", "method: autopromt", 3, &["x.yaml:13:", "autopromt", "known: ", "autoprompt"]);
}

#[test]
fn unknown_slot() {
    run_refused("it was {mask}.\"\n  verb", "it {trigger:x} was {mask}.\"\n  verb", 3, &["x.yaml:5:", "trigger"]);
}

#[test]
fn unknown_column() {
    run_refused("\"{text} it was {mask}.\"\n  verb", "\"{review} it was {mask}.\"\n  verb", 4, &["review", "text"]);
}

#[test]
fn unknown_label() {
    run_refused("negative: [bad]", "negativ: [bad]", 4, &["negativ", "negative", "positive"]);
}

#[test]
fn a_word_that_the_tokenizer_cannot_write() {
    run_refused("[good]", "[zirkonium]", 5, &["zirkonium", "positive", "toy"]);
}

#[test]
fn too_few_examples_for_k() {
    run_refused("shots: [8]", "shots: [64]", 3, &["negative", "64", "20"]);
}

#[test]
fn a_template_without_a_mask() {
    run_refused("it was {mask}.\"\n  verb", "it was good.\"\n  verb", 3, &["x.yaml:5:", "mask"]);
}

#[test]
fn a_template_longer_than_the_positions() {
    let long = format!("{} {{mask}}.\"\n  verb", "very ".repeat(80));
    run_refused("it was {mask}.\"\n  verb", &long, 5, &["64 positions"]);
}

#[test]
fn an_unknown_built_in_model_or_data_set() {
    run_refused("builtin:toy", "builtin:bert-large", 5, &["bert-large", "reviews-en"]);
    run_refused("{ train: train.tsv, dev: dev.tsv, test: test.tsv }", "builtin:imdb", 4, &["imdb", "film-reviews"]);
}

#[test]
fn a_template_without_the_input() {
    run_refused("\"{text} it was {mask}.\"\n", "\"it was {mask}.\"\n", 3, &["task.template", "no slot for the input"]);
}

#[test]
fn a_budget_that_covers_nothing() {
    run_refused("evaluations: 240", "evaluations: 15", 3, &["budget.evaluations", "15", "at least 16"]);
}

#[test]
fn data_that_changed_under_a_results_folder() {
    let workplace = Workplace::new();
    workplace.done(&["run", "toy.yaml", "--only", "manual"]);
    workplace.write("train.tsv", workplace.read("train.tsv") + "a bad one more\tnegative\n");
    refused(&workplace, &["run", "toy.yaml", "--only", "manual"], 6, &["other data (train", "--fresh"]);
    workplace.done(&["run", "toy.yaml", "--only", "manual", "--fresh"]);
}

#[test]
fn a_budget_of_nothing() {
    run_refused("evaluations: 240", "evaluations: 0", 3, &["budget.evaluations"]);
}

#[test]
fn faults_of_data_files() {
    let cases: [(&str, &[u8], &[&str]); 7] = [
        ("dev.tsv", b"", &["dev.tsv"]),
        ("dev.tsv", b"text\tlabel\n", &["dev.tsv"]),
        ("dev.tsv", b"text\tlabel\nfine\tpositive\ndull\tmixed\n", &["dev.tsv:3", "mixed", "negative"]),
        ("dev.tsv", b"text\tlabel\nfine\tpositive\textra\n", &["dev.tsv:2", "3 fields"]),
        ("dev.tsv", b"text\tlabel\n\xff\xfe\xfa\tpositive\n", &["dev.tsv:2", "UTF-8"]),
        ("dev.tsv", b"PK\x03\x04\x00\x00\x00\x00", &["dev.tsv"]),
        ("train.tsv", b"text\tstars\ngood\t5\n", &["train.tsv", "label"]),
    ];
    for (file, bytes, parts) in cases {
        let workplace = Workplace::new();
        workplace.write(file, bytes);
        refused(&workplace, &["run", "toy.yaml"], 4, parts);
        assert!(!workplace.path("results").exists());
    }
}

#[test]
fn a_missing_file_and_a_folder_in_a_files_place() {
    let workplace = Workplace::new();
    fs::remove_file(workplace.path("dev.tsv")).unwrap();
    refused(&workplace, &["run", "toy.yaml"], 4, &["dev.tsv"]);
    fs::create_dir(workplace.path("dev.tsv")).unwrap();
    refused(&workplace, &["run", "toy.yaml"], 4, &["dev.tsv", "folder"]);
    refused(&workplace, &["run", "absent.yaml"], 3, &["absent.yaml"]);
    refused(&workplace, &["run", "."], 3, &["cannot be read"]);
    assert!(!workplace.path("results").exists());
}

#[test]
fn files_that_are_no_experiment() {
    let bomb: String = std::iter::once("a: &a [x, x, x, x, x, x, x, x, x]\n".to_owned())
        .chain((b'b'..=b'z').map(|c| {
            let (name, before) = (c as char, (c - 1) as char);
            format!("{name}: &{name} [{}]\n", vec![format!("*{before}"); 9].join(", "))
        }))
        .collect();
    let files: [(&str, Vec<u8>); 8] = [
        ("empty.yaml", Vec::new()),
        ("bomb.yaml", bomb.into_bytes()),
        ("brackets.yaml", vec![b'['; 100_000]),
        ("braces.yaml", b"{a: ".repeat(50_000)),
        ("binary.yaml", (0..=255u8).cycle().take(4096).collect()),
        ("zeros.yaml", vec![0; 1000]),
        ("list.yaml", b"- 1\n- 2\n".to_vec()),
        ("syntax.yaml", b"format: 1\n  name: [\n".to_vec()),
    ];
    let workplace = Workplace::new();
    for (name, bytes) in files {
        workplace.write(name, bytes);
        for command in ["run", "plan", "validate"] {
            refused(&workplace, &[command, name], 3, &[name]);
        }
    }
    assert!(!workplace.path("results").exists());
}

/// A copy of a tiny model, `change` done to it, is refused with code 5 by every command that opens models.
fn model_refused(change: impl Fn(&Path), parts: &[&str]) {
    let workplace = Workplace::new();
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/model/bert");
    for file in fs::read_dir(fixture).unwrap() {
        let file = file.unwrap();
        workplace.write(&format!("model/{}", file.file_name().to_string_lossy()), fs::read(file.path()).unwrap());
    }
    change(&workplace.path("model"));
    refused(&workplace, &["fill", "--model", "model", "a {mask}"], 5, parts);
    workplace.write("x.yaml", EXPERIMENT.replace("builtin:toy", "model"));
    refused(&workplace, &["run", "x.yaml"], 5, parts);
    assert!(!workplace.path("results").exists());
}

#[test]
fn damaged_models() {
    let weights = |model: &Path| model.join("model.safetensors");
    model_refused(
        |model| {
            let bytes = fs::read(weights(model)).unwrap();
            fs::write(weights(model), &bytes[..bytes.len() / 2]).unwrap();
        },
        &["model.safetensors"],
    );
    model_refused(|model| fs::write(weights(model), b"not weights at all").unwrap(), &["model.safetensors"]);
    model_refused(|model| fs::write(weights(model), []).unwrap(), &["model.safetensors"]);
    model_refused(|model| fs::remove_file(weights(model)).unwrap(), &["model.safetensors"]);
    model_refused(|model| fs::remove_file(model.join("config.json")).unwrap(), &["config.json"]);
    model_refused(|model| fs::write(model.join("config.json"), b"{").unwrap(), &["config.json"]);
    model_refused(|model| fs::remove_file(model.join("tokenizer.json")).unwrap(), &["tokenizer"]);
    model_refused(|model| fs::write(model.join("tokenizer.json"), b"[]").unwrap(), &["tokenizer.json"]);
}

#[test]
fn models_that_this_version_does_not_open() {
    let workplace = Workplace::new();
    for model in ["absent-folder", "hf:owner/name", "x.gguf", "hf:../../etc", ""] {
        refused(&workplace, &["fill", "--model", model, "a {mask}"], 5, &[]);
    }
}

#[test]
fn results_folders_that_cannot_be_written() {
    let workplace = Workplace::new();
    workplace.write("file", "");
    refused(&workplace, &["run", "toy.yaml", "--results", "file"], 6, &["file"]);
    refused(&workplace, &["run", "toy.yaml", "--results", "file/below"], 6, &["file"]);
    assert_eq!(workplace.read("file"), "");
}

#[test]
fn results_folders_of_something_else() {
    let workplace = Workplace::new();
    workplace.write("results/toy/thesis.tex", "years of work");
    refused(&workplace, &["run", "toy.yaml"], 6, &["results/toy"]);
    refused(&workplace, &["run", "toy.yaml", "--fresh"], 6, &["results/toy"]);
    assert_eq!(fs::read_dir(workplace.path("results/toy")).unwrap().count(), 1);
    refused(&workplace, &["leaderboard", "results/toy"], 6, &["provenance.json"]);
    refused(&workplace, &["leaderboard", "absent"], 6, &["absent"]);
}

#[test]
fn the_results_of_another_experiment_are_left_alone() {
    let workplace = Workplace::new();
    workplace.done(&["run", "toy.yaml", "--quiet"]);
    let before = workplace.read("results/toy/leaderboard.csv");
    workplace.experiment("other.yaml", "[good]", "[great]");
    refused(&workplace, &["run", "other.yaml"], 6, &["results/toy"]);
    fs::rename(workplace.path("results/toy"), workplace.path("results/renamed")).unwrap();
    refused(&workplace, &["run", "toy.yaml", "--set", "name=renamed"], 6, &["renamed", "toy"]);
    assert_eq!(workplace.read("results/renamed/leaderboard.csv"), before);
}

#[test]
fn a_damaged_record_is_named_by_file_and_line() {
    let workplace = Workplace::new();
    workplace.done(&["run", "toy.yaml", "--quiet"]);
    let events = workplace.trials("results/toy")[1].join("events.jsonl");
    let text = fs::read_to_string(&events).unwrap();
    let mut lines: Vec<&str> = text.lines().collect();
    lines[1] = "{]";
    fs::write(&events, lines.join("\n") + "\n").unwrap();
    refused(&workplace, &["leaderboard", "results/toy"], 6, &["events.jsonl:2"]);
    let healed = workplace.done(&["run", "toy.yaml"]);
    assert!(healed.stderr.contains("events.jsonl:2: not an event of this version"), "{}", healed.stderr);
    workplace.done(&["leaderboard", "results/toy"]);
}

#[test]
fn prompts_and_inputs_on_the_command_line() {
    let workplace = Workplace::new();
    let ask = |template: &'static str, words: &'static str, code: i32, parts: &[&str]| {
        let arguments = [
            "predict",
            "--model",
            "builtin:toy",
            "--template",
            template,
            "--verbalizer",
            words,
            "--input",
            "test.tsv",
            "--output",
            "out.csv",
        ];
        refused(&workplace, &arguments, code, parts);
        assert!(!workplace.path("out.csv").exists());
    };
    let words = "negative=bad,positive=good";
    ask("{text} it was", words, 3, &["mask"]);
    ask("{text} {mask", words, 3, &["template"]);
    ask("{review} it was {mask}", words, 4, &["review", "text"]);
    ask("{text} {mask}", "negative", 3, &["verbalizer"]);
    ask("{text} {mask}", "negative=bad,positive=xyzzy", 5, &["xyzzy"]);
    ask("{text} {trigger:3} {mask}", words, 2, &["trigger"]);
}

#[test]
fn a_label_of_the_file_that_the_verbalizer_does_not_have() {
    let workplace = Workplace::new();
    let arguments = [
        "score",
        "--model",
        "builtin:toy",
        "--template",
        "{text} {mask}",
        "--verbalizer",
        "bad=bad,positive=good",
        "--input",
        "test.tsv",
    ];
    refused(&workplace, &arguments, 4, &["test.tsv:2", "negative", "bad, positive"]);
}

#[test]
fn an_output_that_cannot_be_written() {
    let workplace = Workplace::new();
    let arguments = [
        "predict",
        "--model",
        "builtin:toy",
        "--template",
        "{text} {mask}",
        "--verbalizer",
        "n=bad,p=good",
        "--input",
        "test.tsv",
        "--output",
    ];
    for (output, code) in [("absent/out.csv", 6), ("out.xlsx", 2), ("out", 2)] {
        refused(&workplace, &[&arguments[..], &[output]].concat(), code, &[output]);
    }
}

#[test]
fn a_header_of_other_names_is_told_from_a_label_that_nobody_knows() {
    let workplace = Workplace::new();
    workplace.write("own.csv", "review,gold\ngood,positive\nbad,negative\n");
    let words = "negative=bad,positive=good";
    let arguments =
        ["score", "--model", "builtin:toy", "--template", "{text} {mask}", "--verbalizer", words, "--input", "own.csv"];
    refused(&workplace, &arguments, 4, &["own.csv:1", "looks like a header (`gold`", "--columns"]);
    workplace.done(&[&arguments[..], &["--columns", "text=review,label=gold"]].concat());
}

#[test]
fn a_results_folder_that_is_not_there_is_said_to_be_so() {
    let workplace = Workplace::new();
    refused(&workplace, &["leaderboard", "results/none"], 6, &["results/none does not exist"]);
}

#[test]
fn the_commands_that_init_names_can_be_typed() {
    let workplace = Workplace::new();
    let said = workplace.done(&["init", "新 实验.yaml"]).stderr;
    assert!(said.contains("promptmine plan '新 实验.yaml', then promptmine run '新 实验.yaml'"), "{said}");
}

#[test]
fn the_one_format_that_there_is_is_named() {
    let workplace = Workplace::new();
    workplace.experiment("toy2.yaml", "format: 1", "format: 2");
    refused(&workplace, &["validate", "toy2.yaml"], 3, &["format: 2 is not allowed (1 alone)"]);
}
