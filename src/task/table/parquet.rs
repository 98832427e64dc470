//! Parquet. Integers, floats and booleans become their text; columns of anything else (lists, bytes, dates) are left out. Numbers
//! of classes become the names that Hugging Face's `datasets` wrote beside them, where it did.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::ops::Range;
use std::sync::Arc;

use polars::io::mmap::MmapBytesReader;
use polars::prelude::{ArrowDataType, ArrowSchema, FileMetadata, ParquetReader, PolarsResult, SerReader};

use super::class_names::{KEY, class_names, name_class};
use super::sheet::{Sheet, cells, guarded};
use crate::task::error::{Position, TaskError};

/// Rows that are read at a time.
const STEP: usize = 16_384;

/// A Parquet file of which parts are read.
pub(in crate::task) struct ParquetFile {
    file: String,
    metadata: Arc<FileMetadata>,
    names: Vec<String>,
    left_out: Vec<String>,
    /// Columns of `names` that hold numbers of classes, with the names of those.
    classes: Vec<(usize, Vec<String>)>,
}

impl ParquetFile {
    /// Reads what the file says of itself. With `class_numbers` classes stay numbers where they have names, too.
    pub(in crate::task) fn open<R: MmapBytesReader>(
        file: &str,
        reader: R,
        class_numbers: bool,
    ) -> Result<Self, TaskError> {
        let (metadata, schema, mut named) = guarded(|| describe(reader)).map_err(|reason| malformed(file, reason))?;
        if class_numbers {
            named.clear();
        }
        let (mut names, mut left_out, mut classes) = (Vec::new(), Vec::new(), Vec::new());
        for (name, field) in schema.iter() {
            match kind(&field.dtype) {
                None => {
                    if let Some(of_column) = named.remove(name.as_str()).filter(|_| is_whole(&field.dtype)) {
                        classes.push((names.len(), of_column));
                    }
                    names.push(name.to_string());
                }
                Some(kind) => left_out.push(format!("{name} ({kind})")),
            }
        }
        if metadata.num_rows == 0 {
            return Err(TaskError::Empty { file: file.to_owned(), but: "" });
        }
        Ok(Self { file: file.to_owned(), metadata, names, left_out, classes })
    }

    /// Of its columns only this one.
    ///
    /// # Errors
    /// [`TaskError::MissingColumn`] with the columns that there are.
    pub(in crate::task) fn only(self, column: &str) -> Result<Self, TaskError> {
        let Some(at) = self.names.iter().position(|name| name == column) else {
            let columns = [self.names, self.left_out].concat();
            return Err(TaskError::MissingColumn { file: self.file, column: column.to_owned(), columns, hint: "" });
        };
        let classes = self.classes.into_iter().filter(|(place, _)| *place == at).map(|(_, of)| (0, of)).collect();
        Ok(Self { names: vec![column.to_owned()], classes, ..self })
    }

    /// The rows of the file.
    pub(super) fn n_rows(&self) -> usize {
        self.metadata.num_rows
    }

    /// The parts in which the file is read: rows from, to.
    pub(in crate::task) fn steps(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        let n = self.n_rows();
        (0..n).step_by(STEP).map(move |from| from..n.min(from + STEP))
    }

    /// The columns that have a textual form, of these rows.
    pub(in crate::task) fn read<R: MmapBytesReader>(&self, reader: R, rows: Range<usize>) -> Result<Sheet, TaskError> {
        let n = rows.len();
        let mut read = if self.names.is_empty() {
            vec![Vec::new(); n]
        } else {
            cells(|| {
                let mut reader = ParquetReader::new(reader).with_columns(Some(self.names.clone()));
                reader.set_metadata(self.metadata.clone());
                // The columns come in the file's order, which is that of `names`.
                reader.with_slice(Some((rows.start, n))).finish()
            })
            .map_err(|reason| malformed(&self.file, reason))?
        };
        if read.len() != n {
            return Err(malformed(&self.file, format!("it holds {n} rows, {} were read", read.len())));
        }
        for row in &mut read {
            self.classes.iter().for_each(|(column, names)| name_class(&mut row[*column], names));
        }
        let positions = rows.map(|row| Position::Row(row + 1)).collect();
        let (names, left_out) = (Some(self.names.clone()), self.left_out.clone());
        Ok(Sheet { names, rows: read, positions, starts: Vec::new(), left_out })
    }
}

/// Reads the columns that have a textual form.
pub(super) fn read(file: &str, bytes: &[u8], class_numbers: bool) -> Result<Sheet, TaskError> {
    let parquet = ParquetFile::open(file, Cursor::new(bytes), class_numbers)?;
    let n = parquet.n_rows();
    parquet.read(Cursor::new(bytes), 0..n)
}

fn malformed(file: &str, reason: String) -> TaskError {
    TaskError::Malformed { file: file.to_owned(), format: "Parquet", reason }
}

/// What a file says of itself: its parts, its columns, and the names of classes.
type Described = (Arc<FileMetadata>, Arc<ArrowSchema>, BTreeMap<String, Vec<String>>);

fn describe<R: MmapBytesReader>(reader: R) -> PolarsResult<Described> {
    let mut reader = ParquetReader::new(reader);
    let mut metadata = FileMetadata::clone(reader.get_metadata()?);
    let written = metadata.key_value_metadata.iter().flatten().find(|entry| entry.key == KEY);
    let named = written.and_then(|entry| entry.value.as_deref()).map(class_names).unwrap_or_default();
    // pandas and pyarrow keep their own types there (categories, for one), which would replace the plain ones.
    metadata.key_value_metadata = None;
    let metadata = Arc::new(metadata);
    reader.set_metadata(metadata.clone());
    let schema = reader.schema()?;
    Ok((metadata, schema, named))
}

/// Whether a column holds whole numbers.
fn is_whole(dtype: &ArrowDataType) -> bool {
    use ArrowDataType as A;
    matches!(dtype, A::Int32 | A::Int64 | A::UInt32 | A::UInt64)
}

/// What a column holds, if it has no textual form.
fn kind(dtype: &ArrowDataType) -> Option<&'static str> {
    use ArrowDataType as A;
    match dtype {
        A::Utf8 | A::LargeUtf8 | A::Utf8View | A::Boolean | A::Float32 | A::Float64 => None,
        A::Int32 | A::Int64 | A::UInt32 | A::UInt64 => None,
        // polars holds these only with features that lengthen every build.
        A::Int8 | A::Int16 | A::UInt8 | A::UInt16 => Some("8- or 16-bit integers: write it with 32 or 64 bits"),
        A::List(_) | A::LargeList(_) | A::FixedSizeList(..) => Some("a list"),
        A::Struct(_) | A::Map(..) => Some("an object"),
        A::Binary | A::LargeBinary | A::BinaryView | A::FixedSizeBinary(_) => Some("bytes"),
        A::Date32 | A::Date64 | A::Timestamp(..) | A::Time32(_) | A::Time64(_) | A::Duration(_) => Some("a time"),
        _ => Some("no text"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: &[u8] = include_bytes!("../../../tests/fixtures/task/kinds.parquet");

    #[test]
    fn scalars_become_their_text_and_other_columns_are_left_out() {
        let sheet = read("x", KINDS, false).unwrap();
        assert_eq!(sheet.names.as_deref().unwrap(), ["text", "label", "flag", "rating", "category", "wide"]);
        assert_eq!(sheet.rows[0], ["a good film", "1", "true", "0.5", "drama", "3"]);
        assert_eq!(sheet.rows[1], ["无聊", "0", "false", "-2.0", "comedy", "4"]);
        assert_eq!(sheet.rows[2], ["", "", "", "", "drama", "5"]);
        let small = "8- or 16-bit integers: write it with 32 or 64 bits";
        let (tiny, small) = (format!("tiny ({small})"), format!("small ({small})"));
        assert_eq!(sheet.left_out, [&tiny, &small, "tags (a list)", "raw (bytes)", "day (a time)"]);
        assert_eq!(sheet.positions[2], Position::Row(3));
    }

    #[test]
    fn numbers_of_classes_become_the_names_that_the_file_has_for_them() {
        let classes = include_bytes!("../../../tests/fixtures/task/classes.parquet");
        let rows = |class_numbers| read("x", classes, class_numbers).unwrap().rows;
        let first = [["a good film", "pos", "film", "1", "-1"], ["无聊", "neg", "音乐", "0", "-1"]];
        assert_eq!(rows(false)[..2], first);
        assert_eq!(rows(true)[1], ["无聊", "0", "1", "0", "-1"]);
    }

    #[test]
    fn a_damaged_file_is_an_error_and_no_panic() {
        for bytes in [&b""[..], b"PAR1", b"text\tlabel\n", &KINDS[..KINDS.len() / 2]] {
            let message = read("x", bytes, false).map(|_| ()).unwrap_err().to_string();
            assert!(message.starts_with("cannot read `x` as Parquet: "), "{message}");
        }
        for at in (0..KINDS.len()).step_by(37) {
            let mut bytes = KINDS.to_vec();
            bytes[at] ^= 0x55;
            let _ = read("x", &bytes, false);
        }
    }
}
