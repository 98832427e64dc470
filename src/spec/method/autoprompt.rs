//! `autoprompt`: trigger tokens found along gradients.

use super::super::error::SpecError;
use super::super::reader::{At, Fields, Reader};
use super::Method;
use super::sweep::{TRIGGER_KEYS, TriggerSlots, Triggers, combined, each, sweep, triggers, within};
use super::walk::{WALK_KEYS, Walk, Walks};

/// Parameters of `autoprompt` (Shin et al. 2020, arXiv 2010.15980).
#[derive(Debug, Clone, PartialEq)]
pub struct Autoprompt {
    /// The trigger.
    pub slots: TriggerSlots,
    /// Replacements scored a step, over all positions and all triggers of the beam; default 32.
    pub n_candidates: usize,
    /// Positions that a step may change, 1 to 50; default 1. Where several gain by themselves, they are tried together.
    pub positions: usize,
    /// Triggers that are kept beside each other, 1 to 1000; default 1.
    pub beam: usize,
    /// How it goes.
    pub walk: Walk,
}

/// Its triggers, for `random` beside it, and its cells; `None` where they are too many.
pub(super) fn read(reader: &mut Reader, at: At) -> Result<(Triggers, Option<Vec<Method>>), SpecError> {
    let own = ["method", "n_candidates", "positions", "beam", "multi_token"];
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
    let mut whole = |key: &str, default: usize, most: u64| {
        sweep(reader, fields, key, vec![default], |reader, at| Ok(reader.whole(at, 1..=most)? as usize))
    };
    let n_candidates = whole("n_candidates", 32, 10_000)?;
    let positions = whole("positions", 1, 50)?;
    let beam = whole("beam", 1, 1_000)?;
    let walks = Walks::read(reader, fields)?;
    let (widest, fewest) = (beam.iter().max().copied().unwrap_or(1), n_candidates.iter().min().copied().unwrap_or(1));
    if widest > fewest
        && let Some(at) = fields.get("beam")
    {
        reader.value(
            &at,
            format!("{widest} is more than n_candidates {fewest}, and every trigger of the beam needs one"),
        );
    }
    let own = [n_candidates.len(), positions.len(), beam.len()];
    if !within(reader, item, &[&triggers.lengths()[..], &own, &walks.lengths()].concat()) {
        return Ok(None);
    }
    let start = |slots| Autoprompt { slots, n_candidates: 0, positions: 0, beam: 0, walk: Walk::unset() };
    let mut cells: Vec<Autoprompt> = combined(triggers).into_iter().map(start).collect();
    cells = each(cells, &n_candidates, |cell, &value| cell.n_candidates = value);
    cells = each(cells, &positions, |cell, &value| cell.positions = value);
    cells = each(cells, &beam, |cell, &value| cell.beam = value);
    cells = walks.each(cells, |cell| &mut cell.walk);
    Ok(Some(cells.into_iter().map(Method::Autoprompt).collect()))
}
