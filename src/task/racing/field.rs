//! What a race is run over.

/// Candidates and the examples that they are scored on, in a fixed order.
///
/// The first [`n_entrants`](Field::n_entrants) candidates race. Those after them are known on all examples already: they cost
/// nothing, are never dropped, and the others have to beat them.
pub trait Field {
    /// Why a candidate could not be scored.
    type Error;

    /// The candidates that race.
    fn n_entrants(&self) -> usize;

    /// All candidates, with those that are known already.
    fn n_candidates(&self) -> usize;

    /// The examples.
    fn n_examples(&self) -> usize;

    /// Where each block of examples ends: blocks hold the classes as evenly as their sizes allow, and every order of them is
    /// equally likely.
    fn block_ends(&self) -> &[usize];

    /// The examples after which `n_active` candidates are looked at next, when `seen` have been seen: more than `seen`, at
    /// most all.
    fn next_look(&self, seen: usize, n_active: usize) -> usize;

    /// Makes `candidates` known on the first `seen` examples; what is known already is not scored again.
    ///
    /// # Errors
    /// If one cannot be scored.
    fn score(&mut self, candidates: &[usize], seen: usize) -> Result<(), Self::Error>;

    /// Whether the score is the number of examples right, or its share.
    fn counts_right(&self) -> bool;

    /// Whether a score is a share, so that the differences of two have a unit.
    fn is_share(&self) -> bool;

    /// The examples right from `from` up to `to`, which are known.
    fn right(&self, candidate: usize, from: usize, to: usize) -> usize;

    /// The least and the greatest score that a candidate can have on all examples, as far as it is known now.
    fn bounds(&self, candidate: usize) -> (f64, f64);

    /// The scores on the first `seen` examples; more is better.
    fn scores(&self, candidates: &[usize], seen: usize) -> Vec<f64>;

    /// `candidates` from best to worst by these scores, ties broken as the field does.
    fn ranked(&self, candidates: &[usize], scores: &[f64], seen: usize) -> Vec<usize>;

    /// What tells a candidate from the others, whatever their order.
    fn name(&self, candidate: usize) -> &str;
}

/// How a race ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Race {
    /// The entrants that were not dropped, ascending, all seen on the same examples; none where what is known already beats all.
    pub survivors: Vec<usize>,
}

pub(super) fn entrants<F: Field>(field: &F) -> Vec<usize> {
    (0..field.n_entrants()).collect()
}
