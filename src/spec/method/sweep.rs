//! The sweep inside an item: lists of values, all combined, and what trigger methods have in common.

use super::super::error::SpecError;
use super::super::reader::{At, Fields, Reader};
use super::super::task::template;
use super::filter::{Script, VocabularyFilter, excluded};
use crate::prompt::{MAX_TRIGGER, Template};

/// The most cells that the sweep of one item may have.
const MAX_CELLS: usize = 1000;

/// The keys of what trigger methods have in common.
pub(super) const TRIGGER_KEYS: [&str; 6] = ["n_trigger", "template", "words_only", "script", "lower_case", "exclude"];

/// Trigger tokens: how many, where, and of which part of the vocabulary.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TriggerSlots {
    /// Trigger tokens a candidate, 1 to 50; default 3. A template with `{trigger:N}` of its own says how many.
    pub n_trigger: usize,
    /// The template; default the task's with `{trigger:N}` before `{mask}`.
    pub template: Option<Template>,
    /// Which tokens may stand there.
    pub filter: VocabularyFilter,
}

/// What trigger methods have in common, each with its sweep.
#[derive(Clone)]
pub(super) struct Triggers {
    pub n_trigger: Vec<usize>,
    pub templates: Vec<Option<Template>>,
    pub words_only: Vec<bool>,
    pub script: Vec<Script>,
    pub lower_case: Vec<bool>,
    pub exclude: Vec<String>,
}

impl Default for Triggers {
    fn default() -> Self {
        Self {
            n_trigger: vec![3],
            templates: vec![None],
            words_only: vec![true],
            script: vec![Script::Any],
            lower_case: vec![false],
            exclude: Vec::new(),
        }
    }
}

impl Triggers {
    /// The lengths of its lists.
    pub fn lengths(&self) -> [usize; 5] {
        [self.n_trigger.len(), self.templates.len(), self.words_only.len(), self.script.len(), self.lower_case.len()]
    }
}

/// Whether a sweep of lists of these lengths is small enough; tells where it is not.
pub(super) fn within(reader: &mut Reader, item: &At, lengths: &[usize]) -> bool {
    let cells = lengths.iter().fold(1_usize, |product, length| product.saturating_mul(*length));
    if cells > MAX_CELLS {
        reader.value(item, format!("its lists make {cells} cells and at most {MAX_CELLS} are allowed"));
    }
    cells <= MAX_CELLS
}

/// Every combination; a template with trigger slots of its own has its own number of tokens.
pub(super) fn combined(triggers: &Triggers) -> Vec<TriggerSlots> {
    let mut cells = Vec::new();
    for template in &triggers.templates {
        let own = template.as_ref().map(Template::n_trigger).filter(|&n| n > 0);
        for n_trigger in own.map_or_else(|| triggers.n_trigger.clone(), |n| vec![n]) {
            cells.push(TriggerSlots { n_trigger, template: template.clone(), ..TriggerSlots::default() });
        }
    }
    cells = each(cells, &triggers.words_only, |cell, &value| cell.filter.words_only = value);
    cells = each(cells, &triggers.script, |cell, &value| cell.filter.script = value);
    cells = each(cells, &triggers.lower_case, |cell, &value| cell.filter.lower_case = value);
    cells.iter_mut().for_each(|cell| cell.filter.exclude.clone_from(&triggers.exclude));
    cells
}

/// Reads them.
pub(super) fn triggers(reader: &mut Reader, fields: &Fields, defaults: Triggers) -> Result<Triggers, SpecError> {
    let n_trigger = sweep(reader, fields, "n_trigger", defaults.n_trigger, |reader, at| {
        Ok(reader.whole(at, 1..=MAX_TRIGGER as u64)? as usize)
    })?;
    let templates = sweep(reader, fields, "template", defaults.templates, template)?;
    let words_only = sweep(reader, fields, "words_only", defaults.words_only, |reader, at| reader.flag(at))?;
    let scripts = Script::ALL.map(|script| (script.name(), script));
    let script =
        sweep(reader, fields, "script", defaults.script, |reader, at| reader.choice(at, "script", &scripts, &[]))?;
    let lower_case = sweep(reader, fields, "lower_case", defaults.lower_case, |reader, at| reader.flag(at))?;
    let exclude = excluded(reader, fields, defaults.exclude)?;
    let own: Vec<usize> = templates.iter().map(|template| template.as_ref().map_or(0, Template::n_trigger)).collect();
    let place = fields.get("template").unwrap_or_else(|| fields.at().clone());
    if let Some(n) = own.iter().find(|&&n| n > MAX_TRIGGER) {
        reader.value(&place, format!("{n} trigger tokens in one template are not allowed (1 to {MAX_TRIGGER})"));
    }
    if own.iter().any(|&n| n > 0) {
        if own.contains(&0) {
            reader.value(&place, "either all templates of a sweep have {trigger:N} or none has");
        } else if let Some(at) = fields.get("n_trigger")
            && own.iter().any(|n| n_trigger != [*n])
        {
            reader.value(
                &at,
                format!("the template's own {{trigger:N}} slots have {} tokens; leave n_trigger out", own[0]),
            );
        }
    }
    Ok(Triggers { n_trigger, templates, words_only, script, lower_case, exclude })
}

/// The values of a key that may be a list.
pub(super) fn sweep<T: PartialEq>(
    reader: &mut Reader,
    fields: &Fields,
    key: &str,
    default: Vec<T>,
    mut read: impl FnMut(&mut Reader, &At) -> Result<T, SpecError>,
) -> Result<Vec<T>, SpecError> {
    let Some(at) = fields.get(key) else { return Ok(default) };
    let items = at.items();
    if items.is_empty() {
        reader.value(&at, "an empty list; at least one value is needed");
        return Ok(default);
    }
    let faults = reader.n_faults();
    let values = items.iter().map(|item| read(reader, item)).collect::<Result<Vec<T>, _>>()?;
    // Values at fault stand for nothing and would look alike.
    if reader.n_faults() == faults {
        reader.distinct(&items, &values);
    }
    Ok(values)
}

/// Every cell with every value of one more key.
pub(super) fn each<C: Clone, T>(cells: Vec<C>, values: &[T], set: impl Fn(&mut C, &T)) -> Vec<C> {
    let with = |cell: &C, value: &T| {
        let mut cell = cell.clone();
        set(&mut cell, value);
        cell
    };
    cells
        .iter()
        .flat_map(|cell| values.iter().map(move |value| (cell, value)))
        .map(|(cell, value)| with(cell, value))
        .collect()
}
