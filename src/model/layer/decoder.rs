//! A causal language model: what GPT-2, Llama and their relatives have in common.

use std::sync::Arc;

use burn::Tensor;
use burn::tensor::{Device, Int, TensorData, assert_shape};

use super::padding::row_numbers;
use super::{DecoderLayer, PredictRows, Rotary, Sight, StateNorm, causal_bias, embed_rows, pack, recomputed, unpack};
use crate::model::kernel::{Columns, Segments, Window, is_cpu};
use crate::model::tuning::{Weight, alike};
use crate::model::{Inputs, KeyValues, LanguageModel, ModelShape};

/// Embeddings, blocks and head, built by a family.
#[derive(Debug, Clone)]
pub struct CausalDecoder {
    parts: CausalDecoderParts,
    device: Device,
    /// Whether the inside of blocks is computed again on the way back.
    recomputes: bool,
}

/// The parts of a [`CausalDecoder`].
#[derive(Debug, Clone)]
pub struct CausalDecoderParts {
    /// What the model is, in numbers.
    pub shape: ModelShape,
    /// Word embeddings as the blocks take them `[vocab_size, d_model]`, scaled where the family scales them.
    pub words: Weight<2>,
    /// Learned positions `[max_positions, d_model]`, added to the words; where there are none, the sights rotate.
    pub positions: Option<Weight<2>>,
    /// The kinds of sight that the blocks name by number.
    pub sights: Vec<SightKind>,
    /// The blocks, first to last, at least one.
    pub layers: Vec<DecoderLayer>,
    /// The norm before the head.
    pub norm: StateNorm,
    /// The head `[vocab_size, d_model]`: often the word embeddings themselves.
    pub decoder: Weight<2>,
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
    /// What a pass over padded rows tells the layers of this kind. Positions count from the beginning of the input; rows as in
    /// [`causal_bias`].
    fn padded(&self, asking: &[Vec<usize>], n_past: usize, seq_length: usize, device: &Device) -> Sight {
        let rotation = |positions: &[Vec<usize>]| {
            let positions: Vec<Vec<usize>> =
                positions.iter().map(|row| row.iter().map(|position| n_past + position).collect()).collect();
            self.rotary.as_ref().map(|rotary| rotary.at(&positions))
        };
        Sight::Padded {
            bias: causal_bias(asking, n_past, seq_length, self.window, device),
            query_rotation: rotation(asking),
            key_rotation: rotation(&[(0..seq_length).collect()]),
        }
    }

    /// The same over sequences one after the other; all positions ask where `asking` names none.
    fn packed(&self, segments: &Arc<Segments>, n_past: usize, asking: Option<&[Vec<usize>]>) -> Sight {
        let turn = |positions: Vec<usize>| {
            let positions = positions.into_iter().map(|position| n_past + position).collect();
            self.rotary.as_ref().map(|rotary| rotary.turn(positions))
        };
        let key_turn = turn(segments.positions());
        let query_turn = match asking {
            None => key_turn.clone(),
            Some(asking) => {
                let rows = asking.iter().enumerate();
                turn(
                    rows.flat_map(|(row, places)| places.iter().map(move |place| segments.before(row) + place))
                        .collect(),
                )
            }
        };
        Sight::Packed {
            columns: Columns {
                segments: segments.clone(),
                asking: asking.map(|asking| Arc::new(asking.to_vec())),
                window: self.window.map_or(Window::Left, Window::Near),
                bias: None,
            },
            query_turn,
            key_turn,
        }
    }
}

impl CausalDecoder {
    /// From its parts.
    pub fn new(parts: CausalDecoderParts) -> Self {
        let device = parts.words.get().device();
        Self { parts, device, recomputes: false }
    }

    /// Where the sequences of a batch are, on the CPU, where they stand one after the other.
    fn segments(&self, inputs: &Inputs) -> Option<Arc<Segments>> {
        is_cpu(&self.device).then(|| Arc::new(Segments::new(&inputs.lengths, inputs.parents.as_deref())))
    }

    /// # Shapes
    ///
    /// - output: `[batch_size, seq_length, d_model]`, or `[1, n_rows, d_model]` of `segments`
    fn embedded(&self, inputs: &Inputs, segments: Option<&Segments>) -> Tensor<3> {
        assert!(
            inputs.token_types.iter().flatten().flatten().all(|&kind| kind == 0),
            "token types for a model that has none"
        );
        let [_, seq_length, _] = inputs.embeddings.dims();
        let n_past = inputs.past.as_ref().map_or(0, KeyValues::n_past);
        let words = match segments {
            Some(_) => pack(inputs.embeddings.clone(), &inputs.lengths),
            None => inputs.embeddings.clone(),
        };
        let Some(positions) = self.parts.positions.as_ref().map(Weight::get) else { return words };
        let positions = match segments {
            Some(segments) => {
                let rows: Vec<usize> = segments.positions().into_iter().map(|position| n_past + position).collect();
                positions.select(0, row_numbers(&rows, &self.device))
            }
            None => positions.narrow(0, n_past, seq_length),
        };
        let (words, positions) = alike(words, positions);
        words + positions.unsqueeze()
    }

    /// The sights of all kinds; all positions ask where `asking` names none.
    fn sights(&self, inputs: &Inputs, segments: Option<&Arc<Segments>>, asking: Option<&[Vec<usize>]>) -> Vec<Sight> {
        let [_, seq_length, _] = inputs.embeddings.dims();
        let n_past = inputs.past.as_ref().map_or(0, KeyValues::n_past);
        let everywhere = [(0..seq_length).collect()];
        let kinds = self.parts.sights.iter();
        match segments {
            Some(segments) => kinds.map(|kind| kind.packed(segments, n_past, asking)).collect(),
            None => {
                kinds.map(|kind| kind.padded(asking.unwrap_or(&everywhere), n_past, seq_length, &self.device)).collect()
            }
        }
    }

    /// The states at the predict positions, ready for the head, and where they are to be `kept` the keys and values of every
    /// layer.
    fn read(&self, inputs: &Inputs, kept: bool) -> (Tensor<3>, Option<KeyValues>) {
        inputs.check(&self.parts.shape);
        let [_, seq_length, _] = inputs.embeddings.dims();
        let segments = self.segments(inputs);
        let read = &inputs.predict_positions;
        let rows = match &segments {
            Some(segments) => PredictRows::of_segments(read, segments, &self.device),
            None => PredictRows::new(read, seq_length, &self.device),
        };
        let sights = self.sights(inputs, segments.as_ref(), None);
        let last_sights = self.sights(inputs, segments.as_ref(), Some(read));
        let last = self.parts.layers.len() - 1;
        let mut hidden = self.embedded(inputs, segments.as_deref());
        let mut all_kept = Vec::new();
        for (number, layer) in self.parts.layers.iter().enumerate() {
            let past = inputs.past.as_ref().map(|past| &past.layers[number]);
            let (sights, rows) = if number == last { (&last_sights, Some(&rows)) } else { (&sights, None) };
            let sight = &sights[layer.sight];
            if self.recomputes && !kept {
                let (layer, rows, sight) = (layer.clone(), rows.cloned(), sight.clone());
                hidden = recomputed(hidden, past, move |hidden, past| {
                    layer.forward(hidden, rows.as_ref(), &sight, past, false).0
                });
                continue;
            }
            let (next, key_values) = layer.forward(hidden, rows, sight, past, kept);
            hidden = next;
            all_kept.extend(key_values);
        }
        let states = self.parts.norm.forward(hidden);
        let ([all, n, d_model], batch_size) = (states.dims(), inputs.lengths.len());
        let states = states.reshape([batch_size, all * n / batch_size, d_model]);
        (states, kept.then_some(KeyValues { layers: all_kept }))
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

    fn is_unpadded(&self) -> bool {
        is_cpu(&self.device)
    }

    fn embed(&self, ids: &[Vec<u32>]) -> Tensor<3> {
        embed_rows(&self.parts.words.get(), ids, self.parts.pad_id)
    }

    fn embedding_table(&self) -> Tensor<2> {
        self.parts.words.get()
    }

    fn shares_beginnings(&self) -> bool {
        is_cpu(&self.device)
    }

    fn predict(&self, inputs: Inputs) -> Tensor<3> {
        self.read(&inputs, false).0
    }

    fn encode(&self, inputs: Inputs) -> Option<Tensor<3>> {
        Some(self.read(&inputs, false).0)
    }

    fn bound(&self, values: &[Tensor<1>]) -> Option<Arc<dyn LanguageModel>> {
        let mut parts = self.parts.clone();
        parts.words.bind(values);
        parts.positions.iter_mut().for_each(|positions| positions.bind(values));
        parts.layers.iter_mut().for_each(|layer| layer.bind(values));
        parts.norm.bind(values);
        parts.decoder.bind(values);
        Some(Arc::new(Self { parts, device: self.device.clone(), recomputes: false }))
    }

    fn recomputing(&self) -> Option<Arc<dyn LanguageModel>> {
        is_cpu(&self.device).then(|| Arc::new(Self { recomputes: true, ..self.clone() }) as Arc<dyn LanguageModel>)
    }

    fn extend(&self, inputs: Inputs) -> Option<(Tensor<3>, KeyValues)> {
        let [_, seq_length, _] = inputs.embeddings.dims();
        assert!(
            inputs.lengths.iter().all(|&length| length == seq_length),
            "rows of lengths {:?}: what is kept has no padding",
            inputs.lengths
        );
        let (states, kept) = self.read(&inputs, true);
        kept.map(|kept| (states, kept))
    }

    fn logits(&self, states: Tensor<2>, rows: Option<&[u32]>) -> Tensor<2> {
        let [_, d_model] = self.parts.decoder.dims();
        assert_shape!(states, [_, d_model]);
        let states = match self.parts.decoder_scale {
            Some(scale) => states * scale,
            None => states,
        };
        let decoder = match rows {
            None => self.parts.decoder.get(),
            Some(rows) => {
                let rows: Vec<i32> = rows.iter().map(|&row| row as i32).collect();
                let n_rows = rows.len();
                let rows: Tensor<1, Int> = Tensor::from_data(TensorData::new(rows, [n_rows]), &self.device);
                self.parts.decoder.get().select(0, rows)
            }
        };
        let (states, decoder) = alike(states, decoder);
        states.matmul(decoder.transpose())
    }

    fn hidden_states(&self, inputs: &Inputs) -> Vec<Tensor<3>> {
        inputs.check(&self.parts.shape);
        let [_, seq_length, _] = inputs.embeddings.dims();
        let segments = self.segments(inputs);
        let sights = self.sights(inputs, segments.as_ref(), None);
        let mut states = vec![self.embedded(inputs, segments.as_deref())];
        for (number, layer) in self.parts.layers.iter().enumerate() {
            let past = inputs.past.as_ref().map(|past| &past.layers[number]);
            let (next, _) = layer.forward(states[number].clone(), None, &sights[layer.sight], past, false);
            states.push(next);
        }
        match segments {
            Some(_) => states.into_iter().map(|states| unpack(states, &inputs.lengths, seq_length)).collect(),
            None => states,
        }
    }
}
