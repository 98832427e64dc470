//! A sequence-to-sequence language model: what BART and T5 have in common.

use std::sync::Arc;

use burn::Tensor;
use burn::tensor::{Device, Int, TensorData, assert_shape};

use super::padding::row_numbers;
use super::seq2seq_stack::{Across, Seq2SeqStack, SideRows};
use super::{CrossSight, embed_rows, padding_bias, unpack};
use crate::model::kernel::{Columns, Segments, Window, is_cpu};
use crate::model::seq2seq::{AnswerPlace, Memory, Seq2SeqModel};
use crate::model::{Inputs, KeyValues, LanguageModel, ModelShape};

/// Embeddings, encoder, decoder and head, built by a family.
#[derive(Debug, Clone)]
pub struct EncoderDecoder {
    parts: EncoderDecoderParts,
    device: Device,
}

/// The parts of an [`EncoderDecoder`].
#[derive(Debug, Clone)]
pub struct EncoderDecoderParts {
    /// What the model is, in numbers; its layers are those of both sides.
    pub shape: ModelShape,
    /// Word embeddings of both sides as the blocks take them `[vocab_size, d_model]`, scaled where the family scales them.
    pub words: Tensor<2>,
    /// What reads.
    pub encoder: Seq2SeqStack,
    /// What writes.
    pub decoder: Seq2SeqStack,
    /// The head `[vocab_size, d_model]`: often the word embeddings themselves.
    pub head: Tensor<2>,
    /// What it adds `[vocab_size]`.
    pub head_bias: Option<Tensor<1>>,
    /// What states are multiplied by before the head.
    pub head_scale: Option<f64>,
    /// The id that rows are padded with; its embedding is never seen.
    pub pad_id: u32,
    /// The tokens that a text begins and ends with.
    pub ends: TextEnds,
    /// Where a word is asked for.
    pub answer_place: AnswerPlace,
    /// Whether an input that the decoder reads shifted right begins there with its own last token (mBART's language), and not with
    /// the start token.
    pub wraps: bool,
}

/// The tokens that what the decoder writes begins and ends with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextEnds {
    /// What the decoder begins with.
    pub start: u32,
    /// What always is written first.
    pub first: Option<u32>,
    /// What always is written last.
    pub last: Vec<u32>,
}

/// A batch taken apart.
struct Sides {
    encoder: SideRows,
    encoder_words: Tensor<3>,
    decoder: SideRows,
    decoder_words: Tensor<3>,
    /// The encoder's sequence that each of the decoder's sees.
    sources: Vec<usize>,
    /// The positions of each of the decoder's sequences that are read.
    read: Vec<Vec<usize>>,
    /// Keys and values before every sequence of either side.
    past: Option<[KeyValues; 2]>,
}

impl EncoderDecoder {
    /// From its parts.
    pub fn new(parts: EncoderDecoderParts) -> Self {
        let device = parts.words.device();
        Self { parts, device }
    }

    fn packed(&self) -> bool {
        is_cpu(&self.device)
    }

    /// Rows of `flat`, sequence after sequence: one after the other on the CPU, elsewhere padded to the longest.
    fn gather(&self, flat: &Tensor<2>, sequences: &[Vec<usize>]) -> (Tensor<3>, SideRows) {
        let [_, d_model] = flat.dims();
        let rows = SideRows::new(sequences.iter().map(Vec::len).collect(), self.packed());
        let longest = rows.longest();
        assert!(rows.lengths.iter().all(|&length| length > 0), "a sequence without a position");
        let places: Vec<usize> = if self.packed() {
            sequences.concat()
        } else {
            sequences.iter().flat_map(|own| (0..longest).map(|place| own[place.min(own.len() - 1)])).collect()
        };
        let shape = if self.packed() { [1, places.len(), d_model] } else { [sequences.len(), longest, d_model] };
        (flat.clone().select(0, row_numbers(&places, &self.device)).reshape(shape), rows)
    }

    /// Rows that hold what the encoder reads, and behind it what the decoder reads.
    fn pairs(&self, inputs: &Inputs, decoder_from: &[usize]) -> Sides {
        self.check(inputs);
        let [batch_size, seq_length, d_model] = inputs.embeddings.dims();
        assert_eq!(decoder_from.len(), batch_size, "a place where the decoder begins for every row");
        let flat = inputs.embeddings.clone().reshape([batch_size * seq_length, d_model]);
        let mut encoder_rows: Vec<Vec<usize>> = Vec::new();
        let mut sources: Vec<usize> = Vec::with_capacity(batch_size);
        for (row, &from) in decoder_from.iter().enumerate() {
            match inputs.parents.as_ref().and_then(|parents| parents[row]) {
                Some(parent) => {
                    assert!(from == 0 && sources[parent] + 1 == encoder_rows.len(), "row {row} goes on from {parent}");
                    sources.push(sources[parent]);
                }
                None => {
                    encoder_rows.push((row * seq_length..row * seq_length + from).collect());
                    sources.push(encoder_rows.len() - 1);
                }
            }
        }
        let decoder_rows: Vec<Vec<usize>> = (decoder_from.iter().zip(&inputs.lengths).enumerate())
            .map(|(row, (from, length))| (row * seq_length + from..row * seq_length + length).collect())
            .collect();
        let read = inputs.predict_positions.iter().zip(decoder_from);
        let read = read.map(|(places, from)| places.iter().map(|place| place - from).collect()).collect();
        let (encoder_words, encoder) = self.gather(&flat, &encoder_rows);
        let (decoder_words, decoder) = self.gather(&flat, &decoder_rows);
        let past = self.past(inputs);
        Sides { encoder, encoder_words, decoder, decoder_words, sources, read, past }
    }

    /// Rows that the encoder reads whole, and the decoder shifted right, as far as they are read.
    fn shifted(&self, inputs: &Inputs) -> Sides {
        self.check(inputs);
        let [batch_size, seq_length, d_model] = inputs.embeddings.dims();
        let n = batch_size * seq_length;
        let flat = inputs.embeddings.clone().reshape([n, d_model]);
        let start = self.parts.words.clone().narrow(0, self.parts.ends.start as usize, 1);
        let start = if flat.is_autodiff() { Tensor::from_inner(start) } else { start };
        let flat = Tensor::cat(vec![flat, start], 0);
        let whole: Vec<Vec<usize>> = inputs
            .lengths
            .iter()
            .enumerate()
            .map(|(row, length)| (row * seq_length..row * seq_length + length).collect())
            .collect();
        let decoder_rows: Vec<Vec<usize>> = (whole.iter().zip(&inputs.predict_positions))
            .map(|(own, read)| {
                let last = read.iter().copied().max().unwrap_or(0);
                let first = if self.parts.wraps { own[own.len() - 1] } else { n };
                std::iter::once(first).chain(own[..last].iter().copied()).collect()
            })
            .collect();
        let (encoder_words, encoder) = self.gather(&flat, &whole);
        let (decoder_words, decoder) = self.gather(&flat, &decoder_rows);
        let (read, sources) = (inputs.predict_positions.clone(), (0..batch_size).collect());
        let past = self.past(inputs);
        Sides { encoder, encoder_words, decoder, decoder_words, sources, read, past }
    }

    fn check(&self, inputs: &Inputs) {
        let [batch_size, _, d_model] = inputs.embeddings.dims();
        assert_eq!(d_model, self.parts.shape.d_model, "embeddings of another width than the model's");
        if let Some(past) = &inputs.past {
            let n_layers = self.parts.encoder.layers.len() + self.parts.decoder.layers.len();
            assert_eq!(past.layers.len(), n_layers, "keys and values for every layer of both sides");
        }
        assert!(
            inputs.token_types.iter().flatten().flatten().all(|&kind| kind == 0),
            "token types for a model that has none"
        );
        assert_eq!(
            (inputs.lengths.len(), inputs.predict_positions.len()),
            (batch_size, batch_size),
            "a length and predict positions for every row"
        );
    }

    /// What stands before the encoder's sequences, and before the decoder's.
    fn past(&self, inputs: &Inputs) -> Option<[KeyValues; 2]> {
        let (encoder, decoder) = inputs.past.as_ref()?.layers.split_at(self.parts.encoder.layers.len());
        Some([encoder, decoder].map(|layers| KeyValues { layers: layers.to_vec() }))
    }

    fn memory(&self, words: Tensor<3>, rows: &SideRows, past: Option<&KeyValues>) -> Memory {
        let (states, _) = self.parts.encoder.forward(words, rows, None, None, past, false);
        self.memory_of(states, rows)
    }

    /// Of the encoder's last states.
    fn memory_of(&self, states: Tensor<3>, rows: &SideRows) -> Memory {
        let cross = self.parts.decoder.layers.iter().filter_map(|layer| layer.cross.as_ref());
        let layers = cross.map(|(attention, _)| attention.keys_values(states.clone())).collect();
        Memory { layers, lengths: rows.lengths.clone() }
    }

    /// What rows of the decoder see of the encoder; `n_asking` of each ask.
    fn sight(&self, memory: &Memory, sources: &[usize], n_asking: impl Fn(usize) -> usize) -> CrossSight {
        assert!(sources.is_sorted(), "rows that share an encoder's sequence stand one after the other");
        if self.packed() {
            // A source sees nothing of itself: its askers are rows of the decoder, and all see all of it.
            let mut asking = vec![Vec::new(); memory.lengths.len()];
            for (row, &source) in sources.iter().enumerate() {
                asking[source].extend(std::iter::repeat_n(0, n_asking(row)));
            }
            return CrossSight::Packed(Columns {
                segments: Arc::new(Segments::new(&memory.lengths, None)),
                asking: Some(Arc::new(asking)),
                window: Window::Whole,
                bias: None,
            });
        }
        let lengths: Vec<usize> = sources.iter().map(|&source| memory.lengths[source]).collect();
        let longest = memory.lengths.iter().copied().max().unwrap_or(0);
        CrossSight::Padded {
            bias: padding_bias(&lengths, 0, longest, &self.device),
            sources: row_numbers(sources, &self.device),
        }
    }

    fn across<'a>(&self, memory: &'a Memory, sides: (&[usize], &SideRows, &[Vec<usize>])) -> Across<'a> {
        let (sources, rows, read) = sides;
        Across {
            keys_values: &memory.layers,
            all: self.sight(memory, sources, |row| rows.lengths[row]),
            read: self.sight(memory, sources, |row| read[row].len()),
        }
    }

    fn read(&self, sides: Sides) -> Tensor<3> {
        let [before, after] = sides.past.as_ref().map_or([None, None], |[before, after]| [Some(before), Some(after)]);
        let memory = self.memory(sides.encoder_words, &sides.encoder, before);
        let across = self.across(&memory, (&sides.sources, &sides.decoder, &sides.read));
        let (states, _) = self.parts.decoder.forward(
            sides.decoder_words,
            &sides.decoder,
            Some(&sides.read),
            Some(&across),
            after,
            false,
        );
        by_row(states, sides.sources.len())
    }

    fn unpacked(states: Vec<Tensor<3>>, rows: &SideRows) -> Vec<Tensor<3>> {
        match rows.segments {
            Some(_) => states.into_iter().map(|states| unpack(states, &rows.lengths, rows.longest())).collect(),
            None => states,
        }
    }
}

/// `[1, n_rows * n, d_model]` or `[n_rows, n, d_model]` -> `[n_rows, n, d_model]`
fn by_row(states: Tensor<3>, n_rows: usize) -> Tensor<3> {
    let [all, n, d_model] = states.dims();
    states.reshape([n_rows, all * n / n_rows, d_model])
}

impl LanguageModel for EncoderDecoder {
    fn shape(&self) -> &ModelShape {
        &self.parts.shape
    }

    fn device(&self) -> Device {
        self.device.clone()
    }

    fn key_value_heads(&self) -> (usize, usize) {
        let attention = &self.parts.decoder.layers[0].attention;
        (attention.n_kv_heads, attention.d_head)
    }

    fn is_unpadded(&self) -> bool {
        self.packed()
    }

    fn embed(&self, ids: &[Vec<u32>]) -> Tensor<3> {
        embed_rows(&self.parts.words, ids, self.parts.pad_id)
    }

    fn embedding_table(&self) -> Tensor<2> {
        self.parts.words.clone()
    }

    /// The decoder reads the input itself, shifted right by its start token, as far as it is read.
    fn predict(&self, inputs: Inputs) -> Tensor<3> {
        self.read(self.shifted(&inputs))
    }

    /// Those of the encoder, which reads the text, then those of the decoder, which reads it too and looks at the encoder.
    fn keys_and_values(&self, inputs: Inputs) -> Option<KeyValues> {
        let [_, seq_length, _] = inputs.embeddings.dims();
        assert!(
            inputs.past.is_none() && inputs.lengths.iter().all(|&length| length == seq_length),
            "no padding, no past"
        );
        let Sides { encoder: rows, encoder_words: words, sources, read, .. } = self.shifted(&inputs);
        let (states, before) = self.parts.encoder.forward(words.clone(), &rows, None, None, None, true);
        let memory = self.memory_of(states, &rows);
        let across = self.across(&memory, (&sources, &rows, &read));
        let (_, after) = self.parts.decoder.forward(words, &rows, None, Some(&across), None, true);
        Some(KeyValues { layers: before.into_iter().chain(after).flat_map(|side| side.layers).collect() })
    }

    fn logits(&self, states: Tensor<2>, rows: Option<&[u32]>) -> Tensor<2> {
        let [_, d_model] = self.parts.head.dims();
        assert_shape!(states, [_, d_model]);
        let states = match self.parts.head_scale {
            Some(scale) => states * scale,
            None => states,
        };
        let (mut head, mut bias) = (self.parts.head.clone(), self.parts.head_bias.clone());
        if let Some(rows) = rows {
            let n_rows = rows.len();
            let rows: Vec<i32> = rows.iter().map(|&row| row as i32).collect();
            let rows: Tensor<1, Int> = Tensor::from_data(TensorData::new(rows, [n_rows]), &self.device);
            head = head.select(0, rows.clone());
            bias = bias.map(|bias| bias.select(0, rows));
        }
        let scores = states.matmul(head.transpose());
        match bias {
            Some(bias) => scores + bias.unsqueeze(),
            None => scores,
        }
    }

    /// The encoder's: what it makes of a text is what the text is to the model.
    fn hidden_states(&self, inputs: &Inputs) -> Vec<Tensor<3>> {
        let sides = self.shifted(inputs);
        Self::unpacked(self.parts.encoder.states(sides.encoder_words, &sides.encoder, None), &sides.encoder)
    }

    fn seq2seq(&self) -> Option<&dyn Seq2SeqModel> {
        Some(self)
    }
}

impl Seq2SeqModel for EncoderDecoder {
    fn start_id(&self) -> u32 {
        self.parts.ends.start
    }

    fn first_id(&self) -> Option<u32> {
        self.parts.ends.first
    }

    fn last_ids(&self) -> &[u32] {
        &self.parts.ends.last
    }

    fn answer_place(&self) -> AnswerPlace {
        self.parts.answer_place
    }

    fn sides_alike(&self) -> bool {
        let heads = |stack: &Seq2SeqStack| {
            let attention = &stack.layers[0].attention;
            (attention.n_kv_heads, attention.d_head)
        };
        heads(&self.parts.encoder) == heads(&self.parts.decoder)
    }

    fn predict_pairs(&self, inputs: Inputs, decoder_from: &[usize]) -> Tensor<3> {
        self.read(self.pairs(&inputs, decoder_from))
    }

    fn encode(&self, inputs: &Inputs) -> Memory {
        let sides = self.shifted(inputs);
        self.memory(sides.encoder_words, &sides.encoder, sides.past.as_ref().map(|[before, _]| before))
    }

    fn decode(&self, memory: &Memory, sources: &[usize], inputs: Inputs) -> (Tensor<3>, KeyValues) {
        let [batch_size, seq_length, d_model] = inputs.embeddings.dims();
        assert!(
            inputs.lengths.iter().all(|&length| length == seq_length),
            "rows of lengths {:?}: what is kept has no padding",
            inputs.lengths
        );
        let rows = SideRows::new(inputs.lengths, self.packed());
        let across = self.across(memory, (sources, &rows, &inputs.predict_positions));
        let words = if self.packed() {
            inputs.embeddings.reshape([1, batch_size * seq_length, d_model])
        } else {
            inputs.embeddings
        };
        let read = Some(inputs.predict_positions.as_slice());
        let (states, kept) = self.parts.decoder.forward(words, &rows, read, Some(&across), inputs.past.as_ref(), true);
        (by_row(states, batch_size), kept.unwrap_or(KeyValues { layers: Vec::new() }))
    }

    fn states_of_both(&self, inputs: &Inputs, decoder_from: &[usize]) -> [Vec<Tensor<3>>; 2] {
        let sides = self.pairs(inputs, decoder_from);
        let encoder = self.parts.encoder.states(sides.encoder_words, &sides.encoder, None);
        let last = encoder[encoder.len() - 1].clone();
        let last = self.parts.encoder.norm.as_ref().map_or(last.clone(), |norm| norm.forward(last));
        let memory = self.memory_of(last, &sides.encoder);
        let across = self.across(&memory, (&sides.sources, &sides.decoder, &sides.read));
        let decoder = self.parts.decoder.states(sides.decoder_words, &sides.decoder, Some(&across));
        [Self::unpacked(encoder, &sides.encoder), Self::unpacked(decoder, &sides.decoder)]
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::model::kernel::elsewhere;
    use crate::model::{LoadedModel, ResolvedDevice, load_folder};

    const FOLDERS: [&str; 6] = ["bart", "bart-scaled", "mbart", "t5", "t5-v1_1", "mt5"];

    fn load(folder: &str) -> LoadedModel {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/model/seq2seq").join(folder);
        load_folder(&path, &ResolvedDevice::cpu()).unwrap()
    }

    fn numbers(tensor: Tensor<3>) -> Vec<f32> {
        tensor.inner().into_data().try_into_vec().unwrap()
    }

    fn close(ours: &[f32], theirs: &[f32], what: &str) {
        assert_eq!(ours.len(), theirs.len(), "{what}");
        let largest = theirs.iter().fold(1f32, |largest, x| largest.max(x.abs()));
        for (a, b) in ours.iter().zip(theirs) {
            assert!((a - b).abs() <= 2e-5 * largest, "{what}: {a} and {b}");
        }
    }

    fn inputs(loaded: &LoadedModel, rows: &[Vec<u32>]) -> Inputs {
        Inputs {
            embeddings: loaded.model.embed(rows),
            lengths: rows.iter().map(Vec::len).collect(),
            predict_positions: rows.iter().map(|row| vec![row.len() - 1, row.len() - 2]).collect(),
            token_types: None,
            past: None,
            parents: None,
        }
    }

    /// Rows of encoder and decoder parts, of which the second shares the first's encoder.
    fn pairs(loaded: &LoadedModel) -> (Inputs, Vec<usize>) {
        let rows = [vec![5, 9, 12, 1, 0, 7, 20], vec![0, 7, 33, 21], vec![40, 1, 0, 9]];
        (Inputs { parents: Some(vec![None, Some(0), None]), ..inputs(loaded, &rows) }, vec![4, 0, 2])
    }

    /// Everything that a model computes: pairs, what is shifted, what is kept, and gradients.
    fn all(loaded: &LoadedModel) -> Vec<(&'static str, Vec<f32>)> {
        let model = loaded.model.seq2seq().unwrap();
        let (given, from) = pairs(loaded);
        let embeddings = Tensor::from_inner(given.embeddings.clone()).require_grad();
        let tracked = Inputs { embeddings: embeddings.clone(), ..given.clone() };
        let states = model.predict_pairs(tracked, &from);
        let gradients = states.clone().powi_scalar(2).sum().backward();
        let whole = inputs(loaded, &[vec![5, 9, 12, 1], vec![40, 1], vec![8, 8, 1]]);
        let memory = model.encode(&whole);
        let first = inputs(loaded, &[vec![0, 7], vec![0, 9]]);
        let (_, past) = model.decode(&memory, &[0, 2], first);
        let (next, _) =
            model.decode(&memory, &[0, 2], Inputs { past: Some(past), ..inputs(loaded, &[vec![4, 5], vec![6, 3]]) });
        vec![
            ("pairs", numbers(states)),
            ("gradients", numbers(embeddings.grad(&gradients).unwrap())),
            ("shifted", numbers(loaded.model.predict(whole.clone()))),
            ("kept", numbers(next)),
            ("hidden", numbers(loaded.model.hidden_states(&whole)[1].clone().narrow(0, 0, 1))),
        ]
    }

    #[test]
    fn padded_rows_and_burns_operators_give_the_same_numbers() {
        for folder in FOLDERS {
            let ours = all(&load(folder));
            let theirs = elsewhere(|| all(&load(folder)));
            for ((what, ours), (_, theirs)) in ours.iter().zip(&theirs) {
                close(ours, theirs, &format!("{folder}, {what}"));
            }
        }
    }

    #[test]
    fn what_stands_before_the_decoder_is_seen_as_if_it_were_read() {
        for folder in ["bart", "t5"] {
            let loaded = load(folder);
            let model = loaded.model.seq2seq().unwrap();
            let text = [5, 9, 12, 1];
            let memory = model.encode(&inputs(&loaded, &[text.to_vec()]));
            let (_, kept) = model.decode(&memory, &[0], inputs(&loaded, &[vec![0, 7, 3]]));
            // Before the encoder stands nothing.
            let (n_heads, d_head) = loaded.model.key_value_heads();
            let n_encoder = loaded.model.shape().n_layers - kept.layers.len();
            let nothing = || Tensor::<4>::zeros([1, n_heads, 3, d_head], &loaded.model.device());
            let layers = (0..n_encoder).map(|_| (nothing(), nothing())).chain(kept.layers.clone()).collect();
            let row = [&text[..], &[20, 8]].concat();
            let given = Inputs { past: Some(KeyValues { layers }), ..inputs(&loaded, &[row]) };
            let found = numbers(model.predict_pairs(given.clone(), &[4]));
            let other = numbers(model.predict_pairs(Inputs { past: None, ..given.clone() }, &[4]));
            assert_ne!(found, other, "{folder}: the past is not seen");
            let memory = model.encode(&Inputs { past: given.past.clone(), ..inputs(&loaded, &[text.to_vec()]) });
            let rest = inputs(&loaded, &[vec![20, 8]]);
            let (expected, _) = model.decode(&memory, &[0], Inputs { past: Some(kept), ..rest });
            close(&found, &numbers(expected), folder);
        }
    }

    #[test]
    fn keys_and_values_of_a_text_are_those_of_both_sides_reading_it() {
        let loaded = load("mt5");
        let model = loaded.model.seq2seq().unwrap();
        assert!(model.sides_alike() && !load("bart").model.seq2seq().unwrap().sides_alike());
        let begin = loaded.model.keys_and_values(inputs(&loaded, &[vec![5, 9, 12]])).unwrap();
        assert_eq!(begin.layers.len(), loaded.model.shape().n_layers);
        let (n_heads, d_head) = loaded.model.key_value_heads();
        assert!(begin.layers.iter().all(|(keys, _)| keys.dims() == [1, n_heads, 3, d_head]));
        // The decoder's are those of a decoder that reads the text and looks at it.
        let text = inputs(&loaded, &[vec![5, 9, 12]]);
        let (_, kept) = model.decode(&model.encode(&text), &[0], text);
        let ours = begin.layers[1..].iter().flat_map(|(keys, values)| [keys.clone(), values.clone()]);
        let theirs = kept.layers.iter().flat_map(|(keys, values)| [keys.clone(), values.clone()]);
        for (ours, theirs) in ours.zip(theirs) {
            let n = ours.shape().num_elements();
            close(&numbers(ours.reshape([1, 1, n])), &numbers(theirs.reshape([1, 1, n])), "mt5");
        }
    }

    #[test]
    fn a_gradient_reaches_what_stands_before_both_sides() {
        for folder in ["t5", "mt5"] {
            let loaded = load(folder);
            let model = loaded.model.seq2seq().unwrap();
            let (n_heads, d_head) = loaded.model.key_value_heads();
            let device = loaded.model.device().autodiff();
            let leaves: Vec<Tensor<4>> = (0..2 * loaded.model.shape().n_layers)
                .map(|number| {
                    let n = n_heads * 2 * d_head;
                    let values: Vec<f32> = (0..n).map(|i| ((i * 7 + number * 3) % 11) as f32 * 0.1 - 0.5).collect();
                    Tensor::from_data(TensorData::new(values, [1, n_heads, 2, d_head]), &device).require_grad()
                })
                .collect();
            let layers = leaves.chunks(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect();
            let (given, from) = pairs(&loaded);
            let given = Inputs { past: Some(KeyValues { layers }), ..given };
            let gradients = model.predict_pairs(given, &from).powi_scalar(2).sum().backward();
            for (number, leaf) in leaves.iter().enumerate() {
                let gradient = leaf.grad(&gradients).unwrap_or_else(|| panic!("{folder}: no gradient for {number}"));
                assert!(gradient.abs().sum().inner().into_scalar::<f32>() > 0.0, "{folder}: {number}");
            }
        }
    }
}
