//! What was asked, and what the numbers come from.
//!
//! # Decisions
//!
//! - 2026-11: as [`super::super::asked`], `experiment.yaml` is read without checking it: a page can be made where data and models are gone.

use std::path::Path;

use serde_yaml::Value;

use crate::record::{Provenance, RecordError};

use super::super::asked::Asked;
use super::super::trial::{End, Trial};
use super::markup::{Markup, shortened};

/// Characters of `experiment.yaml` that a page shows.
const MOST: usize = 40_000;

/// Hexadecimal digits of a hash that a page shows.
const HASH: usize = 16;

/// The parts of an experiment file that are named on the page, with what they are called there.
const PARTS: [(&str, &[&str]); 12] = [
    ("data set", &["task", "dataset"]),
    ("template", &["task", "template"]),
    ("label words", &["task", "verbalizer"]),
    ("words of several tokens", &["task", "multi_token"]),
    ("target", &["task", "target"]),
    ("models", &["models"]),
    ("shots", &["shots"]),
    ("seeds", &["seeds"]),
    ("calibration", &["calibration"]),
    ("budget", &["budget"]),
    ("limits", &["limits"]),
    ("controls", &["controls"]),
];

/// What a results folder says of its experiment.
#[derive(Debug, Default)]
pub(in super::super) struct Setup {
    text: String,
    written: Value,
    provenance: Option<Provenance>,
}

impl Setup {
    /// Reads it from a results folder.
    ///
    /// # Errors
    /// [`RecordError`] if a file is there and cannot be read.
    pub(in super::super) fn load(folder: &Path) -> Result<Self, RecordError> {
        let path = folder.join("experiment.yaml");
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(e) => return Err(RecordError::io("read", &path)(e)),
        };
        let written = serde_yaml::from_str(&text).map_err(|e| {
            RecordError::corrupt(&path, e.location().map(|at| at.line()), format!("not an experiment: {e}"))
        })?;
        Ok(Self { text, written, provenance: Provenance::load(folder)? })
    }

    /// The list of what was asked.
    pub(super) fn draw(&self, html: &mut Markup, asked: &Asked, trials: &[Trial]) {
        html.leaf("h2", &[("id", "asked")], "What was asked");
        html.element("dl", &[], |html| {
            item(html, "trials", &self.trial_words(trials));
            item(html, "metric", &asked.metric);
            item(html, "chosen by", &asked.select_by);
            for (name, path) in PARTS {
                let value = path.iter().try_fold(&self.written, |value, key| value.get(*key));
                if let Some(words) = value.filter(|value| !value.is_null()).map(words) {
                    item(html, name, &words);
                }
            }
        });
        html.leaf("h3", &[], "Where the numbers come from");
        html.element("dl", &[], |html| match &self.provenance {
            Some(provenance) => from(html, provenance),
            None => item(html, "provenance", "not recorded in this folder"),
        });
        if !self.text.trim().is_empty() {
            html.element("details", &[], |html| {
                html.leaf("summary", &[], "The experiment file as it was run");
                let (text, left_out) = shortened(&self.text, MOST);
                html.element("pre", &[], |html| html.data("code", "", &text));
                if left_out > 0 {
                    html.leaf("p", &[("class", "note")], &format!("{left_out} more characters in experiment.yaml."));
                }
            });
        }
    }

    /// `8 of 9 complete, 1 failed`.
    pub(super) fn trial_words(&self, trials: &[Trial]) -> String {
        let count = |is: fn(&Trial) -> bool| trials.iter().filter(|trial| is(trial)).count();
        let complete = count(Trial::is_complete);
        let failed = count(|trial| matches!(trial.end, End::Failed { .. }));
        let all = self.provenance.as_ref().map_or(0, |provenance| provenance.trials.len()).max(trials.len());
        let open = all - complete - failed;
        let mut words = format!("{complete} of {all} complete");
        if failed > 0 {
            words.push_str(&format!(", {failed} failed"));
        }
        if open > 0 {
            words.push_str(&format!(", {open} not done yet"));
        }
        words
    }

    /// The version that began the record.
    pub(super) fn version(&self) -> Option<&str> {
        self.provenance.as_ref().map(|provenance| provenance.promptmine.as_str())
    }
}

fn from(html: &mut Markup, provenance: &Provenance) {
    let hash = |hash: &str| shortened(hash, HASH).0;
    for model in &provenance.models {
        let commit = model.commit.as_deref().map(|commit| format!(", commit {}", hash(commit))).unwrap_or_default();
        let words = format!(
            "{}: {}, {} weights{commit}, weights {}, tokenizer {}",
            model.source,
            model.family,
            model.n_parameters,
            hash(&model.weights_blake3),
            hash(&model.tokenizer_blake3)
        );
        item(html, "model", &words);
    }
    for (split, of) in &provenance.data_blake3 {
        item(html, &format!("data, {split}"), &hash(of));
    }
    if let Some(commit) = &provenance.data_commit {
        item(html, "data, commit", &hash(commit));
    }
    item(html, "device", &format!("{}, {}, batches of {}", provenance.device, provenance.dtype, provenance.batch_size));
    item(html, "machine", &provenance.machine);
    item(html, "experiment", &hash(&provenance.experiment_blake3));
    item(html, "promptmine", &provenance.promptmine);
    html.leaf("dt", &[], "");
    let note = "Hashes are BLAKE3, the first 16 digits; whole in provenance.json.";
    html.leaf("dd", &[("class", "note")], note);
}

fn item(html: &mut Markup, name: &str, words: &str) {
    if words.trim().is_empty() {
        return;
    }
    html.leaf("dt", &[], name);
    html.data("dd", "", words);
}

/// A value of YAML as people read it: lists with commas, maps as `key: value`.
fn words(value: &Value) -> String {
    let within = |value: &Value| match value {
        Value::Mapping(_) => format!("{{ {} }}", words(value)),
        Value::Sequence(_) => format!("[{}]", words(value)),
        other => words(other),
    };
    match value {
        Value::Null => "none".into(),
        Value::Bool(is) => is.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        Value::Sequence(all) => all.iter().map(within).collect::<Vec<_>>().join(", "),
        Value::Mapping(all) => {
            let pair = |(key, value): (&Value, &Value)| format!("{}: {}", words(key), within(value));
            all.iter().map(pair).collect::<Vec<_>>().join(", ")
        }
        Value::Tagged(tagged) => words(&tagged.value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_yaml_are_written_as_people_read_them() {
        let value: Value = serde_yaml::from_str("{ 0: [差, 坏], true: { train: a.tsv }, n: null }").unwrap();
        assert_eq!(words(&value), "0: [差, 坏], true: { train: a.tsv }, n: none");
    }
}
