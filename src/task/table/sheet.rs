//! A file's cells, before anyone knows which column is what.

use std::panic::{AssertUnwindSafe, catch_unwind};

use polars::prelude::{DataFrame, DataType, PolarsResult};

use crate::task::error::{Place, Position, TaskError};

/// A file's cells as text. A missing cell is an empty one.
pub(in crate::task) struct Sheet {
    /// The names that the format itself gives the columns; none for TSV and CSV.
    pub names: Option<Vec<String>>,
    /// Row by row.
    pub rows: Vec<Vec<String>>,
    /// Where each row begins.
    pub positions: Vec<Position>,
    /// The same as a byte of the text, where there is one.
    pub starts: Vec<usize>,
    /// Columns that hold no text (lists, bytes, dates ...), with their types.
    pub left_out: Vec<String>,
}

impl Sheet {
    /// The place of a row.
    pub fn place(&self, file: &str, row: usize) -> Place {
        Place { file: file.to_owned(), position: self.positions[row] }
    }
}

/// The cells of a frame as text, row by row.
///
/// # Errors
/// As [`guarded`].
pub(super) fn cells(read: impl FnOnce() -> PolarsResult<DataFrame>) -> Result<Vec<Vec<String>>, String> {
    guarded(|| {
        let frame = read()?;
        let mut rows = vec![Vec::with_capacity(frame.width()); frame.height()];
        for column in frame.columns() {
            let text = column.as_materialized_series().cast(&DataType::String)?;
            for (row, cell) in rows.iter_mut().zip(text.str()?.iter()) {
                row.push(cell.unwrap_or_default().to_owned());
            }
        }
        Ok(rows)
    })
}

/// Runs a reader.
///
/// # Errors
/// What polars says, on one line. A panic inside polars, which damaged Parquet files can cause, is an error too.
pub(super) fn guarded<T>(read: impl FnOnce() -> PolarsResult<T>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(read)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(error.to_string().lines().next().unwrap_or_default().to_owned()),
        Err(_) => Err("the file is damaged".to_owned()),
    }
}

/// The text of a file, or of a part of it that begins on `line`, in UTF-8, without a byte-order mark.
pub(super) fn utf8<'a>(file: &str, bytes: &'a [u8], line: usize) -> Result<&'a str, TaskError> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let line = line + bytes[..error.valid_up_to()].iter().filter(|&&byte| byte == b'\n').count();
        let utf16 = bytes.starts_with(&[0xFF, 0xFE]) || bytes.starts_with(&[0xFE, 0xFF]);
        let gzip = bytes.starts_with(&[0x1F, 0x8B]);
        TaskError::NotUtf8 {
            place: Place { file: file.to_owned(), position: Position::Line(line) },
            hint: match (utf16, gzip) {
                (true, _) => " (they look like UTF-16)",
                (_, true) => " (they look like gzip: unpack the file first)",
                _ => "",
            },
        }
    })?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}
