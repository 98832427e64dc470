//! `promptmine leaderboard`

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::error::Result;
use crate::report::{Average, render};

use super::CliError;
use super::output::{print_block, print_json};
use super::text_table::TextTable;

const EXAMPLES: &str = "\
Examples:
  promptmine leaderboard results/quickstart
  promptmine leaderboard results/quickstart --by evaluations
  promptmine leaderboard results/quickstart --format csv > table.csv
  promptmine leaderboard results/quickstart --format latex
  promptmine leaderboard results/facts-P19 results/facts-P36 results/facts-P178

The tables are derived anew from the record of the trials; no model and no data set is opened. Rows are ranked within one \
model, shots and calibration. rank [low-high] is the interval of ranks that the test examples allow. Several folders are averaged, \
each counted once (as LAMA averages over relations); a row says in how many it has a figure.";

/// The arguments of `leaderboard`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// A results folder: results/<name>; several are averaged
    #[arg(value_name = "DIR", required = true)]
    folders: Vec<PathBuf>,
    /// Order the rows by this column of leaderboard.csv instead of their rank
    #[arg(long, value_name = "COLUMN")]
    by: Option<String>,
    /// How to print them
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    format: Format,
}

/// How tables are printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Aligned text.
    #[default]
    Table,
    /// As leaderboard.csv.
    Csv,
    /// Markdown.
    Md,
    /// JSON.
    Json,
    /// LaTeX tables.
    Latex,
}

/// Does it.
///
/// # Errors
/// [`crate::report::ReportError`].
pub fn run(arguments: &Arguments) -> Result<()> {
    let [folder] = &arguments.folders[..] else { return averaged(arguments) };
    let format = match arguments.format {
        Format::Table => "table",
        Format::Csv => "csv",
        Format::Md => "md",
        Format::Json => "json",
        Format::Latex => "latex",
    };
    print_block(&render(folder, format, arguments.by.as_deref())?)
}

/// Several folders: their average.
fn averaged(arguments: &Arguments) -> Result<()> {
    if arguments.by.is_some() {
        return Err(
            CliError::Usage("--by orders the rows of one folder; several are averaged, best first".into()).into()
        );
    }
    let average = Average::load(&arguments.folders)?;
    match arguments.format {
        Format::Csv => print_block(&average.to_csv()?),
        Format::Json => print_json(&average),
        Format::Table => print_block(&table(&average)),
        Format::Md | Format::Latex => {
            let what = "several folders are printed as table, csv or json".to_owned();
            Err(CliError::Usage(what).into())
        }
    }
}

fn table(average: &Average) -> String {
    let of_facts = average.rows.iter().any(|row| row.test_mrr.is_some());
    let mut titles = vec![
        "method",
        "model",
        "shots",
        "calibration",
        ">folders",
        ">test",
        ">lowest",
        ">highest",
        ">vs manual",
        ">p",
        ">better",
    ];
    if of_facts {
        titles.extend([">P@1", ">P@10", ">MRR"]);
    }
    let mut table = TextTable::new(&titles);
    let number = |value: Option<f64>| value.map(|value| format!("{value:.3}")).unwrap_or_default();
    for row in &average.rows {
        let mut cells = vec![row.method.clone(), row.model.clone(), row.shots.clone(), row.calibration.clone()];
        cells.push(row.folders.to_string());
        cells.extend([row.test_mean, row.test_low, row.test_high].map(number));
        cells.push(row.vs_manual.map(|difference| format!("{difference:+.3}")).unwrap_or_default());
        cells.push(row.vs_manual_p.map(|p| format!("{p:.3}")).unwrap_or_default());
        cells.push(row.vs_manual.map(|_| row.better.to_string()).unwrap_or_default());
        if of_facts {
            cells.extend([row.test_p_at_1, row.test_p_at_10, row.test_mrr].map(number));
        }
        table.row(cells);
    }
    let (metric, n) = (&average.metric, average.folders);
    format!("{metric} on test, averaged over {n} folders, each counted once\n\n{}", table.print())
}
