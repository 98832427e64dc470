//! Sequence-to-sequence models against the reference implementation: `tests/fixtures/model/make_seq2seq_fixtures.py` wrote what
//! transformers computes, layer by layer on both sides, so that the first divergence is named.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use burn::Tensor;
use burn::tensor::activation::log_softmax;
use burn::tensor::{Device, Int, TensorData};
use promptmine::model::{
    Inputs, LanguageModel, LoadedModel, ModelKind, ModelShape, ResolvedDevice, Seq2SeqModel, load_folder,
};
use promptmine::prompt::{Prompt, Template, TriggerTokens, Verbalizer};
use promptmine::scoring::{Decoding, Scorer, Settings};
use promptmine::task::Example;
use safetensors::SafeTensors;
use safetensors::tensor::Dtype;

const FOLDERS: [&str; 6] = ["bart", "bart-scaled", "mbart", "t5", "t5-v1_1", "mt5"];

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/model/seq2seq")
}

fn load(folder: &str) -> LoadedModel {
    load_folder(&fixtures().join(folder), &ResolvedDevice::cpu()).unwrap()
}

/// What transformers computed for one model.
struct Expected {
    numbers: BTreeMap<String, Vec<f32>>,
    whole: BTreeMap<String, Vec<u32>>,
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
        Self { numbers, whole }
    }

    fn sizes(&self, name: &str) -> Vec<usize> {
        self.whole[name].iter().map(|&length| length as usize).collect()
    }

    /// The ids of each row of a side, `""` or `decoder_`, without its padding.
    fn rows(&self, side: &str) -> Vec<Vec<u32>> {
        let lengths = self.sizes(&format!("{side}lengths"));
        let ids = &self.whole[&format!("{side}ids")];
        let rows = ids.chunks(ids.len() / lengths.len());
        rows.zip(lengths).map(|(row, length)| row[..length].to_vec()).collect()
    }

    /// What the encoder and the decoder read as one row, read at the last position and at one in the middle.
    fn pairs(&self, loaded: &LoadedModel) -> (Inputs, Vec<usize>) {
        let from = self.sizes("lengths");
        let rows: Vec<Vec<u32>> = self
            .rows("")
            .into_iter()
            .zip(self.rows("decoder_"))
            .map(|(first, second)| [first, second].concat())
            .collect();
        let places = self.sizes("places");
        let places = places.chunks(2).zip(&from).map(|(row, from)| row.iter().map(|place| from + place).collect());
        (inputs(loaded, &rows, places.collect()), from)
    }

    /// Rows that the decoder reads shifted right, read at the gap.
    fn shifted(&self, loaded: &LoadedModel) -> Inputs {
        inputs(loaded, &self.rows(""), self.sizes("shifted.places").into_iter().map(|place| vec![place]).collect())
    }
}

fn inputs(loaded: &LoadedModel, rows: &[Vec<u32>], predict_positions: Vec<Vec<usize>>) -> Inputs {
    Inputs {
        embeddings: loaded.model.embed(rows),
        lengths: rows.iter().map(Vec::len).collect(),
        predict_positions,
        token_types: None,
        past: None,
        parents: None,
    }
}

fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.inner().into_data().try_into_vec::<f32>().unwrap()
}

fn difference(ours: &[f32], theirs: &[f32]) -> f32 {
    assert_eq!(ours.len(), theirs.len());
    assert!(ours.iter().all(|number| number.is_finite()));
    ours.iter().zip(theirs).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

/// `max|a - b| / max|b|`.
fn relative(ours: &[f32], theirs: &[f32]) -> f32 {
    difference(ours, theirs) / theirs.iter().fold(0.0f32, |largest, number| largest.max(number.abs()))
}

/// The numbers of the positions that count, of rows padded to one length.
fn counting(states: &[f32], lengths: &[usize]) -> Vec<f32> {
    let longest = lengths.iter().max().unwrap();
    let d_model = states.len() / (lengths.len() * longest);
    let rows = states.chunks(longest * d_model).zip(lengths);
    rows.flat_map(|(row, length)| row[..length * d_model].to_vec()).collect()
}

fn log_probabilities(loaded: &LoadedModel, states: Tensor<3>) -> Vec<f32> {
    let [batch_size, n_predict, d_model] = states.dims();
    numbers(log_softmax(loaded.model.logits(states.reshape([batch_size * n_predict, d_model]), None), 1))
}

#[test]
fn every_seq2seq_family_equals_the_reference_layer_by_layer() {
    for folder in FOLDERS {
        let loaded = load(folder);
        assert_eq!(loaded.model.shape().kind, ModelKind::Seq2Seq);
        let expected = Expected::read(folder);
        let (inputs, from) = expected.pairs(&loaded);
        let model = loaded.model.seq2seq().unwrap();
        let mut largest = 0.0f32;
        for (side, states) in ["encoder", "decoder"].into_iter().zip(model.states_of_both(&inputs, &from)) {
            let lengths = expected.sizes(if side == "encoder" { "lengths" } else { "decoder_lengths" });
            for (number, state) in states.into_iter().enumerate() {
                let theirs = counting(&expected.numbers[&format!("{side}.{number}")], &lengths);
                let found = relative(&counting(&numbers(state), &lengths), &theirs);
                assert!(
                    found <= 1e-5,
                    "{folder}: first difference after {side} layer {number} (0: embeddings): {found:e}"
                );
                largest = largest.max(found);
            }
        }
        let found = difference(
            &log_probabilities(&loaded, model.predict_pairs(inputs, &from)),
            &expected.numbers["log_probabilities"],
        );
        assert!(found <= 1e-5, "{folder}: the states agree, the log-probabilities do not: {found:e}");
        eprintln!("{folder}: states {largest:.1e}, log-probabilities {found:.1e}");
    }
}

#[test]
fn an_input_that_the_decoder_reads_shifted_equals_the_reference() {
    for folder in FOLDERS {
        let loaded = load(folder);
        let expected = Expected::read(folder);
        let ours = log_probabilities(&loaded, loaded.model.predict(expected.shifted(&loaded)));
        let found = difference(&ours, &expected.numbers["shifted.log_probabilities"]);
        assert!(found <= 1e-5, "{folder}: {found:e}");
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
fn gradients_of_seq2seq_models_equal_the_reference_on_both_sides() {
    for folder in FOLDERS {
        let loaded = load(folder);
        let model = loaded.model.seq2seq().unwrap();
        let expected = Expected::read(folder);
        let (mut inputs, from) = expected.pairs(&loaded);
        let lengths = inputs.lengths.clone();
        let embeddings = Tensor::from_inner(inputs.embeddings).require_grad();
        inputs.embeddings = embeddings.clone();
        let loss = label_loss(&loaded, model.predict_pairs(inputs, &from), &expected);
        let found = difference(&numbers(loss.clone()), &expected.numbers["loss"]);
        assert!(found <= 1e-5, "{folder}: loss: {found:e}");
        let gradients = loss.backward();
        let gradient = numbers(embeddings.grad(&gradients).unwrap());
        let d_model = loaded.model.shape().d_model;
        let longest = lengths.iter().max().unwrap();
        let (mut first, mut second) = (Vec::new(), Vec::new());
        for ((row, length), from) in gradient.chunks(longest * d_model).zip(&lengths).zip(&from) {
            first.extend_from_slice(&row[..from * d_model]);
            second.extend_from_slice(&row[from * d_model..length * d_model]);
            assert!(row[length * d_model..].iter().all(|&x| x == 0.0), "{folder}: the padding has a gradient");
        }
        for (name, ours, side) in [("encoder", first, ""), ("decoder", second, "decoder_")] {
            let lengths = expected.sizes(&format!("{side}lengths"));
            let theirs = counting(&expected.numbers[&format!("{side}gradient")], &lengths);
            let found = relative(&ours, &theirs);
            assert!(found <= 1e-5, "{folder}: gradient of the {name}'s embeddings: {found:e}");
            assert!(theirs.iter().any(|x| x.abs() > 1e-3), "{folder}: a gradient that is nothing");
        }

        let mut inputs = expected.shifted(&loaded);
        let lengths = inputs.lengths.clone();
        let embeddings = Tensor::from_inner(inputs.embeddings).require_grad();
        inputs.embeddings = embeddings.clone();
        let loss = label_loss(&loaded, loaded.model.predict(inputs), &expected);
        let found = difference(&numbers(loss.clone()), &expected.numbers["shifted.loss"]);
        assert!(found <= 1e-5, "{folder}: loss of what is shifted: {found:e}");
        let ours = numbers(embeddings.grad(&loss.backward()).unwrap());
        let theirs = &expected.numbers["shifted.gradient"];
        let found = relative(&counting(&ours, &lengths), &counting(theirs, &lengths));
        assert!(found <= 1e-5, "{folder}: gradient of what is shifted: {found:e}");
    }
}

#[test]
fn a_seq2seq_answer_is_the_same_alone_and_batched() {
    for folder in FOLDERS {
        let loaded = load(folder);
        let model = loaded.model.seq2seq().unwrap();
        let expected = Expected::read(folder);
        let (batch, from) = expected.pairs(&loaded);
        let all = numbers(model.predict_pairs(batch.clone(), &from));
        let n = all.len() / from.len();
        for row in 0..from.len() {
            let alone = Inputs {
                embeddings: batch.embeddings.clone().narrow(0, row, 1),
                lengths: vec![batch.lengths[row]],
                predict_positions: vec![batch.predict_positions[row].clone()],
                ..batch.clone()
            };
            assert_eq!(numbers(model.predict_pairs(alone, &from[row..=row])), all[row * n..(row + 1) * n], "{folder}");
        }
    }
}

#[test]
fn rows_that_share_an_encoder_equal_rows_of_their_own() {
    for folder in FOLDERS {
        let loaded = load(folder);
        let model = loaded.model.seq2seq().unwrap();
        let expected = Expected::read(folder);
        let (sources, targets) = (expected.rows(""), expected.rows("decoder_"));
        let pairs = [(0, 0), (0, 1), (0, 2), (1, 2), (2, 1), (2, 0)];
        let own: Vec<Vec<u32>> =
            pairs.iter().map(|&(s, t)| [sources[s].clone(), targets[t].clone()].concat()).collect();
        let from: Vec<usize> = pairs.iter().map(|&(source, _)| sources[source].len()).collect();
        let last = |rows: &[Vec<u32>]| rows.iter().map(|row| vec![row.len() - 1]).collect();
        let whole = numbers(model.predict_pairs(inputs(&loaded, &own, last(&own)), &from));
        let parents = [None, Some(0), Some(0), None, None, Some(4)];
        let shared: Vec<Vec<u32>> = own
            .iter()
            .zip(parents)
            .zip(&from)
            .map(|((row, parent), &from)| if parent.is_some() { row[from..].to_vec() } else { row.clone() })
            .collect();
        let from: Vec<usize> =
            from.iter().zip(parents).map(|(&from, parent)| if parent.is_some() { 0 } else { from }).collect();
        let given = Inputs { parents: Some(parents.to_vec()), ..inputs(&loaded, &shared, last(&shared)) };
        assert_eq!(numbers(model.predict_pairs(given, &from)), whole, "{folder}");
    }
}

#[test]
fn a_decoder_that_goes_on_from_kept_keys_and_values_equals_one_that_reads_at_once() {
    for folder in FOLDERS {
        let loaded = load(folder);
        let model = loaded.model.seq2seq().unwrap();
        let expected = Expected::read(folder);
        let (sources, targets) = (expected.rows(""), expected.rows("decoder_"));
        let target = &targets[0];
        let memory = model.encode(&inputs(&loaded, &sources, vec![vec![0]; sources.len()]));
        // Three rows look at two texts.
        let read = |ids: &[u32]| inputs(&loaded, &vec![ids.to_vec(); 3], vec![vec![ids.len() - 1]; 3]);
        let seen = [0, 0, 2];
        let (whole, _) = model.decode(&memory, &seen, read(target));
        let mut past = None;
        let mut states = Vec::new();
        for id in target.chunks(2) {
            let (next, kept) = model.decode(&memory, &seen, Inputs { past, ..read(id) });
            (states, past) = (numbers(next), Some(kept));
        }
        let found = relative(&states, &numbers(whole));
        assert!(found <= 1e-5, "{folder}: {found:e}");
        let (kept, (n_heads, d_head)) = (past.unwrap(), loaded.model.key_value_heads());
        assert_eq!(kept.layers[0].0.dims(), [3, n_heads, target.len(), d_head]);
    }
}

#[test]
fn token_ids_of_seq2seq_tokenizers_equal_the_reference() {
    let json: serde_json::Value =
        serde_json::from_slice(&std::fs::read(fixtures().join("tokenizers.json")).unwrap()).unwrap();
    let texts: Vec<String> = serde_json::from_value(json["texts"].clone()).unwrap();
    let prompts: Vec<String> = serde_json::from_value(json["prompts"].clone()).unwrap();
    for folder in FOLDERS {
        let tokenizer = load(folder).tokenizer;
        let reference: Vec<Vec<u32>> = serde_json::from_value(json[folder]["reference"].clone()).unwrap();
        let plain: Vec<Vec<u32>> = serde_json::from_value(json[folder]["plain"].clone()).unwrap();
        for ((text, reference), plain) in texts.iter().zip(reference).zip(plain) {
            assert_eq!(tokenizer.encode_reference(text), reference, "{folder}: {text:?}");
            assert_eq!(tokenizer.encode_text(text), plain, "{folder}: {text:?} as text");
        }
        let written: Vec<Vec<u32>> = serde_json::from_value(json[folder]["prompts"].clone()).unwrap();
        for (prompt, ids) in prompts.iter().zip(written) {
            let gap =
                |number: u32| tokenizer.mask_token().map_or_else(|| format!("<extra_id_{number}>"), str::to_owned);
            let text = prompt.replace("{0}", &gap(0)).replace("{1}", &gap(1));
            assert_eq!(tokenizer.encode_reference(&text), ids, "{folder}: {text:?}");
        }
    }
}

#[test]
fn a_sentinel_in_someones_data_is_text() {
    for folder in ["t5", "t5-v1_1", "mt5"] {
        let tokenizer = load(folder).tokenizer;
        for text in ["<extra_id_0>", "a <extra_id_1>, good", "▁<extra_id_0> x"] {
            let ids = tokenizer.encode_text(text);
            assert!(!ids.iter().any(|id| tokenizer.sentinel_ids().contains(id)), "{folder}: {text}: {ids:?}");
            assert!(ids.len() > 5, "{folder}: {text}: {ids:?}");
        }
        assert_eq!(tokenizer.has_ordinary_sentinels(), folder == "mt5");
    }
}

fn answers(folder: &str) -> serde_json::Value {
    serde_json::from_slice(&std::fs::read(fixtures().join(folder).join("expected.json")).unwrap()).unwrap()
}

fn scorer(folder: &str) -> Scorer {
    Scorer::new(load(folder), Settings::default())
}

#[test]
fn gaps_are_filled_as_by_the_reference() {
    for folder in FOLDERS {
        let scorer = scorer(folder);
        for case in answers(folder)["fill"].as_array().unwrap() {
            let text = case["text"].as_str().unwrap();
            let theirs: Vec<Vec<(u32, f64)>> = serde_json::from_value(case["positions"].clone()).unwrap();
            // Once as the tokenizer writes gaps, and once as everyone may.
            let gap = |number: usize| match scorer.loaded().tokenizer.mask_token() {
                Some(mask) => mask.to_owned(),
                None => format!("<extra_id_{number}>"),
            };
            let ours_too = (0..3).fold(text.to_owned(), |text, number| text.replace(&gap(number), "{mask}"));
            for text in [text, &ours_too] {
                let ours = scorer.fill(text, 6).unwrap();
                assert_eq!(ours.len(), theirs.len(), "{folder}: {text}");
                for (ours, theirs) in ours.iter().zip(&theirs) {
                    for (ours, theirs) in ours.iter().zip(theirs) {
                        assert_eq!(ours.token_id, theirs.0, "{folder}: {text}");
                        assert!((ours.logprob - theirs.1).abs() < 1e-5, "{folder}: {text}: {ours:?} and {theirs:?}");
                    }
                }
            }
        }
    }
}

#[test]
fn words_of_several_tokens_are_as_likely_as_to_the_reference() {
    for folder in FOLDERS {
        let scorer = scorer(folder);
        let cases = answers(folder)["words"].clone();
        let columns = ["text".to_owned()];
        for case in cases.as_array().unwrap() {
            let theirs: BTreeMap<String, f64> = serde_json::from_value(case["logprobs"].clone()).unwrap();
            let words: Vec<&String> = theirs.keys().collect();
            let verbalizer: Vec<String> = words.iter().enumerate().map(|(n, word)| format!("{n}={word}")).collect();
            let prompt = Prompt::plain(
                "{text} It was {mask}.".parse::<Template>().unwrap(),
                Arc::new(verbalizer.join(",").parse::<Verbalizer>().unwrap()),
            );
            let example = Example { row: 0, fields: vec![case["text"].as_str().unwrap().to_owned()], label: None };
            let explained = scorer.explain(&prompt, &columns, &example, 3).unwrap();
            for (ours, word) in explained.words.iter().zip(&words) {
                let found = (ours.logprob - theirs[*word]).abs();
                assert!(found < 2e-5, "{folder}: {word}: {} and {}", ours.logprob, theirs[*word]);
            }
            // In one batch with the encoder shared, as in the passes one by one.
            let scores =
                scorer.score(std::slice::from_ref(&prompt), &columns, &[&example]).unwrap().scores[0][0].clone();
            let total = theirs.values().map(|x| x.exp()).sum::<f64>().ln();
            for (ours, word) in scores.iter().zip(&words) {
                assert!((ours - (theirs[*word] - total)).abs() < 2e-5, "{folder}: {word}: {ours}");
            }
        }
    }
}

#[test]
fn what_is_written_equals_the_reference_token_by_token() {
    for folder in FOLDERS {
        let scorer = scorer(folder);
        let end = scorer.loaded().tokenizer.token_id("</s>").unwrap();
        for case in answers(folder)["generate"].as_array().unwrap() {
            let text = case["text"].as_str().unwrap();
            let theirs: Vec<u32> = serde_json::from_value(case["ids"].clone()).unwrap();
            let n_beams = case["beams"].as_u64().unwrap() as usize;
            let decoding = if n_beams == 1 { Decoding::Greedy } else { Decoding::Beams(n_beams) };
            let most = case["max_new_tokens"].as_u64().unwrap() as usize;
            let ids = scorer.text_to_continue(text).unwrap();
            let ours = scorer.generate(&ids, most, decoding, &[end]).unwrap();
            let whole = if ours.ended { [ours.ids.as_slice(), &[end]].concat() } else { ours.ids.clone() };
            assert_eq!(whole, theirs, "{folder}, {n_beams} beams: {text}");
        }
    }
}

/// A model whose embedding of one token is a step away.
struct Stepped {
    inner: Arc<dyn LanguageModel>,
    token: u32,
    axis: usize,
    step: f32,
}

impl LanguageModel for Stepped {
    fn shape(&self) -> &ModelShape {
        self.inner.shape()
    }

    fn device(&self) -> Device {
        self.inner.device()
    }

    fn seq2seq(&self) -> Option<&dyn Seq2SeqModel> {
        self.inner.seq2seq()
    }

    fn embed(&self, ids: &[Vec<u32>]) -> Tensor<3> {
        let embeddings = self.inner.embed(ids);
        let [n, length, d_model] = embeddings.dims();
        let mut steps = vec![0f32; n * length * d_model];
        for (row, ids) in ids.iter().enumerate() {
            for place in (0..ids.len()).filter(|&place| ids[place] == self.token) {
                steps[(row * length + place) * d_model + self.axis] = self.step;
            }
        }
        embeddings + Tensor::from_data(TensorData::new(steps, [n, length, d_model]), &self.device())
    }

    fn embedding_table(&self) -> Tensor<2> {
        self.inner.embedding_table()
    }

    fn predict(&self, inputs: Inputs) -> Tensor<3> {
        self.inner.predict(inputs)
    }

    fn logits(&self, states: Tensor<2>, rows: Option<&[u32]>) -> Tensor<2> {
        self.inner.logits(states, rows)
    }

    fn hidden_states(&self, inputs: &Inputs) -> Vec<Tensor<3>> {
        self.inner.hidden_states(inputs)
    }
}

#[test]
fn gradients_of_triggers_equal_finite_differences() {
    const STEP: f32 = 0.003;
    // Not the first T5, whose rectified states have corners within a step.
    for folder in ["bart-scaled", "t5-v1_1", "mt5"] {
        let loaded = load(folder);
        let scorer = Scorer::new(loaded.clone(), Settings::default());
        let template = "{text} {trigger:2} It was {mask}.".parse::<Template>().unwrap();
        let verbalizer = Arc::new("a=good|bad,b=terrible".parse::<Verbalizer>().unwrap());
        let columns = ["text".to_owned()];
        let example = |text: &str, label| Example { row: 0, fields: vec![text.to_owned()], label: Some(label) };
        let examples = [example("the story of a film", 0), example("很好看的电影", 1)];
        let shown: Vec<&Example> = examples.iter().collect();
        // Tokens that stand nowhere else, because a step of theirs is one of everywhere they stand.
        let elsewhere: Vec<u32> = ["good", "bad", "terrible", " good", " bad", " terrible", " It was.", "."]
            .into_iter()
            .chain(examples.iter().map(|example| example.fields[0].as_str()))
            .flat_map(|text| loaded.tokenizer.encode_text(text))
            .collect();
        let tokens: Vec<u32> = (40..).filter(|token| !elsewhere.contains(token)).take(2).collect();
        let prompt = Prompt { triggers: TriggerTokens(tokens.clone()), ..Prompt::plain(template, verbalizer) };
        let loss = |scorer: &Scorer| {
            let scores = scorer.score(std::slice::from_ref(&prompt), &columns, &shown).unwrap().scores;
            -(scores[0][0][0] + scores[0][1][1]) / 2.0
        };
        let gradient = scorer.gradient(&prompt, &columns, &shown).unwrap();
        assert!((gradient.loss - loss(&scorer)).abs() < 1e-5, "{folder}");
        for (trigger, token) in tokens.into_iter().enumerate() {
            for axis in [0, 3, 11] {
                let stepped = |step| {
                    let model = Stepped { inner: loaded.model.clone(), token, axis, step };
                    loss(&Scorer::new(LoadedModel { model: Arc::new(model), ..loaded.clone() }, Settings::default()))
                };
                let slope = (stepped(STEP) - stepped(-STEP)) / f64::from(2.0 * STEP);
                let found = f64::from(gradient.triggers[trigger][axis]);
                assert!(
                    (found - slope).abs() < 2e-3 * (1.0 + slope.abs()),
                    "{folder}, {trigger}, {axis}: {found} and {slope}"
                );
            }
        }
        assert!(gradient.triggers.iter().flatten().any(|x| x.abs() > 1e-2), "{folder}: a gradient that is nothing");
    }
}

#[test]
fn own_tokens_of_a_prompt_are_gaps_beside_the_answers() {
    let scorer = scorer("t5");
    let model = scorer.loaded().model.clone();
    let tokenizer = scorer.loaded().tokenizer.clone();
    let prompt = Prompt::plain(
        "{text} was {mask} film".parse::<Template>().unwrap(),
        Arc::new("a=good,b=bad".parse::<Verbalizer>().unwrap()),
    );
    let example = Example { row: 0, fields: vec!["a story".to_owned()], label: None };
    let columns = ["text".to_owned()];
    let found = scorer.likelihoods(std::slice::from_ref(&prompt), &columns, &[&example]).unwrap();
    let sentinels = tokenizer.sentinel_ids().to_vec();
    let (text, before, after) =
        (tokenizer.encode_text("a story"), tokenizer.encode_text("was"), tokenizer.encode_text("film"));
    let start = model.seq2seq().unwrap().start_id();
    let mut sum = 0.0;
    for place in 0..before.len() + after.len() {
        let (mut first, mut second) = (before.clone(), after.clone());
        let (own, answer, asked) = if place < before.len() {
            (std::mem::replace(&mut first[place], sentinels[0]), sentinels[1], sentinels[0])
        } else {
            (std::mem::replace(&mut second[place - before.len()], sentinels[1]), sentinels[0], sentinels[1])
        };
        let encoder = [&text[..], &first, &[answer], &second, &[1]].concat();
        let row = [&encoder[..], &[start, asked]].concat();
        let states = model.seq2seq().unwrap().predict_pairs(
            inputs(scorer.loaded(), std::slice::from_ref(&row), vec![vec![row.len() - 1]]),
            &[encoder.len()],
        );
        sum -= f64::from(log_probabilities(scorer.loaded(), states)[own as usize]);
    }
    let mean = sum / (before.len() + after.len()) as f64;
    assert!((found.means[0].unwrap() - mean).abs() < 1e-5, "{:?} and {mean}", found.means);
    assert_eq!(found.costs[0].evaluations, (before.len() + after.len()) as u64);
}
