//! Several results folders averaged, each counted once: the relations of a benchmark of facts, for one.
//!
//! # Decisions
//!
//! - 2026-11: an average is over folders, not over examples: LAMA's figures are means over relations, whatever their size (arXiv
//!   1909.01066). A row is averaged over the folders that have it, and says how many those are.
//! - 2026-11: against `manual` the differences of the folders are tested by signs flipped (exact up to 14 folders): a relation is one
//!   observation, for what helps all relations a little is more than what helps one a lot.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use crate::task::statistics::sign_flip;

use super::group::Group;
use super::leaderboard::Leaderboard;
use super::{ReportError, Row};

/// Keys the random draws of the test where there are many folders.
const SEED: u64 = 13;

/// A row, and the manual one of its folder and group.
type Pair<'b> = (&'b Row, Option<&'b Row>);

/// A method's figures over folders. What is unknown is `None`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AverageRow {
    /// The method.
    pub method: String,
    /// The model.
    pub model: String,
    /// The shots.
    pub shots: String,
    /// The calibration.
    pub calibration: String,
    /// The folders in which it has a figure on test.
    pub folders: usize,
    /// The mean of the metric on test over them.
    pub test_mean: Option<f64>,
    /// The least and the greatest.
    pub test_low: Option<f64>,
    /// The greatest.
    pub test_high: Option<f64>,
    /// The mean difference from the manual row of the same folder.
    pub vs_manual: Option<f64>,
    /// Its p-value by signs flipped over folders, not adjusted.
    pub vs_manual_p: Option<f64>,
    /// The folders in which it is better than the manual row, whatever the margin.
    pub better: usize,
    /// Precision at 1, of facts.
    pub test_p_at_1: Option<f64>,
    /// Precision at 10, of facts.
    pub test_p_at_10: Option<f64>,
    /// The mean reciprocal rank, of facts.
    pub test_mrr: Option<f64>,
}

/// Several leaderboards averaged.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Average {
    /// The metric of all of them.
    pub metric: String,
    /// How many there are.
    pub folders: usize,
    /// Their rows, within each model, shots and calibration best first.
    pub rows: Vec<AverageRow>,
}

impl Average {
    /// Averages the leaderboards of results folders.
    ///
    /// # Errors
    /// As [`Leaderboard::load`]; [`ReportError::OtherMetric`] where they go by different metrics.
    pub fn load(folders: &[impl AsRef<Path>]) -> Result<Self, ReportError> {
        let mut boards = Vec::with_capacity(folders.len());
        for folder in folders {
            boards.push((folder.as_ref(), Leaderboard::load(folder.as_ref())?));
        }
        let metric = boards.first().map_or_else(String::new, |(_, board)| board.asked.metric.clone());
        if let Some((folder, other)) = boards.iter().find(|(_, board)| board.asked.metric != metric) {
            let (folder, found) = (folder.display().to_string(), other.asked.metric.clone());
            return Err(ReportError::OtherMetric { folder, found, first: metric });
        }
        Ok(Self::of(&boards.into_iter().map(|(_, board)| board).collect::<Vec<_>>(), metric))
    }

    fn of(boards: &[Leaderboard], metric: String) -> Self {
        // Each row with the manual one of its folder and group.
        let mut found: BTreeMap<(Group, usize, &str), Vec<Pair<'_>>> = BTreeMap::new();
        for section in boards.iter().flat_map(|board| &board.sections) {
            let manual = section.rows.iter().find(|row| row.method == "manual");
            for row in section.rows.iter().filter(|row| row.test_mean.is_some()) {
                found.entry((section.group.clone(), row.item, &row.method)).or_default().push((row, manual));
            }
        }
        let mut rows: Vec<(Group, AverageRow)> = (found.iter())
            .map(|((group, _, method), rows)| (group.clone(), AverageRow::of(group, method, rows)))
            .collect();
        rows.sort_by(|(first, a), (second, b)| {
            let by_mean = b.test_mean.unwrap_or(f64::MIN).total_cmp(&a.test_mean.unwrap_or(f64::MIN));
            first.cmp(second).then(by_mean)
        });
        Self { metric, folders: boards.len(), rows: rows.into_iter().map(|(_, row)| row).collect() }
    }

    /// The rows as CSV; an unknown is an empty cell.
    ///
    /// # Errors
    /// [`ReportError::Print`].
    pub fn to_csv(&self) -> Result<String, ReportError> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        for row in &self.rows {
            writer.serialize(row).map_err(ReportError::print)?;
        }
        let bytes = writer.into_inner().map_err(|error| ReportError::print(error.to_string()))?;
        String::from_utf8(bytes).map_err(ReportError::print)
    }
}

impl AverageRow {
    fn of(group: &Group, method: &str, rows: &[Pair<'_>]) -> Self {
        let mean = |of: &dyn Fn(&Row) -> Option<f64>| {
            let values: Vec<f64> = rows.iter().filter_map(|(row, _)| of(row)).collect();
            (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
        };
        let all = || rows.iter().filter_map(|(row, _)| row.test_mean);
        let difference = |(row, manual): &Pair<'_>| Some(row.test_mean? - (*manual)?.test_mean?);
        let differences: Vec<f64> = rows.iter().filter_map(difference).collect();
        let compared = method != "manual" && !differences.is_empty();
        Self {
            method: method.to_owned(),
            model: group.model.clone(),
            shots: group.shots.clone(),
            calibration: group.calibration.clone(),
            folders: rows.len(),
            test_mean: mean(&|row| row.test_mean),
            test_low: all().reduce(f64::min),
            test_high: all().reduce(f64::max),
            vs_manual: compared.then(|| differences.iter().sum::<f64>() / differences.len() as f64),
            vs_manual_p: compared.then(|| sign_flip(&differences, SEED)),
            better: differences.iter().filter(|difference| **difference > 0.0).count(),
            test_p_at_1: mean(&|row| Some(row.facts?.p_at_1)),
            test_p_at_10: mean(&|row| Some(row.facts?.p_at_10)),
            test_mrr: mean(&|row| Some(row.facts?.mrr)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::asked::Asked;
    use super::super::sample::{Sample, asked, leaderboard};
    use super::*;

    #[test]
    fn folders_count_alike_whatever_their_size_and_are_compared_pair_by_pair() {
        let trial = |item, method: &str, ranks: &[u32]| {
            let values: Vec<f64> = ranks.iter().map(|&rank| 1.0 / f64::from(rank)).collect();
            let gold = "0".repeat(ranks.len());
            let sample = Sample::new(item, method, &[1], &gold, &gold).valued(method, &values, 0.5).chose(0);
            sample.tested_values(&values).ranked(ranks).finished(&[])
        };
        let of_mrr = || Asked { metric: "mrr".into(), select_by: "mrr".into(), ..asked() };
        let boards = [
            leaderboard(&[trial(0, "manual", &[2, 2]), trial(1, "gcg", &[1, 1])], of_mrr()),
            leaderboard(&[trial(0, "manual", &[4; 8]), trial(1, "gcg", &[2; 8])], of_mrr()),
            leaderboard(&[trial(0, "manual", &[1, 20])], of_mrr()),
        ];
        let average = Average::of(&boards, "mrr".into());
        let [gcg, manual] = &average.rows[..] else { panic!("{:?}", average.rows) };
        assert_eq!((gcg.method.as_str(), gcg.folders, gcg.better), ("gcg", 2, 2));
        assert_eq!((gcg.test_mean, gcg.test_low, gcg.test_high), (Some(0.75), Some(0.5), Some(1.0)));
        assert_eq!((gcg.vs_manual, gcg.vs_manual_p), (Some(0.375), Some(0.5)), "two of four signs are as far out");
        assert_eq!((manual.folders, manual.vs_manual, manual.better), (3, None, 0));
        assert!((manual.test_mrr.unwrap() - (0.5 + 0.25 + 0.525) / 3.0).abs() < 1e-12);
        assert_eq!(gcg.test_p_at_1, Some(0.5));
        assert!(average.to_csv().unwrap().starts_with("method,model,shots,calibration,folders,test_mean,"));
    }
}
