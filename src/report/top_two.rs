//! What it takes to tell the two best rows apart.

use crate::task::Metric;
use crate::task::statistics::examples_to_resolve;

use super::entry::Entry;
use super::outcome;

/// How the two best rows differ, and how many dev examples would tell them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TopTwo {
    /// Examples, over all paired seeds, that only the best has right.
    pub only_first: usize,
    /// Those that only the second has right.
    pub only_second: usize,
    /// Dev examples at which the difference would be found in four of five draws; `None` if they are equally good, so that no
    /// number is enough.
    pub examples: Option<usize>,
}

impl TopTwo {
    /// Counts the discordant examples over the seeds that both have: on test, which chose nothing, or on dev where there is no
    /// test. `None` for a metric that is not a share of examples, or if they share no seed and examples.
    pub(super) fn of(first: &Entry<'_>, second: &Entry<'_>, metric: Metric, dev_only: bool) -> Option<Self> {
        let pairs = outcome::paired(first, second, dev_only);
        if !metric.is_share() || pairs.is_empty() {
            return None;
        }
        let (mut only_first, mut only_second, mut n) = (0, 0, 0);
        for pair in &pairs {
            n += pair.gold.len();
            let [a, b] = [pair.a, pair.b].map(|scores| outcome::parts(metric, pair.gold, scores, pair.n_labels));
            for (a, b) in a.into_iter().zip(b) {
                only_first += usize::from(a > b);
                only_second += usize::from(b > a);
            }
        }
        Some(Self { only_first, only_second, examples: examples_to_resolve(only_first, only_second, n) })
    }
}
