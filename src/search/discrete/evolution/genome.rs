//! A template as what can be bred: its slots, and the phrases in the gaps between them.

use super::super::paraphrase::{Parent, is_han, text_of};
use super::super::phrase::{Level, Phrase, phrases};
use crate::prompt::{Piece, Template};

/// The text between two slots, or between a slot and an end of the template.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Gap {
    /// What stands before the first phrase; all of the gap where there is none.
    pub lead: String,
    /// The phrases.
    pub phrases: Vec<String>,
    /// What stands between them, one fewer.
    pub glue: Vec<String>,
    /// What stands behind the last phrase.
    pub tail: String,
}

/// A template's slots and gaps: a gap before each slot, and one behind the last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Genome {
    /// The slots in their order.
    pub slots: Vec<Piece>,
    /// One more than slots.
    pub gaps: Vec<Gap>,
}

impl Genome {
    /// Reads a template.
    pub fn of(parent: &Parent) -> Self {
        let found = phrases(parent, Level::Phrase);
        let mut genome = Self { slots: Vec::new(), gaps: vec![Gap::default()] };
        for (piece, own) in parent.template.pieces().iter().enumerate() {
            if let Piece::Text(_) = own {
                let inside: Vec<&Phrase> = found.iter().filter(|phrase| phrase.piece == piece).collect();
                genome.gaps.pop();
                genome.gaps.push(Gap::of(text_of(&parent.template, piece), &inside));
            } else {
                genome.slots.push(own.clone());
                genome.gaps.push(Gap::default());
            }
        }
        genome
    }

    /// The template; `None` where there is none.
    pub fn template(&self) -> Option<Template> {
        let mut pieces = Vec::new();
        for (at, gap) in self.gaps.iter().enumerate() {
            let text = gap.text();
            pieces.extend((!text.is_empty()).then_some(Piece::Text(text)));
            pieces.extend(self.slots.get(at).cloned());
        }
        Template::from_pieces(pieces).ok()
    }

    /// What a gap is found by in another template: the slot to its right, and how many of the same stand before it.
    pub fn key(&self, gap: usize) -> (Option<&Piece>, usize) {
        let slot = self.slots.get(gap);
        let before = self.slots[..gap.min(self.slots.len())].iter().filter(|other| Some(*other) == slot).count();
        (slot, before)
    }

    /// The gap of that key.
    pub fn gap_of(&self, key: (Option<&Piece>, usize)) -> Option<usize> {
        (0..self.gaps.len()).find(|&gap| self.key(gap) == key)
    }

    /// All its phrases in lower case.
    pub fn lower_phrases(&self) -> Vec<String> {
        self.gaps.iter().flat_map(|gap| &gap.phrases).map(|phrase| phrase.to_lowercase()).collect()
    }
}

impl Gap {
    fn of(text: &str, inside: &[&Phrase]) -> Self {
        let (Some(first), Some(last)) = (inside.first(), inside.last()) else {
            return Self { lead: text.to_owned(), ..Self::default() };
        };
        Self {
            lead: text[..first.place.start].to_owned(),
            phrases: inside.iter().map(|phrase| phrase.text.clone()).collect(),
            glue: inside.windows(2).map(|pair| text[pair[0].place.end..pair[1].place.start].to_owned()).collect(),
            tail: text[last.place.end..].to_owned(),
        }
    }

    /// It as text.
    pub fn text(&self) -> String {
        let mut text = self.lead.clone();
        for (at, phrase) in self.phrases.iter().enumerate() {
            text.push_str(phrase);
            text.push_str(self.glue.get(at).map_or("", String::as_str));
        }
        text + &self.tail
    }

    /// Its phrases in lower case, which tells equal ones.
    pub fn lower_phrases(&self) -> Vec<String> {
        self.phrases.iter().map(|phrase| phrase.to_lowercase()).collect()
    }
}

/// What stands between two phrases that did not stand beside each other.
pub fn glue(before: &str, after: &str) -> String {
    if before.ends_with(is_han) && after.starts_with(is_han) { String::new() } else { " ".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::super::super::paraphrase::Thesaurus;
    use super::*;

    fn read(text: &str) -> Genome {
        Genome::of(&Parent::new(0, Template::parse(text).unwrap(), &Thesaurus::new(None).unwrap()))
    }

    #[test]
    fn a_genome_is_its_template() {
        for text in [
            "{text} In short, this film was really {mask}.",
            "A {mask} film: {text}",
            "{text_a} ? {mask} , {text_b}",
            "{text}总之，这家酒店很{mask}。",
            "{text}{mask}",
            "{text} [SEP] it was the 5th {mask}! {text}",
        ] {
            assert_eq!(read(text).template().unwrap().to_string(), text);
        }
    }

    #[test]
    fn gaps_are_found_by_the_slot_to_their_right() {
        let (one, other) = (read("{text} It was {mask}."), read("A {mask} film: {text}"));
        assert_eq!(one.gaps[1].phrases, ["It was"]);
        let mask = other.gap_of(one.key(1)).unwrap();
        assert_eq!((mask, &other.gaps[mask].phrases[..]), (0, &["A".to_owned()][..]));
        assert_eq!(other.gap_of(one.key(2)), Some(2), "the end");
        assert_eq!(one.gap_of((Some(&Piece::Column("text_b".into())), 0)), None);
        assert_eq!(glue("总之", "它"), "");
        assert_eq!(glue("film", "它"), " ");
    }
}
