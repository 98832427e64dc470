//! The lists of templates that items name.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::prompt::{Notation, Template, TemplateList};
use crate::spec::{Experiment, Manual};

use super::RunnerError;

/// The lists by their paths as written, and by whether they are cut off behind the mask.
pub type TemplateLists = BTreeMap<(PathBuf, bool), Arc<TemplateList>>;

/// Reads the lists of an experiment.
///
/// # Errors
/// [`RunnerError::Templates`] where one cannot be read, or holds a line that is no template.
pub(super) fn template_lists(experiment: &Experiment) -> Result<TemplateLists, RunnerError> {
    let notation = if experiment.task.facts.is_some() { Notation::Facts } else { Notation::Texts };
    let mut lists = BTreeMap::new();
    for (index, item) in experiment.search.iter().enumerate() {
        for method in &item.cells {
            let Some(manual) = method.written() else { continue };
            for (key, path) in keys(manual).into_iter().zip(&manual.templates_from) {
                let resolved = experiment.resolve_path(path);
                let place = format!("search[{index}]");
                let fault = |what: String| RunnerError::Templates { place, path: resolved.clone(), what };
                let text = match std::fs::read_to_string(&resolved) {
                    Ok(text) => text,
                    Err(error) => return Err(fault(error.to_string())),
                };
                match TemplateList::parse(&text, notation, manual.cut_behind_mask) {
                    Ok(list) => lists.insert(key, Arc::new(list)),
                    Err(error) => return Err(fault(error.to_string())),
                };
            }
        }
    }
    Ok(lists)
}

/// The templates of an item, those that it writes first, each once.
pub(super) fn written_templates(manual: &Manual, lists: &TemplateLists) -> Vec<Template> {
    let mut templates = manual.templates.clone();
    for list in keys(manual).iter().filter_map(|key| lists.get(key)) {
        for template in &list.templates {
            if !templates.contains(template) {
                templates.push(template.clone());
            }
        }
    }
    templates
}

/// What is worth saying of the lists before they are used.
pub(super) fn list_notes(lists: &TemplateLists) -> Vec<String> {
    let note = |((path, cut), list): (&(PathBuf, bool), &Arc<TemplateList>)| {
        let mut parts = vec![format!("{} templates", list.templates.len())];
        if list.repeated > 0 {
            parts.push(format!("{} stood in it again", list.repeated));
        }
        if *cut {
            parts.push(format!("of {} punctuation behind {{mask}} was cut off", list.cut));
            parts.push(format!("{} with words or slots behind {{mask}} were left out", list.left_out));
        }
        format!("{}: {}", path.display(), parts.join("; "))
    };
    lists.iter().map(note).collect()
}

fn keys(manual: &Manual) -> Vec<(PathBuf, bool)> {
    manual.templates_from.iter().map(|path| (path.clone(), manual.cut_behind_mask)).collect()
}
