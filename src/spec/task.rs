//! The task of an experiment: its data, its prompt as a person would write it, and how answers are measured.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::error::SpecError;
use super::hub_data::{hub_data, hub_name};
use super::method::{WordSearch, is_search, searches};
use super::reader::{At, Fields, Reader};
use super::references;
use crate::prompt::{Piece, PromptError, Template, Verbalizer};
use crate::task::{Band, Columns, DatasetSource, Files, Header, HubData, LabelBy, Metric, Shares, Writing};

/// What is to be done, and on which data.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskSpec {
    /// The data, paths as written; see [`super::Experiment::dataset`].
    pub dataset: DatasetSource,
    /// The plain prompt; default that of the data set's card.
    pub template: Option<Template>,
    /// The label words; default those of the data set's card.
    pub verbalizer: Option<Verbalizer>,
    /// How label words are searched by the items that search them; empty where `verbalizer` says words or nothing. With it the words
    /// of other items are those of the data set's card.
    pub words: Vec<WordSearch>,
    /// How a word of several tokens is scored; default [`MultiToken::Joint`].
    pub multi_token: MultiToken,
    /// The column that holds the examples' references, of a task of generation; with it nothing is a label.
    pub target: Option<String>,
    /// How texts are written, where what the model writes is looked at: by the metric, or because it was asked for.
    pub generate: Option<Writing>,
    /// How predictions are measured; default accuracy, with `target` target_log_likelihood.
    pub metric: Metric,
    /// Whether an input that is too long is shortened (default) or refused.
    pub truncate: bool,
}

/// How a label word of several tokens is scored (contract, definition 10).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum MultiToken {
    /// Left to right, earlier masks filled in and later ones still masked.
    #[default]
    Joint,
    /// The product of all masks at once.
    Independent,
    /// Each token with all others filled in.
    PseudoLikelihood,
    /// Joint divided by the number of tokens.
    Mean,
}

impl TaskSpec {
    /// Stands in for a task whose absence is told with the other faults.
    pub(super) fn absent() -> Self {
        Self {
            dataset: DatasetSource::Builtin(String::new()),
            template: None,
            verbalizer: None,
            words: Vec::new(),
            multi_token: MultiToken::default(),
            target: None,
            generate: None,
            metric: Metric::Accuracy,
            truncate: true,
        }
    }
}

impl MultiToken {
    /// All of them, in the order in which they are listed.
    pub const ALL: [Self; 4] = [Self::Joint, Self::Independent, Self::PseudoLikelihood, Self::Mean];

    /// The name in YAML.
    pub fn name(self) -> &'static str {
        match self {
            Self::Joint => "joint",
            Self::Independent => "independent",
            Self::PseudoLikelihood => "pseudo_likelihood",
            Self::Mean => "mean",
        }
    }
}

/// Metrics of tasks that this version does not have.
const LATER_METRICS: [&str; 2] = ["p_at_1", "mrr"];

pub(super) fn task(reader: &mut Reader, at: At) -> Result<TaskSpec, SpecError> {
    let known = ["dataset", "template", "verbalizer", "target", "generate", "multi_token", "metric", "truncate"];
    let fields = reader.fields(at, &known)?;
    let dataset = match fields.get("dataset") {
        Some(at) => dataset(reader, at)?,
        None => {
            reader
                .value(fields.at(), "`dataset` is missing (a folder, builtin:NAME, hf:owner/name, or {train:, dev:, test:}, {all:}, {hub:})");
            DatasetSource::Builtin(String::new())
        }
    };
    let template = match fields.get("template") {
        Some(at) => {
            let read = template(reader, &at)?;
            if read.as_ref().is_some_and(|template| template.n_trigger() > 0) {
                reader.value(
                    &at,
                    "{trigger:N} belongs into the `template` of a search item; this one is the manual prompt",
                );
            }
            read
        }
        None => None,
    };
    let (verbalizer, words) = match fields.get("verbalizer") {
        Some(at) if is_search(&at) => (None, searches(reader, &at)?.unwrap_or_default()),
        Some(at) => (verbalizer(reader, &at)?, Vec::new()),
        None => (None, Vec::new()),
    };
    let multi_token = match fields.get("multi_token") {
        Some(at) => reader.choice(&at, "way", &MultiToken::ALL.map(|way| (way.name(), way)), &[])?,
        None => MultiToken::default(),
    };
    let metric = match fields.get("metric") {
        Some(at) => reader.choice(&at, "metric", &Metric::ALL.map(|metric| (metric.name(), metric)), &LATER_METRICS)?,
        None if fields.get("target").is_some() => Metric::TargetLogLikelihood,
        None => Metric::Accuracy,
    };
    let truncate = match fields.get("truncate") {
        Some(at) => reader.flag(&at)?,
        None => true,
    };
    let target = references::target(reader, &fields, template.as_ref(), metric)?;
    let generate = references::generate(reader, &fields, metric)?;
    // What follows is read as if the metric were of the kind of task.
    let metric = match (fields.get("target").is_some(), metric.is_of_references()) {
        (true, false) => Metric::TargetLogLikelihood,
        (false, true) => Metric::Accuracy,
        _ => metric,
    };
    Ok(TaskSpec { dataset, template, verbalizer, words, multi_token, target, generate, metric, truncate })
}

/// A template with one mask and an input; `None` where it is at fault.
fn checked_template(reader: &mut Reader, at: &At) -> Result<Option<Template>, SpecError> {
    let text = reader.text(at)?;
    match Template::parse(&text).and_then(|template| template.check_mask().map(|()| template)) {
        Ok(template) => Ok(Some(template)),
        Err(error) => {
            reader.value(at, error);
            Ok(None)
        }
    }
}

/// A template that a classification head reads: inputs and text alone; `None` where it is at fault.
pub(super) fn unmasked_template(reader: &mut Reader, at: &At) -> Result<Option<Template>, SpecError> {
    let text = reader.text(at)?;
    let template = match Template::parse(&text) {
        Ok(template) => template,
        Err(error) => {
            reader.value(at, error);
            return Ok(None);
        }
    };
    let input = |piece: &Piece| matches!(piece, Piece::Text(_) | Piece::Column(_));
    if let Some(piece) = template.pieces().iter().find(|piece| !input(piece)) {
        reader.value(at, format!("a classification head reads the input itself: leave {piece} out"));
    } else if template.columns().is_empty() {
        reader.value(at, "it shows no column of the data, as {text}");
    }
    Ok(Some(template))
}

/// A template that may have virtual tokens; `None` where it is at fault. A prefix is put in front of it by its method.
pub(super) fn soft_template(reader: &mut Reader, at: &At) -> Result<Option<Template>, SpecError> {
    let template = checked_template(reader, at)?;
    if template.as_ref().is_some_and(|template| template.has_demos() || template.nearest().is_some()) {
        reader.value(at, "{demos} belongs to the `template` of a demonstrations item, which fills it");
    }
    if template.as_ref().is_some_and(|template| template.n_prefix() > 0) {
        reader.value(at, "{prefix:N} is put in front by a prefix item; leave it out and say n_prefix there");
    }
    Ok(template)
}

/// A template that may have `{demos}`, and neither virtual nor trigger tokens; `None` where it is at fault.
pub(super) fn demonstrations_template(reader: &mut Reader, at: &At) -> Result<Option<Template>, SpecError> {
    let template = checked_template(reader, at)?;
    if let Some(template) = &template {
        let n_demos = template.pieces().iter().filter(|piece| matches!(piece, Piece::Demos)).count();
        if n_demos > 1 {
            reader.value(at, format!("it has {n_demos} {{demos}} slots and one is allowed"));
        }
        if template.nearest().is_some() {
            reader.value(at, "write {demos} here; `choose: nearest` makes {nearest} of it");
        }
        if template.has_soft() || template.n_trigger() > 0 || template.n_prefix() > 0 {
            reader.value(at, "{soft:N}, {prefix:N} and {trigger:N} belong to the items that search them");
        }
    }
    Ok(template)
}

/// A template without virtual tokens, which only `soft_prompt` can fill.
pub(super) fn template(reader: &mut Reader, at: &At) -> Result<Option<Template>, SpecError> {
    let template = soft_template(reader, at)?;
    if template.as_ref().is_some_and(Template::has_soft) {
        reader.value(at, "{soft:N} belongs to the `template` of a soft_prompt item, which trains it");
    }
    Ok(template)
}

fn verbalizer(reader: &mut Reader, at: &At) -> Result<Option<Verbalizer>, SpecError> {
    let read = match at.entries() {
        None if at.is_scalar() => Verbalizer::parse(&reader.text(at)?),
        None => {
            return Err(reader.shape(
                at,
                "a mapping from labels to words is expected, as in { negative: [terrible], positive: [great] }",
            ));
        }
        Some(entries) => {
            let mut labels = Vec::new();
            for (label, words) in entries {
                let words = words.items().iter().map(|word| reader.text(word)).collect::<Result<Vec<_>, _>>()?;
                labels.push((label, words));
            }
            Verbalizer::new(labels)
        }
    };
    match read {
        Ok(verbalizer) if verbalizer.reference_column().is_some() => {
            let column = verbalizer.reference_column().unwrap_or_default();
            reader.value(at, format!("answers that stand in a column are asked for by `target: {column}`"));
            Ok(None)
        }
        Ok(verbalizer) => Ok(Some(verbalizer)),
        Err(PromptError::Verbalizer(what)) => {
            reader.value(at, what);
            Ok(None)
        }
        Err(error) => {
            reader.value(at, error);
            Ok(None)
        }
    }
}

fn dataset(reader: &mut Reader, at: At) -> Result<DatasetSource, SpecError> {
    if !at.is_scalar() {
        if at.entries().is_some_and(|entries| entries.iter().any(|(key, _)| key == "hub")) {
            return hub_data(reader, at);
        }
        let known = ["train", "dev", "test", "all", "shares", "columns", "header", "labels", "label_by", "skip_blank"];
        let fields = reader.fields(at, &known)?;
        return files(reader, &fields);
    }
    let text = reader.text(&at)?;
    if let Some(name) = text.strip_prefix("builtin:") {
        if name.is_empty() {
            reader.value(&at, "a name is missing behind builtin:");
        }
        return Ok(DatasetSource::Builtin(name.to_owned()));
    }
    if text.starts_with("hf:") {
        return Ok(match hub_name(reader, &at, &text) {
            Some(name) => DatasetSource::Hub(Box::new(HubData::new(name))),
            None => DatasetSource::Builtin(String::new()),
        });
    }
    if text.trim().is_empty() {
        reader.value(&at, "it is empty (a folder, builtin:NAME, hf:owner/name, or {train:, dev:, test:})");
    }
    Ok(DatasetSource::Folder(PathBuf::from(text)))
}

fn files(reader: &mut Reader, fields: &Fields) -> Result<DatasetSource, SpecError> {
    let mut path = |key: &str| -> Result<Option<PathBuf>, SpecError> {
        let Some(at) = fields.get(key) else { return Ok(None) };
        let text = reader.text(&at)?;
        if text.trim().is_empty() {
            reader.value(&at, "it is empty; the path of a file is expected");
        }
        Ok(Some(PathBuf::from(text)))
    };
    let (train, dev, test, all) = (path("train")?, path("dev")?, path("test")?, path("all")?);
    let parts = train.is_some() || dev.is_some() || test.is_some();
    if all.is_none() && !parts {
        reader.value(fields.at(), "no file is named (train, dev, test; or all, one file to be divided)");
    }
    if let (Some(at), true) = (fields.get("all"), parts) {
        reader.value(&at, "either `all`, one file to be divided, or train, dev and test");
    }
    let shares = match fields.get("shares") {
        Some(at) => shares(reader, at, all.is_some())?,
        None => Shares::default(),
    };
    let label_by = match fields.get("label_by") {
        Some(at) => label_by(reader, &at)?,
        None => None,
    };
    if let (Some(at), true) = (fields.get("labels"), label_by.is_some()) {
        reader.value(&at, "`label_by` says which labels there are");
    }
    let skip_blank = match fields.get("skip_blank") {
        Some(at) => reader.flag(&at)?,
        None => false,
    };
    let columns = match fields.get("columns") {
        Some(at) => columns(reader, &at)?,
        None => None,
    };
    let (header, labels) = (header(reader, fields)?, labels(reader, fields)?);
    let files = Files { train, dev, test, all, shares, columns, header, labels, label_by, skip_blank };
    Ok(DatasetSource::Files(Box::new(files)))
}

/// Whether the first row names the columns.
pub(super) fn header(reader: &mut Reader, fields: &Fields) -> Result<Header, SpecError> {
    let Some(at) = fields.get("header") else { return Ok(Header::Auto) };
    let known = [("auto", Header::Auto), ("yes", Header::Yes), ("no", Header::No)];
    reader.choice(&at, "header", &known, &[])
}

/// The labels in their order.
pub(super) fn labels(reader: &mut Reader, fields: &Fields) -> Result<Option<Vec<String>>, SpecError> {
    let Some(at) = fields.get("labels") else { return Ok(None) };
    let labels = names(reader, &at.items())?;
    if labels.len() < 2 {
        reader.value(&at, format!("{} labels found and at least two are needed", labels.len()));
    }
    Ok(Some(labels))
}

fn shares(reader: &mut Reader, at: At, divided: bool) -> Result<Shares, SpecError> {
    if !divided {
        reader.value(&at, "says how `all` is divided, and there is no `all`");
    }
    let fields = reader.fields(at, &["train", "dev", "test"])?;
    let mut share = |key: &str| match fields.get(key) {
        Some(at) => reader.number(&at, 0.0..=1.0),
        None => Ok(0.0),
    };
    let shares = Shares { train: share("train")?, dev: share("dev")?, test: share("test")? };
    let total = shares.train + shares.dev + shares.test;
    if (total - 1.0).abs() > 1e-9 {
        reader.value(
            fields.at(),
            format!("the parts add up to {total}, and must to 1 (default train 0.7, dev 0.1, test 0.2)"),
        );
    }
    Ok(shares)
}

pub(super) fn label_by(reader: &mut Reader, at: &At) -> Result<Option<LabelBy>, SpecError> {
    let example = "as in { rating: { negative: \"<= -1\", positive: \">= 1\" } }";
    let Some([(column, bands_at)]) = at.entries().map(|entries| <[_; 1]>::try_from(entries).ok()).unwrap_or_default()
    else {
        return Err(reader.shape(at, format!("one column with its labels is expected, {example}")));
    };
    let Some(entries) = bands_at.entries() else {
        return Err(reader.shape(&bands_at, format!("a mapping from labels to ranges is expected, {example}")));
    };
    let mut bands: Vec<(String, Band)> = Vec::new();
    for (label, at) in &entries {
        match Band::parse(&reader.text(at)?) {
            Ok(band) => {
                if let Some((other, _)) = bands.iter().find(|(_, other)| other.meets(&band)) {
                    reader.value(at, format!("meets the range of `{other}`: a number may have one label only"));
                }
                bands.push((label.clone(), band));
            }
            Err(what) => reader.value(at, what),
        }
    }
    if entries.len() < 2 {
        reader.value(at, format!("{} labels found and at least two are needed", entries.len()));
    }
    Ok(Some(LabelBy { column, bands }))
}

pub(super) fn columns(reader: &mut Reader, at: &At) -> Result<Option<Columns>, SpecError> {
    let Some(entries) = at.entries() else {
        let items = at.items();
        let names = names(reader, &items)?;
        if names.is_empty() {
            reader.value(at, "an empty list; the names of the columns are expected");
        }
        return Ok(Some(Columns::Order(names)));
    };
    let mut map = BTreeMap::new();
    for (ours, at) in entries {
        map.insert(ours, reader.text(&at)?);
    }
    Ok(Some(Columns::Names(map)))
}

/// Names that are distinct and not empty.
fn names(reader: &mut Reader, items: &[At]) -> Result<Vec<String>, SpecError> {
    let names = items.iter().map(|item| reader.text(item)).collect::<Result<Vec<_>, _>>()?;
    for (item, name) in items.iter().zip(&names) {
        if name.trim().is_empty() {
            reader.value(item, "an empty name");
        }
    }
    reader.distinct(items, &names);
    Ok(names)
}
