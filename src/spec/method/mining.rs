//! `mining`: templates that stand in running text already.

use std::path::{Path, PathBuf};

use super::super::error::SpecError;
use super::super::reader::{At, Fields, Reader};
use super::Method;
use super::sweep::{each, sweep, within};
use crate::prompt::Notation;

/// Where the context of an answer stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MinedPlace {
    /// Behind the text: "{text} It was {mask}."
    After,
    /// Before it: "It was {mask}. {text}"
    Before,
}

impl MinedPlace {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::After, Self::Before];

    /// The name in YAML.
    pub fn name(self) -> &'static str {
        match self {
            Self::After => "after",
            Self::Before => "before",
        }
    }
}

/// Parameters of `mining` (LPAQA, arXiv 1911.12543; of label words after the idea of arXiv 2210.03057).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mining {
    /// Whether the task is one of facts, whose names are looked for in place of label words.
    pub of_facts: bool,
    /// Files of sentences, paths as written. None at all means the texts of train without their labels; facts need one.
    pub corpus: Vec<PathBuf>,
    /// The column or key of the text, in files that have such; default `text`.
    pub column: String,
    /// Templates that dev looks at, at most; default 40.
    pub n_templates: usize,
    /// Facts that have to support a template, or occurrences of label words, which are always of two labels or more; default 1.
    pub min_support: usize,
    /// The most words, or Chinese characters, of a template's own; default 10 for facts and 5 for label words.
    pub max_words: usize,
    /// The most words left and right of the names of a fact, or right of a label word; default 2. 0 takes what is between the names
    /// alone, or what is left of label words.
    pub window: usize,
    /// Where contexts of label words stand; default both. Empty for facts.
    pub place: Vec<MinedPlace>,
}

impl Mining {
    /// Whether some file of its corpus has columns.
    pub(in crate::spec) fn has_columns(&self) -> bool {
        self.corpus.iter().any(|path| ending(path) != "txt")
    }
}

/// Its keys.
const KEYS: [&str; 9] =
    ["method", "corpus", "column", "n_templates", "min_support", "max_words", "window", "place", "multi_token"];

/// The endings of files of sentences.
const ENDINGS: [&str; 6] = ["txt", "tsv", "csv", "jsonl", "ndjson", "parquet"];

/// Its cells; `None` where they are too many. `corpus` and `place` are lists by nature; every other key may sweep.
pub(super) fn read(reader: &mut Reader, at: At) -> Result<Option<Vec<Method>>, SpecError> {
    let fields = reader.fields(at.clone(), &KEYS)?;
    let of_facts = reader.notation == Notation::Facts;
    let corpus = corpus(reader, &fields, &at, of_facts)?;
    let column = match fields.get("column") {
        Some(at) => {
            let column = reader.text(&at)?.trim().to_owned();
            if column.is_empty() {
                reader.value(&at, "it is empty; the column of the text is expected");
            } else if corpus.iter().all(|path| ending(path) == "txt") {
                reader.value(&at, "a .txt file has lines and no columns; `corpus` names no other file");
            }
            column
        }
        None => "text".to_owned(),
    };
    let mut whole = |key: &str, default: usize, range: std::ops::RangeInclusive<u64>| {
        sweep(reader, &fields, key, vec![default], |reader, at| Ok(reader.whole(at, range.clone())? as usize))
    };
    let n_templates = whole("n_templates", 40, 1..=100_000)?;
    let min_support = whole("min_support", 1, 1..=1_000_000_000)?;
    let max_words = whole("max_words", if of_facts { 10 } else { 5 }, 1..=50)?;
    let window = whole("window", 2, 0..=10)?;
    let place = place(reader, &fields, of_facts)?;
    if !within(reader, &at, &[n_templates.len(), min_support.len(), max_words.len(), window.len()]) {
        return Ok(None);
    }
    let first = Mining { of_facts, corpus, column, n_templates: 0, min_support: 0, max_words: 0, window: 0, place };
    let mut cells = vec![first];
    cells = each(cells, &n_templates, |cell, &value| cell.n_templates = value);
    cells = each(cells, &min_support, |cell, &value| cell.min_support = value);
    cells = each(cells, &max_words, |cell, &value| cell.max_words = value);
    cells = each(cells, &window, |cell, &value| cell.window = value);
    Ok(Some(cells.into_iter().map(Method::Mining).collect()))
}

fn corpus(reader: &mut Reader, fields: &Fields, at: &At, of_facts: bool) -> Result<Vec<PathBuf>, SpecError> {
    if of_facts && fields.get("corpus").is_none() {
        reader.value(at, "`mining` of facts needs `corpus: FILE` (or several): sentences that say them");
    }
    sweep(reader, fields, "corpus", Vec::new(), |reader, at| {
        let text = reader.text(at)?;
        let path = PathBuf::from(text.trim());
        if !ENDINGS.contains(&ending(&path).as_str()) {
            let known = ENDINGS.map(|ending| format!(".{ending}")).join(", ");
            reader.value(at, format!("`{}` is no file of sentences ({known})", text.trim()));
        }
        Ok(path)
    })
}

fn place(reader: &mut Reader, fields: &Fields, of_facts: bool) -> Result<Vec<MinedPlace>, SpecError> {
    if of_facts {
        if let Some(at) = fields.get("place") {
            reader.value(&at, "is of tasks of labels: of facts a template has the places that its sentence has");
        }
        return Ok(Vec::new());
    }
    let known = MinedPlace::ALL.map(|place| (place.name(), place));
    sweep(reader, fields, "place", MinedPlace::ALL.to_vec(), |reader, at| reader.choice(at, "place", &known, &[]))
}

fn ending(path: &Path) -> String {
    path.extension().and_then(|ending| ending.to_str()).unwrap_or_default().to_ascii_lowercase()
}
