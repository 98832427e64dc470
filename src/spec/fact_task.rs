//! What is said of a task of facts beside its data: the objects, and which facts are left out.
//!
//! # Decisions
//!
//! - 2026-11: the objects are their own label words, made by nobody: `verbalizer` is refused. `objects` lists them where they are not
//!   simply those of the data, and may give an object several words.
//! - 2026-11: an object that a model cannot write, or writes in several tokens, is no fault of the data; whether its facts are left
//!   out is for the experiment to say. All models then see the same facts, those that every one of them can answer.

use std::path::{Path, PathBuf};

use super::error::SpecError;
use super::reader::{At, Fields, Reader};
use crate::prompt::Notation;
use crate::task::Metric;

/// A task of facts (LAMA, arXiv 1909.01066): the answers are the objects of one relation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FactTask {
    /// The objects among which answers are ranked.
    pub objects: Objects,
    /// Which facts are left out, in the order of [`LeaveOut::ALL`].
    pub leave_out: Vec<LeaveOut>,
    /// What stands for `{relation}` in the experiment's paths, so that one file serves all relations of a benchmark.
    pub relation: Option<String>,
}

/// The objects among which answers are ranked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Objects {
    /// All that occur in some split.
    #[default]
    OfData,
    /// Those of a file, the path as written: an object a line, and further words for it behind tabs.
    File(PathBuf),
    /// These, each with its words.
    Listed(Vec<(String, Vec<String>)>),
}

/// Facts that are left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeaveOut {
    /// Those whose subject says the object.
    Trivial,
    /// Those whose object is not among `objects`.
    Unlisted,
    /// Those whose object some model of the experiment cannot write.
    Unwritable,
    /// Those whose object has several tokens for some model of the experiment.
    SeveralTokens,
}

impl LeaveOut {
    /// All of them, in the order in which they are listed.
    pub const ALL: [Self; 4] = [Self::Trivial, Self::Unlisted, Self::Unwritable, Self::SeveralTokens];

    /// The name in YAML.
    pub fn name(self) -> &'static str {
        match self {
            Self::Trivial => "trivial",
            Self::Unlisted => "unlisted",
            Self::Unwritable => "unwritable",
            Self::SeveralTokens => "several_tokens",
        }
    }
}

/// What the name of the relation is put in the place of, in paths.
const RELATION: &str = "{relation}";

impl FactTask {
    /// A path with the name of the relation in it, where it asks for that.
    pub(super) fn path_of(&self, path: &Path) -> Option<PathBuf> {
        let text = path.to_str().filter(|text| text.contains(RELATION))?;
        Some(PathBuf::from(text.replace(RELATION, self.relation.as_ref()?)))
    }

    /// Whether such facts are left out.
    pub fn leaves_out(&self, which: LeaveOut) -> bool {
        self.leave_out.contains(&which)
    }
}

/// The keys of a task that are of facts alone.
pub(super) const KEYS: [&str; 3] = ["objects", "leave_out", "relation"];

/// What is said of facts, where the task is of that kind; from then on templates are read in its notation.
pub(super) fn kind(reader: &mut Reader, fields: &Fields) -> Result<Option<FactTask>, SpecError> {
    let of_facts = match fields.get("kind") {
        Some(at) if reader.text(&at)? == "generation" => {
            reader.value(
                &at,
                "a task of generation names the column of its references: `target: COLUMN`, without `kind`",
            );
            false
        }
        Some(at) => reader.choice(&at, "kind of task", &[("classification", false), ("facts", true)], &[])?,
        None => false,
    };
    if of_facts {
        reader.notation = Notation::Facts;
        return fact_task(reader, fields).map(Some);
    }
    for key in KEYS {
        if let Some(at) = fields.get(key) {
            reader.value(&at, "belongs to a task of facts (`kind: facts`)");
        }
    }
    Ok(None)
}

/// The metric, which is to be one of facts where the task is.
pub(super) fn metric(reader: &mut Reader, at: &At, of_facts: bool) -> Result<Metric, SpecError> {
    let known = Metric::ALL.into_iter().filter(|metric| metric.is_of_facts() == of_facts);
    let known: Vec<(&str, Metric)> = known.map(|metric| (metric.name(), metric)).collect();
    let name = reader.text(at)?;
    if name.parse::<Metric>().is_ok_and(|metric| metric.is_of_facts() != of_facts) {
        let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
        let what = match of_facts {
            true => format!("{name} is not for tasks of facts (these have {})", names.join(", ")),
            false => format!("{name} is for tasks of facts (`kind: facts`; others have {})", names.join(", ")),
        };
        reader.value(at, what);
        return Ok(known[0].1);
    }
    reader.choice(at, "metric", &known, &[])
}

/// Refuses what a task of facts has no use for.
pub(super) fn check_facts(reader: &mut Reader, fields: &Fields) {
    if let Some(at) = fields.get("verbalizer") {
        reader.value(&at, "objects are their own words; `objects: { OBJECT: [word, ...] }` gives them others");
    }
    for key in ["target", "generate"] {
        if let Some(at) = fields.get(key) {
            reader.value(&at, "is of tasks with references, and the answers of facts are their objects");
        }
    }
    let Some(dataset) = fields.get("dataset") else { return };
    for (key, at) in dataset.entries().unwrap_or_default() {
        if ["labels", "label_by"].contains(&key.as_str()) {
            reader.value(&at, "the labels of facts are their objects; `objects` lists them");
        }
    }
}

/// Reads them.
fn fact_task(reader: &mut Reader, fields: &Fields) -> Result<FactTask, SpecError> {
    let objects = match fields.get("objects") {
        Some(at) => objects(reader, &at)?,
        None => Objects::OfData,
    };
    let mut leave_out = Vec::new();
    if let Some(at) = fields.get("leave_out") {
        let known = LeaveOut::ALL.map(|which| (which.name(), which));
        let items = at.items();
        let faults = reader.n_faults();
        for item in &items {
            leave_out.push(reader.choice(item, "kind of facts", &known, &[])?);
        }
        if reader.n_faults() == faults {
            reader.distinct(&items, &leave_out);
        }
        if leave_out.contains(&LeaveOut::Unlisted) && objects == Objects::OfData {
            reader.value(&at, "`unlisted` needs a list of `objects`");
        }
        leave_out.sort_by_key(|which| LeaveOut::ALL.iter().position(|known| known == which));
    }
    let relation = match fields.get("relation") {
        Some(at) => {
            let relation = reader.text(&at)?;
            let allowed = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
            if relation.is_empty() || relation.starts_with('.') || !relation.chars().all(allowed) {
                let what = "is no part of a path (letters, digits, `-`, `_` and `.`, the last not in front)";
                reader.value(&at, format!("`{relation}` {what}"));
            }
            Some(relation)
        }
        None => None,
    };
    Ok(FactTask { objects, leave_out, relation })
}

/// A path, a list of objects, or a mapping from objects to their words.
fn objects(reader: &mut Reader, at: &At) -> Result<Objects, SpecError> {
    if at.is_scalar() {
        let text = reader.text(at)?;
        if text.trim().is_empty() {
            reader.value(at, "it is empty (a file with an object a line, or a list of objects)");
        }
        return Ok(Objects::File(PathBuf::from(text)));
    }
    let mut listed: Vec<(String, Vec<String>)> = Vec::new();
    match at.entries() {
        Some(entries) => {
            for (object, words) in entries {
                let items = words.items();
                let read = items.iter().map(|word| reader.text(word)).collect::<Result<Vec<_>, _>>()?;
                if read.is_empty() || read.iter().any(|word| word.trim().is_empty()) {
                    reader.value(&words, format!("`{object}` needs a word that is not empty"));
                }
                listed.push((object, read));
            }
        }
        None => {
            let items = at.items();
            let read = items.iter().map(|item| reader.text(item)).collect::<Result<Vec<_>, _>>()?;
            for (item, object) in items.iter().zip(&read) {
                if object.trim().is_empty() {
                    reader.value(item, "an empty object");
                }
            }
            reader.distinct(&items, &read);
            listed.extend(read.into_iter().map(|object| (object.clone(), vec![object])));
        }
    }
    if listed.len() < 2 {
        reader.value(at, format!("{} objects found and at least two are needed", listed.len()));
    }
    Ok(Objects::Listed(listed))
}
