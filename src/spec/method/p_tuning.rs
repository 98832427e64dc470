//! `p_tuning`: virtual tokens trained through a small network, which is thrown away after.

use super::super::error::SpecError;
use super::super::reader::{At, Reader};
use super::Method;
use super::soft_templates::soft_templates;
use super::sweep::{each, sweep, within};
use super::training::{TRAINING_KEYS, TrainingParameters, Trainings};
use crate::prompt::{MAX_SOFT, SoftSlot, Template};

/// The widest network.
const MAX_HIDDEN: u64 = 65_536;

/// The network between trained numbers and virtual tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PromptEncoderKind {
    /// A bidirectional LSTM and two layers, as published.
    Lstm,
    /// Three layers, which PEFT recommends.
    Mlp,
}

impl PromptEncoderKind {
    /// The name in YAML and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Lstm => "lstm",
            Self::Mlp => "mlp",
        }
    }
}

/// Parameters of `p_tuning` (Liu et al. 2021, arXiv 2103.10385).
#[derive(Debug, Clone, PartialEq)]
pub struct PTuningParameters {
    /// Virtual tokens, 1 to 500; default 5. A template with `{soft:N}` of its own says how many.
    pub n_soft: usize,
    /// Default [`PromptEncoderKind::Mlp`].
    pub encoder: PromptEncoderKind,
    /// The width between the network's layers; default that of the model's embeddings.
    pub hidden_size: Option<usize>,
    /// Layers of the LSTM, 1 to 8; default 2. Read with `encoder: lstm` only.
    pub n_layers: usize,
    /// How it is trained; `learning_rate` is by default 0.001.
    pub training: TrainingParameters,
    /// The template; default the task's with the virtual tokens in front.
    pub template: Option<Template>,
}

/// Its own keys.
const KEYS: [&str; 7] = ["method", "n_soft", "encoder", "hidden_size", "n_layers", "template", "multi_token"];

/// Its cells; `None` where they are too many.
pub(super) fn read(reader: &mut Reader, at: At) -> Result<Option<Vec<Method>>, SpecError> {
    let fields = reader.fields(at.clone(), &[&KEYS[..], &TRAINING_KEYS].concat())?;
    let n_soft =
        sweep(reader, &fields, "n_soft", vec![5], |reader, at| Ok(reader.whole(at, 1..=MAX_SOFT as u64)? as usize))?;
    let kinds = [PromptEncoderKind::Mlp, PromptEncoderKind::Lstm];
    let named = kinds.map(|kind| (kind.name(), kind));
    let encoder =
        sweep(reader, &fields, "encoder", vec![kinds[0]], |reader, at| reader.choice(at, "encoder", &named, &[]))?;
    let hidden_size = sweep(reader, &fields, "hidden_size", vec![None], |reader, at| {
        Ok(Some(reader.whole(at, 1..=MAX_HIDDEN)? as usize))
    })?;
    let n_layers = sweep(reader, &fields, "n_layers", vec![2], |reader, at| Ok(reader.whole(at, 1..=8)? as usize))?;
    if let Some(at) = fields.get("n_layers").filter(|_| !encoder.contains(&PromptEncoderKind::Lstm)) {
        reader.value(&at, "is read with `encoder: lstm` only");
    }
    let trainings = Trainings::read(reader, &fields, 0.001)?;
    let templates = soft_templates(reader, &fields)?;
    let of_text = |template: &Template| template.soft_slots().any(|slot| matches!(slot, SoftSlot::Init(_)));
    if let Some(at) = fields.get("template").filter(|_| templates.iter().flatten().any(of_text)) {
        reader.value(&at, "the network starts from random numbers: write {soft:N}, not {soft:\"text\"}");
    }
    let own = [n_soft.len(), encoder.len(), hidden_size.len(), n_layers.len(), templates.len()];
    if !within(reader, &at, &[&own[..], &trainings.lengths()].concat()) {
        return Ok(None);
    }
    let mut cells = vec![PTuningParameters {
        n_soft: 0,
        encoder: kinds[0],
        hidden_size: None,
        n_layers: 0,
        training: TrainingParameters::unset(),
        template: None,
    }];
    cells = each(cells, &n_soft, |cell, &value| cell.n_soft = value);
    cells = each(cells, &encoder, |cell, &value| cell.encoder = value);
    cells = each(cells, &hidden_size, |cell, &value| cell.hidden_size = value);
    cells = each(cells, &n_layers, |cell, &value| cell.n_layers = value);
    cells = trainings.each(cells, |cell| &mut cell.training);
    cells = each(cells, &templates, |cell, value| cell.template.clone_from(value));
    Ok(Some(cells.into_iter().map(Method::PTuning).collect()))
}
