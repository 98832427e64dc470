//! How a vocabulary writes where a word begins.

use serde_json::Value;

/// The mark that tells beginnings from continuations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Spelling {
    /// Continuations begin with it (`##ing`, WordPiece).
    Continuation(String),
    /// Beginnings after a space begin with it (`Ġword` in byte-level BPE, `▁word` in SentencePiece).
    Space(char),
    /// Nothing does.
    None,
}

impl Spelling {
    /// Reads it from a tokenizer's JSON: the mark is whatever its decoder takes away.
    pub(super) fn of(json: &str) -> Self {
        let file: Value = serde_json::from_str(json).unwrap_or(Value::Null);
        let model = &file["model"];
        if model["type"] == "WordPiece" {
            let prefix = model["continuing_subword_prefix"].as_str().unwrap_or("##");
            return Self::Continuation(prefix.to_owned());
        }
        let decoder = file["decoder"].to_string();
        if decoder.contains("ByteLevel") {
            Self::Space('Ġ')
        } else if decoder.contains("Metaspace") || decoder.contains('▁') {
            Self::Space('▁')
        } else {
            Self::None
        }
    }

    /// The text of a token, and whether it goes on with the word before it.
    pub(super) fn read(&self, token: &str) -> (String, bool) {
        match self {
            Self::Continuation(prefix) => match token.strip_prefix(prefix.as_str()) {
                Some(rest) if !rest.is_empty() => (rest.to_owned(), true),
                _ => (token.to_owned(), false),
            },
            Self::Space(mark) => match token.strip_prefix(*mark) {
                Some(rest) => (rest.to_owned(), false),
                None => (token.to_owned(), true),
            },
            Self::None => (token.to_owned(), false),
        }
    }

    /// Whether a space before a word changes its tokens.
    pub(super) fn space_matters(&self) -> bool {
        matches!(self, Self::Space(_))
    }
}
