//! The order in which candidates stand in a table.

use std::cmp::Ordering;

/// What decides a candidate's place. The order of a file never does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OrderKey<'a> {
    /// None for a candidate that was scored on every example, else the examples after which racing dropped it.
    pub dropped_at: Option<usize>,
    /// The metric: more is better.
    pub metric: f64,
    /// The mean margin, where it is known: more is better.
    pub margin: Option<f64>,
    /// The prompt's length in tokens, where it is known: fewer is better.
    pub n_tokens: Option<usize>,
    /// The prompt's text, last of all.
    pub text: &'a str,
}

impl OrderKey<'_> {
    /// `Less` where `self` stands above `other`: complete candidates above dropped ones and later-dropped ones first, then
    /// the metric, the margin, fewer tokens, the text. What is unknown stands below what is known.
    pub fn compare(&self, other: &Self) -> Ordering {
        let dropped = |key: &Self| key.dropped_at.unwrap_or(usize::MAX);
        let margin = |key: &Self| key.margin.unwrap_or(f64::NEG_INFINITY);
        dropped(other)
            .cmp(&dropped(self))
            .then(other.metric.total_cmp(&self.metric))
            .then(margin(other).total_cmp(&margin(self)))
            .then(self.n_tokens.unwrap_or(usize::MAX).cmp(&other.n_tokens.unwrap_or(usize::MAX)))
            .then(self.text.cmp(other.text))
    }
}

/// The indices of `keys`, first place first. Keys that are equal in everything keep their order.
pub fn order(keys: &[OrderKey<'_>]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..keys.len()).collect();
    order.sort_by(|&a, &b| keys[a].compare(&keys[b]));
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metric_then_margin_then_fewer_tokens_then_text_decide() {
        let key = |dropped_at, metric, margin, n_tokens, text| OrderKey {
            dropped_at,
            metric,
            margin,
            n_tokens: Some(n_tokens),
            text,
        };
        let keys = [
            key(Some(8), 1.0, Some(9.0), 1, "dropped early"),
            key(Some(16), 0.1, Some(0.0), 9, "dropped late"),
            key(None, 0.5, None, 3, "no margin"),
            key(None, 0.5, Some(0.2), 4, "b"),
            key(None, 0.5, Some(0.2), 4, "a"),
            key(None, 0.5, Some(0.2), 3, "z"),
            key(None, 0.5, Some(0.3), 9, "margin"),
            key(None, 0.6, Some(-1.0), 9, "metric"),
        ];
        assert_eq!(order(&keys), [7, 6, 5, 4, 3, 2, 1, 0]);
    }
}
