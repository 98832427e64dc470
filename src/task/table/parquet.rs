//! Parquet. Integers, floats and booleans become their text; columns of anything else (lists, bytes, dates) are left out.

use std::io::Cursor;
use std::sync::Arc;

use polars::prelude::{ArrowDataType, ArrowSchema, FileMetadata, ParquetReader, PolarsResult, SerReader};

use super::sheet::{Sheet, cells, guarded};
use crate::task::error::{Position, TaskError};

/// Reads the columns that have a textual form.
pub(super) fn read(file: &str, bytes: &[u8]) -> Result<Sheet, TaskError> {
    let malformed = |reason| TaskError::Malformed { file: file.to_owned(), format: "Parquet", reason };
    let (metadata, schema) = guarded(|| describe(bytes)).map_err(malformed)?;
    let (mut names, mut left_out) = (Vec::new(), Vec::new());
    for (name, field) in schema.iter() {
        match kind(&field.dtype) {
            None => names.push(name.to_string()),
            Some(kind) => left_out.push(format!("{name} ({kind})")),
        }
    }
    if metadata.num_rows == 0 {
        return Err(TaskError::Empty { file: file.to_owned(), but: "" });
    }
    let rows = if names.is_empty() {
        vec![Vec::new(); metadata.num_rows]
    } else {
        cells(|| {
            let mut reader = ParquetReader::new(Cursor::new(bytes)).with_columns(Some(names.clone()));
            reader.set_metadata(metadata);
            // The columns come in the file's order, which is that of `names`.
            reader.finish()
        })
        .map_err(malformed)?
    };
    let positions = (1..=rows.len()).map(Position::Row).collect();
    Ok(Sheet { names: Some(names), rows, positions, left_out })
}

fn describe(bytes: &[u8]) -> PolarsResult<(Arc<FileMetadata>, Arc<ArrowSchema>)> {
    let mut reader = ParquetReader::new(Cursor::new(bytes));
    let mut metadata = FileMetadata::clone(reader.get_metadata()?);
    // pandas and pyarrow keep their own types there (categories, for one), which would replace the plain ones.
    metadata.key_value_metadata = None;
    let metadata = Arc::new(metadata);
    reader.set_metadata(metadata.clone());
    let schema = reader.schema()?;
    Ok((metadata, schema))
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
        let sheet = read("x", KINDS).unwrap();
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
    fn a_damaged_file_is_an_error_and_no_panic() {
        for bytes in [&b""[..], b"PAR1", b"text\tlabel\n", &KINDS[..KINDS.len() / 2]] {
            let message = read("x", bytes).map(|_| ()).unwrap_err().to_string();
            assert!(message.starts_with("cannot read `x` as Parquet: "), "{message}");
        }
        for at in (0..KINDS.len()).step_by(37) {
            let mut bytes = KINDS.to_vec();
            bytes[at] ^= 0x55;
            let _ = read("x", &bytes);
        }
    }
}
