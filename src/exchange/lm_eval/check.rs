//! What the harness reads of a context and a continuation.

use crate::model::Tokenizer;

/// The tokens of a context with a continuation, and how many of them are the context's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pair {
    pub(super) ids: Vec<u32>,
    pub(super) n_context: usize,
}

impl Pair {
    /// As the harness encodes them for a causal model: white space at the context's end goes to the continuation, and of the tokens of
    /// both together those behind as many as the context has alone are the continuation.
    pub(super) fn read(tokenizer: &Tokenizer, context: &str, continuation: &str) -> Self {
        let alone = context.trim_end_matches(is_space);
        let mut ids = encode(tokenizer, alone);
        let n_context = ids.len();
        let both = encode(tokenizer, &format!("{context}{continuation}"));
        ids.extend(both.iter().skip(n_context));
        Self { ids, n_context }
    }
}

/// Special tokens are recognised, and added unless the text begins with that of a beginning.
fn encode(tokenizer: &Tokenizer, text: &str) -> Vec<u32> {
    let begins = tokenizer.around().0.first().and_then(|&id| tokenizer.token(id));
    match begins.is_some_and(|token| text.starts_with(&token)) {
        true => tokenizer.encode_chat(text),
        false => tokenizer.encode_reference(text),
    }
}

/// What Python strips.
fn is_space(character: char) -> bool {
    character.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&character)
}
