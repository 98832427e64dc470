//! `transfer.csv`: how the chosen prompts do with other models and on other tasks.
//!
//! # Decisions
//!
//! - 2026-11: long format, one row for each prompt, seed, model and task, its own model and task among them, so that a matrix is one
//!   pivot away; a trial that stands for several seeds has a row for each, as in `candidates.csv`.
//! - 2026-11: `manual_test` is what the first `manual` item reaches with the target's model, shots and seed; on another task what
//!   that task's own template does. `vs_manual` is a difference of two values on the same examples and is not tested.

use crate::record::{SetScores, TransferCell};
use crate::task::Metric;

use super::cell::Cell;
use super::columns::{Column, down, up};
use super::digest::{fraction, short, signed};
use super::entry::mean;
use super::leaderboard::Leaderboard;
use super::outcome::set_interval;
use super::print::escape_markdown;
use super::trial::Trial;

/// A chosen prompt of one seed with one model on one task.
#[derive(Debug, Clone, PartialEq)]
pub struct TransferRow {
    /// The method.
    pub method: String,
    /// Tells it from other items of the method.
    pub label: String,
    /// Labelled examples of each class.
    pub shots: String,
    /// The seed.
    pub seed: u64,
    /// The model that the prompt was found with.
    pub source_model: String,
    /// The task that it was found on.
    pub source_task: String,
    /// The model that it is scored with.
    pub target_model: String,
    /// The task that it is scored on.
    pub target_task: String,
    /// The prompt as the model is asked it there.
    pub prompt: String,
    /// The label words there.
    pub verbalizer: String,
    /// The metric of the target's task.
    pub metric: String,
    /// The metric on test; `None` where it cannot be scored.
    pub test: Option<f64>,
    /// Its 95 % interval.
    pub test_low: Option<f64>,
    /// Its 95 % interval.
    pub test_high: Option<f64>,
    /// Test examples of the target's task.
    pub n_test: usize,
    /// The metric on test with its own model on its own task.
    pub source_test: Option<f64>,
    /// The metric of the target's own manual prompt.
    pub manual_test: Option<f64>,
    /// `test` minus `manual_test`.
    pub vs_manual: Option<f64>,
    /// Why it cannot be scored.
    pub reason: Option<String>,
}

/// The columns of `transfer.csv`.
pub(super) const TRANSFER: &[Column<TransferRow>] = &[
    up("method", |row| Cell::words(&row.method)),
    up("label", |row| Cell::words(&row.label)),
    up("shots", |row| Cell::words(&row.shots)),
    up("seed", |row| Cell::Count(row.seed)),
    up("source_model", |row| Cell::words(&row.source_model)),
    up("target_model", |row| Cell::words(&row.target_model)),
    up("source_task", |row| Cell::words(&row.source_task)),
    up("target_task", |row| Cell::words(&row.target_task)),
    up("prompt", |row| Cell::words(&row.prompt)),
    up("verbalizer", |row| Cell::words(&row.verbalizer)),
    up("metric", |row| Cell::words(&row.metric)),
    down("test", |row| Cell::number(row.test)),
    down("test_low", |row| Cell::number(row.test_low)),
    down("test_high", |row| Cell::number(row.test_high)),
    down("n_test", |row| Cell::Count(row.n_test as u64)),
    down("source_test", |row| Cell::number(row.source_test)),
    down("manual_test", |row| Cell::number(row.manual_test)),
    down("vs_manual", |row| Cell::number(row.vs_manual)),
    up("reason", |row| row.reason.as_deref().map_or(Cell::Unknown, Cell::words)),
];

/// The rows of all trials that have been transferred, in the order of the trials; `metric` is that of the experiment.
pub(super) fn transfer_rows(trials: &[Trial], metric: &str) -> Vec<TransferRow> {
    let mut rows = Vec::new();
    for trial in trials.iter().filter(|trial| trial.is_complete()) {
        let (Some(record), Some(chosen)) = (&trial.transfer, trial.chosen()) else { continue };
        for &seed in &trial.key.seeds {
            let own = TransferCell {
                task: None,
                model: trial.key.model.clone(),
                prompt: chosen.record.prompt.clone(),
                verbalizer: chosen.record.verbalizer.clone(),
                metric: metric.to_owned(),
                n_labels: trial.n_labels,
                gold: Vec::new(),
                test: trial.test().cloned(),
                manual: None,
                reason: None,
                fingerprint: String::new(),
            };
            for cell in std::iter::once(&own).chain(&record.cells) {
                rows.push(row(trials, trial, &record.task, seed, cell));
            }
        }
    }
    rows
}

fn row(trials: &[Trial], trial: &Trial, own_task: &str, seed: u64, cell: &TransferCell) -> TransferRow {
    let gold = if cell.task.is_none() { &trial.test_gold } else { &cell.gold };
    let interval = |test: &SetScores| {
        let metric = cell.metric.parse().unwrap_or(Metric::Accuracy);
        set_interval(metric, gold, test, cell.n_labels)
    };
    let interval = cell.test.as_ref().filter(|test| test.predicted.len() == gold.len()).and_then(interval);
    let test = cell.test.as_ref().map(|test| test.metric);
    let reference = match cell.task {
        Some(_) => None,
        None => manual(trials, trial, seed, &cell.model),
    };
    // The reference is not compared with itself.
    let is_reference = cell.model == trial.key.model && reference.is_some_and(|other| std::ptr::eq(other, trial));
    let manual_test = match cell.task {
        Some(_) => cell.manual,
        None => reference.and_then(|other| other.test()).map(|test| test.metric).filter(|_| !is_reference),
    };
    TransferRow {
        method: trial.key.method.clone(),
        label: trial.key.label.clone(),
        shots: trial.key.shots.clone(),
        seed,
        source_model: trial.key.model.clone(),
        source_task: own_task.to_owned(),
        target_model: cell.model.clone(),
        target_task: cell.task.clone().unwrap_or_else(|| own_task.to_owned()),
        prompt: cell.prompt.clone(),
        verbalizer: cell.verbalizer.clone(),
        metric: cell.metric.clone(),
        test,
        test_low: interval.map(|interval| interval.low),
        test_high: interval.map(|interval| interval.high),
        n_test: gold.len(),
        source_test: trial.test().map(|test| test.metric),
        manual_test,
        vs_manual: test.zip(manual_test).map(|(test, manual)| test - manual),
        reason: cell.reason.clone(),
    }
}

/// The first `manual` item's trial with that model, of the same shots and seed.
fn manual<'t>(trials: &'t [Trial], trial: &Trial, seed: u64, model: &str) -> Option<&'t Trial> {
    let is = |other: &&Trial| {
        let key = &other.key;
        key.method == "manual"
            && key.control.is_none()
            && key.model == model
            && (&key.shots, &key.calibration) == (&trial.key.shots, &trial.key.calibration)
            && key.seeds.contains(&seed)
            && other.is_complete()
    };
    trials.iter().filter(is).min_by_key(|other| other.key.item)
}

/// A row's figures over the seeds.
pub(super) struct Mean<'r> {
    pub(super) first: &'r TransferRow,
    pub(super) rows: Vec<&'r TransferRow>,
}

impl Mean<'_> {
    pub(super) fn of(&self, value: fn(&TransferRow) -> Option<f64>) -> Option<f64> {
        mean(&self.rows.iter().filter_map(|row| value(row)).collect::<Vec<_>>())
    }
}

/// The rows of every prompt and target over the seeds.
pub(super) fn means(rows: &[TransferRow]) -> Vec<Mean<'_>> {
    let mut all: Vec<Mean<'_>> = Vec::new();
    let key = |row: &'_ TransferRow| {
        [&row.label, &row.shots, &row.source_model, &row.target_model, &row.target_task].map(String::clone)
    };
    for row in rows {
        match all.iter_mut().find(|mean| key(mean.first) == key(row)) {
            Some(mean) => mean.rows.push(row),
            None => all.push(Mean { first: row, rows: vec![row] }),
        }
    }
    all
}

impl Leaderboard {
    /// Transfer in words and a table; empty where there is none.
    pub(super) fn transfer_words(&self) -> String {
        if self.transfer.is_empty() {
            return String::new();
        }
        let (mut table, mut without) = (String::new(), Vec::new());
        for mean in means(&self.transfer) {
            let row = mean.first;
            let at = format!(
                "{} | {} | {} | {} | {}",
                escape_markdown(&row.label),
                row.shots,
                escape_markdown(&row.source_model),
                escape_markdown(&row.target_model),
                escape_markdown(&row.target_task)
            );
            let scored = mean.rows.iter().filter(|row| row.test.is_some()).count();
            table.push_str(&format!(
                "| {at} | {} | {} | {} | {scored} |\n",
                fraction(mean.of(|row| row.test)),
                fraction(mean.of(|row| row.source_test)),
                signed(mean.of(|row| row.vs_manual))
            ));
            let reasons = mean.rows.iter().filter_map(|row| Some((row, row.reason.as_deref()?)));
            without.extend(reasons.map(|(row, reason)| {
                format!(
                    "- {}, {} shots, seed {}, {} with {} on {}: {}\n",
                    escape_markdown(&row.label),
                    row.shots,
                    row.seed,
                    escape_markdown(&row.source_model),
                    escape_markdown(&row.target_model),
                    escape_markdown(&row.target_task),
                    escape_markdown(reason)
                )
            }));
        }
        let without = match without.is_empty() {
            true => String::new(),
            false => format!("\nNot scored:\n\n{}", without.concat()),
        };
        let mean_kept = self.kept_words();
        format!(
            "\n## Transfer\n\nThe chosen prompts with other models and on other tasks, on test, mean over seeds; `at home` is the same \
             prompts with the model and on the task that they were found with. Trigger tokens go to another tokenizer as the text that \
             they stand for; on another task a prompt has that task's label words. `vs manual` is the difference from what `manual` \
             reaches with that model, or from the other task's own template. A diagnostic, outside the budget; seed by seed in \
             `transfer.csv`.\n\n\
             | method | shots | found with | scored with | task | test | at home | vs manual | seeds |\n\
             | --- | --- | --- | --- | --- | ---: | ---: | ---: | ---: |\n{table}{mean_kept}{without}"
        )
    }

    /// How much of what is found at home is left elsewhere, over all prompts that went anywhere on their own task.
    fn kept_words(&self) -> String {
        let away = self
            .transfer
            .iter()
            .filter(|row| row.source_model != row.target_model && row.source_task == row.target_task);
        let pairs: Vec<(f64, f64)> = away.filter_map(|row| row.test.zip(row.source_test)).collect();
        let (Some(away), Some(home)) = (
            mean(&pairs.iter().map(|pair| pair.0).collect::<Vec<_>>()),
            mean(&pairs.iter().map(|pair| pair.1).collect::<Vec<_>>()),
        ) else {
            return String::new();
        };
        format!("\nWith other models on their own task: {} on average, {} at home.\n", short(away), short(home))
    }
}

#[cfg(test)]
mod tests {
    use super::super::columns::csv;
    use super::super::sample::{Sample, asked, write};
    use super::*;
    use crate::record::{TransferRecord, TrialRecord};

    const GOLD: &str = "0011001100110011";
    const HALF: &str = "0011001111001100";

    fn trial(item: usize, method: &str, model: &str, seeds: &[u64], test: &str) -> TrialRecord {
        let sample = Sample::new(item, method, seeds, "0101", GOLD).model(model);
        sample.scored(&format!("{method} {{mask}}"), "0101", 0.5).chose(0).tested(test, 0.5).finished(&[])
    }

    fn cell(model: &str, task: Option<&str>, right: bool) -> TransferCell {
        let labels = |text: &str| -> Vec<u16> { text.bytes().map(|digit| u16::from(digit - b'0')).collect() };
        let predicted = labels(if right { GOLD } else { HALF });
        TransferCell {
            task: task.map(str::to_owned),
            model: model.into(),
            prompt: "so {mask}".into(),
            verbalizer: "a=bad,b=good".into(),
            metric: "accuracy".into(),
            n_labels: 2,
            gold: if task.is_some() { labels(GOLD) } else { Vec::new() },
            test: Some(SetScores {
                values: Vec::new(),
                metric: if right { 1.0 } else { 0.5 },
                margin: 0.5,
                log_likelihood: -0.5,
                margins: vec![0.5; predicted.len()],
                predicted,
            }),
            manual: task.map(|_| 0.75),
            reason: None,
            fingerprint: "f".into(),
        }
    }

    fn board(records: &[(TrialRecord, Vec<TransferCell>)]) -> Leaderboard {
        let folder = tempfile::tempdir().unwrap();
        let trials: Vec<TrialRecord> = records.iter().map(|(trial, _)| trial.clone()).collect();
        write(folder.path(), &trials, "accuracy");
        for (trial, cells) in records.iter().filter(|(_, cells)| !cells.is_empty()) {
            let record = TransferRecord { task: "films".into(), cells: cells.clone() };
            record.save(&folder.path().join("trials").join(trial.key().id())).unwrap();
        }
        std::fs::write(folder.path().join("experiment.yaml"), "transfer: true\n").unwrap();
        Leaderboard::load(folder.path()).unwrap()
    }

    #[test]
    fn the_matrix_is_exactly_this() {
        let without = TransferCell {
            test: None,
            reason: Some("its vectors have 8 numbers, and those of this model 64".into()),
            ..cell("b", None, true)
        };
        let board = board(&[
            (trial(0, "manual", "a", &[1], HALF), Vec::new()),
            (trial(0, "manual", "b", &[1], HALF), Vec::new()),
            (trial(1, "autoprompt", "a", &[1], GOLD), vec![cell("b", None, true), cell("a", Some("hotels"), false)]),
            (trial(2, "soft_prompt", "a", &[1], GOLD), vec![without]),
        ]);
        let csv = String::from_utf8(csv(TRANSFER, &board.transfer).unwrap()).unwrap();
        assert_eq!(
            csv,
            "method,label,shots,seed,source_model,target_model,source_task,target_task,prompt,verbalizer,metric,test,test_low,\
             test_high,n_test,source_test,manual_test,vs_manual,reason\n\
             autoprompt,autoprompt,16,1,a,a,films,films,autoprompt {mask},\"a=bad,b=good\",accuracy,1,0.806392,1,16,1,0.5,0.5,\n\
             autoprompt,autoprompt,16,1,a,b,films,films,so {mask},\"a=bad,b=good\",accuracy,1,0.806392,1,16,1,0.5,0.5,\n\
             autoprompt,autoprompt,16,1,a,a,films,hotels,so {mask},\"a=bad,b=good\",accuracy,0.5,0.279996,0.720004,16,1,0.75,-0.25,\n\
             soft_prompt,soft_prompt,16,1,a,a,films,films,soft_prompt {mask},\"a=bad,b=good\",accuracy,1,0.806392,1,16,1,0.5,0.5,\n\
             soft_prompt,soft_prompt,16,1,a,b,films,films,so {mask},\"a=bad,b=good\",accuracy,,,,16,1,0.5,,\"its vectors have 8 \
             numbers, and those of this model 64\"\n"
        );
        let words = board.to_markdown();
        assert!(words.contains("| autoprompt | 16 | a | b | films | 1.000 | 1.000 | +0.500 | 1 |"), "{words}");
        assert!(words.contains("| autoprompt | 16 | a | a | hotels | 0.500 | 1.000 | -0.250 | 1 |"), "{words}");
        assert!(words.contains("Not scored:"), "{words}");
        assert!(words.contains("With other models on their own task: 1 on average, 1 at home."), "{words}");
    }

    #[test]
    fn seeds_are_averaged_and_a_trial_for_all_seeds_stands_for_each() {
        let board = board(&[
            (trial(0, "manual", "a", &[1, 2], HALF), vec![cell("b", None, false)]),
            (trial(1, "autoprompt", "a", &[1], GOLD), vec![cell("b", None, true)]),
            (trial(1, "autoprompt", "a", &[2], GOLD), vec![cell("b", None, false)]),
        ]);
        assert_eq!(board.transfer.iter().map(|row| row.seed).collect::<Vec<_>>(), [1, 1, 2, 2, 1, 1, 2, 2]);
        assert_eq!(board.transfer[0].vs_manual, None, "the reference is not compared with itself");
        let words = board.to_markdown();
        assert!(words.contains("| autoprompt | 16 | a | b | films | 0.750 | 1.000 |  | 2 |"), "{words}");
        assert!(words.contains("| autoprompt | 16 | a | a | films | 1.000 | 1.000 | +0.500 | 2 |"), "{words}");
    }

    #[test]
    fn a_record_whose_experiment_no_longer_asks_is_not_shown() {
        let folder = tempfile::tempdir().unwrap();
        let manual = trial(0, "manual", "a", &[1], HALF);
        write(folder.path(), std::slice::from_ref(&manual), "accuracy");
        let record = TransferRecord { task: "films".into(), cells: vec![cell("b", None, true)] };
        record.save(&folder.path().join("trials").join(manual.key().id())).unwrap();
        let board = Leaderboard::load(folder.path()).unwrap();
        assert!(board.transfer.is_empty() && !board.to_markdown().contains("## Transfer"));
        assert_eq!(board.asked, asked());
    }
}
