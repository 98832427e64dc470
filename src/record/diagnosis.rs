//! What is said of chosen prompts beside their scores: diagnostics, outside every budget (contract, definition 4).

use serde::{Deserialize, Serialize};

/// A prompt with another surface, and how it did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SurfaceScore {
    /// What was changed: `spacing`, `case`, `punctuation`, `width`.
    pub kind: String,
    /// The template with that surface.
    pub template: String,
    /// The metric.
    pub metric: f64,
}

/// How much a prompt's score hangs on its surface.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Diagnosis {
    /// The split of the examples: `test`, or `dev` where there is no labelled test split.
    pub split: String,
    /// Examples, all or a fixed part of them.
    pub n: usize,
    /// The metric of the prompt as it is on them.
    pub metric: f64,
    /// The other surfaces.
    pub surfaces: Vec<SurfaceScore>,
}

/// What one rule for words of several tokens gives for a prompt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RuleScore {
    /// The number of the candidate.
    pub candidate: u64,
    /// The rule: `joint`.
    pub rule: String,
    /// Forward passes an example.
    pub passes: u64,
    /// The metric on dev.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dev: Option<f64>,
    /// The metric on test.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<f64>,
    /// The mean margin on test, or on dev where there is no test, in nats.
    pub margin: f64,
}

/// What each rule gives for the same prompts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RuleScores {
    /// Dev examples.
    pub n_dev: usize,
    /// Test examples, all or a fixed part of them.
    pub n_test: usize,
    /// Prompt after prompt, rule after rule.
    pub scores: Vec<RuleScore>,
}
