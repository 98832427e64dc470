//! `paraphrase`: templates said in other words.

use std::path::PathBuf;

use super::super::error::SpecError;
use super::super::model_source::ModelSource;
use super::super::reader::{At, Fields, Reader};
use super::super::task::template;
use super::Method;
use super::back_translation::{self, BackTranslation};
use super::endpoint::{Endpoint, endpoint};
use super::manual::{Manual, lists};
use super::sweep::{each, sweep, within};
use crate::prompt::Template;

/// Where other words come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Generator {
    /// Synonyms of the template's words: English from WordNet, Chinese from the project's own list or the one given.
    Thesaurus,
    /// The model's own answers at masked places of the template: words replaced, put in or left out.
    MaskFill,
    /// Rewordings that a service gave, `endpoint`.
    Endpoint,
    /// The text between the slots by way of another language and back.
    BackTranslation,
}

impl Generator {
    /// Those that need nothing but the model.
    pub const OWN: [Self; 2] = [Self::Thesaurus, Self::MaskFill];
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Thesaurus, Self::MaskFill, Self::Endpoint, Self::BackTranslation];

    /// The name in YAML and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Thesaurus => "thesaurus",
            Self::MaskFill => "mask_fill",
            Self::Endpoint => "endpoint",
            Self::BackTranslation => "back_translation",
        }
    }
}

/// Parameters of `paraphrase`: rounds of rewriting, each from the best so far.
#[derive(Debug, Clone, PartialEq)]
pub struct Paraphrase {
    /// The templates to start from; default those of the first `manual` item, else the task's. None at all means that of the
    /// data set's card.
    pub templates: Vec<Template>,
    /// Default those that need nothing but the model, and `back_translation` where its models are named.
    pub generators: Vec<Generator>,
    /// Rewritten templates tried a round; default 8.
    pub n_candidates: usize,
    /// The best of a round, which the next one starts from and selection sees; default 3.
    pub beam: usize,
    /// Train examples on which a round's templates are compared; default 16.
    pub batch_size: usize,
    /// Unlabelled texts over which the model's likelihood of a replacement is taken; default 4.
    pub n_texts: usize,
    /// The most by which a replacement may be less likely to the model than what it replaces, in nats a token; default 3.
    pub likelihood: f64,
    /// The rounds; by default as many as the budget allows.
    pub rounds: Option<usize>,
    /// A list of synonyms beside the built-in ones: a group of words a line, parted by spaces.
    pub synonyms: Option<PathBuf>,
    /// The service that is asked for rewordings, where that is a generator.
    pub endpoint: Option<Box<Endpoint>>,
    /// The models of `back_translation`.
    pub back_translation: Option<Box<BackTranslation>>,
}

impl Paraphrase {
    /// The models that translate, by their keys.
    pub(super) fn translators(&self) -> Vec<(&'static str, &ModelSource)> {
        match &self.back_translation {
            Some(own) => {
                vec![("back_translation.forward", &own.forward), ("back_translation.backward", &own.backward)]
            }
            None => Vec::new(),
        }
    }
}

/// Its keys.
const KEYS: [&str; 13] = [
    "method",
    "templates",
    "generators",
    "n_candidates",
    "beam",
    "batch_size",
    "n_texts",
    "likelihood",
    "rounds",
    "synonyms",
    "endpoint",
    "back_translation",
    "multi_token",
];

/// The defaults of `n_candidates` and `beam`.
pub(super) const USUAL: (usize, usize) = (8, 3);

/// Its cells; `None` where they are too many. `templates` and `generators` are lists by nature; every other key may sweep.
pub(super) fn read(reader: &mut Reader, at: At, written: Vec<Template>) -> Result<Option<Vec<Method>>, SpecError> {
    let fields = reader.fields(at.clone(), &KEYS)?;
    Ok(parameters(reader, &fields, &at, written, USUAL)?
        .map(|cells| cells.into_iter().map(Method::Paraphrase).collect()))
}

/// The parameters in `fields`, which need not have all of them; the last are the defaults of `n_candidates` and `beam`.
pub(super) fn parameters(
    reader: &mut Reader,
    fields: &Fields,
    at: &At,
    written: Vec<Template>,
    (most_made, most_kept): (usize, usize),
) -> Result<Option<Vec<Paraphrase>>, SpecError> {
    let given = sweep(reader, fields, "templates", Vec::new(), template)?;
    if let Some(at) = fields.get("templates")
        && given.iter().flatten().any(|template| template.n_trigger() > 0)
    {
        reader.value(&at, "{trigger:N} belongs to a method that fills it (random, autoprompt)");
    }
    let given: Vec<Template> = given.into_iter().flatten().collect();
    let templates = if given.is_empty() { written } else { given };
    let known = Generator::ALL.map(|generator| (generator.name(), generator));
    let back_translation = match fields.get("back_translation") {
        Some(at) => back_translation::read(reader, at)?,
        None => None,
    };
    let mut usual = Generator::OWN.to_vec();
    usual.extend(back_translation.is_some().then_some(Generator::BackTranslation));
    let generators = sweep(reader, fields, "generators", usual, |reader, at| {
        reader.choice(at, "generator", &known, &["span_fill"])
    })?;
    check_translation(reader, fields, &generators, back_translation.is_some());
    let mut whole = |key: &str, default: usize, most: u64| {
        sweep(reader, fields, key, vec![default], |reader, at| Ok(reader.whole(at, 1..=most)? as usize))
    };
    let n_candidates = whole("n_candidates", most_made, 10_000)?;
    let beam = whole("beam", most_kept, 1_000)?;
    let batch_size = whole("batch_size", 16, 100_000)?;
    let n_texts = whole("n_texts", 4, 1_000)?;
    let likelihood = sweep(reader, fields, "likelihood", vec![3.0], |reader, at| reader.number(at, 0.0..=1e6))?;
    let rounds =
        sweep(reader, fields, "rounds", vec![None], |reader, at| Ok(Some(reader.whole(at, 1..=1_000_000)? as usize)))?;
    let synonyms = sweep(reader, fields, "synonyms", vec![None], |reader, at| {
        let text = reader.text(at)?;
        if text.trim().is_empty() {
            reader.value(at, "it is empty; the path of a list of synonyms is expected");
        }
        Ok(Some(PathBuf::from(text)))
    })?;
    let asked = generators.contains(&Generator::Endpoint);
    let endpoint = match fields.get("endpoint") {
        Some(at) => {
            if !asked {
                reader.value(&at, "`generators` does not name `endpoint`, so nobody would ask it");
            }
            endpoint(reader, at)?
        }
        None => {
            if let (Some(at), true) = (fields.get("generators"), asked) {
                reader.value(&at, "`endpoint` needs `endpoint: { base_url: ..., model: ... }` beside it");
            }
            None
        }
    };
    let lengths = [
        n_candidates.len(),
        beam.len(),
        batch_size.len(),
        n_texts.len(),
        likelihood.len(),
        rounds.len(),
        synonyms.len(),
    ];
    if !within(reader, at, &lengths) {
        return Ok(None);
    }
    let first = Paraphrase {
        templates,
        generators: generators.clone(),
        n_candidates: 0,
        beam: 0,
        batch_size: 0,
        n_texts: 0,
        likelihood: 0.0,
        rounds: None,
        synonyms: None,
        endpoint: endpoint.map(Box::new),
        back_translation: back_translation.filter(|_| generators.contains(&Generator::BackTranslation)).map(Box::new),
    };
    let mut cells = vec![first];
    cells = each(cells, &n_candidates, |cell, &value| cell.n_candidates = value);
    cells = each(cells, &beam, |cell, &value| cell.beam = value);
    cells = each(cells, &batch_size, |cell, &value| cell.batch_size = value);
    cells = each(cells, &n_texts, |cell, &value| cell.n_texts = value);
    cells = each(cells, &likelihood, |cell, &value| cell.likelihood = value);
    cells = each(cells, &rounds, |cell, &value| cell.rounds = value);
    cells = each(cells, &synonyms, |cell, value| cell.synonyms.clone_from(value));
    Ok(Some(cells))
}

/// The templates to start from, where lists of them can be named as well: those that `rewritings` were given, the lists of
/// `templates_from`, or else `written`.
pub(super) fn starts(
    reader: &mut Reader,
    fields: &Fields,
    rewritings: &[Paraphrase],
    written: &Manual,
) -> Result<Manual, SpecError> {
    let templates = rewritings.first().map_or_else(Vec::new, |rewriting| rewriting.templates.clone());
    let (templates_from, cut_behind_mask) = lists(reader, fields)?;
    Ok(match templates.is_empty() && templates_from.is_empty() {
        true => written.clone(),
        false => Manual { templates, templates_from, cut_behind_mask },
    })
}

/// Tells where the generator and its models are not named together.
fn check_translation(reader: &mut Reader, fields: &Fields, generators: &[Generator], read: bool) {
    let asked = generators.contains(&Generator::BackTranslation);
    match (fields.get("generators"), fields.get("back_translation")) {
        (Some(at), None) if asked => {
            reader.value(&at, "`back_translation` needs its models: back_translation: { forward: M, backward: M }");
        }
        (Some(_), Some(at)) if !asked && read => {
            reader.value(&at, "`generators` does not name `back_translation`");
        }
        _ => {}
    }
}
