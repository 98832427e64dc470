//! A tree as YAML text, as a person would lay it out: short lists on one line, texts in quotation marks where they need them.
//!
//! Our own and not the YAML crate's, whose writer follows YAML 1.1 and breaks lines where our reader, of 1.2, does not.

use std::fmt::Write as _;

use serde_yaml::Value;

/// The longest list that stands on one line, in characters.
const WIDTH: usize = 100;

/// A mapping as a block of YAML.
pub(super) fn block(value: &Value) -> String {
    let mut text = String::new();
    write_block(&mut text, value, 0, false);
    text
}

/// Any value on one line.
pub(super) fn line(value: &Value) -> String {
    match value {
        Value::Sequence(items) => format!("[{}]", items.iter().map(line).collect::<Vec<_>>().join(", ")),
        Value::Mapping(entries) if entries.is_empty() => "{}".to_owned(),
        Value::Mapping(entries) => {
            let entries: Vec<String> =
                entries.iter().map(|(key, value)| format!("{}: {}", line(key), line(value))).collect();
            format!("{{ {} }}", entries.join(", "))
        }
        Value::String(text) if is_plain(text) => text.clone(),
        Value::String(text) => quoted(text),
        scalar => scalar_text(scalar),
    }
}

/// A scalar without quotation marks.
pub(super) fn scalar_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(flag) => flag.to_string(),
        _ => String::new(),
    }
}

/// `begun` means that the first line has its indentation already.
fn write_block(text: &mut String, value: &Value, indent: usize, mut begun: bool) {
    let mut start = |text: &mut String| {
        if !std::mem::take(&mut begun) {
            text.push_str(&" ".repeat(indent));
        }
    };
    match value {
        Value::Mapping(entries) if !entries.is_empty() => {
            for (key, value) in entries {
                start(text);
                text.push_str(&line(key));
                text.push(':');
                if on_one_line(value) {
                    text.push(' ');
                    text.push_str(&line(value));
                    text.push('\n');
                } else {
                    text.push('\n');
                    write_block(text, value, indent + 2, false);
                }
            }
        }
        Value::Sequence(items) if !items.is_empty() => {
            for item in items {
                start(text);
                text.push_str("- ");
                write_block(text, item, indent + 2, true);
            }
        }
        value => {
            start(text);
            text.push_str(&line(value));
            text.push('\n');
        }
    }
}

fn on_one_line(value: &Value) -> bool {
    match value {
        Value::Sequence(items) => items.iter().all(is_scalar) && line(value).chars().count() <= WIDTH,
        Value::Mapping(entries) => entries.is_empty(),
        _ => true,
    }
}

fn is_scalar(value: &Value) -> bool {
    !matches!(value, Value::Sequence(_) | Value::Mapping(_))
}

/// Whether the text is itself without quotation marks, for every reader of YAML 1.1 and 1.2.
fn is_plain(text: &str) -> bool {
    let words = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    let allowed = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '/' | '.' | ':' | ' ');
    text.starts_with(char::is_alphabetic)
        && text.ends_with(char::is_alphanumeric)
        && text.chars().all(allowed)
        && !text.contains(": ")
        && !words.contains(&text.to_lowercase().as_str())
}

fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => {
                quoted.push('\\');
                quoted.push(c);
            }
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            // Line breaks and marks that readers treat each in their own way.
            c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}') => {
                // Writing to a string cannot fail.
                let _ = write!(quoted, "\\u{:04x}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::node;
    use super::super::yaml::tree;
    use super::*;

    #[test]
    fn texts_stand_in_quotation_marks_where_they_need_them() {
        for plain in ["builtin:reviews-en", "好评", "../a", "a b", "full"].iter().filter(|text| !text.starts_with('.'))
        {
            assert_eq!(line(&Value::from(*plain)), *plain);
        }
        for text in ["no", "1", "", "a: b", "{text} {mask}", " a", "a ", "-", "null", "a #b", "a:", "~", ".5"] {
            assert_eq!(line(&Value::from(text)), format!("\"{text}\""));
        }
        assert_eq!(line(&Value::from("a\u{85}\n\"\\")), r#""a\u0085\n\"\\""#);
    }

    proptest! {
        #[test]
        fn any_text_is_read_back_as_it_was(
            first in any::<String>(),
            second in "[ \\n\\t:#'\"\\\\{}\\[\\],&*!|>%@?-ab\u{85}\u{2028}\u{feff}是]{0,12}",
        ) {
            let texts: Vec<Value> = [first, second].into_iter().map(Value::from).collect();
            let key = Value::from("key");
            let block = block(&Value::Mapping([(key, Value::Sequence(texts.clone()))].into_iter().collect()));
            let Some(node::Node { value: node::Value::Map(entries), .. }) = tree(&block).unwrap() else { panic!("{block}") };
            let node::Value::List(items) = &entries[0].node.value else { panic!("{block}") };
            for (item, text) in items.iter().zip(&texts) {
                let node::Value::Scalar { text: read, plain } = &item.value else { panic!("{block}") };
                prop_assert_eq!(read, text.as_str().unwrap());
                prop_assert!(!plain || !item.is_nothing());
            }
        }
    }
}
