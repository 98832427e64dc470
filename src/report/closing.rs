//! The closing lines of a run: what was found, whether it holds, and how to use it.

use std::fmt::Write as _;
use std::path::Path;

use super::ReportError;
use super::cell::p_value;
use super::digest::{Verdict, counted, signed, with_interval};
use super::leaderboard::{Leaderboard, RankedOn, Section};
use super::row::Row;

/// The closing lines for a results folder, from its record.
///
/// # Errors
/// [`ReportError::Record`] if the folder holds no record, or one that cannot be read.
pub fn closing_lines(folder: &Path) -> Result<String, ReportError> {
    Ok(Leaderboard::load(folder)?.closing_lines(folder))
}

impl Leaderboard {
    /// The closing lines: for each model, shots and calibration the best prompt, its interval, whether it is resolved from the
    /// manual and the random one, and the command that applies it. `folder` is the results folder as the user writes it.
    pub fn closing_lines(&self, folder: &Path) -> String {
        let mut out = String::new();
        for section in &self.sections {
            let metric = &self.asked.metric;
            match section.rows.first().filter(|row| row.rank.is_some()) {
                Some(best) => section.closing_lines(&mut out, best, metric, folder),
                None => out.push_str(&format!("{}: no trial is complete\n", section.group.words())),
            }
        }
        for row in self.rows() {
            for (seeds, why) in &row.failures {
                let seeds = if seeds.contains(',') { format!("seeds {seeds}") } else { format!("seed {seeds}") };
                out.push_str(&format!("failed: {}, {}, {seeds}: {why}\n", row.method, row.group.words()));
            }
        }
        if out.is_empty() {
            out.push_str("no trial is complete yet\n");
        }
        out
    }
}

impl Section {
    fn closing_lines(&self, out: &mut String, best: &Row, metric: &str, folder: &Path) {
        let seeds = counted(best.n_seeds, "seed");
        let by = match self.ranked_on {
            RankedOn::Test => {
                format!("{metric} on {}, mean over {seeds}", counted(best.n_test.unwrap_or(0), "test example"))
            }
            RankedOn::Dev => format!(
                "{metric} on {}, mean over {seeds}; no labelled test split, so these examples also chose it",
                counted(best.n_dev.unwrap_or(0), "dev example")
            ),
            RankedOn::LabelFree => format!("label-free score, mean over {seeds}; no labels to check it with"),
        };
        let score = match self.ranked_on {
            RankedOn::Test => with_interval(best.test_mean, best.test_low, best.test_high),
            RankedOn::Dev => with_interval(best.dev_mean, best.dev_low, best.dev_high),
            RankedOn::LabelFree => with_interval(best.select_score, None, None),
        };
        // Writing to a String cannot fail.
        let mut line = |text: String| writeln!(out, "{text}").unwrap_or_default();
        line(format!("{} ({by})", self.group.words()));
        line(format!("  best: {} {score}", best.method));
        line(format!("  prompt: {}", best.prompt.as_deref().unwrap_or("unknown").replace('\n', "↵")));
        if let Some(verbalizer) = &best.verbalizer {
            line(format!("  label words: {verbalizer}"));
        }
        if self.ranked_on == RankedOn::Test {
            line(format!("  {}", against("manual", best, best.vs_manual, best.vs_manual_p)));
            line(format!("  {}", against("random", best, best.vs_random, best.vs_random_p)));
        }
        let controls = best.control_words();
        if !controls.is_empty() {
            line(format!("  controls: it {controls}"));
        }
        if let Some((top_two, second)) = self.top_two.zip(self.rows.get(1)) {
            line(match top_two.examples {
                Some(examples) => format!(
                    "  to tell it from the second ({}) would take about {} at 80 % power",
                    second.method,
                    counted(examples, "dev example")
                ),
                None => format!(
                    "  it and the second ({}) are right equally often: no number of dev examples tells them apart",
                    second.method
                ),
            });
        }
        if let Some(file) = &best.prompt_file {
            let path = quoted(&folder.join(file).to_string_lossy());
            let option = if file.ends_with("ensemble.json") { "--ensemble" } else { "--prompt" };
            line(format!("  use it: promptmine predict {option} {path} --input FILE"));
        }
    }
}

/// How the best row compares with a reference.
fn against(reference: &str, best: &Row, difference: Option<f64>, p: Option<f64>) -> String {
    match difference.zip(p) {
        Some((difference, p)) => {
            let words = match Verdict::of(difference, p) {
                Verdict::NotResolved => format!("not resolved from {reference}"),
                verdict => format!("{} than {reference}", verdict.words()),
            };
            format!("{words}: {} (p {})", signed(Some(difference)), p_value(p))
        }
        None if best.method == reference => format!("it is the {reference} prompt itself"),
        None => format!("not compared with {reference}: no trial of it, or no seed with both"),
    }
}

/// A path as a shell takes it.
pub fn quoted(path: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "/._-+:@,%".contains(c);
    if !path.is_empty() && path.chars().all(plain) { path.into() } else { format!("'{}'", path.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_quoted_where_a_shell_would_split_them() {
        assert_eq!(quoted("results/影评/prompt.json"), "results/影评/prompt.json");
        assert_eq!(quoted("my results/it's.json"), r"'my results/it'\''s.json'");
    }
}
