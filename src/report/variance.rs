//! `variance.csv`: how much of the variance of test scores goes with method, model, shots, calibration and seed.
//!
//! # Decisions
//!
//! - 2026-11: the scores are those of the chosen prompts on test, one for each row and seed; a trial that stands for several seeds counts
//!   once for each, as it does in means. Controls are left out: they are no methods.
//! - 2026-11: sums of squares of type II (see [`crate::task::statistics::anova`]): what a factor explains beyond the others, which does not
//!   depend on their order where trials are missing. `share` is of the total and is not corrected for chance: with few seeds a factor
//!   without any effect has a share of about its degrees of freedom among all.
//! - 2026-11: nothing is written where fewer than two factors have two levels: there is nothing to set against each other.

use std::collections::BTreeMap;

use crate::task::statistics::{Anova, Effect, anova};

use super::ReportError;
use super::cell::Cell;
use super::columns::{Column, csv, down, up};
use super::entry::Entry;
use super::trial::Trial;

/// A line of the table. `None` is unknown and prints as an empty cell.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct VarianceRow {
    /// `method`, `model`, `shots`, `calibration`, `seed`; then `rest` and `total`.
    pub(super) factor: &'static str,
    /// How many there are of it.
    pub(super) levels: Option<usize>,
    pub(super) df: usize,
    pub(super) sum_squares: f64,
    pub(super) share: Option<f64>,
    pub(super) f: Option<f64>,
    pub(super) p: Option<f64>,
}

/// The variance of an experiment's test scores, taken apart.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Variance {
    pub(super) rows: Vec<VarianceRow>,
    /// The scores.
    pub(super) n: usize,
    /// Whether the shares add up to 1, as they do where every combination was run.
    pub(super) adds_up: bool,
}

/// The columns of `variance.csv`.
const VARIANCE: &[Column<VarianceRow>] = &[
    up("factor", |row| Cell::words(row.factor)),
    down("df", |row| Cell::Count(row.df as u64)),
    down("sum_squares", |row| Cell::number(Some(row.sum_squares))),
    down("share", |row| Cell::number(row.share)),
    down("f", |row| Cell::number(row.f)),
    up("p", |row| Cell::p(row.p)),
    down("levels", |row| Cell::count(row.levels)),
];

impl Variance {
    /// Of the trials that have been tested; `None` where fewer than two factors vary, or too few scores are left.
    pub(super) fn of(trials: &[Trial]) -> Option<Self> {
        let entries = Entry::of(trials);
        let mut scores = Vec::new();
        let mut levels: Vec<[String; 5]> = Vec::new();
        for entry in &entries {
            for (seed, trial) in &entry.by_seed {
                let Some(score) = trial.test().map(|test| test.metric).filter(|score| score.is_finite()) else {
                    continue;
                };
                let group = &entry.group;
                scores.push(score);
                levels.push([
                    entry.label.to_owned(),
                    group.model.clone(),
                    group.shots.clone(),
                    group.calibration.clone(),
                    seed.to_string(),
                ]);
            }
        }
        const FACTORS: [&str; 5] = ["method", "model", "shots", "calibration", "seed"];
        let mut varied: Vec<(&str, usize, Vec<usize>)> = Vec::new();
        for (place, factor) in FACTORS.into_iter().enumerate() {
            let mut numbers: BTreeMap<&str, usize> = BTreeMap::new();
            let of_score = |level: &'_ [String; 5]| level[place].clone();
            for level in &levels {
                let next = numbers.len();
                numbers.entry(&level[place]).or_insert(next);
            }
            if numbers.len() > 1 {
                let column = levels.iter().map(|level| numbers[of_score(level).as_str()]).collect();
                varied.push((factor, numbers.len(), column));
            }
        }
        if varied.len() < 2 {
            return None;
        }
        let columns: Vec<Vec<usize>> = varied.iter().map(|(_, _, column)| column.clone()).collect();
        let found = anova(&scores, &columns)?;
        let of = |((factor, n_levels, _), effect): (&(&'static str, usize, Vec<usize>), &Effect)| VarianceRow {
            factor,
            levels: Some(*n_levels),
            df: effect.df,
            sum_squares: effect.sum_squares,
            // A factor that always changes with another has no share that could be told.
            share: effect.share.filter(|_| effect.df > 0),
            f: effect.f,
            p: effect.p,
        };
        let mut rows: Vec<VarianceRow> = varied.iter().zip(&found.effects).map(of).collect();
        rows.extend(sums(&found));
        Some(Self { rows, n: found.n, adds_up: found.adds_up() })
    }

    /// The file.
    ///
    /// # Errors
    /// [`ReportError`] if it cannot be printed.
    pub(super) fn to_csv(&self) -> Result<Vec<u8>, ReportError> {
        csv(VARIANCE, &self.rows)
    }
}

/// The rest and the total.
fn sums(found: &Anova) -> [VarianceRow; 2] {
    let row = |factor, df, sum_squares: f64| VarianceRow {
        factor,
        levels: None,
        df,
        sum_squares,
        share: (found.total > 0.0).then(|| sum_squares / found.total),
        f: None,
        p: None,
    };
    [row("rest", found.rest_df, found.rest), row("total", found.n - 1, found.total)]
}

#[cfg(test)]
mod tests {
    use crate::record::TrialRecord;

    use super::super::sample::{Sample, with};
    use super::*;

    const GOLD: &str = "0011001100";

    fn trial(item: usize, method: &str, seeds: &[u64], right: usize) -> Sample {
        let test: String =
            GOLD.chars().enumerate().map(|(i, c)| if (i < right) == (c == '0') { '0' } else { '1' }).collect();
        let sample = Sample::new(item, method, seeds, "01", GOLD).scored(method, "01", 0.5);
        sample.chose(0).tested(&test, 0.5)
    }

    fn variance(trials: &[TrialRecord]) -> Option<Variance> {
        with(trials, |trials| Variance::of(&trials.unwrap()))
    }

    #[test]
    fn the_table_is_exactly_this() {
        // 0.5 and 0.5 against 0.8 and 1.0: method takes 0.16, seed 0.01, the rest 0.01 of 0.18.
        let trials = [
            trial(0, "manual", &[1, 2], 5).finished(&[]),
            trial(1, "autoprompt", &[1], 8).finished(&[]),
            trial(1, "autoprompt", &[2], 10).finished(&[]),
        ];
        let csv = String::from_utf8(variance(&trials).unwrap().to_csv().unwrap()).unwrap();
        assert_eq!(
            csv,
            "factor,df,sum_squares,share,f,p,levels\n\
             method,1,0.16,0.888889,16,0.156,2\n\
             seed,1,0.01,0.055556,1,0.5,2\n\
             rest,1,0.01,0.055556,,,\n\
             total,3,0.18,1,,,\n"
        );
    }

    #[test]
    fn one_factor_a_control_and_a_failed_trial_leave_nothing_to_take_apart() {
        let one = [trial(0, "manual", &[1], 5).finished(&[]), trial(1, "random", &[1], 6).finished(&[])];
        assert_eq!(variance(&one), None);
        let [manual, random] = one;
        let control = trial(1, "random", &[2], 7).control("shuffled_labels").finished(&[]);
        let failed = trial(1, "random", &[3], 7).failed("no memory left");
        assert_eq!(variance(&[manual, random, control, failed]), None);
        assert_eq!(variance(&[]), None);
    }

    #[test]
    fn a_factor_that_changes_with_another_has_no_share() {
        let trials = [
            trial(0, "manual", &[1], 5).model("a").finished(&[]),
            trial(0, "manual", &[2], 6).model("a").finished(&[]),
            trial(1, "random", &[1], 7).model("b").finished(&[]),
            trial(1, "random", &[2], 9).model("b").finished(&[]),
        ];
        let found = variance(&trials).unwrap();
        let shares: Vec<_> = found.rows.iter().map(|row| (row.factor, row.df, row.share.is_some())).collect();
        assert_eq!(
            shares,
            [("method", 0, false), ("model", 0, false), ("seed", 1, true), ("rest", 1, true), ("total", 3, true)]
        );
        assert!(!found.adds_up);
    }
}
