//! `back_translation`: paraphrases by way of another language, with two models.

use super::super::error::SpecError;
use super::super::model_source::ModelSource;
use super::super::reader::{At, Reader};

/// Two models that translate, and how they are told what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackTranslation {
    /// The model that translates into the other language.
    pub forward: ModelSource,
    /// The model that translates back.
    pub backward: ModelSource,
    /// Translations that are kept each way; default 4.
    pub beams: usize,
    /// What stands before every text that is translated there; default nothing. T5 wants `translate English to German: `.
    pub forward_prefix: String,
    /// The same for the way back.
    pub backward_prefix: String,
    /// The templates' language and the other one as the tokenizers' tokens (`en_XX`, `de_DE`); default none. mBART needs both.
    pub languages: Option<(String, String)>,
}

/// Its keys.
const KEYS: [&str; 7] =
    ["forward", "backward", "beams", "forward_prefix", "backward_prefix", "source_language", "target_language"];

/// It; `None` where it is at fault.
pub(super) fn read(reader: &mut Reader, at: At) -> Result<Option<BackTranslation>, SpecError> {
    let fields = reader.fields(at, &KEYS)?;
    let mut model = |key: &str, what: &str| match fields.get(key) {
        None => {
            reader.value(fields.at(), format!("`{key}` is missing: the model that translates {what}"));
            Ok(None)
        }
        Some(at) => match reader.text(&at)?.parse::<ModelSource>() {
            Ok(model) => Ok(Some(model)),
            Err(error) => {
                reader.value(&at, error);
                Ok(None)
            }
        },
    };
    let (forward, backward) = (model("forward", "into another language")?, model("backward", "back")?);
    let beams = match fields.get("beams") {
        Some(at) => reader.whole(&at, 1..=100)? as usize,
        None => 4,
    };
    let text = |key: &str| fields.get(key).map(|at| reader.text(&at)).transpose();
    let (forward_prefix, backward_prefix) = (text("forward_prefix")?, text("backward_prefix")?);
    let languages = match (text("source_language")?, text("target_language")?) {
        (Some(source), Some(target)) => Some((source, target)),
        (None, None) => None,
        _ => {
            reader.value(fields.at(), "`source_language` and `target_language` go together, and one is missing");
            None
        }
    };
    let (Some(forward), Some(backward)) = (forward, backward) else { return Ok(None) };
    Ok(Some(BackTranslation {
        forward,
        backward,
        beams,
        forward_prefix: forward_prefix.unwrap_or_default(),
        backward_prefix: backward_prefix.unwrap_or_default(),
        languages,
    }))
}
