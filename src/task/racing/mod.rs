//! Which candidates are scored to the end: going through examples in a fixed order and dropping candidates on the way.
//!
//! The rules know nothing of models or files: they ask a [`Field`] for what the candidates did on the examples so far. `select`
//! replays them on a matrix where everything is known, a run scores as they go along.
//!
//! # Decisions
//!
//! - 2026-11: one code for both, with the field as a trait. Refused: a matrix of a run's scores, which would have to be
//!   complete before the race that is to save it.
//! - 2026-11: `exact` compares bounds of the final scores. Where the score is the number of examples right they are plain
//!   counting; a mean log-likelihood can only fall; the expected accuracy has bounds of its own
//!   ([`expected_accuracy_bounds`](crate::task::statistics::expected_accuracy_bounds)). A mean margin, F1 and Matthews have
//!   none, and then nobody is dropped.

mod confidence;
mod continuously_reject;
mod exact;
mod field;
mod kind;
mod successive_halving;
#[cfg(test)]
mod tests;

pub use confidence::ALPHA;
pub use field::{Field, Race};
pub use kind::Racing;

/// Races the candidates of `field`; `budget` is that of the racings with a fixed one, in candidates times examples.
///
/// # Errors
/// What keeps the field from scoring.
pub fn race<F: Field>(racing: Racing, field: &mut F, budget: usize) -> Result<Race, F::Error> {
    match racing {
        Racing::None => {
            let everyone: Vec<usize> = field::entrants(field);
            field.score(&everyone, field.n_examples())?;
            Ok(Race { survivors: everyone })
        }
        Racing::Exact => exact::race(field),
        Racing::Confidence if field.counts_right() => confidence::race(field),
        Racing::Confidence => race(Racing::None, field, budget),
        Racing::SuccessiveHalving => successive_halving::race(field, budget),
        Racing::ContinuouslyReject => continuously_reject::race(field, budget),
    }
}
