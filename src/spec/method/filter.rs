//! Which tokens of the vocabulary may stand in a trigger.

use super::super::error::SpecError;
use super::super::reader::{Fields, Reader};

/// The script that a token must be of, letter by letter; a token without letters is of every script.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Script {
    /// Any.
    #[default]
    Any,
    /// Letters of ASCII only.
    Latin,
    /// Chinese characters only.
    Han,
}

impl Script {
    /// All of them, in the order in which they are listed.
    pub const ALL: [Self; 3] = [Self::Any, Self::Latin, Self::Han];

    /// The name in YAML.
    pub fn name(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::Latin => "latin",
            Self::Han => "han",
        }
    }
}

/// What is left out of a trigger's vocabulary beside special tokens, unused places and the tokens of label words, which are
/// left out always.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VocabularyFilter {
    /// Whole words only: tokens that begin a word and consist of letters; default true.
    pub words_only: bool,
    /// Default [`Script::Any`].
    pub script: Script,
    /// Whether tokens with a capital letter are left out, as AutoPrompt's own filter does (names mostly); default false.
    pub lower_case: bool,
    /// Words that must not be said, in any case; default none.
    pub exclude: Vec<String>,
}

impl Default for VocabularyFilter {
    fn default() -> Self {
        Self { words_only: true, script: Script::Any, lower_case: false, exclude: Vec::new() }
    }
}

impl VocabularyFilter {
    /// What it leaves out, for messages: `words_only, script: han`.
    pub fn describe(&self) -> String {
        let mut said = Vec::new();
        said.extend(self.words_only.then(|| "words_only".to_owned()));
        said.extend((self.script != Script::Any).then(|| format!("script: {}", self.script.name())));
        said.extend(self.lower_case.then(|| "lower_case".to_owned()));
        said.extend((!self.exclude.is_empty()).then(|| format!("exclude: {}", self.exclude.join(", "))));
        said.join(", ")
    }
}

/// The words of `exclude`, which is a list and no sweep.
pub(super) fn excluded(reader: &mut Reader, fields: &Fields, default: Vec<String>) -> Result<Vec<String>, SpecError> {
    let Some(at) = fields.get("exclude") else { return Ok(default) };
    let mut words = Vec::new();
    for item in at.items() {
        let word = reader.text(&item)?;
        if word.trim().is_empty() {
            reader.value(&item, "an empty word");
        }
        words.push(word);
    }
    Ok(words)
}
