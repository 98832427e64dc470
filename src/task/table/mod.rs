//! One data file as examples: TSV, CSV, JSON lines, JSON and Parquet, all columns as text.
//!
//! # Decisions
//! - Texts are kept as they are, labels and column names without the white space around them: `positive ` is no third class.
//! - A blank text is refused: it is mostly a lost cell, and its prediction would count in every metric.
//! - Empty lines at the end of a TSV or CSV file are no rows; anywhere else they are ragged rows, and refused.
//! - A row whose label cell is empty is refused in a split where other rows have labels, since it would be left out of a metric
//!   in silence; a file without any label is unlabelled. The input of `predict`, where labels are only passed on, may have
//!   labels in some rows.
//! - `header: auto` takes another case of a needed name for a header too, and refuses a first row that it reads as an example
//!   where the label of that row occurs nowhere else: a header read as data adds a class and changes every number.
//! - The checks with line numbers are ours, the parsing is polars'; a panic inside polars is reported as a damaged file.

mod append;
mod band;
mod blocks;
mod class_names;
mod columns;
mod delimited;
mod divide;
mod facts;
mod indexed;
mod json;
mod parquet;
mod row_file;
mod sheet;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use self::columns::{Layout, TEXTS, layout, missing};
use self::sheet::Sheet;
use crate::task::error::{Place, Position, TaskError};
use crate::task::facts::{FactRules, OBJECT, SUBJECT};
use crate::task::labels::{check_labels, index_of, sorted_labels};
use crate::task::source::{Columns, Header, LABEL};
use crate::task::{Example, Split};

pub use self::band::{Band, LabelBy};
pub(in crate::task) use self::blocks::{Block, Blocks};
pub(crate) use self::columns::text_columns;
pub(in crate::task) use self::delimited::{Dialect, read_records};
pub use self::divide::Shares;
pub(crate) use self::indexed::{Indexed, NO_LABEL, Texts, Want};
pub(in crate::task) use self::parquet::ParquetFile;
use self::row_file::Span;

/// What an empty file does hold.
const BELOW_HEADER: &str = " below its header";
const OF_IT: &str = " in what was asked for of it";

/// How to read a file.
#[derive(Debug, Clone, Default)]
pub struct TableOptions {
    /// What the columns are called.
    pub columns: Option<Columns>,
    /// Whether a TSV or CSV file begins with a header.
    pub header: Header,
    /// Columns (by our names) that have to be there, such as a template's; their names also tell a header.
    pub needed: Vec<String>,
    /// Whether rows without text are left out, where they would be refused.
    pub skip_blank: bool,
    /// Whether some rows may have a label and others none.
    pub partly_labelled: bool,
    /// Whether classes stay numbers where a Parquet file names them: bands of numbers are of those.
    pub class_numbers: bool,
    /// Whether the rows are facts: a subject in place of the text and an object in place of the label.
    pub facts: Option<Arc<FactRules>>,
}

impl TableOptions {
    /// What the label is called in a file of this kind.
    pub(super) fn label_name(&self) -> &'static str {
        if self.facts.is_some() { OBJECT } else { LABEL }
    }
}

/// One file's examples.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// The file's path, as given.
    pub file: String,
    /// The columns but the label.
    pub columns: Vec<String>,
    /// The labels, in the order given or sorted; empty if the file has none.
    pub labels: Vec<String>,
    /// The rows in their order.
    pub examples: Vec<Example>,
    /// The cells of a column `id`, if there is one.
    pub ids: Option<Vec<String>>,
    /// BLAKE3 of the file's bytes, in hex.
    pub hash: String,
}

/// Reads one file, as `score` and `predict` do with their input.
///
/// Labels beyond `labels` are refused; without `labels` the file's own are taken, sorted. Without `need_label` the file may
/// lack the label column, or the labels of some rows.
///
/// # Errors
/// Whatever is wrong with the file, named by line or row.
pub fn read_labelled(
    path: &Path,
    options: &TableOptions,
    labels: Option<&[String]>,
    need_label: bool,
) -> Result<Table, TaskError> {
    let options = TableOptions { partly_labelled: !need_label, ..options.clone() };
    let rows = Rows::read(path, &options, need_label)?;
    let labels = match labels {
        Some(labels) => {
            check_labels(labels)?;
            labels.to_vec()
        }
        None => rows.distinct_labels()?,
    };
    let examples = rows.examples(&labels)?;
    let id = rows.columns.iter().position(|column| column == "id");
    let ids = id.map(|id| rows.fields.iter().map(|fields| fields[id].clone()).collect());
    Ok(Table { file: rows.file, columns: rows.columns, labels, examples, ids, hash: rows.hash })
}

/// A format that we read, by the file's ending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Tsv,
    Csv,
    Json,
    Parquet,
}

impl Format {
    /// The format that a file's ending names.
    pub fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "tsv" | "txt" => Some(Self::Tsv),
            "csv" => Some(Self::Csv),
            "jsonl" | "ndjson" | "json" => Some(Self::Json),
            "parquet" => Some(Self::Parquet),
            _ => None,
        }
    }

    /// As [`Format::of`].
    ///
    /// # Errors
    /// [`TaskError`] if the ending names none.
    pub fn named(path: &Path) -> Result<Self, TaskError> {
        Self::of(path).ok_or_else(|| {
            let file = path.display().to_string();
            if path.is_dir() {
                return TaskError::IsFolder { file };
            }
            let extension = path.extension().map(|e| format!(".{}", e.display())).unwrap_or_default();
            TaskError::UnknownFormat { file, extension }
        })
    }
}

/// A file's rows, or those of a part of it, with their columns known and their labels still words.
#[derive(Debug, Clone)]
pub(crate) struct Rows {
    pub file: String,
    pub columns: Vec<String>,
    pub fields: Vec<Vec<String>>,
    /// None if no row has one; empty for a row without one where others have one.
    pub labels: Option<Vec<String>>,
    pub hash: String,
    positions: Vec<Position>,
    /// Where each row is, if it is of a file of which rows are read again.
    spans: Vec<Span>,
    left_out: Vec<String>,
    guessed_headerless: bool,
    /// Rows that were left out because they had no text.
    pub blank: usize,
}

impl Rows {
    pub fn read(path: &Path, options: &TableOptions, need_label: bool) -> Result<Self, TaskError> {
        let file = path.display().to_string();
        let format = Format::named(path)?;
        let bytes = fs::read(path).map_err(|source| match source.kind() {
            io::ErrorKind::IsADirectory => TaskError::IsFolder { file: file.clone() },
            _ => TaskError::Unreadable { file: file.clone(), source },
        })?;
        Self::parse(&file, &bytes, format, options, need_label)
    }

    pub fn parse(
        file: &str,
        bytes: &[u8],
        format: Format,
        options: &TableOptions,
        need_label: bool,
    ) -> Result<Self, TaskError> {
        let sheet = match format {
            Format::Tsv => delimited::read(file, bytes, Dialect::Tsv)?,
            Format::Csv => delimited::read(file, bytes, Dialect::Csv)?,
            Format::Json => json::read(file, bytes)?,
            Format::Parquet => parquet::read(file, bytes, options.class_numbers)?,
        };
        let layout = layout(file, &sheet, options, need_label)?;
        if sheet.rows.len() == layout.first_row {
            return Err(TaskError::Empty { file: file.to_owned(), but: BELOW_HEADER });
        }
        let mut rows = Self::of_sheet(file, sheet, &layout, layout.first_row, options, need_label)?;
        rows.hash = blake3::hash(bytes).to_hex().to_string();
        if options.skip_blank {
            rows.blank = rows.leave_out_blank();
            rows.some_left()?;
        }
        rows.check_texts(&options.needed)?;
        Ok(rows)
    }

    /// The rows of a sheet from `first_row` on, none of them left out yet and their texts not checked.
    fn of_sheet(
        file: &str,
        mut sheet: Sheet,
        layout: &Layout,
        first_row: usize,
        options: &TableOptions,
        need_label: bool,
    ) -> Result<Self, TaskError> {
        let label_at = layout.names.iter().position(|name| name.as_deref() == Some(LABEL));
        let kept: Vec<usize> =
            (0..layout.names.len()).filter(|&i| layout.names[i].is_some() && Some(i) != label_at).collect();
        let columns: Vec<String> = kept.iter().filter_map(|&i| layout.names[i].clone()).collect();
        let all_names = || layout.names.iter().flatten().map(String::as_str);
        if need_label && label_at.is_none() {
            return Err(missing(file, options.label_name(), all_names(), &sheet.left_out));
        }
        if columns.is_empty() {
            let wanted = if options.facts.is_some() { SUBJECT } else { TEXTS[0] };
            return Err(missing(file, wanted, all_names(), &sheet.left_out));
        }
        let examples = first_row..sheet.rows.len();
        let labels = match label_at {
            Some(at) => label_cells(file, &sheet, at, examples.clone(), need_label, options)?,
            None => None,
        };
        check_cells(file, &sheet, &kept, examples.clone())?;
        // Moved, not copied: a file may be large.
        let fields = (sheet.rows[examples.clone()].iter_mut())
            .map(|row| kept.iter().map(|&i| std::mem::take(&mut row[i])).collect())
            .collect();
        let rows = Self {
            file: file.to_owned(),
            columns,
            fields,
            labels,
            hash: String::new(),
            positions: sheet.positions[examples].to_vec(),
            spans: Vec::new(),
            left_out: sheet.left_out,
            guessed_headerless: layout.guessed_headerless,
            blank: 0,
        };
        rows.require(&options.needed)?;
        Ok(rows)
    }

    /// Leaves out the rows without text; how many those were.
    fn leave_out_blank(&mut self) -> usize {
        let texts = text_columns(&self.columns);
        let kept: Vec<bool> =
            self.fields.iter().map(|fields| texts.iter().all(|&i| !fields[i].trim().is_empty())).collect();
        self.keep(&kept)
    }

    /// Refuses if every row was left out.
    fn some_left(&self) -> Result<(), TaskError> {
        match self.fields.is_empty() {
            true => Err(TaskError::Empty { file: self.file.clone(), but: OF_IT }),
            false => Ok(()),
        }
    }

    /// Refuses if a column is not there.
    pub fn require(&self, needed: &[String]) -> Result<(), TaskError> {
        match needed.iter().find(|name| !self.columns.contains(name) && *name != LABEL) {
            None => Ok(()),
            Some(name) => Err(missing(&self.file, name, self.columns.iter().map(String::as_str), &self.left_out)),
        }
    }

    /// `text`, `text_a`, `text_b` and the needed columns are blank nowhere; of other texts, one at least is not.
    fn check_texts(&self, needed: &[String]) -> Result<(), TaskError> {
        let texts = text_columns(&self.columns);
        let each: Vec<usize> = (0..self.columns.len())
            .filter(|&i| TEXTS.contains(&self.columns[i].as_str()) || needed.contains(&self.columns[i]))
            .collect();
        for (row, fields) in self.fields.iter().enumerate() {
            let blank = |&i: &usize| fields[i].trim().is_empty();
            let nothing = || texts.first().copied().filter(|_| texts.iter().all(blank));
            if let Some(column) = each.iter().copied().find(blank).or_else(nothing) {
                let column = self.columns[column].clone();
                return Err(TaskError::BlankText { place: self.place(row), column });
            }
        }
        Ok(())
    }

    /// The labels that occur, sorted.
    pub fn distinct_labels(&self) -> Result<Vec<String>, TaskError> {
        let labels = self.labels.as_deref().unwrap_or_default();
        if self.guessed_headerless {
            self.check_first_row(labels)?;
        }
        let labels: Vec<String> = labels.iter().filter(|label| !label.is_empty()).cloned().collect();
        Ok(sorted_labels(&labels))
    }

    fn check_first_row(&self, labels: &[String]) -> Result<(), TaskError> {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for label in labels {
            *counts.entry(label).or_default() += 1;
        }
        match labels {
            [first, ..] if counts[first.as_str()] == 1 && counts.len() > 2 => {
                if counts.iter().all(|(label, &count)| label == first || count >= 3) {
                    return Err(TaskError::LooksLikeHeader { place: self.place(0), label: first.clone() });
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// The rows as examples of a label set.
    pub fn examples(&self, labels: &[String]) -> Result<Vec<Example>, TaskError> {
        let index = index_of(labels);
        let mut examples = Vec::with_capacity(self.fields.len());
        for (row, fields) in self.fields.iter().enumerate() {
            let label = match &self.labels {
                None => None,
                Some(words) if words[row].is_empty() => None,
                Some(words) => Some(*index.get(words[row].as_str()).ok_or_else(|| {
                    let (place, label) = (self.place(row), words[row].clone());
                    let occurs_once = words.iter().filter(|other| **other == label).count() == 1;
                    match row == 0 && self.guessed_headerless && occurs_once {
                        true => TaskError::LooksLikeHeader { place, label },
                        false => TaskError::UnknownLabel { place, label, known: labels.to_vec() },
                    }
                })?),
            };
            examples.push(Example { row, fields: fields.clone(), label });
        }
        Ok(examples)
    }

    /// Leaves out the rows whose `kept` is false; how many those were.
    fn keep(&mut self, kept: &[bool]) -> usize {
        retain(&mut self.fields, kept);
        retain(&mut self.positions, kept);
        retain(&mut self.spans, kept);
        if let Some(labels) = &mut self.labels {
            retain(labels, kept);
        }
        kept.iter().filter(|&&kept| !kept).count()
    }

    fn place(&self, row: usize) -> Place {
        Place { file: self.file.clone(), position: self.positions[row] }
    }
}

fn retain<T>(items: &mut Vec<T>, kept: &[bool]) {
    let mut kept = kept.iter();
    items.retain(|_| kept.next().copied().unwrap_or(true));
}

fn label_cells(
    file: &str,
    sheet: &Sheet,
    at: usize,
    rows: std::ops::Range<usize>,
    need_label: bool,
    options: &TableOptions,
) -> Result<Option<Vec<String>>, TaskError> {
    let labels: Vec<String> = rows.clone().map(|row| sheet.rows[row][at].trim().to_owned()).collect();
    match labels.iter().position(String::is_empty) {
        None => Ok(Some(labels)),
        Some(_) if !need_label && labels.iter().all(String::is_empty) => Ok(None),
        Some(_) if options.partly_labelled => Ok(Some(labels)),
        Some(i) => Err(TaskError::MissingLabel {
            place: sheet.place(file, rows.start + i),
            column: options.label_name().to_owned(),
        }),
    }
}

fn check_cells(file: &str, sheet: &Sheet, kept: &[usize], rows: std::ops::Range<usize>) -> Result<(), TaskError> {
    for row in rows {
        if kept.iter().any(|&i| sheet.rows[row][i].contains('\0')) {
            return Err(TaskError::ZeroByte { place: sheet.place(file, row) });
        }
    }
    Ok(())
}

/// The options and need of labels that a split is read with.
pub(crate) fn needs_label(split: Split, labels_are_known: bool) -> bool {
    match split {
        // Zero-shot search reads the texts of train only.
        Split::Train => !labels_are_known,
        Split::Dev => true,
        Split::Test => false,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use super::*;

    fn rows(text: &str, format: Format, options: &TableOptions, need_label: bool) -> Result<Rows, String> {
        Rows::parse("x", text.as_bytes(), format, options, need_label).map_err(|error| error.to_string())
    }

    fn tsv(text: &str) -> Result<Rows, String> {
        rows(text, Format::Tsv, &TableOptions::default(), true)
    }

    fn renamed(names: &[(&str, &str)]) -> TableOptions {
        let names = names.iter().map(|(our, theirs)| (our.to_string(), theirs.to_string())).collect();
        TableOptions { columns: Some(Columns::Names(names)), ..TableOptions::default() }
    }

    fn listed(names: &[&str]) -> TableOptions {
        let names = names.iter().map(|name| name.to_string()).collect();
        TableOptions { columns: Some(Columns::Order(names)), ..TableOptions::default() }
    }

    #[test]
    fn labels_in_some_rows_are_refused_in_a_split_and_passed_on_where_they_are_only_shown() {
        let text = "text\tlabel\ngood\t1\nso so\t\nbad\t0\n";
        let split = rows(text, Format::Tsv, &TableOptions::default(), false).unwrap_err();
        assert!(split.contains("x:3"), "{split}");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("some.tsv");
        fs::write(&path, text).unwrap();
        let table = read_labelled(&path, &TableOptions::default(), None, false).unwrap();
        assert_eq!(table.labels, ["0", "1"]);
        assert_eq!(table.examples.iter().map(|e| e.label).collect::<Vec<_>>(), [Some(1), None, Some(0)]);
        assert!(read_labelled(&path, &TableOptions::default(), None, true).is_err(), "`score` needs them all");
    }

    #[test]
    fn without_a_header_the_order_is_text_label() {
        let rows = tsv("good film\t1\nbad film\t0\n").unwrap();
        assert_eq!((rows.columns, rows.fields.len()), (vec!["text".to_owned()], 2));
        assert_eq!(rows.labels.unwrap(), ["1", "0"]);
    }

    #[test]
    fn a_first_row_with_a_needed_name_is_a_header() {
        let read = tsv("sentence\tlabel\ngood\t1 \n").unwrap();
        assert_eq!((read.columns, read.labels.unwrap()), (vec!["sentence".to_owned()], vec!["1".to_owned()]));
        let needed = TableOptions { needed: vec!["sentence".to_owned()], ..TableOptions::default() };
        assert_eq!(rows("sentence\ngood\n", Format::Tsv, &needed, false).unwrap().fields, [["good"]]);
        assert_eq!(rows("sentence\ngood\n", Format::Tsv, &TableOptions::default(), false).unwrap().fields.len(), 2);
    }

    #[test]
    fn the_header_can_be_told() {
        let yes = TableOptions { header: Header::Yes, ..renamed(&[("text", "a"), ("label", "b")]) };
        assert_eq!(rows("b\ta\n1\tgood\n", Format::Tsv, &yes, true).unwrap().fields, [["good"]]);
        let no = TableOptions { header: Header::No, ..TableOptions::default() };
        assert_eq!(rows("text\tlabel\ngood\t1\n", Format::Tsv, &no, true).unwrap().fields, [["text"], ["good"]]);
    }

    #[test]
    fn columns_are_renamed_selected_or_listed() {
        let text = "label,review,stars\n1,good,5\n";
        let read = rows(text, Format::Csv, &renamed(&[("text", "review")]), true).unwrap();
        assert_eq!(read.columns, ["text", "stars"]);
        let read = rows(text, Format::Csv, &listed(&["review"]), true).unwrap();
        assert_eq!((read.columns, read.labels.unwrap()), (vec!["review".to_owned()], vec!["1".to_owned()]));
        let read = rows("1\ta\tb\n", Format::Tsv, &listed(&["label", "text_a", "text_b"]), true).unwrap();
        assert_eq!(
            (read.columns, read.fields),
            (vec!["text_a".into(), "text_b".into()], vec![vec!["a".into(), "b".into()]])
        );
        let read = rows("a\tb\n", Format::Tsv, &listed(&["label", "text_a", "text_b"]), false).unwrap();
        assert_eq!(read.fields, [["a", "b"]]);
    }

    #[test]
    fn missing_columns_are_named_with_those_there_are() {
        let message = rows("text,gold\na,1\n", Format::Csv, &TableOptions::default(), true).unwrap_err();
        assert_eq!(
            message,
            "`x`: no column `label` (columns: text, gold); say which one it is with `columns: {label: NAME}`"
        );
        let message = rows("Text\tLabel\na\t1\n", Format::Tsv, &TableOptions::default(), true).unwrap_err();
        assert!(message.contains("no column `label` (columns: Text, Label)"), "{message}");
        let message = rows("text,label\na,1\n", Format::Csv, &renamed(&[("text", "review")]), true).unwrap_err();
        assert_eq!(message, "`x`: no column `review` (columns: text, label)");
        let message = rows("a,1\n", Format::Csv, &renamed(&[("text", "review")]), true).unwrap_err();
        assert!(message.contains("no column `review` (columns: a, 1); the first row holds none"), "{message}");
        let message = rows("a\tb\t1\n", Format::Tsv, &TableOptions::default(), true).unwrap_err();
        assert!(message.starts_with("`x`: 3 columns and no header"), "{message}");
        let message = rows("a\tb\t1\n", Format::Tsv, &listed(&["text", "label"]), true).unwrap_err();
        assert_eq!(message, "`x`: 3 columns, but `columns:` names 2 (text, label)");
        let message =
            rows("{\"label\": 1, \"text\": [\"a\"]}", Format::Json, &TableOptions::default(), true).unwrap_err();
        assert_eq!(message, "`x`: no column `text` (columns: label, text (a list))");
        assert!(tsv("text\tlabel\tlabel\na\t1\t1\n").unwrap_err().contains("two columns are named `label`"));
    }

    #[test]
    fn blank_texts_missing_labels_and_zero_bytes_are_refused_by_line() {
        assert_eq!(tsv("a\t1\n \t0\n").unwrap_err(), "x:2: blank text in column `text`");
        assert_eq!(tsv("a\t1\nb\t \n").unwrap_err(), "x:2: no label in column `label`");
        assert_eq!(tsv("a\t1\nb\0c\t1\n").unwrap_err(), "x:2: a zero byte in the text");
        let json = "{\"text\": \"a\", \"label\": 1}\n{\"label\": 0}\n";
        let message = rows(json, Format::Json, &TableOptions::default(), true).unwrap_err();
        assert_eq!(message, "x:2: blank text in column `text`");
        let mixed = rows("a\t1\nb\t\n", Format::Tsv, &TableOptions::default(), false).unwrap_err();
        assert_eq!(mixed, "x:2: no label in column `label`");
        assert!(rows("a\t\nb\t\n", Format::Tsv, &TableOptions::default(), false).unwrap().labels.is_none());
        assert_eq!(tsv("text\tlabel\n").unwrap_err(), "`x` holds no rows below its header");
    }

    #[test]
    fn an_empty_cell_beside_the_text_is_no_fault() {
        assert_eq!(tsv("text\tlabel\tnote\na\t1\t\n").unwrap().fields, [["a", ""]]);
    }

    #[test]
    fn a_header_that_would_become_a_class_is_refused() {
        let body = |n: usize| (0..n).map(|i| format!("text {i}\t{}\n", i % 2)).collect::<String>();
        let message = tsv(&format!("sentence\tgold\n{}", body(8))).unwrap().distinct_labels().unwrap_err().to_string();
        assert!(message.starts_with("x:1: this row looks like a header (`gold`"), "{message}");
        assert_eq!(tsv(&body(8)).unwrap().distinct_labels().unwrap(), ["0", "1"]);
        assert_eq!(tsv("a\t2\nb\t0\nc\t1\n").unwrap().distinct_labels().unwrap(), ["0", "1", "2"]);
    }

    #[test]
    fn every_format_reads_the_same_examples() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| -> PathBuf {
            let path = folder.path().join(name);
            fs::write(&path, text).unwrap();
            path
        };
        let paths = [
            write("a.tsv", "id\ttext\tlabel\nr1\tgood, \"really\"\t1\nr2\t无聊\t0\n"),
            write("a.CSV", "id,text,label\r\nr1,\"good, \"\"really\"\"\",1\r\nr2,无聊,0\r\n"),
            write(
                "a.jsonl",
                "{\"id\":\"r1\",\"text\":\"good, \\\"really\\\"\",\"label\":1}\n{\"id\":\"r2\",\"text\":\"无聊\",\"label\":0}",
            ),
        ];
        for path in paths {
            let table = read_labelled(&path, &TableOptions::default(), None, true).unwrap();
            assert_eq!(
                (&table.labels[..], &table.columns[..]),
                (&["0".to_owned(), "1".to_owned()][..], &["id".to_owned(), "text".to_owned()][..])
            );
            assert_eq!(table.ids.unwrap(), ["r1", "r2"]);
            assert_eq!(table.examples[0].fields[1], "good, \"really\"");
            assert_eq!((table.examples[0].label, table.examples[1].label), (Some(1), Some(0)));
        }
    }

    #[test]
    fn labels_beyond_the_told_ones_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.tsv");
        fs::write(&path, "a\tgood\nb\tbad\nc\tgood\n").unwrap();
        let labels = ["bad", "fine"].map(String::from);
        let error = read_labelled(&path, &TableOptions::default(), Some(&labels), true).unwrap_err();
        assert_eq!(error.to_string(), format!("{}:1: unknown label `good` (known: bad, fine)", path.display()));
    }

    #[test]
    fn files_that_are_none_are_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let read = |name: &str| {
            let path = folder.path().join(name);
            read_labelled(&path, &TableOptions::default(), None, true).unwrap_err()
        };
        fs::create_dir(folder.path().join("a.tsv")).unwrap();
        assert!(matches!(read("a.tsv"), TaskError::IsFolder { .. }));
        assert!(matches!(read("none.tsv"), TaskError::Unreadable { .. }));
        assert!(matches!(read("a.xlsx"), TaskError::UnknownFormat { .. }));
        assert!(read("noending").to_string().contains(".parquet"));
    }
}
