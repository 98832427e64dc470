//! `pez`: vectors that move along the gradient of their nearest tokens.

use super::super::error::SpecError;
use super::super::reader::{At, Fields, Reader};
use super::Method;
use super::sweep::{TRIGGER_KEYS, TriggerSlots, Triggers, combined, each, sweep, triggers, within};
use super::walk::{WALK_KEYS, Walk, Walks};

/// What makes a token the nearest to a vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nearness {
    /// The smallest angle, as the published program has it.
    Cosine,
    /// The smallest distance.
    Euclidean,
}

impl Nearness {
    /// All of them, in the order in which they are listed.
    pub const ALL: [Self; 2] = [Self::Cosine, Self::Euclidean];

    /// The name in YAML.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cosine => "cosine",
            Self::Euclidean => "euclidean",
        }
    }
}

/// Parameters of `pez` (Wen et al. 2023, arXiv 2302.03668).
#[derive(Debug, Clone, PartialEq)]
pub struct Pez {
    /// The trigger.
    pub slots: TriggerSlots,
    /// The learning rate; default 0.1.
    pub learning_rate: f64,
    /// AdamW's decoupled weight decay; default 0.1.
    pub weight_decay: f64,
    /// What is nearest; default [`Nearness::Cosine`].
    pub nearness: Nearness,
    /// Steps between two candidates; default 8.
    pub eval_every: usize,
    /// How it goes.
    pub walk: Walk,
}

/// Its triggers, for `random` beside it, and its cells; `None` where they are too many.
pub(super) fn read(reader: &mut Reader, at: At) -> Result<(Triggers, Option<Vec<Method>>), SpecError> {
    let own = ["method", "learning_rate", "weight_decay", "nearness", "eval_every", "multi_token"];
    let fields = reader.fields(at.clone(), &[&own[..], &TRIGGER_KEYS, &WALK_KEYS].concat())?;
    let triggers = triggers(reader, &fields, Triggers::default())?;
    let cells = cells(reader, &at, &fields, &triggers)?;
    Ok((triggers, cells))
}

fn cells(
    reader: &mut Reader,
    item: &At,
    fields: &Fields,
    triggers: &Triggers,
) -> Result<Option<Vec<Method>>, SpecError> {
    let mut number = |key: &str, default: f64, range: std::ops::RangeInclusive<f64>| {
        sweep(reader, fields, key, vec![default], |reader, at| reader.number(at, range.clone()))
    };
    let learning_rate = number("learning_rate", 0.1, f64::MIN_POSITIVE..=1e3)?;
    let weight_decay = number("weight_decay", 0.1, 0.0..=1e3)?;
    let names = Nearness::ALL.map(|nearness| (nearness.name(), nearness));
    let nearness = sweep(reader, fields, "nearness", vec![Nearness::Cosine], |reader, at| {
        reader.choice(at, "nearness", &names, &[])
    })?;
    let eval_every =
        sweep(reader, fields, "eval_every", vec![8], |reader, at| Ok(reader.whole(at, 1..=1_000_000)? as usize))?;
    let walks = Walks::read(reader, fields)?;
    let own = [learning_rate.len(), weight_decay.len(), nearness.len(), eval_every.len()];
    if !within(reader, item, &[&triggers.lengths()[..], &own, &walks.lengths()].concat()) {
        return Ok(None);
    }
    let start = |slots| Pez {
        slots,
        learning_rate: 0.0,
        weight_decay: 0.0,
        nearness: Nearness::Cosine,
        eval_every: 0,
        walk: Walk::unset(),
    };
    let mut cells: Vec<Pez> = combined(triggers).into_iter().map(start).collect();
    cells = each(cells, &learning_rate, |cell, &value| cell.learning_rate = value);
    cells = each(cells, &weight_decay, |cell, &value| cell.weight_decay = value);
    cells = each(cells, &nearness, |cell, &value| cell.nearness = value);
    cells = each(cells, &eval_every, |cell, &value| cell.eval_every = value);
    cells = walks.each(cells, |cell| &mut cell.walk);
    Ok(Some(cells.into_iter().map(Method::Pez).collect()))
}
