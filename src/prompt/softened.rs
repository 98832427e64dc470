//! Templates whose own tokens become virtual ones.

use super::{Piece, SoftSlot, Template};

impl Template {
    /// The template with its own text as virtual tokens in the same places, each started from that text (OptiPrompt, arXiv
    /// 2104.05240): at the start it reads as before. White space at the end of a text stays, since it belongs to what follows.
    #[must_use]
    pub fn with_text_soft(&self) -> Self {
        Self::merged(self.pieces().iter().flat_map(|piece| match piece {
            Piece::Text(text) if !text.trim().is_empty() => {
                let body = text.trim_end();
                vec![Piece::Soft(SoftSlot::Init(body.to_owned())), Piece::Text(text[body.len()..].to_owned())]
            }
            piece => vec![piece.clone()],
        }))
    }

    /// The template with virtual tokens in the places of its trigger tokens, as many in each.
    #[must_use]
    pub fn with_triggers_soft(&self) -> Self {
        Self::merged(self.pieces().iter().map(|piece| match piece {
            Piece::Trigger(n) => Piece::Soft(SoftSlot::Count(*n)),
            piece => piece.clone(),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_triggers_become_virtual_tokens_in_their_places() {
        let template = |text: &str| Template::parse(text).unwrap();
        let soft = template("Review: {text} It was {mask}.").with_text_soft();
        assert_eq!(soft.to_string(), "{soft:\"Review:\"} {text}{soft:\" It was\"} {mask}{soft:\".\"}");
        assert_eq!(template(&soft.to_string()), soft);
        assert_eq!(template("{text} {mask}").with_text_soft().to_string(), "{text} {mask}");
        let triggers = template("{trigger:2}{text} so {trigger:3}{mask}").with_triggers_soft();
        assert_eq!(triggers.to_string(), "{soft:2}{text} so {soft:3}{mask}");
    }
}
