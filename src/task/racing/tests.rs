//! The rules on tables of margins, with candidates that are known already.

use proptest::prelude::*;

use super::*;
use crate::task::statistics::{expected_accuracy, expected_accuracy_bounds};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Accuracy,
    ExpectedAccuracy,
    LogLikelihood,
}

/// Margins by candidate and example; the last `n_known` candidates are known from the start.
struct Table {
    by: By,
    margins: Vec<Vec<f64>>,
    names: Vec<String>,
    gold: Vec<usize>,
    ends: Vec<usize>,
    n_known: usize,
    wave: usize,
    seen: Vec<usize>,
}

impl Table {
    fn new(by: By, margins: Vec<Vec<f64>>, n_known: usize, wave: usize) -> Self {
        let (k, n) = (margins.len(), margins[0].len());
        let seen = (0..k).map(|candidate| if candidate < k - n_known { 0 } else { n }).collect();
        Self {
            by,
            names: (0..k).map(|candidate| format!("{candidate:03}")).collect(),
            gold: (0..n).map(|example| example % 2).collect(),
            ends: (1..=n).collect(),
            margins,
            n_known,
            wave,
            seen,
        }
    }

    fn score_of(&self, candidate: usize, seen: usize) -> f64 {
        let margins = &self.margins[candidate][..seen];
        match self.by {
            By::Accuracy => margins.iter().filter(|margin| **margin > 0.0).count() as f64,
            By::ExpectedAccuracy => expected_accuracy(2, margins.iter().copied().zip(self.gold.iter().copied())),
            By::LogLikelihood => margins.iter().map(|margin| -margin.abs()).sum(),
        }
    }
}

impl Field for Table {
    type Error = std::convert::Infallible;

    fn n_entrants(&self) -> usize {
        self.margins.len() - self.n_known
    }
    fn n_candidates(&self) -> usize {
        self.margins.len()
    }
    fn n_examples(&self) -> usize {
        self.gold.len()
    }
    fn block_ends(&self) -> &[usize] {
        &self.ends
    }
    fn next_look(&self, seen: usize, _: usize) -> usize {
        (seen + self.wave).min(self.gold.len())
    }
    fn score(&mut self, candidates: &[usize], seen: usize) -> Result<(), Self::Error> {
        for &candidate in candidates {
            assert!(candidate < self.n_entrants(), "what is known is not scored");
            self.seen[candidate] = self.seen[candidate].max(seen);
        }
        Ok(())
    }
    fn counts_right(&self) -> bool {
        self.by == By::Accuracy
    }
    fn is_share(&self) -> bool {
        self.by == By::ExpectedAccuracy
    }
    fn right(&self, candidate: usize, from: usize, to: usize) -> usize {
        assert!(to <= self.seen[candidate], "nobody looks ahead");
        self.margins[candidate][from..to].iter().filter(|margin| **margin > 0.0).count()
    }
    fn bounds(&self, candidate: usize) -> (f64, f64) {
        let (seen, n) = (self.seen[candidate], self.gold.len());
        let score = self.score_of(candidate, seen);
        match self.by {
            _ if seen == n => (score, score),
            By::Accuracy => (score, score + (n - seen) as f64),
            By::LogLikelihood => (f64::NEG_INFINITY, score),
            By::ExpectedAccuracy => {
                let mut to_come = [0, 0];
                self.gold[seen..].iter().for_each(|&gold| to_come[gold] += 1);
                let known = self.margins[candidate][..seen].iter().copied().zip(self.gold.iter().copied());
                expected_accuracy_bounds(2, known, &to_come)
            }
        }
    }
    fn scores(&self, candidates: &[usize], seen: usize) -> Vec<f64> {
        candidates.iter().map(|&candidate| self.score_of(candidate, seen)).collect()
    }
    fn ranked(&self, candidates: &[usize], scores: &[f64], _: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..candidates.len()).collect();
        order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]).then(a.cmp(&b)));
        order.into_iter().map(|place| candidates[place]).collect()
    }
    fn name(&self, candidate: usize) -> &str {
        &self.names[candidate]
    }
}

proptest! {
    #[test]
    fn exact_keeps_whoever_is_among_the_best_of_all(
        margins in (1..12_usize, 1..24_usize).prop_flat_map(|(k, n)| {
            // Few values, so that candidates tie.
            prop::collection::vec(prop::collection::vec(prop::sample::select(vec![-2.0, -0.5, 0.5, 0.75, 3.0]), n), k)
        }),
        n_known in 0..3_usize,
        wave in 1..9_usize,
        by in prop::sample::select(vec![By::Accuracy, By::ExpectedAccuracy, By::LogLikelihood]),
    ) {
        let n_known = n_known.min(margins.len() - 1);
        let mut table = Table::new(by, margins, n_known, wave);
        let n = table.n_examples();
        let everybody: Vec<usize> = (0..table.n_candidates()).collect();
        let whole = table.scores(&everybody, n);
        let best = whole.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let Ok(race) = race(Racing::Exact, &mut table, 0);
        for (candidate, &score) in whole.iter().enumerate().take(table.n_entrants()) {
            if score == best {
                prop_assert!(race.survivors.contains(&candidate), "{candidate} of {whole:?}: {race:?}");
            }
            let complete = table.seen[candidate] == n;
            prop_assert!(complete || !race.survivors.contains(&candidate));
        }
    }
}

#[test]
fn every_racing_drops_what_is_far_behind_the_known_best_or_the_others() {
    let n = 60;
    let margins = |right: usize| (0..n).map(|example| if example * 37 % 60 < right { 1.0 } else { -1.0 }).collect();
    for racing in [Racing::Exact, Racing::Confidence] {
        let mut table = Table::new(By::Accuracy, vec![margins(4), margins(58)], 1, 4);
        let Ok(raced) = race(racing, &mut table, 0);
        assert!(raced.survivors.is_empty() && table.seen[0] < n, "{racing}: {:?}", table.seen);
    }
    for racing in [Racing::SuccessiveHalving, Racing::ContinuouslyReject] {
        let mut table = Table::new(By::Accuracy, (0..8).map(|k| margins(7 * k + 7)).collect(), 0, 4);
        let Ok(raced) = race(racing, &mut table, 4 * n);
        assert!(table.seen.iter().sum::<usize>() <= 4 * n, "{racing}: {:?}", table.seen);
        assert!(raced.survivors.contains(&7) && !raced.survivors.contains(&0), "{racing}: {raced:?}");
    }
}
