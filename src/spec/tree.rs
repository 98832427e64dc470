//! Trees of YAML values: made, and hashed.

use serde_yaml::Value;

use super::write::scalar_text;

/// A text, whatever it looks like.
pub(super) fn text(text: impl ToString) -> Value {
    Value::String(text.to_string())
}

/// A number where it is one.
pub(super) fn plain(text: &str) -> Value {
    text.parse::<u64>().map_or_else(|_| Value::from(text), Value::from)
}

/// A list of texts.
pub(super) fn list<T: ToString>(items: &[T]) -> Value {
    Value::Sequence(items.iter().map(|item| Value::String(item.to_string())).collect())
}

/// Keys with their values, in this order.
pub(super) fn mapping<'a>(entries: impl IntoIterator<Item = (&'a str, Value)>) -> Value {
    Value::Mapping(entries.into_iter().map(|(key, value)| (Value::from(key), value)).collect())
}

/// A number of things.
pub(super) fn count(n: usize) -> Value {
    Value::from(n as u64)
}

/// One value as it is, several as a list.
pub(super) fn folded(mut values: Vec<Value>) -> Value {
    if values.len() == 1 { values.remove(0) } else { Value::Sequence(values) }
}

/// The hash of the values themselves, so that another way of writing YAML does not change it.
pub(super) fn hash(value: &Value) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_derive_key("promptmine 2026 experiment content");
    feed(&mut hasher, value);
    *hasher.finalize().as_bytes()
}

fn feed(hasher: &mut blake3::Hasher, value: &Value) {
    let mut head = |kind: u8, length: usize| {
        hasher.update(&[kind]);
        hasher.update(&(length as u64).to_le_bytes());
    };
    match value {
        Value::Sequence(items) => {
            head(b'[', items.len());
            items.iter().for_each(|item| feed(hasher, item));
        }
        Value::Mapping(entries) => {
            head(b'{', entries.len());
            for (key, value) in entries {
                feed(hasher, key);
                feed(hasher, value);
            }
        }
        scalar => {
            let text = scalar_text(scalar);
            head(b'"', text.len());
            hasher.update(text.as_bytes());
        }
    }
}
