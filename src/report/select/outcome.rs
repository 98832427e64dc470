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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::select::options::{Racing, Rule};

    fn report() -> SelectReport {
        SelectReport {
            rules: vec![Replayed {
                rule: Rule::Accuracy,
                racing: Racing::SuccessiveHalving,
                evaluations: 846.0,
                evaluations_share: 0.264,
                regret_mean: 0.03,
                regret_se: None,
                same_pick: 0.75,
                coverage: None,
                coverage_simultaneous: None,
                interval_width: None,
                picks: vec![1, 0],
            }],
            candidates: vec!["a".to_owned(), "b".to_owned()],
            n_dev: 32,
            n_test: 0,
            shots: Some(4),
            draws: 2,
        }
    }

    #[test]
    fn json_has_the_promised_keys_in_their_order_and_null_for_the_unknown() {
        let json = report().to_json();
        let rule = json["rules"][0].as_object().expect("an object");
        let keys: Vec<&str> = rule.keys().map(String::as_str).collect();
        assert_eq!(
            keys.join(" "),
            "select racing evaluations evaluations_share regret_mean regret_se same_pick coverage \
             coverage_simultaneous interval_width picks"
        );
        assert!(rule["coverage"].is_null() && rule["regret_se"].is_null());
        assert_eq!(rule["picks"], json!(["b", "a"]));
    }

    #[test]
    fn the_table_says_what_judged_and_leaves_the_unknown_empty() {
        let table = report().to_table();
        assert!(table.starts_with("2 candidates, 2 draws of 4 shots a class from 32 dev examples, judged on the dev"));
        assert!(table.lines().last().is_some_and(|line| line.contains("successive_halving") && line.contains("0.750")));
    }
}
