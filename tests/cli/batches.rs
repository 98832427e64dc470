//! The size of batches and the type of number: chosen, shown, recorded, and not changed within a record.

use serde_json::Value;

use super::workplace::Workplace;

#[test]
fn plan_says_how_large_batches_are_and_why() {
    let workplace = Workplace::new();
    let plan = workplace.done(&["plan", "toy.yaml"]).stdout;
    assert!(plan.contains("batches of at most 32 sequences (of up to about"), "{plan}");
    let asked = workplace.done(&["plan", "toy.yaml", "--batch-size", "6"]).stdout;
    assert!(asked.contains("batches of at most 6 sequences"), "{asked}");
    let json: Value = serde_json::from_str(&workplace.done(&["plan", "toy.yaml", "--format", "json"]).stdout).unwrap();
    assert_eq!(json["batch_size"], 32);
    // A pass backward keeps what a pass forward drops.
    let bytes = |method: &str| {
        let trials = json["trials"].as_array().unwrap();
        trials.iter().find(|trial| trial["method"] == method).unwrap()["bytes"].as_u64().unwrap()
    };
    assert!(bytes("autoprompt") > bytes("random") && bytes("random") == bytes("manual"));
}

#[test]
fn a_batch_size_is_fixed_at_the_first_start() {
    let workplace = Workplace::new();
    workplace.done(&["run", "toy.yaml", "--batch-size", "6", "--only", "manual"]);
    let recorded = |workplace: &Workplace| -> (Value, Value) {
        let json: Value = serde_json::from_str(&workplace.read("results/toy/provenance.json")).unwrap();
        (json["batch_size"].clone(), json["dtype"].clone())
    };
    assert_eq!(recorded(&workplace), (6.into(), "f32".into()));
    // A later start takes it over.
    workplace.done(&["run", "toy.yaml", "--only", "random"]);
    assert_eq!(recorded(&workplace).0, 6);
    let other = workplace.run(&["run", "toy.yaml", "--batch-size", "12"]);
    assert!(other.code == 6 && other.stderr.contains("was begun with batches of 6"), "{}", other.stderr);
    assert!(other.stderr.contains("--fresh"), "{}", other.stderr);
    workplace.done(&["run", "toy.yaml", "--batch-size", "12", "--only", "manual", "--fresh"]);
    assert_eq!(recorded(&workplace).0, 12);
    let none = workplace.run(&["run", "toy.yaml", "--batch-size", "0"]);
    assert_eq!(none.code, 2, "{}", none.stderr);
}

#[test]
fn half_types_are_refused_on_the_cpu_by_every_command_that_computes() {
    let workplace = Workplace::new();
    let prompt =
        ["--model", "builtin:toy", "--template", "{text} it was {mask}.", "--verbalizer", "negative=bad,positive=good"];
    let mut commands: Vec<Vec<&str>> = vec![
        vec!["run", "toy.yaml"],
        vec!["plan", "toy.yaml"],
        vec!["fill", "--model", "builtin:toy", "it was {mask}."],
        vec!["generate", "--model", "builtin:toy-causal", "it was"],
    ];
    commands.push([&["explain"], &prompt[..], &["a good film"]].concat());
    commands.push([&["score"], &prompt[..], &["--input", "test.tsv"]].concat());
    commands.push([&["predict"], &prompt[..], &["--input", "test.tsv"]].concat());
    for command in commands {
        // Threads are for all of them, too.
        let ran = workplace.run(&[&command[..], &["--dtype", "bf16", "--threads", "1"]].concat());
        assert_eq!(ran.code, 5, "{command:?}: {}", ran.stderr);
        assert!(ran.stderr.contains("dtype `bf16`: the CPU computes in f32 only"), "{}", ran.stderr);
    }
}
