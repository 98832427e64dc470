//! What is held of every candidate, so that a table of 100,000 fits anywhere: some eighty bytes, and where the rest is.

use crate::record::EventPlace;
use crate::task::statistics::OrderKey;

use super::place::{Place, stepped};
use super::trial::Scored;

/// The number of examples of a candidate that racing did not drop.
const ALL: u32 = u32::MAX;

/// Stands for an equal text or equal predictions: the first half of a BLAKE3 of them.
pub(super) type Digest = u128;

/// A candidate of a trial in short. What is not here is read from the trial's events again.
#[derive(Debug, Clone, Copy)]
pub(super) struct Listed {
    /// Its number within its trial.
    pub(super) number: u64,
    /// The event that holds it.
    pub(super) event: EventPlace,
    /// The metric on dev, or the label-free score; NaN where there is neither.
    pub(super) score: f64,
    margin: f64,
    n_tokens: u32,
    seen: u32,
    /// Of its dev predictions, or of its parts of the label-free score, text by text in one order.
    pub(super) behaviour: Digest,
    /// Of what decides its place last of all.
    pub(super) text: Digest,
    pub(super) has_dev: bool,
    /// Whether each text's part in its label-free score is known.
    pub(super) has_parts: bool,
    pub(super) is_soft: bool,
}

impl Listed {
    /// A candidate of a trial with `n_dev` dev examples, or with these texts at 0 shots.
    pub(super) fn of(event: EventPlace, scored: &Scored, n_dev: usize, texts: &[u32]) -> Self {
        let parts = if scored.dev().is_none() { scored.by_text(texts) } else { None };
        let behaviour = match (scored.dev(), &parts) {
            (Some(dev), _) if dev.values.is_empty() => digest(dev.predicted.iter().map(|label| label.to_le_bytes())),
            (Some(dev), _) => digest([
                dev.predicted.iter().flat_map(|label| label.to_le_bytes()).collect::<Vec<u8>>(),
                dev.values.iter().flat_map(|value| value.to_le_bytes()).collect(),
            ]),
            (None, Some(parts)) => digest(parts.iter().map(|(_, part)| part.to_bits().to_le_bytes())),
            (None, None) => 0,
        };
        let Place { dropped_at, score, margin, n_tokens, text } = scored.place(n_dev);
        let short = |n: usize| u32::try_from(n).unwrap_or(ALL - 1);
        Self {
            number: scored.record.candidate,
            event,
            score: score.unwrap_or(f64::NAN),
            margin: margin.unwrap_or(f64::NAN),
            n_tokens: n_tokens.map_or(ALL, short),
            seen: dropped_at.map_or(ALL, short),
            behaviour,
            text: digest([text.as_bytes()]),
            has_dev: scored.dev().is_some(),
            has_parts: parts.is_some(),
            is_soft: scored.record.soft.is_some(),
        }
    }

    /// The examples after which racing dropped it.
    pub(super) fn dropped_at(&self) -> Option<usize> {
        (self.seen != ALL).then_some(self.seen as usize)
    }

    /// Whether it was scored on every dev example.
    pub(super) fn is_complete(&self) -> bool {
        self.has_dev && self.dropped_at().is_none()
    }

    /// Whether it is this candidate with these predictions.
    pub(super) fn is(&self, other: &Self) -> bool {
        (self.number, self.seen, self.behaviour, self.text) == (other.number, other.seen, other.behaviour, other.text)
    }

    /// What decides its place, but for its text.
    pub(super) fn key(&self) -> OrderKey<'static> {
        OrderKey {
            dropped_at: self.dropped_at(),
            metric: stepped(Some(self.score)).unwrap_or(f64::NEG_INFINITY),
            margin: stepped(Some(self.margin)),
            n_tokens: (self.n_tokens != ALL).then_some(self.n_tokens as usize),
            text: "",
        }
    }
}

/// The digest of these pieces, each with its length.
pub(super) fn digest<B: AsRef<[u8]>>(pieces: impl IntoIterator<Item = B>) -> Digest {
    let mut hasher = blake3::Hasher::new_derive_key("promptmine 2026 table digest");
    for piece in pieces {
        let piece = piece.as_ref();
        hasher.update(&(piece.len() as u64).to_le_bytes()).update(piece);
    }
    let mut first = [0; 16];
    hasher.finalize_xof().fill(&mut first);
    Digest::from_le_bytes(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_candidate_in_short_takes_less_than_a_hundred_bytes() {
        assert!(size_of::<Listed>() <= 96, "{}", size_of::<Listed>());
    }

    #[test]
    fn the_pieces_of_a_digest_do_not_run_into_each_other() {
        assert_eq!(digest(["a", "bc"]), digest(["a", "bc"]));
        assert_ne!(digest(["a", "bc"]), digest(["ab", "c"]));
        assert_ne!(digest(["a"]), digest(["a", ""]));
    }
}
