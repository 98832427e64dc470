//! What a page keeps of the candidates while they pass, best first.
//!
//! # Decisions
//!
//! - 2026-11: of a table of 100,000 candidates a page shows the best few of each seed and those on the Pareto front; the rest is counted.
//!   The scatter holds one number for each pair of tokens and score that occurs, so its size does not grow with the candidates.

use std::collections::BTreeMap;

use super::super::candidates::CandidateRow;
use super::super::group::Group;
use super::super::pareto::{Front, Objectives};
use super::best::Best;

/// Candidates that are shown of one model, shots and calibration, over all its seeds.
const SHOWN: usize = 50;

/// Those that are shown of a seed at least.
const LEAST: usize = 5;

/// Points of the front that are shown beyond the best.
const FRONT: usize = 12;

/// The candidates of every (model, shots, calibration) and seed; controls are left out.
#[derive(Debug, Default)]
pub(in super::super) struct Gallery {
    shelves: BTreeMap<Group, BTreeMap<u64, Shelf>>,
}

/// What is kept of the candidates that are ranked together.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    /// How many there are.
    pub(super) n: usize,
    /// Those that racing dropped.
    pub(super) n_dropped: usize,
    best: Vec<CandidateRow>,
    on_front: BTreeMap<u64, CandidateRow>,
    pub(super) front: Front,
    /// How many candidates have these tokens and this score, in steps of 1e-6.
    pub(super) points: BTreeMap<(usize, i64), usize>,
    curves: BTreeMap<String, Best>,
}

impl Gallery {
    /// Takes the next candidate into account.
    pub(in super::super) fn take(&mut self, row: &CandidateRow) {
        if row.control.is_some() {
            return;
        }
        let shelf = self.shelves.entry(row.group.clone()).or_default().entry(row.seed).or_default();
        shelf.take(row);
    }

    /// The shelves of a group by seed.
    pub(super) fn of(&self, group: &Group) -> impl Iterator<Item = (u64, &Shelf)> {
        self.shelves.get(group).into_iter().flatten().map(|(seed, shelf)| (*seed, shelf))
    }

    /// How many candidates of each seed of a group are shown.
    pub(super) fn share(&self, group: &Group) -> usize {
        (SHOWN / self.of(group).count().max(1)).max(LEAST)
    }

    /// The curves of a method in a group, one a seed.
    pub(super) fn curves(&self, group: &Group, method: &str) -> Vec<&Best> {
        self.of(group).filter_map(|(_, shelf)| shelf.curves.get(method)).collect()
    }
}

impl Shelf {
    fn take(&mut self, row: &CandidateRow) {
        let number = self.n as u64;
        self.n += 1;
        self.n_dropped += usize::from(row.dropped_at.is_some());
        match self.curves.get_mut(&row.method) {
            Some(curve) => curve.take(row),
            None => self.curves.entry(row.method.clone()).or_default().take(row),
        }
        if self.best.len() < SHOWN {
            self.best.push(row.clone());
        }
        let Some(at) = Objectives::of(row) else { return };
        *self.points.entry((at.n_tokens, (at.score * 1e6).round() as i64)).or_default() += 1;
        if self.front.offer(at, number) {
            self.on_front.insert(number, row.clone());
            if self.on_front.len() > 64 + 2 * self.front.members().len() {
                let front: Vec<u64> = self.front.members().iter().map(|member| member.first).collect();
                self.on_front.retain(|number, _| front.contains(number));
            }
        }
    }

    /// The best candidates, then those of the front that are not among them; with the front, whether each stands on it.
    pub(super) fn shown(&self, most: usize) -> Vec<(&CandidateRow, bool)> {
        let best = self.best.iter().take(most);
        let beyond = self.front.members().into_iter().filter(|member| member.first >= most as u64);
        let beyond = beyond.filter_map(|member| self.on_front.get(&member.first)).take(FRONT);
        let on_front = |row: &CandidateRow| Objectives::of(row).is_some_and(|at| self.front.holds(at));
        best.chain(beyond).map(|row| (row, on_front(row))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::sample::{Sample, asked, candidate_rows};
    use super::*;

    #[test]
    fn of_many_candidates_the_best_and_the_front_stay_and_the_rest_is_counted() {
        let mut sample = Sample::new(0, "random", &[1], "0011", "");
        for place in 0..200 {
            sample = sample.scored(&format!("a b c d {place} {{mask}}"), "0011", 0.5);
        }
        let sample = sample.scored("{mask}", "0111", 0.5).scored("x {mask}", "01", 0.5);
        let mut gallery = Gallery::default();
        for row in candidate_rows(&[sample.chose(0).finished(&[])], &asked()).unwrap() {
            gallery.take(&row);
        }
        let group = gallery.shelves.keys().next().unwrap().clone();
        let (seed, shelf) = gallery.of(&group).next().unwrap();
        assert_eq!((seed, shelf.n, shelf.n_dropped, gallery.share(&group)), (1, 202, 1, SHOWN));
        let shown = shelf.shown(3);
        let prompts: Vec<&str> = shown.iter().map(|(row, _)| row.prompt.as_str()).collect();
        assert_eq!(prompts.last(), Some(&"{mask}"), "{prompts:?}");
        assert_eq!(shown.iter().map(|(_, front)| *front).collect::<Vec<_>>(), [true; 4]);
        assert_eq!(shelf.points, [((1, 750_000), 1), ((6, 1_000_000), 200)].into());
    }
}
