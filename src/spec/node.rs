//! A YAML tree whose every node knows where it stands.

/// Where something stands: in the file, or in an override. Ordered as faults are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    /// Line and column, counted from 1.
    File { line: usize, column: usize },
    /// The override with this number.
    Override(usize),
}

/// A value and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Node {
    pub place: Place,
    pub value: Value,
}

/// A value as it was written: what a scalar means is decided by who reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    /// `plain` means without quotation marks, so that it may be a number, true, false or nothing.
    Scalar {
        text: String,
        plain: bool,
    },
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A key, its place, and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub key: String,
    pub place: Place,
    pub node: Node,
}

impl Node {
    /// Whether it is written as nothing: an empty place, `~` or `null`.
    pub fn is_nothing(&self) -> bool {
        matches!(&self.value, Value::Scalar { text, plain: true } if matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }

    /// What it is, in words for a message.
    pub fn kind(&self) -> String {
        match &self.value {
            _ if self.is_nothing() => "nothing".to_owned(),
            Value::Scalar { text, plain } => {
                let text = shortened(text);
                if *plain { format!("`{text}`") } else { format!("the text `{text}`") }
            }
            Value::List(_) => "a list".to_owned(),
            Value::Map(_) => "a mapping".to_owned(),
        }
    }
}

/// At most 60 characters of `text`, on one line.
pub(super) fn shortened(text: &str) -> String {
    const WIDTH: usize = 60;
    let mut part: String = text.chars().take(WIDTH).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(WIDTH).is_some() {
        part.push_str("...");
    }
    part
}
