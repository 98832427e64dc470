//! Tasks of generation through the command line: references in the data, every method, what is written.

use std::fs::File;

use polars::prelude::{ParquetReader, SerReader};
use serde_json::Value;

use super::workplace::Workplace;

const MODEL: &str = "builtin:toy-causal";

fn seq2seq(name: &str) -> String {
    format!("{}/tests/fixtures/model/seq2seq/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// The sentences of the workplace, each with its first words as its summary.
fn workplace() -> Workplace {
    let workplace = Workplace::new();
    for split in ["train", "dev", "test"] {
        let rows = workplace.read(&format!("{split}.tsv"));
        let line = |row: &str| {
            let text = row.split('\t').next().unwrap_or_default();
            let words: Vec<&str> = text.split(' ').take(3).collect();
            format!("{text}\t{}\n", words.join(" "))
        };
        let lines: String = rows.lines().skip(1).map(line).collect();
        workplace.write(&format!("news/{split}.tsv"), format!("text\tsummary\n{lines}"));
    }
    workplace
}

fn experiment(model: &str, metric: &str, more: &str, search: &str) -> String {
    format!(
        "format: 1
name: news
task:
  dataset: {{ train: news/train.tsv, dev: news/dev.tsv, test: news/test.tsv }}
  template: \"{{text}} it was really {{mask}}\"
  target: summary
  metric: {metric}
{more}models: [{model}]
shots: [8]
seeds: [1, 2]
search:
  - {{ method: manual, templates: [\"{{text}} it was really {{mask}}\", \"{{text}} so {{mask}}\"] }}
{search}budget: {{ evaluations: 300 }}
limits: {{ test: 12, unlabelled: 8 }}
"
    )
}

const SEARCHES: &str = "  - { method: random, n_trigger: 2, words_only: false }
  - { method: paraphrase, n_candidates: 4, likelihood: 20 }
  - { method: autoprompt, n_trigger: 2, n_candidates: 4, batch_size: 4, words_only: false }
  - { method: gcg, n_trigger: 2, search_width: 4, batch_size: 4, words_only: false }
  - { method: pez, n_trigger: 2, batch_size: 4, words_only: false, eval_every: 2 }
  - { method: soft_prompt, n_soft: 2, batch_size: 4, eval_every: 2 }
  - { method: p_tuning, n_soft: 2, batch_size: 4, eval_every: 2 }
  - { method: optiprompt, batch_size: 4, eval_every: 2 }
  - { method: bbt, n_soft: 2, intrinsic_dim: 4, population: 4, batch_size: 4, eval_every: 2 }
  - { method: demonstrations, k: 2, separator: \" \" }
";
const PREFIX: &str = "  - { method: prefix, n_prefix: 2, batch_size: 4, eval_every: 2 }\n";
const FINE_TUNE: &str = "  - { method: fine_tune, batch_size: 4, eval_every: 2, steps: 4 }\n";

/// A column of `leaderboard.csv`, by method.
fn column(workplace: &Workplace, name: &str) -> Vec<(String, String)> {
    let text = workplace.read("results/news/leaderboard.csv");
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let headers = reader.headers().unwrap().clone();
    let place = |name: &str| headers.iter().position(|header| header == name).unwrap();
    let (method, at) = (place("method"), place(name));
    reader.records().map(|row| row.unwrap()).map(|row| (row[method].to_owned(), row[at].to_owned())).collect()
}

#[test]
fn every_method_mines_for_the_likelihood_of_references() {
    let llama = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/model/causal/llama").to_owned();
    let of_llama = format!("{SEARCHES}{PREFIX}{FINE_TUNE}");
    let of_t5 = format!("{SEARCHES}{PREFIX}");
    let models = [
        (MODEL.to_owned(), of_t5.clone()),
        (llama, of_llama),
        (seq2seq("bart"), SEARCHES.into()),
        (seq2seq("t5"), of_t5),
    ];
    for (model, search) in models {
        let workplace = workplace();
        workplace.write("news.yaml", experiment(&model, "target_log_likelihood", "", &search));
        let plan = workplace.done(&["plan", "news.yaml"]);
        assert!(plan.stdout.contains("autoprompt"), "{}", plan.stdout);
        workplace.done(&["run", "news.yaml"]);
        let rows = workplace.read("results/news/leaderboard.csv");
        assert!(!rows.contains("failed") && !rows.contains("majority_class"), "{model}: {rows}");
        let means = column(&workplace, "test_mean");
        assert_eq!(means.len(), search.lines().count() + 1, "{rows}");
        for ((method, mean), (_, low)) in means.iter().zip(column(&workplace, "test_low")) {
            let (mean, low): (f64, f64) = (mean.parse().unwrap(), low.parse().unwrap());
            assert!(mean < 0.0 && low < mean, "{model} {method}: {mean} {low}");
        }
        let compared = column(&workplace, "vs_manual_p");
        assert!(compared.iter().all(|(method, p)| method == "manual" || !p.is_empty()), "{compared:?}");
        let candidates = workplace.read("results/news/candidates.csv");
        assert!(candidates.contains(",{summary},") && candidates.lines().count() > 20, "{candidates}");
        assert!(workplace.read("results/news/leaderboard.md").contains("Metric: target_log_likelihood."));
        workplace.done(&["leaderboard", "results/news"]);
    }
}

#[test]
fn training_makes_references_likelier() {
    let workplace = workplace();
    let search = "  - { method: soft_prompt, n_soft: 4, batch_size: 8, eval_every: 5, learning_rate: 0.1 }\n";
    let yaml = experiment(MODEL, "target_log_likelihood", "", search).replace("evaluations: 300", "evaluations: 2000");
    workplace.write("news.yaml", yaml);
    workplace.done(&["run", "news.yaml"]);
    let gain: f64 =
        column(&workplace, "vs_manual").iter().find(|(method, _)| method == "soft_prompt").unwrap().1.parse().unwrap();
    assert!(gain > 0.1, "{gain}");
}

#[test]
fn exact_racing_picks_what_scoring_everything_picks() {
    let workplace = workplace();
    let templates =
        ["{text} so {mask}", "{text} {mask}", "{text} bad {mask}", "good {text} , {mask}", "it was {text} and {mask}"];
    let list: Vec<String> = templates.iter().map(|template| format!("\"{template}\"")).collect();
    for metric in ["target_log_likelihood", "rouge_l", "exact_match"] {
        let yaml = experiment(MODEL, metric, "", "")
            .replace("shots: [8]", "shots: [16]")
            .replace("evaluations: 300", "evaluations: 2000");
        workplace.write("news.yaml", yaml.replace("\"{text} so {mask}\"", &list.join(", ")));
        let chosen = |racing: &str| {
            let racing = format!("select.racing={racing}");
            workplace.done(&["run", "news.yaml", "--fresh", "--only", "manual", "--set", &racing]);
            let spent: u64 = column(&workplace, "evaluations")[0].1.parse().unwrap();
            (["prompt", "dev_mean", "test_mean"].map(|name| column(&workplace, name)), spent)
        };
        let ((all, spent), (raced, spent_racing)) = (chosen("none"), chosen("exact"));
        assert_eq!(all, raced, "{metric}");
        assert!(spent_racing <= spent, "{metric}: {spent_racing} of {spent}");
    }
}

#[test]
fn what_is_written_is_judged_and_kept() {
    for (model, metric) in
        [(MODEL.to_owned(), "rouge_l"), (MODEL.to_owned(), "exact_match"), (seq2seq("t5"), "rouge_l")]
    {
        let workplace = workplace();
        let more = "  generate: { max_new_tokens: 3 }\n";
        let search = "  - { method: soft_prompt, n_soft: 2, batch_size: 4, eval_every: 2 }\n";
        workplace.write("news.yaml", experiment(&model, metric, more, search));
        let plan = workplace.done(&["plan", "news.yaml"]);
        let said = format!("{}{}", plan.stdout, plan.stderr);
        assert!(said.contains("selection costs 2 evaluations an example"), "{said}");
        workplace.done(&["run", "news.yaml"]);
        let means = column(&workplace, "test_mean");
        assert!(means.iter().all(|(_, mean)| (0.0..=1.0).contains(&mean.parse::<f64>().unwrap())), "{means:?}");
        // Two prompts on eight dev examples, each scored and written, in either seed.
        let manual = column(&workplace, "evaluations").into_iter().find(|(method, _)| method == "manual").unwrap().1;
        assert!(manual.parse::<u64>().unwrap() <= 2 * 2 * 8 * 2, "{manual}");
        let trial = workplace
            .trials("results/news")
            .into_iter()
            .find(|path| path.display().to_string().contains("manual"))
            .unwrap();
        let table = ParquetReader::new(File::open(trial.join("predictions.parquet")).unwrap()).finish().unwrap();
        let names: Vec<&str> = table.get_column_names().into_iter().map(|name| name.as_str()).collect();
        assert_eq!(names, ["example", "reference", "generated", "log_likelihood", "content"]);
        assert_eq!(table.height(), 12);
        let events = std::fs::read_to_string(trial.join("events.jsonl")).unwrap();
        let tested: Value =
            serde_json::from_str(events.lines().find(|line| line.contains("\"tested\"")).unwrap()).unwrap();
        let values: Vec<f64> =
            tested["test"]["values"].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect();
        assert!((values.iter().sum::<f64>() / 12.0 - tested["test"]["metric"].as_f64().unwrap()).abs() < 1e-12);

        // The prompt that was found writes the same of the same texts.
        let prompt = trial.join("prompt.json").display().to_string();
        workplace.done(&["predict", "--prompt", &prompt, "--input", "news/test.tsv", "--output", "out.jsonl"]);
        let lines: Vec<Value> =
            workplace.read("out.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let generated = table.column("generated").unwrap().str().unwrap();
        let examples = table.column("example").unwrap().u32().unwrap();
        for number in 0..table.height() {
            let line = &lines[examples.get(number).unwrap() as usize];
            assert_eq!(line["generated"].as_str(), generated.get(number), "{line}");
            assert!(line["log_likelihood"].as_f64().unwrap() < 0.0 && line["reference"].is_string(), "{line}");
        }
        workplace.done(&[
            "predict",
            "--prompt",
            &prompt,
            "--input",
            "test.tsv",
            "--output",
            "out.csv",
            "--max-new-tokens",
            "2",
        ]);
        assert!(workplace.read("out.csv").starts_with("id,generated\n0,"), "{}", workplace.read("out.csv"));
        let score = workplace.done(&["score", "--prompt", &prompt, "--input", "news/test.tsv", "--format", "json"]);
        let score: Value = serde_json::from_str(&score.stdout).unwrap();
        assert!(score["target_log_likelihood"].as_f64().unwrap() < 0.0 && score["rouge_l_low"].is_number(), "{score}");
    }
}

#[test]
fn a_run_is_the_same_twice_and_its_controls_run() {
    let record = || {
        let workplace = workplace();
        let search = "  - { method: gcg, n_trigger: 2, search_width: 4, batch_size: 4, words_only: false }\n";
        let yaml = experiment(MODEL, "rouge_l", "  generate: { max_new_tokens: 3, stop: [.] }\n", search);
        workplace.write("news.yaml", yaml + "controls: [random_model, shuffled_labels]\n");
        workplace.done(&["run", "news.yaml"]);
        let rows = workplace.read("results/news/leaderboard.csv");
        assert!(!rows.contains("failed"), "{rows}");
        workplace.tables("results/news")
    };
    assert_eq!(record(), record());
}

#[test]
fn a_prompt_of_the_command_line_writes_and_is_measured() {
    let workplace = workplace();
    let prompt = ["--model", MODEL, "--template", "{text} so {mask}", "--verbalizer", "{summary}"];
    let input = ["--input", "news/test.tsv"];
    let score = workplace.done(&[&["score"], &prompt[..], &input].concat());
    for metric in ["target_log_likelihood -", "exact_match ", "rouge_l "] {
        assert!(score.stdout.contains(metric), "{}", score.stdout);
    }
    let predict = workplace.done(&[&["predict"], &prompt[..], &input, &["--max-new-tokens", "3"]].concat());
    assert_eq!(predict.stdout.lines().count(), 60);
    let refused = |arguments: &[&str], code: i32, says: &str| {
        let ran = workplace.run(arguments);
        assert_eq!(ran.code, code, "{}", ran.stderr);
        assert!(ran.stderr.contains(says), "{}", ran.stderr);
    };
    refused(&[&["explain"], &prompt[..], &["text"]].concat(), 2, "take `predict` or `score`");
    refused(&[&["score"], &prompt[..], &["--input", "test.tsv"]].concat(), 4, "no column `summary`");
    refused(
        &[&["score"], &prompt[..], &input, &["--calibration", "contextual"]].concat(),
        2,
        "corrects the scores of labels",
    );
    let labels = ["--template", "{text} so {mask}", "--verbalizer", "a=bad,b=good", "--max-new-tokens", "2"];
    refused(&[&["predict", "--model", MODEL], &labels[..], &input].concat(), 2, "for prompts that write texts");
    let masked = ["--model", "builtin:toy", "--template", "{text} so {mask}", "--verbalizer", "{summary}"];
    refused(&[&["score"], &masked[..], &input].concat(), 5, "fills masks, and references of any length");
}

#[test]
fn bad_references_are_refused_with_their_place() {
    let workplace = workplace();
    let good = experiment(MODEL, "target_log_likelihood", "", "");
    let refused = |yaml: String, arguments: &[&str], code: i32, says: &str| {
        workplace.write("bad.yaml", yaml);
        let ran = workplace.run(&[&["run", "bad.yaml"], arguments].concat());
        assert_eq!(ran.code, code, "{}", ran.stderr);
        assert!(ran.stderr.contains(says), "{says} in {}", ran.stderr);
    };
    refused(good.replace("target: summary", "target: headline"), &[], 4, "no column `headline`");
    refused(good.replace("shots: [8]", "shots: [0]"), &[], 3, "0 shots choose by how labels are spread");
    refused(good.replace("target_log_likelihood", "macro_f1"), &[], 3, "macro_f1 is for tasks with labels");
    refused(good.replace("  target: summary\n", ""), &[], 3, "name their column with `target`");
    refused(good.replace(MODEL, "builtin:toy"), &[], 5, "fills masks, and references of any length");
    refused(good.clone(), &["--keep-matrix"], 2, "leave it out");
    refused(
        good.replace("{text} so {mask}", "{text} so {summary} {mask}"),
        &[],
        3,
        "it shows {summary}, the reference itself",
    );
    let mut rows = workplace.read("news/dev.tsv");
    rows.push_str("a film\t \n");
    workplace.write("news/dev.tsv", rows);
    refused(good, &[], 4, "news/dev.tsv:42: ");
}
