//! A template with gaps in its own text, for a model to write into (LM-BFF, arXiv 2012.15723).

use std::fmt;

use super::error::{PromptError, excerpt};
use super::template::{Piece, Template};

/// How a gap is written.
const GAP: &str = "{span}";
/// What stands for it in the template that a skeleton is kept as.
const SLOT: &str = "{trigger:1}";

/// Text with slots for the input, one `{mask}`, and gaps, `{span}`. Printing and parsing give the same again.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Skeleton {
    /// The template with a trigger slot for each gap.
    template: Template,
}

impl Skeleton {
    /// Reads a skeleton.
    ///
    /// # Errors
    /// As [`Template::parse`]; or if it has no gap, not exactly one mask, no input, or a slot of another method.
    pub fn parse(text: &str) -> Result<Self, PromptError> {
        let fault = |what: &str| PromptError::Template { template: excerpt(text, 1), what: what.to_owned() };
        if Template::parse(text)?.n_trigger() > 0 {
            return Err(fault("a gap is written {span}, and {trigger:N} belongs to a method that fills it"));
        }
        let skeleton = Self { template: Template::parse(&text.replace(GAP, SLOT))? };
        skeleton.template.check_mask()?;
        if skeleton.n_gaps() == 0 {
            return Err(fault("it has no {span}, the gap that a model writes into"));
        }
        let own =
            |piece: &Piece| matches!(piece, Piece::Text(_) | Piece::Column(_) | Piece::Mask(None) | Piece::Trigger(_));
        match skeleton.template.pieces().iter().all(own) {
            true => Ok(skeleton),
            false => Err(fault("beside {span} it may have columns, {mask} and text only")),
        }
    }

    /// Those of LM-BFF for inputs of these columns, a gap on either side of the answer: of one text the answer behind it and before
    /// it, of several the answer behind the first. `spaced` says whether words are parted by spaces; the answer of a model that
    /// `continues` text comes last, with nothing behind it.
    ///
    /// # Errors
    /// If a column cannot be written as a slot.
    pub fn usual(columns: &[&str], spaced: bool, continues: bool) -> Result<Vec<Self>, PromptError> {
        let space = if spaced { " " } else { "" };
        let columns: Vec<String> = columns.iter().map(|column| format!("{{{column}}}")).collect();
        let (first, rest) =
            columns.split_first().map_or((String::new(), &[][..]), |(first, rest)| (first.clone(), rest));
        let rest: String = rest.iter().map(|column| format!("{space}{column}")).collect();
        let texts = match (continues, rest.is_empty()) {
            (true, true) => vec![format!("{first}{GAP}{space}{{mask}}")],
            (true, false) => vec![format!("{first}{GAP}{rest}{GAP}{space}{{mask}}")],
            (false, true) => {
                vec![format!("{first}{GAP}{space}{{mask}}{GAP}"), format!("{GAP}{space}{{mask}}{GAP}{space}{first}")]
            }
            (false, false) => vec![format!("{first}{GAP}{space}{{mask}}{GAP}{rest}")],
        };
        texts.iter().map(|text| Self::parse(text)).collect()
    }

    /// The parts in order; each gap is a trigger slot.
    pub fn pieces(&self) -> &[Piece] {
        self.template.pieces()
    }

    /// The gaps.
    pub fn n_gaps(&self) -> usize {
        self.template.n_trigger()
    }

    /// The template with as many places in each gap as `n_places` says, as trigger slots, for a model to be asked in.
    ///
    /// # Panics
    /// If there are fewer numbers than gaps.
    pub fn with_places(&self, n_places: &[usize]) -> Template {
        let mut n_places = n_places.iter();
        let piece = |piece: &Piece| match piece {
            Piece::Trigger(_) => match n_places.next() {
                Some(0) => Piece::Text(String::new()),
                Some(&n) => Piece::Trigger(n),
                None => unreachable!("a number for every gap"),
            },
            other => other.clone(),
        };
        Template::merged(self.pieces().iter().map(piece).collect::<Vec<_>>())
    }

    /// The template with nothing in its gaps.
    pub fn bare(&self) -> Template {
        self.filled(&vec![String::new(); self.n_gaps()])
    }

    /// The template with texts in the gaps, a space at their beginning where they are set off by one. Of two spaces that meet one
    /// stays, and none stands at either end of the template.
    ///
    /// # Panics
    /// If there are fewer texts than gaps.
    pub fn filled(&self, texts: &[String]) -> Template {
        let mut texts = texts.iter();
        let mut pieces: Vec<Piece> = Vec::new();
        for piece in self.pieces() {
            let own = match piece {
                Piece::Text(text) => text,
                Piece::Trigger(_) => match texts.next() {
                    Some(text) => text,
                    None => unreachable!("a text for every gap"),
                },
                slot => {
                    pieces.push(slot.clone());
                    continue;
                }
            };
            match pieces.last_mut() {
                Some(Piece::Text(before)) if before.ends_with(' ') => before.push_str(own.trim_start_matches(' ')),
                Some(Piece::Text(before)) => before.push_str(own),
                Some(_) => pieces.push(Piece::Text(own.clone())),
                None => pieces.push(Piece::Text(own.trim_start().to_owned())),
            }
        }
        // A gap at the beginning may have been left empty, and the one at the end.
        if let Some(Piece::Text(first)) = pieces.first_mut() {
            *first = first.trim_start().to_owned();
        }
        if let Some(Piece::Text(last)) = pieces.last_mut() {
            *last = last.trim_end().to_owned();
        }
        Template::merged(pieces)
    }
}

impl fmt::Display for Skeleton {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.template.to_string().replace(SLOT, GAP))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(skeleton: &str, texts: &[&str]) -> String {
        let texts: Vec<String> = texts.iter().map(|&text| text.to_owned()).collect();
        Skeleton::parse(skeleton).unwrap().filled(&texts).to_string()
    }

    #[test]
    fn printing_and_parsing_give_the_same_again() {
        for text in
            ["{text}{span} {mask}{span}", "{span}{mask}{span}{text}", "{text_a}? {span}{mask}, {span}{text_b} {{x}}"]
        {
            let skeleton = Skeleton::parse(text).unwrap();
            assert_eq!(skeleton.to_string(), text);
            assert_eq!(skeleton.n_gaps(), 2);
        }
    }

    #[test]
    fn the_usual_ones_have_a_gap_on_either_side_of_the_answer() {
        let usual = |columns: &[&str], spaced, continues| -> Vec<String> {
            Skeleton::usual(columns, spaced, continues).unwrap().iter().map(Skeleton::to_string).collect()
        };
        assert_eq!(usual(&["text"], true, false), ["{text}{span} {mask}{span}", "{span} {mask}{span} {text}"]);
        assert_eq!(usual(&["text"], false, false), ["{text}{span}{mask}{span}", "{span}{mask}{span}{text}"]);
        assert_eq!(usual(&["text_a", "text_b"], true, false), ["{text_a}{span} {mask}{span} {text_b}"]);
        assert_eq!(usual(&["text"], true, true), ["{text}{span} {mask}"]);
        assert_eq!(usual(&["text_a", "text_b"], false, true), ["{text_a}{span}{text_b}{span}{mask}"]);
    }

    #[test]
    fn texts_are_set_into_the_gaps_with_one_space_between_words() {
        assert_eq!(filled("{text}{span} {mask}{span}", &[" It was", "."]), "{text} It was {mask}.");
        assert_eq!(filled("{text} {span} {mask} {span}", &[" It was", " overall"]), "{text} It was {mask} overall");
        assert_eq!(filled("{text}{span} {mask}{span}", &["", ""]), "{text} {mask}");
        assert_eq!(filled("{text} {span} {mask}{span}", &["", ""]), "{text} {mask}");
        assert_eq!(filled("{span} {mask}{span} {text}", &["", ":"]), "{mask}: {text}");
        assert_eq!(filled("{span} {mask}{span} {text}", &[" A", " film:"]), "A {mask} film: {text}");
        assert_eq!(filled("{span}{mask}{span}{text}", &["总之", "。"]), "总之{mask}。{text}");
        assert_eq!(filled("{text}{span} {mask}", &[" a {b}"]), "{text} a {{b}} {mask}");
    }

    #[test]
    fn places_stand_in_the_gaps_and_none_where_a_gap_stays_empty() {
        let skeleton = Skeleton::parse("{text}{span} {mask}{span}").unwrap();
        assert_eq!(skeleton.with_places(&[2, 1]).to_string(), "{text}{trigger:2} {mask}{trigger:1}");
        assert_eq!(skeleton.with_places(&[0, 3]).to_string(), "{text} {mask}{trigger:3}");
        assert_eq!(skeleton.bare().to_string(), "{text} {mask}");
    }

    #[test]
    fn what_is_wrong_with_a_skeleton_is_said() {
        for (text, says) in [
            ("{text} {mask}", "it has no {span}"),
            ("{text}{span}", "it has no {mask}"),
            ("{span}{mask}", "no slot for the input"),
            ("{text}{span}{mask}{mask}", "it has 2 {mask} slots"),
            ("{text}{trigger:2}{span}{mask}", "a gap is written {span}"),
            ("{soft:2}{text}{span}{mask}", "columns, {mask} and text only"),
            ("{text}{span}{mask:2}", "columns, {mask} and text only"),
            ("{text}{span{mask}", "character"),
        ] {
            let message = Skeleton::parse(text).unwrap_err().to_string();
            assert!(message.contains(says), "{text}: {message}");
        }
    }
}
