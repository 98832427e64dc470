//! The tokens that a search may put into a trigger.

use std::collections::HashSet;

use crate::model::Tokenizer;
use crate::prompt::Verbalizer;
use crate::spec::{Script, VocabularyFilter};

/// The ids that stand for a piece of text, ascending: no special token, no unknown token, no unused place of the vocabulary.
pub fn plain_tokens(tokenizer: &Tokenizer) -> Vec<u32> {
    (0..tokenizer.vocab_size() as u32)
        .filter(|id| !tokenizer.special_ids().contains(id))
        .filter(|&id| {
            tokenizer.token_text(id).is_some_and(|(text, _)| !text.is_empty() && !text.starts_with("[unused"))
        })
        .collect()
}

/// The ids that may stand in a trigger, ascending.
///
/// Left out always: special tokens, the unknown token, unused places of the vocabulary, every token of a label word, so that
/// a trigger cannot say the answer (AutoPrompt's filter, arXiv 2010.15980), and tokens that begin a word but do not survive
/// decoding and encoding alone. Those that go on with a word cannot stand alone: they are left out by `words_only`.
pub fn trigger_vocabulary(tokenizer: &Tokenizer, verbalizer: &Verbalizer, filter: &VocabularyFilter) -> Vec<u32> {
    let words: Vec<&String> = verbalizer.labels.iter().flat_map(|l| &l.words).collect();
    // Where a space is part of the token, a word has two spellings.
    let spellings = |word: &String| [tokenizer.encode_text(word), tokenizer.encode_text(&format!(" {word}"))].concat();
    let label_ids: HashSet<u32> = words.iter().flat_map(|word| spellings(word)).collect();
    let label_texts: HashSet<String> = words.iter().map(|word| word.to_lowercase()).collect();
    let excluded: HashSet<String> = filter.exclude.iter().map(|word| word.trim().to_lowercase()).collect();
    let of_script = |text: &str| match filter.script {
        Script::Any => true,
        Script::Latin => text.chars().filter(|c| c.is_alphabetic()).all(|c| c.is_ascii()),
        Script::Han => text.chars().filter(|c| c.is_alphabetic()).all(is_han),
    };
    (0..tokenizer.vocab_size() as u32)
        .filter(|id| !tokenizer.special_ids().contains(id) && !label_ids.contains(id))
        .filter(|&id| {
            let Some((text, continuing)) = tokenizer.token_text(id) else { return false };
            let lower = text.to_lowercase();
            let kept = !filter.words_only || (!continuing && text.chars().all(char::is_alphabetic));
            let capital = filter.lower_case && text.chars().any(char::is_uppercase);
            let said = label_texts.contains(&lower) || excluded.contains(&lower);
            let blank = text.is_empty() || text.starts_with("[unused");
            kept && of_script(&text)
                && !(capital || said || blank)
                && (continuing || stands_alone(tokenizer, id, &text))
        })
        .collect()
}

/// Whether encoding the text of `id`, at a beginning or after a space, gives `id` again.
fn stands_alone(tokenizer: &Tokenizer, id: u32, text: &str) -> bool {
    tokenizer.encode_text(text) == [id]
        || (tokenizer.space_matters() && tokenizer.encode_text(&format!(" {text}")) == [id])
}

/// Whether a character is a Chinese one (Unified Ideographs, their extensions and the compatibility forms).
fn is_han(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}' | '\u{20000}'..='\u{3FFFF}')
}
