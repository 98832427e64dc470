//! A data file of which single rows are read again.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::Format;
use super::blocks::Blocks;
use super::delimited::{Dialect, read_records};
use super::json::{self, Keys};
use super::parquet::ParquetFile;
use super::sheet::{Sheet, utf8};
use crate::task::error::TaskError;

/// Bytes of rows that are parsed at a time.
const BATCH: usize = 1 << 20;

/// Where a row is in its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    /// Its first byte, or its number in a file of columns.
    pub at: u64,
    /// Its bytes.
    pub length: u32,
}

/// A file whose rows can be read by their places.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RowFile {
    path: PathBuf,
    file: String,
    content: Content,
    stamp: Stamp,
}

/// What a file holds.
#[derive(Debug, Clone, PartialEq)]
enum Content {
    Records(Dialect),
    /// A line for each object, with the keys of the file and those that hold no text.
    Lines(Vec<String>, Vec<String>),
    Parquet,
}

/// What tells that a file was written since.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Stamp {
    size: u64,
    changed: Option<SystemTime>,
}

impl RowFile {
    /// Opens a file; `None` if it is of a kind that can only be read whole: an array of JSON objects.
    ///
    /// # Errors
    /// [`TaskError`] if it cannot be read, or is of no known format.
    pub(super) fn open(path: &Path) -> Result<Option<Self>, TaskError> {
        let file = path.display().to_string();
        let format = Format::named(path)?;
        let stamp = Stamp::of(path, &file)?;
        let content = match format {
            Format::Tsv => Content::Records(Dialect::Tsv),
            Format::Csv => Content::Records(Dialect::Csv),
            Format::Parquet => Content::Parquet,
            Format::Json => {
                let mut keys = Keys::default();
                let mut blocks = Blocks::open(path, Dialect::Tsv)?;
                while let Some(block) = blocks.read()? {
                    let text = block.text(&file)?;
                    if block.line == 1 && json::is_array(text) {
                        return Ok(None);
                    }
                    json::walk_lines(&file, text, block.line, &mut keys)?;
                }
                let (names, left_out) = keys.names();
                Content::Lines(names, left_out)
            }
        };
        Ok(Some(Self { path: path.into(), file, content, stamp }))
    }

    /// Gives all rows, a part of them at a time, with the place of each; the BLAKE3 of the file, in hex.
    ///
    /// # Errors
    /// [`TaskError`] if it cannot be read, or what `take` fails with.
    pub(super) fn each(
        &self,
        mut take: impl FnMut(Sheet, Vec<Span>) -> Result<(), TaskError>,
    ) -> Result<String, TaskError> {
        let hash = match &self.content {
            Content::Parquet => {
                let parquet = ParquetFile::open(&self.file, self.reader()?)?;
                for rows in parquet.steps() {
                    let spans = rows.clone().map(|row| Span { at: row as u64, length: 0 }).collect();
                    take(parquet.read(self.reader()?, rows)?, spans)?;
                }
                let mut hasher = blake3::Hasher::new();
                hasher.update_reader(self.reader()?).map_err(|source| self.unreadable(source))?;
                hasher.finalize().to_hex().to_string()
            }
            _ => {
                let mut blocks = Blocks::open(&self.path, self.dialect())?;
                let mut width = None;
                while let Some(block) = blocks.read()? {
                    let text = block.text(&self.file)?;
                    let mut sheet = self.parse(text, block.line, width)?;
                    if let Content::Lines(_, left_out) = &self.content {
                        sheet.left_out.clone_from(left_out);
                    }
                    if let (Content::Records(_), Some(first)) = (&self.content, sheet.rows.first()) {
                        width = width.or(Some(first.len()));
                    }
                    let ends = sheet.starts.iter().skip(1).copied().chain([text.len() + 1]);
                    let spans = (sheet.starts.iter().zip(ends))
                        .map(|(&start, end)| Span { at: block.at + start as u64, length: (end - 1 - start) as u32 });
                    let spans = spans.collect();
                    take(sheet, spans)?;
                }
                blocks.hash()?
            }
        };
        self.check_unchanged()?;
        Ok(hash)
    }

    /// The cells of rows, in the order of `spans`.
    ///
    /// # Errors
    /// [`TaskError::Changed`] if the file is not what it was, else [`TaskError`] if it cannot be read.
    pub(super) fn rows(&self, spans: &[Span]) -> Result<Vec<Vec<String>>, TaskError> {
        self.check_unchanged()?;
        let mut order: Vec<usize> = (0..spans.len()).collect();
        order.sort_unstable_by_key(|&place| spans[place].at);
        let mut rows = vec![Vec::new(); spans.len()];
        if self.content == Content::Parquet {
            let parquet = ParquetFile::open(&self.file, self.reader()?)?;
            let mut order = order.into_iter().peekable();
            for step in parquet.steps() {
                let within = |place: &usize| spans[*place].at < step.end as u64;
                let Some(first) = order.next_if(within) else { continue };
                let sheet = parquet.read(self.reader()?, step.clone())?;
                for place in std::iter::once(first).chain(std::iter::from_fn(|| order.next_if(within))) {
                    rows[place] = sheet.rows[spans[place].at as usize - step.start].clone();
                }
            }
            return Ok(rows);
        }
        let mut reader = self.reader()?;
        let mut text = Vec::new();
        let mut batch: Vec<usize> = Vec::new();
        for (n, &place) in order.iter().enumerate() {
            let from = text.len();
            text.resize(from + spans[place].length as usize, 0);
            let read = reader.seek(SeekFrom::Start(spans[place].at)).and_then(|_| reader.read_exact(&mut text[from..]));
            read.map_err(|source| self.changed_or(source))?;
            if text.ends_with(b"\r") {
                text.pop();
            }
            batch.push(place);
            if text.len() < BATCH && n + 1 < order.len() {
                text.push(b'\n');
                continue;
            }
            // Damage that was not there before is a change.
            let changed = |_| TaskError::Changed { file: self.file.clone() };
            let sheet = utf8(&self.file, &text, 1).and_then(|text| self.parse(text, 1, None)).map_err(changed)?;
            if sheet.rows.len() != batch.len() {
                return Err(TaskError::Changed { file: self.file.clone() });
            }
            batch.drain(..).zip(sheet.rows).for_each(|(place, row)| rows[place] = row);
            text.clear();
        }
        Ok(rows)
    }

    /// The file as it is shown.
    pub(super) fn file(&self) -> &str {
        &self.file
    }

    fn dialect(&self) -> Dialect {
        match self.content {
            Content::Records(dialect) => dialect,
            // Lines end at every line break.
            Content::Lines(..) | Content::Parquet => Dialect::Tsv,
        }
    }

    fn parse(&self, text: &str, line: usize, width: Option<usize>) -> Result<Sheet, TaskError> {
        match &self.content {
            Content::Lines(names, _) => json::read_lines(&self.file, text, line, names),
            _ => read_records(&self.file, text, self.dialect(), line, width),
        }
    }

    fn reader(&self) -> Result<File, TaskError> {
        File::open(&self.path).map_err(|source| self.unreadable(source))
    }

    fn check_unchanged(&self) -> Result<(), TaskError> {
        match Stamp::of(&self.path, &self.file)? == self.stamp {
            true => Ok(()),
            false => Err(TaskError::Changed { file: self.file.clone() }),
        }
    }

    fn changed_or(&self, source: io::Error) -> TaskError {
        match source.kind() {
            io::ErrorKind::UnexpectedEof => TaskError::Changed { file: self.file.clone() },
            _ => self.unreadable(source),
        }
    }

    fn unreadable(&self, source: io::Error) -> TaskError {
        TaskError::Unreadable { file: self.file.clone(), source }
    }
}

impl Stamp {
    fn of(path: &Path, file: &str) -> Result<Self, TaskError> {
        let unreadable = |source| TaskError::Unreadable { file: file.to_owned(), source };
        let metadata = fs::metadata(path).map_err(unreadable)?;
        match metadata.is_dir() {
            true => Err(TaskError::IsFolder { file: file.to_owned() }),
            false => Ok(Self { size: metadata.len(), changed: metadata.modified().ok() }),
        }
    }
}
