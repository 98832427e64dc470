//! A text file in parts of whole records, so that a large one is never held.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use super::delimited::Dialect;
use super::sheet::utf8;
use crate::task::error::TaskError;

/// Bytes that are read at a time; a part has about as many.
const BLOCK: usize = 1 << 20;
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Whole records of a file.
pub(in crate::task) struct Block {
    /// Without the line break of the last record.
    bytes: Vec<u8>,
    /// The place of the first byte in the file.
    pub at: u64,
    /// The line of the first record, from 1.
    pub line: usize,
}

impl Block {
    /// The text.
    ///
    /// # Errors
    /// [`TaskError::NotUtf8`] with the line.
    pub(in crate::task) fn text(&self, file: &str) -> Result<&str, TaskError> {
        utf8(file, &self.bytes, self.line)
    }
}

/// The blocks of a file one after the other.
pub(in crate::task) struct Blocks {
    file: String,
    reader: File,
    /// In which records end at every line break or, for CSV, at every one outside quotes.
    dialect: Dialect,
    hasher: blake3::Hasher,
    /// What was read and is not given yet.
    rest: Vec<u8>,
    at: u64,
    line: usize,
    /// Where the content ends: without the line breaks at the end of the file.
    end: u64,
    /// Bytes read.
    n_read: u64,
    size: usize,
}

impl Blocks {
    /// Opens a file.
    pub(in crate::task) fn open(path: &Path, dialect: Dialect) -> Result<Self, TaskError> {
        Self::with_size(path, dialect, BLOCK)
    }

    fn with_size(path: &Path, dialect: Dialect, size: usize) -> Result<Self, TaskError> {
        let file = path.display().to_string();
        let opened = File::open(path).and_then(|mut reader| {
            let end = content_end(&mut reader)?;
            reader.seek(SeekFrom::Start(0))?;
            Ok((reader, end))
        });
        let (reader, end) = opened.map_err(|source| match source.kind() {
            io::ErrorKind::IsADirectory => TaskError::IsFolder { file: file.clone() },
            _ => TaskError::Unreadable { file: file.clone(), source },
        })?;
        let hasher = blake3::Hasher::new();
        Ok(Self { file, reader, dialect, hasher, rest: Vec::new(), at: 0, line: 1, end, n_read: 0, size })
    }

    /// The next block; `None` after the last.
    ///
    /// # Errors
    /// [`TaskError::Unreadable`].
    pub(in crate::task) fn read(&mut self) -> Result<Option<Block>, TaskError> {
        let mut ends = RecordEnds::new(self.dialect);
        loop {
            let last = self.n_read >= self.end;
            let cut = ends.last_in(&self.rest);
            let (taken, skipped) = match cut {
                _ if last && self.rest.is_empty() => return Ok(None),
                _ if last => (self.rest.len(), 0),
                Some(cut) if self.rest.len() >= self.size => (cut, 1),
                _ => {
                    self.fill()?;
                    continue;
                }
            };
            let mut bytes = std::mem::take(&mut self.rest);
            self.rest = bytes.split_off(taken + skipped);
            bytes.truncate(taken);
            let mut block = Block { at: self.at, line: self.line, bytes };
            self.at += (taken + skipped) as u64;
            self.line += block.bytes.iter().filter(|&&byte| byte == b'\n').count() + skipped;
            if skipped > 0 && block.bytes.ends_with(b"\r") {
                block.bytes.pop();
            }
            if block.at == 0 && block.bytes.starts_with(BYTE_ORDER_MARK) {
                block.bytes.drain(..BYTE_ORDER_MARK.len());
                block.at = BYTE_ORDER_MARK.len() as u64;
            }
            return Ok(Some(block));
        }
    }

    /// BLAKE3 of the whole file, in hex, after the last block.
    ///
    /// # Errors
    /// [`TaskError::Unreadable`].
    pub(in crate::task) fn hash(mut self) -> Result<String, TaskError> {
        let file = &self.file;
        let unreadable = |source| TaskError::Unreadable { file: file.clone(), source };
        self.hasher.update_reader(&mut self.reader).map_err(unreadable)?;
        Ok(self.hasher.finalize().to_hex().to_string())
    }

    fn fill(&mut self) -> Result<(), TaskError> {
        let n = usize::try_from(self.end - self.n_read).unwrap_or(usize::MAX).min(self.size);
        let from = self.rest.len();
        self.rest.resize(from + n, 0);
        let read = self.reader.read_exact(&mut self.rest[from..]);
        read.map_err(|source| match source.kind() {
            io::ErrorKind::UnexpectedEof => TaskError::Changed { file: self.file.clone() },
            _ => TaskError::Unreadable { file: self.file.clone(), source },
        })?;
        self.hasher.update(&self.rest[from..]);
        self.n_read += n as u64;
        Ok(())
    }
}

/// Where the last record of some bytes ends that grow.
struct RecordEnds {
    dialect: Dialect,
    seen: usize,
    quoted: bool,
    last: Option<usize>,
}

impl RecordEnds {
    fn new(dialect: Dialect) -> Self {
        Self { dialect, seen: 0, quoted: false, last: None }
    }

    /// The line break after the last whole record of `bytes`, which begin with what it has seen before.
    fn last_in(&mut self, bytes: &[u8]) -> Option<usize> {
        for (place, byte) in bytes.iter().enumerate().skip(self.seen) {
            match byte {
                // A doubled quote opens and closes, or closes and opens.
                b'"' if self.dialect == Dialect::Csv => self.quoted = !self.quoted,
                b'\n' if !self.quoted => self.last = Some(place),
                _ => {}
            }
        }
        self.seen = bytes.len();
        self.last
    }
}

/// The byte after the last one that is no line break.
fn content_end(reader: &mut File) -> io::Result<u64> {
    let mut end = reader.seek(SeekFrom::End(0))?;
    let mut bytes = [0; 4096];
    while end > 0 {
        let n = end.min(bytes.len() as u64);
        reader.seek(SeekFrom::Start(end - n))?;
        let part = &mut bytes[..n as usize];
        reader.read_exact(part)?;
        match part.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n')) {
            Some(last) => return Ok(end - n + last as u64 + 1),
            None => end -= n,
        }
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::delimited::read_records;
    use super::*;

    fn write(text: &str) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.csv");
        std::fs::write(&path, text).unwrap();
        (folder, path)
    }

    proptest! {
        #[test]
        fn blocks_of_any_size_hold_the_rows_lines_and_bytes_of_the_whole(
            table in prop::collection::vec(prop::collection::vec("[a\",\n é好']{1,6}", 2), 1..40),
            size in 1usize..60,
            mark: bool,
            breaks in "[\r\n]{0,4}",
        ) {
            let mut writer = csv::Writer::from_writer(Vec::new());
            for row in &table {
                writer.write_record(row).unwrap();
            }
            let mut text = String::from_utf8(writer.into_inner().unwrap()).unwrap() + &breaks;
            if mark {
                text.insert(0, '\u{feff}');
            }
            let (_folder, path) = write(&text);
            let whole = super::super::delimited::read("x", text.as_bytes(), Dialect::Csv).unwrap();
            let mut blocks = Blocks::with_size(&path, Dialect::Csv, size).unwrap();
            let (mut rows, mut positions) = (Vec::new(), Vec::new());
            while let Some(block) = blocks.read().unwrap() {
                let part = block.text("x").unwrap();
                prop_assert_eq!(part.as_bytes(), &text.as_bytes()[block.at as usize..][..part.len()]);
                let sheet = read_records("x", part, Dialect::Csv, block.line, Some(2)).unwrap();
                rows.extend(sheet.rows);
                positions.extend(sheet.positions);
            }
            prop_assert_eq!(rows, whole.rows);
            prop_assert_eq!(positions, whole.positions);
            prop_assert_eq!(blocks.hash().unwrap(), blake3::hash(text.as_bytes()).to_hex().to_string());
        }
    }

    #[test]
    fn a_file_of_line_breaks_has_no_block() {
        let (_folder, path) = write("\r\n\n");
        assert!(Blocks::open(&path, Dialect::Tsv).unwrap().read().unwrap().is_none());
    }
}
