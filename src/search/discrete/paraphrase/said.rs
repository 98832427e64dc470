//! What a template says, by tokens and by letters.

use super::word::says_in_letters;
use crate::prompt::{Piece, Template};
use crate::search::Oracle;

/// A template's tokens, its slots between them: equal for templates that the model cannot tell apart.
pub fn tokens(template: &Template, oracle: &dyn Oracle) -> String {
    template
        .pieces()
        .iter()
        .map(|piece| match piece {
            Piece::Text(text) if text.trim().is_empty() => String::new(),
            Piece::Text(text) => {
                oracle.encode(text, false).map_or_else(|| format!("{text:?}"), |ids| format!("{ids:?}"))
            }
            slot => slot.to_string(),
        })
        .collect()
}

/// Whether a template's own text holds a word, by its tokens or by its letters.
pub fn says(template: &Template, word: &str, oracle: &dyn Oracle) -> bool {
    let ids = oracle.encode(word, false);
    template.pieces().iter().any(|piece| {
        let Piece::Text(text) = piece else { return false };
        let own = oracle.encode(text, false);
        let by_tokens = ids
            .iter()
            .zip(&own)
            .any(|(ids, own)| !ids.is_empty() && own.windows(ids.len()).any(|window| window == ids));
        by_tokens || says_in_letters(text, word)
    })
}
