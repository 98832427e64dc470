//! `exact`: the same pick as scoring everything, by construction.

use super::field::{Field, Race, entrants};

/// Drops a candidate when all examples to come could not bring it level with the leader: a candidate that is dropped cannot
/// be among the best of all examples, so the pick is that of scoring everything, ties included.
pub(super) fn race<F: Field>(field: &mut F) -> Result<Race, F::Error> {
    let n = field.n_examples();
    let known: Vec<usize> = (field.n_entrants()..field.n_candidates()).collect();
    let mut active = entrants(field);
    let mut seen = 0;
    while seen < n && !active.is_empty() {
        seen = field.next_look(seen, active.len());
        field.score(&active, seen)?;
        let sure = |candidates: &[usize]| {
            candidates.iter().map(|&candidate| field.bounds(candidate).0).fold(f64::NEG_INFINITY, f64::max)
        };
        let floor = sure(&active).max(sure(&known));
        active.retain(|&candidate| field.bounds(candidate).1 >= floor);
    }
    Ok(Race { survivors: active })
}
