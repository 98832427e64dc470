//! BERT's tokenizer from a bare `vocab.txt`, equal to transformers' `BertTokenizer`: basic tokenising (cleaning, Chinese characters
//! apart, accents and case away), then WordPiece.
//!
//! Reference: <https://github.com/huggingface/transformers/blob/v5.23.0/src/transformers/models/bert/tokenization_bert.py>.

use serde_json::{Map, Value, json};

use crate::model::ModelError;

/// The options of `BertTokenizer`.
#[derive(Debug, Clone)]
pub struct BertOptions {
    /// `do_lower_case`
    pub lower_case: bool,
    /// `strip_accents`; as `lower_case` where it is not said.
    pub strip_accents: Option<bool>,
    /// `tokenize_chinese_chars`
    pub split_chinese: bool,
    /// `unk_token`
    pub unk: String,
    /// `sep_token`
    pub sep: String,
    /// `pad_token`
    pub pad: String,
    /// `cls_token`
    pub cls: String,
    /// `mask_token`
    pub mask: String,
}

impl Default for BertOptions {
    fn default() -> Self {
        Self {
            lower_case: true,
            strip_accents: None,
            split_chinese: true,
            unk: "[UNK]".into(),
            sep: "[SEP]".into(),
            pad: "[PAD]".into(),
            cls: "[CLS]".into(),
            mask: "[MASK]".into(),
        }
    }
}

/// The `tokenizer.json` of a vocabulary with one entry a line, whose ids are the line numbers from 0.
///
/// # Errors
/// If it is no UTF-8 text, or lacks one of the special tokens.
pub fn bert_tokenizer(vocabulary: &[u8], options: &BertOptions, file: &str) -> Result<Vec<u8>, ModelError> {
    let fault = |what: String| ModelError::Tokenizer { file: file.to_owned(), what };
    let text = std::str::from_utf8(vocabulary).map_err(|error| fault(format!("not UTF-8 text: {error}")))?;
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let lines = text.strip_suffix('\n').unwrap_or(&text).split('\n');
    // A repeated entry keeps its last number, as in the reference.
    let vocabulary: Map<String, Value> = lines.enumerate().map(|(id, token)| (token.to_owned(), json!(id))).collect();

    let mut added: Vec<(u64, &str)> = Vec::new();
    for token in [&options.unk, &options.sep, &options.pad, &options.cls, &options.mask] {
        match vocabulary.get(token).and_then(Value::as_u64) {
            Some(id) => added.push((id, token)),
            None => return Err(fault(format!("the special token `{token}` is not in the vocabulary"))),
        }
    }
    added.sort_unstable();
    let special = |(id, content): &(u64, &str)| json!({"id": id, "content": content, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true});
    let tokenizer = json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": added.iter().map(special).collect::<Vec<_>>(),
        "normalizer": {
            "type": "BertNormalizer",
            "clean_text": true,
            "handle_chinese_chars": options.split_chinese,
            "strip_accents": options.strip_accents,
            "lowercase": options.lower_case,
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {
            "type": "BertProcessing",
            "sep": [options.sep, vocabulary[&options.sep]],
            "cls": [options.cls, vocabulary[&options.cls]],
        },
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": true},
        "model": {
            "type": "WordPiece",
            "unk_token": options.unk,
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
            "vocab": vocabulary,
        },
    });
    Ok(tokenizer.to_string().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Tokenizer;

    const VOCABULARY: &str = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\ngood\nmov\n##ie\n[\n]\nmask\n好\n";

    fn tokenizer() -> Tokenizer {
        let json = bert_tokenizer(VOCABULARY.as_bytes(), &BertOptions::default(), "vocab.txt").unwrap();
        Tokenizer::from_json(&json, None, "vocab.txt").unwrap()
    }

    #[test]
    fn text_is_cut_into_pieces_and_wrapped() {
        let tokenizer = tokenizer();
        assert_eq!(tokenizer.encode_text("Good  Movie好"), [5, 6, 7, 11]);
        assert_eq!(tokenizer.encode_reference("good [MASK]"), [2, 5, 4, 3]);
        assert_eq!(tokenizer.wrap(vec![5, 4]), [2, 5, 4, 3]);
        assert_eq!((tokenizer.n_special(), tokenizer.vocab_size()), (2, 12));
        assert_eq!(tokenizer.decode(&[2, 5, 6, 7, 3]), "[CLS] good movie [SEP]");
    }

    #[test]
    fn the_text_of_a_special_token_in_data_is_text() {
        assert_eq!(tokenizer().encode_text("good [MASK]"), [5, 8, 10, 9]);
    }

    #[test]
    fn pieces_know_whether_they_begin_a_word() {
        let tokenizer = tokenizer();
        assert_eq!(tokenizer.token_text(7), Some(("ie".into(), true)));
        assert_eq!(tokenizer.token_text(6), Some(("mov".into(), false)));
        assert!(tokenizer.is_word_start(6) && !tokenizer.is_word_start(7) && !tokenizer.is_word_start(4));
        assert_eq!(tokenizer.token_text(99), None);
    }

    #[test]
    fn a_word_that_cannot_be_written_is_refused_with_what_becomes_of_it() {
        let tokenizer = tokenizer();
        assert_eq!(tokenizer.encode_word("movie", true).unwrap(), [6, 7]);
        assert_eq!(
            tokenizer.encode_word("good film", false).unwrap_err().to_string(),
            "the tokenizer cannot write `good film`: it becomes good [UNK]"
        );
        assert!(tokenizer.encode_word(" ", false).unwrap_err().to_string().contains("nothing is left"));
        assert!(tokenizer.can_write("好") && !tokenizer.can_write("坏"));
    }

    #[test]
    fn a_vocabulary_without_a_mask_is_refused() {
        let error =
            bert_tokenizer(b"[PAD]\n[UNK]\n[CLS]\n[SEP]\n", &BertOptions::default(), "m/vocab.txt").unwrap_err();
        assert_eq!(error.to_string(), "m/vocab.txt: the special token `[MASK]` is not in the vocabulary");
    }
}
