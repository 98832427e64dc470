//! Whole rewordings of a template from somewhere else.

use std::fmt::Debug;

use crate::prompt::{Piece, Template};

use super::edit::slots;

/// Who knows whole rewordings of a template: a person, a larger model. It was asked before the search began; a search waits for
/// nobody.
pub trait Rephrase: Debug + Send + Sync {
    /// Rewordings of a template, the best first; none where none are known.
    fn rewordings(&self, template: &Template) -> Vec<Template>;

    /// Templates bred from two, the best first; none where none are known.
    fn children(&self, first: &Template, second: &Template) -> Vec<Template> {
        let _ = (first, second);
        Vec::new()
    }

    /// Who said them, as the record names it.
    fn name(&self) -> &str;
}

/// Whether one template can stand for another: the same slots in the same order, the answer at the end where it was there, and
/// text of its own.
pub fn stands_for(new: &Template, old: &Template) -> bool {
    let ends = |template: &Template| matches!(template.pieces().last(), Some(Piece::Mask(_)));
    let text = |template: &Template| {
        template.pieces().iter().any(|piece| matches!(piece, Piece::Text(text) if !text.trim().is_empty()))
    };
    slots(new) == slots(old) && (!ends(old) || ends(new)) && text(new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rewording_keeps_the_slots_and_the_place_of_an_answer_at_the_end() {
        let stands = |new: &str, old: &str| stands_for(&Template::parse(new).unwrap(), &Template::parse(old).unwrap());
        assert!(stands("{text} In short: {mask}.", "{text} It was {mask}."));
        assert!(stands("{text} In short: {mask}", "{text} It was {mask}"));
        assert!(!stands("{text} {mask} it was.", "{text} It was {mask}"));
        assert!(!stands("A {mask} film: {text}", "{text} It was {mask}."));
        assert!(!stands("{text} {mask}", "{text} It was {mask}"));
    }
}
