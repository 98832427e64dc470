//! The items of `search:`: methods with their parameters, and the sweep inside an item.

use super::error::SpecError;
use super::reader::{At, Fields, Reader, not_yet, unknown};
use super::task::template;
use crate::prompt::{MAX_TRIGGER, Template};

/// The methods of this version, in the order in which they are listed.
pub const METHODS: [&str; 3] = ["manual", "random", "autoprompt"];

/// Methods that papers and the contract name and this version does not have.
const LATER: [&str; 10] = [
    "paraphrase",
    "soft_prompt",
    "prefix",
    "p_tuning",
    "gcg",
    "evolution",
    "generate",
    "mine",
    "label_words",
    "demonstrations",
];

/// The most cells that the sweep of one item may have.
const MAX_CELLS: usize = 1000;

/// One item of `search:`. All its cells share the item's one budget, and dev chooses among them.
#[derive(Debug, Clone)]
pub struct SearchItem {
    /// Every combination of the item's lists; one where nothing is swept, never none.
    pub cells: Vec<Method>,
    /// Whether it was added because every experiment has `manual` and `random` to compare with.
    pub added: bool,
}

/// Items are equal if they do the same, whoever asked for it.
impl PartialEq for SearchItem {
    fn eq(&self, other: &Self) -> bool {
        self.cells == other.cells
    }
}

impl SearchItem {
    /// The name of the method in YAML and tables.
    pub fn name(&self) -> &'static str {
        self.cells.first().map_or(METHODS[0], Method::name)
    }
}

/// A method and its parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Method {
    /// Templates as somebody wrote them.
    Manual(Manual),
    /// Trigger tokens drawn at random: the control.
    Random(Random),
    /// Trigger tokens found along gradients.
    Autoprompt(Autoprompt),
}

/// Parameters of `manual`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Manual {
    /// The candidates; the default is the task's template, and none at all means that of the data set's card.
    pub templates: Vec<Template>,
}

/// Parameters of `random`, which draws as many candidates as the budget allows. What is not given is taken from the first
/// trigger method beside it (contract, definition 8).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Random {
    /// Trigger tokens a candidate, 1 to 50; default 3.
    pub n_trigger: usize,
    /// The template; default the task's with `{trigger:N}` before `{mask}`.
    pub template: Option<Template>,
    /// Whether only whole words of letters are drawn; default true.
    pub words_only: bool,
}

/// Parameters of `autoprompt` (Shin et al. 2020, arXiv 2010.15980).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Autoprompt {
    /// Trigger tokens, 1 to 50; default 3.
    pub n_trigger: usize,
    /// Replacement tokens tried a step; default 32.
    pub n_candidates: usize,
    /// Train examples for the gradient and for the scoring of a step's candidates; default 16.
    pub batch_size: usize,
    /// Steps without an accepted candidate before a restart; default 8.
    pub patience: usize,
    /// The template; default the task's with `{trigger:N}` before `{mask}`.
    pub template: Option<Template>,
    /// Text whose tokens the search starts from; without it, from mask tokens.
    pub initial: Option<String>,
    /// Whether only whole words of letters may become trigger tokens; default true.
    pub words_only: bool,
}

impl Method {
    /// The name in YAML and tables.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Manual(_) => METHODS[0],
            Self::Random(_) => METHODS[1],
            Self::Autoprompt(_) => METHODS[2],
        }
    }

    /// The template that trigger tokens are searched in, given the task's; `None` for a method without triggers.
    pub fn trigger_template(&self, task: &Template) -> Option<Template> {
        let (own, n_trigger) = match self {
            Self::Manual(_) => return None,
            Self::Random(method) => (&method.template, method.n_trigger),
            Self::Autoprompt(method) => (&method.template, method.n_trigger),
        };
        Some(own.as_ref().unwrap_or(task).with_trigger(n_trigger))
    }
}

/// What trigger methods have in common, each with its sweep.
#[derive(Clone)]
struct Triggers {
    n_trigger: Vec<usize>,
    templates: Vec<Option<Template>>,
    words_only: Vec<bool>,
}

impl Default for Triggers {
    fn default() -> Self {
        Self { n_trigger: vec![3], templates: vec![None], words_only: vec![true] }
    }
}

/// Reads all items and adds those that every experiment has.
pub(super) fn search(
    reader: &mut Reader,
    at: Option<At>,
    manual: Option<&Template>,
) -> Result<Vec<SearchItem>, SpecError> {
    let items = at.as_ref().map(At::items).unwrap_or_default();
    let names = items.iter().map(|item| method_name(reader, item)).collect::<Result<Vec<_>, _>>()?;
    let mut beside: Option<Triggers> = None;
    let mut read: Vec<Option<Vec<Method>>> = vec![None; items.len()];
    // First the trigger methods, for `random` takes over what they were given.
    for control in [false, true] {
        for (index, (item, name)) in items.iter().zip(&names).enumerate() {
            let Some(name) = name else { continue };
            if (*name == "random") == control {
                read[index] = cells(reader, item, name, manual, &mut beside)?;
            }
        }
    }
    let mut search: Vec<SearchItem> = Vec::new();
    for (item, cells) in items.iter().zip(read) {
        let Some(cells) = cells else { continue };
        let item_read = SearchItem { cells, added: false };
        if search.contains(&item_read) {
            reader.value(item, "asks for the same as an item before it");
        }
        search.push(item_read);
    }
    for (name, cells) in [("manual", manual_cells(manual)), ("random", random_cells(&beside.unwrap_or_default()))] {
        if !names.contains(&Some(name)) {
            search.push(SearchItem { cells, added: true });
        }
    }
    Ok(search)
}

/// The method that an item names; `None` where that is at fault.
fn method_name(reader: &mut Reader, item: &At) -> Result<Option<&'static str>, SpecError> {
    let named = if item.is_scalar() {
        Some(item.clone())
    } else {
        match item.entries() {
            Some(entries) => entries.into_iter().find(|(key, _)| key == "method").map(|(_, at)| at),
            None => {
                return Err(
                    reader.shape(item, format!("a mapping with `method` is expected, found {}", item.node.kind()))
                );
            }
        }
    };
    let Some(at) = named else {
        reader.value(item, format!("`method` is missing ({})", METHODS.join(", ")));
        return Ok(None);
    };
    let name = reader.text(&at)?;
    let known = METHODS.iter().find(|known| **known == name).copied();
    if known.is_none() {
        let later = LATER.contains(&name.as_str());
        reader.value(&at, if later { not_yet("method", &name, &METHODS) } else { unknown("method", &name, &METHODS) });
    }
    Ok(known)
}

/// The cells of one item; `None` where they are too many.
fn cells(
    reader: &mut Reader,
    item: &At,
    name: &str,
    manual: Option<&Template>,
    beside: &mut Option<Triggers>,
) -> Result<Option<Vec<Method>>, SpecError> {
    // An item of one word is a method with all its defaults.
    let empty = super::node::Node { place: item.node.place, value: super::node::Value::Map(Vec::new()) };
    let at = if item.is_scalar() { At { node: &empty, path: item.path.clone() } } else { item.clone() };
    Ok(match name {
        "manual" => {
            let fields = reader.fields(at, &["method", "templates"])?;
            let given = sweep(reader, &fields, "templates", vec![None], template)?;
            let given: Vec<Template> = given.into_iter().flatten().collect();
            if let (true, Some(at)) = (given.iter().any(|template| template.n_trigger() > 0), fields.get("templates")) {
                reader.value(&at, "{trigger:N} belongs to a method that fills it (random, autoprompt)");
            }
            Some(if given.is_empty() {
                manual_cells(manual)
            } else {
                vec![Method::Manual(Manual { templates: given })]
            })
        }
        "random" => {
            let fields = reader.fields(at, &["method", "n_trigger", "template", "words_only"])?;
            let triggers = triggers(reader, &fields, beside.clone().unwrap_or_default())?;
            within(reader, item, &[triggers.n_trigger.len(), triggers.templates.len(), triggers.words_only.len()])
                .then(|| random_cells(&triggers))
        }
        _ => {
            let known =
                ["method", "n_trigger", "n_candidates", "batch_size", "patience", "template", "initial", "words_only"];
            let fields = reader.fields(at, &known)?;
            let triggers = triggers(reader, &fields, Triggers::default())?;
            let cells = autoprompt_cells(reader, item, &fields, &triggers)?;
            beside.get_or_insert(triggers);
            cells
        }
    })
}

fn autoprompt_cells(
    reader: &mut Reader,
    item: &At,
    fields: &Fields,
    triggers: &Triggers,
) -> Result<Option<Vec<Method>>, SpecError> {
    let mut whole = |key: &str, default: usize, most: u64| {
        sweep(reader, fields, key, vec![default], |reader, at| Ok(reader.whole(at, 1..=most)? as usize))
    };
    let n_candidates = whole("n_candidates", 32, 10_000)?;
    let batch_size = whole("batch_size", 16, 100_000)?;
    let patience = whole("patience", 8, 1_000_000)?;
    let initial = sweep(reader, fields, "initial", vec![None], |reader, at| {
        let text = reader.text(at)?;
        if text.trim().is_empty() {
            reader.value(at, "an empty text has no tokens to start from");
        }
        Ok(Some(text))
    })?;
    let lengths = [
        triggers.n_trigger.len(),
        triggers.templates.len(),
        triggers.words_only.len(),
        n_candidates.len(),
        batch_size.len(),
        patience.len(),
        initial.len(),
    ];
    if !within(reader, item, &lengths) {
        return Ok(None);
    }
    let mut cells = Vec::new();
    for (n_trigger, template, words_only) in combined(triggers) {
        for &n_candidates in &n_candidates {
            for &batch_size in &batch_size {
                for &patience in &patience {
                    for initial in &initial {
                        let (template, initial) = (template.clone(), initial.clone());
                        cells.push(Method::Autoprompt(Autoprompt {
                            n_trigger,
                            n_candidates,
                            batch_size,
                            patience,
                            template,
                            initial,
                            words_only,
                        }));
                    }
                }
            }
        }
    }
    Ok(Some(cells))
}

fn manual_cells(template: Option<&Template>) -> Vec<Method> {
    vec![Method::Manual(Manual { templates: template.cloned().into_iter().collect() })]
}

fn random_cells(triggers: &Triggers) -> Vec<Method> {
    combined(triggers)
        .into_iter()
        .map(|(n_trigger, template, words_only)| Method::Random(Random { n_trigger, template, words_only }))
        .collect()
}

/// Whether a sweep of lists of these lengths is small enough; tells where it is not.
fn within(reader: &mut Reader, item: &At, lengths: &[usize]) -> bool {
    let cells = lengths.iter().fold(1_usize, |product, length| product.saturating_mul(*length));
    if cells > MAX_CELLS {
        reader.value(item, format!("its lists make {cells} cells and at most {MAX_CELLS} are allowed"));
    }
    cells <= MAX_CELLS
}

/// Every combination; a template with trigger slots of its own has its own number of tokens.
fn combined(triggers: &Triggers) -> Vec<(usize, Option<Template>, bool)> {
    let mut cells = Vec::new();
    for template in &triggers.templates {
        let own = template.as_ref().map(Template::n_trigger).filter(|&n| n > 0);
        let counts = own.map_or_else(|| triggers.n_trigger.clone(), |n| vec![n]);
        for n_trigger in counts {
            for &words_only in &triggers.words_only {
                cells.push((n_trigger, template.clone(), words_only));
            }
        }
    }
    cells
}

fn triggers(reader: &mut Reader, fields: &Fields, defaults: Triggers) -> Result<Triggers, SpecError> {
    let n_trigger = sweep(reader, fields, "n_trigger", defaults.n_trigger, |reader, at| {
        Ok(reader.whole(at, 1..=MAX_TRIGGER as u64)? as usize)
    })?;
    let templates = sweep(reader, fields, "template", defaults.templates, template)?;
    let words_only = sweep(reader, fields, "words_only", defaults.words_only, |reader, at| reader.flag(at))?;
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
    Ok(Triggers { n_trigger, templates, words_only })
}

/// The values of a key that may be a list.
fn sweep<T: PartialEq>(
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::spec::Experiment;

    fn items(search: &str) -> Result<Vec<SearchItem>, String> {
        let yaml = format!(
            "format: 1\nname: x\ntask: {{ dataset: builtin:x, template: '{{text}} {{mask}}' }}\nmodels: [builtin:m]\nsearch:\n{search}\n"
        );
        Experiment::from_yaml(&yaml, Path::new("x.yaml"), &[])
            .map(|experiment| experiment.search)
            .map_err(|error| error.to_string())
    }

    fn template(text: &str) -> Template {
        Template::parse(text).unwrap()
    }

    #[test]
    fn lists_in_an_item_are_a_sweep_of_all_combinations() {
        let items = items("  - { method: autoprompt, n_trigger: [3, 5], batch_size: [8, 16] }").unwrap();
        let cells: Vec<(usize, usize)> = items[0]
            .cells
            .iter()
            .map(|cell| match cell {
                Method::Autoprompt(method) => (method.n_trigger, method.batch_size),
                _ => panic!("another method"),
            })
            .collect();
        assert_eq!(cells, [(3, 8), (3, 16), (5, 8), (5, 16)]);
        let [Method::Autoprompt(first), ..] = &items[0].cells[..] else { panic!("no cell") };
        assert_eq!((first.n_candidates, first.patience, first.words_only), (32, 8, true));
        assert_eq!(
            items[0].describe(),
            "{ method: autoprompt, n_trigger: [3, 5], words_only: true, n_candidates: 32, batch_size: [8, 16], patience: 8 }"
        );
    }

    #[test]
    fn random_takes_over_from_the_trigger_method_beside_it() {
        let items = items("  - random\n  - { method: autoprompt, n_trigger: [2, 4], words_only: false }").unwrap();
        let random = |n_trigger| Method::Random(Random { n_trigger, template: None, words_only: false });
        assert_eq!(items[0].cells, [random(2), random(4)]);
        assert!(!items[0].added);
        assert_eq!(items[2].cells, [Method::Manual(Manual { templates: vec![template("{text} {mask}")] })]);
        assert!(items[2].added);
        let own = self::items("  - { method: autoprompt, template: '{trigger:2} {text} {mask}' }").unwrap();
        assert_eq!(own[2].name(), "random");
        let expected = Random { n_trigger: 2, template: Some(template("{trigger:2} {text} {mask}")), words_only: true };
        assert_eq!(own[2].cells, [Method::Random(expected)]);
    }

    #[test]
    fn triggers_stand_before_the_mask_or_where_the_item_says() {
        let items = items("  - autoprompt\n  - { method: autoprompt, template: '{trigger:2} {text} {mask}' }").unwrap();
        let task = template("{text} is {mask}");
        let printed = |item: &SearchItem| item.cells[0].trigger_template(&task).map(|template| template.to_string());
        assert_eq!(printed(&items[0]).unwrap(), "{text} is {trigger:3}{mask}");
        assert_eq!(printed(&items[1]).unwrap(), "{trigger:2} {text} {mask}");
        assert_eq!(printed(&items[2]), None);
    }

    #[test]
    fn contradictions_in_an_item_are_told() {
        let message = |search: &str| items(search).unwrap_err();
        assert_eq!(
            message("  - { method: autoprompt, n_trigger: 3, template: '{trigger:2}{text}{mask}' }"),
            "x.yaml:6:38: search[0].n_trigger: the template's own {trigger:N} slots have 2 tokens; leave n_trigger out"
        );
        assert_eq!(
            message("  - { method: autoprompt, template: ['{trigger:2}{text}{mask}', '{text}{mask}'] }"),
            "x.yaml:6:37: search[0].template: either all templates of a sweep have {trigger:N} or none has"
        );
        assert_eq!(
            message("  - { method: autoprompt, template: '{text}{trigger:50}{trigger:1}{mask}' }"),
            "x.yaml:6:37: search[0].template: 51 trigger tokens in one template are not allowed (1 to 50)"
        );
        assert_eq!(
            message("  - { method: autoprompt, n_trigger: [3, 3] }"),
            "x.yaml:6:42: search[0].n_trigger[1]: the same as search[0].n_trigger[0]"
        );
        assert_eq!(
            message("  - manual\n  - { method: manual }"),
            "x.yaml:7:5: search[1]: asks for the same as an item before it"
        );
        assert_eq!(
            message("  - { n_trigger: 3 }"),
            "x.yaml:6:5: search[0]: `method` is missing (manual, random, autoprompt)"
        );
        assert_eq!(
            message("  - { method: manual, template: '{mask}' }"),
            "x.yaml:6:23: search[0]: unknown key `template` (did you mean templates? known: method, templates)"
        );
        assert_eq!(message("  - [manual]"), "x.yaml:6:5: search[0]: a mapping with `method` is expected, found a list");
        let long = (1..=40).map(|n| n.to_string()).collect::<Vec<_>>().join(", ");
        assert_eq!(
            message(&format!("  - {{ method: autoprompt, n_trigger: [{long}], patience: [{long}] }}")),
            "x.yaml:6:5: search[0]: its lists make 1600 cells and at most 1000 are allowed"
        );
        assert_eq!(
            message("  - { method: manual, templates: ['{soft:3}{text}{mask}'] }"),
            "x.yaml:6:35: search[0].templates[0]: {soft:N} is not in this version (this version has columns, {mask} and {trigger:N})"
        );
    }
}
