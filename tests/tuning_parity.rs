//! Tuning against PyTorch and PEFT: `tests/fixtures/model/make_tuning.py` wrote the gradients of every weight and of low-rank steps.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use burn::Tensor;
use burn::tensor::activation::log_softmax;
use burn::tensor::{Gradients, Int, TensorData};
use promptmine::model::{Inputs, LoadedModel, ResolvedDevice, TunableModel, TunedModel, load_folder};
use promptmine::prompt::{Lora, TunedTensor, TunedWeights, Tuning};
use promptmine::seed::Stream;
use safetensors::SafeTensors;
use safetensors::tensor::Dtype;

const FOLDERS: [&str; 15] = [
    "bert",
    "bert-untied",
    "ernie-task",
    "roberta",
    "distilbert",
    "albert",
    "electra",
    "causal/gpt2",
    "causal/llama",
    "causal/llama-tied",
    "causal/qwen2",
    "causal/qwen3",
    "causal/glm",
    "causal/glm4",
    "causal/gemma3",
];
/// As many numbers of a gradient as the script keeps, beside its norm.
const SAMPLES: usize = 48;
/// As a share of the gradient's largest number. The issue asks for 1e-3.
const TOLERANCE: f64 = 2e-4;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/model").join(name)
}

fn load(name: &str) -> LoadedModel {
    load_folder(&folder(name), &ResolvedDevice::cpu()).unwrap()
}

fn lora() -> Tuning {
    Tuning::Lora(Lora { rank: 2, alpha: 6.0, targets: Vec::new() })
}

type Numbers = BTreeMap<String, Vec<f32>>;

fn read(path: &Path) -> (Numbers, BTreeMap<String, Vec<u32>>) {
    let bytes = std::fs::read(path).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let (mut numbers, mut whole) = (Numbers::new(), BTreeMap::new());
    for (name, view) in tensors.tensors() {
        let words = view.data().as_chunks::<4>().0.iter();
        match view.dtype() {
            Dtype::F32 => drop(numbers.insert(name, words.map(|word| f32::from_le_bytes(*word)).collect())),
            Dtype::I32 => drop(whole.insert(name, words.map(|word| u32::from_le_bytes(*word)).collect())),
            other => panic!("{name}: {other:?}"),
        }
    }
    (numbers, whole)
}

/// The batch of the fixtures, and its loss on a model.
struct Batch {
    rows: Vec<Vec<u32>>,
    places: Vec<Vec<usize>>,
    label_rows: Vec<u32>,
    labels: Vec<i64>,
}

impl Batch {
    fn of(name: &str) -> Self {
        let (_, whole) = read(&folder(name).join("expected.safetensors"));
        let n = whole["lengths"].len();
        let width = whole["ids"].len() / n;
        let rows = whole["ids"].chunks(width).zip(&whole["lengths"]);
        let labels = whole.get("labels").map(|labels| labels.iter().map(|&label| i64::from(label)).collect());
        Self {
            rows: rows.map(|(row, &length)| row[..length as usize].to_vec()).collect(),
            places: whole["places"].chunks(whole["places"].len() / n).map(|places| vec![places[0] as usize]).collect(),
            label_rows: whole["label_rows"].clone(),
            labels: labels.unwrap_or_else(|| (0..n as i64).collect()),
        }
    }

    fn inputs(&self, model: &LoadedModel) -> Inputs {
        let embeddings = model.model.embed(&self.rows);
        Inputs {
            embeddings,
            lengths: self.rows.iter().map(Vec::len).collect(),
            predict_positions: self.places.clone(),
            token_types: None,
            past: None,
            parents: None,
        }
    }

    fn logits(&self, model: &LoadedModel, track: bool) -> Tensor<2> {
        let mut inputs = self.inputs(model);
        if track && !inputs.embeddings.is_autodiff() {
            inputs.embeddings = inputs.embeddings.autodiff();
        }
        let states = model.model.predict(inputs);
        let [n, one, d_model] = states.dims();
        model.model.logits(states.reshape([n * one, d_model]), Some(&self.label_rows))
    }

    fn loss(&self, model: &TunedModel) -> (f64, Gradients) {
        let logprobs = log_softmax(self.logits(&model.model, true), 1);
        let n = self.labels.len();
        let gold = Tensor::<2, Int>::from_data(TensorData::new(self.labels.clone(), [n, 1]), &logprobs.device());
        let losses = logprobs.gather(1, gold).neg();
        let gradients = (losses.clone().sum_dim(0) / n as f64).backward();
        let losses = losses.inner().into_data().try_into_vec::<f32>().unwrap();
        (losses.iter().map(|&loss| f64::from(loss)).sum::<f64>() / n as f64, gradients)
    }
}

fn assert_gradient(found: &[f32], expected: &[f32], what: &str) {
    let step = (found.len() / SAMPLES).max(1);
    let sampled: Vec<f64> = found.iter().step_by(step).take(SAMPLES).map(|&x| f64::from(x)).collect();
    let (norm, expected) = expected.split_last().unwrap();
    assert_eq!(sampled.len(), expected.len(), "{what}");
    let own = found.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt();
    let norm = f64::from(*norm);
    // A key's bias moves all scores of a query alike: what is left of its gradient is rounding.
    assert!((own - norm).abs() <= TOLERANCE * norm.max(1e-2), "{what}: norm {own} and {norm}");
    let largest = norm / (found.len() as f64).sqrt();
    for (index, (a, &b)) in sampled.iter().zip(expected).enumerate() {
        let b = f64::from(b);
        assert!((a - b).abs() <= TOLERANCE * b.abs().max(largest).max(1e-2), "{what}, sample {index}: {a} and {b}");
    }
}

/// The expected gradient of a tensor: checkpoints saved from the bare model lack the prefix.
fn find<'a>(expected: &'a Numbers, kind: &str, name: &str) -> Option<&'a [f32]> {
    let found = expected.iter().find(|(own, _)| own.strip_prefix(kind).is_some_and(|own| own == name));
    found.map(|(_, numbers)| numbers.as_slice())
}

#[test]
fn the_gradient_of_every_weight_is_that_of_pytorch() {
    for name in FOLDERS {
        let (expected, _) = read(&folder(name).join("tuning.safetensors"));
        let tunable = TunableModel::load(&load(name), Tuning::All, None).unwrap();
        let start = tunable.start(&mut Stream::new(1, "test", b""));
        let model = tunable.tracked(&start).unwrap();
        let (loss, gradients) = Batch::of(name).loss(&model);
        assert!((loss / f64::from(expected["loss"][0]) - 1.0).abs() < 1e-5, "{name}: loss {loss}");
        let mut seen = 0;
        for ((weight, _), gradient) in tunable.tensors().zip(model.gradients(&gradients)) {
            match find(&expected, "all:", weight) {
                Some(expected) => {
                    assert_gradient(&gradient, expected, &format!("{name}: {weight}"));
                    seen += 1;
                }
                // What the loss does not depend on: the reference has none either.
                None => assert!(gradient.iter().all(|&x| x == 0.0), "{name}: {weight}"),
            }
        }
        let all = expected.keys().filter(|key| key.starts_with("all:")).count();
        assert_eq!(seen, all, "{name}");
    }
}

#[test]
fn the_gradients_of_low_rank_steps_are_those_of_peft_and_nothing_else_has_any() {
    for name in FOLDERS {
        let (expected, _) = read(&folder(name).join("tuning.safetensors"));
        let tunable = TunableModel::load(&load(name), lora(), None).unwrap();
        let tensors = tunable.tensors().map(|(name, shape)| {
            let shift = if name.contains("lora_A") { 1.0 } else { 2.0 };
            let n: usize = shape.iter().product();
            let values = (0..n).map(|index| (0.1 * (index as f64 + shift).sin()) as f32).collect();
            TunedTensor { name: name.into(), shape: shape.to_vec(), values }
        });
        let weights = tunable.weights(tensors.collect());
        let model = tunable.tracked(&weights).unwrap();
        let (loss, gradients) = Batch::of(name).loss(&model);
        assert!((loss / f64::from(expected["lora_loss"][0]) - 1.0).abs() < 1e-5, "{name}: loss {loss}");
        let found: BTreeSet<&str> = tunable.tensors().map(|(name, _)| name).collect();
        let wanted: BTreeSet<&str> = expected.keys().filter_map(|key| key.strip_prefix("lora:")).collect();
        assert_eq!(found, wanted, "{name}");
        for ((weight, _), gradient) in tunable.tensors().zip(model.gradients(&gradients)) {
            assert_gradient(&gradient, &expected[&format!("lora:{weight}")], &format!("{name}: {weight}"));
        }
    }
}

#[test]
fn tuning_biases_gives_them_the_same_gradients_and_nothing_else() {
    for name in FOLDERS {
        let (expected, _) = read(&folder(name).join("tuning.safetensors"));
        let wanted: BTreeSet<&str> =
            expected.keys().filter_map(|key| key.strip_prefix("all:")).filter(|name| name.ends_with(".bias")).collect();
        let tunable = TunableModel::load(&load(name), Tuning::Biases, None);
        if wanted.is_empty() {
            let message = tunable.unwrap_err().to_string();
            assert!(message.contains("it has no biases"), "{name}: {message}");
            continue;
        }
        let tunable = tunable.unwrap();
        let model = tunable.tracked(&tunable.start(&mut Stream::new(1, "test", b""))).unwrap();
        let (_, gradients) = Batch::of(name).loss(&model);
        let found: BTreeSet<&str> = tunable.tensors().map(|(name, _)| name).collect();
        assert!(wanted.is_subset(&found), "{name}: {found:?}");
        for ((weight, _), gradient) in tunable.tensors().zip(model.gradients(&gradients)) {
            match find(&expected, "all:", weight) {
                Some(expected) => assert_gradient(&gradient, expected, &format!("{name}: {weight}")),
                None => assert!(gradient.iter().all(|&x| x == 0.0), "{name}: {weight}"),
            }
        }
    }
}

fn numbers(tensor: Tensor<2>) -> Vec<f32> {
    tensor.into_data().try_into_vec().unwrap()
}

#[test]
fn a_model_that_was_not_stepped_is_the_base_to_the_last_bit() {
    for name in FOLDERS {
        let base = load(name);
        let batch = Batch::of(name);
        let expected = numbers(batch.logits(&base, false));
        for tuning in [Tuning::All, Tuning::Biases, lora()] {
            let Ok(tunable) = TunableModel::load(&base, tuning.clone(), None) else { continue };
            let start = tunable.start(&mut Stream::new(1, "test", b""));
            let plain = tunable.plain(&start).unwrap().model;
            assert_eq!(numbers(batch.logits(&plain, false)), expected, "{name}, {tuning}");
            assert_ne!(plain.weights_hash, base.weights_hash);
            let tracked = tunable.tracked(&start).unwrap().model;
            for (a, b) in numbers(batch.logits(&tracked, true).inner()).iter().zip(&expected) {
                assert!((a - b).abs() < 1e-4 * b.abs().max(1.0), "{name}, {tuning}: {a} and {b}");
            }
        }
    }
}

/// Numbers that are a little off the checkpoint's.
fn moved(tunable: &TunableModel) -> TunedWeights {
    let mut stream = Stream::new(3, "test", b"");
    let start = tunable.start(&mut stream);
    let tensors = start.tensors().iter().map(|tensor| {
        let values = tensor.values.iter().map(|&x| x + 0.05 * stream.normal() as f32).collect();
        TunedTensor { values, ..tensor.clone() }
    });
    tunable.weights(tensors.collect())
}

#[test]
fn a_saved_folder_is_opened_again_with_the_same_scores_to_the_last_bit() {
    for name in FOLDERS {
        let base = load(name);
        let batch = Batch::of(name);
        for tuning in [Tuning::All, Tuning::Biases] {
            let Ok(tunable) = TunableModel::load(&base, tuning.clone(), None) else { continue };
            let weights = moved(&tunable);
            let plain = tunable.plain(&weights).unwrap().model;
            let place = tempfile::tempdir().unwrap();
            for (file, bytes) in tunable.folder(&weights, &[]).unwrap() {
                std::fs::write(place.path().join(file), bytes).unwrap();
            }
            let again = load_folder(place.path(), &ResolvedDevice::cpu()).unwrap();
            assert_eq!(again.tokenizer_hash, base.tokenizer_hash, "{name}");
            let (found, expected) = (numbers(batch.logits(&again, false)), numbers(batch.logits(&plain, false)));
            assert_eq!(found, expected, "{name}, {tuning}");
            assert_ne!(found, numbers(batch.logits(&base, false)), "{name}, {tuning}");
        }
    }
}

#[test]
fn what_cannot_be_tuned_is_said_with_what_can() {
    let refused = |name: &str, tuning: Tuning, n_classes| {
        TunableModel::load(&load(name), tuning, n_classes).unwrap_err().to_string()
    };
    let unknown = Tuning::Lora(Lora { rank: 2, alpha: 4.0, targets: vec!["query".into(), "q_proj".into()] });
    let message = refused("bert", unknown, None);
    assert!(
        message.contains("no linear map is called `q_proj`") && message.contains("dense, key, query, value"),
        "{message}"
    );
    let toy = promptmine::model::load_builtin("toy", &ResolvedDevice::cpu()).unwrap();
    let message = TunableModel::load(&toy, Tuning::All, None).unwrap_err().to_string();
    assert_eq!(message, "builtin:toy cannot be tuned: its numbers are formulas");
    // Weights of another model.
    let (bert, llama) = (load("bert"), load("causal/llama"));
    let start = TunableModel::load(&bert, lora(), None).unwrap().start(&mut Stream::new(1, "test", b""));
    let other = TunableModel::load(&llama, lora(), None).unwrap();
    assert!(other.plain(&start).is_err_and(|error| error.to_string().contains("of another model")));
}
