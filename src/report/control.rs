//! What a row does against its controls: the same search where there is nothing to find.
//!
//! # Decisions
//!
//! - 2026-11: a control is no method: it stands beside the row that it controls, in no ranking, no rank interval and no family of
//!   `vs_manual` or `vs_random`.
//! - 2026-11: row and control are compared as two rows are: on test, seeds paired by number, by the two-way clustered comparison
//!   (contract, Statistics 2). Each control is a family of its own over the rows of a section, with Holm's correction. A row beats a
//!   control if the difference is above 0 and resolved at 5 % after that; a row that does not beat each of its controls is flagged
//!   `not_above_control`. Without a labelled test split nothing is said, since dev chose the prompts.
//! - 2026-11: the p-value is two-sided, as all others of the table: a row that is resolved as worse than its control is not above
//!   it either.

use std::collections::BTreeMap;

use crate::task::Metric;
use crate::task::statistics::holm;

use super::cell::p_value;
use super::digest::{Verdict, signed, with_interval};
use super::entry::Entry;
use super::flag;
use super::leaderboard::ALPHA;
use super::outcome;
use super::print::escape_markdown;
use super::row::Row;
use super::trial::{End, Trial};

/// The controls that tables have columns for.
pub(super) const CONTROLS: [&str; 2] = ["random_model", "shuffled_labels"];

/// The flag of a row that does not beat each of its controls.
const FLAG: &str = "not_above_control";

/// A row's control over the seeds.
#[derive(Debug, Clone, PartialEq)]
pub struct ControlOutcome {
    /// `random_model` or `shuffled_labels`.
    pub name: String,
    /// The metric of its chosen prompts on test, mean over its seeds.
    pub test_mean: Option<f64>,
    /// Lower end of its interval.
    pub test_low: Option<f64>,
    /// Upper end of its interval.
    pub test_high: Option<f64>,
    /// Evaluations that it spent.
    pub evaluations: Option<u64>,
    /// The row less its control on test, over the seeds that both have.
    pub difference: Option<f64>,
    /// Its p-value, adjusted by Holm over the rows of the section.
    pub p: Option<f64>,
}

impl ControlOutcome {
    /// Whether the row beats it; `None` where they could not be compared.
    pub fn is_beaten(&self) -> Option<bool> {
        let (difference, p) = self.difference.zip(self.p)?;
        Some(difference > 0.0 && p <= ALPHA)
    }
}

impl Row {
    /// The control of that name.
    pub(super) fn control(&self, name: &str) -> Option<&ControlOutcome> {
        self.controls.iter().find(|control| control.name == name)
    }

    /// Whether it beats each of its controls; `None` where it has none, or one cannot be told.
    pub fn beats_controls(&self) -> Option<bool> {
        let beaten: Vec<Option<bool>> = self.controls.iter().map(ControlOutcome::is_beaten).collect();
        match beaten.contains(&Some(false)) {
            true => Some(false),
            false if beaten.is_empty() || beaten.contains(&None) => None,
            false => Some(true),
        }
    }

    /// `beats random_model and shuffled_labels`, `does not beat random_model`; empty where nothing can be told.
    pub(super) fn control_words(&self) -> String {
        let of = |wanted: bool| -> Vec<&str> {
            let found = self.controls.iter().filter(|control| control.is_beaten() == Some(wanted));
            found.map(|control| control.name.as_str()).collect()
        };
        let (beaten, not) = (of(true), of(false));
        match (beaten.is_empty(), not.is_empty()) {
            (true, true) => String::new(),
            (false, true) => format!("beats {}", beaten.join(" and ")),
            (true, false) => format!("does not beat {}", not.join(" or ")),
            (false, false) => format!("beats {}, does not beat {}", beaten.join(" and "), not.join(" or ")),
        }
    }
}

/// Puts the controls of a section beside its rows, each of which has the entry of the same place.
pub(super) fn compare(rows: &mut [Row], entries: &[&Entry<'_>], trials: &[Trial], metric: Metric) {
    let Some(group) = entries.first().map(|entry| entry.group.clone()) else { return };
    let mut by_name: BTreeMap<&str, Vec<Entry<'_>>> = BTreeMap::new();
    for entry in Entry::of_controls(trials).into_iter().filter(|entry| entry.group == group) {
        by_name.entry(entry.control.unwrap_or_default()).or_default().push(entry);
    }
    for (name, controls) in by_name {
        let mut family: Vec<(usize, f64)> = Vec::new();
        for (place, entry) in entries.iter().enumerate() {
            let Some(control) = controls.iter().find(|control| control.item == entry.item) else { continue };
            let interval = outcome::test_interval(control, metric);
            let pair = outcome::compare(entry, control, metric);
            family.extend(pair.map(|pair| (place, pair.p)));
            rows[place].controls.push(ControlOutcome {
                name: name.into(),
                test_mean: control.mean(|trial| trial.test().map(|test| test.metric)),
                test_low: interval.map(|interval| interval.low),
                test_high: interval.map(|interval| interval.high),
                evaluations: control.complete().filter_map(spent).reduce(|a, b| a + b),
                difference: pair.map(|pair| pair.difference),
                p: None,
            });
            let failures = control.failures().into_iter();
            rows[place].failures.extend(failures.map(|(seeds, why)| (format!("{seeds} of {name}"), why.into())));
        }
        let p: Vec<f64> = family.iter().map(|(_, p)| *p).collect();
        for ((place, _), p) in family.into_iter().zip(holm(&p)) {
            if let Some(control) = rows[place].controls.last_mut() {
                control.p = Some(p);
            }
        }
    }
    for row in rows.iter_mut().filter(|row| row.beats_controls() == Some(false)) {
        let flags = std::mem::take(&mut row.flags);
        row.flags = flag::ordered(flags.iter().map(String::as_str).chain([FLAG]));
    }
}

fn spent(trial: &Trial) -> Option<u64> {
    match trial.end {
        End::Finished { spent, .. } => Some(spent.evaluations),
        End::Open | End::Failed { .. } => None,
    }
}

/// The controls of a section's rows as a Markdown table with a sentence before it; nothing where no row has one.
pub(super) fn markdown(rows: &[Row]) -> String {
    if rows.iter().all(|row| row.controls.is_empty()) {
        return String::new();
    }
    let names: Vec<&str> =
        CONTROLS.into_iter().filter(|name| rows.iter().any(|row| row.control(name).is_some())).collect();
    let mut headers = vec!["method".to_owned(), "test".to_owned()];
    for name in &names {
        headers.extend([(*name).to_owned(), format!("vs {name}")]);
    }
    headers.extend(["evaluations".to_owned(), "in words".to_owned()]);
    let cells = rows.iter().filter(|row| !row.controls.is_empty()).map(|row| {
        let mut cells = vec![row.method.clone(), with_interval(row.test_mean, row.test_low, row.test_high)];
        for name in &names {
            let control = row.control(name);
            cells.push(control.map_or_else(String::new, |c| with_interval(c.test_mean, c.test_low, c.test_high)));
            cells.push(control.map_or_else(String::new, versus));
        }
        let evaluations: u64 = row.controls.iter().filter_map(|control| control.evaluations).sum();
        cells.push(evaluations.to_string());
        cells.push(row.control_words());
        cells
    });
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let escaped = |cells: Vec<String>| cells.iter().map(|cell| escape_markdown(cell)).collect::<Vec<_>>();
    let rule = vec!["---".to_owned(); headers.len()];
    let lines: String =
        [escaped(headers), rule].into_iter().chain(cells.map(escaped)).map(|cells| line(&cells)).collect();
    format!(
        "Controls, ranked with nothing: the same searches on a model whose weights were drawn anew (`random_model`), and on train \
         and dev with their labels permuted (`shuffled_labels`), each at a budget of its own. A row that does not beat its controls \
         has not shown that it found anything.\n\n{lines}"
    )
}

/// `+0.031 (p 0.012)`.
fn versus(control: &ControlOutcome) -> String {
    match control.difference.zip(control.p) {
        Some((difference, p)) => {
            let words = Verdict::of(difference, p).words();
            format!("{} {words} (p {})", signed(Some(difference)), p_value(p))
        }
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::{Sample, asked, leaderboard};
    use crate::record::TrialRecord;

    const GOLD: &str = "0011001100110011";
    const WRONG: &str = "1100110011001100";
    const HALF: &str = "0011001111001100";

    fn sample(item: usize, method: &str, seed: u64, test: &str) -> Sample {
        Sample::new(item, method, &[seed], "0101", GOLD).scored(method, "0101", 0.5).chose(0).tested(test, 0.5)
    }

    fn trials() -> Vec<TrialRecord> {
        let mut trials = Vec::new();
        for seed in [1, 2] {
            trials.push(sample(0, "manual", seed, HALF).finished(&[]));
            trials.push(sample(1, "gcg", seed, GOLD).stepped(0.5).stepped(0.1).finished(&["budget_cut"]));
            trials.push(sample(0, "manual", seed, HALF).control("random_model").finished(&[]));
            trials.push(sample(1, "gcg", seed, WRONG).control("random_model").finished(&[]));
            trials.push(sample(1, "gcg", seed, HALF).control("shuffled_labels").finished(&[]));
        }
        trials
    }

    #[test]
    fn a_row_beats_a_control_if_the_difference_is_resolved() {
        let board = leaderboard(&trials(), asked());
        let rows = &board.sections[0].rows;
        assert_eq!(rows.iter().map(|row| row.method.as_str()).collect::<Vec<_>>(), ["gcg", "manual"]);
        let (gcg, manual) = (&rows[0], &rows[1]);
        assert_eq!(gcg.control("random_model").unwrap().difference, Some(1.0));
        assert_eq!(gcg.control("shuffled_labels").unwrap().difference, Some(0.5));
        assert_eq!((gcg.beats_controls(), manual.beats_controls()), (Some(true), Some(false)));
        assert_eq!(gcg.control_words(), "beats random_model and shuffled_labels");
        assert_eq!(manual.control_words(), "does not beat random_model");
        assert_eq!(manual.flags, ["one_seed", "not_above_control"]);
        assert!(!gcg.flags.contains(&"not_above_control".to_owned()));
        // The families of the controls are their own: nothing else moved.
        let without: Vec<TrialRecord> = trials().into_iter().filter(|trial| trial.key().control.is_none()).collect();
        let plain = leaderboard(&without, asked());
        assert_eq!(plain.sections[0].rows[0].vs_manual_p, gcg.vs_manual_p);
        assert_eq!(
            (plain.sections[0].rows[0].rank_low, plain.sections[0].rows[0].evaluations),
            (gcg.rank_low, Some(8))
        );
        assert_eq!(plain.sections[0].rows[0].beats_controls(), None);
    }

    #[test]
    fn the_table_says_it_in_words_and_the_meter_stands_under_it() {
        let markdown = leaderboard(&trials(), asked()).to_markdown();
        assert!(markdown.contains("| manual | 0.500 "), "{markdown}");
        assert!(
            markdown.contains("+0.000 not resolved (p 1) |  |  | 8 | does not beat random\\_model |"),
            "{markdown}"
        );
        assert!(markdown.contains("| 16 | beats random\\_model and shuffled\\_labels |"), "{markdown}");
        assert!(markdown.contains("seeds: gcg 0.3, over 4 steps."), "{markdown}");
        let lines = leaderboard(&trials(), asked()).closing_lines(std::path::Path::new("results/films"));
        assert!(lines.contains("  controls: it beats random_model and shuffled_labels\n"), "{lines}");
    }

    #[test]
    fn without_test_or_where_a_control_failed_nothing_is_said() {
        let dev = |item, method: &str| Sample::new(item, method, &[1], GOLD, "").scored(method, HALF, 0.5).chose(0);
        let board = [dev(0, "manual").finished(&[]), dev(0, "manual").control("random_model").finished(&[])];
        let board = leaderboard(&board, asked());
        assert_eq!(board.sections[0].rows[0].beats_controls(), None);
        let failed = [
            sample(0, "manual", 1, GOLD).finished(&[]),
            sample(0, "manual", 1, GOLD).control("random_model").failed("no memory"),
        ];
        let board = leaderboard(&failed, asked());
        let row = &board.sections[0].rows[0];
        assert_eq!((row.beats_controls(), row.failure_words().as_str()), (None, "seed 1 of random_model: no memory"));
    }
}
