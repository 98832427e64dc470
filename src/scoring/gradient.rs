//! The loss of a prompt and its gradient with respect to what a search may change of it.

use std::sync::Arc;

use burn::tensor::{Int, Tensor, TensorData, activation};

use crate::model::Inputs;
use crate::prompt::{PrefixShape, Prompt, Vectors};
use crate::task::Example;

use super::batch::{Sequence, model_inputs, put_vectors};
use super::passes::Passes;
use super::past::key_values;
use super::ready::{Reading, Ready};
use super::scorer::{floats, ids_tensor};
use super::{Cost, Scorer, ScoringError};

/// Words from which on their scores are put together at once: word by word, the tape would be longer than the model's.
const MANY_WORDS: usize = 16;

/// The gradient of a prompt's loss.
#[derive(Debug, Clone)]
pub struct PromptGradient {
    /// Mean cross-entropy of the gold labels among the labels, or of the references, in nats.
    pub loss: f64,
    /// The loss's gradient with respect to each trigger's embedding: `[n_trigger][d_model]`.
    pub triggers: Vec<Vec<f32>>,
    /// The loss's gradient with respect to the virtual tokens, row by row, `[n_soft * d_model]`, then to the prefix in its
    /// layout ([`crate::prompt::PrefixShape`]), then to the vectors of the labels `[n_labels * d_model]`.
    /// Of a prompt with trained weights the gradients of these come first, tensor after tensor.
    pub soft: Vec<f32>,
    /// What it cost: a forward with a backward counts 3 evaluations.
    pub cost: Cost,
}

/// A batch on the autodiff device with the tensors whose gradients can be asked for: the only leaves of its tape.
pub(super) struct Tracked {
    pub(super) inputs: Inputs,
    /// The looked-up embeddings `[batch_size, seq_length, d_model]`, where the prompt has triggers or nothing to change.
    pub(super) embeddings: Option<Tensor<3>>,
}

impl Scorer {
    /// The mean loss of a prompt on labelled examples and its gradient with respect to the trigger embeddings and the virtual
    /// tokens, whichever it has.
    ///
    /// The loss is the cross-entropy of the gold label among the labels: `-log softmax(label scores)[gold]`. Of a soft prompt
    /// the leaf is its vectors alone, `[n_soft, d_model]`, and no weight of the model gets a gradient.
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
    ) -> Result<PromptGradient, ScoringError> {
        Ok(self.gradients(std::slice::from_ref(prompt), columns, examples)?.remove(0))
    }

    /// [`Scorer::gradient`] of several prompts on the same examples. Prompts that differ in their triggers only share batches;
    /// on the CPU each gets the same bits as alone.
    ///
    /// # Errors
    /// As [`Scorer::gradient`].
    ///
    /// # Panics
    /// If an example has no label.
    pub fn gradients(
        &self,
        prompts: &[Prompt],
        columns: &[String],
        examples: &[&Example],
    ) -> Result<Vec<PromptGradient>, ScoringError> {
        if prompts.iter().any(|prompt| prompt.tuned.is_some()) {
            return prompts.iter().map(|prompt| self.tuning_gradient(prompt, columns, examples)).collect();
        }
        if prompts.iter().any(|prompt| prompt.verbalizer.reference_column().is_some()) {
            return prompts.iter().map(|prompt| self.reference_gradient(prompt, columns, examples)).collect();
        }
        let asks: Vec<_> = prompts.iter().map(|prompt| self.ask(prompt)).collect();
        let ready = self.ready_all(&asks, columns, examples)?;
        let alike = |a: &Ready<'_>, b: &Ready<'_>| {
            Arc::ptr_eq(&a.reading, &b.reading) && [a, b].iter().all(|ready| Vectors::of(ready.prompt).is_empty())
        };
        let mut gradients = Vec::with_capacity(prompts.len());
        for group in ready.chunk_by(alike) {
            gradients.extend(self.gradients_alike(group, examples)?);
        }
        Ok(gradients)
    }

    /// The gradients of prompts with one reading, and with virtual tokens only where there is one prompt.
    fn gradients_alike(&self, ready: &[Ready<'_>], examples: &[&Example]) -> Result<Vec<PromptGradient>, ScoringError> {
        let d_model = self.loaded().model.shape().d_model;
        let Some(first) = ready.first() else { return Ok(Vec::new()) };
        let mut sums: Vec<Sums> = ready.iter().map(|ready| Sums::of(ready.prompt, d_model)).collect();
        let mut order: Vec<usize> = (0..examples.len()).collect();
        order.sort_by_key(|&e| first.encoded.iter().map(|all| all[e].ids.len()).max());
        let pairs: Vec<(usize, usize)> =
            (0..ready.len()).flat_map(|prompt| order.iter().map(move |&example| (prompt, example))).collect();
        for chunk in pairs.chunks(self.settings().batch_size) {
            let gold: Vec<i64> = chunk
                .iter()
                .map(|&(_, e)| {
                    examples[e].label.expect("the gradient of a loss is asked for labelled examples only") as i64
                })
                .collect();
            let soft_rows = self.soft_rows(&first.prompt.template);
            let vectors = self.vectors_leaf(first.prompt);
            let prefix = self.prefix_leaf(first.prompt);
            let labels = self.labels_leaf(first.prompt);
            let mut leaves = Vec::new();
            let mut reads = Vec::new();
            for pass in 0..first.reading.passes.passes.len() {
                let batch: Vec<Sequence> = chunk.iter().map(|&(p, e)| ready[p].sequence(p, e, pass)).collect();
                for sequence in &batch {
                    let cost = &mut sums[sequence.prompt].cost;
                    cost.evaluations += 3;
                    cost.forwards += 1;
                    cost.backwards += 1;
                    cost.tokens += sequence.ids.len() as u64;
                }
                let has_triggers = !first.prompt.triggers.0.is_empty();
                let tracked = self.tracked(&batch, (vectors.as_ref(), &soft_rows), prefix.as_ref(), has_triggers);
                reads.push(self.read_tensors(&first.reading, pass, tracked.inputs, (&batch, labels.as_ref())));
                leaves.push(tracked.embeddings);
            }
            let logprobs = label_logprobs(&first.reading.passes, reads);
            let n = gold.len();
            let picked = Tensor::<2, Int>::from_data(TensorData::new(gold, [n, 1]), &logprobs.device());
            let losses = logprobs.gather(1, picked).neg();
            let gradients = losses.clone().sum_dim(0).backward();
            for (&(prompt, _), loss) in chunk.iter().zip(floats(losses.inner())) {
                sums[prompt].loss += f64::from(loss);
            }
            let n_vectors = first.prompt.soft.as_ref().map_or(0, |soft| soft.values().len());
            if let Some(gradient) = vectors.and_then(|leaf| leaf.grad(&gradients)) {
                add(&mut sums[0].soft[..n_vectors], &floats(gradient.inner()));
            }
            if let Some(gradient) = prefix.and_then(|(leaf, _)| leaf.grad(&gradients)) {
                add(&mut sums[0].soft[n_vectors..], &floats(gradient.inner()));
            }
            let n_before = n_vectors + first.prompt.prefix.as_ref().map_or(0, |prefix| prefix.values().len());
            if let Some(gradient) = labels.and_then(|leaf| leaf.grad(&gradients)) {
                add(&mut sums[0].soft[n_before..], &floats(gradient.inner()));
            }
            for (pass, leaf) in leaves.into_iter().enumerate() {
                let Some(gradient) = leaf.and_then(|leaf| leaf.grad(&gradients)) else { continue };
                let [_, seq_length, _] = gradient.dims();
                let values = floats(gradient.inner());
                for (row, &(prompt, example)) in chunk.iter().enumerate() {
                    for (trigger, &place) in ready[prompt].encoded[pass][example].trigger_at.iter().enumerate() {
                        let start = (row * seq_length + place) * d_model;
                        add(&mut sums[prompt].triggers[trigger], &values[start..start + d_model]);
                    }
                }
            }
        }
        ready.iter().zip(sums).map(|(ready, sums)| sums.mean(ready.prompt, examples.len())).collect()
    }

    /// The vectors of a soft prompt as a leaf.
    ///
    /// # Shapes
    /// - output: `[n_soft, d_model]`
    pub(super) fn vectors_leaf(&self, prompt: &Prompt) -> Option<Tensor<2>> {
        let soft = prompt.soft.as_ref()?;
        let data = TensorData::new(soft.values().to_vec(), [soft.n_soft(), soft.d_model()]);
        Some(Tensor::<2>::from_data(data, &self.loaded().model.device()).autodiff().require_grad())
    }

    /// The prefix of a prompt as a leaf, with its shape.
    ///
    /// # Shapes
    /// - output: `[n_prefix, n_layers * 2 * d_keys]`
    pub(super) fn prefix_leaf(&self, prompt: &Prompt) -> Option<(Tensor<2>, PrefixShape)> {
        let prefix = prompt.prefix.as_ref()?;
        let shape = prefix.shape();
        let data = TensorData::new(prefix.values().to_vec(), [shape.n_prefix, shape.width()]);
        Some((Tensor::<2>::from_data(data, &self.loaded().model.device()).autodiff().require_grad(), shape))
    }

    /// The vectors of a prompt's labels as a leaf.
    ///
    /// # Shapes
    /// - output: `[n_labels, d_model]`
    fn labels_leaf(&self, prompt: &Prompt) -> Option<Tensor<2>> {
        let labels = prompt.label_vectors.as_ref()?;
        let data = TensorData::new(labels.values().to_vec(), [labels.n_labels(), labels.d_model()]);
        Some(Tensor::<2>::from_data(data, &self.loaded().model.device()).autodiff().require_grad())
    }

    /// A batch of one prompt with its vectors in their places, those of `rows`, and its prefix before it. Without either the embeddings are the
    /// leaf.
    pub(super) fn tracked(
        &self,
        batch: &[Sequence],
        (vectors, rows): (Option<&Tensor<2>>, &[usize]),
        prefix: Option<&(Tensor<2>, PrefixShape)>,
        has_triggers: bool,
    ) -> Tracked {
        let mut embeddings = self.embed_tokens(batch, prefix.map_or(0, |(_, shape)| shape.n_prefix)).autodiff();
        let mut leaf = None;
        if has_triggers || (vectors.is_none() && prefix.is_none()) {
            embeddings = embeddings.require_grad();
            leaf = Some(embeddings.clone());
        }
        if let Some(vectors) = vectors {
            embeddings = put_vectors(embeddings, vectors.clone(), batch, |_, index| rows[index]);
        }
        let past = prefix.map(|(leaf, shape)| key_values(leaf.clone(), *shape));
        Tracked { inputs: Inputs { past, ..model_inputs(embeddings, batch) }, embeddings: leaf }
    }

    /// First-order estimates of how much the loss falls if a trigger's embedding `e` is replaced by that of token `w`:
    /// `(e - w) . gradient` (HotFlip, arXiv 1712.06751), without the part that is the same for every `w`.
    ///
    /// # Shapes
    /// gradient rows `[n][d_model]` -> `[n][vocab_size]`
    pub fn gains(&self, rows: &[Vec<f32>]) -> Vec<Vec<f32>> {
        let table = self.loaded().model.embedding_table();
        let [vocab_size, d_model] = table.dims();
        let data = TensorData::new(rows.concat(), [rows.len(), d_model]);
        let gradient = Tensor::<2>::from_data(data, &table.device());
        let gains = floats(gradient.matmul(table.transpose()).neg());
        gains.chunks(vocab_size).map(<[f32]>::to_vec).collect()
    }

    /// What a pass reads, tracked: `[batch_size, n_reads]`; products with the vectors of `labels` where there are some.
    pub(super) fn read_tensors(
        &self,
        reading: &Reading,
        pass: usize,
        inputs: Inputs,
        (batch, labels): (&[Sequence], Option<&Tensor<2>>),
    ) -> Tensor<2> {
        let places = &reading.places[pass];
        let passes = &reading.passes;
        let pass = &passes.passes[pass];
        let states = self.states(inputs, batch);
        let [batch_size, n_predict, d_model] = states.dims();
        if let Some(labels) = labels {
            let states: Tensor<2> = states.narrow(1, 0, 1).reshape([batch_size, d_model]);
            let states = if states.is_autodiff() { states } else { states.autodiff() };
            return states.matmul(labels.clone().transpose());
        }
        let states = states.reshape([batch_size * n_predict, d_model]);
        let mut rows: Vec<u32> = pass.reads.iter().map(|r| r.token).collect();
        rows.sort_unstable();
        rows.dedup();
        let values = if passes.whole_vocabulary {
            let logits = self.loaded().model.logits(states, None);
            let device = logits.device();
            activation::log_softmax(logits, 1).select(1, ids_tensor(&rows, &device))
        } else {
            self.loaded().model.logits(states, Some(&rows))
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

/// The sums of one prompt over examples.
pub(super) struct Sums {
    pub(super) loss: f64,
    pub(super) triggers: Vec<Vec<f64>>,
    pub(super) soft: Vec<f64>,
    pub(super) cost: Cost,
}

impl Sums {
    pub(super) fn of(prompt: &Prompt, d_model: usize) -> Self {
        let n_numbers = Vectors::of(prompt).numbers().len();
        Self {
            loss: 0.0,
            triggers: vec![vec![0f64; d_model]; prompt.triggers.0.len()],
            soft: vec![0f64; n_numbers],
            cost: Cost::default(),
        }
    }

    pub(super) fn mean(self, prompt: &Prompt, n: usize) -> Result<PromptGradient, ScoringError> {
        let n = n as f64;
        let mean = |sums: Vec<f64>| -> Vec<f32> { sums.into_iter().map(|sum| (sum / n) as f32).collect() };
        let (triggers, soft) = (self.triggers.into_iter().map(mean).collect::<Vec<_>>(), mean(self.soft));
        let loss = self.loss / n;
        if !loss.is_finite() || triggers.iter().flatten().chain(&soft).any(|x| !x.is_finite()) {
            return Err(ScoringError::NotFinite { prompt: prompt.template.to_string() });
        }
        Ok(PromptGradient { loss, triggers, soft, cost: self.cost })
    }
}

pub(super) fn add(sums: &mut [f64], values: &[f32]) {
    for (sum, &value) in sums.iter_mut().zip(values) {
        *sum += f64::from(value);
    }
}

/// [`Passes::word_scores`] on tensors, in as many operations as the longest word has tokens: `[batch_size, n_reads]` a pass ->
/// `[batch_size, n_words]`.
fn word_scores(passes: &Passes, reads: Vec<Tensor<2>>) -> Tensor<2> {
    let mut places: Vec<Vec<u32>> = vec![Vec::new(); passes.words.len()];
    let all = passes.passes.iter().flat_map(|pass| &pass.reads);
    for (place, read) in all.enumerate() {
        places[read.word].push(place as u32);
    }
    let values = Tensor::cat(reads, 1);
    let device = values.device();
    let longest = places.iter().map(Vec::len).max().unwrap_or(0);
    let part = |n: usize| {
        let columns: Vec<u32> = places.iter().map(|own| own.get(n).or(own.first()).copied().unwrap_or(0)).collect();
        let weights: Vec<f32> = (places.iter().zip(&passes.words))
            .map(|(own, word)| match own.get(n) {
                Some(_) if passes.by_length() => 1.0 / word.ids.len() as f32,
                Some(_) => 1.0,
                None => 0.0,
            })
            .collect();
        let n_words = weights.len();
        let weights = Tensor::<2>::from_data(TensorData::new(weights, [1, n_words]), &device);
        values.clone().select(1, ids_tensor(&columns, &device)) * weights
    };
    (1..longest).map(part).fold(part(0), |sum, part| sum + part)
}

/// [`Passes::label_logprobs`] on tensors: `[batch_size, n_reads]` a pass -> `[batch_size, n_labels]`.
pub(super) fn label_logprobs(passes: &Passes, reads: Vec<Tensor<2>>) -> Tensor<2> {
    let one_word_each = passes.words.iter().enumerate().all(|(place, word)| word.label == place);
    if passes.words.len() > MANY_WORDS && one_word_each && passes.n_labels() == passes.words.len() {
        return activation::log_softmax(word_scores(passes, reads), 1);
    }
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
