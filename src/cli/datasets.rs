//! `promptmine datasets`

use clap::Args;
use serde_json::json;

use crate::error::Result;
use crate::task::{Card, Split, builtin_datasets};

use super::fill::Format;
use super::output::{print, print_json};
use super::text_table::{TextTable, thousands};

const EXAMPLES: &str = "\
Examples:
  promptmine datasets
  promptmine datasets --format json

A data set of your own is a folder with train.*, dev.* and test.* (.tsv, .csv, .jsonl, .json or .parquet; any of the three \
may be absent) and, if you like, a CARD.yaml; or single files in the experiment:
  dataset: { train: my-train.csv, test: my-test.csv, columns: { text: review, label: stars } }
Without a header the columns are text, label. TSV knows no quoting, CSV is RFC 4180.";

/// The arguments of `datasets`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// How to print them
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    format: Format,
}

/// Does it.
///
/// # Errors
/// If standard output cannot be written.
pub fn run(arguments: &Arguments) -> Result<()> {
    let mut table =
        TextTable::new(&["data set", "language", ">train", ">dev", ">test", "labels", "manual prompt", "licence"]);
    let mut made = String::new();
    let mut objects = Vec::new();
    for dataset in builtin_datasets() {
        let card = dataset.card()?;
        let name = format!("builtin:{}", card.name);
        let sizes = Split::ALL.map(|split| rows(&card, split));
        let labels = card.labels.clone().unwrap_or_default();
        let accuracy = card.manual_accuracy.as_ref();
        objects.push(json!({
            "dataset": name, "language": card.language, "licence": card.licence, "made_how": card.made_how,
            "train": sizes[0], "dev": sizes[1], "test": sizes[2], "labels": labels, "template": card.template,
            "manual_accuracy": accuracy.map(|m| m.accuracy),
        }));
        made += &format!("{name}: {}\n", card.made_how.as_deref().unwrap_or_default().trim());
        let [train, dev, test] = sizes.map(|n| n.map(|n| thousands(n as u64)).unwrap_or_default());
        table.row([
            name,
            card.language.clone().unwrap_or_default(),
            train,
            dev,
            test,
            labels.join(", "),
            accuracy.map(|m| format!("accuracy {:.3} on {} with {}", m.accuracy, m.split, m.model)).unwrap_or_default(),
            card.licence.clone().unwrap_or_default(),
        ]);
    }
    match arguments.format {
        Format::Json => print_json(&objects),
        Format::Table => print(&format!(
            "{}\n{made}\nYour own: a folder with train.*, dev.* and test.*, or single files; see `promptmine datasets --help`.\n",
            table.print()
        )),
    }
}

fn rows(card: &Card, split: Split) -> Option<usize> {
    card.splits.as_ref()?.get(&split).map(|split| split.rows)
}
