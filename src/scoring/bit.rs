//! The parts of a text that is encoded as one.

/// A part.
pub(super) enum Bit {
    /// Text of the template.
    Text(String),
    /// An index into the encoder's columns, behind which its demonstrations count on.
    Column(usize),
    /// Virtual tokens. They part no text: what is round them is encoded as if they were not there.
    Soft(usize),
}

/// The virtual tokens of a text part that are still to come: (the byte before which they stand, how many).
pub(super) struct Slots {
    rest: std::iter::Peekable<std::vec::IntoIter<(usize, usize)>>,
}

impl Slots {
    /// Those of a text of these parts.
    pub(super) fn of(bits: &[Bit], texts: &[&str]) -> Self {
        let mut at = 0;
        let mut slots = Vec::new();
        for bit in bits {
            match bit {
                Bit::Soft(n) => slots.push((at, *n)),
                _ => at += bit.of(texts).len(),
            }
        }
        Self { rest: slots.into_iter().peekable() }
    }

    /// Takes those that stand before a token that begins at `start`. One inside a token stands after it.
    pub(super) fn up_to(&mut self, start: usize) -> usize {
        let mut n = 0;
        while let Some((_, more)) = self.rest.next_if(|(at, _)| *at <= start) {
            n += more;
        }
        n
    }

    /// Whether the next stand before the end of the text.
    pub(super) fn is_inside(&mut self, end: usize) -> bool {
        self.rest.peek().is_some_and(|(at, _)| *at < end)
    }
}

impl Bit {
    /// The text that it stands for.
    pub(super) fn of<'s>(&'s self, texts: &[&'s str]) -> &'s str {
        match self {
            Self::Text(text) => text,
            Self::Column(index) => texts[*index],
            Self::Soft(_) => "",
        }
    }
}
