//! What a trial keeps of its candidates while it runs: the best one, and not the others.

use std::cmp::Ordering;

use crate::prompt::{Candidate, Prompt};
use crate::search::Scored;

/// A candidate and what is known of it.
pub(super) struct Entry {
    pub(super) candidate: Candidate,
    pub(super) scored: Scored,
    pub(super) n_tokens: usize,
    pub(super) text: String,
    /// Whether racing dropped it.
    pub(super) dropped: bool,
}

impl Entry {
    /// The order of the contract's definition 3: complete ones first, then score, margin, fewer tokens, text. `Less` is better.
    /// Label-free scores are compared in steps of 1e-6, as the tables do: below that they are ties (definition 7).
    fn order(&self, other: &Self, label_free: bool) -> Ordering {
        let score = |entry: &Self| match label_free {
            true => stepped(entry.scored.score),
            false => entry.scored.score,
        };
        (self.dropped.cmp(&other.dropped))
            .then(score(other).total_cmp(&score(self)))
            .then(other.scored.margin.total_cmp(&self.scored.margin))
            .then(self.n_tokens.cmp(&other.n_tokens))
            .then_with(|| self.text.cmp(&other.text))
    }
}

/// The candidates of a trial so far. Their prompts are kept where something is said of all of them when all choices are made;
/// else the record alone has them, so that the memory does not grow with their number.
pub(super) struct Shortlist {
    label_free: bool,
    keeps: bool,
    n: u64,
    best: Option<Entry>,
    prompts: Vec<(u64, Prompt, f64)>,
}

impl Shortlist {
    /// None yet; whether their scores need no labels, and whether it keeps their prompts.
    pub(super) fn new(label_free: bool, keeps: bool) -> Self {
        Self { label_free, keeps, n: 0, best: None, prompts: Vec::new() }
    }

    /// How many there were; the number of the next.
    pub(super) fn n(&self) -> u64 {
        self.n
    }

    /// The best; of equals the first.
    pub(super) fn best(&self) -> Option<&Entry> {
        self.best.as_ref()
    }

    /// Number, prompt and score of each, where they are kept.
    pub(super) fn prompts(&self) -> impl Iterator<Item = (u64, &Prompt, f64)> {
        self.prompts.iter().map(|(number, prompt, score)| (*number, prompt, *score))
    }

    /// Adds one.
    pub(super) fn push(&mut self, entry: Entry) {
        self.n += 1;
        if self.keeps {
            let score = stepped(entry.scored.score);
            self.prompts.push((entry.scored.candidate, entry.candidate.prompt.clone(), score));
        }
        if self.best.as_ref().is_none_or(|best| entry.order(best, self.label_free) == Ordering::Less) {
            self.best = Some(entry);
        }
    }
}

/// In steps of 1e-6.
fn stepped(score: f64) -> f64 {
    (score * 1e6).round() / 1e6
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::prompt::{Template, Verbalizer};

    fn entry(number: u64, score: f64, margin: f64, n_tokens: usize, text: &str) -> Entry {
        let words = Arc::new(Verbalizer::parse("0=bad,1=good").unwrap());
        let prompt = Prompt::plain(Template::parse("{text} {mask}").unwrap(), words);
        Entry {
            candidate: Candidate { prompt, parent: None, origin: String::new() },
            scored: Scored { candidate: number, score, margin, signature: 0 },
            n_tokens,
            text: text.into(),
            dropped: n_tokens == 0 && score == 0.5,
        }
    }

    proptest! {
        #[test]
        fn the_best_is_the_first_of_the_least_whatever_the_order(
            figures in prop::collection::vec((0u8..3, 0u8..3, 0usize..2, "[ab]"), 1..30),
            label_free: bool,
            keeps: bool,
        ) {
            let entries: Vec<Entry> = figures
                .iter()
                .enumerate()
                .map(|(n, (s, m, t, text))| entry(n as u64, f64::from(*s) / 2.0, f64::from(*m), *t, text))
                .collect();
            let first = (0..entries.len()).min_by(|&a, &b| entries[a].order(&entries[b], label_free)).unwrap();
            let expected = entries[first].scored.candidate;
            let n = entries.len();
            let mut list = Shortlist::new(label_free, keeps);
            entries.into_iter().for_each(|entry| list.push(entry));
            prop_assert_eq!(list.best().unwrap().scored.candidate, expected);
            prop_assert_eq!(list.prompts().count(), if keeps { n } else { 0 });
        }
    }
}
