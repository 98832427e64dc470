//! The best metric on dev so far against the evaluations spent.

use super::super::candidates::CandidateRow;

/// A curve of one trial's search: it rises where a candidate was better than all before it.
#[derive(Debug, Clone, Default)]
pub(super) struct Best {
    /// `(evaluations spent, score)`, the best score first, so the evaluations fall.
    steps: Vec<(u64, f64)>,
    /// What was spent when the last candidate was scored.
    spent: u64,
}

impl Best {
    /// Takes a candidate into account; they come best first. One that racing dropped says what was spent only.
    pub(super) fn take(&mut self, row: &CandidateRow) {
        self.spent = self.spent.max(row.evaluations);
        let Some(score) = row.dev_metric.or(row.label_free).filter(|_| row.dropped_at.is_none()) else { return };
        match self.steps.last_mut() {
            // A worse one that came later is no step, and an equal one only if it came sooner.
            Some((evaluations, _)) if row.evaluations >= *evaluations => {}
            Some((evaluations, best)) if *best <= score => *evaluations = row.evaluations,
            _ => self.steps.push((row.evaluations, score)),
        }
    }

    /// The best score once so much was spent; `None` before the first candidate.
    fn at(&self, evaluations: u64) -> Option<f64> {
        self.steps.iter().find(|(spent, _)| *spent <= evaluations).map(|(_, score)| *score)
    }
}

/// The mean of several seeds' curves, from where all of them have a candidate to what the longest has spent.
pub(super) fn mean_curve(curves: &[&Best]) -> Vec<(f64, f64)> {
    let first = |curve: &&Best| curve.steps.last().map(|(spent, _)| *spent);
    let known: Vec<&Best> = curves.iter().copied().filter(|curve| first(curve).is_some()).collect();
    let Some(begin) = known.iter().filter_map(first).max() else { return Vec::new() };
    let mut places: Vec<u64> = known.iter().flat_map(|curve| curve.steps.iter().map(|(spent, _)| *spent)).collect();
    places.push(begin);
    places.extend(known.iter().map(|curve| curve.spent).max());
    places.retain(|place| *place >= begin);
    places.sort_unstable();
    places.dedup();
    let mean = |place: u64| known.iter().filter_map(|curve| curve.at(place)).sum::<f64>() / known.len() as f64;
    places.into_iter().map(|place| (place as f64, mean(place))).collect()
}

#[cfg(test)]
mod tests {
    use super::super::super::sample::{Sample, asked, candidate_rows};
    use super::*;

    fn best(seed: u64, all: &[&str]) -> Best {
        let mut sample = Sample::new(0, "random", &[seed], "0011", "");
        for (place, predicted) in all.iter().enumerate() {
            sample = sample.scored(&format!("{place} {{mask}}"), predicted, 0.5);
        }
        let mut best = Best::default();
        candidate_rows(&[sample.chose(0).finished(&[])], &asked()).unwrap().iter().for_each(|row| best.take(row));
        best
    }

    #[test]
    fn the_curve_of_a_seed_never_falls_and_goes_on_to_what_was_spent() {
        let best = best(1, &["1111", "0011", "1111", "0111"]);
        // Candidates were scored at 4, 8, 12 and 16 evaluations.
        assert_eq!(mean_curve(&[&best]), [(4.0, 0.5), (8.0, 1.0), (16.0, 1.0)]);
    }

    #[test]
    fn of_several_seeds_the_mean_begins_where_all_have_begun() {
        let (slow, fast) = (best(1, &["11", "1111", "0011"]), best(2, &["0111", "0011"]));
        // The first candidate of the slow seed was dropped after two examples.
        assert_eq!(mean_curve(&[&slow, &fast]), [(8.0, 0.75), (12.0, 1.0)]);
        assert_eq!(mean_curve(&[&Best::default()]), []);
    }
}
