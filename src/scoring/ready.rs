//! A round's prompts made ready: what each pass reads, and the examples as it wants them.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use crate::prompt::{Prompt, Template, Verbalizer};
use crate::spec::MultiToken;
use crate::task::Example;

use super::batch::Sequence;
use super::encode::Encoded;
use super::passes::Passes;
use super::{Ask, Cost, Scorer, ScoringError};

/// The passes of a template with a verbalizer.
pub(super) struct Reading {
    pub(super) passes: Passes,
    /// The distinct masks that each pass reads, ascending.
    pub(super) places: Vec<Vec<usize>>,
}

/// A prompt made ready. Prompts that differ in their triggers and vectors only share both parts.
pub(super) struct Ready<'p> {
    pub(super) prompt: &'p Prompt,
    pub(super) reading: Arc<Reading>,
    /// The examples as each pass wants them, in the order of passes; those with equally many masks share them.
    pub(super) encoded: Vec<Arc<Vec<Encoded>>>,
    /// What it cost to find each example's demonstrations.
    pub(super) found: Cost,
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

impl Ready<'_> {
    pub(super) fn sequence(&self, prompt: usize, example: usize, pass: usize) -> Sequence {
        let filled = &self.reading.passes.passes[pass].filled;
        let encoded = &self.encoded[pass][example];
        let positions = self.reading.places[pass].iter().map(|mask| encoded.read_at + mask).collect();
        let ids = encoded.filled(&self.prompt.triggers.0, filled);
        let decoder_from = encoded.decoder_from;
        Sequence {
            prompt,
            example,
            pass,
            ids,
            positions,
            soft_at: encoded.soft_at.clone(),
            soft_before: 0,
            decoder_from,
        }
    }
}

impl Scorer {
    pub(super) fn ready_all<'p>(
        &self,
        asks: &[Ask<'p>],
        columns: &[String],
        examples: &[&Example],
    ) -> Result<Vec<Ready<'p>>, ScoringError> {
        // Candidates of a step share their template: what differs, trigger ids and vectors, is filled in later.
        let mut readings: HashMap<(&Template, &Verbalizer, MultiToken, bool), Arc<Reading>> = HashMap::new();
        let mut encodings: HashMap<(&Template, usize, bool), Arc<Vec<Encoded>>> = HashMap::new();
        let mut ready: Vec<Ready<'p>> = Vec::with_capacity(asks.len());
        for &Ask { prompt, multi_token, truncate } in asks {
            let reading = match readings.entry((
                &prompt.template,
                &*prompt.verbalizer,
                multi_token,
                prompt.label_vectors.is_some(),
            )) {
                Entry::Occupied(known) => Arc::clone(known.get()),
                Entry::Vacant(place) => {
                    Arc::clone(place.insert(Arc::new(Reading::new(self.passes_by(prompt, multi_token)?))))
                }
            };
            let nearest = self.nearest_templates(prompt, columns, examples)?;
            let mut encoded = Vec::with_capacity(reading.passes.passes.len());
            for pass in &reading.passes.passes {
                let n_mask = pass.filled.len();
                if let Some(nearest) = &nearest {
                    encoded.push(Arc::new(self.encode_each(nearest, columns, n_mask, truncate, examples)?));
                    continue;
                }
                encoded.push(match encodings.entry((&prompt.template, n_mask, truncate)) {
                    Entry::Occupied(known) => Arc::clone(known.get()),
                    Entry::Vacant(place) => {
                        let encoder = self.encoder_by(&prompt.template, columns, n_mask, truncate)?;
                        let all = examples.iter().map(|e| encoder.encode(e)).collect::<Result<_, _>>()?;
                        Arc::clone(place.insert(Arc::new(all)))
                    }
                });
            }
            self.check_vectors(prompt)?;
            let found = nearest.map_or_else(Cost::default, |nearest| nearest.cost);
            ready.push(Ready { prompt, reading, encoded, found });
        }
        Ok(ready)
    }
}
