//! TSV, which has no quoting at all, and CSV as RFC 4180 has it.
//!
//! polars parses; before it, one pass over the bytes finds ragged rows and stray quotes, because polars names no line, fills
//! short rows, and splits the work between threads at places that a stray quote moves.

use std::io::Cursor;
use std::sync::Arc;

use polars::prelude::{CsvParseOptions, CsvReadOptions, DataType, Field, Schema, SerReader};

use super::sheet::{Sheet, cells, utf8};
use crate::task::error::{Place, Position, TaskError};

/// A separator and, with it, whether quotes mean anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::task) enum Dialect {
    Tsv,
    Csv,
}

struct Record {
    line: usize,
    n_fields: usize,
    /// Its first byte in the text.
    at: usize,
}

/// Reads all rows, the header (if there is one) among them.
pub(super) fn read(file: &str, bytes: &[u8], dialect: Dialect) -> Result<Sheet, TaskError> {
    let text = utf8(file, bytes, 1)?.trim_end_matches(['\r', '\n']);
    if text.is_empty() {
        return Err(TaskError::Empty { file: file.to_owned(), but: "" });
    }
    read_records(file, text, dialect, 1, None)
}

/// Reads the rows of a part of a file that begins on `line`, whole records without the last one's line break. Where the rows have
/// to have a `width`, others are refused.
pub(in crate::task) fn read_records(
    file: &str,
    text: &str,
    dialect: Dialect,
    line: usize,
    width: Option<usize>,
) -> Result<Sheet, TaskError> {
    let records = match dialect {
        Dialect::Tsv => tsv_records(text, line),
        Dialect::Csv => csv_records(file, text, line)?,
    };
    let width = width.unwrap_or(records[0].n_fields);
    if let Some(ragged) = records.iter().find(|record| record.n_fields != width) {
        return Err(TaskError::Ragged {
            place: Place { file: file.to_owned(), position: Position::Line(ragged.line) },
            expected: width,
            found: ragged.n_fields,
        });
    }
    let format = if dialect == Dialect::Tsv { "TSV" } else { "CSV" };
    let malformed = |reason| TaskError::Malformed { file: file.to_owned(), format, reason };
    let rows = parse(text, dialect, width).map_err(malformed)?;
    if rows.len() != records.len() {
        return Err(malformed(format!("{} records begin in it, {} were read", records.len(), rows.len())));
    }
    let positions = records.iter().map(|record| Position::Line(record.line)).collect();
    let starts = records.iter().map(|record| record.at).collect();
    Ok(Sheet { names: None, rows, positions, starts, left_out: Vec::new() })
}

fn parse(text: &str, dialect: Dialect, width: usize) -> Result<Vec<Vec<String>>, String> {
    let schema = Schema::from_iter((0..width).map(|i| Field::new(i.to_string().into(), DataType::String)));
    let options =
        CsvReadOptions::default().with_has_header(false).with_schema(Some(Arc::new(schema))).with_parse_options(
            CsvParseOptions::default()
                .with_separator(if dialect == Dialect::Tsv { b'\t' } else { b',' })
                .with_quote_char((dialect == Dialect::Csv).then_some(b'"')),
        );
    cells(|| options.into_reader_with_file_handle(Cursor::new(text.as_bytes())).finish())
}

fn tsv_records(text: &str, first: usize) -> Vec<Record> {
    let mut at = 0;
    let record = |(i, line): (usize, &str)| {
        let n_fields = 1 + line.bytes().filter(|&byte| byte == b'\t').count();
        let record = Record { line: first + i, n_fields, at };
        at += line.len() + 1;
        record
    };
    text.split('\n').enumerate().map(record).collect()
}

fn csv_records(file: &str, text: &str, first: usize) -> Result<Vec<Record>, TaskError> {
    let fault = |line, what| {
        let place = Place { file: file.to_owned(), position: Position::Line(line) };
        Err(TaskError::Quotes { place, what })
    };
    let mut records = Vec::new();
    let mut record = Record { line: first, n_fields: 1, at: 0 };
    let mut line = first;
    let mut opened_on = first;
    let mut at = FieldState::Start;
    let mut bytes = text.bytes().enumerate().peekable();
    while let Some((place, byte)) = bytes.next() {
        let next = bytes.peek().map(|(_, byte)| *byte);
        match (at, byte) {
            (FieldState::Quoted, b'"') if next == Some(b'"') => {
                bytes.next();
            }
            (FieldState::Quoted, b'"') => at = FieldState::Closed,
            (FieldState::Quoted, b'\n') => line += 1,
            (FieldState::Quoted, _) => {}
            (FieldState::Start, b'"') => {
                at = FieldState::Quoted;
                opened_on = line;
            }
            (_, b',') => {
                record.n_fields += 1;
                at = FieldState::Start;
            }
            (_, b'\n') => {
                line += 1;
                records.push(std::mem::replace(&mut record, Record { line, n_fields: 1, at: place + 1 }));
                at = FieldState::Start;
            }
            (_, b'\r') if next == Some(b'\n') => {}
            (FieldState::Closed, _) => return fault(line, "text after the closing quote of a field"),
            (_, b'"') => return fault(line, "a quote inside an unquoted field (quote the field and double the quote)"),
            _ => at = FieldState::Plain,
        }
    }
    if at == FieldState::Quoted {
        return fault(opened_on, "a quote opens here and never closes");
    }
    records.push(record);
    Ok(records)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum FieldState {
    Start,
    Plain,
    Quoted,
    Closed,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rows(text: &str, dialect: Dialect) -> Vec<Vec<String>> {
        read("x", text.as_bytes(), dialect).unwrap().rows
    }

    fn refusal(text: &[u8], dialect: Dialect) -> String {
        read("x", text, dialect).map(|_| ()).unwrap_err().to_string()
    }

    #[test]
    fn tsv_keeps_quotes_and_commas_as_they_are() {
        let text = "\"a, b\t1\n\"\"c\" d\"\t0\n";
        assert_eq!(rows(text, Dialect::Tsv), [["\"a, b", "1"], ["\"\"c\" d\"", "0"]]);
    }

    #[test]
    fn csv_unquotes_and_keeps_line_breaks_inside_quotes() {
        let text = "label,review\r\n1,\"a \"\"b\"\",\nc\"\r\n0,\r\n0,d\r\n\r\n\n";
        let sheet = read("x", text.as_bytes(), Dialect::Csv).unwrap();
        assert_eq!(sheet.rows, [["label", "review"], ["1", "a \"b\",\nc"], ["0", ""], ["0", "d"]]);
        assert_eq!(sheet.positions, [1, 2, 4, 5].map(Position::Line));
    }

    #[test]
    fn a_byte_order_mark_and_carriage_returns_are_no_part_of_the_text() {
        let text = "\u{feff}a\t1\r\nb\t0\r\n\r\n";
        assert_eq!(rows(text, Dialect::Tsv), [["a", "1"], ["b", "0"]]);
        assert_eq!(rows(text, Dialect::Csv), [["a\t1"], ["b\t0"]]);
    }

    #[test]
    fn cells_that_mean_missing_elsewhere_stay_text() {
        let text = "NA\tnull\n#\tNaN\n01\t1.50\n";
        assert_eq!(rows(text, Dialect::Tsv), [["NA", "null"], ["#", "NaN"], ["01", "1.50"]]);
    }

    #[test]
    fn ragged_rows_are_refused_by_line() {
        assert_eq!(refusal(b"a\t1\nb\nc\t1\n", Dialect::Tsv), "x:2: 1 fields, where the first row has 2");
        assert_eq!(refusal(b"a\t1\n\nc\t1\n", Dialect::Tsv), "x:2: 1 fields, where the first row has 2");
        assert_eq!(refusal(b"\"a\n\",1\nb,1,2\n", Dialect::Csv), "x:3: 3 fields, where the first row has 2");
    }

    #[test]
    fn stray_quotes_are_refused_by_line() {
        assert!(refusal(b"a,1\n2\" nail,1\n", Dialect::Csv).starts_with("x:2: a quote inside"));
        assert!(refusal(b"a,1\n\"b\"c,1\n", Dialect::Csv).starts_with("x:2: text after"));
        assert!(refusal(b"a,1\n\"b,1\nc,1\n", Dialect::Csv).starts_with("x:2: a quote opens"));
    }

    #[test]
    fn bytes_that_are_no_text_are_refused_by_line() {
        assert_eq!(refusal(b"a\t1\nb\xff\t0\n", Dialect::Tsv), "x:2: the bytes are not UTF-8");
        assert!(refusal(b"\xff\xfea\0", Dialect::Tsv).contains("UTF-16"));
        assert_eq!(refusal(b"", Dialect::Tsv), "`x` holds no rows");
        assert_eq!(refusal("\u{feff}\r\n\n".as_bytes(), Dialect::Csv), "`x` holds no rows");
    }

    proptest! {
        #[test]
        fn what_the_csv_crate_writes_is_read_back(
            table in (1usize..4).prop_flat_map(|width| {
                prop::collection::vec(prop::collection::vec("[a\",\n é好']{1,6}", width), 1..300)
            }),
        ) {
            let mut writer = csv::Writer::from_writer(Vec::new());
            for row in &table {
                writer.write_record(row).unwrap();
            }
            let bytes = writer.into_inner().unwrap();
            prop_assert_eq!(read("x", &bytes, Dialect::Csv).unwrap().rows, table);
        }

        #[test]
        fn any_tsv_without_tabs_and_breaks_is_read_back(
            table in prop::collection::vec(prop::collection::vec("[a\", é好'#]{1,6}", 2), 1..300),
        ) {
            let text: String = table.iter().map(|row| row.join("\t") + "\n").collect();
            prop_assert_eq!(read("x", text.as_bytes(), Dialect::Tsv).unwrap().rows, table);
        }
    }
}
