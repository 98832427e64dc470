//! References are as likely as transformers has them, and what is written is what `generate` writes. The script beside the fixture made
//! it: tests/fixtures/model/make_references.py.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

use promptmine::model::{ResolvedDevice, load_folder};
use promptmine::prompt::{Prompt, SoftPrompt, Template, Verbalizer};
use promptmine::scoring::{Decoding, Scorer, Settings};
use promptmine::spec::MultiToken;
use promptmine::task::{Example, Writing};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/model")
}

fn cases() -> Vec<Value> {
    serde_json::from_str(&std::fs::read_to_string(fixtures().join("references.json")).unwrap()).unwrap()
}

fn scorer(model: &str, multi_token: MultiToken) -> Scorer {
    let loaded = load_folder(&fixtures().join(model), &ResolvedDevice::cpu()).unwrap();
    Scorer::new(loaded, Settings { multi_token, ..Settings::default() })
}

fn prompt(template: &str) -> Prompt {
    Prompt::plain(Template::parse(template).unwrap(), Arc::new(Verbalizer::references("summary").unwrap()))
}

fn columns() -> Vec<String> {
    vec!["text".to_owned(), "summary".to_owned()]
}

fn example(case: &Value) -> Example {
    let field = |name: &str| case[name].as_str().unwrap().to_owned();
    Example { row: 0, fields: vec![field("text"), field("reference")], label: Some(0) }
}

#[test]
fn references_are_as_likely_as_in_the_reference_implementation() {
    let all = cases();
    let mut n = 0;
    for cases in all.chunk_by(|a, b| a["model"] == b["model"]) {
        let name = cases[0]["model"].as_str().unwrap();
        let examples: Vec<Example> = cases.iter().map(example).collect();
        let examples: Vec<&Example> = examples.iter().collect();
        for rule in [MultiToken::Joint, MultiToken::Mean] {
            let scorer = scorer(name, rule);
            let found = scorer.score(&[prompt("{text} it was {mask}")], &columns(), &examples).unwrap();
            for (case, found) in cases.iter().zip(&found.scores[0]) {
                let n_tokens = case["n_tokens"].as_f64().unwrap();
                let scale = if rule == MultiToken::Mean { n_tokens } else { 1.0 };
                let expected = case["log_likelihood"].as_f64().unwrap() / scale;
                assert!((found[0] - expected).abs() < 1e-3 / scale, "{name} {case}: {found:?} {expected}");
                n += 1;
            }
            let cost = found.costs[0];
            assert_eq!((cost.evaluations, cost.forwards, cost.backwards), (3, 3, 0));
        }
    }
    assert_eq!(n, 2 * all.len());
}

#[test]
fn a_reference_is_as_likely_alone_and_its_loss_is_what_is_likely_about_it() {
    for name in ["causal/llama", "seq2seq/bart", "seq2seq/t5"] {
        let scorer = scorer(name, MultiToken::Joint);
        let examples: Vec<Example> = cases().iter().filter(|case| case["model"] == name).map(example).collect();
        let together: Vec<&Example> = examples.iter().collect();
        let prompts = [prompt("{text} it was {mask}"), prompt("so {text} {mask}")];
        let all = scorer.score(&prompts, &columns(), &together).unwrap();
        let mut mean = 0.0;
        for (number, example) in examples.iter().enumerate() {
            let alone = scorer.score(&prompts[..1], &columns(), &[example]).unwrap();
            assert_eq!(alone.scores[0][0], all.scores[0][number], "{name}");
            mean -= alone.scores[0][0][0] / examples.len() as f64;
        }
        let gradient = scorer.gradient(&prompts[0], &columns(), &together).unwrap();
        assert!((gradient.loss - mean).abs() < 1e-4, "{name}: {} {mean}", gradient.loss);
        assert_eq!((gradient.cost.evaluations, gradient.cost.backwards), (9, 3));
    }
}

#[test]
fn the_gradient_of_virtual_tokens_is_that_of_transformers() {
    let cases: Vec<Value> = serde_json::from_str(include_str!("fixtures/model/reference_gradients.json")).unwrap();
    assert_eq!(cases.len(), 2);
    for case in &cases {
        let name = case["model"].as_str().unwrap();
        let scorer = scorer(name, MultiToken::Mean);
        let examples: Vec<Example> = self::cases().iter().filter(|case| case["model"] == name).map(example).collect();
        let examples: Vec<&Example> = examples.iter().collect();
        let d_model = scorer.loaded().model.shape().d_model;
        let values: Vec<f32> = (0..2 * d_model).map(|i| 0.05 * ((i * 7 % 11) as f32 - 5.0)).collect();
        let soft = Some(Arc::new(SoftPrompt::new(values, d_model)));
        let prompt = Prompt { soft, ..prompt("{soft:2}{text} it was {mask}") };
        let found = scorer.gradient(&prompt, &columns(), &examples).unwrap().soft;
        let expected = case["gradient"].as_array().unwrap();
        assert_eq!(found.len(), expected.len());
        for (place, (found, expected)) in found.into_iter().zip(expected).enumerate() {
            let (found, expected) = (f64::from(found), expected.as_f64().unwrap());
            assert!((found - expected).abs() < 1e-5 + 1e-3 * expected.abs(), "{name} {place}: {found} {expected}");
        }
    }
}

#[test]
fn what_is_written_is_what_generation_writes() {
    let writing = Writing { max_new_tokens: 6, stop: Vec::new() };
    for name in ["causal/gpt2", "causal/llama", "seq2seq/bart", "seq2seq/t5"] {
        let scorer = scorer(name, MultiToken::Joint);
        let examples: Vec<Example> = cases().iter().filter(|case| case["model"] == name).map(example).collect();
        let examples: Vec<&Example> = examples.iter().collect();
        let written = scorer.write(&prompt("{text} it was {mask}"), &columns(), &examples, &writing).unwrap();
        let ends: Vec<u32> = scorer.loaded().tokenizer.eos_id().into_iter().collect();
        let forced = usize::from(scorer.loaded().model.seq2seq().is_some_and(|model| model.first_id().is_some()));
        for (example, text) in examples.iter().zip(&written.texts) {
            let ids = scorer.text_to_continue(&format!("{} it was", example.fields[0])).unwrap();
            // One token more than it may write, so that none of the tokens that always come last is among the first.
            let most = writing.max_new_tokens + forced + 1;
            let generated = scorer.generate(&ids, most, Decoding::Greedy, &ends).unwrap();
            let own = &generated.ids[forced.min(generated.ids.len())..];
            let own = &own[..own.len().min(writing.max_new_tokens)];
            assert_eq!(text, scorer.loaded().tokenizer.decode(own).trim(), "{name}");
        }
        assert_eq!(written.cost.evaluations, 3, "one an example, whatever is written");
        let stop = Writing { max_new_tokens: 6, stop: vec!["e".into(), " ".into()] };
        for text in scorer.write(&prompt("{text} it was {mask}"), &columns(), &examples, &stop).unwrap().texts {
            assert!(!text.contains('e') && !text.contains(' '), "{name}: {text:?}");
        }
    }
}

#[test]
fn what_cannot_be_a_reference_is_refused() {
    let scorer_of = |name| scorer(name, MultiToken::Joint);
    let told = |scorer: &Scorer, template: &str, reference: &str| {
        let example = Example { row: 4, fields: vec!["the film".into(), reference.into()], label: Some(0) };
        scorer.score(&[prompt(template)], &columns(), &[&example]).map(|_| ()).unwrap_err().to_string()
    };
    let masked = scorer_of("bert").check(&prompt("{text} {mask}"), &columns()).unwrap_err().to_string();
    assert!(masked.contains("fills masks, and references of any length are for models that continue text"), "{masked}");
    let gpt2 = scorer_of("causal/gpt2");
    let check = |template: &str| gpt2.check(&prompt(template), &columns()).unwrap_err().to_string();
    assert!(check("{text} {mask} .").contains("{mask} must come last"));
    assert!(check("{text} {mask:3}").contains("references have any length"));
    assert!(check("{summary} {text} {mask}").contains("it shows {summary}, the reference itself"));
    let long = told(&gpt2, "{text} {mask}", &"good ".repeat(400));
    assert!(long.starts_with("row 4: the reference `summary`") && long.contains("leave no room"), "{long}");
    let empty = told(&gpt2, "{text} {mask}", "  ");
    assert!(empty.contains("row 4: the reference `summary`"), "{empty}");
    let bart = scorer_of("seq2seq/bart");
    assert!(
        bart.check(&prompt("{text} {mask}."), &columns()).unwrap_err().to_string().contains("writes its answer behind")
    );
    let rule = scorer("causal/gpt2", MultiToken::Independent).check(&prompt("{text} {mask}"), &columns());
    assert!(rule.unwrap_err().to_string().contains("allowed: joint, mean"));
}
