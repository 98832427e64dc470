//! Whether first-order estimates say which tokens are better: the meter of HotFlip (arXiv 1712.06751).
//!
//! # Decisions
//!
//! - 2026-11: Spearman's rank correlation between the estimated and the true falls of the loss, over the candidates that a step
//!   scored anyway, so that it costs nothing. The estimate is from one training batch and the truth from another, as the search
//!   itself uses them: the figure holds the difference of batches too. The candidates are those that the estimates prefer, a
//!   narrow band at the top, so that it is lower than over the whole vocabulary.
//! - 2026-11: a candidate that was given up before it was scored to the end is known to be worse than what it was to beat, not by
//!   how much: such candidates share the last rank. Where all of a step were given up, the step says nothing.

use serde_json::{Value, json};

use crate::task::statistics::spearman;

/// Estimated and true falls of the loss, pair by pair.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HotFlip {
    estimated: Vec<f64>,
    truly: Vec<f64>,
}

impl HotFlip {
    /// Notes a candidate; `None` for one that was given up.
    pub fn note(&mut self, estimated: f64, truly: Option<f64>) {
        self.estimated.push(estimated);
        self.truly.push(truly.unwrap_or(f64::NEG_INFINITY));
    }

    /// The rank correlation; `None` where all are equal, or there are fewer than two.
    pub fn correlation(&self) -> Option<f64> {
        spearman(&self.estimated, &self.truly)
    }

    /// Writes it into the trace of a step, as tables read it.
    pub fn write(&self, trace: &mut Value) {
        if let Some(correlation) = self.correlation() {
            trace["hotflip_spearman"] = json!(correlation);
            trace["hotflip_n"] = json!(self.estimated.len());
        }
    }
}
