//! Conversations as the text that a model was trained to see.
//!
//! A checkpoint brings a Jinja template (`chat_template`); transformers renders it with Jinja2 in a sandbox, and so do we with
//! minijinja: Python's methods on texts, lists and maps, `tojson` without HTML's escapes, `raise_exception`, and, where the
//! caller gives a time, `strftime_now`. Reference:
//! <https://github.com/huggingface/transformers/blob/v5.23.0/src/transformers/utils/chat_template_utils.py>.
//!
//! # Decisions
//!
//! - 2026-11: a template is a stranger's program. It can name no file and no other template, and stops after a fixed amount of
//!   work, which bounds its time and memory alike.
//! - 2026-11: no clock of its own. Where no time is given, `strftime_now` is not defined, and templates that ask whether it is
//!   fall back on their fixed date, so that the same conversation is the same text tomorrow.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Kwargs, ValueKind};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, Value, context};
use minijinja_contrib::pycompat::unknown_method_callback;

use crate::model::{ModelError, Tokenizer};

/// Steps, or 64 bytes each, that a template may spend. The longest published templates spend some thousands.
const FUEL: u64 = 1_000_000;

/// One turn of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChatMessage {
    /// Who speaks: `system`, `user`, `assistant`, or what else the template knows.
    pub role: String,
    /// What is said.
    pub content: String,
}

impl ChatMessage {
    /// A turn.
    pub fn new(role: impl Into<String>, content: impl Into<String>) -> Self {
        Self { role: role.into(), content: content.into() }
    }
}

/// What a template is told beside the conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChatOptions {
    /// Whether the text ends where the model's answer begins.
    pub add_generation_prompt: bool,
    /// What `strftime_now` tells, in UTC.
    pub now: Option<SystemTime>,
}

impl Default for ChatOptions {
    fn default() -> Self {
        Self { add_generation_prompt: true, now: None }
    }
}

/// Renders a conversation by the tokenizer's own template. The text holds special tokens, and is what
/// [`Tokenizer::encode_chat`] takes.
///
/// # Errors
/// If there is no template, it is damaged, refuses this conversation, or does not come to an end.
pub fn render_chat(
    tokenizer: &Tokenizer,
    messages: &[ChatMessage],
    options: ChatOptions,
) -> Result<String, ModelError> {
    let fault = |what: String| ModelError::Tokenizer { file: tokenizer.file().to_owned(), what };
    let template = tokenizer
        .chat_template()
        .ok_or_else(|| fault("has no `chat_template`, so the model knows no conversations".into()))?;
    let tokens = SpecialTokens {
        bos: tokenizer.bos_token(),
        eos: tokenizer.eos_token(),
        pad: tokenizer.pad_token(),
        unk: tokenizer.unk_token(),
    };
    render(template, messages, tokens, options).map_err(|error| fault(explain(&error)))
}

/// The texts of the tokens that templates write by their parts.
#[derive(Debug, Clone, Copy, Default)]
struct SpecialTokens<'a> {
    bos: Option<&'a str>,
    eos: Option<&'a str>,
    pad: Option<&'a str>,
    unk: Option<&'a str>,
}

fn render(
    template: &str,
    messages: &[ChatMessage],
    tokens: SpecialTokens,
    options: ChatOptions,
) -> Result<String, Error> {
    let template = without_generation_marks(template);
    let mut jinja = Environment::new();
    jinja.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
    jinja.set_auto_escape_callback(|_| AutoEscape::None);
    jinja.set_unknown_method_callback(unknown_method_callback);
    jinja.set_fuel(Some(FUEL));
    jinja.add_filter("tojson", to_json);
    jinja.add_function("raise_exception", |what: String| -> Result<Value, Error> {
        Err(Error::new(ErrorKind::InvalidOperation, format!("{REFUSAL}{what}")))
    });
    if let Some(now) = options.now {
        jinja.add_function("strftime_now", move |format: String| strftime(&format, now));
    }
    let messages: Vec<Value> = messages
        .iter()
        .map(|message| context! { role => message.role.as_str(), content => message.content.as_str() })
        .collect();
    let given = context! {
        messages,
        add_generation_prompt => options.add_generation_prompt,
        tools => Value::from(()),
        documents => Value::from(()),
    };
    // A part that the model does not have is not defined, which templates ask.
    let named =
        [("bos_token", tokens.bos), ("eos_token", tokens.eos), ("pad_token", tokens.pad), ("unk_token", tokens.unk)];
    let tokens: BTreeMap<&str, Value> =
        named.into_iter().filter_map(|(name, text)| text.map(|text| (name, Value::from(text)))).collect();
    let tokens = Value::from(tokens);
    jinja.render_named_str("chat_template", &template, context! { ..given, ..tokens })
}

/// How a refusal of the template's own is told from a fault in it.
const REFUSAL: &str = "raise_exception: ";

/// What is wrong, in one line.
fn explain(error: &Error) -> String {
    let detail = error.detail().unwrap_or_default();
    let line = error.line().map_or_else(String::new, |line| format!(", line {line}"));
    match error.kind() {
        _ if detail.starts_with(REFUSAL) => {
            let what = detail[REFUSAL.len()..].trim().replace('\n', " ");
            format!("its chat template refuses this conversation: {what}")
        }
        ErrorKind::OutOfFuel => format!("its chat template{line} does more work than any honest one (it was stopped)"),
        kind => {
            let detail = if detail.is_empty() { kind.to_string() } else { format!("{kind}: {detail}") };
            format!("its chat template{line} cannot be rendered: {}", detail.replace('\n', " "))
        }
    }
}

/// `{% generation %}` marks what the model says, for training; here it is a block like any other.
fn without_generation_marks(template: &str) -> String {
    let mut out = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(place) = rest.find("{%") {
        let (before, tag) = rest.split_at(place + 2);
        out.push_str(before);
        rest = tag;
        let Some(end) = tag.find("%}") else { break };
        let inside = &tag[..end];
        let word = inside.trim_matches(|c: char| c.is_whitespace() || c == '-' || c == '+');
        let instead = match word {
            "generation" => "if true",
            "endgeneration" => "endif",
            _ => continue,
        };
        out.push_str(&inside.replacen(word, instead, 1));
        rest = &tag[end..];
    }
    out.push_str(rest);
    out
}

/// `json.dumps` with `ensure_ascii=False`: nothing of HTML is escaped.
fn to_json(value: &Value, options: Kwargs) -> Result<Value, Error> {
    let indent: Option<usize> = options.get("indent")?;
    let sort_keys: Option<bool> = options.get("sort_keys")?;
    let _: Option<bool> = options.get("ensure_ascii")?;
    options.assert_all_used()?;
    let mut out = String::new();
    JsonWriter { indent, sort_keys: sort_keys.unwrap_or(false) }.write(value, 0, &mut out)?;
    Ok(Value::from(out))
}

struct JsonWriter {
    indent: Option<usize>,
    sort_keys: bool,
}

impl JsonWriter {
    /// Deeper than any value that a template makes; a map within itself cannot be made.
    const DEEPEST: usize = 64;

    fn write(&self, value: &Value, depth: usize, out: &mut String) -> Result<(), Error> {
        if depth > Self::DEEPEST {
            return Err(Error::new(ErrorKind::InvalidOperation, "`tojson` of a value nested too deep"));
        }
        match value.kind() {
            ValueKind::Undefined | ValueKind::None => out.push_str("null"),
            ValueKind::Bool => out.push_str(if value.is_true() { "true" } else { "false" }),
            ValueKind::Number => out.push_str(&value.to_string()),
            ValueKind::String => write_text(value.as_str().unwrap_or_default(), out),
            ValueKind::Seq | ValueKind::Iterable => {
                let items: Vec<Value> = value.try_iter()?.collect();
                self.write_all(['[', ']'], items.len(), depth, out, |n, out| self.write(&items[n], depth + 1, out))?;
            }
            ValueKind::Map => {
                let mut keys: Vec<Value> = value.try_iter()?.collect();
                if self.sort_keys {
                    keys.sort();
                }
                self.write_all(['{', '}'], keys.len(), depth, out, |n, out| {
                    write_text(&keys[n].to_string(), out);
                    out.push_str(": ");
                    self.write(&value.get_item(&keys[n])?, depth + 1, out)
                })?;
            }
            other => {
                return Err(Error::new(ErrorKind::InvalidOperation, format!("`tojson` of {other}")));
            }
        }
        Ok(())
    }

    fn write_all(
        &self,
        [open, close]: [char; 2],
        count: usize,
        depth: usize,
        out: &mut String,
        write: impl Fn(usize, &mut String) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let line = |depth: usize, out: &mut String| {
            if let Some(indent) = self.indent.filter(|_| count > 0) {
                out.push('\n');
                out.extend(std::iter::repeat_n(' ', indent * depth));
            }
        };
        out.push(open);
        for n in 0..count {
            if n > 0 {
                out.push_str(if self.indent.is_some() { "," } else { ", " });
            }
            line(depth + 1, out);
            write(n, out)?;
        }
        line(depth, out);
        out.push(close);
        Ok(())
    }
}

fn write_text(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            c if c < ' ' => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// The parts of C's `strftime` that templates use, in English and UTC.
fn strftime(format: &str, now: SystemTime) -> Result<String, Error> {
    let seconds = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = date(days);
    // 1 January 1970 was a Thursday.
    let weekday = DAYS[(days as usize + 3) % 7];
    let month_name = MONTHS[month as usize - 1];
    let mut out = String::new();
    let mut rest = format.chars();
    while let Some(c) = rest.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        match rest.next() {
            Some('Y') => out.push_str(&year.to_string()),
            Some('y') => out.push_str(&format!("{:02}", year % 100)),
            Some('m') => out.push_str(&format!("{month:02}")),
            Some('d') => out.push_str(&format!("{day:02}")),
            Some('e') => out.push_str(&format!("{day:2}")),
            Some('B') => out.push_str(month_name),
            Some('b' | 'h') => out.push_str(&month_name[..3]),
            Some('A') => out.push_str(weekday),
            Some('a') => out.push_str(&weekday[..3]),
            Some('H') => out.push_str(&format!("{:02}", second / 3600)),
            Some('M') => out.push_str(&format!("{:02}", second / 60 % 60)),
            Some('S') => out.push_str(&format!("{:02}", second % 60)),
            Some('F') => out.push_str(&format!("{year}-{month:02}-{day:02}")),
            Some('T') => out.push_str(&format!("{:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60)),
            Some('%') => out.push('%'),
            other => {
                let other = other.map_or_else(String::new, String::from);
                let what = format!("`strftime_now` of %{other} (known: Y, y, m, d, e, B, b, A, a, H, M, S, F, T)");
                return Err(Error::new(ErrorKind::InvalidOperation, what));
            }
        }
    }
    Ok(out)
}

/// Year, month and day of a day counted from 1 January 1970 in the Gregorian calendar, by years that begin in March.
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn said(template: &str) -> Result<String, String> {
        let messages = [ChatMessage::new("user", "Hi <b>\"you\"</b>"), ChatMessage::new("assistant", "好\n")];
        let tokens = SpecialTokens { bos: Some("<s>"), ..SpecialTokens::default() };
        render(template, &messages, tokens, ChatOptions::default()).map_err(|error| explain(&error))
    }

    #[test]
    fn conversations_become_the_reference_s_texts() {
        let file: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/fixtures/gguf/chat.json")).unwrap();
        let rendered = file["rendered"].as_array().unwrap();
        assert_eq!(rendered.len(), 56);
        for case in rendered {
            let template = file["templates"][case[0].as_str().unwrap()].as_str().unwrap();
            let turns = case[1].as_array().unwrap().iter();
            let messages: Vec<ChatMessage> =
                turns.map(|turn| ChatMessage::new(turn[0].as_str().unwrap(), turn[1].as_str().unwrap())).collect();
            let options = ChatOptions { add_generation_prompt: case[2].as_bool().unwrap(), now: None };
            let tokens = SpecialTokens { bos: Some("<bos>"), eos: Some("<eos>"), ..SpecialTokens::default() };
            match (render(template, &messages, tokens, options), case[3].as_str()) {
                (Ok(text), expected) => assert_eq!(Some(text.as_str()), expected, "{case}"),
                (Err(error), None) => {
                    let message = explain(&error);
                    assert_eq!(
                        message.strip_prefix("its chat template refuses this conversation: "),
                        case[4].as_str(),
                        "{message}"
                    );
                }
                (Err(error), Some(_)) => panic!("{case}: {}", explain(&error)),
            }
        }
    }

    #[test]
    fn json_is_that_of_python_and_html_stays_as_it_is() {
        assert_eq!(
            said("{{ messages[0] | tojson }}{{ [1, 2.5, true, none, '好\n'] | tojson }}").unwrap(),
            r#"{"role": "user", "content": "Hi <b>\"you\"</b>"}[1, 2.5, true, null, "好\n"]"#
        );
        assert_eq!(
            said("{{ {'a': [1], 'b': {}} | tojson(indent=2) }}").unwrap(),
            "{\n  \"a\": [\n    1\n  ],\n  \"b\": {}\n}"
        );
    }

    #[test]
    fn methods_of_python_and_loop_controls_work() {
        let template = "{% for m in messages %}{% if m.role == 'user' %}{% continue %}{% endif %}{{ m['content'].strip() + m.get('x', '!') }}{% endfor %}";
        assert_eq!(said(template).unwrap(), "好!");
        assert_eq!(
            said("{{ 'a,b'.split(',')[1] }}{{ ' x '.lstrip() }}{{ 'abc'.startswith('ab') }}").unwrap(),
            "bx True"
        );
    }

    #[test]
    fn blocks_take_their_line_with_them() {
        assert_eq!(said("a\n  {% if true %}\nb\n  {% endif %}\nc\n").unwrap(), "a\nb\nc");
        assert_eq!(said("{% generation %}\nb{%- endgeneration %}\nc").unwrap(), "bc");
    }

    #[test]
    fn a_part_that_the_model_lacks_is_not_defined() {
        assert_eq!(
            said("{{ bos_token }}{% if eos_token is not defined %}-{% endif %}{{ unk_token }}").unwrap(),
            "<s>-"
        );
        assert_eq!(said("{{ strftime_now is defined }}").unwrap(), "False");
    }

    #[test]
    fn a_template_says_why_it_refuses() {
        assert_eq!(
            said("{{ raise_exception('roles must alternate') }}").unwrap_err(),
            "its chat template refuses this conversation: roles must alternate"
        );
    }

    #[test]
    fn damaged_and_endless_templates_end_in_a_line() {
        let message = said("a\n{% if %}").unwrap_err();
        assert!(message.starts_with("its chat template, line 2 cannot be rendered: syntax error"), "{message}");
        let message = said("{{ messages.x.y }}").unwrap_err();
        assert!(message.contains("undefined value"), "{message}");
        let endless = "{% for a in range(9999) %}{% for b in range(9999) %}{% for c in range(9999) %}{% endfor %}{% endfor %}{% endfor %}";
        let large =
            "{% set ns = namespace(x='aaaaaaaa') %}{% for a in range(999) %}{% set ns.x = ns.x + ns.x %}{% endfor %}";
        for template in [endless, large, "{{ 'x' * 10000000000 }}"] {
            let message = said(template).unwrap_err();
            assert!(message.contains("(it was stopped)") && !message.contains('\n'), "{message}");
        }
    }

    #[test]
    fn no_other_file_can_be_named() {
        for template in ["{% include '/etc/passwd' %}", "{% import 'x' as x %}", "{% extends 'x' %}"] {
            let message = said(template).unwrap_err();
            assert!(message.contains("template not found") || message.contains("does not exist"), "{message}");
        }
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        let at = |seconds: u64| UNIX_EPOCH + Duration::from_secs(seconds);
        assert_eq!(strftime("%d %b %Y", at(1_721_952_000)).unwrap(), "26 Jul 2024");
        assert_eq!(strftime("%A, %B %e %H:%M:%S %%", at(951_782_399)).unwrap(), "Monday, February 28 23:59:59 %");
        assert_eq!(strftime("%F", at(951_782_400)).unwrap(), "2000-02-29");
        assert_eq!(strftime("%F", at(0)).unwrap(), "1970-01-01");
        assert!(strftime("%Q", at(0)).unwrap_err().to_string().contains("%Q"));
    }
}
