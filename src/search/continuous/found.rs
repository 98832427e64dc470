//! What a training found between two looks at dev, and where it stands, as they are kept for one that was killed.

use serde_json::{Value, json};

use crate::scoring::Cost;
use crate::search::Snapshot;

use super::batches::Batches;
use super::{Optimiser, Trained};

/// What one proposal found.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Found {
    /// Steps done in all.
    pub(super) step: usize,
    /// What the record says of them.
    pub(super) trace: Value,
    /// The loss of each step.
    pub(super) losses: Vec<f64>,
    /// What they cost.
    pub(super) cost: Cost,
    /// The vectors behind them.
    pub(super) vectors: Vec<f32>,
    /// Whether the training blew up there.
    pub(super) diverged: bool,
}

impl Found {
    pub(super) fn snapshot(&self) -> Snapshot {
        let Cost { evaluations, forwards, backwards, tokens } = self.cost;
        let words = json!({
            "step": self.step,
            "trace": self.trace,
            "losses": self.losses,
            "cost": [evaluations, forwards, backwards, tokens],
            "diverged": self.diverged,
        });
        Snapshot { words, numbers: vec![self.vectors.clone()] }
    }

    /// From a snapshot with so many vectors' numbers.
    pub(super) fn of(snapshot: Snapshot, n_numbers: usize) -> Option<Self> {
        let Snapshot { words, mut numbers } = snapshot;
        let losses = words["losses"].as_array()?.iter().map(Value::as_f64).collect::<Option<_>>()?;
        let cost = words["cost"].as_array()?.iter().map(Value::as_u64).collect::<Option<Vec<u64>>>()?;
        let &[evaluations, forwards, backwards, tokens] = cost.as_slice() else { return None };
        Some(Self {
            step: usize::try_from(words["step"].as_u64()?).ok()?,
            trace: words["trace"].clone(),
            losses,
            cost: Cost { evaluations, forwards, backwards, tokens },
            vectors: numbers.pop().filter(|numbers| numbers.len() == n_numbers)?,
            diverged: words["diverged"].as_bool()?,
        })
    }
}

/// Where a training stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Standing {
    pub(super) parameters: Vec<f32>,
    pub(super) optimiser: Optimiser,
    pub(super) batches: Batches,
    /// Of the random stream.
    pub(super) position: (u64, Option<f64>),
    pub(super) zero_gradient: bool,
}

impl Standing {
    pub(super) fn snapshot(self) -> Snapshot {
        let (step, moments) = self.optimiser.state();
        let words = json!({
            "optimiser_step": step,
            "order": self.batches.order,
            "position": self.position,
            "zero_gradient": self.zero_gradient,
        });
        Snapshot { words, numbers: vec![self.parameters, moments] }
    }

    /// From the snapshot of a training of this kind.
    pub(super) fn of(snapshot: Snapshot, trained: &Trained, optimiser: &Optimiser) -> Option<Self> {
        let Snapshot { words, numbers } = snapshot;
        let [parameters, moments] = <[Vec<f32>; 2]>::try_from(numbers).ok()?;
        let mut optimiser = optimiser.clone();
        let step = u32::try_from(words["optimiser_step"].as_u64()?).ok()?;
        let fits = parameters.len() == trained.parameters().len() && optimiser.restore(step, &moments);
        let order = serde_json::from_value(words["order"].clone()).ok()?;
        let position = serde_json::from_value(words["position"].clone()).ok()?;
        let zero_gradient = words["zero_gradient"].as_bool()?;
        fits.then_some(Self { parameters, optimiser, batches: Batches { order }, position, zero_gradient })
    }
}
