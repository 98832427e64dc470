//! `gcg`: random swaps among the tokens that the gradient prefers.

use super::super::error::SpecError;
use super::super::model_source::ModelSource;
use super::super::reader::{At, Fields, Reader};
use super::Method;
use super::sweep::{TRIGGER_KEYS, TriggerSlots, Triggers, combined, each, sweep, triggers, within};
use super::walk::{WALK_KEYS, Walk, Walks};

/// Parameters of `gcg`, the greedy coordinate gradient (Zou et al. 2023, arXiv 2307.15043).
#[derive(Debug, Clone, PartialEq)]
pub struct Gcg {
    /// The trigger.
    pub slots: TriggerSlots,
    /// Tokens of each position that swaps are drawn from, those with the largest first-order gain; `None`, written `auto`
    /// and the default: 256, or all that may stand in a trigger where those are fewer.
    pub top_k: Option<usize>,
    /// Distinct candidates scored a step; default 32.
    pub search_width: usize,
    /// Positions that a candidate changes at most, 1 to 50; default 1.
    pub n_replace: usize,
    /// Best triggers that are kept and scored again each step; the search moves to a candidate only if it is better than
    /// these. 0 keeps none and always moves, as the published default; default 1.
    pub buffer_size: usize,
    /// Whether only candidates are tried whose text gives the same tokens again; default true.
    pub stable: bool,
    /// A second model that reads all candidates first; default none.
    pub probe: Option<Probe>,
    /// How it goes.
    pub walk: Walk,
}

/// Probe sampling (Zhao et al. 2024, arXiv 2403.01251).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// The smaller model; its tokenizer must be that of the model that prompts are searched for.
    pub model: ModelSource,
    /// One in so many candidates is scored by both models, to see how far they agree; default 16.
    pub sampling_factor: usize,
    /// At no agreement at all one in so many candidates goes on to the large model, fewer the more they agree; default 8.
    pub reduction: usize,
}

/// Its triggers, for `random` beside it, and its cells; `None` where they are too many.
pub(super) fn read(reader: &mut Reader, at: At) -> Result<(Triggers, Option<Vec<Method>>), SpecError> {
    let own = ["method", "top_k", "search_width", "n_replace", "buffer_size", "stable", "probe", "multi_token"];
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
    let top_k = sweep(reader, fields, "top_k", vec![None], |reader, at| {
        if at.is_scalar() && reader.text(at)? == "auto" {
            return Ok(None);
        }
        Ok(Some(reader.whole(at, 1..=10_000_000)? as usize))
    })?;
    let mut whole = |key: &str, default: usize, range: std::ops::RangeInclusive<u64>| {
        sweep(reader, fields, key, vec![default], |reader, at| Ok(reader.whole(at, range.clone())? as usize))
    };
    let search_width = whole("search_width", 32, 1..=100_000)?;
    let n_replace = whole("n_replace", 1, 1..=50)?;
    let buffer_size = whole("buffer_size", 1, 0..=10_000)?;
    let stable = sweep(reader, fields, "stable", vec![true], |reader, at| reader.flag(at))?;
    let probe = fields.get("probe").map(|at| probe(reader, at)).transpose()?.flatten();
    let walks = Walks::read(reader, fields)?;
    let own = [top_k.len(), search_width.len(), n_replace.len(), buffer_size.len(), stable.len()];
    if !within(reader, item, &[&triggers.lengths()[..], &own, &walks.lengths()].concat()) {
        return Ok(None);
    }
    let start = |slots| Gcg {
        slots,
        top_k: None,
        search_width: 0,
        n_replace: 0,
        buffer_size: 0,
        stable: true,
        probe: probe.clone(),
        walk: Walk::unset(),
    };
    let mut cells: Vec<Gcg> = combined(triggers).into_iter().map(start).collect();
    if let (Some(at), Some(fewest), Some(most)) =
        (fields.get("n_replace"), cells.iter().map(|cell| cell.slots.n_trigger).min(), n_replace.iter().max())
        && *most > fewest
    {
        reader.value(&at, format!("{most} is more than the {fewest} trigger tokens that a candidate has"));
    }
    cells = each(cells, &top_k, |cell, &value| cell.top_k = value);
    cells = each(cells, &search_width, |cell, &value| cell.search_width = value);
    cells = each(cells, &n_replace, |cell, &value| cell.n_replace = value);
    cells = each(cells, &buffer_size, |cell, &value| cell.buffer_size = value);
    cells = each(cells, &stable, |cell, &value| cell.stable = value);
    cells = walks.each(cells, |cell| &mut cell.walk);
    Ok(Some(cells.into_iter().map(Method::Gcg).collect()))
}

/// The second model; `None` where it is at fault.
fn probe(reader: &mut Reader, at: At) -> Result<Option<Probe>, SpecError> {
    let fields = reader.fields(at.clone(), &["model", "sampling_factor", "reduction"])?;
    let mut whole = |key: &str, default: usize| match fields.get(key) {
        Some(at) => Ok(reader.whole(&at, 1..=100_000)? as usize),
        None => Ok(default),
    };
    let (sampling_factor, reduction) = (whole("sampling_factor", 16)?, whole("reduction", 8)?);
    let Some(named) = fields.get("model") else {
        reader.value(&at, "`model` is missing: the smaller model that reads all candidates first");
        return Ok(None);
    };
    match reader.text(&named)?.parse::<ModelSource>() {
        Ok(model) => Ok(Some(Probe { model, sampling_factor, reduction })),
        Err(error) => {
            reader.value(&named, error);
            Ok(None)
        }
    }
}
