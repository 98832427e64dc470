//! Which words for which label: every assignment is worth what its words' exact scores say of the training examples.

use std::collections::{BTreeSet, HashSet};

use crate::scoring::argmax;
use crate::search::WordScores;

/// Assignments up to which all are tried.
const EVERY: usize = 20_000;
/// Assignments that a climb tries at most, and how many of the best it goes on from.
const CLIMB: (usize, usize) = (20_000, 8);

/// Words for every label, and what they are worth on train.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Assignment {
    /// The places of the words of each label, ascending.
    pub(super) labels: Vec<Vec<usize>>,
    pub(super) accuracy: f64,
    pub(super) log_likelihood: f64,
    /// The sum of its words' places in their pools.
    pub(super) rank: usize,
}

/// The pools as places of words, best first: `[label][rank]`.
pub(super) struct Pools<'a> {
    pub(super) labels: &'a [Vec<usize>],
    pub(super) per_label: usize,
    pub(super) scores: &'a WordScores,
    pub(super) gold: &'a [usize],
}

impl Pools<'_> {
    /// The `n` best assignments, best first, after the one that the pools' own order gives; all are tried where they are few,
    /// else a climb goes from there by exchanging a word at a time. `Err` names a label that is left without enough words of its own.
    pub(super) fn best(&self, n: usize) -> Result<Vec<Assignment>, (usize, usize)> {
        let first = self.worth(self.by_rank()?);
        let mut found = match self.n_assignments() {
            Some(_) => self.every(),
            None => self.climb(&first),
        };
        found.sort_by(order);
        found.retain(|assignment| assignment.labels != first.labels);
        found.insert(0, first);
        found.truncate(n);
        Ok(found)
    }

    /// For each label in turn the best word that no label has, until all have enough.
    fn by_rank(&self) -> Result<Vec<Vec<usize>>, (usize, usize)> {
        let mut labels = vec![Vec::new(); self.labels.len()];
        let mut taken = HashSet::new();
        for _ in 0..self.per_label {
            for (label, words) in labels.iter_mut().enumerate() {
                let found = words.len();
                let word = self.labels[label].iter().find(|word| !taken.contains(*word)).ok_or((label, found))?;
                taken.insert(*word);
                words.push(*word);
            }
        }
        labels.iter_mut().for_each(|words| words.sort_unstable());
        Ok(labels)
    }

    /// How many assignments there are, if they are few enough to try all.
    fn n_assignments(&self) -> Option<usize> {
        self.labels.iter().try_fold(1usize, |product, words| {
            let all = product.checked_mul(choose(words.len(), self.per_label)?)?;
            (all <= EVERY).then_some(all)
        })
    }

    fn every(&self) -> Vec<Assignment> {
        let mut all: Vec<Vec<Vec<usize>>> = vec![Vec::new()];
        for words in self.labels {
            let sets = subsets(words, self.per_label);
            all = all
                .iter()
                .flat_map(|before| sets.iter().map(move |set| (before, set)))
                .filter(|(before, set)| !before.iter().flatten().any(|word| set.contains(word)))
                .map(|(before, set)| before.iter().cloned().chain([set.clone()]).collect())
                .collect();
        }
        all.into_iter().map(|labels| self.worth(labels)).collect()
    }

    fn climb(&self, first: &Assignment) -> Vec<Assignment> {
        let mut found = vec![first.clone()];
        let mut seen = HashSet::from([first.labels.clone()]);
        let mut expanded: HashSet<Vec<Vec<usize>>> = HashSet::new();
        loop {
            found.sort_by(order);
            let next = found.iter().take(CLIMB.1).find(|assignment| !expanded.contains(&assignment.labels)).cloned();
            let Some(from) = next.filter(|_| found.len() < CLIMB.0) else { return found };
            expanded.insert(from.labels.clone());
            let taken: BTreeSet<usize> = from.labels.iter().flatten().copied().collect();
            for (label, pool) in self.labels.iter().enumerate() {
                for place in 0..from.labels[label].len() {
                    for &word in pool.iter().filter(|word| !taken.contains(word)) {
                        let mut labels = from.labels.clone();
                        labels[label][place] = word;
                        labels[label].sort_unstable();
                        if seen.insert(labels.clone()) {
                            found.push(self.worth(labels));
                        }
                    }
                }
            }
        }
    }

    fn worth(&self, labels: Vec<Vec<usize>>) -> Assignment {
        let logprobs = self.scores.label_logprobs(&labels);
        let n = self.gold.len().max(1) as f64;
        let correct = logprobs.iter().zip(self.gold).filter(|(scores, gold)| argmax(scores) == **gold).count();
        let log_likelihood = logprobs.iter().zip(self.gold).map(|(scores, &gold)| scores[gold]).sum::<f64>() / n;
        let place = |label: usize, word: &usize| self.labels[label].iter().position(|known| known == word).unwrap_or(0);
        let rank = labels.iter().enumerate().flat_map(|(l, words)| words.iter().map(move |w| place(l, w))).sum();
        Assignment { labels, accuracy: correct as f64 / n, log_likelihood, rank }
    }
}

/// Accuracy, then likelihood, then the order of the pools.
fn order(a: &Assignment, b: &Assignment) -> std::cmp::Ordering {
    (b.accuracy.total_cmp(&a.accuracy))
        .then(b.log_likelihood.total_cmp(&a.log_likelihood))
        .then(a.rank.cmp(&b.rank))
        .then_with(|| a.labels.cmp(&b.labels))
}

/// n over k; `None` where it is too large.
fn choose(n: usize, k: usize) -> Option<usize> {
    if k > n {
        return Some(0);
    }
    (0..k).try_fold(1usize, |product, i| Some(product.checked_mul(n - i)? / (i + 1)))
}

/// All subsets of `k` words, each ascending.
fn subsets(words: &[usize], k: usize) -> Vec<Vec<usize>> {
    let mut sets: Vec<(usize, Vec<usize>)> = vec![(0, Vec::new())];
    for _ in 0..k {
        sets = sets
            .into_iter()
            .flat_map(|(from, set)| {
                (from..words.len())
                    .map(move |next| (next + 1, set.iter().copied().chain([words[next]]).collect::<Vec<_>>()))
            })
            .collect();
    }
    sets.into_iter()
        .map(|(_, mut set)| {
            set.sort_unstable();
            set
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Word `w` is likely on the examples of label `w % 2`, the more so the larger it is.
    fn scores(n_words: usize) -> WordScores {
        let of = |gold: usize| -> Vec<f64> {
            (0..n_words)
                .map(|word| {
                    let strength = (word * 7 % 11) as f64 / 10.0;
                    if word % 2 == gold { strength } else { -strength }
                })
                .collect()
        };
        WordScores { examples: [0, 1, 0, 1].map(of).to_vec(), ..WordScores::default() }
    }

    const GOLD: [usize; 4] = [0, 1, 0, 1];

    #[test]
    fn the_climb_finds_what_trying_every_assignment_finds() {
        let scores = scores(12);
        let all: Vec<usize> = (0..12).collect();
        let labels = [all.clone(), all];
        let pools = Pools { labels: &labels, per_label: 2, scores: &scores, gold: &GOLD };
        let mut every = pools.every();
        every.sort_by(order);
        let first = pools.worth(pools.by_rank().unwrap());
        let mut climbed = pools.climb(&first);
        climbed.sort_by(order);
        assert!(climbed.len() < every.len(), "{} of {}", climbed.len(), every.len());
        assert_eq!(climbed[0], every[0]);
        assert_eq!(every[0].accuracy, 1.0);
    }

    #[test]
    fn the_pools_own_choice_comes_first_and_no_word_stands_for_two_labels() {
        let scores = scores(4);
        let labels = [vec![3, 0, 1], vec![3, 2]];
        let pools = Pools { labels: &labels, per_label: 1, scores: &scores, gold: &GOLD };
        let best = pools.best(10).unwrap();
        assert_eq!(best[0].labels, [[3], [2]]);
        assert_eq!(best[1].labels, [[0], [3]]);
        assert!(best.iter().all(|assignment| assignment.labels[0] != assignment.labels[1]));
        assert_eq!(best.len(), 5);
        let short = Pools { per_label: 2, ..pools };
        assert_eq!(short.best(1).unwrap_err(), (1, 1));
    }
}
