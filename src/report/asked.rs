//! What an experiment asked, as far as tables say it.
//!
//! # Decisions
//!
//! - 2026-11: `experiment.yaml` of a results folder is read for a few values only and without checking it: a leaderboard can be
//!   printed from a record whose data files or models are no longer there.

use std::path::Path;

use serde::Deserialize;

use crate::record::{Provenance, RecordError};

/// What an experiment asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Its name.
    pub name: String,
    /// Its question in the author's words.
    pub question: Option<String>,
    /// The metric: `accuracy`.
    pub metric: String,
    /// What dev, or the label-free score, chose by.
    pub select_by: String,
    /// Whether the chosen prompts are transferred.
    pub transfer: bool,
}

impl Asked {
    /// Reads it from a results folder; from the folder's name where nothing else is there.
    ///
    /// # Errors
    /// [`RecordError`] if a file is there and cannot be read.
    pub fn load(folder: &Path) -> Result<Self, RecordError> {
        let provenance = Provenance::load(folder)?;
        let path = folder.join("experiment.yaml");
        let written = match std::fs::read_to_string(&path) {
            Ok(text) => serde_yaml::from_str(&text).map_err(|e| {
                RecordError::corrupt(&path, e.location().map(|at| at.line()), format!("not an experiment: {e}"))
            })?,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Written::default(),
            Err(e) => return Err(RecordError::io("read", &path)(e)),
        };
        let metric = provenance
            .as_ref()
            .map(|provenance| provenance.metric.clone())
            .or(written.task.metric)
            .unwrap_or_else(|| "accuracy".into());
        let folder_name = || folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self {
            name: provenance.map(|p| p.experiment).or(written.name).unwrap_or_else(folder_name),
            question: written.question.filter(|question| !question.trim().is_empty()),
            select_by: written.select.by.unwrap_or_else(|| metric.clone()),
            metric,
            transfer: !matches!(written.transfer, serde_yaml::Value::Null | serde_yaml::Value::Bool(false)),
        })
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Written {
    name: Option<String>,
    question: Option<String>,
    task: WrittenTask,
    select: WrittenSelect,
    transfer: serde_yaml::Value,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct WrittenTask {
    metric: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct WrittenSelect {
    by: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_folder_gives_its_name_and_the_defaults() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("films");
        std::fs::create_dir(&folder).unwrap();
        let asked = Asked::load(&folder).unwrap();
        assert_eq!(
            (asked.name.as_str(), asked.metric.as_str(), asked.select_by.as_str()),
            ("films", "accuracy", "accuracy")
        );
    }

    #[test]
    fn name_question_metric_and_rule_come_from_the_experiment_as_run() {
        let folder = tempfile::tempdir().unwrap();
        let yaml = "name: films\nquestion: Which one?\ntask: {metric: matthews, dataset: x}\nselect: {by: margin}\n";
        std::fs::write(folder.path().join("experiment.yaml"), yaml).unwrap();
        let asked = Asked::load(folder.path()).unwrap();
        assert_eq!(asked.question.as_deref(), Some("Which one?"));
        assert_eq!((asked.metric.as_str(), asked.select_by.as_str()), ("matthews", "margin"));
    }
}
