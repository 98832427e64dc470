//! The columns of the tables, in the order in which scripts rely on them (contract, Results). Ours follow after those.

use std::cmp::Ordering;
use std::io::Write;

use super::ReportError;
use super::candidates::CandidateRow;
use super::cell::Cell;
use super::control::CONTROLS;
use super::row::Row;

/// A column of a table whose rows are `R`.
pub(super) struct Column<R> {
    /// Its name.
    pub(super) name: &'static str,
    /// Whether sorting by it puts the largest first.
    pub(super) descending: bool,
    /// Its value in a row.
    pub(super) cell: fn(&R) -> Cell,
}

pub(super) const fn up<R>(name: &'static str, cell: fn(&R) -> Cell) -> Column<R> {
    Column { name, descending: false, cell }
}

pub(super) const fn down<R>(name: &'static str, cell: fn(&R) -> Cell) -> Column<R> {
    Column { name, descending: true, cell }
}

fn maybe(count: Option<u64>) -> Cell {
    count.map_or(Cell::Unknown, Cell::Count)
}

fn words(text: &Option<String>) -> Cell {
    text.as_deref().map_or(Cell::Unknown, Cell::words)
}

/// What the examples say of a row's place, in words.
fn verdict(rank_low: Option<usize>, tied: Option<usize>) -> Cell {
    let (Some(rank_low), Some(tied)) = (rank_low, tied) else { return Cell::Unknown };
    let others = |n: usize| if n == 1 { "1 other".to_owned() } else { format!("{n} others") };
    let resolved = match tied {
        0 => "resolved from every other".to_owned(),
        n => format!("not resolved from {}", others(n)),
    };
    Cell::words(match rank_low - 1 {
        0 => resolved,
        n => format!("{resolved}, worse than {n}"),
    })
}

/// The columns of `leaderboard.csv`.
pub(super) const LEADERBOARD: &[Column<Row>] = &[
    up("rank", |row| Cell::count(row.rank)),
    up("rank_low", |row| Cell::count(row.rank_low)),
    up("rank_high", |row| Cell::count(row.rank_high)),
    up("tied", |row| Cell::count(row.tied)),
    up("method", |row| Cell::words(&row.method)),
    up("model", |row| Cell::words(&row.group.model)),
    up("shots", |row| Cell::words(&row.group.shots)),
    up("calibration", |row| Cell::words(&row.group.calibration)),
    down("n_seeds", |row| Cell::Count(row.n_seeds as u64)),
    down("n_dev", |row| Cell::count(row.n_dev)),
    down("n_test", |row| Cell::count(row.n_test)),
    up("prompt", |row| words(&row.prompt)),
    up("verbalizer", |row| words(&row.verbalizer)),
    down("dev_mean", |row| Cell::number(row.dev_mean)),
    down("dev_low", |row| Cell::number(row.dev_low)),
    down("dev_high", |row| Cell::number(row.dev_high)),
    down("dev_margin", |row| Cell::number(row.dev_margin)),
    up("select_by", |row| words(&row.select_by)),
    down("select_score", |row| Cell::number(row.select_score)),
    down("test_mean", |row| Cell::number(row.test_mean)),
    up("test_std", |row| Cell::number(row.test_std)),
    down("test_low", |row| Cell::number(row.test_low)),
    down("test_high", |row| Cell::number(row.test_high)),
    up("optimism_gap", |row| Cell::number(row.optimism_gap)),
    down("vs_manual", |row| Cell::number(row.vs_manual)),
    up("vs_manual_p", |row| Cell::p(row.vs_manual_p)),
    down("vs_random", |row| Cell::number(row.vs_random)),
    up("vs_random_p", |row| Cell::p(row.vs_random_p)),
    up("trained_parameters", |row| maybe(row.trained_parameters)),
    up("saved_bytes", |row| maybe(row.saved_bytes)),
    up("dev_looks", |row| maybe(row.dev_looks)),
    up("evaluations", |row| maybe(row.evaluations)),
    up("forwards", |row| maybe(row.forwards)),
    up("backwards", |row| maybe(row.backwards)),
    up("tokens", |row| maybe(row.tokens)),
    up("flags", |row| Cell::words(row.flags.join(";"))),
    up("seconds", |row| Cell::Seconds(row.seconds)),
    up("failures", |row| Cell::words(row.failure_words())),
    up("prompt_file", |row| {
        row.prompt_file.as_ref().map_or(Cell::Unknown, |path| Cell::words(path.to_string_lossy().replace('\\', "/")))
    }),
    up("verdict", |row| verdict(row.rank_low, row.tied)),
    down("projected_dev", |row| Cell::number(row.projected_dev)),
    down("projected_test", |row| Cell::number(row.projected_test)),
    down("label_free_spearman", |row| Cell::number(row.label_free_spearman)),
    down("label_free_kendall", |row| Cell::number(row.label_free_kendall)),
    down("evaluations_saved", |row| maybe(row.evaluations_saved)),
    down("hotflip_spearman", |row| Cell::number(row.hotflip_spearman)),
    down("random_model_test", |row| Cell::number(row.control(CONTROLS[0]).and_then(|control| control.test_mean))),
    down("vs_random_model", |row| Cell::number(row.control(CONTROLS[0]).and_then(|control| control.difference))),
    up("vs_random_model_p", |row| Cell::p(row.control(CONTROLS[0]).and_then(|control| control.p))),
    down("shuffled_labels_test", |row| Cell::number(row.control(CONTROLS[1]).and_then(|control| control.test_mean))),
    down("vs_shuffled_labels", |row| Cell::number(row.control(CONTROLS[1]).and_then(|control| control.difference))),
    up("vs_shuffled_labels_p", |row| Cell::p(row.control(CONTROLS[1]).and_then(|control| control.p))),
    up("beats_controls", |row| match row.beats_controls() {
        Some(beats) => Cell::words(if beats { "yes" } else { "no" }),
        None => Cell::Unknown,
    }),
    up("collapse", |row| Cell::number(row.diagnostics.collapse)),
    up("class_accuracy", |row| Cell::words(row.diagnostics.class_words())),
    down("surface_worst", |row| Cell::number(row.diagnostics.surface_worst)),
    down("surface_mean", |row| Cell::number(row.diagnostics.surface_mean)),
    up("surfaces", |row| Cell::words(row.diagnostics.surface_words())),
    down("n_candidates", |row| Cell::count(row.diagnostics.n_candidates)),
    down("n_behaviours", |row| Cell::count(row.diagnostics.n_behaviours)),
    up("strategy", |row| row.strategy.map_or(Cell::Unknown, |strategy| Cell::words(strategy.name()))),
    down("test_p_at_1", |row| Cell::number(row.facts.map(|facts| facts.p_at_1))),
    down("test_p_at_10", |row| Cell::number(row.facts.map(|facts| facts.p_at_10))),
    down("test_mrr", |row| Cell::number(row.facts.map(|facts| facts.mrr))),
];

/// The columns of `candidates.csv`.
pub(super) const CANDIDATES: &[Column<CandidateRow>] = &[
    up("rank", |row| Cell::Count(row.rank as u64)),
    up("rank_low", |row| Cell::count(row.rank_low)),
    up("rank_high", |row| Cell::count(row.rank_high)),
    up("tied", |row| Cell::count(row.tied)),
    up("method", |row| Cell::words(&row.method)),
    up("model", |row| Cell::words(&row.group.model)),
    up("shots", |row| Cell::words(&row.group.shots)),
    up("calibration", |row| Cell::words(&row.group.calibration)),
    up("seed", |row| Cell::Count(row.seed)),
    up("candidate", |row| Cell::Count(row.candidate)),
    up("parent", |row| maybe(row.parent)),
    up("prompt", |row| Cell::words(&row.prompt)),
    up("verbalizer", |row| Cell::words(&row.verbalizer)),
    down("dev_metric", |row| Cell::number(row.dev_metric)),
    down("dev_low", |row| Cell::number(row.dev_low)),
    down("dev_high", |row| Cell::number(row.dev_high)),
    down("dev_margin", |row| Cell::number(row.dev_margin)),
    up("evaluations", |row| Cell::Count(row.evaluations)),
    up("perplexity", |row| Cell::number(row.perplexity)),
    up("n_tokens", |row| Cell::Count(row.n_tokens as u64)),
    down("dropped_at", |row| Cell::count(row.dropped_at)),
    up("flags", |row| Cell::words(row.flags.join(";"))),
    down("label_free", |row| Cell::number(row.label_free)),
    down("log_likelihood", |row| Cell::number(row.log_likelihood)),
    up("chosen", |row| Cell::words(if row.chosen { "yes" } else { "" })),
    up("origin", |row| Cell::words(&row.origin)),
    up("trial", |row| Cell::words(row.trial.to_string_lossy())),
    up("verdict", |row| verdict(row.rank_low, row.tied)),
    down("select_score", |row| Cell::number(row.select_score)),
    up("n_soft", |row| Cell::count(row.n_soft)),
    up("soft_blake3", |row| words(&row.soft_blake3)),
    up("control", |row| words(&row.control)),
    up("collapse", |row| Cell::number(row.diagnostics.collapse)),
    up("class_accuracy", |row| Cell::words(row.diagnostics.class_words())),
    up("equivalence_class", |row| Cell::count(row.diagnostics.equivalence_class)),
    down("n_equivalent", |row| Cell::count(row.diagnostics.n_equivalent)),
];

/// The leaderboard's column of that name.
///
/// # Errors
/// [`ReportError::UnknownColumn`], with the columns that there are.
pub(super) fn column(name: &str) -> Result<&'static Column<Row>, ReportError> {
    LEADERBOARD.iter().find(|column| column.name == name).ok_or_else(|| ReportError::UnknownColumn {
        name: name.into(),
        known: LEADERBOARD.iter().map(|column| column.name).collect(),
    })
}

impl Column<Row> {
    /// The order of two rows by this column.
    pub(super) fn order(&self, a: &Row, b: &Row) -> Ordering {
        (self.cell)(a).order(&(self.cell)(b), self.descending)
    }
}

/// A table that is written as CSV (RFC 4180, a line feed after every row), row by row.
pub(super) struct CsvTable<R: 'static, W: Write> {
    columns: &'static [Column<R>],
    writer: csv::Writer<W>,
}

impl<R, W: Write> CsvTable<R, W> {
    /// A table with its header and no row.
    ///
    /// # Errors
    /// If `writer` takes no more.
    pub(super) fn new(columns: &'static [Column<R>], writer: W) -> Result<Self, csv::Error> {
        let mut writer = csv::Writer::from_writer(writer);
        writer.write_record(columns.iter().map(|column| column.name))?;
        Ok(Self { columns, writer })
    }

    /// Appends a row.
    ///
    /// # Errors
    /// If the writer takes no more.
    pub(super) fn row(&mut self, row: &R) -> Result<(), csv::Error> {
        self.writer.write_record(self.columns.iter().map(|column| (column.cell)(row).print()))
    }

    /// What it was written to.
    ///
    /// # Errors
    /// If the writer takes no more.
    pub(super) fn finish(self) -> Result<W, csv::Error> {
        self.writer.into_inner().map_err(|e| e.into_error().into())
    }
}

/// The table as CSV.
///
/// # Errors
/// [`ReportError::Print`]: never for what these tables hold.
pub(super) fn csv<'a, R: 'static>(
    columns: &'static [Column<R>],
    rows: impl IntoIterator<Item = &'a R>,
) -> Result<Vec<u8>, ReportError> {
    let mut table = CsvTable::new(columns, Vec::new()).map_err(ReportError::print)?;
    rows.into_iter().try_for_each(|row| table.row(row)).map_err(ReportError::print)?;
    table.finish().map_err(ReportError::print)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_columns_of_the_contract_come_first_and_in_its_order() {
        let leaderboard = "rank, rank_low, rank_high, tied, method, model, shots, calibration, n_seeds, n_dev, n_test, \
            prompt, verbalizer, dev_mean, dev_low, dev_high, dev_margin, select_by, select_score, test_mean, test_std, \
            test_low, test_high, optimism_gap, vs_manual, vs_manual_p, vs_random, vs_random_p, trained_parameters, \
            saved_bytes, dev_looks, evaluations, forwards, backwards, tokens, flags, seconds";
        let candidates = "rank, rank_low, rank_high, tied, method, model, shots, calibration, seed, candidate, parent, \
            prompt, verbalizer, dev_metric, dev_low, dev_high, dev_margin, evaluations, perplexity, n_tokens, \
            dropped_at, flags";
        let names: Vec<&str> = LEADERBOARD.iter().map(|column| column.name).collect();
        assert!(names.join(", ").starts_with(leaderboard), "{names:?}");
        let names: Vec<&str> = CANDIDATES.iter().map(|column| column.name).collect();
        assert!(names.join(", ").starts_with(candidates), "{names:?}");
    }

    #[test]
    fn a_misspelt_column_is_refused() {
        let message = column("test").err().unwrap().to_string();
        assert!(message.starts_with("unknown column `test` (known: rank, rank_low, "), "{message}");
    }
}
