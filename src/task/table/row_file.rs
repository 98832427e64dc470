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
    Parquet {
        /// Whether classes stay numbers.
        class_numbers: bool,
    },
}

/// What tells that a file was written since.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Stamp {
    size: u64,
    changed: Option<SystemTime>,
}

impl RowFile {
    /// Opens a file; `None` if it is of a kind that can only be read whole: an array of JSON objects. With `class_numbers` classes
    /// stay numbers where a file names them.
    ///
    /// # Errors
    /// [`TaskError`] if it cannot be read, or is of no known format.
    pub(super) fn open(path: &Path, class_numbers: bool) -> Result<Option<Self>, TaskError> {
        let file = path.display().to_string();
        let format = Format::named(path)?;
        let stamp = Stamp::of(path, &file)?;
        let content = match format {
            Format::Tsv => Content::Records(Dialect::Tsv),
            Format::Csv => Content::Records(Dialect::Csv),
            Format::Parquet => Content::Parquet { class_numbers },
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
            &Content::Parquet { class_numbers } => {
                let parquet = ParquetFile::open(&self.file, self.reader()?, class_numbers)?;
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
        if let Content::Parquet { class_numbers } = self.content {
            let parquet = ParquetFile::open(&self.file, self.reader()?, class_numbers)?;
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
            Content::Lines(..) | Content::Parquet { .. } => Dialect::Tsv,
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

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use polars::prelude::{Column, DataFrame, ParquetWriter};

    use super::super::indexed::{Indexed, Texts, Want};
    use super::super::{Rows, TableOptions};
    use super::*;

    /// More than two parts of a Parquet file, the last one short.
    const N: usize = 40_000;

    /// A Parquet file of texts, some Chinese, labels and a column without a cell in every seventh row.
    fn parquet(folder: &Path, n: usize, row_group: usize) -> PathBuf {
        let texts: Vec<String> = (0..n).map(|row| format!("row {row} {}", ["film", "电影"][row % 2])).collect();
        let labels: Vec<i64> = (0..n as i64).map(|row| row * row % 3).collect();
        let notes: Vec<Option<f64>> = (0..n).map(|row| (row % 7 > 0).then_some(row as f64 / 8.0)).collect();
        let columns =
            [Column::new("text".into(), texts), Column::new("label".into(), labels), Column::new("note".into(), notes)];
        let mut frame = DataFrame::new(n, columns.into()).unwrap();
        let path = folder.join(format!("{n}-{row_group}.parquet"));
        let writer = ParquetWriter::new(File::create(&path).unwrap());
        writer.with_row_group_size(Some(row_group)).finish(&mut frame).unwrap();
        path
    }

    fn whole(path: &Path) -> Vec<Vec<String>> {
        super::super::parquet::read("x", &fs::read(path).unwrap(), false).unwrap().rows
    }

    #[test]
    fn rows_of_a_parquet_file_read_by_their_places_are_those_of_the_whole() {
        let folder = tempfile::tempdir().unwrap();
        // Groups that end within parts, where parts end, and one group of everything.
        for row_group in [999, 16_384, N] {
            let path = parquet(folder.path(), N, row_group);
            let whole = whole(&path);
            assert_eq!(whole.len(), N);
            let rows = RowFile::open(&path, false).unwrap().unwrap();
            let (mut parts, mut spans) = (Vec::new(), Vec::new());
            let hash = rows.each(|sheet, places| {
                // No more than a part is ever here, however long the file.
                assert!(sheet.rows.len() <= 16_384 && sheet.rows.len() == places.len());
                parts.extend(sheet.rows);
                spans.extend(places);
                Ok(())
            });
            assert_eq!(hash.unwrap(), blake3::hash(&fs::read(&path).unwrap()).to_hex().to_string());
            assert!(parts == whole, "groups of {row_group}");
            let places = [39_999, 0, 16_384, 16_383, 7, 998, 999, 1_000, 32_767, 32_768, 7, 20_001];
            let asked: Vec<Span> = places.iter().map(|&place| spans[place]).collect();
            let expected: Vec<Vec<String>> = places.iter().map(|&place| whole[place].clone()).collect();
            assert_eq!(rows.rows(&asked).unwrap(), expected, "groups of {row_group}");
            assert_eq!(rows.rows(&[]).unwrap(), Vec::<Vec<String>>::new());
        }
    }

    #[test]
    fn an_indexed_parquet_file_holds_no_texts_and_is_what_one_held_in_memory_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = parquet(folder.path(), N, 3_000);
        let options = TableOptions::default();
        let want = Want { options: &options, need_label: true, label_by: None, shares: None };
        let lazy = Indexed::read(&path, want).unwrap();
        let held = Indexed::held(Rows::read(&path, &options, true).unwrap(), want).unwrap();
        assert_eq!((&lazy.columns, &lazy.hash), (&held.columns, &held.hash));
        assert_eq!(lazy.distinct_labels().unwrap(), held.distinct_labels().unwrap());
        assert!(lazy.labels == held.labels && lazy.hashes == held.hashes && lazy.bytes == held.bytes);
        let Texts::File { spans, cells, .. } = &lazy.texts else { panic!("the texts are held") };
        assert_eq!((spans.len(), cells.len()), (N, 2));
        let places: Vec<usize> = (0..N).rev().step_by(1_777).collect();
        assert_eq!(lazy.texts.read(&places).unwrap(), held.texts.read(&places).unwrap());
    }

    #[test]
    fn a_parquet_file_that_was_written_anew_is_not_read_by_old_places() {
        let folder = tempfile::tempdir().unwrap();
        let path = parquet(folder.path(), 100, 10);
        let rows = RowFile::open(&path, false).unwrap().unwrap();
        let span = Span { at: 3, length: 0 };
        assert_eq!(rows.rows(&[span]).unwrap(), [["row 3 电影", "0", "0.375"]]);
        fs::rename(parquet(folder.path(), 120, 10), &path).unwrap();
        assert!(matches!(rows.rows(&[span]), Err(TaskError::Changed { .. })));
        fs::remove_file(&path).unwrap();
        assert!(matches!(rows.rows(&[span]), Err(TaskError::Unreadable { .. })));
    }

    #[test]
    fn the_parts_of_a_file_are_all_of_it_once() {
        let folder = tempfile::tempdir().unwrap();
        for n in [1, 16_384, 16_385, N] {
            let path = parquet(folder.path(), n, 5_000);
            let steps: Vec<Range<usize>> =
                ParquetFile::open("x", File::open(path).unwrap(), false).unwrap().steps().collect();
            assert!(steps.windows(2).all(|two| two[0].end == two[1].start && two[0].len() == 16_384));
            assert_eq!((steps[0].start, steps.last().unwrap().end), (0, n));
        }
    }
}
