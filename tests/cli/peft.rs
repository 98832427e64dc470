//! `export --to peft` and `import --from peft`.

use std::fs;

use serde_json::Value;

use super::workplace::{EXPERIMENT, Workplace};

/// A finished run with this item in place of autoprompt, and the saved prompt of the item's first seed.
fn ran(item: &str, method: &str) -> (Workplace, String) {
    let workplace = Workplace::new();
    let autoprompt = "  - { method: autoprompt, n_trigger: 2, n_candidates: 4, batch_size: 4 }\n";
    assert!(EXPERIMENT.contains(autoprompt));
    workplace.write("toy.yaml", EXPERIMENT.replace(autoprompt, item));
    workplace.done(&["run", "toy.yaml", "--quiet"]);
    let trial = workplace.trials("results/toy").into_iter().find(|trial| trial.to_string_lossy().contains(method));
    let file = trial.unwrap().join("prompt.safetensors").display().to_string();
    (workplace, file)
}

#[test]
fn a_trained_prompt_comes_back_from_its_adapter_bit_by_bit() {
    for (item, method, kind) in [
        ("  - { method: soft_prompt, n_soft: 2, batch_size: 4, eval_every: 4 }\n", "soft_prompt", "PROMPT_TUNING"),
        ("  - { method: prefix, n_prefix: 2, batch_size: 4, eval_every: 4 }\n", "prefix", "PREFIX_TUNING"),
    ] {
        let (workplace, file) = ran(item, method);
        let ran = workplace.done(&["export", &file, "--to", "peft", "--output", "adapter"]);
        assert!(ran.stdout.contains(kind), "{}", ran.stdout);
        let config: Value = serde_json::from_str(&workplace.read("adapter/adapter_config.json")).unwrap();
        assert_eq!((&config["peft_type"], &config["inference_mode"]), (&Value::from(kind), &Value::from(true)));
        // The special token at the beginning is a virtual token too.
        assert_eq!(config["num_virtual_tokens"], if method == "prefix" { 2 } else { 3 });
        assert!(
            workplace.read("adapter/README.md").contains("negative: bad"),
            "{}",
            workplace.read("adapter/README.md")
        );
        workplace.done(&["import", "--from", "peft", "adapter", "--output", "again.safetensors"]);
        let again = fs::read(workplace.path("again.safetensors")).unwrap();
        assert_eq!(again, fs::read(&file).unwrap());
        // A second export would overwrite the first.
        let ran = workplace.run(&["export", &file, "--to", "peft", "--output", "adapter"]);
        assert!(ran.code == 2 && ran.stderr.contains("holds an adapter already"), "{}", ran.stderr);
    }
}

#[test]
fn low_rank_steps_come_back_from_their_adapter() {
    // The toy has no weights to tune.
    let workplace = Workplace::new();
    workplace.write(
        "films.yaml",
        "format: 1\nname: films\ntask: { dataset: builtin:film-reviews, template: \"{text} It was {mask}.\" }\nmodels: \
         [builtin:reviews-en]\nshots: [4]\nseeds: [13]\nsearch:\n  - { method: fine_tune, tune: lora, rank: 2, steps: 2, batch_size: 4 \
         }\nbudget: { evaluations: 100 }\nlimits: { test: 16, diagnostics: 0 }\n",
    );
    workplace.write("test.tsv", "text\nA wonderful film.\nDull and boring.\n");
    workplace.done(&["run", "films.yaml", "--quiet"]);
    let trial =
        workplace.trials("results/films").into_iter().find(|trial| trial.to_string_lossy().contains("fine_tune"));
    let file = trial.unwrap().join("prompt.json").display().to_string();
    let ran = workplace.done(&["export", &file, "--to", "peft", "--output", "adapter"]);
    assert!(ran.stdout.contains("LORA, rank 2 beside "), "{}", ran.stdout);
    fs::create_dir(workplace.path("again")).unwrap();
    workplace.done(&["import", "--from", "peft", "adapter", "--output", "again/prompt.json"]);
    let scores = |file: &str| workplace.done(&["predict", "--prompt", file, "--input", "test.tsv"]).stdout;
    assert_eq!(scores("again/prompt.json"), scores(&file));
    let ran = workplace.run(&["import", "--from", "peft", "adapter", "--output", "again/other.json"]);
    assert!(ran.code == 2 && ran.stderr.contains("holds the weights of another prompt"), "{}", ran.stderr);
    let config = workplace.read("adapter/adapter_config.json");
    for (from, to, says) in [
        ("\"r\": 2", "\"r\": 0", "`r` is 0"),
        ("\"use_dora\": false", "\"use_dora\": true", "alone are read"),
        ("\"r\": 2", "\"init_lora_weights\": \"pissa\", \"r\": 2", "`init_lora_weights` is \"pissa\""),
        ("\"r\": 2", "\"alora_invocation_tokens\": [1], \"r\": 2", "`alora_invocation_tokens` is [1]"),
        ("\"r\": 2", "\"r\": 3", "the adapter has `base_model.model."),
    ] {
        assert!(config.contains(from), "{config}");
        workplace.write("adapter/adapter_config.json", config.replacen(from, to, 1));
        let ran = workplace.run(&["import", "--from", "peft", "adapter", "--output", "p.json"]);
        assert!(ran.code == 5 && ran.stderr.contains(says), "{}", ran.stderr);
        assert!(!workplace.path("p.json").exists());
    }
}

#[test]
fn a_foreign_adapter_is_scored_with_the_template_that_is_given() {
    let workplace = Workplace::new();
    let fixtures = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/model");
    let (model, adapter) = (fixtures.join("bert").display().to_string(), fixtures.join("adapters/prompt-bert"));
    let adapter = adapter.display().to_string();
    let asked =
        ["--model", &model, "--template", "{text} it was {mask} .", "--verbalizer", "negative=bad,positive=good"];
    let import = ["import", "--from", "peft", &adapter, "--output", "p.safetensors"];
    let ran = workplace.done(&[&import[..], &asked].concat());
    assert!(ran.stdout.contains("{soft:3}[CLS]{text} it was {mask} ."), "{}", ran.stdout);
    workplace.write("four.tsv", "good movie\tpositive\nterrible , bad film !\tpositive\nit was good\tpositive\n");
    let columns = ["--columns", "text,label", "--header", "no"];
    let ran =
        workplace.done(&[&["predict", "--prompt", "p.safetensors", "--input", "four.tsv"][..], &columns].concat());
    let first: Value = serde_json::from_str(ran.stdout.lines().next().unwrap()).unwrap();
    let expected: Value = serde_json::from_slice(&fs::read(fixtures.join("adapters/expected.json")).unwrap()).unwrap();
    let (found, expected) =
        (first["logprob_positive"].as_f64().unwrap(), expected["cases"][0]["logprobs"][0][1].as_f64().unwrap());
    assert!((found - expected).abs() < 1e-4, "{found} and {expected}");
    workplace.done(&[&["score", "--prompt", "p.safetensors", "--input", "four.tsv"][..], &columns].concat());
}

#[test]
fn what_is_no_adapter_or_none_of_the_model_is_told() {
    let workplace = Workplace::new();
    let fixtures = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/model/adapters");
    let own = workplace.path("adapter");
    fs::create_dir_all(&own).unwrap();
    for name in ["adapter_config.json", "adapter_model.safetensors"] {
        fs::copy(fixtures.join("prompt-gpt2").join(name), own.join(name)).unwrap();
    }
    let import = ["import", "--from", "peft", "adapter", "--output", "p.safetensors"];
    let toy = ["--model", "builtin:toy", "--template", "{text} {mask}", "--verbalizer", "negative=bad,positive=good"];
    let told = |arguments: &[&str], code: i32, says: &str| {
        let ran = workplace.run(arguments);
        assert!(ran.code == code && ran.stderr.contains(says), "{} {}", ran.code, ran.stderr);
        assert!(!workplace.path("p.safetensors").exists());
    };
    told(&import, 2, "the adapter is of another program");
    told(&[&import[..], &toy].concat(), 5, "the adapter has vectors of ");
    let config = workplace.read("adapter/adapter_config.json");
    for (from, to, says) in [
        ("PROMPT_TUNING", "ADALORA", "adapters of the kind ADALORA are not read"),
        ("\"num_virtual_tokens\": 4", "\"num_virtual_tokens\": 5", "says 5 virtual tokens"),
        ("{", "[", "not JSON"),
    ] {
        assert!(config.contains(from), "{config}");
        workplace.write("adapter/adapter_config.json", config.replacen(from, to, 1));
        told(&[&import[..], &toy].concat(), 5, says);
    }
    workplace.write("adapter/adapter_config.json", &config);
    workplace.write("adapter/adapter_model.safetensors", "nothing");
    told(&[&import[..], &toy].concat(), 5, "not a safetensors file");
    fs::remove_file(workplace.path("adapter/adapter_model.safetensors")).unwrap();
    told(&[&import[..], &toy].concat(), 5, "cannot read");
    workplace.done(&["run", "toy.yaml", "--quiet"]);
    let hard = workplace.saved_prompt("results/toy", "manual");
    told(&["export", &hard, "--to", "peft", "--output", "out"], 5, "it has no vectors");
    assert!(!workplace.path("out").exists());
}
