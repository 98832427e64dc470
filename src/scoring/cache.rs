//! Scores that were computed before.
//!
//! # Decisions
//!
//! - 2026-11: what a trial knows is bounded ([`MEMORY`]); the oldest goes first. What is forgotten is computed again, or found in
//!   the store. Refused: keeping all, which grows with the candidates of a trial without end.
//! - 2026-11: a store outlives the trial ([`ScoreStore`]). It may only be given where a score does not depend on what else is in
//!   its batch, bit for bit: so it is on the CPU, whose operators work row by row in one order, and is not on a GPU, whose kernels
//!   are tuned by shape. That is how a batch stays a function of the proposal round although known prompts are left out of it
//!   (contract, definition 12).
//! - 2026-11: prompts of a round that give the same tokens and read the same words are computed once; see
//!   [`Scorer::representatives`].

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use crate::prompt::Prompt;
use crate::task::Example;

use super::{Cost, Scorer, ScoringError, Settings};

/// Bytes of scores that a trial keeps.
const MEMORY: usize = 8 << 20;

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

/// Scores as a trial keeps them: the numbers of all examples in one piece.
struct Packed {
    scores: Box<[f64]>,
    n_labels: usize,
    truncated: usize,
    cost: Cost,
}

impl Packed {
    /// `None` for scores of no example, or of different numbers of labels, which are not kept.
    fn of(known: &Known) -> Option<Self> {
        let n_labels = known.scores.first().map(Vec::len).filter(|n| *n > 0)?;
        known.scores.iter().all(|scores| scores.len() == n_labels).then(|| Self {
            scores: known.scores.concat().into(),
            n_labels,
            truncated: known.truncated,
            cost: known.cost,
        })
    }

    fn known(&self) -> Known {
        let scores = self.scores.chunks(self.n_labels).map(<[f64]>::to_vec).collect();
        Known { scores, truncated: self.truncated, cost: self.cost }
    }

    /// About how many bytes it takes, its key included, which is held twice.
    fn size(&self) -> usize {
        8 * self.scores.len() + size_of::<Self>() + 2 * size_of::<ScoreKey>() + 32
    }
}

/// What identifies a prompt's scores on a set: weights, tokenizer, settings, the prompt's content, the split and the examples.
pub type ScoreKey = [u8; 32];

/// Scores that outlive a trial, shared by trials and by runs.
///
/// It never fails: what it cannot give is computed, and what it cannot keep is lost.
pub trait ScoreStore: Send + Sync {
    /// What was kept under a key, bit for bit.
    fn find(&self, key: &ScoreKey) -> Option<Known>;

    /// Keeps scores.
    fn keep(&self, key: &ScoreKey, known: &Known);
}

/// The scores of one trial, and where there is a store those of others.
#[derive(Default)]
pub struct ScoreCache {
    known: HashMap<ScoreKey, Packed>,
    /// The keys in the order in which they came.
    order: VecDeque<ScoreKey>,
    size: usize,
    store: Option<Arc<dyn ScoreStore>>,
    hits: u64,
}

impl ScoreCache {
    /// A cache that looks into `store` for what the trial has not seen.
    pub fn with_store(store: Option<Arc<dyn ScoreStore>>) -> Self {
        Self { store, ..Self::default() }
    }

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
        examples: &[&Example],
        set: SetHash,
    ) -> Result<Vec<Known>, ScoringError> {
        let keys: Vec<ScoreKey> = prompts.iter().map(|prompt| key(scorer, prompt, set)).collect();
        let mut found: HashMap<ScoreKey, Known> = HashMap::new();
        let mut missing: Vec<usize> = Vec::new();
        let mut asked: HashMap<ScoreKey, usize> = HashMap::new();
        for (index, key) in keys.iter().enumerate() {
            if found.contains_key(key) || asked.contains_key(key) {
                continue;
            }
            match self.known.get(key).map(Packed::known).or_else(|| self.stored(key, prompts, index, examples)) {
                Some(known) => {
                    found.insert(*key, known);
                }
                None => {
                    asked.insert(*key, index);
                    missing.push(index);
                }
            }
        }
        self.hits += (keys.len() - missing.len()) as u64;
        if !missing.is_empty() {
            let round: Vec<&Prompt> = missing.iter().map(|&m| &prompts[m]).collect();
            let same_as = scorer.representatives(&round, columns, examples)?;
            // The places in `round` that are computed, ascending.
            let computed: Vec<usize> = (0..round.len()).filter(|&place| same_as[place] == place).collect();
            let distinct: Vec<Prompt> = computed.iter().map(|&place| round[place].clone()).collect();
            let scored = scorer.score(&distinct, columns, examples)?;
            let scored: Vec<Known> = (scored.scores.into_iter().zip(scored.truncated).zip(scored.costs))
                .map(|((scores, truncated), cost)| Known { scores, truncated, cost })
                .collect();
            for (place, &index) in missing.iter().enumerate() {
                let Ok(at) = computed.binary_search(&same_as[place]) else { continue };
                let known = scored[at].clone();
                if let Some(store) = &self.store {
                    store.keep(&keys[index], &known);
                }
                found.insert(keys[index], known);
            }
        }
        for key in &keys {
            if let Some(known) = found.get(key) {
                self.remember(key, known);
            }
        }
        Ok(keys.iter().filter_map(|key| found.get(key).cloned()).collect())
    }

    /// How many look-ups found something.
    pub fn hits(&self) -> u64 {
        self.hits
    }

    /// What the store has; scores of another shape than asked for are none.
    fn stored(&self, key: &ScoreKey, prompts: &[Prompt], index: usize, examples: &[&Example]) -> Option<Known> {
        let n_labels = prompts[index].verbalizer.labels.len();
        let fits =
            |known: &Known| known.scores.len() == examples.len() && known.scores.iter().all(|s| s.len() == n_labels);
        self.store.as_ref()?.find(key).filter(fits)
    }

    fn remember(&mut self, key: &ScoreKey, known: &Known) {
        if self.known.contains_key(key) {
            return;
        }
        let Some(packed) = Packed::of(known) else { return };
        self.size += packed.size();
        self.known.insert(*key, packed);
        self.order.push_back(*key);
        while self.size > MEMORY {
            let Some(oldest) = self.order.pop_front() else { break };
            self.size -= self.known.remove(&oldest).map_or(0, |known| known.size());
        }
    }
}

fn key(scorer: &Scorer, prompt: &Prompt, set: SetHash) -> ScoreKey {
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
