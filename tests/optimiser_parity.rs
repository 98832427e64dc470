//! Optimisers and schedules against PyTorch and transformers: `tests/fixtures/model/make_optimisers.py` wrote ten steps of each.

use std::path::Path;

use promptmine::search::continuous::{Optimiser, Schedule, clip};
use promptmine::spec::{Decay, OptimiserKind};
use serde_json::Value;

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

fn fixture() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/model/optimisers.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

#[test]
fn ten_steps_of_every_optimiser_follow_the_reference() {
    let fixture = fixture();
    let shapes: Vec<[usize; 2]> = fixture["shapes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|shape| [0, 1].map(|i| shape[i].as_u64().unwrap() as usize))
        .collect();
    let floats = |value: &Value| -> Vec<f32> { numbers(value).into_iter().map(|x| x as f32).collect() };
    let cases = fixture["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 6);
    for case in cases {
        let kind = match case["optimiser"].as_str().unwrap() {
            "adamw" => OptimiserKind::AdamW,
            "adafactor" => OptimiserKind::Adafactor,
            _ => OptimiserKind::Sgd { momentum: case["momentum"].as_f64().unwrap() },
        };
        let mut optimiser = Optimiser::new(kind, &shapes, case["weight_decay"].as_f64().unwrap());
        let mut values = floats(&fixture["start"]);
        for (step, (gradient, after)) in
            fixture["gradients"].as_array().unwrap().iter().zip(case["after"].as_array().unwrap()).enumerate()
        {
            let mut gradient = floats(gradient);
            clip(&mut gradient, case["clip_norm"].as_f64());
            optimiser.step(&mut values, &gradient, case["learning_rate"].as_f64().unwrap());
            for (found, expected) in values.iter().zip(numbers(after)) {
                assert!(
                    (f64::from(*found) - expected).abs() < 2e-6 * expected.abs().max(1.0),
                    "{kind:?} step {step}: {found} {expected}"
                );
            }
        }
    }
}

#[test]
fn schedules_fall_as_those_of_transformers_once_they_are_warm() {
    let fixture = fixture();
    let warm_up = fixture["warm_up"].as_u64().unwrap() as usize;
    for (name, decay) in [("linear", Decay::Linear), ("cosine", Decay::Cosine)] {
        let expected = numbers(&fixture[name]);
        let schedule = Schedule::new(expected.len(), warm_up as f64 / expected.len() as f64).with_decay(decay);
        for (step, expected) in expected.iter().enumerate().skip(warm_up) {
            assert!((schedule.share(step) - expected).abs() < 1e-12, "{name} {step}");
        }
        // Theirs begins at 0, ours a step later.
        assert_eq!(expected[0], 0.0);
        assert!(schedule.share(0) > 0.0);
    }
}
