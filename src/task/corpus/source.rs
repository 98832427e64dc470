//! One file of a corpus: what is read of it, and its parts one after the other.

use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::part::Part;
use crate::task::error::TaskError;
use crate::task::table::{Blocks, Dialect, ParquetFile, read_records};

/// What is read of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source {
    /// Its lines.
    Lines,
    /// A cell of each row below a header.
    Cells(Dialect, Cell),
    /// The text under a key of each line's object.
    Objects(String),
    /// A column of Parquet.
    Column(String),
}

/// Where in a row the text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cell {
    /// Its place.
    pub at: usize,
    /// The cells of a row.
    pub width: usize,
}

impl Source {
    /// What the ending of a file says, and its header where it has one.
    pub fn of(path: &Path, column: &str) -> Result<Self, TaskError> {
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default().to_ascii_lowercase();
        Ok(match ending.as_str() {
            "txt" => Self::Lines,
            "tsv" => Self::Cells(Dialect::Tsv, header(path, Dialect::Tsv, column)?),
            "csv" => Self::Cells(Dialect::Csv, header(path, Dialect::Csv, column)?),
            "jsonl" | "ndjson" => Self::Objects(column.to_owned()),
            "parquet" => Self::Column(column.to_owned()),
            _ => return Err(TaskError::NoCorpus { file: path.display().to_string() }),
        })
    }

    /// The parts of the file.
    pub fn parts(&self, path: &Path) -> Result<Parts, TaskError> {
        let file: Arc<str> = path.display().to_string().into();
        if let Self::Column(column) = self {
            let opened = File::open(path).map_err(|e| TaskError::Unreadable { file: file.to_string(), source: e })?;
            let parquet = Arc::new(ParquetFile::open(&file, opened, false)?.only(column)?);
            let steps = parquet.steps().collect::<Vec<_>>().into_iter();
            return Ok(Parts::Rows { path: path.into(), parquet, steps });
        }
        // Lines end at every line break; of CSV, records do.
        let dialect = match self {
            Self::Cells(dialect, _) => *dialect,
            _ => Dialect::Tsv,
        };
        Ok(Parts::Blocks { blocks: Box::new(Blocks::open(path, dialect)?), source: self.clone(), file })
    }
}

/// The place of a column in the header of a table.
fn header(path: &Path, dialect: Dialect, column: &str) -> Result<Cell, TaskError> {
    let file = path.display().to_string();
    let Some(block) = Blocks::open(path, dialect)?.read()? else {
        return Err(TaskError::Empty { file, but: "" });
    };
    let text = block.text(&file)?;
    let first = text.split('\n').next().unwrap_or_default().trim_end_matches('\r');
    let names = read_records(&file, first, dialect, 1, None)?.rows.swap_remove(0);
    let names: Vec<String> = names.iter().map(|name| name.trim().to_owned()).collect();
    match names.iter().position(|name| name == column) {
        Some(at) => Ok(Cell { at, width: names.len() }),
        None => Err(TaskError::MissingColumn { file, column: column.to_owned(), columns: names, hint: "" }),
    }
}

/// The parts of a file that are not read yet.
pub(super) enum Parts {
    /// Of text.
    Blocks { blocks: Box<Blocks>, source: Source, file: Arc<str> },
    /// Of a file of columns.
    Rows { path: PathBuf, parquet: Arc<ParquetFile>, steps: std::vec::IntoIter<Range<usize>> },
}

impl Parts {
    /// The next one; `None` after the last.
    pub fn next(&mut self) -> Result<Option<Part>, TaskError> {
        match self {
            Self::Blocks { blocks, source, file } => {
                let block = blocks.read()?;
                Ok(block.map(|block| Part::Block { block, source: source.clone(), file: Arc::clone(file) }))
            }
            Self::Rows { path, parquet, steps } => {
                Ok(steps.next().map(|rows| Part::Rows { path: path.clone(), parquet: Arc::clone(parquet), rows }))
            }
        }
    }

    /// The BLAKE3 of the file in hex, after its last part.
    pub fn hash(self) -> Result<String, TaskError> {
        match self {
            Self::Blocks { blocks, .. } => blocks.hash(),
            Self::Rows { path, .. } => {
                let mut hasher = blake3::Hasher::new();
                let read = File::open(&path).and_then(|file| hasher.update_reader(file).map(|_| ()));
                read.map_err(|source| TaskError::Unreadable { file: path.display().to_string(), source })?;
                Ok(hasher.finalize().to_hex().to_string())
            }
        }
    }
}
