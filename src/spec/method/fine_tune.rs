//! `fine_tune`: the language model itself is tuned: under a prompt that stays, with virtual tokens, or with a classification head.
//!
//! # Decisions
//!
//! - 2026-11: a strategy is a key of its own item, not a value to sweep, so that each strategy is a row of the leaderboard; so is
//!   `tune`. What a sweep is for (rates, ranks, steps) can be swept.
//! - 2026-11: virtual tokens are moved at a rate of their own (`soft_learning_rate`), as the published program of P-tuning does:
//!   a rate that suits weights leaves them where they are.

use super::super::error::SpecError;
use super::super::reader::{At, Fields, Reader};
use super::super::strategy::Strategy;
use super::super::task::{soft_template, template, unmasked_template};
use super::Method;
use super::soft_prompt::{SoftInit, inits};
use super::sweep::{each, sweep, within};
use super::training::{TRAINING_KEYS, TrainingParameters, Trainings};
use crate::prompt::{Lora, MAX_SOFT, Template, Tuning};

/// The largest rank of low-rank steps.
const MAX_RANK: u64 = 1024;

/// Virtual tokens that are trained along with the model.
#[derive(Debug, Clone, PartialEq)]
pub struct TunedSoft {
    /// Virtual tokens, 1 to 500; default 5. A template with `{soft:N}` of its own says how many.
    pub n_soft: usize,
    /// What they start from; default [`SoftInit::Vocab`].
    pub init: SoftInit,
    /// Their learning rate after the warm-up; default 0.01.
    pub learning_rate: f64,
}

/// Parameters of `fine_tune`.
#[derive(Debug, Clone, PartialEq)]
pub struct FineTuneParameters {
    /// Default [`Strategy::FixedPrompt`].
    pub strategy: Strategy,
    /// What of the model is tuned; default all.
    pub tuning: Tuning,
    /// The virtual tokens of [`Strategy::PromptAndLm`].
    pub soft: Option<TunedSoft>,
    /// How it trains; `learning_rate` is by default 1e-4 for `tune: all` and 1e-3 for the others.
    pub training: TrainingParameters,
    /// The template; default the task's, for [`Strategy::Promptless`] its columns one after the other.
    pub template: Option<Template>,
}

/// Its own keys.
const KEYS: [&str; 12] = [
    "method",
    "strategy",
    "tune",
    "rank",
    "alpha",
    "targets",
    "n_soft",
    "init",
    "init_text",
    "soft_learning_rate",
    "template",
    "multi_token",
];
/// Those of low-rank steps.
const LORA_KEYS: [&str; 3] = ["rank", "alpha", "targets"];
/// Those of virtual tokens.
const SOFT_KEYS: [&str; 4] = ["n_soft", "init", "init_text", "soft_learning_rate"];

/// Its cells; `None` where they are too many.
pub(super) fn read(reader: &mut Reader, at: At) -> Result<Option<Vec<Method>>, SpecError> {
    let fields = reader.fields(at.clone(), &[&KEYS[..], &TRAINING_KEYS].concat())?;
    let strategies = [Strategy::FixedPrompt, Strategy::PromptAndLm, Strategy::Promptless]
        .map(|strategy| (strategy.name(), strategy));
    let strategy = match fields.get("strategy") {
        Some(at) => reader.choice(&at, "strategy", &strategies, &[])?,
        None => Strategy::FixedPrompt,
    };
    let tunings = tunings(reader, &fields)?;
    let softs = softs(reader, &fields, strategy)?;
    let learning_rate = if tunings.contains(&Tuning::All) { 1e-4 } else { 1e-3 };
    let trainings = Trainings::read(reader, &fields, learning_rate)?;
    let templates = sweep(reader, &fields, "template", vec![None], |reader, at| match strategy {
        Strategy::Promptless => unmasked_template(reader, at),
        Strategy::PromptAndLm => soft_template(reader, at),
        _ => template(reader, at),
    })?;
    if let Some(at) = fields.get("template")
        && templates.iter().flatten().any(|template| template.n_trigger() > 0)
    {
        reader.value(&at, "{trigger:N} belongs to a method that fills it (random, autoprompt)");
    }
    if strategy == Strategy::Promptless
        && let Some(at) = fields.get("multi_token")
    {
        reader.value(&at, "a classification head reads no label words; leave it out");
    }
    let lengths = [&[tunings.len(), softs.len(), templates.len()][..], &trainings.lengths()].concat();
    if !within(reader, &at, &lengths) {
        return Ok(None);
    }
    let cells = vec![FineTuneParameters {
        strategy,
        tuning: Tuning::All,
        soft: None,
        training: TrainingParameters::unset(),
        template: None,
    }];
    let cells = each(cells, &tunings, |cell, value| cell.tuning.clone_from(value));
    let cells = each(cells, &softs, |cell, value| cell.soft.clone_from(value));
    let cells = trainings.each(cells, |cell| &mut cell.training);
    let cells = each(cells, &templates, |cell, value| cell.template.clone_from(value));
    Ok(Some(cells.into_iter().map(|cell| Method::FineTune(Box::new(cell))).collect()))
}

/// What is tuned, once for every rank and alpha.
fn tunings(reader: &mut Reader, fields: &Fields) -> Result<Vec<Tuning>, SpecError> {
    let names = ["all", "biases", "lora"].map(|name| (name, name));
    let name = match fields.get("tune") {
        Some(at) => reader.choice(&at, "tune", &names, &[])?,
        None => "all",
    };
    if name != "lora" {
        for at in LORA_KEYS.iter().filter_map(|key| fields.get(key)) {
            reader.value(&at, "is read with `tune: lora` only");
        }
        return Ok(vec![if name == "biases" { Tuning::Biases } else { Tuning::All }]);
    }
    let ranks = sweep(reader, fields, "rank", vec![8], |reader, at| Ok(reader.whole(at, 1..=MAX_RANK)? as usize))?;
    let alphas = sweep(reader, fields, "alpha", vec![16.0], |reader, at| reader.number(at, f64::MIN_POSITIVE..=1e6))?;
    // The list is one value: the maps that have a step.
    let targets = sweep(reader, fields, "targets", Vec::new(), |reader, at| {
        let name = reader.text(at)?;
        if name.trim().is_empty() {
            reader.value(at, "an empty name; a linear map's last name is expected, as `query`");
        }
        Ok(name)
    })?;
    let of = |rank: usize, alpha: f64| Tuning::Lora(Lora { rank, alpha, targets: targets.clone() });
    Ok(ranks.iter().flat_map(|&rank| alphas.iter().map(move |&alpha| (rank, alpha))).map(|(r, a)| of(r, a)).collect())
}

/// The virtual tokens of the strategy that has some.
fn softs(reader: &mut Reader, fields: &Fields, strategy: Strategy) -> Result<Vec<Option<TunedSoft>>, SpecError> {
    if strategy != Strategy::PromptAndLm {
        for at in SOFT_KEYS.iter().filter_map(|key| fields.get(key)) {
            reader.value(&at, "is read with `strategy: prompt_and_lm` only");
        }
        return Ok(vec![None]);
    }
    let n_soft =
        sweep(reader, fields, "n_soft", vec![5], |reader, at| Ok(reader.whole(at, 1..=MAX_SOFT as u64)? as usize))?;
    let inits = inits(reader, fields)?;
    if inits.iter().any(|init| matches!(init, SoftInit::Winner(_)))
        && let Some(at) = fields.get("init")
    {
        reader.value(&at, "`from` is for soft_prompt (init: vocab, random, labels, text)");
    }
    let rates = sweep(reader, fields, "soft_learning_rate", vec![0.01], |reader, at| {
        reader.number(at, f64::MIN_POSITIVE..=1e3)
    })?;
    let cells = vec![TunedSoft { n_soft: 0, init: SoftInit::Vocab, learning_rate: 0.0 }];
    let cells = each(cells, &n_soft, |cell, &value| cell.n_soft = value);
    let cells = each(cells, &inits, |cell, value| cell.init.clone_from(value));
    let cells = each(cells, &rates, |cell, &value| cell.learning_rate = value);
    Ok(cells.into_iter().map(Some).collect())
}
