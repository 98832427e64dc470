//! What can be wrong with data, labels, draws and metric names.

use std::fmt;
use std::io;

use thiserror::Error;

use crate::error::{ExitCode, Fault};
use crate::task::{Shots, Split};

/// Where in a file: by line in text files, by row in Parquet and JSON arrays, which have no lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file, as the user or the card named it.
    pub file: String,
    /// The position in it, counted from 1.
    pub position: Position,
}

/// A position in a file, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Position {
    /// The line on which a record begins.
    Line(usize),
    /// The record, in a format without lines.
    Row(usize),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.position {
            Position::Line(line) => write!(f, "{}:{line}", self.file),
            Position::Row(row) => write!(f, "{}, row {row}", self.file),
        }
    }
}

/// A fault of the data, or of what was asked of it.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TaskError {
    /// The operating system refused a file or folder.
    #[error("cannot read `{file}`: {source}")]
    Unreadable {
        /// The path.
        file: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A file is not what it was when the run began to read it.
    #[error(
        "`{file}` changed while it was used: leave data files as they are until the run has ended, then run it again"
    )]
    Changed {
        /// The path.
        file: String,
    },
    /// A folder stands where a file is needed.
    #[error("`{file}` is a folder, not a data file")]
    IsFolder {
        /// The path.
        file: String,
    },
    /// A file stands where a data set's folder is needed.
    #[error(
        "`{file}` is a file, not a data set's folder (for single files, write `{{train: {file}, dev: ..., test: ...}}`)"
    )]
    IsFile {
        /// The path.
        file: String,
    },
    /// The ending names no format.
    #[error("`{file}`: unknown format `{extension}` (known: .tsv, .txt, .csv, .jsonl, .ndjson, .json, .parquet)")]
    UnknownFormat {
        /// The path.
        file: String,
        /// Its ending.
        extension: String,
    },
    /// A data set of the hub whose files are not on this machine.
    #[error("`{name}` was not fetched from the hub")]
    NotFetched {
        /// Its name.
        name: String,
    },
    /// Files of one split that do not go together.
    #[error("`{file}` has the columns {found}, and the split's first file {expected}")]
    OtherColumns {
        /// The file.
        file: String,
        /// Its columns.
        found: String,
        /// Those of the first file.
        expected: String,
    },
    /// Bytes that are not UTF-8.
    #[error("{place}: the bytes are not UTF-8{hint}")]
    NotUtf8 {
        /// The line with the first such byte.
        place: Place,
        /// What they look like, if that is known.
        hint: &'static str,
    },
    /// A zero byte, which no text has.
    #[error("{place}: a zero byte in the text")]
    ZeroByte {
        /// Where.
        place: Place,
    },
    /// A file without rows.
    #[error("`{file}` holds no rows{but}")]
    Empty {
        /// The path.
        file: String,
        /// What it does hold.
        but: &'static str,
    },
    /// A row with another number of fields than the first.
    #[error("{place}: {found} fields, where the first row has {expected}")]
    Ragged {
        /// Where.
        place: Place,
        /// Fields of the first row.
        expected: usize,
        /// Fields of this row.
        found: usize,
    },
    /// Quotes that RFC 4180 does not allow.
    #[error("{place}: {what}")]
    Quotes {
        /// Where.
        place: Place,
        /// What about them.
        what: &'static str,
    },
    /// A line that is not JSON.
    #[error("{place}: not JSON: {source}")]
    Json {
        /// Where.
        place: Place,
        /// What the parser said.
        #[source]
        source: serde_json::Error,
    },
    /// JSON of another shape than one object an example.
    #[error("{place}: an object is needed for each example, found {found}")]
    JsonShape {
        /// Where.
        place: Place,
        /// The kind of value found.
        found: &'static str,
    },
    /// A file that no corpus can be read from.
    #[error("`{file}`: a corpus is no such file (known: .txt, .tsv, .csv, .jsonl, .ndjson, .parquet)")]
    NoCorpus {
        /// The path.
        file: String,
    },
    /// A line of a corpus without the text that was asked for.
    #[error("{place}: {found} (`column: {column}` names the text)")]
    NoSentence {
        /// Where.
        place: Place,
        /// The key that was asked for.
        column: String,
        /// What stands there.
        found: String,
    },
    /// A file that the reader of its format refuses.
    #[error("cannot read `{file}` as {format}: {reason}")]
    Malformed {
        /// The path.
        file: String,
        /// The format that its ending names.
        format: &'static str,
        /// What the reader said, in one line.
        reason: String,
    },
    /// A column that is needed and not there.
    #[error("`{file}`: no column `{column}` (columns: {}){hint}", .columns.join(", "))]
    MissingColumn {
        /// The path.
        file: String,
        /// The column.
        column: String,
        /// The columns there are.
        columns: Vec<String>,
        /// What to do.
        hint: &'static str,
    },
    /// Two columns of one name.
    #[error("`{file}`: two columns are named `{column}`")]
    RepeatedColumn {
        /// The path.
        file: String,
        /// The name.
        column: String,
    },
    /// Columns that nothing names.
    #[error(
        "`{file}`: {found} columns and no header that names `text` or `label` (without a header the order is text, label); list the names in `columns:`{hint}"
    )]
    UnnamedColumns {
        /// The path.
        file: String,
        /// How many columns.
        found: usize,
        /// What else to do.
        hint: String,
    },
    /// A list of columns of another length than the rows.
    #[error("`{file}`: {found} columns, but `columns:` names {} ({})", .names.len(), .names.join(", "))]
    ColumnCount {
        /// The path.
        file: String,
        /// The names given.
        names: Vec<String>,
        /// How many columns the file has.
        found: usize,
    },
    /// A first row that is read as an example and looks like a header.
    #[error(
        "{place}: this row looks like a header (`{label}` as a label occurs nowhere else); name the columns (`columns:`, --columns), or say that there is none (`header: no`, --header no)"
    )]
    LooksLikeHeader {
        /// Where.
        place: Place,
        /// Its label cell.
        label: String,
    },
    /// An example without text.
    #[error("{place}: blank text in column `{column}`")]
    BlankText {
        /// Where.
        place: Place,
        /// The column.
        column: String,
    },
    /// A cell that labels are made from and that holds no number.
    #[error("{place}: `{found}` in column `{column}` is no number")]
    NoNumber {
        /// Where.
        place: Place,
        /// The column.
        column: String,
        /// What stands there.
        found: String,
    },
    /// An example without a label, in a split that needs labels or has some.
    #[error("{place}: no label in column `{column}`")]
    MissingLabel {
        /// Where.
        place: Place,
        /// The label column.
        column: String,
    },
    /// A label outside the label set.
    #[error("{place}: unknown label `{label}` (known: {})", .known.join(", "))]
    UnknownLabel {
        /// Where.
        place: Place,
        /// The label.
        label: String,
        /// The label set.
        known: Vec<String>,
    },
    /// A label listed twice.
    #[error("`labels:` lists `{label}` twice")]
    RepeatedLabel {
        /// The label.
        label: String,
    },
    /// A fact whose object is not among those that are listed.
    #[error(
        "{place}: the object `{object}` is not among the {n_listed} of `objects` (`leave_out: [unlisted]` leaves such facts out)"
    )]
    UnlistedObject {
        /// Where.
        place: Place,
        /// The object.
        object: String,
        /// How many are listed.
        n_listed: usize,
    },
    /// A relation with fewer than two objects, among which nothing can be ranked.
    #[error(
        "`{file}`: answers are ranked among the objects of the relation, and there {} (at least two are needed; `objects` may list more)",
        few(.found)
    )]
    FewObjects {
        /// A file of it.
        file: String,
        /// The objects.
        found: Vec<String>,
    },
    /// A data set without any split.
    #[error(
        "`{folder}` holds no train.*, dev.* or test.* file (endings: .tsv, .txt, .csv, .jsonl, .ndjson, .json, .parquet)"
    )]
    NoSplits {
        /// The folder.
        folder: String,
    },
    /// Two files for one split.
    #[error("`{folder}` holds two files for {split}: {first} and {second}")]
    TwoFiles {
        /// The folder.
        folder: String,
        /// The split.
        split: Split,
        /// A file.
        first: String,
        /// The other.
        second: String,
    },
    /// A CARD.yaml that cannot be read.
    #[error("{file}: {source}")]
    Card {
        /// The card.
        file: String,
        /// What the parser said: key, line and column.
        #[source]
        source: Box<serde_yaml::Error>,
    },
    /// A card that names a split without a file.
    #[error("{file}: splits.{split} is listed, but there is no {split}.* file beside it")]
    CardSplitAbsent {
        /// The card.
        file: String,
        /// The split.
        split: Split,
    },
    /// A file that the card does not name.
    #[error("{file}: splits lists no {split}, but `{found}` lies beside it")]
    CardSplitUnlisted {
        /// The card.
        file: String,
        /// The split.
        split: Split,
        /// The file.
        found: String,
    },
    /// A file with other bytes than the card says.
    #[error("`{file}` is not the file that its CARD.yaml describes: BLAKE3 expected {expected}, found {found}")]
    CardHash {
        /// The data file.
        file: String,
        /// The hash in the card.
        expected: String,
        /// The hash of the file.
        found: String,
    },
    /// A file with another number of rows than the card says.
    #[error("`{file}` has {found} rows; its CARD.yaml says {expected}")]
    CardRows {
        /// The data file.
        file: String,
        /// The rows in the card.
        expected: usize,
        /// The rows of the file.
        found: usize,
    },
    /// A built-in data set that there is not.
    #[error("unknown built-in data set `{name}` (known: {})", .known.join(", "))]
    UnknownBuiltin {
        /// The name asked for.
        name: String,
        /// The names there are.
        known: Vec<String>,
    },
    /// A metric that there is not.
    #[error("unknown metric `{name}` (known: {})", .known.join(", "))]
    UnknownMetric {
        /// The name asked for.
        name: String,
        /// The names there are.
        known: Vec<&'static str>,
    },
    /// Shots that are neither a count nor a known word.
    #[error("unknown shots `{found}` (known: a count per class such as 0 or 16, full, given)")]
    UnknownShots {
        /// What was written.
        found: String,
    },
    /// A draw from a split that is not there.
    #[error("data set `{dataset}`: shots: {shots} needs a {split} split (there are: {})", list(.found))]
    NoSplit {
        /// The data set.
        dataset: String,
        /// The shots asked for.
        shots: Shots,
        /// The split needed.
        split: Split,
        /// The splits there are.
        found: Vec<Split>,
    },
    /// A draw per class from a split without labels.
    #[error("data set `{dataset}`: shots: {shots} needs labels, and the {split} split has none")]
    Unlabelled {
        /// The data set.
        dataset: String,
        /// The shots asked for.
        shots: Shots,
        /// The split.
        split: Split,
    },
    /// More shots than there are facts.
    #[error("data set `{dataset}`: {has} distinct facts in {pool}, {needs} shots need {needs}")]
    TooFewFacts {
        /// The data set.
        dataset: String,
        /// The split, or the half of it, that was drawn from.
        pool: &'static str,
        /// Distinct facts there.
        has: usize,
        /// Shots asked for.
        needs: usize,
    },
    /// More shots than a class has examples.
    #[error("data set `{dataset}`: class `{label}` has {has} distinct examples in {pool}, {needs} shots need {needs}")]
    TooFew {
        /// The data set.
        dataset: String,
        /// The class.
        label: String,
        /// The split, or the half of it, that was drawn from.
        pool: &'static str,
        /// Distinct examples there.
        has: usize,
        /// Shots asked for.
        needs: usize,
    },
}

impl Fault for TaskError {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::UnknownMetric { .. }
            | Self::UnknownShots { .. }
            | Self::NoSplit { .. }
            | Self::Unlabelled { .. }
            | Self::TooFewFacts { .. }
            | Self::TooFew { .. } => ExitCode::Spec,
            _ => ExitCode::Data,
        }
    }
}

/// What there is where two objects are needed.
fn few(found: &[String]) -> String {
    match found {
        [one] => format!("is one, `{one}`"),
        _ => "is none".to_owned(),
    }
}

fn list(splits: &[Split]) -> String {
    splits.iter().map(Split::to_string).collect::<Vec<_>>().join(", ")
}
