//! What a round costs.

use super::rewrite::{GAPS, GAPS_HAN, Generators};
use super::word::is_han;
use crate::prompt::{Piece, Template};

/// The parameters of the search.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ParaphraseConfig {
    /// Which generators are on.
    pub generators: Generators,
    /// Rewritten templates tried in a round.
    pub n_candidates: usize,
    /// The best of a round, which selection sees, and the parents of the next.
    pub beam: usize,
    /// Train examples on which templates are compared.
    pub batch_size: usize,
    /// Unlabelled texts over which likelihood is taken.
    pub n_texts: usize,
    /// The most nats a token by which a replacement may be less likely than what it replaces.
    pub likelihood: f64,
    /// The rounds; `None` for as many as the budget allows.
    pub rounds: Option<usize>,
}

/// What a trial offers, as far as it decides what a round costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offer {
    /// Labelled training examples.
    pub n_train: usize,
    /// Texts without labels.
    pub n_texts: usize,
    /// Examples on which a candidate is scored for selection.
    pub n_selection: usize,
    /// Evaluations of one template on one example.
    pub passes: u64,
    /// Whether there is Chinese in a template, whose words of two characters take more passes.
    pub han: bool,
}

/// Whether there is Chinese in a template's own text.
pub fn has_han(template: &Template) -> bool {
    template.pieces().iter().any(|piece| matches!(piece, Piece::Text(text) if text.chars().any(is_han)))
}

impl ParaphraseConfig {
    /// The most that a round costs in which `n_candidates` templates are tried.
    pub fn round(&self, n_candidates: usize, offer: Offer) -> u64 {
        let gaps = if offer.han { GAPS_HAN } else { GAPS };
        let fill = n_sites(n_candidates) as u64 * gaps * self.n_texts.min(offer.n_texts) as u64;
        fill + self.scoring(n_candidates, offer)
    }

    /// What comparing `n_candidates` templates and proposing the best of them costs.
    pub(super) fn scoring(&self, n_candidates: usize, offer: Offer) -> u64 {
        let proposed = if offer.n_train > 0 { self.beam.min(n_candidates) } else { n_candidates };
        offer.passes * (n_candidates as u64 * self.batch(offer) + (proposed * offer.n_selection) as u64)
    }

    /// What the first comparison of so many templates to start from costs.
    pub fn first_comparison(&self, n_starts: usize, offer: Offer) -> u64 {
        offer.passes * n_starts as u64 * self.batch(offer)
    }

    pub(super) fn batch(&self, offer: Offer) -> u64 {
        self.batch_size.min(offer.n_train) as u64
    }
}

/// The sites of a round: each gives more than one template.
pub(super) fn n_sites(n_candidates: usize) -> usize {
    n_candidates.div_ceil(2)
}
