//! The events of a trial as JSON, those of the search one after the other, the rest kept.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::record::{EventReader, RecordError};

/// The events of a trial: a search of 100,000 candidates is gone through, not held.
pub(super) struct Events {
    folder: PathBuf,
    reader: Option<EventReader>,
    /// The events from the choice on, as far as it was read.
    pub(super) ending: Vec<Value>,
}

impl Events {
    /// Opens the events of a trial's folder; one without any has none.
    ///
    /// # Errors
    /// [`RecordError::Io`].
    pub(super) fn open(folder: &Path) -> Result<Self, RecordError> {
        Ok(Self { folder: folder.into(), reader: EventReader::open(folder)?, ending: Vec::new() })
    }

    /// The next event of the search; `None` at its end, when the rest is in `ending`. That batches were halved is no event of a
    /// search: the flags at the end say it.
    ///
    /// # Errors
    /// [`RecordError`] if a line is no event.
    pub(super) fn next(&mut self) -> Result<Option<Value>, RecordError> {
        let Some(reader) = &mut self.reader else { return Ok(None) };
        while reader.read()?.is_some() {
            let value: Value = serde_json::from_slice(reader.line()).map_err(|e| reader.corrupt(e.to_string()))?;
            match kind(&value) {
                "halved" => {}
                "started" | "step" | "scored" => return Ok(Some(value)),
                _ => self.ending.push(value),
            }
        }
        Ok(None)
    }

    /// The prompt that was chosen, with its label words; `None` where none was. After the search was read to its end.
    ///
    /// # Errors
    /// As [`Self::next`].
    pub(super) fn chosen_prompt(&self) -> Result<Option<String>, RecordError> {
        let chosen = self.ending.iter().find(|event| kind(event) == "chosen");
        let Some(number) = chosen.and_then(|event| event.get("candidate")?.as_u64()) else { return Ok(None) };
        let (mut events, mut prompt) = (Self::open(&self.folder)?, None);
        // Of a candidate that was scored twice the later scores count.
        while let Some(event) = events.next()? {
            if candidate(&event) == Some(number) {
                let text = |key: &str| event.get(key).and_then(Value::as_str).unwrap_or_default();
                prompt = Some(format!("{} ({})", text("prompt"), text("verbalizer")));
            }
        }
        Ok(prompt)
    }
}

/// What an event is.
pub(super) fn kind(event: &Value) -> &str {
    event.get("event").and_then(Value::as_str).unwrap_or_default()
}

/// The number of the candidate that an event scores; `None` of other events.
pub(super) fn candidate(event: &Value) -> Option<u64> {
    event.get("candidate").filter(|_| kind(event) == "scored").and_then(Value::as_u64)
}
