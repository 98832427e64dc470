//! `--to lm-eval`

use std::path::{Path, PathBuf};

use crate::error::Result;
use crate::exchange::lm_eval::{Data, Task, Words};
use crate::prompt::Prompt;
use crate::record::{Provenance, SavedPrompt};
use crate::spec::Experiment;
use crate::task::{Dataset, DatasetOptions, DatasetSource, Example, FactRules, Split};

use super::super::CliError;
use super::super::input_option::InputOptions;
use super::super::log::Log;
use super::super::output::print;
use super::super::text_table::counted;
use super::{Arguments, WordsName, results_of};

/// Writes a task.
///
/// # Errors
/// What is wrong with the prompt, the model, the data or the folder.
pub(super) fn run(arguments: &Arguments, output: &Path, log: Log) -> Result<()> {
    let (saved, _) = SavedPrompt::open(&arguments.prompt).map_err(CliError::PromptFile)?;
    let (_, asked) = arguments.options().ready_one(log)?;
    let results = results_of(&arguments.prompt);
    let data = match (&arguments.data, &results) {
        (Some(named), _) => named_data(named, arguments, &asked.prompt)?,
        (None, Some(results)) => own_data(results, &asked.prompt)?,
        (None, None) => {
            return Err(CliError::Usage(format!(
                "{} lies in no results folder, so its data set is not known; name the rows with --data",
                arguments.prompt.display()
            ))
            .into());
        }
    };
    let words = match arguments.words {
        Some(WordsName::First) => Words::First,
        Some(WordsName::All) | None => Words::All,
    };
    let name = arguments.name.clone().unwrap_or_else(|| default_name(results.as_deref(), &arguments.prompt));
    let task = Task::new(&name, (&asked.scorer, &asked.prompt, asked.prior.as_ref()), &saved, words, &data)?;
    task.save(output)?;
    if task.truncated > 0 {
        log.note(&format!("{} did not fit and were shortened; README.md says so", counted(task.truncated, "row")));
    }
    let splits: Vec<String> = task.counts().iter().map(|(split, n)| format!("{n} rows of {split}")).collect();
    print(&format!("{}: task {}, {}\n", output.display(), task.name, splits.join(", ")))
}

/// `promptmine_` and the experiment's name, or the prompt file's, of the characters that a name may have.
fn default_name(results: Option<&Path>, prompt: &Path) -> String {
    let of = results.and_then(Path::file_name).or_else(|| prompt.file_stem()).unwrap_or_default();
    let plain = |c: char| if c.is_ascii_alphanumeric() || "_-.".contains(c) { c } else { '_' };
    format!("promptmine_{}", of.to_string_lossy().chars().map(plain).collect::<String>())
}

fn needed(prompt: &Prompt) -> Vec<String> {
    let columns = prompt.template.columns().into_iter().chain(prompt.verbalizer.reference_column());
    columns.map(str::to_owned).collect()
}

/// Rows that are named: one file is the test split.
fn named_data(named: &str, arguments: &Arguments, prompt: &Prompt) -> Result<Data> {
    let path = PathBuf::from(named);
    let source = match named.strip_prefix("builtin:") {
        Some(name) => DatasetSource::Builtin(name.into()),
        None if path.is_dir() => DatasetSource::Folder(path),
        None => {
            let input = InputOptions {
                input: path,
                columns: arguments.columns.clone(),
                header: arguments.header.unwrap_or_default(),
            };
            let labels = prompt.verbalizer.label_names();
            let has_labels = prompt.verbalizer.reference_column().is_none();
            let table = input.read(needed(prompt), has_labels.then_some(&labels[..]), has_labels)?;
            let splits = vec![(Split::Test, table.examples)];
            return Ok(Data { columns: table.columns, splits, ids: table.ids, origin: format!("`{named}`") });
        }
    };
    if arguments.columns.is_some() || arguments.header.is_some() {
        let what = format!("--columns and --header are for a file, and --data {named} is a data set");
        return Err(CliError::Usage(what).into());
    }
    let is_of_facts = prompt.template.columns().contains(&"subject");
    let dataset = load(&source, prompt, is_of_facts)?;
    of_dataset(dataset, prompt, named)
}

/// The data set of the run, as its record says it.
fn own_data(results: &Path, prompt: &Prompt) -> Result<Data> {
    let experiment = Experiment::load(&results.join("experiment.yaml"), &[])?;
    let source = experiment.dataset();
    if matches!(source, DatasetSource::Hub(_)) {
        let what = "the run's data set is one of the hub; name its file or folder with --data";
        return Err(CliError::Usage(what.into()).into());
    }
    let dataset = load(&source, prompt, experiment.task.facts.is_some()).map_err(|error| {
        error.at(Some(format!("{}: task.dataset (--data names other rows)", results.join("experiment.yaml").display())))
    })?;
    if let Some(provenance) = Provenance::load(results)? {
        let changed = dataset
            .hashes
            .iter()
            .find(|(split, hash)| provenance.data_blake3.get(split.name()).is_some_and(|known| known != *hash));
        if let Some((split, _)) = changed {
            let what = format!("the {split} file has changed since the run; name the rows that are meant with --data");
            return Err(CliError::Usage(what).into());
        }
    }
    let name = dataset.name.clone();
    of_dataset(dataset, prompt, &name)
}

fn load(source: &DatasetSource, prompt: &Prompt, is_of_facts: bool) -> Result<Dataset> {
    let facts =
        FactRules { objects: Some(prompt.verbalizer.label_names()), leave_out_unlisted: true, ..FactRules::default() };
    let options = DatasetOptions {
        needed: needed(prompt),
        facts: is_of_facts.then_some(facts),
        target: prompt.verbalizer.reference_column().map(str::to_owned),
    };
    Ok(Dataset::load_with(source, &options)?)
}

/// The labelled dev and test splits, labels in the prompt's order.
fn of_dataset(dataset: Dataset, prompt: &Prompt, named: &str) -> Result<Data> {
    let mut splits = Vec::new();
    for split in [Split::Test, Split::Dev] {
        let Some(examples) = dataset.split(split).filter(|examples| examples.is_labelled()) else { continue };
        let places: Vec<usize> = (0..examples.len()).collect();
        let mut rows = examples.read(&places)?;
        for example in &mut rows {
            example.label = own_label(&dataset, prompt, example, split)?;
        }
        splits.push((split, rows));
    }
    if splits.is_empty() {
        let what = format!("the data set {named} has no labelled test or dev split; name labelled rows with --data");
        return Err(CliError::Usage(what).into());
    }
    let origin = format!("the data set {named}");
    Ok(Data { columns: dataset.columns, splits, ids: None, origin })
}

fn own_label(dataset: &Dataset, prompt: &Prompt, example: &Example, split: Split) -> Result<Option<usize>, CliError> {
    let Some(label) = example.label else { return Ok(None) };
    let name = &dataset.labels[label];
    let labels = prompt.verbalizer.label_names();
    match labels.iter().position(|known| known == name) {
        Some(at) => Ok(Some(at)),
        None => Err(CliError::Usage(format!(
            "{split} row {}: the label `{name}` is none of the prompt's ({})",
            example.row + 1,
            labels.join(", ")
        ))),
    }
}
