//! The toy that reads from left to right: the vocabulary, the embeddings and the idea of [`toy`](super::toy), for tests of
//! causal models with exact numbers.
//!
//! With `e_t` the embeddings, `p` the position after which the next token is read, and `t` up to `p` (what was kept before the
//! input counts too):
//!
//! ```text
//! c_p = sum_t e_t / (2 + p - t)        h_p = tanh(c_p (1 + c_p[CUE]))        logits = 4 h_p E^T + b
//! ```
//!
//! So the next token hears the last one as a mask hears its neighbour. Nothing is put round a text. What it keeps of a position
//! is its embedding, as key and as value.

use std::sync::Arc;

use burn::Tensor;
use burn::tensor::{Device, Int, TensorData};
use serde_json::Value;

use crate::model::family::LoadedWeights;
use crate::model::layer::{embed_rows, join_past};
use crate::model::tokenizer::{BertOptions, bert_tokenizer};
use crate::model::toy::{CUE, D_MODEL, MAX_POSITIONS, VOCABULARY, fresh_numbers, numbers};
use crate::model::{Inputs, KeyValues, LanguageModel, LoadedModel, ModelError, ModelKind, ModelShape, Tokenizer};

/// Its name among the built-in models; it is not listed with them.
pub(super) const NAME: &str = "toy-causal";

struct CausalToy {
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
    hasher.update(NAME.as_bytes());
    for number in table.iter().chain(&bias) {
        hasher.update(&number.to_le_bytes());
    }
    let vocab_size = VOCABULARY.len();
    let model = CausalToy {
        shape: ModelShape {
            family: NAME.into(),
            kind: ModelKind::Causal,
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

/// The toy's, with nothing put round a text.
fn tokenizer() -> Result<Tokenizer, ModelError> {
    let lines: Vec<&str> = VOCABULARY.iter().map(|(text, ..)| *text).collect();
    let file = format!("builtin:{NAME}: vocabulary");
    let json = bert_tokenizer(lines.join("\n").as_bytes(), &BertOptions::default(), &file)?;
    let mut json: Value = serde_json::from_slice(&json)
        .map_err(|error| ModelError::Tokenizer { file: file.clone(), what: error.to_string() })?;
    json["post_processor"] = Value::Null;
    Tokenizer::from_json(json.to_string().as_bytes(), None, &file)
}

impl LanguageModel for CausalToy {
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
        Heard::new(&inputs).states(&inputs.predict_positions)
    }

    fn extend(&self, inputs: Inputs) -> Option<(Tensor<3>, KeyValues)> {
        inputs.check(&self.shape);
        let [_, seq_length, _] = inputs.embeddings.dims();
        assert!(inputs.lengths.iter().all(|&length| length == seq_length), "what is kept has no padding");
        let heard = Heard::new(&inputs);
        let states = heard.states(&inputs.predict_positions);
        let kept = heard.embeddings.unsqueeze_dim::<4>(1);
        Some((states, KeyValues { layers: vec![(kept.clone(), kept)] }))
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
        vec![inputs.embeddings.clone(), Heard::new(inputs).states(&everywhere)]
    }
}

/// Everything there is to hear: what was kept, and the input.
struct Heard {
    /// `[batch_size, n_past + seq_length, d_model]`
    embeddings: Tensor<3>,
    n_past: usize,
}

impl Heard {
    fn new(inputs: &Inputs) -> Self {
        let embeddings = inputs.embeddings.clone();
        match &inputs.past {
            None => Self { embeddings, n_past: 0 },
            Some(past) => {
                let (_, values) = &past.layers[0];
                let joined = join_past(values, embeddings.unsqueeze_dim::<4>(1));
                Self { embeddings: joined.squeeze_dim(1), n_past: past.n_past() }
            }
        }
    }

    /// The states at `positions` of the input.
    ///
    /// # Shapes
    ///
    /// - output: `[batch_size, positions[0].len(), d_model]`
    fn states(&self, positions: &[Vec<usize>]) -> Tensor<3> {
        let [batch_size, n_heard, _] = self.embeddings.dims();
        let n_predict = positions[0].len();
        let mut nearness = Vec::with_capacity(batch_size * n_predict * n_heard);
        for position in positions.iter().flatten() {
            let place = self.n_past + position;
            nearness.extend(
                (0..n_heard).map(|other| if other <= place { 1.0 / (2.0 + (place - other) as f32) } else { 0.0 }),
            );
        }
        let device = self.embeddings.device().inner();
        let nearness: Tensor<3> =
            Tensor::from_data(TensorData::new(nearness, [batch_size, n_predict, n_heard]), &device);
        let context = nearness.matmul(self.embeddings.clone());
        let cue = context.clone().narrow(2, CUE, 1);
        (context * (cue + 1.0)).tanh()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ResolvedDevice, load_builtin};

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

    fn numbers_of(tensor: Tensor<3>) -> Vec<f32> {
        tensor.into_data().try_into_vec::<f32>().unwrap()
    }

    /// Score of `good` less that of `bad` as the next token.
    fn margin(text: &str) -> f32 {
        let loaded = load_builtin(NAME, &ResolvedDevice::cpu()).unwrap();
        let ids = loaded.tokenizer.encode_reference(text);
        let states = loaded.model.predict(part(loaded.model.embed(&[ids]), None));
        let rows = ["good", "bad"].map(|word| loaded.tokenizer.token_id(word).unwrap());
        let scores = loaded.model.logits(states.squeeze_dim(0), Some(&rows)).into_data().try_into_vec::<f32>().unwrap();
        scores[0] - scores[1]
    }

    #[test]
    fn praise_and_blame_to_the_left_are_told_apart() {
        assert!(margin("great film . it was") > margin("the film . it was"));
        assert!(margin("awful film . it was") < 0.0);
    }

    #[test]
    fn cues_near_the_end_decide_a_weak_case() {
        assert!(margin("dull plot . the a") > margin("dull plot . verdict :"));
    }

    #[test]
    fn nothing_is_put_round_a_text() {
        let loaded = load_builtin(NAME, &ResolvedDevice::cpu()).unwrap();
        assert_eq!(loaded.tokenizer.encode_reference("it was"), loaded.tokenizer.encode_text("it was"));
        assert_eq!(loaded.tokenizer.n_special(), 0);
        assert_eq!((loaded.source.as_str(), loaded.model.shape().kind), ("builtin:toy-causal", ModelKind::Causal));
    }

    #[test]
    fn what_stands_to_the_right_is_not_heard_and_a_past_is() {
        let loaded = load_builtin(NAME, &ResolvedDevice::cpu()).unwrap();
        let text = |text: &str| loaded.model.embed(&[loaded.tokenizer.encode_text(text)]);
        let whole = numbers_of(loaded.model.predict(part(text("awful film . it was"), None)));
        let longer = Inputs { predict_positions: vec![vec![4]], ..part(text("awful film . it was great fun"), None) };
        assert_eq!(numbers_of(loaded.model.predict(longer)), whole);

        let (_, past) = loaded.model.extend(part(text("awful film"), None)).unwrap();
        assert_eq!(past.n_past(), 2);
        let rest = Tensor::cat(vec![text(". it was"), text(". it was")], 0);
        let parts = numbers_of(loaded.model.predict(part(rest, Some(past))));
        assert!(parts.iter().zip(whole.iter().chain(&whole)).all(|(a, b)| (a - b).abs() < 1e-6));
    }
}
