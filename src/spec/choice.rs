//! How candidates are paid for, chosen and calibrated.

use super::error::SpecError;
use super::reader::{At, Reader};
use super::sweep::Sweep;
pub use crate::task::racing::Racing;
use crate::task::{Limits, Metric};

/// What one item may spend for each model, shots and seed: the same for every method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Prompts x examples through the model (contract, definition 4). Default 1000.
    pub evaluations: u64,
    /// How the cells of a sweep share it.
    pub sweep: Sweep,
}

impl Default for Budget {
    fn default() -> Self {
        Self { evaluations: 1000, sweep: Sweep::default() }
    }
}

/// How the dev split chooses among candidates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Select {
    /// What decides; default [`SelectBy::default_for`] the task's metric.
    pub by: SelectBy,
    /// What decides between equals; default [`TieBreak::Margin`].
    pub tie_break: TieBreak,
    /// Whether weak candidates are dropped before the whole dev split is scored; default [`Racing::Exact`].
    pub racing: Racing,
}

/// The score on dev by which a candidate is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SelectBy {
    /// A metric.
    Metric(Metric),
    /// The mean of the gold label's log-probability minus the best other's.
    Margin,
    /// The mean log-probability of the gold label among the labels.
    MeanLogLikelihood,
    /// The accuracy that the margins lead one to expect ([`crate::task::statistics::expected_accuracy`]).
    ExpectedAccuracy,
}

impl SelectBy {
    /// All of them, in the order in which they are listed.
    pub const ALL: [Self; Metric::ALL.len() + 3] = [
        Self::Metric(Metric::ALL[0]),
        Self::Metric(Metric::ALL[1]),
        Self::Metric(Metric::ALL[2]),
        Self::Margin,
        Self::MeanLogLikelihood,
        Self::ExpectedAccuracy,
    ];

    /// What dev chooses by where nothing is said: the expected accuracy for accuracy, which has few values at few shots and
    /// ties; any other metric itself.
    pub fn default_for(metric: Metric) -> Self {
        match metric {
            Metric::Accuracy => Self::ExpectedAccuracy,
            other => Self::Metric(other),
        }
    }

    /// The name in YAML and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Metric(metric) => metric.name(),
            Self::Margin => "margin",
            Self::MeanLogLikelihood => "mean_log_likelihood",
            Self::ExpectedAccuracy => "expected_accuracy",
        }
    }
}

/// What decides between candidates with the same metric.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TieBreak {
    /// The mean of the gold label's log-probability minus the best other's.
    #[default]
    Margin,
}

/// What is done to label scores before they are compared: the label's log-probability minus its prior, normalised again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Calibration {
    /// Nothing.
    #[default]
    None,
    /// The prior is the mean label distribution on content-free inputs (contextual calibration, arXiv 2102.09690).
    Contextual,
    /// Every label word's prior is its probability after the prompt without its input (PMI_DC, arXiv 2104.08315).
    PmiDc,
    /// The prior is the mean label distribution on a fixed set of unlabelled texts (batch calibration, arXiv 2309.17249).
    Batch,
}

impl TieBreak {
    /// The name in YAML.
    pub fn name(self) -> &'static str {
        match self {
            Self::Margin => "margin",
        }
    }
}

impl Calibration {
    /// All of them, in the order in which they are listed.
    pub const ALL: [Self; 4] = [Self::None, Self::Contextual, Self::PmiDc, Self::Batch];

    /// The name in YAML and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Contextual => "contextual",
            Self::PmiDc => "pmi_dc",
            Self::Batch => "batch",
        }
    }
}

pub(super) fn budget(reader: &mut Reader, at: Option<At>) -> Result<Budget, SpecError> {
    let mut budget = Budget::default();
    let Some(at) = at else { return Ok(budget) };
    let fields = reader.fields(at, &["evaluations", "sweep"])?;
    if let Some(at) = fields.get("evaluations") {
        budget.evaluations = reader.whole(&at, 1..=1_000_000_000_000)?;
    }
    if let Some(at) = fields.get("sweep") {
        budget.sweep = reader.choice(&at, "sweep", &Sweep::ALL.map(|sweep| (sweep.name(), sweep)), &[])?;
    }
    Ok(budget)
}

pub(super) fn select(reader: &mut Reader, at: Option<At>, metric: Metric) -> Result<Select, SpecError> {
    let mut select =
        Select { by: SelectBy::default_for(metric), tie_break: TieBreak::default(), racing: Racing::default() };
    let Some(at) = at else { return Ok(select) };
    let fields = reader.fields(at, &["by", "tie_break", "racing"])?;
    if let Some(at) = fields.get("by") {
        let rules = SelectBy::ALL.map(|rule| (rule.name(), rule));
        select.by = reader.choice(&at, "selection", &rules, &["mutual_information", "agreement", "combined"])?;
    }
    if let Some(at) = fields.get("tie_break") {
        select.tie_break = reader.choice(&at, "tie-break", &[(TieBreak::Margin.name(), TieBreak::Margin)], &[])?;
    }
    if let Some(at) = fields.get("racing") {
        select.racing = reader.choice(&at, "racing", &Racing::ALL.map(|racing| (racing.name(), racing)), &[])?;
    }
    Ok(select)
}

pub(super) fn calibration(reader: &mut Reader, at: Option<At>) -> Result<Vec<Calibration>, SpecError> {
    let Some(at) = at else { return Ok(vec![Calibration::None]) };
    let items = at.items();
    if items.is_empty() {
        reader.value(&at, "an empty list; at least one is needed (none, contextual, pmi_dc, batch)");
    }
    let mut calibrations = Vec::new();
    for item in &items {
        let known = Calibration::ALL.map(|way| (way.name(), way));
        let faults = reader.n_faults();
        let calibration = reader.choice(item, "calibration", &known, &["domain_context", "prototypical"])?;
        if reader.n_faults() == faults {
            if calibrations.contains(&calibration) {
                reader.value(item, "stands twice");
            }
            calibrations.push(calibration);
        }
    }
    Ok(calibrations)
}

pub(super) fn limits(reader: &mut Reader, at: Option<At>) -> Result<Limits, SpecError> {
    let mut limits = Limits::default();
    let Some(at) = at else { return Ok(limits) };
    let fields = reader.fields(at, &["dev", "test", "unlabelled", "calibration", "diagnostics"])?;
    for (key, limit, least) in [
        ("dev", &mut limits.dev, 1),
        ("test", &mut limits.test, 1),
        ("unlabelled", &mut limits.unlabelled, 1),
        ("calibration", &mut limits.calibration, 1),
        ("diagnostics", &mut limits.diagnostics, 0),
    ] {
        if let Some(at) = fields.get(key) {
            *limit = Some(reader.whole(&at, least..=1_000_000_000)? as usize);
        }
    }
    Ok(limits)
}
