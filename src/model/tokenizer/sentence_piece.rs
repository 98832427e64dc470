//! SentencePiece models (Kudo and Richardson, arXiv:1808.06226): a `spiece.model` as transformers' `T5Tokenizer` reads it.
//!
//! # Decisions
//!
//! - 2026-11: the file becomes a `tokenizer.json`: a unigram model over its pieces, its table of rewritings, and T5's way of cutting,
//!   which is the reference's: text is cut at spaces, and every word and everything after a sentinel begins with one. Refused:
//!   SentencePiece's own library, which the reference does not follow there.
//!
//! Reference: <https://github.com/huggingface/transformers/blob/v5.23.0/src/transformers/models/t5/tokenization_t5.py> and
//! `convert_slow_tokenizer.py`; the file's fields: <https://github.com/google/sentencepiece/blob/v0.2.0/src/sentencepiece_model.proto>.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value as Json, json};

use super::SpecialToken;
use super::protobuf::{Fields, Value};
use crate::model::ModelError;

/// The classes whose `spiece.model` is read.
pub const SENTENCE_PIECE_CLASSES: &str = "T5Tokenizer";

/// The options of `T5Tokenizer`.
#[derive(Debug, Clone)]
pub struct SentencePieceOptions {
    /// Sentinels to be added behind the pieces; where it is not said, 100 if the pieces have none.
    pub extra_ids: Option<usize>,
    /// `pad_token`
    pub pad: String,
    /// `eos_token`
    pub eos: String,
    /// `unk_token`
    pub unk: String,
    /// Tokens that the settings name.
    pub special: Vec<SpecialToken>,
}

/// What a model file says.
#[derive(Debug, Default)]
struct Model {
    /// Text, score and kind of each piece.
    pieces: Vec<(String, f32, u64)>,
    /// The rewritings that SentencePiece compiled.
    table: Vec<u8>,
    /// 1: unigram, 2: BPE.
    kind: u64,
    unk_id: u64,
}

/// More sentinels than this are taken for damage.
const MOST_SENTINELS: usize = 10_000;

/// The `tokenizer.json` of a model file.
///
/// # Errors
/// If the file is damaged, of another kind than unigram, or lacks a special token.
pub fn sentence_piece_tokenizer(
    model: &[u8],
    options: &SentencePieceOptions,
    file: &str,
) -> Result<Vec<u8>, ModelError> {
    let fault = |what: String| ModelError::Tokenizer { file: file.to_owned(), what };
    let model = Model::parse(model).map_err(|what| fault(format!("no SentencePiece model: {what}")))?;
    if model.kind != 1 {
        return Err(fault(format!(
            "its pieces are of kind {} (supported: 1, unigram), so it needs a tokenizer.json",
            model.kind
        )));
    }
    let mut vocabulary: Vec<(String, f32)> =
        model.pieces.iter().map(|(text, score, _)| (text.clone(), *score)).collect();
    let named = model.pieces.iter().any(|(text, _, _)| text.trim_start_matches('▁') == "<extra_id_0>");
    let n_sentinels = options.extra_ids.unwrap_or(if named { 0 } else { 100 });
    if n_sentinels > MOST_SENTINELS {
        return Err(fault(format!("`extra_ids` in its settings is {n_sentinels} (allowed: at most {MOST_SENTINELS})")));
    }
    // The last comes first, as in the checkpoints.
    vocabulary.extend((0..n_sentinels).rev().map(|number| (format!("<extra_id_{number}>"), 0.0)));
    let id_of = |text: &str| vocabulary.iter().position(|(piece, _)| piece == text);
    let Some(eos) = id_of(&options.eos) else {
        return Err(fault(format!("the special token `{}` is not among its pieces", options.eos)));
    };

    let mut added: Vec<(usize, String, bool, bool, bool)> = Vec::new();
    let mut add = |id: usize, text: &str, special: bool, strips: (bool, bool)| {
        if !added.iter().any(|(_, known, ..)| known == text) {
            added.push((id, text.to_owned(), special, strips.0, strips.1));
        }
    };
    for token in &options.special {
        let id = id_of(&token.content).or(token.id.and_then(|id| usize::try_from(id).ok()));
        if let Some(id) = id {
            add(id, &token.content, true, (token.lstrip, token.rstrip));
        }
    }
    for text in [&options.pad, &options.eos, &options.unk] {
        if let Some(id) = id_of(text) {
            add(id, text, true, (false, false));
        }
    }
    for (id, (text, _, kind)) in model.pieces.iter().enumerate() {
        // Control pieces, and those that a user defined.
        if matches!(kind, 3 | 4) {
            add(id, text, *kind == 3, (false, false));
        }
    }
    for (id, (text, _)) in vocabulary.iter().enumerate().skip(model.pieces.len()) {
        add(id, text, true, (false, false));
    }
    added.sort_by_key(|(id, ..)| *id);

    let metaspace = json!({"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": true});
    let normalizer = if model.table.is_empty() {
        Json::Null
    } else {
        json!({"type": "Precompiled", "precompiled_charsmap": STANDARD.encode(&model.table)})
    };
    let sequence = json!({"Sequence": {"id": "A", "type_id": 0}});
    let end = json!({"SpecialToken": {"id": options.eos, "type_id": 0}});
    let tokenizer = json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": added.iter().map(|(id, content, special, lstrip, rstrip)| json!({"id": id, "content": content, "single_word": false, "lstrip": lstrip, "rstrip": rstrip, "normalized": false, "special": special})).collect::<Vec<_>>(),
        "normalizer": normalizer,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, metaspace]},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [sequence, end],
            "pair": [sequence, end, {"Sequence": {"id": "B", "type_id": 0}}, end],
            "special_tokens": {options.eos.as_str(): {"id": options.eos, "ids": [eos], "tokens": [options.eos]}},
        },
        "decoder": metaspace,
        "model": {"type": "Unigram", "unk_id": model.unk_id, "vocab": vocabulary, "byte_fallback": false},
    });
    Ok(tokenizer.to_string().into_bytes())
}

impl Model {
    /// `ModelProto`.
    fn parse(bytes: &[u8]) -> Result<Self, String> {
        let mut model = Self { kind: 1, ..Self::default() };
        let mut fields = Fields::new(bytes);
        while let Some((number, value)) = fields.next()? {
            match (number, value) {
                (1, Value::Bytes(piece)) => model.pieces.push(Self::piece(piece, model.pieces.len())?),
                (2, Value::Bytes(trainer)) => {
                    let mut fields = Fields::new(trainer);
                    while let Some((number, value)) = fields.next()? {
                        match (number, value) {
                            (3, Value::Whole(kind)) => model.kind = kind,
                            (40, Value::Whole(id)) => model.unk_id = id,
                            _ => {}
                        }
                    }
                }
                (3, Value::Bytes(normaliser)) => {
                    let mut fields = Fields::new(normaliser);
                    while let Some((number, value)) = fields.next()? {
                        if let (2, Value::Bytes(table)) = (number, value) {
                            model.table = table.to_vec();
                        }
                    }
                }
                _ => {}
            }
        }
        if model.pieces.is_empty() {
            return Err("it has no pieces".into());
        }
        if model.unk_id >= model.pieces.len() as u64 {
            return Err(format!("its unknown piece is number {} of {}", model.unk_id, model.pieces.len()));
        }
        Ok(model)
    }

    /// `SentencePiece`: text, score, kind.
    fn piece(message: &[u8], number: usize) -> Result<(String, f32, u64), String> {
        let mut piece = (String::new(), 0.0, 1);
        let mut fields = Fields::new(message);
        while let Some((field, value)) = fields.next()? {
            match (field, value) {
                (1, Value::Bytes(text)) => {
                    let text =
                        std::str::from_utf8(text).map_err(|error| format!("piece {number} is not UTF-8: {error}"))?;
                    piece.0 = text.to_owned();
                }
                (2, Value::Four(score)) => piece.1 = f32::from_le_bytes(score),
                (3, Value::Whole(kind)) => piece.2 = kind,
                _ => {}
            }
        }
        if !piece.1.is_finite() {
            return Err(format!("the score of piece {number} is {}", piece.1));
        }
        Ok(piece)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Tokenizer;

    /// A message's field of bytes.
    fn bytes(number: u8, value: &[u8]) -> Vec<u8> {
        [&[number << 3 | 2, value.len() as u8], value].concat()
    }

    fn model(trainer: &[u8]) -> Vec<u8> {
        let pieces = [
            ("<pad>", 0.0, 3),
            ("</s>", 0.0, 3),
            ("<unk>", 0.0, 2),
            ("▁", -4.0, 1),
            ("▁good", -2.0, 1),
            ("好", -3.0, 1),
        ];
        let pieces = pieces.iter().flat_map(|(text, score, kind): &(&str, f32, u8)| {
            let score = [&[2 << 3 | 5][..], &score.to_le_bytes()].concat();
            bytes(1, &[bytes(1, text.as_bytes()), score, vec![3 << 3, *kind]].concat())
        });
        pieces.chain(bytes(2, trainer)).collect()
    }

    /// The unknown piece is number 2.
    const UNK: [u8; 3] = [0xc0, 0x02, 2];

    fn options() -> SentencePieceOptions {
        SentencePieceOptions {
            extra_ids: Some(2),
            pad: "<pad>".into(),
            eos: "</s>".into(),
            unk: "<unk>".into(),
            special: Vec::new(),
        }
    }

    #[test]
    fn pieces_and_sentinels_become_a_tokenizer() {
        let json = sentence_piece_tokenizer(&model(&UNK), &options(), "spiece.model").unwrap();
        let tokenizer = Tokenizer::from_json(&json, None, "spiece.model").unwrap();
        assert_eq!(tokenizer.encode_reference("good <extra_id_0> 好<extra_id_1>"), [4, 7, 3, 5, 6, 1]);
        assert_eq!((tokenizer.vocab_size(), tokenizer.unk_id()), (8, Some(2)));
        assert_eq!((tokenizer.sentinel_ids(), tokenizer.has_ordinary_sentinels()), (&[7, 6][..], false));
        // In data it is text, which these few pieces cannot write.
        assert_eq!(tokenizer.encode_text("<extra_id_0>"), [3, 2]);
        assert_eq!(
            tokenizer.encode_inner_word("good").unwrap_err().to_string(),
            "the tokenizer cannot write `good`: it becomes <unk>"
        );
        assert_eq!(
            (tokenizer.encode_word("good", true).unwrap(), tokenizer.encode_inner_word("好").unwrap()),
            (vec![4], vec![5])
        );
    }

    #[test]
    fn damage_and_other_kinds_are_refused_by_name() {
        let message = |bytes: &[u8], options: &SentencePieceOptions| {
            sentence_piece_tokenizer(bytes, options, "m/spiece.model").unwrap_err().to_string()
        };
        let whole = model(&UNK);
        assert!(message(&whole[..whole.len() - 2], &options()).starts_with("m/spiece.model: no SentencePiece model: "));
        assert!(message(b"", &options()).contains("it has no pieces"));
        assert!(message(b"{}", &options()).contains("no SentencePiece model"));
        assert!(message(&model(&[UNK.as_slice(), &[0x18, 2]].concat()), &options()).contains("of kind 2"));
        assert!(message(&model(&[0xc0, 0x02, 9]), &options()).contains("unknown piece is number 9 of 6"));
        let other = SentencePieceOptions { eos: "[EOS]".into(), ..options() };
        assert!(message(&whole, &other).contains("`[EOS]` is not among its pieces"));
    }
}
