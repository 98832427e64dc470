//! `config.json`: typed reading with errors that name the field.

use serde_json::{Map, Value};

use crate::model::ModelError;

/// Sizes above this are taken for damage: they could not be allocated anyway.
const LARGEST_SIZE: u64 = 1 << 28;

/// No model is deeper; a shared block would be repeated as often as the file says.
const LARGEST_DEPTH: usize = 1024;

/// A model's `config.json`.
#[derive(Debug, Clone)]
pub struct ConfigFile {
    file: String,
    fields: Map<String, Value>,
}

impl ConfigFile {
    /// Parses `bytes`, which came from `file` (for messages).
    ///
    /// # Errors
    /// If it is no JSON object.
    pub fn parse(bytes: &[u8], file: impl Into<String>) -> Result<Self, ModelError> {
        let file = file.into();
        match serde_json::from_slice(bytes) {
            Ok(Value::Object(fields)) => Ok(Self { file, fields }),
            Ok(other) => Err(ModelError::Config {
                file,
                what: format!("found {} where a JSON object was expected", kind_of(&other)),
            }),
            Err(error) => Err(ModelError::Config { file, what: format!("not JSON: {error}") }),
        }
    }

    /// From fields that another format gave; `file` is for messages.
    pub fn from_fields(fields: Map<String, Value>, file: impl Into<String>) -> Self {
        Self { file: file.into(), fields }
    }

    /// All fields.
    pub fn fields(&self) -> &Map<String, Value> {
        &self.fields
    }

    /// An error about this file.
    pub fn fault(&self, what: impl Into<String>) -> ModelError {
        ModelError::Config { file: self.file.clone(), what: what.into() }
    }

    /// The field's value, where it is there and not null.
    pub fn get(&self, field: &str) -> Option<&Value> {
        self.fields.get(field).filter(|value| !value.is_null())
    }

    /// A whole number of at least 1.
    ///
    /// # Errors
    /// If the field is missing or anything else.
    pub fn size(&self, field: &str) -> Result<usize, ModelError> {
        let value = self
            .get(field)
            .ok_or_else(|| self.fault(format!("`{field}` is missing (a whole number of at least 1)")))?;
        match value.as_u64() {
            Some(size) if (1..=LARGEST_SIZE).contains(&size) => Ok(size as usize),
            _ => Err(self.fault(format!("`{field}` is {value} (allowed: a whole number from 1 to {LARGEST_SIZE})"))),
        }
    }

    /// A whole number of at least 1 and at most `most`.
    ///
    /// # Errors
    /// If the field is missing or anything else.
    pub fn size_within(&self, field: &str, most: usize) -> Result<usize, ModelError> {
        let size = self.size(field)?;
        if size > most {
            return Err(self.fault(format!("`{field}` is {size} (allowed: at most {most})")));
        }
        Ok(size)
    }

    /// A whole number of at least 1, or `default` where the field is missing.
    ///
    /// # Errors
    /// If the field is anything else.
    pub fn size_or(&self, field: &str, default: usize) -> Result<usize, ModelError> {
        self.get(field).map_or(Ok(default), |_| self.size(field))
    }

    /// A number of blocks: as [`size`](Self::size), but no larger than any model is deep.
    ///
    /// # Errors
    /// If the field is missing or anything else.
    pub fn depth(&self, field: &str) -> Result<usize, ModelError> {
        match self.size(field)? {
            depth if depth <= LARGEST_DEPTH => Ok(depth),
            depth => {
                Err(self.fault(format!("`{field}` is {depth} (allowed: a whole number from 1 to {LARGEST_DEPTH})")))
            }
        }
    }

    /// As [`depth`](Self::depth), or `default` where the field is missing.
    ///
    /// # Errors
    /// If the field is anything else.
    pub fn depth_or(&self, field: &str, default: usize) -> Result<usize, ModelError> {
        self.get(field).map_or(Ok(default), |_| self.depth(field))
    }

    /// The id of an entry of a vocabulary of `vocab_size`, or `default` where the field is missing.
    ///
    /// # Errors
    /// If it is no whole number, or not below `vocab_size`.
    pub fn id_or(&self, field: &str, default: u32, vocab_size: usize) -> Result<u32, ModelError> {
        let id = match self.get(field) {
            None => u64::from(default),
            Some(value) => value
                .as_u64()
                .ok_or_else(|| self.fault(format!("`{field}` is {value} (allowed: a whole number of at least 0)")))?,
        };
        match u32::try_from(id) {
            Ok(id) if (id as usize) < vocab_size => Ok(id),
            _ => Err(self.fault(format!("`{field}` {id} is not below `vocab_size` {vocab_size}"))),
        }
    }

    /// A positive number, or `default` where the field is missing.
    ///
    /// # Errors
    /// If the field is anything else.
    pub fn positive_or(&self, field: &str, default: f64) -> Result<f64, ModelError> {
        match self.get(field) {
            None => Ok(default),
            Some(value) => value
                .as_f64()
                .filter(|number| *number > 0.0 && number.is_finite())
                .ok_or_else(|| self.fault(format!("`{field}` is {value} (allowed: a positive number)"))),
        }
    }

    /// A positive number.
    ///
    /// # Errors
    /// If the field is missing or anything else.
    pub fn positive(&self, field: &str) -> Result<f64, ModelError> {
        if self.get(field).is_none() {
            return Err(self.fault(format!("`{field}` is missing (a positive number)")));
        }
        self.positive_or(field, 1.0)
    }

    /// True or false, or `default` where the field is missing.
    ///
    /// # Errors
    /// If the field is anything else.
    pub fn flag_or(&self, field: &str, default: bool) -> Result<bool, ModelError> {
        match self.get(field) {
            None => Ok(default),
            Some(value) => {
                value.as_bool().ok_or_else(|| self.fault(format!("`{field}` is {value} (allowed: true, false)")))
            }
        }
    }

    /// A text, where the field is there.
    ///
    /// # Errors
    /// If the field is anything else.
    pub fn text(&self, field: &str) -> Result<Option<&str>, ModelError> {
        match self.get(field) {
            None => Ok(None),
            Some(value) => {
                value.as_str().map(Some).ok_or_else(|| self.fault(format!("`{field}` is {value} (allowed: a text)")))
            }
        }
    }

    /// The same file with another value in a field, null where there is none.
    pub fn with(&self, field: &str, value: Option<&Value>) -> Self {
        let mut fields = self.fields.clone();
        fields.insert(field.to_owned(), value.cloned().unwrap_or(Value::Null));
        Self { file: self.file.clone(), fields }
    }

    /// The same file without its fields, for defaults.
    pub fn empty(&self) -> Self {
        Self { file: self.file.clone(), fields: Map::new() }
    }

    /// Whether the field is there and null, which some fields tell from missing.
    pub fn is_null(&self, field: &str) -> bool {
        self.fields.get(field).is_some_and(Value::is_null)
    }

    /// A list of texts, where the field is there.
    ///
    /// # Errors
    /// If the field is anything else.
    pub fn texts(&self, field: &str) -> Result<Option<Vec<&str>>, ModelError> {
        let Some(value) = self.get(field) else { return Ok(None) };
        value
            .as_array()
            .and_then(|list| list.iter().map(Value::as_str).collect::<Option<Vec<&str>>>())
            .map(Some)
            .ok_or_else(|| self.fault(format!("`{field}` is {value} (allowed: a list of texts)")))
    }

    /// The fields within a field, where it is there.
    ///
    /// # Errors
    /// If the field is no object.
    pub fn section(&self, field: &str) -> Result<Option<Self>, ModelError> {
        match self.get(field) {
            None => Ok(None),
            Some(Value::Object(fields)) => {
                Ok(Some(Self { file: format!("{}: {field}", self.file), fields: fields.clone() }))
            }
            Some(other) => Err(self.fault(format!("`{field}` is {} (allowed: an object)", kind_of(other)))),
        }
    }

    /// Refuses weights that are packed in a way of their own.
    ///
    /// # Errors
    /// If `quantization_config` is set.
    pub fn unquantised(&self) -> Result<(), ModelError> {
        match self.get("quantization_config") {
            None => Ok(()),
            Some(_) => Err(self.fault(
                "`quantization_config` is set, and quantised weights are not supported (supported: F32, F16, BF16)",
            )),
        }
    }

    /// Refuses a field that is set to anything but `only`, where it is there.
    ///
    /// # Errors
    /// If it is, naming both.
    pub fn only(&self, field: &str, only: impl Into<Value>) -> Result<(), ModelError> {
        let only = only.into();
        match self.get(field) {
            Some(value) if *value != only => {
                Err(self.fault(format!("`{field}` is {value}, which is not supported (supported: {only})")))
            }
            _ => Ok(()),
        }
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> ConfigFile {
        ConfigFile::parse(text.as_bytes(), "m/config.json").unwrap()
    }

    #[test]
    fn a_missing_or_wrong_size_names_file_field_and_what_is_allowed() {
        let config = config(r#"{"hidden_size": "32", "layers": 0, "vocab_size": 1e30}"#);
        assert_eq!(
            config.size("num_heads").unwrap_err().to_string(),
            "m/config.json: `num_heads` is missing (a whole number of at least 1)"
        );
        for field in ["hidden_size", "layers", "vocab_size"] {
            let message = config.size(field).unwrap_err().to_string();
            assert!(message.contains(field) && message.contains("allowed"), "{message}");
        }
    }

    #[test]
    fn null_counts_as_missing() {
        assert_eq!(config(r#"{"a": null}"#).size_or("a", 7).unwrap(), 7);
    }

    #[test]
    fn what_is_no_object_is_refused() {
        assert!(ConfigFile::parse(b"[1]", "c").unwrap_err().to_string().contains("a list"));
        assert!(ConfigFile::parse(b"{", "c").unwrap_err().to_string().contains("not JSON"));
    }
}
