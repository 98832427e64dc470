//! Facts against transformers: `tests/fixtures/model/make_facts.py` wrote the log-probability of every object, a forward pass for each
//! token of each.

use std::path::Path;
use std::sync::Arc;

use promptmine::model::{ResolvedDevice, load_folder};
use promptmine::prompt::{Notation, Prompt, Template, Verbalizer};
use promptmine::scoring::{Outcome, Scorer, Settings};
use promptmine::task::{Example, Metric};
use serde_json::Value;

/// Of log-probabilities over the objects, in nats.
const TOLERANCE: f64 = 1e-4;

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

#[test]
fn objects_of_several_tokens_are_ranked_as_by_transformers() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/model");
    let fixture: Value = serde_json::from_slice(&std::fs::read(folder.join("facts.json")).unwrap()).unwrap();
    let objects: Vec<&str> =
        fixture["objects"].as_array().unwrap().iter().map(|object| object.as_str().unwrap()).collect();
    let words = objects.iter().map(|object| ((*object).to_owned(), vec![(*object).to_owned()]));
    let verbalizer = Arc::new(Verbalizer::new(words).unwrap());
    let facts: Vec<Example> = (fixture["facts"].as_array().unwrap().iter().enumerate())
        .map(|(row, fact)| Example {
            row,
            fields: vec![fact[0].as_str().unwrap().to_owned()],
            label: Some(fact[1].as_u64().unwrap() as usize),
        })
        .collect();
    let examples: Vec<&Example> = facts.iter().collect();
    let gold: Vec<usize> = facts.iter().filter_map(|fact| fact.label).collect();
    let columns = ["subject".to_owned()];
    for expected in fixture["models"].as_array().unwrap() {
        let name = expected["model"].as_str().unwrap();
        let scorer = Scorer::new(load_folder(&folder.join(name), &ResolvedDevice::cpu()).unwrap(), Settings::default());
        let template = expected["template"].as_str().unwrap().replace("{subject}", "[X]").replace("{mask}", "[Y]");
        let prompt = Prompt::plain(Template::parse_as(&template, Notation::Facts).unwrap(), verbalizer.clone());
        let round = scorer.score(std::slice::from_ref(&prompt), &columns, &examples).unwrap();
        for (fact, (found, expected)) in
            round.scores[0].iter().zip(expected["logprobs"].as_array().unwrap()).enumerate()
        {
            for ((found, expected), object) in found.iter().zip(numbers(expected)).zip(&objects) {
                let near = (found - expected).abs() <= TOLERANCE * expected.abs().max(1.0);
                assert!(near, "{name}, fact {fact}, {object}: {found} and {expected}");
            }
        }
        for metric in [Metric::PAt1, Metric::PAt10, Metric::Mrr] {
            let found = Outcome::of(&round.scores[0], &gold, objects.len(), metric).metric;
            let expected = expected[metric.name()].as_f64().unwrap();
            assert!((found - expected).abs() < 1e-9, "{name}, {metric}: {found} and {expected}");
        }
        // The loss that gradient searches follow, whose words are put together on the tape.
        let loss = scorer.gradient(&prompt, &columns, &examples).unwrap().loss;
        assert!((loss - expected["loss"].as_f64().unwrap()).abs() < 1e-4, "{name}: {loss}");
    }
}
