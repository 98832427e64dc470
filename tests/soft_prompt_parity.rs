//! Prompt tuning against PyTorch: `tests/fixtures/model/make_soft_prompt.py` wrote ten steps of torch.optim.AdamW.

use std::path::Path;
use std::sync::Arc;

use promptmine::model::{ResolvedDevice, load_folder};
use promptmine::prompt::{Prompt, SoftPrompt, Template, Verbalizer};
use promptmine::scoring::{Scorer, Settings};
use promptmine::search::continuous::{AdamW, Schedule};
use promptmine::task::Example;
use serde_json::Value;

/// Of numbers up to 1, and of larger ones as a share of them. The issue asks for 1e-3.
const TOLERANCE: f64 = 1e-5;

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

fn assert_near(found: &[f64], expected: &[f64], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (index, (a, b)) in found.iter().zip(expected).enumerate() {
        assert!((a - b).abs() <= TOLERANCE * b.abs().max(1.0), "{what} {index}: {a} and {b}");
    }
}

#[test]
fn ten_steps_of_prompt_tuning_follow_pytorch() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/model");
    let fixture: Value = serde_json::from_slice(&std::fs::read(folder.join("soft_prompt.json")).unwrap()).unwrap();
    let loaded = load_folder(&folder.join("bert"), &ResolvedDevice::cpu()).unwrap();
    let d_model = loaded.model.shape().d_model;
    let examples: Vec<Example> = fixture["texts"]
        .as_array()
        .unwrap()
        .iter()
        .enumerate()
        .map(|(row, pair)| Example {
            row,
            fields: vec![pair[0].as_str().unwrap().to_owned()],
            label: Some(pair[1].as_u64().unwrap() as usize),
        })
        .collect();
    let bare = Prompt::plain(
        Template::parse(fixture["template"].as_str().unwrap()).unwrap(),
        Arc::new(Verbalizer::parse(fixture["verbalizer"].as_str().unwrap()).unwrap()),
    );
    let scorer = Scorer::new(loaded, Settings::default());
    let mut values: Vec<f32> = numbers(&fixture["start"]).into_iter().map(|x| x as f32).collect();
    let n_soft = values.len() / d_model;
    let mut optimiser = AdamW::new(values.len(), fixture["weight_decay"].as_f64().unwrap());
    let batches = fixture["batches"].as_array().unwrap();
    let schedule = Schedule::new(batches.len(), fixture["warm_up"].as_f64().unwrap());
    let rate = fixture["learning_rate"].as_f64().unwrap();
    let (mut losses, mut norms, mut rates) = (Vec::new(), Vec::new(), Vec::new());
    for (step, batch) in batches.iter().enumerate() {
        let batch: Vec<&Example> = numbers(batch).into_iter().map(|index| &examples[index as usize]).collect();
        let soft = SoftPrompt::new(values.clone(), d_model);
        assert_eq!(soft.n_soft(), n_soft);
        let prompt = Prompt { soft: Some(Arc::new(soft)), ..bare.clone() };
        let gradient = scorer.gradient(&prompt, &["text".to_owned()], &batch).unwrap();
        losses.push(gradient.loss);
        norms.push(gradient.soft.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt());
        rates.push(rate * schedule.share(step));
        optimiser.step(&mut values, &gradient.soft, rates[step]);
        let found: Vec<f64> = values.iter().map(|&x| f64::from(x)).collect();
        assert_near(&found, &numbers(&fixture["vectors"][step]), &format!("vectors after step {step}, number"));
    }
    assert_near(&rates, &numbers(&fixture["learning_rates"]), "learning rate");
    assert_near(&losses, &numbers(&fixture["losses"]), "loss");
    // Where the loss bends most, the rounding of both programs shows first.
    for (found, expected) in norms.iter().zip(numbers(&fixture["gradient_norms"])) {
        assert!((found / expected - 1.0).abs() < 1e-4, "gradient norm: {found} and {expected}");
    }
}
