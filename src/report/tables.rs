//! The derived files of a results folder, and the printed leaderboard: all rebuilt from the record.

use std::path::Path;
use std::str::FromStr;

use crate::record::{AtomicFile, RecordError, write_atomically};

use super::ReportError;
use super::asked::Asked;
use super::candidate_table::each_candidate;
use super::columns::{self, CANDIDATES, CsvTable, LEADERBOARD};
use super::curves::curves;
use super::digest::Digest;
use super::html::{self, Gallery, Material, Setup};
use super::leaderboard::{Leaderboard, Section};
use super::print;
use super::row::Row;
use super::transfer::TRANSFER;
use super::trial::Trial;
use super::variance::Variance;

/// The ranked candidates of every seed.
pub const CANDIDATES_CSV: &str = "candidates.csv";

/// The ranked methods.
pub const LEADERBOARD_CSV: &str = "leaderboard.csv";

/// The ranked methods for reading.
pub const LEADERBOARD_MD: &str = "leaderboard.md";

/// How the chosen prompts do with other models and on other tasks, where an experiment asks.
pub const TRANSFER_CSV: &str = "transfer.csv";

/// How every method does over shots, where an experiment has several.
pub const CURVES_CSV: &str = "curves.csv";

/// How much of the variance of test scores goes with what, where there are two things to set against each other.
pub const VARIANCE_CSV: &str = "variance.csv";

/// What was found, on one page.
pub const REPORT_HTML: &str = "report.html";

/// Rebuilds `candidates.csv`, `leaderboard.csv`, `leaderboard.md`, `report.html` and, where there are several shots, `curves.csv`, where
/// two factors vary `variance.csv`, where it is asked `transfer.csv`, of a results folder from its record.
///
/// The same record gives the same bytes. While a run is incomplete the tables hold the trials that are over.
///
/// # Errors
/// [`ReportError::Record`] if the folder holds no record, one that cannot be read, or cannot be written to.
pub fn write_tables(folder: &Path) -> Result<(), ReportError> {
    settled(|| written(folder))
}

/// How often tables are begun again because a trial began anew while they were made.
const AGAIN: usize = 10;

/// What `make` gives once no trial begins anew while it reads: a failed trial is tried again while others end.
fn settled<T>(mut make: impl FnMut() -> Result<T, ReportError>) -> Result<T, ReportError> {
    for _ in 0..AGAIN {
        match make() {
            Err(ReportError::Record(RecordError::Changed { .. })) => {}
            made => return made,
        }
    }
    make()
}

fn written(folder: &Path) -> Result<(), ReportError> {
    let trials = Trial::all(folder)?;
    let asked = Asked::load(folder)?;
    let path = folder.join(CANDIDATES_CSV);
    let fault = |e: csv::Error| -> ReportError {
        match e.into_kind() {
            csv::ErrorKind::Io(e) => RecordError::io("write", &path)(e).into(),
            other => ReportError::print(format!("{other:?}")),
        }
    };
    let mut candidates = CsvTable::new(CANDIDATES, AtomicFile::create(&path)?).map_err(fault)?;
    let mut gallery = Gallery::default();
    each_candidate(&trials, &asked, |row| {
        gallery.take(&row);
        candidates.row(&row).map_err(fault)
    })?;
    candidates.finish().map_err(fault)?.keep()?;
    let leaderboard = Leaderboard::of_trials(&trials, asked);
    write_atomically(&folder.join(LEADERBOARD_CSV), &columns::csv(LEADERBOARD, leaderboard.rows())?)?;
    write_atomically(&folder.join(LEADERBOARD_MD), leaderboard.to_markdown().as_bytes())?;
    if let Some(curves) = curves(leaderboard.rows())? {
        write_atomically(&folder.join(CURVES_CSV), &curves)?;
    }
    let transfer = match leaderboard.transfer.is_empty() {
        true => None,
        false => Some(columns::csv(TRANSFER, &leaderboard.transfer)?),
    };
    write_or_remove(&folder.join(TRANSFER_CSV), transfer)?;
    let variance = Variance::of(&trials);
    write_or_remove(&folder.join(VARIANCE_CSV), variance.as_ref().map(Variance::to_csv).transpose()?)?;
    let (setup, variance) = (Setup::load(folder)?, variance.as_ref());
    let material = Material { setup: &setup, board: &leaderboard, trials: &trials, gallery: &gallery, variance };
    write_atomically(&folder.join(REPORT_HTML), html::page(&material).as_bytes())?;
    Ok(())
}

/// Writes a file that not every record has. One of before goes: nobody asks for it any more, or its trials began anew.
fn write_or_remove(path: &Path, bytes: Option<Vec<u8>>) -> Result<(), RecordError> {
    match bytes {
        Some(bytes) => write_atomically(path, &bytes),
        None if path.exists() => std::fs::remove_file(path).map_err(RecordError::io("remove", path)),
        None => Ok(()),
    }
}

/// The leaderboard of a results folder as the `leaderboard` command prints it. `format`: `table`, `csv`, `md`, `json` or
/// `latex`; `by`: the column that orders the rows of each section, instead of their rank.
///
/// # Errors
/// [`ReportError::UnknownColumn`] and [`ReportError::UnknownFormat`], with what there is; [`ReportError::Record`].
pub fn render(folder: &Path, format: &str, by: Option<&str>) -> Result<String, ReportError> {
    let format: Format = format.parse()?;
    let by = by.map(columns::column).transpose()?;
    settled(|| Leaderboard::load(folder))?.render(format, by)
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

#[cfg(test)]
mod tests {
    use crate::error::{ExitCode, Fault};
    use crate::record::TrialRecord;

    use super::super::sample::{Sample, write};
    use super::*;

    const GOLD: &str = "0011001100110011";
    const HALF: &str = "0011001111001100";

    fn trials() -> Vec<TrialRecord> {
        let manual = Sample::new(0, "manual", &[1], "0101", GOLD).scored("它很{mask}。", "0100", 0.5);
        let mined = Sample::new(1, "autoprompt", &[1], "0101", GOLD).scored("so | {mask}", "0101", 0.5);
        vec![
            manual.chose(0).tested(HALF, 0.25).finished(&[]),
            mined.labelled("autoprompt 2").chose(0).tested(GOLD, 1.0).finished(&[]),
        ]
    }

    #[test]
    fn tables_are_begun_again_while_trials_begin_anew_and_no_other_error_is_tried_again() {
        let changed = || ReportError::from(RecordError::changed("events.jsonl", "vanished while it was read"));
        let after = |n: usize| {
            let mut tried = 0;
            let made = settled(|| {
                tried += 1;
                if tried > n { Ok(tried) } else { Err(changed()) }
            });
            (made.ok(), tried)
        };
        assert_eq!(after(0), (Some(1), 1));
        assert_eq!(after(3), (Some(4), 4));
        assert_eq!(after(100), (None, AGAIN + 1));
        let mut tried = 0;
        let damaged: Result<(), _> = settled(|| {
            tried += 1;
            Err(RecordError::corrupt("events.jsonl", None, "no event").into())
        });
        assert!(damaged.is_err() && tried == 1);
    }

    #[test]
    fn a_folder_gets_its_three_tables_and_the_same_bytes_again() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &trials(), "accuracy");
        write_tables(folder.path()).unwrap();
        let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
        let first = [CANDIDATES_CSV, LEADERBOARD_CSV, LEADERBOARD_MD].map(read);
        write_tables(folder.path()).unwrap();
        assert_eq!(first, [CANDIDATES_CSV, LEADERBOARD_CSV, LEADERBOARD_MD].map(read));
        assert_eq!(render(folder.path(), "csv", None).unwrap(), first[1]);
        assert_eq!(render(folder.path(), "md", None).unwrap(), first[2]);
        assert!(first[2].starts_with("# films\n\nMetric: accuracy. Chosen by: accuracy.\n"), "{}", first[2]);
    }

    #[test]
    fn the_terminal_table_is_exactly_this() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &trials(), "accuracy");
        assert_eq!(
            render(folder.path(), "table", None).unwrap(),
            [
                "builtin:toy, 16 shots",
                "Ranked on 16 test examples, 1 seed, chosen on 4 dev examples.",
                "   rank  method        test                    dev     gap  vs manual                  evaluations  flags     \
                 prompt",
                "1 [1-1]  autoprompt 2  1.000 [0.806, 1.000]  1.000  +0.000  +0.500 better (p 0.00391)            4  one_seed  \
                 so | {mask}",
                "2 [2-2]  manual        0.500 [0.280, 0.720]  0.750  +0.250                                       4  one_seed  \
                 它很{mask}。",
                "",
            ]
            .join("\n")
        );
    }

    #[test]
    fn rows_are_ordered_by_any_column_and_the_column_is_shown() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &trials(), "accuracy");
        let table = render(folder.path(), "table", Some("test_low")).unwrap();
        assert!(table.lines().nth(2).unwrap().contains("test_low"), "{table}");
        let csv = render(folder.path(), "csv", Some("optimism_gap")).unwrap();
        assert!(csv.lines().nth(1).unwrap().starts_with("1,1,1,0,autoprompt 2"), "{csv}");
        let csv = render(folder.path(), "csv", Some("prompt")).unwrap();
        assert!(csv.lines().nth(1).unwrap().starts_with("1,1,1,0,autoprompt 2"), "{csv}");
        let csv = render(folder.path(), "csv", Some("n_seeds")).unwrap();
        assert!(csv.lines().nth(1).unwrap().starts_with("1,"), "equal cells keep the order of the ranks: {csv}");
    }

    #[test]
    fn json_holds_every_column_with_null_for_the_unknown() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &trials(), "accuracy");
        let json: serde_json::Value = serde_json::from_str(&render(folder.path(), "json", None).unwrap()).unwrap();
        assert_eq!(json["rows"][0]["method"], "autoprompt 2");
        assert_eq!(json["rows"][0]["vs_manual"], 0.5);
        assert!(json["rows"][1]["vs_manual"].is_null());
        assert_eq!(json["sections"][0]["top_two"]["only_first"], 8);
        assert!(json["sections"][0]["stability"]["methods"].is_null());
        let latex = render(folder.path(), "latex", None).unwrap();
        assert!(latex.starts_with("% builtin:toy, 16 shots\n\\begin{tabular}"), "{latex}");
    }

    #[test]
    fn closing_lines_say_what_was_found_and_how_to_use_it() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &trials(), "accuracy");
        let lines = Leaderboard::load(folder.path()).unwrap().closing_lines(Path::new("results/films"));
        assert_eq!(
            lines,
            "builtin:toy, 16 shots (accuracy on 16 test examples, mean over 1 seed)\n  \
             best: autoprompt 2 1.000 [0.806, 1.000]\n  \
             prompt: so | {mask}\n  \
             label words: a=bad,b=good\n  \
             better than manual: +0.500 (p 0.00391)\n  \
             not compared with random: no trial of it, or no seed with both\n  \
             to tell it from the second (manual) would take about 14 dev examples at 80 % power\n  \
             use it: promptmine predict --prompt results/films/trials/1-autoprompt_toy_16_none_1_01234567/prompt.json \
             --input FILE\n"
        );
    }

    #[test]
    fn a_folder_without_trials_has_empty_tables() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &[], "accuracy");
        write_tables(folder.path()).unwrap();
        let csv = std::fs::read_to_string(folder.path().join(LEADERBOARD_CSV)).unwrap();
        assert!(csv.starts_with("rank,rank_low,") && csv.lines().count() == 1, "{csv}");
        assert_eq!(render(folder.path(), "table", None).unwrap(), "no trial is complete yet\n");
    }

    #[test]
    fn wrong_words_are_usage_and_a_foreign_folder_is_a_fault_of_results() {
        let folder = tempfile::tempdir().unwrap();
        let format = render(folder.path(), "html", None).unwrap_err();
        assert_eq!(format.to_string(), "unknown format `html` (known: table, csv, md, json, latex)");
        assert_eq!(format.exit_code(), ExitCode::Usage);
        assert_eq!(render(folder.path(), "csv", Some("acc")).unwrap_err().exit_code(), ExitCode::Usage);
        assert_eq!(render(folder.path(), "csv", None).unwrap_err().exit_code(), ExitCode::Results);
        assert_eq!(write_tables(folder.path()).unwrap_err().exit_code(), ExitCode::Results);
    }
}
