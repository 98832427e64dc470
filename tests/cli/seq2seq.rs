//! BART and T5 through the command line: gaps, label words, generation, every method.

use serde_json::Value;

use super::workplace::Workplace;

fn folder(name: &str) -> String {
    format!("{}/tests/fixtures/model/seq2seq/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// A copy of a fixture with one of its files changed, or taken away where nothing is left of it.
fn altered(workplace: &Workplace, name: &str, file: &str, change: impl Fn(String) -> String) -> String {
    for entry in std::fs::read_dir(folder(name)).unwrap() {
        let path = entry.unwrap().path();
        let own = path.file_name().unwrap().to_string_lossy().into_owned();
        workplace.write(&format!("model/{own}"), std::fs::read(&path).unwrap());
    }
    let path = workplace.path(&format!("model/{file}"));
    let changed = change(std::fs::read_to_string(&path).unwrap());
    std::fs::write(path, changed).unwrap();
    "model".to_owned()
}

#[test]
fn gaps_are_filled_and_texts_written() {
    let workplace = Workplace::new();
    for (name, gap) in [("bart", "<mask>"), ("t5", "<extra_id_0>")] {
        let fill = |text: &str| {
            json(&workplace.done(&["fill", "--model", &folder(name), text, "--format", "json", "--top-k", "3"]).stdout)
        };
        let filled = fill("the film was {mask} , good");
        assert_eq!(filled["positions"][0].as_array().unwrap().len(), 3);
        assert_eq!(filled, fill(&format!("the film was {gap} , good")), "{name}");
        let write = |more: &[&str]| {
            let text = ["generate", "--model", &folder(name), "the film was good", "--max-new-tokens", "5"];
            json(&workplace.done(&[&text[..], &["--format", "json"], more].concat()).stdout)
        };
        let greedy = write(&[]);
        assert!(greedy["token_ids"].as_array().unwrap().len() <= 5);
        let beams = write(&["--beams", "3"]);
        assert!(beams["logprob"].as_f64().unwrap() <= 0.0, "{beams}");
        assert_eq!(write(&["--temperature", "1.5", "--seed", "7"]), write(&["--temperature", "1.5", "--seed", "7"]));
    }
}

#[test]
fn what_is_wrong_with_a_model_or_a_text_is_said() {
    let workplace = Workplace::new();
    let refused = |arguments: &[&str], code: i32, says: &str| {
        let ran = workplace.run(arguments);
        assert_eq!(ran.code, code, "{}", ran.stderr);
        assert!(ran.stderr.contains(says), "{}", ran.stderr);
    };
    refused(&["generate", "--model", &folder("t5"), "it was", "--beams", "0"], 2, "1..=1000");
    refused(&["fill", "--model", &folder("t5"), "it was good"], 2, "write {mask} or <extra_id_0>");
    refused(&["fill", "--model", &folder("bart"), "it was good"], 2, "write {mask} or <mask>");
    let many = "{mask} a ".repeat(8);
    refused(&["fill", "--model", &folder("t5"), &many], 5, "has 7 sentinels, and 8 gaps need as many");
    let long = "the film was good and ".repeat(40);
    refused(&["generate", "--model", &folder("bart"), &long], 2, "140 positions");
    let template = |template: &'static str| ["--template", template, "--verbalizer", "a=good,b=bad", "x"];
    let explain = ["explain", "--model", &folder("t5")];
    refused(&[&explain[..], &template("{text} <extra_id_0> {mask}")].concat(), 3, "write {mask} for the mask");
    let rule = ["--multi-token", "independent"];
    refused(&[&explain[..], &template("{text} was {mask}."), &rule].concat(), 3, "allowed: joint, mean");

    let without =
        altered(&workplace, "t5", "config.json", |text| text.replace("  \"decoder_start_token_id\": 0,\n", ""));
    let generation = workplace.path("model/generation_config.json");
    std::fs::remove_file(&generation).unwrap();
    refused(
        &["fill", "--model", &without, "a {mask}"],
        5,
        "`decoder_start_token_id` is missing, so the decoder has no token",
    );
    std::fs::write(&generation, "{\"decoder_start_token_id\": 0}").unwrap();
    workplace.done(&["fill", "--model", &without, "a {mask}"]);
    let bare =
        altered(&workplace, "t5", "tokenizer_config.json", |text| text.replace("\"extra_ids\": 7", "\"extra_ids\": 0"));
    refused(&["fill", "--model", &bare, "a {mask}"], 5, "has 0 sentinels");
    refused(&["fill", "--model", &bare, "a b"], 5, "has 0 sentinels");
    let wrong = altered(&workplace, "t5", "config.json", |text| text.replace("\"relu\"", "\"tanh\""));
    refused(&["fill", "--model", &wrong, "a {mask}"], 5, "`feed_forward_proj` is \"tanh\"");
}

#[test]
fn an_explanation_shows_both_sides() {
    let workplace = Workplace::new();
    let explain = |name: &str| {
        let template = ["--template", "{text} It was {mask}.", "--verbalizer", "a=good|great story,b=bad"];
        let text = ["the film", "--format", "json"];
        json(&workplace.done(&[&["explain", "--model", &folder(name)], &template[..], &text].concat()).stdout)
    };
    let t5 = explain("t5");
    let text = t5.to_string();
    assert!(text.contains("the film It was <extra_id_0>."), "{text}");
    let first = if t5.is_array() { &t5[0] } else { &t5 };
    let tokens: Vec<&str> = first["tokens"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert_eq!(tokens[tokens.len() - 3..], ["</s>", "<pad>", "<extra_id_0>"], "{tokens:?}");
    let bart = explain("bart").to_string();
    assert!(bart.contains("It was <mask>.") || bart.contains("It was <mask><mask>."), "{bart}");
}

/// An experiment with every method on `model`.
fn experiment(model: &str, more: &str) -> String {
    format!(
        "format: 1
name: seq2seq
task:
  dataset: {{ train: train.tsv, dev: dev.tsv, test: test.tsv }}
  template: \"{{text}} it was really {{mask}}.\"
  verbalizer: {{ negative: [bad, not good], positive: [good] }}
models: [{model}]
shots: [0, 4]
seeds: [1]
search:
  - manual
  - {{ method: random, n_trigger: 2, words_only: false }}
  - {{ method: paraphrase, n_candidates: 4, likelihood: 20 }}
  - {{ method: paraphrase, generators: [mask_fill], n_candidates: 4 }}
  - {{ method: autoprompt, n_trigger: 2, n_candidates: 4, batch_size: 4, words_only: false }}
  - {{ method: gcg, n_trigger: 2, search_width: 4, batch_size: 4, words_only: false, fluency: 0.1, fluency_texts: 2 }}
  - {{ method: pez, n_trigger: 2, batch_size: 4, words_only: false, eval_every: 2 }}
  - {{ method: soft_prompt, n_soft: 2, batch_size: 4, eval_every: 2 }}
  - {{ method: demonstrations, choose: nearest, k: 2, representation: [mean, mask], separator: \" \" }}
  - {{ method: label_words, verbalizer: {{ search: lm_bff, batch_size: 4 }} }}
  - {{ method: p_tuning, n_soft: 2, batch_size: 4, eval_every: 2 }}
  - {{ method: warp, n_soft: 2, batch_size: 4, eval_every: 2 }}
  - {{ method: bbt, n_soft: 2, intrinsic_dim: 4, population: 4, batch_size: 4, eval_every: 2 }}
  - {{ method: optiprompt, batch_size: 4, eval_every: 2 }}
{more}budget: {{ evaluations: 600 }}
limits: {{ unlabelled: 8 }}
"
    )
}

#[test]
fn every_method_runs_on_bart_and_t5() {
    for name in ["bart", "t5"] {
        let workplace = Workplace::new();
        let prefix = "  - { method: prefix, n_prefix: 2, batch_size: 4, eval_every: 2 }\n";
        // The encoder and the decoder of this BART have other heads.
        if name == "bart" {
            workplace.write("prefix.yaml", experiment(&folder(name), prefix));
            let refused = workplace.run(&["plan", "prefix.yaml"]);
            assert!(refused.code != 0 && refused.stderr.contains("have other heads"), "{}", refused.stderr);
        }
        workplace.write("seq2seq.yaml", experiment(&folder(name), if name == "t5" { prefix } else { "" }));
        let plan = workplace.done(&["plan", "seq2seq.yaml"]);
        assert!(plan.stdout.contains("autoprompt"), "{}", plan.stdout);
        workplace.done(&["run", "seq2seq.yaml"]);
        let rows = workplace.read("results/seq2seq/leaderboard.csv");
        for method in [
            "manual",
            "random",
            "paraphrase",
            "autoprompt",
            "gcg",
            "pez",
            "soft_prompt",
            "demonstrations",
            "label_words",
        ] {
            assert!(rows.contains(&format!(",{method},")), "{name}: {method}\n{rows}");
        }
        assert_eq!(rows.contains(",prefix,"), name == "t5", "{rows}");
        assert!(!rows.contains("failed"), "{name}: {rows}");
        workplace.write("in.tsv", "text\tlabel\nthe film was good\tpositive\na bad story\tnegative\n");
        let prompt = ["--template", "{text} it was {mask}.", "--verbalizer", "negative=bad|not good,positive=good"];
        let model = ["--model", &folder(name), "--input", "in.tsv"];
        let score = workplace.done(&[&["score"], &model[..], &prompt].concat());
        assert!(score.stdout.contains("accuracy"), "{}", score.stdout);
        let calibrated = ["--calibration", "contextual", "--output", "out.jsonl"];
        workplace.done(&[&["predict"], &model[..], &prompt, &calibrated].concat());
        assert_eq!(workplace.read("out.jsonl").lines().count(), 2);
    }
}
