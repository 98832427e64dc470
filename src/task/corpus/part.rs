//! A part of a file: from its bytes to sentences.

use std::fs::File;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::Sentence;
use super::source::Source;
use crate::task::error::{Place, Position, TaskError};
use crate::task::table::{Block, ParquetFile, read_records};

/// What one thread goes through at a time.
pub(super) enum Part {
    /// Whole records of a file of text.
    Block { block: Block, source: Source, file: Arc<str> },
    /// Rows of a file of columns.
    Rows { path: PathBuf, parquet: Arc<ParquetFile>, rows: Range<usize> },
}

impl Part {
    /// Gives its sentences, those that are blank left out, without the white space around them; `number` is that of the file.
    pub fn with_sentences<T>(&self, number: u32, read: &mut dyn FnMut(&[Sentence<'_>]) -> T) -> Result<T, TaskError> {
        let mut all = |texts: &mut dyn Iterator<Item = (u64, &str)>| {
            let texts = texts.map(|(line, text)| Sentence { text: text.trim(), file: number, line });
            let sentences: Vec<Sentence<'_>> = texts.filter(|sentence| !sentence.text.is_empty()).collect();
            read(&sentences)
        };
        let sheet = match self {
            Self::Block { block, source: Source::Objects(column), file } => {
                let texts = objects(file, block.text(file)?, block.line, column)?;
                return Ok(all(&mut texts.iter().map(|(line, text)| (*line, text.as_str()))));
            }
            Self::Block { block, source: Source::Cells(dialect, cell), file } => {
                let sheet = read_records(file, block.text(file)?, *dialect, block.line, Some(cell.width))?;
                (sheet, cell.at, usize::from(block.line == 1))
            }
            Self::Block { block, file, .. } => {
                let lines = block.text(file)?.split('\n').enumerate();
                return Ok(all(&mut lines.map(|(at, text)| ((block.line + at) as u64, text))));
            }
            Self::Rows { path, parquet, rows } => {
                let unreadable = |source| TaskError::Unreadable { file: path.display().to_string(), source };
                (parquet.read(File::open(path).map_err(unreadable)?, rows.clone())?, 0, 0)
            }
        };
        let (sheet, column, skipped) = sheet;
        let line = |position: &Position| match position {
            Position::Line(line) | Position::Row(line) => *line as u64,
        };
        let rows = sheet.positions.iter().zip(&sheet.rows).skip(skipped);
        Ok(all(&mut rows.map(|(position, row)| (line(position), row[column].as_str()))))
    }
}

/// The texts of JSON lines, the first of which is line `first`; a missing text is a blank one.
fn objects(file: &str, text: &str, first: usize, column: &str) -> Result<Vec<(u64, String)>, TaskError> {
    let mut texts = Vec::new();
    for (at, line) in text.split('\n').enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let place = || Place { file: file.to_owned(), position: Position::Line(first + at) };
        let none = |found: String| TaskError::NoSentence { place: place(), column: column.to_owned(), found };
        let mut object: Map<String, Value> =
            serde_json::from_str(line).map_err(|source| TaskError::Json { place: place(), source })?;
        match object.get_mut(column) {
            Some(Value::String(text)) => texts.push(((first + at) as u64, std::mem::take(text))),
            Some(Value::Null) => {}
            Some(Value::Array(_)) => return Err(none("an array where a text is expected".to_owned())),
            Some(Value::Object(_)) => return Err(none("an object where a text is expected".to_owned())),
            Some(other) => return Err(none(format!("{other} where a text is expected"))),
            None => {
                let keys: Vec<&str> = object.keys().map(String::as_str).collect();
                return Err(none(format!("no `{column}` among {}", keys.join(", "))));
            }
        }
    }
    Ok(texts)
}
