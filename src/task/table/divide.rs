//! One file divided into splits.

use std::collections::BTreeMap;

use super::Rows;
use crate::task::Split;
use crate::task::error::TaskError;
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

impl Rows {
    /// Divides the rows. Where a row goes depends on its texts alone (their BLAKE3), so neither the order of the rows nor
    /// what else is in the file matters, and equal texts stand in one split.
    ///
    /// # Errors
    /// If a part that was asked for gets no row.
    pub fn divide(self, shares: Shares) -> Result<BTreeMap<Split, Self>, TaskError> {
        let texts = super::text_columns(&self.columns);
        let total = shares.train + shares.dev + shares.test;
        let place = |fields: &Vec<String>| {
            let mut hasher = blake3::Hasher::new_derive_key("promptmine 2026 division of a file");
            update_strings(&mut hasher, texts.iter().map(|&i| fields[i].as_str()));
            let [a, b, c, d, ..] = *hasher.finalize().as_bytes();
            // The first 32 bits as a number from 0 to 1.
            let at = f64::from(u32::from_le_bytes([a, b, c, d])) / (f64::from(u32::MAX) + 1.0) * total;
            match at {
                at if at < shares.test => Split::Test,
                at if at < shares.test + shares.dev => Split::Dev,
                _ => Split::Train,
            }
        };
        let places: Vec<Split> = self.fields.iter().map(place).collect();
        let mut parts = BTreeMap::new();
        for (split, share) in [(Split::Train, shares.train), (Split::Dev, shares.dev), (Split::Test, shares.test)] {
            if share > 0.0 {
                let mut part = self.clone();
                part.keep(&places.iter().map(|&place| place == split).collect::<Vec<_>>())?;
                let name = format!("{} {split} {} {} {}", self.hash, shares.train, shares.dev, shares.test);
                part.hash = blake3::hash(name.as_bytes()).to_hex().to_string();
                parts.insert(split, part);
            }
        }
        Ok(parts)
    }
}
