//! `back_translation` from end to end, with small random models.

use serde_json::Value;

use super::workplace::{EXPERIMENT, Workplace};

fn folder(name: &str) -> String {
    format!("{}/tests/fixtures/model/seq2seq/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// The toy experiment with `paraphrase` by these translators, on a model that can write what they say.
fn workplace(model: &str, translation: &str) -> Workplace {
    let workplace = Workplace::new();
    let (head, _) = EXPERIMENT.split_once("seeds:").unwrap();
    let head = head.replace("builtin:toy", model);
    let item = format!(
        "{{ method: paraphrase, generators: [back_translation], likelihood: 100, n_texts: 1, rounds: 2, back_translation: {translation} }}"
    );
    workplace.write("toy.yaml", format!("{head}seeds: [1]\nsearch:\n  - {item}\nbudget: {{ evaluations: 1200 }}\n"));
    workplace
}

#[test]
fn texts_go_by_another_language_and_slots_stay_the_same_again_and_again() {
    let (t5, bart) = (folder("t5"), folder("bart"));
    // What random models say is often nothing, but not of all pairs.
    let mut n_said = 0;
    for (forward, backward) in [(&t5, &t5), (&t5, &bart), (&bart, &t5)] {
        let translation = format!(
            "{{ forward: {forward}, backward: {backward}, beams: 3, forward_prefix: \"translate English to German: \" }}"
        );
        let workplace = workplace(&t5, &translation);
        workplace.done(&["run", "toy.yaml", "--results", "one"]);
        workplace.done(&["run", "toy.yaml", "--results", "two", "--jobs", "2"]);
        assert_eq!(workplace.tables("one/toy"), workplace.tables("two/toy"));
        let trial =
            workplace.trials("one/toy").into_iter().find(|t| t.display().to_string().contains("paraphrase")).unwrap();
        let events = std::fs::read_to_string(trial.join("events.jsonl")).unwrap();
        let events: Vec<Value> = events.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let steps: Vec<&Value> = events.iter().filter(|event| event["event"] == "step").collect();
        assert!(!steps.is_empty());
        let dropped = |step: &Value| -> u64 {
            step["trace"]["dropped"].as_object().unwrap().values().filter_map(Value::as_u64).sum()
        };
        let made: Vec<&Value> = steps.iter().flat_map(|step| step["trace"]["made"].as_array().unwrap()).collect();
        n_said += made.len() as u64 + steps.iter().map(|step| dropped(step)).sum::<u64>();
        for one in &made {
            let template = one["template"].as_str().unwrap();
            assert_eq!(one["by"], "back_translation");
            assert!(template.starts_with("{text} ") && template.ends_with(" {mask}."), "{template}");
        }
    }
    assert!(n_said > 0);
}

#[test]
fn translators_that_cannot_be_had_are_told_before_anything_runs() {
    let t5 = folder("t5");
    for (translation, code, says) in [
        (format!("{{ forward: {t5} }}"), 3, "`backward` is missing"),
        (format!("{{ forward: {t5}, backward: builtin:toy }}"), 5, "back_translation.backward: "),
        (format!("{{ forward: nowhere/model, backward: {t5} }}"), 5, "back_translation.forward"),
        (
            format!("{{ forward: {t5}, backward: {t5}, source_language: en_XX, target_language: de_DE }}"),
            5,
            "its tokenizer has no token `en_XX`",
        ),
    ] {
        let workplace = workplace("builtin:toy", &translation);
        let ran = workplace.run(&["plan", "toy.yaml"]);
        assert_eq!(ran.code, code, "{translation}: {}", ran.stderr);
        assert!(ran.stderr.contains(says), "{translation}: {}", ran.stderr);
    }
}
