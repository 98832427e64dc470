//! Byte-level BPE (GPT-2, RoBERTa) from `vocab.json` and `merges.txt`, equal to transformers' tokenizers of those names.
//!
//! # Decisions
//!
//! - 2026-11: RoBERTa's mask takes the space on its left only where the settings say so (`lstrip`), as in transformers 5.23. Files
//!   that transformers 4 saved do; its built-in default, which did too, is gone from the reference.
//!
//! Reference: <https://github.com/huggingface/transformers/blob/v5.23.0/src/transformers/models/roberta/tokenization_roberta.py>
//! and `gpt2/tokenization_gpt2.py`, `qwen2/tokenization_qwen2.py` beside it.

use serde_json::{Map, Value, json};

use crate::model::ModelError;

/// How text is cut before it is merged, and what is put round it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ByteLevelKind {
    /// `GPT2Tokenizer`: nothing round it.
    Gpt2,
    /// `RobertaTokenizer` and `BartTokenizer`: cut as GPT-2 does, `<s>` before and `</s>` after.
    Roberta,
    /// `Qwen2Tokenizer`: digits alone, nothing round it.
    Qwen2,
}

impl ByteLevelKind {
    /// The kind that `tokenizer_class` names.
    pub fn of_class(class: &str) -> Option<Self> {
        Some(match class.strip_suffix("Fast").unwrap_or(class) {
            "GPT2Tokenizer" => Self::Gpt2,
            "RobertaTokenizer" | "BartTokenizer" => Self::Roberta,
            "Qwen2Tokenizer" => Self::Qwen2,
            _ => return None,
        })
    }
}

/// The classes of [`ByteLevelKind::of_class`].
pub const BYTE_LEVEL_CLASSES: &str = "GPT2Tokenizer, RobertaTokenizer, BartTokenizer, Qwen2Tokenizer";

/// A token that is found in text before anything else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpecialToken {
    /// Its text.
    pub content: String,
    /// Whether it takes the spaces on its left.
    pub lstrip: bool,
    /// Whether it takes those on its right.
    pub rstrip: bool,
    /// Its id, where the vocabulary does not say it.
    pub id: Option<u64>,
}

/// The options of the reference's tokenizers.
#[derive(Debug, Clone)]
pub struct ByteLevelOptions {
    /// The kind; by the vocabulary where it is not said.
    pub kind: Option<ByteLevelKind>,
    /// `add_prefix_space`
    pub prefix_space: bool,
    /// `cls_token`
    pub cls: String,
    /// `sep_token`
    pub sep: String,
    /// Tokens that the settings name; those that the vocabulary does not have and that have no id are left out.
    pub special: Vec<SpecialToken>,
}

/// Special tokens that the reference gives a kind where the settings say nothing.
fn usual(kind: ByteLevelKind) -> &'static [&'static str] {
    match kind {
        ByteLevelKind::Gpt2 | ByteLevelKind::Qwen2 => &["<|endoftext|>"],
        ByteLevelKind::Roberta => &["<s>", "</s>", "<unk>", "<pad>", "<mask>"],
    }
}

/// How Qwen2 cuts text.
const QWEN2_PATTERN: &str =
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// The `tokenizer.json` of a vocabulary (entry -> id) and its merges (two entries a line, the earlier the sooner merged).
///
/// # Errors
/// If one of them is damaged, or the vocabulary lacks what the kind puts round a text.
pub fn byte_level_tokenizer(
    (vocabulary, vocabulary_file): (&[u8], &str),
    (merges, merges_file): (&[u8], &str),
    options: &ByteLevelOptions,
) -> Result<Vec<u8>, ModelError> {
    let fault = |file: &str, what: String| ModelError::Tokenizer { file: file.to_owned(), what };
    let vocabulary: Map<String, Value> = serde_json::from_slice(vocabulary)
        .map_err(|error| fault(vocabulary_file, format!("not a vocabulary in JSON: {error}")))?;
    if let Some((token, id)) = vocabulary.iter().find(|(_, id)| id.as_u64().is_none_or(|id| id > u64::from(u32::MAX))) {
        return Err(fault(vocabulary_file, format!("the id of `{token}` is {id} (allowed: a whole number)")));
    }
    let kind = options.kind.unwrap_or_else(|| {
        let roberta = usual(ByteLevelKind::Roberta).iter().all(|token| vocabulary.contains_key(*token));
        if roberta { ByteLevelKind::Roberta } else { ByteLevelKind::Gpt2 }
    });
    let merges = read_merges(merges).map_err(|what| fault(merges_file, what))?;
    let post_processor = match kind {
        ByteLevelKind::Gpt2 | ByteLevelKind::Qwen2 => Value::Null,
        ByteLevelKind::Roberta => {
            let pair = |token: &String| match vocabulary.get(token) {
                Some(id) => Ok(json!([token, id])),
                None => Err(fault(vocabulary_file, format!("the special token `{token}` is not in the vocabulary"))),
            };
            json!({
                "type": "RobertaProcessing",
                "sep": pair(&options.sep)?,
                "cls": pair(&options.cls)?,
                "trim_offsets": true,
                "add_prefix_space": options.prefix_space,
            })
        }
    };
    let byte_level = |regex: bool| json!({"type": "ByteLevel", "add_prefix_space": options.prefix_space, "trim_offsets": true, "use_regex": regex});
    let (normalizer, pre_tokenizer) = match kind {
        ByteLevelKind::Gpt2 | ByteLevelKind::Roberta => (Value::Null, byte_level(true)),
        ByteLevelKind::Qwen2 => {
            let cut =
                json!({"type": "Split", "pattern": {"Regex": QWEN2_PATTERN}, "behavior": "Isolated", "invert": false});
            (json!({"type": "NFC"}), json!({"type": "Sequence", "pretokenizers": [cut, byte_level(false)]}))
        }
    };
    let tokenizer = json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": added_tokens(&vocabulary, kind, options),
        "normalizer": normalizer,
        "pre_tokenizer": pre_tokenizer,
        "post_processor": post_processor,
        "decoder": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true},
        "model": {
            "type": "BPE",
            "dropout": null,
            "unk_token": null,
            "continuing_subword_prefix": "",
            "end_of_word_suffix": "",
            "fuse_unk": false,
            "byte_fallback": false,
            "vocab": vocabulary,
            "merges": merges,
        },
    });
    Ok(tokenizer.to_string().into_bytes())
}

/// The special tokens with their ids, ascending.
fn added_tokens(vocabulary: &Map<String, Value>, kind: ByteLevelKind, options: &ByteLevelOptions) -> Vec<Value> {
    let plain =
        |content: &&str| SpecialToken { content: (*content).to_owned(), lstrip: false, rstrip: false, id: None };
    let mut found: Vec<(u64, SpecialToken)> = Vec::new();
    for token in options.special.iter().cloned().chain(usual(kind).iter().map(plain)) {
        let id = vocabulary.get(&token.content).and_then(Value::as_u64).or(token.id);
        if let Some(id) = id.filter(|_| !found.iter().any(|(_, known)| known.content == token.content)) {
            found.push((id, token));
        }
    }
    found.sort_by_key(|(id, _)| *id);
    found
        .iter()
        .map(|(id, token)| json!({"id": id, "content": token.content, "single_word": false, "lstrip": token.lstrip, "rstrip": token.rstrip, "normalized": false, "special": true}))
        .collect()
}

fn read_merges(merges: &[u8]) -> Result<Vec<[&str; 2]>, String> {
    let text = std::str::from_utf8(merges).map_err(|error| format!("not UTF-8 text: {error}"))?;
    text.lines()
        .enumerate()
        .filter(|(_, line)| !line.starts_with("#version") && !line.is_empty())
        .map(|(number, line)| match line.split(' ').collect::<Vec<_>>()[..] {
            [left, right] => Ok([left, right]),
            _ => Err(format!(
                "line {}: `{}` is not two entries with a space between them",
                number + 1,
                line.escape_debug()
            )),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Tokenizer;

    const MERGES: &[u8] = b"#version: 0.2\n\xc4\xa0 w\na s\n\xc4\xa0w as\n";

    fn vocabulary(special: &[&str]) -> Vec<u8> {
        let letters = "!.Itwas0123Ġé".chars().map(String::from);
        let entries = letters.chain(["Ġw", "as", "Ġwas", "Ã", "©"].map(String::from));
        let entries = entries.chain(special.iter().map(|token| (*token).to_owned()));
        let map: Map<String, Value> = entries.enumerate().map(|(id, token)| (token, json!(id))).collect();
        Value::Object(map).to_string().into_bytes()
    }

    fn options() -> ByteLevelOptions {
        ByteLevelOptions { kind: None, prefix_space: false, cls: "<s>".into(), sep: "</s>".into(), special: Vec::new() }
    }

    fn tokens(special: &[&str], options: &ByteLevelOptions, text: &str) -> Vec<String> {
        let vocabulary = vocabulary(special);
        let json = byte_level_tokenizer((&vocabulary, "vocab.json"), (MERGES, "merges.txt"), options).unwrap();
        let tokenizer = Tokenizer::from_json(&json, None, "vocab.json").unwrap();
        let ids = tokenizer.encode_reference(text);
        ids.into_iter().map(|id| tokenizer.token(id).unwrap()).collect()
    }

    const ROBERTA: [&str; 5] = ["<s>", "</s>", "<unk>", "<pad>", "<mask>"];

    #[test]
    fn a_vocabulary_with_robertas_special_tokens_is_robertas() {
        assert_eq!(
            tokens(&ROBERTA, &options(), "It was <mask>."),
            ["<s>", "I", "t", "Ġwas", "Ġ", "<mask>", ".", "</s>"]
        );
        assert_eq!(tokens(&["<|endoftext|>"], &options(), "was<|endoftext|>"), ["w", "as", "<|endoftext|>"]);
    }

    #[test]
    fn a_mask_takes_the_space_on_its_left_where_the_settings_say_so() {
        let mask = SpecialToken { content: "<mask>".into(), lstrip: true, rstrip: false, id: None };
        let options = ByteLevelOptions { special: vec![mask], ..options() };
        assert_eq!(tokens(&ROBERTA, &options, "It was  <mask>."), ["<s>", "I", "t", "Ġwas", "<mask>", ".", "</s>"]);
    }

    #[test]
    fn a_prefix_space_and_qwens_digits_are_as_asked() {
        let prefixed = ByteLevelOptions { prefix_space: true, ..options() };
        assert_eq!(tokens(&["<|endoftext|>"], &prefixed, "was"), ["Ġwas"]);
        let qwen = ByteLevelOptions { kind: Some(ByteLevelKind::Qwen2), ..options() };
        // Cut one by one; `e` with an accent apart is composed first.
        assert_eq!(tokens(&[], &qwen, "12 e\u{301}"), ["1", "2", "Ġ", "Ã", "©"]);
    }

    #[test]
    fn damage_is_named_with_its_file() {
        let message = |vocabulary: &[u8], merges: &[u8], kind| {
            let options = ByteLevelOptions { kind, ..options() };
            byte_level_tokenizer((vocabulary, "vocab.json"), (merges, "merges.txt"), &options).unwrap_err().to_string()
        };
        assert!(message(b"[", b"", None).starts_with("vocab.json: not a vocabulary in JSON"));
        assert!(message(br#"{"a": -1}"#, b"", None).contains("the id of `a` is -1"));
        assert_eq!(
            message(b"{}", b"#version: 0.2\na b\na b c\n", None),
            "merges.txt: line 3: `a b c` is not two entries with a space between them"
        );
        assert_eq!(
            message(b"{}", b"", Some(ByteLevelKind::Roberta)),
            "vocab.json: the special token `</s>` is not in the vocabulary"
        );
    }
}
