//! The grammar of a template: text, `{slot}`, `{slot:argument}`, `{"literal"}`, doubled braces, and the bracket notations.

use std::fmt::{self, Write as _};

use super::demonstration::{Demonstration, Nearest, Representation};
use super::error::{PromptError, excerpt};
use super::template::{
    MAX_CHARACTERS, MAX_DEMONSTRATIONS, MAX_MASK, MAX_PREFIX, MAX_SOFT, MAX_TRIGGER, Piece, SoftSlot, merge,
};

/// The notations of LAMA and of Chinese papers, and the slot that each stands for.
const NOTATIONS: [(&str, &str); 4] = [("【x】", "text"), ("[X]", "text"), ("【z】", "mask"), ("[Z]", "mask")];

/// The same where the task is one of facts: `[X]` is the subject, and LAMA's `[Y]` the object.
const OF_FACTS: [(&str, &str); 12] = [
    ("【x】", "subject"),
    ("【X】", "subject"),
    ("[x]", "subject"),
    ("[X]", "subject"),
    ("【y】", "mask"),
    ("【Y】", "mask"),
    ("[y]", "mask"),
    ("[Y]", "mask"),
    ("【z】", "mask"),
    ("【Z】", "mask"),
    ("[z]", "mask"),
    ("[Z]", "mask"),
];

/// Which bracket notations are slots.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Notation {
    /// `【x】` and `[X]` for the text, `【z】` and `[Z]` for the mask.
    #[default]
    Texts,
    /// These for the subject and the mask, in either case, and `[Y]` for the mask, as LAMA, LPAQA and ParaRel write it.
    Facts,
}

impl Notation {
    fn slots(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Texts => &NOTATIONS,
            Self::Facts => &OF_FACTS,
        }
    }
}

/// Reads the parts of a template: one pass, no recursion, so that no input is too deep.
pub(super) fn pieces(text: &str, notation: Notation) -> Result<Vec<Piece>, PromptError> {
    let length = text.chars().count();
    if length > MAX_CHARACTERS {
        let what = format!("it has {length} characters and at most {MAX_CHARACTERS} are read");
        return Err(PromptError::Template { template: excerpt(text, 1), what });
    }
    let mut reader = Reader { text, notation, chars: text.chars().collect(), at: 0 };
    let mut pieces = Vec::new();
    while let Some(c) = reader.peek(0) {
        if let Some(slot) = reader.notation() {
            pieces.push(slot);
            continue;
        }
        reader.at += 1;
        match (c, reader.peek(0)) {
            ('{', Some('{')) | ('}', Some('}')) => {
                reader.at += 1;
                pieces.push(Piece::Text(c.to_string()));
            }
            ('{', _) => {
                let open = reader.at;
                let slot = reader.slot()?;
                if let Piece::Soft(SoftSlot::Same(number)) = slot {
                    let mut slots = pieces.iter().filter(|piece| matches!(piece, Piece::Soft(_)));
                    if !matches!(slots.nth(number - 1), Some(Piece::Soft(SoftSlot::Count(_) | SoftSlot::Init(_)))) {
                        let what = format!("{slot} is of no soft slot before it with virtual tokens of its own");
                        return Err(reader.fault(open, what));
                    }
                }
                if matches!(slot, Piece::Prefix(_)) && !pieces.is_empty() {
                    return Err(reader.fault(open, "{prefix:N} stands at the very front, once"));
                }
                pieces.push(slot);
            }
            ('}', _) => {
                return Err(
                    reader.fault(reader.at, "a closing brace without an opening one (a literal brace is written }})")
                );
            }
            _ => pieces.push(Piece::Text(c.to_string())),
        }
    }
    Ok(merge(pieces))
}

struct Reader<'a> {
    text: &'a str,
    notation: Notation,
    chars: Vec<char>,
    at: usize,
}

impl Reader<'_> {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    /// `at` counts characters from 1.
    fn fault(&self, at: usize, what: impl Into<String>) -> PromptError {
        PromptError::Syntax { template: excerpt(self.text, at), at, what: what.into() }
    }

    fn notation(&mut self) -> Option<Piece> {
        let (_, slot) = (self.notation.slots().iter())
            .find(|(notation, _)| notation.chars().enumerate().all(|(ahead, c)| self.peek(ahead) == Some(c)))?;
        // Every notation has three characters.
        self.at += 3;
        Some(match *slot {
            "mask" => Piece::Mask(None),
            column => Piece::Column(column.to_owned()),
        })
    }

    /// A slot, from behind its opening brace to behind its closing one.
    fn slot(&mut self) -> Result<Piece, PromptError> {
        let open = self.at;
        if "demo:\"".chars().enumerate().all(|(ahead, c)| self.peek(ahead) == Some(c)) {
            return self.demonstration(open);
        }
        let mut name = String::new();
        let mut argument: Option<String> = None;
        let mut literal: Option<String> = None;
        loop {
            let place = self.at + 1;
            let Some(c) = self.peek(0) else {
                return Err(self.fault(open, "a brace that is not closed (a literal brace is written {{)"));
            };
            self.at += 1;
            match c {
                '}' => break,
                '{' => return Err(self.fault(place, "a brace inside a slot; slots cannot be nested")),
                '"' => {
                    let before = argument.as_deref().unwrap_or(&name);
                    if literal.is_some() || !before.trim().is_empty() {
                        return Err(self.fault(place, "a quotation mark inside a slot's name"));
                    }
                    literal = Some(self.literal(place)?);
                }
                c if c.is_control() => return Err(self.fault(place, "a control character inside a slot")),
                c if literal.is_some() && !c.is_whitespace() => {
                    return Err(self.fault(place, "text behind a slot's closing quotation mark"));
                }
                ':' if argument.is_none() => argument = Some(String::new()),
                c => argument.as_mut().unwrap_or(&mut name).push(c),
            }
        }
        self.piece(open, name.trim(), argument.as_deref().map(str::trim), literal)
    }

    /// A demonstration, from its name to behind its closing brace.
    fn demonstration(&mut self, open: usize) -> Result<Piece, PromptError> {
        self.at += "demo:".len();
        let mut read = Demonstration { word: self.quoted()?, fields: Vec::new(), end: String::new() };
        loop {
            let place = self.at + 1;
            let c = self.peek(0);
            self.at += 1;
            match c {
                Some('}') => return Ok(Piece::Demo(read)),
                Some(',') => {
                    let column = self.quoted()?;
                    if self.peek(0) != Some('=') {
                        return Err(self.fault(self.at + 1, "a demonstration's column without `=` and its text"));
                    }
                    self.at += 1;
                    read.fields.push((column, self.quoted()?));
                }
                Some(';') if read.end.is_empty() => read.end = self.quoted()?,
                Some(_) => {
                    let what = "a demonstration is written {demo:\"word\",\"column\"=\"text\"}";
                    return Err(self.fault(place, what));
                }
                None => return Err(self.fault(open, "a brace that is not closed (a literal brace is written {{)")),
            }
        }
    }

    /// A quoted text that stands here.
    fn quoted(&mut self) -> Result<String, PromptError> {
        let open = self.at + 1;
        if self.peek(0) != Some('"') {
            return Err(self.fault(open, "a quotation mark is expected in a demonstration"));
        }
        self.at += 1;
        self.literal(open)
    }

    /// The rest of a quoted text that was opened at `open`.
    fn literal(&mut self, open: usize) -> Result<String, PromptError> {
        let mut text = String::new();
        loop {
            match (self.peek(0), self.peek(1)) {
                (Some('\\'), Some(c @ ('"' | '\\'))) => {
                    text.push(c);
                    self.at += 2;
                }
                (Some('"'), _) => {
                    self.at += 1;
                    return Ok(text);
                }
                (Some(c), _) => {
                    text.push(c);
                    self.at += 1;
                }
                (None, _) => return Err(self.fault(open, "a quotation mark that is not closed")),
            }
        }
    }

    fn piece(
        &self,
        open: usize,
        name: &str,
        argument: Option<&str>,
        literal: Option<String>,
    ) -> Result<Piece, PromptError> {
        let number = |slot: &str, most: usize, text: &str| match text.parse::<usize>() {
            Ok(n) if (1..=most).contains(&n) => Ok(n),
            Ok(_) => Err(self.fault(open, format!("{{{slot}:{text}}} is not allowed (1 to {most})"))),
            Err(_) => {
                let text = excerpt(text, 1);
                Err(self.fault(open, format!("`{text}` in {{{slot}:{text}}} is not a whole number (1 to {most})")))
            }
        };
        match (name, argument, literal) {
            ("", None, None) => Err(self.fault(
                open,
                "an empty slot (slots: {text} or another column, {mask}, {mask:N}, {trigger:N}, {soft:N}, {demos})",
            )),
            ("", None, Some(text)) => Ok(Piece::Text(text)),
            ("mask", None, None) => Ok(Piece::Mask(None)),
            ("mask", Some(text), None) => Ok(Piece::Mask(Some(number("mask", MAX_MASK, text)?))),
            ("trigger", Some(text), None) => Ok(Piece::Trigger(number("trigger", MAX_TRIGGER, text)?)),
            ("trigger", None, None) => Err(self.fault(open, "{trigger} needs a number, as in {trigger:3}")),
            ("prefix", Some(text), None) => Ok(Piece::Prefix(number("prefix", MAX_PREFIX, text)?)),
            ("prefix", None, None) => Err(self.fault(open, "{prefix} needs a number, as in {prefix:20}")),
            ("soft", Some(""), Some(text)) if text.trim().is_empty() => {
                Err(self.fault(open, "the text that {soft:\"...\"} starts from is empty"))
            }
            ("soft", Some(""), Some(text)) => Ok(Piece::Soft(SoftSlot::Init(text))),
            ("soft", Some(text), None) if text.starts_with('=') => {
                let slot = text[1..].trim();
                match slot.parse::<usize>() {
                    Ok(n) if n > 0 => Ok(Piece::Soft(SoftSlot::Same(n))),
                    _ => Err(self.fault(
                        open,
                        format!(
                            "`{}` in {{soft:={}}} is not a whole number from 1",
                            excerpt(slot, 1),
                            excerpt(slot, 1)
                        ),
                    )),
                }
            }
            ("soft", Some(text), None) => Ok(Piece::Soft(SoftSlot::Count(number("soft", MAX_SOFT, text)?))),
            ("soft", None, None) => {
                Err(self.fault(open, "{soft} needs a number or a text, as in {soft:20} or {soft:\"a review\"}"))
            }
            ("demos", None, None) => Ok(Piece::Demos),
            ("nearest", Some(text), None) => {
                let words: Vec<&str> = text.split_whitespace().collect();
                let (count, order, of) = match words.as_slice() {
                    [count, order @ ("first" | "last"), of] => (*count, *order, *of),
                    _ => {
                        return Err(
                            self.fault(open, "{nearest} is written {nearest:4 last mean} (first, last; mean, mask)")
                        );
                    }
                };
                let Some(representation) = Representation::ALL.into_iter().find(|known| known.name() == of) else {
                    let of = excerpt(of, 1);
                    return Err(self.fault(open, format!("`{of}` in {{nearest:{text}}} is not known (mean, mask)")));
                };
                let k = number("nearest", MAX_DEMONSTRATIONS, count)?;
                Ok(Piece::Nearest(Nearest { k, first: order == "first", representation }))
            }
            (name, None, None) => Ok(Piece::Column(name.to_owned())),
            (name, _, _) => {
                let name = excerpt(name, 1);
                Err(self.fault(open, format!("`{name}` takes no argument (slots with one: {{mask:N}}, {{trigger:N}}, {{soft:N}}, {{soft:\"init text\"}})")))
            }
        }
    }
}

/// Writes text so that it is read as text again, in whichever notation.
pub(super) fn write_text(text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if let Some((notation, _)) = OF_FACTS.iter().find(|(notation, _)| rest.starts_with(notation)) {
            write!(f, "{{{}}}", quoted(notation))?;
            rest = &rest[notation.len()..];
            continue;
        }
        f.write_char(c)?;
        if matches!(c, '{' | '}') {
            f.write_char(c)?;
        }
        rest = &rest[c.len_utf8()..];
    }
    Ok(())
}

/// `text` between quotation marks.
pub(super) fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::super::Template;
    use super::*;

    fn read(text: &str) -> Vec<Piece> {
        pieces(text, Notation::Texts).unwrap()
    }

    fn column(name: &str) -> Piece {
        Piece::Column(name.to_owned())
    }

    fn text(text: &str) -> Piece {
        Piece::Text(text.to_owned())
    }

    #[test]
    fn slots_are_read_with_their_arguments() {
        assert_eq!(
            read("{text_a}? {mask:2}, {trigger:3}{soft:20}{soft:\"a \\\"} b\"}{demos} {{x}} {\"[X]\"}"),
            [
                column("text_a"),
                text("? "),
                Piece::Mask(Some(2)),
                text(", "),
                Piece::Trigger(3),
                Piece::Soft(SoftSlot::Count(20)),
                Piece::Soft(SoftSlot::Init("a \"} b".to_owned())),
                Piece::Demos,
                text(" {x} [X]"),
            ]
        );
    }

    #[test]
    fn the_bracket_notations_are_slots_only_when_exactly_so() {
        assert_eq!(read("【x】是【z】"), [column("text"), text("是"), Piece::Mask(None)]);
        assert_eq!(read("[X] is [Z]"), [column("text"), text(" is "), Piece::Mask(None)]);
        assert_eq!(read("[x] [ X] [Y] 【 x】"), [text("[x] [ X] [Y] 【 x】")]);
    }

    #[test]
    fn templates_of_facts_are_read_as_lama_and_the_seed_write_them() {
        let of_facts = |text: &str| pieces(text, Notation::Facts).unwrap();
        let expected = [column("subject"), text(" is developed by "), Piece::Mask(None), text(" .")];
        for written in ["[X] is developed by [Y] .", "{subject} is developed by {mask} .", "[x] is developed by [z] ."]
        {
            assert_eq!(of_facts(written), expected);
        }
        let expected = [column("subject"), text(" 是 "), Piece::Mask(None), text(" 研发的")];
        for written in ["[x] 是 [z] 研发的", "【x】 是 【z】 研发的", "【X】 是 【Y】 研发的"] {
            assert_eq!(of_facts(written), expected);
        }
        // What is text in one notation is written so that it is text in the other.
        let template = Template::parse_as("[X] {\"[y]\"} {mask}", Notation::Facts).unwrap();
        assert_eq!(template.to_string(), "{subject} {\"[y]\"} {mask}");
        for notation in [Notation::Texts, Notation::Facts] {
            assert_eq!(Template::parse_as(&template.to_string(), notation).unwrap(), template);
        }
    }

    #[test]
    fn every_fault_says_where_and_what_is_allowed() {
        let message = |text: &str| Template::parse(text).unwrap_err().to_string();
        assert_eq!(
            message("{text} was {mask"),
            "template `{text} was {mask`, character 12: a brace that is not closed (a literal brace is written {{)"
        );
        assert_eq!(
            message("很好} {mask}"),
            "template `很好} {mask}`, character 3: a closing brace without an opening one (a literal brace is written }})"
        );
        assert_eq!(
            message("{} {mask}"),
            "template `{} {mask}`, character 1: an empty slot (slots: {text} or another column, {mask}, {mask:N}, {trigger:N}, \
             {soft:N}, {demos})"
        );
        assert_eq!(
            message("a {text{mask}}"),
            "template `a {text{mask}}`, character 8: a brace inside a slot; slots cannot be nested"
        );
        assert_eq!(message("{mask:0}"), "template `{mask:0}`, character 1: {mask:0} is not allowed (1 to 16)");
        assert_eq!(message("{trigger:0}"), "template `{trigger:0}`, character 1: {trigger:0} is not allowed (1 to 50)");
        assert_eq!(
            message("{trigger:three}"),
            "template `{trigger:three}`, character 1: `three` in {trigger:three} is not a whole number (1 to 50)"
        );
        assert_eq!(
            message("{trigger}"),
            "template `{trigger}`, character 1: {trigger} needs a number, as in {trigger:3}"
        );
        assert_eq!(
            message("{triggers:3}"),
            "template `{triggers:3}`, character 1: `triggers` takes no argument (slots with one: {mask:N}, {trigger:N}, {soft:N}, \
             {soft:\"init text\"})"
        );
        assert_eq!(message("{soft:\"a}"), "template `{soft:\"a}`, character 7: a quotation mark that is not closed");
        assert_eq!(message(""), "template ``: it is empty");
    }

    #[test]
    fn hundreds_of_thousands_of_braces_are_one_short_error() {
        for text in ["{".repeat(300_000), "{".repeat(9_999), "}".repeat(9_999), "{a".repeat(5_000), "{\"".repeat(5_000)]
        {
            let message = Template::parse(&text).unwrap_err().to_string();
            assert!(message.len() < 250, "{message}");
        }
    }
}
