//! A tiny masked language model made of formulas, for tests with exact numbers.
//!
//! It knows some words of praise and blame in English and Chinese, has a bias towards praise, and reads polarity from the
//! context, the nearer the more. Some words (`it`, `was`, `truly`, `总`, ...) are cues: near the mask they make it listen more. So
//! the prompt decides how well it classifies, as with a real model, and a search over prompts has something to find.
//!
//! With `e_t` the embeddings and `p` a predict position, over the positions `t` of a row:
//!
//! ```text
//! c_p = sum_t e_t / (1 + |p - t|)        h_p = tanh(c_p (1 + c_p[CUE]))        logits = 4 h_p E^T + b
//! ```
//!
//! Values that stand before the input are heard as embeddings there; keys say nothing.

use std::sync::Arc;

use burn::Tensor;
use burn::tensor::{Device, Int, TensorData};

use crate::model::family::LoadedWeights;
use crate::model::layer::{embed_rows, join_past};
use crate::model::tokenizer::{BertOptions, bert_tokenizer};
use crate::model::{Inputs, KeyValues, LanguageModel, LoadedModel, ModelError, ModelKind, ModelShape, Tokenizer};
use crate::seed::Stream;

/// Its name among the built-in models; it is not listed with them.
pub(super) const NAME: &str = "toy";

pub(super) const D_MODEL: usize = 8;
pub(super) const MAX_POSITIONS: usize = 64;
/// The axis of praise and blame.
const POLARITY: usize = 0;
/// The axis of cues.
pub(super) const CUE: usize = 1;

/// Text, polarity, cue.
pub(super) type Entry = (&'static str, f32, f32);

pub(super) const VOCABULARY: [Entry; 65] = [
    ("[PAD]", 0.0, 0.0),
    ("[UNK]", 0.0, 0.0),
    ("[CLS]", 0.0, 0.0),
    ("[SEP]", 0.0, 0.0),
    ("[MASK]", 0.0, 0.0),
    (".", 0.0, 0.0),
    (",", 0.0, 0.0),
    ("!", 0.05, 0.05),
    (":", 0.0, 0.15),
    ("[", 0.0, 0.0),
    ("]", 0.0, 0.0),
    ("mask", 0.0, 0.0),
    ("the", 0.0, 0.0),
    ("a", 0.0, 0.0),
    ("and", 0.0, 0.0),
    ("but", -0.05, 0.1),
    ("not", -0.4, 0.0),
    ("it", 0.0, 0.2),
    ("was", 0.0, 0.35),
    ("is", 0.0, 0.25),
    ("this", 0.0, 0.1),
    ("very", 0.0, 0.3),
    ("all", 0.0, 0.1),
    ("in", 0.0, 0.0),
    ("truly", 0.1, 0.5),
    ("overall", 0.0, 0.45),
    ("verdict", 0.0, 0.6),
    ("film", 0.0, 0.0),
    ("movie", 0.0, 0.0),
    ("story", 0.0, 0.0),
    ("plot", -0.05, 0.0),
    ("act", 0.0, 0.0),
    ("watch", 0.0, 0.0),
    ("##ing", 0.0, 0.0),
    ("##ed", 0.0, 0.0),
    ("##s", 0.0, 0.0),
    ("##ly", 0.0, 0.05),
    ("good", 0.6, 0.0),
    ("great", 0.9, 0.0),
    ("excellent", 1.0, 0.0),
    ("wonder", 0.7, 0.0),
    ("##ful", 0.2, 0.0),
    ("fun", 0.5, 0.0),
    ("love", 0.8, 0.0),
    ("bad", -0.6, 0.0),
    ("terrible", -0.9, 0.0),
    ("awful", -1.0, 0.0),
    ("bor", -0.7, 0.0),
    ("dull", -0.5, 0.0),
    ("waste", -0.8, 0.0),
    ("很", 0.0, 0.3),
    ("好", 0.7, 0.0),
    ("差", -0.8, 0.0),
    ("不", -0.4, 0.0),
    ("满", 0.4, 0.0),
    ("意", 0.3, 0.0),
    ("糟", -0.7, 0.0),
    ("总", 0.0, 0.5),
    ("之", 0.0, 0.2),
    ("酒", 0.0, 0.0),
    ("店", 0.0, 0.0),
    ("电", 0.0, 0.0),
    ("影", 0.0, 0.0),
    ("。", 0.0, 0.0),
    ("，", 0.0, 0.0),
];

struct ToyModel {
    shape: ModelShape,
    /// `[vocab_size, d_model]`
    table: Tensor<2>,
    /// `[vocab_size]`
    bias: Tensor<1>,
}

/// Opens it, with its own weights or with fresh ones.
///
/// # Errors
/// None in practice: its tokenizer is made here.
pub(super) fn load(device: &Device, fresh: Option<u64>) -> Result<LoadedModel, ModelError> {
    let (table, bias) = fresh.map_or_else(numbers, fresh_numbers);
    let mut hasher = blake3::Hasher::new();
    for number in table.iter().chain(&bias) {
        hasher.update(&number.to_le_bytes());
    }
    let vocab_size = VOCABULARY.len();
    let model = ToyModel {
        shape: ModelShape {
            family: NAME.into(),
            kind: ModelKind::Masked,
            d_model: D_MODEL,
            d_block: D_MODEL,
            d_inner: D_MODEL,
            n_layers: 1,
            n_heads: 1,
            vocab_size,
            max_positions: MAX_POSITIONS,
            n_parameters: table.len() + bias.len(),
        },
        table: Tensor::from_data(TensorData::new(table, [vocab_size, D_MODEL]), device),
        bias: Tensor::from_data(TensorData::new(bias, [vocab_size]), device),
    };
    let weights = LoadedWeights { model: Arc::new(model), hash: hasher.finalize().to_hex().to_string() };
    LoadedModel::new(weights, tokenizer()?, NAME.into(), format!("builtin:{NAME}"))
}

fn tokenizer() -> Result<Tokenizer, ModelError> {
    let lines: Vec<&str> = VOCABULARY.iter().map(|(text, ..)| *text).collect();
    let file = format!("builtin:{NAME}: vocabulary");
    let json = bert_tokenizer(lines.join("\n").as_bytes(), &BertOptions::default(), &file)?;
    Tokenizer::from_json(&json, None, &file)
}

/// The embeddings, row-major, and the biases. The other axes tell words apart; their numbers are tenths, so that no platform's
/// sine can change them.
pub(super) fn numbers() -> (Vec<f32>, Vec<f32>) {
    let mut table = vec![0.0; VOCABULARY.len() * D_MODEL];
    let mut bias = vec![0.0; VOCABULARY.len()];
    for (id, (_, polarity, cue)) in VOCABULARY.iter().enumerate() {
        let row = &mut table[id * D_MODEL..][..D_MODEL];
        row[POLARITY] = *polarity;
        row[CUE] = *cue;
        for (axis, number) in row.iter_mut().enumerate().skip(2) {
            *number = ((id * id * 3 + id * axis * 7 + axis * axis) % 7) as f32 * 0.05 - 0.15;
        }
        // Praise is commoner than blame in its imagined training text.
        bias[id] = if *polarity > 0.0 { 0.4 } else { 0.0 } + ((id * 5) % 11) as f32 * 0.02;
    }
    (table, bias)
}

/// Embeddings drawn from a normal distribution of the width of a fresh model's, and no bias.
pub(super) fn fresh_numbers(seed: u64) -> (Vec<f32>, Vec<f32>) {
    let mut stream = Stream::new(seed, "random model", NAME.as_bytes());
    let table = (0..VOCABULARY.len() * D_MODEL).map(|_| (0.02 * stream.normal()) as f32).collect();
    (table, vec![0.0; VOCABULARY.len()])
}

impl LanguageModel for ToyModel {
    fn shape(&self) -> &ModelShape {
        &self.shape
    }

    fn device(&self) -> Device {
        self.table.device()
    }

    fn embed(&self, ids: &[Vec<u32>]) -> Tensor<3> {
        embed_rows(&self.table, ids, 0)
    }

    fn embedding_table(&self) -> Tensor<2> {
        self.table.clone()
    }

    fn predict(&self, inputs: Inputs) -> Tensor<3> {
        inputs.check(&self.shape);
        let positions = inputs.predict_positions.clone();
        self.states(&inputs, &positions)
    }

    fn keys_and_values(&self, inputs: Inputs) -> Option<KeyValues> {
        inputs.check(&self.shape);
        let heard = inputs.embeddings.unsqueeze_dim::<4>(1);
        Some(KeyValues { layers: vec![(heard.clone(), heard)] })
    }

    fn logits(&self, states: Tensor<2>, rows: Option<&[u32]>) -> Tensor<2> {
        let (table, bias) = match rows {
            None => (self.table.clone(), self.bias.clone()),
            Some(rows) => {
                let rows: Vec<i32> = rows.iter().map(|&row| row as i32).collect();
                let n_rows = rows.len();
                let rows: Tensor<1, Int> = Tensor::from_data(TensorData::new(rows, [n_rows]), &self.device());
                (self.table.clone().select(0, rows.clone()), self.bias.clone().select(0, rows))
            }
        };
        states.matmul(table.transpose()) * 4.0 + bias.unsqueeze()
    }

    fn hidden_states(&self, inputs: &Inputs) -> Vec<Tensor<3>> {
        inputs.check(&self.shape);
        let [batch_size, seq_length, _] = inputs.embeddings.dims();
        let everywhere = vec![(0..seq_length).collect(); batch_size];
        vec![inputs.embeddings.clone(), self.states(inputs, &everywhere)]
    }
}

impl ToyModel {
    /// # Shapes
    ///
    /// - output: `[batch_size, positions[0].len(), d_model]`
    fn states(&self, inputs: &Inputs, positions: &[Vec<usize>]) -> Tensor<3> {
        let embeddings = match &inputs.past {
            None => inputs.embeddings.clone(),
            Some(past) => join_past(&past.layers[0].1, inputs.embeddings.clone().unsqueeze_dim::<4>(1)).squeeze_dim(1),
        };
        let n_past = inputs.past.as_ref().map_or(0, KeyValues::n_past);
        let [batch_size, seq_length, _] = embeddings.dims();
        let n_predict = positions[0].len();
        let mut nearness = Vec::with_capacity(batch_size * n_predict * seq_length);
        for (positions, &length) in positions.iter().zip(&inputs.lengths) {
            let length = n_past + length;
            for position in positions.iter().map(|position| n_past + position) {
                nearness.extend(
                    (0..seq_length)
                        .map(|other| if other < length { 1.0 / (1.0 + position.abs_diff(other) as f32) } else { 0.0 }),
                );
            }
        }
        let nearness: Tensor<3> =
            Tensor::from_data(TensorData::new(nearness, [batch_size, n_predict, seq_length]), &self.device());
        let context = nearness.matmul(embeddings);
        let cue = context.clone().narrow(2, CUE, 1);
        (context * (cue + 1.0)).tanh()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ResolvedDevice, load_builtin};

    /// Score of `good` less that of `bad` at the mask.
    fn margin(text: &str) -> f32 {
        let loaded = load_builtin(NAME, &ResolvedDevice::cpu()).unwrap();
        let ids = loaded.tokenizer.encode_reference(text);
        let mask = ids.iter().position(|&id| Some(id) == loaded.tokenizer.mask_id()).unwrap();
        let states = loaded.model.predict(Inputs {
            lengths: vec![ids.len()],
            predict_positions: vec![vec![mask]],
            token_types: None,
            past: None,
            parents: None,
            embeddings: loaded.model.embed(&[ids]),
        });
        let rows = ["good", "bad"].map(|word| loaded.tokenizer.token_id(word).unwrap());
        let scores = loaded.model.logits(states.squeeze_dim(0), Some(&rows)).into_data().try_into_vec::<f32>().unwrap();
        scores[0] - scores[1]
    }

    #[test]
    fn praise_and_blame_are_told_apart() {
        assert!(margin("great film . it was [MASK]") > margin("the film . it was [MASK]"));
        assert!(margin("awful film . it was [MASK]") < 0.0);
    }

    #[test]
    fn cues_near_the_mask_decide_a_weak_case() {
        assert!(margin("dull plot . the a [MASK]") > margin("dull plot . verdict : [MASK]"));
    }

    #[test]
    fn its_gradient_equals_finite_differences() {
        let loaded = load_builtin(NAME, &ResolvedDevice::cpu()).unwrap();
        let ids = loaded.tokenizer.encode_reference("dull film , it was [MASK] !");
        let length = ids.len();
        let plain = loaded.model.embed(&[ids]);
        let score = |embeddings: Tensor<3>| {
            let states = loaded.model.predict(Inputs {
                embeddings,
                lengths: vec![length],
                predict_positions: vec![vec![length - 3]],
                token_types: None,
                past: None,
                parents: None,
            });
            loaded.model.logits(states.squeeze_dim(0), Some(&[37])).sum()
        };
        let tracked = Tensor::from_inner(plain.clone()).require_grad();
        let gradients = score(tracked.clone()).backward();
        let gradient = tracked.grad(&gradients).unwrap().into_data().try_into_vec::<f32>().unwrap();
        let numbers = plain.into_data().try_into_vec::<f32>().unwrap();
        let number = |tensor: Tensor<1>| f64::from(tensor.into_data().try_into_vec::<f32>().unwrap()[0]);
        for place in 0..numbers.len() {
            let moved = |step: f32| {
                let mut numbers = numbers.clone();
                numbers[place] += step;
                number(score(Tensor::from_data(TensorData::new(numbers, [1, length, D_MODEL]), &loaded.model.device())))
            };
            let difference = (moved(0.01) - moved(-0.01)) / 0.02;
            let exact = f64::from(gradient[place]);
            assert!((difference - exact).abs() < 2e-3 * (1.0 + exact.abs()), "{place}: {difference} and {exact}");
        }
    }

    #[test]
    fn every_entry_of_the_vocabulary_is_written_as_one_token() {
        let loaded = load_builtin(NAME, &ResolvedDevice::cpu()).unwrap();
        for (id, (text, ..)) in VOCABULARY.iter().enumerate() {
            assert_eq!(loaded.tokenizer.token_id(text), Some(id as u32));
        }
        let first: Vec<u32> = loaded.tokenizer.encode_text("boring , wonderful");
        assert_eq!(first, [47, 33, 6, 40, 41]);
        assert!(!loaded.tokenizer.can_write("zebra"));
    }
}
