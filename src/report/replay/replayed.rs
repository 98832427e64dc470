//! A replay as a whole.

use std::collections::BTreeMap;
use std::path::Path;

use super::super::ReportError;
use super::numbers::{FieldFigures, FirstDifference, Tally};
use super::trial::{ReplayedTrial, compare};

/// A record beside its replay.
#[derive(Debug, Clone, PartialEq)]
pub struct Replayed {
    /// Its trials, in the order of the experiment.
    pub trials: Vec<ReplayedTrial>,
    /// The numbers compared, by event or file and field: `scored dev.margins`.
    pub fields: BTreeMap<String, FieldFigures>,
    /// How far apart two numbers may be that are called the same.
    pub tolerance: f64,
}

impl Replayed {
    /// Compares trials: `trials` are the folder names in `recorded` and in `replayed`, two results folders.
    ///
    /// # Errors
    /// [`ReportError::Record`] if a file of either cannot be read.
    pub fn compare<'t>(
        recorded: &Path,
        replayed: &Path,
        trials: impl IntoIterator<Item = (&'t str, &'t str)>,
        tolerance: f64,
    ) -> Result<Self, ReportError> {
        let mut found = Self { trials: Vec::new(), fields: BTreeMap::new(), tolerance };
        for (of_record, of_replay) in trials {
            let mut tally = Tally::new(tolerance);
            let folders = (recorded.join("trials").join(of_record), replayed.join("trials").join(of_replay));
            found.trials.push(compare(&folders.0, &folders.1, &mut tally)?);
            for (field, figures) in tally.fields {
                let all = found.fields.entry(field).or_default();
                all.n += figures.n;
                all.n_differ += figures.n_differ;
                all.largest = all.largest.max(figures.largest);
            }
        }
        Ok(found)
    }

    /// The first trial that is not the same, and its first difference.
    pub fn first(&self) -> Option<(&ReplayedTrial, &FirstDifference)> {
        self.trials.iter().find_map(|trial| Some((trial, trial.first.as_ref()?)))
    }

    /// Trials in which all is the same.
    pub fn n_same(&self) -> usize {
        self.trials.iter().filter(|trial| trial.first.is_none()).count()
    }

    /// Numbers compared.
    pub fn n_numbers(&self) -> u64 {
        self.fields.values().map(|figures| figures.n).sum()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::super::sample::{Sample, write};
    use super::*;
    use crate::record::TrialRecord;

    fn trial(prompt: &str, predicted: &str, margin: f32, tested: &str) -> TrialRecord {
        let sample = Sample::new(0, "gcg", &[1], "0101", "0101").scored("a {mask}", "0101", 0.5);
        sample.scored(prompt, predicted, margin).chose(1).tested(tested, 0.25).finished(&[])
    }

    fn replay(recorded: &TrialRecord, replayed: &TrialRecord, tolerance: f64) -> Replayed {
        let folders = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        write(folders.0.path(), std::slice::from_ref(recorded), "accuracy");
        write(folders.1.path(), std::slice::from_ref(replayed), "accuracy");
        let id = recorded.key().id();
        assert_eq!(fs::read_dir(folders.0.path().join("trials")).unwrap().count(), 1);
        Replayed::compare(folders.0.path(), folders.1.path(), [(id.as_str(), id.as_str())], tolerance).unwrap()
    }

    #[test]
    fn a_replay_that_is_the_same_is_the_same() {
        let found = replay(&trial("b {mask}", "0100", 0.5, "0101"), &trial("b {mask}", "0100", 0.5, "0101"), 0.0);
        assert_eq!((found.first(), found.n_same(), found.trials[0].n_candidates), (None, 1, 2));
        assert!(found.n_numbers() > 30, "{:?}", found.fields);
        assert!(found.fields.values().all(|figures| figures.n_differ == 0 && figures.largest == 0.0));
    }

    #[test]
    fn the_first_number_that_differs_is_named_with_its_candidate() {
        let found = replay(&trial("b {mask}", "0100", 0.5, "0101"), &trial("b {mask}", "0100", 0.75, "0101"), 0.0);
        let (trial, first) = found.first().unwrap();
        assert_eq!((first.part.as_str(), first.candidate, first.field.as_str()), ("scored", Some(1), "dev.margin"));
        assert_eq!((first.recorded.as_str(), first.replayed.as_str()), ("0.5", "0.75"));
        assert_eq!((trial.parted, &trial.chosen, trial.tested), (None, &None, None));
        assert_eq!(found.fields["scored dev.margins"], FieldFigures { n: 8, n_differ: 4, largest: 0.25 });
    }

    #[test]
    fn searches_that_part_are_compared_up_to_there_and_by_what_they_chose() {
        let found = replay(&trial("b {mask}", "0100", 0.5, "0101"), &trial("c {mask}", "0100", 0.75, "0100"), 0.0);
        let (trial, first) = found.first().unwrap();
        assert_eq!((trial.parted, trial.n_candidates), (Some(1), 1));
        assert_eq!(
            (first.field.as_str(), first.recorded.as_str(), first.replayed.as_str()),
            ("prompt", "`b {mask}`", "`c {mask}`")
        );
        assert_eq!(trial.chosen, Some(["b {mask} (a=bad,b=good)".into(), "c {mask} (a=bad,b=good)".into()]));
        assert_eq!(trial.tested, Some([1.0, 0.75]));
        assert_eq!(found.fields["scored dev.margins"].n, 4, "those of the first candidate");
    }

    #[test]
    fn within_the_tolerance_nothing_differs_and_the_largest_difference_is_still_told() {
        let found = replay(&trial("b {mask}", "0100", 0.5, "0101"), &trial("b {mask}", "0100", 0.5001, "0101"), 0.001);
        assert_eq!(found.first(), None);
        let largest = found.fields["scored dev.margins"].largest;
        assert!((largest - 1e-4).abs() < 1e-6, "{largest}");
    }
}
