//! A causal language model: what GPT-2, Llama and their relatives have in common.

use burn::Tensor;
use burn::tensor::{Device, Int, TensorData, assert_shape};

use super::{DecoderLayer, PredictRows, Rotary, Sight, StateNorm, causal_bias, embed_rows};
use crate::model::{Inputs, KeyValues, LanguageModel, ModelShape};

/// Embeddings, blocks and head, built by a family.
#[derive(Debug, Clone)]
pub struct CausalDecoder {
    parts: CausalDecoderParts,
    device: Device,
}

/// The parts of a [`CausalDecoder`].
#[derive(Debug, Clone)]
pub struct CausalDecoderParts {
    /// What the model is, in numbers.
    pub shape: ModelShape,
    /// Word embeddings as the blocks take them `[vocab_size, d_model]`, scaled where the family scales them.
    pub words: Tensor<2>,
    /// Learned positions `[max_positions, d_model]`, added to the words; where there are none, the sights rotate.
    pub positions: Option<Tensor<2>>,
    /// The kinds of sight that the blocks name by number.
    pub sights: Vec<SightKind>,
    /// The blocks, first to last, at least one.
    pub layers: Vec<DecoderLayer>,
    /// The norm before the head.
    pub norm: StateNorm,
    /// The head `[vocab_size, d_model]`: often the word embeddings themselves.
    pub decoder: Tensor<2>,
    /// What states are multiplied by before the head. A scaled embedding table serves as a head that is not scaled if this is
    /// one over the scale, so the table need not be there twice.
    pub decoder_scale: Option<f64>,
    /// The id that rows are padded with; its embedding is never seen.
    pub pad_id: u32,
}

/// How a kind of layer knows positions and how far it looks back.
#[derive(Debug, Clone)]
pub struct SightKind {
    /// The rotation of queries and keys.
    pub rotary: Option<Rotary>,
    /// How many positions are seen, the asking one counted; all where absent.
    pub window: Option<usize>,
}

impl SightKind {
    /// What a pass tells the layers of this kind. Positions count from the beginning of the input; rows as in [`causal_bias`].
    fn sight(&self, asking: &[Vec<usize>], n_past: usize, seq_length: usize, device: &Device) -> Sight {
        let rotation = |positions: &[Vec<usize>]| {
            let positions: Vec<Vec<usize>> =
                positions.iter().map(|row| row.iter().map(|position| n_past + position).collect()).collect();
            self.rotary.as_ref().map(|rotary| rotary.at(&positions))
        };
        Sight {
            bias: causal_bias(asking, n_past, seq_length, self.window, device),
            query_rotation: rotation(asking),
            key_rotation: rotation(&[(0..seq_length).collect()]),
        }
    }
}

impl CausalDecoder {
    /// From its parts.
    pub fn new(parts: CausalDecoderParts) -> Self {
        let device = parts.words.device();
        Self { parts, device }
    }

    /// # Shapes
    ///
    /// - output: `[batch_size, seq_length, d_model]`
    fn embedded(&self, inputs: &Inputs) -> Tensor<3> {
        assert!(
            inputs.token_types.iter().flatten().flatten().all(|&kind| kind == 0),
            "token types for a model that has none"
        );
        let [_, seq_length, _] = inputs.embeddings.dims();
        let n_past = inputs.past.as_ref().map_or(0, KeyValues::n_past);
        match &self.parts.positions {
            Some(positions) => inputs.embeddings.clone() + positions.clone().narrow(0, n_past, seq_length).unsqueeze(),
            None => inputs.embeddings.clone(),
        }
    }

    /// The sights of all kinds for asking at all positions.
    fn sights(&self, inputs: &Inputs) -> Vec<Sight> {
        let [_, seq_length, _] = inputs.embeddings.dims();
        let n_past = inputs.past.as_ref().map_or(0, KeyValues::n_past);
        let everywhere = [(0..seq_length).collect()];
        self.parts.sights.iter().map(|kind| kind.sight(&everywhere, n_past, seq_length, &self.device)).collect()
    }

    /// The states at the predict positions, ready for the head, and the keys and values of every layer.
    fn read(&self, inputs: &Inputs) -> (Tensor<3>, KeyValues) {
        inputs.check(&self.parts.shape);
        let [_, seq_length, _] = inputs.embeddings.dims();
        let n_past = inputs.past.as_ref().map_or(0, KeyValues::n_past);
        let rows = PredictRows::new(&inputs.predict_positions, seq_length, &self.device);
        let sights = self.sights(inputs);
        let last = self.parts.layers.len() - 1;
        let mut hidden = self.embedded(inputs);
        let mut kept = Vec::with_capacity(self.parts.layers.len());
        for (number, layer) in self.parts.layers.iter().enumerate() {
            let past = inputs.past.as_ref().map(|past| &past.layers[number]);
            let (next, key_values) = if number == last {
                let kind = &self.parts.sights[layer.sight];
                let sight = kind.sight(&inputs.predict_positions, n_past, seq_length, &self.device);
                layer.forward(hidden, Some(&rows), &sight, past)
            } else {
                layer.forward(hidden, None, &sights[layer.sight], past)
            };
            hidden = next;
            kept.push(key_values);
        }
        (self.parts.norm.forward(hidden), KeyValues { layers: kept })
    }
}

impl LanguageModel for CausalDecoder {
    fn shape(&self) -> &ModelShape {
        &self.parts.shape
    }

    fn device(&self) -> Device {
        self.device.clone()
    }

    fn key_value_heads(&self) -> (usize, usize) {
        let attention = &self.parts.layers[0].attention;
        (attention.n_kv_heads, attention.d_head)
    }

    fn embed(&self, ids: &[Vec<u32>]) -> Tensor<3> {
        embed_rows(&self.parts.words, ids, self.parts.pad_id)
    }

    fn embedding_table(&self) -> Tensor<2> {
        self.parts.words.clone()
    }

    fn predict(&self, inputs: Inputs) -> Tensor<3> {
        self.read(&inputs).0
    }

    fn extend(&self, inputs: Inputs) -> Option<(Tensor<3>, KeyValues)> {
        let [_, seq_length, _] = inputs.embeddings.dims();
        assert!(
            inputs.lengths.iter().all(|&length| length == seq_length),
            "rows of lengths {:?}: what is kept has no padding",
            inputs.lengths
        );
        Some(self.read(&inputs))
    }

    fn logits(&self, states: Tensor<2>, rows: Option<&[u32]>) -> Tensor<2> {
        let [_, d_model] = self.parts.decoder.dims();
        assert_shape!(states, [_, d_model]);
        let states = match self.parts.decoder_scale {
            Some(scale) => states * scale,
            None => states,
        };
        let decoder = match rows {
            None => self.parts.decoder.clone(),
            Some(rows) => {
                let rows: Vec<i32> = rows.iter().map(|&row| row as i32).collect();
                let n_rows = rows.len();
                let rows: Tensor<1, Int> = Tensor::from_data(TensorData::new(rows, [n_rows]), &self.device);
                self.parts.decoder.clone().select(0, rows)
            }
        };
        states.matmul(decoder.transpose())
    }

    fn hidden_states(&self, inputs: &Inputs) -> Vec<Tensor<3>> {
        inputs.check(&self.parts.shape);
        let sights = self.sights(inputs);
        let mut states = vec![self.embedded(inputs)];
        for (number, layer) in self.parts.layers.iter().enumerate() {
            let past = inputs.past.as_ref().map(|past| &past.layers[number]);
            let (next, _) = layer.forward(states[number].clone(), None, &sights[layer.sight], past);
            states.push(next);
        }
        states
    }
}
