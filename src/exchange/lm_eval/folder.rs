//! The folder of a task.

use std::fs;
use std::path::Path;

use crate::record::write_atomically;

use super::data;
use super::error::LmEvalError;
use super::python::{MODULE, module};
use super::readme::readme;
use super::task::Task;
use super::yaml::quoted;

impl Task {
    /// Writes the folder, and makes it where it is not there.
    ///
    /// # Errors
    /// [`LmEvalError::Exists`] before anything is written; [`LmEvalError::Folder`], [`LmEvalError::Record`].
    pub fn save(&self, folder: &Path) -> Result<(), LmEvalError> {
        let files = self.files();
        if let Some((name, _)) = files.iter().find(|(name, _)| folder.join(name).exists()) {
            return Err(LmEvalError::Exists(folder.join(name)));
        }
        fs::create_dir_all(folder).map_err(|source| LmEvalError::Folder { path: folder.into(), source })?;
        for (name, text) in files {
            write_atomically(&folder.join(name), text.as_bytes())?;
        }
        Ok(())
    }

    /// What the folder holds. The YAML file comes last: a folder that has it is complete.
    pub(super) fn files(&self) -> Vec<(String, String)> {
        let mut files = Vec::new();
        for (split, rows) in &self.rows {
            let lines: String =
                rows.iter().map(|row| format!("{}\n", serde_json::Value::Object(row.clone()))).collect();
            files.push((format!("{}.jsonl", data::name(*split)), lines));
        }
        let splits: Vec<&str> = self.rows.iter().map(|(split, _)| data::name(*split)).collect();
        files.push((format!("{MODULE}.py"), module(&splits, self.sums_words().then_some(&self.label_of))));
        files.push(("README.md".into(), readme(self)));
        files.push((format!("{}.yaml", self.name), self.yaml()));
        files
    }

    /// Whether a label has several words, whose probabilities are summed.
    pub(super) fn sums_words(&self) -> bool {
        self.label_of.len() > self.labels.len()
    }

    fn yaml(&self) -> String {
        let mut text =
            format!("# Written by promptmine export --to lm-eval. Template: {}\n", one_line(&self.saved.prompt));
        text.push_str(&format!("task: {}\ncustom_dataset: !function {MODULE}.load\n", quoted(&self.name)));
        for (split, _) in &self.rows {
            text.push_str(&format!("{0}_split: {0}\n", data::name(*split)));
        }
        let output_type = if self.has_references() { "loglikelihood" } else { "multiple_choice" };
        text.push_str(&format!("output_type: {output_type}\ndoc_to_text: {}\n", quoted(&self.doc_to_text)));
        if self.has_references() {
            text.push_str("doc_to_target: target\n");
        } else {
            let choices: Vec<String> = self.choices.iter().map(|choice| format!("  - {}\n", quoted(choice))).collect();
            text.push_str(&format!("doc_to_choice:\n{}doc_to_target: gold\n", choices.concat()));
        }
        if self.sums_words() {
            text.push_str(&format!("process_results: !function {MODULE}.process_results\n"));
        }
        text.push_str(
            "# Spaces are in the context and the choices.\ntarget_delimiter: \"\"\nnum_fewshot: 0\nmetric_list:\n",
        );
        let metric = |name: &str, aggregation: &str, higher: bool| {
            format!("  - metric: {name}\n    aggregation: {aggregation}\n    higher_is_better: {higher}\n")
        };
        if self.has_references() {
            text.push_str(&metric("perplexity", "perplexity", false));
        } else {
            text.push_str(&metric("acc", "mean", true));
            text.push_str(&metric("f1", &format!("!function {MODULE}.macro_f1"), true));
            text.push_str(&metric("mcc", "matthews_corrcoef", true));
        }
        text.push_str("metadata:\n  version: 1.0\n");
        text
    }
}

fn one_line(text: &str) -> String {
    let shown: String = text
        .chars()
        .take(200)
        .map(|c| if c.is_control() || "\u{2028}\u{2029}\u{feff}".contains(c) { ' ' } else { c })
        .collect();
    shown
}
