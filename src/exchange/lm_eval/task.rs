//! A prompt as a task.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::model::{ModelKind, Tokenizer};
use crate::prompt::{Piece, Prompt, Verbalizer};
use crate::record::SavedPrompt;
use crate::scoring::{Encoder, Prior, Scorer};
use crate::spec::MultiToken;
use crate::task::{Example, Split};

use super::check::Pair;
use super::data::{self, Data};
use super::error::LmEvalError;
use super::jinja;

/// Which words of a label are asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Words {
    /// All; a label is as likely as they are together.
    #[default]
    All,
    /// The first alone: another prompt, where a label has several.
    First,
}

/// What the harness is told.
#[derive(Debug, Clone)]
pub struct Task {
    /// Its name there.
    pub name: String,
    /// The prompt.
    pub(super) saved: SavedPrompt,
    /// The context, as Jinja.
    pub(super) doc_to_text: String,
    /// The continuations; none where each row has its own.
    pub(super) choices: Vec<String>,
    /// The labels.
    pub(super) labels: Vec<String>,
    /// The label of each choice.
    pub(super) label_of: Vec<usize>,
    /// The rows of each split.
    pub(super) rows: Vec<(Split, Vec<Map<String, Value>>)>,
    /// What columns are called in the rows.
    pub(super) fields: Vec<(String, String)>,
    /// Where the rows come from.
    pub(super) origin: String,
    /// Whether words were left out.
    pub(super) first_words: bool,
    /// How many rows were shortened to fit, of all splits.
    pub truncated: usize,
}

/// A part of the context.
enum Part {
    Text(String),
    /// A column, by its place in [`Encoder::kept_texts`].
    Column(usize),
    /// A demonstration, by the same places.
    Demonstration(usize),
}

/// A row as it is read.
struct Read {
    /// What stands in the places of columns and demonstrations.
    texts: Vec<String>,
    shortened: bool,
}

/// What is asked behind a context: the text, and its tokens.
struct Answer {
    text: String,
    ids: Vec<u32>,
}

impl Task {
    /// Makes a task of a prompt and rows.
    ///
    /// # Errors
    /// [`LmEvalError::Inexpressible`] where the harness cannot ask the same, [`LmEvalError::Row`] where it would read other tokens,
    /// [`LmEvalError::Name`].
    pub fn new(
        name: &str,
        (scorer, prompt, prior): (&Scorer, &Prompt, Option<&Prior>),
        saved: &SavedPrompt,
        words: Words,
        data: &Data,
    ) -> Result<Self, LmEvalError> {
        let known = |character: char| character.is_ascii_alphanumeric() || "_-.".contains(character);
        if name.is_empty() || !name.chars().all(known) {
            return Err(LmEvalError::Name(name.into()));
        }
        check(scorer, prompt, prior)?;
        let reduced;
        let first_words = words == Words::First && prompt.verbalizer.labels.iter().any(|label| label.words.len() > 1);
        let prompt = if first_words {
            let first = prompt.verbalizer.labels.iter().map(|label| (label.label.clone(), label.words[..1].to_vec()));
            reduced = Prompt { verbalizer: std::sync::Arc::new(Verbalizer::new(first)?), ..prompt.clone() };
            &reduced
        } else {
            prompt
        };
        let asking = Asking::new(scorer, prompt, &data.columns)?;
        let n_columns = asking.fields.len();
        let mut read: Vec<(Split, Vec<Read>)> = Vec::new();
        let mut parts = None;
        for (split, examples) in &data.splits {
            let mut rows = Vec::with_capacity(examples.len());
            for example in examples {
                rows.push(asking.read(*split, example, &mut parts)?);
            }
            read.push((*split, rows));
        }
        let parts = parts.unwrap_or_default();
        // Demonstrations that some row leaves out.
        let texts = || read.iter().flat_map(|(_, rows)| rows).map(|row| &row.texts);
        let switched: BTreeSet<usize> =
            texts().flat_map(|row| (n_columns..row.len()).filter(|&place| row[place].is_empty())).collect();
        let whole = |place: usize| texts().map(|row| &row[place]).find(|text| !text.is_empty());
        let mut doc_to_text = String::new();
        for part in &parts {
            match part {
                Part::Text(text) => doc_to_text.push_str(&jinja::literal(text)),
                Part::Column(place) => doc_to_text.push_str(&jinja::field(&asking.fields[*place].1)),
                Part::Demonstration(place) => {
                    let text = whole(*place).map_or("", String::as_str);
                    doc_to_text.push_str(&match switched.contains(place) {
                        true => jinja::switched(&show(*place - n_columns), text),
                        false => jinja::literal(text),
                    });
                }
            }
        }
        let truncated = read.iter().flat_map(|(_, rows)| rows).filter(|row| row.shortened).count();
        let mut rows = Vec::with_capacity(read.len());
        for (number, ((split, read), (_, examples))) in read.into_iter().zip(&data.splits).enumerate() {
            let ids = data.ids.as_ref().filter(|_| number == 0);
            let row = |(place, (read, example)): (usize, (Read, &Example))| {
                let mut row = Map::new();
                let id = ids.map_or_else(|| example.row.to_string(), |ids| ids[place].clone());
                row.insert("id".into(), id.into());
                for ((_, field), text) in asking.fields.iter().zip(&read.texts) {
                    row.insert(field.clone(), text.clone().into());
                }
                for &place in &switched {
                    row.insert(show(place - n_columns), (!read.texts[place].is_empty()).into());
                }
                asking.gold(example, &mut row);
                row
            };
            rows.push((split, read.into_iter().zip(examples).enumerate().map(row).collect()));
        }
        Ok(Self {
            name: name.into(),
            saved: saved.clone(),
            doc_to_text,
            choices: asking.answers.iter().map(|answer| answer.text.clone()).collect(),
            labels: prompt.verbalizer.label_names(),
            label_of: asking.label_of.clone(),
            rows,
            fields: asking.fields,
            origin: data.origin.clone(),
            first_words,
            truncated,
        })
    }

    /// Whether the answers are each row's own text.
    pub(super) fn has_references(&self) -> bool {
        self.choices.is_empty()
    }

    /// The number of rows of each split, under the harness's names.
    pub fn counts(&self) -> Vec<(&'static str, usize)> {
        self.rows.iter().map(|(split, rows)| (data::name(*split), rows.len())).collect()
    }
}

fn show(demonstration: usize) -> String {
    format!("show_{}", demonstration + 1)
}

/// Whether the harness can ask the same.
fn check(scorer: &Scorer, prompt: &Prompt, prior: Option<&Prior>) -> Result<(), LmEvalError> {
    let loaded = scorer.loaded();
    let refused = |reason: String| Err(LmEvalError::Inexpressible { prompt: prompt.template.to_string(), reason });
    match loaded.model.shape().kind {
        ModelKind::Causal => {}
        ModelKind::Masked => {
            return refused(format!(
                "{} fills masks, and the harness asks for what follows a text (models that continue text can be exported)",
                loaded.name
            ));
        }
        ModelKind::Seq2Seq => {
            return refused(format!(
                "{} answers in a decoder at the place of a mask, and the harness asks for what follows a text (models that continue \
                 text can be exported)",
                loaded.name
            ));
        }
    }
    if prompt.tuned.is_some() {
        return refused(
            "the model's weights were trained with it, and a task has none (low-rank steps: --to peft)".into(),
        );
    }
    if prompt.template.has_soft() || prompt.template.n_prefix() > 0 || prompt.label_vectors.is_some() {
        return refused("it has vectors, which no text can say (--to peft exports virtual tokens and prefixes)".into());
    }
    if let Some(prior) = prior {
        let way = prior.way.name();
        return refused(format!(
            "its scores are corrected by {way} calibration, and the harness compares log-likelihoods as they are (the prompt of a row \
             with calibration none can be exported)"
        ));
    }
    if prompt.template.nearest().is_some() {
        return refused(
            "its demonstrations are those nearest to each text, which the model itself finds, and a task has one template".into(),
        );
    }
    let several = match prompt.verbalizer.reference_column() {
        Some(_) => true,
        None => scorer.passes(prompt)?.words.iter().any(|word| word.ids.len() > 1),
    };
    if scorer.settings().multi_token == MultiToken::Mean && several {
        return refused(
            "multi_token `mean` divides by the number of tokens, and the harness divides by characters or bytes, if at all".into(),
        );
    }
    if !loaded.tokenizer.around().1.is_empty() {
        return refused(format!(
            "the tokenizer of {} ends texts with special tokens, which the harness would take for the end of the answer",
            loaded.name
        ));
    }
    Ok(())
}

/// A prompt made ready to be read as the harness reads it.
struct Asking<'a> {
    scorer: &'a Scorer,
    prompt: &'a Prompt,
    columns: &'a [String],
    /// The template's columns, with their names in the rows.
    fields: Vec<(String, String)>,
    /// The label words; none where each row has its own answer.
    answers: Vec<Answer>,
    label_of: Vec<usize>,
    /// One for each number of tokens that are read of an answer.
    encoders: BTreeMap<usize, Encoder<'a>>,
    /// Whether the template's space before the mask belongs to the answer.
    space: &'static str,
}

impl<'a> Asking<'a> {
    fn new(scorer: &'a Scorer, prompt: &'a Prompt, columns: &'a [String]) -> Result<Self, LmEvalError> {
        let names = prompt.template.columns();
        let fields = names.iter().zip(1..).map(|(name, number)| ((*name).into(), jinja::field_name(name, number)));
        let pieces = prompt.template.pieces();
        let before = pieces.iter().position(|piece| matches!(piece, Piece::Mask(_))).and_then(|at| at.checked_sub(1));
        let after_space = match before.map(|at| &pieces[at]) {
            Some(Piece::Text(text)) => text.ends_with(' '),
            Some(Piece::Trigger(_)) => true,
            Some(Piece::Demo(shown)) => shown.end.ends_with(' '),
            _ => false,
        };
        let mut asking = Self {
            scorer,
            prompt,
            columns,
            fields: fields.collect(),
            answers: Vec::new(),
            label_of: Vec::new(),
            encoders: BTreeMap::new(),
            space: if after_space { " " } else { "" },
        };
        if prompt.verbalizer.reference_column().is_none() {
            for word in &scorer.passes(prompt)?.words {
                asking.answers.push(Answer { text: format!("{}{}", asking.space, word.text), ids: word.ids.clone() });
                asking.label_of.push(word.label);
                if let Entry::Vacant(none) = asking.encoders.entry(word.ids.len() - 1) {
                    let encoder = scorer.encoder(&prompt.template, columns, *none.key())?;
                    none.insert(encoder);
                }
            }
        }
        Ok(asking)
    }

    /// Reads a row for every answer, and finds that the harness reads the same.
    fn read(&self, split: Split, example: &Example, parts: &mut Option<Vec<Part>>) -> Result<Read, LmEvalError> {
        let fault = |reason: String| LmEvalError::Row {
            prompt: self.prompt.template.to_string(),
            row: format!("{split} row {}", example.row + 1),
            reason,
        };
        let own = self.own_answer(example).map_err(fault)?;
        let answers = if own.is_empty() { &self.answers } else { &own };
        let mut read: Option<Read> = None;
        for answer in answers {
            let n_known = answer.ids.len() - 1;
            let fresh;
            let encoder = match self.encoders.get(&n_known) {
                Some(encoder) => encoder,
                None => {
                    fresh = self.scorer.encoder(&self.prompt.template, self.columns, n_known)?;
                    &fresh
                }
            };
            let encoded = encoder.encode(example)?;
            let texts = encoder.kept_texts(example, &encoded);
            if read.as_ref().is_some_and(|read| read.texts != texts) {
                return Err(fault(
                    "the text is too long, and words of different lengths leave it different room; shorten it, or give the labels \
                     words of one length"
                        .into(),
                ));
            }
            let known: Vec<Option<u32>> = answer.ids[..n_known].iter().copied().map(Some).collect();
            let mut expected = encoded.filled(&self.prompt.triggers.0, &known);
            expected.extend(answer.ids.last());
            if parts.is_none() {
                *parts = self.parts(&texts, answer, &expected);
            }
            let tokenizer = &self.scorer.loaded().tokenizer;
            let context = parts.as_ref().map(|parts| context(parts, &texts));
            let pair = context.as_ref().map(|context| Pair::read(tokenizer, context, &answer.text));
            if context.as_ref().is_some_and(|text| !text.is_empty() && text.chars().all(char::is_numeric)) {
                return Err(fault("the whole prompt is a number, which the harness takes for a choice".into()));
            }
            match pair {
                Some(pair) if pair.n_context > 0 && pair.n_context <= encoded.mask_at && pair.ids == expected => {}
                found => {
                    return Err(fault(differs(
                        tokenizer,
                        found.map(|pair| pair.ids),
                        &expected,
                        !self.prompt.triggers.0.is_empty(),
                    )));
                }
            }
            read.get_or_insert(Read { texts, shortened: !encoded.shortened.is_empty() });
        }
        Ok(read.unwrap_or(Read { texts: Vec::new(), shortened: false }))
    }

    /// The answer of a row that has its own.
    fn own_answer(&self, example: &Example) -> Result<Vec<Answer>, String> {
        let Some(text) = self.reference(example) else { return Ok(Vec::new()) };
        let ids = self.scorer.reference_tokens(self.prompt, text)?;
        match ids.is_empty() {
            true => Err("the reference has no token".into()),
            false => Ok(vec![Answer { text: format!("{}{text}", self.space), ids }]),
        }
    }

    fn reference<'e>(&self, example: &'e Example) -> Option<&'e str> {
        let column = self.prompt.verbalizer.reference_column()?;
        let at = self.columns.iter().position(|known| known == column)?;
        Some(example.fields[at].trim())
    }

    /// What the harness compares an answer with.
    fn gold(&self, example: &Example, row: &mut Map<String, Value>) {
        if let Some(text) = self.reference(example) {
            row.insert("target".into(), format!("{}{text}", self.space).into());
            return;
        }
        if let Some(label) = example.label {
            row.insert("label".into(), self.prompt.verbalizer.labels[label].label.clone().into());
            row.insert("gold".into(), label.into());
        }
    }

    /// The context's parts. How triggers stand among text depends on the tokenizer; the spelling that gives their ids is taken.
    fn parts(&self, texts: &[String], answer: &Answer, expected: &[u32]) -> Option<Vec<Part>> {
        let tokenizer = &self.scorer.loaded().tokenizer;
        let slots = self.prompt.template.trigger_lengths().count();
        (0..1_usize << (2 * slots.min(4))).find_map(|spaces| {
            let parts = self.spelled(spaces)?;
            let pair = Pair::read(tokenizer, &context(&parts, texts), &answer.text);
            (pair.ids == expected || slots == 0).then_some(parts)
        })
    }

    /// The parts, with a space before trigger slot `i` where bit `2 i` is set, and one behind it where the next bit is.
    fn spelled(&self, spaces: usize) -> Option<Vec<Part>> {
        let tokenizer = &self.scorer.loaded().tokenizer;
        let mut parts = Vec::new();
        let (mut trigger, mut slot, mut demonstration) = (0, 0, self.fields.len());
        let pieces = self.prompt.template.pieces();
        for (at, piece) in pieces.iter().enumerate() {
            let text = match piece {
                Piece::Text(text) => {
                    let chosen_follows = matches!(pieces.get(at + 1), Some(Piece::Trigger(_) | Piece::Mask(_)));
                    let kept = text.strip_suffix(' ').filter(|_| chosen_follows).unwrap_or(text);
                    kept.to_owned()
                }
                Piece::Column(name) => {
                    parts.push(Part::Column(self.fields.iter().position(|(known, _)| known == name)?));
                    continue;
                }
                Piece::Demo(_) => {
                    parts.push(Part::Demonstration(demonstration));
                    demonstration += 1;
                    continue;
                }
                Piece::Trigger(n) => {
                    let ids = &self.prompt.triggers.0[trigger..trigger + n];
                    let space = |bit: usize| if spaces >> bit & 1 == 1 { " " } else { "" };
                    let text = format!("{}{}{}", space(2 * slot), tokenizer.decode(ids), space(2 * slot + 1));
                    trigger += n;
                    slot += 1;
                    text
                }
                Piece::Mask(_) => continue,
                Piece::Soft(_) | Piece::Prefix(_) | Piece::Demos | Piece::Nearest(_) => return None,
            };
            parts.push(Part::Text(text));
        }
        Some(parts)
    }
}

fn context(parts: &[Part], texts: &[String]) -> String {
    let text = |part: &Part| match part {
        Part::Text(text) => text.clone(),
        Part::Column(place) | Part::Demonstration(place) => texts[*place].clone(),
    };
    parts.iter().map(text).collect()
}

/// In words where two readings part.
fn differs(tokenizer: &Tokenizer, found: Option<Vec<u32>>, expected: &[u32], has_triggers: bool) -> String {
    let shown = |ids: &[u32], at: usize| {
        let tokens: Vec<String> = ids.iter().skip(at).take(4).filter_map(|&id| tokenizer.token(id)).collect();
        format!("`{}`", tokens.join(" "))
    };
    let Some(found) = found else {
        return "the trigger tokens become other tokens once they are written as text (the harness reads text)".into();
    };
    let at = found.iter().zip(expected).position(|(a, b)| a != b).unwrap_or(found.len().min(expected.len()));
    let triggers = if has_triggers { "; trigger tokens written as text become other tokens" } else { "" };
    format!(
        "the harness would read {} where the prompt has {} (token {}): it reads text, special tokens in it too{triggers}",
        shown(&found, at),
        shown(expected, at),
        at + 1
    )
}
