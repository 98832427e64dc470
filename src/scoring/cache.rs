//! Scores that were computed before.

use std::collections::{HashMap, HashSet};

use crate::prompt::Prompt;

use super::scorer::Settings;
use super::{Cost, Scorer, ScoringError};

/// A set of examples, with everything about it that can change a score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SetHash(pub [u8; 32]);

/// A prompt's scores on a set, and what they cost when they were computed.
#[derive(Debug, Clone, PartialEq)]
pub struct Known {
    /// Log-probabilities among the labels: `[example][label]`.
    pub scores: Vec<Vec<f64>>,
    /// Examples shortened.
    pub truncated: usize,
    /// What it cost.
    pub cost: Cost,
}

/// The scores of one trial, keyed by everything that can change them: weights, tokenizer, settings, the prompt's content,
/// the split and the examples.
#[derive(Default)]
pub struct ScoreCache {
    known: HashMap<[u8; 32], Known>,
    hits: u64,
}

impl ScoreCache {
    /// Scores `prompts` on a set; those known already are not computed again, and equal ones are computed once.
    ///
    /// Every prompt is charged its cost whether it was known or not (contract, definition 4).
    ///
    /// # Errors
    /// As [`Scorer::score`].
    pub fn score(
        &mut self,
        scorer: &Scorer,
        prompts: &[Prompt],
        columns: &[String],
        examples: &[&crate::task::Example],
        set: SetHash,
    ) -> Result<Vec<Known>, ScoringError> {
        let keys: Vec<[u8; 32]> = prompts.iter().map(|prompt| key(scorer, prompt, set)).collect();
        let mut asked = HashSet::new();
        let missing: Vec<usize> = (0..keys.len())
            .filter(|&index| !self.known.contains_key(&keys[index]) && asked.insert(keys[index]))
            .collect();
        self.hits += (keys.len() - missing.len()) as u64;
        if !missing.is_empty() {
            let round: Vec<Prompt> = missing.iter().map(|&m| prompts[m].clone()).collect();
            let round = scorer.score(&round, columns, examples)?;
            let computed = round.scores.into_iter().zip(round.truncated).zip(round.costs);
            for (&m, ((scores, truncated), cost)) in missing.iter().zip(computed) {
                self.known.insert(keys[m], Known { scores, truncated, cost });
            }
        }
        Ok(keys.iter().filter_map(|key| self.known.get(key).cloned()).collect())
    }

    /// How many look-ups found something.
    pub fn hits(&self) -> u64 {
        self.hits
    }
}

fn key(scorer: &Scorer, prompt: &Prompt, set: SetHash) -> [u8; 32] {
    let Settings { multi_token, truncate, batch_size, length_step } = *scorer.settings();
    let loaded = scorer.loaded();
    let mut hasher = blake3::Hasher::new_derive_key("promptmine 2026 score");
    for text in [&loaded.weights_hash, &loaded.tokenizer_hash] {
        hasher.update(&(text.len() as u64).to_le_bytes()).update(text.as_bytes());
    }
    hasher.update(format!("{multi_token:?} {truncate} {batch_size} {length_step}").as_bytes());
    hasher.update(&prompt.content_hash()).update(&set.0);
    *hasher.finalize().as_bytes()
}
