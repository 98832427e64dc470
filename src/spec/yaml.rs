//! Text to tree, with every limit that keeps a hostile file small: size, depth, no aliases, no second document.

use std::borrow::Cow;
use std::collections::HashMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span};

use super::node::{Entry, Node, Place, Value, shortened};

/// The largest file that is read.
pub const MAX_BYTES: usize = 1 << 20;
/// The deepest nesting that is read.
const MAX_DEPTH: usize = 64;

/// What is wrong, and where.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Syntax {
    pub line: usize,
    pub column: usize,
    pub what: String,
}

/// Checks that `bytes` are text and not too many.
pub(super) fn text_of(bytes: &[u8]) -> Result<&str, Syntax> {
    if bytes.len() > MAX_BYTES {
        let what = format!("larger than {} KiB, the most that an experiment file may have", MAX_BYTES >> 10);
        return Err(Syntax { line: 1, column: 1, what });
    }
    let (text, bad) = match std::str::from_utf8(bytes) {
        Ok(text) => (text, None),
        Err(error) => {
            let (good, bad) = bytes.split_at(error.valid_up_to());
            (std::str::from_utf8(good).unwrap_or_default(), bad.first().copied())
        }
    };
    let control = text.char_indices().find(|(_, c)| c.is_ascii_control() && !matches!(c, '\t' | '\n' | '\r'));
    let (end, byte) = match (control, bad) {
        (Some((at, c)), _) => (at, c as u8),
        (None, Some(byte)) => (text.len(), byte),
        (None, None) => return Ok(text.strip_prefix('\u{feff}').unwrap_or(text)),
    };
    let line_start = text[..end].rfind('\n').map_or(0, |at| at + 1);
    Err(Syntax {
        line: text[..end].matches('\n').count() + 1,
        column: text[line_start..end].chars().count() + 1,
        what: format!("not a text file: byte 0x{byte:02x} found and UTF-8 is expected"),
    })
}

/// A list or a mapping whose end was not read yet.
enum Open {
    List(Place, Vec<Node>),
    Map { place: Place, entries: Vec<Entry>, lines: HashMap<String, usize>, key: Option<(String, Place)> },
}

/// Reads one document. `None` where there is none, or it holds nothing.
pub(super) fn tree(text: &str) -> Result<Option<Node>, Syntax> {
    let mut parser = Parser::new_from_str(text);
    let mut open: Vec<Open> = Vec::new();
    let mut root: Option<Node> = None;
    while let Some(next) = parser.next_event() {
        let (event, span) = next.map_err(|error| syntax(*error.marker(), explained(error.info())))?;
        let place = place(&span);
        let finished = match event {
            Event::Alias(_) => return Err(refused(&span, "an alias (`*name`)")),
            Event::Scalar(_, _, anchor, _) | Event::SequenceStart(anchor, _) | Event::MappingStart(anchor, _)
                if anchor != 0 =>
            {
                return Err(refused(&span, "an anchor (`&name`)"));
            }
            Event::Scalar(_, _, _, Some(_)) | Event::SequenceStart(_, Some(_)) | Event::MappingStart(_, Some(_)) => {
                return Err(refused(&span, "a tag (`!name`)"));
            }
            Event::Scalar(text, style, _, None) => {
                let value = Value::Scalar { text: Cow::into_owned(text), plain: style == ScalarStyle::Plain };
                Some(Node { place, value })
            }
            Event::SequenceStart(..) => {
                open.push(Open::List(place, Vec::new()));
                None
            }
            Event::MappingStart(..) => {
                open.push(Open::Map { place, entries: Vec::new(), lines: HashMap::new(), key: None });
                None
            }
            Event::SequenceEnd | Event::MappingEnd => match open.pop() {
                Some(Open::List(place, items)) => Some(Node { place, value: Value::List(items) }),
                Some(Open::Map { place, entries, .. }) => Some(Node { place, value: Value::Map(entries) }),
                None => None,
            },
            Event::DocumentStart(_) if root.is_some() => {
                return Err(syntax(
                    span.start,
                    "a second document begins here; one file holds one experiment".to_owned(),
                ));
            }
            _ => None,
        };
        if open.len() > MAX_DEPTH {
            return Err(syntax(span.start, too_deep()));
        }
        let Some(node) = finished else { continue };
        match open.last_mut() {
            None => root = Some(node),
            Some(Open::List(_, items)) => items.push(node),
            Some(Open::Map { entries, lines, key, .. }) => match key.take() {
                Some((key, place)) => entries.push(Entry { key, place, node }),
                None => *key = Some(key_of(node, &span, lines)?),
            },
        }
    }
    Ok(root.filter(|node| !node.is_nothing()))
}

fn key_of(node: Node, span: &Span, lines: &mut HashMap<String, usize>) -> Result<(String, Place), Syntax> {
    let Value::Scalar { text, .. } = node.value else {
        return Err(syntax(span.start, "a list or a mapping as a key; a key is a text".to_owned()));
    };
    if let Some(line) = lines.insert(text.clone(), span.start.line()) {
        let text = shortened(&text);
        return Err(syntax(span.start, format!("the key `{text}` stands twice, first in line {line}")));
    }
    Ok((text, node.place))
}

fn place(span: &Span) -> Place {
    Place::File { line: span.start.line(), column: span.start.col() + 1 }
}

fn refused(span: &Span, what: &str) -> Syntax {
    syntax(
        span.start,
        format!("{what} is not read in experiment files; write the value out, or put a text in quotation marks"),
    )
}

fn syntax(marker: Marker, what: String) -> Syntax {
    Syntax { line: marker.line(), column: marker.col() + 1, what }
}

fn too_deep() -> String {
    format!("nested more than {MAX_DEPTH} levels deep")
}

/// The parser's words, with ours where those leave a beginner alone.
fn explained(info: &str) -> String {
    // The parser reads ahead and meets its own limit first.
    if info.contains("recursion limit") {
        return too_deep();
    }
    let hint = if info.contains("tab") {
        " (YAML indents with spaces)"
    } else if info.contains("mapping values are not allowed") {
        " (a text that holds `: ` must stand in quotation marks)"
    } else if info.contains("unknown anchor") {
        " (a text that begins with `*` must stand in quotation marks)"
    } else {
        ""
    };
    format!("not valid YAML: {info}{hint}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> String {
        let fault = tree(text).unwrap_err();
        format!("{}:{}: {}", fault.line, fault.column, fault.what)
    }

    #[test]
    fn scalars_are_kept_as_written_with_their_places() {
        let node = tree("a:\n  - no\n  - '1'\n是: ~\n").unwrap().unwrap();
        let Value::Map(entries) = node.value else { panic!("a mapping") };
        let Value::List(items) = &entries[0].node.value else { panic!("a list") };
        assert_eq!(items[0].value, Value::Scalar { text: "no".to_owned(), plain: true });
        assert_eq!(items[0].place, Place::File { line: 2, column: 5 });
        assert_eq!(items[1].value, Value::Scalar { text: "1".to_owned(), plain: false });
        assert_eq!(entries[1].key, "是");
        assert_eq!(entries[1].place, Place::File { line: 4, column: 1 });
        assert!(entries[1].node.is_nothing());
    }

    #[test]
    fn what_makes_a_file_larger_than_it_looks_is_refused() {
        let tail = "is not read in experiment files; write the value out, or put a text in quotation marks";
        assert_eq!(fault("a: &x [1]\nb: *x\n"), format!("1:4: an anchor (`&name`) {tail}"));
        assert_eq!(fault("a: !!str 5\n"), format!("1:4: a tag (`!name`) {tail}"));
        let mut bomb = "a: &a [x, x]\n".to_owned();
        for (name, last) in ('b'..='z').zip('a'..) {
            bomb.push_str(&format!("{name}: &{name} [*{last}, *{last}, *{last}]\n"));
        }
        assert!(fault(&bomb).contains("anchor"));
    }

    #[test]
    fn deep_nesting_of_any_kind_is_one_fault() {
        let n = 100_000;
        for text in [
            "[", "{", "- ", "? ", "{a: ", "[[{a: [", "-\n", "[a, ", "((", "!", "&", "*", "'", "\"", "|", ">", "%", ": ",
        ] {
            let started = std::time::Instant::now();
            let result = tree(&text.repeat(n));
            assert!(started.elapsed().as_secs() < 5, "{text} took {:?}", started.elapsed());
            if let Err(fault) = result {
                assert!(fault.what.len() < 200, "{text}: {}", fault.what);
            }
        }
        assert_eq!(fault(&"[".repeat(n)), "1:256: nested more than 64 levels deep");
        let stairs: String = (0..1000).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect();
        assert!(fault(&stairs).contains("nested more than 64 levels deep"));
    }

    #[test]
    fn a_second_document_and_a_second_key_are_refused() {
        assert_eq!(fault("a: 1\n---\nb: 2\n"), "2:1: a second document begins here; one file holds one experiment");
        assert_eq!(fault("a: 1\nb: 2\na: 3\n"), "3:1: the key `a` stands twice, first in line 1");
        assert_eq!(fault("? [a]\n: b\n"), "1:5: a list or a mapping as a key; a key is a text");
    }

    #[test]
    fn nothing_is_no_tree() {
        for text in ["", "\n\n", "# only a comment\n", "---\n", "~", "--- null\n...\n"] {
            assert_eq!(tree(text), Ok(None), "{text:?}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_refused_with_their_place() {
        let fault = |bytes: &'static [u8]| text_of(bytes).map_err(|fault| (fault.line, fault.column, fault.what));
        let what = |byte: &str| format!("not a text file: byte {byte} found and UTF-8 is expected");
        assert_eq!(fault(b"a: 1\nb: \xff"), Err((2, 4, what("0xff"))));
        assert_eq!(fault("名: \0".as_bytes()), Err((1, 4, what("0x00"))));
        assert_eq!(fault(b"\xff\xfea\0"), Err((1, 1, what("0xff"))));
        assert_eq!(fault(b"\xef\xbb\xbfa: 1"), Ok("a: 1"));
        assert!(text_of(&vec![b' '; MAX_BYTES + 1]).is_err());
    }

    #[test]
    fn a_tab_is_explained() {
        let fault = fault("task:\n\tdataset: x\n");
        assert!(fault.starts_with("2:") && fault.ends_with("(YAML indents with spaces)"), "{fault}");
    }

    #[test]
    fn large_flat_files_are_read_quickly() {
        for text in [format!("[{}]", "a, ".repeat(300_000)), "- a\n".repeat(200_000), "a".repeat(1_000_000)] {
            let started = std::time::Instant::now();
            assert!(tree(&text).unwrap().is_some());
            assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
        }
    }
}
