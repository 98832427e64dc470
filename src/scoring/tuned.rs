//! Prompts whose model was trained with them: scores, and gradients of the loss with respect to what is trained.
//!
//! # Decisions
//!
//! - 2026-11: a prompt carries its trained weights, and a scorer that meets one scores it with the model that they make. So a tuned
//!   model's scores are cached, stored and compared like any other's: the prompt's hash holds that of the weights.
//! - 2026-11: a classification head reads what the template gives without any mask, at the first position, or at the last one of a
//!   model that continues text, as the reference's `*ForSequenceClassification` do.

use std::sync::{Arc, PoisonError};

use burn::tensor::{Int, Tensor, TensorData, activation};

use crate::model::{ModelKind, TunableModel, TunedModel};
use crate::prompt::{Piece, Prompt, Template, TunedWeights, Tuning};
use crate::task::Example;

use super::batch::{Sequence, model_inputs, put_vectors};
use super::encode::Encoder;
use super::gradient::{PromptGradient, label_logprobs};
use super::scorer::floats;
use super::{Ask, Cost, Round, Scorer, ScoringError};

/// Models of trained weights that a scorer keeps: one for each trial that runs beside others.
const KEPT: usize = 4;

/// What a scorer keeps for prompts with trained weights.
#[derive(Default)]
pub(super) struct Tunables {
    /// Models opened for tuning, by what is tuned.
    opened: Vec<(Tuning, Option<usize>, Arc<TunableModel>)>,
    /// Scorers of trained weights, the last used last.
    scorers: Vec<([u8; 32], Arc<Scorer>)>,
}

impl Scorer {
    /// The model opened for tuning, once for each way.
    ///
    /// # Errors
    /// As [`TunableModel::load`].
    pub fn tunable(&self, tuning: &Tuning, n_classes: Option<usize>) -> Result<Arc<TunableModel>, ScoringError> {
        let mut tunables = self.tunables.lock().unwrap_or_else(PoisonError::into_inner);
        let known = tunables.opened.iter().find(|(own, classes, _)| own == tuning && *classes == n_classes);
        if let Some((.., tunable)) = known {
            return Ok(Arc::clone(tunable));
        }
        let tunable = Arc::new(TunableModel::load(self.loaded(), tuning.clone(), n_classes)?);
        tunables.opened.push((tuning.clone(), n_classes, Arc::clone(&tunable)));
        Ok(tunable)
    }

    /// The scorer of the model that trained weights make.
    pub(super) fn of_weights(&self, tuned: &TunedWeights) -> Result<Arc<Self>, ScoringError> {
        let tunable = self.tunable(tuned.tuning(), tuned.n_classes())?;
        let mut tunables = self.tunables.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = tunables.scorers.iter().position(|(hash, _)| hash == tuned.hash()) {
            let known = tunables.scorers.remove(place);
            let scorer = Arc::clone(&known.1);
            tunables.scorers.push(known);
            return Ok(scorer);
        }
        let scorer = Arc::new(self.with_model(tunable.plain(tuned)?, tuned));
        tunables.scorers.push((*tuned.hash(), Arc::clone(&scorer)));
        if tunables.scorers.len() > KEPT {
            tunables.scorers.remove(0);
        }
        Ok(scorer)
    }

    fn with_model(&self, model: TunedModel, tuned: &TunedWeights) -> Self {
        let mut scorer = Self::new(model.model.clone(), *self.settings());
        scorer.tuned = Some((*tuned.hash(), model));
        scorer
    }

    /// Whether a prompt is of this scorer's own model.
    pub(super) fn is_own(&self, prompt: &Prompt) -> bool {
        match (&prompt.tuned, &self.tuned) {
            (None, _) => true,
            (Some(tuned), Some((own, _))) => tuned.hash() == own,
            (Some(_), None) => false,
        }
    }

    /// [`Scorer::score_mixed`] of prompts of which some have trained weights: those are scored one by one.
    pub(super) fn score_by_model(
        &self,
        asks: &[Ask<'_>],
        columns: &[String],
        examples: &[&Example],
    ) -> Result<Round, ScoringError> {
        let own: Vec<Ask<'_>> = asks.iter().filter(|ask| self.is_own(ask.prompt)).copied().collect();
        let own = if own.is_empty() { None } else { Some(self.score_mixed(&own, columns, examples)?) };
        let mut own = own.into_iter().flat_map(|round| {
            round.scores.into_iter().zip(round.truncated).zip(round.costs).map(|((scores, n), cost)| (scores, n, cost))
        });
        let mut all = Round { scores: Vec::new(), truncated: Vec::new(), costs: Vec::new() };
        for ask in asks {
            let (scores, truncated, cost) = match (&ask.prompt.tuned, self.is_own(ask.prompt)) {
                (Some(tuned), false) => {
                    let round = self.of_weights(tuned)?.score_mixed(&[*ask], columns, examples)?;
                    let Round { scores, truncated, costs } = round;
                    (
                        scores.concat(),
                        truncated.into_iter().sum(),
                        costs.into_iter().fold(Cost::default(), |mut all, cost| {
                            all += cost;
                            all
                        }),
                    )
                }
                _ => own.next().unwrap_or_default(),
            };
            all.scores.push(scores);
            all.truncated.push(truncated);
            all.costs.push(cost);
        }
        Ok(all)
    }

    /// Scores a prompt by this model's classification head.
    pub(super) fn score_by_head(
        &self,
        ask: &Ask<'_>,
        columns: &[String],
        examples: &[&Example],
    ) -> Result<Round, ScoringError> {
        let (sequences, truncated) = self.classified(ask, columns, examples)?;
        let mut sequences = sequences;
        sequences.sort_by_key(|sequence| sequence.ids.len());
        let mut scores = vec![Vec::new(); examples.len()];
        let mut cost = Cost::default();
        for batch in self.batches(&sequences) {
            let inputs = self.inputs(batch, |_| Some(ask.prompt));
            let logits = self.head_logits(inputs, ask.prompt)?;
            let [_, n_labels] = logits.dims();
            let logprobs = floats(activation::log_softmax(logits, 1));
            for (sequence, row) in batch.iter().zip(logprobs.chunks(n_labels)) {
                scores[sequence.example] = row.iter().map(|&logprob| f64::from(logprob)).collect();
                let tokens = sequence.ids.len() as u64;
                cost += Cost { evaluations: 1, forwards: 1, backwards: 0, tokens };
            }
        }
        if !scores.iter().flatten().all(|score: &f64| score.is_finite()) {
            return Err(ScoringError::NotFinite { prompt: ask.prompt.template.to_string() });
        }
        Ok(Round { scores: vec![scores], truncated: vec![truncated], costs: vec![cost] })
    }

    /// The scores of the labels by the head `[batch_size, n_classes]`, not normalised.
    fn head_logits(&self, inputs: crate::model::Inputs, prompt: &Prompt) -> Result<Tensor<2>, ScoringError> {
        let states = self.loaded().model.encode(inputs);
        let head = self.tuned.as_ref().map(|(_, model)| model);
        let logits = states.and_then(|states| head.and_then(|head| head.classify(states)));
        let logits = logits.ok_or_else(|| ScoringError::Template {
            template: prompt.template.to_string(),
            reason: format!("{} has no classification head", self.loaded().name),
        })?;
        let [batch_size, _, n_classes] = logits.dims();
        Ok(logits.reshape([batch_size, n_classes]))
    }

    /// The examples as a classification head reads them, and how many were shortened.
    fn classified(
        &self,
        ask: &Ask<'_>,
        columns: &[String],
        examples: &[&Example],
    ) -> Result<(Vec<Sequence>, usize), ScoringError> {
        let template = unmasked(&ask.prompt.template)?;
        let encoder = self.encoder_by(&template, columns, 0, ask.truncate)?;
        let mut shortened = 0;
        let mut sequences = Vec::with_capacity(examples.len());
        for (number, example) in examples.iter().enumerate() {
            let encoded = encoder.encode(example)?;
            shortened += usize::from(!encoded.shortened.is_empty());
            let place = match self.kind() {
                ModelKind::Causal => encoded.ids.len() - 1,
                ModelKind::Masked | ModelKind::Seq2Seq => 0,
            };
            let mut sequence = Sequence::of_tokens(&encoded.ids, &[place]);
            (sequence.example, sequence.soft_at) = (number, encoded.soft_at);
            sequences.push(sequence);
        }
        Ok((sequences, shortened))
    }

    /// Checks that a model can take a template that a classification head reads.
    pub(super) fn check_unmasked(&self, template: &Template, columns: &[String]) -> Result<(), ScoringError> {
        let template = unmasked(template)?;
        self.encoder_by(&template, columns, 0, self.settings().truncate).map(|_: Encoder<'_>| ())
    }

    /// The mean loss of a prompt on labelled examples and its gradient with respect to the weights that are trained with it, and to
    /// its virtual tokens where it has some. No other number gets a gradient.
    ///
    /// The loss is the cross-entropy of the gold label among the labels: `-log softmax(label scores)[gold]`.
    ///
    /// # Errors
    /// As [`Scorer::score`]; [`ScoringError::NotFinite`] where the loss or a gradient is not finite.
    ///
    /// # Panics
    /// If the prompt has no trained weights, or an example no label.
    pub(super) fn tuning_gradient(
        &self,
        prompt: &Prompt,
        columns: &[String],
        examples: &[&Example],
    ) -> Result<PromptGradient, ScoringError> {
        let tuned = prompt.tuned.as_ref().expect("the gradient of a tuning is asked for prompts that have one");
        let tunable = self.tunable(tuned.tuning(), tuned.n_classes())?;
        let mut loss = 0.0;
        let mut tensors: Vec<Vec<f32>> = tuned.tensors().iter().map(|tensor| vec![0.0; tensor.values.len()]).collect();
        let mut soft = vec![0.0; prompt.soft.as_ref().map_or(0, |soft| soft.values().len())];
        let mut cost = Cost::default();
        let n = examples.len() as f32;
        for chunk in examples.chunks(self.settings().batch_size) {
            // A tape is used up by its way back, so that each chunk has a model of its own.
            let scorer = self.with_model(tunable.tracked(tuned)?, tuned);
            let vectors = scorer.vectors_leaf(prompt);
            let logprobs = scorer.tracked_logprobs(prompt, vectors.as_ref(), columns, chunk, &mut cost)?;
            let gold: Vec<i64> = chunk
                .iter()
                .map(|example| {
                    example.label.expect("the gradient of a loss is asked for labelled examples only") as i64
                })
                .collect();
            let picked = Tensor::<2, Int>::from_data(TensorData::new(gold, [chunk.len(), 1]), &logprobs.device());
            let losses = logprobs.gather(1, picked).neg();
            let gradients = (losses.clone().sum_dim(0) / f64::from(n)).backward();
            loss += floats(losses.inner()).into_iter().map(f64::from).sum::<f64>() / f64::from(n);
            if let Some(gradient) = vectors.and_then(|leaf| leaf.grad(&gradients)) {
                add(&mut soft, floats(gradient.inner()));
            }
            let found = scorer.tuned.as_ref().map(|(_, model)| model.gradients(&gradients)).unwrap_or_default();
            for (sum, gradient) in tensors.iter_mut().zip(found) {
                add(sum, gradient);
            }
        }
        let mut numbers = tensors.concat();
        numbers.extend(soft);
        if !loss.is_finite() || numbers.iter().any(|x| !x.is_finite()) {
            return Err(ScoringError::NotFinite { prompt: prompt.template.to_string() });
        }
        Ok(PromptGradient { loss, triggers: Vec::new(), soft: numbers, cost })
    }

    /// The log-probabilities of the labels `[batch_size, n_labels]`, on the tape of this scorer's model.
    fn tracked_logprobs(
        &self,
        prompt: &Prompt,
        vectors: Option<&Tensor<2>>,
        columns: &[String],
        examples: &[&Example],
        cost: &mut Cost,
    ) -> Result<Tensor<2>, ScoringError> {
        let mut charge = |batch: &[Sequence]| {
            let n = batch.len() as u64;
            let tokens = batch.iter().map(|sequence| sequence.ids.len() as u64).sum();
            *cost += Cost { evaluations: 3 * n, forwards: n, backwards: n, tokens };
        };
        let ask = self.ask(prompt);
        let soft_rows = self.soft_rows(&prompt.template);
        let inputs = |batch: &[Sequence]| {
            let embeddings = self.embed_tokens(batch, 0);
            let embeddings = if embeddings.is_autodiff() { embeddings } else { embeddings.autodiff() };
            let embeddings = match vectors {
                Some(vectors) => put_vectors(embeddings, vectors.clone(), batch, |_, index| soft_rows[index]),
                None => embeddings,
            };
            model_inputs(embeddings, batch)
        };
        if prompt.classifies() {
            let (batch, _) = self.classified(&ask, columns, examples)?;
            charge(&batch);
            return Ok(activation::log_softmax(self.head_logits(inputs(&batch), prompt)?, 1));
        }
        if prompt.verbalizer.reference_column().is_some() {
            let told = self.told(&ask, columns, examples)?;
            let (batch, targets) = told.padded();
            charge(&batch);
            return Ok(self.reference_logprobs(inputs(&batch), &batch, &targets));
        }
        let ready = self.ready_all(&[ask], columns, examples)?.remove(0);
        let mut reads = Vec::new();
        for pass in 0..ready.reading.passes.passes.len() {
            let batch: Vec<Sequence> = (0..examples.len()).map(|example| ready.sequence(0, example, pass)).collect();
            charge(&batch);
            reads.push(self.read_tensors(&ready.reading, pass, inputs(&batch), (&batch, None)));
        }
        Ok(label_logprobs(&ready.reading.passes, reads))
    }
}

/// The template with a mask of no token, which is where the encoder wants one.
pub(super) fn unmasked(template: &Template) -> Result<Template, ScoringError> {
    let fault = |reason: String| ScoringError::Template { template: template.to_string(), reason };
    if template.pieces().iter().any(|piece| matches!(piece, Piece::Mask(_) | Piece::Trigger(_) | Piece::Demos)) {
        return Err(fault(
            "a classification head reads the input itself: leave out {mask}, {trigger:N} and {demos}".into(),
        ));
    }
    let pieces = template.pieces().iter().cloned().chain([Piece::Mask(None)]);
    Template::from_pieces(pieces).map_err(|error| fault(error.to_string()))
}

/// Adds what there is: a tensor that the loss does not depend on has no gradient.
fn add(sums: &mut [f32], values: Vec<f32>) {
    sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
}
