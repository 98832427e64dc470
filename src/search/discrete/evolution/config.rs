//! What a generation costs.

use super::super::paraphrase::Offer;
use super::super::wording::Rewording;

/// How a generation follows another.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// A genetic algorithm.
    #[default]
    Ga,
    /// Differential evolution.
    De,
}

/// Where a child changes from one parent to the other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Crossover {
    /// At every phrase with the chance 1/2.
    #[default]
    Uniform,
    /// At one place.
    SinglePoint,
}

/// The parameters of the search.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EvolutionConfig {
    /// How a generation follows another.
    pub algorithm: Algorithm,
    /// Templates of a generation.
    pub population: usize,
    /// Where a child changes from one parent to the other.
    pub crossover: Crossover,
    /// The chance that a child that is new already is mutated too.
    pub mutation: f64,
    /// Train examples on which templates are compared.
    pub batch_size: usize,
    /// The generations; `None` for as many as the budget allows.
    pub generations: Option<usize>,
}

impl EvolutionConfig {
    /// The most that a generation of `n` children costs.
    pub fn generation(&self, n: usize, rewording: &Rewording, offer: Offer) -> u64 {
        rewording.cost(n, offer) + self.scoring(n, offer)
    }

    /// What comparing `n` templates and proposing them all costs.
    pub(super) fn scoring(&self, n: usize, offer: Offer) -> u64 {
        offer.passes * n as u64 * (self.batch(offer) + offer.n_selection as u64)
    }

    /// What the first comparison of so many templates to start from costs.
    pub fn first_comparison(&self, n_starts: usize, offer: Offer) -> u64 {
        offer.passes * n_starts as u64 * self.batch(offer)
    }

    pub(super) fn batch(&self, offer: Offer) -> u64 {
        self.batch_size.min(offer.n_train) as u64
    }
}
