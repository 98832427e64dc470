//! What decides the place of a prompt in a table (contract, definition 3).

use crate::task::statistics::OrderKey;

/// What decides a prompt's place: metric, then mean margin, then fewer tokens, then text.
///
/// Scores and margins are taken in steps of 1e-6: one prompt scored in two batches may differ by a rounding error, which is
/// no reason to put either ahead.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// None for a prompt that was scored on every example, else the examples after which racing dropped it.
    pub(super) dropped_at: Option<usize>,
    /// The metric, or the label-free score at 0 shots; `None` stands last.
    pub(super) score: Option<f64>,
    /// Mean margin in nats.
    pub(super) margin: Option<f64>,
    /// Tokens of the template.
    pub(super) n_tokens: Option<usize>,
    /// The prompt and its verbalizer.
    pub(super) text: String,
}

impl Place {
    /// The same for the procedures of `statistics`.
    pub(super) fn key(&self) -> OrderKey<'_> {
        OrderKey {
            dropped_at: self.dropped_at,
            metric: stepped(self.score).unwrap_or(f64::NEG_INFINITY),
            margin: stepped(self.margin),
            n_tokens: self.n_tokens,
            text: &self.text,
        }
    }
}

/// In steps of 1e-6; what is no number is unknown.
pub(super) fn stepped(value: Option<f64>) -> Option<f64> {
    // Adding 0 turns -0 into 0, which would otherwise stand behind it.
    value.filter(|value| !value.is_nan()).map(|value| (value * 1e6).round() / 1e6 + 0.0)
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;

    use super::*;

    fn place(score: Option<f64>, margin: f64) -> Place {
        Place { dropped_at: None, score, margin: Some(margin), n_tokens: Some(3), text: "b".into() }
    }

    #[test]
    fn rounding_errors_put_nothing_ahead_and_the_unknown_is_last() {
        let first = place(Some(0.9), 1.0);
        assert_eq!(first.key().compare(&place(Some(0.9), 1.0 + 1e-9).key()), Ordering::Equal);
        assert_eq!(first.key().compare(&place(Some(0.9), 1.0 + 1e-5).key()), Ordering::Greater);
        assert_eq!(first.key().compare(&place(None, 9.0).key()), Ordering::Less);
        assert_eq!(first.key().compare(&place(Some(f64::NAN), 9.0).key()), Ordering::Less);
    }
}
