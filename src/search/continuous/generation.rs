//! What a generation of samples lost, as it is kept for a search that was killed.
//!
//! # Decisions
//!
//! - 2026-11: the losses alone are kept. The samples come from the same random numbers again and the distribution from both, to the
//!   same bits and without the model, which is what takes the time.

use serde_json::{Value, json};

use crate::scoring::Cost;
use crate::search::Snapshot;

/// The losses of a generation's samples, and what they cost.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Generation {
    /// In the order of the samples, in nats.
    pub(super) losses: Vec<f64>,
    pub(super) cost: Cost,
}

/// The generations of one proposal.
pub(super) fn snapshot(generations: &[Generation]) -> Snapshot {
    let of = |Generation { losses, cost }: &Generation| {
        let Cost { evaluations, forwards, backwards, tokens } = *cost;
        json!({ "losses": losses, "cost": [evaluations, forwards, backwards, tokens] })
    };
    Snapshot { words: generations.iter().map(of).collect(), numbers: Vec::new() }
}

/// The generations of a snapshot, of so many samples each.
pub(super) fn read(snapshot: &Snapshot, population: usize) -> Option<Vec<Generation>> {
    let of = |value: &Value| {
        let losses: Vec<f64> = value["losses"].as_array()?.iter().map(Value::as_f64).collect::<Option<_>>()?;
        let cost: Vec<u64> = value["cost"].as_array()?.iter().map(Value::as_u64).collect::<Option<_>>()?;
        let &[evaluations, forwards, backwards, tokens] = cost.as_slice() else { return None };
        let cost = Cost { evaluations, forwards, backwards, tokens };
        (losses.len() == population).then_some(Generation { losses, cost })
    };
    snapshot.words.as_array()?.iter().map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generations_are_read_back_to_the_last_bit_and_others_are_refused() {
        let cost = Cost { evaluations: 8, forwards: 8, backwards: 0, tokens: 71 };
        let generations = [0.1, 1.0 / 3.0].map(|loss| Generation { losses: vec![loss, 2.0, loss * 1e-9, 0.7], cost });
        let kept = snapshot(&generations);
        assert_eq!(read(&kept, 4).unwrap(), generations);
        assert_eq!(read(&kept, 5), None);
        assert_eq!(read(&Snapshot { words: json!([{ "losses": [1.0] }]), numbers: Vec::new() }, 1), None);
        assert_eq!(read(&Snapshot { words: Value::Null, numbers: Vec::new() }, 4), None);
    }
}
