//! `edits`: phrases deleted, exchanged, said otherwise and put back.

use super::super::error::SpecError;
use super::super::reader::{At, Reader};
use super::Method;
use super::manual::Manual;
use super::paraphrase::{self, Paraphrase};
use super::sweep::{each, sweep, within};

/// What is edited as a whole.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum EditLevel {
    /// Function words with the content words after them.
    #[default]
    Phrase,
    /// Words.
    Word,
    /// Sentences.
    Sentence,
}

impl EditLevel {
    /// All of them by their names in YAML.
    const ALL: [(&'static str, Self); 3] =
        [("phrase", Self::Phrase), ("word", Self::Word), ("sentence", Self::Sentence)];

    /// The name in YAML.
    pub fn name(self) -> &'static str {
        Self::ALL[self as usize].0
    }
}

/// Parameters of `edits`.
#[derive(Debug, Clone, PartialEq)]
pub struct Edits {
    /// The templates to start from; default those of the first `manual` item, else the task's.
    pub starts: Manual,
    /// How a phrase is said in other words, the templates of an iteration (default 5), the beam (default 1) and the train examples
    /// on which they are compared; its own templates and rounds stand empty.
    pub rewriting: Paraphrase,
    /// What is edited as a whole; default phrases.
    pub level: EditLevel,
    /// Edits of each template; default 1.
    pub n_compose: usize,
    /// Iterations without a better one before the search begins anew; default 2.
    pub patience: usize,
    /// How often it begins anew; by default as often as the budget allows.
    pub restarts: Option<usize>,
    /// The iterations; by default as many as the budget allows.
    pub n_iterations: Option<usize>,
    /// Of annealing, in nats; default 0, which is none.
    pub temperature: f64,
}

/// Its keys.
const KEYS: [&str; 19] = [
    "method",
    "templates",
    "templates_from",
    "cut_behind_mask",
    "generators",
    "level",
    "n_candidates",
    "n_compose",
    "beam",
    "batch_size",
    "patience",
    "restarts",
    "n_iterations",
    "temperature",
    "n_texts",
    "likelihood",
    "synonyms",
    "endpoint",
    "back_translation",
];

/// Its cells; `None` where they are too many. `written` is what a person wrote.
pub(super) fn read(reader: &mut Reader, at: At, written: &Manual) -> Result<Option<Vec<Method>>, SpecError> {
    let known: Vec<&str> = KEYS.iter().copied().chain(["multi_token"]).collect();
    let fields = reader.fields(at.clone(), &known)?;
    let Some(rewritings) = paraphrase::parameters(reader, &fields, &at, Vec::new(), (5, 1))? else { return Ok(None) };
    let starts = paraphrase::starts(reader, &fields, &rewritings, written)?;
    let level = sweep(reader, &fields, "level", vec![EditLevel::default()], |reader, at| {
        reader.choice(at, "level", &EditLevel::ALL, &[])
    })?;
    let n_compose = sweep(reader, &fields, "n_compose", vec![1], |reader, at| Ok(reader.whole(at, 1..=100)? as usize))?;
    let patience =
        sweep(reader, &fields, "patience", vec![2], |reader, at| Ok(reader.whole(at, 1..=1_000_000)? as usize))?;
    let restarts = sweep(reader, &fields, "restarts", vec![None], |reader, at| {
        Ok(Some(reader.whole(at, 0..=1_000_000)? as usize))
    })?;
    let n_iterations = sweep(reader, &fields, "n_iterations", vec![None], |reader, at| {
        Ok(Some(reader.whole(at, 1..=1_000_000)? as usize))
    })?;
    let temperature = sweep(reader, &fields, "temperature", vec![0.0], |reader, at| reader.number(at, 0.0..=1e6))?;
    if let Some(at) = fields.get("temperature")
        && temperature.iter().any(|&t| t > 0.0)
        && rewritings.iter().any(|rewriting| rewriting.beam > 1)
    {
        reader.value(&at, "annealing goes on from one template: `beam: 1`, or `temperature: 0`");
    }
    let lengths = [
        rewritings.len(),
        level.len(),
        n_compose.len(),
        patience.len(),
        restarts.len(),
        n_iterations.len(),
        temperature.len(),
    ];
    if !within(reader, &at, &lengths) {
        return Ok(None);
    }
    let cells = rewritings.into_iter().map(|rewriting| Edits {
        starts: starts.clone(),
        rewriting: Paraphrase { templates: Vec::new(), ..rewriting },
        level: EditLevel::default(),
        n_compose: 0,
        patience: 0,
        restarts: None,
        n_iterations: None,
        temperature: 0.0,
    });
    let cells = each(cells.collect(), &level, |cell, &value| cell.level = value);
    let cells = each(cells, &n_compose, |cell, &value| cell.n_compose = value);
    let cells = each(cells, &patience, |cell, &value| cell.patience = value);
    let cells = each(cells, &restarts, |cell, &value| cell.restarts = value);
    let cells = each(cells, &n_iterations, |cell, &value| cell.n_iterations = value);
    let cells = each(cells, &temperature, |cell, &value| cell.temperature = value);
    Ok(Some(cells.into_iter().map(|cell| Method::Edits(Box::new(cell))).collect()))
}
