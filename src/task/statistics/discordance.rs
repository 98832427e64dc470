//! Discordant pairs of many candidates at once: bits, and mid-p values that are computed once.

use std::collections::HashMap;

use super::paired::{anytime_sign, mcnemar_mid_p};

/// Which examples one candidate has right, one bit each.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CorrectBits {
    words: Vec<u64>,
    n_correct: usize,
}

impl CorrectBits {
    /// Of one entry an example.
    pub fn new(correct: impl IntoIterator<Item = bool>) -> Self {
        let mut words = Vec::new();
        let mut n_correct = 0;
        for (place, right) in correct.into_iter().enumerate() {
            if place % 64 == 0 {
                words.push(0);
            }
            if right {
                words[place / 64] |= 1 << (place % 64);
                n_correct += 1;
            }
        }
        Self { words, n_correct }
    }

    /// The number of examples right.
    pub fn n_correct(&self) -> usize {
        self.n_correct
    }

    /// McNemar's counts over the first `n` examples.
    fn discordant_within(&self, other: &Self, n: usize) -> (usize, usize) {
        let (mut only_self, mut only_other) = (0, 0);
        for (place, (a, b)) in self.words.iter().zip(&other.words).enumerate() {
            let mask = match n.saturating_sub(64 * place) {
                0 => break,
                left if left >= 64 => u64::MAX,
                left => (1 << left) - 1,
            };
            only_self += (a & !b & mask).count_ones() as usize;
            only_other += (b & !a & mask).count_ones() as usize;
        }
        (only_self, only_other)
    }

    /// McNemar's counts: the examples that only `self` has right, and those that only `other` has.
    pub fn discordant(&self, other: &Self) -> (usize, usize) {
        let only_self: u32 = self.words.iter().zip(&other.words).map(|(a, b)| (a & !b).count_ones()).sum();
        let only_self = only_self as usize;
        (only_self, only_self + other.n_correct - self.n_correct)
    }
}

/// Mid-p values by discordant counts, for callers that ask for the same few over and over.
#[derive(Debug, Clone, Default)]
pub struct MidPTable {
    /// For each number of discordant pairs, 1 + the largest smaller count with p <= 0.05; 0 where no count has.
    critical: Vec<usize>,
    values: HashMap<(usize, usize), f64>,
}

impl MidPTable {
    /// The level at which [`significant`](Self::significant) asks.
    pub const ALPHA: f64 = 0.05;

    /// The p-value that a rank interval takes of a complete candidate and one that stands below it: McNemar's mid-p (1 where
    /// above 5 %), or, where that one was `dropped_at` some example, the anytime-valid one over the examples before, 1 where
    /// it was not behind on them.
    pub fn pair(&mut self, above: &CorrectBits, below: &CorrectBits, dropped_at: Option<usize>) -> f64 {
        let Some(seen) = dropped_at else {
            // Five examples all one way are the least that is significant; most pairs differ by fewer.
            if above.n_correct.abs_diff(below.n_correct) < 5 {
                return 1.0;
            }
            let (b, c) = above.discordant(below);
            return self.significant(b, c).unwrap_or(1.0);
        };
        let (b, c) = above.discordant_within(below, seen);
        if b > c { anytime_sign(b, c) } else { 1.0 }
    }

    /// [`mcnemar_mid_p`] of `b` and `c` where it is at most 5 %, else none.
    pub fn significant(&mut self, b: usize, c: usize) -> Option<f64> {
        let (m, x) = (b + c, b.min(c));
        while self.critical.len() <= m {
            let last = self.critical.last().copied().unwrap_or(0);
            let m = self.critical.len();
            // With one pair more the critical count stays or grows by one.
            let next = last + usize::from(mcnemar_mid_p(last, m.saturating_sub(last)) <= Self::ALPHA);
            self.critical.push(next);
        }
        if x >= self.critical[m] {
            return None;
        }
        Some(*self.values.entry((x, m)).or_insert_with(|| mcnemar_mid_p(x, m - x)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Stream;

    #[test]
    fn bits_count_what_counting_counts() {
        let mut stream = Stream::new(1, "bits", &[]);
        for n in [1, 63, 64, 65, 200] {
            let draw = |stream: &mut Stream| -> Vec<bool> { (0..n).map(|_| stream.below(3) > 0).collect() };
            let (a, b) = (draw(&mut stream), draw(&mut stream));
            let only = |x: &[bool], y: &[bool]| x.iter().zip(y).filter(|(x, y)| **x && !**y).count();
            let (bits_a, bits_b) = (CorrectBits::new(a.clone()), CorrectBits::new(b.clone()));
            assert_eq!(bits_a.discordant(&bits_b), (only(&a, &b), only(&b, &a)));
        }
    }

    #[test]
    fn the_table_holds_exactly_the_significant_values() {
        let mut table = MidPTable::default();
        for b in 0..90 {
            for c in 0..90 {
                let p = mcnemar_mid_p(b, c);
                assert_eq!(table.significant(b, c), (p <= 0.05).then_some(p), "{b} {c}");
            }
        }
    }
}
