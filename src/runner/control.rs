//! The conditions of controls: a model that has learnt nothing, labels that say nothing.
//!
//! # Decisions
//!
//! - 2026-11: every item is rerun, `manual` and `random` too: what a written prompt does on a model that has learnt nothing is what
//!   its label words do by chance. A control has the item's own budget, random streams and examples, so that a seed of the row and
//!   the same seed of its control are a pair. Each seed has a fresh model, and permutations, of its own.
//! - 2026-11: labels are permuted among the examples that were drawn, those of train and those of dev each among themselves: the
//!   classes stay as large as they were. Where the answers are references, these are permuted in the same way. Test keeps its labels, since there it is measured whether anything was found.
//! - 2026-11: no labels, no control: at 0 shots there is no `shuffled_labels`, nor for an item with nothing to choose among,
//!   nor for facts that are mined: pairs that are no facts stand in no sentence.

use std::sync::Arc;

use crate::error::Result;
use crate::model;
use crate::scoring::Scorer;
use crate::seed::Stream;
use crate::spec::{Control, Method, SearchItem};
use crate::task::{Example, Shots};

use super::plan::{Plan, PlannedTrial};
use super::trial::TrialData;

/// Train and dev with their labels permuted.
pub struct ShuffledLabels {
    train: Vec<Example>,
    dev: Vec<Example>,
}

impl ShuffledLabels {
    /// The examples of a trial under permutations that only the seed decides; `reference` is the place of the column whose texts are
    /// permuted where the answers are references.
    pub fn new(data: &TrialData<'_>, seed: u64, reference: Option<usize>) -> Self {
        let of = |examples: &[&Example], split| permuted(examples, seed, split, reference);
        Self { train: of(&data.train, "train"), dev: of(&data.dev, "dev") }
    }

    /// `data` with these labels; test as it is.
    pub fn data<'a>(&'a self, data: &TrialData<'a>) -> TrialData<'a> {
        TrialData { train: self.train.iter().collect(), dev: self.dev.iter().collect(), ..data.clone() }
    }
}

fn permuted(examples: &[&Example], seed: u64, split: &str, reference: Option<usize>) -> Vec<Example> {
    let mut places: Vec<usize> = (0..examples.len()).collect();
    Stream::new(seed, "shuffled labels", split.as_bytes()).shuffle(&mut places);
    let with = |(example, place): (&&Example, usize)| {
        let mut changed = Example { label: examples[place].label, ..(*example).clone() };
        if let Some(at) = reference {
            changed.fields[at].clone_from(&examples[place].fields[at]);
        }
        changed
    };
    examples.iter().zip(places).map(with).collect()
}

/// Whether there is such a control of an item at so many shots.
pub fn applies(control: Control, item: &SearchItem, shots: &Shots) -> bool {
    let chooses = match item.cells.as_slice() {
        [Method::Manual(manual)] => manual.templates.len() > 1 || !manual.templates_from.is_empty(),
        _ => true,
    };
    // Subjects and objects that are no facts stand in no sentence together.
    let facts = item.cells.iter().any(|cell| matches!(cell, Method::Mining(method) if method.of_facts));
    control != Control::ShuffledLabels || (chooses && !facts && *shots != Shots::Count(0))
}

/// A scorer of a trial's model with weights drawn anew.
///
/// # Errors
/// [`model::ModelError`] if the model cannot be opened again.
pub fn fresh(plan: &Plan, planned: &PlannedTrial, seed: u64) -> Result<Arc<Scorer>> {
    let source = plan.experiment.model(&plan.experiment.models[planned.model]);
    let mut loaded = model::load_fresh(&source, &plan.device, seed)?;
    loaded.source = plan.experiment.models[planned.model].to_string();
    Ok(Arc::new(Scorer::new(loaded, *plan.scorer(planned.item, planned.model).settings())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_permuted_among_the_same_texts() {
        let examples: Vec<Example> =
            (0..40).map(|row| Example { row, fields: vec![format!("text {row}")], label: Some(row % 2) }).collect();
        let data =
            TrialData { train: examples.iter().collect(), test: examples.iter().collect(), ..TrialData::default() };
        let shuffled = ShuffledLabels::new(&data, 13, None);
        let found = shuffled.data(&data);
        assert!(found.train.iter().zip(&data.train).all(|(a, b)| a.fields == b.fields && a.row == b.row));
        let labels = |examples: &[&Example]| examples.iter().map(|e| e.label.unwrap()).collect::<Vec<_>>();
        assert_ne!(labels(&found.train), labels(&data.train));
        assert_eq!(labels(&found.train).iter().sum::<usize>(), 20);
        assert_eq!(labels(&found.test), labels(&data.test));
        assert_eq!(labels(&ShuffledLabels::new(&data, 13, None).data(&data).train), labels(&found.train));
        assert_ne!(labels(&ShuffledLabels::new(&data, 14, None).data(&data).train), labels(&found.train));
        let texts = |examples: &[&Example]| examples.iter().map(|e| e.fields[0].clone()).collect::<Vec<_>>();
        let shuffled = ShuffledLabels::new(&data, 13, Some(0));
        let (mut found, mut drawn) = (texts(&shuffled.data(&data).train), texts(&data.train));
        assert_ne!(found, drawn, "of references the texts are permuted");
        found.sort();
        drawn.sort();
        assert_eq!(found, drawn);
    }
}
