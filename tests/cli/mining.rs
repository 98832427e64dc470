//! `mining` from end to end: facts and label words, in a corpus and in the texts of train.

use std::collections::HashMap;
use std::path::Path;

use serde_json::Value;

use super::workplace::{EXPERIMENT, Workplace};

type Rows = Vec<HashMap<String, String>>;

const FACTS: &str = "format: 1
name: facts
task:
  kind: facts
  dataset: { train: train.tsv, dev: dev.tsv, test: test.tsv, columns: [subject, object], header: no }
  template: \"[X] is [Y] .\"
  metric: mrr
models: [builtin:toy]
shots: [full]
seeds: [1]
search:
  - { method: mining, corpus: corpus.txt, window: 1 }
budget: { evaluations: 3000 }
";

const CORPUS: &str = "the film is truly good .
this movie is truly bad and dull .
a good watch , the film .
the story is truly good , but the plot was bad .
it was a film

the act was great .
";

/// Facts of films and a corpus that says some of them; `the act` is of dev and test.
fn facts() -> Workplace {
    let workplace = Workplace::new();
    workplace.write("train.tsv", "the film\tgood\nthis movie\tbad\nthe story\tgood\nthe plot\tbad\n");
    workplace.write("dev.tsv", "the act\tgreat\nthe watch\tgood\n");
    workplace.write("test.tsv", "all the act\tgreat\nall the film\tbad\n");
    workplace.write("corpus.txt", CORPUS);
    workplace.write("facts.yaml", FACTS);
    workplace
}

/// The toy experiment with other items.
fn labels(items: &[&str]) -> Workplace {
    let workplace = Workplace::new();
    let (head, _) = EXPERIMENT.split_once("search:").unwrap();
    let items: String = items.iter().map(|item| format!("  - {item}\n")).collect();
    workplace.write("toy.yaml", format!("{head}search:\n{items}budget: {{ evaluations: 480 }}\n"));
    workplace
}

fn table(workplace: &Workplace, path: &str) -> Rows {
    let mut reader = csv::Reader::from_path(workplace.path(path)).unwrap();
    reader.deserialize().map(Result::unwrap).collect()
}

fn mined(workplace: &Workplace, results: &str) -> Rows {
    let rows = table(workplace, &format!("{results}/candidates.csv"));
    rows.into_iter().filter(|row| row["method"] == "mining").collect()
}

fn events(trial: &Path, of: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(trial.join("events.jsonl")).unwrap();
    let events = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    events.filter(|event| event["event"] == of).collect()
}

fn trial(workplace: &Workplace, results: &str) -> std::path::PathBuf {
    let trials = workplace.trials(results).into_iter();
    trials.filter(|trial| trial.display().to_string().contains("-mining_")).min().unwrap()
}

#[test]
fn templates_of_facts_are_mined_from_sentences_that_say_training_facts() {
    let workplace = facts();
    let plan = workplace.done(&["plan", "facts.yaml"]);
    assert!(plan.stdout.contains("corpus: [corpus.txt]") && plan.stdout.contains("n_templates: 40"), "{}", plan.stdout);
    let note = "corpus.txt: 6 sentences, 0.0 MB; `mining` goes through them once for each cell of 1 trials";
    assert!(plan.stdout.contains(note), "{}", plan.stdout);
    workplace.done(&["run", "facts.yaml"]);
    let found = mined(&workplace, "results/facts");
    let mut prompts: Vec<&str> = found.iter().map(|row| row["prompt"].as_str()).collect();
    prompts.sort_unstable();
    assert_eq!(
        prompts,
        [
            "A {mask} watch , {subject} .",
            "{mask} watch , {subject} .",
            "{subject} is truly {mask} .",
            "{subject} is truly {mask} and .",
            "{subject} was {mask} .",
            "But {subject} was {mask} .",
        ]
        .into_iter()
        .collect::<std::collections::BTreeSet<_>>()
        .into_iter()
        .collect::<Vec<_>>()
    );
    let trial = trial(&workplace, "results/facts");
    let trace = events(&trial, "step")[0]["trace"].clone();
    assert_eq!((trace["sentences"].as_u64(), trace["matched"].as_u64()), (Some(6), Some(4)), "{trace}");
    assert_eq!(trace["passes"], 1);
    assert!(trace["seconds"].is_f64() && trace["bytes"].as_u64() == Some(CORPUS.len() as u64), "{trace}");
    assert_eq!(trace["best"][0]["origin"], "middle words of 3 facts in 3 sentences, first corpus.txt:1", "{trace}");
    // The facts of dev and test are never looked for, though the corpus says one.
    assert!(!trace.to_string().contains("corpus.txt:7"), "{trace}");
    // Two dev facts, as many passes as the object has tokens at most, and nothing for the mining.
    let row = &table(&workplace, "results/facts/leaderboard.csv").into_iter().find(|row| row["method"] == "mining");
    assert!(row.as_ref().unwrap()["evaluations"].parse::<u64>().unwrap() <= 3000);
    let provenance: Value = serde_json::from_str(&workplace.read("results/facts/provenance.json")).unwrap();
    let hash = blake3::hash(CORPUS.as_bytes()).to_hex().to_string();
    assert_eq!(provenance["corpora_blake3"]["corpus.txt"], hash.as_str());
}

#[test]
fn a_corpus_that_changes_between_runs_is_noticed_and_mined_again() {
    let workplace = facts();
    workplace.done(&["run", "facts.yaml", "--jobs", "1"]);
    let same = workplace.done(&["run", "facts.yaml"]);
    assert_eq!(same.stderr.matches("complete already, stays").count(), 3, "{}", same.stderr);
    workplace.write("corpus.txt", format!("{CORPUS}the plot is not bad .\n"));
    let other = workplace.done(&["run", "facts.yaml"]);
    assert!(other.stderr.contains("corpus.txt: it is not the corpus that it was"), "{}", other.stderr);
    assert_eq!(other.stderr.matches("complete already, stays").count(), 2, "{}", other.stderr);
    let prompts: Vec<String> =
        mined(&workplace, "results/facts").into_iter().map(|row| row["prompt"].clone()).collect();
    assert!(prompts.contains(&"{subject} is not {mask} .".to_owned()), "{prompts:?}");
}

#[test]
fn contexts_of_label_words_are_mined_from_the_texts_of_train_at_0_shots_and_at_8() {
    let workplace = labels(&["{ method: mining, n_templates: 6, max_words: 3 }"]);
    let shots = "shots=[0, 8]";
    let plan = workplace.done(&["plan", "toy.yaml", "--set", shots]);
    assert!(plan.stdout.contains("place: [after, before]"), "{}", plan.stdout);
    assert!(!plan.stdout.contains("`mining` needs labels"), "{}", plan.stdout);
    workplace.done(&["run", "toy.yaml", "--set", shots, "--results", "one", "--jobs", "1"]);
    workplace.done(&["run", "toy.yaml", "--set", shots, "--results", "two", "--jobs", "2"]);
    assert_eq!(workplace.tables("one/toy"), workplace.tables("two/toy"));
    let found = mined(&workplace, "one/toy");
    for shots in ["0", "8"] {
        assert!(found.iter().filter(|row| row["shots"] == shots).count() > 2, "{found:?}");
    }
    for row in &found {
        let prompt = &row["prompt"];
        assert_eq!((prompt.matches("{text}").count(), prompt.matches("{mask}").count()), (1, 1), "{prompt}");
        assert!(!prompt.contains("good") && !prompt.contains("bad"), "{prompt}");
    }
    let prompts: Vec<&str> = found.iter().map(|row| row["prompt"].as_str()).collect();
    assert!(prompts.iter().any(|prompt| prompt.contains("{text} Was {mask}.")), "{prompts:?}");
}

#[test]
fn a_corpus_in_columns_serves_a_causal_model() {
    let workplace = labels(&["{ method: mining, corpus: [c.jsonl, d.tsv], column: body }"]);
    workplace.write("toy.yaml", workplace.read("toy.yaml").replace("builtin:toy", "builtin:toy-causal"));
    workplace.write("toy.yaml", workplace.read("toy.yaml").replace("it was {mask}.\"", "it was {mask}\""));
    workplace.write("c.jsonl", "{\"body\": \"all the film is good\"}\n{\"body\": \"it is bad\"}\n");
    workplace.write("d.tsv", "id\tbody\n1\tso very bad\n2\tvery good\n");
    workplace.done(&["run", "toy.yaml", "--set", "seeds=[1]"]);
    let mut prompts: Vec<String> =
        mined(&workplace, "results/toy").into_iter().map(|row| row["prompt"].clone()).collect();
    prompts.sort_unstable();
    assert_eq!(prompts, ["{text} Is {mask}", "{text} Very {mask}"]);
}

#[test]
fn what_is_wrong_with_an_item_is_told_before_anything_runs() {
    let workplace = facts();
    workplace.write("latin.txt", b"good\nna\xefve\n");
    workplace.write("empty.txt", "\n\n");
    workplace.write("other.tsv", "body\nx\n");
    workplace.write("nothing.txt", "a sentence of nothing\n");
    let item = "{ method: mining, corpus: corpus.txt, window: 1 }";
    for (with, code, says) in [
        ("mining", 3, "search[0]: `mining` of facts needs `corpus: FILE`"),
        ("{ method: mining, corpus: corpus.txt, place: after }", 3, "search[0].place: is of tasks of labels"),
        ("{ method: mining, corpus: none.txt }", 4, "search[0].corpus: cannot read `none.txt`"),
        ("{ method: mining, corpus: latin.txt }", 4, "latin.txt:2: the bytes are not UTF-8"),
        ("{ method: mining, corpus: empty.txt }", 4, "`empty.txt` holds no rows"),
        ("{ method: mining, corpus: other.tsv }", 4, "`other.tsv`: no column `text` (columns: body)"),
    ] {
        workplace.write("bad.yaml", FACTS.replace(item, with));
        for command in ["plan", "run"] {
            let ran = workplace.run(&[command, "bad.yaml"]);
            assert_eq!(ran.code, code, "{with}: {}", ran.stderr);
            assert!(ran.stderr.contains(says), "{with}: {}", ran.stderr);
            assert!(ran.stderr.contains("bad.yaml:"), "{with}: {}", ran.stderr);
        }
    }
    workplace.write("bad.yaml", FACTS.replace(item, "{ method: mining, corpus: none.txt }"));
    let ran = workplace.run(&["validate", "bad.yaml"]);
    assert_eq!(ran.code, 4, "{}", ran.stderr);
    assert!(
        ran.stderr.contains("search[0].corpus: there is no file") && ran.stderr.contains("none.txt"),
        "{}",
        ran.stderr
    );
    workplace.done(&["validate", "facts.yaml"]);
    workplace.write("bad.yaml", FACTS.replace("corpus: corpus.txt", "corpus: nothing.txt"));
    let ran = workplace.run(&["run", "bad.yaml"]);
    assert_eq!(ran.code, 7, "{}", ran.stderr);
    assert!(ran.stderr.contains("nothing was mined: of 1 sentences 0 hold"), "{}", ran.stderr);
}

#[test]
fn pairs_references_and_a_text_behind_a_causal_answer_are_refused() {
    let workplace = labels(&["{ method: mining, place: before }"]);
    let toy = workplace.read("toy.yaml");
    let causal = toy.replace("builtin:toy", "builtin:toy-causal").replace("it was {mask}.\"", "it was {mask}\"");
    workplace.write("causal.yaml", causal);
    let ran = workplace.run(&["plan", "causal.yaml"]);
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    assert!(ran.stderr.contains("`place: before` puts the text behind it (allowed: after)"), "{}", ran.stderr);
    for split in ["train", "dev", "test"] {
        let row = |i: usize| format!("the film {i} {split}\tgood {i}\t{}\n", ["negative", "positive"][i % 2]);
        workplace.write(&format!("p-{split}.tsv"), (0..24).map(row).collect::<String>());
    }
    let pairs = toy
        .replace(
            "train: train.tsv, dev: dev.tsv, test: test.tsv",
            "train: p-train.tsv, dev: p-dev.tsv, test: p-test.tsv, columns: [text_a, text_b, label], header: no",
        )
        .replace("{text} it was {mask}.", "{text_a} it was {mask} , {text_b}");
    workplace.write("pairs.yaml", pairs);
    let ran = workplace.run(&["plan", "pairs.yaml"]);
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    assert!(
        ran.stderr.contains("the task's template shows text_a, text_b, and what is mined goes with one text"),
        "{}",
        ran.stderr
    );
    let references = toy.replace("  verbalizer: { negative: [bad], positive: [good] }\n", "  target: label\n");
    workplace.write("references.yaml", references.replace("target: label", "target: answer"));
    let ran = workplace.run(&["validate", "references.yaml"]);
    assert!(
        ran.stderr.contains("it mines the contexts of label words, and the task's answers are the texts of `answer`"),
        "{}",
        ran.stderr
    );
}
