//! The comparison of folders as a whole.

use std::path::{Path, PathBuf};

use crate::task::Metric;
use crate::task::statistics::holm;

use super::super::digest::Verdict;
use super::super::entry::Entry;
use super::super::group::Group;
use super::between::RowChoice;
use super::error::CompareError;
use super::pairs::{Difference, Known, difference};
use super::side::Side;
use super::unlike::Unlike;

/// Results folders side by side.
#[derive(Debug, Clone, PartialEq)]
pub struct SideBySide {
    /// The folders, the first being the one that the others are compared with.
    pub folders: Vec<Folder>,
    /// The metric of all of them.
    pub metric: String,
    /// What differs in the experiments and in what they ran on.
    pub unlike: Vec<Unlike>,
    /// The rows that were compared, ordered by group, then by their place in the first folder.
    pub rows: Vec<Compared>,
    /// Rows that were not.
    pub left_out: Vec<LeftOut>,
}

/// A folder that is compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    /// What it is called in the tables: `A`.
    pub letter: String,
    /// The folder as the user wrote it.
    pub path: PathBuf,
    /// Trials of its experiment that are not complete.
    pub n_open: usize,
}

/// A row of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowName {
    /// The folder, as its place among those compared.
    pub folder: usize,
    /// The row's label: `autoprompt 2`.
    pub label: String,
    /// Model, shots and calibration.
    pub group: Group,
    /// The prompt chosen in the seed with the best dev metric.
    pub prompt: String,
}

/// Two rows compared on test.
#[derive(Debug, Clone, PartialEq)]
pub struct Compared {
    /// The row that the other is compared with.
    pub first: RowName,
    /// The other.
    pub other: RowName,
    /// The metric of the first, over the paired seeds and the examples that both have.
    pub first_mean: f64,
    /// The same of the other.
    pub other_mean: f64,
    /// `other_mean - first_mean`.
    pub difference: f64,
    /// Lower end of its 95 % interval.
    pub low: f64,
    /// Upper end of its 95 % interval.
    pub high: f64,
    /// Two-sided p-value, not adjusted.
    pub p: f64,
    /// The same, adjusted by Holm over the rows compared.
    pub p_holm: f64,
    /// Seeds paired.
    pub n_seeds: usize,
    /// Whether they are paired in their order, no number being in both.
    pub seeds_in_order: bool,
    /// Whether predictions do not vary between seeds, so that only examples do.
    pub one_seed: bool,
    /// Test examples that both have.
    pub n_examples: usize,
    /// Test examples of the first and of the other.
    pub n_of: [usize; 2],
}

/// A row that has nothing to be compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// The row.
    pub row: RowName,
    /// Why.
    pub why: String,
}

impl Compared {
    /// `better`, `worse` or `not resolved`: whether the other row differs, at 5 % over all rows compared.
    pub fn verdict(&self) -> &'static str {
        Verdict::of(self.difference, self.p_holm).words()
    }
}

impl SideBySide {
    /// Compares the rows that folders have in common, or those that `between` names: of each pair the first row in the first folder
    /// with the other one in every further folder, or in the same where there is but one.
    ///
    /// # Errors
    /// [`CompareError`].
    pub fn load(folders: &[impl AsRef<Path>], between: &[(String, String)]) -> Result<Self, CompareError> {
        let sides = folders
            .iter()
            .enumerate()
            .map(|(place, folder)| Side::load(folder.as_ref(), place))
            .collect::<Result<Vec<Side>, _>>()?;
        let entries: Vec<Vec<Entry<'_>>> = sides.iter().map(Side::entries).collect();
        let Some(first) = sides.first().filter(|_| sides.len() > 1 || !between.is_empty()) else {
            return Err(CompareError::OneFolder {
                known: entries.first().map(|rows| labels(rows)).unwrap_or_default(),
            });
        };
        let metric = first.asked.metric.clone();
        if let Some(other) = sides.iter().find(|side| side.asked.metric != metric) {
            let (first, found) = (first.name(), other.asked.metric.clone());
            return Err(CompareError::OtherMetric { first, metric, other: other.name(), found });
        }
        let mut left_out = Vec::new();
        let pairs = match between.is_empty() {
            true => same(&entries, &sides, &mut left_out),
            false => named(&entries, &sides, between)?,
        };
        let by = metric.parse().unwrap_or(Metric::Accuracy);
        let mut known = Known::default();
        let mut rows = Vec::new();
        for ((a, first), (b, other)) in pairs {
            let names = (name(a, first), name(b, other));
            match difference((&sides[a], first), (&sides[b], other), by, &mut known)? {
                Some(found) => rows.push(Compared::of(names, &found)),
                None => {
                    let why = format!(
                        "has no seed with test predictions in both {} and {}",
                        sides[a].letter, sides[b].letter
                    );
                    left_out.push(LeftOut { row: names.1, why });
                }
            }
        }
        let p: Vec<f64> = rows.iter().map(|row: &Compared| row.p).collect();
        rows.iter_mut().zip(holm(&p)).for_each(|(row, p)| row.p_holm = p);
        let folder =
            |side: &Side| Folder { letter: side.letter.clone(), path: side.folder.clone(), n_open: side.n_open() };
        let unlike = Unlike::all(&sides);
        Ok(Self { folders: sides.iter().map(folder).collect(), metric, unlike, rows, left_out })
    }

    /// How many rows are better, worse and not resolved.
    pub fn totals(&self) -> [(&'static str, usize); 3] {
        [Verdict::Better, Verdict::Worse, Verdict::NotResolved]
            .map(|verdict| (verdict.words(), self.rows.iter().filter(|row| row.verdict() == verdict.words()).count()))
    }
}

impl Compared {
    fn of((first, other): (RowName, RowName), found: &Difference) -> Self {
        Self {
            first,
            other,
            first_mean: found.first,
            other_mean: found.other,
            difference: found.difference,
            low: found.low,
            high: found.high,
            p: found.p,
            p_holm: found.p,
            n_seeds: found.n_seeds,
            seeds_in_order: found.in_order,
            one_seed: found.one_seed,
            n_examples: found.n_examples,
            n_of: found.n_of,
        }
    }
}

/// A row with its folder's place.
type Placed<'e, 'a> = (usize, &'e Entry<'a>);

/// The rows that several folders have, each with that of the first folder that has it.
fn same<'e, 'a>(
    entries: &'e [Vec<Entry<'a>>],
    sides: &[Side],
    left_out: &mut Vec<LeftOut>,
) -> Vec<(Placed<'e, 'a>, Placed<'e, 'a>)> {
    let key = |entry: &Entry<'a>| (entry.group.clone(), entry.label);
    let find = |place: usize, entry: &Entry<'a>| entries[place].iter().find(|other| key(other) == key(entry));
    let mut pairs = Vec::new();
    for (place, rows) in entries.iter().enumerate() {
        for entry in rows.iter().filter(|entry| (0..place).all(|before| find(before, entry).is_none())) {
            let others: Vec<_> = (place + 1..entries.len()).filter_map(|at| Some((at, find(at, entry)?))).collect();
            if others.is_empty() {
                let why = format!("only in {}", sides[place].letter);
                left_out.push(LeftOut { row: name(place, entry), why });
            }
            pairs.extend(others.into_iter().map(|other| ((place, entry), other)));
        }
    }
    pairs.sort_by_cached_key(|((place, entry), other)| (entry.group.clone(), *place, entry.item, other.0));
    pairs
}

/// The rows that a user names.
fn named<'e, 'a>(
    entries: &'e [Vec<Entry<'a>>],
    sides: &[Side],
    between: &[(String, String)],
) -> Result<Vec<(Placed<'e, 'a>, Placed<'e, 'a>)>, CompareError> {
    let known = |place: usize, choice: &RowChoice| match entries[place].iter().any(|entry| entry.label == choice.label)
    {
        true => Ok(()),
        false => {
            let (folder, known) = (sides[place].name(), labels(&entries[place]));
            Err(CompareError::UnknownRow { folder, found: choice.label.clone(), known })
        }
    };
    let further = if sides.len() == 1 { 0..1 } else { 1..sides.len() };
    let mut pairs = Vec::new();
    for (first, other) in between {
        let (first, other): (RowChoice, RowChoice) = (first.parse()?, other.parse()?);
        known(0, &first)?;
        for place in further.clone() {
            known(place, &other)?;
            let found = first.pairs(&other, &entries[0], &entries[place])?;
            pairs.extend(found.into_iter().map(|(a, b)| ((0, a), (place, b))));
        }
    }
    Ok(pairs)
}

fn name(folder: usize, entry: &Entry<'_>) -> RowName {
    let prompt = entry.shown().map(|(_, scored)| scored.record.prompt.clone()).unwrap_or_default();
    RowName { folder, label: entry.label.into(), group: entry.group.clone(), prompt }
}

/// The labels of rows, each once.
fn labels(entries: &[Entry<'_>]) -> String {
    let mut labels: Vec<&str> = Vec::new();
    for entry in entries {
        if !labels.contains(&entry.label) {
            labels.push(entry.label);
        }
    }
    if labels.is_empty() { "none yet".into() } else { labels.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::super::super::sample::{Sample, write};
    use super::*;
    use crate::error::{ExitCode, Fault};
    use crate::record::TrialRecord;
    use crate::task::Metric;

    const GOLD: &str = "0101010101010101";

    fn trial(item: usize, method: &str, seed: u64, predicted: &str) -> TrialRecord {
        let sample = Sample::new(item, method, &[seed], "01", GOLD).scored(&format!("{method} {{mask}}"), "01", 0.5);
        sample.chose(0).tested(predicted, 0.5).finished(&[])
    }

    fn folders(all: &[&[TrialRecord]]) -> Vec<tempfile::TempDir> {
        let folder = |trials: &&[TrialRecord]| {
            let folder = tempfile::tempdir().unwrap();
            write(folder.path(), trials, "accuracy");
            folder
        };
        all.iter().map(folder).collect()
    }

    fn compare(all: &[&[TrialRecord]], between: &[(&str, &str)]) -> Result<SideBySide, CompareError> {
        let folders = folders(all);
        let paths: Vec<&Path> = folders.iter().map(tempfile::TempDir::path).collect();
        let between: Vec<(String, String)> = between.iter().map(|(a, b)| ((*a).into(), (*b).into())).collect();
        SideBySide::load(&paths, &between)
    }

    #[test]
    fn one_seed_is_mcnemar_by_hand_and_holm_is_over_all_rows() {
        // A has 9 of 16 right, B 14: 6 that only B has and 1 that only A has. Mid-p: (2 (1 + 7) - 7) / 2^7.
        let rights = |digits: &str| -> String {
            digits
                .chars()
                .zip(GOLD.chars())
                .map(|(right, gold)| if (right == '1') == (gold == '1') { '1' } else { '0' })
                .collect()
        };
        let of_a = trial(0, "gcg", 1, &rights("1111111110000000"));
        let of_b = trial(0, "gcg", 1, &rights("1111111101111110"));
        let (same, again) = (trial(1, "manual", 1, GOLD), trial(1, "manual", 1, GOLD));
        let found = compare(&[&[of_a, same], &[of_b, again]], &[]).unwrap();
        let [gcg, manual] = &found.rows[..] else { panic!("{found:?}") };
        assert_eq!((gcg.first_mean, gcg.other_mean, gcg.difference), (0.5625, 0.875, 0.3125));
        let p = 9.0 / 128.0;
        assert_eq!((gcg.p, gcg.p_holm, gcg.verdict()), (p, 2.0 * p, "not resolved"));
        assert!(gcg.one_seed && gcg.low < 0.0 && gcg.high > 0.3125, "{gcg:?}");
        assert_eq!((manual.difference, manual.p, manual.p_holm), (0.0, 1.0, 1.0));
        assert_eq!(found.totals().map(|(_, n)| n), [0, 0, 2]);
        assert!(found.unlike.is_empty() && found.left_out.is_empty());
    }

    #[test]
    fn every_further_folder_is_compared_with_the_first_that_has_the_row() {
        let wrong = "1010101010101010";
        let found = compare(
            &[
                &[trial(0, "gcg", 1, wrong)],
                &[trial(0, "gcg", 1, GOLD), trial(1, "pez", 1, GOLD)],
                &[trial(3, "pez", 1, wrong)],
            ],
            &[],
        )
        .unwrap();
        let said: Vec<(usize, usize, &str, &str)> = (found.rows.iter())
            .map(|row| (row.first.folder, row.other.folder, row.first.label.as_str(), row.verdict()))
            .collect();
        assert_eq!(said, [(0, 1, "gcg", "better"), (1, 2, "pez", "worse")]);
        assert_eq!(found.totals(), [("better", 1), ("worse", 1), ("not resolved", 0)]);
        let alone = compare(&[&[trial(0, "gcg", 1, GOLD)], &[trial(0, "pez", 1, GOLD)]], &[]).unwrap();
        let whys: Vec<&str> = alone.left_out.iter().map(|out| out.why.as_str()).collect();
        assert_eq!((alone.rows.len(), whys), (0, vec!["only in A", "only in B"]));
    }

    #[test]
    fn seeds_are_paired_by_number_and_in_order_only_where_none_is_in_both() {
        let half = "0101010110101010";
        let pair = |seeds: [u64; 2]| [trial(0, "gcg", seeds[0], half), trial(0, "gcg", seeds[1], GOLD)];
        let of = |a: &[TrialRecord], b: &[TrialRecord]| {
            let row = compare(&[a, b], &[]).unwrap().rows.remove(0);
            (row.n_seeds, row.seeds_in_order, row.difference)
        };
        assert_eq!(of(&pair([1, 2]), &pair([1, 2])), (2, false, 0.0));
        assert_eq!(of(&pair([1, 2]), &pair([2, 3])), (1, false, -0.5), "seed 2 alone is in both");
        assert_eq!(of(&pair([1, 2]), &pair([3, 4])), (2, true, 0.0));
    }

    #[test]
    fn two_rows_are_compared_within_a_folder_and_across() {
        let (one, other) = ([trial(0, "gcg", 1, GOLD), trial(1, "pez", 1, GOLD)], [trial(0, "pez", 1, GOLD)]);
        let within = compare(&[&one], &[("gcg", "pez")]).unwrap();
        assert_eq!((within.rows.len(), within.rows[0].other.label.as_str()), (1, "pez"));
        let across = compare(&[&one, &other], &[("gcg", "pez"), ("pez", "pez")]).unwrap();
        assert_eq!(across.rows.len(), 2);
        assert!(across.rows.iter().all(|row| (row.first.folder, row.other.folder) == (0, 1)));
    }

    #[test]
    fn what_cannot_be_compared_is_refused_with_what_there_is() {
        let gcg = || [trial(0, "gcg", 1, GOLD)];
        let fault = |result: Result<SideBySide, CompareError>| {
            let error = result.unwrap_err();
            (error.to_string(), error.exit_code())
        };
        let (said, code) = fault(compare(&[&gcg()], &[]));
        assert!(
            said.contains("one folder has nothing") && said.contains("rows: gcg") && code == ExitCode::Usage,
            "{said}"
        );
        let (said, code) = fault(compare(&[&gcg(), &gcg()], &[("gcg", "pez")]));
        assert!(said.ends_with("has no row `pez` (rows: gcg)") && code == ExitCode::Usage, "{said}");
        let (said, code) = fault(compare(&[&gcg()], &[("gcg,shots=0", "gcg,shots=16")]));
        assert!(said.contains("have no model, shots and calibration in common") && code == ExitCode::Usage, "{said}");
        let other = Sample::new(0, "gcg", &[1], "01", "0000000011111111").scored("{mask}", "01", 0.5).chose(0);
        let (said, code) = fault(compare(&[&gcg(), &[other.tested(GOLD, 0.5).finished(&[])]], &[]));
        assert!(said.starts_with("8 of the 16 test examples") && code == ExitCode::Results, "{said}");
    }

    #[test]
    fn f1_is_compared_by_pseudo_values_around_the_raw_difference() {
        let sample = |predicted: &str| {
            let sample = Sample::new(0, "gcg", &[1], "01", GOLD).metric(Metric::MacroF1).scored("{mask}", "01", 0.5);
            [sample.chose(0).tested(predicted, 0.5).finished(&[])]
        };
        let all = [sample("0101010101010111"), sample("0101010100000101")];
        let folders: Vec<tempfile::TempDir> = (0..2).map(|_| tempfile::tempdir().unwrap()).collect();
        for (folder, trials) in folders.iter().zip(&all) {
            write(folder.path(), trials, "macro_f1");
        }
        let paths: Vec<&Path> = folders.iter().map(tempfile::TempDir::path).collect();
        let row = SideBySide::load(&paths, &[]).unwrap().rows.remove(0);
        assert!((row.other_mean - row.first_mean - row.difference).abs() < 1e-12);
        assert!(row.low < row.difference && row.difference < row.high && row.p < 1.0, "{row:?}");
    }
}
