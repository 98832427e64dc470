//! Lists of templates: prompts that somebody gathered, as candidates to rank.
//!
//! # Decisions
//!
//! - 2026-11: a list is one template a line, or JSON lines whose `pattern` (ParaRel, arXiv 2102.01017), `template` (LAMA, LPAQA,
//!   arXiv 1911.12543; AutoPrompt, OptiPrompt) or `prompt` is one. Which of the two it is, the first character of its first line says.
//! - 2026-11: a line that cannot be used refuses the list: a prompt that is left out in silence is missing from the ranking. Blank
//!   lines are no prompts, and a prompt that stands twice is one candidate.

use serde_json::Value;

use super::error::excerpt;
use super::parse::Notation;
use super::{Piece, PromptError, Template};

/// The keys under which a line may hold its template.
const KEYS: [&str; 3] = ["pattern", "template", "prompt"];

/// The templates of a list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TemplateList {
    /// In the order of the list, each once.
    pub templates: Vec<Template>,
    /// Prompts that stood in it again.
    pub repeated: usize,
    /// Prompts of which punctuation behind the mask was cut off.
    pub cut: usize,
    /// Prompts that were left out because words or slots stand behind their mask.
    pub left_out: usize,
}

/// What is wrong with a list, with the line from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateListError {
    /// A line holds no template that can be used.
    #[error("line {line}: {source}")]
    Template {
        /// The line.
        line: usize,
        /// Why not.
        #[source]
        source: PromptError,
    },
    /// A line is no JSON object with a template.
    #[error("line {line}: {what}")]
    Json {
        /// The line.
        line: usize,
        /// What it is.
        what: String,
    },
    /// Prompts of several relations stand in one list.
    #[error(
        "line {line}: a prompt of the relation {found}, and those before it are of {first}: a list is of one relation"
    )]
    Relations {
        /// The line.
        line: usize,
        /// The relation of the first line.
        first: String,
        /// That of this line.
        found: String,
    },
    /// There is none.
    #[error("it holds no template{}", but(.left_out))]
    Empty {
        /// Prompts that were left out.
        left_out: usize,
    },
}

/// Why a list that holds some may come to nothing.
fn but(left_out: &usize) -> &'static str {
    if *left_out > 0 { " without words behind {mask}" } else { "" }
}

impl TemplateList {
    /// Reads a list. `cut` takes each prompt only as far as its mask: see [`Template::cut_behind_mask`].
    ///
    /// # Errors
    /// [`TemplateListError`], naming the line.
    pub fn parse(text: &str, notation: Notation, cut: bool) -> Result<Self, TemplateListError> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let lines = || text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        // A template may begin with a slot, `{subject}`, or with literal text, `{"[X]"}`, which is no JSON.
        let json =
            lines().next().is_some_and(|(_, line)| serde_json::from_str::<Value>(line).is_ok_and(|v| v.is_object()));
        let mut list = Self::default();
        let mut relation: Option<String> = None;
        for (at, line) in lines() {
            let line_number = at + 1;
            let written = match json {
                true => of_object(line, line_number, &mut relation)?,
                false => line.trim_end_matches('\r').to_owned(),
            };
            let fault = |source| TemplateListError::Template { line: line_number, source };
            let template = Template::parse_as(&written, notation).map_err(fault)?;
            template.check_mask().map_err(fault)?;
            list.add(template, cut);
        }
        match list.templates.is_empty() {
            true => Err(TemplateListError::Empty { left_out: list.left_out }),
            false => Ok(list),
        }
    }

    fn add(&mut self, template: Template, cut: bool) {
        let kept = match cut {
            false => template,
            true => match template.cut_behind_mask() {
                Some(kept) => {
                    self.cut += usize::from(kept != template);
                    kept
                }
                None => {
                    self.left_out += 1;
                    return;
                }
            },
        };
        match self.templates.contains(&kept) {
            true => self.repeated += 1,
            false => self.templates.push(kept),
        }
    }
}

impl Template {
    /// The template without what stands behind its mask, where that is no more than punctuation; `None` where there are words or
    /// slots. A model that reads from left to right answers before it would read them.
    pub fn cut_behind_mask(&self) -> Option<Self> {
        let mask = self.pieces().iter().position(|piece| matches!(piece, Piece::Mask(_)))?;
        let says = |text: &String| text.chars().any(char::is_alphanumeric);
        let cut = self.pieces()[mask + 1..].iter().all(|piece| matches!(piece, Piece::Text(text) if !says(text)));
        cut.then(|| Self::merged(self.pieces()[..=mask].iter().cloned()))
    }
}

/// The template of a line of JSON; `relation` is that of the lines before it.
fn of_object(line: &str, line_number: usize, relation: &mut Option<String>) -> Result<String, TemplateListError> {
    let fault = |what: String| TemplateListError::Json { line: line_number, what };
    let value: Value = serde_json::from_str(line).map_err(|error| fault(format!("not JSON: {error}")))?;
    let object = value.as_object().ok_or_else(|| fault("no JSON object, as the lines before it".to_owned()))?;
    if let Some(found) = object.get("relation").and_then(Value::as_str) {
        let first = relation.get_or_insert_with(|| found.to_owned());
        if first != found {
            let (first, found) = (excerpt(first, 1), excerpt(found, 1));
            return Err(TemplateListError::Relations { line: line_number, first, found });
        }
    }
    let template = KEYS.iter().find_map(|key| object.get(*key)).and_then(Value::as_str);
    template.map(str::to_owned).ok_or_else(|| fault(format!("no text under one of the keys {}", KEYS.join(", "))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(text: &str, cut: bool) -> Result<Vec<String>, String> {
        let read = TemplateList::parse(text, Notation::Facts, cut).map_err(|error| error.to_string())?;
        Ok(read.templates.iter().map(Template::to_string).collect())
    }

    #[test]
    fn lines_and_the_published_json_lines_are_read() {
        let pararel =
            "{\"pattern\": \"[X] is developed by [Y].\", \"lemma\": \"develop\"}\n{\"pattern\": \"[Y] made [X]\"}\n";
        let expected = ["{subject} is developed by {mask}.", "{mask} made {subject}"];
        assert_eq!(list(pararel, false).unwrap(), expected);
        let lpaqa = "{\"template\": \"[X] is developed by [Y].\", \"weight\": 0.5}\n\n{\"template\": \"[Y] made [X]\", \"weight\": 1e-5}";
        assert_eq!(list(lpaqa, false).unwrap(), expected);
        assert_eq!(
            list("[X] is developed by [Y].\r\n\r\n{mask} made {subject}\n[Y] made [X]\n", false).unwrap(),
            expected
        );
        assert_eq!(list("【x】 是 【z】 研发的\n", false).unwrap(), ["{subject} 是 {mask} 研发的"]);
    }

    #[test]
    fn what_stands_behind_the_mask_is_cut_where_it_is_punctuation_and_left_out_where_it_says_more() {
        let text = "[X] is developed by [Y] .\n[X] is developed by [Y]\n[Y] made [X]\n[X], made by [Y] Inc.\n";
        let read = TemplateList::parse(text, Notation::Facts, true).unwrap();
        assert_eq!(read.templates, ["{subject} is developed by {mask}"].map(|text| Template::parse(text).unwrap()));
        assert_eq!((read.repeated, read.cut, read.left_out), (1, 1, 2));
        assert_eq!(list("[Y] made [X]\n", true).unwrap_err(), "it holds no template without words behind {mask}");
    }

    #[test]
    fn a_line_that_cannot_be_used_is_named() {
        assert_eq!(
            list("[X] made [Y]\n\nmade by [Y]\n", false).unwrap_err(),
            "line 3: template `made by {mask}`: it has no slot for the input ({text}, or another column of the data)"
        );
        assert!(
            list("[X] made it\n", false)
                .unwrap_err()
                .starts_with("line 1: template `{subject} made it`: it has no {mask}")
        );
        assert_eq!(
            list("{\"template\": \"[X] [Y]\"}\n{\"text\": \"[X] [Y]\"}\n", false).unwrap_err(),
            "line 2: no text under one of the keys pattern, template, prompt"
        );
        assert!(list("{\"template\": \"[X] [Y]\"}\n[X] is [Y]\n", false).unwrap_err().starts_with("line 2: not JSON"));
        assert_eq!(
            list("{\"relation\": \"P1\", \"template\": \"[X] [Y]\"}\n{\"relation\": \"P2\", \"template\": \"[X] [Y]\"}\n", false)
                .unwrap_err(),
            "line 2: a prompt of the relation P2, and those before it are of P1: a list is of one relation"
        );
        assert_eq!(list("\n", false).unwrap_err(), "it holds no template");
    }
}
