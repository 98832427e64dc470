//! Back to YAML: what is said of a task of facts.

use serde_yaml::Value;

use super::fact_task::{FactTask, Objects};
use super::tree::{list, text};

/// The entries of a task of facts beside its data.
pub(super) fn facts(task: &FactTask) -> Vec<(&'static str, Value)> {
    let mut entries = Vec::new();
    match &task.objects {
        Objects::OfData => {}
        Objects::File(path) => entries.push(("objects", text(path.display()))),
        Objects::Listed(objects) if objects.iter().all(|(object, words)| words == std::slice::from_ref(object)) => {
            let objects: Vec<&String> = objects.iter().map(|(object, _)| object).collect();
            entries.push(("objects", list(&objects)));
        }
        Objects::Listed(objects) => {
            let words = objects.iter().map(|(object, words)| (text(object), list(words)));
            entries.push(("objects", Value::Mapping(words.collect())));
        }
    }
    entries.extend(task.relation.iter().map(|relation| ("relation", text(relation))));
    if !task.leave_out.is_empty() {
        let names: Vec<&str> = task.leave_out.iter().map(|which| which.name()).collect();
        entries.push(("leave_out", list(&names)));
    }
    entries
}
