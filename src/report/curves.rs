//! `curves.csv`: how every method does over shots. The draws of a seed are nested, so that a line is a learning curve.

use std::collections::BTreeSet;

use super::ReportError;
use super::cell::Cell;
use super::columns::{Column, csv, down, up};
use super::row::Row;

/// The columns of `curves.csv`.
const CURVES: &[Column<Row>] = &[
    up("method", |row| Cell::words(&row.method)),
    up("strategy", |row| row.strategy.map_or(Cell::Unknown, |strategy| Cell::words(strategy.name()))),
    up("model", |row| Cell::words(&row.group.model)),
    up("calibration", |row| Cell::words(&row.group.calibration)),
    up("shots", |row| Cell::words(&row.group.shots)),
    down("n_seeds", |row| Cell::Count(row.n_seeds as u64)),
    down("test_mean", |row| Cell::number(row.test_mean)),
    down("test_low", |row| Cell::number(row.test_low)),
    down("test_high", |row| Cell::number(row.test_high)),
    up("test_std", |row| Cell::number(row.test_std)),
    down("dev_mean", |row| Cell::number(row.dev_mean)),
    up("evaluations", |row| row.evaluations.map_or(Cell::Unknown, Cell::Count)),
];

/// The file: the rows of an item one after the other, from few shots to all; `None` where there is but one number of shots.
///
/// # Errors
/// [`ReportError`] if it cannot be printed.
pub(super) fn curves<'r>(rows: impl Iterator<Item = &'r Row>) -> Result<Option<Vec<u8>>, ReportError> {
    let mut rows: Vec<&Row> = rows.collect();
    let shots: BTreeSet<&str> = rows.iter().map(|row| row.group.shots.as_str()).collect();
    if shots.len() < 2 {
        return Ok(None);
    }
    // Groups are ordered by shots already.
    rows.sort_by_cached_key(|row| (row.group.model.clone(), row.group.calibration.clone(), row.item));
    csv(CURVES, rows).map(Some)
}
