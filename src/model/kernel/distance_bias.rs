//! What is added to attention scores by how far a key stands from the query.

/// A number for each head and distance, as T5 adds them to its scores (Raffel et al., arXiv:1910.10683). It is frozen: no gradient
/// reaches it.
#[derive(Debug, Clone, PartialEq)]
pub struct DistanceBias {
    /// By head, then by distance `key - query` from `1 - reach` on: `[n_heads, 2 * reach - 1]`.
    numbers: Vec<f32>,
    reach: usize,
}

impl DistanceBias {
    /// For `n_heads` heads and positions below `reach`; `number` gives what is added for a head and `key - query`.
    pub fn new(n_heads: usize, reach: usize, number: impl Fn(usize, isize) -> f32) -> Self {
        let reach = reach.max(1);
        let far = reach as isize;
        let numbers =
            (0..n_heads).flat_map(|head| (1 - far..far).map(|distance| number(head, distance)).collect::<Vec<_>>());
        Self { numbers: numbers.collect(), reach }
    }

    /// What is added to the scores of the query at `position` with the keys at `0..n_seen`.
    ///
    /// # Panics
    ///
    /// Panics if one of them is not below the reach.
    pub fn line(&self, head: usize, position: usize, n_seen: usize) -> &[f32] {
        assert!(position < self.reach && n_seen <= self.reach, "positions beyond {}", self.reach);
        let start = head * (2 * self.reach - 1) + self.reach - 1 - position;
        &self.numbers[start..start + n_seen]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_holds_the_distances_from_its_query() {
        let bias = DistanceBias::new(2, 4, |head, distance| (100 * head) as f32 + distance as f32);
        assert_eq!(bias.line(0, 0, 3), [0.0, 1.0, 2.0]);
        assert_eq!(bias.line(0, 3, 4), [-3.0, -2.0, -1.0, 0.0]);
        assert_eq!(bias.line(1, 1, 3), [99.0, 100.0, 101.0]);
    }
}
