//! HTML in the making: elements close themselves and text is escaped, so that no data can become markup.

/// A piece of HTML.
#[derive(Debug, Default)]
pub(super) struct Markup {
    out: String,
}

/// The attributes of an element.
pub(super) type Attributes<'a> = &'a [(&'static str, &'a str)];

impl Markup {
    /// An element with what `inside` puts into it.
    pub(super) fn element(&mut self, tag: &'static str, attributes: Attributes<'_>, inside: impl FnOnce(&mut Self)) {
        self.open(tag, attributes);
        inside(self);
        self.out.push_str("</");
        self.out.push_str(tag);
        self.out.push('>');
    }

    /// An element that holds text.
    pub(super) fn leaf(&mut self, tag: &'static str, attributes: Attributes<'_>, text: &str) {
        self.element(tag, attributes, |inside| inside.text(text));
    }

    /// An element without an end: `meta`, or a shape of SVG, which is closed at once.
    pub(super) fn void(&mut self, tag: &'static str, attributes: Attributes<'_>) {
        self.open(tag, attributes);
        if !matches!(tag, "meta" | "br") {
            self.out.pop();
            self.out.push_str("/>");
        }
    }

    fn open(&mut self, tag: &'static str, attributes: Attributes<'_>) {
        self.out.push('<');
        self.out.push_str(tag);
        for (name, value) in attributes {
            self.out.push(' ');
            self.out.push_str(name);
            self.out.push_str("=\"");
            self.text(value);
            self.out.push('"');
        }
        self.out.push('>');
    }

    /// Text, escaped.
    pub(super) fn text(&mut self, text: &str) {
        for c in text.chars() {
            match c {
                '&' => self.out.push_str("&amp;"),
                '<' => self.out.push_str("&lt;"),
                '>' => self.out.push_str("&gt;"),
                '"' => self.out.push_str("&quot;"),
                '\'' => self.out.push_str("&#39;"),
                '\r' => {}
                // No HTML may hold these; a reader still sees that something stood there.
                c if c.is_control() && c != '\n' && c != '\t' => self.out.push('\u{fffd}'),
                c => self.out.push(c),
            }
        }
    }

    /// An element that holds data of the experiment: its language is marked, its direction its own.
    pub(super) fn data(&mut self, tag: &'static str, class: &str, text: &str) {
        let mut attributes = vec![("class", class)];
        attributes.retain(|(_, class)| !class.is_empty());
        attributes.extend(language(text).map(|language| ("lang", language)));
        attributes.push(("dir", "auto"));
        self.leaf(tag, &attributes, text);
    }

    /// Text of ours that is markup already.
    pub(super) fn raw(&mut self, markup: &'static str) {
        self.out.push_str(markup);
    }

    /// Another piece after this one.
    pub(super) fn append(&mut self, other: Self) {
        self.out.push_str(&other.out);
    }

    /// Whether there is nothing yet.
    pub(super) fn is_empty(&self) -> bool {
        self.out.is_empty()
    }

    /// The HTML.
    pub(super) fn finish(self) -> String {
        self.out
    }
}

/// The language by which a browser should choose the shapes of the characters, where the script tells it.
pub(super) fn language(text: &str) -> Option<&'static str> {
    let any = |ranges: &[std::ops::RangeInclusive<char>]| text.chars().any(|c| ranges.iter().any(|r| r.contains(&c)));
    if any(&['\u{3041}'..='\u{30ff}']) {
        Some("ja")
    } else if any(&['\u{ac00}'..='\u{d7a3}']) {
        Some("ko")
    } else if any(&[
        '\u{3400}'..='\u{9fff}',
        '\u{20000}'..='\u{3134f}',
        '\u{3001}'..='\u{3011}',
        '\u{ff01}'..='\u{ff65}',
    ]) {
        Some("zh")
    } else {
        None
    }
}

/// The first characters of a text, and how many were left out.
pub(super) fn shortened(text: &str, most: usize) -> (String, usize) {
    let n = text.chars().count();
    match n > most {
        true => (text.chars().take(most).collect(), n - most),
        false => (text.to_owned(), 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_cannot_become_markup() {
        let mut html = Markup::default();
        html.data("code", "\"x\"", "<script>alert('1')</script> & \u{1b}[31m\0");
        assert_eq!(
            html.finish(),
            "<code class=\"&quot;x&quot;\" dir=\"auto\">&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt; &amp; \
             \u{fffd}[31m\u{fffd}</code>"
        );
    }

    #[test]
    fn the_script_tells_the_language_where_it_can() {
        let of = ["它很{mask}。", "とても{mask}", "매우 {mask}", "It was {mask}."].map(language);
        assert_eq!(of, [Some("zh"), Some("ja"), Some("ko"), None]);
    }

    #[test]
    fn long_texts_say_how_much_is_left_out() {
        assert_eq!(shortened("很好看", 2), ("很好".into(), 1));
        assert_eq!(shortened("abc", 3), ("abc".into(), 0));
    }
}
