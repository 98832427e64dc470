//! Prompts that are the same to the model.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use crate::prompt::{Prompt, Template};
use crate::task::Example;

use super::encode::{Encoded, Encoder};
use super::passes::{Pass, Word};
use super::{Scorer, ScoringError};

/// What the model sees of a prompt on the first example, and how its answer is read; equal for prompts that may be the same.
#[derive(PartialEq, Eq, Hash)]
struct Sketch {
    passes: Vec<(Vec<u32>, usize)>,
    vectors: Option<[u8; 32]>,
    /// Where demonstrations are found for each text, the template and what they are chosen from.
    nearest: Option<(String, [u8; 32])>,
}

/// How an answer is read: the words' labels and tokens, the passes, and whether scores are divided by length.
type ReadingParts = (Vec<(usize, Vec<u32>)>, Vec<Pass>, bool);

/// A prompt with its passes ready to be encoded.
struct Sketched<'p> {
    prompt: &'p Prompt,
    reading: Arc<ReadingParts>,
}

impl Scorer {
    /// For each prompt the first of `prompts` that gives the same scores because it gives the same tokens on every example, the
    /// same vectors, and reads the same words: itself where there is none before it. Templates that differ in white space or in
    /// case can be the same to a tokenizer.
    ///
    /// Only prompts that are the same on the first example are compared on the others.
    ///
    /// # Errors
    /// As [`Scorer::score`].
    pub fn representatives(
        &self,
        prompts: &[&Prompt],
        columns: &[String],
        examples: &[&Example],
    ) -> Result<Vec<usize>, ScoringError> {
        let mut same_as: Vec<usize> = (0..prompts.len()).collect();
        let Some(first) = examples.first().filter(|_| prompts.len() > 1) else { return Ok(same_as) };
        // Models of other weights answer otherwise, whatever they read.
        // References have no words to compare prompts by.
        let differs = |prompt: &&Prompt| prompt.tuned.is_some() || prompt.verbalizer.reference_column().is_some();
        if prompts.iter().any(differs) {
            return Ok(same_as);
        }
        let mut encodings: HashMap<(&Template, usize), Encoded> = HashMap::new();
        let mut readings: HashMap<(&Template, &crate::prompt::Verbalizer, bool), Arc<ReadingParts>> = HashMap::new();
        let mut sketches: HashMap<Sketch, Vec<usize>> = HashMap::new();
        let mut sketched: Vec<Sketched<'_>> = Vec::with_capacity(prompts.len());
        for (index, &prompt) in prompts.iter().enumerate() {
            let at = (&prompt.template, &*prompt.verbalizer, prompt.label_vectors.is_some());
            let reading = match readings.get(&at) {
                Some(known) => known.clone(),
                None => {
                    let passes = self.passes(prompt)?;
                    let by_length = passes.by_length();
                    let words = passes.words.into_iter().map(|Word { label, ids, .. }| (label, ids)).collect();
                    let reading = Arc::new((words, passes.passes, by_length));
                    readings.insert(at, reading.clone());
                    reading
                }
            };
            let mut passes = Vec::with_capacity(reading.1.len());
            for pass in &reading.1 {
                let place = (&prompt.template, pass.filled.len());
                let encoded = match encodings.entry(place) {
                    Entry::Occupied(known) => known.into_mut(),
                    Entry::Vacant(new) => {
                        &*new.insert(self.encoder(&prompt.template, columns, place.1)?.encode(first)?)
                    }
                };
                passes.push((encoded.filled(&prompt.triggers.0, &pass.filled), encoded.read_at));
            }
            let vectors = prompt.vectors_hash();
            let nearest = prompt.pool.as_ref().map(|pool| (prompt.template.to_string(), pool.content_hash()));
            sketched.push(Sketched { prompt, reading });
            let alike = sketches.entry(Sketch { passes, vectors, nearest }).or_default();
            for &earlier in alike.iter() {
                if self.same(&sketched[earlier], &sketched[index], columns, examples)? {
                    same_as[index] = earlier;
                    break;
                }
            }
            if same_as[index] == index {
                alike.push(index);
            }
        }
        Ok(same_as)
    }

    /// Whether two prompts with equal vectors read the same words and give the same tokens on all examples.
    fn same(
        &self,
        a: &Sketched<'_>,
        b: &Sketched<'_>,
        columns: &[String],
        examples: &[&Example],
    ) -> Result<bool, ScoringError> {
        if a.reading != b.reading {
            return Ok(false);
        }
        if a.prompt.template == b.prompt.template {
            // Equal tokens on one example are equal triggers: what is round them is the same text.
            return Ok(a.prompt.triggers == b.prompt.triggers);
        }
        for pass in &a.reading.1 {
            let encoder = |prompt: &'_ Prompt| -> Result<Vec<(Vec<u32>, Encoded)>, ScoringError> {
                let encoder: Encoder<'_> = self.encoder(&prompt.template, columns, pass.filled.len())?;
                let encode = |example: &&Example| {
                    let encoded = encoder.encode(example)?;
                    Ok((encoded.filled(&prompt.triggers.0, &pass.filled), encoded))
                };
                examples.iter().map(encode).collect()
            };
            let (of_a, of_b) = (encoder(a.prompt)?, encoder(b.prompt)?);
            let equal = of_a.iter().zip(&of_b).all(|((ids_a, a), (ids_b, b))| {
                ids_a == ids_b
                    && (a.read_at, &a.soft_at, a.shortened.is_empty())
                        == (b.read_at, &b.soft_at, b.shortened.is_empty())
            });
            if !equal {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
