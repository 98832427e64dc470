//! Other surfaces of a template: the same words in another spacing, case, punctuation or width (FormatSpread, arXiv 2310.11324).
//!
//! Only the template's own text changes; slots, trigger tokens and virtual tokens stay, and so does the space before `{mask}`,
//! which belongs to the label word.

use super::{Piece, Template};

/// What of a surface is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Surface {
    /// Spaces doubled (set after punctuation in Chinese); a line break between an input and the text.
    Spacing,
    /// All letters small; all large.
    Case,
    /// No mark at the end; full stops and exclamation marks exchanged.
    Punctuation,
    /// Half-width forms for full-width ones, or the other way round.
    Width,
}

impl Surface {
    /// The name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Spacing => "spacing",
            Self::Case => "case",
            Self::Punctuation => "punctuation",
            Self::Width => "width",
        }
    }
}

/// Marks with their full-width forms.
const WIDTHS: [(char, char); 9] = [
    (',', '，'),
    ('.', '。'),
    ('!', '！'),
    ('?', '？'),
    (':', '：'),
    (';', '；'),
    ('(', '（'),
    (')', '）'),
    ('~', '～'),
];

/// Marks that end a sentence.
const ENDS: [char; 6] = ['.', '!', '?', '。', '！', '？'];

/// The other surfaces of a template, each once; none that is the template itself.
pub fn surfaces(template: &Template) -> Vec<(Surface, Template)> {
    let text: String = texts(template).collect();
    let wide = text.contains(|c| WIDTHS.iter().any(|(_, full)| *full == c));
    let width = |c: char| match wide {
        true => WIDTHS.iter().find(|(_, full)| *full == c).map_or(c, |(half, _)| *half),
        false => WIDTHS.iter().find(|(half, _)| *half == c).map_or(c, |(_, full)| *full),
    };
    let exchange = |c: char| match c {
        '.' => '!',
        '!' => '.',
        '。' => '！',
        '！' => '。',
        other => other,
    };
    let all = [
        (Surface::Spacing, changed(template, |text, _, _| spaced(text))),
        (Surface::Spacing, changed(template, broken)),
        (Surface::Case, changed(template, |text, _, _| text.to_lowercase())),
        (Surface::Case, changed(template, |text, _, _| text.to_uppercase())),
        (Surface::Punctuation, unended(template)),
        (Surface::Punctuation, changed(template, |text, _, _| text.chars().map(exchange).collect())),
        (Surface::Width, changed(template, |text, _, _| text.chars().map(width).collect())),
    ];
    let mut found: Vec<(Surface, Template)> = Vec::new();
    for (surface, other) in all.into_iter().filter_map(|(surface, other)| Some((surface, other?))) {
        if other != *template && !found.iter().any(|(_, known)| *known == other) {
            found.push((surface, other));
        }
    }
    found
}

fn texts(template: &Template) -> impl Iterator<Item = &str> {
    template.pieces().iter().filter_map(|piece| match piece {
        Piece::Text(text) => Some(text.as_str()),
        _ => None,
    })
}

/// The template with each of its texts changed, given what stands before and after it; the white space at a text's end stays.
fn changed(template: &Template, change: impl Fn(&str, Option<&Piece>, Option<&Piece>) -> String) -> Option<Template> {
    let pieces = template.pieces();
    let piece = |(index, piece): (usize, &Piece)| match piece {
        Piece::Text(text) => {
            let body = text.trim_end();
            let before = index.checked_sub(1).map(|before| &pieces[before]);
            Piece::Text(change(body, before, pieces.get(index + 1)) + &text[body.len()..])
        }
        other => other.clone(),
    };
    Template::from_pieces(pieces.iter().enumerate().map(piece)).ok()
}

/// Spaces doubled, and one set after every full-width mark.
fn spaced(text: &str) -> String {
    let mut spaced = String::new();
    for c in text.chars() {
        spaced.push(c);
        if c == ' ' || WIDTHS.iter().any(|(_, full)| *full == c) {
            spaced.push(' ');
        }
    }
    spaced
}

/// A line break after an input that the text follows.
fn broken(text: &str, before: Option<&Piece>, _: Option<&Piece>) -> String {
    match before {
        Some(Piece::Column(_)) => format!("\n{}", text.trim_start()),
        _ => text.to_owned(),
    }
}

/// The last text without the mark at its end.
fn unended(template: &Template) -> Option<Template> {
    let mut pieces = template.pieces().to_vec();
    let Some(Piece::Text(text)) = pieces.last_mut() else { return None };
    let body = text.trim_end();
    let ending = body.chars().next_back().filter(|c| ENDS.contains(c))?;
    *text = body[..body.len() - ending.len_utf8()].to_owned();
    Template::from_pieces(pieces).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Vec<(&'static str, String)> {
        let found = surfaces(&Template::parse(text).unwrap());
        found.into_iter().map(|(surface, template)| (surface.name(), template.to_string())).collect()
    }

    #[test]
    fn an_english_template_has_every_kind_of_surface() {
        let expected = [
            ("spacing", "{text}  It  was {mask}."),
            ("spacing", "{text}\nIt was {mask}."),
            ("case", "{text} it was {mask}."),
            ("case", "{text} IT WAS {mask}."),
            ("punctuation", "{text} It was {mask}"),
            ("punctuation", "{text} It was {mask}!"),
            ("width", "{text} It was {mask}。"),
        ];
        assert_eq!(of("{text} It was {mask}."), expected.map(|(name, text)| (name, text.to_owned())));
    }

    #[test]
    fn a_chinese_template_has_no_case_and_half_width_forms() {
        let expected = [
            ("spacing", "{text}总之， 这家酒店{mask}。 "),
            ("spacing", "{text}\n总之，这家酒店{mask}。"),
            ("punctuation", "{text}总之，这家酒店{mask}"),
            ("punctuation", "{text}总之，这家酒店{mask}！"),
            ("width", "{text}总之,这家酒店{mask}."),
        ];
        assert_eq!(of("{text}总之，这家酒店{mask}。"), expected.map(|(name, text)| (name, text.to_owned())));
    }

    #[test]
    fn a_template_of_slots_only_has_no_other_surface_and_trigger_slots_stay() {
        assert!(of("{text}{mask}").is_empty());
        assert!(of("{text} It {trigger:2} was {mask}.").iter().all(|(_, text)| text.contains("{trigger:2}")));
    }
}
