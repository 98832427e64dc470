//! Two JSON values compared in the order in which they are written.

use serde_json::Value;

use super::numbers::{Place, Tally};

/// What may differ from run to run, or says what other fields say.
const LEFT_OUT: [&str; 3] = ["seconds", "files", "fingerprint"];

/// Hashes of numbers that were trained.
const OF_TRAINED: &str = "blake3";

/// Characters of a value that a message shows.
const SHOWN: usize = 120;

/// Compares two values at `path`.
pub(super) fn walk(tally: &mut Tally, place: &Place<'_>, path: &str, recorded: &Value, replayed: &Value) {
    match (recorded, replayed) {
        (Value::Object(of_record), Value::Object(of_replay)) => {
            let at = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
            for (key, value) in of_record {
                let left_out = LEFT_OUT.contains(&key.as_str()) || tally.tolerance > 0.0 && key == OF_TRAINED;
                match of_replay.get(key) {
                    _ if left_out => {}
                    Some(other) => walk(tally, place, &at(key), value, other),
                    None => tally.differs(place, &at(key), || [written(value), "nothing".into()]),
                }
            }
            for (key, value) in of_replay.iter().filter(|(key, _)| !of_record.contains_key(key.as_str())) {
                if !LEFT_OUT.contains(&key.as_str()) {
                    tally.differs(place, &at(key), || ["nothing".into(), written(value)]);
                }
            }
        }
        (Value::Array(of_record), Value::Array(of_replay)) => {
            for (index, (value, other)) in of_record.iter().zip(of_replay).enumerate() {
                walk(tally, place, &format!("{path}[{index}]"), value, other);
            }
            if of_record.len() != of_replay.len() {
                let entries = |values: &[Value]| format!("{} entries", values.len());
                tally.differs(place, path, || [entries(of_record), entries(of_replay)]);
            }
        }
        (Value::Number(a), Value::Number(b)) => {
            let number = |number: &serde_json::Number| number.as_f64().unwrap_or(f64::NAN);
            tally.number(place, path, [number(a), number(b)], || [a.to_string(), b.to_string()]);
        }
        (a, b) if a == b => {}
        (a, b) => tally.differs(place, path, || [written(a), written(b)]),
    }
}

/// A value for a message.
fn written(value: &Value) -> String {
    let text = match value {
        Value::String(text) => format!("`{text}`"),
        value => value.to_string(),
    };
    match text.chars().count() > SHOWN {
        true => text.chars().take(SHOWN - 3).chain("...".chars()).collect(),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn first(tolerance: f64, recorded: Value, replayed: Value) -> Option<(String, String, String)> {
        let mut tally = Tally::new(tolerance);
        walk(&mut tally, &Place { part: "scored", candidate: Some(2) }, "", &recorded, &replayed);
        tally.first.map(|first| (first.field, first.recorded, first.replayed))
    }

    fn said(field: &str, recorded: &str, replayed: &str) -> Option<(String, String, String)> {
        Some((field.into(), recorded.into(), replayed.into()))
    }

    #[test]
    fn equal_values_are_equal_whatever_the_clock_says() {
        let recorded =
            json!({"a": [1, 2.5, "x", null], "seconds": 1.5, "files": {"b": "1"}, "t": {"fingerprint": "f"}});
        let replayed =
            json!({"a": [1, 2.5, "x", null], "seconds": 2.5, "files": {"b": "2"}, "t": {"fingerprint": "g"}});
        assert_eq!(first(0.0, recorded, replayed), None);
    }

    #[test]
    fn what_differs_is_named_by_its_path() {
        let dev = |margin: f64| json!({"dev": {"margins": [0.5, margin]}, "prompt": "p"});
        assert_eq!(first(0.0, dev(0.25), dev(0.5)), said("dev.margins[1]", "0.25", "0.5"));
        assert_eq!(first(0.0, json!({"prompt": "好"}), json!({"prompt": "坏"})), said("prompt", "`好`", "`坏`"));
        assert_eq!(first(0.0, json!({"a": [1]}), json!({"a": [1, 2]})), said("a", "1 entries", "2 entries"));
        assert_eq!(first(0.0, json!({"a": 1}), json!({})), said("a", "1", "nothing"));
        assert_eq!(first(0.0, json!({}), json!({"a": null})), said("a", "nothing", "null"));
        assert_eq!(first(0.0, json!({"a": 1.0}), json!({"a": "1"})), said("a", "1.0", "`1`"));
    }

    #[test]
    fn within_a_tolerance_hashes_of_trained_numbers_may_differ() {
        let soft = |hash: &str| json!({"soft": {"blake3": hash}});
        assert_eq!(first(0.0, soft("a"), soft("b")), said("soft.blake3", "`a`", "`b`"));
        assert_eq!(first(1e-6, soft("a"), soft("b")), None);
    }
}
