//! `leaderboard.md`: the leaderboard for reading.

use crate::record::{Neighbour, ReadBack};

use super::control;
use super::digest::{Digest, counted, short};
use super::leaderboard::{Leaderboard, RankedOn, Section};
use super::print::{code, escape_markdown, markdown};
use super::row::Row;
use super::stability::Agreement;

const HOW_TO_READ: &str = "\
- Rows are ranked within one model, shots and calibration only. `rank` is the place in the order; the brackets hold the places
  that the examples do not rule out: methods whose brackets overlap are not told apart.
- `test` is the mean over seeds on examples that neither search nor selection saw, with its 95 % interval over seeds and
  examples. `dev` is the figure that chose the prompts, `gap` is dev minus test: how much choosing flattered.
- `vs manual` and `vs random` are differences on test. *Better* and *worse* are resolved at 5 % after Holm's correction for the
  number of rows; *not resolved* says that a rerun could turn it around.
- `evaluations` counts prompts times examples scored within the budget, summed over seeds. The prompt shown is that of the seed
  with the best dev figure. `saved` is what scoring all candidates to the end would have cost more: candidates that racing
  dropped stand below the complete ones in `candidates.csv`, with the dev examples that they were scored on in `dropped_at`.
- A row flagged `not_above_control` does not beat the same search where there is nothing to find (the table of controls, where
  there is one): its figure is no evidence that it found something.
- At 0 shots no label chooses: `score` is the mutual information in nats between texts of train and the labels that the prompt
  gives them. How well it orders prompts as test does stands under the table.
";

impl Leaderboard {
    /// The leaderboard as Markdown.
    pub fn to_markdown(&self) -> String {
        let asked = &self.asked;
        let mut out = format!("# {}\n\n", escape_markdown(&asked.name));
        if let Some(question) = &asked.question {
            out.push_str(&format!("{}\n\n", escape_markdown(question.trim())));
        }
        out.push_str(&format!("Metric: {}. Chosen by: {}.\n", asked.metric, asked.select_by));
        if self.sections.is_empty() {
            out.push_str("\nNo trial is complete yet.\n");
        }
        for section in &self.sections {
            let rows: Vec<&Row> = section.rows.iter().collect();
            out.push_str(&format!("\n## {}\n\n", escape_markdown(&section.group.words())));
            out.push_str(&format!("{}\n\n", section.ranked_words()));
            out.push_str(&markdown(&Digest::of(section, &rows, None)));
            if let Some(words) = section.fact_words() {
                out.push_str(&format!("\n{words}\n"));
            }
            if let Some(words) = section.top_two_words() {
                out.push_str(&format!("\n{words}\n"));
            }
            if let Some(words) = section.label_free_words(&asked.metric) {
                out.push_str(&format!("\n{words}\n"));
            }
            if let Some(words) = section.hotflip_words() {
                out.push_str(&format!("\n{words}\n"));
            }
            let controls = control::markdown(&section.rows);
            if !controls.is_empty() {
                out.push_str(&format!("\n{controls}"));
            }
        }
        out.push_str(&format!("\n## How to read this\n\n{HOW_TO_READ}"));
        out.push_str(&self.transfer_words());
        out.push_str(&self.diagnostics_words());
        out.push_str(&self.stability_words());
        out.push_str(&self.read_back_words());
        out.push_str(&self.failed_words());
        out
    }

    fn stability_words(&self) -> String {
        let mut lines = String::new();
        for section in &self.sections {
            let stability = &section.stability;
            for (agreement, what) in [(&stability.methods, "methods"), (&stability.candidates, "candidates on dev")] {
                if let Some(Agreement { tau, lowest, n_pairs, n_items }) = agreement {
                    let pairs = if *n_pairs == 1 { "1 pair".into() } else { format!("{n_pairs} pairs") };
                    lines.push_str(&format!(
                        "- {}: {n_items} {what}: tau {} (mean over {pairs} of seeds; lowest {})\n",
                        escape_markdown(&section.group.words()),
                        short(*tau),
                        short(*lowest)
                    ));
                }
            }
        }
        if lines.is_empty() {
            return lines;
        }
        format!(
            "\n## Rank stability\n\nKendall's tau between the orders that two seeds give: 1 the same order, 0 unrelated, -1 \
             reversed.\n\n{lines}"
        )
    }

    fn read_back_words(&self) -> String {
        let mut out = String::new();
        for row in self.rows() {
            let Some(read_back) = &row.read_back else { continue };
            let heading = format!("{}, {}", row.method, row.group.words());
            out.push_str(&format!("\n### {}\n\n{}", escape_markdown(&heading), read_back_table(read_back)));
            let on = |split: &str, projected: Option<f64>, soft: Option<f64>| {
                projected.zip(soft).map(|(a, b)| format!("{} on {split} (soft: {})", short(a), short(b)))
            };
            let scores: Vec<String> =
                [on("dev", row.projected_dev, row.dev_mean), on("test", row.projected_test, row.test_mean)]
                    .into_iter()
                    .flatten()
                    .collect();
            out.push_str(&format!(
                "\nProjected: {}. Mean over seeds: {}.\n",
                code(&read_back.projected.replace(['\n', '\r'], "↵")),
                scores.join(", ")
            ));
            out.push_str(&interpolation_words(read_back));
        }
        if out.is_empty() {
            return out;
        }
        format!(
            "\n## Soft prompts read back\n\nThe entries of the vocabulary that are nearest to each virtual token of the prompt shown, with \
             their distances, and how the prompts do projected: each vector replaced by the embedding of its nearest entry by \
             Euclidean distance. A diagnostic, outside the budget.\n{out}"
        )
    }

    fn failed_words(&self) -> String {
        let mut out = String::new();
        for row in self.rows().filter(|row| !row.failures.is_empty()) {
            out.push_str(&format!(
                "- {}, {}: {}\n",
                escape_markdown(&row.method),
                escape_markdown(&row.group.words()),
                code(&row.failure_words())
            ));
        }
        if out.is_empty() { out } else { format!("\n## Failed trials\n\n{out}") }
    }
}

/// How the prompt shown does on the way from its vectors to their projection.
fn interpolation_words(read_back: &ReadBack) -> String {
    let points: Vec<String> = read_back
        .interpolation
        .iter()
        .filter_map(|point| {
            let (split, metric) = point.test.map(|test| ("test", test)).or_else(|| Some(("dev", point.dev?)))?;
            Some(format!("{} {} on {split}", point.lambda, short(metric)))
        })
        .collect();
    match points.is_empty() {
        true => String::new(),
        false => format!("\nOn the way there, by its share: {}.\n", points.join(", ")),
    }
}

/// The neighbours of each virtual token.
fn read_back_table(read_back: &ReadBack) -> String {
    let words = |neighbours: &[Neighbour]| {
        let words: Vec<String> =
            neighbours.iter().map(|n| format!("{} {}", escape_markdown(&n.token), short(n.distance))).collect();
        words.join(", ")
    };
    let mut table = String::from("| virtual token | Euclidean | cosine |\n| ---: | --- | --- |\n");
    for (index, near) in read_back.nearest.iter().enumerate() {
        table.push_str(&format!("| {} | {} | {} |\n", index + 1, words(&near.euclidean), words(&near.cosine)));
    }
    table
}

impl Section {
    /// What the rows are ranked on, as a sentence.
    pub(super) fn ranked_words(&self) -> String {
        let most = |count: fn(&Row) -> Option<usize>| self.rows.iter().filter_map(count).max().unwrap_or(0);
        let seeds = self.seed_words();
        let dev = counted(most(|row| row.n_dev), "dev example");
        let texts = counted(most(|row| row.n_texts), "text");
        match self.ranked_on {
            RankedOn::Test => {
                let chosen = match (most(|row| row.n_dev), most(|row| row.n_texts)) {
                    (0, 0) => String::new(),
                    (0, _) => format!(", chosen without labels on {texts}"),
                    _ => format!(", chosen on {dev}"),
                };
                format!("Ranked on {}, {seeds}{chosen}.", counted(most(|row| row.n_test), "test example"))
            }
            RankedOn::Dev => format!(
                "Ranked on the {dev} that also chose the prompts, {seeds}: there is no labelled test split, so nothing is \
                 resolved."
            ),
            RankedOn::LabelFree => {
                let over = if most(|row| row.n_texts) > 0 { format!(" on {texts}") } else { String::new() };
                format!("Ranked by the label-free score{over}, {seeds}: there are no labels to check it with.")
            }
        }
    }

    /// `3 seeds`, with the rows that have fewer: `3 seeds (random: 2)`.
    fn seed_words(&self) -> String {
        let most = self.rows.iter().map(|row| row.n_seeds).max().unwrap_or(0);
        let fewer: Vec<String> = (self.rows.iter())
            .filter(|row| row.n_seeds < most)
            .map(|row| format!("{}: {}", row.method, row.n_seeds))
            .collect();
        match fewer.is_empty() {
            true => counted(most, "seed"),
            false => format!("{} ({})", counted(most, "seed"), fewer.join(", ")),
        }
    }

    /// How well the label-free score orders a trial's candidates as test does, as a sentence; `None` where no trial of the
    /// section says it.
    pub(super) fn label_free_words(&self, metric: &str) -> Option<String> {
        let said: Vec<String> = (self.rows.iter())
            .filter_map(|row| {
                let (fewest, most, n_test) = row.correlated?;
                let candidates = if fewest == most { fewest.to_string() } else { format!("{fewest} to {most}") };
                let figures = match row.label_free_spearman.zip(row.label_free_kendall) {
                    Some((rho, tau)) => format!("{} (tau-b {})", short(rho), short(tau)),
                    None => "none, since all are equal".into(),
                };
                let method = escape_markdown(&row.method);
                Some(format!("{method} {figures}, over {candidates} candidates on {}", counted(n_test, "test example")))
            })
            .collect();
        let metric = escape_markdown(metric);
        (!said.is_empty()).then(|| {
            format!(
                "Spearman's rank correlation of the label-free score with {metric} on test, taken after every choice, mean over \
                 seeds: {}.",
                said.join("; ")
            )
        })
    }

    /// How well first-order estimates order a step's candidates, as a sentence; `None` where no row says it.
    pub(super) fn hotflip_words(&self) -> Option<String> {
        let said: Vec<String> = (self.rows.iter())
            .filter_map(|row| {
                let method = escape_markdown(&row.method);
                let steps = counted(row.hotflip_steps, "step");
                row.hotflip_spearman.map(|rho| format!("{method} {}, over {steps}", short(rho)))
            })
            .collect();
        (!said.is_empty()).then(|| {
            format!(
                "Spearman's rank correlation of first-order estimates with true falls of the loss among the candidates of a step, \
                 mean over steps, then seeds: {}.",
                said.join("; ")
            )
        })
    }

    /// What it takes to tell the two best apart, as a sentence.
    pub(super) fn top_two_words(&self) -> Option<String> {
        let (top_two, [first, second, ..]) = (self.top_two?, self.rows.as_slice()) else { return None };
        let (first, second) = (escape_markdown(&first.method), escape_markdown(&second.method));
        Some(match top_two.examples {
            Some(examples) => format!(
                "To tell {first} from {second} at 80 % power would take about {}.",
                counted(examples, "dev example")
            ),
            None => {
                format!("{first} and {second} are right equally often: no number of dev examples tells them apart.")
            }
        })
    }
}
