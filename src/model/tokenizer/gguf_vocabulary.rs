//! The tokenizer inside a GGUF file, as the `tokenizer.json` and `tokenizer_config.json` that it was made of.
//!
//! Byte-level BPE (`tokenizer.ggml.model` = `gpt2`): the vocabulary and the merges as they stand; `tokenizer.ggml.pre` names
//! the way in which text is cut before. SentencePiece (`llama`): there are scores and no merges, so the merges are derived: any
//! two neighbours whose text together is in the vocabulary merge, the best score first, which is what SentencePiece's own BPE
//! does (arXiv 1808.06226). Reference: transformers' reading of the same file
//! (<https://github.com/huggingface/transformers/blob/v5.23.0/src/transformers/integrations/gguf/gguf_tokenizer_mapping.py>).
//!
//! # Decisions
//!
//! - 2026-11: where the reference drops what the file says, the file is followed: `add_space_prefix`, control tokens outside the
//!   byte alphabet, and in `llama-bpe` whole entries before merges and the token that begins a text. Where it reads what the
//!   file says in its own way, the reference is followed, because its ids are those to compare with: `smollm` is cut as GPT-2's
//!   text is, which differs from the model's own tokenizer in numerals that are not ASCII digits; the space before a text in
//!   SentencePiece is not doubled where the text begins with one.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use crate::model::ModelError;
use crate::model::weights::Gguf;

/// Text is cut where GPT-2 cuts it; the cutter is ready-made.
const GPT2: [&str; 12] = [
    "default",
    "gpt-2",
    "gpt2",
    "phi-2",
    "olmo",
    "mpt",
    "jais",
    "roberta-bpe",
    // Their tokenizers take every digit apart, which their merges do as well.
    "smollm",
    "starcoder",
    "refact",
    "command-r",
];
const LLAMA3: [&str; 5] = ["llama-bpe", "llama3", "llama-v3", "falcon3", "dbrx"];
const GLM4: [&str; 2] = ["glm4", "chatglm-bpe"];
const QWEN2: [&str; 3] = ["qwen2", "deepseek-r1-qwen", "megrez"];
const TEKKEN: [&str; 1] = ["tekken"];

const LLAMA3_CUTS: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const QWEN2_CUTS: &str =
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const TEKKEN_CUTS: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// More entries than any vocabulary has are taken for damage.
const MOST_TOKENS: usize = 1 << 22;
/// Longer entries than any vocabulary has: every way of cutting one in two is tried, so the cost grows with the square.
const LONGEST_TOKEN: usize = 1024;

/// `tokenizer.ggml.token_type`
const UNKNOWN: i64 = 2;
const CONTROL: i64 = 3;
const USER_DEFINED: i64 = 4;

/// A tokenizer as two files of Hugging Face's.
pub struct TokenizerFiles {
    /// `tokenizer.json`
    pub tokenizer: Vec<u8>,
    /// `tokenizer_config.json`
    pub config: Vec<u8>,
}

/// Reads the tokenizer of a GGUF file.
///
/// # Errors
/// If there is none, its kind is unknown (the known ones named), or its parts do not fit together.
pub fn gguf_tokenizer(gguf: &Gguf) -> Result<TokenizerFiles, ModelError> {
    let vocabulary = Vocabulary::read(gguf)?;
    let kind = gguf.text("tokenizer.ggml.model")?;
    let parts = match kind {
        Some("gpt2") => vocabulary.byte_level()?,
        Some("llama") => vocabulary.sentence_piece()?,
        other => {
            let found = other.map_or("is missing".to_owned(), |kind| format!("is \"{kind}\""));
            return Err(vocabulary.fault(format!("`tokenizer.ggml.model` {found} (known: gpt2, llama)")));
        }
    };
    let add = |key: &str, default: bool| gguf.flag(key).map(|flag| flag.unwrap_or(default));
    let begin = add("tokenizer.ggml.add_bos_token", parts.add_bos)?.then_some(vocabulary.roles.bos).flatten();
    let end = add("tokenizer.ggml.add_eos_token", false)?.then_some(vocabulary.roles.eos).flatten();
    let tokenizer = json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": vocabulary.added_tokens(),
        "normalizer": parts.normalizer,
        "pre_tokenizer": parts.pre_tokenizer,
        "post_processor": vocabulary.post_processor(begin, end),
        "decoder": parts.decoder,
        "model": parts.model,
    });
    let mut config = Map::new();
    for (name, id) in vocabulary.roles.named() {
        if let Some(id) = id {
            config.insert(name.into(), json!(vocabulary.tokens[id]));
        }
    }
    if let Some(template) = gguf.text("tokenizer.chat_template")? {
        config.insert("chat_template".into(), json!(template));
    }
    Ok(TokenizerFiles {
        tokenizer: tokenizer.to_string().into_bytes(),
        config: Value::Object(config).to_string().into_bytes(),
    })
}

/// Ids of the tokens that play a part.
#[derive(Default)]
struct RoleIds {
    bos: Option<usize>,
    eos: Option<usize>,
    unk: Option<usize>,
    pad: Option<usize>,
    mask: Option<usize>,
}

impl RoleIds {
    fn named(&self) -> [(&'static str, Option<usize>); 5] {
        [
            ("bos_token", self.bos),
            ("eos_token", self.eos),
            ("unk_token", self.unk),
            ("pad_token", self.pad),
            ("mask_token", self.mask),
        ]
    }
}

/// The parts of a `tokenizer.json` that depend on the kind.
struct Parts {
    normalizer: Value,
    pre_tokenizer: Value,
    decoder: Value,
    model: Value,
    add_bos: bool,
}

/// What the file says of the vocabulary.
struct Vocabulary<'a> {
    gguf: &'a Gguf,
    tokens: Vec<&'a str>,
    /// One a token, or none at all.
    kinds: Vec<i64>,
    roles: RoleIds,
    /// Whether it is Gemma's, which is SentencePiece with habits of its own.
    gemma: bool,
}

impl<'a> Vocabulary<'a> {
    fn read(gguf: &'a Gguf) -> Result<Self, ModelError> {
        let fault = |what: String| fault(gguf, what);
        let tokens = gguf
            .texts("tokenizer.ggml.tokens")?
            .filter(|tokens| !tokens.is_empty())
            .ok_or_else(|| fault("has no tokenizer (`tokenizer.ggml.tokens`)".into()))?;
        if tokens.len() > MOST_TOKENS {
            return Err(fault(format!("has {} tokens (allowed: up to {MOST_TOKENS})", tokens.len())));
        }
        let kinds = gguf.wholes("tokenizer.ggml.token_type")?.unwrap_or_default();
        if !kinds.is_empty() && kinds.len() != tokens.len() {
            return Err(fault(format!("has {} tokens, and types for {}", tokens.len(), kinds.len())));
        }
        let role = |name: &str| -> Result<Option<usize>, ModelError> {
            let key = format!("tokenizer.ggml.{name}_token_id");
            match gguf.whole(&key)? {
                None => Ok(None),
                // Some writers say -1, or its 32 bits, for none.
                Some(-1 | 0xffff_ffff) => Ok(None),
                Some(id) => match usize::try_from(id).ok().filter(|id| *id < tokens.len()) {
                    Some(id) => Ok(Some(id)),
                    None => Err(fault(format!("`{key}` is {id}, and there are {} tokens", tokens.len()))),
                },
            }
        };
        let roles = RoleIds {
            bos: role("bos")?,
            eos: role("eos")?,
            unk: role("unknown")?,
            pad: role("padding")?,
            mask: role("mask")?,
        };
        let gemma = gguf.text("tokenizer.ggml.model")? == Some("llama")
            && gguf.text("general.architecture")?.is_some_and(|name| name.starts_with("gemma"));
        Ok(Self { gguf, tokens, kinds, roles, gemma })
    }

    fn fault(&self, what: String) -> ModelError {
        fault(self.gguf, what)
    }

    /// Gemma's files write runs of spaces as spaces, where all other tokens have the mark: how those are spelt.
    fn spelling(&self, id: usize) -> Option<String> {
        let token = self.tokens[id];
        let spaces = self.gemma && !token.is_empty() && token.bytes().all(|byte| byte == b' ');
        spaces.then(|| "▁".repeat(token.len()))
    }

    fn is(&self, id: usize, kind: i64) -> bool {
        self.kinds.get(id) == Some(&kind)
    }

    /// Tokens that are found in text before anything else: control tokens, which are special, and user-defined ones.
    fn added_tokens(&self) -> Vec<Value> {
        let is_role = |id: usize| self.roles.named().iter().any(|(_, role)| *role == Some(id));
        let special = |id: usize| self.is(id, CONTROL) || self.is(id, UNKNOWN) || is_role(id);
        (0..self.tokens.len())
            .filter(|&id| special(id) || self.is(id, USER_DEFINED))
            .filter(|&id| !self.tokens[id].is_empty() && self.spelling(id).is_none())
            .map(|id| {
                json!({
                    "id": id,
                    "content": self.tokens[id],
                    "single_word": false,
                    "lstrip": false,
                    "rstrip": false,
                    "normalized": false,
                    "special": special(id),
                })
            })
            .collect()
    }

    /// What stands before and after every text.
    fn post_processor(&self, begin: Option<usize>, end: Option<usize>) -> Value {
        if begin.is_none() && end.is_none() {
            return Value::Null;
        }
        let part = |name: &str, number: usize| {
            let token = |id: usize| json!({"SpecialToken": {"id": self.tokens[id], "type_id": number}});
            let text = json!({"Sequence": {"id": name, "type_id": number}});
            begin.map(token).into_iter().chain([text]).chain(end.map(token)).collect::<Vec<_>>()
        };
        let special: Map<String, Value> = begin
            .into_iter()
            .chain(end)
            .map(|id| {
                let token = self.tokens[id];
                (token.to_owned(), json!({"id": token, "ids": [id], "tokens": [token]}))
            })
            .collect();
        json!({
            "type": "TemplateProcessing",
            "single": part("A", 0),
            "pair": part("A", 0).into_iter().chain(part("B", 1)).collect::<Vec<_>>(),
            "special_tokens": special,
        })
    }

    /// The ids by the tokens' texts. A repeated token keeps its last id, as in the reference.
    fn ids<'t>(tokens: impl Iterator<Item = &'t str>) -> Map<String, Value> {
        tokens.enumerate().map(|(id, token)| (token.to_owned(), json!(id))).collect()
    }

    fn byte_level(&self) -> Result<Parts, ModelError> {
        const KEY: &str = "tokenizer.ggml.pre";
        let pre = self.gguf.text(KEY)?.unwrap_or("default");
        let ready = json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": true});
        let cut = |pattern: &str| {
            json!({"type": "Sequence", "pretokenizers": [
                {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": false},
                {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": false},
            ]})
        };
        let pre_tokenizer = if GPT2.contains(&pre) {
            ready
        } else if LLAMA3.contains(&pre) || GLM4.contains(&pre) {
            cut(LLAMA3_CUTS)
        } else if QWEN2.contains(&pre) {
            cut(QWEN2_CUTS)
        } else if TEKKEN.contains(&pre) {
            cut(TEKKEN_CUTS)
        } else {
            let known: [&[&str]; 5] = [&GPT2, &LLAMA3, &QWEN2, &GLM4, &TEKKEN];
            return Err(self.fault(format!("unknown `{KEY}` \"{pre}\" (known: {})", known.concat().join(", "))));
        };
        let whole_first = LLAMA3.contains(&pre) || TEKKEN.contains(&pre);
        let merges = self.gguf.texts("tokenizer.ggml.merges")?.ok_or_else(|| {
            self.fault("`tokenizer.ggml.merges` is missing, without which there is no byte-level BPE".into())
        })?;
        let merges = merges
            .iter()
            .map(|merge| match merge.split_once(' ') {
                Some((left, right)) if !right.contains(' ') => Ok(json!([left, right])),
                _ => Err(self.fault(format!("the merge `{merge}` is not two tokens with a space between"))),
            })
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Parts {
            normalizer: Value::Null,
            pre_tokenizer,
            decoder: json!({"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true}),
            model: json!({
                "type": "BPE",
                "dropout": null,
                "unk_token": null,
                "continuing_subword_prefix": "",
                "end_of_word_suffix": "",
                "fuse_unk": false,
                "byte_fallback": false,
                "ignore_merges": whole_first,
                "vocab": Self::ids(self.tokens.iter().copied()),
                "merges": merges,
            }),
            add_bos: LLAMA3.contains(&pre),
        })
    }

    fn sentence_piece(&self) -> Result<Parts, ModelError> {
        if let Some(token) = self.tokens.iter().find(|token| token.len() > LONGEST_TOKEN) {
            return Err(self.fault(format!("has a token of {} bytes (allowed: up to {LONGEST_TOKEN})", token.len())));
        }
        let add_space = self.gguf.flag("tokenizer.ggml.add_space_prefix")?.unwrap_or(true);
        let respelled: Vec<String> =
            (0..self.tokens.len()).map(|id| self.spelling(id).unwrap_or_else(|| self.tokens[id].to_owned())).collect();
        let scores = if self.gemma {
            // Gemma's scores do not follow the order of its merges; the order of its vocabulary does.
            (0..respelled.len()).map(|id| -(id as f64)).collect()
        } else {
            let scores = self
                .gguf
                .numbers("tokenizer.ggml.scores")?
                .ok_or_else(|| self.fault("`tokenizer.ggml.scores` is missing, without which nothing merges".into()))?;
            if scores.len() != respelled.len() {
                return Err(self.fault(format!("has {} tokens, and scores for {}", respelled.len(), scores.len())));
            }
            if scores.iter().any(|score| score.is_nan()) {
                return Err(self.fault("`tokenizer.ggml.scores` holds NaN".into()));
            }
            scores
        };
        let (normalizer, pre_tokenizer) = if add_space {
            let spaces = json!({"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": false});
            (Value::Null, spaces)
        } else {
            (json!({"type": "Replace", "pattern": {"String": " "}, "content": "▁"}), Value::Null)
        };
        let mut decoders = vec![
            json!({"type": "Replace", "pattern": {"String": "▁"}, "content": " "}),
            json!({"type": "ByteFallback"}),
            json!({"type": "Fuse"}),
        ];
        if add_space {
            decoders.push(json!({"type": "Strip", "content": " ", "start": 1, "stop": 0}));
        }
        Ok(Parts {
            normalizer,
            pre_tokenizer,
            decoder: json!({"type": "Sequence", "decoders": decoders}),
            model: json!({
                "type": "BPE",
                "dropout": null,
                "unk_token": self.roles.unk.map(|id| self.tokens[id]),
                "continuing_subword_prefix": null,
                "end_of_word_suffix": null,
                "fuse_unk": true,
                "byte_fallback": true,
                "ignore_merges": false,
                "merges": merges(&respelled, &scores),
                "vocab": Self::ids(respelled.iter().map(String::as_str)),
            }),
            add_bos: true,
        })
    }
}

fn fault(gguf: &Gguf, what: String) -> ModelError {
    ModelError::Tokenizer { file: gguf.name().to_owned(), what }
}

/// Every pair of tokens that make a third, the third's score deciding which comes first; among equals the longer left half,
/// then the order of the vocabulary.
fn merges(tokens: &[String], scores: &[f64]) -> Vec<Value> {
    let ids: HashMap<&str, usize> = tokens.iter().enumerate().map(|(id, token)| (token.as_str(), id)).collect();
    let mut found: Vec<(usize, &str, &str)> = Vec::new();
    for (token, &id) in &ids {
        for (place, _) in token.char_indices().skip(1) {
            let (left, right) = token.split_at(place);
            if ids.contains_key(left) && ids.contains_key(right) {
                found.push((id, left, right));
            }
        }
    }
    let length = |text: &str| text.chars().count();
    found.sort_by(|(one, left, right), (other, other_left, other_right)| {
        scores[*other]
            .total_cmp(&scores[*one])
            .then_with(|| length(other_left).cmp(&length(left)))
            .then_with(|| length(other_right).cmp(&length(right)))
            .then(one.cmp(other))
    });
    found.into_iter().map(|(_, left, right)| json!([left, right])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Tokenizer;

    macro_rules! fixtures {
        ($($name:literal),*) => {
            [$(($name, &include_bytes!(concat!("../../../tests/fixtures/gguf/", $name, ".gguf"))[..])),*]
        };
    }

    fn fixtures() -> [(&'static str, &'static [u8]); 8] {
        fixtures!("llama-spm", "llama-bpe", "llama-tekken", "qwen2", "qwen3", "gemma3", "gpt2", "glm4")
    }

    fn gguf(name: &str) -> Gguf {
        let (_, bytes) = fixtures().into_iter().find(|(other, _)| *other == name).unwrap();
        Gguf::from_bytes(bytes.to_vec(), "m.gguf").unwrap()
    }

    fn json(text: &str) -> Value {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn every_kind_gives_the_reference_s_ids() {
        let texts = json(include_str!("../../../tests/fixtures/gguf/texts.json"));
        let expected = json(include_str!("../../../tests/fixtures/gguf/tokens.json"));
        for (name, _) in fixtures() {
            let tokenizer = Tokenizer::from_gguf(&gguf(name)).unwrap();
            for (n, text) in texts.as_array().unwrap().iter().enumerate() {
                let text = text.as_str().unwrap();
                assert_eq!(json!(tokenizer.encode_text(text)), expected[name]["plain"][n], "{name}: {text:?}");
                // The reference gives ids beyond the vocabulary where it adds tokens of its own.
                let special = &expected[name]["special"][n];
                assert!(!special.is_null() || text.contains("<mask>"), "{name}: {text:?}");
                if !special.is_null() {
                    assert_eq!(json!(tokenizer.encode_reference(text)), *special, "{name}: {text:?}");
                }
            }
        }
    }

    #[test]
    fn what_was_encoded_is_decoded() {
        for (name, _) in fixtures() {
            let tokenizer = Tokenizer::from_gguf(&gguf(name)).unwrap();
            for text in ["The quick brown fox, in 2024!", "two  spaces", "naïve 好 👍\n\tx"] {
                assert_eq!(tokenizer.decode(&tokenizer.encode_text(text)), text, "{name}");
            }
        }
    }

    #[test]
    fn roles_and_template_are_kept() {
        let spm = Tokenizer::from_gguf(&gguf("llama-spm")).unwrap();
        assert_eq!((spm.bos_token(), spm.eos_token(), spm.unk_id()), (Some("<s>"), Some("</s>"), Some(0)));
        assert_eq!((spm.around().0, spm.around().1), (&[1][..], &[][..]));
        assert!(spm.chat_template().unwrap().contains("im_start"));
        assert!(spm.special_ids().contains(&spm.token_id("<|im_start|>").unwrap()));
        let byte = Tokenizer::from_gguf(&gguf("gpt2")).unwrap();
        assert_eq!((byte.bos_token(), byte.eos_id(), byte.unk_id()), (Some("<|im_start|>"), Some(2), None));
        assert_eq!((byte.n_special(), byte.chat_template()), (0, None));
        assert_eq!(byte.encode_chat("<|im_start|>a"), [vec![1], byte.encode_text("a")].concat());
    }

    /// A file whose metadata says `key` otherwise.
    fn message(name: &str, key: &str, value: &[u8], instead: &[u8]) -> String {
        let (_, bytes) = fixtures().into_iter().find(|(other, _)| *other == name).unwrap();
        let mut bytes = bytes.to_vec();
        let at = bytes.windows(key.len()).position(|part| part == key.as_bytes()).unwrap();
        let place = at + bytes[at..].windows(value.len()).position(|part| part == value).unwrap();
        assert_eq!(value.len(), instead.len());
        bytes[place..place + value.len()].copy_from_slice(instead);
        let gguf = Gguf::from_bytes(bytes, "m.gguf").unwrap();
        Tokenizer::from_gguf(&gguf).err().unwrap().to_string()
    }

    #[test]
    fn what_is_unknown_or_does_not_fit_is_named() {
        for (message, says) in [
            (
                message("gpt2", "tokenizer.ggml.pre", b"gpt-2", b"gpt-9"),
                "unknown `tokenizer.ggml.pre` \"gpt-9\" (known: default, gpt-2,",
            ),
            (
                message("gpt2", "tokenizer.ggml.model", b"gpt2", b"bert"),
                "`tokenizer.ggml.model` is \"bert\" (known: gpt2, llama)",
            ),
            (message("gpt2", "tokenizer.ggml.merges", b"merges", b"murges"), "`tokenizer.ggml.merges` is missing"),
            (message("llama-spm", "tokenizer.ggml.scores", b"scores", b"scares"), "`tokenizer.ggml.scores` is missing"),
            (
                message("gpt2", "tokenizer.ggml.tokens", b"tokens", b"tikens"),
                "has no tokenizer (`tokenizer.ggml.tokens`)",
            ),
            (
                message("gpt2", "eos_token_id", &[4, 0, 0, 0, 2, 0, 0, 0], &[4, 0, 0, 0, 2, 9, 0, 0]),
                "`tokenizer.ggml.eos_token_id` is 2306, and there are 330 tokens",
            ),
        ] {
            assert!(message.starts_with(&format!("m.gguf: {says}")), "{message}");
        }
    }

    #[test]
    fn merges_follow_the_scores() {
        let tokens = ["a", "b", "c", "ab", "bc", "abc"].map(String::from);
        let scores = [0.0, 0.0, 0.0, -2.0, -1.0, -3.0];
        let found = merges(&tokens, &scores);
        assert_eq!(json!(found), json!([["b", "c"], ["a", "b"], ["ab", "c"], ["a", "bc"]]));
    }
}
