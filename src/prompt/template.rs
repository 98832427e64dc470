//! The template: text with slots for the input, the answer and the tokens that a search may choose.

use std::fmt;
use std::str::FromStr;

use super::demonstration::{Demonstration, Nearest};
use super::error::{PromptError, excerpt};
use super::parse::{self, Notation};

/// The longest template that is read, in characters; with demonstrations templates are long.
pub const MAX_CHARACTERS: usize = 200_000;
/// The most demonstrations of one prompt.
pub const MAX_DEMONSTRATIONS: usize = 64;
/// The most tokens that `{mask:N}` may fix.
pub const MAX_MASK: usize = 16;
/// The most tokens of one `{trigger:N}`.
pub const MAX_TRIGGER: usize = 50;
/// The most virtual tokens of one `{soft:N}`.
pub const MAX_SOFT: usize = 500;

/// The most positions of `{prefix:N}`.
pub const MAX_PREFIX: usize = 500;

/// A part of a template.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Piece {
    /// Text that stands in every prompt.
    Text(String),
    /// A column of the example: `{text}`, `{text_a}`, or any other name.
    Column(String),
    /// Where the model answers: `{mask}`, or `{mask:N}` with the number of tokens fixed.
    Mask(Option<usize>),
    /// Tokens that a discrete search chooses: `{trigger:N}`.
    Trigger(usize),
    /// Virtual tokens that a continuous method trains: `{soft:N}` or `{soft:"init text"}`.
    Soft(SoftSlot),
    /// Keys and values in every layer that a continuous method trains: `{prefix:N}`, at the very front. No token stands there.
    Prefix(usize),
    /// The place of demonstrations that are not chosen yet: `{demos}`.
    Demos,
    /// A demonstration: `{demo:"word","column"="text"}`.
    Demo(Demonstration),
    /// For each text the demonstrations nearest to it: `{nearest:4 last mean}`.
    Nearest(Nearest),
}

/// How many virtual tokens a soft slot has, or the text whose tokens they start from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum SoftSlot {
    /// This many.
    Count(usize),
    /// As many as the text has tokens, started from their embeddings.
    Init(String),
    /// The virtual tokens of an earlier soft slot again, by its number from 1: `{soft:=1}`.
    Same(usize),
}

/// Text with slots. Printing gives the canonical text, and parsing that gives the same template.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Template {
    pieces: Vec<Piece>,
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// If a brace is unclosed or stray, a slot empty, nested or unknown, a number missing or out of range, or the text
    /// empty or longer than [`MAX_CHARACTERS`]; with the character's place.
    pub fn parse(text: &str) -> Result<Self, PromptError> {
        Self::parse_as(text, Notation::Texts)
    }

    /// Reads a template in whose bracket notations the slots are those of another kind of task.
    ///
    /// # Errors
    /// As [`Template::parse`].
    pub fn parse_as(text: &str, notation: Notation) -> Result<Self, PromptError> {
        let pieces = parse::pieces(text, notation)?;
        if pieces.is_empty() {
            return Err(fault(text, "it is empty".to_owned()));
        }
        Ok(Self { pieces })
    }

    /// A template of these pieces, adjacent text merged and empty text dropped.
    ///
    /// # Errors
    /// As [`Template::parse`], where a number or a column name could not be written in a template.
    pub fn from_pieces(pieces: impl IntoIterator<Item = Piece>) -> Result<Self, PromptError> {
        let merged = Self { pieces: merge(pieces) };
        let printed = merged.to_string();
        let read = Self::parse(&printed)?;
        if read == merged {
            Ok(read)
        } else {
            Err(fault(&printed, "a column name in it cannot be written as a slot".to_owned()))
        }
    }

    /// A template of pieces that came from templates.
    pub(super) fn merged(pieces: impl IntoIterator<Item = Piece>) -> Self {
        Self { pieces: merge(pieces) }
    }

    /// The parts in order.
    pub fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// The columns that the template shows, in order, each once.
    pub fn columns(&self) -> Vec<&str> {
        let mut columns = Vec::new();
        for piece in &self.pieces {
            if let Piece::Column(name) = piece
                && !columns.contains(&name.as_str())
            {
                columns.push(name.as_str());
            }
        }
        columns
    }

    /// The number of trigger tokens over all `{trigger:N}` slots.
    pub fn n_trigger(&self) -> usize {
        self.trigger_lengths().sum()
    }

    /// The number of trigger tokens of each `{trigger:N}` slot, in order.
    pub fn trigger_lengths(&self) -> impl Iterator<Item = usize> + '_ {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Trigger(n) => Some(*n),
            _ => None,
        })
    }

    /// The number of `{mask}` slots.
    pub fn n_masks(&self) -> usize {
        self.pieces.iter().filter(|piece| matches!(piece, Piece::Mask(_))).count()
    }

    /// Whether there is a slot for the answer.
    pub fn has_mask(&self) -> bool {
        self.n_masks() > 0
    }

    /// Whether virtual tokens stand in the template.
    pub fn has_soft(&self) -> bool {
        self.pieces.iter().any(|piece| matches!(piece, Piece::Soft(_)))
    }

    /// The soft slots, in order.
    pub fn soft_slots(&self) -> impl Iterator<Item = &SoftSlot> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Soft(slot) => Some(slot),
            _ => None,
        })
    }

    /// The template with `counts[i]` virtual tokens in the i-th soft slot, whatever it said before.
    #[must_use]
    pub fn with_soft_counts(&self, counts: &[usize]) -> Self {
        let mut counts = counts.iter();
        let pieces = self.pieces.iter().map(|piece| match (piece, counts.len()) {
            (Piece::Soft(slot), 1..) => {
                let count = counts.next().copied().unwrap_or_default();
                Piece::Soft(match slot {
                    SoftSlot::Same(_) => slot.clone(),
                    _ => SoftSlot::Count(count),
                })
            }
            _ => piece.clone(),
        });
        Self { pieces: pieces.collect() }
    }

    /// The positions of its prefix; 0 where it has none.
    pub fn n_prefix(&self) -> usize {
        match self.pieces.first() {
            Some(Piece::Prefix(n)) => *n,
            _ => 0,
        }
    }

    /// The template with a prefix of `n` positions, in place of the one that it has.
    #[must_use]
    pub fn with_prefix(&self, n: usize) -> Self {
        let rest = self.pieces.iter().filter(|piece| !matches!(piece, Piece::Prefix(_))).cloned();
        Self { pieces: std::iter::once(Piece::Prefix(n)).chain(rest).collect() }
    }

    /// Whether demonstrations stand in the template.
    pub fn has_demos(&self) -> bool {
        self.pieces.contains(&Piece::Demos)
    }

    /// Checks that the model is asked for exactly one answer, and about something.
    ///
    /// # Errors
    /// If there is no `{mask}` or more than one, or no slot for the input.
    pub fn check_mask(&self) -> Result<(), PromptError> {
        let what = match self.n_masks() {
            1 if !self.columns().is_empty() => return Ok(()),
            1 => "it has no slot for the input ({text}, or another column of the data)".to_owned(),
            0 => "it has no {mask}, the slot where the model answers".to_owned(),
            n => format!(
                "it has {n} {{mask}} slots and one is allowed; a word of several tokens expands the one, or {{mask:N}} fixes its length"
            ),
        };
        Err(fault(&self.to_string(), what))
    }

    /// Checks that every column slot names one of `known`.
    ///
    /// # Errors
    /// Names the first that does not, and the columns that there are.
    pub fn check_columns(&self, known: &[String]) -> Result<(), PromptError> {
        match self.columns().into_iter().find(|column| !known.iter().any(|name| name == column)) {
            None => Ok(()),
            Some(column) => Err(PromptError::Column {
                template: excerpt(&self.to_string(), 1),
                column: column.to_owned(),
                known: known.join(", "),
            }),
        }
    }

    /// The template with `{trigger:n}` directly before `{mask}` (contract, definition 8); unchanged where it has a trigger
    /// slot of its own, no mask, or `n` is 0.
    #[must_use]
    pub fn with_trigger(&self, n: usize) -> Self {
        let mut pieces = self.pieces.clone();
        let mask = pieces.iter().position(|piece| matches!(piece, Piece::Mask(_)));
        if let Some(mask) = mask
            && n > 0
            && self.n_trigger() == 0
        {
            pieces.insert(mask, Piece::Trigger(n));
        }
        Self { pieces }
    }

    /// The template with virtual tokens at its very front, which is after the first special token (definition 8);
    /// unchanged where it has a soft slot of its own.
    #[must_use]
    pub fn with_soft(&self, slot: SoftSlot) -> Self {
        let mut pieces = self.pieces.clone();
        if !self.has_soft() {
            pieces.insert(usize::from(self.n_prefix() > 0), Piece::Soft(slot));
        }
        Self { pieces }
    }

    /// The template with `front` before all else.
    #[must_use]
    pub fn with_front(&self, front: impl IntoIterator<Item = Piece>) -> Self {
        Self::merged(front.into_iter().chain(self.pieces.iter().cloned()))
    }

    /// The template without its trigger slots.
    #[must_use]
    pub fn without_triggers(&self) -> Self {
        let kept = self.pieces.iter().filter(|piece| !matches!(piece, Piece::Trigger(_))).cloned();
        Self { pieces: merge(kept) }
    }

    /// The prompt of one example as a person reads it: `fields` parallel to `columns`, `mask` at the answer's slot and
    /// `triggers[i]` at the i-th trigger slot (its own notation where there is none); soft tokens keep their notation.
    ///
    /// # Errors
    /// If a slot names none of `columns`.
    pub fn render(
        &self,
        columns: &[String],
        fields: &[String],
        mask: &str,
        triggers: &[String],
    ) -> Result<String, PromptError> {
        self.check_columns(columns)?;
        let mut rendered = String::new();
        let mut triggers = triggers.iter();
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => rendered.push_str(text),
                Piece::Column(name) => {
                    let place = columns.iter().position(|column| column == name);
                    rendered.push_str(place.and_then(|place| fields.get(place)).map_or("", String::as_str));
                }
                Piece::Mask(n) => rendered.push_str(&vec![mask; n.unwrap_or(1)].join(" ")),
                Piece::Trigger(_) => match triggers.next() {
                    Some(text) => push_spaced(&mut rendered, text),
                    None => rendered.push_str(&piece.to_string()),
                },
                Piece::Soft(_) => rendered.push_str(&piece.to_string()),
                Piece::Demo(demonstration) => rendered.push_str(&self.demonstrated(demonstration)),
                Piece::Demos | Piece::Nearest(_) | Piece::Prefix(_) => {}
            }
        }
        Ok(rendered)
    }

    /// The template as a person reads it, with `texts[i]` in the place of the i-th soft slot.
    pub fn describe_soft(&self, texts: &[String]) -> String {
        let mut described = String::new();
        let mut texts = texts.iter();
        for piece in &self.pieces {
            match (piece, texts.len()) {
                (Piece::Soft(_), 1..) => {
                    let text = texts.next().map_or("", String::as_str);
                    push_spaced(&mut described, &Piece::Text(text.to_owned()).to_string());
                }
                _ => described.push_str(&piece.to_string()),
            }
        }
        described
    }

    /// The template as a person reads it, with `triggers[i]`, the decoded tokens, in the place of the i-th trigger slot.
    pub fn describe(&self, triggers: &[String]) -> String {
        let mut described = String::new();
        let mut triggers = triggers.iter();
        for piece in &self.pieces {
            match (piece, triggers.len()) {
                (Piece::Trigger(_), 1..) => {
                    let text = triggers.next().map_or("", String::as_str);
                    push_spaced(&mut described, &Piece::Text(text.to_owned()).to_string());
                }
                _ => described.push_str(&piece.to_string()),
            }
        }
        described
    }
}

/// Adds text that came from tokens, set off by spaces where its script has them.
fn push_spaced(target: &mut String, text: &str) {
    let spaced = |c: Option<char>| c.is_some_and(|c| !c.is_whitespace() && !is_cjk(c));
    if spaced(text.chars().next()) && spaced(target.chars().next_back()) {
        target.push(' ');
    }
    target.push_str(text);
    if spaced(text.chars().next_back()) {
        target.push(' ');
    }
}

fn is_cjk(c: char) -> bool {
    matches!(c, '\u{2E80}'..='\u{9FFF}' | '\u{AC00}'..='\u{D7AF}' | '\u{F900}'..='\u{FAFF}' | '\u{FF00}'..='\u{FFEF}' | '\u{20000}'..='\u{3FFFF}')
}

pub(super) fn merge(pieces: impl IntoIterator<Item = Piece>) -> Vec<Piece> {
    let mut merged: Vec<Piece> = Vec::new();
    for piece in pieces {
        match (piece, merged.last_mut()) {
            (Piece::Text(text), _) if text.is_empty() => {}
            (Piece::Text(text), Some(Piece::Text(last))) => last.push_str(&text),
            (piece, _) => merged.push(piece),
        }
    }
    merged
}

fn fault(template: &str, what: String) -> PromptError {
    PromptError::Template { template: excerpt(template, 1), what }
}

impl FromStr for Template {
    type Err = PromptError;

    fn from_str(text: &str) -> Result<Self, PromptError> {
        Self::parse(text)
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.pieces.iter().try_for_each(|piece| piece.fmt(f))
    }
}

impl fmt::Display for Piece {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => parse::write_text(text, f),
            Self::Column(name) => write!(f, "{{{name}}}"),
            Self::Mask(None) => f.write_str("{mask}"),
            Self::Mask(Some(n)) => write!(f, "{{mask:{n}}}"),
            Self::Trigger(n) => write!(f, "{{trigger:{n}}}"),
            Self::Soft(SoftSlot::Count(n)) => write!(f, "{{soft:{n}}}"),
            Self::Soft(SoftSlot::Same(slot)) => write!(f, "{{soft:={slot}}}"),
            Self::Soft(SoftSlot::Init(text)) => write!(f, "{{soft:{}}}", parse::quoted(text)),
            Self::Prefix(n) => write!(f, "{{prefix:{n}}}"),
            Self::Demos => f.write_str("{demos}"),
            Self::Demo(demonstration) => demonstration.fmt(f),
            Self::Nearest(nearest) => nearest.fmt(f),
        }
    }
}

impl serde::Serialize for Template {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Template {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn template(text: &str) -> Template {
        Template::parse(text).unwrap()
    }

    fn names(columns: &[&str]) -> Vec<String> {
        columns.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn a_trigger_goes_directly_before_the_mask_and_a_soft_slot_to_the_front() {
        let plain = template("{text} It was {mask}.");
        assert_eq!(plain.with_trigger(3).to_string(), "{text} It was {trigger:3}{mask}.");
        assert_eq!(plain.with_trigger(3).n_trigger(), 3);
        assert_eq!(plain.with_trigger(0), plain);
        let own = template("{trigger:2} {text} {mask}");
        assert_eq!(own.with_trigger(5), own);
        assert_eq!(plain.with_soft(SoftSlot::Count(4)).to_string(), "{soft:4}{text} It was {mask}.");
        assert_eq!(plain.with_trigger(3).without_triggers(), plain);
    }

    #[test]
    fn a_prefix_stands_at_the_front_once() {
        let plain = template("{text} It was {mask}.");
        assert_eq!((plain.n_prefix(), plain.with_prefix(20).n_prefix()), (0, 20));
        assert_eq!(plain.with_prefix(20).with_prefix(5).to_string(), "{prefix:5}{text} It was {mask}.");
        let both = plain.with_prefix(20).with_soft(SoftSlot::Count(4));
        assert_eq!(both.to_string(), "{prefix:20}{soft:4}{text} It was {mask}.");
        assert_eq!(Template::parse(&both.to_string()).unwrap(), both);
        for at_fault in ["{text} {prefix:2}{mask}", "{prefix:2}{prefix:2}{text}{mask}"] {
            let error = Template::parse(at_fault).unwrap_err().to_string();
            assert!(error.contains("{prefix:N} stands at the very front, once"), "{error}");
        }
        let error = Template::parse("{prefix}{text}{mask}").unwrap_err().to_string();
        assert!(error.contains("{prefix} needs a number, as in {prefix:20}"), "{error}");
    }

    #[test]
    fn soft_slots_are_counted_out() {
        let own = template("{soft:\"a review\"}{text}{soft:3}{mask}");
        assert_eq!(own.soft_slots().count(), 2);
        assert_eq!(own.with_soft_counts(&[2, 4]).to_string(), "{soft:2}{text}{soft:4}{mask}");
        let shared = template("{soft:2}{text}{soft:=1}{mask}");
        assert_eq!(shared.with_soft_counts(&[3, 3]).to_string(), "{soft:3}{text}{soft:=1}{mask}");
        for (text, says) in [
            ("{soft:=1}{soft:2}{text}{mask}", "{soft:=1} is of no soft slot before it with virtual tokens of its own"),
            ("{soft:2}{soft:=1}{soft:=2}{text}{mask}", "{soft:=2} is of no soft slot"),
            ("{soft:2}{soft:=x}{text}{mask}", "`x` in {soft:=x} is not a whole number"),
        ] {
            let error = Template::parse(text).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
    }

    #[test]
    fn exactly_one_mask_is_allowed() {
        assert!(template("{text} {mask:2}").check_mask().is_ok());
        assert_eq!(
            template("{text} good").check_mask().unwrap_err().to_string(),
            "template `{text} good`: it has no {mask}, the slot where the model answers"
        );
        assert_eq!(
            template("{mask} {text} {mask}").check_mask().unwrap_err().to_string(),
            "template `{mask} {text} {mask}`: it has 2 {mask} slots and one is allowed; a word of several tokens expands the one, \
             or {mask:N} fixes its length"
        );
    }

    #[test]
    fn an_unknown_column_is_named_beside_the_known_ones() {
        let template = template("{sentence} {text} {mask}");
        assert_eq!(template.columns(), ["sentence", "text"]);
        assert!(template.check_columns(&names(&["text", "sentence"])).is_ok());
        let error = template.check_columns(&names(&["text", "title"])).unwrap_err();
        assert_eq!(
            error.to_string(),
            "template `{sentence} {text} {mask}`: no column `sentence` in the data (columns: text, title; other slots: {mask}, \
             {mask:N}, {trigger:N}, {soft:N}, {demos})"
        );
    }

    #[test]
    fn a_prompt_is_rendered_for_people() {
        let template = template("{{{text}}} It was{trigger:2}{mask:2}.");
        let rendered = template.render(&names(&["text"]), &names(&["Fun"]), "[MASK]", &names(&["the so"])).unwrap();
        assert_eq!(rendered, "{Fun} It was the so [MASK] [MASK].");
        assert_eq!(template.describe(&names(&["the {so"])), "{{{text}}} It was the {{so {mask:2}.");
        assert_eq!(template.describe(&[]), template.to_string());
        let chinese = Template::parse("【x】总之{trigger:2}【z】。").unwrap();
        assert_eq!(chinese.describe(&names(&["很是"])), "{text}总之很是{mask}。");
    }

    #[test]
    fn pieces_that_cannot_be_written_are_refused() {
        assert!(Template::from_pieces([Piece::Column("a}b".to_owned())]).is_err());
        assert!(Template::from_pieces([Piece::Column("mask".to_owned())]).is_err());
        assert!(Template::from_pieces([Piece::Trigger(0)]).is_err());
        assert!(Template::from_pieces([]).is_err());
    }

    fn piece() -> impl Strategy<Value = Piece> {
        let text = prop_oneof![
            any::<String>(),
            "[{}\"\\\\ \\[\\]XxZz【】:a]{1,12}",
            Just("[X]".to_owned()),
            Just("【z】".to_owned())
        ];
        prop_oneof![
            text.clone().prop_map(Piece::Text),
            "[a-z_酒店][a-z0-9_ -]{0,6}[a-z0-9]".prop_map(Piece::Column),
            proptest::option::of(1..=MAX_MASK).prop_map(Piece::Mask),
            (1..=MAX_TRIGGER).prop_map(Piece::Trigger),
            (1..=MAX_SOFT).prop_map(|n| Piece::Soft(SoftSlot::Count(n))),
            text.prop_filter("an empty start has no tokens", |text| !text.trim().is_empty())
                .prop_map(|text| Piece::Soft(SoftSlot::Init(text))),
            Just(Piece::Demos),
        ]
    }

    proptest! {
        #[test]
        fn parsing_what_was_printed_gives_the_same_template(pieces in proptest::collection::vec(piece(), 1..12)) {
            let slots = ["mask", "trigger", "soft", "prefix", "demos"];
            prop_assume!(!pieces.iter().any(|piece| matches!(piece, Piece::Column(name) if slots.contains(&name.as_str()))));
            let merged = merge(pieces.clone());
            prop_assume!(!merged.is_empty());
            let template = Template::from_pieces(pieces).unwrap();
            prop_assert_eq!(template.pieces(), &merged[..]);
            prop_assert_eq!(&Template::parse(&template.to_string()).unwrap(), &template);
        }

        #[test]
        fn any_text_is_read_or_refused_and_what_is_read_prints_canonically(text in "[{}\"a1:\\[X\\]【x】masktrigger ]{0,40}") {
            if let Ok(template) = Template::parse(&text) {
                prop_assert_eq!(&Template::parse(&template.to_string()).unwrap(), &template);
            }
        }
    }
}
