//! A comparison as CSV and as JSON.

use serde_json::{Map, Value, json};

use super::super::ReportError;
use super::super::cell::Cell;
use super::super::columns::{Column, csv, down, up};
use super::error::CompareError;
use super::side_by_side::{Compared, RowName, SideBySide};

/// A row with the names of its folders, which CSV needs in every line.
struct Line {
    row: Compared,
    folders: [String; 2],
}

const COLUMNS: &[Column<Line>] = &[
    up("method", |line| Cell::words(&line.row.first.label)),
    up("model", |line| Cell::words(&line.row.first.group.model)),
    up("shots", |line| Cell::words(&line.row.first.group.shots)),
    up("calibration", |line| Cell::words(&line.row.first.group.calibration)),
    up("folder", |line| Cell::words(&line.folders[0])),
    up("other_method", |line| Cell::words(&line.row.other.label)),
    up("other_model", |line| Cell::words(&line.row.other.group.model)),
    up("other_shots", |line| Cell::words(&line.row.other.group.shots)),
    up("other_calibration", |line| Cell::words(&line.row.other.group.calibration)),
    up("other_folder", |line| Cell::words(&line.folders[1])),
    down("test_mean", |line| Cell::number(Some(line.row.first_mean))),
    down("other_test_mean", |line| Cell::number(Some(line.row.other_mean))),
    down("difference", |line| Cell::number(Some(line.row.difference))),
    down("difference_low", |line| Cell::number(Some(line.row.low))),
    down("difference_high", |line| Cell::number(Some(line.row.high))),
    up("p", |line| Cell::p(Some(line.row.p))),
    up("p_holm", |line| Cell::p(Some(line.row.p_holm))),
    up("verdict", |line| Cell::words(line.row.verdict())),
    down("n_seeds", |line| Cell::Count(line.row.n_seeds as u64)),
    up("seeds_paired", |line| Cell::words(if line.row.seeds_in_order { "in order" } else { "by number" })),
    up("one_seed", |line| Cell::words(if line.row.one_seed { "yes" } else { "" })),
    down("n_examples", |line| Cell::Count(line.row.n_examples as u64)),
    down("n_test", |line| Cell::Count(line.row.n_of[0] as u64)),
    down("other_n_test", |line| Cell::Count(line.row.n_of[1] as u64)),
    up("prompt", |line| Cell::words(&line.row.first.prompt)),
    up("other_prompt", |line| Cell::words(&line.row.other.prompt)),
];

impl SideBySide {
    /// The rows as CSV, an unknown as an empty cell.
    ///
    /// # Errors
    /// [`ReportError::Print`]: never for what these rows hold.
    pub fn to_csv(&self) -> Result<String, CompareError> {
        let lines: Vec<Line> = self.rows.iter().map(|row| self.line(row)).collect();
        Ok(String::from_utf8(csv(COLUMNS, &lines)?).map_err(ReportError::print)?)
    }

    /// `{metric, folders, differences, rows, left_out, totals}`.
    pub fn to_json(&self) -> Value {
        let path = |place: usize| self.folders[place].path.display().to_string();
        let row = |row: &Compared| -> Value {
            let line = self.line(row);
            COLUMNS
                .iter()
                .map(|column| (column.name.to_owned(), (column.cell)(&line).json()))
                .collect::<Map<_, _>>()
                .into()
        };
        let left_out = |name: &RowName, why: &str| {
            json!({
                "method": name.label, "model": name.group.model, "shots": name.group.shots,
                "calibration": name.group.calibration, "folder": path(name.folder), "why": why,
            })
        };
        let folders = self.folders.iter().map(|folder| {
            json!({ "letter": folder.letter, "folder": folder.path.display().to_string(), "trials_not_complete": folder.n_open })
        });
        let unlike = self.unlike.iter().map(|unlike| json!({ "what": unlike.what, "values": unlike.values }));
        let totals: Map<String, Value> =
            self.totals().into_iter().map(|(word, n)| (word.replace(' ', "_"), n.into())).collect();
        json!({
            "metric": self.metric,
            "folders": folders.collect::<Vec<_>>(),
            "differences": unlike.collect::<Vec<_>>(),
            "rows": self.rows.iter().map(row).collect::<Vec<_>>(),
            "left_out": self.left_out.iter().map(|out| left_out(&out.row, &out.why)).collect::<Vec<_>>(),
            "totals": totals,
        })
    }

    fn line(&self, row: &Compared) -> Line {
        let path = |name: &RowName| self.folders[name.folder].path.display().to_string();
        Line { row: row.clone(), folders: [path(&row.first), path(&row.other)] }
    }
}
