//! Text and token ids.
//!
//! # Decisions
//!
//! - 2026-11: two encoders over one vocabulary. The reference's recognises the text of special tokens; the plain one does not, so
//!   that `[MASK]` in someone's data is three ordinary tokens and never a mask.

mod bert_vocabulary;
mod byte_level_vocabulary;
mod gguf_vocabulary;
mod protobuf;
mod roles;
mod sentence_piece;
mod spelling;

use std::collections::{HashMap, HashSet};
use std::path::Path;

use tokenizers::{Encoding, Model, NormalizedString, Normalizer, Token};

pub use bert_vocabulary::{BertOptions, bert_tokenizer};
use byte_level_vocabulary::{BYTE_LEVEL_CLASSES, ByteLevelKind, ByteLevelOptions, SpecialToken, byte_level_tokenizer};
use gguf_vocabulary::gguf_tokenizer;
use roles::Roles;
use sentence_piece::{SENTENCE_PIECE_CLASSES, SentencePieceOptions, sentence_piece_tokenizer};
use spelling::Spelling;

use crate::model::ModelError;
use crate::model::weights::Gguf;

/// A model's tokenizer.
pub struct Tokenizer {
    /// Recognises special tokens in text.
    reference: tokenizers::Tokenizer,
    /// Takes their text for text.
    plain: tokenizers::Tokenizer,
    file: String,
    roles: Roles,
    special_ids: HashSet<u32>,
    /// `<extra_id_0>` and so on, which stand for gaps in a text.
    sentinels: Vec<u32>,
    /// Whether they are pieces like all others to the reference (mT5).
    ordinary_sentinels: bool,
    /// Special tokens that take the spaces on their left or right.
    greedy: HashMap<u32, (bool, bool)>,
    spelling: Spelling,
    /// The special tokens that the reference puts before and after a text.
    around: (Vec<u32>, Vec<u32>),
    size: usize,
    hash: [u8; 32],
    chat_template: Option<String>,
}

impl Tokenizer {
    /// Opens the tokenizer of a model's folder: `tokenizer.json`, or else `vocab.txt`, or else `vocab.json` and `merges.txt`, or
    /// else the `spiece.model` of a T5.
    ///
    /// # Errors
    /// If there is none, or one is damaged.
    pub fn open(folder: &Path) -> Result<Self, ModelError> {
        let read = |name: &str| -> Result<Option<Vec<u8>>, ModelError> {
            let path = folder.join(name);
            match std::fs::read(&path) {
                Ok(bytes) => Ok(Some(bytes)),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
                Err(source) => Err(ModelError::Read { path, source }),
            }
        };
        let settings = roles::Settings::parse(
            read("tokenizer_config.json")?.as_deref(),
            read("special_tokens_map.json")?.as_deref(),
            &folder.display().to_string(),
        )?
        .with_chat_template(read("chat_template.jinja")?, &folder.join("chat_template.jinja"))?;
        if let Some(json) = read("tokenizer.json")? {
            return Self::from_parts(&json, folder.join("tokenizer.json").display().to_string(), &settings);
        }
        if let Some(vocabulary) = read("vocab.txt")? {
            let file = folder.join("vocab.txt").display().to_string();
            let json = bert_tokenizer(&vocabulary, &settings.bert_options(), &file)?;
            return Self::from_parts(&json, file, &settings);
        }
        const SUPPORTED: &str = "tokenizer.json, or vocab.txt, or vocab.json and merges.txt, or spiece.model";
        let incomplete = |what: String| ModelError::Incomplete { folder: folder.to_path_buf(), what };
        if let Some(vocabulary) = read("vocab.json")? {
            let merges = read("merges.txt")?
                .ok_or_else(|| incomplete(format!("has vocab.json without merges.txt (supported: {SUPPORTED})")))?;
            let [file, merges_file] = ["vocab.json", "merges.txt"].map(|name| folder.join(name).display().to_string());
            let options = settings.byte_level_options().map_err(|what| ModelError::Tokenizer {
                file: folder.join("tokenizer_config.json").display().to_string(),
                what,
            })?;
            let json = byte_level_tokenizer((&vocabulary, &file), (&merges, &merges_file), &options)?;
            return Self::from_parts(&json, file, &settings);
        }
        if let Some(model) = read("spiece.model")? {
            let file = folder.join("spiece.model").display().to_string();
            let options =
                settings.sentence_piece_options().map_err(|what| ModelError::Tokenizer { file: file.clone(), what })?;
            return Self::from_parts(&sentence_piece_tokenizer(&model, &options, &file)?, file, &settings);
        }
        let pieces = ["sentencepiece.bpe.model", "tokenizer.model"];
        Err(incomplete(match pieces.into_iter().find(|name| folder.join(name).exists()) {
            Some(name) => format!(
                "has {name}, which is not read (supported: {SUPPORTED}; transformers writes a tokenizer.json with `AutoTokenizer.from_pretrained(folder).save_pretrained(folder)`)"
            ),
            None => format!("no tokenizer found (supported: {SUPPORTED})"),
        }))
    }

    /// From the bytes of a `tokenizer.json`, and of a `tokenizer_config.json` where there is one; `file` is for messages.
    ///
    /// # Errors
    /// If they are damaged.
    pub fn from_json(json: &[u8], config: Option<&[u8]>, file: &str) -> Result<Self, ModelError> {
        let settings = roles::Settings::parse(config, None, file)?;
        Self::from_parts(json, file.to_owned(), &settings)
    }

    /// The tokenizer inside a GGUF file.
    ///
    /// # Errors
    /// If there is none, or it is of an unknown kind or damaged.
    pub fn from_gguf(gguf: &Gguf) -> Result<Self, ModelError> {
        let files = gguf_tokenizer(gguf)?;
        Self::from_json(&files.tokenizer, Some(&files.config), gguf.name())
    }

    fn from_parts(json: &[u8], file: String, settings: &roles::Settings) -> Result<Self, ModelError> {
        let fault = |what: String| ModelError::Tokenizer { file: file.clone(), what };
        let mut reference = tokenizers::Tokenizer::from_bytes(json)
            .map_err(|error| fault(format!("not a tokenizer that can be read: {error}")))?;
        // A file may ask for padding or cutting; both are the caller's business here.
        reference.with_padding(None);
        reference
            .with_truncation(None)
            .map_err(|error| fault(format!("its truncation cannot be switched off: {error}")))?;
        let roles = Roles::new(&reference, settings);
        let special: Vec<_> = roles.tokens().map(|text| tokenizers::AddedToken::from(text, true)).collect();
        let recognised = reference.get_added_tokens_decoder();
        let unmarked = special
            .into_iter()
            .filter(|token| !recognised.values().any(|known| known.special && known.content == token.content));
        reference
            .add_special_tokens(unmarked)
            .map_err(|error| fault(format!("its special tokens cannot be read: {error}")))?;
        let mut plain = match without_sentinels(json) {
            Some(json) => tokenizers::Tokenizer::from_bytes(json)
                .map_err(|error| fault(format!("cannot be read without its sentinels: {error}")))?,
            None => reference.clone(),
        };
        plain.with_padding(None);
        plain
            .with_truncation(None)
            .map_err(|error| fault(format!("its truncation cannot be switched off: {error}")))?;
        plain.set_encode_special_tokens(true);

        let mut special_ids: HashSet<u32> =
            reference.get_added_tokens_decoder().iter().filter(|(_, token)| token.special).map(|(id, _)| *id).collect();
        let sentinels = sentinels(&reference);
        let ordinary_sentinels = sentinels.iter().any(|id| !special_ids.contains(id));
        special_ids.extend(&sentinels);
        let greedy = reference.get_added_tokens_decoder().into_iter().filter(|(_, token)| token.special);
        let greedy = greedy.map(|(id, token)| (id, (token.lstrip, token.rstrip))).filter(|(_, (l, r))| *l || *r);
        let greedy = greedy.collect();
        let canonical =
            reference.to_string(false).map_err(|error| fault(format!("cannot be written back: {error}")))?;
        Ok(Self {
            around: around(&reference).map_err(|error| fault(format!("its post-processor fails: {error}")))?,
            size: reference.get_vocab(true).values().max().map_or(0, |&largest| largest as usize + 1),
            spelling: Spelling::of(&canonical),
            hash: *blake3::hash(canonical.as_bytes()).as_bytes(),
            reference,
            plain,
            roles,
            special_ids,
            sentinels,
            ordinary_sentinels,
            chat_template: settings.chat_template(&file)?,
            greedy,
            file,
        })
    }

    /// The mask, where the model has one.
    pub fn mask_id(&self) -> Option<u32> {
        self.roles.mask.as_ref().map(|(id, _)| *id)
    }

    /// The mask's text.
    pub fn mask_token(&self) -> Option<&str> {
        self.roles.mask.as_ref().map(|(_, text)| text.as_str())
    }

    /// The padding.
    pub fn pad_id(&self) -> Option<u32> {
        self.roles.pad.as_ref().map(|(id, _)| *id)
    }

    /// What stands for everything that cannot be written.
    pub fn unk_id(&self) -> Option<u32> {
        self.roles.unk.as_ref().map(|(id, _)| *id)
    }

    /// What stands before a text in BERT's family.
    pub fn cls_id(&self) -> Option<u32> {
        self.roles.cls.as_ref().map(|(id, _)| *id)
    }

    /// What stands after a text in BERT's family.
    pub fn sep_id(&self) -> Option<u32> {
        self.roles.sep.as_ref().map(|(id, _)| *id)
    }

    /// The text of the token that a text begins with, where the model has one.
    pub fn bos_token(&self) -> Option<&str> {
        self.roles.bos.as_ref().map(|(_, text)| text.as_str())
    }

    /// The text of the token that a text ends with, where the model has one.
    pub fn eos_token(&self) -> Option<&str> {
        self.roles.eos.as_ref().map(|(_, text)| text.as_str())
    }

    /// The token that a text ends with, where the model has one.
    pub fn eos_id(&self) -> Option<u32> {
        self.roles.eos.as_ref().map(|(id, _)| *id)
    }

    /// The padding's text, where the model has one.
    pub fn pad_token(&self) -> Option<&str> {
        self.roles.pad.as_ref().map(|(_, text)| text.as_str())
    }

    /// The text of what stands for everything that cannot be written, where the model has it.
    pub fn unk_token(&self) -> Option<&str> {
        self.roles.unk.as_ref().map(|(_, text)| text.as_str())
    }

    /// The template that turns a conversation into text, where the model has one.
    pub fn chat_template(&self) -> Option<&str> {
        self.chat_template.as_deref()
    }

    /// One more than the largest id.
    pub fn vocab_size(&self) -> usize {
        self.size
    }

    /// The entry `id` as the vocabulary writes it.
    pub fn token(&self, id: u32) -> Option<String> {
        self.reference.id_to_token(id)
    }

    /// The id of the entry that the vocabulary writes as `token`.
    pub fn token_id(&self, token: &str) -> Option<u32> {
        self.reference.token_to_id(token)
    }

    /// The text of entry `id` and whether it goes on with the word before it: `##ing` is (`ing`, true).
    pub fn token_text(&self, id: u32) -> Option<(String, bool)> {
        let token = self.token(id)?;
        if self.special_ids.contains(&id) {
            return Some((token, false));
        }
        if !self.space_matters() {
            return Some(self.spelling.read(&token));
        }
        // Byte-level vocabularies write bytes, not characters; part of a character has no text of its own.
        let (written, continuing) = self.spelling.read(&token);
        let decoded = self.reference.decode(&[id], false).ok().filter(|text| !text.contains('\u{fffd}'));
        let text = decoded.map_or(written, |text| text.strip_prefix(' ').unwrap_or(&text).to_owned());
        // Chinese has no spaces: every token of it begins something.
        let continuing = continuing && !is_chinese(text.chars().next());
        Some((text, continuing))
    }

    /// Whether `id` begins a word. Special tokens and unknown ids do not.
    pub fn is_word_start(&self, id: u32) -> bool {
        !self.special_ids.contains(&id) && self.token_text(id).is_some_and(|(_, continuing)| !continuing)
    }

    /// The ids of all special tokens.
    pub fn special_ids(&self) -> &HashSet<u32> {
        &self.special_ids
    }

    /// Encodes text as it stands: the text of a special token is text, and nothing is added.
    pub fn encode_text(&self, text: &str) -> Vec<u32> {
        encode(&self.plain, text, false)
    }

    /// `text` without the spaces that the special tokens on its two sides take (RoBERTa's mask takes those on its left).
    pub fn between<'t>(&self, before: Option<u32>, text: &'t str, after: Option<u32>) -> &'t str {
        let takes = |id: Option<u32>| id.and_then(|id| self.greedy.get(&id)).copied().unwrap_or_default();
        let text = if takes(before).1 { text.trim_start() } else { text };
        if takes(after).0 { text.trim_end() } else { text }
    }

    /// [`encode_text`](Self::encode_text) with the byte in `text` at which each token begins.
    pub fn encode_text_places(&self, text: &str) -> Vec<(u32, usize)> {
        match self.plain.encode(text, false) {
            Ok(encoding) => {
                encoding.get_ids().iter().zip(encoding.get_offsets()).map(|(&id, &(start, _))| (id, start)).collect()
            }
            // As in `encode`.
            Err(_) => Vec::new(),
        }
    }

    /// Encodes a word that directly goes on with what stands before it, without a space that the vocabulary would put there
    /// (SentencePiece). Other vocabularies write it as [`encode_word`](Self::encode_word) does.
    ///
    /// # Errors
    /// As [`encode_word`](Self::encode_word).
    pub fn encode_inner_word(&self, word: &str) -> Result<Vec<u32>, ModelError> {
        let Spelling::Space(space) = self.spelling else { return self.encode_word(word, false) };
        let fault = |why: String| ModelError::UnwritableWord { word: word.to_owned(), why };
        let mut text = NormalizedString::from(word);
        if let Some(normaliser) = self.plain.get_normalizer() {
            normaliser.normalize(&mut text).map_err(|error| fault(error.to_string()))?;
        }
        let written = text.get().trim().replace(' ', &space.to_string());
        let tokens = self.plain.get_model().tokenize(&written).map_err(|error| fault(error.to_string()))?;
        self.writable(tokens.into_iter().map(|token| token.id).collect(), fault)
    }

    /// [`encode_text_places`](Self::encode_text_places) of a text directly behind a sentinel. Where that is an ordinary piece (mT5), the
    /// reference knows no border there; where it is a special token, the text begins as any other does.
    pub fn encode_behind_sentinel(&self, text: &str) -> Vec<(u32, usize)> {
        let Some(first) = self.sentinels.first().filter(|_| self.ordinary_sentinels) else {
            return self.encode_text_places(text);
        };
        let lead = sentinel_name(0);
        match self.encode_text_places(&format!("{lead}{text}")).split_first() {
            Some(((id, _), rest)) if id == first => {
                rest.iter().map(|&(id, start)| (id, start.saturating_sub(lead.len()))).collect()
            }
            _ => self.encode_text_places(text),
        }
    }

    /// The ids of `<extra_id_0>` and so on, which stand for gaps in a text, as far as the vocabulary has them.
    pub fn sentinel_ids(&self) -> &[u32] {
        &self.sentinels
    }

    /// Whether the reference finds sentinels behind a space only, because they are pieces like all others (mT5).
    pub fn has_ordinary_sentinels(&self) -> bool {
        self.ordinary_sentinels
    }

    /// Encodes text as the reference tokenizer does in a plain call: special tokens are recognised and added.
    pub fn encode_reference(&self, text: &str) -> Vec<u32> {
        encode(&self.reference, text, true)
    }

    /// Encodes a rendered conversation: special tokens are recognised, and none is added, because its template wrote them.
    pub fn encode_chat(&self, text: &str) -> Vec<u32> {
        encode(&self.reference, text, false)
    }

    /// Encodes a word that stands after other text, with a space between them where `after_space`. Vocabularies of whole words
    /// and continuations (WordPiece) write it the same either way; those that write the space into the token do not.
    ///
    /// # Errors
    /// If the tokenizer cannot write the word: it gives nothing, or the unknown token.
    pub fn encode_word(&self, word: &str, after_space: bool) -> Result<Vec<u32>, ModelError> {
        let ids = if after_space && self.spelling.space_matters() {
            self.encode_text(&format!(" {word}"))
        } else {
            self.encode_text(word)
        };
        self.writable(ids, |why| ModelError::UnwritableWord { word: word.to_owned(), why })
    }

    /// The ids of a word, if there are any and none is unknown.
    fn writable(&self, ids: Vec<u32>, fault: impl Fn(String) -> ModelError) -> Result<Vec<u32>, ModelError> {
        if ids.is_empty() {
            return Err(fault("nothing is left of it".into()));
        }
        if let Some(unknown) = self.unk_id()
            && ids.contains(&unknown)
        {
            let pieces: Vec<String> = ids.iter().filter_map(|&id| self.token(id)).collect();
            return Err(fault(format!("it becomes {}", pieces.join(" "))));
        }
        Ok(ids)
    }

    /// Whether a space before a word changes its tokens: the vocabulary writes the space into them.
    pub fn space_matters(&self) -> bool {
        self.spelling.space_matters()
    }

    /// Encodes a word that goes on after `context`, which it must not change: the ids of both together less those of the
    /// context (contract, definition 9).
    ///
    /// # Errors
    /// As [`encode_word`](Self::encode_word), and where the ids of the context alone are no beginning of those of both.
    pub fn encode_continuation(&self, context: &str, word: &str, after_space: bool) -> Result<Vec<u32>, ModelError> {
        let fault = |why: String| ModelError::UnwritableWord { word: word.to_owned(), why };
        let before = self.encode_text(context);
        let space = if after_space { " " } else { "" };
        let both = self.encode_text(&format!("{context}{space}{word}"));
        let Some(ids) = both.strip_prefix(&before[..]) else {
            return Err(fault(format!("its tokens run together with those of `{context}` before it")));
        };
        if ids.is_empty() {
            return Err(fault("nothing is left of it".into()));
        }
        if self.unk_id().is_some_and(|unknown| ids.contains(&unknown)) {
            let pieces: Vec<String> = ids.iter().filter_map(|&id| self.token(id)).collect();
            return Err(fault(format!("it becomes {}", pieces.join(" "))));
        }
        Ok(ids.to_vec())
    }

    /// Whether the tokenizer can write a word.
    pub fn can_write(&self, word: &str) -> bool {
        self.encode_word(word, false).is_ok()
    }

    /// Puts the special tokens round `ids` that the reference puts round a text.
    pub fn wrap(&self, ids: Vec<u32>) -> Vec<u32> {
        let (before, after) = &self.around;
        let mut wrapped = Vec::with_capacity(ids.len() + self.n_special());
        wrapped.extend(before);
        wrapped.extend(ids);
        wrapped.extend(after);
        wrapped
    }

    /// The special tokens that [`wrap`](Self::wrap) puts before and after.
    pub fn around(&self) -> (&[u32], &[u32]) {
        (&self.around.0, &self.around.1)
    }

    /// How many special tokens [`wrap`](Self::wrap) adds.
    pub fn n_special(&self) -> usize {
        self.around.0.len() + self.around.1.len()
    }

    /// The text of `ids`, special tokens written out, without spaces between Chinese characters.
    pub fn decode(&self, ids: &[u32]) -> String {
        let text = self.reference.decode(ids, false).unwrap_or_else(|_| {
            // The decoder fails on nothing but unknown ids, which it has no text for.
            ids.iter().filter_map(|&id| self.token(id)).collect::<Vec<_>>().join(" ")
        });
        without_gaps_in_chinese(&text)
    }

    /// BLAKE3 of the tokenizer written as JSON, without padding and cutting.
    pub fn hash(&self) -> [u8; 32] {
        self.hash
    }

    /// Where it came from, for messages.
    pub fn file(&self) -> &str {
        &self.file
    }
}

/// The ids of `<extra_id_0>` and so on; mT5's are pieces that begin with a space.
fn sentinels(tokenizer: &tokenizers::Tokenizer) -> Vec<u32> {
    let id = |number: usize| {
        ["", "▁"].iter().find_map(|space| tokenizer.token_to_id(&format!("{space}<extra_id_{number}>")))
    };
    (0..).map_while(id).collect()
}

/// What the plain encoder calls a sentinel: its own text is in the vocabulary of unigram models, and in someone's data it is text.
fn sentinel_name(number: usize) -> String {
    format!("\u{10ffff}{number}\u{10fffe}")
}

/// A unigram tokenizer with other names for its sentinels, where it has any.
fn without_sentinels(json: &[u8]) -> Option<Vec<u8>> {
    const NAME: &[u8] = b"<extra_id_0>";
    if !json.windows(NAME.len()).any(|window| window == NAME) {
        return None;
    }
    let mut file: serde_json::Value = serde_json::from_slice(json).ok()?;
    let number = |text: &str| -> Option<usize> { text.strip_prefix("<extra_id_")?.strip_suffix('>')?.parse().ok() };
    if let Some(added) = file.get_mut("added_tokens").and_then(serde_json::Value::as_array_mut) {
        added.retain(|token| {
            token["content"].as_str().is_none_or(|text| number(text.trim_start_matches('▁')).is_none())
        });
    }
    for entry in file.get_mut("model")?.get_mut("vocab")?.as_array_mut()? {
        let Some(text) = entry.get(0).and_then(serde_json::Value::as_str) else { continue };
        let bare = text.trim_start_matches('▁');
        if let Some(number) = number(bare) {
            let name = format!("{}{}", &text[..text.len() - bare.len()], sentinel_name(number));
            entry[0] = name.into();
        }
    }
    serde_json::to_vec(&file).ok()
}

fn encode(tokenizer: &tokenizers::Tokenizer, text: &str, add_special_tokens: bool) -> Vec<u32> {
    match tokenizer.encode_fast(text, add_special_tokens) {
        Ok(encoding) => encoding.get_ids().to_vec(),
        // Reached only by a vocabulary without an unknown token, when it needs one; an empty text is refused by the caller.
        Err(_) => Vec::new(),
    }
}

/// Which special tokens the post-processor puts round a text, found out with a token that no vocabulary has.
fn around(tokenizer: &tokenizers::Tokenizer) -> tokenizers::Result<(Vec<u32>, Vec<u32>)> {
    const NO_TOKEN: u32 = u32::MAX;
    let text = Encoding::from_tokens(vec![Token::new(NO_TOKEN, String::new(), (0, 0))], 0);
    let whole = tokenizer.post_process(text, None, true)?;
    let ids = whole.get_ids();
    let place = ids.iter().position(|&id| id == NO_TOKEN).ok_or("it drops tokens")?;
    Ok((ids[..place].to_vec(), ids[place + 1..].to_vec()))
}

/// The decoder of WordPiece puts a space between all tokens that begin a word, and so between any two characters of Chinese.
fn without_gaps_in_chinese(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        if c != ' ' || !is_chinese(out.chars().next_back()) || !is_chinese(rest.clone().next()) {
            out.push(c);
        }
    }
    out
}

fn is_chinese(c: Option<char>) -> bool {
    c.is_some_and(|c| matches!(c, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spaces_go_between_chinese_characters_only() {
        assert_eq!(without_gaps_in_chinese("很 好 ， 5 星 good 好 评"), "很好 ， 5 星 good 好评");
    }
}
