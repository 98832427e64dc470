//! What methods that train vectors have in common: how long, how fast, and how often they look at dev.

use super::super::error::SpecError;
use super::super::reader::{Fields, Reader};
use super::sweep::{each, sweep};

/// The keys of it.
pub(super) const TRAINING_KEYS: [&str; 12] = [
    "learning_rate",
    "optimiser",
    "momentum",
    "weight_decay",
    "warm_up",
    "decay",
    "clip_norm",
    "batch_size",
    "accumulate",
    "eval_every",
    "patience",
    "steps",
];

/// Which optimiser.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum OptimiserKind {
    /// Adam with decoupled weight decay (arXiv 1711.05101).
    AdamW,
    /// Adafactor at the learning rate that it is given (arXiv 1804.04235).
    Adafactor,
    /// Gradient descent.
    Sgd {
        /// The share of the last step that is taken again.
        momentum: f64,
    },
}

impl OptimiserKind {
    /// The name in YAML and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::AdamW => "adamw",
            Self::Adafactor => "adafactor",
            Self::Sgd { .. } => "sgd",
        }
    }
}

/// How the learning rate falls after the warm-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decay {
    /// In a straight line.
    Linear,
    /// Along half a cosine.
    Cosine,
    /// Not at all.
    Constant,
}

impl Decay {
    const ALL: [Self; 3] = [Self::Linear, Self::Cosine, Self::Constant];

    /// The name in YAML and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Linear => "linear",
            Self::Cosine => "cosine",
            Self::Constant => "constant",
        }
    }
}

/// How a training goes.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainingParameters {
    /// The learning rate after the warm-up; the default is the method's.
    pub learning_rate: f64,
    /// Default [`OptimiserKind::AdamW`]; `momentum` of `sgd` is by default 0.9.
    pub optimiser: OptimiserKind,
    /// The optimiser's weight decay, decoupled from the gradient but for `sgd`; default 0.
    pub weight_decay: f64,
    /// The share of the steps over which the learning rate rises from 0; default 0.1.
    pub warm_up: f64,
    /// How it falls again; default [`Decay::Linear`].
    pub decay: Decay,
    /// The length that a longer gradient is cut to; by default none is.
    pub clip_norm: Option<f64>,
    /// Train examples in a batch; default 16.
    pub batch_size: usize,
    /// Batches whose gradients make one step together; default 1.
    pub accumulate: usize,
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
            optimiser: OptimiserKind::AdamW,
            weight_decay: 0.0,
            warm_up: 0.0,
            decay: Decay::Linear,
            clip_norm: None,
            batch_size: 0,
            accumulate: 0,
            eval_every: 0,
            patience: 0,
            steps: None,
        }
    }
}

/// Its sweeps.
pub(super) struct Trainings {
    learning_rate: Vec<f64>,
    optimiser: Vec<OptimiserKind>,
    weight_decay: Vec<f64>,
    warm_up: Vec<f64>,
    decay: Vec<Decay>,
    clip_norm: Vec<Option<f64>>,
    batch_size: Vec<usize>,
    accumulate: Vec<usize>,
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
        let momentum = number("momentum", 0.9, 0.0..=0.999_999)?;
        let clip_norm = sweep(reader, fields, "clip_norm", vec![None], |reader, at| {
            Ok(Some(reader.number(at, f64::MIN_POSITIVE..=1e9)?))
        })?;
        let decays = Decay::ALL.map(|decay| (decay.name(), decay));
        let decay =
            sweep(reader, fields, "decay", vec![Decay::Linear], |reader, at| reader.choice(at, "decay", &decays, &[]))?;
        let kinds = [OptimiserKind::AdamW, OptimiserKind::Adafactor, OptimiserKind::Sgd { momentum: 0.0 }];
        let kinds = kinds.map(|kind| (kind.name(), kind));
        let named = sweep(reader, fields, "optimiser", vec![OptimiserKind::AdamW], |reader, at| {
            reader.choice(at, "optimiser", &kinds, &[])
        })?;
        let is_sgd = |kind: &OptimiserKind| matches!(kind, OptimiserKind::Sgd { .. });
        if let Some(at) = fields.get("momentum").filter(|_| !named.iter().any(is_sgd)) {
            reader.value(&at, "is read with `optimiser: sgd` only");
        }
        let with_momentum = |kind: OptimiserKind| match kind {
            OptimiserKind::Sgd { .. } => momentum.iter().map(|&momentum| OptimiserKind::Sgd { momentum }).collect(),
            kind => vec![kind],
        };
        let optimiser = named.into_iter().flat_map(with_momentum).collect();
        let mut whole = |key: &str, default: usize, most: u64| {
            sweep(reader, fields, key, vec![default], |reader, at| Ok(reader.whole(at, 1..=most)? as usize))
        };
        let batch_size = whole("batch_size", 16, 100_000)?;
        let accumulate = whole("accumulate", 1, 10_000)?;
        let eval_every = whole("eval_every", 8, 1_000_000)?;
        let patience = whole("patience", 4, 1_000_000)?;
        let steps = sweep(reader, fields, "steps", vec![None], |reader, at| {
            Ok(Some(reader.whole(at, 1..=100_000_000)? as usize))
        })?;
        Ok(Self {
            learning_rate,
            optimiser,
            weight_decay,
            warm_up,
            decay,
            clip_norm,
            batch_size,
            accumulate,
            eval_every,
            patience,
            steps,
        })
    }

    /// The lengths of its lists.
    pub fn lengths(&self) -> [usize; 11] {
        [
            self.learning_rate.len(),
            self.optimiser.len(),
            self.weight_decay.len(),
            self.warm_up.len(),
            self.decay.len(),
            self.clip_norm.len(),
            self.batch_size.len(),
            self.accumulate.len(),
            self.eval_every.len(),
            self.patience.len(),
            self.steps.len(),
        ]
    }

    /// Every cell with every combination; `training` gives a cell's.
    pub fn each<C: Clone>(&self, mut cells: Vec<C>, training: fn(&mut C) -> &mut TrainingParameters) -> Vec<C> {
        cells = each(cells, &self.learning_rate, |cell, &value| training(cell).learning_rate = value);
        cells = each(cells, &self.optimiser, |cell, &value| training(cell).optimiser = value);
        cells = each(cells, &self.weight_decay, |cell, &value| training(cell).weight_decay = value);
        cells = each(cells, &self.warm_up, |cell, &value| training(cell).warm_up = value);
        cells = each(cells, &self.decay, |cell, &value| training(cell).decay = value);
        cells = each(cells, &self.clip_norm, |cell, &value| training(cell).clip_norm = value);
        cells = each(cells, &self.batch_size, |cell, &value| training(cell).batch_size = value);
        cells = each(cells, &self.accumulate, |cell, &value| training(cell).accumulate = value);
        cells = each(cells, &self.eval_every, |cell, &value| training(cell).eval_every = value);
        cells = each(cells, &self.patience, |cell, &value| training(cell).patience = value);
        each(cells, &self.steps, |cell, &value| training(cell).steps = value)
    }
}
