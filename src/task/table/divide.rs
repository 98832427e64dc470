//! One file divided into splits.

use crate::task::Split;
use crate::task::example::update_strings;

/// The parts of one file that train, dev and test get.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shares {
    /// What search sees.
    pub train: f64,
    /// What selection sees.
    pub dev: f64,
    /// What the leaderboard shows.
    pub test: f64,
}

impl Default for Shares {
    fn default() -> Self {
        Self { train: 0.7, dev: 0.1, test: 0.2 }
    }
}

impl Shares {
    /// The split of a row with these texts. It depends on their BLAKE3 alone, so neither the order of the rows nor what else is in
    /// the file matters, and equal texts stand in one split.
    pub(super) fn split_of<'a>(&self, texts: impl IntoIterator<Item = &'a str>) -> Split {
        let mut hasher = blake3::Hasher::new_derive_key("promptmine 2026 division of a file");
        update_strings(&mut hasher, texts);
        let [a, b, c, d, ..] = *hasher.finalize().as_bytes();
        let total = self.train + self.dev + self.test;
        // The first 32 bits as a number from 0 to 1.
        let at = f64::from(u32::from_le_bytes([a, b, c, d])) / (f64::from(u32::MAX) + 1.0) * total;
        match at {
            at if at < self.test => Split::Test,
            at if at < self.test + self.dev => Split::Dev,
            _ => Split::Train,
        }
    }

    /// The splits that are asked for.
    pub(super) fn splits(&self) -> impl Iterator<Item = Split> + use<> {
        let shares = [(Split::Train, self.train), (Split::Dev, self.dev), (Split::Test, self.test)];
        shares.into_iter().filter(|(_, share)| *share > 0.0).map(|(split, _)| split)
    }

    /// Names a part of the file with this hash.
    pub(super) fn hash_of(&self, split: Split, file: &str) -> String {
        let name = format!("{file} {split} {} {} {}", self.train, self.dev, self.test);
        blake3::hash(name.as_bytes()).to_hex().to_string()
    }
}
