//! The engine: prompts x examples through a frozen model.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use burn::tensor::{Tensor, activation};

use crate::model::{Inputs, LoadedModel, ModelKind};
use crate::prompt::{Piece, Prompt, Template, Verbalizer};
use crate::spec::MultiToken;
use crate::task::Example;

use super::ScoringError;
use super::encode::{Encoded, Encoder};
use super::passes::{Passes, WordPlace, encode_words};

/// What a scorer does with every prompt.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// The rule for label words of several tokens.
    pub multi_token: MultiToken,
    /// Whether inputs that do not fit are shortened.
    pub truncate: bool,
    /// Sequences in a batch.
    pub batch_size: usize,
    /// Batches are padded to a multiple of this many tokens; 1 pads to the longest only.
    pub length_step: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { multi_token: MultiToken::Joint, truncate: true, batch_size: 32, length_step: 1 }
    }
}

/// What a call cost (contract, definition 4).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cost {
    /// Evaluations.
    pub evaluations: u64,
    /// Sequences passed forward.
    pub forwards: u64,
    /// Sequences passed backward.
    pub backwards: u64,
    /// Tokens passed forward, padding not counted.
    pub tokens: u64,
}

/// The scores of a round of prompts on the same examples.
#[derive(Debug, Clone)]
pub struct Round {
    /// Log-probabilities among the labels, in nats: `[prompt][example][label]`.
    pub scores: Vec<Vec<Vec<f64>>>,
    /// How many examples were shortened, by prompt.
    pub truncated: Vec<usize>,
    /// What each prompt cost.
    pub costs: Vec<Cost>,
}

/// The gradient of a prompt's loss.
#[derive(Debug, Clone)]
pub struct TriggerGradient {
    /// Mean cross-entropy of the gold labels among the labels, in nats.
    pub loss: f64,
    /// The loss's gradient with respect to each trigger's embedding: `[n_trigger][d_model]`.
    pub rows: Vec<Vec<f32>>,
    /// What it cost: a forward with a backward counts 3 evaluations.
    pub cost: Cost,
}

/// Scores prompts with one frozen model.
pub struct Scorer {
    loaded: LoadedModel,
    settings: Settings,
}

/// The passes of a template with a verbalizer.
struct Reading {
    passes: Passes,
    /// The distinct masks that each pass reads, ascending.
    places: Vec<Vec<usize>>,
}

/// A prompt made ready. Prompts that differ in their triggers only share both parts.
struct Ready {
    reading: Arc<Reading>,
    /// The examples as each pass wants them, in the order of passes; those with equally many masks share them.
    encoded: Vec<Arc<Vec<Encoded>>>,
}

/// One sequence of a batch.
pub(super) struct Sequence {
    pub(super) prompt: usize,
    pub(super) example: usize,
    pub(super) pass: usize,
    pub(super) ids: Vec<u32>,
    pub(super) positions: Vec<usize>,
}

impl Scorer {
    /// A scorer for `loaded`.
    pub fn new(loaded: LoadedModel, settings: Settings) -> Self {
        Self { loaded, settings }
    }

    /// The model, its tokenizer and hashes.
    pub fn loaded(&self) -> &LoadedModel {
        &self.loaded
    }

    /// The settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Checks that the model can take a prompt: words, template and columns.
    ///
    /// # Errors
    /// [`ScoringError`] naming what it cannot take.
    pub fn check(&self, prompt: &Prompt, columns: &[String]) -> Result<(), ScoringError> {
        let passes = self.passes(prompt)?;
        for n_mask in mask_counts(&passes) {
            self.encoder(&prompt.template, columns, n_mask)?;
        }
        Ok(())
    }

    /// How many evaluations one example costs: one for each pass.
    ///
    /// # Errors
    /// [`ScoringError`] if the words cannot be written.
    pub fn evaluations_per_example(&self, prompt: &Prompt) -> Result<u64, ScoringError> {
        Ok(self.passes(prompt)?.passes.len() as u64)
    }

    /// The passes of a prompt's verbalizer in its template.
    ///
    /// # Errors
    /// [`ScoringError`] if the words cannot be written.
    pub fn passes(&self, prompt: &Prompt) -> Result<Passes, ScoringError> {
        let pieces = prompt.template.pieces();
        let mask = pieces.iter().position(|p| matches!(p, Piece::Mask(_)));
        let fixed = match mask.map(|at| &pieces[at]) {
            Some(Piece::Mask(n)) => *n,
            _ => None,
        };
        let after_space = match mask.and_then(|at| at.checked_sub(1)).map(|at| &pieces[at]) {
            Some(Piece::Text(text)) => text.ends_with(char::is_whitespace),
            Some(Piece::Trigger(_) | Piece::Soft(_) | Piece::Demos) => true,
            Some(Piece::Column(_) | Piece::Mask(_)) | None => false,
        };
        let causal = self.kind() == ModelKind::Causal;
        let before = mask.and_then(|at| at.checked_sub(1)).map(|at| &pieces[at]);
        let context = match before {
            Some(Piece::Text(text)) => text.trim_end_matches(' '),
            _ => "",
        };
        let place = WordPlace { after_space, fixed, continues: causal.then_some(context) };
        let words = encode_words(&prompt.verbalizer, &self.loaded.tokenizer, place, &self.loaded.name)?;
        let (n_labels, rule) = (prompt.verbalizer.labels.len(), self.settings.multi_token);
        if !causal {
            return Ok(Passes::new(words, n_labels, rule));
        }
        if matches!(rule, MultiToken::Independent | MultiToken::PseudoLikelihood) {
            return Err(ScoringError::Template {
                template: prompt.template.to_string(),
                reason: format!(
                    "{} continues text, and multi_token `{}` is for models that fill masks (allowed: joint, mean)",
                    self.loaded.name,
                    rule.name()
                ),
            });
        }
        Ok(Passes::continuing(words, n_labels, rule))
    }

    /// How the model reads its input.
    pub(super) fn kind(&self) -> ModelKind {
        self.loaded.model.shape().kind
    }

    /// The fewest places that any pass of the prompt expands `{mask}` to.
    ///
    /// # Errors
    /// As [`Scorer::passes`].
    pub(super) fn fewest_masks(&self, prompt: &Prompt) -> Result<usize, ScoringError> {
        let passes = self.passes(prompt)?;
        Ok(passes.passes.iter().map(|pass| pass.filled.len()).min().unwrap_or(1))
    }

    /// An encoder for a template.
    ///
    /// # Errors
    /// [`ScoringError`] if the model cannot take the template.
    pub fn encoder<'a>(
        &'a self,
        template: &'a Template,
        columns: &[String],
        n_mask: usize,
    ) -> Result<Encoder<'a>, ScoringError> {
        Encoder::new(
            (&self.loaded.tokenizer, self.kind()),
            &self.loaded.name,
            template,
            columns,
            n_mask,
            self.loaded.model.shape().max_positions,
            self.settings.truncate,
        )
    }

    /// Scores every prompt on every example.
    ///
    /// Sequences of all prompts are grouped by length, so that little is padding. The batches, and with them the last bits
    /// of the scores, depend on the prompts and examples of this call alone.
    ///
    /// # Errors
    /// [`ScoringError`] if a prompt cannot be taken, an input does not fit, or a score is not a number.
    pub fn score(&self, prompts: &[Prompt], columns: &[String], examples: &[&Example]) -> Result<Round, ScoringError> {
        let ready = self.ready_all(prompts, columns, examples)?;
        let mut sequences = Vec::new();
        let mut costs = vec![Cost::default(); prompts.len()];
        for (prompt, (ready, cost)) in ready.iter().zip(&mut costs).enumerate() {
            for example in 0..examples.len() {
                for pass in 0..ready.reading.passes.passes.len() {
                    let sequence = ready.sequence(prompts, prompt, example, pass);
                    cost.evaluations += 1;
                    cost.forwards += 1;
                    cost.tokens += sequence.ids.len() as u64;
                    sequences.push(sequence);
                }
            }
        }
        sequences.sort_by_key(|s| (s.positions.len(), s.ids.len()));
        let mut reads: Vec<Vec<Vec<Vec<f64>>>> = ready
            .iter()
            .map(|r| vec![r.reading.passes.passes.iter().map(|p| vec![0.0; p.reads.len()]).collect(); examples.len()])
            .collect();
        for batch in sequences.chunk_by(|a, b| a.positions.len() == b.positions.len()) {
            for batch in batch.chunks(self.settings.batch_size) {
                self.read_batch(batch, &ready, &mut reads);
            }
        }
        let scores: Vec<Vec<Vec<f64>>> = ready
            .iter()
            .zip(&reads)
            .map(|(ready, reads)| reads.iter().map(|passes| ready.reading.passes.label_logprobs(passes)).collect())
            .collect();
        for (prompt, scores) in prompts.iter().zip(&scores) {
            if !scores.iter().flatten().all(|x| x.is_finite()) {
                return Err(ScoringError::NotFinite { prompt: prompt.template.to_string() });
            }
        }
        let truncated = ready
            .iter()
            .map(|r| (0..examples.len()).filter(|&e| r.encoded.iter().any(|all| !all[e].shortened.is_empty())).count())
            .collect();
        Ok(Round { scores, truncated, costs })
    }

    /// The mean loss of a prompt on labelled examples and its gradient with respect to the trigger embeddings.
    ///
    /// The loss is the cross-entropy of the gold label among the labels: `-log softmax(label scores)[gold]`. No weight of
    /// the model gets a gradient.
    ///
    /// # Errors
    /// As [`Scorer::score`].
    ///
    /// # Panics
    /// If an example has no label.
    pub fn gradient(
        &self,
        prompt: &Prompt,
        columns: &[String],
        examples: &[&Example],
    ) -> Result<TriggerGradient, ScoringError> {
        let prompts = std::slice::from_ref(prompt);
        let ready = self.ready_all(prompts, columns, examples)?.remove(0);
        let d_model = self.loaded.model.shape().d_model;
        let n_trigger = prompt.triggers.0.len();
        let mut rows = vec![vec![0f64; d_model]; n_trigger];
        let mut loss = 0.0;
        let mut cost = Cost::default();
        let mut order: Vec<usize> = (0..examples.len()).collect();
        order.sort_by_key(|&e| ready.encoded.iter().map(|all| all[e].ids.len()).max());
        for chunk in order.chunks(self.settings.batch_size) {
            let gold: Vec<usize> = chunk
                .iter()
                .map(|&e| examples[e].label.expect("the gradient of a loss is asked for labelled examples only"))
                .collect();
            let mut leaves = Vec::new();
            let mut reads = Vec::new();
            for pass in 0..ready.reading.passes.passes.len() {
                let batch: Vec<Sequence> = chunk.iter().map(|&e| ready.sequence(prompts, 0, e, pass)).collect();
                for sequence in &batch {
                    cost.evaluations += 3;
                    cost.forwards += 1;
                    cost.backwards += 1;
                    cost.tokens += sequence.ids.len() as u64;
                }
                let (inputs, leaf) = self.inputs(&batch, true);
                reads.push(self.read_tensors(&ready.reading, pass, inputs));
                leaves.push(leaf);
            }
            let logprobs = label_logprobs(&ready.reading.passes, reads);
            let picked = Tensor::<2, burn::tensor::Int>::from_data(
                burn::tensor::TensorData::new(gold.iter().map(|&g| g as i64).collect(), [gold.len(), 1]),
                &logprobs.device(),
            );
            let total = logprobs.gather(1, picked).neg().sum_dim(0);
            let gradients = total.backward();
            loss += f64::from(floats(total.inner())[0]);
            for (pass, leaf) in leaves.into_iter().enumerate() {
                let Some(gradient) = leaf.grad(&gradients) else { continue };
                let [_, seq_length, _] = gradient.dims();
                let values = floats(gradient.inner());
                for (row, &example) in chunk.iter().enumerate() {
                    for (trigger, &place) in ready.encoded[pass][example].trigger_at.iter().enumerate() {
                        let start = (row * seq_length + place) * d_model;
                        for (sum, &value) in rows[trigger].iter_mut().zip(&values[start..start + d_model]) {
                            *sum += f64::from(value);
                        }
                    }
                }
            }
        }
        let n = examples.len() as f64;
        let rows: Vec<Vec<f32>> =
            rows.into_iter().map(|row| row.into_iter().map(|x| (x / n) as f32).collect()).collect();
        loss /= n;
        if !loss.is_finite() || rows.iter().flatten().any(|x| !x.is_finite()) {
            return Err(ScoringError::NotFinite { prompt: prompt.template.to_string() });
        }
        Ok(TriggerGradient { loss, rows, cost })
    }

    /// First-order estimates of how much the loss falls if a trigger's embedding `e` is replaced by that of token `w`:
    /// `(e - w) . gradient` (HotFlip, arXiv 1712.06751), without the part that is the same for every `w`.
    ///
    /// # Shapes
    /// gradient rows `[n][d_model]` -> `[n][vocab_size]`
    pub fn gains(&self, rows: &[Vec<f32>]) -> Vec<Vec<f32>> {
        let table = self.loaded.model.embedding_table();
        let [vocab_size, d_model] = table.dims();
        let data = burn::tensor::TensorData::new(rows.concat(), [rows.len(), d_model]);
        let gradient = Tensor::<2>::from_data(data, &table.device());
        let gains = floats(gradient.matmul(table.transpose()).neg());
        gains.chunks(vocab_size).map(<[f32]>::to_vec).collect()
    }

    fn ready_all(
        &self,
        prompts: &[Prompt],
        columns: &[String],
        examples: &[&Example],
    ) -> Result<Vec<Ready>, ScoringError> {
        // Candidates of a step share their template: what differs, the trigger ids, is filled in later.
        let mut readings: HashMap<(&Template, &Verbalizer), Arc<Reading>> = HashMap::new();
        let mut encodings: HashMap<(&Template, usize), Arc<Vec<Encoded>>> = HashMap::new();
        let mut ready: Vec<Ready> = Vec::with_capacity(prompts.len());
        for prompt in prompts {
            let reading = match readings.entry((&prompt.template, &*prompt.verbalizer)) {
                Entry::Occupied(known) => Arc::clone(known.get()),
                Entry::Vacant(place) => Arc::clone(place.insert(Arc::new(Reading::new(self.passes(prompt)?)))),
            };
            let mut encoded = Vec::with_capacity(reading.passes.passes.len());
            for pass in &reading.passes.passes {
                let n_mask = pass.filled.len();
                encoded.push(match encodings.entry((&prompt.template, n_mask)) {
                    Entry::Occupied(known) => Arc::clone(known.get()),
                    Entry::Vacant(place) => {
                        let encoder = self.encoder(&prompt.template, columns, n_mask)?;
                        let all = examples.iter().map(|e| encoder.encode(e)).collect::<Result<_, _>>()?;
                        Arc::clone(place.insert(Arc::new(all)))
                    }
                });
            }
            ready.push(Ready { reading, encoded });
        }
        Ok(ready)
    }

    /// A batch as model inputs; with `tracked` also the leaf whose gradient can be asked for.
    pub(super) fn inputs(&self, batch: &[Sequence], tracked: bool) -> (Inputs, Tensor<3>) {
        // Padding is masked out: any token serves where the tokenizer names none.
        let pad = self.loaded.tokenizer.pad_id().unwrap_or(0);
        let longest = batch.iter().map(|s| s.ids.len()).max().unwrap_or(0);
        let longest = longest.next_multiple_of(self.settings.length_step).min(self.loaded.model.shape().max_positions);
        let ids: Vec<Vec<u32>> =
            batch.iter().map(|s| s.ids.iter().copied().chain(std::iter::repeat(pad)).take(longest).collect()).collect();
        let mut embeddings = self.loaded.model.embed(&ids);
        if tracked {
            embeddings = embeddings.autodiff().require_grad();
        }
        let inputs = Inputs {
            embeddings: embeddings.clone(),
            lengths: batch.iter().map(|s| s.ids.len()).collect(),
            predict_positions: batch.iter().map(|s| s.positions.clone()).collect(),
            token_types: None,
            past: None,
        };
        (inputs, embeddings)
    }

    /// Runs one batch and stores what its passes read.
    fn read_batch(&self, batch: &[Sequence], ready: &[Ready], reads: &mut [Vec<Vec<Vec<f64>>>]) {
        let (inputs, _) = self.inputs(batch, false);
        let states = self.loaded.model.predict(inputs);
        let [batch_size, n_predict, d_model] = states.dims();
        let states = states.reshape([batch_size * n_predict, d_model]);
        let mut rows: Vec<u32> = batch
            .iter()
            .flat_map(|s| ready[s.prompt].reading.passes.passes[s.pass].reads.iter().map(|r| r.token))
            .collect();
        rows.sort_unstable();
        rows.dedup();
        let whole = batch.iter().any(|s| ready[s.prompt].reading.passes.whole_vocabulary);
        let values = if whole {
            let logits = self.loaded.model.logits(states, None);
            let device = logits.device();
            floats(activation::log_softmax(logits, 1).select(1, ids_tensor(&rows, &device)))
        } else {
            floats(self.loaded.model.logits(states, Some(&rows)))
        };
        for (index, sequence) in batch.iter().enumerate() {
            let reading = &ready[sequence.prompt].reading;
            let pass = &reading.passes.passes[sequence.pass];
            let places = &reading.places[sequence.pass];
            let stored = &mut reads[sequence.prompt][sequence.example][sequence.pass];
            for (slot, read) in stored.iter_mut().zip(&pass.reads) {
                let place = places.binary_search(&read.mask).unwrap_or(0);
                let row = rows.binary_search(&read.token).unwrap_or(0);
                *slot = f64::from(values[(index * n_predict + place) * rows.len() + row]);
            }
        }
    }

    /// What a pass reads, tracked: `[batch_size, n_reads]`.
    fn read_tensors(&self, reading: &Reading, pass: usize, inputs: Inputs) -> Tensor<2> {
        let places = &reading.places[pass];
        let passes = &reading.passes;
        let pass = &passes.passes[pass];
        let states = self.loaded.model.predict(inputs);
        let [batch_size, n_predict, d_model] = states.dims();
        let states = states.reshape([batch_size * n_predict, d_model]);
        let mut rows: Vec<u32> = pass.reads.iter().map(|r| r.token).collect();
        rows.sort_unstable();
        rows.dedup();
        let values = if passes.whole_vocabulary {
            let logits = self.loaded.model.logits(states, None);
            let device = logits.device();
            activation::log_softmax(logits, 1).select(1, ids_tensor(&rows, &device))
        } else {
            self.loaded.model.logits(states, Some(&rows))
        };
        let values = values.reshape([batch_size, n_predict * rows.len()]);
        let columns: Vec<u32> = pass
            .reads
            .iter()
            .map(|read| {
                let place = places.binary_search(&read.mask).unwrap_or(0);
                (place * rows.len() + rows.binary_search(&read.token).unwrap_or(0)) as u32
            })
            .collect();
        let device = values.device();
        values.select(1, ids_tensor(&columns, &device))
    }
}

impl Reading {
    fn new(passes: Passes) -> Self {
        let places = passes
            .passes
            .iter()
            .map(|pass| pass.reads.iter().map(|read| read.mask).collect::<BTreeSet<_>>().into_iter().collect())
            .collect();
        Self { passes, places }
    }
}

impl Ready {
    fn sequence(&self, prompts: &[Prompt], prompt: usize, example: usize, pass: usize) -> Sequence {
        let filled = &self.reading.passes.passes[pass].filled;
        let encoded = &self.encoded[pass][example];
        let positions = self.reading.places[pass].iter().map(|mask| encoded.read_at + mask).collect();
        Sequence { prompt, example, pass, ids: encoded.filled(&prompts[prompt].triggers.0, filled), positions }
    }
}

fn mask_counts(passes: &Passes) -> Vec<usize> {
    let mut counts: Vec<usize> = passes.passes.iter().map(|p| p.filled.len()).collect();
    counts.sort_unstable();
    counts.dedup();
    counts
}

/// [`Passes::label_logprobs`] on tensors: `[batch_size, n_reads]` a pass -> `[batch_size, n_labels]`.
fn label_logprobs(passes: &Passes, reads: Vec<Tensor<2>>) -> Tensor<2> {
    let mut words: Vec<Option<Tensor<2>>> = vec![None; passes.words.len()];
    for (pass, values) in passes.passes.iter().zip(reads) {
        for (column, read) in pass.reads.iter().enumerate() {
            let value = values.clone().narrow(1, column, 1);
            words[read.word] = Some(match words[read.word].take() {
                Some(sum) => sum + value,
                None => value,
            });
        }
    }
    let labels: Vec<Tensor<2>> = (0..passes.n_labels())
        .map(|label| {
            let columns: Vec<Tensor<2>> = passes
                .words
                .iter()
                .zip(&words)
                .filter(|(word, _)| word.label == label)
                .filter_map(|(word, score)| {
                    let score = score.clone()?;
                    Some(if passes.by_length() { score / word.ids.len() as f64 } else { score })
                })
                .collect();
            let scores = Tensor::cat(columns, 1);
            let max = scores.clone().max_dim(1).detach();
            (scores - max.clone()).exp().sum_dim(1).log() + max
        })
        .collect();
    activation::log_softmax(Tensor::cat(labels, 1), 1)
}

/// A list of ids as an index tensor.
pub(super) fn ids_tensor(ids: &[u32], device: &burn::tensor::Device) -> Tensor<1, burn::tensor::Int> {
    let ids: Vec<i64> = ids.iter().map(|&id| i64::from(id)).collect();
    let n = ids.len();
    Tensor::from_data(burn::tensor::TensorData::new(ids, [n]), device)
}

/// A tensor's numbers on the host, row by row.
pub(super) fn floats<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().convert::<f32>().try_into_vec().expect("converted to f32 before")
}
