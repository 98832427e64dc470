//! Models and tokenizers against the reference implementation: `tests/fixtures/model/make_fixtures.py` wrote what transformers
//! computes, layer by layer, so that the first divergence is named.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use burn::Tensor;
use burn::tensor::activation::log_softmax;
use burn::tensor::{Device, Int, TensorData};
use promptmine::model::{
    DeviceChoice, Inputs, KeyValues, LoadedModel, Precision, ResolvedDevice, Tokenizer, builtin_models, load_builtin,
    load_folder, resolve,
};
use proptest::prelude::*;
use safetensors::SafeTensors;
use safetensors::tensor::Dtype;
use serde_json::Value;

const FOLDERS: [&str; 13] = [
    "bert",
    "bert-sharded",
    "ernie",
    "ernie-task",
    "bert-untied",
    "roberta",
    "roberta-untied",
    "xlm-roberta",
    "distilbert",
    "albert",
    "albert-inner",
    "electra",
    "electra-untied",
];

/// Those for which the script also put keys and values before the input.
fn folders_with_past() -> &'static [&'static str] {
    &FOLDERS[4..]
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/model")
}

fn json(name: &str) -> Value {
    serde_json::from_slice(&std::fs::read(fixtures().join(name)).unwrap()).unwrap()
}

fn load(folder: &str, device: &ResolvedDevice) -> LoadedModel {
    load_folder(&fixtures().join(folder), device).unwrap()
}

fn ids_of(value: &Value) -> Vec<u32> {
    value.as_array().unwrap().iter().map(|id| id.as_u64().unwrap() as u32).collect()
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

    fn rows(&self, name: &str) -> Vec<Vec<u32>> {
        self.whole[name].chunks(self.seq_length).map(<[u32]>::to_vec).collect()
    }

    fn lengths(&self) -> Vec<usize> {
        self.whole["lengths"].iter().map(|&length| length as usize).collect()
    }

    /// The batch as it was given to the reference; rows shorter than the longest are padded by `embed`.
    fn inputs(&self, loaded: &LoadedModel) -> Inputs {
        let rows: Vec<Vec<u32>> = self
            .rows("ids")
            .into_iter()
            .zip(self.lengths())
            .map(|(mut row, length)| {
                row.truncate(length);
                row
            })
            .collect();
        Inputs {
            embeddings: loaded.model.embed(&rows),
            lengths: self.lengths(),
            predict_positions: self.whole["places"].iter().map(|&place| vec![place as usize]).collect(),
            token_types: None,
            past: None,
            parents: None,
        }
    }
}

fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_into_vec::<f32>().unwrap()
}

fn largest_difference(ours: &[f32], theirs: &[f32]) -> f32 {
    assert_eq!(ours.len(), theirs.len());
    ours.iter().zip(theirs).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

/// `max|a - b| / max|b|`
fn relative_difference(ours: &[f32], theirs: &[f32]) -> f32 {
    largest_difference(ours, theirs) / theirs.iter().map(|number| number.abs()).fold(0.0, f32::max)
}

/// Log-probabilities over rows of `vocab_size`, in f64.
fn log_probabilities(logits: &[f32], vocab_size: usize) -> Vec<f32> {
    let of_row = |row: &[f32]| {
        let largest = f64::from(row.iter().copied().fold(f32::MIN, f32::max));
        let sum: f64 = row.iter().map(|&logit| (f64::from(logit) - largest).exp()).sum();
        row.iter().map(|&logit| (f64::from(logit) - largest - sum.ln()) as f32).collect::<Vec<f32>>()
    };
    logits.chunks(vocab_size).flat_map(of_row).collect()
}

/// Compares states at the positions that count: `max|a - b| / max|b|`.
fn state_difference(ours: &[f32], theirs: &[f32], lengths: &[usize], seq_length: usize) -> f32 {
    let d_model = ours.len() / (lengths.len() * seq_length);
    let (mut largest, mut scale) = (0.0f32, 0.0f32);
    for (row, &length) in lengths.iter().enumerate() {
        let span = row * seq_length * d_model..(row * seq_length + length) * d_model;
        largest = largest.max(largest_difference(&ours[span.clone()], &theirs[span.clone()]));
        scale = theirs[span].iter().map(|number| number.abs()).fold(scale, f32::max);
    }
    largest / scale
}

fn mask_logits(loaded: &LoadedModel, inputs: Inputs) -> Vec<f32> {
    let states = loaded.model.predict(inputs);
    let [batch_size, n_predict, d_model] = states.dims();
    numbers(loaded.model.logits(states.reshape([batch_size * n_predict, d_model]), None))
}

fn compare_states(loaded: &LoadedModel, expected: &Expected, within: f32) {
    compare_states_of(loaded, expected, &expected.inputs(loaded), "hidden", within);
}

fn compare_states_of(loaded: &LoadedModel, expected: &Expected, inputs: &Inputs, name: &str, within: f32) {
    let states = loaded.model.hidden_states(inputs);
    assert!(!expected.numbers.contains_key(&format!("{name}.{}", states.len())), "{}: too few layers", loaded.name);
    for (number, state) in states.into_iter().enumerate() {
        let theirs = &expected.numbers[&format!("{name}.{number}")];
        let difference = state_difference(&numbers(state), theirs, &inputs.lengths, expected.seq_length);
        assert!(
            difference < within,
            "{}: first divergence after layer {number} of {name} (0: embeddings): {difference:e}",
            loaded.name
        );
    }
}

fn compare_logits(loaded: &LoadedModel, inputs: Inputs, theirs: &[f32], within: f32) {
    let vocab_size = loaded.model.shape().vocab_size;
    let ours = log_probabilities(&mask_logits(loaded, inputs), vocab_size);
    let difference = largest_difference(&ours, &log_probabilities(theirs, vocab_size));
    assert!(difference < within, "{}: the states agree, the logits do not: {difference:e}", loaded.name);
}

#[test]
fn every_family_equals_the_reference_layer_by_layer() {
    for folder in FOLDERS {
        let loaded = load(folder, &ResolvedDevice::cpu());
        let expected = Expected::read(folder);
        compare_states(&loaded, &expected, 1e-5);
        let inputs = expected.inputs(&loaded);
        compare_logits(&loaded, inputs.clone(), &expected.numbers["logits"], 1e-5);
        // RoBERTa has one type and DistilBERT none.
        if let Some(theirs) = expected.numbers.get("logits_typed") {
            let typed = Inputs { token_types: Some(expected.rows("types")), ..inputs };
            compare_logits(&loaded, typed, theirs, 1e-5);
        }
    }
}

/// The prefix of the script, one for all rows.
fn past(loaded: &LoadedModel, expected: &Expected) -> KeyValues {
    let (n_heads, d_head) = loaded.model.key_value_heads();
    let n_layers = loaded.model.shape().n_layers;
    let part = |name: &str, layer: usize| -> Tensor<4> {
        let numbers = &expected.numbers[name];
        let size = numbers.len() / n_layers;
        let layer = numbers[layer * size..][..size].to_vec();
        Tensor::from_data(
            TensorData::new(layer, [1, n_heads, size / (n_heads * d_head), d_head]),
            &loaded.model.device(),
        )
    };
    KeyValues { layers: (0..n_layers).map(|layer| (part("past.keys", layer), part("past.values", layer))).collect() }
}

#[test]
fn keys_and_values_before_the_input_equal_the_reference() {
    for folder in folders_with_past() {
        let loaded = load(folder, &ResolvedDevice::cpu());
        let expected = Expected::read(folder);
        let inputs = Inputs { past: Some(past(&loaded, &expected)), ..expected.inputs(&loaded) };
        compare_states_of(&loaded, &expected, &inputs, "past.hidden", 1e-5);
        let theirs = &expected.numbers["past.logits"];
        compare_logits(&loaded, inputs.clone(), theirs, 1e-5);

        // One for every row is the same, and so is a row alone.
        let batch_size = inputs.lengths.len();
        let for_every_row = |tensor: &Tensor<4>| tensor.clone().repeat_dim(0, batch_size);
        let layers = inputs.past.as_ref().unwrap().layers.iter();
        let repeated = layers.map(|(keys, values)| (for_every_row(keys), for_every_row(values))).collect();
        let repeated = Inputs { past: Some(KeyValues { layers: repeated }), ..inputs.clone() };
        compare_logits(&loaded, repeated, theirs, 1e-5);
        let vocab_size = loaded.model.shape().vocab_size;
        for (row, length) in expected.lengths().into_iter().enumerate() {
            let alone = Inputs {
                embeddings: loaded.model.embed(&[expected.rows("ids")[row][..length].to_vec()]),
                lengths: vec![length],
                predict_positions: vec![inputs.predict_positions[row].clone()],
                token_types: None,
                past: inputs.past.clone(),
                parents: None,
            };
            compare_logits(&loaded, alone, &theirs[row * vocab_size..][..vocab_size], 1e-5);
        }
    }
}

#[test]
fn gradients_with_respect_to_keys_and_values_equal_the_reference() {
    for folder in folders_with_past() {
        let loaded = load(folder, &ResolvedDevice::cpu());
        let expected = Expected::read(folder);
        let plain = past(&loaded, &expected);
        let track = |tensor: Tensor<4>| Tensor::from_inner(tensor).require_grad();
        let layers: Vec<_> = plain.layers.into_iter().map(|(keys, values)| (track(keys), track(values))).collect();
        // The embeddings stay plain: a prefix is trained alone.
        let inputs = Inputs { past: Some(KeyValues { layers: layers.clone() }), ..expected.inputs(&loaded) };
        let gradients = label_loss(&loaded, inputs, &expected).backward();
        let (mut keys, mut values) = (Vec::new(), Vec::new());
        for (layer_keys, layer_values) in &layers {
            keys.extend(numbers(layer_keys.grad(&gradients).unwrap()));
            values.extend(numbers(layer_values.grad(&gradients).unwrap()));
        }
        for (ours, name) in [(keys, "past.gradient_keys"), (values, "past.gradient_values")] {
            let difference = relative_difference(&ours, &expected.numbers[name]);
            assert!(difference < 1e-4, "{folder}: {name}: {difference:e}");
        }
    }
}

#[test]
fn soft_prompts_and_exchanged_tokens_have_the_width_of_the_word_embeddings() {
    for (folder, width, blocks) in
        [("albert", 16, 24), ("albert-inner", 28, 24), ("electra", 16, 24), ("roberta", 24, 24)]
    {
        let loaded = load(folder, &ResolvedDevice::cpu());
        let expected = Expected::read(folder);
        let inputs = expected.inputs(&loaded);
        let shape = loaded.model.shape();
        assert_eq!((shape.d_model, loaded.model.embedding_table().dims()), (width, [shape.vocab_size, width]));
        assert_eq!(inputs.embeddings.dims()[2], width);
        assert_eq!(loaded.model.hidden_states(&inputs)[0].dims()[2], blocks);
        assert_eq!(loaded.model.predict(inputs).dims()[2], width);
        assert_eq!(loaded.model.key_value_heads(), (3, 8));
    }
}

#[test]
fn texts_become_the_ids_of_the_reference() {
    for folder in folders_with_past() {
        let loaded = load(folder, &ResolvedDevice::cpu());
        let expected = Expected::read(folder);
        let mask = loaded.tokenizer.mask_token().unwrap();
        for (row, text) in ["the film was great. It was {mask}.", "a movie : {mask}", "{mask}"].iter().enumerate() {
            let theirs = &expected.rows("ids")[row][..expected.lengths()[row]];
            assert_eq!(loaded.tokenizer.encode_reference(&text.replace("{mask}", mask)), theirs, "{folder}: {text}");
        }
    }
}

/// Cross-entropy of the labels over the label words, as in the script.
fn label_loss(loaded: &LoadedModel, inputs: Inputs, expected: &Expected) -> Tensor<1> {
    let labels: Vec<i32> = expected.whole["labels"].iter().map(|&label| label as i32).collect();
    let n = labels.len();
    let device = loaded.model.device();
    let labels: Tensor<2, Int> = Tensor::from_data(TensorData::new(labels, [n, 1]), &device);
    let states = loaded.model.predict(inputs).squeeze_dim::<2>(1);
    let scores = loaded.model.logits(states, Some(&expected.whole["label_rows"]));
    log_softmax(scores, 1).gather(1, labels).neg().mean()
}

#[test]
fn gradients_with_respect_to_the_embeddings_equal_the_reference() {
    for folder in FOLDERS {
        let loaded = load(folder, &ResolvedDevice::cpu());
        let expected = Expected::read(folder);
        let mut inputs = expected.inputs(&loaded);
        let embeddings = Tensor::from_inner(inputs.embeddings).require_grad();
        inputs.embeddings = embeddings.clone();
        let loss = label_loss(&loaded, inputs, &expected);
        let difference = largest_difference(&numbers(loss.clone().inner()), &expected.numbers["loss"]);
        assert!(difference < 1e-5, "{folder}: loss: {difference:e}");
        let gradients = loss.backward();
        let ours = numbers(embeddings.grad(&gradients).unwrap());
        let difference = relative_difference(&ours, &expected.numbers["gradient"]);
        assert!(difference < 1e-4, "{folder}: gradient: {difference:e}");
    }
}

#[test]
fn no_weight_is_on_the_autodiff_device_or_tracked() {
    let loaded = load("bert", &ResolvedDevice::cpu());
    let device = loaded.model.device();
    assert!(!device.is_autodiff() && device == Device::flex());
    let table = loaded.model.embedding_table();
    assert!(!table.is_autodiff() && !table.is_tracked());

    let expected = Expected::read("bert");
    let untracked =
        Inputs { embeddings: Tensor::from_inner(expected.inputs(&loaded).embeddings), ..expected.inputs(&loaded) };
    let states = loaded.model.predict(untracked);
    assert!(!states.is_tracked(), "something other than the embeddings is tracked");
}

#[test]
fn a_score_is_the_same_alone_batched_and_padded() {
    for folder in FOLDERS {
        let loaded = load(folder, &ResolvedDevice::cpu());
        let expected = Expected::read(folder);
        let batch = mask_logits(&loaded, expected.inputs(&loaded));
        let vocab_size = loaded.model.shape().vocab_size;
        for (row, length) in expected.lengths().into_iter().enumerate() {
            let ids = expected.rows("ids")[row][..length].to_vec();
            let alone = Inputs {
                embeddings: loaded.model.embed(&[ids]),
                lengths: vec![length],
                predict_positions: vec![vec![expected.whole["places"][row] as usize]],
                token_types: None,
                past: None,
                parents: None,
            };
            let difference = largest_difference(&mask_logits(&loaded, alone), &batch[row * vocab_size..][..vocab_size]);
            assert!(difference < 1e-5, "{folder}, row {row}: {difference:e}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_score_does_not_depend_on_its_batch(
        rows in proptest::collection::vec(proptest::collection::vec(0u32..102, 1..20), 1..7),
        places in proptest::collection::vec(0usize..1000, 7),
    ) {
        static MODEL: OnceLock<LoadedModel> = OnceLock::new();
        let loaded = MODEL.get_or_init(|| load("bert", &ResolvedDevice::cpu()));
        let place_in = |number: usize| vec![places[number] % rows[number].len()];
        let batch = mask_logits(loaded, Inputs {
            embeddings: loaded.model.embed(&rows),
            lengths: rows.iter().map(Vec::len).collect(),
            predict_positions: (0..rows.len()).map(place_in).collect(),
            token_types: None, past: None,
        parents: None, });
        let vocab_size = loaded.model.shape().vocab_size;
        for (number, row) in rows.iter().enumerate() {
            let alone = mask_logits(loaded, Inputs {
                embeddings: loaded.model.embed(std::slice::from_ref(row)),
                lengths: vec![row.len()],
                predict_positions: vec![place_in(number)],
                token_types: None, past: None,
            parents: None, });
            let difference = largest_difference(&alone, &batch[number * vocab_size..][..vocab_size]);
            prop_assert!(difference < 1e-5, "{difference:e}");
        }
    }
}

#[test]
fn logits_of_some_rows_are_those_of_all() {
    let loaded = load("ernie-task", &ResolvedDevice::cpu());
    let expected = Expected::read("ernie-task");
    let states = loaded.model.predict(expected.inputs(&loaded)).squeeze_dim::<2>(1);
    let all = numbers(loaded.model.logits(states.clone(), None));
    let rows = [7, 0, 99, 7];
    let some = numbers(loaded.model.logits(states, Some(&rows)));
    let vocab_size = loaded.model.shape().vocab_size;
    for (place, score) in some.iter().enumerate() {
        let same = all[place / rows.len() * vocab_size + rows[place % rows.len()] as usize];
        assert!((score - same).abs() < 1e-5);
    }
}

#[test]
fn the_built_in_models_equal_the_reference() {
    let cases = json("builtin.json");
    for builtin in builtin_models() {
        let loaded = load_builtin(builtin.name(), &ResolvedDevice::cpu()).unwrap();
        for case in cases[builtin.name()].as_array().unwrap() {
            let ids = ids_of(&case["ids"]);
            let text = case["text"].as_str().unwrap();
            assert_eq!(loaded.tokenizer.encode_reference(text), ids, "{text}");
            let inputs = Inputs {
                lengths: vec![ids.len()],
                predict_positions: vec![vec![case["place"].as_u64().unwrap() as usize]],
                token_types: None,
                past: None,
                parents: None,
                embeddings: loaded.model.embed(&[ids]),
            };
            let logits = mask_logits(&loaded, inputs);
            for (row, theirs) in ids_of(&case["rows"]).iter().zip(case["logits"].as_array().unwrap()) {
                let (ours, theirs) = (logits[*row as usize], theirs.as_f64().unwrap() as f32);
                assert!((ours - theirs).abs() < 1e-4, "{text}: row {row}: {ours} and {theirs}");
            }
            let mut order: Vec<usize> = (0..logits.len()).collect();
            order.sort_by(|&a, &b| logits[b].total_cmp(&logits[a]));
            for (id, top) in order.iter().zip(case["top"].as_array().unwrap()) {
                assert_eq!(top[0].as_u64().unwrap() as usize, *id, "{text}");
                assert_eq!(loaded.tokenizer.token(*id as u32).as_deref(), top[1].as_str(), "{text}");
            }
        }
    }
}

fn tokenizer(name: &str) -> Tokenizer {
    let builtin = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/model/builtin").join(name);
    let folder = if builtin.is_dir() { builtin } else { fixtures().join(name) };
    Tokenizer::open(&folder).unwrap()
}

#[test]
fn tokenizers_equal_the_reference_on_tricky_texts() {
    let cases = json("tokenizers.json");
    let texts: Vec<&str> = cases["texts"].as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect();
    for name in ["reviews-en", "reviews-zh", "bert-sharded", "vocabulary-cased"] {
        let tokenizer = tokenizer(name);
        for (number, text) in texts.iter().enumerate() {
            let reference = ids_of(&cases[name]["reference"][number]);
            assert_eq!(tokenizer.encode_reference(text), reference, "{name}: {text:?}");
            let plain = ids_of(&cases[name]["plain"][number]);
            assert_eq!(tokenizer.encode_text(text), plain, "{name}, as plain text: {text:?}");
        }
    }
}

#[test]
fn byte_level_and_unigram_tokenizers_equal_the_reference_on_tricky_texts_and_masks() {
    let cases = json("tokenizers-masked.json");
    let texts = |value: &Value| -> Vec<String> {
        value.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
    };
    let (tricky, prompts) = (texts(&json("tokenizers.json")["texts"]), texts(&cases["prompts"]));
    for name in ["roberta", "roberta-untied", "xlm-roberta", "albert"] {
        let tokenizer = tokenizer(name);
        for (number, text) in tricky.iter().enumerate() {
            let reference = ids_of(&cases[name]["reference"][number]);
            assert_eq!(tokenizer.encode_reference(text), reference, "{name}: {text:?}");
            let plain = ids_of(&cases[name]["plain"][number]);
            assert_eq!(tokenizer.encode_text(text), plain, "{name}, as plain text: {text:?}");
        }
        let mask = tokenizer.mask_token().unwrap();
        for (number, prompt) in prompts.iter().enumerate() {
            let reference = ids_of(&cases[name]["prompts"][number]);
            assert_eq!(tokenizer.encode_reference(&prompt.replace("{mask}", mask)), reference, "{name}: {prompt:?}");
        }
    }
}

/// Full-width forms, half-width kana, spaces and controls of all kinds go through the table in the file.
#[test]
fn a_table_of_sentencepiece_rewrites_texts_as_the_reference_does() {
    let cases = json("tokenizer-precompiled.json");
    let tokenizer = tokenizer("vocabulary-precompiled");
    for (number, text) in cases["texts"].as_array().unwrap().iter().enumerate() {
        let text = text.as_str().unwrap();
        assert_eq!(tokenizer.encode_reference(text), ids_of(&cases["reference"][number]), "{text:?}");
        assert_eq!(tokenizer.encode_text(text), ids_of(&cases["plain"][number]), "as plain text: {text:?}");
    }
    for (number, prompt) in cases["prompts"].as_array().unwrap().iter().enumerate() {
        let text = prompt.as_str().unwrap().replace("{mask}", tokenizer.mask_token().unwrap());
        assert_eq!(tokenizer.encode_reference(&text), ids_of(&cases["masked"][number]), "{text:?}");
    }
    assert_eq!(tokenizer.encode_word("ｇｏｏｄ", true).unwrap(), tokenizer.encode_word("good", true).unwrap());
}

#[test]
fn label_words_after_a_space_are_written_with_it() {
    for (name, word, after_space, tokens) in [
        ("roberta", "was", true, &["Ġwas"][..]),
        ("roberta", "was", false, &["w", "as"]),
        ("xlm-roberta", "was", true, &["▁was"]),
        ("xlm-roberta", "was", false, &["▁was"]),
    ] {
        let tokenizer = tokenizer(name);
        let ids = tokenizer.encode_word(word, after_space).unwrap();
        let written: Vec<String> = ids.iter().map(|&id| tokenizer.token(id).unwrap()).collect();
        assert_eq!(written, tokens, "{name}");
    }
    let tokenizer = tokenizer("roberta");
    let id = tokenizer.token_id("Ġwas").unwrap();
    assert_eq!(tokenizer.token_text(id), Some(("was".into(), false)));
    assert!(tokenizer.is_word_start(id) && !tokenizer.is_word_start(tokenizer.token_id("as").unwrap()));
}

#[test]
fn padding_and_cutting_set_inside_a_tokenizer_file_change_nothing() {
    let path = fixtures().join("bert/tokenizer.json");
    let mut file: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let plain = Tokenizer::from_json(file.to_string().as_bytes(), None, "plain").unwrap();
    file["truncation"] =
        serde_json::json!({"direction": "Right", "max_length": 4, "strategy": "LongestFirst", "stride": 0});
    file["padding"] = serde_json::json!({"strategy": {"Fixed": 16}, "direction": "Right", "pad_to_multiple_of": null,
        "pad_id": 0, "pad_type_id": 0, "pad_token": "[PAD]"});
    let set = Tokenizer::from_json(file.to_string().as_bytes(), None, "set").unwrap();
    let text = "the film was good , it was great";
    assert_eq!(set.encode_reference(text), plain.encode_reference(text));
    assert_eq!(set.encode_text(text), plain.encode_text(text));
    assert_eq!(set.hash(), plain.hash());
}

/// A software adapter tunes for seconds at each new shape, so each family comes once and small.
const ON_THE_GPU: [&str; 7] = ["bert", "ernie-task", "roberta", "xlm-roberta", "distilbert", "albert", "electra"];

#[test]
fn every_family_on_the_gpu_equals_the_reference() {
    let device = match resolve(DeviceChoice::Wgpu) {
        Ok(device) => device,
        Err(error) => return eprintln!("skipped: {error}"),
    };
    for folder in ON_THE_GPU {
        let begun = std::time::Instant::now();
        let loaded = load(folder, &device);
        let expected = Expected::read(folder);
        compare_states(&loaded, &expected, 1e-5);
        let mut inputs = expected.inputs(&loaded);
        compare_logits(&loaded, inputs.clone(), &expected.numbers["logits"], 1e-4);
        let embeddings = Tensor::from_inner(inputs.embeddings).require_grad();
        inputs.embeddings = embeddings.clone();
        let gradients = label_loss(&loaded, inputs, &expected).backward();
        let ours = numbers(embeddings.grad(&gradients).unwrap());
        let difference = relative_difference(&ours, &expected.numbers["gradient"]);
        assert!(difference < 1e-3, "{folder}: gradient: {difference:e}");
        eprintln!("{folder}: {:.1} s", begun.elapsed().as_secs_f64());
    }
}

#[test]
fn half_precision_on_the_gpu_is_close_to_the_reference() {
    let device = match resolve(DeviceChoice::Wgpu) {
        Ok(device) => device,
        Err(error) => return eprintln!("skipped: {error}"),
    };
    for precision in [Precision::F16, Precision::Bf16] {
        let device = match device.clone().with_precision(precision) {
            Ok(device) => device,
            Err(error) => {
                eprintln!("skipped: {error}");
                continue;
            }
        };
        let loaded = load("roberta", &device);
        let expected = Expected::read("roberta");
        let within = if precision == Precision::F16 { 1e-2 } else { 5e-2 };
        let inputs = expected.inputs(&loaded);
        let vocab_size = loaded.model.shape().vocab_size;
        let ours = log_probabilities(&mask_logits(&loaded, inputs), vocab_size);
        let theirs = log_probabilities(&expected.numbers["logits"], vocab_size);
        let difference = largest_difference(&ours, &theirs);
        // Rounded products are never all equal to exact ones: 0 would mean that the type was not used.
        assert!(difference < within && difference > 1e-6, "{precision}: {difference:e}");
        eprintln!("{precision}: {difference:.1e}");
    }
}
