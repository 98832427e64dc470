//! For each text the demonstrations that are nearest to it by the model's own representation.
//!
//! Source: Liu et al., arXiv 2101.06804, who compare sentences with an encoder trained for it; ours takes the frozen model that
//! answers.
//!
//! # Decisions
//!
//! - 2026-11: nearness is the cosine of representations, rounded to 1e-5 so that another batch does not change who is nearest but
//!   at a rounding boundary; of equal ones the earlier of the pool is nearer.
//! - 2026-11: the representations of a pool are kept, computed in batches of the pool alone: they do not depend on who asked
//!   first. Those of the texts are computed anew in every call. Both are counted in every call, as if nothing were kept.

use std::sync::{Arc, PoisonError};

use crate::model::ModelKind;
use crate::prompt::{DemonstrationPool, Nearest, Prompt, Representation, Template};
use crate::task::Example;

use super::batch::Sequence;
use super::scorer::floats;
use super::{Cost, Encoded, Scorer, ScoringError};

/// The representations of a pool's demonstrations, and what they cost.
#[derive(Debug)]
pub(super) struct PoolVectors {
    vectors: Vec<Vec<f32>>,
    cost: Cost,
}

/// A prompt's templates, one for each example, and what it cost to find them.
pub(super) struct NearestTemplates {
    templates: Vec<Template>,
    pub(super) cost: Cost,
}

impl Scorer {
    /// For each example `prompt`'s template with its nearest demonstrations put in; `None` where the template has no such place.
    ///
    /// # Errors
    /// [`ScoringError::NoPool`], and if a text cannot be encoded.
    pub(super) fn nearest_templates(
        &self,
        prompt: &Prompt,
        columns: &[String],
        examples: &[&Example],
    ) -> Result<Option<NearestTemplates>, ScoringError> {
        let Some(nearest) = prompt.template.nearest() else { return Ok(None) };
        let Some(pool) = &prompt.pool else {
            return Err(ScoringError::NoPool { template: prompt.template.to_string() });
        };
        let of_pool = self.pool_vectors(prompt, pool, nearest.representation)?;
        let plain = prompt.template.without_demonstrations();
        let shown = prompt.template.demonstrated_columns();
        let (vectors, cost) = self.represent(&plain, &shown, nearest.representation, columns, examples)?;
        let templates = examples.iter().zip(&vectors).map(|(example, vector)| {
            let is_other = |place: &usize| !pool.0[*place].is_of(columns, &example.fields);
            let chosen = choose(nearest, vector, &of_pool.vectors, is_other);
            prompt.template.with_demonstrations(chosen.iter().map(|&place| &pool.0[place]))
        });
        let mut cost = cost;
        add(&mut cost, of_pool.cost);
        Ok(Some(NearestTemplates { templates: templates.collect(), cost }))
    }

    /// `prompt` as it stands for one example.
    ///
    /// # Errors
    /// As [`Scorer::nearest_templates`].
    pub(super) fn for_example(
        &self,
        prompt: &Prompt,
        columns: &[String],
        example: &Example,
    ) -> Result<Prompt, ScoringError> {
        let found = self.nearest_templates(prompt, columns, &[example])?;
        let template = found.and_then(|found| found.templates.into_iter().next());
        Ok(match template {
            Some(template) => Prompt { template, pool: None, ..prompt.clone() },
            None => prompt.clone(),
        })
    }

    /// The examples, each encoded with its own template.
    ///
    /// # Errors
    /// As [`super::Encoder::encode`].
    pub(super) fn encode_each(
        &self,
        found: &NearestTemplates,
        columns: &[String],
        n_mask: usize,
        truncate: bool,
        examples: &[&Example],
    ) -> Result<Vec<Encoded>, ScoringError> {
        (found.templates.iter().zip(examples))
            .map(|(template, example)| self.encoder_by(template, columns, n_mask, truncate)?.encode(example))
            .collect()
    }

    fn pool_vectors(
        &self,
        prompt: &Prompt,
        pool: &Arc<DemonstrationPool>,
        representation: Representation,
    ) -> Result<Arc<PoolVectors>, ScoringError> {
        let plain = prompt.template.without_demonstrations();
        let key = {
            let mut hasher = blake3::Hasher::new_derive_key("promptmine 2026 pool vectors");
            hasher.update(&pool.content_hash()).update(representation.name().as_bytes());
            hasher.update(plain.to_string().as_bytes());
            *hasher.finalize().as_bytes()
        };
        let known = |scorer: &Self| {
            let pools = scorer.pools.lock().unwrap_or_else(PoisonError::into_inner);
            pools.get(&key).map(Arc::clone)
        };
        if let Some(vectors) = known(self) {
            return Ok(vectors);
        }
        let columns = prompt.template.demonstrated_columns();
        let examples: Vec<Example> = (pool.0.iter().enumerate())
            .map(|(row, demonstration)| {
                let text = |column: &String| {
                    let field = demonstration.fields.iter().find(|(name, _)| name == column);
                    field.map(|(_, text)| text.clone()).unwrap_or_default()
                };
                Example { row, fields: columns.iter().map(text).collect(), label: None }
            })
            .collect();
        let examples: Vec<&Example> = examples.iter().collect();
        let (vectors, cost) = self.represent(&plain, &columns, representation, &columns, &examples)?;
        let vectors = Arc::new(PoolVectors { vectors, cost });
        self.pools.lock().unwrap_or_else(PoisonError::into_inner).insert(key, Arc::clone(&vectors));
        Ok(vectors)
    }

    /// Unit vectors of the examples: an evaluation each.
    fn represent(
        &self,
        plain: &Template,
        shown: &[String],
        representation: Representation,
        columns: &[String],
        examples: &[&Example],
    ) -> Result<(Vec<Vec<f32>>, Cost), ScoringError> {
        let causal = self.kind() == ModelKind::Causal;
        let mut sequences = Vec::with_capacity(examples.len());
        let mut inside = Vec::with_capacity(examples.len());
        match representation {
            Representation::Mask => {
                let encoder = self.encoder_by(plain, columns, usize::from(!self.continues()), true)?;
                for (number, example) in examples.iter().enumerate() {
                    let encoded = encoder.encode(example)?;
                    inside.push(encoded.read_at..encoded.read_at + 1);
                    let sequence = Sequence::of_tokens(&encoded.ids, &[encoded.read_at]);
                    sequences.push(Sequence { example: number, decoder_from: encoded.decoder_from, ..sequence });
                }
            }
            Representation::Mean => {
                let tokenizer = &self.loaded().tokenizer;
                let (before, after) = tokenizer.around();
                let after = if causal { &[] } else { after };
                let room = self.loaded().model.shape().max_positions.saturating_sub(before.len() + after.len());
                let places: Vec<usize> =
                    shown.iter().filter_map(|name| columns.iter().position(|column| column == name)).collect();
                for (number, example) in examples.iter().enumerate() {
                    let texts: Vec<&str> = places.iter().map(|&place| example.fields[place].as_str()).collect();
                    let mut own = tokenizer.encode_text(&texts.join(" "));
                    own.truncate(room);
                    let ids = [before, &own, after].concat();
                    // A text without a token is what its special tokens are.
                    let places = if own.is_empty() { 0..ids.len() } else { before.len()..before.len() + own.len() };
                    inside.push(places);
                    sequences.push(Sequence { example: number, ..Sequence::of_tokens(&ids, &[0]) });
                }
            }
        }
        let mut cost = Cost::default();
        for sequence in &sequences {
            cost.evaluations += 1;
            cost.forwards += 1;
            cost.tokens += sequence.ids.len() as u64;
        }
        // A text without a token, in a model without special ones, is like nothing.
        sequences.retain(|sequence| !sequence.ids.is_empty());
        sequences.sort_by_key(|sequence| sequence.ids.len());
        let mut vectors = vec![Vec::new(); examples.len()];
        for batch in sequences.chunks(self.settings().batch_size) {
            let inputs = self.inputs(batch, |_| None);
            let model = &self.loaded().model;
            match representation {
                Representation::Mask => {
                    let states = self.states(inputs, batch);
                    let d_model = states.dims()[2];
                    for (sequence, state) in batch.iter().zip(floats(states).chunks(d_model)) {
                        vectors[sequence.example] = unit(state.to_vec());
                    }
                }
                Representation::Mean => {
                    let Some(states) = model.hidden_states(&inputs).pop() else { continue };
                    let [_, seq_length, d_model] = states.dims();
                    let values = floats(states);
                    for (row, sequence) in batch.iter().enumerate() {
                        let mut mean = vec![0.0_f32; d_model];
                        for place in inside[sequence.example].clone() {
                            let at = (row * seq_length + place) * d_model;
                            mean.iter_mut().zip(&values[at..at + d_model]).for_each(|(sum, value)| *sum += value);
                        }
                        vectors[sequence.example] = unit(mean);
                    }
                }
            }
        }
        Ok((vectors, cost))
    }
}

/// The places of the `k` nearest among those that may be chosen, in the order in which they are shown.
fn choose(nearest: Nearest, vector: &[f32], pool: &[Vec<f32>], may: impl Fn(&usize) -> bool) -> Vec<usize> {
    let cosine = |place: usize| -> i64 {
        let dot: f64 = vector.iter().zip(&pool[place]).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum();
        (dot * 1e5).round() as i64
    };
    let mut places: Vec<(std::cmp::Reverse<i64>, usize)> =
        (0..pool.len()).filter(&may).map(|place| (std::cmp::Reverse(cosine(place)), place)).collect();
    places.sort_unstable();
    places.truncate(nearest.k);
    let mut places: Vec<usize> = places.into_iter().map(|(_, place)| place).collect();
    if !nearest.first {
        places.reverse();
    }
    places
}

fn unit(mut vector: Vec<f32>) -> Vec<f32> {
    let length = vector.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>().sqrt();
    if length > 0.0 {
        vector.iter_mut().for_each(|x| *x = (f64::from(*x) / length) as f32);
    }
    vector
}

fn add(cost: &mut Cost, more: Cost) {
    cost.evaluations += more.evaluations;
    cost.forwards += more.forwards;
    cost.backwards += more.backwards;
    cost.tokens += more.tokens;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_stand_in_their_order_and_of_equal_ones_the_earlier_is_nearer() {
        let pool = [vec![0.0, 1.0], vec![1.0, 0.0], vec![0.6, 0.8], vec![1.0, 0.0]];
        let nearest = |k, first| Nearest { k, first, representation: Representation::Mean };
        assert_eq!(choose(nearest(3, true), &[1.0, 0.0], &pool, |_| true), [1, 3, 2]);
        assert_eq!(choose(nearest(3, false), &[1.0, 0.0], &pool, |_| true), [2, 3, 1]);
        assert_eq!(choose(nearest(2, true), &[1.0, 0.0], &pool, |place| *place != 1), [3, 2]);
        assert_eq!(choose(nearest(9, true), &[0.0, 1.0], &pool, |_| true).len(), 4);
    }
}
