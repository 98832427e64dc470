//! What a model writes under a prompt, judged by the task's metric.
//!
//! # Decisions
//!
//! - 2026-11: where the metric looks at texts, an example costs two evaluations for selection: one for the likelihood of its reference,
//!   by which equals are told apart and searches go, and one for what is written (see [`Scorer::write`]). Losses on train are
//!   likelihoods alone, and cost one.
//! - 2026-11: what is written is not kept between trials: a store of scores holds numbers by label.

use crate::prompt::Prompt;
use crate::scoring::{Cost, Scorer, ScoringError};
use crate::task::{Basis, Example, Metric, Writing, overlap};

/// Writes texts and judges them.
#[derive(Debug, Clone, Copy)]
pub struct Judge<'a> {
    metric: Metric,
    writing: &'a Writing,
}

/// Texts and how good they are.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Judged {
    /// What was written of each example.
    pub texts: Vec<String>,
    /// The metric's value of each.
    pub values: Vec<f64>,
    /// What it cost.
    pub cost: Cost,
}

impl<'a> Judge<'a> {
    /// A judge, where the metric looks at texts.
    pub fn new(metric: Metric, writing: Option<&'a Writing>) -> Option<Self> {
        writing.filter(|_| metric.basis() == Basis::Texts).map(|writing| Self { metric, writing })
    }

    /// Writes of each example under a prompt, and judges it by the example's reference.
    ///
    /// # Errors
    /// As [`Scorer::write`].
    pub fn judge(
        &self,
        scorer: &Scorer,
        prompt: &Prompt,
        columns: &[String],
        examples: &[&Example],
    ) -> Result<Judged, ScoringError> {
        let written = scorer.write(prompt, columns, examples, self.writing)?;
        let references = references(prompt, columns, examples);
        let value = |(text, reference): (&String, &String)| match self.metric {
            Metric::ExactMatch => overlap::exact_match(text, reference),
            _ => overlap::rouge_l(text, reference),
        };
        let values = written.texts.iter().zip(&references).map(value).collect();
        Ok(Judged { values, texts: written.texts, cost: written.cost })
    }
}

/// The evaluations that one example takes for selection where its likelihood takes one.
pub fn evaluations_a_pass(metric: Metric) -> usize {
    if metric.basis() == Basis::Texts { 2 } else { 1 }
}

/// The reference of each example.
pub fn references(prompt: &Prompt, columns: &[String], examples: &[&Example]) -> Vec<String> {
    let column = prompt.verbalizer.reference_column();
    let at = columns.iter().position(|known| Some(known.as_str()) == column);
    let of = |example: &&Example| at.and_then(|at| example.fields.get(at)).map_or("", |text| text.trim()).to_owned();
    examples.iter().map(of).collect()
}
