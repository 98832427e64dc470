//! Back to YAML: an experiment with every default filled in, and the hash of what it asks.

use serde_yaml::{Mapping, Value};

use super::choice::Budget;
use super::emit_dataset::dataset;
use super::emit_facts::facts;
use super::emit_method::{parameters, word_search};
use super::experiment::{Experiment, FORMAT};
use super::method::SearchItem;
use super::task::TaskSpec;
use super::transfer::Transfer;
use super::tree::{folded, hash, list, mapping, plain, text};
use super::write;

impl Experiment {
    /// The experiment as YAML, with every default filled in. Reading it gives an equal experiment.
    pub fn to_yaml(&self) -> String {
        write::block(&self.tree())
    }

    /// The BLAKE3 hash of everything that determines results: all but `name` and `question`.
    pub fn content_hash(&self) -> [u8; 32] {
        let asked = Self { name: String::new(), question: None, ..self.clone() };
        hash(&asked.tree())
    }

    /// The BLAKE3 hash of what all trials share: task, budget, selection and limits. A file that differs only in items, models,
    /// shots, seeds or calibrations still belongs to the same results.
    pub fn shared_hash(&self) -> [u8; 32] {
        let shared: Mapping = self
            .entries()
            .into_iter()
            .filter(|(key, _)| matches!(*key, "format" | "task" | "budget" | "select" | "limits"))
            .map(|(key, value)| (Value::from(key), value))
            .collect();
        hash(&Value::Mapping(shared))
    }

    pub(super) fn tree(&self) -> Value {
        mapping(self.entries())
    }

    fn entries(&self) -> Vec<(&'static str, Value)> {
        let limits = [
            ("dev", self.limits.dev),
            ("test", self.limits.test),
            ("unlabelled", self.limits.unlabelled),
            ("calibration", self.limits.calibration),
            ("diagnostics", self.limits.diagnostics),
        ];
        let limits = limits.into_iter().filter_map(|(key, limit)| Some((key, Value::from(limit?))));
        let mut entries = vec![("format", Value::from(FORMAT)), ("name", text(&self.name))];
        entries.extend(self.question.iter().map(|question| ("question", text(question))));
        entries.extend([
            ("task", task(&self.task)),
            ("models", list(&self.models)),
            ("shots", Value::Sequence(self.shots.iter().map(|shots| plain(&shots.to_string())).collect())),
            ("seeds", Value::Sequence(self.seeds.iter().map(|&seed| Value::from(seed)).collect())),
            ("search", Value::Sequence(self.search.iter().map(item).collect())),
            ("budget", budget(self.budget)),
            (
                "select",
                mapping([
                    ("by", text(self.select.by.name())),
                    ("tie_break", text(self.select.tie_break.name())),
                    ("racing", text(self.select.racing.name())),
                ]),
            ),
            ("calibration", Value::Sequence(self.calibration.iter().map(|way| text(way.name())).collect())),
        ]);
        if !self.ensembles.kinds.is_empty() {
            let kinds: Vec<&str> = self.ensembles.kinds.iter().map(|kind| kind.name()).collect();
            let members = Value::from(self.ensembles.members as u64);
            entries.push(("ensembles", mapping([("kinds", list(&kinds)), ("members", members)])));
        }
        let controls = self.controls.iter().map(|control| text(control.name())).collect();
        entries.extend([("limits", mapping(limits)), ("controls", Value::Sequence(controls))]);
        entries.extend(self.transfer.iter().map(|asked| ("transfer", transfer(asked))));
        entries
    }
}

fn budget(Budget { evaluations, sweep }: Budget) -> Value {
    mapping([("evaluations", Value::from(evaluations)), ("sweep", text(sweep.name()))])
}

impl SearchItem {
    /// The BLAKE3 hash of the method and its parameters.
    pub fn content_hash(&self) -> [u8; 32] {
        hash(&item(self))
    }

    /// The item as one line of YAML, for people.
    pub fn describe(&self) -> String {
        write::line(&item(self))
    }
}

fn transfer(transfer: &Transfer) -> Value {
    if transfer.tasks.is_empty() {
        return Value::from(true);
    }
    let tasks = transfer.tasks.iter().map(|(name, spec)| (text(name), task(spec)));
    mapping([("tasks", Value::Mapping(tasks.collect()))])
}

fn task(task: &TaskSpec) -> Value {
    let mut entries: Vec<(&str, Value)> = task.facts.iter().map(|_| ("kind", text("facts"))).collect();
    entries.push(("dataset", dataset(&task.dataset)));
    entries.extend(task.facts.iter().flat_map(facts));
    entries.extend(task.template.iter().map(|template| ("template", text(template))));
    if let Some(verbalizer) = &task.verbalizer {
        let words = verbalizer.labels.iter().map(|label| (text(&label.label), list(&label.words)));
        entries.push(("verbalizer", Value::Mapping(words.collect())));
    } else if !task.words.is_empty() {
        entries.push(("verbalizer", folded(task.words.iter().map(word_search).collect())));
    }
    entries.extend(task.target.iter().map(|target| ("target", text(target))));
    entries.extend(task.generate.iter().map(|writing| {
        let most = Value::from(writing.max_new_tokens as u64);
        ("generate", mapping([("max_new_tokens", most), ("stop", list(&writing.stop))]))
    }));
    entries.extend([
        ("multi_token", text(task.multi_token.name())),
        ("metric", text(task.metric.name())),
        ("truncate", Value::from(task.truncate)),
    ]);
    mapping(entries)
}

/// An item with its sweep folded: a key with several values in the cells is a list of them.
fn item(item: &SearchItem) -> Value {
    let cells: Vec<Vec<(&'static str, Value)>> = item.cells.iter().map(parameters).collect();
    let mut entries = vec![("method", text(item.name()))];
    entries.extend(item.multi_token.iter().map(|way| ("multi_token", text(way.name()))));
    let mut keys: Vec<&str> = Vec::new();
    for (key, _) in cells.iter().flatten() {
        if !keys.contains(key) {
            keys.push(key);
        }
    }
    for key in keys {
        let mut values: Vec<Value> = Vec::new();
        for (_, value) in cells.iter().flatten().filter(|(other, _)| *other == key) {
            if !values.contains(value) {
                values.push(value.clone());
            }
        }
        entries.push((key, folded(values)));
    }
    mapping(entries)
}
