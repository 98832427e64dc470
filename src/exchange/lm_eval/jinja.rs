//! Text as a Jinja template says it.

/// Words that mean something else in an expression of Jinja, or in a call that renders one.
const RESERVED: [&str; 40] = [
    "and",
    "as",
    "block",
    "call",
    "caller",
    "context",
    "cycler",
    "dict",
    "do",
    "elif",
    "else",
    "extends",
    "false",
    "filter",
    "for",
    "from",
    "gold",
    "if",
    "import",
    "in",
    "include",
    "is",
    "joiner",
    "kwargs",
    "label",
    "lipsum",
    "loop",
    "macro",
    "namespace",
    "none",
    "not",
    "or",
    "range",
    "recursive",
    "self",
    "set",
    "super",
    "target",
    "true",
    "varargs",
];

/// Text that stands for itself. Jinja makes every line break one of its own, and braces begin what is computed.
pub(super) fn literal(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '{' => out.push_str("{{ '{' }}"),
            '}' => out.push_str("{{ '}' }}"),
            '\r' => out.push_str("{{ '\\r' }}"),
            other => out.push(other),
        }
    }
    out
}

/// The value of a field.
pub(super) fn field(name: &str) -> String {
    format!("{{{{ {name} }}}}")
}

/// Text that is there in rows of which the field is true.
pub(super) fn switched(name: &str, text: &str) -> String {
    format!("{{% if {name} %}}{}{{% endif %}}", literal(text))
}

/// What a column is called in the rows: its own name where an expression can say it, else `column_N`.
pub(super) fn field_name(column: &str, number: usize) -> String {
    let lower = column.to_lowercase();
    let mut characters = column.chars();
    let plain = characters.next().is_some_and(|first| first.is_ascii_alphabetic())
        && characters.all(|character| character.is_ascii_alphanumeric() || character == '_')
        && !RESERVED.contains(&lower.as_str())
        && !["column_", "show_"].iter().any(|ours| lower.starts_with(ours))
        && column != "id";
    if plain { column.to_owned() } else { format!("column_{number}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn braces_and_carriage_returns_are_said_by_expressions() {
        assert_eq!(
            literal("{% raw %} {{x}}\r\n好"),
            "{{ '{' }}% raw %{{ '}' }} {{ '{' }}{{ '{' }}x{{ '}' }}{{ '}' }}{{ '\\r' }}\n好"
        );
        assert_eq!(switched("show_1", "a {b"), "{% if show_1 %}a {{ '{' }}b{% endif %}");
    }

    #[test]
    fn a_column_keeps_its_name_where_jinja_can_say_it() {
        let names = ["text", "text_a", "for", "Self", "id", "评论", "a-b", "1st", "show_1", "_x"];
        let found: Vec<String> = names.iter().zip(1..).map(|(name, number)| field_name(name, number)).collect();
        let expected = [
            "text",
            "text_a",
            "column_3",
            "column_4",
            "column_5",
            "column_6",
            "column_7",
            "column_8",
            "column_9",
            "column_10",
        ];
        assert_eq!(found, expected);
    }
}
