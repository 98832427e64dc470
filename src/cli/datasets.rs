//! `promptmine datasets`

use clap::Args;
use serde_json::json;

use crate::error::Result;
use crate::exchange::hub::{RepoKind, Settings, cached};
use crate::task::{Card, Split, builtin_datasets};

use super::fill::Format;
use super::models::cached_table;
use super::output::{print, print_json};
use super::text_table::{TextTable, thousands};

const EXAMPLES: &str = "\
Examples:
  promptmine datasets
  promptmine datasets --format json

A data set of your own is a folder with train.*, dev.* and test.* (.tsv, .csv, .jsonl, .json or .parquet; any of the three \
may be absent) and, if you like, a CARD.yaml; or single files in the experiment:
  dataset: { train: my-train.csv, test: my-test.csv, columns: { text: review, label: stars } }
Without a header the columns are text, label. TSV knows no quoting, CSV is RFC 4180.

A data set of the hub is hf:owner/name@revision, or says more of itself:
  dataset: { hub: hf:owner/name, subset: sst2, splits: { train: train, test: validation }, columns: { text: sentence } }
Its Parquet, JSON, CSV or TSV files are fetched once, into the cache that Python's huggingface_hub uses.";

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
            if card.is_of_facts() { "facts: the objects".to_owned() } else { labels.join(", ") },
            accuracy.map(|m| format!("accuracy {:.3} on {} with {}", m.accuracy, m.split, m.model)).unwrap_or_default(),
            card.licence.clone().unwrap_or_default(),
        ]);
    }
    let cached = cached(&Settings::from_environment()?.cache, RepoKind::Data)?;
    objects.extend(cached.iter().map(|repo| {
        json!({ "dataset": repo.name.to_string(), "commit": repo.commit, "bytes": repo.bytes, "folder": repo.folder })
    }));
    match arguments.format {
        Format::Json => print_json(&objects),
        Format::Table => print(&format!(
            "{}\n{made}{}\nYour own: a folder with train.*, dev.* and test.*, single files, or hf:owner/name on the hub; see `promptmine datasets --help`.\n",
            table.print(),
            cached_table("data set", &cached),
        )),
    }
}

fn rows(card: &Card, split: Split) -> Option<usize> {
    card.splits.as_ref()?.get(&split).map(|split| split.rows)
}
