//! Many random numbers at little cost, for resampling.

use crate::seed::Stream;

/// xoshiro256++ started from a [`Stream`]: as well keyed, and fast enough for millions of draws, where a stream's hashing
/// would take most of the time.
///
/// Source: Blackman and Vigna, ACM Transactions on Mathematical Software 47 (2021) 36.
#[derive(Debug, Clone)]
pub struct Resampler([u64; 4]);

impl Resampler {
    /// The numbers for `purpose` on `content` under `seed`.
    pub fn new(seed: u64, purpose: &str, content: &[u8]) -> Self {
        let mut stream = Stream::new(seed, purpose, content);
        // The all-zero state is a fixed point; the odd word rules it out.
        Self([stream.next_u64(), stream.next_u64(), stream.next_u64(), stream.next_u64() | 1])
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        let [a, b, c, d] = self.0;
        let next = a.wrapping_add(d).rotate_left(23).wrapping_add(a);
        let (c, d) = (c ^ a, d ^ b);
        self.0 = [a ^ d, b ^ c, c ^ (b << 17), d.rotate_left(45)];
        next
    }

    /// A whole number in `0..n`, with a bias below n / 2^64; 0 where `n` is 0.
    pub fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.next_u64()) * n as u128) >> 64) as usize
    }

    /// Moves `k` of `items`, drawn at random, to the front in random order.
    pub fn draw<T>(&mut self, items: &mut [T], k: usize) {
        for place in 0..k.min(items.len()) {
            let other = place + self.below(items.len() - place);
            items.swap(place, other);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_published_generator() {
        // First outputs of the authors' C code from the state 1, 2, 3, 4.
        let mut numbers = Resampler([1, 2, 3, 4]);
        let first = [numbers.next_u64(), numbers.next_u64(), numbers.next_u64(), numbers.next_u64()];
        assert_eq!(first, [41_943_041, 58_720_359, 3_588_806_011_781_223, 3_591_011_842_654_386]);
    }

    #[test]
    fn draws_are_uniform_and_distinct() {
        let mut numbers = Resampler::new(1, "test", &[]);
        let mut counts = [0; 10];
        for _ in 0..20_000 {
            let mut items: Vec<usize> = (0..10).collect();
            numbers.draw(&mut items, 3);
            items[..3].iter().for_each(|&item| counts[item] += 1);
            items.sort_unstable();
            assert!(items.iter().copied().eq(0..10));
        }
        assert!(counts.iter().all(|&n| (5_750..6_250).contains(&n)), "{counts:?}");
    }
}
