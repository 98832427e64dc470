//! Causal models against the reference implementation: `tests/fixtures/model/make_causal_fixtures.py` wrote what transformers
//! computes, layer by layer, so that the first divergence is named; and reading in parts against reading at once.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use burn::Tensor;
use burn::tensor::activation::log_softmax;
use burn::tensor::{Device, Int, TensorData};
use promptmine::model::{
    DeviceChoice, Inputs, KeyValues, LoadedModel, ModelKind, ResolvedDevice, load_folder, resolve,
};
use safetensors::SafeTensors;
use safetensors::tensor::Dtype;
use serde_json::Value;

const FOLDERS: [&str; 12] = [
    "gpt2",
    "gpt2-bare",
    "llama",
    "llama-tied",
    "llama-dynamic",
    "mistral",
    "qwen2",
    "qwen3",
    "glm",
    "glm4",
    "gemma3",
    "gemma3-old",
];

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/model/causal")
}

fn load(folder: &str) -> LoadedModel {
    load_folder(&fixtures().join(folder), &ResolvedDevice::cpu()).unwrap()
}

/// What transformers computed for one model.
struct Expected {
    numbers: BTreeMap<String, Vec<f32>>,
    whole: BTreeMap<String, Vec<u32>>,
    seq_length: usize,
}

impl Expected {
    fn read(folder: &str) -> Self {
        let bytes = std::fs::read(fixtures().join(folder).join("expected.safetensors")).unwrap();
        let tensors = SafeTensors::deserialize(&bytes).unwrap();
        let (mut numbers, mut whole) = (BTreeMap::<String, Vec<f32>>::new(), BTreeMap::<String, Vec<u32>>::new());
        for (name, view) in tensors.tensors() {
            let words = view.data().as_chunks::<4>().0.iter();
            match view.dtype() {
                Dtype::F32 => drop(numbers.insert(name, words.map(|word| f32::from_le_bytes(*word)).collect())),
                Dtype::I32 => drop(whole.insert(name, words.map(|word| u32::from_le_bytes(*word)).collect())),
                other => panic!("{name}: {other:?}"),
            }
        }
        let seq_length = whole["ids"].len() / whole["lengths"].len();
        Self { numbers, whole, seq_length }
    }

    fn lengths(&self) -> Vec<usize> {
        self.whole["lengths"].iter().map(|&length| length as usize).collect()
    }

    /// The ids of each row without its padding.
    fn rows(&self) -> Vec<Vec<u32>> {
        let rows = self.whole["ids"].chunks(self.seq_length);
        rows.zip(self.lengths()).map(|(row, length)| row[..length].to_vec()).collect()
    }

    /// The batch as it was given to the reference, read at the last position of each row and at one in the middle.
    fn inputs(&self, loaded: &LoadedModel) -> Inputs {
        let places: Vec<usize> = self.whole["places"].iter().map(|&place| place as usize).collect();
        Inputs {
            embeddings: loaded.model.embed(&self.rows()),
            lengths: self.lengths(),
            predict_positions: places.chunks(2).map(<[usize]>::to_vec).collect(),
            token_types: None,
            past: None,
            parents: None,
        }
    }
}

/// One row of a text, or a part of it, read at its last position.
fn part(embeddings: Tensor<3>, past: Option<KeyValues>) -> Inputs {
    let [batch_size, length, _] = embeddings.dims();
    Inputs {
        embeddings,
        lengths: vec![length; batch_size],
        predict_positions: vec![vec![length - 1]; batch_size],
        token_types: None,
        past,
        parents: None,
    }
}

fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.inner().into_data().try_into_vec::<f32>().unwrap()
}

fn difference(ours: &[f32], theirs: &[f32]) -> f32 {
    assert_eq!(ours.len(), theirs.len());
    let difference = ours.iter().zip(theirs).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(ours.iter().all(|number| number.is_finite()));
    difference
}

/// `max|a - b| / max|b|`.
fn relative(ours: &[f32], theirs: &[f32]) -> f32 {
    difference(ours, theirs) / theirs.iter().fold(0.0f32, |largest, number| largest.max(number.abs()))
}

/// The numbers of the positions that count.
fn counting(states: &[f32], lengths: &[usize], seq_length: usize) -> Vec<f32> {
    let d_model = states.len() / (lengths.len() * seq_length);
    let rows = states.chunks(seq_length * d_model).zip(lengths);
    rows.flat_map(|(row, length)| row[..length * d_model].to_vec()).collect()
}

fn log_probabilities(loaded: &LoadedModel, states: Tensor<3>) -> Vec<f32> {
    let [batch_size, n_predict, d_model] = states.dims();
    let logits = loaded.model.logits(states.reshape([batch_size * n_predict, d_model]), None);
    numbers(log_softmax(logits, 1))
}

#[test]
fn every_causal_family_equals_the_reference_layer_by_layer() {
    for folder in FOLDERS {
        let loaded = load(folder);
        assert_eq!(loaded.model.shape().kind, ModelKind::Causal);
        let expected = Expected::read(folder);
        let inputs = expected.inputs(&loaded);
        let [ours, theirs] = [&numbers(inputs.embeddings.clone()), &expected.numbers["words"]]
            .map(|words| counting(words, &inputs.lengths, expected.seq_length));
        let given = difference(&ours, &theirs);
        assert!(given < 1e-6, "{folder}: word embeddings: {given:e}");
        let mut largest = 0.0f32;
        for (number, state) in loaded.model.hidden_states(&inputs).into_iter().enumerate() {
            let theirs = counting(&expected.numbers[&format!("hidden.{number}")], &inputs.lengths, expected.seq_length);
            let ours = counting(&numbers(state), &inputs.lengths, expected.seq_length);
            let found = relative(&ours, &theirs);
            assert!(found <= 1e-5, "{folder}: first difference after layer {number} (0: embeddings): {found:e}");
            largest = largest.max(found);
        }
        let states = loaded.model.predict(inputs);
        let found = difference(&log_probabilities(&loaded, states), &expected.numbers["log_probabilities"]);
        assert!(found <= 1e-4, "{folder}: the states agree, the log-probabilities do not: {found:e}");
        eprintln!("{folder}: states {largest:.1e}, log-probabilities {found:.1e}");
    }
}

#[test]
fn the_states_read_are_those_of_the_last_norm() {
    for folder in FOLDERS {
        let loaded = load(folder);
        let expected = Expected::read(folder);
        let inputs = expected.inputs(&loaded);
        let d_model = loaded.model.shape().d_model;
        let normed = &expected.numbers["normed"];
        let theirs: Vec<f32> = inputs
            .predict_positions
            .iter()
            .enumerate()
            .flat_map(|(row, places)| places.iter().map(move |place| row * expected.seq_length + place))
            .flat_map(|place| normed[place * d_model..][..d_model].to_vec())
            .collect();
        let found = relative(&numbers(loaded.model.predict(inputs)), &theirs);
        assert!(found <= 1e-5, "{folder}: {found:e}");
    }
}

#[test]
fn token_ids_of_causal_tokenizers_equal_the_reference() {
    let texts: Vec<String> = serde_json::from_slice(&std::fs::read(fixtures().join("texts.json")).unwrap()).unwrap();
    for folder in FOLDERS {
        let loaded = load(folder);
        let ids: Vec<Vec<u32>> = texts.iter().map(|text| loaded.tokenizer.encode_reference(text)).collect();
        assert_eq!(ids, Expected::read(folder).rows(), "{folder}");
    }
}

/// Cross-entropy of the labels over the label words at the first predict position, as in the script.
fn label_loss(loaded: &LoadedModel, states: Tensor<3>, expected: &Expected) -> Tensor<1> {
    let rows = &expected.whole["label_rows"];
    let labels: Vec<i32> = (0..rows.len() as i32).collect();
    let labels: Tensor<2, Int> = Tensor::from_data(TensorData::new(labels, [rows.len(), 1]), &loaded.model.device());
    let scores = loaded.model.logits(states.narrow(1, 0, 1).squeeze_dim(1), Some(rows));
    log_softmax(scores, 1).gather(1, labels).neg().mean()
}

#[test]
fn gradients_of_causal_models_equal_the_reference() {
    for folder in FOLDERS {
        let loaded = load(folder);
        let expected = Expected::read(folder);
        let mut inputs = expected.inputs(&loaded);
        let embeddings = Tensor::from_inner(inputs.embeddings).require_grad();
        inputs.embeddings = embeddings.clone();
        let lengths = inputs.lengths.clone();
        let loss = label_loss(&loaded, loaded.model.predict(inputs), &expected);
        assert!(difference(&numbers(loss.clone()), &expected.numbers["loss"]) < 1e-5, "{folder}: loss");
        let gradients = loss.backward();
        let ours = numbers(embeddings.grad(&gradients).unwrap());
        let found = relative(&ours, &expected.numbers["gradient"]);
        assert!(found <= 1e-3, "{folder}: gradient: {found:e}");
        let counted = counting(&ours, &lengths, expected.seq_length).iter().map(|number| number.abs()).sum::<f32>();
        assert_eq!(
            ours.iter().map(|number| number.abs()).sum::<f32>(),
            counted,
            "{folder}: the padding has a gradient"
        );
        eprintln!("{folder}: gradient {found:.1e}");
    }
}

#[test]
fn a_causal_answer_is_the_same_alone_batched_and_padded() {
    for folder in FOLDERS {
        let loaded = load(folder);
        let expected = Expected::read(folder);
        let inputs = expected.inputs(&loaded);
        let batch = log_probabilities(&loaded, loaded.model.predict(inputs.clone()));
        let n_numbers = batch.len() / inputs.lengths.len();
        for (row, ids) in expected.rows().into_iter().enumerate() {
            // Padding that would be noticed if it were seen.
            let [_, length, d_model] = loaded.model.embed(std::slice::from_ref(&ids)).dims();
            let loud: Tensor<3> = Tensor::full([1, 3, d_model], 1e3, &loaded.model.device());
            let embeddings = loaded.model.embed(&[ids]);
            for embeddings in [embeddings.clone(), Tensor::cat(vec![embeddings, loud], 1)] {
                let alone = Inputs {
                    embeddings,
                    lengths: vec![length],
                    predict_positions: vec![inputs.predict_positions[row].clone()],
                    token_types: None,
                    past: None,
                    parents: None,
                };
                let alone = log_probabilities(&loaded, loaded.model.predict(alone));
                let found = difference(&alone, &batch[row * n_numbers..][..n_numbers]);
                assert!(found < 1e-5, "{folder}, row {row}: {found:e}");
            }
        }
    }
}

#[test]
fn reading_in_parts_equals_reading_at_once() {
    for folder in FOLDERS {
        let loaded = load(folder);
        let ids = Expected::read(folder).rows()[0].clone();
        let whole = loaded.model.embed(std::slice::from_ref(&ids));
        let [_, length, _] = whole.dims();
        let (states, kept) = loaded.model.extend(part(whole.clone(), None)).unwrap();
        let states = numbers(states);
        assert!(relative(&states, &numbers(loaded.model.predict(part(whole.clone(), None)))) < 1e-6);
        assert_eq!(kept.n_past(), length);
        let (n_kv_heads, d_head) = loaded.model.key_value_heads();
        assert_eq!(kept.layers.len(), loaded.model.shape().n_layers);
        assert_eq!(kept.layers[0].0.dims(), [1, n_kv_heads, length, d_head]);
        for cut in [1, length / 2, length - 1] {
            let (_, past) = loaded.model.extend(part(whole.clone().narrow(1, 0, cut), None)).unwrap();
            let rest = part(whole.clone().narrow(1, cut, length - cut), Some(past));
            let (again, all) = loaded.model.extend(rest.clone()).unwrap();
            let found = relative(&numbers(again), &states);
            assert!(found <= 1e-5, "{folder}, cut at {cut}: {found:e}");
            let found = relative(&numbers(loaded.model.predict(rest)), &states);
            assert!(found <= 1e-5, "{folder}, cut at {cut}, predicted: {found:e}");
            for (layer, (ours, at_once)) in all.layers.into_iter().zip(&kept.layers).enumerate() {
                let keys = relative(&numbers(ours.0), &numbers(at_once.0.clone()));
                let values = relative(&numbers(ours.1), &numbers(at_once.1.clone()));
                assert!(keys <= 1e-5 && values <= 1e-5, "{folder}, layer {layer}: keys {keys:e}, values {values:e}");
            }
        }
    }
}

#[test]
fn one_past_serves_every_row_of_a_padded_batch() {
    for folder in FOLDERS {
        let loaded = load(folder);
        let rows = Expected::read(folder).rows();
        let begin = rows[1].clone();
        let (_, past) = loaded.model.extend(part(loaded.model.embed(std::slice::from_ref(&begin)), None)).unwrap();
        let lengths: Vec<usize> = rows.iter().map(Vec::len).collect();
        let after = Inputs {
            embeddings: loaded.model.embed(&rows),
            predict_positions: lengths.iter().map(|length| vec![length - 1, 0]).collect(),
            lengths,
            token_types: None,
            past: Some(past),
            parents: None,
        };
        let states = numbers(loaded.model.predict(after));
        let width = states.len() / rows.len();
        for (row, ids) in rows.iter().enumerate() {
            let joined = [begin.clone(), ids.clone()].concat();
            let n = joined.len();
            let whole = Inputs {
                predict_positions: vec![vec![n - 1, begin.len()]],
                ..part(loaded.model.embed(&[joined]), None)
            };
            let found = relative(&states[row * width..][..width], &numbers(loaded.model.predict(whole)));
            assert!(found <= 1e-5, "{folder}, row {row}: {found:e}");
        }
    }
}

#[test]
fn gradients_flow_through_kept_keys_and_values() {
    for folder in FOLDERS {
        let loaded = load(folder);
        let expected = Expected::read(folder);
        let ids = expected.rows()[0].clone();
        let plain = loaded.model.embed(&[ids]);
        let [_, length, d_model] = plain.dims();
        let score = |states: Tensor<3>| {
            loaded
                .model
                .logits(states.reshape([1, d_model]), Some(&expected.whole["label_rows"]))
                .powf_scalar(2.0)
                .sum()
        };
        let whole = Tensor::from_inner(plain.clone()).require_grad();
        let gradients = score(loaded.model.predict(part(whole.clone(), None))).backward();
        let at_once = numbers(whole.grad(&gradients).unwrap());

        let cut = length / 2;
        let first = Tensor::from_inner(plain.clone().narrow(1, 0, cut)).require_grad();
        let second = Tensor::from_inner(plain.clone().narrow(1, cut, length - cut)).require_grad();
        let (_, past) = loaded.model.extend(part(first.clone(), None)).unwrap();
        let gradients = score(loaded.model.predict(part(second.clone(), Some(past)))).backward();
        let parts = [first, second].map(|part| numbers(part.grad(&gradients).unwrap())).concat();
        let found = relative(&parts, &at_once);
        assert!(found <= 1e-4, "{folder}: {found:e}");

        // A trained prefix before embeddings that are not tracked; near, because some layers look back three positions only.
        let cut = length - 2;
        let (_, past) = loaded.model.extend(part(plain.clone().narrow(1, 0, cut), None)).unwrap();
        let layers: Vec<_> = past
            .layers
            .into_iter()
            .map(|(keys, values)| (Tensor::from_inner(keys).require_grad(), Tensor::from_inner(values).require_grad()))
            .collect();
        let past = KeyValues { layers: layers.clone() };
        let gradients = score(loaded.model.predict(part(plain.narrow(1, cut, length - cut), Some(past)))).backward();
        for (layer, (keys, values)) in layers.iter().enumerate() {
            for tensor in [keys, values] {
                let gradient = numbers(tensor.grad(&gradients).unwrap());
                assert!(gradient.iter().any(|number| *number != 0.0), "{folder}, layer {layer}: no gradient");
            }
        }
    }
}

#[test]
fn no_weight_of_a_causal_model_is_tracked() {
    for folder in ["gpt2", "gemma3"] {
        let loaded = load(folder);
        assert!(loaded.model.device() == Device::flex() && !loaded.model.embedding_table().is_autodiff());
        let mut inputs = Expected::read(folder).inputs(&loaded);
        inputs.embeddings = Tensor::from_inner(inputs.embeddings);
        assert!(!loaded.model.predict(inputs).is_tracked(), "something other than the embeddings is tracked");
    }
}

#[test]
fn the_table_and_the_embeddings_of_a_causal_model_have_one_scale() {
    for folder in ["gemma3", "gemma3-old", "llama"] {
        let loaded = load(folder);
        let table = numbers(loaded.model.embedding_table());
        let row = numbers(loaded.model.embed(&[vec![7]]));
        assert_eq!(&table[7 * row.len()..][..row.len()], row, "{folder}");
    }
}

#[test]
fn logits_of_some_rows_of_a_causal_head_are_those_of_all() {
    for folder in ["gemma3", "llama"] {
        let loaded = load(folder);
        let [batch_size, n_predict, d_model] = [3, 2, loaded.model.shape().d_model];
        let states =
            loaded.model.predict(Expected::read(folder).inputs(&loaded)).reshape([batch_size * n_predict, d_model]);
        let all = numbers(loaded.model.logits(states.clone(), None));
        let rows = [7, 0, 280, 7];
        let some = numbers(loaded.model.logits(states, Some(&rows)));
        let vocab_size = loaded.model.shape().vocab_size;
        for (place, score) in some.iter().enumerate() {
            let same = all[place / rows.len() * vocab_size + rows[place % rows.len()] as usize];
            assert!((score - same).abs() < 1e-5, "{folder}");
        }
    }
}

#[test]
#[should_panic(expected = "what is kept has no padding")]
fn rows_of_several_lengths_cannot_be_kept() {
    let loaded = load("gpt2");
    let inputs = Expected::read("gpt2").inputs(&loaded);
    let _ = loaded.model.extend(inputs);
}

/// A software adapter tunes for seconds at each new shape, so each family comes once and small.
const ON_THE_GPU: [&str; 8] = ["gpt2", "llama", "mistral", "qwen2", "qwen3", "glm", "glm4", "gemma3"];

#[test]
fn every_causal_family_on_the_gpu_equals_the_reference() {
    let device = match resolve(DeviceChoice::Wgpu) {
        Ok(device) => device,
        Err(error) => return eprintln!("skipped: {error}"),
    };
    for folder in ON_THE_GPU {
        let begun = std::time::Instant::now();
        let loaded = load_folder(&fixtures().join(folder), &device).unwrap();
        let expected = Expected::read(folder);
        let mut inputs = expected.inputs(&loaded);
        for (number, state) in loaded.model.hidden_states(&inputs).into_iter().enumerate() {
            let theirs = counting(&expected.numbers[&format!("hidden.{number}")], &inputs.lengths, expected.seq_length);
            let found = relative(&counting(&numbers(state), &inputs.lengths, expected.seq_length), &theirs);
            assert!(found <= 1e-5, "{folder}: first difference after layer {number} (0: embeddings): {found:e}");
        }
        let embeddings = Tensor::from_inner(inputs.embeddings).require_grad();
        inputs.embeddings = embeddings.clone();
        let states = loaded.model.predict(inputs);
        let found =
            difference(&log_probabilities(&loaded, states.clone().inner()), &expected.numbers["log_probabilities"]);
        assert!(found <= 1e-4, "{folder}: the states agree, the log-probabilities do not: {found:e}");
        let gradients = label_loss(&loaded, states, &expected).backward();
        let found = relative(&numbers(embeddings.grad(&gradients).unwrap()), &expected.numbers["gradient"]);
        assert!(found <= 1e-3, "{folder}: gradient: {found:e}");
        eprintln!("{folder}: {:.1} s", begun.elapsed().as_secs_f64());
    }
}

/// A real model: SmolLM2-135M-Instruct in the folder that the environment names; `make_causal_fixtures.py` says how to get it.
#[test]
fn smollm2_gives_the_next_tokens_of_the_reference() {
    let Some(folder) = std::env::var_os("PROMPTMINE_SMOLLM2") else {
        return eprintln!("skipped: PROMPTMINE_SMOLLM2 names no folder");
    };
    let loaded = load_folder(Path::new(&folder), &ResolvedDevice::cpu()).unwrap();
    let cases: Value = serde_json::from_slice(&std::fs::read(fixtures().join("smollm2.json")).unwrap()).unwrap();
    let mut largest = 0.0f32;
    for case in cases.as_array().unwrap() {
        let text = case["text"].as_str().unwrap();
        let ids: Vec<u32> = serde_json::from_value(case["ids"].clone()).unwrap();
        assert_eq!(loaded.tokenizer.encode_reference(text), ids, "{text}");
        let ours = log_probabilities(&loaded, loaded.model.predict(part(loaded.model.embed(&[ids]), None)));
        let mut order: Vec<usize> = (0..ours.len()).collect();
        order.sort_by(|&a, &b| ours[b].total_cmp(&ours[a]));
        let theirs: Vec<(usize, f32)> = serde_json::from_value(case["top"].clone()).unwrap();
        let top: Vec<usize> = theirs[..5].iter().map(|(id, _)| *id).collect();
        assert_eq!(order[..5], top, "{text}");
        for (id, log_probability) in theirs {
            largest = largest.max((ours[id] - log_probability).abs());
            assert!((ours[id] - log_probability).abs() < 1e-2, "{text}: token {id}");
        }
    }
    eprintln!("SmolLM2: the same five likeliest tokens, log-probabilities within {largest:.1e}");
}
