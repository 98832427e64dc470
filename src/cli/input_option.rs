//! `--input FILE` and how to read it.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::error::Result;
use crate::task::{Columns, Header, Table, TableOptions, read_labelled};

use super::CliError;

/// A file of examples.
#[derive(Debug, Clone, Args)]
pub struct InputOptions {
    /// The examples: .tsv, .csv, .jsonl, .json or .parquet
    #[arg(long, value_name = "FILE")]
    pub input: PathBuf,
    /// What the columns are called: text=review,label=gold, or text,label in the order of a file without header
    #[arg(long, value_name = "COLUMNS")]
    pub columns: Option<String>,
    /// Whether the first row of a TSV or CSV file names the columns
    #[arg(long, value_name = "WHETHER", value_enum, default_value_t)]
    pub header: HeaderName,
}

/// Whether there is a header.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum HeaderName {
    /// It does if it holds the name of a column that is needed.
    #[default]
    Auto,
    /// It does.
    Yes,
    /// It does not.
    No,
}

impl From<HeaderName> for Header {
    fn from(name: HeaderName) -> Self {
        match name {
            HeaderName::Auto => Self::Auto,
            HeaderName::Yes => Self::Yes,
            HeaderName::No => Self::No,
        }
    }
}

impl InputOptions {
    /// Reads the file, which has to have the columns `needed`; labels outside `labels` are refused where some are given.
    ///
    /// # Errors
    /// [`CliError::Usage`] for `--columns` that cannot be read, [`crate::task::TaskError`] for the file.
    pub fn read(&self, needed: Vec<String>, labels: Option<&[String]>, need_label: bool) -> Result<Table> {
        let columns = self.columns.as_deref().map(columns).transpose()?;
        let options = TableOptions { columns, header: self.header.into(), needed, ..TableOptions::default() };
        Ok(read_labelled(&self.input, &options, labels, need_label)?)
    }
}

/// `text=review,label=gold` names columns of the file; `text,label` names them in their order.
fn columns(text: &str) -> Result<Columns, CliError> {
    let parts: Vec<&str> = text.split(',').map(str::trim).collect();
    let fault =
        |what: String| CliError::Usage(format!("--columns {text}: {what}, as in text=review,label=gold or text,label"));
    if let Some(part) = parts.iter().find(|part| part.is_empty() || part.starts_with('=') || part.ends_with('=')) {
        return Err(fault(format!("`{part}` names no column")));
    }
    let pairs: Vec<(&str, &str)> = parts.iter().filter_map(|part| part.split_once('=')).collect();
    match pairs.len() {
        0 => Ok(Columns::Order(parts.into_iter().map(str::to_owned).collect())),
        n if n == parts.len() => Ok(Columns::Names(
            pairs.into_iter().map(|(ours, theirs)| (ours.trim().into(), theirs.trim().into())).collect(),
        )),
        _ => Err(fault("either all parts have a `=` or none".into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_named_or_listed_and_never_both() {
        assert_eq!(columns("text, label").unwrap(), Columns::Order(vec!["text".into(), "label".into()]));
        let named = columns("text=review,label = gold").unwrap();
        assert_eq!(named.in_file(), ["gold", "review"]);
        assert!(columns("text=review,label").unwrap_err().to_string().contains("either all"));
        assert!(columns("text=,label=x").unwrap_err().to_string().contains("`text=` names no column"));
    }
}
