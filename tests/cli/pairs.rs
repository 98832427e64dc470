//! Pairs of texts through the command line: both slots, draws, flags, every method, bad input.

use serde_json::Value;

use super::workplace::Workplace;

/// Two-column data and an experiment with every method on them.
const EXPERIMENT: &str = r#"format: 1
name: pairs
task:
  dataset: { train: train.tsv, dev: dev.tsv, test: test.tsv, columns: [text_a, text_b, label], header: no }
  template: "{text_a} {mask}, {text_b}"
  verbalizer: { same: [good], other: [bad] }
models: [builtin:toy]
shots: [0, 4]
seeds: [1, 2]
search:
  - { method: manual, templates: ["{text_a} {mask}, {text_b}", "{text_b} and {text_a} {mask}"] }
  - { method: random, n_trigger: 2 }
  - { method: paraphrase, generators: [mask_fill], n_candidates: 4, beam: 2, batch_size: 4, n_texts: 4 }
  - { method: autoprompt, n_trigger: 2, n_candidates: 4, batch_size: 4 }
  - { method: soft_prompt, n_soft: 2, batch_size: 4, eval_every: 2 }
  - { method: demonstrations, choose: [random, nearest], k: 1, separator: " " }
budget: { evaluations: 240 }
limits: { unlabelled: 16 }
"#;

const NOUNS: [&str; 5] = ["film", "movie", "story", "plot", "act"];
const WORDS: [&str; 6] = ["good", "great", "fun", "bad", "dull", "awful"];

fn workplace() -> Workplace {
    let workplace = Workplace::new();
    let mut rows = Vec::new();
    for noun in NOUNS {
        for (i, one) in WORDS.iter().enumerate() {
            for (j, other) in WORDS.iter().enumerate().filter(|(j, _)| *j != i) {
                let label = if (i < 3) == (j < 3) { "same" } else { "other" };
                rows.push(format!("the {noun} was {one}\tthis is a {other} {noun}\t{label}\n"));
            }
        }
    }
    // Round the classes and the words, so that every split has all of them.
    let n = rows.len();
    let rows: Vec<String> = (0..n).map(|i| rows[i * 37 % n].clone()).collect();
    for (split, range) in [("train", 0..50), ("dev", 50..100), ("test", 100..150)] {
        workplace.write(&format!("{split}.tsv"), rows[range].concat());
    }
    workplace.write("pairs.yaml", EXPERIMENT);
    workplace
}

#[test]
fn every_method_runs_on_pairs_and_a_pair_file_is_predicted_scored_and_explained() {
    let workplace = workplace();
    let ran = workplace.done(&["run", "pairs.yaml"]);
    for method in ["manual", "random", "paraphrase", "autoprompt", "soft_prompt", "demonstrations"] {
        assert!(ran.stdout.contains(method), "{method}\n{}", ran.stdout);
    }
    let board = workplace.read("results/pairs/leaderboard.csv");
    assert!(!board.contains("failed") && board.contains("mutual_information"), "{board}");
    let saved = workplace.saved_prompt("results/pairs", "paraphrase");
    let columns = ["--columns", "text_a,text_b,label", "--header", "no"];
    let predict = [&["predict", "--prompt", &saved, "--input", "test.tsv"], &columns[..]].concat();
    let lines = workplace.done(&predict).stdout;
    assert_eq!(lines.lines().count(), 50);
    let first: Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    assert!(first["logprob_same"].is_number() && first["label"].is_string(), "{first}");
    // The same with a header and other names.
    let headed = format!("one\tanother\tgold\n{}", workplace.read("test.tsv"));
    workplace.write("headed.tsv", headed);
    let names = ["--columns", "text_a=one,text_b=another,label=gold"];
    let predict = [&["predict", "--prompt", &saved, "--input", "headed.tsv"], &names[..]].concat();
    assert_eq!(workplace.done(&predict).stdout, lines);
    let prompt = ["--template", "{text_a} {mask}, {text_b}", "--verbalizer", "same=good,other=bad"];
    let score = [&["score", "--model", "builtin:toy", "--input", "test.tsv"], &prompt[..], &columns[..]].concat();
    assert!(workplace.done(&score).stdout.contains("on 50 examples"));
    let explain = [&["explain", "--model", "builtin:toy"], &prompt[..], &["the film", "--text-b", "a movie"]].concat();
    let shown = workplace.done(&explain).stdout;
    assert!(shown.contains("the film [MASK], a movie"), "{shown}");
    // Of a pair the longer is shortened first; the toy has 64 positions, of which the template and the other take 8.
    let long = "fun ".repeat(90);
    let explain = [&["explain", "--model", "builtin:toy"], &prompt[..], &[&long, "--text-b", "a movie"]].concat();
    let shown = workplace.done(&explain).stdout;
    assert!(shown.contains("{text_a} was shortened") && !shown.contains("{text_b} was shortened"), "{shown}");
}

#[test]
fn draws_see_both_texts_and_do_not_depend_on_the_order_of_rows() {
    let workplace = workplace();
    workplace.done(&["run", "pairs.yaml", "--only", "manual", "--results", "one"]);
    let mut rows: Vec<String> = workplace.read("dev.tsv").lines().map(|row| format!("{row}\n")).collect();
    let dev_gold = |results: &str| {
        let trial = workplace.trials(&format!("{results}/pairs")).into_iter().next().unwrap();
        let text = std::fs::read_to_string(trial.join("events.jsonl")).unwrap();
        let event: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        (event["dev_set"].clone(), event["dev_gold"].clone())
    };
    rows.reverse();
    // A repeated pair is one example; the same texts the other way round are another pair.
    rows.push(rows[0].clone());
    workplace.write("dev.tsv", rows.concat());
    workplace.done(&["run", "pairs.yaml", "--only", "manual", "--results", "two"]);
    assert_eq!(dev_gold("one"), dev_gold("two"));
}

#[test]
fn a_prompt_that_copies_either_text_of_a_dev_pair_is_a_leak() {
    let workplace = workplace();
    let dev = workplace.read("dev.tsv");
    let row: Vec<&str> = dev.lines().next().unwrap().split('\t').collect();
    for copied in [row[1], "the film is very fun"] {
        let manual = format!("[\"{copied} {{text_a}} {{mask}}, {{text_b}}\"]");
        let text = EXPERIMENT.replace("[\"{text_a} {mask}, {text_b}\", \"{text_b} and {text_a} {mask}\"]", &manual);
        workplace.write("leak.yaml", text.replace("shots: [0, 4]", "shots: [full]"));
        workplace.done(&["run", "leak.yaml", "--only", "manual", "--fresh"]);
        let candidates = workplace.read("results/pairs/candidates.csv");
        assert_eq!(candidates.contains("label_leak"), copied == row[1], "{copied}\n{candidates}");
    }
}

#[test]
fn slots_that_the_data_do_not_have_are_refused_with_the_columns_that_there_are() {
    let workplace = workplace();
    workplace.write("single.yaml", super::workplace::EXPERIMENT.replace("{text} it was", "{text_a} it was {text_b}"));
    let single = Workplace::new();
    single.write("single.yaml", workplace.read("single.yaml"));
    let ran = single.run(&["run", "single.yaml"]);
    assert_eq!(ran.code, 4, "{}", ran.stderr);
    assert!(ran.stderr.contains("no column `text_a` (columns: text)"), "{}", ran.stderr);
    workplace.write("text.yaml", EXPERIMENT.replace("\"{text_a} {mask}, {text_b}\"\n", "\"{text} {mask}\"\n"));
    let ran = workplace.run(&["run", "text.yaml"]);
    assert_eq!(ran.code, 4, "{}", ran.stderr);
    assert!(ran.stderr.contains("no column `text` (columns: text_a, text_b)"), "{}", ran.stderr);
    let prompt = ["--template", "{text_a} {mask}, {text_b}", "--verbalizer", "same=good,other=bad"];
    let ran = single.run(&[&["predict", "--model", "builtin:toy", "--input", "test.tsv"], &prompt[..]].concat());
    assert_eq!(ran.code, 4, "{}", ran.stderr);
    assert!(ran.stderr.contains("text_a"), "{}", ran.stderr);
    let ran = workplace.run(&[&["explain", "--model", "builtin:toy"], &prompt[..], &["one text"]].concat());
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    assert!(ran.stderr.contains("2 slots") && ran.stderr.contains("--text-b"), "{}", ran.stderr);
    let rows = workplace.read("test.tsv").replace("the film was good\t", "the film was good\t ");
    workplace.write("test.tsv", format!("one text only\t\tsame\n{rows}"));
    let ran = workplace.run(&["run", "pairs.yaml"]);
    assert_eq!(ran.code, 4, "{}", ran.stderr);
    assert!(ran.stderr.contains("test.tsv:1") && ran.stderr.contains("text_b"), "{}", ran.stderr);
}
