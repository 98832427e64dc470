//! Training examples shown in a prompt with their answers.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::parse::quoted;
use super::{Piece, Template};

/// A training example with its answer, as it is shown before the text that is asked about. It is written
/// `{demo:"word","column"="text",...}`, with `;"end"` where something parts it from what follows.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Demonstration {
    /// The label word in the mask's place.
    pub word: String,
    /// Its texts: (column, text).
    pub fields: Vec<(String, String)>,
    /// What stands behind it.
    #[serde(default)]
    pub end: String,
}

/// How the demonstrations nearest to a text are found and put in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Nearest {
    /// How many.
    pub k: usize,
    /// Whether the nearest stands first; by default it stands last, next to the text.
    pub first: bool,
    /// What is compared.
    pub representation: Representation,
}

/// What of a model stands for a text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Representation {
    /// The mean of the last hidden states of the text's tokens.
    #[default]
    Mean,
    /// The state from which the answer is read, of the template without demonstrations.
    Mask,
}

/// The examples that [`Nearest`] chooses from.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DemonstrationPool(pub Vec<Demonstration>);

impl Demonstration {
    /// Whether it is this very example: the columns that it shows hold the same texts.
    pub fn is_of(&self, columns: &[String], fields: &[String]) -> bool {
        let same = |(column, text): &(String, String)| {
            columns.iter().position(|known| known == column).is_some_and(|place| fields[place] == *text)
        };
        !self.fields.is_empty() && self.fields.iter().all(same)
    }
}

impl Representation {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Mean, Self::Mask];

    /// The name in YAML and in a template.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mean => "mean",
            Self::Mask => "mask",
        }
    }
}

impl DemonstrationPool {
    /// The BLAKE3 hash of its content.
    pub fn content_hash(&self) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_derive_key("promptmine 2026 demonstration pool");
        for demonstration in &self.0 {
            let text = demonstration.to_string();
            hasher.update(&(text.len() as u64).to_le_bytes()).update(text.as_bytes());
        }
        *hasher.finalize().as_bytes()
    }
}

impl fmt::Display for Demonstration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{demo:{}", quoted(&self.word))?;
        for (column, text) in &self.fields {
            write!(f, ",{}={}", quoted(column), quoted(text))?;
        }
        if !self.end.is_empty() {
            write!(f, ";{}", quoted(&self.end))?;
        }
        f.write_str("}")
    }
}

impl fmt::Display for Nearest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let order = if self.first { "first" } else { "last" };
        write!(f, "{{nearest:{} {order} {}}}", self.k, self.representation.name())
    }
}

impl Template {
    /// The template with `{demos}` at its very front; unchanged where demonstrations have a place already.
    #[must_use]
    pub fn with_demos(&self) -> Self {
        let placed = |piece: &Piece| matches!(piece, Piece::Demos | Piece::Demo(_) | Piece::Nearest(_));
        let mut pieces = self.pieces().to_vec();
        if !pieces.iter().any(placed) {
            pieces.insert(0, Piece::Demos);
        }
        Self::merged(pieces)
    }

    /// The template with demonstrations in the place of `{demos}` or `{nearest}`.
    #[must_use]
    pub fn with_demonstrations<'d>(&self, demonstrations: impl Iterator<Item = &'d Demonstration> + Clone) -> Self {
        let filled = self.pieces().iter().flat_map(|piece| -> Vec<Piece> {
            match piece {
                Piece::Demos | Piece::Nearest(_) => demonstrations.clone().cloned().map(Piece::Demo).collect(),
                piece => vec![piece.clone()],
            }
        });
        Self::merged(filled)
    }

    /// The template with the demonstrations nearest to each text in the place of `{demos}`.
    #[must_use]
    pub fn with_nearest(&self, nearest: Nearest) -> Self {
        let filled = self.pieces().iter().map(|piece| match piece {
            Piece::Demos => Piece::Nearest(nearest),
            piece => piece.clone(),
        });
        Self::merged(filled)
    }

    /// The template without demonstrations and without a place for them.
    #[must_use]
    pub fn without_demonstrations(&self) -> Self {
        let kept = |piece: &&Piece| !matches!(piece, Piece::Demos | Piece::Demo(_) | Piece::Nearest(_));
        Self::merged(self.pieces().iter().filter(kept).cloned())
    }

    /// How each text's demonstrations are found, where they are its nearest.
    pub fn nearest(&self) -> Option<Nearest> {
        self.pieces().iter().find_map(|piece| match piece {
            Piece::Nearest(nearest) => Some(*nearest),
            _ => None,
        })
    }

    /// The columns that demonstrations show: those of the part that [`Template::demonstrated`] repeats.
    pub fn demonstrated_columns(&self) -> Vec<String> {
        let mut columns: Vec<String> = Vec::new();
        for piece in self.repeated() {
            if let Piece::Column(name) = piece
                && !columns.contains(name)
            {
                columns.push(name.clone());
            }
        }
        columns
    }

    /// A demonstration as text: the template applied to it with its word in the mask's place, what stands behind it included.
    ///
    /// Of the template what follows the demonstrations is repeated where the mask is there, else what stands before them; so an
    /// instruction in front is said once. Trigger tokens and virtual tokens are left out.
    pub fn demonstrated(&self, demonstration: &Demonstration) -> String {
        let mut text = String::new();
        for piece in self.repeated() {
            match piece {
                Piece::Text(own) => text.push_str(own),
                Piece::Column(name) => {
                    let field = demonstration.fields.iter().find(|(column, _)| column == name);
                    text.push_str(field.map_or("", |(_, text)| text));
                }
                Piece::Mask(_) => text.push_str(&demonstration.word),
                Piece::Trigger(_)
                | Piece::Soft(_)
                | Piece::Prefix(_)
                | Piece::Demos
                | Piece::Demo(_)
                | Piece::Nearest(_) => {}
            }
        }
        format!("{}{}", text.trim(), demonstration.end)
    }

    fn repeated(&self) -> &[Piece] {
        let pieces = self.pieces();
        let is_place = |piece: &Piece| matches!(piece, Piece::Demos | Piece::Demo(_) | Piece::Nearest(_));
        let Some(first) = pieces.iter().position(is_place) else { return pieces };
        let last = pieces.iter().rposition(is_place).unwrap_or(first);
        let after = &pieces[last + 1..];
        if after.iter().any(|piece| matches!(piece, Piece::Mask(_))) { after } else { &pieces[..first] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(word: &str, text: &str) -> Demonstration {
        Demonstration { word: word.into(), fields: vec![("text".into(), text.into())], end: "\n".into() }
    }

    #[test]
    fn demonstrations_are_the_template_applied_and_an_instruction_is_said_once() {
        let template = Template::parse("Reviews. {demos}{text} It was {mask}.").unwrap();
        let one = shown("bad", "A \"dull\" film {sic}.");
        assert_eq!(template.demonstrated(&one), "A \"dull\" film {sic}. It was bad.\n");
        assert_eq!(template.demonstrated_columns(), ["text"]);
        let filled = template.with_demonstrations([one, shown("good", "Fun.")].iter());
        assert_eq!(
            filled.to_string(),
            "Reviews. {demo:\"bad\",\"text\"=\"A \\\"dull\\\" film {sic}.\";\"\n\"}{demo:\"good\",\"text\"=\"Fun.\";\"\n\"}\
             {text} It was {mask}."
        );
        assert_eq!(Template::parse(&filled.to_string()).unwrap(), filled);
        assert_eq!(filled.demonstrated(&shown("good", "Fine.")), "Fine. It was good.\n");
        assert_eq!(filled.without_demonstrations().to_string(), "Reviews. {text} It was {mask}.");
        let behind = Template::parse("{text} {mask}! {demos}").unwrap();
        assert_eq!(behind.demonstrated(&shown("so", "Well.")), "Well. so!\n");
    }

    #[test]
    fn a_place_is_made_at_the_front_and_nearest_is_read_back() {
        let template = Template::parse("{text} {mask}").unwrap();
        assert_eq!(template.with_demos().to_string(), "{demos}{text} {mask}");
        assert_eq!(template.with_demos().with_demos(), template.with_demos());
        let nearest = Nearest { k: 4, first: true, representation: Representation::Mask };
        let with = template.with_demos().with_nearest(nearest);
        assert_eq!(with.to_string(), "{nearest:4 first mask}{text} {mask}");
        assert_eq!(Template::parse(&with.to_string()).unwrap().nearest(), Some(nearest));
        for bad in
            ["{nearest:0 first mask}{mask}", "{nearest:2}{mask}", "{nearest:2 middle mean}{mask}", "{demo:\"a\"x}"]
        {
            assert!(Template::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_demonstration_knows_its_own_example() {
        let columns = ["id".to_owned(), "text".to_owned()];
        let fields = |text: &str| ["7".to_owned(), text.to_owned()];
        assert!(shown("bad", "Dull.").is_of(&columns, &fields("Dull.")));
        assert!(!shown("bad", "Dull.").is_of(&columns, &fields("Dull!")));
        assert!(!shown("bad", "Dull.").is_of(&columns[..1], &fields("Dull.")));
    }
}
