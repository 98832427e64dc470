//! The derived files of a results folder, and the printed leaderboard: all rebuilt from the record.

use std::path::Path;
use std::str::FromStr;

use crate::record::{load_trials, write_atomically};

use super::ReportError;
use super::asked::Asked;
use super::candidates::CandidateRow;
use super::columns::{self, CANDIDATES, LEADERBOARD};
use super::digest::Digest;
use super::leaderboard::{Leaderboard, Section};
use super::print;
use super::row::Row;
use super::trial::Trial;

/// The ranked candidates of every seed.
pub const CANDIDATES_CSV: &str = "candidates.csv";

/// The ranked methods.
pub const LEADERBOARD_CSV: &str = "leaderboard.csv";

/// The ranked methods for reading.
pub const LEADERBOARD_MD: &str = "leaderboard.md";

/// Rebuilds `candidates.csv`, `leaderboard.csv` and `leaderboard.md` of a results folder from its record.
///
/// The same record gives the same bytes. While a run is incomplete the tables hold the trials that are over.
///
/// # Errors
/// [`ReportError::Record`] if the folder holds no record, one that cannot be read, or cannot be written to.
pub fn write_tables(folder: &Path) -> Result<(), ReportError> {
    let records = load_trials(folder)?;
    let trials = records.iter().map(Trial::read).collect::<Result<Vec<_>, _>>()?;
    let asked = Asked::load(folder)?;
    let candidates = CandidateRow::of_trials(&trials, &asked);
    write_atomically(&folder.join(CANDIDATES_CSV), &columns::csv(CANDIDATES, &candidates)?)?;
    let leaderboard = Leaderboard::of_trials(&trials, asked);
    write_atomically(&folder.join(LEADERBOARD_CSV), &columns::csv(LEADERBOARD, leaderboard.rows())?)?;
    write_atomically(&folder.join(LEADERBOARD_MD), leaderboard.to_markdown().as_bytes())?;
    Ok(())
}

/// The leaderboard of a results folder as the `leaderboard` command prints it. `format`: `table`, `csv`, `md`, `json` or
/// `latex`; `by`: the column that orders the rows of each section, instead of their rank.
///
/// # Errors
/// [`ReportError::UnknownColumn`] and [`ReportError::UnknownFormat`], with what there is; [`ReportError::Record`].
pub fn render(folder: &Path, format: &str, by: Option<&str>) -> Result<String, ReportError> {
    let format: Format = format.parse()?;
    let by = by.map(columns::column).transpose()?;
    Leaderboard::load(folder)?.render(format, by)
}

/// What a leaderboard is printed as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Aligned text.
    Table,
    /// The bytes of `leaderboard.csv`.
    Csv,
    /// Markdown.
    Markdown,
    /// One JSON object.
    Json,
    /// LaTeX tables.
    Latex,
}

impl FromStr for Format {
    type Err = ReportError;

    fn from_str(name: &str) -> Result<Self, ReportError> {
        let known = [
            ("table", Self::Table),
            ("csv", Self::Csv),
            ("md", Self::Markdown),
            ("json", Self::Json),
            ("latex", Self::Latex),
        ];
        known.iter().find(|(known, _)| *known == name).map(|(_, format)| *format).ok_or_else(|| {
            ReportError::UnknownFormat { name: name.into(), known: known.iter().map(|(name, _)| *name).collect() }
        })
    }
}

impl Leaderboard {
    /// Derives the leaderboard from the record in a results folder.
    ///
    /// # Errors
    /// [`ReportError::Record`].
    pub fn load(folder: &Path) -> Result<Self, ReportError> {
        Self::of(&load_trials(folder)?, Asked::load(folder)?)
    }

    fn render(&self, format: Format, by: Option<&'static columns::Column<Row>>) -> Result<String, ReportError> {
        let sections: Vec<(&Section, Vec<&Row>)> =
            self.sections.iter().map(|section| (section, section.rows_by(by))).collect();
        let all: Vec<&Row> = sections.iter().flat_map(|(_, rows)| rows.iter().copied()).collect();
        match format {
            Format::Csv => {
                let bytes = columns::csv(LEADERBOARD, all)?;
                String::from_utf8(bytes).map_err(ReportError::print)
            }
            Format::Json => self.to_json(&all),
            Format::Markdown if by.is_none() => Ok(self.to_markdown()),
            Format::Table if all.is_empty() => Ok("no trial is complete yet\n".into()),
            Format::Table | Format::Markdown | Format::Latex => {
                let blocks = sections.iter().map(|(section, rows)| {
                    let digest = Digest::of(section, rows, by);
                    let heading = section.group.words();
                    match format {
                        Format::Latex => format!("% {heading}\n{}", print::latex(&digest)),
                        Format::Markdown => {
                            format!("## {}\n\n{}", print::escape_markdown(&heading), print::markdown(&digest))
                        }
                        _ => format!("{heading}\n{}\n{}", section.ranked_words(), print::text(&digest)),
                    }
                });
                Ok(blocks.collect::<Vec<_>>().join("\n"))
            }
        }
    }
}

impl Section {
    fn rows_by(&self, by: Option<&columns::Column<Row>>) -> Vec<&Row> {
        let mut rows: Vec<&Row> = self.rows.iter().collect();
        if let Some(column) = by {
            // Equal cells keep the order of the ranks.
            rows.sort_by(|a, b| column.order(a, b));
        }
        rows
    }
}
