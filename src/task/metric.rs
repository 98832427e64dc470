//! Metrics: functions of a classifier's confusion counts, and means of one value an example.
//!
//! # Decisions
//!
//! - 2026-11: a metric says itself what it is made of ([`Basis`]), what an example's value can be ([`Metric::range`]) and whether it
//!   counts examples right ([`Metric::is_share`]); racing, intervals and tests ask that, and no list of names.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::task::{TaskError, answer_rank};

/// What a metric is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis {
    /// The confusion counts.
    Counts,
    /// One value an example, which the label scores tell; the metric is their mean.
    Scores,
    /// One value an example, which the text that the model writes tells; the metric is their mean.
    Texts,
}

/// A metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// The share of examples whose prediction is the gold label, in [0, 1].
    Accuracy,
    /// The unweighted mean of the labels' F1, in [0, 1]. A label that is neither gold nor predicted anywhere has no F1 and
    /// is left out of the mean; one that occurs but is never hit has F1 0.
    MacroF1,
    /// Matthews' correlation coefficient, in [-1, 1]; for more than two labels Gorodkin's R_K (2004,
    /// doi:10.1016/j.compbiolchem.2004.09.006). 0 where it is undefined: all gold labels, or all predictions, are the same.
    Matthews,
    /// The mean log-probability of the examples' references, in nats: at most 0, and without a least value.
    TargetLogLikelihood,
    /// The share of examples whose text is the reference ([`crate::task::overlap::exact_match`]), in [0, 1].
    ExactMatch,
    /// The mean ROUGE-L F-measure of text and reference ([`crate::task::overlap::rouge_l`]), in [0, 1].
    RougeL,
    /// The share of facts whose object is ranked first ([`answer_rank`]), in [0, 1].
    #[serde(rename = "p_at_1")]
    PAt1,
    /// The share of facts whose object is among the first ten, in [0, 1].
    #[serde(rename = "p_at_10")]
    PAt10,
    /// The mean over facts of one over the rank of the object, in [0, 1].
    Mrr,
}

impl Metric {
    /// All of them, in the order in which they are listed.
    pub const ALL: [Self; 9] = [
        Self::Accuracy,
        Self::MacroF1,
        Self::Matthews,
        Self::TargetLogLikelihood,
        Self::ExactMatch,
        Self::RougeL,
        Self::PAt1,
        Self::PAt10,
        Self::Mrr,
    ];

    /// The name in YAML and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Accuracy => "accuracy",
            Self::MacroF1 => "macro_f1",
            Self::Matthews => "matthews",
            Self::TargetLogLikelihood => "target_log_likelihood",
            Self::ExactMatch => "exact_match",
            Self::RougeL => "rouge_l",
            Self::PAt1 => "p_at_1",
            Self::PAt10 => "p_at_10",
            Self::Mrr => "mrr",
        }
    }

    /// What it is made of.
    pub fn basis(self) -> Basis {
        match self {
            Self::Accuracy | Self::MacroF1 | Self::Matthews => Basis::Counts,
            Self::TargetLogLikelihood | Self::PAt1 | Self::PAt10 | Self::Mrr => Basis::Scores,
            Self::ExactMatch | Self::RougeL => Basis::Texts,
        }
    }

    /// Whether it is the mean of one value an example that is kept beside the predictions.
    pub fn is_of_values(self) -> bool {
        self.basis() != Basis::Counts
    }

    /// Whether it is a share of examples: each counts as 0 or 1, so that proportions' intervals and tests hold.
    pub fn is_share(self) -> bool {
        matches!(self, Self::Accuracy | Self::ExactMatch | Self::PAt1 | Self::PAt10)
    }

    /// Whether it is of tasks whose examples have references, not labels.
    pub fn is_of_references(self) -> bool {
        matches!(self, Self::TargetLogLikelihood | Self::ExactMatch | Self::RougeL)
    }

    /// Whether it is of tasks of facts, whose labels are objects that are ranked.
    pub fn is_of_facts(self) -> bool {
        matches!(self, Self::PAt1 | Self::PAt10 | Self::Mrr)
    }

    /// The least and the greatest value that it can have, of one example or of many.
    pub fn range(self) -> (f64, f64) {
        match self {
            Self::Accuracy | Self::MacroF1 | Self::ExactMatch | Self::RougeL => (0.0, 1.0),
            Self::PAt1 | Self::PAt10 | Self::Mrr => (0.0, 1.0),
            Self::Matthews => (-1.0, 1.0),
            Self::TargetLogLikelihood => (f64::NEG_INFINITY, 0.0),
        }
    }

    /// The value of an example, from its log-probabilities among the labels and its gold label; `None` where they do not tell it.
    pub fn value(self, scores: &[f64], gold: usize) -> Option<f64> {
        match self {
            Self::TargetLogLikelihood => scores.get(gold).copied(),
            Self::PAt1 => answer_rank(scores, gold).map(|rank| f64::from(u8::from(rank <= 1))),
            Self::PAt10 => answer_rank(scores, gold).map(|rank| f64::from(u8::from(rank <= 10))),
            Self::Mrr => answer_rank(scores, gold).map(|rank| 1.0 / rank as f64),
            Self::Accuracy | Self::MacroF1 | Self::Matthews | Self::ExactMatch | Self::RougeL => None,
        }
    }

    /// The metric of confusion counts; NaN if nothing was counted, since no number would be true of nothing, and where counts do
    /// not tell it.
    pub fn of(&self, confusion: &Confusion) -> f64 {
        if confusion.total() == 0 {
            return f64::NAN;
        }
        match self {
            Self::Accuracy => confusion.correct() as f64 / confusion.total() as f64,
            Self::MacroF1 => confusion.macro_f1(),
            Self::Matthews => confusion.matthews(),
            Self::TargetLogLikelihood | Self::ExactMatch | Self::RougeL | Self::PAt1 | Self::PAt10 | Self::Mrr => {
                f64::NAN
            }
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Metric {
    type Err = TaskError;

    fn from_str(text: &str) -> Result<Self, TaskError> {
        Self::ALL.into_iter().find(|metric| metric.name() == text).ok_or_else(|| TaskError::UnknownMetric {
            name: text.to_owned(),
            known: Self::ALL.map(Self::name).to_vec(),
        })
    }
}

/// How often each gold label was predicted as each label: `[n_labels, n_labels]`, gold by predicted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confusion {
    n_labels: usize,
    counts: Vec<u64>,
}

impl Confusion {
    /// No example counted yet.
    pub fn new(n_labels: usize) -> Self {
        Self { n_labels, counts: vec![0; n_labels * n_labels] }
    }

    /// Counts (gold, predicted) pairs of label indices.
    ///
    /// # Panics
    /// If an index is not below `n_labels`.
    pub fn from_pairs(n_labels: usize, pairs: impl IntoIterator<Item = (usize, usize)>) -> Self {
        let mut confusion = Self::new(n_labels);
        for (gold, predicted) in pairs {
            confusion.add(gold, predicted);
        }
        confusion
    }

    /// Counts one example.
    ///
    /// # Panics
    /// If an index is not below `n_labels`.
    pub fn add(&mut self, gold: usize, predicted: usize) {
        assert!(gold < self.n_labels && predicted < self.n_labels, "label indices are below {}", self.n_labels);
        self.counts[gold * self.n_labels + predicted] += 1;
    }

    /// The number of labels.
    pub fn n_labels(&self) -> usize {
        self.n_labels
    }

    /// The examples of a gold label that were predicted as a label.
    pub fn count(&self, gold: usize, predicted: usize) -> u64 {
        self.counts[gold * self.n_labels + predicted]
    }

    /// All examples.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The examples predicted as their gold label.
    pub fn correct(&self) -> u64 {
        (0..self.n_labels).map(|label| self.count(label, label)).sum()
    }

    /// The examples with that gold label.
    pub fn gold(&self, label: usize) -> u64 {
        (0..self.n_labels).map(|predicted| self.count(label, predicted)).sum()
    }

    /// The examples predicted as that label.
    pub fn predicted(&self, label: usize) -> u64 {
        (0..self.n_labels).map(|gold| self.count(gold, label)).sum()
    }

    /// F1 of one label, 2 hits / (gold + predicted); none if the label does not occur.
    pub fn f1(&self, label: usize) -> Option<f64> {
        let occurs = self.gold(label) + self.predicted(label);
        (occurs > 0).then(|| 2.0 * self.count(label, label) as f64 / occurs as f64)
    }

    fn macro_f1(&self) -> f64 {
        let scores: Vec<f64> = (0..self.n_labels).filter_map(|label| self.f1(label)).collect();
        scores.iter().sum::<f64>() / scores.len() as f64
    }

    /// R_K = (c s - sum_k p_k t_k) / sqrt((s^2 - sum_k p_k^2) (s^2 - sum_k t_k^2)), with c correct, s all, t gold, p predicted.
    fn matthews(&self) -> f64 {
        let total = self.total() as f64;
        let (mut agreement, mut predicted_squares, mut gold_squares) = (0.0, 0.0, 0.0);
        for label in 0..self.n_labels {
            let (gold, predicted) = (self.gold(label) as f64, self.predicted(label) as f64);
            agreement += gold * predicted;
            predicted_squares += predicted * predicted;
            gold_squares += gold * gold;
        }
        let scale = (total * total - predicted_squares) * (total * total - gold_squares);
        if scale > 0.0 { (self.correct() as f64 * total - agreement) / scale.sqrt() } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(rows: &[&[u64]]) -> Confusion {
        Confusion { n_labels: rows.len(), counts: rows.concat() }
    }

    #[test]
    fn metrics_agree_with_figures_worked_by_hand() {
        // 2 labels: 6 of 8 negatives and 3 of 4 positives hit.
        let confusion = counts(&[&[6, 2], &[1, 3]]);
        assert!((Metric::Accuracy.of(&confusion) - 9.0 / 12.0).abs() < 1e-12);
        assert!((Metric::MacroF1.of(&confusion) - (12.0 / 15.0 + 6.0 / 9.0) / 2.0).abs() < 1e-12);
        // (TP TN - FP FN) / sqrt(...) = (3*6 - 2*1) / sqrt(5*4*8*7)
        assert!((Metric::Matthews.of(&confusion) - 16.0 / 1120f64.sqrt()).abs() < 1e-12);
    }

    #[test]
    fn matthews_of_three_labels_is_gorodkins() {
        // gold 0,0,1,1,2,2 predicted 0,1,1,1,2,0: c=4, s=6, t=(2,2,2), p=(2,3,1)
        let confusion = Confusion::from_pairs(3, [(0, 0), (0, 1), (1, 1), (1, 1), (2, 2), (2, 0)]);
        let expected = (4.0 * 6.0 - 12.0) / ((36.0 - 14.0) * (36.0 - 12.0f64)).sqrt();
        assert!((Metric::Matthews.of(&confusion) - expected).abs() < 1e-12);
    }

    #[test]
    fn perfect_and_opposite_predictions_are_the_ends_of_the_scale() {
        assert_eq!(Metric::Matthews.of(&counts(&[&[5, 0], &[0, 5]])), 1.0);
        assert_eq!(Metric::Matthews.of(&counts(&[&[0, 5], &[5, 0]])), -1.0);
        assert_eq!(Metric::MacroF1.of(&counts(&[&[0, 5], &[5, 0]])), 0.0);
    }

    #[test]
    fn one_label_everywhere_gives_matthews_zero() {
        assert_eq!(Metric::Matthews.of(&counts(&[&[4, 0], &[0, 0]])), 0.0);
        assert_eq!(Metric::Matthews.of(&counts(&[&[4, 0], &[4, 0]])), 0.0);
        assert_eq!(Metric::Matthews.of(&counts(&[&[4, 4], &[0, 0]])), 0.0);
    }

    #[test]
    fn a_label_that_never_occurs_is_left_out_of_macro_f1() {
        let confusion = counts(&[&[3, 1, 0], &[1, 3, 0], &[0, 0, 0]]);
        assert_eq!(Metric::MacroF1.of(&confusion), 0.75);
        let never_hit = counts(&[&[4, 0, 0], &[0, 4, 0], &[1, 1, 0]]);
        assert!((Metric::MacroF1.of(&never_hit) - 2.0 * (8.0 / 9.0) / 3.0).abs() < 1e-12);
    }

    #[test]
    fn nothing_counted_has_no_metric() {
        for metric in Metric::ALL {
            assert!(metric.of(&Confusion::new(2)).is_nan());
        }
    }

    #[test]
    fn a_metric_of_values_is_told_by_scores_or_by_texts_and_never_by_counts() {
        let confusion = counts(&[&[6, 2], &[1, 3]]);
        for metric in Metric::ALL {
            assert_eq!(metric.is_of_values(), metric.of(&confusion).is_nan(), "{metric}");
            let value = metric.value(&[-0.5, -1.5], 1);
            assert_eq!(value.is_some(), metric.basis() == Basis::Scores, "{metric}");
            let (low, high) = metric.range();
            assert!(value.is_none_or(|value| low <= value && value <= high), "{metric}");
        }
        assert_eq!(Metric::TargetLogLikelihood.value(&[-0.5, -1.5], 1), Some(-1.5));
    }

    #[test]
    fn unknown_metrics_are_refused_with_the_known_ones() {
        for metric in Metric::ALL {
            assert_eq!(metric.to_string().parse::<Metric>().unwrap(), metric);
        }
        let error = "acuracy".parse::<Metric>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "unknown metric `acuracy` (known: accuracy, macro_f1, matthews, target_log_likelihood, exact_match, rouge_l, p_at_1, p_at_10, mrr)"
        );
    }
}
