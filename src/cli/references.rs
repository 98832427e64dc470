//! `predict` and `score` with a prompt whose answers are references: it writes texts, and is measured by how they are.

use std::time::Instant;

use serde_json::{Map, Value, json};

use crate::error::Result;
use crate::prompt::Prompt;
use crate::scoring::{Cost, Scorer};
use crate::task::statistics::{Interval, clustered_interval};
use crate::task::{Example, Metric, Table, Writing, overlap};

use super::CliError;
use super::log::Log;
use super::progress::bar;
use super::prompt_option::{Asked, Ready};
use super::text_table::{counted, duration, thousands};

/// Examples in one call of the scorer.
const PORTION: usize = 64;

/// What a prompt with references does on a file.
pub struct Answered {
    /// What it writes of each example.
    pub generated: Vec<String>,
    /// Each example's reference, where the file has the column.
    pub references: Option<Vec<String>>,
    /// The log-probability of each reference, in nats; empty without references.
    pub log_likelihoods: Vec<f64>,
    /// Examples that were shortened to fit.
    pub truncated: usize,
    /// What it cost.
    pub cost: Cost,
    /// Wall-clock seconds.
    pub seconds: f64,
}

/// The column of the references, where the answers of the prompts are such; they are taken one at a time, and not calibrated.
///
/// # Errors
/// [`CliError::Usage`].
pub fn column(ready: &Ready) -> Result<Option<String>> {
    let of = |asked: &Asked| asked.prompt.verbalizer.reference_column().map(str::to_owned);
    let Some(column) = ready.prompts.iter().find_map(of) else { return Ok(None) };
    if ready.prompts.len() > 1 || ready.ensemble.is_some() {
        let what = format!("a prompt whose answers are the texts of `{column}` is applied alone");
        return Err(CliError::Usage(what).into());
    }
    if ready.prompts[0].prior.is_some() {
        let what = format!("--calibration corrects the scores of labels, and the answers are the texts of `{column}`");
        return Err(CliError::Usage(what).into());
    }
    Ok(Some(column))
}

/// How texts are written: as the prompt was saved, with another length where one is asked for.
pub fn writing(asked: &Asked, max_new_tokens: Option<usize>) -> Writing {
    let writing = asked.writing.clone().unwrap_or_default();
    Writing { max_new_tokens: max_new_tokens.unwrap_or(writing.max_new_tokens), ..writing }
}

/// Writes a text of every example, and scores the references that are there.
///
/// # Errors
/// [`crate::scoring::ScoringError`].
pub fn answer(asked: &Asked, column: &str, table: &Table, writing: &Writing, log: Log) -> Result<Answered> {
    let begun = Instant::now();
    let at = table.columns.iter().position(|known| known == column);
    let examples: Vec<&Example> = table.examples.iter().collect();
    let n_looks = 1 + u64::from(at.is_some());
    let bar = log.wants_bars().then(|| bar("evaluations", n_looks * examples.len() as u64));
    let mut answered = Answered {
        generated: Vec::new(),
        references: at.map(|at| examples.iter().map(|example| example.fields[at].trim().to_owned()).collect()),
        log_likelihoods: Vec::new(),
        truncated: 0,
        cost: Cost::default(),
        seconds: 0.0,
    };
    let (scorer, prompt): (&Scorer, &Prompt) = (&asked.scorer, &asked.prompt);
    for portion in examples.chunks(PORTION) {
        if at.is_some() {
            let round = scorer.score(std::slice::from_ref(prompt), &table.columns, portion)?;
            answered.log_likelihoods.extend(round.scores.into_iter().flatten().flatten());
            answered.truncated += round.truncated.iter().sum::<usize>();
            round.costs.iter().for_each(|cost| answered.cost += *cost);
        }
        let written = scorer.write(prompt, &table.columns, portion, writing)?;
        answered.generated.extend(written.texts);
        answered.cost += written.cost;
        if let Some(bar) = &bar {
            bar.inc(n_looks * portion.len() as u64);
        }
    }
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    answered.seconds = begun.elapsed().as_secs_f64();
    Ok(answered)
}

impl Answered {
    /// One JSON object a line: `id`, `reference` where the input has it, `generated`, and with a reference its `log_likelihood`.
    pub fn to_json_lines(&self, ids: &[String]) -> String {
        let mut text = String::new();
        for (number, (id, generated)) in ids.iter().zip(&self.generated).enumerate() {
            let mut object = Map::new();
            object.insert("id".into(), super::prediction::number_or_text(id));
            if let Some(references) = &self.references {
                object.insert("reference".into(), references[number].clone().into());
            }
            object.insert("generated".into(), generated.clone().into());
            if let Some(value) = self.log_likelihoods.get(number) {
                object.insert("log_likelihood".into(), (*value).into());
            }
            text += &Value::Object(object).to_string();
            text.push('\n');
        }
        text
    }

    /// The same as CSV.
    ///
    /// # Errors
    /// [`CliError::Write`]: never for what stands in memory.
    pub fn to_csv(&self, ids: &[String]) -> Result<String> {
        let fault = |e: csv::Error| CliError::Write { what: "CSV".into(), source: e.into() };
        let mut writer = csv::Writer::from_writer(Vec::new());
        let head: &[&str] = match self.references {
            Some(_) => &["id", "reference", "generated", "log_likelihood"],
            None => &["id", "generated"],
        };
        writer.write_record(head).map_err(fault)?;
        for (number, (id, generated)) in ids.iter().zip(&self.generated).enumerate() {
            let reference = self.references.iter().map(|references| references[number].clone());
            let value = self.log_likelihoods.get(number).map(f64::to_string);
            let row = [id.clone()].into_iter().chain(reference).chain([generated.clone()]).chain(value);
            writer.write_record(row).map_err(fault)?;
        }
        let bytes = writer.into_inner().map_err(|e| fault(e.into_error().into()))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Each metric of references with its 95 % interval, where there are references.
    fn metrics(&self) -> Vec<(Metric, f64, Option<Interval>)> {
        let texts = || self.generated.iter().zip(self.references.iter().flatten());
        [
            (Metric::TargetLogLikelihood, self.log_likelihoods.clone()),
            (Metric::ExactMatch, texts().map(|(text, reference)| overlap::exact_match(text, reference)).collect()),
            (Metric::RougeL, texts().map(|(text, reference)| overlap::rouge_l(text, reference)).collect()),
        ]
        .into_iter()
        .map(|(metric, values)| {
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            let (low, high) = metric.range();
            let within = |interval: Interval| Interval { low: interval.low.max(low), high: interval.high.min(high) };
            (metric, mean, clustered_interval(&[values]).map(within))
        })
        .collect()
    }

    /// What `score` prints.
    pub fn to_text(&self, device: &str) -> String {
        let mut text = String::new();
        for (metric, mean, interval) in self.metrics() {
            let interval = interval.map(|i| format!(" [{:.4}, {:.4}]", i.low, i.high)).unwrap_or_default();
            let unit = if metric == Metric::TargetLogLikelihood { " nats" } else { "" };
            text.push_str(&format!("{metric} {mean:.4}{interval}{unit}\n"));
        }
        let truncated = match self.truncated {
            0 => String::new(),
            n => format!(", {} shortened to fit", thousands(n as u64)),
        };
        text.push_str(&format!(
            "on {}{truncated}\n\ncost: {} evaluations, {} forwards, {} tokens, {} on {device}\n",
            counted(self.generated.len(), "example"),
            thousands(self.cost.evaluations),
            thousands(self.cost.forwards),
            thousands(self.cost.tokens),
            duration(self.seconds),
        ));
        text
    }

    /// The same as JSON.
    pub fn to_json(&self) -> Value {
        let mut object = Map::new();
        object.insert("n".into(), self.generated.len().into());
        for (metric, mean, interval) in self.metrics() {
            object.insert(metric.name().into(), mean.into());
            if let Some(Interval { low, high }) = interval {
                object.insert(format!("{metric}_low"), low.into());
                object.insert(format!("{metric}_high"), high.into());
            }
        }
        let cost = json!({
            "truncated": self.truncated, "evaluations": self.cost.evaluations, "forwards": self.cost.forwards,
            "tokens": self.cost.tokens, "seconds": self.seconds,
        });
        object.extend(cost.as_object().cloned().unwrap_or_default());
        Value::Object(object)
    }
}
