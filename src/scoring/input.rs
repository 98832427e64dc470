//! An input's text, to be cut at a character (contract, definition 9).

/// A text and the byte at which each number of characters ends.
pub(super) struct Input<'t> {
    text: &'t str,
    ends: Vec<usize>,
}

impl<'t> Input<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, ends: text.char_indices().map(|(at, _)| at).chain([text.len()]).collect() }
    }

    pub(super) fn n_characters(&self) -> usize {
        self.ends.len() - 1
    }

    pub(super) fn beginning(&self, n_characters: usize) -> &'t str {
        &self.text[..self.ends[n_characters]]
    }

    /// The most characters, not fewer than `at_least`, whose beginning fits; that of `at_least` does.
    ///
    /// A longer beginning can have fewer tokens, because half a word may be more pieces than the whole. So where it stops
    /// fitting, all beginnings up to the end of that word are tried; if not even the whole word fits, nothing longer does.
    /// (Unless the template goes on with the last word, as in `{text}ing`: then a longer one may still fit.)
    pub(super) fn longest(&self, at_least: usize, mut fits: impl FnMut(usize) -> bool) -> usize {
        let mut kept = last_true(at_least, self.n_characters(), &mut fits);
        while kept < self.n_characters() {
            let rest = &self.text[self.ends[kept]..];
            let word = kept + rest.chars().take_while(|&c| !ends_word(c)).count();
            // With what ends it.
            let end = (word + 1).min(self.n_characters());
            match (kept + 1..=end).rev().find(|&k| fits(k)) {
                Some(longer) if longer == end => kept = longer,
                Some(longer) => return longer,
                None => return kept,
            }
        }
        kept
    }
}

/// Whether no token reaches over a character.
fn ends_word(c: char) -> bool {
    c.is_whitespace() || c.is_ascii_punctuation() || matches!(c, '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}')
}

/// A number from `low`, for which `holds` is taken for granted, to `high` at which it holds and after which it does not.
pub(super) fn last_true(mut low: usize, mut high: usize, mut holds: impl FnMut(usize) -> bool) -> usize {
    while low < high {
        let middle = (low + high).div_ceil(2);
        if holds(middle) { low = middle } else { high = middle - 1 }
    }
    low
}
