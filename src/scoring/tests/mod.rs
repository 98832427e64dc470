//! The room as a whole, against slow references that ask the model directly.

mod cache;
mod calibration;
mod demonstrations;
mod encoding;
mod flags;
mod frozen;
mod gap;
mod generation;
mod gradient;
mod label_vectors;
mod perplexity;
mod prefix;
mod refusals;
mod scores;
mod soft;
mod spans;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use burn::Tensor;
use burn::tensor::{Device, TensorData};

use crate::model::{Inputs, LanguageModel, LoadedModel, ModelShape, ResolvedDevice, load_builtin};
use crate::prompt::{Prompt, Template, TriggerTokens, Verbalizer};
use crate::spec::MultiToken;
use crate::task::Example;

use super::{Encoded, Scorer, Settings};

fn loaded(name: &str) -> LoadedModel {
    load_builtin(name, &ResolvedDevice::cpu()).unwrap()
}

fn scorer(multi_token: MultiToken) -> Scorer {
    Scorer::new(loaded("toy"), Settings { multi_token, ..Settings::default() })
}

fn template(text: &str) -> Template {
    Template::parse(text).unwrap()
}

fn names(columns: &[&str]) -> Vec<String> {
    columns.iter().map(|&column| column.to_owned()).collect()
}

/// A prompt for the toy model, its triggers as the vocabulary writes them.
fn prompt(text: &str, verbalizer: &str, triggers: &[&str]) -> Prompt {
    let tokenizer = loaded("toy").tokenizer;
    Prompt::with_triggers(
        template(text),
        TriggerTokens(triggers.iter().map(|token| tokenizer.token_id(token).unwrap()).collect()),
        Arc::new(Verbalizer::parse(verbalizer).unwrap()),
    )
}

fn example(row: usize, text: &str, label: usize) -> Example {
    Example { row, fields: vec![text.to_owned()], label: Some(label) }
}

/// Texts of many lengths that the toy model has something to say about.
fn examples() -> Vec<Example> {
    let texts = [
        ("great film", 1),
        ("", 0),
        ("a dull story , terrible plot and awful acting !", 0),
        ("truly wonderful , excellent , not boring , very very good movie and the story was fun all in all .", 1),
        ("好 酒店 很好", 1),
        ("很差 ， 不满意 。 电影 糟", 0),
        ("watching this movie was a waste", 0),
        ("I loved it", 1),
        ("the the the the the the the the the the the the the the the the the the the the the the", 0),
        ("!", 1),
    ];
    texts.iter().enumerate().map(|(row, (text, label))| example(row, text, *label)).collect()
}

fn every(examples: &[Example]) -> Vec<&Example> {
    examples.iter().collect()
}

/// Log-probabilities over the whole vocabulary at `place`, from word embeddings `[seq_length * d_model]`, normalised here.
fn logprobs_of_embeddings(model: &dyn LanguageModel, embeddings: &[f32], place: usize) -> Vec<f64> {
    let d_model = model.shape().d_model;
    let length = embeddings.len() / d_model;
    let states = model.predict(Inputs {
        embeddings: Tensor::from_data(TensorData::new(embeddings.to_vec(), [1, length, d_model]), &model.device()),
        lengths: vec![length],
        predict_positions: vec![vec![place]],
        token_types: None,
        past: None,
        parents: None,
    });
    let logits = model.logits(states.reshape([1, d_model]), None).into_data().try_into_vec::<f32>().unwrap();
    let logits: Vec<f64> = logits.into_iter().map(f64::from).collect();
    let total = logits.iter().map(|x| x.exp()).sum::<f64>().ln();
    logits.into_iter().map(|x| x - total).collect()
}

fn embeddings(model: &dyn LanguageModel, ids: &[u32]) -> Vec<f32> {
    model.embed(&[ids.to_vec()]).into_data().try_into_vec().unwrap()
}

/// The labels' log-probabilities, slowly: one forward a token, each normalised over the whole vocabulary. `encoded` gives the
/// prompt with a number of masks; `step` is added to the embedding of one trigger: (trigger, axis, step).
fn reference(
    loaded: &LoadedModel,
    prompt: &Prompt,
    rule: MultiToken,
    encoded: &dyn Fn(usize) -> Encoded,
    step: Option<(usize, usize, f32)>,
) -> Vec<f64> {
    let model = &*loaded.model;
    let d_model = model.shape().d_model;
    let labels: Vec<f64> = prompt
        .verbalizer
        .labels
        .iter()
        .map(|label| {
            let probabilities = label.words.iter().map(|word| {
                let word = loaded.tokenizer.encode_text(word);
                let encoded = encoded(word.len());
                let mut score = 0.0;
                for (place, &token) in word.iter().enumerate() {
                    let mut ids = encoded.ids.clone();
                    for (&at, &id) in encoded.trigger_at.iter().zip(&prompt.triggers.0) {
                        ids[at] = id;
                    }
                    for (other, &id) in word.iter().enumerate() {
                        let known = match rule {
                            MultiToken::Joint | MultiToken::Mean => other < place,
                            MultiToken::Independent => false,
                            MultiToken::PseudoLikelihood => other != place,
                        };
                        if known {
                            ids[encoded.mask_at + other] = id;
                        }
                    }
                    let mut numbers = embeddings(model, &ids);
                    if let Some((trigger, axis, step)) = step {
                        numbers[encoded.trigger_at[trigger] * d_model + axis] += step;
                    }
                    score += logprobs_of_embeddings(model, &numbers, encoded.mask_at + place)[token as usize];
                }
                if rule == MultiToken::Mean { (score / word.len() as f64).exp() } else { score.exp() }
            });
            probabilities.sum::<f64>().ln()
        })
        .collect();
    let total = labels.iter().map(|x| x.exp()).sum::<f64>().ln();
    labels.into_iter().map(|x| x - total).collect()
}

fn assert_near(found: &[f64], expected: &[f64], tolerance: f64, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (a, b) in found.iter().zip(expected) {
        assert!((a - b).abs() <= tolerance, "{what}: {found:?} and {expected:?}");
    }
}

/// The toy model with something changed, and a count of the sequences that passed through it.
struct Altered {
    inner: Arc<dyn LanguageModel>,
    broken: bool,
    passed: Arc<AtomicUsize>,
}

/// The toy model counting, and its count; a broken one answers with numbers that are none.
fn altered(broken: bool) -> (LoadedModel, Arc<AtomicUsize>) {
    let toy = loaded("toy");
    let passed = Arc::new(AtomicUsize::new(0));
    let model = Altered { inner: Arc::clone(&toy.model), broken, passed: Arc::clone(&passed) };
    (LoadedModel { model: Arc::new(model), ..toy }, passed)
}

impl LanguageModel for Altered {
    fn shape(&self) -> &ModelShape {
        self.inner.shape()
    }

    fn device(&self) -> Device {
        self.inner.device()
    }

    fn embed(&self, ids: &[Vec<u32>]) -> Tensor<3> {
        self.inner.embed(ids)
    }

    fn embedding_table(&self) -> Tensor<2> {
        self.inner.embedding_table()
    }

    fn predict(&self, inputs: Inputs) -> Tensor<3> {
        self.passed.fetch_add(inputs.lengths.len(), Ordering::Relaxed);
        self.inner.predict(inputs)
    }

    fn logits(&self, states: Tensor<2>, rows: Option<&[u32]>) -> Tensor<2> {
        let logits = self.inner.logits(states, rows);
        if self.broken { logits * f32::NAN } else { logits }
    }

    fn hidden_states(&self, inputs: &Inputs) -> Vec<Tensor<3>> {
        self.inner.hidden_states(inputs)
    }
}
