//! `prefix`: keys and values in every layer, trained by gradient descent.

use super::super::error::SpecError;
use super::super::reader::{At, Fields, Reader};
use super::super::task::template;
use super::Method;
use super::sweep::{each, sweep, within};
use super::training::{TRAINING_KEYS, TrainingParameters, Trainings};
use crate::prompt::{MAX_PREFIX, Template};

/// The learning rate without a projection, and with one, whose weights take smaller steps.
const LEARNING_RATES: [f64; 2] = [0.01, 0.001];
/// The widest projection.
const MAX_HIDDEN: u64 = 65_536;

/// What keys and values start from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PrefixInit {
    /// Normal numbers of deviation 1, as PEFT draws them.
    Random,
    /// The keys and values that the model has at words drawn from the vocabulary.
    Vocab,
    /// The keys and values that the model has at the tokens of a text.
    Text(String),
}

impl PrefixInit {
    /// The name in YAML and tables.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Random => "random",
            Self::Vocab => "vocab",
            Self::Text(_) => "text",
        }
    }
}

/// Parameters of `prefix` (prefix tuning, Li and Liang 2021, arXiv 2101.00190; P-tuning v2, Liu et al. 2021, arXiv 2110.07602).
#[derive(Debug, Clone, PartialEq)]
pub struct PrefixParameters {
    /// Positions before the input, 1 to 500; default 10.
    pub n_prefix: usize,
    /// Whether keys and values are trained through a network of two layers, which is thrown away after; default false.
    pub projection: bool,
    /// The width between its layers; default that of a layer's keys. Read with `projection: true` only.
    pub hidden_size: Option<usize>,
    /// Default [`PrefixInit::Vocab`], with a projection [`PrefixInit::Random`], which is all that one can start from.
    pub init: PrefixInit,
    /// How it is trained; `learning_rate` is by default 0.01, with a projection 0.001.
    pub training: TrainingParameters,
    /// The template; default the task's.
    pub template: Option<Template>,
}

/// Its own keys.
const KEYS: [&str; 8] =
    ["method", "n_prefix", "projection", "hidden_size", "init", "init_text", "template", "multi_token"];

/// Its cells; `None` where they are too many.
pub(super) fn read(reader: &mut Reader, at: At) -> Result<Option<Vec<Method>>, SpecError> {
    let fields = reader.fields(at.clone(), &[&KEYS[..], &TRAINING_KEYS].concat())?;
    let n_prefix = sweep(reader, &fields, "n_prefix", vec![10], |reader, at| {
        Ok(reader.whole(at, 1..=MAX_PREFIX as u64)? as usize)
    })?;
    let projection = sweep(reader, &fields, "projection", vec![false], |reader, at| reader.flag(at))?;
    let hidden_size = sweep(reader, &fields, "hidden_size", vec![None], |reader, at| {
        Ok(Some(reader.whole(at, 1..=MAX_HIDDEN)? as usize))
    })?;
    let inits = inits(reader, &fields)?;
    if projection.contains(&true) {
        if let Some(at) = fields.get("init").filter(|_| inits.iter().flatten().any(|init| *init != PrefixInit::Random))
        {
            reader.value(&at, "a prefix with `projection: true` starts from random numbers only (allowed: random)");
        }
    } else if let Some(at) = fields.get("hidden_size") {
        reader.value(&at, "is read with `projection: true` only");
    }
    let trainings = Trainings::read(reader, &fields, LEARNING_RATES[0])?;
    let templates = sweep(reader, &fields, "template", vec![None], template)?;
    if let Some(at) = fields.get("template")
        && templates.iter().flatten().any(|template| template.n_trigger() > 0)
    {
        reader.value(&at, "{trigger:N} belongs to a method that fills it (random, autoprompt)");
    }
    let own = [n_prefix.len(), projection.len(), hidden_size.len(), inits.len(), templates.len()];
    if !within(reader, &at, &[&own[..], &trainings.lengths()].concat()) {
        return Ok(None);
    }
    let mut cells = vec![PrefixParameters {
        n_prefix: 0,
        projection: false,
        hidden_size: None,
        init: PrefixInit::Vocab,
        training: TrainingParameters::unset(),
        template: None,
    }];
    cells = each(cells, &n_prefix, |cell, &value| cell.n_prefix = value);
    cells = each(cells, &projection, |cell, &value| cell.projection = value);
    cells = each(cells, &hidden_size, |cell, &value| cell.hidden_size = value);
    cells = each(cells, &inits, |cell, init| {
        let by_default = if cell.projection { PrefixInit::Random } else { PrefixInit::Vocab };
        cell.init = init.clone().unwrap_or(by_default);
    });
    cells = trainings.each(cells, |cell| &mut cell.training);
    cells = each(cells, &templates, |cell, value| cell.template.clone_from(value));
    if fields.get("learning_rate").is_none() {
        cells.iter_mut().for_each(|cell| cell.training.learning_rate = LEARNING_RATES[usize::from(cell.projection)]);
    }
    Ok(Some(cells.into_iter().map(Method::Prefix).collect()))
}

/// The values of `init`, `text` once for every text of `init_text`; `None` for the default.
fn inits(reader: &mut Reader, fields: &Fields) -> Result<Vec<Option<PrefixInit>>, SpecError> {
    let texts = sweep(reader, fields, "init_text", Vec::new(), |reader, at| {
        let text = reader.text(at)?;
        if text.trim().is_empty() {
            reader.value(at, "an empty text has no tokens to start from");
        }
        Ok(text)
    })?;
    let names = ["vocab", "random", "text"].map(|name| (name, name));
    let by_default = if texts.is_empty() { Vec::new() } else { vec!["text"] };
    let given = sweep(reader, fields, "init", by_default, |reader, at| reader.choice(at, "init", &names, &[]))?;
    let place = fields.get("init").unwrap_or_else(|| fields.at().clone());
    if given.contains(&"text") && texts.is_empty() {
        reader.value(&place, "`init: text` needs `init_text`, the text whose keys and values it starts from");
    } else if !given.contains(&"text")
        && let Some(at) = fields.get("init_text")
    {
        reader.value(&at, "is read with `init: text` only");
    }
    let mut inits: Vec<Option<PrefixInit>> = Vec::new();
    for name in given {
        match name {
            "random" => inits.push(Some(PrefixInit::Random)),
            "text" => inits.extend(texts.iter().cloned().map(|text| Some(PrefixInit::Text(text)))),
            _ => inits.push(Some(PrefixInit::Vocab)),
        }
    }
    Ok(if inits.is_empty() { vec![None] } else { inits })
}
