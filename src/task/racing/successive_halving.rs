//! `successive_halving`: the better half goes on.

use super::field::{Field, Race, entrants};

/// Spends an equal part of `budget` in each of ⌈log2 K⌉ rounds and keeps the better half after each. Every survivor has
/// seen the same examples, which count again in later rounds.
///
/// Source: Karnin, Koren and Somekh, ICML 2013.
pub(super) fn race<F: Field>(field: &mut F, budget: usize) -> Result<Race, F::Error> {
    let (k, n) = (field.n_entrants(), field.n_examples());
    let rounds = (usize::BITS - k.saturating_sub(1).leading_zeros()).max(1) as usize;
    let mut active = entrants(field);
    let (mut spent, mut seen) = (0, 0);
    for round in 0..rounds {
        let affordable = budget.saturating_sub(spent) / active.len();
        // Rounding down leaves something; the last round takes it.
        let share =
            if round + 1 == rounds { affordable } else { (budget / rounds / active.len()).max(1).min(affordable) };
        let before = seen;
        seen = (seen + share).min(n);
        spent += active.len() * (seen - before);
        field.score(&active, seen)?;
        if active.len() == 1 {
            break;
        }
        let scores = field.scores(&active, seen);
        let mut order = field.ranked(&active, &scores, seen);
        if round + 1 < rounds {
            order.truncate(active.len().div_ceil(2));
            order.sort_unstable();
            active = order;
        }
    }
    Ok(Race { survivors: active })
}
