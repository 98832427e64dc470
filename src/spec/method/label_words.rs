//! `label_words` and `template_and_words`: searches of the words that stand for the labels.

use super::super::error::SpecError;
use super::super::reader::{At, Fields, Reader};
use super::super::task::template;
use super::Method;
use super::paraphrase::{self, Paraphrase};
use super::sweep::{sweep, within};
use super::word_search::{WordSearch, word_searches};
use crate::prompt::Template;

/// Parameters of `label_words`: words for a template that stands.
#[derive(Debug, Clone, PartialEq)]
pub struct LabelWords {
    /// The template; default the task's. A list is a sweep: its templates share the budget.
    pub template: Option<Template>,
    /// How words are searched.
    pub words: WordSearch,
}

/// Parameters of `template_and_words`: words and the template's own text in turn.
#[derive(Debug, Clone, PartialEq)]
pub struct TemplateAndWords {
    /// The template to start from; default the task's.
    pub template: Option<Template>,
    /// How words are searched.
    pub words: WordSearch,
    /// How the template is rewritten, a round a turn.
    pub paraphrase: Paraphrase,
}

/// The cells of `label_words`; `None` where they are too many. `default` is what the task's verbalizer says.
pub(super) fn read(reader: &mut Reader, at: At, default: &[WordSearch]) -> Result<Option<Vec<Method>>, SpecError> {
    let fields = reader.fields(at.clone(), &["method", "templates", "verbalizer", "multi_token"])?;
    let templates = plain(reader, &fields, "templates")?;
    let Some(searches) = word_searches(reader, &fields, (default, WordSearch::default()))? else { return Ok(None) };
    if !within(reader, &at, &[templates.len(), searches.len()]) {
        return Ok(None);
    }
    let cells = templates.iter().flat_map(|template| {
        searches.iter().map(|words| LabelWords { template: template.clone(), words: words.clone() })
    });
    Ok(Some(cells.map(Method::LabelWords).collect()))
}

/// Assignments of words that dev looks at in a turn where nothing is said.
const A_TURN: usize = 4;

/// The keys of `template_and_words`: those of a round of `paraphrase` beside its own.
const BOTH: [&str; 12] = [
    "method",
    "template",
    "verbalizer",
    "generators",
    "n_candidates",
    "beam",
    "batch_size",
    "n_texts",
    "likelihood",
    "synonyms",
    "back_translation",
    "multi_token",
];

/// The cells of `template_and_words`; `None` where they are too many.
pub(super) fn read_both(reader: &mut Reader, at: At, default: &[WordSearch]) -> Result<Option<Vec<Method>>, SpecError> {
    let fields = reader.fields(at.clone(), &BOTH)?;
    // A turn of words leaves the template its share of the budget.
    let base = WordSearch { n_candidates: A_TURN, ..WordSearch::default() };
    let templates = plain(reader, &fields, "template")?;
    let Some(searches) = word_searches(reader, &fields, (default, base))? else { return Ok(None) };
    let Some(rounds) = paraphrase::parameters(reader, &fields, &at, Vec::new(), paraphrase::USUAL)? else {
        return Ok(None);
    };
    if !within(reader, &at, &[templates.len(), searches.len(), rounds.len()]) {
        return Ok(None);
    }
    let mut cells = Vec::new();
    for template in &templates {
        for words in &searches {
            for paraphrase in &rounds {
                let paraphrase = Paraphrase { rounds: Some(1), ..paraphrase.clone() };
                let (template, words) = (template.clone(), words.clone());
                cells.push(Method::TemplateAndWords(Box::new(TemplateAndWords { template, words, paraphrase })));
            }
        }
    }
    Ok(Some(cells))
}

/// Templates without triggers, a list of which is a sweep.
fn plain(reader: &mut Reader, fields: &Fields, key: &str) -> Result<Vec<Option<Template>>, SpecError> {
    let templates = sweep(reader, fields, key, vec![None], template)?;
    if let Some(at) = fields.get(key)
        && templates.iter().flatten().any(|template| template.n_trigger() > 0)
    {
        reader.value(&at, "{trigger:N} belongs to a method that fills it (random, autoprompt)");
    }
    Ok(templates)
}
