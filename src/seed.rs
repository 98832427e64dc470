//! Random streams that depend on nothing but what they are for.
//!
//! A [`Stream`] is keyed by a seed, a purpose and a content, so that its numbers do not change with the order of trials,
//! with threads, with resuming, or with another stream being read more or less often.

/// A deterministic stream of random numbers: the extended output of BLAKE3 over (seed, purpose, content).
pub struct Stream {
    output: blake3::OutputReader,
    spare_normal: Option<f64>,
}

impl Stream {
    /// The stream for `purpose` on `content` under `seed`.
    pub fn new(seed: u64, purpose: &str, content: &[u8]) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("promptmine 2026 random stream");
        hasher.update(&seed.to_le_bytes());
        hasher.update(&(purpose.len() as u64).to_le_bytes());
        hasher.update(purpose.as_bytes());
        hasher.update(content);
        Self { output: hasher.finalize_xof(), spare_normal: None }
    }

    /// How far it was read, and the normal number that is ready for the next time.
    pub fn position(&self) -> (u64, Option<f64>) {
        (self.output.position(), self.spare_normal)
    }

    /// Goes to where [`Stream::position`] was told.
    pub fn seek(&mut self, (position, spare_normal): (u64, Option<f64>)) {
        self.output.set_position(position);
        self.spare_normal = spare_normal;
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        let mut bytes = [0; 8];
        self.output.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    /// A whole number in `0..n`, without bias.
    ///
    /// # Panics
    /// If `n` is 0.
    pub fn below(&mut self, n: usize) -> usize {
        assert!(n > 0, "no number lies below 0");
        let n = n as u64;
        // Numbers from the incomplete last block of size n would favour the small ones.
        let limit = u64::MAX - (u64::MAX % n + 1) % n;
        loop {
            let x = self.next_u64();
            if x <= limit {
                return (x % n) as usize;
            }
        }
    }

    /// A number in `[0, 1)` with 53 random bits.
    pub fn uniform(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A standard normal number (Box and Muller's polar method by Marsaglia).
    pub fn normal(&mut self) -> f64 {
        if let Some(spare) = self.spare_normal.take() {
            return spare;
        }
        loop {
            let x = 2.0 * self.uniform() - 1.0;
            let y = 2.0 * self.uniform() - 1.0;
            let square = x * x + y * y;
            if square > 0.0 && square < 1.0 {
                let scale = (-2.0 * square.ln() / square).sqrt();
                self.spare_normal = Some(y * scale);
                return x * scale;
            }
        }
    }

    /// Shuffles `items` (Fisher and Yates): every order is equally likely.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }

    /// One of `items`, each equally likely.
    ///
    /// # Panics
    /// If `items` is empty.
    pub fn choose<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }

    /// `k` distinct numbers of `0..n` in random order; all of them where `k` is larger than `n`.
    pub fn sample(&mut self, n: usize, k: usize) -> Vec<usize> {
        let mut all: Vec<usize> = (0..n).collect();
        let k = k.min(n);
        for place in 0..k {
            let other = place + self.below(n - place);
            all.swap(place, other);
        }
        all.truncate(k);
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_key_gives_the_same_numbers_and_another_key_others() {
        let read = |seed, purpose: &str, content: &[u8]| {
            let mut stream = Stream::new(seed, purpose, content);
            [stream.next_u64(), stream.next_u64()]
        };
        assert_eq!(read(13, "draw", b"a"), read(13, "draw", b"a"));
        assert_ne!(read(13, "draw", b"a"), read(21, "draw", b"a"));
        assert_ne!(read(13, "draw", b"a"), read(13, "dra", b"wa"));
        assert_ne!(read(13, "draw", b"a"), read(13, "draw", b"b"));
    }

    #[test]
    fn below_reaches_every_number_about_equally_often() {
        let mut stream = Stream::new(1, "test", b"");
        let mut counts = [0; 7];
        for _ in 0..70_000 {
            counts[stream.below(7)] += 1;
        }
        assert!(counts.iter().all(|&n| (9_600..10_400).contains(&n)), "{counts:?}");
    }

    #[test]
    fn a_stream_goes_on_from_where_another_was() {
        let mut stream = Stream::new(3, "test", b"x");
        let read: Vec<f64> = (0..5).map(|_| stream.normal()).collect();
        assert_eq!(read.len(), 5);
        let mut other = Stream::new(3, "test", b"x");
        other.seek(stream.position());
        assert_eq!([stream.normal(), stream.normal()], [other.normal(), other.normal()]);
        assert_eq!(stream.next_u64(), other.next_u64());
    }

    #[test]
    fn normal_numbers_have_mean_0_and_variance_1() {
        let mut stream = Stream::new(1, "test", b"");
        let numbers: Vec<f64> = (0..100_000).map(|_| stream.normal()).collect();
        let mean = numbers.iter().sum::<f64>() / 1e5;
        let variance = numbers.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 1e5;
        assert!(mean.abs() < 0.02 && (variance - 1.0).abs() < 0.03, "{mean} {variance}");
    }

    #[test]
    fn a_sample_has_distinct_numbers_and_no_more_than_there_are() {
        let mut stream = Stream::new(1, "test", b"");
        let mut some = stream.sample(50, 20);
        some.sort_unstable();
        some.dedup();
        assert_eq!(some.len(), 20);
        assert_eq!(stream.sample(3, 10).len(), 3);
    }
}
