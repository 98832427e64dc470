//! What an iteration costs.

use super::super::paraphrase::Offer;
use super::super::phrase::Level;
use super::super::wording::Rewording;

/// The parameters of the search.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EditsConfig {
    /// What is edited as a whole.
    pub level: Level,
    /// Templates that an iteration makes from each of the beam.
    pub n_candidates: usize,
    /// Edits of each.
    pub n_compose: usize,
    /// The best that are gone on from.
    pub beam: usize,
    /// Train examples on which templates are compared.
    pub batch_size: usize,
    /// Iterations without a better one before the search begins anew.
    pub patience: usize,
    /// How often it does; `None` for as often as the budget allows.
    pub restarts: Option<usize>,
    /// The iterations; `None` for as many as the budget allows.
    pub iterations: Option<usize>,
    /// Of annealing, in nats; 0 for none.
    pub temperature: f64,
}

impl EditsConfig {
    /// The most that an iteration of `n` templates costs.
    pub fn iteration(&self, n: usize, rewording: &Rewording, offer: Offer) -> u64 {
        rewording.cost(n * self.n_compose, offer) + self.scoring(n, offer)
    }

    /// What comparing `n` templates and proposing the best of them costs.
    pub(super) fn scoring(&self, n: usize, offer: Offer) -> u64 {
        let proposed = if offer.n_train > 0 { self.beam.min(n) } else { n };
        offer.passes * (n as u64 * self.batch(offer) + (proposed * offer.n_selection) as u64)
    }

    /// What the first comparison of so many templates to start from costs.
    pub fn first_comparison(&self, n_starts: usize, offer: Offer) -> u64 {
        offer.passes * n_starts as u64 * self.batch(offer)
    }

    pub(super) fn batch(&self, offer: Offer) -> u64 {
        self.batch_size.min(offer.n_train) as u64
    }
}
