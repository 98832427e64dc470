//! A section of the leaderboard as people read it: few columns, intervals beside their numbers, comparisons in words.

use super::cell::{decimal, p_value};
use super::columns::Column;
use super::leaderboard::{ALPHA, RankedOn, Section};
use super::row::Row;

/// The columns that [`Digest`] shows in some form already, so that sorting by them adds none.
const SHOWN: [&str; 16] = [
    "rank",
    "rank_low",
    "rank_high",
    "method",
    "model",
    "shots",
    "calibration",
    "prompt",
    "dev_mean",
    "test_mean",
    "optimism_gap",
    "vs_manual",
    "vs_random",
    "evaluations",
    "evaluations_saved",
    "flags",
];

/// A table of words.
pub(super) struct Digest {
    pub(super) headers: Vec<String>,
    /// Whether a column stands flush right.
    pub(super) right: Vec<bool>,
    pub(super) rows: Vec<Vec<String>>,
}

impl Digest {
    /// The digest of `rows`, a section's in whatever order; with `by` as a column where it is not among the others.
    pub(super) fn of(section: &Section, rows: &[&Row], by: Option<&Column<Row>>) -> Self {
        let by = by.filter(|column| !SHOWN.contains(&column.name));
        let tested = section.ranked_on == RankedOn::Test;
        let mut columns: Vec<(String, bool, Vec<String>)> = Vec::new();
        let mut add = |header: &str, right: bool, cell: &dyn Fn(&Row) -> String| {
            columns.push((header.into(), right, rows.iter().map(|row| cell(row)).collect()));
        };
        add("rank", true, &rank);
        add("method", false, &|row| row.method.clone());
        if tested {
            add("test", false, &|row| with_interval(row.test_mean, row.test_low, row.test_high));
        }
        if rows.iter().any(|row| row.n_texts.is_some()) || section.ranked_on == RankedOn::LabelFree {
            add("score", true, &|row| fraction(row.select_score));
        } else {
            add("dev", true, &|row| fraction(row.dev_mean));
        }
        if tested {
            add("gap", true, &|row| signed(row.optimism_gap));
            add("vs manual", false, &|row| versus(row.vs_manual, row.vs_manual_p));
            add("vs random", false, &|row| versus(row.vs_random, row.vs_random_p));
        }
        add("evaluations", true, &|row| row.evaluations.map(|n| n.to_string()).unwrap_or_default());
        add("saved", true, &|row| row.evaluations_saved.map(|n| n.to_string()).unwrap_or_default());
        if let Some(column) = by {
            let numeric = rows.iter().any(|row| (column.cell)(row).is_numeric());
            add(column.name, numeric, &|row| (column.cell)(row).print());
        }
        add("flags", false, &|row| row.flags.join("; "));
        add("prompt", false, &|row| row.prompt.clone().unwrap_or_default().replace(['\n', '\r'], "↵"));
        // An empty column says nothing: no random row, no flag.
        columns.retain(|(header, _, cells)| header == "prompt" || cells.iter().any(|cell| !cell.is_empty()));
        Self {
            headers: columns.iter().map(|(header, _, _)| header.clone()).collect(),
            right: columns.iter().map(|(_, right, _)| *right).collect(),
            rows: (0..rows.len()).map(|row| columns.iter().map(|(_, _, cells)| cells[row].clone()).collect()).collect(),
        }
    }
}

/// Whether a difference is one, in plain words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Better,
    Worse,
    NotResolved,
}

impl Verdict {
    /// The verdict of a difference and its p-value, adjusted for its family.
    pub(super) fn of(difference: f64, p: f64) -> Self {
        match p <= ALPHA {
            true if difference > 0.0 => Self::Better,
            true if difference < 0.0 => Self::Worse,
            _ => Self::NotResolved,
        }
    }

    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Better => "better",
            Self::Worse => "worse",
            Self::NotResolved => "not resolved",
        }
    }
}

/// `0.843`, or nothing.
pub(super) fn fraction(value: Option<f64>) -> String {
    value.filter(|v| v.is_finite()).map(|value| format!("{value:.3}")).unwrap_or_default()
}

/// `+0.012`, or nothing.
pub(super) fn signed(value: Option<f64>) -> String {
    let text = value.filter(|v| v.is_finite()).map(|value| format!("{value:+.3}")).unwrap_or_default();
    if text == "-0.000" { "+0.000".into() } else { text }
}

/// `0.843 [0.801, 0.885]`, the interval where it is known.
pub(super) fn with_interval(value: Option<f64>, low: Option<f64>, high: Option<f64>) -> String {
    match low.zip(high) {
        Some((low, high)) if value.is_some() => format!("{} [{low:.3}, {high:.3}]", fraction(value)),
        _ => fraction(value),
    }
}

/// `1 [1-3]`; nothing for a row that could not be ranked.
fn rank(row: &Row) -> String {
    match (row.rank, row.rank_low.zip(row.rank_high)) {
        (Some(rank), Some((low, high))) => format!("{rank} [{low}-{high}]"),
        (Some(rank), None) => rank.to_string(),
        (None, _) => "-".into(),
    }
}

/// `+0.031 better (p 0.012)`; nothing for the reference itself.
fn versus(difference: Option<f64>, p: Option<f64>) -> String {
    match difference.zip(p) {
        Some((difference, p)) => {
            format!("{} {} (p {})", signed(Some(difference)), Verdict::of(difference, p).words(), p_value(p))
        }
        None => signed(difference),
    }
}

/// A count of examples or seeds with its noun: `1 seed`, `3 seeds`.
pub(super) fn counted(n: usize, noun: &str) -> String {
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
}

/// A number that a sentence holds: at most three decimals.
pub(super) fn short(value: f64) -> String {
    decimal(value, 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_called_one_only_when_it_is_resolved() {
        assert_eq!(versus(Some(0.031), Some(0.0123)), "+0.031 better (p 0.0123)");
        assert_eq!(versus(Some(-0.2), Some(1e-9)), "-0.200 worse (p 1.00e-9)");
        assert_eq!(versus(Some(0.2), Some(0.051)), "+0.200 not resolved (p 0.051)");
        assert_eq!(versus(None, None), "");
    }

    #[test]
    fn no_difference_has_no_minus() {
        assert_eq!(signed(Some(-0.0001)), "+0.000");
        assert_eq!(with_interval(Some(0.5), None, None), "0.500");
        assert_eq!(with_interval(Some(0.5), Some(0.25), Some(0.75)), "0.500 [0.250, 0.750]");
    }
}
