//! JSON lines, and a JSON array of objects. Numbers and booleans become their text: a label `1` is the label "1".

use std::io::Cursor;
use std::num::NonZeroUsize;
use std::sync::Arc;

use polars::prelude::{DataType, Field, JsonFormat, JsonReader, Schema, SerReader};
use serde_json::{Map, Value};

use super::sheet::{Sheet, cells, utf8};
use crate::task::error::{Place, Position, TaskError};

/// Reads the objects of a file; a key that some of them lack is an empty cell there.
pub(super) fn read(file: &str, bytes: &[u8]) -> Result<Sheet, TaskError> {
    let text = utf8(file, bytes, 1)?;
    let array = is_array(text);
    let mut keys = Keys::default();
    let positions = if array { walk_array(file, text, &mut keys)? } else { walk_lines(file, text, 1, &mut keys)?.0 };
    if positions.is_empty() {
        return Err(TaskError::Empty { file: file.to_owned(), but: "" });
    }
    let (names, left_out) = keys.names();
    let malformed = |reason| TaskError::Malformed { file: file.to_owned(), format: "JSON", reason };
    let rows = if names.is_empty() {
        vec![Vec::new(); positions.len()]
    } else {
        parse(text, array, &names).map_err(malformed)?
    };
    if rows.len() != positions.len() {
        return Err(malformed(format!("it holds {} objects, {} were read", positions.len(), rows.len())));
    }
    Ok(Sheet { names: Some(names), rows, positions, starts: Vec::new(), left_out })
}

/// Whether a text is an array of objects, not a line for each.
pub(super) fn is_array(text: &str) -> bool {
    text.trim_start().starts_with('[')
}

/// Reads the objects of a part of a file of lines that begins on `line`; `names` are the keys of the whole file.
pub(super) fn read_lines(file: &str, text: &str, line: usize, names: &[String]) -> Result<Sheet, TaskError> {
    let (positions, starts) = walk_lines(file, text, line, &mut Keys::default())?;
    let malformed = |reason| TaskError::Malformed { file: file.to_owned(), format: "JSON", reason };
    let rows = match names.is_empty() || positions.is_empty() {
        true => vec![Vec::new(); positions.len()],
        false => parse(text, false, names).map_err(malformed)?,
    };
    if rows.len() != positions.len() {
        return Err(malformed(format!("it holds {} objects, {} were read", positions.len(), rows.len())));
    }
    Ok(Sheet { names: Some(names.to_vec()), rows, positions, starts, left_out: Vec::new() })
}

fn parse(text: &str, array: bool, names: &[String]) -> Result<Vec<Vec<String>>, String> {
    let schema = Schema::from_iter(names.iter().map(|name| Field::new(name.into(), DataType::String)));
    let format = if array { JsonFormat::Json } else { JsonFormat::JsonLines };
    cells(|| {
        JsonReader::new(Cursor::new(text.as_bytes()))
            .with_json_format(format)
            .with_schema(Arc::new(schema))
            .infer_schema_len(NonZeroUsize::new(1))
            .finish()
    })
}

/// The keys of the objects of a file.
#[derive(Default)]
pub(super) struct Keys {
    seen: Vec<String>,
    nested: Vec<(String, &'static str)>,
}

impl Keys {
    /// The keys of cells, and those that hold no text with what they hold.
    pub(super) fn names(self) -> (Vec<String>, Vec<String>) {
        let left_out = self.nested.iter().map(|(key, kind)| format!("{key} ({kind})")).collect();
        let is_nested = |key: &String| self.nested.iter().any(|(nested, _)| nested == key);
        (self.seen.iter().filter(|key| !is_nested(key)).cloned().collect(), left_out)
    }

    fn note(&mut self, object: &Map<String, Value>) {
        for (key, value) in object {
            if !self.seen.contains(key) {
                self.seen.push(key.clone());
            }
            if (value.is_array() || value.is_object()) && !self.nested.iter().any(|(nested, _)| nested == key) {
                self.nested.push((key.clone(), kind(value)));
            }
        }
    }
}

/// The positions of the objects of a text that begins on line `first`, and the bytes at which they begin.
pub(super) fn walk_lines(
    file: &str,
    text: &str,
    first: usize,
    keys: &mut Keys,
) -> Result<(Vec<Position>, Vec<usize>), TaskError> {
    let (mut positions, mut starts) = (Vec::new(), Vec::new());
    let mut next = 0;
    for (i, line) in text.split('\n').enumerate() {
        let at = next;
        next += line.len() + 1;
        if line.trim().is_empty() {
            continue;
        }
        let position = Position::Line(first + i);
        let place = || Place { file: file.to_owned(), position };
        let value = serde_json::from_str(line).map_err(|source| TaskError::Json { place: place(), source })?;
        keys.note(object(&value, place)?);
        positions.push(position);
        starts.push(at);
    }
    Ok((positions, starts))
}

fn walk_array(file: &str, text: &str, keys: &mut Keys) -> Result<Vec<Position>, TaskError> {
    let place = |position| Place { file: file.to_owned(), position };
    let values: Vec<Value> = serde_json::from_str(text).map_err(|source| {
        let line = source.line();
        TaskError::Json { place: place(Position::Line(line)), source }
    })?;
    for (i, value) in values.iter().enumerate() {
        keys.note(object(value, || place(Position::Row(i + 1)))?);
    }
    Ok((1..=values.len()).map(Position::Row).collect())
}

fn object(value: &Value, place: impl Fn() -> Place) -> Result<&Map<String, Value>, TaskError> {
    value.as_object().ok_or_else(|| TaskError::JsonShape { place: place(), found: kind(value) })
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        read("x", text.as_bytes()).map(|_| ()).unwrap_err().to_string()
    }

    #[test]
    fn scalars_become_their_text_and_absent_keys_empty_cells() {
        let text = "{\"text\": \"a \\\"b\\\" \\u597d\\n\", \"label\": 1}\n\n{\"label\": \"1\", \"text\": \"c\", \"more\": true}\n\
                    {\"text\": \"d\", \"label\": null, \"more\": 1.5}\n";
        let sheet = read("x", text.as_bytes()).unwrap();
        assert_eq!(sheet.names.as_deref().unwrap(), ["text", "label", "more"]);
        assert_eq!(sheet.rows, [["a \"b\" 好\n", "1", ""], ["c", "1", "true"], ["d", "", "1.5"]]);
        assert_eq!(sheet.positions, [1, 3, 4].map(Position::Line));
    }

    #[test]
    fn an_array_reads_like_lines() {
        let lines = "{\"text\": \"a\", \"label\": 1, \"tags\": [1]}\n{\"text\": \"b\", \"label\": false}";
        let array = format!("\u{feff} [{}]", lines.replace('\n', ",\n"));
        let (lines, array) = (read("x", lines.as_bytes()).unwrap(), read("x", array.as_bytes()).unwrap());
        assert_eq!(lines.rows, array.rows);
        assert_eq!(lines.rows, [["a", "1"], ["b", "false"]]);
        assert_eq!(array.left_out, ["tags (a list)"]);
        assert_eq!(array.positions, [1, 2].map(Position::Row));
    }

    #[test]
    fn many_lines_keep_their_order_whatever_the_threads() {
        let text: String = (0..5000).map(|i| format!("{{\"text\": \"t{i}\", \"label\": {i}}}\r\n")).collect();
        let sheet = read("x", text.as_bytes()).unwrap();
        assert!(sheet.rows.iter().enumerate().all(|(i, row)| row[0] == format!("t{i}") && row[1] == i.to_string()));
    }

    #[test]
    fn faults_are_named_by_line() {
        assert!(refusal("{\"text\": \"a\"}\n{\"text\": }\n").starts_with("x:2: not JSON: expected value"));
        assert_eq!(refusal("{\"text\": \"a\"}\n[1]\n"), "x:2: an object is needed for each example, found a list");
        assert_eq!(refusal("[{\"text\": \"a\"}, 3]"), "x, row 2: an object is needed for each example, found a number");
        assert!(refusal("[{\"text\": \"a\"},\n").starts_with("x:2: not JSON"));
        assert_eq!(refusal(""), "`x` holds no rows");
        assert_eq!(refusal("[]"), "`x` holds no rows");
    }
}
