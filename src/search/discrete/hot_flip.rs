//! Whether first-order estimates say which tokens are better: the meter of HotFlip (arXiv 1712.06751).
//!
//! # Decisions
//!
//! - 2026-11: Spearman's rank correlation between the estimated and the true falls of the loss, over the candidates that a step
//!   scored anyway, so that it costs nothing. The estimate is from one training batch and the truth from another, as the search
//!   itself uses them: the figure holds the difference of batches too. The candidates are those that the estimates prefer, a
//!   narrow band at the top, so that it is lower than over the whole vocabulary.

use serde_json::{Value, json};

use crate::task::statistics::spearman;

/// Estimated and true falls of the loss, pair by pair.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HotFlip {
    estimated: Vec<f64>,
    truly: Vec<f64>,
}

impl HotFlip {
    /// Notes a candidate.
    pub fn note(&mut self, estimated: f64, truly: f64) {
        self.estimated.push(estimated);
        self.truly.push(truly);
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
