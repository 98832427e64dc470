//! Where a data set comes from, and how its columns are named.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::hub_data::HubData;
use super::table::{LabelBy, Shares};

/// The column that holds the label, in our naming.
pub const LABEL: &str = "label";

/// Where a data set comes from.
#[derive(Debug, Clone, PartialEq)]
pub enum DatasetSource {
    /// `builtin:NAME`, embedded in the binary.
    Builtin(String),
    /// A folder with `train.*`, `dev.*`, `test.*` and, optionally, `CARD.yaml`.
    Folder(PathBuf),
    /// Single files.
    Files(Box<Files>),
    /// `hf:owner/name@revision` on the hub.
    Hub(Box<HubData>),
}

impl DatasetSource {
    /// The commit of a data set of the hub that is on this machine.
    pub fn commit(&self) -> Option<String> {
        let Self::Hub(data) = self else { return None };
        Some(data.fetched.as_ref()?.commit.clone())
    }
}

/// Single files and how they are read.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Files {
    /// The train split.
    pub train: Option<PathBuf>,
    /// The dev split.
    pub dev: Option<PathBuf>,
    /// The test split.
    pub test: Option<PathBuf>,
    /// One file to be divided into splits, in place of those three.
    pub all: Option<PathBuf>,
    /// How it is divided.
    pub shares: Shares,
    /// What the columns are called.
    pub columns: Option<Columns>,
    /// Whether the first row names the columns.
    pub header: Header,
    /// The labels in their order; without it, those of train, sorted.
    pub labels: Option<Vec<String>>,
    /// Where labels are made from a column of numbers.
    pub label_by: Option<LabelBy>,
    /// Whether rows without text are left out, where they would be refused.
    pub skip_blank: bool,
}

/// Whether the first row of a TSV or CSV file names the columns. JSON and Parquet carry names, so it means nothing there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Header {
    /// It does if it holds a needed column's name; otherwise the order is text, label.
    #[default]
    Auto,
    /// It does.
    Yes,
    /// It does not.
    No,
}

/// What the columns of a file are called here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Columns {
    /// Names in the order of a file without header. Where the file does name its columns, these select among them.
    Order(Vec<String>),
    /// Our name to the file's name: `{text: review, label: gold}`. Columns left out keep their own names.
    Names(BTreeMap<String, String>),
}

impl Columns {
    /// The names that a header of the file would hold.
    pub fn in_file(&self) -> Vec<&str> {
        match self {
            Self::Order(names) => names.iter().map(String::as_str).collect(),
            Self::Names(names) => names.values().map(String::as_str).collect(),
        }
    }
}
