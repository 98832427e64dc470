//! Which tokens play which part: `tokenizer_config.json`, `special_tokens_map.json`, or what the vocabulary suggests.

use std::path::Path;

use serde_json::{Map, Value};

use super::{
    BYTE_LEVEL_CLASSES, BertOptions, ByteLevelKind, ByteLevelOptions, SENTENCE_PIECE_CLASSES, SentencePieceOptions,
    SpecialToken,
};
use crate::model::ModelError;

/// What the two settings files say.
#[derive(Debug, Default)]
pub(super) struct Settings {
    config: Map<String, Value>,
    special: Map<String, Value>,
    /// `chat_template.jinja`, which goes before the settings' own.
    chat_template: Option<String>,
}

impl Settings {
    pub(super) fn parse(config: Option<&[u8]>, special: Option<&[u8]>, place: &str) -> Result<Self, ModelError> {
        let read = |bytes: Option<&[u8]>, name: &str| match bytes {
            None => Ok(Map::new()),
            Some(bytes) => serde_json::from_slice(bytes).map_err(|error| ModelError::Tokenizer {
                file: format!("{place}: {name}"),
                what: format!("not a JSON object: {error}"),
            }),
        };
        Ok(Self {
            config: read(config, "tokenizer_config.json")?,
            special: read(special, "special_tokens_map.json")?,
            chat_template: None,
        })
    }

    /// The same with a template that has a file of its own.
    pub(super) fn with_chat_template(mut self, bytes: Option<Vec<u8>>, path: &Path) -> Result<Self, ModelError> {
        if let Some(bytes) = bytes {
            let template = String::from_utf8(bytes).map_err(|_| ModelError::Tokenizer {
                file: path.display().to_string(),
                what: "not UTF-8 text".into(),
            })?;
            self.chat_template = Some(template);
        }
        Ok(self)
    }

    /// The chat template: one text, or a list of named ones of which `default` is meant.
    pub(super) fn chat_template(&self, file: &str) -> Result<Option<String>, ModelError> {
        if let Some(template) = &self.chat_template {
            return Ok(Some(template.clone()));
        }
        let found = self.config.get("chat_template").filter(|value| !value.is_null());
        let template = match found {
            None => return Ok(None),
            Some(Value::Array(named)) => named
                .iter()
                .find(|template| template.get("name").and_then(Value::as_str) == Some("default"))
                .map(|template| template.get("template").unwrap_or(&Value::Null)),
            other => other,
        };
        match template {
            // Templates, and none for plain conversations.
            None => Ok(None),
            Some(template) => {
                template.as_str().map(|text| Some(text.to_owned())).ok_or_else(|| ModelError::Tokenizer {
                    file: file.to_owned(),
                    what: "`chat_template` in its settings is neither a text nor a list of named ones".into(),
                })
            }
        }
    }

    /// The text of `mask_token` and the like; a token is written as a text or as an object with `content`.
    fn token(&self, role: &str) -> Option<&str> {
        [&self.config, &self.special]
            .into_iter()
            .filter_map(|file| file.get(role))
            .find_map(|value| value.as_str().or_else(|| value.get("content").and_then(Value::as_str)))
    }

    fn flag(&self, name: &str) -> Option<bool> {
        self.config.get(name).and_then(Value::as_bool)
    }

    pub(super) fn bert_options(&self) -> BertOptions {
        let defaults = BertOptions::default();
        let token = |role: &str, default: String| self.token(role).map_or(default, str::to_owned);
        BertOptions {
            lower_case: self.flag("do_lower_case").unwrap_or(defaults.lower_case),
            strip_accents: self.flag("strip_accents").or(defaults.strip_accents),
            split_chinese: self.flag("tokenize_chinese_chars").unwrap_or(defaults.split_chinese),
            unk: token("unk_token", defaults.unk),
            sep: token("sep_token", defaults.sep),
            pad: token("pad_token", defaults.pad),
            cls: token("cls_token", defaults.cls),
            mask: token("mask_token", defaults.mask),
        }
    }
}

impl Settings {
    /// The options of a byte-level vocabulary.
    ///
    /// # Errors
    /// In words: `tokenizer_class` names a class that needs a `tokenizer.json`.
    pub(super) fn byte_level_options(&self) -> Result<ByteLevelOptions, String> {
        let kind = match self.config.get("tokenizer_class").and_then(Value::as_str) {
            None => None,
            Some(class) => Some(ByteLevelKind::of_class(class).ok_or_else(|| {
                format!(
                    "`tokenizer_class` is {class:?}, which needs a tokenizer.json (known without: {BYTE_LEVEL_CLASSES})"
                )
            })?),
        };
        let token = |role: &str, default: &str| self.token(role).unwrap_or(default).to_owned();
        Ok(ByteLevelOptions {
            kind,
            prefix_space: self.flag("add_prefix_space").unwrap_or(false),
            cls: token("cls_token", "<s>"),
            sep: token("sep_token", "</s>"),
            special: self.special_tokens(),
        })
    }

    /// The options of a SentencePiece model.
    ///
    /// # Errors
    /// In words: `tokenizer_class` names a class that needs a `tokenizer.json`, or `extra_ids` is no number.
    pub(super) fn sentence_piece_options(&self) -> Result<SentencePieceOptions, String> {
        let class = self.config.get("tokenizer_class").and_then(Value::as_str);
        if let Some(class) =
            class.filter(|class| !matches!(class.trim_end_matches("Fast"), "T5Tokenizer" | "MT5Tokenizer"))
        {
            return Err(format!(
                "`tokenizer_class` is {class:?}, which needs a tokenizer.json (known without: {SENTENCE_PIECE_CLASSES}; transformers writes \
                 one with `AutoTokenizer.from_pretrained(folder).save_pretrained(folder)`)"
            ));
        }
        let extra_ids = match self.config.get("extra_ids").filter(|value| !value.is_null()) {
            None => None,
            Some(value) => Some(
                value
                    .as_u64()
                    .and_then(|n| usize::try_from(n).ok())
                    .ok_or_else(|| format!("`extra_ids` in its settings is {value} (allowed: a whole number)"))?,
            ),
        };
        let token = |role: &str, default: &str| self.token(role).unwrap_or(default).to_owned();
        Ok(SentencePieceOptions {
            extra_ids,
            pad: token("pad_token", "<pad>"),
            eos: token("eos_token", "</s>"),
            unk: token("unk_token", "<unk>"),
            special: self.special_tokens(),
        })
    }

    /// The tokens of `added_tokens_decoder` and those that play a part, each with what is said about it first.
    fn special_tokens(&self) -> Vec<SpecialToken> {
        let read = |value: &Value, id: Option<u64>| {
            let content = value.as_str().or_else(|| value.get("content").and_then(Value::as_str))?;
            let flag = |name: &str| value.get(name).and_then(Value::as_bool).unwrap_or(false);
            Some(SpecialToken { content: content.to_owned(), lstrip: flag("lstrip"), rstrip: flag("rstrip"), id })
        };
        let numbered = self.config.get("added_tokens_decoder").and_then(Value::as_object).into_iter().flatten();
        let numbered = numbered
            .filter(|(_, value)| value.get("special").and_then(Value::as_bool).unwrap_or(false))
            .filter_map(|(id, value)| read(value, id.parse().ok()));
        let roles = [&self.config, &self.special].into_iter().flatten();
        let roles = roles.filter(|(name, _)| ROLES.contains(&name.as_str())).filter_map(|(_, value)| read(value, None));
        numbered.chain(roles).collect()
    }
}

/// The names of the parts that a token can play in the settings.
const ROLES: [&str; 7] = ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"];

type Role = Option<(u32, String)>;

/// Ids and texts of the special tokens that play a part.
pub(super) struct Roles {
    pub(super) mask: Role,
    pub(super) pad: Role,
    pub(super) unk: Role,
    pub(super) cls: Role,
    pub(super) sep: Role,
    pub(super) bos: Role,
    pub(super) eos: Role,
}

impl Roles {
    pub(super) fn new(tokenizer: &tokenizers::Tokenizer, settings: &Settings) -> Self {
        let role = |name: &str, usual: &[&str]| -> Role {
            settings
                .token(name)
                .into_iter()
                .chain(usual.iter().copied())
                .find_map(|text| tokenizer.token_to_id(text).map(|id| (id, text.to_owned())))
        };
        Self {
            mask: role("mask_token", &["[MASK]", "<mask>"]),
            pad: role("pad_token", &["[PAD]", "<pad>"]),
            unk: role("unk_token", &["[UNK]", "<unk>"]),
            cls: role("cls_token", &["[CLS]", "<s>"]),
            sep: role("sep_token", &["[SEP]", "</s>"]),
            bos: role("bos_token", &[]),
            eos: role("eos_token", &[]),
        }
    }

    pub(super) fn tokens(&self) -> impl Iterator<Item = &str> {
        [&self.mask, &self.pad, &self.unk, &self.cls, &self.sep, &self.bos, &self.eos]
            .into_iter()
            .flatten()
            .map(|(_, text)| text.as_str())
    }
}
