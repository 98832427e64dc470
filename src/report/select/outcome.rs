//! What `select` hands out: a table for people, JSON for scripts.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::matrix::Matrix;
use super::options::SelectOptions;
use super::replay::Replayed;

/// The outcome of every rule and racing.
#[derive(Debug, Clone, PartialEq)]
pub struct SelectReport {
    /// In the order in which they were asked for.
    pub rules: Vec<Replayed>,
    /// The candidates' names; picks point into them.
    pub candidates: Vec<String>,
    /// Dev examples in the matrix.
    pub n_dev: usize,
    /// Test examples in the matrix; 0 where regret was measured on the dev examples outside each draw.
    pub n_test: usize,
    /// Dev examples a class in each draw; none for the whole split.
    pub shots: Option<usize>,
    /// The number of draws.
    pub draws: usize,
}

impl SelectReport {
    pub(crate) fn new(rules: Vec<Replayed>, matrix: Matrix, options: &SelectOptions) -> Self {
        Self {
            rules,
            n_dev: matrix.dev.len(),
            n_test: matrix.test.len(),
            candidates: matrix.candidates,
            shots: options.shots,
            draws: options.draws,
        }
    }

    /// `{"rules": [{"select": ..., "racing": ..., ...}], ...}`; what is not known is null.
    pub fn to_json(&self) -> Value {
        let rules: Vec<Value> = self
            .rules
            .iter()
            .map(|rule| {
                let picks: Vec<&str> = rule.picks.iter().map(|&pick| self.candidates[pick].as_str()).collect();
                json!({
                    "select": rule.rule.name(),
                    "racing": rule.racing.name(),
                    "evaluations": rule.evaluations,
                    "evaluations_share": rule.evaluations_share,
                    "regret_mean": rule.regret_mean,
                    "regret_se": rule.regret_se,
                    "same_pick": rule.same_pick,
                    "coverage": rule.coverage,
                    "coverage_simultaneous": rule.coverage_simultaneous,
                    "interval_width": rule.interval_width,
                    "picks": picks,
                })
            })
            .collect();
        json!({
            "rules": rules,
            "n_candidates": self.candidates.len(),
            "n_dev": self.n_dev,
            "n_test": self.n_test,
            "shots": self.shots,
            "draws": self.draws,
        })
    }

    /// One line a rule and racing under a line that says what was replayed.
    pub fn to_table(&self) -> String {
        let shots = self.shots.map_or("the whole dev split".to_owned(), |shots| format!("{shots} shots a class"));
        let judged = match self.n_test {
            0 => "the dev examples outside the draw".to_owned(),
            n => format!("{n} test examples"),
        };
        let mut table = format!(
            "{} candidates, {} draws of {shots} from {} dev examples, judged on {judged}\n\n",
            self.candidates.len(),
            self.draws,
            self.n_dev
        );
        let _ = writeln!(
            table,
            "{:<20} {:<20} {:>12} {:>7} {:>8} {:>8} {:>9} {:>8} {:>12} {:>7}",
            "select",
            "racing",
            "evaluations",
            "share",
            "regret",
            "se",
            "same pick",
            "coverage",
            "simultaneous",
            "width"
        );
        let number =
            |value: Option<f64>, digits: usize| value.map_or(String::new(), |value| format!("{value:.digits$}"));
        for rule in &self.rules {
            let _ = writeln!(
                table,
                "{:<20} {:<20} {:>12.1} {:>7.3} {:>8.4} {:>8} {:>9.3} {:>8} {:>12} {:>7}",
                rule.rule.name(),
                rule.racing.name(),
                rule.evaluations,
                rule.evaluations_share,
                rule.regret_mean,
                number(rule.regret_se, 4),
                rule.same_pick,
                number(rule.coverage, 3),
                number(rule.coverage_simultaneous, 3),
                number(rule.interval_width, 1),
            );
        }
        table
    }
}
