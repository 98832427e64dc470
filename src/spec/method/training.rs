//! What methods that train vectors have in common: how long, how fast, and how often they look at dev.

use super::super::error::SpecError;
use super::super::reader::{Fields, Reader};
use super::sweep::{each, sweep};

/// The keys of it.
pub(super) const TRAINING_KEYS: [&str; 7] =
    ["learning_rate", "weight_decay", "warm_up", "batch_size", "eval_every", "patience", "steps"];

/// How a training goes.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainingParameters {
    /// The learning rate after the warm-up; the default is the method's.
    pub learning_rate: f64,
    /// AdamW's decoupled weight decay (arXiv 1711.05101); default 0.
    pub weight_decay: f64,
    /// The share of the steps over which the learning rate rises from 0, before it falls to 0 again; default 0.1.
    pub warm_up: f64,
    /// Train examples in a step; default 16.
    pub batch_size: usize,
    /// Steps between two looks at dev; default 8.
    pub eval_every: usize,
    /// Looks at dev without a better one before the training ends; default 4.
    pub patience: usize,
    /// The most steps; by default as many as the budget allows.
    pub steps: Option<usize>,
}

impl TrainingParameters {
    /// One that says nothing yet.
    pub(super) fn unset() -> Self {
        Self {
            learning_rate: 0.0,
            weight_decay: 0.0,
            warm_up: 0.0,
            batch_size: 0,
            eval_every: 0,
            patience: 0,
            steps: None,
        }
    }
}

/// Its sweeps.
pub(super) struct Trainings {
    learning_rate: Vec<f64>,
    weight_decay: Vec<f64>,
    warm_up: Vec<f64>,
    batch_size: Vec<usize>,
    eval_every: Vec<usize>,
    patience: Vec<usize>,
    steps: Vec<Option<usize>>,
}

impl Trainings {
    /// Reads them; `learning_rate` is the method's default.
    pub fn read(reader: &mut Reader, fields: &Fields, learning_rate: f64) -> Result<Self, SpecError> {
        let mut number = |key: &str, default: f64, range: std::ops::RangeInclusive<f64>| {
            sweep(reader, fields, key, vec![default], |reader, at| reader.number(at, range.clone()))
        };
        let learning_rate = number("learning_rate", learning_rate, f64::MIN_POSITIVE..=1e3)?;
        let weight_decay = number("weight_decay", 0.0, 0.0..=1e3)?;
        let warm_up = number("warm_up", 0.1, 0.0..=1.0)?;
        let mut whole = |key: &str, default: usize, most: u64| {
            sweep(reader, fields, key, vec![default], |reader, at| Ok(reader.whole(at, 1..=most)? as usize))
        };
        let batch_size = whole("batch_size", 16, 100_000)?;
        let eval_every = whole("eval_every", 8, 1_000_000)?;
        let patience = whole("patience", 4, 1_000_000)?;
        let steps = sweep(reader, fields, "steps", vec![None], |reader, at| {
            Ok(Some(reader.whole(at, 1..=100_000_000)? as usize))
        })?;
        Ok(Self { learning_rate, weight_decay, warm_up, batch_size, eval_every, patience, steps })
    }

    /// The lengths of its lists.
    pub fn lengths(&self) -> [usize; 7] {
        [
            self.learning_rate.len(),
            self.weight_decay.len(),
            self.warm_up.len(),
            self.batch_size.len(),
            self.eval_every.len(),
            self.patience.len(),
            self.steps.len(),
        ]
    }

    /// Every cell with every combination; `training` gives a cell's.
    pub fn each<C: Clone>(&self, mut cells: Vec<C>, training: fn(&mut C) -> &mut TrainingParameters) -> Vec<C> {
        cells = each(cells, &self.learning_rate, |cell, &value| training(cell).learning_rate = value);
        cells = each(cells, &self.weight_decay, |cell, &value| training(cell).weight_decay = value);
        cells = each(cells, &self.warm_up, |cell, &value| training(cell).warm_up = value);
        cells = each(cells, &self.batch_size, |cell, &value| training(cell).batch_size = value);
        cells = each(cells, &self.eval_every, |cell, &value| training(cell).eval_every = value);
        cells = each(cells, &self.patience, |cell, &value| training(cell).patience = value);
        each(cells, &self.steps, |cell, &value| training(cell).steps = value)
    }
}
