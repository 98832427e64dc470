//! The items of `search:`: methods with their parameters, one a file, and the sweep inside an item.

mod autoprompt;
mod back_translation;
mod bbt;
mod demonstrations;
mod edits;
mod endpoint;
mod evolution;
mod filter;
mod fine_tune;
mod gcg;
mod label_words;
mod manual;
mod mining;
mod optiprompt;
mod p_tuning;
mod paraphrase;
mod pez;
mod prefix;
mod random;
mod soft_prompt;
mod soft_templates;
mod sweep;
mod template_generation;
#[cfg(test)]
mod tests;
mod training;
#[cfg(test)]
mod training_tests;
mod walk;
mod word_search;

pub use autoprompt::Autoprompt;
pub use back_translation::BackTranslation;
pub use bbt::BbtParameters;
pub use demonstrations::{Choose, Demonstrations, Order};
pub use edits::{EditLevel, Edits};
pub use endpoint::{Endpoint, NO_VARIABLE, Price};
pub use evolution::{CrossoverKind, Evolution, EvolutionAlgorithm};
pub use filter::{Script, VocabularyFilter};
pub use fine_tune::{FineTuneParameters, TunedSoft};
pub use gcg::{Gcg, Probe};
pub use label_words::{LabelWords, TemplateAndWords};
pub use manual::Manual;
pub use mining::{MinedPlace, Mining};
pub use optiprompt::OptipromptParameters;
pub use p_tuning::{PTuningParameters, PromptEncoderKind};
pub use paraphrase::{Generator, Paraphrase};
pub use pez::{Nearness, Pez};
pub use prefix::{PrefixInit, PrefixParameters};
pub use random::Random;
pub use soft_prompt::{SoftInit, SoftPromptParameters};
pub use sweep::TriggerSlots;
pub use template_generation::{SpanFill, TemplateGeneration};
pub use training::{Decay, OptimiserKind, TrainingParameters};
pub use walk::Walk;
pub use word_search::{WordRanking, WordSearch};
pub(super) use word_search::{is_search, searches};

use std::path::PathBuf;

use super::error::SpecError;
use super::model_source::ModelSource;
use super::multi_token::MultiToken;
use super::reader::{At, Reader, not_yet, unknown};
use super::strategy::Strategy;
use crate::prompt::{Notation, Template};
use sweep::Triggers;

/// The methods of this version, in the order in which they are listed.
pub const METHODS: [&str; 20] = [
    "manual",
    "random",
    "paraphrase",
    "autoprompt",
    "gcg",
    "pez",
    "soft_prompt",
    "demonstrations",
    "label_words",
    "template_and_words",
    "prefix",
    "p_tuning",
    "optiprompt",
    "bbt",
    "warp",
    "fine_tune",
    "template_generation",
    "edits",
    "evolution",
    "mining",
];

/// Methods that papers and the contract name and this version does not have.
const LATER: [&str; 1] = ["generate"];

/// One item of `search:`. All its cells share the item's one budget, and dev chooses among them.
#[derive(Debug, Clone)]
pub struct SearchItem {
    /// Every combination of the item's lists; one where nothing is swept, never none.
    pub cells: Vec<Method>,
    /// How it scores words of several tokens, where it is otherwise than the task says.
    pub multi_token: Option<MultiToken>,
    /// Whether it was added because every experiment has `manual` and `random` to compare with.
    pub added: bool,
}

/// Items are equal if they do the same, whoever asked for it.
impl PartialEq for SearchItem {
    fn eq(&self, other: &Self) -> bool {
        self.cells == other.cells && self.multi_token == other.multi_token
    }
}

impl SearchItem {
    /// The name of the method in YAML and tables.
    pub fn name(&self) -> &'static str {
        self.cells.first().map_or(METHODS[0], Method::name)
    }

    /// The names of items in tables: `autoprompt`, or `autoprompt 2` for the second item of the method; `manual independent` for one
    /// with its own rule for words of several tokens, `fine_tune promptless all` for what it tunes.
    pub fn labels(items: &[Self]) -> Vec<String> {
        let name = |item: &Self| {
            let own = match item.cells.first() {
                // Each strategy is a row of its own.
                Some(Method::FineTune(method)) => {
                    format!("{} {} {}", item.name(), method.strategy.name(), method.tuning.name())
                }
                _ => item.name().to_owned(),
            };
            match item.multi_token {
                Some(way) => format!("{own} {}", way.name()),
                None => own,
            }
        };
        let label = |place: usize| {
            let own = name(&items[place]);
            let before = items[..place].iter().filter(|item| name(item) == own).count();
            if before == 0 { own } else { format!("{own} {}", before + 1) }
        };
        (0..items.len()).map(label).collect()
    }
}

/// A method and its parameters.
#[derive(Debug, Clone, PartialEq)]
pub enum Method {
    /// Templates as somebody wrote them.
    Manual(Manual),
    /// Trigger tokens drawn at random: the control.
    Random(Random),
    /// Templates said in other words.
    Paraphrase(Paraphrase),
    /// Trigger tokens found along gradients.
    Autoprompt(Autoprompt),
    /// Random swaps among the tokens that the gradient prefers.
    Gcg(Gcg),
    /// Vectors that move along the gradient of their nearest tokens.
    Pez(Pez),
    /// Virtual tokens trained by gradient descent.
    SoftPrompt(SoftPromptParameters),
    /// Keys and values in every layer, trained by gradient descent.
    Prefix(PrefixParameters),
    /// Virtual tokens trained through a network.
    PTuning(PTuningParameters),
    /// The tokens of a written prompt, trained in their places.
    Optiprompt(OptipromptParameters),
    /// Virtual tokens and a vector for each label.
    Warp(SoftPromptParameters),
    /// Virtual tokens moved by evolution in a subspace.
    Bbt(BbtParameters),
    /// The language model itself is tuned.
    FineTune(Box<FineTuneParameters>),
    /// Training examples shown with their answers.
    Demonstrations(Demonstrations),
    /// Label words for a template that stands.
    LabelWords(LabelWords),
    /// Label words and templates in turn.
    TemplateAndWords(Box<TemplateAndWords>),
    /// Templates that a model writes.
    TemplateGeneration(TemplateGeneration),
    /// Phrases deleted, exchanged, said otherwise and put back.
    Edits(Box<Edits>),
    /// Templates bred from templates.
    Evolution(Box<Evolution>),
    /// Templates that stand in running text.
    Mining(Mining),
}

impl Method {
    /// The name in YAML and tables.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Manual(_) => METHODS[0],
            Self::Random(_) => METHODS[1],
            Self::Paraphrase(_) => METHODS[2],
            Self::Autoprompt(_) => METHODS[3],
            Self::Gcg(_) => METHODS[4],
            Self::Pez(_) => METHODS[5],
            Self::SoftPrompt(_) => METHODS[6],
            Self::Demonstrations(_) => METHODS[7],
            Self::LabelWords(_) => METHODS[8],
            Self::TemplateAndWords(_) => METHODS[9],
            Self::Prefix(_) => METHODS[10],
            Self::PTuning(_) => METHODS[11],
            Self::Optiprompt(_) => METHODS[12],
            Self::Bbt(_) => METHODS[13],
            Self::Warp(_) => METHODS[14],
            Self::FineTune(_) => METHODS[15],
            Self::TemplateGeneration(_) => METHODS[16],
            Self::Edits(_) => METHODS[17],
            Self::Evolution(_) => METHODS[18],
            Self::Mining(_) => METHODS[19],
        }
    }

    /// Whether it cannot do without labels, and so makes no trial at 0 shots.
    pub fn needs_labels(&self) -> bool {
        match self {
            Self::Manual(_) | Self::Random(_) | Self::Paraphrase(_) | Self::Edits(_) | Self::Evolution(_) => false,
            // The objects of facts are their labels.
            Self::Mining(method) => method.of_facts,
            _ => true,
        }
    }

    /// How it trains vectors; `None` for a method that trains none.
    pub fn training(&self) -> Option<&TrainingParameters> {
        match self {
            Self::SoftPrompt(method) | Self::Warp(method) => Some(&method.training),
            Self::Prefix(method) => Some(&method.training),
            Self::PTuning(method) => Some(&method.training),
            Self::Optiprompt(method) => Some(&method.training),
            Self::FineTune(method) => Some(&method.training),
            _ => None,
        }
    }

    /// Whether its labels may have vectors in place of words.
    pub fn has_soft_verbalizer(&self) -> bool {
        matches!(self, Self::SoftPrompt(method) | Self::Warp(method) if method.soft_verbalizer)
    }

    /// What of prompt and model it tunes.
    pub fn strategy(&self) -> Strategy {
        match self {
            Self::FineTune(method) => method.strategy,
            method if method.is_discrete() => Strategy::TuningFree,
            _ => Strategy::FixedLm,
        }
    }

    /// Whether its prompts are made of tokens alone.
    pub fn is_discrete(&self) -> bool {
        self.training().is_none() && !matches!(self, Self::Bbt(_))
    }

    /// The label of the item whose winners it starts from; `None` for a method that starts from none.
    pub fn starts_from(&self) -> Option<&str> {
        match self {
            Self::SoftPrompt(SoftPromptParameters { init: SoftInit::Winner(label), .. })
            | Self::Warp(SoftPromptParameters { init: SoftInit::Winner(label), .. }) => Some(label),
            _ => None,
        }
    }

    /// The models that it asks beside the one that prompts are searched for.
    pub fn second_models(&self) -> Vec<(&'static str, &ModelSource)> {
        match self {
            Self::Gcg(Gcg { probe: Some(probe), .. }) => vec![("probe.model", &probe.model)],
            Self::TemplateGeneration(method) => method.generator.iter().map(|model| ("generator", model)).collect(),
            method => method.rewriting().map(Paraphrase::translators).unwrap_or_default(),
        }
    }

    /// How it says templates in other words; `None` for a method that does not.
    pub fn rewriting(&self) -> Option<&Paraphrase> {
        match self {
            Self::Paraphrase(method) => Some(method),
            Self::TemplateAndWords(method) => Some(&method.paraphrase),
            Self::Edits(method) => Some(&method.rewriting),
            Self::Evolution(method) => Some(&method.rewriting),
            _ => None,
        }
    }

    /// The same, to be changed.
    pub fn rewriting_mut(&mut self) -> Option<&mut Paraphrase> {
        match self {
            Self::Paraphrase(method) => Some(method),
            Self::TemplateAndWords(method) => Some(&mut method.paraphrase),
            Self::Edits(method) => Some(&mut method.rewriting),
            Self::Evolution(method) => Some(&mut method.rewriting),
            _ => None,
        }
    }

    /// What a person wrote, where that may be in lists; `None` for a method that reads none.
    pub fn written(&self) -> Option<&Manual> {
        match self {
            Self::Manual(method) => Some(method),
            Self::Edits(method) => Some(&method.starts),
            Self::Evolution(method) => Some(&method.starts),
            _ => None,
        }
    }

    /// The list of synonyms that it names.
    pub fn synonyms(&self) -> Option<&PathBuf> {
        self.rewriting()?.synonyms.as_ref()
    }

    /// Its trigger tokens; `None` for a method without them.
    pub fn trigger_slots(&self) -> Option<&TriggerSlots> {
        match self {
            Self::Random(method) => Some(&method.slots),
            Self::Autoprompt(method) => Some(&method.slots),
            Self::Gcg(method) => Some(&method.slots),
            Self::Pez(method) => Some(&method.slots),
            _ => None,
        }
    }

    /// How it goes along gradients; `None` for a method that has none of trigger tokens.
    pub fn walk(&self) -> Option<&Walk> {
        match self {
            Self::Autoprompt(method) => Some(&method.walk),
            Self::Gcg(method) => Some(&method.walk),
            Self::Pez(method) => Some(&method.walk),
            _ => None,
        }
    }

    /// The template that trigger tokens are searched in, given the task's; `None` for a method without triggers.
    pub fn trigger_template(&self, task: &Template) -> Option<Template> {
        let slots = self.trigger_slots()?;
        Some(slots.template.as_ref().unwrap_or(task).with_trigger(slots.n_trigger))
    }
}

/// Reads all items and adds those that every experiment has.
pub(super) fn search(
    reader: &mut Reader,
    at: Option<At>,
    manual: Option<&Template>,
    words: &[WordSearch],
) -> Result<Vec<SearchItem>, SpecError> {
    let items = at.as_ref().map(At::items).unwrap_or_default();
    let names = items.iter().map(|item| method_name(reader, item)).collect::<Result<Vec<_>, _>>()?;
    let mut beside: Option<Triggers> = None;
    let mut read: Vec<Option<Vec<Method>>> = vec![None; items.len()];
    // `random` takes over what trigger methods were given, and searches of wording start from what a person wrote.
    let mut written: Option<Manual> = None;
    for later in [false, true] {
        for (index, (item, name)) in items.iter().zip(&names).enumerate() {
            let Some(name) = name else { continue };
            if matches!(*name, "random" | "paraphrase" | "edits" | "evolution") == later {
                read[index] = cells(reader, item, name, (manual, words), &mut beside, &mut written)?;
            }
        }
    }
    if reader.notation == Notation::Facts {
        for (item, name) in items.iter().zip(&names) {
            if let Some(name @ ("label_words" | "template_and_words")) = name {
                reader.value(item, format!("`{name}` searches label words, and the words of facts are their objects"));
            }
        }
    }
    let mut search: Vec<SearchItem> = Vec::new();
    for (item, cells) in items.iter().zip(read) {
        let Some(cells) = cells else { continue };
        let entries = item.entries().unwrap_or_default();
        let multi_token = match entries.iter().find(|(key, _)| key == "multi_token") {
            Some((_, at)) => Some(reader.choice(at, "way", &MultiToken::ALL.map(|way| (way.name(), way)), &[])?),
            None => None,
        };
        let item_read = SearchItem { cells, multi_token, added: false };
        if search.contains(&item_read) {
            reader.value(item, "asks for the same as an item before it");
        }
        search.push(item_read);
    }
    for (name, cells) in [("manual", manual::cells(manual)), ("random", random::cells(&beside.unwrap_or_default()))] {
        if !names.contains(&Some(name)) {
            search.push(SearchItem { cells, multi_token: None, added: true });
        }
    }
    let searched = |name: &Option<&str>| matches!(name, Some("label_words" | "template_and_words"));
    if !words.is_empty() && !names.iter().any(searched) {
        let of = |words: &WordSearch| Method::LabelWords(LabelWords { template: None, words: words.clone() });
        search.push(SearchItem { cells: words.iter().map(of).collect(), multi_token: None, added: true });
    }
    check_winners(reader, &items, &search);
    Ok(search)
}

/// Checks that every item that starts from winners names a discrete one.
fn check_winners(reader: &mut Reader, items: &[At], search: &[SearchItem]) {
    let labels = SearchItem::labels(search);
    let known: Vec<&str> = (search.iter().zip(&labels))
        .filter(|(item, _)| item.cells.iter().all(Method::is_discrete))
        .map(|(_, label)| label.as_str())
        .collect();
    for (item, at) in search.iter().filter(|item| !item.added).zip(items) {
        for label in item.cells.iter().filter_map(Method::starts_from).filter(|label| !known.contains(label)) {
            reader.value(at, format!("`init: {{ from: {label} }}` names no discrete item ({})", known.join(", ")));
        }
    }
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
    (manual, words): (Option<&Template>, &[WordSearch]),
    beside: &mut Option<Triggers>,
    written: &mut Option<Manual>,
) -> Result<Option<Vec<Method>>, SpecError> {
    // An item of one word is a method with all its defaults.
    let empty = super::node::Node { place: item.node.place, value: super::node::Value::Map(Vec::new()) };
    let at = if item.is_scalar() { At { node: &empty, path: item.path.clone() } } else { item.clone() };
    let task = || Manual { templates: manual.cloned().into_iter().collect(), ..Manual::default() };
    Ok(match name {
        "manual" => {
            let cells = manual::read(reader, at, manual)?;
            if let [Method::Manual(manual)] = &cells[..]
                && !(manual.templates.is_empty() && manual.templates_from.is_empty())
            {
                written.get_or_insert_with(|| manual.clone());
            }
            Some(cells)
        }
        "random" => random::read(reader, at, beside.clone().unwrap_or_default())?,
        "paraphrase" => {
            let given = written.clone().filter(|written| !written.templates.is_empty());
            paraphrase::read(reader, at, given.unwrap_or_else(task).templates)?
        }
        "edits" => edits::read(reader, at, &written.clone().unwrap_or_else(task))?,
        "evolution" => evolution::read(reader, at, &written.clone().unwrap_or_else(task))?,
        "soft_prompt" => soft_prompt::read(reader, at, false)?,
        "warp" => soft_prompt::read(reader, at, true)?,
        "prefix" => prefix::read(reader, at)?,
        "p_tuning" => p_tuning::read(reader, at)?,
        "bbt" => bbt::read(reader, at)?,
        "fine_tune" => fine_tune::read(reader, at)?,
        "optiprompt" => optiprompt::read(reader, at, manual)?,
        "demonstrations" => demonstrations::read(reader, at)?,
        "template_generation" => template_generation::read(reader, at)?,
        "mining" => mining::read(reader, at)?,
        "label_words" => label_words::read(reader, at, words)?,
        "template_and_words" => label_words::read_both(reader, at, words)?,
        _ => {
            let (triggers, cells) = match name {
                "gcg" => gcg::read(reader, at)?,
                "pez" => pez::read(reader, at)?,
                _ => autoprompt::read(reader, at)?,
            };
            beside.get_or_insert(triggers);
            cells
        }
    })
}
