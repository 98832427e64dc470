//! A causal model through the command line: label words as continuations, next tokens, generation, every method.

use serde_json::Value;

use super::workplace::Workplace;

const MODEL: &str = "builtin:toy-causal";

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn the_next_token_is_filled_and_generation_goes_on_with_it() {
    let workplace = Workplace::new();
    let text = "great film . it was";
    let filled = workplace.done(&["fill", "--model", MODEL, text, "--format", "json", "--top-k", "3"]);
    let positions = json(&filled.stdout)["positions"].clone();
    assert_eq!(positions.as_array().unwrap().len(), 1, "one place to read: after the text");
    let first = positions[0][0]["token_id"].clone();
    let masked =
        workplace.done(&["fill", "--model", MODEL, &format!("{text} {{mask}}"), "--format", "json", "--top-k", "3"]);
    assert_eq!(json(&masked.stdout)["positions"], positions, "a mask at the end says the same");

    let generate = |more: &[&str]| {
        let arguments =
            [&["generate", "--model", MODEL, text, "--max-new-tokens", "4", "--format", "json"], more].concat();
        json(&workplace.done(&arguments).stdout)
    };
    let greedy = generate(&[]);
    assert_eq!(greedy["token_ids"][0], first);
    let beams = generate(&["--beams", "4"]);
    let mean = |of: &Value| {
        let n = of["token_ids"].as_array().unwrap().len() + usize::from(of["ended"] == true);
        of["logprob"].as_f64().unwrap() / n as f64
    };
    assert!(mean(&beams) >= mean(&greedy) - 1e-6, "{beams} {greedy}");
    assert_eq!(generate(&["--temperature", "1.5", "--seed", "7"]), generate(&["--temperature", "1.5", "--seed", "7"]));
}

#[test]
fn what_a_causal_model_cannot_do_is_refused() {
    let workplace = Workplace::new();
    let refused = |arguments: &[&str], code: i32, says: &str| {
        let ran = workplace.run(arguments);
        assert_eq!(ran.code, code, "{}", ran.stderr);
        assert!(ran.stderr.contains(says), "{}", ran.stderr);
    };
    refused(&["generate", "--model", "builtin:toy", "it was"], 2, "does not continue text");
    refused(&["generate", "--model", MODEL, "it was", "--temperature", "0"], 2, "a number above 0");
    refused(&["generate", "--model", MODEL, "it was", "--beams", "2", "--temperature", "1"], 2, "cannot be used with");
    refused(&["generate", "--model", MODEL, "--chat", "it was"], 5, "chat_template");
    refused(&["fill", "--model", MODEL, "it {mask} good"], 2, "only at the end");
    let words = ["--verbalizer", "negative=bad,positive=good"];
    let explain = |template: &str, more: &[&str]| {
        workplace
            .run(&[&["explain", "--model", MODEL, "--template", template], &words[..], more, &["great film"]].concat())
    };
    let after = explain("{text} it was {mask} .", &[]);
    assert_eq!(after.code, 3);
    assert!(after.stderr.contains("{mask} must come last"), "{}", after.stderr);
    let rule = explain("{text} it was {mask}", &["--multi-token", "independent"]);
    assert!(rule.code == 3 && rule.stderr.contains("allowed: joint, mean"), "{}", rule.stderr);
    let fine = explain("{text} it was {mask}", &[]);
    assert_eq!(fine.code, 0, "{}", fine.stderr);
}

/// An experiment with every method on `model`.
fn experiment(model: &str) -> String {
    format!(
        "format: 1
name: causal
task:
  dataset: {{ train: train.tsv, dev: dev.tsv, test: test.tsv }}
  template: \"{{text}} it was really {{mask}}\"
  verbalizer: {{ negative: [bad, not good], positive: [good] }}
models: [{model}]
shots: [0, 4]
seeds: [1]
search:
  - manual
  - {{ method: random, n_trigger: 2, words_only: false }}
  - {{ method: paraphrase, n_candidates: 4, likelihood: 20 }}
  - {{ method: autoprompt, n_trigger: 2, n_candidates: 4, batch_size: 4, words_only: false }}
  - {{ method: soft_prompt, n_soft: 2, batch_size: 4, eval_every: 2 }}
  - {{ method: prefix, n_prefix: [2, 3], batch_size: 4, eval_every: 2 }}
budget: {{ evaluations: 300 }}
limits: {{ unlabelled: 8 }}
"
    )
}

#[test]
fn every_method_runs_on_causal_models_with_and_without_a_mask_token() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/model/causal/llama");
    for model in [MODEL, folder] {
        let workplace = Workplace::new();
        workplace.write("causal.yaml", experiment(model));
        workplace.done(&["run", "causal.yaml"]);
        let rows = workplace.read("results/causal/leaderboard.csv");
        for method in ["manual", "random", "paraphrase", "autoprompt", "soft_prompt", "prefix"] {
            assert!(rows.contains(&format!(",{method},")), "{model}: {method}\n{rows}");
        }
        assert!(!rows.contains("failed"), "{model}: {rows}");
        let candidates = workplace.read("results/causal/candidates.csv");
        assert!(candidates.contains("really ->") || candidates.contains("left out `really`"), "{model}: {candidates}");
    }
}
