//! The objects of a task of facts: listed, found in the data, and left to those that the models can write.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::prompt::{Template, Verbalizer};
use crate::scoring::Scorer;
use crate::spec::{Experiment, FactTask, LeaveOut, Method, Objects};
use crate::task::{Dataset, DatasetOptions, FactRules};

use super::RunnerError;

/// The objects of an experiment's facts and their words.
#[derive(Debug, Clone)]
pub(super) struct FactObjects {
    task: FactTask,
    /// How the data are read.
    rules: FactRules,
    /// The words of the objects that have others than themselves.
    words: BTreeMap<String, Vec<String>>,
}

impl FactObjects {
    /// Those of an experiment; `None` where its task is not one of facts.
    ///
    /// # Errors
    /// [`RunnerError::Objects`] where the file of objects cannot be read.
    pub fn of(experiment: &Experiment) -> Result<Option<Self>, RunnerError> {
        let Some(task) = experiment.task.facts.clone() else { return Ok(None) };
        let listed = match &task.objects {
            Objects::OfData => None,
            Objects::Listed(listed) => Some(listed.clone()),
            Objects::File(path) => {
                let path = experiment.resolve_path(path);
                let fault = |what: String| RunnerError::Objects { path: path.clone(), what };
                let text = std::fs::read_to_string(&path).map_err(|e| fault(e.to_string()))?;
                Some(objects_of(&text).map_err(fault)?)
            }
        };
        let rules = FactRules {
            objects: listed.as_ref().map(|listed| listed.iter().map(|(object, _)| object.clone()).collect()),
            leave_out_unlisted: task.leaves_out(LeaveOut::Unlisted),
            leave_out_trivial: task.leaves_out(LeaveOut::Trivial),
            why_unlisted: None,
        };
        let words = listed.into_iter().flatten().filter(|(object, words)| words.as_slice() != [object.clone()]);
        Ok(Some(Self { rules, words: words.collect(), task }))
    }

    /// How the data are read: the rules, and the columns that the experiment's templates show.
    pub fn options(&self, experiment: &Experiment) -> DatasetOptions {
        let written = experiment.search.iter().flat_map(|item| &item.cells).filter_map(|method| match method {
            Method::Manual(manual) => Some(&manual.templates),
            _ => None,
        });
        let templates = experiment.task.template.iter().chain(written.flatten());
        let mut needed: Vec<String> = Vec::new();
        for column in templates.flat_map(Template::columns) {
            if !needed.iter().any(|name| name == column) {
                needed.push(column.to_owned());
            }
        }
        DatasetOptions { needed, facts: Some(self.rules.clone()), target: None }
    }

    /// Whether the models decide which facts are left out.
    pub fn asks_models(&self) -> bool {
        self.task.leaves_out(LeaveOut::Unwritable) || self.task.leaves_out(LeaveOut::SeveralTokens)
    }

    /// Leaves out the objects that a model cannot write in the answer of `template`, or not in one token, as far as that is asked.
    ///
    /// # Errors
    /// [`RunnerError::Prompt`] where a word cannot be tried at all; [`RunnerError::NoObjects`] where fewer than two objects are left.
    pub fn restrict(&mut self, dataset: &Dataset, template: &Template, scorers: &[Scorer]) -> Result<(), RunnerError> {
        let mut kept: Vec<String> = dataset.labels.clone();
        for scorer in scorers {
            let mut seen: BTreeSet<Vec<u32>> = BTreeSet::new();
            kept.retain(|object| {
                let words = self.words_of(object);
                let tokens: Vec<_> = words.iter().map(|word| scorer.word_tokens(template, word)).collect();
                let several = tokens.iter().flatten().any(|ids| ids.len() > 1);
                if several && self.task.leaves_out(LeaveOut::SeveralTokens) {
                    return false;
                }
                if !self.task.leaves_out(LeaveOut::Unwritable) {
                    return true;
                }
                // Of two objects with the same tokens no score can tell which one is meant.
                tokens.into_iter().all(|ids| ids.is_ok_and(|ids| seen.insert(ids)))
            });
        }
        if kept.len() < 2 {
            let models = scorers.iter().map(|scorer| scorer.loaded().source.clone()).collect::<Vec<_>>().join(", ");
            return Err(RunnerError::NoObjects { left: kept.len(), of: dataset.labels.len(), models });
        }
        if kept.len() < dataset.labels.len() {
            let asked = [LeaveOut::Unwritable, LeaveOut::SeveralTokens].into_iter();
            let asked: Vec<&str> = asked.filter(|which| self.task.leaves_out(*which)).map(LeaveOut::name).collect();
            self.rules.why_unlisted = Some(format!(
                "the object is one of {} that the models cannot answer with; `leave_out: [{}]`{}",
                dataset.labels.len() - kept.len(),
                asked.join(", "),
                if self.rules.leave_out_unlisted { ", or not among `objects`" } else { "" }
            ));
            self.rules.leave_out_unlisted = true;
        }
        self.rules.objects = Some(kept);
        Ok(())
    }

    /// The label words of `objects`: themselves, or the words that were given.
    ///
    /// # Errors
    /// [`RunnerError::Verbalizer`] where a word stands for two objects.
    pub fn verbalizer(&self, objects: &[String]) -> Result<Arc<Verbalizer>, RunnerError> {
        let words = objects.iter().map(|object| (object.clone(), self.words_of(object)));
        Verbalizer::new(words).map(Arc::new).map_err(RunnerError::Verbalizer)
    }

    fn words_of(&self, object: &String) -> Vec<String> {
        self.words.get(object).cloned().unwrap_or_else(|| vec![object.clone()])
    }
}

/// The objects of a file, one a line, each with its words: itself, and what stands behind it between tabs.
fn objects_of(text: &str) -> Result<Vec<(String, Vec<String>)>, String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut first: BTreeMap<&str, usize> = BTreeMap::new();
    let mut objects = Vec::new();
    for (line, cells) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let words: Vec<&str> = cells.split('\t').map(str::trim).collect();
        if words.iter().any(|word| word.is_empty()) {
            return Err(format!("line {}: an empty word between tabs", line + 1));
        }
        if let Some(before) = first.insert(words[0], line + 1) {
            return Err(format!("line {}: `{}` stands on line {before} already", line + 1, words[0]));
        }
        objects.push((words[0].to_owned(), words.iter().map(|&word| word.to_owned()).collect()));
    }
    match objects.len() {
        0 | 1 => Err(format!("{} object(s) found and at least two are needed", objects.len())),
        _ => Ok(objects),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_objects_has_one_a_line_with_its_other_words_behind_tabs() {
        let objects = objects_of("\u{feff}Apple\tApple Inc.\r\n\nGoogle\n苹果\n").unwrap();
        assert_eq!(objects[0], ("Apple".to_owned(), vec!["Apple".to_owned(), "Apple Inc.".to_owned()]));
        assert_eq!(objects.iter().map(|(object, _)| object.as_str()).collect::<Vec<_>>(), ["Apple", "Google", "苹果"]);
        assert_eq!(objects_of("a\nb\na\n").unwrap_err(), "line 3: `a` stands on line 1 already");
        assert_eq!(objects_of("a\t\tb\nc").unwrap_err(), "line 1: an empty word between tabs");
        assert_eq!(objects_of("a\n\n").unwrap_err(), "1 object(s) found and at least two are needed");
    }
}
