//! How a vocabulary writes where a word begins.

use serde_json::Value;

/// The mark that tells beginnings from continuations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Spelling {
    /// Continuations begin with it (`##ing`, WordPiece).
    Continuation(String),
    /// Beginnings after a space begin with it (`▁word` in SentencePiece).
    Space(char),
    /// Every character stands for a byte, a space too (`Ġword` in byte-level BPE).
    Bytes,
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
            Self::Bytes
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
            Self::Bytes => {
                let bytes: Option<Vec<u8>> = token.chars().map(byte_of).collect();
                let text = bytes.map_or_else(|| token.to_owned(), |bytes| String::from_utf8_lossy(&bytes).into_owned());
                match text.strip_prefix(' ') {
                    Some(rest) => (rest.to_owned(), false),
                    None => (text, true),
                }
            }
            Self::None => (token.to_owned(), false),
        }
    }

    /// Whether a space before a word changes its tokens.
    pub(super) fn space_matters(&self) -> bool {
        matches!(self, Self::Space(_) | Self::Bytes)
    }
}

/// The byte that a character of a byte-level vocabulary stands for: printing Latin-1 characters for themselves, and those from
/// U+0100 on for the other bytes in their order.
fn byte_of(character: char) -> Option<u8> {
    let prints = |byte: &u8| matches!(byte, b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff);
    match u32::from(character) {
        code @ 0..=0xff => Some(code as u8).filter(prints),
        code => (0..=0xff).filter(|byte| !prints(byte)).nth(code as usize - 0x100),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn byte_level_tokens_are_read_as_the_text_that_they_stand_for() {
        let bytes = Spelling::Bytes;
        for (token, text, continuing) in
            [("ĠcafÃ©", "café", false), ("ing", "ing", true), ("Ċ", "\n", true), ("Ġ", "", false), ("å¥½", "好", true)]
        {
            assert_eq!(bytes.read(token), (text.to_owned(), continuing));
        }
        assert_eq!(bytes.read("å¥").0, "\u{fffd}");
        assert_eq!(bytes.read("▁x"), ("▁x".to_owned(), true));
    }

    #[test]
    fn every_byte_has_a_character() {
        let characters = (0..0x144).filter_map(char::from_u32);
        let mut bytes: Vec<u8> = characters.filter_map(byte_of).collect();
        bytes.sort_unstable();
        assert_eq!(bytes, (0..=255).collect::<Vec<u8>>());
    }
}
